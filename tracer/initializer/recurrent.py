"""Initializers of the parameter vector of fused recurrent layers: all weights, then all biases, layer by layer."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..array.nd_array import NDArray
from .base import InitDesc, Initializer, create, register

#: The names of the gates of MXNet's recurrent modes, in the order of their weights.
GATES = {"rnn_relu": ("",), "rnn_tanh": ("",), "lstm": ("_i", "_f", "_c", "_o"), "gru": ("_r", "_z", "_o")}


def packed(size: int, num_hidden: int, num_layers: int, mode: str,
           bidirectional: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The names and shapes of the arrays that lie one after the other in a parameter vector of `size` elements."""
    gates, sides = GATES[mode], "lr" if bidirectional else "l"
    b, m, h = len(sides), len(gates), num_hidden
    inputs = size // b // h // m - (num_layers - 1) * (h + b * h + 2) - h - 2
    for kind in ("weight", "bias"):
        for layer in range(num_layers):
            columns = {"i2h": b * h if layer else inputs, "h2h": h}
            for side in sides:
                for part, n in columns.items():
                    for gate in gates:
                        yield f"{side}{layer}_{part}{gate}_{kind}", (h, n) if kind == "weight" else (h,)


@register
class FusedRNN(Initializer):
    """An initializer applied to each weight and bias in the parameter vector of 1.x's `mx.rnn.FusedRNNCell`.

    init: the initializer, or its name or JSON text; None: the network's.
    num_hidden, num_layers, mode, bidirectional: those of the cell.
    forget_bias: the bias of an LSTM's forget gate.

    AssertionError for a vector whose size does not fit.

    >>> from tracer import init, nd
    >>> vector = nd.zeros((16,))
    >>> init.FusedRNN("ones", 2, 1, "rnn_tanh")._init_weight(init.InitDesc("parameters"), vector)
    >>> vector.asnumpy().astype(int).tolist()
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]
    """

    def __init__(self, init: Any, num_hidden: int, num_layers: int, mode: str, bidirectional: bool = False,
                 forget_bias: float = 1.0) -> None:
        init = None if init is None else create(init)
        super().__init__(init=None if init is None else init.dumps(), num_hidden=num_hidden, num_layers=num_layers,
                         mode=mode, bidirectional=bidirectional, forget_bias=forget_bias)
        self._init = init
        self._num_hidden = num_hidden
        self._num_layers = num_layers
        self._mode = mode
        self._bidirectional = bidirectional
        self._forget_bias = forget_bias

    def _init_weight(self, desc: Any, arr: NDArray) -> None:
        parts = [*packed(arr.size, self._num_hidden, self._num_layers, self._mode, self._bidirectional)]
        sizes = [shape[0] * shape[1] if len(shape) == 2 else shape[0] for _, shape in parts]
        assert sum(sizes) == arr.size, f"{arr.size} parameters do not fit {self.dumps()}"
        begin = 0
        for (name, shape), size in zip(parts, sizes):
            part = arr[begin:begin + size].reshape(shape).copy()
            if self._mode == "lstm" and name.endswith("_f_bias"):
                part[:] = self._forget_bias
            else:
                init = desc.global_init if self._init is None else self._init
                init(InitDesc(name, global_init=desc.global_init), part)
            arr[begin:begin + size] = part.reshape((size,))
            begin += size


@register
class RNNFused(Initializer):
    """Initializers applied to each weight and bias in the parameter vector of 2.0's recurrent layers.

    mode, num_layers, state_size, bidirectional, projection_size: those of the layer.
    i2h_weight_initializer, ...: the initializers, or their names or JSON texts, which see vectors; None: `create`
        refuses it, see `set_initializer`.

    >>> from tracer import init, np
    >>> vector = np.zeros((16,))
    >>> rnn = init.RNNFused("rnn_tanh", 1, 2, False, None, "ones", "ones", "zeros", "zeros")
    >>> rnn._init_weight("parameters", vector)
    >>> vector.astype(int).tolist()
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]
    """

    def __init__(self, mode: str, num_layers: int, state_size: int, bidirectional: bool = False,
                 projection_size: int | None = None, i2h_weight_initializer: Any = None,
                 h2h_weight_initializer: Any = None, i2h_bias_initializer: Any = None,
                 h2h_bias_initializer: Any = None, h2r_weight_initializer: Any = None) -> None:
        super().__init__(mode=mode, num_layers=num_layers, state_size=state_size, bidirectional=bidirectional,
                         projection_size=projection_size, i2h_weight_initializer=i2h_weight_initializer,
                         h2h_weight_initializer=h2h_weight_initializer, i2h_bias_initializer=i2h_bias_initializer,
                         h2h_bias_initializer=h2h_bias_initializer, h2r_weight_initializer=h2r_weight_initializer)
        self.gates = len(GATES[mode])
        self.num_layers = num_layers
        self.num_hidden = state_size
        self.dir = 2 if bidirectional else 1
        self.projection_size = projection_size
        self._i2h_weight_initializer = i2h_weight_initializer
        self._h2h_weight_initializer = h2h_weight_initializer
        self._i2h_bias_initializer = i2h_bias_initializer
        self._h2h_bias_initializer = h2h_bias_initializer
        self._h2r_weight_initializer = h2r_weight_initializer

    def _init_weight(self, name: str, arr: NDArray) -> None:
        begin = 0
        for part, kind, size in self._parts(arr.shape[0]):
            attribute = f"_{part}_{kind}_initializer"
            init = getattr(self, attribute)
            create(init)(InitDesc(attribute, {"__init__": init}), arr[begin:begin + size])
            begin += size

    def _parts(self, total: int) -> Iterator[tuple[str, str, int]]:
        """The arrays that lie one after the other in a vector of `total` elements: part, kind and size."""
        rows = self.gates * self.num_hidden
        state = self.projection_size or self.num_hidden
        width = rows * self.dir
        projections = self.num_layers * self.dir * self.num_hidden * self.projection_size if self.projection_size else 0
        later = (state * self.dir + state + 2) * width
        inputs = (total - projections - (self.num_layers - 1) * later) // width - 2 - state
        for kind in ("weight", "bias"):
            for layer in range(self.num_layers):
                columns = state * self.dir if layer else inputs
                for _ in range(self.dir):
                    yield "i2h", kind, rows * columns if kind == "weight" else rows
                    yield "h2h", kind, rows * state if kind == "weight" else rows
                    if kind == "weight" and self.projection_size:
                        yield "h2r", kind, self.projection_size * self.num_hidden

    def set_initializer(self, init: Any) -> None:
        """Let the network's initializer serve where none was given; as in MXNet, others become "uniform" or "zero"."""
        self._i2h_weight_initializer = "uniform" if self._i2h_weight_initializer else init
        self._h2h_weight_initializer = "uniform" if self._h2h_weight_initializer else init
        self._i2h_bias_initializer = "zero" if self._i2h_bias_initializer else init
        self._h2h_bias_initializer = "zero" if self._i2h_bias_initializer else init
        self._h2r_weight_initializer = "uniform" if self._h2r_weight_initializer else init

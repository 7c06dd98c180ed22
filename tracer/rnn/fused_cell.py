"""`FusedRNNCell`: layers of recurrent cells as one operator."""
from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from .. import initializer, ndarray, symbol
from .base_cell import BaseRNNCell, RNNParams, _normalize_sequence
from .basic_cells import GRUCell, LSTMCell, RNNCell
from .stacks import BidirectionalCell, DropoutCell, SequentialRNNCell

nd: Any = ndarray  # functions of both modules are generated: type checkers do not see them
sym: Any = symbol

__all__ = ["FusedRNNCell"]

_GATES = {"rnn_relu": [""], "rnn_tanh": [""], "lstm": ["_i", "_f", "_c", "_o"], "gru": ["_r", "_z", "_o"]}


class FusedRNNCell(BaseRNNCell):
    """Layers of recurrent cells as one operator, `mx.sym.RNN`, with all weights in one vector.

    num_hidden: the size of a layer's output, in each direction.
    num_layers: the number of layers.
    mode: "rnn_relu", "rnn_tanh", "lstm" or "gru".
    bidirectional: whether each layer also goes from the last step to the first.
    dropout: the probability of dropout between layers.
    get_next_state: whether `unroll` returns the last states.
    forget_bias: the initial bias of an LSTM's forget gate.
    prefix: the beginning of names; None: the mode.
    params: as of `BaseRNNCell`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/legacy/rnn/index.html

    >>> cell = FusedRNNCell(4, num_layers=2, mode="gru")
    >>> outputs, _ = cell.unroll(3, symbol.var("data"), layout="TNC", merge_outputs=True)
    >>> outputs.list_arguments()[1], outputs.infer_shape(data=(3, 5, 6))[1]
    ('gru_parameters', [(3, 5, 4)])
    """

    def __init__(self, num_hidden: int, num_layers: int = 1, mode: str = "lstm", bidirectional: bool = False,
                 dropout: float = 0.0, get_next_state: bool = False, forget_bias: float = 1.0,
                 prefix: str | None = None, params: RNNParams | None = None) -> None:
        super().__init__(prefix=f"{mode}_" if prefix is None else prefix, params=params)
        self._num_hidden = num_hidden
        self._num_layers = num_layers
        self._mode = mode
        self._bidirectional = bidirectional
        self._dropout = dropout
        self._get_next_state = get_next_state
        self._directions = ["l", "r"] if bidirectional else ["l"]
        init = initializer.FusedRNN(None, num_hidden, num_layers, mode, bidirectional, forget_bias)
        self._parameter = self.params.get("parameters", init=init)

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """The shape and layout of each state."""
        shape = (len(self._directions) * self._num_layers, 0, self._num_hidden)
        return [{"shape": shape, "__layout__": "LNC"} for _ in range(2 if self._mode == "lstm" else 1)]

    @property
    def _gate_names(self) -> Any:
        return _GATES[self._mode]

    @property
    def _num_gates(self) -> int:
        return len(self._gate_names)

    # ---- weights ---------------------------------------------------------------------------------

    def _slice_weights(self, arr: Any, li: int, lh: int) -> dict[str, Any]:
        """The weights and biases of each gate, as parts of the vector `arr`.

        li: the size of the input.
        lh: the size of a layer's output.
        """
        directions = self._directions
        sizes: list[tuple[str, tuple[int, ...]]] = []
        for kind in ("weight", "bias"):
            for layer in range(self._num_layers):
                width = len(directions) * lh if layer else li
                for direction in directions:
                    for group, columns in (("i2h", width), ("h2h", lh)):
                        shape = (lh, columns) if kind == "weight" else (lh,)
                        sizes += [(f"{self._prefix}{direction}{layer}_{group}{gate}_{kind}", shape)
                                  for gate in self._gate_names]
        args = {}
        at = 0
        for name, wanted in sizes:
            size = math.prod(wanted)
            args[name] = arr[at:at + size].reshape(wanted) if len(wanted) == 2 else arr[at:at + size]
            at += size
        assert at == arr.size, "Invalid parameters size for FusedRNNCell"
        return args

    def unpack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        """The parameters with a weight and a bias for each gate, as the cells of `unfuse` have, unpacked."""
        args = args.copy()
        arr = args.pop(self._parameter.name)
        d, h = len(self._directions), self._num_hidden
        num_input = arr.size // d // h // self._num_gates - (self._num_layers - 1) * (h + d * h + 2) - h - 2
        args.update({name: one.copy() for name, one in self._slice_weights(arr, num_input, h).items()})
        return args

    def pack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        """The parameters that `unpack_weights` has made the given ones of."""
        args = args.copy()
        d, h = len(self._directions), self._num_hidden
        first = args[f"{self._prefix}l0_i2h{self._gate_names[0]}_weight"]
        num_input = first.shape[1]
        total = ((num_input + h + 2) + (self._num_layers - 1) * (h + d * h + 2)) * h * self._num_gates * d
        arr = nd.zeros((total,), ctx=first.context, dtype=first.dtype)
        for name, part in self._slice_weights(arr, num_input, h).items():
            part[:] = args.pop(name)
        args[self._parameter.name] = arr
        return args

    # ---- sequences -------------------------------------------------------------------------------

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """Not supported: raises NotImplementedError, as the operator takes whole sequences."""
        raise NotImplementedError("FusedRNNCell cannot be stepped. Please use unroll")

    def unroll(self, length: int, inputs: Any, begin_state: Any = None, layout: str = "NTC",
               merge_outputs: bool | None = None) -> tuple[Any, list[Any]]:
        """The outputs and, with `get_next_state`, the last states; arguments as of `BaseRNNCell.unroll`."""
        self.reset()
        inputs, axis = _normalize_sequence(length, inputs, layout, True)
        if axis == 1:
            warnings.warn("NTC layout detected. Consider using TNC for FusedRNNCell for faster speed", stacklevel=2)
            inputs = sym.swapaxes(inputs, dim1=0, dim2=1)
        else:
            assert axis == 0, f"Unsupported layout {layout}"
        states = self.begin_state() if begin_state is None else begin_state
        named = dict(zip(("state", "state_cell") if self._mode == "lstm" else ("state",), states))
        rnn = sym.RNN(data=inputs, parameters=self._parameter, state_size=self._num_hidden,
                      num_layers=self._num_layers, bidirectional=self._bidirectional, p=self._dropout,
                      state_outputs=self._get_next_state, mode=self._mode, name=f"{self._prefix}rnn", **named)
        outputs, new = rnn, []
        if self._get_next_state:
            outputs, new = rnn[0], [rnn[1 + i] for i in range(len(named))]
            for state in new:
                state._set_attr(__layout__="LNC")
        if axis == 1:
            outputs = sym.swapaxes(outputs, dim1=0, dim2=1)
        outputs, _ = _normalize_sequence(length, outputs, layout, merge_outputs)
        return outputs, new

    def unfuse(self) -> SequentialRNNCell:
        """A stack of cells that computes the same, and has steps."""
        h = self._num_hidden
        make: Callable[[str], BaseRNNCell] = {
            "rnn_relu": lambda prefix: RNNCell(h, activation="relu", prefix=prefix),
            "rnn_tanh": lambda prefix: RNNCell(h, activation="tanh", prefix=prefix),
            "lstm": lambda prefix: LSTMCell(h, prefix=prefix),
            "gru": lambda prefix: GRUCell(h, prefix=prefix)}[self._mode]
        stack = SequentialRNNCell()
        for i in range(self._num_layers):
            if self._bidirectional:
                stack.add(BidirectionalCell(make(f"{self._prefix}l{i}_"), make(f"{self._prefix}r{i}_"),
                                            output_prefix=f"{self._prefix}bi_l{i}_"))
            else:
                stack.add(make(f"{self._prefix}l{i}_"))
            if self._dropout > 0 and i != self._num_layers - 1:
                stack.add(DropoutCell(self._dropout, prefix=f"{self._prefix}_dropout{i}_"))
        return stack

"""Cells whose gates are affine in the input and in the state: simple RNN, LSTM, GRU, and LSTM with a projection."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...ndarray import NDArray
from .arithmetic import Step, activated, add, affine, complement, mul, named, parts
from .recurrent_cell import HybridRecurrentCell

__all__ = ["GRUCell", "LSTMCell", "LSTMPCell", "RNNCell"]


class _GatedCell(HybridRecurrentCell):
    """A cell with weights and biases for the input (i2h) and for the state (h2h), whose rows are those of all gates."""

    _gates = 1
    i2h_weight: Any
    h2h_weight: Any
    i2h_bias: Any
    h2h_bias: Any

    def _register(self, hidden_size: int, input_size: int, *initializers: Any) -> None:
        """Make the parameters, of the initializers of the weights and the biases for the input and for the state."""
        self._hidden_size = hidden_size
        self._input_size = input_size
        self._make(zip(("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias"), self._shapes(), initializers))

    def _shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the weights and the biases for the input and for the state."""
        rows = self._gates * self._hidden_size
        return [(rows, self._input_size), (rows, self.state_info()[0]["shape"][1]), (rows,), (rows,)]

    def _make(self, parameters: Iterable[tuple[str, tuple[int, ...], Any]]) -> None:
        """Make parameters of names, shapes and initializers."""
        for name, shape, init in parameters:
            setattr(self, name, self.params.get(name, shape=shape, init=init, allow_deferred_init=True))

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The shape of the state."""
        return [{"shape": (batch_size, self._hidden_size), "__layout__": "NC"}]

    def _seen(self, F: Any, inputs: Any, state: Any, i2h_weight: Any, h2h_weight: Any, i2h_bias: Any,
              h2h_bias: Any, step: Step) -> tuple[Any, Any]:
        """The parts of the gates that come from the input and from the state."""
        rows = self._gates * self._hidden_size
        return (affine(F, inputs, i2h_weight, i2h_bias, rows, step, "i2h"),
                affine(F, state, h2h_weight, h2h_bias, rows, step, "h2h"))

    def infer_shape(self, i: int, x: NDArray, is_bidirect: bool) -> None:
        """Set the shape of the weight for the input, as in MXNet 2.

        i, x: the cell's place in a stack, and the data of the stack's first cell.
        is_bidirect: whether the cells before it work in both directions.
        """
        before = self.state_info()[0]["shape"][1] * (2 if is_bidirect else 1)
        self.i2h_weight.shape = (self._gates * self._hidden_size, before if i else x.shape[-1])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._mapping()})"

    def _mapping(self) -> str:
        rows, inputs = self.i2h_weight.shape
        return f"{inputs if inputs else None} -> {rows}"


class RNNCell(_GatedCell):
    """The simple recurrent cell: h' = activation(W x + b + R h + d).

    hidden_size: the size of the state, which is the output too.
    activation: the name of an activation, or a layer.
    i2h_weight_initializer, ...: the initializers of the parameters for the input (i2h) and for the state (h2h).
    input_size: the size of the input; 0: found in the first pass.

    Elman, Finding Structure in Time, 1990.

    >>> from tracer import nd
    >>> cell = RNNCell(2, i2h_weight_initializer="ones", h2h_weight_initializer="ones")
    >>> cell.initialize()
    >>> output, states = cell(nd.zeros((1, 3)), cell.begin_state(1))
    >>> output.asnumpy().tolist(), len(states), cell
    ([[0.0, 0.0]], 1, RNNCell(3 -> 2, tanh))
    """

    def __init__(self, hidden_size: int, activation: Any = "tanh", i2h_weight_initializer: Any = None,
                 h2h_weight_initializer: Any = None, i2h_bias_initializer: Any = "zeros",
                 h2h_bias_initializer: Any = "zeros", input_size: int = 0, prefix: str | None = None,
                 params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._activation = activation
        self._register(hidden_size, input_size, i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer,
                       h2h_bias_initializer)

    def _alias(self) -> str:
        return "rnn"

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, i2h_weight: Any, h2h_weight: Any,
                       i2h_bias: Any, h2h_bias: Any) -> Any:
        """The output and the new state of a step."""
        step = self._step(F)
        i2h, h2h = self._seen(F, inputs, states[0], i2h_weight, h2h_weight, i2h_bias, h2h_bias, step)
        output = self._get_activation(F, add(F, i2h, h2h, step, "plus0"), self._activation, **named(step, "out"))
        return output, [output]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._mapping()}, {self._activation})"


class _RecurrentlyActivatedCell(_GatedCell):
    """A gated cell with one activation for its new values and another for its gates."""

    def __init__(self, hidden_size: int, i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", input_size: int = 0,
                 prefix: str | None = None, params: Any = None, activation: Any = "tanh",
                 recurrent_activation: Any = "sigmoid") -> None:
        super().__init__(prefix=prefix, params=params)
        self._register(hidden_size, input_size, i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer,
                       h2h_bias_initializer)
        self._activation = activation
        self._recurrent_activation = recurrent_activation


class LSTMCell(_RecurrentlyActivatedCell):
    """The LSTM cell: c' = sigmoid(f) c + sigmoid(i) tanh(g); h' = sigmoid(o) tanh(c'); i, f, g, o: the gates.

    hidden_size: the size of both states; the first of them is the output too.
    i2h_weight_initializer, ...: the initializers of the parameters for the input (i2h) and for the state (h2h).
    input_size: the size of the input; 0: found in the first pass.
    activation, recurrent_activation: the names of other functions in the places of tanh and of sigmoid.

    Hochreiter and Schmidhuber, Long Short-Term Memory, 1997.

    >>> from tracer import nd
    >>> cell = LSTMCell(2)
    >>> cell.initialize()
    >>> outputs, states = cell.unroll(3, nd.ones((4, 3, 5)), merge_outputs=True)
    >>> outputs.shape, [state.shape for state in states]
    ((4, 3, 2), [(4, 2), (4, 2)])
    """

    _gates = 4

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The shapes of the two states."""
        return [{"shape": (batch_size, self._hidden_size), "__layout__": "NC"} for _ in range(2)]

    def _alias(self) -> str:
        return "lstm"

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, i2h_weight: Any, h2h_weight: Any,
                       i2h_bias: Any, h2h_bias: Any) -> Any:
        """The output and the new states of a step."""
        step = self._step(F)
        i2h, h2h = self._seen(F, inputs, states[0], i2h_weight, h2h_weight, i2h_bias, h2h_bias, step)
        gates = parts(F, add(F, i2h, h2h, step, "plus0"), 4, 1, step, "slice")
        kinds = (self._recurrent_activation, self._recurrent_activation, self._activation, self._recurrent_activation)
        enter, forget, new, leave = [self._get_activation(F, gate, kind, **named(step, name))
                                     for gate, kind, name in zip(gates, kinds, "ifco")]
        kept, entering = mul(F, forget, states[1], step, "mul0"), mul(F, enter, new, step, "mul1")
        cell = add(F, kept, entering, step, "state")
        output = mul(F, leave, activated(F, cell, self._activation, step, "activation0"), step, "out")
        return output, [output, cell]


class GRUCell(_RecurrentlyActivatedCell):
    """The GRU cell: h' = (1 - z) n + z h; n = tanh(W x + b + r (R h + d)); r, z: the gates, sigmoids.

    hidden_size: the size of the state, which is the output too.
    i2h_weight_initializer, ...: the initializers of the parameters for the input (i2h) and for the state (h2h).
    input_size: the size of the input; 0: found in the first pass.

    Cho et al., Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation, 2014; as
    in cuDNN, the reset gate r is applied after the matrix product.

    >>> from tracer import nd
    >>> cell = GRUCell(2)
    >>> cell.initialize()
    >>> [output.shape for output in cell.unroll(3, nd.ones((4, 3, 5)))[0]]
    [(4, 2), (4, 2), (4, 2)]
    """

    _gates = 3

    def _alias(self) -> str:
        return "gru"

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, i2h_weight: Any, h2h_weight: Any,
                       i2h_bias: Any, h2h_bias: Any) -> Any:
        """The output and the new state of a step."""
        step = self._step(F)
        i2h, h2h = self._seen(F, inputs, states[0], i2h_weight, h2h_weight, i2h_bias, h2h_bias, step)
        reset_x, update_x, new_x = parts(F, i2h, 3, 1, step, "i2h_slice")
        reset_h, update_h, new_h = parts(F, h2h, 3, 1, step, "h2h_slice")
        reset = activated(F, add(F, reset_x, reset_h, step, "plus0"), self._recurrent_activation, step, "r_act")
        update = activated(F, add(F, update_x, update_h, step, "plus1"), self._recurrent_activation, step, "z_act")
        new = add(F, new_x, mul(F, reset, new_h, step, "mul0"), step, "plus2")
        new = activated(F, new, self._activation, step, "h_act")
        renewed = mul(F, complement(F, update, step), new, step, "mul1")
        output = add(F, renewed, mul(F, update, states[0], step, "mul20"), step, "out")
        return output, [output]


class LSTMPCell(_GatedCell):
    """The LSTM cell with a projection: its output, which is also the first state, is P h' of an `LSTMCell`.

    hidden_size, projection_size: the sizes of the second state, and of the output.
    i2h_weight_initializer, ...: the initializers of the parameters for the input (i2h), for the state (h2h), and of
        the projection (h2r).
    input_size: the size of the input; 0: found in the first pass.

    Sak et al., Long Short-Term Memory Based Recurrent Neural Network Architectures, 2014.

    >>> from tracer import nd
    >>> cell = LSTMPCell(4, 2)
    >>> cell.initialize()
    >>> output, states = cell(nd.ones((1, 3)), cell.begin_state(1))
    >>> output.shape, [state.shape for state in states], cell
    ((1, 2), [(1, 2), (1, 4)], LSTMPCell(3 -> 16 -> 2))
    """

    _gates = 4
    h2r_weight: Any

    def __init__(self, hidden_size: int, projection_size: int, i2h_weight_initializer: Any = None,
                 h2h_weight_initializer: Any = None, h2r_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", input_size: int = 0,
                 prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._hidden_size = hidden_size
        self._input_size = input_size
        self._projection_size = projection_size
        i2h, h2h, i2h_bias, h2h_bias = self._shapes()
        self._make((("i2h_weight", i2h, i2h_weight_initializer), ("h2h_weight", h2h, h2h_weight_initializer),
                    ("h2r_weight", (projection_size, hidden_size), h2r_weight_initializer),
                    ("i2h_bias", i2h_bias, i2h_bias_initializer), ("h2h_bias", h2h_bias, h2h_bias_initializer)))

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The shapes of the two states."""
        return [{"shape": (batch_size, size), "__layout__": "NC"} for size in (self._projection_size,
                                                                               self._hidden_size)]

    def _alias(self) -> str:
        return "lstmp"

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, i2h_weight: Any, h2h_weight: Any,
                       h2r_weight: Any, i2h_bias: Any, h2h_bias: Any) -> Any:
        """The output and the new states of a step."""
        step = self._step(F)
        i2h, h2h = self._seen(F, inputs, states[0], i2h_weight, h2h_weight, i2h_bias, h2h_bias, step)
        kinds = ("sigmoid", "sigmoid", "tanh", "sigmoid")
        enter, forget, new, leave = [activated(F, gate, kind, step, name) for gate, kind, name in
                                     zip(parts(F, i2h + h2h, 4, 1, step, "slice"), kinds, "ifco")]
        cell = add(F, forget * states[1], enter * new, step, "state")
        hidden = mul(F, leave, activated(F, cell, "tanh"), step, "hidden")
        output = affine(F, hidden, h2r_weight, None, self._projection_size, step, "out")
        return output, [output, cell]

    def _mapping(self) -> str:
        return f"{super()._mapping()} -> {self.h2r_weight.shape[0]}"

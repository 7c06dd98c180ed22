"""Cells with gates: `RNNCell`, `LSTMCell`, `GRUCell`."""
from __future__ import annotations

from typing import Any

from .. import initializer, symbol
from .base_cell import BaseRNNCell, RNNParams

sym: Any = symbol  # its functions are generated: type checkers do not see them

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class _Gated(BaseRNNCell):
    """A cell whose input and state each go through a product with weights of all gates."""

    _num_hidden: int
    #: The number of states.
    _states = 1

    def _take_variables(self, **bias: Any) -> None:
        """Take the weights and biases from the parameters; `bias` describes the bias of the input's product."""
        self._iW = self.params.get("i2h_weight")
        self._iB = self.params.get("i2h_bias", **bias)
        self._hW = self.params.get("h2h_weight")
        self._hB = self.params.get("h2h_bias")

    def _products(self, inputs: Any, state: Any, name: str) -> tuple[Any, Any]:
        """The products of the input and of the state."""
        size = self._num_hidden * len(self._gate_names)
        return (sym.FullyConnected(data=inputs, weight=self._iW, bias=self._iB, num_hidden=size, name=f"{name}i2h"),
                sym.FullyConnected(data=state, weight=self._hW, bias=self._hB, num_hidden=size, name=f"{name}h2h"))

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """The shape and layout of each state."""
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"} for _ in range(self._states)]


class RNNCell(_Gated):
    """A cell whose output is an activation of the sum of both products.

    num_hidden: the size of the output.
    activation: the name of the activation, or a function of a symbol.
    prefix, params: as of `BaseRNNCell`.

    >>> outputs, _ = RNNCell(4).unroll(2, [symbol.var("a"), symbol.var("b")])
    >>> [one.name for one in outputs]
    ['rnn_t0_out', 'rnn_t1_out']
    """

    def __init__(self, num_hidden: int, activation: Any = "tanh", prefix: str = "rnn_",
                 params: RNNParams | None = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._num_hidden = num_hidden
        self._activation = activation
        self._take_variables()

    @property
    def _gate_names(self) -> Any:
        return ("",)

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        name = self._next_name()
        i2h, h2h = self._products(inputs, states[0], name)
        output = self._get_activation(i2h + h2h, self._activation, name=f"{name}out")
        return output, [output]


class LSTMCell(_Gated):
    """A cell with long short-term memory (Hochreiter and Schmidhuber, 1997).

    num_hidden: the size of the output and of the memory.
    prefix, params: as of `BaseRNNCell`.
    forget_bias: the initial bias of the forget gate.

    >>> LSTMCell(4).state_shape
    [(0, 4), (0, 4)]
    """

    _states = 2

    def __init__(self, num_hidden: int, prefix: str = "lstm_", params: RNNParams | None = None,
                 forget_bias: float = 1.0) -> None:
        super().__init__(prefix=prefix, params=params)
        self._num_hidden = num_hidden
        self._take_variables(init=initializer.LSTMBias(forget_bias=forget_bias))

    @property
    def _gate_names(self) -> Any:
        return ["_i", "_f", "_c", "_o"]

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        name = self._next_name()
        i2h, h2h = self._products(inputs, states[0], name)
        parts = sym.SliceChannel(i2h + h2h, num_outputs=4, name=f"{name}slice")
        kinds = (("i", "sigmoid"), ("f", "sigmoid"), ("c", "tanh"), ("o", "sigmoid"))
        write, keep, new, read = [sym.Activation(parts[k], act_type=act, name=f"{name}{gate}")
                                  for k, (gate, act) in enumerate(kinds)]
        memory = sym._internal._plus(keep * states[1], write * new, name=f"{name}state")
        output = sym._internal._mul(read, sym.Activation(memory, act_type="tanh"), name=f"{name}out")
        return output, [output, memory]


class GRUCell(_Gated):
    """A gated recurrent unit, in cuDNN's form: the reset gate multiplies the product of the state.

    num_hidden: the size of the output.
    prefix, params: as of `BaseRNNCell`.

    >>> GRUCell(4).state_shape
    [(0, 4)]
    """

    def __init__(self, num_hidden: int, prefix: str = "gru_", params: RNNParams | None = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._num_hidden = num_hidden
        self._take_variables()

    @property
    def _gate_names(self) -> Any:
        return ["_r", "_z", "_o"]

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        name = self._next_name()
        i2h, h2h = self._products(inputs, states[0], f"{name}_")
        i2h_r, i2h_z, i2h_o = sym.SliceChannel(i2h, num_outputs=3, name=f"{name}_i2h_slice")
        h2h_r, h2h_z, h2h_o = sym.SliceChannel(h2h, num_outputs=3, name=f"{name}_h2h_slice")
        reset = sym.Activation(i2h_r + h2h_r, act_type="sigmoid", name=f"{name}_r_act")
        update = sym.Activation(i2h_z + h2h_z, act_type="sigmoid", name=f"{name}_z_act")
        new = sym.Activation(i2h_o + reset * h2h_o, act_type="tanh", name=f"{name}_h_act")
        output = sym._internal._plus((1.0 - update) * new, update * states[0], name=f"{name}out")
        return output, [output]

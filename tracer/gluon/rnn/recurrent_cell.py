"""The base of recurrent cells: states, steps that are counted, and their repetition over a sequence."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import ndarray, symbol
from ...symbol import Symbol
from ..block import Block
from ..hybrid_block import HybridBlock
from ..nn.activations import LeakyReLU
from .arithmetic import activated
from .sequences import (
    MODIFIED,
    _format_sequence,
    _get_begin_state,
    _mask_sequence_variable_length,
    initial_state,
    last_states,
)

__all__ = ["HybridRecurrentCell", "RecurrentCell"]

#: The activations that are operators of their own in MXNet's graphs.
_UNARY = frozenset({"relu", "sigmoid", "softsign", "tanh"})


class RecurrentCell(Block):
    """A step of a recurrent network: a function of an input and of states, which returns an output and new states.

    prefix, params: those of `Block`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/rnn/index.html

    >>> from tracer import nd
    >>> class Sum(RecurrentCell):
    ...     def state_info(self, batch_size=0):
    ...         return [{"shape": (batch_size, 2)}]
    ...     def forward(self, inputs, states):
    ...         return inputs + states[0], [inputs + states[0]]
    >>> Sum().unroll(3, nd.ones((1, 3, 2)), merge_outputs=True)[0].asnumpy().tolist()
    [[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]]
    """

    def __init__(self, prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._modified = False
        self.reset()

    def reset(self) -> None:
        """Set the counters of steps and of states back, here and in all cells below."""
        self._init_counter = -1
        self._counter = -1
        for cell in self._children.values():
            cell.reset()  # type: ignore[attr-defined]

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The shapes and layouts of the states. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines no state_info")

    def begin_state(self, batch_size: int = 0, func: Callable[..., Any] = ndarray.zeros, **kwargs: Any) -> list[Any]:
        """The states to begin with.

        func: the function that makes one, of a name, a shape and further keywords.
        kwargs: keywords for `func`, such as `ctx` and `dtype`.

        AssertionError for a cell that a modifier has taken.
        """
        assert not self._modified, MODIFIED
        states = []
        for info in self.state_info(batch_size):
            self._init_counter += 1
            states.append(initial_state(func, f"{self._prefix}begin_state_{self._init_counter}",
                                        {**(info or {}), **kwargs}))
        return states

    def unroll(self, length: int, inputs: Any, begin_state: Any = None, layout: str = "NTC",
               merge_outputs: bool | None = None, valid_length: Any = None) -> tuple[Any, list[Any]]:
        """The outputs of `length` steps, and the states after them.

        inputs: an array, whose axes `layout` names, or a list of arrays (batch, ...) by time.
        begin_state: the states to begin with; None: zeros.
        merge_outputs: True: the outputs are one array of the layout; False or None: a list by time.
        valid_length: (batch,), the number of steps of each sequence: outputs after them are zeros, and states those
            of the last of them.
        """
        self.reset()
        inputs, axis, F, batch_size = _format_sequence(length, inputs, layout, False)
        states = _get_begin_state(self, F, begin_state, inputs, batch_size)
        outputs: Any = []
        all_states = []
        for i in range(length):
            output, states = self(inputs[i], states)
            outputs.append(output)
            all_states.append(states)
        if valid_length is not None:
            states = last_states(all_states, valid_length)
            outputs = _mask_sequence_variable_length(F, outputs, length, valid_length, axis, True)
        return _format_sequence(length, outputs, layout, merge_outputs)[0], states

    def _get_activation(self, F: Any, inputs: Any, activation: Any, **kwargs: Any) -> Any:
        """An activation of `inputs`, given by its name, as a layer or as a function.

        kwargs: for symbols, the keyword `name` of the node.
        """
        if not isinstance(inputs, Symbol):
            return activated(F, inputs, activation)
        if isinstance(activation, LeakyReLU):
            return F.LeakyReLU(inputs, act_type="leaky", slope=activation._alpha, **kwargs)
        if not isinstance(activation, str):
            return activation(inputs)
        if activation in _UNARY:
            return getattr(F, activation)(inputs, **kwargs)
        return F.Activation(inputs, act_type=activation, **kwargs)

    def _step(self, F: Any) -> str | None:
        """The beginning of the names of a step's nodes; None for arrays."""
        return f"t{self._counter}_" if F is symbol else None

    def forward(self, inputs: Any, states: Any) -> Any:
        """The output and the new states of a step. Subclasses define it."""
        self._counter += 1
        return super().forward(inputs, states)


class HybridRecurrentCell(RecurrentCell, HybridBlock):
    """A recurrent cell that can be hybridized. Subclasses define `hybrid_forward(F, inputs, states, **params)`."""

    def __init__(self, prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)

    def _pass(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The result of a step, which is counted once: a cached pass does not run `forward`, the first may twice."""
        counted = self._counter + 1
        out = super()._pass(args, kwargs)
        self._counter = counted
        return out

    def _infers_shape(self) -> bool:
        # The `infer_shape` of cells is called by users only: it takes a cell's place in a stack and that cell's data.
        return False

    def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The output and the new states of a step. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines no hybrid_forward")

"""Cells that modify another cell's outputs or states: dropout, zoneout, residual connections, shared dropout masks."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any

from ... import ndarray
from ...ndarray import NDArray
from ...symbol import Symbol
from .arithmetic import add, dropout, ones_like, where, zeros_like
from .recurrent_cell import HybridRecurrentCell, RecurrentCell
from .sequences import MODIFIED, _format_sequence, _get_begin_state, _mask_sequence_variable_length
from .stacked_cells import BidirectionalCell, SequentialRNNCell

__all__ = ["DropoutCell", "ModifierCell", "ResidualCell", "VariationalDropoutCell", "ZoneoutCell"]


class DropoutCell(HybridRecurrentCell):
    """Dropout of the input, without states.

    rate: the probability with which an element is set to 0.
    axes: the axes along which all elements share one decision.

    >>> from tracer import nd
    >>> DropoutCell(0.5)(nd.ones((1, 2)), [])[0].asnumpy().tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, rate: float, axes: Sequence[int] = (), prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix, params)
        assert isinstance(rate, Number), f"rate must be a number, not {rate!r}"
        self._rate = rate
        self._axes = axes

    def __repr__(self) -> str:
        return f"{type(self).__name__}(rate={self._rate}, axes={self._axes})"

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The empty list: there are no states."""
        return []

    def _alias(self) -> str:
        return "dropout"

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
        """The output and the states of a step."""
        if self._rate > 0:
            inputs = dropout(F, inputs, self._rate, self._axes, self._step(F), "fwd")
        return inputs, states

    def unroll(self, length: int, inputs: Any, begin_state: Any = None, layout: str = "NTC",
               merge_outputs: bool | None = None, valid_length: Any = None) -> tuple[Any, list[Any]]:
        """The outputs of `length` steps, at once where they are one array; see `RecurrentCell.unroll`."""
        self.reset()
        inputs, _, F, _ = _format_sequence(length, inputs, layout, merge_outputs)
        if isinstance(inputs, (NDArray, Symbol)):
            return self.hybrid_forward(F, inputs, begin_state if begin_state else [])
        return super().unroll(length, inputs, begin_state=begin_state, layout=layout, merge_outputs=merge_outputs)

    def infer_shape(self, i: int, x: NDArray, is_bidirect: bool) -> None:
        """Nothing: there are no parameters."""


class ModifierCell(HybridRecurrentCell):
    """A cell that modifies another, which must not be called by itself afterwards.

    base_cell: the other cell, whose parameters and states these are. AssertionError if it is modified already.

    >>> from tracer.gluon.rnn import RNNCell
    >>> cell = RNNCell(2)
    >>> cell._modified, ModifierCell(cell).base_cell is cell, cell._modified
    (False, True, True)
    """

    base_cell: Any

    def __init__(self, base_cell: RecurrentCell) -> None:
        assert not base_cell._modified, \
            f"Cell {base_cell.name} is already modified. One cell cannot be modified twice"
        base_cell._modified = True
        super().__init__(prefix=base_cell.prefix + self._alias(), params=None)
        self.base_cell = base_cell

    @property
    def params(self) -> Any:
        """The parameters of the modified cell."""
        return self.base_cell.params

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The shapes and layouts of the modified cell's states."""
        return self.base_cell.state_info(batch_size)

    def begin_state(self, func: Callable[..., Any] = ndarray.zeros, **kwargs: Any) -> list[Any]:  # type: ignore
        """The states to begin with; see `RecurrentCell.begin_state`."""
        assert not self._modified, MODIFIED
        self.base_cell._modified = False
        begin = self.base_cell.begin_state(func=func, **kwargs)
        self.base_cell._modified = True
        return begin

    def infer_shape(self, i: int, x: NDArray, is_bidirect: bool) -> None:
        """Set the shapes of the modified cell's parameters, as in MXNet 2."""
        self.base_cell.infer_shape(i, x, is_bidirect)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_cell})"


def _check_steps(cell: RecurrentCell, what: str, modifier: str) -> None:
    """AssertionError for a cell that works in both directions."""
    message = f" doesn't support {what}. Please add {modifier} to the cells underneath instead."
    assert not isinstance(cell, BidirectionalCell), f"BidirectionalCell{message}"
    assert not isinstance(cell, SequentialRNNCell) or not cell._bidirectional, \
        f"Bidirectional SequentialRNNCell{message}"


class _RememberingCell(ModifierCell):
    """A modifier whose steps depend on the steps before by more than their states.

    A step alone is not cached, only the step of the modified cell. An unrolled sequence can be, inside another block.
    """

    def _pass(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        return self._run(args, kwargs)


class ZoneoutCell(_RememberingCell):
    """Zoneout: in training, elements of the output and of the states keep their values of the step before.

    base_cell: the modified cell.
    zoneout_outputs, zoneout_states: the probabilities with which they do.

    Krueger et al., Zoneout: Regularizing RNNs by Randomly Preserving Hidden Activations, 2016.

    >>> from tracer import nd
    >>> from tracer.gluon.rnn import RNNCell
    >>> cell = ZoneoutCell(RNNCell(2, input_size=3), zoneout_states=0.1)
    >>> cell.initialize()
    >>> cell(nd.zeros((1, 3)), cell.begin_state(batch_size=1))[0].asnumpy().tolist(), cell
    ([[0.0, 0.0]], ZoneoutCell(p_out=0.0, p_state=0.1, RNNCell(3 -> 2, tanh)))
    """

    def __init__(self, base_cell: RecurrentCell, zoneout_outputs: float = 0.0, zoneout_states: float = 0.0) -> None:
        _check_steps(base_cell, "zoneout since it doesn't support step", "ZoneoutCell")
        super().__init__(base_cell)
        self.zoneout_outputs = zoneout_outputs
        self.zoneout_states = zoneout_states
        self._prev_output: Any = None

    def __repr__(self) -> str:
        return (f"{type(self).__name__}(p_out={self.zoneout_outputs}, p_state={self.zoneout_states}, "
                f"{self.base_cell})")

    def _alias(self) -> str:
        return "zoneout"

    def reset(self) -> None:
        """Set the counters back, and forget the output of the step before."""
        super().reset()
        self._prev_output = None

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
        """The output and the new states of a step."""
        new, new_states = self.base_cell(inputs, states)
        before = zeros_like(F, new) if self._prev_output is None else self._prev_output
        output = self._zoned(F, self.zoneout_outputs, new, before)
        states = [self._zoned(F, self.zoneout_states, a, b) for a, b in zip(new_states, states)]
        self._prev_output = output
        return output, states

    def _zoned(self, F: Any, p: float, new: Any, old: Any) -> Any:
        """The elements of `old` with probability `p`, else those of `new`."""
        return where(F, dropout(F, ones_like(F, new), p), new, old) if p else new


class ResidualCell(ModifierCell):
    """A residual connection: the output of the modified cell plus the input.

    Wu et al., Google's Neural Machine Translation System, 2016.

    >>> from tracer import nd
    >>> from tracer.gluon.rnn import RNNCell
    >>> cell = ResidualCell(RNNCell(3, i2h_weight_initializer="zeros"))
    >>> cell.initialize()
    >>> cell(nd.ones((1, 3)), cell.begin_state(batch_size=1))[0].asnumpy().tolist()
    [[1.0, 1.0, 1.0]]
    """

    def __init__(self, base_cell: RecurrentCell) -> None:
        super().__init__(base_cell)

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
        """The output and the new states of a step."""
        output, states = self.base_cell(inputs, states)
        return add(F, output, inputs, self._step(F), "fwd"), states

    def unroll(self, length: int, inputs: Any, begin_state: Any = None, layout: str = "NTC",
               merge_outputs: bool | None = None, valid_length: Any = None) -> tuple[Any, list[Any]]:
        """The outputs of `length` steps, and the states after them; see `RecurrentCell.unroll`."""
        self.reset()
        self.base_cell._modified = False
        outputs, states = self.base_cell.unroll(length, inputs=inputs, begin_state=begin_state, layout=layout,
                                                merge_outputs=merge_outputs, valid_length=valid_length)
        self.base_cell._modified = True
        merged = isinstance(outputs, (NDArray, Symbol)) if merge_outputs is None else merge_outputs
        inputs, axis, F, _ = _format_sequence(length, inputs, layout, merged)
        if valid_length is not None:
            inputs = _mask_sequence_variable_length(F, inputs, length, valid_length, axis, merged)
        return add(F, outputs, inputs) if merged else [add(F, a, b) for a, b in zip(outputs, inputs)], states


class VariationalDropoutCell(_RememberingCell):
    """Dropout whose masks are drawn once for all steps of a sequence.

    base_cell: the modified cell.
    drop_inputs, drop_states, drop_outputs: the rates of Dropout of the input, of the first state, and of the output.

    Gal and Ghahramani, A Theoretically Grounded Application of Dropout in Recurrent Neural Networks, 2016.

    >>> from tracer import nd
    >>> from tracer.gluon.rnn import LSTMCell
    >>> cell = VariationalDropoutCell(LSTMCell(2), drop_states=0.3)
    >>> cell.initialize()
    >>> cell.unroll(3, nd.ones((1, 3, 4)), merge_outputs=True)[0].shape, cell
    ((1, 3, 2), VariationalDropoutCell(p_out = 0.0, p_state = 0.3))
    """

    def __init__(self, base_cell: RecurrentCell, drop_inputs: float = 0.0, drop_states: float = 0.0,
                 drop_outputs: float = 0.0) -> None:
        if drop_states:
            _check_steps(base_cell, "variational state dropout", "VariationalDropoutCell")
        super().__init__(base_cell)
        self.drop_inputs = drop_inputs
        self.drop_states = drop_states
        self.drop_outputs = drop_outputs
        self._forget_masks()

    def _alias(self) -> str:
        return "vardrop"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p_out = {self.drop_outputs}, p_state = {self.drop_states})"

    def reset(self) -> None:
        """Set the counters back, and forget the masks."""
        super().reset()
        self._forget_masks()

    def _forget_masks(self) -> None:
        self.drop_inputs_mask: Any = None
        self.drop_states_mask: Any = None
        self.drop_outputs_mask: Any = None

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
        """The output and the new states of a step."""
        if self.drop_states and self.drop_states_mask is None:
            self.drop_states_mask = dropout(F, ones_like(F, states[0]), self.drop_states)
        if self.drop_inputs and self.drop_inputs_mask is None:
            self.drop_inputs_mask = dropout(F, ones_like(F, inputs), self.drop_inputs)
        if self.drop_states:
            states = [states[0] * self.drop_states_mask, *states[1:]]
        if self.drop_inputs:
            inputs = inputs * self.drop_inputs_mask
        output, states = self.base_cell(inputs, states)
        if self.drop_outputs and self.drop_outputs_mask is None:
            self.drop_outputs_mask = dropout(F, ones_like(F, output), self.drop_outputs)
        return (output * self.drop_outputs_mask if self.drop_outputs else output), states

    def unroll(self, length: int, inputs: Any, begin_state: Any = None, layout: str = "NTC",
               merge_outputs: bool | None = None, valid_length: Any = None) -> tuple[Any, list[Any]]:
        """The outputs of `length` steps, and the states after them; see `RecurrentCell.unroll`.

        Where no states are dropped, the sequences of inputs and outputs are dropped as a whole.
        """
        if self.drop_states:
            return super().unroll(length, inputs, begin_state, layout, merge_outputs, valid_length=valid_length)
        self.reset()
        inputs, axis, F, batch_size = _format_sequence(length, inputs, layout, True)
        states = _get_begin_state(self, F, begin_state, inputs, batch_size)
        if self.drop_inputs:
            inputs = dropout(F, inputs, self.drop_inputs, (axis,))
        outputs, states = self.base_cell.unroll(length, inputs, states, layout, merge_outputs=True,
                                                valid_length=valid_length)
        if self.drop_outputs:
            outputs = dropout(F, outputs, self.drop_outputs, (axis,))
        merged = True if merge_outputs is None else merge_outputs
        if valid_length is not None:
            return _mask_sequence_variable_length(F, outputs, length, valid_length, axis, merged), states
        return _format_sequence(length, outputs, layout, merged)[0], states

"""Cells of cells: stacks, in which each cell takes the output of the one before, and pairs of both directions."""
from __future__ import annotations

from typing import Any

from ... import symbol
from ...ndarray import NDArray
from ...symbol import Symbol
from ..utils import _indent
from .arithmetic import joined
from .recurrent_cell import HybridRecurrentCell, RecurrentCell
from .sequences import (
    MODIFIED,
    _cells_begin_state,
    _cells_state_info,
    _format_sequence,
    _get_begin_state,
    _mask_sequence_variable_length,
    _reverse_sequences,
)

__all__ = ["BidirectionalCell", "HybridSequentialRNNCell", "SequentialRNNCell"]


class _Compound(RecurrentCell):
    """A cell made of cells, whose states are those of all of them, one after the other."""

    _children: Any

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The shapes and layouts of all cells' states."""
        return _cells_state_info(self._children.values(), batch_size)

    def begin_state(self, **kwargs: Any) -> list[Any]:  # type: ignore[override]
        """The states to begin with, of all cells; see `RecurrentCell.begin_state`."""
        assert not self._modified, MODIFIED
        return _cells_begin_state(self._children.values(), **kwargs)


class _Stack(_Compound):
    """Cells in a row."""

    def add(self, cell: RecurrentCell) -> None:
        """Append a cell."""
        self.register_child(cell)

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        self._counter += 1
        assert not self._bidirectional, "A stack with a BidirectionalCell cannot be stepped. Please use unroll"
        next_states: list[Any] = []
        begin = 0
        for cell in self._children.values():
            count = len(cell.state_info())
            inputs, new = cell(inputs, states[begin:begin + count])
            begin += count
            next_states += new
        return inputs, next_states

    @property
    def _bidirectional(self) -> bool:
        return any([isinstance(cell, BidirectionalCell) for cell in self._children.values()])

    def unroll(self, length: int, inputs: Any, begin_state: Any = None, layout: str = "NTC",
               merge_outputs: bool | None = None, valid_length: Any = None) -> tuple[Any, list[Any]]:
        """The outputs of `length` steps, and the states after them; see `RecurrentCell.unroll`."""
        self.reset()
        inputs, _, F, batch_size = _format_sequence(length, inputs, layout, None)
        states = _get_begin_state(self, F, begin_state, inputs, batch_size)
        cells = list(self._children.values())
        next_states: list[Any] = []
        begin = 0
        for cell in cells:
            count = len(cell.state_info())
            inputs, new = cell.unroll(length, inputs=inputs, begin_state=states[begin:begin + count], layout=layout,
                                      merge_outputs=merge_outputs if cell is cells[-1] else None,
                                      valid_length=valid_length)
            begin += count
            next_states += new
        return inputs, next_states

    def infer_shape(self, i: int, x: NDArray, is_bidirect: bool) -> None:
        """Set the shapes of the cells' parameters, as in MXNet 2: `x` is the data of the first cell."""
        for number, cell in enumerate(self._children.values()):
            cell.infer_shape(number, x, is_bidirect)

    def __getitem__(self, i: int) -> Any:
        return self._children[str(i)]

    def __len__(self) -> int:
        return len(self._children)

    def __repr__(self) -> str:
        rows = "\n".join(f"({key}): {_indent(repr(cell), 2)}" for key, cell in self._children.items())
        return f"{type(self).__name__}(\n{rows}\n)"


class SequentialRNNCell(_Stack):
    """Cells in a row, each of which takes the output of the one before.

    >>> from tracer import nd
    >>> from tracer.gluon.rnn import GRUCell
    >>> stack = SequentialRNNCell()
    >>> stack.add(GRUCell(4))
    >>> stack.add(GRUCell(2))
    >>> stack.initialize()
    >>> outputs, states = stack.unroll(3, nd.ones((1, 3, 5)), merge_outputs=True)
    >>> outputs.shape, [state.shape for state in states]
    ((1, 3, 2), [(1, 4), (1, 2)])
    """

    def __init__(self, prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)


class HybridSequentialRNNCell(_Stack, HybridRecurrentCell):
    """Hybrid cells in a row, each of which takes the output of the one before.

    >>> from tracer import nd
    >>> from tracer.gluon.rnn import DropoutCell, LSTMCell
    >>> stack = HybridSequentialRNNCell()
    >>> stack.add(LSTMCell(4))
    >>> stack.add(DropoutCell(0.5))
    >>> stack.initialize()
    >>> output, states = stack(nd.ones((1, 5)), stack.begin_state(batch_size=1))
    >>> output.shape, len(states), len(stack), stack[1]
    ((1, 4), 2, 2, DropoutCell(rate=0.5, axes=()))
    """

    def __init__(self, prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
        """The output and the new states of a step."""
        return self(inputs, states)

    def infer_shape(self, i: int, x: NDArray, is_bidirect: bool) -> None:
        """Set the shapes of the cells' parameters, as in MXNet 2, where each of them works in one direction."""
        super().infer_shape(i, x, False)


class BidirectionalCell(_Compound, HybridRecurrentCell):
    """A pair of cells, of which one goes through a sequence forwards and one backwards; outputs are joined.

    l_cell, r_cell: the cells for the two directions.
    output_prefix: the beginning of the names of symbols of outputs.

    >>> from tracer import nd
    >>> from tracer.gluon.rnn import RNNCell
    >>> pair = BidirectionalCell(RNNCell(2), RNNCell(2))
    >>> pair.initialize()
    >>> pair.unroll(3, nd.ones((1, 3, 5)), merge_outputs=True)[0].shape
    (1, 3, 4)
    """

    l_cell: Any
    r_cell: Any

    def __init__(self, l_cell: RecurrentCell, r_cell: RecurrentCell, output_prefix: str = "bi_") -> None:
        super().__init__(prefix="", params=None)
        self.l_cell = l_cell
        self.r_cell = r_cell
        self._output_prefix = output_prefix

    def __call__(self, inputs: Any, states: Any) -> Any:
        raise NotImplementedError("Bidirectional cannot be stepped. Please use unroll")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(forward={self.l_cell}, backward={self.r_cell})"

    def unroll(self, length: int, inputs: Any, begin_state: Any = None, layout: str = "NTC",
               merge_outputs: bool | None = None, valid_length: Any = None) -> tuple[Any, list[Any]]:
        """The outputs of `length` steps, and the states after them; see `RecurrentCell.unroll`."""
        self.reset()
        inputs, axis, F, batch_size = _format_sequence(length, inputs, layout, False)
        reversed_inputs = _reverse_sequences(inputs, length, valid_length)
        states = _get_begin_state(self, F, begin_state, inputs, batch_size)
        count = len(self.l_cell.state_info(batch_size))
        forwards, l_states = self.l_cell.unroll(length, inputs=inputs, begin_state=states[:count], layout=layout,
                                                merge_outputs=merge_outputs, valid_length=valid_length)
        backwards, r_states = self.r_cell.unroll(length, inputs=reversed_inputs, begin_state=states[count:],
                                                 layout=layout, merge_outputs=False, valid_length=valid_length)
        backwards = _reverse_sequences(backwards, length, valid_length)
        merged = isinstance(forwards, (NDArray, Symbol)) if merge_outputs is None else merge_outputs
        prefix = self._output_prefix if F is symbol else None
        if merged:
            backwards = _format_sequence(length, backwards, layout, True)[0]
            outputs = joined(F, [forwards, backwards], 2, prefix, "out")
        else:
            forwards = _format_sequence(length, forwards, layout, False)[0]
            outputs = [joined(F, pair, 1, prefix, f"t{i}") for i, pair in enumerate(zip(forwards, backwards))]
        if valid_length is not None:
            outputs = _mask_sequence_variable_length(F, outputs, length, valid_length, axis, merged)
        return outputs, l_states + r_states

    def infer_shape(self, i: int, x: NDArray, is_bidirect: bool) -> None:
        """Set the shapes of the cells' parameters, as in MXNet 2."""
        for cell in self._children.values():
            cell.infer_shape(i, x, True)

"""Cells made of other cells: `SequentialRNNCell`, `BidirectionalCell`; and `DropoutCell`, a layer between them."""
from __future__ import annotations

from typing import Any

from .. import symbol
from ..base import numeric_types
from .base_cell import _MODIFIED, BaseRNNCell, RNNParams, _normalize_sequence

sym: Any = symbol  # its functions are generated: type checkers do not see them

__all__ = ["BidirectionalCell", "DropoutCell", "SequentialRNNCell"]


class _Stack(BaseRNNCell):
    """A cell with cells below it, whose states and weights it has."""

    _cells: list[Any]

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """The shapes and layouts of the states of all cells."""
        return [info for cell in self._cells for info in cell.state_info]

    def begin_state(self, **kwargs: Any) -> list[Any]:  # type: ignore[override]  # MXNet takes keywords only
        """The states of all cells before the first step; arguments as of `BaseRNNCell.begin_state`."""
        assert not self._modified, _MODIFIED
        return [state for cell in self._cells for state in cell.begin_state(**kwargs)]

    def unpack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        """The parameters with the weights of each cell unpacked."""
        for cell in self._cells:
            args = cell.unpack_weights(args)
        return args

    def pack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        """The parameters that `unpack_weights` has made the given ones of."""
        for cell in self._cells:
            args = cell.pack_weights(args)
        return args

    def _adopt(self, cells: list[Any], given: bool) -> None:
        """Share variables with cells.

        given: whether this cell was made with parameters, which the cells then have, too.
        """
        if given:
            assert all(cell._own_params for cell in cells), \
                f"Either specify params for {type(self).__name__} or child cells, not both."
            for cell in cells:
                cell.params._params.update(self.params._params)
        for cell in cells:
            self.params._params.update(cell.params._params)


class SequentialRNNCell(_Stack):
    """Cells one above the other: the output of one is the input of the next.

    params: as of `BaseRNNCell`.

    >>> from tracer.rnn import RNNCell
    >>> stack = SequentialRNNCell()
    >>> stack.add(RNNCell(4, prefix="a_")); stack.add(RNNCell(2, prefix="b_"))
    >>> stack.state_shape
    [(0, 4), (0, 2)]
    """

    def __init__(self, params: RNNParams | None = None) -> None:
        super().__init__(prefix="", params=params)
        self._override_cell_params = params is not None
        self._cells = []

    def add(self, cell: BaseRNNCell) -> None:
        """Put a cell on top."""
        self._cells.append(cell)
        self._adopt([cell], self._override_cell_params)

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        self._counter += 1
        new: list[Any] = []
        at = 0
        for cell in self._cells:
            assert not isinstance(cell, BidirectionalCell), "a BidirectionalCell has no single step; use unroll"
            count = len(cell.state_info)
            inputs, state = cell(inputs, states[at:at + count])
            at += count
            new += state
        return inputs, new

    def unroll(self, length: int, inputs: Any, begin_state: Any = None, layout: str = "NTC",
               merge_outputs: bool | None = None) -> tuple[Any, list[Any]]:
        """The outputs and the last states of `length` steps, cell by cell; arguments as of `BaseRNNCell.unroll`."""
        self.reset()
        states = self.begin_state() if begin_state is None else begin_state
        new: list[Any] = []
        at = 0
        for i, cell in enumerate(self._cells):
            count = len(cell.state_info)
            merge = merge_outputs if i == len(self._cells) - 1 else None
            inputs, state = cell.unroll(length, inputs=inputs, begin_state=states[at:at + count], layout=layout,
                                        merge_outputs=merge)
            at += count
            new += state
        return inputs, new


class BidirectionalCell(_Stack):
    """Two cells, the second of which goes from the last step to the first; their outputs are concatenated.

    l_cell, r_cell: the two.
    params: as of `BaseRNNCell`.
    output_prefix: the beginning of the names of the outputs.

    https://www.cs.toronto.edu/~graves/nn_2005.pdf

    >>> from tracer.rnn import RNNCell
    >>> cell = BidirectionalCell(RNNCell(4, prefix="l_"), RNNCell(4, prefix="r_"))
    >>> outputs, _ = cell.unroll(2, symbol.var("data"), merge_outputs=True)
    >>> outputs.infer_shape(data=(5, 2, 3))[1]
    [(5, 2, 8)]
    """

    def __init__(self, l_cell: BaseRNNCell, r_cell: BaseRNNCell, params: RNNParams | None = None,
                 output_prefix: str = "bi_") -> None:
        super().__init__("", params=params)
        self._output_prefix = output_prefix
        self._override_cell_params = params is not None
        self._adopt([l_cell, r_cell], self._override_cell_params)
        self._cells = [l_cell, r_cell]

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """Not supported: raises NotImplementedError, as the second cell begins with the last step."""
        raise NotImplementedError("Bidirectional cannot be stepped. Please use unroll")

    def unroll(self, length: int, inputs: Any, begin_state: Any = None, layout: str = "NTC",
               merge_outputs: bool | None = None) -> tuple[Any, list[Any]]:
        """The outputs and the last states, a list for each cell; arguments as of `BaseRNNCell.unroll`."""
        self.reset()
        steps, axis = _normalize_sequence(length, inputs, layout, False)
        states = self.begin_state() if begin_state is None else begin_state
        l_cell, r_cell = self._cells
        count = len(l_cell.state_info)
        left, l_states = l_cell.unroll(length, inputs=steps, begin_state=states[:count], layout=layout,
                                       merge_outputs=merge_outputs)
        right, r_states = r_cell.unroll(length, inputs=list(reversed(steps)), begin_state=states[count:],
                                        layout=layout, merge_outputs=merge_outputs)
        if merge_outputs is None:
            whole = [isinstance(one, symbol.Symbol) for one in (left, right)]
            merge_outputs = all(whole)
            if not merge_outputs:
                left, right = [list(sym.SliceChannel(one, axis=axis, num_outputs=length, squeeze_axis=1))
                               if is_whole else one for one, is_whole in zip((left, right), whole)]
        if merge_outputs:
            back = sym.reverse(right, axis=axis)
            return sym.Concat(left, back, dim=2, name=f"{self._output_prefix}out"), [l_states, r_states]
        outputs = [sym.Concat(one, back, dim=1, name=f"{self._output_prefix}t{i}")
                   for i, (one, back) in enumerate(zip(left, reversed(right)))]
        return outputs, [l_states, r_states]


class DropoutCell(BaseRNNCell):
    """A cell without states that applies dropout to its input.

    dropout: the probability of each element to become 0.
    prefix, params: as of `BaseRNNCell`.

    >>> DropoutCell(0.5).state_info
    []
    """

    def __init__(self, dropout: float, prefix: str = "dropout_", params: RNNParams | None = None) -> None:
        super().__init__(prefix, params)
        assert isinstance(dropout, numeric_types), "dropout probability must be a number"
        self.dropout = dropout

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """An empty list."""
        return []

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """The output of one step, and the states as they are."""
        return sym.Dropout(data=inputs, p=self.dropout) if self.dropout > 0 else inputs, states

    def unroll(self, length: int, inputs: Any, begin_state: Any = None, layout: str = "NTC",
               merge_outputs: bool | None = None) -> tuple[Any, list[Any]]:
        """The outputs; a symbol is not split into steps. Arguments as of `BaseRNNCell.unroll`."""
        self.reset()
        inputs, _ = _normalize_sequence(length, inputs, layout, merge_outputs)
        if isinstance(inputs, symbol.Symbol):
            return self(inputs, [])
        return super().unroll(length, inputs, begin_state=begin_state, layout=layout, merge_outputs=merge_outputs)

"""Cells that change what another cell does: `ZoneoutCell`, `ResidualCell` and their base class."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import symbol
from .base_cell import _MODIFIED, BaseRNNCell, RNNParams, _normalize_sequence
from .fused_cell import FusedRNNCell
from .stacks import BidirectionalCell

sym: Any = symbol  # its functions are generated: type checkers do not see them

__all__ = ["ModifierCell", "ResidualCell", "ZoneoutCell"]


class ModifierCell(BaseRNNCell):
    """The base class of cells that change another one, which is not called by itself from then on.

    base_cell: the other cell, whose variables and states this one has.

    >>> from tracer.rnn import RNNCell
    >>> ModifierCell(RNNCell(4)).state_shape
    [(0, 4)]
    """

    def __init__(self, base_cell: BaseRNNCell) -> None:
        super().__init__()
        base_cell._modified = True
        self.base_cell = base_cell

    @property
    def params(self) -> RNNParams:
        """The variables of the base cell."""
        self._own_params = False
        return self.base_cell.params

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """The shape and layout of each state of the base cell."""
        return self.base_cell.state_info

    def begin_state(self, init_sym: Callable[..., Any] = sym.zeros,  # type: ignore[override]  # MXNet's name of it
                    **kwargs: Any) -> list[Any]:
        """The states of the base cell before the first step, made by `init_sym`."""
        assert not self._modified, _MODIFIED
        self.base_cell._modified = False
        begin = self.base_cell.begin_state(**{"func": init_sym, **kwargs})
        self.base_cell._modified = True
        return begin

    def unpack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        """The parameters with the base cell's weights unpacked."""
        return self.base_cell.unpack_weights(args)

    def pack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        """The parameters that `unpack_weights` has made the given ones of."""
        return self.base_cell.pack_weights(args)


class ZoneoutCell(ModifierCell):
    """A cell some of whose outputs and states randomly stay what they were in the step before.

    base_cell: the other cell, with a step: it is neither fused nor bidirectional.
    zoneout_outputs: the probability for an element of the output.
    zoneout_states: the probability for an element of a state.

    https://arxiv.org/abs/1606.01305

    >>> from tracer.rnn import RNNCell
    >>> ZoneoutCell(RNNCell(4), zoneout_states=0.1).zoneout_states
    0.1
    """

    def __init__(self, base_cell: BaseRNNCell, zoneout_outputs: float = 0.0, zoneout_states: float = 0.0) -> None:
        assert not isinstance(base_cell, FusedRNNCell), \
            "FusedRNNCell doesn't support zoneout. Please unfuse first."
        assert not isinstance(base_cell, BidirectionalCell), (
            "BidirectionalCell doesn't support zoneout since it doesn't support step. Please add ZoneoutCell to the "
            "cells underneath instead.")
        super().__init__(base_cell)
        self.zoneout_outputs = zoneout_outputs
        self.zoneout_states = zoneout_states
        self.prev_output: Any = None

    def reset(self) -> None:
        """Count steps anew, and forget the last output."""
        super().reset()
        self.prev_output = None

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        output, new = self.base_cell(inputs, states)
        before = sym.zeros((0, 0)) if self.prev_output is None else self.prev_output
        if self.zoneout_outputs != 0:
            output = sym.where(_mask(self.zoneout_outputs, output), output, before)
        if self.zoneout_states != 0:
            new = [sym.where(_mask(self.zoneout_states, one), one, old) for one, old in zip(new, states)]
        self.prev_output = output
        return output, new


def _mask(probability: float, like: Any) -> Any:
    """Zeros with a probability, in the shape of a symbol."""
    return sym.Dropout(sym.ones_like(like), p=probability)


class ResidualCell(ModifierCell):
    """A cell that adds its input to its output.

    base_cell: the other cell.

    https://arxiv.org/abs/1609.08144

    >>> from tracer.rnn import RNNCell
    >>> outputs, _ = ResidualCell(RNNCell(4)).unroll(1, [symbol.var("a")])
    >>> outputs[0].name
    'rnn_t0_out_plus_residual'
    """

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        output, states = self.base_cell(inputs, states)
        return _plus(output, inputs), states

    def unroll(self, length: int, inputs: Any, begin_state: Any = None, layout: str = "NTC",
               merge_outputs: bool | None = None) -> tuple[Any, list[Any]]:
        """The outputs and the last states; arguments as of `BaseRNNCell.unroll`."""
        self.reset()
        self.base_cell._modified = False
        outputs, states = self.base_cell.unroll(length, inputs=inputs, begin_state=begin_state, layout=layout,
                                                merge_outputs=merge_outputs)
        self.base_cell._modified = True
        merge = isinstance(outputs, symbol.Symbol) if merge_outputs is None else merge_outputs
        inputs, _ = _normalize_sequence(length, inputs, layout, merge)
        if merge:
            return _plus(outputs, inputs), states
        return [_plus(output, one) for output, one in zip(outputs, inputs)], states


def _plus(output: Any, inputs: Any) -> Any:
    return sym.elemwise_add(output, inputs, name=f"{output.name}_plus_residual")

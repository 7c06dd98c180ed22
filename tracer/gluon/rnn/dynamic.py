"""The repetition of a cell over a sequence in one loop, in which sequences that have ended keep their states."""
from __future__ import annotations

from typing import Any

from ... import numpy as mx_np
from .arithmetic import as_list, dropout, where
from .sequences import _format_sequence, _mask_sequence_variable_length, _steps


def dynamic_unroll(cell: Any, inputs: Any, begin_state: Any, drop_inputs: float = 0, drop_outputs: float = 0,
                   layout: str = "TNC", valid_length: Any = None) -> tuple[Any, list[Any]]:
    """The outputs of a cell over a sequence as one array, and the states after it.

    inputs: an array, whose axes `layout` names, or a list of arrays by time.
    begin_state: the states to begin with.
    drop_inputs, drop_outputs: rates of Dropout whose masks all steps share.
    valid_length: (batch,), the number of steps of each sequence: outputs after them are zeros.

    >>> from tracer import nd
    >>> from tracer.gluon.rnn import LSTMCell
    >>> cell = LSTMCell(2)
    >>> cell.initialize()
    >>> outputs, states = dynamic_unroll(cell, nd.ones((3, 1, 4)), cell.begin_state(1), valid_length=nd.array([2]))
    >>> outputs.shape, float(outputs[2].sum().asscalar())
    ((3, 1, 2), 0.0)
    """
    inputs, axis, F, _ = _format_sequence(None, inputs, layout, True)
    if drop_inputs:
        inputs = dropout(F, inputs, drop_inputs, (axis,))
    states = as_list(begin_state)
    outputs = []
    for t, x in enumerate(_steps(inputs, inputs.shape[axis], axis)):
        output, new = cell(x, states)
        outputs.append(output)
        states = as_list(new) if valid_length is None else \
            [where(F, _column(valid_length > t, a.ndim), a, b) for a, b in zip(new, states)]
    merged = _format_sequence(None, outputs, layout, True)[0]
    if drop_outputs:
        merged = dropout(F, merged, drop_outputs, (axis,))
    if valid_length is not None:
        merged = _mask_sequence_variable_length(F, merged, len(outputs), valid_length, axis, True)
    return merged, states


def _column(condition: Any, ndim: int) -> Any:
    """The condition (batch,) with further axes, as np broadcasts; nd's `where` takes it as it is."""
    return condition.reshape((-1, *[1] * (ndim - 1))) if isinstance(condition, mx_np.ndarray) else condition

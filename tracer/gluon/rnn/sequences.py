"""Sequences of cells: one array, or a list of arrays by time; their lengths, their order, and states to begin with."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ... import ndarray as mx_nd
from ... import numpy as mx_np
from ... import symbol
from ...generation import is_2
from ...ndarray import NDArray
from ...symbol import Symbol
from ...util import is_np_array
from ..nn import flavour
from .arithmetic import as_list

nd: Any = mx_nd  # their functions are generated
np: Any = mx_np

#: What a cell says that is called although a modifier has taken it.
MODIFIED = ("After applying modifier cells (e.g. ZoneoutCell) the base cell cannot be called directly. Call the "
            "modifier cell instead.")


def initial_state(func: Callable[..., Any], name: str, info: dict[str, Any]) -> Any:
    """A state to begin with, made by `func` of the entries of `state_info`.

    func: a function of `mx.nd`, which takes a name too; in MXNet 2 mode one of `mx.np` (shape, device, dtype).
    """
    if func is np.zeros or is_2():
        make = np.zeros if func is nd.zeros else func
        return make(shape=info.get("shape", ()), dtype=info.get("dtype", "float32"),
                    device=info.get("device", info.get("ctx")))
    state = func(name=name, **info)
    return state.as_np_ndarray() if is_np_array() else state


def zeros_for(F: Any, x: Any) -> Callable[..., Any]:
    """The function that makes states for the data `x`: `mx.np.zeros` for arrays of np, else F's."""
    return np.zeros if isinstance(x, np.ndarray) else F.zeros


def _cells_state_info(cells: Iterable[Any], batch_size: int) -> list[dict[str, Any]]:
    return [info for cell in cells for info in cell.state_info(batch_size)]


def _cells_begin_state(cells: Iterable[Any], **kwargs: Any) -> list[Any]:
    return [state for cell in cells for state in cell.begin_state(**kwargs)]


def _get_begin_state(cell: Any, F: Any, begin_state: Any, inputs: Any, batch_size: int) -> Any:
    """The given states, or zeros on the device of the inputs."""
    if begin_state is not None:
        return begin_state
    first = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
    if isinstance(first, Symbol):
        return cell.begin_state(func=symbol.zeros, batch_size=batch_size)
    with first.ctx:
        return cell.begin_state(func=zeros_for(F, first), batch_size=batch_size)


def _format_sequence(length: int | None, inputs: Any, layout: str, merge: bool | None,
                     in_layout: str | None = None) -> tuple[Any, int, Any, int]:
    """A sequence in the wanted form, its axis of time, the namespace of its functions, and the size of the batch.

    length: the number of steps, which is checked; None: any.
    inputs: an array, whose axes `in_layout` names (None: `layout`), or a list of arrays by time.
    merge: True: one array; False: a list; None: as it is.

    AssertionError for None, and for another number of steps.
    """
    assert inputs is not None, ("unroll(inputs=None) has been deprecated. Please create input variables outside "
                                "unroll.")
    axis = layout.find("T")
    in_axis = axis if in_layout is None else in_layout.find("T")
    if isinstance(inputs, Symbol):
        batch_size = 0
        if merge is False:
            assert length is not None and len(inputs.list_outputs()) == 1, \
                "unroll doesn't allow grouped symbol as input. Please convert to list with list(inputs) first or let " \
                "unroll handle splitting."
            inputs = _steps(inputs, length, in_axis)
    elif isinstance(inputs, NDArray):
        batch_size = inputs.shape[layout.find("N")]
        if merge is False:
            steps = inputs.shape[in_axis]
            assert length is None or length == steps, f"{length} steps wanted, the inputs {inputs.shape} have {steps}"
            inputs = _steps(inputs, steps, in_axis)
    else:
        assert isinstance(inputs, (list, tuple)), f"A sequence must be an array or a list of arrays, not {type(inputs)}"
        assert length is None or len(inputs) == length, f"{length} steps wanted, but the inputs are {len(inputs)}"
        batch_size = 0 if isinstance(inputs[0], Symbol) else inputs[0].shape[0]
        if merge:
            inputs, in_axis = _stack(inputs, axis), axis
    whole = not isinstance(inputs, (list, tuple))
    if whole and axis != in_axis:
        inputs = _namespace(inputs).swapaxes(inputs, axis, in_axis)
    return inputs, axis, symbol if isinstance(inputs if whole else inputs[0], Symbol) else nd, batch_size


def _mask_sequence_variable_length(F: Any, data: Any, length: int, valid_length: Any, time_axis: int,
                                   merge: bool | None) -> Any:
    """A sequence with zeros after the first `valid_length` (batch,) steps; as a list by time unless `merge`."""
    assert valid_length is not None
    if isinstance(data, (list, tuple)):
        data = _stack(data, time_axis)
    mask = flavour.of(F, data, "SequenceMask", "sequence_mask")
    outputs = mask(data, sequence_length=valid_length, use_sequence_length=True, axis=time_axis)
    return outputs if merge else _steps(outputs, length, time_axis)


def _reverse_sequences(sequences: Any, unroll_step: int, valid_length: Any = None) -> list[Any]:
    """The steps in reverse; with `valid_length` (batch,) only so many of each sequence, and the others in place."""
    if valid_length is None:
        return list(reversed(sequences))
    data = _stack(sequences, 0)
    reverse = flavour.of(_space(data), data, "SequenceReverse", "sequence_reverse")
    return _steps(reverse(data, sequence_length=valid_length, use_sequence_length=True), unroll_step, 0)


def last_states(all_states: list[Any], valid_length: Any) -> list[Any]:
    """The states after the first `valid_length` (batch,) steps, of a list of states for each step."""
    found = []
    for states in zip(*all_states):
        data = _stack(states, 0)
        last = flavour.of(_space(data), data, "SequenceLast", "sequence_last")
        found.append(last(data, sequence_length=valid_length, use_sequence_length=True, axis=0))
    return found


def _space(x: Any) -> Any:
    """`mx.sym` for a symbol, else `mx.nd`."""
    return symbol if isinstance(x, Symbol) else nd


def _namespace(x: Any) -> Any:
    return np if isinstance(x, np.ndarray) else _space(x)


def _stack(arrays: Any, axis: int) -> Any:
    if isinstance(arrays[0], np.ndarray):
        return np.stack(arrays, axis=axis)
    return _space(arrays[0]).stack(*arrays, axis=axis)


def _steps(x: Any, count: int, axis: int) -> list[Any]:
    """The array as a list of `count` arrays without the axis."""
    if isinstance(x, np.ndarray):
        return [np.squeeze(part, axis=axis) for part in np.split(x, count, axis)]
    return as_list(_space(x).split(x, axis=axis, num_outputs=count, squeeze_axis=True))

"""The functions of `mx.npx` that do more in Python than to record one operation."""
from __future__ import annotations

from typing import Any

import numpy as _np

from tracer.array.dlpack import read_dlpack, to_dlpack_for_read, to_dlpack_for_write
from tracer.array.np_array import ndarray
from tracer.array.placing import located
from tracer.core.surface import assign, engine
from tracer.ndarray.creation import waitall
from tracer.numpy.creation import made
from tracer.stateful.batch_norm import batch_norm as _batch_norm
from tracer.stateful.batch_norm import synchronized, with_relu
from tracer.stateful.dropout import dropout as _dropout
from tracer.stateful.rnn import rnn as _rnn
from tracer.stateful.rrelu import leaky_relu as _leaky_relu

__all__ = ["batch_norm", "batch_norm_with_relu", "constraint_check", "dropout", "from_dlpack", "from_numpy",
           "leaky_relu", "nonzero", "rnn", "shape_array", "sync_batch_norm", "to_dlpack_for_read",
           "to_dlpack_for_write", "waitall"]


def dropout(data: ndarray, p: float = 0.5, mode: str = "training", axes: Any = None, cudnn_off: bool = False,
            **kwargs: Any) -> ndarray:
    """Set each element to 0 with probability `p`, and scale the others by 1 / (1 - p).

    mode: "training": only in training mode; "always": always.
    axes: the axes along which all elements share one decision.

    MXNetError for p outside [0, 1].
    """
    return _dropout(ndarray, data, p, mode, () if axes is None else axes)


@engine
def batch_norm(x: ndarray, gamma: ndarray, beta: ndarray, running_mean: ndarray, running_var: ndarray,
               eps: float = 1e-3, momentum: float = 0.9, fix_gamma: bool = True, use_global_stats: bool = False,
               output_mean_var: bool = False, axis: int = 1, cudnn_off: bool = False, min_calib_range: Any = None,
               max_calib_range: Any = None, out: ndarray | None = None) -> Any:
    """`x` normalized over all axes but `axis`, times `gamma` (1 with fix_gamma), plus `beta`.

    In training mode the mean and variance are those of the batch, and a backward updates the running ones with them;
    otherwise the running ones are used.
    """
    made = _batch_norm(ndarray, x, gamma, beta, running_mean, running_var, eps, momentum, fix_gamma, use_global_stats,
                       output_mean_var, axis)
    return made if out is None else assign(out, made)


batch_norm_with_relu = with_relu(ndarray, "batch_norm_with_relu")
sync_batch_norm = synchronized(ndarray, "sync_batch_norm")
leaky_relu = _leaky_relu(ndarray, "leaky_relu")


def rnn(data: ndarray | None = None, parameters: ndarray | None = None, state: ndarray | None = None,
        state_cell: ndarray | None = None, sequence_length: ndarray | None = None, mode: str | None = None,
        state_size: int | None = None, num_layers: int | None = None, bidirectional: bool = False,
        state_outputs: bool = False, p: float = 0.0, use_sequence_length: bool = False,
        projection_size: int | None = None, lstm_state_clip_min: float | None = None,
        lstm_state_clip_max: float | None = None, lstm_state_clip_nan: bool | None = None, out: Any = None) -> Any:
    """The outputs (steps, batch, directions * out) of stacked recurrent layers; with `state_outputs` also their states.

    The arguments are those of `mx.nd.RNN`, in another order. AssertionError if a required one is missing, MXNetError
    for those that do not fit.
    """
    needed = {"mode": mode, "data": data, "parameters": parameters, "state": state, "state_size": state_size,
              "num_layers": num_layers}
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise AssertionError(f"rnn: {missing[0]} is missing")
    found = _rnn(ndarray, (data, parameters, state, state_cell, sequence_length), mode, state_size, num_layers,
                 bidirectional, state_outputs, p, use_sequence_length, projection_size, lstm_state_clip_min,
                 lstm_state_clip_max, lstm_state_clip_nan)
    return found if out is None else assign(out, found)


@engine
@located
def nonzero(a: ndarray, out: ndarray | None = None) -> ndarray:
    """The indices of the nonzero elements: an int64 array with a row for each. A sync point."""
    found = made(_np.argwhere(_np.atleast_1d(a._read("shape"))), a)
    return found if out is None else assign(out, found)


@engine
@located
def shape_array(data: ndarray, out: ndarray | None = None) -> ndarray:
    """The shape of `data` as an int64 array."""
    found = made(_np.array(data.shape, _np.int64), data)
    return found if out is None else assign(out, found)


@located
def constraint_check(x: ndarray, msg: str = "Constraint violated!") -> ndarray:
    """An array of one element, True, if all elements of `x` are true; else ValueError with `msg`. A sync point."""
    found = x._read("bool")
    if not found.all():
        raise ValueError(msg)
    return made(_np.array(True))


def from_numpy(ndarray: Any, zero_copy: bool = True) -> Any:
    """An array with a copy of the elements of a NumPy array, in its dtype.

    zero_copy: the elements are copied in any case; True: ValueError for an array that is not row-major, as in MXNet.
    """
    if zero_copy and not ndarray.flags["C_CONTIGUOUS"]:
        raise ValueError("Only c-contiguous arrays are supported for zero-copy")
    return made(ndarray)


def from_dlpack(dlpack: Any) -> ndarray:
    """An array with a copy of another library's array, or of the array in a DLPack capsule."""
    return made(read_dlpack(dlpack))

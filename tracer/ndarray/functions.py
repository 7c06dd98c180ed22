"""Functions of `mx.nd` that do more in Python than to record one operation."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.array.getitem import found_by
from tracer.array.nd_array import NDArray
from tracer.array.views import internal
from tracer.core.invoke import constant, invoke, wrap
from tracer.core.surface import assign, engine
from tracer.ops.ir.errors import MXNetError
from tracer.stateful.batch_norm import batch_norm as _batch_norm
from tracer.stateful.batch_norm import synchronized, with_relu
from tracer.stateful.dropout import dropout as _dropout
from tracer.stateful.rnn import rnn
from tracer.stateful.rrelu import leaky_relu

__all__ = ["BatchNorm", "Dropout", "LeakyReLU", "RNN", "all_finite", "cast_storage", "histogram",
           "multi_all_finite", "onehot_encode", "reset_arrays"]


@engine
def Dropout(data: NDArray, p: float = 0.5, mode: str = "training", axes: Sequence[int] = (),
            cudnn_off: bool = False, out: NDArray | None = None) -> NDArray:
    """Set each element to 0 with probability `p`, and scale the others by 1 / (1 - p).

    mode: "training": only in training mode; "always": always.
    axes: the axes along which all elements share one decision.

    MXNetError for p outside [0, 1].
    """
    made = _dropout(NDArray, data, p, mode, axes)
    return made if out is None else assign(out, made)


@engine
def BatchNorm(data: NDArray, gamma: NDArray, beta: NDArray, moving_mean: NDArray, moving_var: NDArray,
              eps: float = 1e-3, momentum: float = 0.9, fix_gamma: bool = True, use_global_stats: bool = False,
              output_mean_var: bool = False, axis: int = 1, cudnn_off: bool = False, min_calib_range: Any = None,
              max_calib_range: Any = None, out: NDArray | None = None, name: str | None = None) -> Any:
    """`data` normalized over all axes but `axis`, times `gamma` (1 with fix_gamma), plus `beta`.

    In training mode the mean and variance are those of the batch, and a backward updates the moving ones with them;
    otherwise the moving ones are used.
    """
    made = _batch_norm(NDArray, data, gamma, beta, moving_mean, moving_var, eps, momentum, fix_gamma,
                       use_global_stats, output_mean_var, axis)
    return made if out is None else assign(out, made)


BatchNormWithReLU = with_relu(NDArray, "BatchNormWithReLU")
SyncBatchNorm = synchronized(NDArray, "SyncBatchNorm")
LeakyReLU = leaky_relu(NDArray, "LeakyReLU")


@engine
def RNN(data: NDArray | None = None, parameters: NDArray | None = None, state: NDArray | None = None,
        state_cell: NDArray | None = None, sequence_length: NDArray | None = None, state_size: int | None = None,
        num_layers: int | None = None, bidirectional: bool = False, mode: str | None = None, p: float = 0.0,
        state_outputs: bool = False, projection_size: int | None = None, lstm_state_clip_min: float | None = None,
        lstm_state_clip_max: float | None = None, lstm_state_clip_nan: bool = False,
        use_sequence_length: bool = False, out: Any = None) -> Any:
    """The outputs (steps, batch, directions * out) of stacked recurrent layers; with `state_outputs` also their states.

    data: (steps, batch, inputs).
    parameters: all weights, by layer and direction, each for the input, the state and the projection; then the biases.
    state, state_cell: the states before the first step, (layers * directions, batch, size).
    mode: "rnn_relu", "rnn_tanh", "lstm" or "gru".
    p: the rate of Dropout between layers in training.
    projection_size: the size of an LSTM's output, if it is projected.
    lstm_state_clip_min, lstm_state_clip_max: bounds of the LSTM's cell state, with lstm_state_clip_nan for NaN too.
    sequence_length: with use_sequence_length, the number of steps of each sequence; outputs from there on are 0.

    MXNetError for arguments that are missing or do not fit.
    """
    made = rnn(NDArray, (data, parameters, state, state_cell, sequence_length), mode, state_size, num_layers,
               bidirectional, state_outputs, p, use_sequence_length, projection_size, lstm_state_clip_min,
               lstm_state_clip_max, lstm_state_clip_nan)
    return made if out is None else assign(out, made)


@engine
def boolean_mask(data: NDArray, index: NDArray, axis: int = 0, out: NDArray | None = None) -> NDArray:
    """The slices of `data` along `axis` where `index`, of one axis, is not 0. Reading `index` is a sync point.

    MXNetError if `index` has not one element for each slice.
    """
    if index.ndim != 1 or index.shape[0] != data.shape[axis]:
        raise MXNetError(f"boolean_mask: index {index.shape} for axis {axis} of {data.shape}")
    places = np.flatnonzero(index._read("shape"))
    made = found_by(data[(slice(None),) * (axis % data.ndim) + (places,)], index)
    return made if out is None else assign(out, made)


@engine
def cast_storage(data: NDArray, stype: str | None = None, out: NDArray | None = None) -> NDArray:
    """A copy of `data` in the storage type `stype`. MXNetError for none, and from one sparse type to the other."""
    if stype is None:
        raise MXNetError("Required parameter stype of int is not presented, in operator cast_storage")
    if data.stype not in ("default", stype) and stype != "default":
        raise MXNetError(f"cast_storage from {data.stype} to {stype} is not supported")
    made = data.tostype(stype)  # type: ignore[attr-defined]
    return made if out is None else assign(out, made)


def onehot_encode(indices: NDArray, out: NDArray) -> NDArray:
    """Write a row for each index into the matrix `out`: 1 at the index and 0 elsewhere; returns `out`."""
    out[:] = invoke(internal("nd.one_hot"), NDArray, (indices,), (out.shape[1], 1.0, 0.0, out.dtype))
    return out


def histogram(a: NDArray, bins: Any = 10, range: Any = None) -> list[NDArray]:
    """The counts (int64) and the edges (in the dtype of `a`) of a histogram's bins. Reading `a` is a sync point."""
    edges = bins.asnumpy() if isinstance(bins, NDArray) else bins
    if range is not None:
        range = (float(range[0]), float(range[1]))
    counts, found = np.histogram(a._read("shape"), edges, range)
    return [wrap(NDArray, constant(counts.astype(np.int64))), wrap(NDArray, constant(found.astype(a.dtype)))]


# ---- functions for optimizers --------------------------------------------------------------------

@engine
def all_finite(data: NDArray, init_output: bool = True, out: NDArray | None = None) -> NDArray:
    """Whether all elements are finite, as 1.0 or 0.0; with init_output=False, an `out` of 0 stays 0."""
    return multi_all_finite(data, num_arrays=1, init_output=init_output, out=out)


@engine
def multi_all_finite(*data: NDArray, num_arrays: int = 1, init_output: bool = True,
                     out: NDArray | None = None) -> NDArray:
    """Whether all elements of `num_arrays` arrays are finite, as 1.0 or 0.0. Other arguments as in `all_finite`."""
    _counted("multi_all_finite", data, num_arrays)
    onto = not init_output and out is not None
    made = invoke(internal("nd._all_finite"), NDArray, (*data, out) if onto else data, (onto,))
    return made if out is None else assign(out, made)


@engine
def reset_arrays(*data: NDArray, num_arrays: int | None = None) -> None:
    """Fill `num_arrays` arrays with zeros. MXNetError for another number of them."""
    _counted("reset_arrays", data, num_arrays)
    for array in data:
        array[:] = 0


def _counted(name: str, data: Sequence[NDArray], wanted: int | None) -> None:
    if len(data) != wanted:
        raise MXNetError(f"Operator {name} expects {wanted} inputs, but got {len(data)} instead.")

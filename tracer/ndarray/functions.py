"""Functions of `mx.nd` whose Python side is more than one recorded operation."""
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
from tracer.stateful.dropout import dropout as _dropout
from tracer.stateful.rrelu import leaky_relu

__all__ = ["BatchNorm", "Dropout", "LeakyReLU", "all_finite", "histogram", "multi_all_finite", "onehot_encode",
           "reset_arrays"]


@engine
def Dropout(data: NDArray, p: float = 0.5, mode: str = "training", axes: Sequence[int] = (),
            cudnn_off: bool = False, out: NDArray | None = None) -> NDArray:
    """Each element zeroed with probability `p`, the others scaled by 1 / (1 - p); in training, or mode
    "always".

    axes: one decision for all elements along these. MXNetError for p outside [0, 1].
    """
    made = _dropout(NDArray, data, p, mode, axes)
    return made if out is None else assign(out, made)


@engine
def BatchNorm(data: NDArray, gamma: NDArray, beta: NDArray, moving_mean: NDArray, moving_var: NDArray,
              eps: float = 1e-3, momentum: float = 0.9, fix_gamma: bool = True, use_global_stats: bool = False,
              output_mean_var: bool = False, axis: int = 1, cudnn_off: bool = False, min_calib_range: Any = None,
              max_calib_range: Any = None, out: NDArray | None = None, name: str | None = None) -> Any:
    """`data` normalized over all axes but `axis`, times `gamma` (1: fix_gamma) plus `beta`.

    In training by the batch's mean and variance, which a backward takes into the moving ones; else by these.
    """
    made = _batch_norm(NDArray, data, gamma, beta, moving_mean, moving_var, eps, momentum, fix_gamma,
                       use_global_stats, output_mean_var, axis)
    return made if out is None else assign(out, made)


LeakyReLU = leaky_relu(NDArray, "LeakyReLU")


@engine
def boolean_mask(data: NDArray, index: NDArray, axis: int = 0, out: NDArray | None = None) -> NDArray:
    """The parts of `data` along `axis` where `index` is not 0. Reads `index`: the shape depends on it."""
    if index.ndim != 1 or index.shape[0] != data.shape[axis]:
        raise MXNetError(f"boolean_mask: index {index.shape} for axis {axis} of {data.shape}")
    places = np.flatnonzero(index._read("shape"))
    made = found_by(data[(slice(None),) * (axis % data.ndim) + (places,)], index)
    return made if out is None else assign(out, made)


def onehot_encode(indices: NDArray, out: NDArray) -> NDArray:
    """Write into `out`, a row an index, 1 at the index and 0 elsewhere."""
    out[:] = invoke(internal("nd.one_hot"), NDArray, (indices,), (out.shape[1], 1.0, 0.0, out.dtype))
    return out


def histogram(a: NDArray, bins: Any = 10, range: Any = None) -> list[NDArray]:
    """Counts (int64) and the edges of the bins. Reads `a`."""
    edges = bins.asnumpy() if isinstance(bins, NDArray) else bins
    if range is not None:
        range = (float(range[0]), float(range[1]))
    counts, found = np.histogram(a._read("shape"), edges, range)
    return [wrap(NDArray, constant(counts.astype(np.int64))), wrap(NDArray, constant(found.astype(a.dtype)))]


# ---- what optimizers ask of arrays ---------------------------------------------------------------

@engine
def all_finite(data: NDArray, init_output: bool = True, out: NDArray | None = None) -> NDArray:
    """Whether all elements are finite, as 1.0 or 0.0; without init_output, `out` stays 0 where it is."""
    return multi_all_finite(data, num_arrays=1, init_output=init_output, out=out)


@engine
def multi_all_finite(*data: NDArray, num_arrays: int = 1, init_output: bool = True,
                     out: NDArray | None = None) -> NDArray:
    """all_finite of several arrays together."""
    _counted("multi_all_finite", data, num_arrays)
    onto = not init_output and out is not None
    made = invoke(internal("nd._all_finite"), NDArray, (*data, out) if onto else data, (onto,))
    return made if out is None else assign(out, made)


@engine
def reset_arrays(*data: NDArray, num_arrays: int | None = None) -> None:
    """Fill the arrays with zeros."""
    _counted("reset_arrays", data, num_arrays)
    for array in data:
        array[:] = 0


def _counted(name: str, data: Sequence[NDArray], wanted: int | None) -> None:
    if len(data) != wanted:
        raise MXNetError(f"Operator {name} expects {wanted} inputs, but got {len(data)} instead.")

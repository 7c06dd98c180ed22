"""`mx.npx.random`: draws in batches, Bernoulli trials, and the seed."""
from __future__ import annotations

from functools import partial
from typing import Any

import numpy as _np

from tracer.array.np_array import NP, ndarray
from tracer.array.placing import located
from tracer.core.surface import engine
from tracer.numpy import random as _random
from tracer.rng.state import STREAMS, deliver, parameter, seed, shape_of

__all__ = ["bernoulli", "categorical", "normal_n", "seed", "uniform_n"]


def bernoulli(prob: Any = None, logit: Any = None, size: Any = None, dtype: Any = None, ctx: Any = None,
              device: Any = None, out: ndarray | None = None) -> ndarray:
    """Random numbers that are 1 with probability `prob`, or with log-odds `logit`, else 0; float32 by default.

    size: the result's shape; None: that of the parameter. ValueError unless exactly one of prob and logit is given.
    """
    if (prob is None) == (logit is None):
        raise ValueError("Either `prob` or `logit` must be specified, but not both.")
    p, odds = (None if x is None else parameter(x, "bernoulli") for x in (prob, logit))
    given: Any = odds if p is None else p
    shape = shape_of(size, _np.shape(given))
    return deliver(ndarray, partial(STREAMS.single_bernoulli, p, odds, shape, _np.dtype(dtype or "float32")), out)


def normal_n(loc: Any = 0.0, scale: Any = 1.0, batch_shape: Any = None, dtype: Any = None, ctx: Any = None,
             device: Any = None) -> ndarray:
    """Normal random numbers, float32 by default: `batch_shape` values for each element of the broadcast parameters."""
    return _random.normal(loc, scale, _batched(batch_shape, loc, scale), dtype)


def uniform_n(low: Any = 0.0, high: Any = 1.0, batch_shape: Any = None, dtype: Any = None, ctx: Any = None,
              device: Any = None) -> ndarray:
    """Uniform random numbers, float32 by default: `batch_shape` values for each element of the broadcast parameters."""
    return _random.uniform(low, high, _batched(batch_shape, low, high), dtype)


def _batched(shape: Any, *params: Any) -> tuple[int, ...]:
    return shape_of(shape, ()) + _np.broadcast_shapes(*map(_np.shape, params))


def categorical(data: ndarray, shape: Any = None, get_prob: bool = False, dtype: Any = "int32", size: Any = None,
                out: ndarray | None = None) -> Any:
    """Random indices, drawn with the weights along the last axis of `data`. A sync point.

    shape, size: the shape of the draws for each row of weights; the result has shape data.shape[:-1] + shape.
    get_prob: also return the logarithms of the weights of the drawn indices.
    dtype: int32 by default.
    """
    index = STREAMS.single_categorical(data._read("numpy"), shape_of(size if shape is None else shape, ()),
                                       _np.dtype(dtype))
    drawn = deliver(ndarray, lambda: index, out)
    if not get_prob:
        return drawn
    flat = deliver(ndarray, lambda: index.reshape(*data.shape[:-1], -1).astype(_np.int64))
    return [drawn, NP.log(NP.take_along_axis(data, flat, -1).reshape(index.shape))]


for _name in __all__:
    globals()[_name] = located(globals()[_name])
categorical = engine(categorical)

"""`mx.npx.random`: draws in batches, Bernoulli trials, and the seed."""
from __future__ import annotations

from typing import Any

import numpy as _np

from tracer.np_array import ndarray
from tracer.numpy import random as _random
from tracer.placing import located
from tracer.random_state import STREAMS, deliver, parameter, seed, shape_of

__all__ = ["bernoulli", "categorical", "normal_n", "seed", "uniform_n"]


def bernoulli(prob: Any = None, logit: Any = None, size: Any = None, dtype: Any = None, ctx: Any = None,
              device: Any = None, out: ndarray | None = None) -> ndarray:
    """1 with probability `prob`, or with that of the log-odds `logit`; else 0. ValueError unless one is
    given."""
    if (prob is None) == (logit is None):
        raise ValueError("Either `prob` or `logit` must be specified, but not both.")
    p, odds = (None if x is None else parameter(x, "bernoulli") for x in (prob, logit))
    given: Any = odds if p is None else p
    shape = shape_of(size, _np.shape(given))
    return deliver(ndarray, STREAMS.single_bernoulli(p, odds, shape, _np.dtype(dtype or "float32")), out)


def _batched(name: str, first: str, second: str) -> Any:
    def family(a: Any = 0.0, b: Any = 1.0, batch_shape: Any = None, dtype: Any = None, ctx: Any = None,
               device: Any = None) -> ndarray:
        shape = shape_of(batch_shape, ()) + _np.broadcast_shapes(_np.shape(a), _np.shape(b))
        return getattr(_random, name)(a, b, shape, dtype)

    def keywords(*args: Any, **kwargs: Any) -> ndarray:
        return family(*args, **{{first: "a", second: "b"}.get(k, k): v for k, v in kwargs.items()})

    keywords.__name__ = keywords.__qualname__ = f"{name}_n"
    keywords.__doc__ = f"`np.random.{name}({first}, {second})`, `batch_shape` values each."
    return keywords


normal_n, uniform_n = _batched("normal", "loc", "scale"), _batched("uniform", "low", "high")


def categorical(data: ndarray, size: Any = None, dtype: Any = "int32") -> ndarray:
    """Indices drawn by the weights along the last axis of `data`."""
    shape = shape_of(size, ())
    return deliver(ndarray, STREAMS.single_categorical(data._read("numpy"), shape, _np.dtype(dtype)))

for _name in __all__:
    globals()[_name] = located(globals()[_name])

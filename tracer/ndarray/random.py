"""`mx.nd.random` and `mx.random`: draws from MXNet's parallel generators, bit for bit."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.arrays import NDArray
from tracer.namespaces import functions_of
from tracer.placing import located
from tracer.random_state import STREAMS, deliver, parameter, shape_of

__all__ = ["bernoulli", "binomial", "categorical", "exponential", "exponential_like", "gamma", "gamma_like",
           "generalized_negative_binomial", "generalized_negative_binomial_like", "multinomial",
           "negative_binomial", "negative_binomial_like", "normal", "normal_like", "poisson", "poisson_like",
           "randint", "randn", "shuffle", "uniform", "uniform_like"]

_NP = functions_of("np", NDArray)


def _kind(dtype: Any) -> np.dtype:
    return np.dtype("float32" if dtype in (None, "None") else dtype)


def _drawn(method: Callable[..., np.ndarray], params: tuple, shape: Any, dtype: Any, out: Any) -> Any:
    """`shape` values for each element of the parameters; (1,) for numbers alone, as nd has no scalars."""
    given = [parameter(p) for p in params]
    default = () if isinstance(given[0], np.ndarray) else (1,)
    if shape is None and out is not None and default:
        default = tuple(out.shape)
    return deliver(NDArray, method(*given, shape_of(shape, default), _kind(dtype)), out)


def uniform(low: Any = 0, high: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None,
            out: Any = None,
            **kwargs: Any) -> NDArray:
    """Uniform in [low, high); of array parameters `shape` values for each element. MXNetError for low >
    high."""
    return _drawn(STREAMS.par_uniform, (low, high), shape, dtype, out)


def normal(loc: Any = 0, scale: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any =
None,
           **kwargs: Any) -> NDArray:
    """Normal with mean `loc` and deviation `scale`, which must be positive (MXNetError)."""
    return _drawn(STREAMS.par_normal, (loc, scale), shape, dtype, out)


def randn(*shape: int, loc: Any = 0, scale: Any = 1, dtype: Any = None, **kwargs: Any) -> NDArray:
    """Normal, of the given dimensions."""
    return normal(loc, scale, shape or None, dtype, out=kwargs.get("out"))


def randint(low: int, high: int, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None,
            **kwargs: Any) -> NDArray:
    """Integers in [low, high); int32 by default. MXNetError for an empty range."""
    kind = np.dtype("int32" if dtype is None else dtype)
    return deliver(NDArray, STREAMS.par_randint(int(low), int(high), shape_of(shape, (1,)), kind), out)


def shuffle(data: NDArray, **kwargs: Any) -> NDArray:
    """A copy of `data` with its rows in a random order."""
    order = STREAMS.single_permutation(data.shape[0], data.ndim > 1)
    return _NP["take"](data, deliver(NDArray, order), 0, out=kwargs.get("out"))


def _sampled(name: str, *defaults: tuple[str, float]) -> Callable[..., NDArray]:
    def method(*args: Any) -> np.ndarray:
        *params, shape, dtype = args
        return STREAMS.par_sample(name, tuple(params), shape, dtype)

    names = [n for n, _ in defaults]

    def family(*args: Any, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None,
               **kwargs: Any) -> NDArray:
        values = dict(defaults)
        values.update(zip(names, args))
        values.update({n: kwargs.pop(n) for n in names if n in kwargs})
        rest = args[len(names):]
        return _drawn(method, tuple(values.values()), rest[0] if rest else shape, rest[1] if len(rest) > 1
        else dtype,
                      out)

    family.__doc__ = f"{name.replace('_', ' ').capitalize()} with parameters {', '.join(names)}."
    family.__name__ = family.__qualname__ = name
    return family


gamma = _sampled("gamma", ("alpha", 1), ("beta", 1))
poisson = _sampled("poisson", ("lam", 1))
negative_binomial = _sampled("negative_binomial", ("k", 1), ("p", 1))
generalized_negative_binomial = _sampled("generalized_negative_binomial", ("mu", 1), ("alpha", 1))
binomial = _sampled("binomial", ("n", 1), ("p", 0.5))
_exponential = _sampled("exponential", ("lam", 1))


def exponential(scale: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None,
                **kwargs: Any) -> NDArray:
    """Exponential with mean `scale`."""
    rate = 1.0 / kwargs["lam"] if "lam" in kwargs else scale
    return _exponential(1.0 / rate, shape=shape, dtype=dtype, out=out)


def categorical(data: NDArray, shape: Any = None, get_prob: bool = False, out: Any = None, dtype: Any =
"int32",
                **kwargs: Any) -> Any:
    """Indices drawn by the weights along the last axis of `data`; get_prob: also the logarithms of these
    weights.

    The result has shape data.shape[:-1] + shape; (1,) for one draw from one line.
    """
    values = data._read("numpy")
    lead = data.shape[:-1]
    index = STREAMS.single_categorical(values, shape_of(shape, () if lead else (1,)), np.dtype(dtype))
    drawn = deliver(NDArray, index, out)
    if not get_prob:
        return drawn
    flat = deliver(NDArray, index.reshape(*lead, -1).astype(np.int64))
    weights = _NP["take_along_axis"](data, flat, -1)
    return [drawn, _NP["log"](_NP["_reshape"](weights, index.shape, "C"))]


def multinomial(data: Any = None, shape: Any = None, get_prob: bool = False, out: Any = None,
                dtype: Any = None,
                n: Any = None, p: Any = None, **kwargs: Any) -> Any:
    """1.9.1's: indices drawn by the weights `data` (see `categorical`). With n= and p=, 2.0's: counts of `n`
    trials."""
    if p is None:
        return categorical(data, shape, get_prob, out, dtype or "int32")
    trials, weights = parameter(n), parameter(p)
    counts = STREAMS.par_multinomial(np.asarray(trials), np.asarray(weights), shape_of(shape, ()),
    _kind(dtype))
    return deliver(NDArray, counts, out)


def bernoulli(p: Any = 0.5, shape: Any = None, dtype: Any = None, ctx: Any = None,
              out: Any = None) -> NDArray:
    """1 with probability `p`, else 0."""
    given = parameter(p)
    default = given.shape if isinstance(given, np.ndarray) else (1,)
    return deliver(NDArray, STREAMS.single_bernoulli(given, None, shape_of(shape, default), _kind(dtype)),
    out)


def _like(family: Callable[..., NDArray]) -> Callable[..., NDArray]:
    def like(data: NDArray, *params: Any, **kwargs: Any) -> NDArray:
        return family(*params, shape=data.shape, dtype=data.dtype, **kwargs)

    like.__name__ = like.__qualname__ = f"{family.__name__}_like"
    like.__doc__ = f"`{family.__name__}` of the shape and dtype of `data`."
    return like


uniform_like, normal_like, gamma_like, poisson_like = map(_like, (uniform, normal, gamma, poisson))
exponential_like, negative_binomial_like = _like(_exponential), _like(negative_binomial)
generalized_negative_binomial_like = _like(generalized_negative_binomial)

for _name in __all__:
    globals()[_name] = located(globals()[_name])

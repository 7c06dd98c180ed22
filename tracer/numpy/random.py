"""`mx.np.random`: draws from MXNet's generators, bit for bit, at the time of the call."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as _np

from tracer.array.np_array import NP, ndarray
from tracer.array.placing import located
from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.shapes import check_choice
from tracer.ops.primitive.promotion import default_float
from tracer.rng.state import STREAMS, deliver, draw_from, has_gradient, parameter, seed, shape_of

from .creation import array

__all__ = ["beta", "chisquare", "choice", "exponential", "f", "gamma", "gumbel", "laplace", "logistic",
           "lognormal", "multinomial", "multivariate_normal", "normal", "pareto", "permutation", "power",
           "rand", "randint", "randn", "rayleigh", "seed", "shuffle", "uniform", "weibull"]


def _float(dtype: Any) -> _np.dtype:
    kind = default_float() if dtype is None else _np.dtype(dtype)
    if kind.kind == "b":
        raise MXNetError("a draw from a continuous distribution has no dtype bool")
    return kind


def _shape(size: Any, params: tuple) -> tuple[int, ...]:
    """The shape `size`; for None and (), that of the parameters, broadcast. MXNetError if these do not fit `size`."""
    try:
        own = _np.broadcast_shapes(*(_np.shape(p) for p in params))
        shape = own if size == () else shape_of(size, own)
        _np.broadcast_shapes(shape, own)
    except ValueError as error:
        raise MXNetError(f"parameters of shapes {[_np.shape(p) for p in params]} do not fit size={size}") from error
    return shape


def _drawn(method: Callable[..., _np.ndarray], params: tuple, size: Any, dtype: Any, out: Any = None) -> Any:
    """An array of draws of the shape `size` (None: the broadcast shape of the parameters)."""
    shape = _shape(size, params)
    extra = () if dtype is None else (dtype,)
    return draw_from(ndarray, method, params, shape, *extra, out=out)


def _located(method: Callable[..., _np.ndarray], loc: Any, scale: Any, size: Any, dtype: Any, out: Any,
             standard: tuple[float, float] = (0.0, 1.0)) -> Any:
    """Draws from a family with location and scale; under `record()`, if one has a gradient, loc + scale * noise."""
    if not has_gradient(loc) and not has_gradient(scale):
        return _drawn(method, (loc, scale), size, dtype, out)
    shape = _shape(size, (loc, scale))
    noise = deliver(ndarray, partial(method, *standard, shape, dtype))
    return NP.add(loc, NP.multiply(scale, noise), out)


def uniform(low: Any = 0.0, high: Any = 1.0, size: Any = None, dtype: Any = None, ctx: Any = None,
            device: Any = None, out: ndarray | None = None) -> ndarray:
    """Uniform random numbers in [low, high), float32 by default.

    size: the result's shape; None: that of the parameters, broadcast.

    >>> from tracer import np
    >>> np.random.seed(0)
    >>> np.random.uniform(size=2)
    array([0.5488135, 0.5928446])
    """
    if has_gradient(low) or has_gradient(high):
        return _located(STREAMS.single_uniform, low, NP.subtract(high, low), size, _float(dtype), out)
    return _drawn(STREAMS.single_uniform, (low, high), size, _float(dtype), out)


def normal(loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = None, ctx: Any = None,
           device: Any = None, out: ndarray | None = None) -> ndarray:
    """Normal random numbers with mean `loc` and standard deviation `scale`, float32 by default.

    size: the result's shape; None: that of the parameters, broadcast.

    ValueError for a negative `scale`.
    """
    return _located(STREAMS.single_normal, loc, scale, size, _float(dtype), out)


def rand(*size: int, **kwargs: Any) -> ndarray:
    """Uniform random numbers in [0, 1), in an array of the given dimensions; float32 by default."""
    return uniform(0, 1, size, **kwargs)


def randn(*size: int, **kwargs: Any) -> ndarray:
    """Standard normal random numbers in an array of the given dimensions; float32 by default."""
    return normal(0, 1, size, **kwargs)


def lognormal(mean: Any = 0.0, sigma: Any = 1.0, size: Any = None, dtype: Any = None, ctx: Any = None,
              device: Any = None, out: ndarray | None = None) -> ndarray:
    """Log-normal random numbers: exp of normal ones with `mean` and deviation `sigma`; float32 by default."""
    return _drawn(STREAMS.single_lognormal, (mean, sigma), size, _float(dtype), out)


def randint(low: int, high: int | None = None, size: Any = None, dtype: Any = None, ctx: Any = None,
            device: Any = None, out: ndarray | None = None) -> ndarray:
    """Random integers in [low, high), or in [0, low) for a single bound; int64 (the default) or int32.

    MXNetError for an empty range and for another dtype.
    """
    low, high = (0, low) if high is None else (low, high)
    kind = _np.dtype("int64" if dtype is None else dtype)
    check_choice(kind.name, ("int32", "int64"))
    return draw_from(ndarray, STREAMS.par_randint, (int(low), int(high)), shape_of(size, ()), kind, out=out)


def choice(a: Any, size: Any = None, replace: bool = True, p: Any = None, ctx: Any = None, device: Any = None,
           out: ndarray | None = None) -> ndarray:
    """Random elements of `a` along its first axis; for a number n, of 0 … n-1, int64.

    size: the shape of the draws.
    replace: whether an element can be drawn again; False with too many draws: MXNetError.
    p: the elements' weights; None: equal ones.
    """
    population = None if isinstance(a, (int, _np.integer)) else a if isinstance(a, ndarray) else array(a)
    n = int(a) if population is None else population.shape[0]
    weights = None if p is None else _np.asarray(parameter(p), _np.float32)
    draw = partial(STREAMS.single_choice, n, shape_of(size, ()), bool(replace), weights)
    if population is None:
        return deliver(ndarray, draw, out)
    return NP.take(population, deliver(ndarray, draw), 0, out=out)


def _order(x: ndarray) -> ndarray:
    return deliver(ndarray, partial(STREAMS.single_permutation, x.shape[0], x.ndim > 1))


def shuffle(x: ndarray) -> None:
    """Shuffle `x` along its first axis, in place. MXNetError for a 0-d array."""
    if not x.shape:
        raise MXNetError("shuffle requires at least one dimension")
    x[:] = NP.take(x, _order(x), 0)


def permutation(x: Any) -> ndarray:
    """A copy of `x`, shuffled along its first axis; for a number n, the numbers 0 … n-1 in random order."""
    x = NP._arange(0, int(x), 1, default_float().name) if isinstance(x, (int, _np.integer)) else x
    return NP.take(x, _order(x), 0)


def multinomial(n: int, pvals: Any, size: Any = None, **kwargs: Any) -> ndarray:
    """The counts of each outcome in `n` trials with the probabilities `pvals`, int64.

    The result has shape size + (len(pvals),). MXNetError if the probabilities sum to more than 1.
    """
    weights = parameter(pvals) if isinstance(pvals, (ndarray, _np.ndarray)) else list(pvals)
    return deliver(ndarray, partial(STREAMS.single_multinomial, int(n), weights, shape_of(size, ())))


def multivariate_normal(mean: Any, cov: Any, size: Any = None, check_valid: Any = None,
                        tol: Any = None) -> ndarray:
    """Random normal vectors with the mean `mean`, of shape (n,), and the covariance `cov`, of shape (n, n).

    The result has shape size + (n,). NotImplementedError for `check_valid` and `tol`.
    """
    if check_valid is not None or tol is not None:
        raise NotImplementedError("multivariate_normal(check_valid, tol)")
    shape = shape_of(size, ())
    return deliver(ndarray, partial(STREAMS.single_multivariate_normal, _np.asarray(parameter(mean)),
                                    _np.asarray(parameter(cov)), shape))


def gamma(shape: Any, scale: Any = 1.0, size: Any = None, dtype: Any = None, ctx: Any = None, device: Any =
None,
          out: ndarray | None = None) -> ndarray:
    """Gamma random numbers with parameters `shape` and `scale`, float32 by default. ValueError unless positive."""
    return _drawn(STREAMS.single_gamma, (shape, scale), size, _float(dtype), out)


def beta(a: Any, b: Any, size: Any = None, dtype: Any = None, ctx: Any = None, device: Any = None) -> ndarray:
    """Beta random numbers with parameters `a` and `b`, float32 by default. ValueError unless positive."""
    return _drawn(STREAMS.single_beta, (a, b), size, _float(dtype))


def chisquare(df: Any, size: Any = None, dtype: Any = None, ctx: Any = None, device: Any = None) -> ndarray:
    """Chi-square random numbers with `df` degrees of freedom, float32 by default. ValueError unless positive."""
    return _drawn(STREAMS.single_chisquare, (df,), size, _float(dtype))


def f(dfnum: Any, dfden: Any, size: Any = None, ctx: Any = None, device: Any = None) -> ndarray:
    """F-distributed random numbers with `dfnum` and `dfden` degrees of freedom, float32. ValueError unless positive."""
    return _drawn(STREAMS.single_f, (dfnum, dfden), size, None)


def _located_family(name: str) -> Callable[..., ndarray]:
    def method(loc: Any, scale: Any, shape: Any, dtype: Any) -> _np.ndarray:
        return STREAMS.single_transformed(name, loc, scale, shape, dtype)

    def family(loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = None, ctx: Any = None,
               device: Any = None, out: ndarray | None = None) -> ndarray:
        return _located(method, loc, scale, size, _float(dtype), out)

    family.__doc__ = f"{name.capitalize()} with location `loc` and `scale`; ValueError when negative."
    family.__name__ = family.__qualname__ = name
    return family


def _scaled_family(name: str, word: str) -> Callable[..., ndarray]:
    def method(value: Any, shape: Any, dtype: Any) -> _np.ndarray:
        return STREAMS.single_transformed(name, value, None, shape, dtype)

    def family(scale: Any = 1.0, size: Any = None, ctx: Any = None, device: Any = None,
               out: ndarray | None = None) -> ndarray:
        return _drawn(method, (scale,), size, _float(None), out)

    def shaped(a: Any, size: Any = None, ctx: Any = None, device: Any = None,
               out: ndarray | None = None) -> ndarray:
        return _drawn(method, (a,), size, _float(None), out)

    made_ = family if word == "scale" else shaped
    made_.__doc__ = f"{name.capitalize()} with {word} parameter; ValueError for one out of range."
    made_.__name__ = made_.__qualname__ = name
    return made_


laplace, logistic, gumbel = _located_family("laplace"), _located_family("logistic"), _located_family("gumbel")
exponential, rayleigh = _scaled_family("exponential", "scale"), _scaled_family("rayleigh", "scale")
weibull, pareto, power = (_scaled_family(_name, "shape") for _name in ("weibull", "pareto", "power"))

for _name in __all__:
    globals()[_name] = located(globals()[_name])

"""`mx.sym.random`: random numbers with parameters that are numbers or symbols."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import _Null, numeric_types
from ..rng import zipfian
from .namespaces import INTERNAL
from .symbol import Symbol

_LIKE = ("uniform_like", "normal_like", "gamma_like", "poisson_like", "exponential_like", "negative_binomial_like",
         "generalized_negative_binomial_like")

__all__ = ["exponential", "gamma", "generalized_negative_binomial", "multinomial", "negative_binomial", "normal",
           "poisson", "randint", "randn", "shuffle", "uniform", *_LIKE]


def _drawn(kind: str, names: tuple[str, ...], params: tuple[Any, ...], shape: Any, dtype: Any,
           kwargs: dict[str, Any]) -> Symbol:
    """Random numbers of a distribution: for each element of the parameters, if these are symbols."""
    first = params[0]
    wanted = Symbol if isinstance(first, Symbol) else numeric_types
    if not isinstance(first, (Symbol, *numeric_types)):
        raise ValueError(f"Distribution parameters must be either Symbol or numbers, but got {type(first)}.")
    for x in params[1:]:
        if not isinstance(x, wanted):
            raise AssertionError("Distribution parameters must all have the same type, but got both "
                                 f"{type(first)} and {type(x)}.")
    operate = INTERNAL[f"_{'sample' if wanted is Symbol else 'random'}_{kind}"]
    if wanted is Symbol:
        return operate(*params, shape=shape, dtype=dtype, **kwargs)
    return operate(**dict(zip(names, params)), shape=shape, dtype=dtype, **kwargs)


def _distribution(kind: str, **defaults: float) -> Callable[..., Symbol]:
    names = tuple(defaults)

    def draw(*args: Any, **kwargs: Any) -> Symbol:
        given = {**dict(zip((*names, "shape", "dtype"), args)), **kwargs}
        params = tuple([given.pop(n, defaults[n]) for n in names])
        return _drawn(kind, names, params, given.pop("shape", _Null), given.pop("dtype", _Null), given)

    draw.__name__ = draw.__qualname__ = kind
    draw.__doc__ = f"Random numbers of the {kind.replace('_', ' ')} distribution, with {', '.join(names)}."
    return draw


uniform = _distribution("uniform", low=0, high=1)
normal = _distribution("normal", loc=0, scale=1)
poisson = _distribution("poisson", lam=1)
gamma = _distribution("gamma", alpha=1, beta=1)
negative_binomial = _distribution("negative_binomial", k=1, p=1)
generalized_negative_binomial = _distribution("generalized_negative_binomial", mu=1, alpha=1)


uniform_like, normal_like, gamma_like, poisson_like, exponential_like, negative_binomial_like, \
    generalized_negative_binomial_like = (INTERNAL[f"_random_{name}"] for name in _LIKE)


def exponential(scale: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Random numbers of the exponential distribution with mean `scale`."""
    return _drawn("exponential", ("lam",), (1.0 / scale,), shape, dtype, kwargs)


def randn(*shape: int, **kwargs: Any) -> Symbol:
    """Random numbers of the normal distribution with mean `loc` and deviation `scale`, of a shape."""
    loc, scale, dtype = kwargs.pop("loc", 0), kwargs.pop("scale", 1), kwargs.pop("dtype", _Null)
    return _drawn("normal", ("loc", "scale"), (loc, scale), shape, dtype, kwargs)


def multinomial(data: Symbol, shape: Any = _Null, get_prob: bool = True, dtype: Any = "int32",
                **kwargs: Any) -> Symbol:
    """Random indices, drawn with the weights along the last axis of `data`; with get_prob also their logarithms."""
    return INTERNAL["_sample_multinomial"](data, shape, get_prob, dtype=dtype, **kwargs)


def shuffle(data: Symbol, **kwargs: Any) -> Symbol:
    """`data` in a random order of its first axis."""
    return INTERNAL["_shuffle"](data, **kwargs)


def randint(low: int, high: int, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Random integers in [low, high)."""
    return INTERNAL["_random_randint"](low=low, high=high, shape=shape, dtype=dtype, **kwargs)


def rand_zipfian(true_classes: Symbol, num_sampled: int, range_max: int) -> tuple[Symbol, Symbol, Symbol]:
    """Symbols of what `mx.nd.contrib.rand_zipfian` returns. AssertionError if `true_classes` is no symbol."""
    assert isinstance(true_classes, Symbol), f"unexpected type {type(true_classes)}"
    return zipfian.candidates(uniform, true_classes, num_sampled, range_max)

"""`mx.nd.random` and `mx.random`: draws from MXNet's parallel generators, bit for bit."""
from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tracer.array.nd_array import NDArray
from tracer.array.placing import located
from tracer.array.views import internal
from tracer.context import current_context
from tracer.core.surface import engine, wrapper
from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.op import FLOATS
from tracer.ops.ir.shapes import check_choice
from tracer.rng import zipfian
from tracer.rng.decimals import as_read
from tracer.rng.state import STREAMS, deliver, draw_from, parameter, shape_of

from .creation import known

__all__ = ["bernoulli", "binomial", "categorical", "exponential", "exponential_like", "gamma", "gamma_like",
           "generalized_negative_binomial", "generalized_negative_binomial_like", "multinomial",
           "negative_binomial", "negative_binomial_like", "normal", "normal_like", "poisson", "poisson_like",
           "randint", "randn", "shuffle", "uniform", "uniform_like"]

_take, _take_along_axis, _log, _reshape = [
    wrapper(internal(f"np.{name}"), name, NDArray, False) for name in ("take", "take_along_axis", "log", "_reshape")]


def _kind(dtype: Any) -> np.dtype:
    return np.dtype("float32" if dtype in (None, "None") else dtype)


def _drawn(method: Callable[..., np.ndarray], params: tuple, shape: Any, dtype: Any, out: Any) -> Any:
    """An array of draws: `shape` values for each element of the parameters.

    The default shape is (1,) if all parameters are numbers, as `mx.nd` has no 0-d arrays. Without a dtype it is that
    of `out`; MXNetError for another `out` and for a dtype that is not floating.
    """
    arrays = (NDArray, list, tuple, np.ndarray)
    params = tuple([p if isinstance(p, arrays) else float(as_read(p)) for p in params])
    kind = _kind(out.dtype if dtype in (None, "None") and out is not None else dtype)
    check_choice(kind.name, ("float16", "float32", "float64"))
    if out is not None and out.dtype != kind:
        raise MXNetError(f"out has dtype {np.dtype(out.dtype)}, the draw {kind}")
    default = () if isinstance(params[0], arrays) else (1,)
    if shape is not None and default:
        shape = known(shape, "random")
    elif out is not None and default:
        default = tuple(out.shape)
    return draw_from(NDArray, method, params, shape_of(shape, default), kind, out=out)


def uniform(low: Any = 0, high: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None,
            out: Any = None) -> NDArray:
    """Uniform random numbers in [low, high), float32 by default.

    shape: the result's shape; for array parameters, the shape of the draws for each of their elements.

    MXNetError for numbers low > high.
    """
    return _drawn(STREAMS.par_uniform, (low, high), shape, dtype, out)


def normal(loc: Any = 0, scale: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None,
           out: Any = None) -> NDArray:
    """Normal random numbers with mean `loc` and standard deviation `scale`, float32 by default.

    shape: as in `uniform`.

    MXNetError for a number `scale` that is not positive.
    """
    return _drawn(STREAMS.par_normal, (loc, scale), shape, dtype, out)


def randn(*shape: int, loc: Any = 0, scale: Any = 1, dtype: Any = None, ctx: Any = None, out: Any = None) -> NDArray:
    """Normal random numbers in an array of the given dimensions; the other arguments as in `normal`."""
    return normal(loc, scale, shape or None, dtype, out=out)


def randint(low: int, high: int, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None) -> NDArray:
    """Random integers in [low, high), int32 (the default) or int64. MXNetError for an empty range or another dtype."""
    kind = np.dtype("int32" if dtype is None else dtype)
    check_choice(kind.name, ("int32", "int64"))
    shape = (1,) if shape is None else known(shape, "random_randint")
    return draw_from(NDArray, STREAMS.par_randint, (int(low), int(high)), shape_of(shape, ()), kind, out=out)


def shuffle(data: NDArray, out: Any = None) -> NDArray:
    """A copy of `data`, shuffled along its first axis."""
    order = partial(STREAMS.single_permutation, data.shape[0], data.ndim > 1)
    return _take(data, deliver(NDArray, order), 0, out=out)


def exponential(scale: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None) -> NDArray:
    """Exponential random numbers with mean `scale`, float32 by default. `shape` as in `uniform`."""
    return _drawn(_sampler("exponential"), (1.0 / scale,), shape, dtype, out)


def _sampler(name: str) -> Callable[..., np.ndarray]:
    def sample(*args: Any) -> np.ndarray:
        *params, shape, dtype = args
        return STREAMS.par_sample(name, tuple(params), shape, dtype)

    return sample


#: The parameters of the families, with their defaults.
_PARAMETERS: dict[str, dict[str, float]] = {
    "uniform": {"low": 0, "high": 1}, "normal": {"loc": 0, "scale": 1}, "gamma": {"alpha": 1, "beta": 1},
    "poisson": {"lam": 1}, "exponential": {"lam": 1}, "negative_binomial": {"k": 1, "p": 1},
    "generalized_negative_binomial": {"mu": 1, "alpha": 1}, "binomial": {"n": 1, "p": 0.5}}
_DRAWS = {**{_name: _sampler(_name) for _name in _PARAMETERS},
          "uniform": STREAMS.par_uniform, "normal": STREAMS.par_normal}


def _family(name: str, family: str, others: Sequence[str] = ("shape", "dtype", "ctx", "out"),
            names: Sequence[str] = ()) -> Callable[..., NDArray]:
    """The function `name`, which draws from a family of distributions.

    others: its arguments besides the family's parameters; "data" is an array that gives shape and dtype.
    names: other names of the family's parameters.
    """
    draw, defaults = _DRAWS[family], _PARAMETERS[family]
    params = dict(zip(names or defaults, defaults.values(), strict=True))
    listed = {**params, **dict.fromkeys(others)}
    if "data" in listed:
        listed = {"data": None, **listed}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(n, kind, default=v) for n, v in listed.items()])

    def function(*args: Any, **kwargs: Any) -> NDArray:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        values = given.arguments
        like = values.get("data")
        shape, dtype = (values.get("shape"), values.get("dtype")) if like is None else (like.shape, like.dtype)
        return _drawn(draw, tuple([values[n] for n in params]), shape, dtype, values["out"])

    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{family.replace('_', ' ').capitalize()} with parameters {', '.join(params)}."
    return function


gamma, poisson, binomial = (_family(_name, _name) for _name in ("gamma", "poisson", "binomial"))
negative_binomial = _family("negative_binomial", "negative_binomial")
generalized_negative_binomial = _family("generalized_negative_binomial", "generalized_negative_binomial")


#: The dtypes in which indices are drawn.
_INDICES = ("float16", "float32", "float64", "int32", "uint8")


def categorical(data: NDArray, shape: Any = None, get_prob: bool = False, out: Any = None,
                dtype: Any = "int32") -> Any:
    """Random indices, drawn with the weights along the last axis of `data`. Reading `data` is a sync point.

    shape: the draws for each row of weights; the result has shape data.shape[:-1] + shape, or (1,) for a single draw.
    get_prob: also return the logarithms of the weights of the drawn indices.
    dtype: int32 by default.

    MXNetError for weights that are no floats, and for a dtype that MXNet does not draw indices in.
    """
    if data._value.aval.dtype not in FLOATS:
        raise MXNetError(f"This operation only support floating point types, not {data.dtype.__name__}")
    check_choice(np.dtype(dtype).name, _INDICES)
    values = data._read("numpy")
    lead = data.shape[:-1]
    index = STREAMS.single_categorical(values, shape_of(shape, () if lead else (1,)), np.dtype(dtype))
    drawn = deliver(NDArray, lambda: index, out)
    if not get_prob:
        return drawn
    flat = deliver(NDArray, lambda: index.reshape(*lead, -1).astype(np.int64))
    weights = _take_along_axis(data, flat, -1)
    return [drawn, _log(_reshape(weights, index.shape, "C"))]


def multinomial(data: Any = None, shape: Any = None, get_prob: bool = False, out: Any = None, dtype: Any = None,
                n: Any = None, p: Any = None) -> Any:
    """Random indices, drawn with the weights `data`, as in MXNet 1.9.1 (see `categorical`).

    With n= and p=, as in MXNet 2.0: the counts of each outcome in `n` trials with the probabilities `p`.
    """
    if p is None:
        return categorical(data, shape, get_prob, out, dtype or "int32")
    trials, weights = parameter(n), parameter(p)
    return deliver(NDArray, partial(STREAMS.par_multinomial, np.asarray(trials), np.asarray(weights),
                                    shape_of(shape, ()), _kind(dtype)), out)


def bernoulli(p: Any = 0.5, shape: Any = None, dtype: Any = None, ctx: Any = None,
              out: Any = None) -> NDArray:
    """Random numbers that are 1 with probability `p`, else 0; float32 by default."""
    given = parameter(p)
    default = given.shape if isinstance(given, np.ndarray) else (1,)
    return deliver(NDArray, partial(STREAMS.single_bernoulli, given, None, shape_of(shape, default), _kind(dtype)), out)


uniform_like, normal_like, gamma_like, poisson_like, exponential_like, negative_binomial_like, \
    generalized_negative_binomial_like = (_family(f"{_name}_like", _name, ("data", "out")) for _name in (
        "uniform", "normal", "gamma", "poisson", "exponential", "negative_binomial", "generalized_negative_binomial"))

for _name in __all__:
    globals()[_name] = engine(located(globals()[_name]))

#: The operators `nd.random_uniform`, `nd.sample_uniform` and so on, whose parameters are in another order.
OPERATORS = {
    f"{_kind}_{_name}": engine(located(_family(f"{_kind}_{_name}", _name, _others, _names)))
    for _kind, _others in (("random", ("shape", "ctx", "dtype", "out")), ("sample", ("shape", "dtype", "out")))
    for _name, _names in {**dict.fromkeys(_PARAMETERS, ()), "normal": ("mu", "sigma") * (_kind == "sample")}.items()
    if _name != "binomial"}


def _random_randint(low: int, high: int, shape: Any = None, ctx: Any = None, dtype: Any = None,
                    out: Any = None) -> NDArray:
    """Random integers in [low, high), int32 (the default) or int64."""
    return randint(low, high, shape, dtype, ctx, out)


def _sample_multinomial(data: NDArray, shape: Any = None, get_prob: bool = False, dtype: Any = "int32",
                        out: Any = None) -> Any:
    """Random indices, drawn with the weights along the last axis of `data`: `categorical` in another order."""
    return categorical(data, shape, get_prob, out, dtype)


OPERATORS["sample_multinomial"] = engine(located(_sample_multinomial))
OPERATORS["random_randint"] = engine(located(_random_randint))


def rand_zipfian(true_classes: NDArray, num_sampled: int, range_max: int, ctx: Any = None
                 ) -> tuple[NDArray, NDArray, NDArray]:
    """Classes drawn with probabilities that fall like 1 / class, for sampled losses, and their expected counts.

    true_classes: the classes whose expected counts are returned, too.
    num_sampled: the number of draws, with replacement.
    range_max: the number of classes.

    Returns the drawn classes, int64, the expected counts of `true_classes` and those of the drawn ones, float64.
    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/legacy/ndarray/contrib/index.html
    """
    where = current_context() if ctx is None else ctx
    return zipfian.candidates(partial(uniform, ctx=where), true_classes.as_in_context(where), num_sampled, range_max)

"""Neural-network functions as compositions: activations, softmax and variants, normalizations, helpers.

They accept arrays of both flavours; `np_names` and `nd_names` give the names under which they are found.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from .elementwise import SQUARE, Elementwise, cast
from .noise import EPS, Noise
from .np_elementwise import BOOL, FUNCTIONS, away_from_zero, sign, unary
from .np_movement import npx_reshape
from .np_products import einsum
from .np_reductions import SQRT, axes_of, finished, total
from .values import ONCE, WORLD, NoAnswer, Op, Step, Value, apply, tied


def _floats(dtype: np.dtype) -> np.dtype:
    """Integers are kept: their results are truncated; forms/layers.py gives these functions floats only."""
    if dtype.kind != "f":
        raise NoAnswer("integers")
    return dtype


def _double(fn: Any) -> Any:
    """Wrap a function of SciPy's, as these do not take 80 bits."""
    return lambda x: fn(np.asarray(x, np.float64))


def _gammaln(x: np.ndarray) -> np.ndarray:
    """gammaln; inf at -inf too, as in MXNet."""
    return np.where(x == -np.inf, np.inf, special.gammaln(x))


def _psi(x: np.ndarray) -> np.ndarray:
    """digamma; infinite at its poles, as in MXNet."""
    return np.where((x <= 0) & (x == np.floor(x)), np.inf, special.digamma(x))


def _psi_slope(x: np.ndarray) -> np.ndarray:
    return np.where(x == -np.inf, np.nan, special.polygamma(1, x))


def _gamma_slope(x: np.ndarray) -> np.ndarray:
    return special.gamma(x) * _psi(x)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


class _Poled(Elementwise):
    """A function with poles at 0 and the negative integers. Rounding may hit one: values near poles are undecided."""

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        x, = arrays
        out = super().error(out, arrays, dtype, noise)
        with np.errstate(invalid="ignore"):
            away = abs(x - np.rint(x))
            near = (x < 0.5) & (away > 0) & (away <= 8 * EPS[dtype.name] * np.maximum(abs(x), 1.0))
        return np.where(near, np.inf if np.isnan(self.fn(-1.0)) else np.nan, out)  # unlike the value at the pole


def _poled(name: str, fn: Callable[..., Any], slope: Callable[..., Any], **more: Any) -> Elementwise:
    derivative = _Poled(f"d{name}/d0", _double(slope), ulps=16, blunt=True)
    return _Poled(name, _double(fn), ulps=16, slopes=[derivative], **more)


_ROOT = math.sqrt(math.pi)

relu = unary(Elementwise("relu", lambda x: np.maximum(x, 0), exact=True, slopes=[lambda x: np.where(x == x, x > 0, x)]),
             lambda d: d)
sigmoid = unary(Elementwise("sigmoid", _sigmoid, blunt=True), _floats)
softplus = unary(Elementwise("softplus", _softplus, blunt=True, slopes=[_sigmoid]), _floats)
softsign = unary(Elementwise("softsign", lambda x: x / (1 + np.abs(x)), slopes=[lambda x: (1 + np.abs(x)) ** -2.0]),
                 _floats)
erf = unary(Elementwise("erf", _double(special.erf), slopes=[lambda x: 2 / _ROOT * np.exp(-x * x)]), _floats)
erfinv = unary(Elementwise("erfinv", _double(lambda x: np.copysign(special.erfinv(x), x)), ulps=16, slopes=[
    _double(lambda x: _ROOT / 2 * np.exp(special.erfinv(x) ** 2))]), _floats)
gamma = unary(_poled("gamma", special.gamma, _gamma_slope), _floats)
gammaln = unary(_poled("gammaln", _gammaln, _psi, blunt=True), _floats)
digamma = unary(_poled("digamma", _psi, _psi_slope, blunt=True), _floats)


def activation(data: Any, act_type: str = "relu") -> Any:
    if act_type == "log_sigmoid":
        return -softplus(-data)
    if act_type == "mish":
        return data * FUNCTIONS["tanh"](softplus(data))
    return {"relu": relu, "sigmoid": sigmoid, "tanh": FUNCTIONS["tanh"], "softrelu": softplus,
            "softsign": softsign}[act_type](data)


_SELU = 1.6732632423543772, 1.0507009873554805


def _elu(slope: float) -> Elementwise:
    return Elementwise("elu", lambda x: np.where(x > 0, x, slope * np.expm1(np.where(x > 0, 0, x))), ulps=6, slopes=[
        lambda x: np.where(x > 0, 1, slope * np.exp(np.minimum(x, 0)))])


_GELU = Elementwise("gelu", _double(lambda x: x * special.ndtr(x)), blunt=True, slopes=[
    _double(lambda x: special.ndtr(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))])


def _gelu_tanh(x: np.ndarray) -> np.ndarray:
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def leaky_relu(data: Any, gamma: Any = None, act_type: str = "leaky", slope: float = 0.25, lower_bound: float = 0.125,
               upper_bound: float = 0.334) -> Any:
    if act_type == "leaky":
        op = Elementwise("leaky", lambda x: np.where(x > 0, x, slope * x), exact=True,
                         slopes=[lambda x: np.where(x > 0, 1.0, slope)])
    elif act_type == "prelu":
        column = (1, gamma.size) + (1,) * (data.ndim - 2) if data.ndim > 1 and gamma.size > 1 else (gamma.size,)
        below = FUNCTIONS["where"](data > 0, data * 0, data)
        return FUNCTIONS["where"](data > 0, data, below * gamma.reshape(column))
    elif act_type == "elu":
        op = _elu(slope)
    elif act_type == "selu":
        return type(data).of(apply(_elu(_SELU[0]), [data.value], data.dtype)) * _SELU[1]
    else:
        op = _GELU if act_type == "gelu" else Elementwise("gelu_tanh", _gelu_tanh, blunt=True)
    return type(data).of(apply(op, [data.value], _floats(data.dtype)))


def gelu(data: Any, approximation: str = "erf") -> Any:
    return leaky_relu(data, None, "gelu" if approximation == "erf" else "gelu_tanh")


def hard_sigmoid(data: Any, alpha: float = 0.2, beta: float = 0.5) -> Any:
    return FUNCTIONS["clip"](data * alpha + beta, 0, 1)


def smooth_l1(data: Any, scalar: float = 1.0) -> Any:
    s2 = scalar * scalar
    op = Elementwise("smooth_l1", lambda x: np.where(abs(x) > 1 / s2, abs(x) - 0.5 / s2, x * x * s2 / 2), exact=True,
                     slopes=[lambda x: np.where(abs(x) > 1 / s2, sign(x), x * s2)])
    return type(data).of(apply(op, [data.value], _floats(data.dtype)))


# ---- softmax -------------------------------------------------------------------------------------

def stop_gradient(data: Any) -> Any:
    return type(data).of(Value(data.memory.copy(), data.dtype))


def _lines(data: Any, axis: int, temperature: float | None, kept: np.ndarray | None) -> tuple[Any, Any, Any]:
    """The logits less their maximum, the exponentials of these, and their sums."""
    _floats(data.dtype)
    x = data if temperature in (None, 1.0) else data / temperature
    seen = x.memory if kept is None else np.where(kept, x.memory, -np.inf)
    top = np.max(seen, axis, keepdims=True, initial=-np.inf)
    x = x - type(data).of(Value(np.where(np.isfinite(top), top, 0.0), data.dtype))
    e = FUNCTIONS["exp"](x if kept is None else FUNCTIONS["where"](_bools(x, kept), x, 0.0))
    if kept is not None:
        e = FUNCTIONS["where"](_bools(x, kept), e, 0.0)
    return x, e, FUNCTIONS["sum"](e, axis, keepdims=True)


def _bools(like: Any, data: np.ndarray) -> Any:
    return type(like).of(Value(np.broadcast_to(data, like.shape).copy(), BOOL))


def _below(data: Any, length: Any, axis: int) -> np.ndarray:
    axis %= data.ndim
    places = np.arange(data.shape[axis]).reshape([-1 if i == axis else 1 for i in range(data.ndim)])
    return places < length.memory.astype(np.int64).reshape([1 if i == axis else n for i, n in enumerate(data.shape)])


def _masked(data: Any, axis: int, temperature: Any, kept: Any, log: bool) -> Any:
    if not data.size:
        return data.copy()
    x, e, sums = _lines(data, axis, temperature, kept)
    if log:
        out = x - FUNCTIONS["log"](sums)
        return out if kept is None else FUNCTIONS["where"](_bools(x, kept), out, -np.inf)
    empty = sums.memory == 0
    return e / (sums + type(sums).of(Value(empty * 1.0, sums.dtype)) if empty.any() else sums)


def softmax(data: Any, length: Any = None, axis: int = -1, temperature: Any = None, use_length: bool = False,
            dtype: Any = None) -> Any:
    data = data if dtype is None else data.astype(dtype)
    return _masked(data, axis, temperature, _below(data, length, axis) if use_length else None, False)


def log_softmax(data: Any, axis: int = -1, length: Any = None, temperature: Any = None, use_length: bool = False,
                dtype: Any = None) -> Any:
    data = data if dtype is None else data.astype(dtype)
    return _masked(data, axis, temperature, _below(data, length, axis) if use_length else None, True)


def softmin(data: Any, axis: int = -1, temperature: Any = None) -> Any:
    return softmax(-data, None, axis, temperature)


def masked_softmax(data: Any, mask: Any, axis: int = -1, temperature: float = 1.0, normalize: bool = True) -> Any:
    return _masked(data, axis, temperature, np.broadcast_to(mask.memory != 0, data.shape), False)


def masked_log_softmax(data: Any, mask: Any, axis: int = -1, temperature: float = 1.0, normalize: bool = True) -> Any:
    return _masked(data, axis, temperature, np.broadcast_to(mask.memory != 0, data.shape), True)


# ---- normalizations ------------------------------------------------------------------------------

def _along(x: Any, axis: int, ndim: int) -> Any:
    """A vector reshaped to lie along an axis."""
    return x.reshape(tuple(x.size if i == axis else 1 for i in range(ndim)))


def _centred(x: Any, axes: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    mean = FUNCTIONS["mean"](x, axes, x.dtype, True)
    deviation = FUNCTIONS["sqrt"](FUNCTIONS["var"](x, axes, keepdims=True) + eps)
    return (x - mean) / deviation, mean, deviation


def layer_norm(data: Any, gamma: Any, beta: Any, axis: int = -1, eps: float = 1e-5,
               output_mean_var: bool = False) -> Any:
    axis %= data.ndim
    if gamma.shape != (data.shape[axis],) or beta.shape != gamma.shape or gamma.dtype != data.dtype:
        raise NoAnswer("shape")
    normal, mean, deviation = _centred(data, (axis,), eps)
    out = normal * _along(gamma, axis, data.ndim) + _along(beta, axis, data.ndim)
    return [out, mean, deviation] if output_mean_var else out


def group_norm(data: Any, gamma: Any, beta: Any, num_groups: int = 1, eps: float = 1e-3) -> Any:
    batch, channels, *rest = data.shape
    if gamma.shape != (channels,) or beta.shape != gamma.shape:
        raise NoAnswer("shape")
    grouped = data.reshape((batch, num_groups, channels // num_groups, *rest))
    normal = _centred(grouped, tuple(range(2, grouped.ndim)), eps)[0].reshape(data.shape)
    return normal * _along(gamma, 1, data.ndim) + _along(beta, 1, data.ndim)


def instance_norm(data: Any, gamma: Any, beta: Any, eps: float = 1e-3) -> Any:
    if gamma.shape != (data.shape[1],) or beta.shape != gamma.shape:
        raise NoAnswer("shape")
    normal = _centred(data, tuple(range(2, data.ndim)), eps)[0]
    return normal * _along(gamma, 1, data.ndim) + _along(beta, 1, data.ndim)


def l2_normalization(data: Any, eps: float = 1e-10, mode: str = "instance") -> Any:
    axes = {"instance": tuple(range(1, data.ndim)), "channel": (1,), "spatial": tuple(range(2, data.ndim))}[mode]
    return data / FUNCTIONS["sqrt"](FUNCTIONS["sum"](data * data, axes, keepdims=True) + eps)


class Notice(Op):
    """The identity; a backward through it calls a function. It has no second derivative, as in MXNet."""

    def __init__(self, then: Callable[[], None]) -> None:
        self.then = then

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        return arrays[0]

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Any) -> np.ndarray:
        return out

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        return tied(g, step.inputs, ONCE) if WORLD.recording else g

    def passed(self) -> None:
        self.then()


def batch_norm(x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any, eps: float = 1e-3,
               momentum: float = 0.9, fix_gamma: bool = True, use_global_stats: bool = False, axis: int = 1) -> Any:
    """In training, normalize by the batch's statistics, which a backward mixes into the running ones; else by those."""
    axis %= x.ndim
    axes = tuple(i for i in range(x.ndim) if i != axis)
    vectors = (gamma, beta, running_mean, running_var)
    if any(v.shape != (x.shape[axis],) or v.dtype != x.dtype for v in vectors) or fix_gamma:
        raise NoAnswer("shape")
    training = WORLD.training and not use_global_stats
    if training:
        mean, var = FUNCTIONS["mean"](x, axes, x.dtype), FUNCTIONS["var"](x, axes)
    else:
        mean, var = stop_gradient(running_mean), stop_gradient(running_var)
    scale = gamma / FUNCTIONS["sqrt"](var + eps)
    out = (x - _along(mean, axis, x.ndim)) * _along(scale, axis, x.ndim) + _along(beta, axis, x.ndim)
    if not training:
        return out

    def moved() -> None:
        for old, new in ((running_mean, mean), (running_var, var)):
            old[:] = old * momentum + stop_gradient(new) * (1 - momentum)

    return type(x).of(apply(Notice(moved), [out.value], x.dtype))


# ---- products and helpers ------------------------------------------------------------------------

def fully_connected(x: Any, weight: Any, bias: Any = None, num_hidden: Any = None, no_bias: Any = None,
                    flatten: bool = True) -> Any:
    if num_hidden not in (None, weight.shape[0]):
        raise NoAnswer("num_hidden")
    lead = (x.shape[0],) if flatten else x.shape[:-1]
    rows = x.reshape((math.prod(lead), math.prod(x.shape[len(lead):])))
    out = einsum("ik,jk->ij", rows, weight)
    if bias is not None and not no_bias:
        if bias.shape != (weight.shape[0],):
            raise NoAnswer("shape")
        out = out + bias
    return out.reshape((*lead, weight.shape[0]))


def batch_dot(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    if a.ndim < 3 or a.shape[:-2] != b.shape[:-2]:
        raise NoAnswer("shape")
    batch = "xyzuv"[:a.ndim - 2]
    left, right = "km" if transpose_a else "mk", "nk" if transpose_b else "kn"
    return einsum(f"{batch}{left},{batch}{right}->{batch}mn", a, b)


def reshape_like(lhs: Any, rhs: Any) -> Any:
    return FUNCTIONS["reshape"](lhs, rhs.shape)  # never shares memory, unlike nd's method


def broadcast_like(lhs: Any, rhs: Any) -> Any:
    return FUNCTIONS["broadcast_to"](lhs, rhs.shape)


def slice_like(data: Any, shape_like: Any, axes: Any = None) -> Any:
    chosen = range(data.ndim) if not axes else [i % data.ndim for i in axes]
    if any(i >= shape_like.ndim or shape_like.shape[i] > data.shape[i] for i in chosen):
        raise NoAnswer("shape")
    key = tuple(slice(0, shape_like.shape[i] if i in chosen else n) for i, n in enumerate(data.shape))
    return data[key].copy()


def slice_(data: Any, begin: Any, end: Any, step: Any = None) -> Any:
    step = step or (None,) * len(begin)
    return data[tuple(slice(*three) for three in zip(begin, end, step, strict=True))].copy()


def add_n(*arrays: Any) -> Any:
    arrays = tuple(arrays[0]) if isinstance(arrays[0], (list, tuple)) else arrays
    out = arrays[0]
    for x in arrays[1:]:
        if x.shape != out.shape or x.dtype != out.dtype:
            raise NoAnswer("shape")
        out = out + x
    return out if len(arrays) > 1 else out.copy()


def straight(name: str) -> Any:
    """A step function with the gradient of the identity."""
    fn = {"round": away_from_zero, "sign": sign}[name]
    op = Elementwise(name, fn, exact=True, slopes=[np.ones_like])
    return lambda data: type(data).of(apply(op, [data.value], _floats(data.dtype)))


round_ste, sign_ste = straight("round"), straight("sign")


def arange_like(data: Any, start: float = 0.0, step: float = 1.0, repeat: int = 1, ctx: Any = None,
                axis: int | None = None) -> Any:
    shape = data.shape if axis is None else (data.shape[axis],)
    n = math.prod(shape)
    line = np.repeat(np.arange(-(-n // repeat)) * step + start, repeat)[:n]
    return type(data).of(Value(line.reshape(shape).astype(np.float64), data.dtype))


def euclidean(x: Value, axes: tuple[int, ...]) -> Value:
    """The root of the sum of squares, axes kept; its slope at 0 is 0 / 0."""
    return apply(SQRT, [total(apply(SQUARE, [x], x.dtype), axes)], x.dtype)


def norm(data: Any, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Any:
    axes = axes_of(axis, data.ndim)
    if ord == 1:
        return FUNCTIONS["sum"](FUNCTIONS["abs"](data), axes, keepdims=keepdims)
    return type(data).of(finished(euclidean(data.value, axes), axes, keepdims))


def cast_(data: Any, dtype: Any) -> Any:
    return type(data).of(cast(data.value, np.dtype(dtype)))


NPX: dict[str, Any] = {function.__name__: function for function in (
    activation, leaky_relu, gelu, smooth_l1, softmax, log_softmax, masked_softmax, masked_log_softmax, layer_norm,
    batch_norm, group_norm, instance_norm, l2_normalization, fully_connected, batch_dot, reshape_like, broadcast_like,
    slice_like, add_n, arange_like, stop_gradient, norm)}
NPX.update(
    relu=relu, sigmoid=sigmoid, softsign=softsign, erf=erf, erfinv=erfinv, gamma=gamma, gammaln=gammaln,
    digamma=digamma, round_ste=round_ste, sign_ste=sign_ste, slice=slice_, cast=cast_, reshape=npx_reshape,
    batch_flatten=lambda data: data.reshape((data.shape[0], math.prod(data.shape[1:]))))

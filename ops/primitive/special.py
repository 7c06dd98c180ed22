"""Special functions, and smooth activations composed of several operations."""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..declare.families import call, interval, unary
from ..declare.numpy_call import binary_call, unary_call
from ..declare.public import named
from ..ir.node import Node
from ..ir.op import FLOATS
from .arithmetic import add, div, greater, in_single, like, mul, sub, where
from .elementary import absolute, erf, exp, expm1, sigmoid, square, tanh
from .promotion import in_nd, in_npx, through_double


def _logaddexp_vjp(g: Node, x: Node, y: Node, out: Node) -> tuple[Node, Node]:
    return mul(g, exp(sub(x, out))), mul(g, exp(sub(y, out)))


logaddexp = binary_call("logaddexp", np.logaddexp, _logaddexp_vjp, samples=interval(-3, 3, 2))


# ---- the error function's inverse ----------------------------------------------------------------

def _erfinv_start(x: np.ndarray) -> np.ndarray:
    """Giles' approximation of erfinv, accurate to seven digits."""
    w = -np.log1p(-x * x)
    small = w < 5
    v = np.where(small, w - 2.5, np.sqrt(np.maximum(w, 5)) - 3)
    inner = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
             -0.00417768164, 0.246640727, 1.50140941)
    outer = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
             0.00943887047, 1.00167406, 2.83297682)
    return np.where(small, np.polyval(inner, v), np.polyval(outer, v)) * x


def _erfinv_ref(x: Any) -> Any:
    x64 = np.asarray(x, np.float64)
    inside = np.abs(x64) < 1
    y = _erfinv_start(np.where(inside, x64, 0.0))
    for _ in range(2):  # each Newton step squares the error
        y = y - (np.vectorize(math.erf, otypes=[np.float64])(y) - np.where(inside, x64, 0.0)) \
            * (math.sqrt(math.pi) / 2) * np.exp(y * y) if y.size else y
    return np.where(inside, y, np.where(np.abs(x64) == 1, np.copysign(np.inf, x64), np.nan))


erfinv = unary_call("erfinv", _erfinv_ref,
                    lambda g, x, y: mul(g, mul(like(x, math.sqrt(math.pi) / 2), exp(square(y)))),
                    samples=interval(-0.9, 0.9), names=in_npx("erfinv") + in_nd("erfinv", through_double, ""))


# ---- the gamma function --------------------------------------------------------------------------

def _each(f: Any) -> Any:
    def ref(x: Any) -> Any:
        x = np.asarray(x, np.float64)
        return np.vectorize(f, otypes=[np.float64])(x) if x.size else x

    return ref


def _gamma(x: float) -> float:
    try:
        return math.gamma(x)
    except (OverflowError, ValueError):  # too large, or a pole: at 0 the zero's sign counts
        return math.nan if x < 0 and (x == -math.inf or x == math.floor(x)) else math.copysign(math.inf, x)


def _gammaln(x: float) -> float:
    try:
        return math.lgamma(x)
    except (OverflowError, ValueError):
        return math.inf


def _polygamma(order: int, x: float) -> float:
    """The `order`-th derivative of digamma, by recurrence from -15 to 15, asymptotic series above, reflection below.

    At poles digamma is inf, as MXNet's; a derivative is inf there if both sides tend to inf, else NaN.
    """
    if math.isnan(x):
        return math.nan
    if x == math.inf:
        return x if order == 0 else 0.0
    if x == -math.inf:
        return math.inf if order == 0 else math.nan
    if x <= 0 and x == math.floor(x):
        return math.nan if order and order % 2 == 0 else math.inf
    if x < -15:
        return (-1) ** order * _polygamma(order, 1 - x) - math.pi * _cotangent(order, x)
    bernoulli = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
    sign, shift = (-1.0) ** (order + 1), 0.0
    while x < 15:
        shift += sign * math.factorial(order) * math.prod([1 / x] * (order + 1))  # (1 / x) ** n may raise OverflowError
        x += 1
    if order == 0:
        series = math.log(x) - 0.5 / x - sum(b / (2 * k) * (1 / x) ** (2 * k) for k, b in enumerate(bernoulli, 1))
        return shift + series
    series = math.factorial(order - 1) * (1 / x) ** order + math.factorial(order) / 2 * (1 / x) ** (order + 1)
    series += sum(b * math.factorial(2 * k + order - 1) / math.factorial(2 * k) * (1 / x) ** (2 * k + order)
                  for k, b in enumerate(bernoulli, 1))
    return shift + sign * series


def _cotangent(order: int, x: float) -> float:
    """The `order`-th derivative of cot(pi * x), which is a polynomial in cot(pi * x)."""
    coefficients = [0.0, 1.0]
    for _ in range(order):  # t' = -pi * (1 + t * t) for t = cot(pi * x)
        slopes = [-math.pi * k * c for k, c in enumerate(coefficients)][1:]
        coefficients = [a + b for a, b in zip([*slopes, 0.0, 0.0], [0.0, 0.0, *slopes])]
    t = 1 / math.tan(math.pi * math.fmod(x, 1))
    return sum(c * t ** k for k, c in enumerate(coefficients))


_POSITIVE = interval(0.5, 4)


def _polygamma_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    for order in (0, 1, 2):
        yield from interval(0.5, 4, attrs=(order,))()


_polygamma_op = call("polygamma", lambda x, order: x,
                     lambda x, order: _each(lambda v: _polygamma(order, v))(x).astype(x.dtype),
                     lambda g, node: (mul(g, polygamma(node.inputs[0], node.attrs[0] + 1)),),
                     samples=_polygamma_samples, dtypes=FLOATS)


def polygamma(x: Node, order: int) -> Node:
    """The `order`-th derivative of digamma."""
    return _polygamma_op(x, attrs=(order,))


def digamma(x: Node) -> Node:
    """The derivative of log(gamma(x))."""
    return polygamma(x, 0)


named(digamma, in_npx("digamma") + in_nd("digamma", through_double, ""))
gamma = unary_call("gamma", _each(_gamma), lambda g, x, y: mul(g, mul(y, digamma(x))), samples=_POSITIVE,
                   names=in_npx("gamma") + in_nd("gamma", through_double, ""))
gammaln = unary_call("gammaln", _each(_gammaln), lambda g, x, y: mul(g, digamma(x)), samples=_POSITIVE,
                     names=in_npx("gammaln") + in_nd("gammaln", through_double, ""))


# ---- activations ---------------------------------------------------------------------------------

def _softplus_ref(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


softplus = unary("softplus", "maximum({0}, {T}(0)) + log1p(exp(-fabs({0})))", _softplus_ref,
                 lambda g, x, y: mul(g, sigmoid(x)), samples=interval(-4, 4), cost=30)  # MXNet's "softrelu"


softsign = named(in_single(unary("softsign", "{0} / ({T}(1) + fabs({0}))", lambda x: x / (1 + np.abs(x)),
                                 lambda g, x, y: div(g, square(add(like(x, 1), absolute(x)))),
                                 samples=interval(-4, 4))), in_npx("softsign") + in_nd("softsign"))


@in_single
def gelu(x: Node) -> Node:
    """x times the standard normal distribution function of x."""
    half = mul(x, like(x, 0.5))
    return mul(half, add(like(x, 1), erf(mul(x, like(x, math.sqrt(0.5))))))


@in_single
def gelu_tanh(x: Node) -> Node:
    """The tanh approximation of `gelu`."""
    inner = mul(like(x, math.sqrt(2 / math.pi)), add(x, mul(like(x, 0.044715), mul(square(x), x))))
    return mul(mul(x, like(x, 0.5)), add(like(x, 1), tanh(inner)))


@in_single
def elu(x: Node, slope: float) -> Node:
    """x where x > 0, else slope * (exp(x) - 1)."""
    zero = like(x, 0)
    positive = greater(x, zero)
    return where(positive, x, mul(like(x, slope), expm1(where(positive, zero, x))))

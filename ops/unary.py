"""Elementary functions: one operand, one expression, one derivative each."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .arithmetic import add, div, equal, greater, in_single, like, mul, neg, sub, where
from .families import interval, unary
from .node import Node
from .rounding import sign_of


def _quiet(f: Any) -> Any:
    def ref(x: Any) -> Any:
        with np.errstate(all="ignore"):
            return f(x)

    return ref


def _rounded(f: Any) -> Any:
    """NumPy's function, its float32 results rounded correctly: NumPy's own are off in the last digit printed."""
    def ref(x: Any) -> Any:
        x = np.asarray(x)
        with np.errstate(all="ignore"):
            return f(x.astype(np.float64)).astype(x.dtype) if x.dtype == np.float32 else f(x)

    return ref


def _ref_erf(x: Any) -> Any:
    x = np.asarray(x)
    return np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype) if x.size else x.copy()


def _ref_sigmoid(x: Any) -> Any:
    x = np.asarray(x)
    with np.errstate(over="ignore", under="ignore"):
        e = np.exp(-np.abs(x))
        return np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype)


def _one_minus_square(y: Node) -> Node:
    return sub(like(y, 1), mul(y, y))


def _relu_vjp(g: Node, x: Node, y: Node) -> Node:
    # NaN where x is, as in MXNet.
    return where(greater(x, like(x, 0)), g, where(equal(x, x), like(g, 0), x))


square = unary("square", "{0} * {0}", np.square, lambda g, x, y: mul(g, mul(like(x, 2), x)),
               samples=interval(-2, 2))
sqrt = unary("sqrt", "sqrt({0})", _quiet(np.sqrt), lambda g, x, y: div(mul(g, like(x, 0.5)), y),
             samples=interval(0.5, 3), cost=6)
rsqrt = in_single(unary("rsqrt", "{T}(1) / sqrt({0})", _quiet(lambda x: 1 / np.sqrt(x)),
                        lambda g, x, y: div(mul(mul(g, like(x, -0.5)), y), x), samples=interval(0.5, 3), cost=10))
cbrt = unary("cbrt", "cbrt({0})", np.cbrt, lambda g, x, y: div(g, mul(like(x, 3), mul(y, y))),
             samples=interval(0.5, 3), cost=30)
exp = unary("exp", "exp({0})", _rounded(np.exp), lambda g, x, y: mul(g, y), samples=interval(-3, 3), cost=12)
expm1 = unary("expm1", "expm1({0})", _rounded(np.expm1), lambda g, x, y: mul(g, exp(x)),  # y + 1 would cancel
              samples=interval(-3, 3), cost=14)
exp2 = unary("exp2", "exp2({0})", _rounded(np.exp2), lambda g, x, y: mul(g, mul(y, like(y, math.log(2)))),
             samples=interval(-3, 3), cost=12)
log = unary("log", "log({0})", _rounded(np.log), lambda g, x, y: div(g, x), samples=interval(0.3, 4), cost=14)
log1p = unary("log1p", "log1p({0})", _rounded(np.log1p), lambda g, x, y: div(g, add(like(x, 1), x)),
              samples=interval(-0.6, 4), cost=16)
log2 = unary("log2", "log2({0})", _rounded(np.log2), lambda g, x, y: div(g, mul(x, like(x, math.log(2)))),
             samples=interval(0.3, 4), cost=14)
log10 = unary("log10", "log10({0})", _rounded(np.log10), lambda g, x, y: div(g, mul(x, like(x, math.log(10)))),
              samples=interval(0.3, 4), cost=14)
sin = unary("sin", "sin({0})", _rounded(np.sin), lambda g, x, y: mul(g, cos(x)), samples=interval(-4, 4), cost=16)
cos: Callable[[Node], Node] = unary(
    "cos", "cos({0})", _rounded(np.cos), lambda g, x, y: neg(mul(g, sin(x))), samples=interval(-4, 4), cost=16)
tanh = unary("tanh", "tanh({0})", _rounded(np.tanh), lambda g, x, y: mul(g, _one_minus_square(y)),
             samples=interval(-3, 3), cost=14)
sigmoid = unary("sigmoid", "sigmoid({0})", _rounded(_ref_sigmoid),
                lambda g, x, y: mul(g, mul(y, sub(like(y, 1), y))), samples=interval(-5, 5), cost=16)
erf = unary("erf", "erf({0})", _ref_erf,
            lambda g, x, y: mul(g, mul(like(x, 2 / math.sqrt(math.pi)), exp(neg(mul(x, x))))),
            samples=interval(-3, 3), cost=20)
absolute = unary("absolute", "fabs({0})", np.absolute, lambda g, x, y: mul(g, sign_of(x)), samples=interval(0.2, 3))
sign: Callable[[Node], Node] = unary(
    "sign", "sign({0})", np.sign, lambda g, x, y: mul(g, like(g, 0)), samples=interval(0.2, 3))
relu = unary("relu", "maximum({0}, {T}(0))", lambda x: np.maximum(x, np.asarray(x).dtype.type(0)),
             _relu_vjp, samples=interval(0.2, 3))

#: Unlike `stop`, which hides what is behind it from a backward pass: this one writes zeros there, as MXNet's does.
without_gradient = unary("without_gradient", "{0}", lambda x: x, samples=interval(-2, 2), cost=0)

#: What both flavours have under these names; trigonometry.py has the rest.
ELEMENTARY = {"exp": exp, "expm1": expm1, "log": log, "log1p": log1p, "log2": log2, "log10": log10, "sqrt": sqrt,
              "cbrt": cbrt, "sin": sin, "cos": cos, "tanh": tanh}
#: What `mx.nd` has besides.
INVERSE_ROOTS = {"rsqrt": rsqrt, "rcbrt": in_single(lambda x: div(like(x, 1), cbrt(x)))}

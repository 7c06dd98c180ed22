"""Elementary functions: roots, exponentials, logarithms, circular and hyperbolic functions, powers."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..declare.families import binary, interval, unary
from ..declare.numpy_call import binary_call, quiet, unary_call
from ..declare.public import named
from ..ir.node import Node, const_op, const_value
from ..ir.op import ALL, NUMBERS
from .arithmetic import add, cast, div, equal, greater, in_single, like, mul, neg, sub, where
from .linear import broadcast_to
from .promotion import as_is, in_nd, in_np, in_npx, kept, numbers, through_double
from .rounding import sign_of


def _rounded(f: Any) -> Any:
    """NumPy's function `f` with correctly rounded float32 results: NumPy's own differ in the last digit printed."""
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


def _relu_vjp(g: Node, x: Node, y: Node) -> Node:
    # NaN where x is NaN, as in MXNet.
    return where(greater(x, like(x, 0)), g, where(equal(x, x), like(g, 0), x))


square = unary("square", "{0} * {0}", np.square, lambda g, x, y: mul(g, mul(like(x, 2), x)),
               samples=interval(-2, 2), dtypes=NUMBERS, names=in_np("square", numbers) + in_nd("square", as_is))
sqrt = unary("sqrt", "sqrt({0})", quiet(np.sqrt), lambda g, x, y: div(mul(g, like(x, 0.5)), y),
             samples=interval(0.5, 3), cost=6, names=in_np("sqrt") + in_nd("sqrt"))
rsqrt = named(in_single(unary("rsqrt", "{T}(1) / sqrt({0})", quiet(lambda x: 1 / np.sqrt(x)),
                              lambda g, x, y: div(mul(mul(g, like(x, -0.5)), y), x), samples=interval(0.5, 3),
                              cost=10)), in_nd("rsqrt"))
cbrt = unary("cbrt", "cbrt({0})", np.cbrt, lambda g, x, y: div(g, mul(like(x, 3), mul(y, y))),
             samples=interval(0.5, 3), cost=30, names=in_np("cbrt") + in_nd("cbrt"))
exp = unary("exp", "exp({0})", _rounded(np.exp), lambda g, x, y: mul(g, y), samples=interval(-3, 3), cost=12,
            names=in_np("exp") + in_nd("exp"))
expm1 = unary("expm1", "expm1({0})", _rounded(np.expm1), lambda g, x, y: mul(g, exp(x)),  # y + 1 would cancel
              samples=interval(-3, 3), cost=14, names=in_np("expm1") + in_nd("expm1"))
exp2 = unary("exp2", "exp2({0})", _rounded(np.exp2), lambda g, x, y: mul(g, mul(y, like(y, math.log(2)))),
             samples=interval(-3, 3), cost=12)
log = unary("log", "log({0})", _rounded(np.log), lambda g, x, y: div(g, x), samples=interval(0.3, 4), cost=14,
            names=in_np("log") + in_nd("log"))
log1p = unary("log1p", "log1p({0})", _rounded(np.log1p), lambda g, x, y: div(g, add(like(x, 1), x)),
              samples=interval(-0.6, 4), cost=16, names=in_np("log1p") + in_nd("log1p"))
log2 = unary("log2", "log2({0})", _rounded(np.log2), lambda g, x, y: div(g, mul(x, like(x, math.log(2)))),
             samples=interval(0.3, 4), cost=14, names=in_np("log2") + in_nd("log2"))
log10 = unary("log10", "log10({0})", _rounded(np.log10), lambda g, x, y: div(g, mul(x, like(x, math.log(10)))),
              samples=interval(0.3, 4), cost=14, names=in_np("log10") + in_nd("log10"))
sin = unary("sin", "sin({0})", _rounded(np.sin), lambda g, x, y: mul(g, cos(x)), samples=interval(-4, 4), cost=16,
            names=in_np("sin") + in_nd("sin"))
cos: Callable[[Node], Node] = unary(
    "cos", "cos({0})", _rounded(np.cos), lambda g, x, y: neg(mul(g, sin(x))), samples=interval(-4, 4), cost=16,
    names=in_np("cos") + in_nd("cos"))
tanh = unary("tanh", "tanh({0})", _rounded(np.tanh), lambda g, x, y: mul(g, sub(like(y, 1), mul(y, y))),
             samples=interval(-3, 3), cost=14, names=in_np("tanh") + in_nd("tanh"))
sigmoid = unary("sigmoid", "sigmoid({0})", _rounded(_ref_sigmoid),
                lambda g, x, y: mul(g, mul(y, sub(like(y, 1), y))), samples=interval(-5, 5), cost=16,
                names=in_npx("sigmoid", methods="sigmoid") + in_nd("sigmoid"))
erf = unary("erf", "erf({0})", _ref_erf,
            lambda g, x, y: mul(g, mul(like(x, 2 / math.sqrt(math.pi)), exp(neg(mul(x, x))))),
            samples=interval(-3, 3), cost=20, names=in_npx("erf") + in_nd("erf", through_double, methods=""))
absolute = unary("absolute", "fabs({0})", np.absolute, lambda g, x, y: mul(g, sign_of(x)), samples=interval(0.2, 3),
                 dtypes=NUMBERS,
                 names=in_np("abs absolute fabs", numbers, "abs __abs__") + in_nd("abs", as_is, "abs __abs__"))
sign: Callable[[Node], Node] = unary(
    "sign", "sign({0})", np.sign, lambda g, x, y: mul(g, like(g, 0)), samples=interval(0.2, 3), dtypes=NUMBERS)
relu = unary("relu", "maximum({0}, {T}(0))", lambda x: np.maximum(x, np.asarray(x).dtype.type(0)),
             _relu_vjp, samples=interval(0.2, 3), dtypes=NUMBERS,
             names=in_npx("relu", numbers, "relu") + in_nd("relu", as_is))
named(in_single(lambda x: div(like(x, 1), cbrt(x))), in_nd("rcbrt"))
named(in_single(lambda x: div(like(x, 1), x)), in_nd("reciprocal"))
named(lambda x: div(like(x, 1), x), in_np("reciprocal", kept))
named(lambda x: mul(x, like(x, 180 / math.pi)), in_np("degrees rad2deg", methods="degrees") + in_nd("degrees"))
named(lambda x: mul(x, like(x, math.pi / 180)), in_np("radians deg2rad", methods="radians") + in_nd("radians"))

#: The identity with the gradient 0. Unlike behind `stop`, a backward pass reaches x and writes zeros there, as MXNet's.
without_gradient = unary("without_gradient", "{0}", lambda x: x, samples=interval(-2, 2), cost=0, dtypes=ALL,
                         names=in_npx("stop_gradient", as_is) + in_nd("BlockGrad stop_gradient", as_is, ""))


# ---- circular and hyperbolic functions, and their inverses -------------------------------------------

def _one(x: Node) -> Node:
    return like(x, 1)


def _one_plus_square(x: Node) -> Node:
    return add(_one(x), square(x))


def _one_minus_square(x: Node) -> Node:
    return sub(_one(x), square(x))


tan = unary("tan", "tan({0})", np.tan, lambda g, x, y: mul(g, _one_plus_square(y)),
            samples=interval(-1.2, 1.2), cost=20, names=in_np("tan") + in_nd("tan"))
cosh: Callable[[Node], Node]
sinh = unary("sinh", "sinh({0})", np.sinh, lambda g, x, y: mul(g, cosh(x)), samples=interval(-3, 3), cost=16,
             names=in_np("sinh") + in_nd("sinh"))
cosh = unary("cosh", "cosh({0})", np.cosh, lambda g, x, y: mul(g, sinh(x)), samples=interval(-3, 3), cost=16,
             names=in_np("cosh") + in_nd("cosh"))
arcsin = unary_call("arcsin", np.arcsin, lambda g, x, y: div(g, sqrt(_one_minus_square(x))),
                    samples=interval(-0.9, 0.9), names=in_np("arcsin asin") + in_nd("arcsin"))
arccos = unary_call("arccos", np.arccos, lambda g, x, y: neg(div(g, sqrt(_one_minus_square(x)))),
                    samples=interval(-0.9, 0.9), names=in_np("arccos acos") + in_nd("arccos"))
arctan = unary_call("arctan", np.arctan, lambda g, x, y: div(g, _one_plus_square(x)), samples=interval(-3, 3),
                    names=in_np("arctan atan") + in_nd("arctan"))
# The squares in these two derivatives may exceed float16's range where the derivative does not.
arcsinh = unary_call("arcsinh", np.arcsinh, in_single(lambda g, x, y: div(g, sqrt(_one_plus_square(x)))),
                     samples=interval(-3, 3), names=in_np("arcsinh asinh") + in_nd("arcsinh"))
arccosh = unary_call("arccosh", np.arccosh, in_single(lambda g, x, y: div(g, sqrt(sub(square(x), _one(x))))),
                     samples=interval(1.2, 4), names=in_np("arccosh acosh") + in_nd("arccosh"))
arctanh = unary_call("arctanh", np.arctanh, lambda g, x, y: div(g, _one_minus_square(x)),
                     samples=interval(-0.9, 0.9), names=in_np("arctanh atanh") + in_nd("arctanh"))


def _arctan2_vjp(g: Node, y: Node, x: Node, out: Node) -> tuple[Node, Node]:
    norm = add(square(x), square(y))
    return mul(g, div(x, norm)), neg(mul(g, div(y, norm)))


arctan2 = binary_call("arctan2", np.arctan2, _arctan2_vjp, samples=interval(0.5, 2, 2))
hypot = binary_call("hypot", np.hypot, lambda g, x, y, out: (mul(g, div(x, out)), mul(g, div(y, out))),
                    samples=interval(0.5, 2, 2))


# ---- powers --------------------------------------------------------------------------------------

def _power_ref(a: Any, b: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if np.asarray(b).dtype.kind in "iu":  # NumPy refuses negative integer powers; MXNet computes pow()
            return np.power(np.asarray(a, float), b).astype(np.asarray(a).dtype)
        if np.size(b) == 1 and np.ravel(b)[0] == 0.5:  # NumPy then takes sqrt, unlike pow() at -inf and -0
            a = np.where(np.equal(a, -np.inf), np.inf, a) + np.asarray(a).dtype.type(0)
        return np.power(a, b)


def _power_vjp(g: Node, x: Node, y: Node, out: Node) -> tuple[Node, Node]:
    by_base = mul(g, mul(y, power(x, sub(y, like(y, 1)))))
    # The derivative by the exponent at x = 0 is 0 (for y > 0), where log(x) * 0 would be NaN.
    at_zero = equal(x, like(x, 0))
    positive, value = where(at_zero, like(x, 1), x), out
    if x.dtype.kind != "f":  # MXNet computes this in floats and truncates
        positive, value = cast(positive, "float64"), cast(out, "float64")
    return by_base, where(at_zero, like(g, 0), mul(g, cast(mul(value, log(positive)), x.dtype)))


general_power = binary("power", "pow({0}, {1})", _power_ref, _power_vjp, samples=interval(0.5, 2, 2), cost=30,
                       dtypes=ALL)

#: Exponents with code of their own, which are therefore part of the program and no run-time scalars.
LITERAL_EXPONENTS = frozenset((-1, -0.5, 0, 0.5, 1, 2, 3))


@in_single
def power(x: Node, y: Node) -> Node:
    """x ** y of one dtype; exponents in LITERAL_EXPONENTS become products, roots and quotients."""
    if y.op is const_op and x.dtype.kind == "f":
        exponent, one = const_value(y), like(x, 1)
        if exponent == 0:
            return broadcast_to(one, x.shape)
        if exponent == 1:
            return x
        if exponent == 2:
            return square(x)
        if exponent == 3:
            return mul(square(x), x)
        if exponent == -1:
            return div(one, x)
        if exponent in (0.5, -0.5):
            # pow() treats -inf as inf and -0 as 0 here; sqrt would give NaN and -0.
            root = sqrt(add(where(equal(x, like(x, -math.inf)), like(x, math.inf), x), like(x, 0)))
            return root if exponent > 0 else div(one, root)
    return general_power(x, y)

"""The elementwise functions of `mx.np` that are compositions of ops, and those of two operands."""
from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..declare.public import Operand, named, public
from ..ir.node import Node, is_number
from ..primitive import arithmetic as a
from ..primitive import elementary as u
from ..primitive import special as s
from ..primitive.arithmetic import cast, gcd, lcm, like, where
from ..primitive.promotion import FLOAT64, Rule, floating, in_np, integral, np_pair, np_same, numbers, numeric
from ..primitive.rounding import copysign, round_half_even, sign_of

named(lambda x: sign_of(x) if x.dtype.kind == "f" else u.sign(x), in_np("sign", numbers))

_never = Rule("False for all integers.", lambda f, x: f(x) if x.dtype.kind == "f" else a.not_equal(x, x))
_always = Rule("True for all integers.", lambda f, x: f(x) if x.dtype.kind == "f" else a.equal(x, x))
named(a.isnan, in_np("isnan", _never, ""))
named(lambda x: a.equal(u.absolute(x), like(x, math.inf)), in_np("isinf", _never, ""))
named(lambda x: a.equal(x, like(x, math.inf)), in_np("isposinf", _never, ""))
named(lambda x: a.equal(x, like(x, -math.inf)), in_np("isneginf", _never, ""))
named(lambda x: a.less(u.absolute(x), like(x, math.inf)), in_np("isfinite", _always, ""))


@public("np.around", "np.round", "np.round_", "np.ndarray.round", "np.ndarray.__round__")
def around(x: Operand, decimals=0, out=None) -> Node:
    """The elements rounded to `decimals` places, halves to even; negative `decimals` round to tens, hundreds …"""
    decimals = decimals or 0
    if numeric(x).dtype.kind != "f":
        return x if decimals >= 0 else _to_tens(x, -decimals)
    return _to_places(x, decimals)


def _to_tens(x: Node, places: int) -> Node:
    """`around` of integers to tens, hundreds …: towards 0, as in MXNet."""
    scale = 10 ** min(places, 20)
    return a.sub(x, a.fmod(x, like(x, scale)) if scale <= np.iinfo(x.dtype).max else x)


#: Multiplied or divided by 10 so often, any float64 but 0 becomes infinite or 0.
_ALL_TENS = 640


@a.in_single
def _to_places(x: Node, decimals: int) -> Node:
    """`around` of floats. As in MXNet, scaling is by 10 repeatedly, each product rounded; scaling by 10 ** decimals at
    once may round other numbers to halves."""
    there, back = (a.mul, a.div) if decimals > 0 else (a.div, a.mul)
    steps = min(abs(decimals), _ALL_TENS)
    for _ in range(steps):
        x = there(x, like(x, 10))
    x = round_half_even(x)
    for _ in range(steps):
        x = back(x, like(x, 10))
    return x


@public("np._nan_to_num")
def nan_to_num(x: Operand, nan=0.0, posinf=None, neginf=None) -> Node:
    """The elements with NaN replaced by `nan`, infinities by `posinf` and `neginf` (None: the dtype's extremes)."""
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    x = where(a.isnan(x), like(x, nan), x)
    x = where(a.equal(x, like(x, math.inf)), like(x, high), x)
    return where(a.equal(x, like(x, -math.inf)), like(x, low), x)


# ---- two operands --------------------------------------------------------------------------------

def _pair_function(names: str, primitive: Callable[[Node, Node], Node],
                   prepare: Callable[[Node], Node] = lambda x: x) -> None:
    def build(x1: Operand, x2: Operand) -> Node:
        if not is_number(x1) and not is_number(x2):
            prepare(x1)
        return primitive(*np_same(x1, x2))

    build.__doc__ = f"{names.split()[0]}, elementwise and broadcast; arrays must be of one dtype."
    public(*(f"np.{n}" for n in names.split()))(build)


def _through_floats(primitive: Callable[[Node, Node], Node]) -> Callable[[Node, Node], Node]:
    """`primitive` computed in floats; the results of integers are truncated to integers, as in MXNet."""
    def build(x: Node, y: Node) -> Node:
        if x.dtype.kind == "f":
            return primitive(x, y)
        return cast(primitive(cast(x, FLOAT64), cast(y, FLOAT64)), x.dtype)

    return build


def _ldexp(x: Node, n: Node) -> Node:
    """x * 2 ** n; float16 is computed in float64, because 2 ** n may overflow where the product does not."""
    if x.dtype.itemsize == 2:
        return cast(_ldexp(cast(x, FLOAT64), cast(n, FLOAT64)), x.dtype)
    return a.mul(x, u.exp2(n))


_pair_function("arctan2 atan2", _through_floats(u.arctan2), floating)
_pair_function("hypot", _through_floats(u.hypot))
_pair_function("copysign", _through_floats(copysign))
_pair_function("logaddexp", _through_floats(s.logaddexp), floating)
_pair_function("ldexp", _through_floats(_ldexp))
_pair_function("lcm", lcm, integral)
_pair_function("gcd", gcd, integral)


@public("np.heaviside")
def heaviside(x1: Operand, x2: Operand) -> Node:
    """0 where x1 < 0, x2 where x1 == 0, 1 where x1 > 0."""
    x, y = np_pair(x1, x2)
    step = where(a.greater(x, like(x, 0)), like(x, 1), like(x, 0))
    return where(a.isnan(x), x, where(a.equal(x, like(x, 0)), y, step))

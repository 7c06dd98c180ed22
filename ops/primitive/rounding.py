"""Rounding functions, and the sign of numbers."""
from __future__ import annotations

import numpy as np

from ..declare.public import named
from ..ir.node import Node, depend
from .arithmetic import (
    cast,
    equal,
    floor,
    greater,
    greater_equal,
    less,
    less_equal,
    like,
    logical_and,
    logical_or,
    neg,
    rounding,
    sub,
    trunc,
    where,
)
from .promotion import as_is, in_nd, in_np, nd_round, np_round

ceil = rounding("ceil", np.ceil)
_rint = rounding("rint", np.rint)


def round_half_even(x: Node) -> Node:
    """MXNet's `around`: to the nearest, halves to even; -0.5 gives 0, numbers between it and zero give -0."""
    return where(equal(x, like(x, -0.5)), like(x, 0), _rint(x))


def round_half_down(x: Node) -> Node:
    """MXNet's `rint`: to the nearest, halves down."""
    low, high = floor(x), ceil(x)
    return where(less_equal(sub(x, low), sub(high, x)), low, high)


def round_half_away(x: Node) -> Node:
    """C's `round`: to the nearest, halves away from zero."""
    low, high = floor(x), ceil(x)
    up, down = sub(high, x), sub(x, low)
    nearer_low = where(less(x, like(x, 0)), less_equal(down, up), less(down, up))
    return where(nearer_low, low, high)


for _names, _rounding in (("floor", floor), ("ceil", ceil), ("trunc fix", trunc), ("rint", round_half_down)):
    named(_rounding, in_np(_names, np_round) + in_nd(_names, nd_round))
named(round_half_away, in_nd("round", nd_round))


def sign_of(x: Node) -> Node:
    """-1, 0 or 1; 0 for NaN, as in MXNet."""
    zero = like(x, 0)
    return sub(cast(greater(x, zero), x.dtype), cast(less(x, zero), x.dtype))


named(sign_of, in_nd("sign", as_is))


def copysign(x: Node, y: Node) -> Node:
    """`x` if both operands are >= 0 or both are < 0, else -x, as in MXNet: -0 counts as 0, and NaN as neither."""
    zero = like(x, 0)
    same = logical_or(logical_and(greater_equal(x, zero), greater_equal(y, zero)),
                      logical_and(less(x, zero), less(y, zero)))
    return depend(where(same, x, neg(x)), y)

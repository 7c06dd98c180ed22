"""The elementary functions of `mx.nd`, elementwise. Integers are computed in float and converted back."""
from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..declare.public import Operand, public
from ..ir.node import Node, stop
from ..primitive import arithmetic as a
from ..primitive import elementary as u
from ..primitive import rounding as r
from ..primitive import special as s
from ..primitive.arithmetic import cast, like
from ..primitive.promotion import FLOAT32, FLOAT64, floating

Unary = Callable[[Node], Node]


def through_float(primitive: Unary, wide: np.dtype = FLOAT32) -> Unary:
    """A function of floats made one of any dtype, whose results have the dtype of the operand.

    wide: the floats that integers are computed in.
    """
    def apply(x: Node) -> Node:
        return primitive(x) if x.dtype.kind == "f" else cast(primitive(cast(x, wide)), x.dtype)

    return apply


def _declare(names: str, apply: Unary, doc: str, method: bool = True) -> None:
    def build(data: Operand) -> Node:
        return apply(data)

    build.__doc__ = doc
    listed = names.split()
    public(*(f"nd.{n}" for n in listed), *(f"nd.NDArray.{n}" for n in listed if method))(build)


for _names, _primitive in {**u.ELEMENTARY, **u.INVERSE_ROOTS}.items():
    _declare(_names, through_float(_primitive), f"{_names}, elementwise.")
for _names, _primitive in [
    ("sigmoid", u.sigmoid), ("softsign", s.softsign), ("degrees", lambda x: a.mul(x, like(x, 180 / math.pi))),
    ("radians", lambda x: a.mul(x, like(x, math.pi / 180))),
    ("reciprocal", a.in_single(lambda x: a.div(like(x, 1), x))),
]:
    _declare(_names, through_float(_primitive), f"{_names}, elementwise.")
for _names, _primitive in [("erf", u.erf), ("erfinv", s.erfinv), ("gamma", s.gamma), ("gammaln", s.gammaln),
                           ("digamma", s.digamma)]:
    _declare(_names, through_float(_primitive, FLOAT64), f"{_names}, elementwise.", method=False)


def _rounded(primitive: Unary) -> Unary:
    return lambda x: primitive(x) if x.dtype.kind == "f" else x


for _names, _primitive in [("floor", r.floor), ("ceil", r.ceil), ("trunc", a.trunc), ("fix", a.trunc),
                           ("rint", r.round_half_down), ("round", r.round_half_away)]:
    _declare(_names, _rounded(_primitive), f"{_names}, elementwise; integers are left alone.")

_declare("square", u.square, "x * x, elementwise.")
_declare("sign", r.sign_of, "-1, 0 or 1, elementwise.")
_declare("relu", u.relu, "max(x, 0), elementwise.")
_declare("identity", lambda x: x, "The same elements.", method=False)
_declare("BlockGrad stop_gradient", u.without_gradient, "The same elements, whose gradient is 0.", method=False)


@public("nd.abs", "nd.NDArray.abs", "nd.NDArray.__abs__")
def nd_abs(data: Operand) -> Node:
    """|x|, elementwise."""
    return u.absolute(data)


@public("nd.hard_sigmoid")
@a.in_single
def hard_sigmoid(data: Node, alpha=0.2, beta=0.5) -> Node:
    """alpha * x + beta, limited to [0, 1]."""
    line = a.add(a.mul(floating(data), like(data, alpha)), like(data, beta))
    inside = a.logical_and(a.greater(line, like(data, 0)), a.less(line, like(data, 1)))
    return a.where(inside, line, stop(a.minimum(a.maximum(line, like(data, 0)), like(data, 1))))


@public("nd.contrib.isnan", keywords="declared")
def isnan(data: Node) -> Node:
    """1 where an element is NaN, else 0; float32."""
    return cast(a.isnan(data), FLOAT32)


@public("nd.contrib.isinf", keywords="declared")
def isinf(data: Node) -> Node:
    """1 where an element is infinite, else 0; float32."""
    return cast(a.equal(u.absolute(data), like(data, math.inf)), FLOAT32)


@public("nd.contrib.isfinite", keywords="declared")
def isfinite(data: Node) -> Node:
    """1 where an element is neither NaN nor infinite, else 0; float32."""
    return cast(a.less(u.absolute(data), like(data, math.inf)), FLOAT32)

"""The elementwise functions of `mx.nd` that are compositions of ops."""
from __future__ import annotations

import math

from ..declare.public import named, public
from ..ir.node import Node, stop
from ..primitive import arithmetic as a
from ..primitive.arithmetic import cast, like
from ..primitive.elementary import absolute
from ..primitive.promotion import FLOAT32, as_is, floating, in_nd

named(lambda x: x, in_nd("identity", as_is, ""))


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
    return cast(a.equal(absolute(data), like(data, math.inf)), FLOAT32)


@public("nd.contrib.isfinite", keywords="declared")
def isfinite(data: Node) -> Node:
    """1 where an element is neither NaN nor infinite, else 0; float32."""
    return cast(a.less(absolute(data), like(data, math.inf)), FLOAT32)

"""The elementwise functions of `mx.nd` that are compositions of ops, and the casts of mixed precision."""
from __future__ import annotations

import math

import numpy as np

from ..declare.public import REQUIRED, Nodes, named, public
from ..ir.errors import MXNetError
from ..ir.node import Node, stop
from ..primitive import arithmetic as a
from ..primitive.arithmetic import add, cast, like, mul
from ..primitive.elementary import absolute
from ..primitive.promotion import FLOAT32, as_is, floating, in_nd

FLOAT16 = np.dtype("float16")

named(lambda x: x, in_nd("identity", as_is, ""))


@public("nd.hard_sigmoid")
@a.in_single
def hard_sigmoid(data: Node, alpha=0.2, beta=0.5) -> Node:
    """alpha * x + beta, limited to [0, 1]."""
    line = a.add(a.mul(floating(data), like(data, alpha)), like(data, beta))
    inside = a.logical_and(a.greater(line, like(data, 0)), a.less(line, like(data, 1)))
    return a.where(inside, line, stop(a.minimum(a.maximum(line, like(data, 0)), like(data, 1))))


@public("nd.contrib.quadratic")
@a.in_single
def quadratic(data: Node, a=0.0, b=0.0, c=0.0) -> Node:
    """a * x ** 2 + b * x + c; integers are computed in float32, and what is behind the point is cut off.

    >>> from tracer import nd
    >>> nd.contrib.quadratic(nd.array([1, 2]), a=1, b=2, c=3).asnumpy().tolist()
    [6.0, 11.0]
    """
    x = data if data.dtype.kind == "f" else cast(data, FLOAT32)
    return cast(add(mul(add(mul(x, like(x, a)), like(x, b)), x), like(x, c)), data.dtype)


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


# ---- automatic mixed precision -------------------------------------------------------------------

@public("nd.amp_cast")
def amp_cast(data: Node, dtype=REQUIRED) -> Node:
    """Floats converted to `dtype`; other elements as they are."""
    return cast(data, dtype) if data.dtype.kind == "f" else data


@public("nd.amp_multicast", star=True)
def amp_multicast(data: Nodes, num_outputs=REQUIRED, cast_narrow=False) -> list[Node]:
    """Arrays of float16 and float32 in one dtype; arrays of other dtypes are left alone.

    cast_narrow: whether that is the narrower of those present. Otherwise it is float32 if present, else the first
        array's dtype.

    MXNetError unless `num_outputs` is the number of arrays.
    """
    if num_outputs != len(data):
        raise MXNetError(f"amp_multicast: num_outputs={num_outputs} for {len(data)} arrays")
    present = {x.dtype for x in data}
    if cast_narrow:
        chosen = FLOAT16 if FLOAT16 in present else FLOAT32
    else:
        chosen = FLOAT32 if FLOAT32 in present else data[0].dtype
    return [cast(x, chosen) if x.dtype in (FLOAT16, FLOAT32) else x for x in data]

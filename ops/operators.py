"""The operators of `mx.nd` arrays, and the functions of the same meaning; np_operators.py has those of `mx.np`."""
from __future__ import annotations

import numpy as np

from . import arithmetic as a
from .arithmetic import cast
from .node import Node
from .promotion import nd_pair
from .public import Operand, public


def _nd(name: str, primitive, method: str, reflected: bool = True, boolean: bool = False,
        literals: frozenset = frozenset()):
    def apply(x: Node, y: Node) -> Node:
        x, y = nd_pair(x, y)
        out = primitive(x, y)
        return cast(out, x.dtype) if boolean else out

    def build(lhs: Operand, rhs: Operand) -> Node:
        return apply(lhs, rhs)

    def swapped(lhs: Operand, rhs: Operand) -> Node:
        return apply(rhs, lhs)

    build.__doc__ = f"Elementwise {name.replace('_', ' ')}, broadcast; both operands of one dtype."
    public(f"nd.{name}", f"nd.broadcast_{name}", f"nd.NDArray.__{method}__", literals=literals)(build)
    if reflected:
        public(f"nd.NDArray.__r{method}__")(swapped)


for _name, _primitive, _method in [("add", a.add, "add"), ("subtract", a.sub, "sub"), ("multiply", a.mul, "mul"),
                                   ("divide", a.div, "truediv")]:
    _nd(_name, _primitive, _method)
for _name, _primitive, _method in [("lesser", a.less, "lt"), ("greater", a.greater, "gt"), ("equal", a.equal, "eq"),
                                   ("lesser_equal", a.less_equal, "le"), ("not_equal", a.not_equal, "ne"),
                                   ("greater_equal", a.greater_equal, "ge")]:
    _nd(_name, _primitive, _method, reflected=False, boolean=True)
_nd("power", a.power, "pow", literals=a.LITERAL_EXPONENTS)


@public("nd.negative", "nd.NDArray.__neg__")
def negative(x: Operand) -> Node:
    """-x, elementwise."""
    return a.neg(x)


@public("nd.NDArray.astype")
def astype(x: Operand, dtype, copy=True) -> Node:
    """The elements converted to `dtype`."""
    return a.make(a.cast_op, (x,), (np.dtype(dtype).name,))

"""The operators of the arrays, and the functions of the same meaning, in both flavours."""
from __future__ import annotations

import numpy as np

from . import arithmetic as a
from .arithmetic import cast
from .node import Node
from .promotion import inexact, nd_pair, np_pair
from .public import Operand, public


def _np(name: str, primitive, method: str, reflected: bool = True, literals: frozenset = frozenset()):
    def build(x1: Operand, x2: Operand) -> Node:
        return primitive(*np_pair(x1, x2))

    def swapped(x1: Operand, x2: Operand) -> Node:
        return primitive(*np_pair(x2, x1))

    build.__doc__ = f"Elementwise {name.replace('_', ' ')}, broadcast, in the promoted dtype."
    public(f"np.{name}", f"np.ndarray.__{method}__", literals=literals)(build)
    if reflected:
        public(f"np.ndarray.__r{method}__")(swapped)


for _name, _primitive, _method in [("add", a.add, "add"), ("subtract", a.sub, "sub"), ("multiply", a.mul, "mul")]:
    _np(_name, _primitive, _method)


def _true_divide(x: Node, y: Node) -> Node:
    return a.div(inexact(x), inexact(y))


_np("true_divide", _true_divide, "truediv")
for _name, _primitive, _method in [("less", a.less, "lt"), ("greater", a.greater, "gt"), ("equal", a.equal, "eq"),
                                   ("less_equal", a.less_equal, "le"), ("not_equal", a.not_equal, "ne"),
                                   ("greater_equal", a.greater_equal, "ge")]:
    _np(_name, _primitive, _method, reflected=False)
_np("power", a.power, "pow", literals=a.LITERAL_EXPONENTS)


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


@public("np.negative", "np.ndarray.__neg__", "nd.negative", "nd.NDArray.__neg__")
def negative(x: Operand) -> Node:
    """-x, elementwise."""
    return a.neg(x)


@public("np.ndarray.astype", "nd.NDArray.astype")
def astype(x: Operand, dtype, copy=True) -> Node:
    """The elements converted to `dtype`."""
    return a.make(a.cast_op, (x,), (np.dtype(dtype).name,))

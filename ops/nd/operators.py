"""The operators of `mx.nd` arrays, and the functions of two arrays, broadcast or of equal shapes.

`mx.nd` never promotes: both operands must have one dtype, which is also the result's, even of comparisons. A number is
converted to the array's dtype (beside bools, to int64).
"""
from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..declare.public import Nodes, Operand, Optional, public
from ..ir.errors import MXNetError
from ..ir.node import Node, depend, is_number
from ..primitive import arithmetic as a
from ..primitive import elementary as e
from ..primitive.arithmetic import cast, where
from ..primitive.constants import full
from ..primitive.elementary import hypot
from ..primitive.linear import reshape
from ..primitive.promotion import BOOL, INT64, nd_pair, numeric

Binary = Callable[[Node, Node], Node]


def pair(x: Node, y: Node) -> tuple[Node, Node]:
    """Both operands in the array's dtype; bools beside a number are cast to int64."""
    if is_number(x) is not is_number(y):
        x, y = (cast(n, INT64) if n.dtype == BOOL and not is_number(n) else n for n in (x, y))
    return nd_pair(x, y)


def divide(x: Node, y: Node) -> Node:
    """x / y; the quotient of integers is truncated towards zero."""
    if x.dtype.kind == "f":
        return a.div(x, y)
    if x.dtype == BOOL:
        return divide(cast(x, INT64), cast(y, INT64))
    return a.floor_divide(a.sub(x, a.fmod(x, y)), y)


def comparison(primitive: Binary) -> Binary:
    return lambda x, y: cast(primitive(x, y), x.dtype)


def truth(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], int]:
    """The comparison of two Python numbers as 1 or 0."""
    return lambda x, y: int(bool(compare(x, y)))


def equal_shapes(x: Node, y: Node, name: str) -> None:
    if x.shape != y.shape:
        raise MXNetError(f"Incompatible attr in node at 1-th input of {name}: expected {x.shape}, got "
                         f"{y.shape}")


def _declare(name: str, apply: Binary, *, method: str = "", functions: str = "", elemwise: str = "",
             reflected: bool = False, literals: frozenset = frozenset(),
             numbers: Callable[[Any, Any], Any] | None = None) -> None:
    """Declare `apply`, on operands of one dtype, as broadcast_{name} and under the given names.

    method: the operator's name without underscores; reflected: whether there is a reflected operator, too.
    functions: names of functions.
    elemwise: the name of a function on arrays of one shape.
    numbers: the function of two Python numbers, which gives a number.
    """
    def build(lhs: Operand, rhs: Operand) -> Node:
        return apply(*pair(lhs, rhs))

    def swapped(lhs: Operand, rhs: Operand) -> Node:
        return apply(*pair(rhs, lhs))

    def strict(lhs: Node, rhs: Node) -> Node:
        equal_shapes(lhs, rhs, elemwise)
        return apply(*nd_pair(lhs, rhs))

    build.__doc__ = f"Elementwise {name.replace('_', ' ')}, broadcast; both operands of one dtype."
    swapped.__doc__ = f"Elementwise {name.replace('_', ' ')} of the operands swapped, for Python's operator."
    strict.__doc__ = f"Elementwise {name.replace('_', ' ')} of two arrays of one shape and dtype."
    listed = functions.split()
    ours = [f"nd.{f}" for f in (f"broadcast_{name}", *(f for f in listed if f.startswith("broadcast_")))]
    public(*ours, *([f"nd.NDArray.__{method}__"] if method else []), literals=literals)(build)
    # The functions without "broadcast_" are Python functions in MXNet, not operators of its engine.
    theirs = [f"nd.{f}" for f in listed if not f.startswith("broadcast_")]
    if theirs:
        public(*theirs, literals=literals, keywords="declared", numbers=numbers)(build)
    if reflected:
        public(f"nd.NDArray.__r{method}__")(swapped)
    if elemwise:
        public(f"nd.{elemwise}")(strict)


_declare("add", a.add, method="add", functions="add broadcast_plus", elemwise="elemwise_add", reflected=True,
         numbers=operator.add)
_declare("sub", a.sub, method="sub", functions="subtract broadcast_minus", elemwise="elemwise_sub",
         reflected=True, numbers=operator.sub)
_declare("mul", a.mul, method="mul", functions="multiply", elemwise="elemwise_mul", reflected=True,
         numbers=operator.mul)
_declare("div", divide, method="truediv", functions="divide true_divide", elemwise="elemwise_div",
         reflected=True, numbers=operator.truediv)
_declare("mod", a.mod, method="mod", functions="modulo", reflected=True, numbers=operator.mod)
_declare("power", e.power, method="pow", reflected=True, literals=e.LITERAL_EXPONENTS)
_declare("maximum", a.maximum, functions="maximum", numbers=lambda x, y: x if x > y else y)
_declare("minimum", a.minimum, functions="minimum", numbers=lambda x, y: x if x < y else y)
_declare("hypot", hypot)
for _name, _primitive, _method, _of_numbers in [
    ("equal", a.equal, "eq", operator.eq), ("not_equal", a.not_equal, "ne", operator.ne),
    ("lesser", a.less, "lt", operator.lt), ("lesser_equal", a.less_equal, "le", operator.le),
    ("greater", a.greater, "gt", operator.gt), ("greater_equal", a.greater_equal, "ge", operator.ge),
    ("logical_and", a.logical_and, "", lambda x, y: x and y), ("logical_or", a.logical_or, "", lambda x, y: x or y),
    ("logical_xor", a.logical_xor, "", lambda x, y: bool(x) != bool(y)),
]:
    _declare(_name, comparison(_primitive), method=_method, functions=_name, numbers=truth(_of_numbers))


@public("nd.power", "nd.pow", literals=e.LITERAL_EXPONENTS, keywords="declared", numbers=operator.pow)
def power(base: Operand, exp: Operand) -> Node:
    """base ** exp, elementwise, broadcast; both operands of one dtype."""
    return e.power(*pair(base, exp))


@public("nd.negative")
def negative(data: Operand) -> Node:
    """-x, elementwise; MXNetError for bools."""
    return a.neg(numeric(data))


@public("nd.NDArray.__neg__")
def negated(data: Operand) -> Node:
    """-x, elementwise; bools give int64."""
    return a.neg(cast(data, INT64) if data.dtype == BOOL else data)


@public("nd.logical_not")
def logical_not(data: Operand) -> Node:
    """1 where an element is 0, else 0; in the dtype of `data`."""
    return cast(a.logical_not(data), data.dtype)


@public("nd.NDArray._astype")
def astype(data: Node, dtype) -> Node:
    """A copy with the elements converted to `dtype`."""
    return a.make(a.cast_op, (data,), (np.dtype(dtype).name,))


@public("nd.cast", "nd.Cast")
def cast_(data: Node, dtype) -> Node:
    """The elements converted to `dtype`, floats to integers by truncation."""
    return a.make(a.cast_op, (data,), (np.dtype(dtype).name,))


@public("nd.add_n", "nd.ElementWiseSum", "nd.elemwise_sum", star=True)
@a.in_single
def add_n(args: Nodes, num_args=None) -> Node:
    """The sum of arrays; MXNetError unless they have one shape and dtype."""
    total = args[0]
    for x in args[1:]:
        equal_shapes(total, x, "add_n")
        total = a.add(*nd_pair(total, x))
    return total


@public("nd.where")
def nd_where(condition: Node, x: Node, y: Node) -> Node:
    """`x` where the condition is nonzero, else `y`. MXNetError unless `x` and `y` have one shape and dtype.

    condition: of the shape of `x`, or 1-d, to select rows.
    """
    if x.dtype != y.dtype or x.shape != y.shape:
        raise MXNetError(f"where: x and y must agree, got {x.aval!r} and {y.aval!r}")
    if condition.shape != x.shape:
        if condition.ndim != 1 or not x.ndim or condition.shape[0] != x.shape[0]:
            raise MXNetError(f"where: a condition of shape {condition.shape} for arrays of shape {x.shape}")
        condition = reshape(condition, (x.shape[0],) + (1,) * (x.ndim - 1))
    return where(a.not_equal(condition, a.like(condition, 0)), x, y)


@public("nd.clip", "nd.NDArray.clip", keywords="engine")
def clip(data: Node, a_min: Optional = None, a_max: Optional = None) -> Node:
    """The elements limited to [a_min, a_max]. MXNetError if a bound is missing.

    If a_min > a_max, elements above a_max become a_max, all others a_min.
    """
    if a_min is None or a_max is None:
        raise MXNetError("Required parameter a_min or a_max of float is not presented, in operator clip")
    return a.clip(data, a_min, a_max)


@public("nd.zeros_like", "nd.NDArray.zeros_like")
def zeros_like(data: Node) -> Node:
    """Zeros of the shape and dtype of `data`."""
    return depend(full(data.shape, 0, data.dtype), data)


@public("nd.ones_like", "nd.NDArray.ones_like")
def ones_like(data: Node) -> Node:
    """Ones of the shape and dtype of `data`."""
    return depend(full(data.shape, 1, data.dtype), data)


@public("nd.NDArray.copy")
def copy(data: Node) -> Node:
    """A copy of the elements."""
    return data

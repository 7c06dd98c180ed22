"""`mx.nd._internal`: the operators of arrays, and of an array and a number, under the names of saved graphs."""
from __future__ import annotations

from collections.abc import Callable

from ..declare.public import Number, public
from ..ir.node import Node
from ..primitive import arithmetic as a
from ..primitive import elementary as e
from ..primitive.promotion import nd_pair
from .operators import comparison, divide, equal_shapes, pair

Binary = Callable[[Node, Node], Node]


def _names(names: str, suffix: str = "") -> list[str]:
    return [f"nd._internal._{name}{suffix}" for name in names.split()]


def _declare(names: str, apply: Binary, *, reflected: str = "", literals: frozenset = frozenset()) -> None:
    """Declare `apply` of two arrays of one shape under `names`, and of an array and a number as name_scalar.

    reflected: the name of the operator of a number and an array, without "_scalar".
    literals: as in `public`.
    """
    first = names.split()[0]

    def arrays(lhs: Node, rhs: Node) -> Node:
        equal_shapes(lhs, rhs, f"_{first}")
        return apply(*nd_pair(lhs, rhs))

    def scalar_last(data: Node, scalar: Number = 1.0) -> Node:
        return apply(*pair(data, scalar))

    def scalar_first(data: Node, scalar: Number = 1.0) -> Node:
        return apply(*pair(scalar, data))

    arrays.__doc__ = f"Elementwise {first} of two arrays of one shape and dtype."
    scalar_last.__doc__ = f"Elementwise {first} of an array and a number."
    scalar_first.__doc__ = f"Elementwise {first} of a number and an array."
    public(*_names(names), literals=literals)(arrays)
    public(*_names(first, "_scalar"), literals=literals)(scalar_last)
    if reflected:
        public(*_names(reflected, "_scalar"))(scalar_first)


_declare("plus add Plus", a.add)
_declare("minus sub Minus", a.sub, reflected="rminus")
_declare("mul Mul", a.mul)
_declare("div Div", divide, reflected="rdiv")
_declare("mod Mod", a.mod, reflected="rmod")
_declare("power Power", e.power, reflected="rpower", literals=e.LITERAL_EXPONENTS)
_declare("maximum Maximum", a.maximum)
_declare("minimum Minimum", a.minimum)
_declare("hypot", e.hypot)
for _name, _primitive in [
    ("equal", a.equal), ("not_equal", a.not_equal), ("greater", a.greater), ("greater_equal", a.greater_equal),
    ("lesser", a.less), ("lesser_equal", a.less_equal), ("logical_and", a.logical_and), ("logical_or", a.logical_or),
    ("logical_xor", a.logical_xor),
]:
    _declare(_name, comparison(_primitive))

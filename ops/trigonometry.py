"""Circular and hyperbolic functions and their inverses."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .arithmetic import add, div, in_single, like, mul, neg, sub
from .families import interval, unary
from .libcall import binary_call, unary_call
from .node import Node
from .unary import sqrt, square


def _one(x: Node) -> Node:
    return like(x, 1)


def _one_plus_square(x: Node) -> Node:
    return add(_one(x), square(x))


def _one_minus_square(x: Node) -> Node:
    return sub(_one(x), square(x))


tan = unary("tan", "tan({0})", np.tan, lambda g, x, y: mul(g, _one_plus_square(y)), samples=interval(-1.2,
                                                                                                     1.2),
            cost=20)
cosh: Callable[[Node], Node]
sinh = unary("sinh", "sinh({0})", np.sinh, lambda g, x, y: mul(g, cosh(x)), samples=interval(-3, 3), cost=16)
cosh = unary("cosh", "cosh({0})", np.cosh, lambda g, x, y: mul(g, sinh(x)), samples=interval(-3, 3), cost=16)
arcsin = unary_call("arcsin", np.arcsin, lambda g, x, y: div(g, sqrt(_one_minus_square(x))),
                    samples=interval(-0.9, 0.9))
arccos = unary_call("arccos", np.arccos, lambda g, x, y: neg(div(g, sqrt(_one_minus_square(x)))),
                    samples=interval(-0.9, 0.9))
arctan = unary_call("arctan", np.arctan, lambda g, x, y: div(g, _one_plus_square(x)), samples=interval(-3, 3))
# The squares of these two derivatives may be beyond float16 where the derivative is not.
arcsinh = unary_call("arcsinh", np.arcsinh, in_single(lambda g, x, y: div(g, sqrt(_one_plus_square(x)))),
                     samples=interval(-3, 3))
arccosh = unary_call("arccosh", np.arccosh, in_single(lambda g, x, y: div(g, sqrt(sub(square(x), _one(x))))),
                     samples=interval(1.2, 4))
arctanh = unary_call("arctanh", np.arctanh, lambda g, x, y: div(g, _one_minus_square(x)),
                     samples=interval(-0.9, 0.9))


def _arctan2_vjp(g: Node, y: Node, x: Node, out: Node) -> tuple[Node, Node]:
    norm = add(square(x), square(y))
    return mul(g, div(x, norm)), neg(mul(g, div(y, norm)))


arctan2 = binary_call("arctan2", np.arctan2, _arctan2_vjp, samples=interval(0.5, 2, 2))
hypot = binary_call("hypot", np.hypot, lambda g, x, y, out: (mul(g, div(x, out)), mul(g, div(y, out))),
                    samples=interval(0.5, 2, 2))

#: What both flavours have under these names.
ELEMENTARY = {"tan": tan, "sinh": sinh, "cosh": cosh, "arcsin": arcsin, "arccos": arccos, "arctan": arctan,
              "arcsinh": arcsinh, "arccosh": arccosh, "arctanh": arctanh}

"""Reciprocals: the quotients that may be products with a reciprocal, since their divisor is a rounded number anyway."""
from __future__ import annotations

from tracer.ops.ir.node import Node
from tracer.ops.ir.op import ELEMENTWISE, REDUCTION, VIEW

from ..graph.known_ops import DIVIDE, EXP, SQRT

#: Ops whose results are rounded for almost all operands, exact ones included.
_INEXACT = frozenset((SQRT, EXP))
#: The most nodes that are examined.
_FAR = 64


def is_quotient(n: Node) -> bool:
    """Whether `n` is a quotient of floats that kernels compute in their own dtype."""
    dtype = n.dtype
    return n.op is DIVIDE and dtype.kind == "f" and dtype.itemsize > 2 and all([x.dtype == dtype for x in n.inputs])


def is_inexact(n: Node) -> bool:
    """Whether a float value is computed with a sum, whose order is unspecified, and with a function that rounds.

    A softmax's total and a standard deviation are: a product with the reciprocal is as good as the quotient. Quotients
    by a number, by a sum of counts or by a maximum keep all digits.
    """
    seen, stack = {n}, [n]
    summed = inexact = False
    while stack and len(seen) <= _FAR:
        x = stack.pop()
        summed = summed or x.op.combine == "+"
        inexact = inexact or x.op in _INEXACT
        if summed and inexact:
            return True
        if x.op.kind in (ELEMENTWISE, REDUCTION, VIEW):
            new = [i for i in x.inputs if i not in seen]
            seen.update(new)
            stack += new
    return False

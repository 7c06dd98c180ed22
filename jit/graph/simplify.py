"""Algebraic simplification: a pass from outputs to equal outputs that are cheaper to run.

No rule changes a result beyond rounding, NaN, infinities and signed zeros included: `x * 0` and `x + 0` stay where x
is a float. (A sum of zeros may be of either sign, as NumPy's: that of [-0.0] is -0.0, of two of them 0.0.)
No rule depends on the value of a number that a kernel takes as an argument, such as a mean's divisor: graphs for two
batch sizes are simplified alike.

A value without elements becomes copies of a number, as does a reduction over no elements: no kernel has an empty
domain. Calls from which it is made and that may fail are computed all the same, since they must still fail (`needed`).
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, const_op, const_value, item_op, leaf_op, store_op
from tracer.ops.ir.op import ELEMENTWISE, REDUCTION, VIEW, Op
from tracer.ops.ir.shapes import broadcast, reduced

from .builder import Nodes
from .known_ops import (
    ADD,
    BROADCAST_TO,
    CAST,
    CUT,
    DIVIDE,
    DUPLICATE,
    MATMUL,
    MULTIPLY,
    NEGATIVE,
    RESHAPE,
    SLICE,
    SUBTRACT,
    TRANSPOSE,
    WHERE,
)
from .scalars import is_textual, number_of
from .symbolic_size import SymbolicSize, applied

#: All integers up to this one are float16 numbers: sums of more equal float16 numbers do not become products.
EXACT_HALF = 2048


def simplify(outputs: Sequence[Node], nodes: Nodes | None = None) -> list[Node]:
    """`outputs` simplified, made of `nodes`; the results have the same avals, in the same order."""
    nodes = Nodes() if nodes is None else nodes
    done: dict[Node, Node] = {}
    for n in toposort(outputs):
        inputs = tuple([done[i] for i in n.inputs])
        done[n] = _rewrite(nodes.keep(n) if inputs == n.inputs else nodes.make(n.op, inputs, n.attrs, n.aval), nodes)
        if inputs and not isinstance(n.aval, tuple) and not (inputs[0] if n.op.kind == REDUCTION else n).size:
            nodes.forgone += inputs
    return [done[o] for o in outputs]


def needed(nodes: Nodes, outputs: Sequence[Node]) -> list[Node]:
    """The calls that may fail and that only values without elements use: simplified, `outputs` do not compute them."""
    if not nodes.forgone:
        return []
    kept = set(toposort(outputs))
    return [n for n in toposort(nodes.forgone) if n.op.may_fail and not isinstance(n.aval, tuple) and n not in kept]


def _number(x: Node) -> float | int | bool | None:
    """The number that all elements of the simplified `x` are known to equal, if rules may depend on it."""
    if x.op is BROADCAST_TO:
        x = x.inputs[0]
    return const_value(x) if x.op is const_op and is_textual(x) else None


def _rewrite(n: Node, nodes: Nodes) -> Node:
    """`n`, whose inputs are simplified, after all rules that apply."""
    while n.op is not DUPLICATE or not n.size:
        rule = _RULES.get(n.op)
        found = n if rule is None else rule(n, nodes)
        if found is n:
            rule = _operand if n.op.expr == "{0}" else _KINDS.get(n.op.kind)
            found = n if rule is None or not n.inputs else rule(n, nodes)
        if found is n:
            break
        n = found
    return n


# ---- by kind -------------------------------------------------------------------------------------

def _elementwise(n: Node, nodes: Nodes) -> Node:
    """Fold constants, and move explicit broadcasts after the op, which then computes once for all copies.

    Elementwise ops broadcast by themselves: where that gives the shape, no explicit broadcast is left.
    """
    if not n.size:
        return _copies(0, n, nodes)
    for x in n.inputs:
        if x.op is const_op or x.op is BROADCAST_TO:
            break
    else:
        return n
    slim = tuple([x.inputs[0] if x.op is BROADCAST_TO else x for x in n.inputs])
    if all([x.op is const_op for x in slim]):
        return nodes.broadcast_to(nodes.const(_folded(n, slim), n.dtype), n.shape)
    if slim == n.inputs:
        return n
    of = nodes.aval(broadcast(*[x.shape for x in slim]), n.dtype)
    return nodes.broadcast_to(_rewrite(nodes.make(n.op, slim, n.attrs, of), nodes), n.shape)


def _copies(value: float | int | bool, n: Node, nodes: Nodes) -> Node:
    """A value of `n`'s shape and dtype whose elements, if any, all equal `value`."""
    return nodes.broadcast_to(nodes.const(repr(n.dtype.type(value).item()), n.dtype), n.shape)


def _folded(n: Node, slim: Sequence[Node]) -> Any:
    """The number, or its text, that `n` gives for the constant operands `slim`."""
    names = tuple([x.attrs[1] for x in slim])
    values = [number_of(x) for x in slim]
    if not any([isinstance(v, SymbolicSize) for v in values]):
        return _computed(n.op, n.attrs, n.dtype, names, tuple([x.attrs[0] for x in slim]))

    def again(*values: float | int) -> float | int:
        text = _computed(n.op, n.attrs, n.dtype, names, tuple([repr(v) for v in values]))
        return const_op.ref([], (text, n.dtype.name)).item()

    return applied(again, *values)


@lru_cache(maxsize=4096)
def _computed(op: Op, attrs: tuple, dtype: np.dtype, names: tuple[str, ...], texts: tuple[str, ...]) -> str:
    """The text of the result of `op` on numbers, which are given by their dtypes and texts."""
    with np.errstate(all="ignore"):
        value = op.ref([const_op.ref([], of) for of in zip(texts, names)], attrs)
        return repr(dtype.type(np.asarray(value).item()).item())


def _reduction(n: Node, nodes: Nodes) -> Node:
    """Reduce one copy for all: a sum over copies is a product with their number, a maximum that of one copy."""
    x, axes = n.inputs[0], n.attrs[0]
    if not x.size:
        return _copies(n.op.identity(n.dtype), n, nodes)
    if all([x.shape[a] == 1 for a in axes]):
        return nodes.reshape(x, n.shape)
    if x.op is not BROADCAST_TO:
        return n
    x, whole = x.inputs[0], x.shape
    lead = len(whole) - x.ndim
    own = tuple([a - lead for a in axes if a >= lead and x.shape[a - lead] == whole[a]])
    copies = math.prod([whole[a] for a in axes if a - lead not in own])
    summed = n.op.combine == "+" and n.dtype.kind != "b"
    rounds = n.dtype == np.float16 and (own != () or copies > EXACT_HALF)  # the partial sum rounds, or the count
    if copies > 1 and (n.op.combine == "*" or summed and rounds):
        return n
    one = x
    if own:
        one = _rewrite(nodes.make(n.op, (x,), (own,), nodes.aval(reduced(x.shape, own), n.dtype)), nodes)
    one = _rewrite(nodes.reshape(one, tuple([d for a, d in enumerate(x.shape, lead) if a not in axes])), nodes)
    if copies > 1 and summed:
        count = nodes.const(_count(copies, n.dtype), n.dtype)
        one = _rewrite(nodes.apply(MULTIPLY, one, count, of=one.aval), nodes)
    return nodes.broadcast_to(one, n.shape)


def _count(copies: Any, dtype: np.dtype) -> Any:
    """A number of copies, or its text; integers wrap around as their sums do."""
    count = applied(lambda copies: np.array(copies).astype(dtype).item(), copies)
    return count if isinstance(count, SymbolicSize) else repr(count)


def _view(n: Node, nodes: Nodes) -> Node:
    """Replace a view of copies of one element by such copies."""
    x = n.inputs[0]
    if not n.size and (n.op is not BROADCAST_TO or x.op is not const_op):
        return _copies(0, n, nodes)
    if x.op is const_op:
        return nodes.broadcast_to(x, n.shape)
    if x.op is BROADCAST_TO and x.inputs[0].ndim == 0:
        return nodes.broadcast_to(x.inputs[0], n.shape)
    return n


# ---- by op ---------------------------------------------------------------------------------------

def _add(n: Node, nodes: Nodes) -> Node:
    x, y = n.inputs
    for one, other in ((x, y), (y, x)):
        if _is_zero(one, -1):
            return nodes.broadcast_to(other, n.shape)
        if one.op is NEGATIVE:
            return nodes.apply(SUBTRACT, other, one.inputs[0], of=n.aval)
    return n


def _subtract(n: Node, nodes: Nodes) -> Node:
    x, y = n.inputs
    if _is_zero(y, 1):
        return nodes.broadcast_to(x, n.shape)
    return nodes.apply(ADD, x, y.inputs[0], of=n.aval) if y.op is NEGATIVE else n


def _is_zero(x: Node, sign: int) -> bool:
    """Whether `x` is known to be zero: for floats, the zero of that sign."""
    value = _number(x)
    return value is not None and value == 0 and (x.dtype.kind != "f" or math.copysign(1, value) == sign)


def _multiply(n: Node, nodes: Nodes) -> Node:
    x, y = n.inputs
    for one, other in ((x, y), (y, x)):
        value = _number(one)
        if value is None:
            continue
        if value == 1:
            return nodes.broadcast_to(other, n.shape)
        if value == 0 and n.dtype.kind != "f":
            return nodes.broadcast_to(one, n.shape)
        if value == -1:
            return nodes.broadcast_to(_minus(other, nodes), n.shape)
    return _both_negative(n, nodes)


def _divide(n: Node, nodes: Nodes) -> Node:
    value = _number(n.inputs[1])
    if value == 1:
        return nodes.broadcast_to(n.inputs[0], n.shape)
    if value == -1:
        return nodes.broadcast_to(_minus(n.inputs[0], nodes), n.shape)
    return _both_negative(n, nodes) if n.dtype.kind == "f" else n


def _minus(x: Node, nodes: Nodes) -> Node:
    return _rewrite(nodes.apply(NEGATIVE, x, of=x.aval), nodes)


def _both_negative(n: Node, nodes: Nodes) -> Node:
    x, y = n.inputs
    both = x.op is NEGATIVE and y.op is NEGATIVE
    return nodes.make(n.op, (x.inputs[0], y.inputs[0]), (), n.aval) if both else n


def _negative(n: Node, nodes: Nodes) -> Node:
    return n.inputs[0].inputs[0] if n.inputs[0].op is NEGATIVE else n


def _where(n: Node, nodes: Nodes) -> Node:
    condition, x, y = n.inputs
    chosen = _number(condition)
    if chosen is not None:
        return nodes.broadcast_to(x if chosen else y, n.shape)
    return nodes.broadcast_to(x, n.shape) if x is y else n


def _reshape(n: Node, nodes: Nodes) -> Node:
    x = n.inputs[0]
    return nodes.reshape(x.inputs[0], n.shape) if x.op is RESHAPE else n


def _transpose(n: Node, nodes: Nodes) -> Node:
    x, perm = n.inputs[0], n.attrs[0]
    if x.op is TRANSPOSE:
        x, perm = x.inputs[0], tuple([x.attrs[0][p] for p in perm])
        return x if perm == tuple(range(x.ndim)) else nodes.make(n.op, (x,), (perm,), n.aval)
    moved = [p for p in perm if x.shape[p] != 1]
    return nodes.reshape(x, n.shape) if moved == sorted(moved) else n


def _broadcast_to(n: Node, nodes: Nodes) -> Node:
    x = n.inputs[0]
    if x.op is BROADCAST_TO:
        return nodes.broadcast_to(x.inputs[0], n.shape)
    if x.op is RESHAPE:  # a broadcast adds leading axes of size 1 by itself
        inner = x.inputs[0]
        if x.shape == (1,) * (x.ndim - inner.ndim) + inner.shape:
            return nodes.broadcast_to(inner, n.shape)
    return n


def _cast(n: Node, nodes: Nodes) -> Node:
    x = n.inputs[0]
    if x.dtype == n.dtype:
        return x
    if not x.op.converts or not _holds(x.dtype, x.inputs[0].dtype, n.dtype):
        return n
    x = x.inputs[0]
    return x if x.dtype == n.dtype else nodes.make(n.op, (x,), n.attrs, n.aval)


def _holds(wide: np.dtype, dtype: np.dtype, then: np.dtype) -> bool:
    """Whether a cast of `dtype` to `wide` and then to `then` equals a cast to `then` directly."""
    if not np.can_cast(dtype, wide) or (wide.kind == "f" and dtype.kind in "iu" and dtype.itemsize == 8):
        return False  # `wide` cannot represent all of them
    return then == dtype or not (wide.kind == "f" and then.kind in "iu")  # out of range, casts of floats are undefined


def _fold_transposes(n: Node, nodes: Nodes) -> Node:
    a, b = n.inputs
    ta, tb = n.attrs

    def swapped(x: Node) -> bool:
        if x.op is not TRANSPOSE:
            return False
        perm = x.attrs[0]
        return perm == (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)

    if swapped(a):
        a, ta = a.inputs[0], not ta
    if swapped(b):
        b, tb = b.inputs[0], not tb
    return n if (a, b) == n.inputs else nodes.make(n.op, (a, b), (ta, tb), n.aval)


def _item(n: Node, nodes: Nodes) -> Node:
    """A part of an array as a slice, which needs no copy."""
    made = n.inputs[0]
    if made.op is not CUT:
        return n
    axis, starts = made.attrs
    spec = tuple([(starts[n.attrs[0]] if i == axis else 0, d, 1) for i, d in enumerate(n.shape)])
    return nodes.make(SLICE, made.inputs, (spec,), n.aval)


def _leaf(n: Node, nodes: Nodes) -> Node:
    """A leaf without its device, on which kernels do not depend."""
    of, index = n.attrs
    if of.device is None:
        return n
    of = nodes.aval(of.shape, of.dtype)
    return nodes.make(n.op, (), (of, index), of)


def _operand(n: Node, nodes: Nodes) -> Node:
    """Replace an op that matters to derivatives only by its operand."""
    return n if n.op is store_op else n.inputs[0]


Rule = Callable[[Node, Nodes], Node]

#: Rules by op, which come first, and by kind of op.
_RULES: dict[Op, Rule] = {
    leaf_op: _leaf, CAST: _cast, ADD: _add, SUBTRACT: _subtract, MULTIPLY: _multiply, DIVIDE: _divide,
    NEGATIVE: _negative, WHERE: _where, RESHAPE: _reshape, TRANSPOSE: _transpose, BROADCAST_TO: _broadcast_to,
    MATMUL: _fold_transposes, item_op: _item}
_KINDS: dict[str, Rule] = {ELEMENTWISE: _elementwise, REDUCTION: _reduction, VIEW: _view}

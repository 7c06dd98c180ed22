"""The graph: immutable, hash-consed nodes. Equal graphs are the same object: a node is a dictionary key for its whole
graph, common subexpressions are shared as they are made, and a property of a node is computed once.

Nodes hold no arrays. A leaf is (aval, index of first use in its trace); a run-time scalar is (kind, index).
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .aval import Aval, aval
from .errors import MXNetError
from .op import ALL, CALL, ELEMENTWISE, LEAF, VIEW, Op, declare


class Node:
    """An op applied to nodes. Make one with `make`, never directly."""

    __slots__ = ("op", "inputs", "attrs", "aval", "_reach")

    def __init__(self, op: Op, inputs: tuple[Node, ...], attrs: tuple, result: Aval) -> None:
        self.op = op
        self.inputs = inputs
        self.attrs = attrs
        self.aval = result
        self._reach: tuple[Node, ...] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    @property
    def size(self) -> int:
        return self.aval.size

    @property
    def reach(self) -> tuple[Node, ...]:
        """The leaves and marks with respect to which this node can be differentiated, in order of first use.

        Those behind an op without a derivative are included: a backward pass writes zeros there, as MXNet's does.
        """
        return reach_of(self)

    def __repr__(self) -> str:
        return f"<{self.op.name}{list(self.attrs) if self.attrs else ''} {self.aval!r}>"


_TABLE: dict[tuple, Node] = {}


def make(op: Op, inputs: tuple[Node, ...] = (), attrs: tuple = ()) -> Node:
    """The interned node of `op` on `inputs` with static `attrs`. Inputs are checked, and avals inferred, once."""
    key = (op, attrs, *inputs)
    node = _TABLE.get(key)
    if node is None:
        if op.dtypes is not ALL and inputs and inputs[0].dtype not in op.dtypes:
            raise MXNetError(f"{op.name} does not take {inputs[0].dtype.name}; use astype")
        node = _TABLE.setdefault(key, Node(op, inputs, attrs, op.infer([n.aval for n in inputs], attrs)))
    return node


#: The number of interned nodes above which the table and all caches keyed by nodes are due to be emptied.
NODES_BOUND = 1 << 17


def table_size() -> int:
    """The number of interned nodes."""
    return len(_TABLE)


def table_full() -> bool:
    """Whether `forget_all` is due: more than NODES_BOUND nodes are interned."""
    return len(_TABLE) > NODES_BOUND


#: Functions that empty the caches keyed by nodes: each cache's module adds its own.
FORGETTERS: list[Callable[[], None]] = []


def forget_all() -> None:
    """Empty the table and all caches keyed by nodes. Kernels, which are keyed by their source, stay.

    Pending values, in any thread, keep their nodes.

    >>> from tracer import np
    >>> x = np.ones(3) + 1
    >>> forget_all()
    >>> (x * x).sum().item()
    12.0
    """
    for forget in FORGETTERS:
        forget()
    _TABLE.clear()
    _LATEST.clear()


# ---- the primitive inputs of a graph -------------------------------------------------------------

def _no_ref(arrays: Sequence[Any], attrs: tuple) -> Any:
    raise AssertionError("a leaf has no computation")


leaf_op = declare(Op("leaf", LEAF, lambda avals, attrs: attrs[0], _no_ref))
scalar_op = declare(Op("scalar", LEAF, lambda avals, attrs: aval((), np.dtype(attrs[0])), _no_ref))


#: Index -> the leaf made last: most traces use arrays of the same avals as the trace before.
_LATEST: dict[int, Node] = {}


def leaf(of: Aval, index: int) -> Node:
    """The leaf of the `index`-th array that a trace uses, of the given aval."""
    node = _LATEST.get(index)
    if node is None or node.aval is not of:
        node = _LATEST[index] = make(leaf_op, (), (of, index))
    return node


#: The range of integers that can be run-time scalars of int64.
INT64_MIN, INT64_MAX = -1 << 63, (1 << 63) - 1


def scalar(kind: str, index: int) -> Node:
    """The run-time scalar of the `index`-th Python number that a trace uses; kind: "float64" or "int64"."""
    return make(scalar_op, (), (kind, index))


def large_integer(index: int) -> Node:
    """The run-time scalar of a Python integer beyond int64: a float64 that can be cast to floats only."""
    return make(scalar_op, (), ("float64", index, "integer"))


def is_large_integer(x: Node) -> bool:
    """Whether `x` was made by `large_integer`."""
    return x.op is scalar_op and len(x.attrs) > 2


def const_value(node: Node) -> float | int | bool:
    """The Python number of a `const` node."""
    text, dtype = node.attrs[:2]
    kind = np.dtype(dtype).kind
    return text == "True" if kind == "b" else float(text) if kind == "f" else int(text)


# A constant is keyed by its text: as numbers in a tuple, 1 equals True, 0.0 equals -0.0, and NaN does not equal itself.
const_op = declare(Op(
    "const", ELEMENTWISE, lambda avals, attrs: aval((), np.dtype(attrs[1])),
    lambda arrays, attrs: np.dtype(attrs[1]).type(attrs[0] == "True" if attrs[1] == "bool" else attrs[0]),
    vjp=lambda node, g: (), cost=0))


def const(value: float | int | bool, dtype: np.dtype | str) -> Node:
    """A constant of shape () that is part of the program's structure, as the 2 in the derivative of x*x.

    Integers wrap around in a narrow dtype, as those of arrays do. OverflowError for an integer beyond int64, unless
    `dtype` is a float.
    """
    dtype = np.dtype(dtype)
    return make(const_op, (), (repr(converted(value, dtype).item()), dtype.name))


_LITERALS = {bool: "bool", float: "float64", int: "int64"}


def literal(value: float | int | bool) -> Node:
    """A `const` for a Python number among a user's operands: its dtype yields to that of the arrays.

    value: a bool, a float, or an integer within int64. Each recording of `x ** 2` calls this.
    """
    return make(const_op, (), (repr(value), _LITERALS[type(value)], "number"))


def is_number(x: Node) -> bool:
    """Whether `x` is a Python number of the user's, rather than a 0-d array."""
    return x.op is scalar_op or x.op is const_op and len(x.attrs) > 2


def converted(value: float | int | bool, dtype: np.dtype) -> Any:
    """A Python number as a NumPy scalar of `dtype`, by MXNet's conversion, which is that of NumPy's arrays."""
    if isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX:
        if dtype.kind != "f":
            raise OverflowError("Integer out of bounds")  # MXNet's words
        value = float(value)
    if 0 <= value < 128 if type(value) is int else dtype.kind == "f" and -6e4 < value < 6e4:
        return dtype.type(value)  # in the range of every dtype: `errstate` would take most of the time
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(value).astype(dtype)[()]


# ---- barriers: where differentiation stops -------------------------------------------------------

def _same(avals: Sequence[Aval], attrs: tuple) -> Aval:
    return avals[0]


stop_op = declare(Op("stop", ELEMENTWISE, _same, lambda a, attrs: a[0], expr="{0}", cost=0))
mark_op = declare(Op("mark", ELEMENTWISE, _same, lambda a, attrs: a[0], expr="{0}", cost=0))


def _depend_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    for shape, other in (((3, 4), (2,)), ((), (0, 3)), ((0, 2), ())):
        yield [np.linspace(-1, 1, int(np.prod(s))).reshape(s) for s in (shape, other)], ()


#: The first input, made to depend on the others too, by which the derivative is 0.
depend_op = declare(Op("depend", VIEW, _same, lambda a, attrs: a[0], lambda n, g: (g, *[None] * (len(n.inputs) - 1)),
                       expr="{0}", cost=0, samples=_depend_samples))


def _refuse(node: Node, g: Node) -> Sequence[Node | None]:
    raise MXNetError(f"Operator _backward_{node.attrs[0]} is non-differentiable: the gradient of a loss layer is not "
                     "the derivative of its value, and has none itself. Leave the layer out of what is differentiated "
                     "twice, or take the loss by other functions")


#: A gradient that cannot be differentiated.
once_op = declare(Op("once", ELEMENTWISE, _same, lambda a, attrs: a[0], _refuse, expr="{0}", cost=0))

#: The elements of the first input, with the derivative of the identity of the second.
overwrite_op = declare(Op("overwrite", ELEMENTWISE, _same, lambda a, attrs: a[0], lambda n, g: (None, g), expr="{0}",
                          cost=0))

#: A value that memory must hold: it is not computed again where it is used, nor is its cotangent.
store_op = declare(Op("store", ELEMENTWISE, _same, lambda a, attrs: a[0], lambda n, g: (store(g),), expr="{0}", cost=0,
                      samples=lambda: [([np.linspace(-1, 1, 6).reshape(2, 3)], ())]))


def store(x: Node) -> Node:
    """`x`, held in memory: the state that a loop carries from step to step, so that every step is the same kernel."""
    return make(store_op, (x,))


def stop(x: Node) -> Node:
    """`x` as a constant: derivatives do not go through it."""
    return make(stop_op, (x,))


def once(gradient: Node, layer: str) -> Node:
    """The `gradient` of the named layer; differentiating it raises MXNetError."""
    return make(once_op, (gradient,), (layer,))


def straight(value: Node, x: Node) -> Node:
    """The elements of `value` with the derivative of the identity of `x`: a straight-through estimator."""
    return make(overwrite_op, (value, x))


def mark(x: Node, index: int) -> Node:
    """`x` as the `index`-th variable of its trace: derivatives are taken with respect to it and go no further."""
    return make(mark_op, (x,), (index,))


def depend(value: Node, *operands: Node) -> Node:
    """`value`, made to depend on `operands` too; the derivative by these is 0."""
    return make(depend_op, (value, *operands))


# ---- one output of an op that has several --------------------------------------------------------

def _item_infer(avals: Sequence[Any], attrs: tuple) -> Aval:
    return avals[0][attrs[0]]


item_op = declare(Op("item", CALL, _item_infer, lambda a, attrs: a[0][attrs[0]], cost=0, may_fail=True,
                     axes=True))


def items(multi: Node) -> tuple[Node, ...]:
    """The outputs of a node whose aval is a tuple."""
    return tuple(make(item_op, (multi,), (i,)) for i in range(len(multi.aval)))  # type: ignore[arg-type]


# ---- reach ---------------------------------------------------------------------------------------

def reach_of(node: Node) -> tuple[Node, ...]:
    """`node.reach` as a function, which saves hot code the frame of a property."""
    if node._reach is None:
        _fill_reach(node)
    return node._reach  # type: ignore[return-value]


def _fill_reach(node: Node) -> None:
    stack = [node]
    while stack:
        n = stack[-1]
        if n._reach is None:
            if n.op is leaf_op or n.op is mark_op:
                n._reach = (n,)
            elif n.op is stop_op or n.op is scalar_op:
                n._reach = ()
            else:
                missing = [i for i in n.inputs if i._reach is None]
                if missing:
                    stack += missing
                    continue
                n._reach = _union([i._reach for i in n.inputs if i._reach])
        stack.pop()


def _union(parts: list[tuple[Node, ...]]) -> tuple[Node, ...]:
    """The nodes of all parts, once each, in order."""
    if all(p is parts[0] for p in parts[1:]):
        return parts[0] if parts else ()
    return tuple(dict.fromkeys([n for part in parts for n in part]))

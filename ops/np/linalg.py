"""Products of `mx.np` (dot, tensordot, outer …), einsum and norms."""
from __future__ import annotations

import math

from ..declare.public import Nodes, public
from ..ir.errors import MXNetError
from ..ir.node import Node, const, is_number
from ..ir.shapes import normalize_axes, normalize_axis
from ..primitive.arithmetic import cast, in_single, like, mul, not_equal, sub, where
from ..primitive.elementary import absolute, power
from ..primitive.factorizations import singular_values
from ..primitive.linear import broadcast_to, concatenate, part, reduce_sum, reshape, transpose
from ..primitive.matmul import product
from ..primitive.promotion import inexact, np_same
from ..primitive.reductions import euclidean, kept, reduce_max, reduce_min
from .movement import diagonal, moveaxis


def _arrays(a: Node, b: Node, name: str) -> tuple[Node, Node]:
    if is_number(a) or is_number(b):
        raise MXNetError(f"expected NDArray, got a number: {name} requires arrays")
    return np_same(a, b)


def contract(a: Node, b: Node, axes_a: tuple[int, ...], axes_b: tuple[int, ...]) -> Node:
    """The sum of products over pairs of axes, by one matrix product; its axes: the others of `a`, then those of `b`."""
    if tuple(a.shape[i] for i in axes_a) != tuple(b.shape[i] for i in axes_b):
        raise MXNetError(f"Shape inconsistent: shapes {a.shape} and {b.shape} don't agree in the axes "
                         f"{axes_a} and {axes_b}")
    rest_a = tuple(i for i in range(a.ndim) if i not in axes_a)
    rest_b = tuple(i for i in range(b.ndim) if i not in axes_b)
    inner = math.prod(a.shape[i] for i in axes_a)
    shape_a, shape_b = tuple(a.shape[i] for i in rest_a), tuple(b.shape[i] for i in rest_b)
    left = reshape(transpose(a, rest_a + axes_a), (math.prod(shape_a), inner))
    right = reshape(transpose(b, axes_b + rest_b), (inner, math.prod(shape_b)))
    return reshape(product(left, right), shape_a + shape_b)


@public("np.dot", "np.ndarray.dot")
def dot(a: Node, b: Node, out=None) -> Node:
    """The sum of products over the last axis of `a` and the second to last (or only) axis of `b`; 0-d: the product.

    MXNetError if these axes differ in size, or the arrays in dtype.

    >>> from tracer import np
    >>> np.dot(np.array([[1, 2], [3, 4]]), np.array([1, 1]))
    array([3., 7.])
    """
    a, b = _arrays(a, b, "dot")
    if a.ndim == 0 or b.ndim == 0:
        return mul(a, b)
    last = b.ndim - 2 if b.ndim > 1 else 0
    if a.shape[-1] != b.shape[last]:
        raise MXNetError(f"Shape inconsistent: dot of shapes {a.shape} and {b.shape}: "
                         f"{a.shape[-1]} != {b.shape[last]}")
    return contract(a, b, (a.ndim - 1,), (last,))


@public("np.tensordot", "np.linalg.tensordot")
def tensordot(a: Node, b: Node, axes=2) -> Node:
    """The sum of products over `axes`: a number of last axes of `a` and first of `b`, or a pair of lists of axes."""
    a, b = _arrays(a, b, "tensordot")
    if isinstance(axes, int):
        if axes > min(a.ndim, b.ndim):
            raise MXNetError(f"tensordot: {axes} axes of shapes {a.shape} and {b.shape}")
        return contract(a, b, tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes)))
    pair = [((x,) if isinstance(x, int) else tuple(x)) for x in axes]
    return contract(a, b, tuple(normalize_axis(i, a.ndim) for i in pair[0]),
                    tuple(normalize_axis(i, b.ndim) for i in pair[1]))


@public("np.inner")
def inner(a: Node, b: Node) -> Node:
    """The sum of products over the last axes of both; 0-d: the product."""
    a, b = _arrays(a, b, "inner")
    if a.ndim == 0 or b.ndim == 0:
        return mul(a, b)
    return contract(a, b, (a.ndim - 1,), (b.ndim - 1,))


@public("np.outer", "np.linalg.outer")
def outer(a: Node, b: Node) -> Node:
    """The products of all pairs of elements of two flattened arrays: shape (a.size, b.size)."""
    a, b = _arrays(a, b, "outer")
    return mul(reshape(a, (a.size, 1)), reshape(b, (1, b.size)))


@public("np.vdot")
def vdot(a: Node, b: Node) -> Node:
    """The sum of products of two arrays of one size, flattened."""
    a, b = _arrays(a, b, "vdot")
    return dot(reshape(a, (a.size,)), reshape(b, (b.size,)))


@public("np.linalg.vecdot")
@in_single
def vecdot(a: Node, b: Node, axis=-1) -> Node:
    """The sum of products along one axis of two arrays, broadcast."""
    both = mul(*_arrays(a, b, "vecdot"))
    return reduce_sum(both, (normalize_axis(axis, both.ndim),))


@public("np.kron")
def kron(a: Node, b: Node) -> Node:
    """The Kronecker product: each element of `a` times all of `b`."""
    a, b = _arrays(a, b, "kron")
    rank = max(a.ndim, b.ndim)
    shape_a, shape_b = ((1,) * (rank - x.ndim) + x.shape for x in (a, b))
    left = reshape(a, tuple(d for n in shape_a for d in (n, 1)))
    right = reshape(b, tuple(d for n in shape_b for d in (1, n)))
    return reshape(mul(left, right), tuple(m * n for m, n in zip(shape_a, shape_b, strict=True)))


@public("np.linalg.cross")
def linalg_cross(a: Node, b: Node, axis=-1) -> Node:
    """The cross product of vectors of 3 components along `axis`."""
    return cross(a, b, axis=axis)


@public("np.cross")
@in_single
def cross(a: Node, b: Node, axisa=-1, axisb=-1, axisc=-1, axis=None) -> Node:
    """The cross product of vectors of 2 or 3 components; for two 2-vectors only its third component."""
    a, b = _arrays(a, b, "cross")
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise MXNetError("incompatible dimensions for cross product (dimension must be 2 or 3)")
    x, y = ([reshape(part(v, v.ndim - 1, i, 1), v.shape[:-1]) for i in range(v.shape[-1])] for v in (a, b))
    third = sub(mul(x[0], y[1]), mul(x[1], y[0]))
    if len(x) == len(y) == 2:
        return third
    x, y = (v if len(v) == 3 else [*v, like(v[0], 0)] for v in (x, y))
    parts = [sub(mul(x[1], y[2]), mul(x[2], y[1])), sub(mul(x[2], y[0]), mul(x[0], y[2])), third]
    joined = concatenate([reshape(broadcast_to(p, third.shape), (*third.shape, 1)) for p in parts],
    third.ndim)
    return moveaxis(joined, -1, axisc)


# ---- einsum --------------------------------------------------------------------------------------

@public("np._einsum")
@in_single
def einsum(operands: Nodes, subscripts) -> Node:
    """The sums of products given by subscripts ("ij,jk->ik"), as a chain of matrix products from left to right."""
    names, result = _parse(subscripts, [x.ndim for x in operands])
    terms = [_diagonals(x, n) for x, n in zip(operands, names, strict=True)]
    sizes: dict[str, int] = {}
    for x, labels in terms:
        for label, d in zip(labels, x.shape, strict=True):
            if sizes.setdefault(label, d) != d:
                if 1 not in (d, sizes[label]):
                    raise MXNetError(f"einsum: Size of label {label!r} is {d}, and was {sizes[label]}")
                sizes[label] = max(d, sizes[label])
    terms = [(broadcast_to(x, tuple(sizes[i] for i in labels)), labels) for x, labels in terms]
    for label in result:
        if label not in sizes:
            raise MXNetError(f"einsum: the result's label {label!r} is in no operand")
    while len(terms) > 1:
        later = set(result).union(*(labels for _, labels in terms[2:]))
        terms[:2] = [_pair(terms[0], terms[1], later)]
    x, labels = _keep(*terms[0], set(result))
    return transpose(x, tuple(labels.index(i) for i in result))


def _parse(subscripts: str, ranks: list[int]) -> tuple[list[list[str]], list[str]]:
    """The labels of each operand and of the result; an ellipsis becomes the labels "0", "1" … from the right."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise MXNetError(f"einsum: {subscripts!r} names {len(parts)} operands, given {len(ranks)}")
    names, widest = [], 0
    for given, rank in zip(parts, ranks, strict=True):
        hidden = rank - len(given.replace("...", ""))
        if hidden < 0 or hidden and "..." not in given:
            raise MXNetError(f"einsum: {given!r} names the axes of an operand of {rank} dimensions")
        widest = max(widest, hidden)
        names.append(_labels(given, hidden))
    free = [str(i) for i in range(widest)][::-1]
    if arrow:
        return names, _labels(right, widest)
    once = sorted(c for c in set(left) - set(".,") if left.count(c) == 1)
    return names, free + once


def _labels(text: str, hidden: int) -> list[str]:
    before, dots, after = text.partition("...")
    middle = [str(i) for i in range(hidden)][::-1] if dots else []
    return [*before, *middle, *after]


def _diagonals(x: Node, labels: list[str]) -> tuple[Node, list[str]]:
    """The operand and its labels, with each repeated label replaced by the diagonal."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            if x.shape[i] != x.shape[j]:
                raise MXNetError(f"einsum: label {label!r} stands for sizes {x.shape[i]} and {x.shape[j]}")
            x = diagonal(x, 0, i, j)
            labels = [c for k, c in enumerate(labels) if k not in (i, j)] + [label]
    return x, labels


def _keep(x: Node, labels: list[str], wanted: set[str]) -> tuple[Node, list[str]]:
    """The term summed over all labels that are not in `wanted`."""
    axes = tuple(i for i, c in enumerate(labels) if c not in wanted)
    return (reduce_sum(x, axes) if axes else x), [c for c in labels if c in wanted]


def _pair(left: tuple[Node, list[str]], right: tuple[Node, list[str]], later: set[str]) -> tuple[Node,
                                                                                                 list[str]]:
    a, la = _keep(*left, later.union(right[1]))
    b, lb = _keep(*right, later.union(left[1]))
    a, b = np_same(a, b)
    batch = [c for c in la if c in lb and c in later]
    inner = [c for c in la if c in lb and c not in later]
    only_a, only_b = [c for c in la if c not in lb], [c for c in lb if c not in la]
    size = dict(zip(la + lb, a.shape + b.shape, strict=True))

    def matrices(x: Node, labels: list[str], first: list[str], second: list[str]) -> Node:
        order = transpose(x, tuple(labels.index(c) for c in batch + first + second))
        sizes = [math.prod(size[c] for c in group) for group in (batch, first, second)]
        return reshape(order, tuple(sizes if batch else sizes[1:]))

    if not inner:  # nothing is summed: a broadcast product
        left_part = matrices(a, la, only_a, [])
        right_part = matrices(b, lb, [], only_b)
        out = mul(left_part, right_part)
    else:
        out = product(matrices(a, la, only_a, inner), matrices(b, lb, inner, only_b))
    labels = batch + only_a + only_b
    return reshape(out, tuple(size[c] for c in labels)), labels


# ---- norms ---------------------------------------------------------------------------------------

@public("np.linalg.norm", "np.ndarray.norm")
def norm(x: Node, ord=None, axis=None, keepdims=False) -> Node:
    """The vector norm over one axis (or all), or the matrix norm over two. Integers are cast to float32.

    With axis=None, the orders "inf" and "-inf" are those of the flattened array, in MXNet.

    ord: None or "fro" is the root of the sum of squares; also, for vectors, inf, -inf, 0 or any p (for p < 0 without
        zeros); for matrices 1, -1, inf, -inf, 2, -2 or "nuc". MXNetError for others.
    """
    x = inexact(x)
    if axis is None and (ord is None or ord in _INFINITE):
        everything = tuple(range(x.ndim))
        made = euclidean(x, everything) if ord is None else _vector_norm(x, _INFINITE[ord], everything)
        return kept(made, x.shape, everything, keepdims)
    ord = _INFINITE.get(ord, ord)
    order = tuple(range(x.ndim)) if axis is None else \
        tuple(normalize_axis(i, x.ndim) for i in ((axis,) if isinstance(axis, int) else axis))
    axes = normalize_axes(order, x.ndim)
    if len(axes) == 1:
        return kept(_vector_norm(x, ord, axes), x.shape, axes, keepdims)
    if len(axes) != 2:
        raise MXNetError("Improper number of dimensions to norm.")
    return kept(_matrix_norm(x, ord, order[0], order[1]), x.shape, axes, keepdims)


#: The texts that MXNet takes for infinite orders.
_INFINITE = {"inf": math.inf, "-inf": -math.inf}


@in_single
def _vector_norm(x: Node, ord: object, axes: tuple[int, ...]) -> Node:
    if ord is not None and not isinstance(ord, (int, float)):
        raise MXNetError(f"Invalid norm order {ord!r} for vectors.")
    if ord is None or ord == 2 or not all(x.shape[a] for a in axes):
        return euclidean(x, axes)  # without elements every norm is 0
    if ord == math.inf:
        return reduce_max(absolute(x), axes)
    if ord == -math.inf:
        return reduce_min(absolute(x), axes)
    if ord == 0:
        return reduce_sum(cast(not_equal(x, like(x, 0)), x.dtype), axes)
    if ord == 1:
        return reduce_sum(absolute(x), axes)
    powers = power(absolute(x), const(ord, x.dtype))
    if ord > 0:
        return power(reduce_sum(powers, axes), const(1 / ord, x.dtype))
    zero = const(0, x.dtype)  # of negative orders, MXNet leaves out zeros
    total = reduce_sum(where(not_equal(x, zero), powers, zero), axes)
    return where(not_equal(total, zero), power(total, const(1 / ord, x.dtype)), zero)


@in_single
def _matrix_norm(x: Node, ord: object, row: int, column: int) -> Node:
    if ord not in (None, "fro", "f", 1, -1, 2, -2, math.inf, -math.inf, "nuc"):
        raise MXNetError(f"Invalid norm order {ord!r} for matrices.")
    if ord in (None, "fro", "f") or not (x.shape[row] and x.shape[column]):
        return euclidean(x, tuple(sorted((row, column))))  # without elements every norm is 0
    if ord in (1, -1, math.inf, -math.inf):
        summed, kept = (row, column) if ord in (1, -1) else (column, row)
        sums = reduce_sum(absolute(x), (summed,))
        extreme = reduce_max if ord in (1, math.inf) else reduce_min
        return extreme(sums, (kept - (kept > summed),))
    rest = tuple(i for i in range(x.ndim) if i not in (row, column))
    s = singular_values(transpose(x, (*rest, row, column)))
    last = (s.ndim - 1,)
    return reduce_sum(s, last) if ord == "nuc" else reduce_max(s, last) if ord == 2 else reduce_min(s, last)


@public("np.linalg.vector_norm")
def vector_norm(x: Node, ord=2, axis=None, keepdims=False) -> Node:
    """The vector norm over `axis` (None: of the flattened array); several axes are taken as one vector."""
    x, ord = inexact(x), _INFINITE.get(ord, ord)
    axes = normalize_axes(axis, x.ndim)
    return kept(_vector_norm(x, ord, axes), x.shape, axes, keepdims)


@public("np.linalg.matrix_norm")
def matrix_norm(x: Node, ord="fro", axis=(-2, -1), keepdims=False) -> Node:
    """The norm of the matrices in two axes; `ord` as in `np.linalg.norm`."""
    return norm(x, ord, axis, keepdims)


# ---- npx -----------------------------------------------------------------------------------------

@public("npx.batch_dot")
def batch_dot(a: Node, b: Node, transpose_a=False, transpose_b=False, forward_stype="default") -> Node:
    """The matrix products of two stacks: (b, m, k) and (b, k, n) give (b, m, n). MXNetError if leading axes differ."""
    a, b = _arrays(a, b, "batch_dot")
    if a.ndim < 3 or a.ndim != b.ndim or a.shape[:-2] != b.shape[:-2]:
        raise MXNetError("batch_dot shape error (the leading batch dimensions must be equal): "
                         f"{a.shape} {b.shape}")
    return product(a, b, bool(transpose_a), bool(transpose_b))


@public("np.linalg.diagonal")
def matrix_diagonal(a: Node, offset=0) -> Node:
    """The diagonals of the matrices in the last two axes, as NumPy's; `np.diagonal` uses the first two."""
    return diagonal(a, offset, -2, -1)

"""The functions of `mx.np` that create arrays, of a given shape and dtype or like another array."""
from __future__ import annotations

import numpy as np

from ..declare.public import Nodes, Operand, public
from ..ir.errors import MXNetError
from ..ir.node import Node, const, depend
from ..primitive.arithmetic import add, cast, equal, like, mul, where
from ..primitive.constants import band, full
from ..primitive.iota import iota
from ..primitive.linear import broadcast_to, concatenate, reshape
from ..primitive.promotion import FLOAT64

# ---- functions of an explicit dtype; tracer/numpy fills in MXNet's defaults ------------------------

@public("np._full")
def _full(shape, value, dtype) -> Node:
    """An array of `shape` filled with a number. MXNetError for a negative size."""
    if any(d < 0 for d in shape):
        raise MXNetError(f"Shape dim size cannot be a negative value: {shape}")
    return full(shape, value, dtype)


@public("np._arange")
def _arange(start, stop, step, dtype) -> Node:
    """The numbers start, start + step, … below stop. MXNetError for step 0."""
    if step == 0:
        raise MXNetError("arange: step must not be zero")
    n = max(0, int(np.ceil((stop - start) / step)))
    dtype = np.dtype(dtype)
    count = iota((n,), 0, dtype)
    if step != 1:
        count = mul(count, const(step, dtype))
    return count if start == 0 else add(count, const(start, dtype))


@public("np._linspace")
def _linspace(start, stop, num, endpoint, dtype) -> Node:
    """`num` evenly spaced numbers from start to stop, computed in float64. MXNetError for a negative `num`."""
    if num < 0:
        raise MXNetError(f"Number of sequence should be non-negative, received {num}")
    step = (stop - start) / max(num - 1 if endpoint else num, 1)
    count = iota((num,), 0, FLOAT64)
    line = add(mul(count, like(count, step)), like(count, start))
    if endpoint and num > 1:
        line = where(equal(count, like(count, num - 1)), like(count, stop), line)
    return cast(line, dtype)


@public("np._eye")
def _eye(N, M, k, dtype) -> Node:
    """An N x M matrix with ones on the k-th diagonal. MXNetError for negative sizes."""
    if N < 0 or M < 0:
        raise MXNetError(f"negative dimensions are not allowed. N is {N}, M is {M}")
    return cast(band((N, M), k, k), dtype)


@public("np._tri")
def _tri(N, M, k, dtype) -> Node:
    """An N x M matrix with ones at and below the k-th diagonal."""
    return cast(band((N, M), None, k), dtype)


def _matrix(m: Node) -> Node:
    if m.ndim == 0:
        raise MXNetError("tril and triu want at least one dimension")
    return broadcast_to(m, (m.shape[0], m.shape[0])) if m.ndim == 1 else m


@public("np.tril", "np.ndarray.tril")
def tril(m: Node, k=0) -> Node:
    """The matrices in the last two axes, with zeros above the k-th diagonal. MXNetError for 0-d arrays."""
    m = _matrix(m)
    return where(broadcast_to(band(m.shape, None, k), m.shape), m, like(m, 0))


@public("np.triu", "np.ndarray.triu")
def triu(m: Node, k=0) -> Node:
    """The matrices in the last two axes, with zeros below the k-th diagonal. MXNetError for 0-d arrays."""
    m = _matrix(m)
    return where(broadcast_to(band(m.shape, k, None), m.shape), m, like(m, 0))


@public("np._full_of")
def _full_of(fill_value: Operand, shape, dtype) -> Node:
    """An array of `shape` filled with `fill_value`, an array that is broadcast."""
    return broadcast_to(cast(fill_value, dtype or fill_value.dtype), shape)


@public("np.full_like")
def full_like(a: Node, fill_value: Operand, dtype=None, order="C", ctx=None, device=None) -> Node:
    """An array of the shape and dtype of `a`, filled with `fill_value`."""
    return depend(broadcast_to(cast(fill_value, dtype or a.dtype), a.shape), a)


@public("np.empty_like")
def empty_like(prototype: Node, dtype=None, order="C", subok=False, shape=None, ctx=None, device=None) -> Node:
    """An array of the shape and dtype of `prototype`, to be written to; it holds zeros."""
    return zeros_like(prototype, dtype, order, subok, shape)


@public("np.zeros_like", "np.ndarray.zeros_like")
def zeros_like(a: Node, dtype=None, order="C", subok=False, shape=None, ctx=None, device=None) -> Node:
    """Zeros of the shape and dtype of `a`."""
    return depend(full(a.shape if shape is None else shape, 0, dtype or a.dtype), a)


@public("np.ones_like", "np.ndarray.ones_like")
def ones_like(a: Node, dtype=None, order="C", ctx=None, device=None) -> Node:
    """Ones of the shape and dtype of `a`."""
    return depend(full(a.shape, 1, dtype or a.dtype), a)


@public("np._meshgrid")
def _meshgrid(xi: Nodes, indexing, sparse) -> list[Node]:
    """The coordinates of a grid, one array for each axis."""
    order = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        order[:2] = 1, 0
    shape = tuple(xi[i].size for i in order)
    out = []
    for i, x in enumerate(xi):
        column = [1] * len(xi)
        column[order.index(i)] = x.size
        x = reshape(x, tuple(column))
        out.append(x if sparse else broadcast_to(x, shape))
    return out


@public("np._indices")
def _indices(dimensions, dtype) -> Node:
    """The indices of a grid, of shape (len(dimensions), *dimensions)."""
    dtype = np.dtype(dtype)
    shape = (1, *dimensions)
    return concatenate([iota(shape, i, dtype) for i in range(1, len(shape))], 0)


"""The functions of `mx.nd` that select elements by index arrays, sort, or work on sequences."""
from __future__ import annotations

import numpy as np

from ..declare.public import Optional, public
from ..ir.errors import MXNetError
from ..ir.node import Node, depend
from ..ir.shapes import normalize_axis
from ..npx import parameter_shapes
from ..npx import picking as p
from ..primitive.arithmetic import add, cast, floor_divide, greater, less, like, mod, mul, where
from ..primitive.constants import full
from ..primitive.elementary import without_gradient
from ..primitive.gather_scatter import Template, gather, put, scatter_add
from ..primitive.iota import iota
from ..primitive.linear import concatenate, part, reshape
from ..primitive.promotion import INT64
from ..primitive.scans import argsort, take_along, unique


@public("nd.take", "nd.NDArray.take")
def take(a: Node, indices: Node, axis=0, mode="clip") -> Node:
    """The elements at integer positions along `axis`; positions out of range are clipped or wrapped (mode).

    mode "raise": MXNetError for positions out of range, negative ones too.
    """
    if mode == "raise":
        below = less(indices, like(indices, 0))
        indices = where(below, like(indices, a.shape[normalize_axis(axis, a.ndim)]), indices)
    return p.take(a, indices, axis, mode)


@public("nd.batch_take")
def batch_take(a: Node, indices: Node) -> Node:
    """The element at position `indices` of each row of a matrix."""
    return p.pick(a, indices, 1)


@public("nd.pick", "nd.NDArray.pick", "nd.choose_element_0index")
def pick(data: Node, index: Node, axis=-1, keepdims=False, mode="clip") -> Node:
    """The element at position `index` of each line along `axis` (None: of the flattened array).

    Positions out of range are clipped or wrapped (mode).
    """
    out = p.pick(data, index, axis, mode, keepdims)
    return out if out.ndim else reshape(out, (1,))


@public("nd.one_hot", "nd.NDArray.one_hot")
def one_hot(indices: Node, depth=None, on_value=1.0, off_value=0.0, dtype="float32") -> Node:
    """The indices as one-hot vectors along a new last axis of `depth`: `on_value` at the index, else `off_value`."""
    if depth is None:
        raise MXNetError("Required parameter depth of int is not presented, in operator one_hot")
    return p.one_hot(indices, depth, on_value, off_value, dtype)


public("nd.gather_nd")(p.gather_nd)


@public("nd.scatter_nd")
def scatter_nd(data: Node, indices: Node, shape) -> Node:
    """Zeros of `shape` with `data` written at the positions whose coordinates are the columns of `indices`."""
    return p.scatter_nd(data, indices, shape)


@public("nd.Embedding", shapes=parameter_shapes.embedding)
def embedding(data: Node, weight: Node, input_dim=None, output_dim=None, dtype="float32",
              sparse_grad=False) -> Node:
    """The rows of `weight` at the positions `data`, which are clipped to its length."""
    return p.embedding(data, weight, input_dim, output_dim, dtype, sparse_grad)


@public("nd.contrib.SparseEmbedding", shapes=parameter_shapes.embedding)
def sparse_embedding(data: Node, weight: Node, input_dim=None, output_dim=None, dtype="float32",
                     deterministic=False) -> Node:
    """The rows of `weight`, an array of storage type row_sparse, at the positions `data`, clipped to its length.

    deterministic: no effect: sums of gradients always have one order.
    """
    return p.embedding(data, weight, input_dim, output_dim, dtype, True)


@public("nd.contrib.index_copy")
def index_copy(old_tensor: Node, index_vector: Node, new_tensor: Node) -> Node:
    """A copy of `old_tensor` with the rows at `index_vector` replaced by those of `new_tensor`."""
    template = (("i", 0), *(("s", 0, n, 1) for n in old_tensor.shape[1:]))
    return put(old_tensor, new_tensor, (cast(index_vector, INT64),), template)


@public("nd.contrib.index_array")
def index_array(data: Node, axes=None) -> Node:
    """The indices of the elements of `data`, int64, along a new last axis: those of all axes, or of `axes` only.

    Only the shape of `data` counts. MXNetError for axes that are not there.

    >>> from tracer import nd
    >>> nd.contrib.index_array(nd.zeros((1, 2))).asnumpy().tolist()
    [[[0, 0], [0, 1]]]
    """
    given = (axes,) if isinstance(axes, int) else range(data.ndim) if axes is None else axes
    chosen = [normalize_axis(int(i), data.ndim) for i in given]
    shape = (*data.shape, 1)
    if not chosen or not data.size:
        return depend(full((*data.shape, len(chosen)), 0, INT64), data)
    return depend(concatenate([iota(shape, i, INT64) for i in chosen], data.ndim), data)


@public("nd.ravel_multi_index")
def ravel_multi_index(data: Node, shape) -> Node:
    """The flat indices, in an array of `shape`, of the coordinates in the columns of `data`."""
    weights = [int(np.prod(shape[i + 1:], dtype=int)) for i in range(len(shape))]
    rows = [reshape(row, data.shape[1:]) for row in p._rows(data)]
    total = mul(rows[0], like(rows[0], weights[0]))
    for row, weight in zip(rows[1:], weights[1:], strict=True):
        total = add(total, mul(row, like(row, weight)))
    return without_gradient(cast(total, data.dtype))


@public("nd.unravel_index")
def unravel_index(data: Node, shape) -> Node:
    """The coordinates, in an array of `shape`, of flat indices: one row for each axis.

    shape: a number for one axis; the first may be -1, unknown.
    """
    shape = shape if isinstance(shape, (tuple, list)) else (shape,)
    rest = cast(data, INT64)
    rows: list[Node] = []
    for n in shape[::-1]:
        if n == -1 and len(rows) == len(shape) - 1:  # a first axis of unknown size
            rows.insert(0, reshape(rest, (1, *data.shape)))
            break
        rows.insert(0, reshape(mod(rest, like(rest, n)), (1, *data.shape)))
        rest = floor_divide(rest, like(rest, n))
    return without_gradient(cast(concatenate(rows, 0), data.dtype))


# ---- rows and cells of sparse arrays, for tracer/sparse: all indices are int64, of one axis -------------

def rows_of(shape: tuple[int, ...]) -> Template:
    """The template of an index of the first axis of an array of `shape`."""
    return (("i", 0), *[("s", 0, n, 1) for n in shape[1:]])


@public("sparse.from_rows")
def from_rows(data: Node, indices: Node, shape) -> Node:
    """Zeros of `shape` with the rows `data` written at `indices`; of equal ones the last counts."""
    return put(full(shape, 0, data.dtype), data, (indices,), rows_of(shape))


@public("sparse.from_cells")
def from_cells(data: Node, rows: Node, columns: Node, shape) -> Node:
    """Zeros of `shape`, of two axes, with the elements `data` written at the given rows and columns."""
    return put(full(shape, 0, data.dtype), data, (rows, columns), (("i", 0), ("i", 1)))


@public("sparse.add_rows")
def add_rows(data: Node, indices: Node, shape) -> Node:
    """Zeros of `shape` with the rows `data` added at `indices`."""
    return scatter_add(data, (indices,), rows_of(shape), shape)


@public("sparse.take_rows")
def take_rows(data: Node, indices: Node) -> Node:
    """The rows of `data` at `indices`."""
    return gather(data, (indices,), rows_of(data.shape))


@public("sparse.take_cells")
def take_cells(data: Node, rows: Node, columns: Node) -> Node:
    """The elements of `data`, of two axes, at the given rows and columns."""
    return gather(data, (rows, columns), (("i", 0), ("i", 1)))


@public("sparse.distinct")
def distinct(ids: Node) -> list[Node]:
    """The distinct ones of the row numbers `ids`, the place of each of `ids` among them, and whether one is valid.

    All have the size of `ids`: before the distinct numbers the first one is repeated, which is not valid.
    """
    found = unique(cast(reshape(ids, (ids.size,)), INT64))
    first, places, valid = [reshape(part(found, 0, i, 1), (ids.size,)) for i in range(3)]
    return [first, places, greater(valid, like(valid, 0))]


# ---- sorting -------------------------------------------------------------------------------------

def _line(data: Node, axis: int | None) -> tuple[Node, int]:
    if axis is None:
        return reshape(data, (data.size,)), 0
    return data, normalize_axis(axis, data.ndim)


@public("nd.sort", "nd.NDArray.sort")
def sort(data: Node, axis=-1, is_ascend=True) -> Node:
    """The elements sorted along `axis` (None: of the flattened array)."""
    data, at = _line(data, axis)
    return take_along(data, argsort(data, at, not is_ascend), at)


@public("nd.argsort", "nd.NDArray.argsort")
def nd_argsort(data: Node, axis=-1, is_ascend=True, dtype="float32") -> Node:
    """The positions, of `dtype`, that sort the elements along `axis` (None: of the flattened array)."""
    data, at = _line(data, axis)
    return cast(argsort(data, at, not is_ascend), dtype)


@public("nd.topk", "nd.NDArray.topk")
def topk(data: Node, axis=-1, k=1, ret_typ="indices", is_ascend=False, dtype="float32") -> Node | list[Node]:
    """The `k` largest elements along `axis` (None: flattened), or the smallest (is_ascend).

    ret_typ: "value", "indices" (of `dtype`), "both", or a "mask" of ones at the elements.
    """
    return p.topk(data, axis, k, ret_typ, is_ascend, dtype)


# ---- sequences: time along `axis` (0 or 1), batch along the other --------------------------------

@public("nd.SequenceMask")
def sequence_mask(data: Node, sequence_length: Optional = None, use_sequence_length=False, value=0.0,
                  axis=0) -> Node:
    """`data` with the steps from each sequence's length on replaced by `value`."""
    return p.sequence_mask(data, sequence_length, use_sequence_length, value, axis)


@public("nd.SequenceLast")
def sequence_last(data: Node, sequence_length: Optional = None, use_sequence_length=False, axis=0) -> Node:
    """The last step of each sequence."""
    return p.sequence_last(data, sequence_length, use_sequence_length, axis)


@public("nd.SequenceReverse")
def sequence_reverse(data: Node, sequence_length: Optional = None, use_sequence_length=False, axis=0) -> Node:
    """Each sequence reversed up to its length; the rest is unchanged."""
    return p.sequence_reverse(data, sequence_length, use_sequence_length, axis)

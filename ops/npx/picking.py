"""Selection of elements by index arrays along an axis: take, pick, one_hot, topk, gather_nd, sequence_mask."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..declare.public import Operand, Optional, public
from ..ir.errors import MXNetError
from ..ir.node import Node, is_number
from ..ir.shapes import normalize_axis
from ..primitive.arithmetic import add, cast, equal, greater_equal, less, like, maximum, minimum, mod, sub, where
from ..primitive.constants import full
from ..primitive.gather_scatter import gather, put, scatter_add
from ..primitive.iota import counts
from ..primitive.linear import broadcast_to, part, reduce_sum, reshape, transpose
from ..primitive.reductions import reduce_max
from ..primitive.scans import argsort, flip, take_along
from . import parameter_shapes

INT64, INT32 = np.dtype("int64"), np.dtype("int32")


def _whole(n: int) -> tuple[Any, ...]:
    return ("s", 0, n, 1)


def _bounded(index: Node, n: int, mode: str) -> Node:
    """The indices as int64, by `mode` clipped to [0, n), wrapped around, or unchanged ("raise")."""
    index = cast(index, INT64)
    if mode == "wrap":
        return mod(index, like(index, n))
    if mode == "clip":
        return minimum(maximum(index, like(index, 0)), like(index, n - 1))
    if mode == "raise":
        return index
    raise MXNetError(f"mode {mode!r} is not one of 'clip', 'wrap', 'raise'")


def _against(n: int, ndim: int, axis: int, index: Node) -> tuple[Node, Node]:
    """The positions 0 … n-1 along `axis`, and `index` for comparison with them, in int32 if n allows: twice as fast."""
    if n >= 2**31 - 1:
        return counts(n, ndim, axis), index
    near = maximum(minimum(index, like(index, n)), like(index, -1))  # indices out of range stay out of range
    return counts(n, ndim, axis, INT32), cast(near, INT32)


@public("np.take", "np.ndarray.take")
def take(a: Node, indices: Node, axis=None, mode="raise", out=None) -> Node:
    """The elements at integer positions along `axis` (None: of the flattened array).

    mode: the treatment of positions out of range: "clip", "wrap", or "raise" (IndexError here; MXNet clips them).
    """
    if is_number(indices):
        raise MXNetError("expected NDArray, got a number: take requires an array of indices")
    if axis is None:
        a, axis = reshape(a, (a.size,)), 0
    axis = normalize_axis(axis, a.ndim)
    index = _bounded(indices, a.shape[axis], mode)
    template = tuple(("i", 0) if i == axis else _whole(n) for i, n in enumerate(a.shape))
    return gather(a, (index,), template, mode != "raise" and a.shape[axis] > 0)


@public("np.take_along_axis")
def take_along_axis(arr: Node, indices: Node, axis) -> Node:
    """The elements at integer positions along `axis` (None: flattened), with positions of their own for each line."""
    if axis is None:
        arr, axis = reshape(arr, (arr.size,)), 0
    axis = normalize_axis(axis, arr.ndim)
    return take_along(arr, cast(indices, INT64), axis)


@public("npx.pick", "np.ndarray.pick")
def pick(data: Node, index: Node, axis=-1, mode="clip", keepdims=False) -> Node:
    """The element at position `index` of each line along `axis` (None: flattened), clipped or wrapped (mode).

    index: of the shape of `data` without `axis`, or with size 1 there (else MXNetError).

    It is the sum over a comparison of positions, which fuses with the producer of `data`.

    >>> from tracer import np, npx
    >>> npx.pick(np.array([[1, 2], [3, 4]]), np.array([0, 1]))
    array([1., 4.])
    """
    if axis is None:
        data, axis = reshape(data, (data.size,)), 0
    axis = normalize_axis(axis, data.ndim)
    n = data.shape[axis]
    kept = tuple(1 if i == axis else d for i, d in enumerate(data.shape))
    rest = tuple(d for i, d in enumerate(data.shape) if i != axis)
    if index.shape not in (kept, rest):
        raise MXNetError(f"Shape inconsistent, Provided = {index.shape}, inferred shape={rest}")
    chosen = equal(*_against(n, data.ndim, axis, _bounded(reshape(index, kept), n, mode)))
    found = reduce_sum(where(chosen, data, like(data, 0)), (axis,))
    return reshape(found, kept) if keepdims else found


@public("npx.one_hot", "np.ndarray.one_hot")
def one_hot(data: Node, depth=None, on_value=1.0, off_value=0.0, dtype="float32") -> Node:
    """The indices as one-hot vectors along a new last axis of `depth`: `on_value` at the index, else `off_value`.

    >>> from tracer import np, npx
    >>> npx.one_hot(np.array([0, 2]), 3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    assert depth is not None, "Please provide the depth of one hot dimension."
    shape = (*data.shape, depth)
    index = reshape(cast(data, INT64), (*data.shape, 1))
    chosen = broadcast_to(equal(*_against(depth, len(shape), len(shape) - 1, index)), shape)
    return where(chosen, full((), on_value, dtype), full((), off_value, dtype))


@public("npx.topk", "np.ndarray.topk")
def topk(data: Node, axis=-1, k=1, ret_typ="indices", is_ascend=False, dtype="float32") -> Node | list[Node]:
    """The `k` largest elements along `axis` (None: flattened), or the smallest (is_ascend); all in order for k < 1.

    ret_typ: "value", "indices" (of `dtype`), "both", or a "mask" of ones at the elements.
    """
    shape = data.shape
    if axis is None:
        data, axis = reshape(data, (data.size,)), 0
    axis = normalize_axis(axis, data.ndim)
    n = data.shape[axis]
    if k > n:
        raise MXNetError(f"topk: k={k} for an axis of size {n}")
    order = part(argsort(data, axis, not is_ascend), axis, 0, k if k > 0 else n)
    indices = cast(order, dtype)
    if ret_typ == "indices":
        return indices
    if ret_typ == "value":
        return take_along(data, order, axis)
    if ret_typ == "both":
        return [take_along(data, order, axis), indices]
    if ret_typ != "mask":
        raise MXNetError(f"topk: ret_typ {ret_typ!r} is not one of 'value', 'indices', 'mask', 'both'")
    # A position is in the mask if it equals one of the k: a comparison along a new axis, and its maximum.
    lines = transpose(order, (*(i for i in range(data.ndim) if i != axis), axis))
    places = reshape(lines, (*lines.shape, 1))
    hit = reduce_max(equal(counts(n, places.ndim, places.ndim - 1), places), (places.ndim - 2,))
    back = list(range(data.ndim - 1))
    back.insert(axis, data.ndim - 1)
    return reshape(cast(transpose(hit, tuple(back)), data.dtype), shape)


def _rows(indices: Node) -> tuple[Node, ...]:
    """The rows of `indices`: one index array for each axis."""
    return tuple(reshape(part(cast(indices, INT64), 0, i, 1), indices.shape[1:]) for i in
    range(indices.shape[0]))


def _leading(shape: tuple[int, ...], k: int) -> tuple:
    if k > len(shape):
        raise MXNetError(f"indices name {k} axes of an array of shape {shape}")
    return tuple(("i", i) if i < k else _whole(n) for i, n in enumerate(shape))


@public("npx.gather_nd")
def gather_nd(data: Node, indices: Node) -> Node:
    """The elements, or subarrays, of `data` at the coordinates in the columns of `indices`, of at least two axes."""
    if indices.ndim < 2:
        raise MXNetError(f"gather_nd requires index tensor to have at least 2 dimensions, got shape {indices.shape}")
    return gather(data, _rows(indices), _leading(data.shape, indices.shape[0]))


@public("npx.scatter_nd")
def scatter_nd(data: Node, indices: Node, shape=None) -> Node:
    """Zeros of `shape` with `data` written at the coordinates in the columns of `indices`."""
    return put(full(tuple(shape), 0, data.dtype), data, _rows(indices), _leading(tuple(shape),
    indices.shape[0]))


@public("npx.index_update")
def index_update(a: Node, ind: Node, val: Operand) -> Node:
    """A copy of `a` with `val` written at the coordinates in the columns of `ind`."""
    return put(a, cast(val, a.dtype), _rows(ind), _leading(a.shape, ind.shape[0]))


@public("npx.index_add")
def index_add(a: Node, ind: Node, val: Operand) -> Node:
    """A copy of `a` with `val` added at the coordinates in the columns of `ind`; repeated ones add up."""
    rows, template = _rows(ind), _leading(a.shape, ind.shape[0])
    shape = gather(a, rows, template).shape
    return add(a, scatter_add(broadcast_to(cast(val, a.dtype), shape), rows, template, a.shape))


@public("npx.embedding", shapes=parameter_shapes.embedding)
def embedding(data: Node, weight: Node, input_dim=None, output_dim=None, dtype="float32",
              sparse_grad=False) -> Node:
    """The rows of `weight` at the positions `data`, which are clipped to its length."""
    if weight.ndim != 2 or (input_dim, output_dim) != (None, None) and \
            (input_dim or weight.shape[0], output_dim or weight.shape[1]) != weight.shape:
        raise MXNetError(f"embedding: a weight of shape {weight.shape} for ({input_dim}, {output_dim})")
    index = _bounded(data, weight.shape[0], "clip")
    return gather(weight, (index,), (("i", 0), _whole(weight.shape[1])), weight.shape[0] > 0)


# ---- sequences: time along `axis` (0 or 1), batch along the other --------------------------------

def within(length: Node, shape: tuple[int, ...], axis: int, batch: int) -> Node:
    """Bools that broadcast to `shape`: whether the position along `axis` is below the length of the batch element."""
    column = [1] * len(shape)
    column[batch] = shape[batch]
    return less(*_against(shape[axis], len(shape), axis, reshape(cast(length, INT64), tuple(column))))


def _check_sequences(data: Node, length: Node | None, use_length: bool, axis: int,
                     axes: Sequence[int] = (0, 1)) -> None:
    """Raise MXNetError unless `data` has axes for time and batch, and lengths that fit if `use_length`."""
    if data.ndim < 2:
        raise MXNetError("the data array must be of rank 2 or greater")
    if axis not in axes:
        raise MXNetError(f"axis is expected to be {' or '.join(map(str, axes))}, not {axis}")
    if bool(use_length) != (length is not None):
        raise MXNetError(f"use_sequence_length={use_length} with {'no ' if length is None else ''}lengths")
    if length is not None and length.shape != (data.shape[1 - axis],):
        raise MXNetError(f"lengths of shape {length.shape}, not {(data.shape[1 - axis],)}")


@public("npx.sequence_mask")
def sequence_mask(data: Node, sequence_length: Optional = None, use_sequence_length=False, value=0.0,
                  axis=0) -> Node:
    """`data` with the steps from each sequence's length on replaced by `value`."""
    _check_sequences(data, sequence_length, use_sequence_length, axis)
    if sequence_length is None:
        return data
    return where(within(sequence_length, data.shape, axis, 1 - axis), data, like(data, value))


@public("npx.sequence_last")
def sequence_last(data: Node, sequence_length: Optional = None, use_sequence_length=False, axis=0) -> Node:
    """The last step of each sequence."""
    _check_sequences(data, sequence_length, use_sequence_length, axis)
    n, rest = data.shape[axis], data.shape[:axis] + data.shape[axis + 1:]
    if not n:
        if math.prod(rest):
            raise MXNetError(f"no last step in an array of shape {data.shape}")  # MXNet returns uninitialized memory
        return reshape(data, rest)
    if sequence_length is None:
        last = part(data, axis, n - 1, 1)
        return reshape(last, rest)
    rows = counts(data.shape[1 - axis], 1, 0)
    step = add(cast(sequence_length, INT64), like(rows, -1))
    places = (step, rows) if axis == 0 else (rows, step)
    return gather(data, places, _leading(data.shape, 2))


@public("npx.sequence_reverse")
def sequence_reverse(data: Node, sequence_length: Optional = None, use_sequence_length=False, axis=0) -> Node:
    """Each sequence reversed up to its length; the rest is unchanged. Time is the first axis."""
    _check_sequences(data, sequence_length, use_sequence_length, axis, (0,))
    if sequence_length is None:
        return flip(data, 0)
    steps, batch = counts(data.shape[0], 2, 0), counts(data.shape[1], 2, 1)
    length = reshape(cast(sequence_length, INT64), (1, data.shape[1]))
    back = sub(sub(length, like(steps, 1)), steps)
    shape = data.shape[:2]
    step = broadcast_to(where(greater_equal(back, like(back, 0)), back, steps), shape)
    return gather(data, (step, broadcast_to(batch, shape)), _leading(data.shape, 2))


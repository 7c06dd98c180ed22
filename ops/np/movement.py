"""The functions of `mx.np` that rearrange the elements of one array."""
from __future__ import annotations

import math
import numbers

from ..declare.public import Nodes, public
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..ir.shapes import broadcast, decode_reshape, normalize_axes, normalize_axis, reshape_to
from ..primitive.arithmetic import like, where
from ..primitive.constants import band
from ..primitive.linear import broadcast_to, concatenate, part, reduce_sum, reshape, transpose
from ..primitive.scans import flip
from .padding import _pad_constant


@public("np._reshape")
def np_reshape(a: Node, newshape, order) -> Node:
    """`a` in another shape, in which one -1 is inferred. MXNetError when the sizes differ.

    order: "C", or "F": the elements are read and placed in column-major order.
    """
    shape = (newshape,) if isinstance(newshape, int) else tuple(newshape)
    if order in ("C", "K", None):
        return reshape(a, reshape_to(a.shape, shape))
    if order != "F":
        raise NotImplementedError(f"reshape(order={order!r})")
    shape = reshape_to(a.shape, shape)
    backwards = reshape(transpose(a, tuple(range(a.ndim))[::-1]), shape[::-1])
    return transpose(backwards, tuple(range(len(shape)))[::-1])


@public("npx.reshape", "np.ndarray.npx_reshape")
def npx_reshape(a: Node, newshape, reverse=False, order="C") -> Node:
    """`a` in a shape given with special codes. MXNetError for codes that do not fit.

    -1: an inferred size.
    -2: the size of the next axis, copied.
    -3: leaves out the next axis, of size 1.
    -4: all remaining axes.
    -5: the product of the next two axes.
    -6: the next axis split into the two numbers that follow.
    reverse: whether shape and codes are read from the right.
    """
    codes = [newshape] if isinstance(newshape, int) else list(newshape)
    meaning = {-2: "copy", -3: "drop", -4: "rest", -5: "merge", -6: "split"}
    return np_reshape(a, tuple(decode_reshape(a.shape, codes, meaning, reverse)), order)


@public("np.transpose", "np.permute_dims")
def np_transpose(a: Node, axes=None) -> Node:
    """`a` with its axes permuted (None: reversed). MXNetError or ValueError unless `axes` is a permutation."""
    if axes is None:
        return transpose(a, tuple(range(a.ndim))[::-1])
    perm = tuple(normalize_axis(i, a.ndim) for i in axes)
    if len(perm) != a.ndim:
        raise MXNetError(f"axes {tuple(axes)} do not match the {a.ndim} axes of shape {a.shape}")
    if len(set(perm)) != len(perm):
        raise ValueError(f"Repeated axis in transpose: axes = {tuple(axes)}")
    return transpose(a, perm)


@public("np.swapaxes", "np.ndarray.swapaxes")
def swapaxes(a: Node, axis1, axis2) -> Node:
    """`a` with two axes exchanged."""
    perm = list(range(a.ndim))
    i, j = normalize_axis(axis1, a.ndim), normalize_axis(axis2, a.ndim)
    perm[i], perm[j] = j, i
    return transpose(a, tuple(perm))


@public("np.moveaxis")
def moveaxis(a: Node, source, destination) -> Node:
    """`a` with the axes `source` moved to the positions `destination`; MXNetError for repeated axes."""
    sources, places = ([normalize_axis(i, a.ndim) for i in ((x,) if isinstance(x, int) else x)]
                       for x in (source, destination))
    if len(sources) != len(places):
        raise MXNetError("moveaxis: source and destination must have the same number of elements")
    if len(set(sources)) < len(sources) or len(set(places)) < len(places):
        raise MXNetError(f"moveaxis: repeated axis in {source} or {destination}")
    perm = [i for i in range(a.ndim) if i not in sources]
    for place, i in sorted(zip(places, sources, strict=True)):
        perm.insert(place, i)
    return transpose(a, tuple(perm))


@public("np.rollaxis")
def rollaxis(a: Node, axis, start=0) -> Node:
    """`a` with one axis moved to lie before the axis `start`, which may be a.ndim. MXNetError for one out of range."""
    index = normalize_axis(axis, a.ndim)
    if not -a.ndim <= start <= a.ndim:
        raise MXNetError(f"rollaxis: start={start} for an array of dimension {a.ndim}")
    start = start + a.ndim if start < 0 else start
    perm = [i for i in range(a.ndim) if i != index]
    perm.insert(start - (start > index), index)
    return transpose(a, tuple(perm))


@public("np.expand_dims", "np.ndarray.expand_dims")
def expand_dims(a: Node, axis) -> Node:
    """`a` with a new axis of size 1 at `axis`, or at each of several. MXNetError for one out of range."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    rank = a.ndim + len(axes)
    for i in axes:
        if not -rank <= i < rank:
            raise MXNetError(f"axis must be in the range [{-rank}, {rank - 1}] ({i} provided)")
    new = {i % rank for i in axes}
    rest = iter(a.shape)
    return reshape(a, tuple(1 if i in new else next(rest) for i in range(rank)))


@public("np.squeeze", "np.ndarray.squeeze")
def squeeze(a: Node, axis=None) -> Node:
    """`a` without its axes of size 1, or without those of `axis`; MXNetError if one of these is longer."""
    if axis is None:
        return reshape(a, tuple(d for d in a.shape if d != 1))
    axes = normalize_axes(axis, a.ndim)
    for i in axes:
        if a.shape[i] != 1:
            raise MXNetError("cannot select an axis to squeeze out which has "
                             f"size={a.shape[i]} not equal to one")
    return reshape(a, tuple(d for i, d in enumerate(a.shape) if i not in axes))


@public("np.ravel", "np.ndarray.flatten", "np.ndarray.ravel")
def ravel(x: Node, order="C") -> Node:
    """`x` reshaped to one axis."""
    return np_reshape(x, -1 if x.size else (0,), order)


@public("npx.batch_flatten")
def batch_flatten(data: Node) -> Node:
    """`data` reshaped to two axes: the first, and all others as one."""
    return reshape(data, (data.shape[0], math.prod(data.shape[1:])))


@public("np.broadcast_to", "np.ndarray.broadcast_to")
def np_broadcast_to(array: Node, shape) -> Node:
    """`array` broadcast to `shape`. MXNetError if it does not fit."""
    return broadcast_to(array, (shape,) if isinstance(shape, int) else tuple(shape))


@public("np._broadcast_arrays")
def broadcast_arrays(arrays: Nodes) -> list[Node]:
    """The arrays, each broadcast to their common shape. MXNetError if there is none."""
    shape = broadcast(*(a.shape for a in arrays))
    return [broadcast_to(a, shape) for a in arrays]


# ---- repetition ----------------------------------------------------------------------------------

@public("np.repeat", "np.ndarray.repeat")
def repeat(a: Node, repeats, axis=None) -> Node:
    """Each element along `axis` (None: flattened) repeated; `repeats`: one number, or one for each element."""
    if axis is None:
        a, axis = reshape(a, (a.size,)), 0
    axis = normalize_axis(axis, a.ndim)
    n, shape = a.shape[axis], a.shape
    if isinstance(repeats, tuple):
        if len(repeats) == 1:
            repeats = repeats[0]
        elif len(repeats) != n:
            raise MXNetError(f"repeats has {len(repeats)} numbers for an axis of size {n}")
    if isinstance(repeats, tuple):
        return concatenate([broadcast_to(part(a, axis, i, 1), (*shape[:axis], r, *shape[axis + 1:]))
                            for i, r in enumerate(repeats)], axis)
    spread = broadcast_to(reshape(a, (*shape[:axis + 1], 1, *shape[axis + 1:])),
                          (*shape[:axis + 1], repeats, *shape[axis + 1:]))
    return reshape(spread, (*shape[:axis], n * repeats, *shape[axis + 1:]))


@public("np.tile", "np.ndarray.tile")
def tile(A: Node, reps) -> Node:
    """`A` repeated as a whole along each axis, `reps` times."""
    times = (reps,) if isinstance(reps, int) else tuple(reps)
    if not all(isinstance(t, numbers.Integral) for t in times):
        raise MXNetError(f"tile: {reps!r} are no numbers of copies")
    rank = max(A.ndim, len(times))
    shape, times = (1,) * (rank - A.ndim) + A.shape, (1,) * (rank - len(times)) + times
    thin = tuple(x for d in shape for x in (1, d))
    wide = tuple(x for d, t in zip(shape, times, strict=True) for x in (t, d))
    return reshape(broadcast_to(reshape(A, thin), wide), tuple(d * t for d, t in zip(shape, times,
                                                                                     strict=True)))


# ---- reversal and rotation -----------------------------------------------------------------------

@public("np.flip", "np.ndarray.flip")
def np_flip(m: Node, axis=None) -> Node:
    """`m` reversed along `axis` (None: all axes)."""
    for i in normalize_axes(axis, m.ndim):
        m = flip(m, i)
    return m


@public("np.flipud")
def flipud(m: Node) -> Node:
    """`m` reversed along its first axis."""
    return flip(m, normalize_axis(0, m.ndim))


@public("np.fliplr")
def fliplr(m: Node) -> Node:
    """`m` reversed along its second axis."""
    return flip(m, normalize_axis(1, m.ndim))


@public("np.roll")
def roll(a: Node, shift, axis=None) -> Node:
    """The elements rotated by `shift` positions along `axis` (None: flattened), cyclically."""
    if axis is None:
        return reshape(roll(reshape(a, (a.size,)), shift, 0), a.shape)
    axes = (axis,) if isinstance(axis, int) else axis
    shifts = (shift,) * len(axes) if isinstance(shift, int) else shift
    for by, each in zip(shifts, axes, strict=True):
        i = normalize_axis(each, a.ndim)
        n = a.shape[i]
        if n and by % n:
            a = concatenate([part(a, i, n - by % n, by % n), part(a, i, 0, n - by % n)], i)
    return a


@public("np.rot90")
def rot90(m: Node, k=1, axes=(0, 1)) -> Node:
    """`m` rotated `k` times by 90 degrees in the plane of two axes."""
    i, j = (normalize_axis(x, m.ndim) for x in axes)
    if i == j:
        raise MXNetError("rot90: the axes must be different")
    k %= 4
    if k == 2:
        return flip(flip(m, i), j)
    if k == 1:
        return swapaxes(flip(m, j), i, j)
    return flip(swapaxes(m, i, j), j) if k == 3 else m


# ---- diagonals -----------------------------------------------------------------------------------

@public("np.diagonal", "np.ndarray.diagonal")
def diagonal(a: Node, offset=0, axis1=0, axis2=1) -> Node:
    """The diagonals of the matrices in two axes, as the last axis. MXNetError if the axes are equal."""
    i, j = normalize_axis(axis1, a.ndim), normalize_axis(axis2, a.ndim)
    if i == j:
        raise MXNetError("diagonal: the axes must be different")
    rest = tuple(k for k in range(a.ndim) if k not in (i, j))
    a = transpose(a, (*rest, i, j))
    rows, columns = a.shape[-2:]
    count = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    flat = reshape(a, (*a.shape[:-2], rows * columns))
    start = offset if offset >= 0 else -offset * columns
    return part(flat, flat.ndim - 1, start if count else 0, count, columns + 1)


@public("np.diag", "np.ndarray.diag")
def diag(v: Node, k=0) -> Node:
    """The matrix with a vector on its `k`-th diagonal, or the `k`-th diagonal of a matrix."""
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise MXNetError(f"diag requires one or two dimensions, got shape {v.shape}")
    n = v.size + abs(k)
    # Each element fills its row (its column if k < 0); the band selects its diagonal position.
    long = _pad_constant(v, 0, 0, abs(k), 0, 0)
    grid = broadcast_to(reshape(long, (n, 1) if k >= 0 else (1, n)), (n, n))
    return where(band((n, n), k, k), grid, like(grid, 0))


@public("np.diagflat")
def diagflat(v: Node, k=0) -> Node:
    """The matrix with the flattened elements on its `k`-th diagonal."""
    return diag(reshape(v, (v.size,)), k)


@public("np.trace", "np.ndarray.trace")
def trace(a: Node, offset=0, axis1=0, axis2=1) -> Node:
    """The sums of the diagonals of the matrices in two axes."""
    found = diagonal(a, offset, axis1, axis2)
    return reduce_sum(found, (found.ndim - 1,))

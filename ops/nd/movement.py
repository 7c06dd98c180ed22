"""The functions of `mx.nd` that rearrange, join and split arrays."""
from __future__ import annotations

import math
from collections.abc import Sequence

from ..declare.public import Nodes, public
from ..ir.aval import Shape
from ..ir.errors import MXNetError
from ..ir.node import Node, depend
from ..ir.shapes import check_choice, decode_reshape, normalize_axes, normalize_axis, reshape_to
from ..np.joining import _cut, stack
from ..np.movement import diag, diagonal, moveaxis, np_flip, repeat, swapaxes, tile
from ..np.padding import pad
from ..npx.layers import broadcast_like, reshape_like
from ..primitive.constants import full
from ..primitive.linear import broadcast_to, concatenate, part, reshape, slice_, transpose

# ---- shapes --------------------------------------------------------------------------------------

def decode(shape: Shape, codes: Sequence[int], reverse: bool = False) -> list[int]:
    """The sizes given by the codes of `nd_reshape`, with at most one -1; MXNetError for codes that do not fit `shape`.

    >>> decode((2, 3, 4), (-3, 0)), decode((2, 3, 4), (-4, 1, 2, -2)), decode((2, 3, 4), (-1, 0), True)
    ([6, 4], [1, 2, 3, 4], [-1, 4])
    """
    sizes = decode_reshape(shape, codes, {0: "copy", -2: "rest", -3: "merge", -4: "split"}, reverse)
    if sizes.count(-1) > 1:
        raise MXNetError("One and only one dim can be inferred")
    return sizes


@public("nd.reshape", "nd.Reshape")
def nd_reshape(data: Node, shape=None, reverse=False) -> Node:
    """`data` in another shape, which may have nd's special codes. MXNetError if it does not fit.

    0: the size of the next axis, copied.
    -1: an inferred size.
    -2: all remaining axes.
    -3: the product of the next two axes.
    -4: the next axis split into the two numbers that follow.
    reverse: whether shape and codes are read from the right.
    """
    codes = (shape,) if isinstance(shape, int) else tuple(shape)
    return reshape(data, reshape_to(data.shape, decode(data.shape, codes, reverse)))


public("nd.reshape_like", "nd.NDArray.reshape_like")(reshape_like)


@public("nd.flatten", "nd.Flatten", "nd.NDArray.flatten")
def flatten(data: Node) -> Node:
    """`data` reshaped to two axes: the first, and all others as one."""
    return reshape(data, (data.shape[0], math.prod(data.shape[1:])))


@public("nd.transpose", "nd.NDArray._transpose")
def nd_transpose(data: Node, axes=None) -> Node:
    """`data` with its axes permuted; None or (): reversed."""
    if not axes:
        return transpose(data, tuple(range(data.ndim))[::-1])
    return transpose(data, tuple(normalize_axis(i, data.ndim) for i in axes))


@public("nd.swapaxes", "nd.SwapAxis", "nd.NDArray.swapaxes")
def nd_swapaxes(data: Node, dim1=0, dim2=0) -> Node:
    """`data` with two axes exchanged."""
    return swapaxes(data, dim1, dim2)


@public("nd.moveaxis", keywords="declared")
def nd_moveaxis(tensor: Node, source, destination) -> Node:
    """`tensor` with the axes `source` moved to the positions `destination`. ValueError for axes out of range."""
    try:
        return moveaxis(tensor, source, destination)
    except MXNetError as error:
        raise ValueError(str(error)) from None


@public("nd.expand_dims", "nd.NDArray.expand_dims")
def expand_dims(data: Node, axis) -> Node:
    """`data` with a new axis of size 1 at `axis`."""
    at = normalize_axis(axis, data.ndim + 1)
    return reshape(data, (*data.shape[:at], 1, *data.shape[at:]))


@public("nd.squeeze", "nd.NDArray.squeeze")
def squeeze(data: Node, axis=None) -> Node:
    """`data` without its axes of size 1, or without those of `axis`; of shape (1,) rather than ().

    MXNetError if an axis of `axis` is longer.
    """
    thin = tuple(i for i, d in enumerate(data.shape) if d == 1)
    axes = thin if axis is None else normalize_axes(axis, data.ndim)
    for i in axes:
        if data.shape[i] != 1:
            raise MXNetError(f"cannot select an axis to squeeze out which has size={data.shape[i]} "
                             "not equal to one")
    shape = tuple(d for i, d in enumerate(data.shape) if i not in axes)
    return reshape(data, shape or (1,))


@public("nd.broadcast_to", "nd.NDArray._broadcast_to")
def nd_broadcast_to(data: Node, shape) -> Node:
    """`data` repeated along axes of size 1 to `shape`, of the same number of axes; a 0 there keeps the size."""
    if len(shape) != data.ndim:
        raise MXNetError(f"broadcast_to: shape {tuple(shape)} for an array of {data.ndim} dimensions")
    return broadcast_to(data, tuple(n or d for n, d in zip(shape, data.shape, strict=True)))


@public("nd.broadcast_axis", "nd.broadcast_axes", "nd.NDArray.broadcast_axes")
def broadcast_axis(data: Node, axis=(), size=()) -> Node:
    """`data` repeated along the axes `axis`, of size 1, to the sizes `size`."""
    shape = list(data.shape)
    pairs = zip((axis,) if isinstance(axis, int) else axis, (size,) if isinstance(size, int) else size,
                strict=True)
    for i, n in pairs:
        shape[normalize_axis(i, data.ndim)] = n
    return broadcast_to(data, tuple(shape))


public("nd.broadcast_like", "nd.NDArray.broadcast_like")(broadcast_like)


@public("nd.shape_array", "nd.NDArray.shape_array")
def shape_array(data: Node) -> Node:
    """The shape, as an int64 array."""
    return depend(_numbers(data.shape), data)


@public("nd.size_array", "nd.NDArray.size_array")
def size_array(data: Node) -> Node:
    """The number of elements, as an int64 array of one."""
    return depend(_numbers((data.size,)), data)


def _numbers(values: Shape) -> Node:
    return concatenate([full((1,), n, "int64") for n in values], 0)


# ---- parts ---------------------------------------------------------------------------------------

@public("nd.slice", "nd.crop", "nd.NDArray.slice")
def nd_slice(data: Node, begin, end, step=None) -> Node:
    """data[begin[0]:end[0]:step[0], begin[1]:…]; None is an open end. MXNetError for an empty range."""
    begin, end = (b if isinstance(b, tuple) else (b,) for b in (begin, end))
    step = (None,) * len(begin) if not step else step if isinstance(step, tuple) else (step,)
    spec = []
    for i, n in enumerate(data.shape):
        start, stop, by = slice(begin[i], end[i], step[i]).indices(n) if i < len(begin) else (0, n, 1)
        count = len(range(start, stop, by))
        if not count:
            raise MXNetError(f"slice: the range [{begin[i]}, {end[i]}) of axis {i} of shape {data.shape} is "
                             "empty")
        spec.append((start, count, by))
    return slice_(data, tuple(spec))


@public("nd.slice_axis", "nd.NDArray.slice_axis")
def slice_axis(data: Node, axis, begin, end) -> Node:
    """data[begin:end] along one axis. MXNetError for an empty range."""
    at = normalize_axis(axis, data.ndim)
    start, stop, _ = slice(begin, end).indices(data.shape[at])
    if stop <= start:
        raise MXNetError(f"slice_axis: the range [{begin}, {end}) of axis {axis} of shape {data.shape} is "
                         "empty")
    return part(data, at, start, stop - start)


@public("nd.slice_like", "nd.NDArray.slice_like")
def slice_like(data: Node, shape_like: Node, axes=()) -> Node:
    """The leading part of `data` with the sizes of `shape_like` along `axes` (empty: all). MXNetError if larger."""
    chosen = normalize_axes(axes or None, data.ndim)
    for i in chosen:
        if i >= shape_like.ndim or shape_like.shape[i] > data.shape[i]:
            raise MXNetError(f"slice_like: shape {shape_like.shape} does not lie in {data.shape} along axis "
                             f"{i}")
    counts = [shape_like.shape[i] if i in chosen else n for i, n in enumerate(data.shape)]
    return depend(slice_(data, tuple((0, n, 1) for n in counts)), shape_like)


# ---- joining and splitting -----------------------------------------------------------------------

@public("nd.concat", "nd.Concat", star=True)
def concat(data: Nodes, dim=1, num_args=None) -> Node:
    """The concatenation of the arrays along axis `dim`."""
    return concatenate(list(data), normalize_axis(dim, data[0].ndim))


@public("nd._concatenate")
def nd_concatenate(arrays: Nodes, axis=0) -> Node:
    """The concatenation of the arrays along `axis`."""
    return concatenate(list(arrays), normalize_axis(axis, arrays[0].ndim))


@public("nd.stack", star=True)
def nd_stack(data: Nodes, axis=0, num_args=None) -> Node:
    """The arrays, of one shape and dtype, joined along a new axis."""
    return stack(list(data), axis)


@public("nd.split", "nd.SliceChannel", "nd.NDArray.split")
def split(data: Node, num_outputs, axis=1, squeeze_axis=False) -> Node | list[Node]:
    """The `num_outputs` equal parts of the array along `axis`. MXNetError if there are no such parts.

    squeeze_axis: whether the parts, then of size 1 along `axis`, lack that axis.
    """
    at = normalize_axis(axis, data.ndim)
    n = data.shape[at]
    if num_outputs < 1 or n % num_outputs:
        raise MXNetError(f"You are trying to split the {at}-th axis of input tensor with shape {data.shape} "
                         f"into num_outputs={num_outputs} evenly sized chunks, but this is not possible")
    size = n // num_outputs
    if squeeze_axis and size != 1:
        raise MXNetError(f"split: squeeze_axis requires parts of size 1 along axis {at}, they have {size}")
    return _parts(data, at, _cut(data, at, [i * size for i in range(1, num_outputs)]), squeeze_axis)


def _parts(data: Node, axis: int, parts: list[Node], squeeze_axis: bool) -> Node | list[Node]:
    if squeeze_axis:
        shape = tuple(d for i, d in enumerate(data.shape) if i != axis)
        parts = [reshape(p, shape) for p in parts]
    return parts[0] if len(parts) == 1 else parts


@public("nd.split_v2", "nd.NDArray.split_v2", keywords="declared")
def split_v2(ary: Node, indices_or_sections, axis=0, squeeze_axis=False) -> Node | list[Node]:
    """The parts of the array along `axis`: a number of equal parts, or split at a list of indices."""
    if isinstance(indices_or_sections, int):
        return split(ary, indices_or_sections, axis, squeeze_axis)
    at = normalize_axis(axis, ary.ndim)
    return _parts(ary, at, _cut(ary, at, list(indices_or_sections)), squeeze_axis)


# ---- repetition, reversal, padding ---------------------------------------------------------------

@public("nd.tile", "nd.NDArray.tile")
def nd_tile(data: Node, reps) -> Node:
    """The array repeated as a whole along each axis, `reps` times. MXNetError for numbers below 1."""
    if any(n < 1 for n in (reps if isinstance(reps, (tuple, list)) else (reps,))):
        raise MXNetError(f"tile: invalid reps {reps}: dimensions must be positive")
    return tile(data, reps)


@public("nd.repeat", "nd.NDArray.repeat")
def nd_repeat(data: Node, repeats, axis=None) -> Node:
    """Each element along `axis` (None: flattened) repeated."""
    return repeat(data, repeats, axis)


@public("nd.flip", "nd.reverse", "nd.NDArray.flip")
def flip(data: Node, axis) -> Node:
    """The array reversed along `axis` (one or several)."""
    return np_flip(data, axis)


@public("nd.pad", "nd.Pad", "nd.NDArray.pad", "npx.pad")
def nd_pad(data: Node, mode="constant", pad_width=None, constant_value=0.0) -> Node:
    """4-d or 5-d data padded along all axes but the first two; mode: "constant", "edge" or "reflect"."""
    if data.ndim not in (4, 5) or len(pad_width) != 2 * data.ndim or any(pad_width[:4]):
        raise MXNetError(f"pad requires 4-d or 5-d data with no padding of the first two axes, got "
                         f"{data.shape} and {pad_width}")
    check_choice(mode, ("constant", "edge", "reflect"))
    if mode == "reflect" and any(w >= max(data.shape[i // 2], 1) for i, w in enumerate(pad_width)):
        raise MXNetError(f"pad: padding {pad_width} by reflection must be smaller than the data, of shape {data.shape}")
    return pad(data, tuple(zip(pad_width[::2], pad_width[1::2], strict=True)), mode, constant_value)


@public("nd.diag", "nd.NDArray.diag")
def nd_diag(data: Node, k=0, axis1=0, axis2=1) -> Node:
    """The matrix with a vector on its `k`-th diagonal, or the `k`-th diagonals of the matrices in two axes."""
    if data.ndim == 1:
        return diag(data, k)
    rows, columns = (data.shape[normalize_axis(axis, data.ndim)] for axis in (axis1, axis2))
    if not -rows <= k <= columns:
        raise MXNetError(f"diag: Diagonal does not exist: number {k} of matrices of shape {(rows, columns)}")
    return diagonal(data, k, axis1, axis2)


def _four_axes(data: Node, name: str, block: int) -> None:
    if data.ndim != 4 or 0 in data.shape:
        raise MXNetError(f"{name} requires 4-d data that are not empty, got shape {data.shape}")
    if block <= 0:
        raise MXNetError(f"{name}: block_size must be a positive integer value, got {block}")


@public("nd.depth_to_space", "nd.NDArray.depth_to_space")
def depth_to_space(data: Node, block_size) -> Node:
    """(n, c, h, w) to (n, c / b**2, h * b, w * b): channels become blocks of b x b."""
    _four_axes(data, "depth_to_space", block_size)
    n, c, h, w = data.shape
    b = block_size
    if c % (b * b):
        raise MXNetError(f"depth_to_space: {c} channels cannot be made blocks of {b}x{b}")
    wide = transpose(reshape(data, (n, b, b, c // (b * b), h, w)), (0, 3, 4, 1, 5, 2))
    return reshape(wide, (n, c // (b * b), h * b, w * b))


@public("nd.space_to_depth", "nd.NDArray.space_to_depth")
def space_to_depth(data: Node, block_size) -> Node:
    """(n, c, h, w) to (n, c * b**2, h / b, w / b): blocks of b x b become channels."""
    _four_axes(data, "space_to_depth", block_size)
    n, c, h, w = data.shape
    b = block_size
    if h % b or w % b:
        raise MXNetError(f"space_to_depth: shape {data.shape} is not made of blocks of {b}x{b}")
    deep = transpose(reshape(data, (n, c, h // b, b, w // b, b)), (0, 3, 5, 1, 2, 4))
    return reshape(deep, (n, c * b * b, h // b, w // b))

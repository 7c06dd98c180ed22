"""`mx.nd.image` and `mx.npx.image`: pictures (height, width, channels), one or a batch of them, and their tensors."""
from __future__ import annotations

from typing import Any

from ...declare.public import REQUIRED, public
from ...ir.errors import MXNetError
from ...ir.node import Node
from ...primitive.arithmetic import cast, div, in_single, like, sub
from ...primitive.linear import concatenate, part, reshape, transpose
from ...primitive.promotion import FLOAT32
from ...primitive.scans import flip


def check_picture(data: Node, ranks: tuple[int, ...], what: str) -> None:
    if data.ndim not in ranks:
        batch = ", or (N, height, width, channels)," if 4 in ranks else ""
        raise MXNetError(f"{what}: Input image must have shape (height, width, channels){batch} but got {data.shape}")


@public("nd.image.to_tensor")
@public("npx.image.to_tensor")
def to_tensor(data: Node) -> Node:
    """A picture (height, width, channels) as (channels, height, width), its numbers divided by 255; float32.

    data: one picture, or a batch. MXNetError for another number of axes.

    >>> from tracer import nd
    >>> nd.image.to_tensor(nd.array([[[0, 255]]], dtype="uint8")).asnumpy().tolist()
    [[[0.0]], [[1.0]]]
    """
    check_picture(data, (3, 4), "to_tensor")
    numbers = data if data.dtype.kind == "f" else cast(data, FLOAT32)
    moved = (2, 0, 1) if data.ndim == 3 else (0, 3, 1, 2)
    return transpose(cast(div(numbers, like(numbers, 255)), FLOAT32), moved)


def _per_channel(value: Any, channels: int, rank: int, name: str, of: Node) -> Node:
    """The numbers `value`, one for all channels or one for each, along the channels of an array of `rank` axes."""
    given = value if isinstance(value, (tuple, list)) else (value,)
    if len(given) not in (1, channels):
        raise MXNetError(f"normalize: Invalid {name} for input with {channels} channels. {name} must have either 1 or "
                         f"{channels} elements, but got {tuple(given)}")
    column = (channels, 1, 1) if rank == 3 else (1, channels, 1, 1)
    lines = [reshape(like(of, float(v)), (1,)) for v in given]
    return lines[0] if len(lines) == 1 else reshape(concatenate(lines, 0), column)


@public("nd.image.normalize")
@public("npx.image.normalize")
def normalize(data: Node, mean=(0.0, 0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0, 1.0)) -> Node:
    """(data - mean) / std of tensors (channels, height, width) with one or three channels, one or a batch of them.

    mean, std: one number, or one for each channel.

    Results of integers are cut off. MXNetError for shapes that don't fit.

    >>> from tracer import nd
    >>> nd.image.normalize(nd.ones((1, 1, 1)), mean=0.5, std=0.25).asnumpy().tolist()
    [[[2.0]]]
    """
    if data.ndim not in (3, 4):
        raise MXNetError("normalize: Input tensor must have shape (channels, height, width), or (N, channels, height, "
                         f"width), but got {data.shape}")
    channels = data.shape[-3]
    if channels not in (1, 3):
        raise MXNetError("normalize: The first dimension of input tensor must be the channel dimension with either 1 "
                         f"or 3 elements, but got input with shape {data.shape}")
    wide = data if data.dtype.kind == "f" else cast(data, FLOAT32)
    made = _normalized(wide, *[_per_channel(v, channels, data.ndim, name, wide)
                               for v, name in ((mean, "mean"), (std, "std"))])
    return made if wide is data else cast(made, data.dtype)


@in_single
def _normalized(data: Node, mean: Node, std: Node) -> Node:
    return div(sub(data, mean), std)


@public("nd.image.crop")
@public("npx.image.crop")
def image_crop(data: Node, x=REQUIRED, y=REQUIRED, width=REQUIRED, height=REQUIRED) -> Node:
    """The part of a picture (height, width, channels), or of a batch, of this size whose first corner is (x, y).

    MXNetError for a part that leaves the picture.
    """
    check_picture(data, (3, 4), "crop")
    rows, columns = data.shape[-3:-1]
    if width < 1 or height < 1 or x < 0 or y < 0 or x + width > columns or y + height > rows:
        raise MXNetError(f"crop: a part of {height} x {width} at x={x}, y={y} of a picture of {rows} x {columns}")
    return part(part(data, data.ndim - 3, int(y), int(height)), data.ndim - 2, int(x), int(width))


@public("nd.image.flip_left_right")
@public("npx.image.flip_left_right")
def flip_left_right(data: Node) -> Node:
    """A picture (height, width, channels) with its columns reversed. MXNetError for another number of axes."""
    check_picture(data, (3,), "flip_left_right")
    return flip(data, 1)


@public("nd.image.flip_top_bottom")
@public("npx.image.flip_top_bottom")
def flip_top_bottom(data: Node) -> Node:
    """A picture (height, width, channels) with its rows reversed. MXNetError for another number of axes."""
    check_picture(data, (3,), "flip_top_bottom")
    return flip(data, 0)

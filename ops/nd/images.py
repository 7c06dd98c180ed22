"""The functions of `mx.nd` on images (batch, channels, height, width) that are compositions of other functions."""
from __future__ import annotations

from functools import reduce

from ..declare.public import Nodes, public
from ..ir.errors import MXNetError
from ..ir.node import Node, depend
from ..np.movement import repeat
from ..np.padding import pad
from ..npx.convolution import deconvolution
from ..primitive.arithmetic import add, div, in_single, like, mul
from ..primitive.elementary import power, square
from ..primitive.linear import concatenate, part


@public("nd.UpSampling", star=True)
def up_sampling(data: Nodes, scale=1, num_filter=0, sample_type="nearest", multi_input_mode="concat",
                num_args=1,
                workspace=512) -> Node:
    """Images enlarged `scale` times.

    sample_type: "nearest": each pixel is repeated; of several arrays all get the size of the first, and are
        concatenated or (multi_input_mode="sum") added. "bilinear": a transposed convolution of each channel with the
        kernels in the second array.

    MXNetError for another sample_type or number of arrays.
    """
    if sample_type == "bilinear" and len(data) == 2:
        image, kernel = data
        size, border, channels = 2 * scale - scale % 2, scale // 2, image.shape[1]
        return deconvolution(image, kernel, None, (size, size), (scale, scale), pad=(border, border),
                             num_filter=channels, num_group=channels, no_bias=True)
    if sample_type != "nearest" or not data:
        raise MXNetError(f"UpSampling(sample_type={sample_type!r}) of {len(data)} arrays")
    height = data[0].shape[2] * scale
    parts = [repeat(repeat(x, height // x.shape[2], 2), height // x.shape[2], 3) for x in data]
    return reduce(add, parts) if multi_input_mode == "sum" else concatenate(parts, 1) if len(parts) > 1 else parts[0]


@public("nd.Crop", star=True)
def crop(data: Nodes, num_args=1, offset=(0, 0), h_w=(0, 0), center_crop=False) -> Node:
    """A window of size `h_w`, or of the second array's size, at `offset` or centered. MXNetError if it does not fit."""
    x = data[0]
    size = data[1].shape[2:] if len(data) == 2 else tuple(h_w)
    start = [(n - d) // 2 for n, d in zip(x.shape[2:], size, strict=True)] if center_crop else list(offset)
    for axis in (2, 3):
        at, count = start[axis - 2], size[axis - 2]
        if at + count > x.shape[axis]:
            raise MXNetError(f"Crop: offset {tuple(start)} and size {size} do not fit an image of "
                             f"{x.shape[2:]}")
        x = part(x, axis, at, count)
    return depend(x, *data[1:])


@public("nd.LRN")
@in_single
def lrn(data: Node, alpha=1e-4, beta=0.75, knorm=2.0, nsize=None) -> Node:
    """Local response normalization: data / (knorm + alpha / nsize * sum) ** beta.

    sum: that of the squares over the `nsize` channels around each. MXNetError unless `nsize` is odd.
    """
    if not nsize or nsize % 2 == 0:
        raise MXNetError(f"LRN requires an odd nsize, got {nsize}")
    half, n = nsize // 2, data.shape[1]
    wide = pad(square(data), tuple((half, half) if i == 1 else (0, 0) for i in range(data.ndim)), "constant",
               0)
    total = part(wide, 1, 0, n)
    for i in range(1, nsize):
        total = add(total, part(wide, 1, i, n))
    scale = add(mul(total, like(data, alpha / nsize)), like(data, knorm))
    return div(data, power(scale, like(data, beta)))

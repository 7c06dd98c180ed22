"""The static arguments of a convolution's steps."""
from __future__ import annotations

from typing import NamedTuple

#: The bytes of the block of im2col that a thread fills and multiplies, on its stack.
BLOCK = 1 << 17

#: The bytes of the cotangents of a block of several images, and of vectors of sums for weights' cotangents.
VALUES, TOTALS = 1 << 18, 1 << 18

#: Of Winograd's method: channels that are transformed at once, and products of a place, through tiles and filters.
CHANNELS, TILE_SUMS = 32, 1 << 12

#: The bytes of sums of positions by filters, and the part of the inner dimension of their products that stays near.
SUMS, SUMMED = 1 << 17, 192

#: The filters whose weights' cotangents are summed up at once.
FILTERS = 64

#: The most tiles of a block of Winograd's method.
TILES = 128

#: Of images that are laid with zeros beside their rows: the most places, through channels, and the offsets that follow
#: those of the last place.
LAID_PLACES, MORE_PLACES = 1 << 11, 7

#: The longest kernel along an axis, and the most places in a kernel: a channel's windows must fit a block.
LONGEST_KERNEL, MOST_PLACES = 128, 512

#: A number that is added before a division, as a multiple of the divisor, so that what is divided is not negative.
FAR = 1 << 40


class ConvArgs(NamedTuple):
    """The arguments of a step: sizes count elements.

    An element of im2col at place i of the kernel and position o, on each of the three axes, is that of the image at
    (o * step + i * dilate - before) / divide, or 0 where that is no integer or lies outside.
    """

    patches: int  # addresses of `patches.single` or `double`, of `tiles.columns` or 0, of gemm
    tiles: int
    gemm: int
    itemsize: int
    x: int  # slots of bind: images, weights or cotangents, result
    w: int
    y: int
    batch: int
    groups: int
    channels: int  # of a group, as filters
    filters: int
    size0: int  # of an image
    size1: int
    size2: int
    out0: int  # positions
    out1: int
    out2: int
    kernel0: int
    kernel1: int
    kernel2: int
    step0: int
    step1: int
    step2: int
    divide0: int
    divide1: int
    divide2: int
    dilate0: int
    dilate1: int
    dilate2: int
    before0: int
    before1: int
    before2: int
    runs: int  # 1 where neighbouring positions read neighbouring elements, 2 where every second one, 0 else
    volume: int  # elements of a channel of an image
    positions: int  # in an image
    places: int  # of a kernel
    width: int  # of a block: positions in the products of convolve and spread; depthwise: rows of the grid in a band
    some: int  # channels of a block
    panels: int  # blocks of an image's positions; parts of the batch of correlate
    part: int  # filters that one unit of the range computes; images of a part of correlate's batch
    merged: int = 1  # images whose positions are one block of correlate
    axis: int = 0  # depthwise: the axis that is cut into bands
    bands: int = 0  # of an image; blocks of channels
    grid0: int = 0  # the sizes of the grid that positions, and elements of a phase, are counted on
    grid1: int = 0
    grid2: int = 0
    low0: int = 0  # where the elements that a position reads begin on the grid, from itself on; where a grid begins
    low1: int = 0
    low2: int = 0
    span: int = 0  # how many more these are on the axis that is cut
    beside: int = 0  # elements behind a phase that its last positions read
    turned: int = 0  # Winograd: the slot of the transformed weights
    row: int = 0  # bytes between the weights of two filters, and of two channels of a filter
    channel: int = 0
    lines: int = 0  # rows of tiles, and filters, of a unit
    most: int = 0
    sums: int = 0  # laid images: elements between the positions of two filters; 1 where rows are computed one by one
    alone: int = 0


#: The place of each argument among a step's.
AT = ConvArgs(*range(len(ConvArgs._fields)))


def at_most(x: int, y: int) -> int:
    """The smaller of two counts, and at least 1."""
    return max(1, min(x, y))


def ceil(x: int, y: int) -> int:
    """The number of parts of `y` that `x` are in, the last of which may be smaller."""
    return -(-x // y)

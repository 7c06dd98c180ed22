"""The cut of small depthwise images into blocks of channels, and the grid on which `channel_blocks` lays them."""
from __future__ import annotations

import math

from ....graph.symbolic_size import applied
from ...gemm import sizes
from ..arguments import AT, BLOCK, ConvArgs, ceil

#: The most elements of an image, and of a result, and the most phases of a result.
MOST_POSITIONS, MOST_PHASES = 256, 16


def in_blocks(args: ConvArgs) -> ConvArgs | None:
    """The arguments of a step of small depthwise images, cut into blocks of channels; None for others."""
    if args.channels != 1 or args.filters != 1:
        return None
    lanes = sizes.REGISTER_BYTES // args.itemsize
    axes = [[args[AT.size0 + 3 * i + axis] for i in range(7)] for axis in range(3)]
    grid, low = [applied(_laid, *axis) for axis in axes], [applied(_low, *axis[2:3], *axis[4:]) for axis in axes]
    blocks = applied(ceil, args.groups, lanes)
    small = lanes <= args.volume <= MOST_POSITIONS and lanes <= args.positions <= MOST_POSITIONS
    if not (small and args.groups >= lanes and math.prod(args[AT.divide0:AT.divide0 + 3]) <= MOST_PHASES):
        return None
    if max(math.prod(grid), blocks * args.places) * sizes.REGISTER_BYTES > BLOCK:
        return None
    found = {f"grid{a}": n for a, n in enumerate(grid)} | {f"low{a}": n for a, n in enumerate(low)}
    return args._replace(bands=blocks, **found)


def _low(kernel: int, divide: int, dilate: int, before: int) -> int:
    """Where the grid begins on an axis: at the first element of the image, or that a position reads."""
    return min(0, (min(0, (kernel - 1) * dilate) - before) // divide)


def _laid(size: int, out: int, kernel: int, step: int, divide: int, dilate: int, before: int) -> int:
    """The length of the grid on an axis: up to the last element of the image, or that a position reads."""
    last = ((out - 1) * step + max(0, (kernel - 1) * dilate) - before) // divide
    return max(size - 1, last) + 1 - _low(kernel, divide, dilate, before)

"""The cut of depthwise images into bands of rows, and the grid on which `planes` counts their positions."""
from __future__ import annotations

import math
from collections.abc import Callable

from ....graph.symbolic_size import applied
from ...gemm import sizes
from ..arguments import AT, BLOCK, MASKS, MOST_PLACES, ConvArgs, at_most, ceil

#: The bytes of a band of an image that a thread lays out at a time, where its rows are short enough.
_BAND = 1 << 15

#: The positions from which laying an image takes less time than masks in ordinary registers. Measured on a Zen 3 core,
#: masks and laid, ms: 32x512x4x4 1.5, 3.6; 32x256x8x8 2.4, 1.5; 32x128x16x16 5.6, 2.2; 32x32x32x32 6.2, 1.3.
_MASKED = 50

#: The multiplications that take as long as laying out an element of an image.
_LAYING = 8


def in_planes(args: ConvArgs, rank: int, laid: Callable[[ConvArgs], ConvArgs | None]) -> ConvArgs | None:
    """The arguments of a step of depthwise images, cut into bands; None for others, and where a row is too long.

    laid: gives the arguments of a step of laid images, which take less time than masks where these are no registers.
    """
    if args.channels != 1 or args.filters != 1:
        return None
    if sizes.REGISTER_BYTES < 64 and args.positions >= _MASKED and laid(args) is not None:
        return None
    lengths, outs, _, steps, divides = [args[AT.size0 + 3 * i:AT.size0 + 3 * i + 3] for i in range(5)]
    images, results = math.prod(steps), math.prod(divides)
    if max(images, results) > MOST_PLACES:
        return None
    grid = [applied(_grid, *numbers) for numbers in zip(lengths, steps, outs, divides, strict=True)]
    axis = 3 - rank
    low, span = _reads(args, axis)
    apart = images > 1 or grid[axis + 1:] != list(lengths[axis + 1:])
    straight = results == 1 and grid[axis + 1:] == list(outs[axis + 1:])
    inner = applied(_row, *grid[axis + 1:])
    most = MASKS // (8 * args.places) * (256 // args.itemsize) // inner
    if apart:
        most = applied(_fewer, most, (_BAND // images - 128) // (args.itemsize * inner) - span,
                       (BLOCK // images - 128) // (args.itemsize * inner) - span)
    if not straight:
        most = applied(_fewer, most, (_BAND // results - 128) // (args.itemsize * inner),
                       (BLOCK // results - 128) // (args.itemsize * inner))
    if most < 1:
        return None
    rows = applied(ceil, outs[axis], divides[axis])
    bands = applied(ceil, rows, applied(at_most, most, rows))
    return args._replace(some=1, axis=axis, bands=bands, width=applied(ceil, rows, bands), low=low, span=span,
                         laid=int(apart), straight=int(straight), **{f"grid{a}": n for a, n in enumerate(grid)})


def _grid(size: int, step: int, out: int, divide: int) -> int:
    return max(-(-size // step), -(-out // divide))


def _reads(args: ConvArgs, axis: int) -> tuple[int, int]:
    """Where the elements that a band reads begin on the grid, from its own start on, and how many more they are."""
    kernel, step, divide, dilate, before = [args[AT.kernel0 + 3 * i + axis] for i in range(5)]
    ends = [(f * step + i * dilate - before) // (step * divide) for f in (0, divide - 1) for i in (0, kernel - 1)]
    return min(ends), max(ends) - min(ends)


def _fewer(most: int, wanted: int, room: int) -> int:
    """The rows of a band: as many as are wanted, or one; no more than there is room for."""
    return min(most, max(wanted, 1), room)


def _row(*sizes: int) -> int:
    return math.prod(sizes)


def laying(args: ConvArgs) -> int:
    """The multiplications of a position that take as long as laying out images, and putting results together."""
    return _LAYING * (args.laid + 1 - args.straight)

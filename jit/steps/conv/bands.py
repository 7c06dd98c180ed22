"""The cut of depthwise images into bands of rows, and the grid on which `planes` counts their positions."""
from __future__ import annotations

import math

from ...graph.symbolic_size import applied
from .arguments import AT, BLOCK, MASKS, MOST_PLACES, ConvArgs, at_most, ceil

#: The bytes of a band of an image that a thread lays out at a time, where its rows are short enough.
_BAND = 1 << 15

#: The multiplications that take as long as laying out an element of an image.
_LAYING = 8


def in_planes(args: ConvArgs, rank: int) -> ConvArgs | None:
    """The arguments of a step of depthwise images, cut into bands; None for others, and where a row is too long."""
    if args.channels != 1 or args.filters != 1:
        return None
    sizes, outs, _, steps, divides = [args[AT.size0 + 3 * i:AT.size0 + 3 * i + 3] for i in range(5)]
    images, results = math.prod(steps), math.prod(divides)
    if max(images, results) > MOST_PLACES:
        return None
    grid = [applied(_grid, *numbers) for numbers in zip(sizes, steps, outs, divides, strict=True)]
    axis = 3 - rank
    low, span = _reads(args, axis)
    laid = images > 1 or grid[axis + 1:] != list(sizes[axis + 1:])
    straight = results == 1 and grid[axis + 1:] == list(outs[axis + 1:])
    inner = applied(_row, *grid[axis + 1:])
    most = MASKS // (8 * args.places) * (256 // args.itemsize) // inner
    if laid:
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
                         laid=int(laid), straight=int(straight), **{f"grid{a}": n for a, n in enumerate(grid)})


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

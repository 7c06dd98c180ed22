"""The cut of depthwise images into bands of rows, and the grid on which `planes` counts their positions."""
from __future__ import annotations

import math

from ....graph.symbolic_size import applied
from ..arguments import AT, BLOCK, MOST_PLACES, ConvArgs, at_most, ceil

#: The bytes of a band of an image that a thread lays out at a time, where its rows are short enough.
_BAND = 1 << 15

#: The multiplications that take as long as to lay an element of an image, and to put a result.
LAYING = 8


def in_planes(args: ConvArgs, rank: int) -> ConvArgs | None:
    """The arguments of a step of depthwise images, cut into bands; None for others, and where a row is too long."""
    if args.channels != 1 or args.filters != 1:
        return None
    lengths, outs, _, steps, divides = [args[AT.size0 + 3 * i:AT.size0 + 3 * i + 3] for i in range(5)]
    images, results = math.prod(steps), math.prod(divides)
    if max(images, results) > MOST_PLACES:
        return None
    reads = [_reads(args, axis) for axis in range(3)]
    grid = [applied(_pitch, *numbers) for numbers in zip(lengths, steps, outs, divides, *zip(*reads), strict=True)]
    beside = max(-reads[1][0], 0) * grid[2] + max(-reads[2][0], 0)
    axis = 3 - rank
    inner, span = math.prod(grid[axis + 1:]), reads[axis][1]
    rows = applied(ceil, outs[axis], divides[axis])
    most = applied(_rows, rows, images, args.itemsize, inner, span, beside)
    most = applied(_rows, most, results, args.itemsize, inner, 0, 0)
    if most < 1:
        return None
    bands = applied(ceil, rows, applied(at_most, most, rows))
    found = {f"grid{a}": n for a, n in enumerate(grid)} | {f"low{a}": low for a, (low, _) in enumerate(reads)}
    return args._replace(some=1, axis=axis, bands=bands, width=applied(ceil, rows, bands), span=span, beside=beside,
                         **found)


def _reads(args: ConvArgs, axis: int) -> tuple[int, int]:
    """Where the elements that a position reads begin on the grid, from itself on, and how many more they are."""
    kernel, step, divide, dilate, before = [args[AT.kernel0 + 3 * i + axis] for i in range(5)]
    ends = [(f * step + i * dilate - before) // (step * divide) for f in (0, divide - 1) for i in (0, kernel - 1)]
    return min(ends), max(ends) - min(ends)


def _pitch(size: int, step: int, out: int, divide: int, low: int, span: int) -> int:
    """The elements from one laid row to the next one: zeros before a row are also those behind the row before it."""
    positions = -(-out // divide)
    return max(positions, min(-(-size // step) - low, positions + span), positions + span - max(-low, 0))


def _rows(most: int, phases: int, itemsize: int, inner: int, span: int, beside: int) -> int:
    """The rows of a band: as many as are wanted, or one; no more than there is room for in each phase."""
    wanted, room = [(nbytes // phases // itemsize - beside - 64) // inner - span for nbytes in (_BAND, BLOCK)]
    return min(most, max(wanted, 1), room)

"""The cut of images that are laid with zeros beside their rows: bands of rows, channels, images at once."""
from __future__ import annotations

from ....graph.symbolic_size import applied
from ....native.runtime_functions import find_native
from ...gemm import sizes
from ..arguments import BLOCK, LAID_PLACES, MORE_PLACES, SUMS, TOTALS, VALUES, ConvArgs, at_most, ceil

#: The filters whose products take as long as im2col, the channels that are laid at once, and the bytes of a tile's
#: cotangents that stay in the nearest cache.
_FILTERS_OF_IM2COL, _CHANNELS, _NEAR = 8, 16, 12 << 10

#: The most filters, and the fewest positions, of cotangents of weights: a tile's sums go to memory for each few images.
_MOST_FILTERS, _LEAST_POSITIONS = 32, 50

#: The vectors behind a band's positions that a tile may compute.
_SLACK = 8


def laid(args: ConvArgs) -> ConvArgs | None:
    """The arguments of a step of laid images, but for its units; None where these do not pay.

    Neighbouring positions must read neighbouring elements, and the zeros between rows be few.
    """
    ones = [args.size0, args.kernel0, args.out0, *[args.step0, args.step1, args.step2], args.divide0, args.divide1,
            args.divide2]
    if any([n != 1 for n in ones]) or args.places < 2:
        return None
    (low1, high1), (low2, high2) = [_reads(*axis) for axis in ((args.kernel1, args.dilate1, args.before1),
                                                               (args.kernel2, args.dilate2, args.before2))]
    pitch = applied(_pitch, args.size2, args.out2, low2, high2)
    lanes = sizes.REGISTER_BYTES // args.itemsize
    if not applied(_pays, args.out1, args.out2, pitch, args.filters, lanes):
        return None
    some = applied(at_most, args.channels, min(_CHANNELS, LAID_PLACES // args.places))
    apart = applied(_apart, pitch, high1 - low1, low2, high2, lanes)
    most = applied(_rows, some * args.itemsize, apart, pitch, args.itemsize)
    if most < 1:
        return None
    rows = applied(_equal, args.out1, most)
    sums = applied(_sums, rows, pitch, args.out2, lanes)
    return args._replace(patches=_tiles(args.itemsize), some=some, bands=applied(ceil, args.out1, rows),
                         width=rows * args.out2, grid2=pitch, span=apart + rows * pitch, sums=sums)


def laid_weights(args: ConvArgs) -> ConvArgs | None:
    """The same for the cotangent of weights."""
    found = laid(args) if args.filters <= _MOST_FILTERS and args.positions >= _LEAST_POSITIONS else None
    if found is None:
        return None
    room = TOTALS // sizes.REGISTER_BYTES
    some = applied(_some, found.some, room, (args.places + MORE_PLACES) * args.filters)
    if some < 1:
        return None
    merged = applied(_merged, args.batch, found.bands, some * found.span * args.itemsize, args.filters,
                     found.sums * args.itemsize)
    if merged < 1:
        return None
    return found._replace(some=some, merged=merged)


def by_rows(args: ConvArgs) -> int:
    """Whether positions are better computed row by row, without the places whose elements are zeros above and below."""
    lanes = sizes.REGISTER_BYTES // args.itemsize
    if args.channels > args.some:
        return 0
    return int(applied(_row_by_row, args.size1, args.out1, args.out2, args.grid2, args.kernel1, args.dilate1,
                       args.before1, lanes))


def _row_by_row(height: int, down: int, across: int, pitch: int, kernel: int, dilate: int, before: int,
                lanes: int) -> bool:
    """Whether it takes fewer vectors of positions, through the places along the column: a tile has an even number."""
    each = -(-across // (2 * lanes)) * 2 * lanes
    within = sum([0 <= y + i * dilate - before < height for y in range(down) for i in range(kernel)])
    return 10 * each * within < 9 * (pitch * down * kernel)


def _pays(down: int, across: int, pitch: int, filters: int, lanes: int) -> bool:
    """Whether positions between rows take less time than im2col, which takes that of so many filters."""
    return ((down - 1) * pitch + across + 2 * lanes) * filters < down * across * (filters + _FILTERS_OF_IM2COL)


def _tiles(itemsize: int) -> int:
    return find_native(f"{__package__}.tiles", "single" if itemsize == 4 else "double")


def _reads(kernel: int, dilate: int, before: int) -> tuple[int, int]:
    """The first and the last element beside a position that its kernel reads."""
    end = (kernel - 1) * dilate
    return min(0, end) - before, max(0, end) - before


def _pitch(size: int, out: int, low: int, high: int) -> int:
    """The elements from one laid row to the next one: zeros before a row are also those behind the row before it."""
    return max(out, size + max(-low, out - 1 + high - (size - 1), 0))


def _apart(pitch: int, more: int, low: int, high: int, lanes: int) -> int:
    """The elements of a laid channel beside its rows: before the first one, below the last one, and behind it."""
    return max(-low, 0) + max(high, 0) + more * pitch + (_SLACK + 1) * lanes


def _rows(each: int, apart: int, pitch: int, itemsize: int) -> int:
    """The most rows of a band, by the room for elements, and for the sums of a few filters."""
    return min((BLOCK // each - apart) // pitch, (SUMS // (8 * itemsize) - 128) // pitch)


def _equal(rows: int, most: int) -> int:
    """The rows of a band, all of which are about equal."""
    bands = -(-rows // most)
    return -(-rows // bands)


def _sums(rows: int, pitch: int, out: int, lanes: int) -> int:
    return (-(-((rows - 1) * pitch + out) // lanes) + _SLACK) * lanes


def _some(most: int, room: int, each: int) -> int:
    return min(most, room // each)


def _merged(batch: int, bands: int, elements: int, filters: int, cotangents: int) -> int:
    """The images that are laid at once: several whole ones where there is room, and none where one has no room.

    A tile goes through the cotangents of some filters once for each channel and a few places.
    """
    most = min(BLOCK // elements, VALUES // (filters * cotangents), max(1, _NEAR // (min(filters, 6) * cotangents)))
    return min(most, 1) if bands > 1 else min(most, batch)

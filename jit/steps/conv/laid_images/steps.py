"""The native steps of convolutions with few filters, from images laid with zeros beside their rows.

Blocks of im2col would hold each element once for each place of the kernel, which takes longer than the products of few
filters. Here a band of rows of an image is laid into a thread's cache, once for all places: its rows are `grid2`
elements apart, with zeros between them that serve the end of a row and the start of the next one. Positions are counted
through the laid rows; those between the result's rows are computed, too, and left out when the result is stored.

Zeros at which no position reads an element may meet values that are not finite: cotangents of weights that are not
finite are computed again, place by place.
"""

from typing import Any

from llvmlite import ir

from ....native.word_compiler import I64, emits
from ....native.word_intrinsics import clear_bytes, room, set_word, smaller
from ...gemm.sizes import REGISTER_BYTES
from ..arguments import AT, BLOCK, LAID_PLACES, MORE_PLACES, SUMS, TOTALS, VALUES
from ..place_by_place import relate
from ..plane_rows import copy_rows
from .tiles import put_totals, relate_places

_TABLE = 8 * (LAID_PLACES + MORE_PLACES)


@emits
def _call_tiles(b: Any, fn: Any, *values: Any) -> None:
    """Call `tiles.single` or `double` at address `fn`."""
    b.call(b.inttoptr(fn, ir.FunctionType(ir.VoidType(), [I64] * len(values)).as_pointer()), values)


def _tabulate(args: Any, table: int, channels: int, low1: int, low2: int) -> None:
    """Note the offset of each place's elements in some channels, and that of the last one a few times more.

    low1, low2: the row, and the column, beside a position that the kernel begins with.
    """
    left = -low2 if low2 < 0 else 0
    n, offset = 0, 0
    for c in range(channels):
        for i in range(args[AT.kernel1]):
            for j in range(args[AT.kernel2]):
                row = i * args[AT.dilate1] - args[AT.before1] - low1
                column = j * args[AT.dilate2] - args[AT.before2] + left
                offset = args[AT.itemsize] * (c * args[AT.span] + row * args[AT.grid2] + column)
                set_word(table, n, offset)
                n += 1
    for more in range(MORE_PLACES):
        set_word(table, n + more, offset)


def _lay(args: Any, to: int, image: int, channels: int, first: int, rows: int, low2: int, columns: int) -> None:
    """Lay some rows of channels that follow each other, from row `first` on, of which some may be beside the image."""
    size, height, width, pitch = args[AT.itemsize], args[AT.size1], args[AT.size2], args[AT.grid2]
    skipped = smaller(-first if first < 0 else 0, rows)
    inside = smaller(rows, height - first) - skipped
    inside = inside if inside > 0 else 0
    own = to - size * (low2 if low2 < 0 else 0)
    for _ in range(channels):
        if args[AT.bands] > 1:
            for r in range(skipped):
                clear_bytes(own + size * r * pitch, size * columns)
        copy_rows(size, own + size * skipped * pitch, size * pitch, image + size * (first + skipped) * width,
                  size * width, inside, columns)
        if args[AT.bands] > 1:
            for r in range(skipped + inside, rows):
                clear_bytes(own + size * r * pitch, size * columns)
        own += size * args[AT.span]
        image += size * height * width


def _weigh_rows(args: Any, block: int, table: int, depth: int, w: int, sums: int, row: int, some: int, start: int,
                rows: int) -> None:
    """Compute rows of positions one by one, each from those places of which the elements are in the image."""
    size, step = args[AT.itemsize], args[AT.kernel2]
    for r in range(rows):
        first, end = args[AT.kernel1], 0
        for i in range(args[AT.kernel1]):
            y = start + r + i * args[AT.dilate1] - args[AT.before1]
            if y >= 0 and y < args[AT.size1]:
                first, end = smaller(first, i), i + 1
        _call_tiles(args[AT.patches], block + size * r * args[AT.grid2], size * args[AT.span], table + 8 * first * step,
                    (end - first) * step, depth, w + size * first * step, size * args[AT.channels] * args[AT.places],
                    size * args[AT.places], sums + size * r * args[AT.grid2], row, some, args[AT.out2], 0)


def run_laid(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute units lo...hi: bands of an image's rows, through images, parts of the filters, and groups."""
    size, pitch, bands, across = args[AT.itemsize], args[AT.grid2], args[AT.panels], args[AT.out2]
    channels, filters, part, groups = args[AT.channels], args[AT.filters], args[AT.part], args[AT.groups]
    parts, each, wide = (filters + part - 1) // part, args[AT.batch] * bands, args[AT.width] // across
    down1, down2 = (args[AT.kernel1] - 1) * args[AT.dilate1], (args[AT.kernel2] - 1) * args[AT.dilate2]
    low1, low2 = smaller(0, down1) - args[AT.before1], smaller(0, down2) - args[AT.before2]
    more = down1 if down1 > 0 else -down1
    columns = smaller(args[AT.size2], across + low2 + (down2 if down2 > 0 else -down2))
    row, length = size * args[AT.sums], size * channels * args[AT.places]
    table, block, sums = room(_TABLE), room(BLOCK), room(SUMS)
    _tabulate(args, table, smaller(args[AT.some], channels), low1, low2)
    clear_bytes(block, size * args[AT.span] * smaller(args[AT.some], channels))
    for unit in range(lo, hi):
        outer = unit // each
        g = outer // parts
        f = (outer - g * parts) * part
        some = smaller(part, filters - f)
        n = (unit - outer * each) // bands
        start = (unit - outer * each - n * bands) * wide
        rows = smaller(wide, args[AT.out1] - start)
        w = bind[args[AT.w]] + (g * filters + f) * length
        c = 0
        while c < channels:
            depth = smaller(args[AT.some], channels - c)
            image = bind[args[AT.x]] + size * ((n * groups + g) * channels + c) * args[AT.volume]
            _lay(args, block, image, depth, start + low1, rows + more, low2, columns)
            if args[AT.alone] == 0:
                _call_tiles(args[AT.patches], block, 0, table, depth * args[AT.places], 1,
                            w + size * c * args[AT.places], length, 0, sums, row, some, (rows - 1) * pitch + across, c)
            else:
                _weigh_rows(args, block, table, depth, w, sums, row, some, start, rows)
            c += depth
        for i in range(some):
            y = bind[args[AT.y]] + size * (((n * groups + g) * filters + f + i) * args[AT.positions] + start * across)
            if pitch == across:
                copy_rows(size, y, 0, sums + i * row, 0, 1, rows * across)
            else:
                copy_rows(size, y, size * across, sums + i * row, size * pitch, rows, across)


def run_laid_weights(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute units lo...hi of the cotangent of weights: blocks of channels, through groups and parts of the batch."""
    size, pitch, across, height = args[AT.itemsize], args[AT.grid2], args[AT.out2], args[AT.out1]
    channels, filters, groups, places = args[AT.channels], args[AT.filters], args[AT.groups], args[AT.places]
    wide = args[AT.width] // across
    down1, down2 = (args[AT.kernel1] - 1) * args[AT.dilate1], (args[AT.kernel2] - 1) * args[AT.dilate2]
    low1, low2 = smaller(0, down1) - args[AT.before1], smaller(0, down2) - args[AT.before2]
    more = down1 if down1 > 0 else -down1
    columns = smaller(args[AT.size2], across + low2 + (down2 if down2 > 0 else -down2))
    blocks, row = (channels + args[AT.some] - 1) // args[AT.some], size * args[AT.sums]
    most = smaller(args[AT.some], channels)
    table, block, values, totals = room(_TABLE), room(BLOCK), room(VALUES), room(TOTALS)
    _tabulate(args, table, 1, low1, low2)
    clear_bytes(block, size * args[AT.span] * most * args[AT.merged])
    clear_bytes(values, row * filters * args[AT.merged])
    for unit in range(lo, hi):
        part = unit // (groups * blocks)
        g = unit // blocks % groups
        c = unit % blocks * args[AT.some]
        some = smaller(args[AT.some], channels - c)
        clear_bytes(totals, REGISTER_BYTES * (places + MORE_PLACES) * some * filters)
        first = part * args[AT.part]
        end = smaller(first + args[AT.part], args[AT.batch])
        n = first
        while n < end:
            images = smaller(args[AT.merged], end - n)
            start = 0
            while start < height:
                rows = smaller(wide, height - start)
                for i in range(images):
                    image = bind[args[AT.x]] + size * (((n + i) * groups + g) * channels + c) * args[AT.volume]
                    _lay(args, block + size * i * most * args[AT.span], image, some, start + low1, rows + more, low2,
                         columns)
                    for f in range(filters):
                        own = values + row * (i * filters + f)
                        g_at = ((n + i) * groups + g) * filters + f
                        cotangents = bind[args[AT.w]] + size * (g_at * args[AT.positions] + start * across)
                        copy_rows(size, own, size * pitch, cotangents, size * across, rows, across)
                        if args[AT.bands] > 1:
                            clear_bytes(own + size * ((rows - 1) * pitch + across), REGISTER_BYTES)
                relate_places(size, block, size * args[AT.span], size * most * args[AT.span], table, places, some,
                              values, row, row * filters, totals, filters, (rows - 1) * pitch + across, images)
                start += rows
            n += images
        for f in range(filters):
            for i in range(some):
                y = bind[args[AT.y]] + size * (((part * groups + g) * filters + f) * channels + c + i) * places
                own = totals + REGISTER_BYTES * ((places + MORE_PLACES) * i * filters + f)
                if put_totals(size, y, own, REGISTER_BYTES * filters, places) != 0:
                    image = (first * groups + g) * channels + c + i
                    relate(args, y, bind[args[AT.x]] + size * image * args[AT.volume],
                           bind[args[AT.w]] + size * ((first * groups + g) * filters + f) * args[AT.positions],
                           end - first)

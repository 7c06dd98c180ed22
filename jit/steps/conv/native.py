"""The native steps of convolutions, Python functions that `word_compiler.py` compiles; see `arguments.ConvArgs`."""

from typing import Any

from llvmlite import ir

from ...native.word_compiler import I64, emits
from ...native.word_intrinsics import as_word, room, smaller
from ..gemm.native import PLAIN, ROW_MAJOR, TRANSPOSED, call_gemm, call_tiles
from ..gemm.sizes import LANES, WIDTH
from ..gemm.tiles import WHOLE
from .arguments import AT, BLOCK, VALUES
from .lanes import copy_row


@emits
def call_patches(b: Any, fn: Any, *values: Any) -> None:
    """Call `patches.single` or `double` at address `fn`."""
    b.call(b.inttoptr(fn, ir.FunctionType(ir.VoidType(), [I64] * len(values)).as_pointer()), values)


def run_panels(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute units lo...hi of a convolution: panels of positions, through images, parts of the filters, and groups."""
    size, count, panels = args[AT.itemsize], args[AT.positions], args[AT.panels]
    channels, filters, part, groups = args[AT.channels], args[AT.filters], args[AT.part], args[AT.groups]
    places = args[AT.places]
    length = channels * places
    parts = (filters + part - 1) // part
    each = args[AT.batch] * panels
    whole = count // args[AT.width]
    block = room(BLOCK)
    one = as_word(1.0)
    while lo < hi:
        outer = lo // each
        first = lo - outer * each
        units = smaller(each - first, hi - lo)
        g = outer // parts
        f = (outer - g * parts) * part
        m = smaller(part, filters - f)
        c = 0
        while c < channels:
            some = smaller(args[AT.some], channels - c)
            w = bind[args[AT.w]] + size * ((g * filters + f) * length + c * places)
            for unit in range(first, first + units):
                n = unit // panels
                q = unit - n * panels
                start = q * args[AT.width]
                width = args[AT.width]
                row = size * width
                way = 0
                if q >= whole:
                    width = smaller(width, count - start)
                    if args[AT.tiles] != 0:
                        start = whole * WIDTH + (q - whole) * LANES
                        width = smaller(LANES, count - start)
                        row = size * LANES
                        way = WHOLE
                x = bind[args[AT.x]] + size * ((n * groups + g) * channels + c) * args[AT.volume]
                y = bind[args[AT.y]] + size * (((n * groups + g) * filters + f) * count + start)
                call_patches(args[AT.patches], args, x, block, row, some, start, width)
                if args[AT.tiles] != 0:
                    call_tiles(args[AT.tiles], w, 4 * length, 4, block, row, 4, y, 4 * count, m, some * places, way,
                               width, one, as_word(0.0) if c == 0 else one)
                else:
                    call_gemm(args[AT.gemm], size, ROW_MAJOR, PLAIN, PLAIN, m, width, some * places, 1.0, w, length,
                              block, args[AT.width], 0.0 if c == 0 else 1.0, y, count)
            c += some
        lo += units


def run_weights(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute units lo...hi of the cotangent of weights: blocks of channels, through groups and parts of the batch."""
    size, count, panel = args[AT.itemsize], args[AT.positions], args[AT.width]
    channels, filters, groups, places = args[AT.channels], args[AT.filters], args[AT.groups], args[AT.places]
    length = channels * places
    blocks = (channels + args[AT.some] - 1) // args[AT.some]
    block, values = room(BLOCK), room(VALUES)
    one = as_word(1.0)
    row = size * panel
    held = -1
    for unit in range(lo, hi):
        part = unit // (groups * blocks)
        g = unit // blocks % groups
        c = unit % blocks * args[AT.some]
        some = smaller(args[AT.some], channels - c)
        rows = some * places
        y = bind[args[AT.y]] + size * (((part * groups + g) * filters) * length + c * places)
        n = part * args[AT.part]
        end = smaller(n + args[AT.part], args[AT.batch])
        fresh = 1
        while n < end:
            images = smaller(args[AT.merged], end - n)
            x = bind[args[AT.x]] + size * ((n * groups + g) * channels + c) * args[AT.volume]
            w = bind[args[AT.w]] + size * (n * groups + g) * filters * count
            start = 0
            while start < count:
                width = smaller(panel, count - start)
                a = w + size * start
                step = count
                if args[AT.merged] > 1:
                    if held != n * groups + g:
                        for image in range(images):
                            for f in range(filters):
                                copy_row(size, values + size * (f * panel + image * count),
                                         w + size * (image * groups * filters + f) * count, count)
                        held = n * groups + g
                    for image in range(images):
                        call_patches(args[AT.patches], args, x + size * image * groups * channels * args[AT.volume],
                                      block + size * image * count, row, some, 0, count)
                    a, step, width = values, panel, images * count
                else:
                    call_patches(args[AT.patches], args, x, block, row, some, start, width)
                if args[AT.tiles] != 0:
                    done = 0
                    while done < rows:
                        columns = WIDTH if done + WIDTH <= rows else smaller(rows - done, LANES)
                        call_tiles(args[AT.tiles], a, 4 * step, 4, block + done * row, 4, row, y + 4 * done,
                                   4 * length, filters, width, 2, columns, one, as_word(0.0) if fresh != 0 else one)
                        done += columns
                else:
                    call_gemm(args[AT.gemm], size, ROW_MAJOR, PLAIN, TRANSPOSED, filters, rows, width, 1.0, a, step,
                              block, panel, 0.0 if fresh != 0 else 1.0, y, length)
                fresh = 0
                start += width
            n += images

"""The native steps of convolutions of small images: vectors of filters, and rows of positions.

A tile of `run_panels` is of filters by vectors of positions, and reads weights as they are. That suits large images:
the 49 positions of 7 x 7 fill four vectors badly, and the rows of weights that a tile reads lie far apart. Here the
sides are exchanged: weights are packed by panels of WIDTH filters, which a tile reads as one stream, and a tile has
rows of positions, of which any number does. Sums lie by positions, and are turned when they are stored.
"""

from typing import Any

from llvmlite import ir

from ...native.word_compiler import I64, emits
from ...native.word_intrinsics import as_word, room, smaller
from ..gemm.native import call_tiles
from ..gemm.sizes import LANES, WIDTH
from ..gemm.squares import transposed
from .arguments import AT, BLOCK, SUMMED, SUMS
from .lanes import Lanes
from .native import call_patches


@emits
def _pack(b: Any, to: Any, w: Any, rows: Any, length: Any) -> None:
    """Pack the weights of a panel: `rows` filters of `length` numbers; of WIDTH filters, the last ones are any."""
    lanes = Lanes(b, ir.FloatType())
    step = b.mul(length, I64(4))
    starts = [b.add(w, b.mul(b.select(b.icmp_signed("<", I64(i), rows), I64(i), I64(0)), step)) for i in range(WIDTH)]
    with lanes.loop(length, step=LANES) as k:
        left = b.sub(length, k)
        within = lanes.below(left)
        for first in range(0, WIDTH, LANES):
            square = [lanes.load_some(b.add(start, b.mul(k, I64(4))), within, lanes.nothing)
                      for start in starts[first:first + LANES]]
            for i, column in enumerate(transposed(b, square)):
                with b.if_then(b.icmp_signed("<", I64(i), left)):
                    lanes.store(column, b.add(to, b.add(b.mul(b.add(k, I64(i)), I64(4 * WIDTH)), I64(4 * first))))


@emits
def _put(b: Any, to: Any, source: Any, step: Any, count: Any) -> None:
    """Store `count` numbers that lie `step` bytes apart in a row."""
    lanes = Lanes(b, ir.FloatType())
    wide = ir.VectorType(I64, lanes.lanes)
    with lanes.loop(count, step=lanes.lanes) as i:
        within = lanes.below(b.sub(count, i))
        number = b.add(lanes.splat(wide, i), b.sext(lanes.lane, wide))
        at = b.add(lanes.splat(wide, source), b.mul(number, lanes.splat(wide, step)))
        lanes.store_some(lanes.gather(at, within), b.add(to, b.mul(i, I64(4))), within)


def pack_filters(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Pack panels lo...hi, through groups; args: both slots, filters of a group, numbers of a filter, and a slot that
    is not 0 where they are packed already.
    """
    if bind[args[4]] != 0:
        return
    filters, length = args[2], args[3]
    panels = (filters + WIDTH - 1) // WIDTH
    for unit in range(lo, hi):
        g = unit // panels
        f = (unit - g * panels) * WIDTH
        _pack(bind[args[1]] + 4 * unit * WIDTH * length, bind[args[0]] + 4 * (g * filters + f) * length,
              smaller(WIDTH, filters - f), length)


def run_filters(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute units lo...hi: parts of an image's positions, through images, parts of the filters, and groups."""
    count, panels, width = args[AT.positions], args[AT.panels], args[AT.width]
    channels, filters, part, groups = args[AT.channels], args[AT.filters], args[AT.part], args[AT.groups]
    places = args[AT.places]
    length = channels * places
    parts = (filters + part - 1) // part
    each = args[AT.batch] * panels
    wide = (filters + WIDTH - 1) // WIDTH
    block, sums = room(BLOCK), room(SUMS)
    one = as_word(1.0)
    for unit in range(lo, hi):
        outer = unit // each
        g = outer // parts
        f = (outer - g * parts) * part
        some = smaller(part, filters - f)
        n = (unit - outer * each) // panels
        start = (unit - outer * each - n * panels) * width
        rows = smaller(width, count - start)
        row = 4 * ((rows + LANES - 1) // LANES * LANES)
        c = 0
        while c < channels:
            depth = smaller(args[AT.some], channels - c)
            x = bind[args[AT.x]] + 4 * ((n * groups + g) * channels + c) * args[AT.volume]
            call_patches(args[AT.patches], args, x, block, row, depth, start, rows)
            k = 0
            while k < depth * places:
                summed = smaller(SUMMED, depth * places - k)
                done = 0
                while done < some:
                    w = bind[args[AT.turned]] + 4 * WIDTH * ((g * wide + (f + done) // WIDTH) * length + c * places + k)
                    call_tiles(args[AT.tiles], block + k * row, 4, row, w, 4 * WIDTH, 4, sums + 4 * done, 4 * part,
                               rows, summed, 0, WIDTH, one, as_word(0.0) if c + k == 0 else one)
                    done += WIDTH
                k += summed
            c += depth
        for i in range(some):
            _put(bind[args[AT.y]] + 4 * (((n * groups + g) * filters + f + i) * count + start), sums + 4 * i, 4 * part,
                 rows)

"""The native steps of depthwise convolutions, in which each filter sees one channel; see `arguments.ConvArgs`.

A band of rows of an image is first laid into a thread's cache, with zeros beside its rows that serve the end of a row
and the start of the next one, and with a stride apart by phases: the elements that positions read at one place follow
each other in one of them. The positions of a result are counted through the laid rows, on one grid: each place of the
kernel is one offset, at which all positions read their elements, a vector of positions at a time. Those between the
result's rows are computed, too, and left out when the result is stored; with a stride it is put together from phases.

Zeros at which no position reads an element may meet values that are not finite: cotangents of weights that are not
finite are computed again, place by place.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ....native.word_compiler import I64, emits
from ....native.word_intrinsics import clear_bytes, room, set_word, smaller
from ...gemm.sizes import REGISTER_BYTES
from ..arguments import AT, BLOCK, FAR, MOST_PLACES
from ..laid_images.tiles import put_totals
from ..lanes import Lanes, in_both
from ..place_by_place import relate
from ..plane_rows import copy_rows, join_row, lay_row, put_row, split_row

#: Vectors whose sums are in registers at a time.
_SOME = 8

#: The bytes of an entry of the table of places, and the words in it: the offsets of its elements, and of its weight.
_ENTRY, _OFFSET, _WEIGHT = 16, 0, 1

_TABLE, _STARTS, _TOTALS = _ENTRY * MOST_PLACES, 8 * (MOST_PLACES + 1), REGISTER_BYTES * MOST_PLACES

#: The bytes behind a phase, and behind the sums of one, that whole vectors reach.
_SLACK = 64


@emits
def _entry(b: Any, table: Any, i: Any, word: int) -> Any:
    """A word of a place's entry."""
    return b.load(b.inttoptr(b.add(b.add(table, b.mul(i, I64(_ENTRY))), I64(8 * word)), I64.as_pointer()))


def _by_some(lanes: Lanes, count: Any, some: Callable[[Any, int], None]) -> None:
    """Emit `some(at, vectors)` for each group of vectors of `count` numbers, the last of which may be smaller.

    at: the bytes from the first vector to the group's.
    """
    b = lanes.b
    all_of_them = b.sdiv(b.add(count, I64(lanes.lanes - 1)), I64(lanes.lanes))
    groups = b.sdiv(all_of_them, I64(_SOME))
    with lanes.loop(groups) as group:
        some(b.mul(group, I64(_SOME * lanes.size)), _SOME)
    at, left = b.mul(groups, I64(_SOME * lanes.size)), b.srem(all_of_them, I64(_SOME))
    for vectors in range(1, _SOME):
        with b.if_then(b.icmp_signed("==", left, I64(vectors))):
            some(at, vectors)


@emits
def _weigh(b: Any, size: Any, to: Any, block: Any, weights: Any, table: Any, places: Any, count: Any) -> None:
    """Compute the sums of `count` positions, rounded up to vectors, over places."""
    def emit(lanes: Lanes) -> None:
        def some(at: Any, vectors: int) -> None:
            def place(i: Any, sums: Any) -> list[Any]:
                source = b.add(b.add(block, at), _entry.emit(b, table, i, _OFFSET))
                weight = lanes.number(b.add(weights, _entry.emit(b, table, i, _WEIGHT)))
                return [lanes.fma(weight, lanes.load(b.add(source, I64(lanes.size * v))), s)
                        for v, s in enumerate(sums)]

            for v, value in enumerate(lanes.fold(places, [lanes.nothing] * vectors, place)):
                lanes.store(value, b.add(b.add(to, at), I64(lanes.size * v)))

        _by_some(lanes, count, some)

    in_both(b, size, emit)


@emits
def _relate(b: Any, size: Any, sums: Any, values: Any, block: Any, table: Any, places: Any, count: Any) -> None:
    """Add to each place's vector of sums the products of `count` values and the elements that it has for them.

    The values behind them, up to the end of a vector, are 0.
    """
    def emit(lanes: Lanes) -> None:
        def some(at: Any, vectors: int) -> None:
            factors = [lanes.load(b.add(b.add(values, at), I64(lanes.size * v))) for v in range(vectors)]
            with lanes.loop(places) as i:
                source = b.add(b.add(block, at), _entry.emit(b, table, i, _OFFSET))
                total = lanes.nothing  # of a group alone: a sum of sums rounds less
                for v, factor in enumerate(factors):
                    total = lanes.fma(factor, lanes.load(b.add(source, I64(lanes.size * v))), total)
                address = b.add(sums, b.mul(i, I64(lanes.size)))
                lanes.store(b.fadd(lanes.load(address), total), address)

        _by_some(lanes, count, some)

    in_both(b, size, emit)


def _lay(size: int, to: int, phase: int, source: int, n0: int, n1: int, n2: int, c0: int, c1: int, c2: int, r0: int,
         r1: int, r2: int, s0: int, s1: int, s2: int, clear: int) -> None:
    """Lay r0 x r1 x r2 elements of each phase of an image of n0 x n1 x n2, from c0, c1, c2 on.

    phase: the bytes from one phase to the next one.
    clear: not 0 where rows beside the image are filled with zeros; else they are not written.
    """
    skip = -c2 if c2 < 0 else 0
    left = smaller(n2 - (c2 + skip) * s2, (r2 - skip) * s2)
    above = -c1 if c1 < 0 else 0
    for f0 in range(s0):
        for f1 in range(s1):
            inside = smaller((n1 - f1 + s1 - 1) // s1 - c1, r1) - above
            for i in range(r0):
                x0 = (c0 + i) * s0 + f0
                rows = inside if left > 0 and inside > 0 and x0 >= 0 and x0 < n0 else 0
                first = above if rows > 0 else r1
                own = to + (f0 * s1 + f1) * s2 * phase + size * i * r1 * r2
                if clear != 0:
                    for f2 in range(s2):
                        clear_bytes(own + f2 * phase, size * first * r2)
                        clear_bytes(own + f2 * phase + size * (first + rows) * r2, size * (r1 - first - rows) * r2)
                own += size * (first * r2 + skip)
                row = source + size * ((x0 * n1 + (c1 + first) * s1 + f1) * n2 + (c2 + skip) * s2)
                if s2 == 1:
                    copy_rows(size, own, size * r2, row, size * s1 * n2, rows, left)
                else:
                    for j in range(rows):
                        _lay_apart(size, own + size * j * r2, phase, row + size * j * s1 * n2, left, r2 - skip, s2)


def _lay_apart(size: int, to: int, phase: int, row: int, left: int, count: int, step: int) -> None:
    """Lay the phases of a row of `left` elements, `count` elements of each."""
    if step == 2:
        split_row(size, to, to + phase, row, left)
    else:
        for f in range(step):
            lay_row(size, to + f * phase, row + size * f, 0, (left - f + step - 1) // step if left > f else 0, count,
                    step)


def _put(size: int, to: int, source: int, phase: int, n0: int, n1: int, n2: int, a0: int, a1: int, a2: int, q0: int,
         q1: int, q2: int, r1: int, r2: int, t0: int, t1: int, t2: int) -> None:
    """Put q0 x q1 x q2 sums of each phase, from a0, a1, a2 on, into a result of n0 x n1 x n2."""
    left = smaller(n2 - a2 * t2, q2 * t2)
    for f0 in range(t0):
        for f1 in range(t1):
            rows = smaller((n1 - f1 + t1 - 1) // t1 - a1, q1)
            for i in range(q0):
                y0 = (a0 + i) * t0 + f0
                row = to + size * ((y0 * n1 + a1 * t1 + f1) * n2 + a2 * t2)
                own = source + (f0 * t1 + f1) * t2 * phase + size * i * r1 * r2
                if y0 < n0:
                    if t2 == 1:
                        copy_rows(size, row, size * t1 * n2, own, size * r2, rows, left)
                    else:
                        for j in range(rows):
                            _join(size, row + size * j * t1 * n2, own + size * j * r2, phase, left, t2)


def _join(size: int, to: int, source: int, phase: int, left: int, step: int) -> None:
    """Put a row of `left` elements together from its phases."""
    if step == 2:
        join_row(size, to, source, source + phase, left)
    else:
        for f in range(step):
            if left > f:
                put_row(size, to + size * f, source + f * phase, (left - f + step - 1) // step, step)


def _tabulate(args: Any, at: Any, table: int, starts: int, phase: int) -> None:
    """Note the entries of all places, by the phases of the result.

    at: the address of a band's words, see `_Band`.
    phase: the bytes from one phase of the image to the next one.
    """
    size = args[AT.itemsize]
    s0, s1, s2 = args[AT.step0], args[AT.step1], args[AT.step2]
    t0, t1, t2 = args[AT.divide0], args[AT.divide1], args[AT.divide2]
    n, result = 0, 0
    for f0 in range(t0):
        for f1 in range(t1):
            for f2 in range(t2):
                set_word(starts, result, n)
                result += 1
                for i in range(args[AT.kernel0]):
                    m0 = f0 * s0 + i * args[AT.dilate0] - args[AT.before0] + t0 * s0 * FAR
                    x0 = m0 // t0
                    for j in range(args[AT.kernel1]):
                        m1 = f1 * s1 + j * args[AT.dilate1] - args[AT.before1] + t1 * s1 * FAR
                        x1 = m1 // t1
                        for k in range(args[AT.kernel2]):
                            m2 = f2 * s2 + k * args[AT.dilate2] - args[AT.before2] + t2 * s2 * FAR
                            x2 = m2 // t2
                            if m0 % t0 == 0 and m1 % t1 == 0 and m2 % t2 == 0:
                                h0, h1, h2 = x0 // s0 - FAR, x1 // s1 - FAR, x2 // s2 - FAR
                                p0, p1, p2 = x0 % s0, x1 % s1, x2 % s2
                                offset = ((h0 - at[_AT.low]) * at[_AT.rows + 1] + h1 - at[_AT.low + 1]) \
                                    * at[_AT.rows + 2] + h2 - at[_AT.low + 2]
                                entry = table + _ENTRY * n
                                set_word(entry, _OFFSET, ((p0 * s1 + p1) * s2 + p2) * phase + size * offset)
                                set_word(entry, _WEIGHT,
                                         size * ((i * args[AT.kernel1] + j) * args[AT.kernel2] + k))
                                n += 1
    set_word(starts, result, n)


class _Band(NamedTuple):
    """The words of a band of rows, three for each, one for an axis.

    low: where the elements that it reads begin, from its own start on.
    rows: how many of them are laid.
    start: where it begins on the grid.
    positions: how many it has.
    """

    low: int
    rows: int
    start: int
    positions: int


_AT, _BAND = _Band(0, 3, 6, 9), 8 * 12


def _begin(args: Any, at: int) -> None:
    """Note, at the address `at`, what all bands share."""
    for axis in range(3):
        set_word(at, _AT.low + axis, args[AT.low0 + axis])
        set_word(at, _AT.rows + axis, args[AT.width] + args[AT.span] if axis == args[AT.axis] else
                 args[AT.grid0 + axis])


def _enter(args: Any, at: Any, band: int) -> None:
    """Note where a band begins, and its positions."""
    for axis in range(3):
        cut = axis == args[AT.axis]
        start = band * args[AT.width] if cut else 0
        divide = args[AT.divide0 + axis]
        left = (args[AT.out0 + axis] + divide - 1) // divide - start
        set_word(at, _AT.start + axis, start)
        set_word(at, _AT.positions + axis, smaller(left, args[AT.width]) if cut else left)


def _lay_image(args: Any, at: Any, block: int, phase: int, image: int) -> None:
    """Lay the elements that a band reads."""
    clear = 1 if args[AT.bands] > 1 else 0
    if clear != 0 and args[AT.axis] == 2:
        clear_bytes(block, phase * args[AT.step2])
    _lay(args[AT.itemsize], block, phase, image, args[AT.size0], args[AT.size1], args[AT.size2],
         at[_AT.start] + at[_AT.low], at[_AT.start + 1] + at[_AT.low + 1], at[_AT.start + 2] + at[_AT.low + 2],
         at[_AT.rows], at[_AT.rows + 1], at[_AT.rows + 2], args[AT.step0], args[AT.step1], args[AT.step2], clear)


def run_planes(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute bands lo...hi of the images of a depthwise convolution, or of the cotangent of its images.

    The first bands of these images come first.
    """
    size, bands, places = args[AT.itemsize], args[AT.bands], args[AT.places]
    table, starts = room(_TABLE), room(_STARTS)
    block, sums = room(BLOCK), room(BLOCK)
    at = room(_BAND)
    t0, t1, t2 = args[AT.divide0], args[AT.divide1], args[AT.divide2]
    g1, g2 = args[AT.grid1], args[AT.grid2]
    _begin(args, at)
    phase = size * (at[_AT.rows] * at[_AT.rows + 1] * at[_AT.rows + 2] + args[AT.beside]) + _SLACK
    every = size * args[AT.width] * (g1 * g2 if args[AT.axis] == 0 else g2 if args[AT.axis] == 1 else 1) + _SLACK
    _tabulate(args, at, table, starts, phase)
    clear_bytes(block, args[AT.step0] * args[AT.step1] * args[AT.step2] * phase)
    for band in range(bands):
        first, end = (lo - band + bands - 1) // bands, (hi - band + bands - 1) // bands
        _enter(args, at, band)
        q0, q1, q2 = at[_AT.positions], at[_AT.positions + 1], at[_AT.positions + 2]
        g = first % args[AT.groups]
        for plane in range(first, end):
            y = bind[args[AT.y]] + size * plane * args[AT.positions]
            w = bind[args[AT.w]] + size * g * places
            _lay_image(args, at, block, phase, bind[args[AT.x]] + size * plane * args[AT.volume])
            for f in range(t0 * t1 * t2):
                _weigh(size, sums + f * every, block, w, table + _ENTRY * starts[f], starts[f + 1] - starts[f],
                       ((q0 - 1) * g1 + q1 - 1) * g2 + q2)
            _put(size, y, sums, every, args[AT.out0], args[AT.out1], args[AT.out2], at[_AT.start],
                 at[_AT.start + 1], at[_AT.start + 2], q0, q1, q2, g1, g2, t0, t1, t2)
            g = g + 1 if g + 1 < args[AT.groups] else 0


def run_plane_weights(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute channels lo...hi, through parts of a batch, of the cotangent of a depthwise convolution's weights."""
    size, places = args[AT.itemsize], args[AT.places]
    table, starts = room(_TABLE), room(_STARTS)
    block, own, totals = room(BLOCK), room(BLOCK), room(_TOTALS)
    at = room(_BAND)
    g1, g2 = args[AT.grid1], args[AT.grid2]
    _begin(args, at)
    phase = size * (at[_AT.rows] * at[_AT.rows + 1] * at[_AT.rows + 2] + args[AT.beside]) + _SLACK
    _tabulate(args, at, table, starts, phase)
    clear_bytes(block, args[AT.step0] * args[AT.step1] * args[AT.step2] * phase)
    clear_bytes(own, BLOCK)
    most = MOST_PLACES // places
    while lo < hi:
        part = lo // args[AT.groups]
        g = lo - part * args[AT.groups]
        some = smaller(smaller(hi - lo, args[AT.groups] - g), most)
        first = part * args[AT.part]
        end = smaller(first + args[AT.part], args[AT.batch])
        clear_bytes(totals, REGISTER_BYTES * places * some)
        for band in range(args[AT.bands]):
            _enter(args, at, band)
            q0, q1, q2 = at[_AT.positions], at[_AT.positions + 1], at[_AT.positions + 2]
            count = ((q0 - 1) * g1 + q1 - 1) * g2 + q2
            for n in range(first, end):
                for i in range(some):
                    plane = n * args[AT.groups] + g + i
                    _lay_image(args, at, block, phase, bind[args[AT.x]] + size * plane * args[AT.volume])
                    _lay(size, own, 0, bind[args[AT.w]] + size * plane * args[AT.positions], args[AT.out0],
                         args[AT.out1], args[AT.out2], at[_AT.start], at[_AT.start + 1], at[_AT.start + 2], q0,
                         g1 if q0 > 1 else q1, g2 if q0 * q1 > 1 else q2, 1, 1, 1, 0)
                    if args[AT.bands] > 1:
                        clear_bytes(own + size * count, _SLACK)
                    _relate(size, totals + REGISTER_BYTES * places * i, own, block, table, places, count)
        for i in range(some):
            y = bind[args[AT.y]] + size * (lo + i) * places
            if put_totals(size, y, totals + REGISTER_BYTES * places * i, REGISTER_BYTES, places) != 0:
                plane = first * args[AT.groups] + g + i
                relate(args, y, bind[args[AT.x]] + size * plane * args[AT.volume],
                       bind[args[AT.w]] + size * plane * args[AT.positions], end - first)
        lo += some

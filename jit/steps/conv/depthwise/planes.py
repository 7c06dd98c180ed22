"""The native steps of depthwise convolutions, in which each filter sees one channel; see `arguments.ConvArgs`.

The positions of a result, and the elements of an image, are counted through their rows on one grid. On it, each place
of the kernel is one offset, at which all positions read their elements, a vector of positions at a time. The lanes of a
vector whose elements lie beside the image's rows are masked: the masks depend on the sizes alone, and serve all images.

An image with a stride is first laid, a band of rows at a time, into a thread's cache, apart by phases: the elements
that positions read at one place follow each other in one of them. Results with a stride are computed phase by phase,
and then put together.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ....native.word_compiler import I64, emits
from ....native.word_intrinsics import clear_bytes, room, set_word, smaller
from ...gemm.sizes import REGISTER_BYTES
from ..arguments import AT, BLOCK, MASKS, MOST_PLACES
from ..lanes import Lanes, in_both
from ..plane_rows import join_row, lay_row, put_row, split_row

#: Vectors whose sums are in registers at a time, and whose masks are one word.
_SOME = 256 // REGISTER_BYTES

#: The bytes of an entry of the table of places, and the words in it: offset of its elements, and of its weight; then
#: for each axis how far from a position its elements are, in the phase, and the number of elements there.
_ENTRY, _OFFSET, _WEIGHT, _SHIFT, _COUNT = 64, 0, 1, 2, 5

_TABLE, _STARTS, _TOTALS = _ENTRY * MOST_PLACES, 8 * (MOST_PLACES + 1), REGISTER_BYTES * MOST_PLACES

#: What is added to a number before a division, as a multiple of the divisor, so that it is not negative.
_FAR = 1 << 40


@emits
def _entry(b: Any, table: Any, i: Any, word: int) -> Any:
    """A word of a place's entry."""
    return b.load(b.inttoptr(b.add(b.add(table, b.mul(i, I64(_ENTRY))), I64(8 * word)), I64.as_pointer()))


def _masked(lanes: Lanes, address: Any, mask: Any, vectors: int) -> list[Any]:
    """The vectors at an address, with 0 in the lanes whose bits in the word at `mask` are 0."""
    b, found = lanes.b, []
    word = b.load(b.inttoptr(mask, I64.as_pointer()))
    for v in range(vectors):
        flags = lanes.flags_of(b.trunc(b.lshr(word, I64(lanes.lanes * v)), lanes.bits))
        found.append(lanes.load_some(b.add(address, I64(lanes.size * v)), flags, lanes.nothing))
    return found


def _by_some(lanes: Lanes, count: Any, some: Callable[[Any, Any, int, Any], None]) -> None:
    """Emit `some(group, start, vectors, left)` for each group of vectors, and for the last one, which may be smaller.

    left: the numbers of the last group, the last vector of which may be in part behind `count`; None for the others.
    """
    b = lanes.b
    each = I64(_SOME * lanes.lanes)
    groups = b.sdiv(count, each)
    with lanes.loop(groups) as group:
        some(group, b.mul(group, each), _SOME, None)
    start = b.mul(groups, each)
    left = b.sub(count, start)
    for vectors in range(1, _SOME + 1):
        more = b.icmp_signed(">", left, I64((vectors - 1) * lanes.lanes))
        with b.if_then(b.and_(more, b.icmp_signed("<=", left, I64(vectors * lanes.lanes)))):
            some(groups, start, vectors, left)


@emits
def _weigh(b: Any, size: Any, to: Any, block: Any, weights: Any, table: Any, masks: Any, every: Any, places: Any,
           count: Any) -> None:
    """Compute the sums of `count` positions over places; every: the bytes of the masks of a group of vectors."""
    def emit(lanes: Lanes) -> None:
        def some(group: Any, start: Any, vectors: int, left: Any) -> None:
            at, own = b.mul(start, I64(lanes.bytes)), b.add(masks, b.mul(group, every))

            def place(i: Any, sums: Any) -> list[Any]:
                source = b.add(b.add(block, at), _entry.emit(b, table, i, _OFFSET))
                weight = lanes.number(b.add(weights, _entry.emit(b, table, i, _WEIGHT)))
                values = _masked(lanes, source, b.add(own, b.mul(i, I64(8))), vectors)
                return [lanes.fma(weight, x, s) for x, s in zip(values, sums, strict=True)]

            for v, value in enumerate(lanes.fold(places, [lanes.nothing] * vectors, place)):
                address = b.add(b.add(to, at), I64(lanes.size * v))
                if left is None or v < vectors - 1:
                    lanes.store(value, address)
                else:
                    lanes.store_some(value, address, lanes.below(b.sub(left, I64(v * lanes.lanes))))

        _by_some(lanes, count, some)

    in_both(b, size, emit)


@emits
def _relate(b: Any, size: Any, sums: Any, values: Any, block: Any, table: Any, masks: Any, every: Any, places: Any,
            count: Any) -> None:
    """Add to each place's vector of sums the products of `count` values and the elements that it has for them."""
    def emit(lanes: Lanes) -> None:
        def some(group: Any, start: Any, vectors: int, left: Any) -> None:
            at, own = b.mul(start, I64(lanes.bytes)), b.add(masks, b.mul(group, every))
            factors = []
            for v in range(vectors):
                address = b.add(b.add(values, at), I64(lanes.size * v))
                if left is None or v < vectors - 1:
                    factors.append(lanes.load(address))
                else:
                    some_left = lanes.below(b.sub(left, I64(v * lanes.lanes)))
                    factors.append(lanes.load_some(address, some_left, lanes.nothing))
            with lanes.loop(places) as i:
                source = b.add(b.add(block, at), _entry.emit(b, table, i, _OFFSET))
                total = lanes.nothing  # of a group alone: a sum of sums rounds less
                for factor, x in zip(factors, _masked(lanes, source, b.add(own, b.mul(i, I64(8))), vectors),
                                     strict=True):
                    total = lanes.fma(factor, x, total)
                address = b.add(sums, b.mul(i, I64(lanes.size)))
                lanes.store(b.fadd(lanes.load(address), total), address)

        _by_some(lanes, count, some)

    in_both(b, size, emit)


@emits
def _add_up(b: Any, size: Any, to: Any, sums: Any, places: Any) -> None:
    """Store the sum of each place's vector."""
    def emit(lanes: Lanes) -> None:
        with lanes.loop(places) as i:
            number = lanes.total(lanes.load(b.add(sums, b.mul(i, I64(lanes.size)))))
            b.store(number, b.inttoptr(b.add(to, b.mul(i, I64(lanes.bytes))), lanes.real.as_pointer()))

    in_both(b, size, emit)


def _lay(size: int, to: int, phase: int, source: int, n0: int, n1: int, n2: int, c0: int, c1: int, c2: int, r0: int,
         r1: int, r2: int, s0: int, s1: int, s2: int) -> None:
    """Lay r0 x r1 x r2 elements of each phase of an image of n0 x n1 x n2, from c0, c1, c2 on.

    phase: the bytes from one phase to the next one. Elements beside the image are 0, or nothing where a row is split.
    """
    skip = -c2 if c2 < 0 else 0
    left = smaller(n2 - (c2 + skip) * s2, (r2 - skip) * s2)
    for f0 in range(s0):
        for f1 in range(s1):
            for i in range(r0):
                x0 = (c0 + i) * s0 + f0
                for j in range(r1):
                    x1 = (c1 + j) * s1 + f1
                    inside = left if x0 >= 0 and x0 < n0 and x1 >= 0 and x1 < n1 else 0
                    row = source + size * ((x0 * n1 + x1) * n2 + (c2 + skip) * s2)
                    own = to + (f0 * s1 + f1) * s2 * phase + size * ((i * r1 + j) * r2 + skip)
                    if s2 == 2:
                        split_row(size, own, own + phase, row, inside)
                    else:
                        for f2 in range(s2):
                            count = (inside - f2 + s2 - 1) // s2 if inside > f2 else 0
                            lay_row(size, own + f2 * phase, row + size * f2, 0, count, r2 - skip, s2)


def _put(size: int, to: int, source: int, phase: int, n0: int, n1: int, n2: int, a0: int, a1: int, a2: int, q0: int,
         q1: int, q2: int, r1: int, r2: int, t0: int, t1: int, t2: int) -> None:
    """Put q0 x q1 x q2 sums of each phase, from a0, a1, a2 on, into a result of n0 x n1 x n2."""
    left = smaller(n2 - a2 * t2, q2 * t2)
    for f0 in range(t0):
        for f1 in range(t1):
            for i in range(q0):
                y0 = (a0 + i) * t0 + f0
                for j in range(q1):
                    y1 = (a1 + j) * t1 + f1
                    if y0 < n0 and y1 < n1:
                        row = to + size * ((y0 * n1 + y1) * n2 + a2 * t2)
                        own = source + (f0 * t1 + f1) * t2 * phase + size * (i * r1 + j) * r2
                        if t2 == 2:
                            join_row(size, row, own, own + phase, left)
                        else:
                            for f2 in range(t2):
                                if left > f2:
                                    put_row(size, row + size * f2, own + f2 * phase, (left - f2 + t2 - 1) // t2, t2)


def _tabulate(args: Any, table: int, starts: int, phase: int, low0: int, low1: int, low2: int) -> None:
    """Note the entries of all places, by the phases of the result.

    phase: the bytes from one phase of the image to the next one.
    low0, low1, low2: where the image begins on the grid.
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
                    m0 = f0 * s0 + i * args[AT.dilate0] - args[AT.before0] + t0 * s0 * _FAR
                    x0 = m0 // t0
                    for j in range(args[AT.kernel1]):
                        m1 = f1 * s1 + j * args[AT.dilate1] - args[AT.before1] + t1 * s1 * _FAR
                        x1 = m1 // t1
                        for k in range(args[AT.kernel2]):
                            m2 = f2 * s2 + k * args[AT.dilate2] - args[AT.before2] + t2 * s2 * _FAR
                            x2 = m2 // t2
                            if m0 % t0 == 0 and m1 % t1 == 0 and m2 % t2 == 0:
                                h0, h1, h2 = x0 // s0 - _FAR, x1 // s1 - _FAR, x2 // s2 - _FAR
                                p0, p1, p2 = x0 % s0, x1 % s1, x2 % s2
                                at = ((h0 - low0) * args[AT.grid1] + h1 - low1) * args[AT.grid2] + h2 - low2
                                entry = table + _ENTRY * n
                                set_word(entry, _OFFSET, ((p0 * s1 + p1) * s2 + p2) * phase + size * at)
                                set_word(entry, _WEIGHT,
                                         size * ((i * args[AT.kernel1] + j) * args[AT.kernel2] + k))
                                set_word(entry, _SHIFT, h0)
                                set_word(entry, _SHIFT + 1, h1)
                                set_word(entry, _SHIFT + 2, h2)
                                set_word(entry, _COUNT, (args[AT.size0] - p0 + s0 - 1) // s0)
                                set_word(entry, _COUNT + 1, (args[AT.size1] - p1 + s1 - 1) // s1)
                                set_word(entry, _COUNT + 2, (args[AT.size2] - p2 + s2 - 1) // s2)
                                n += 1
    set_word(starts, result, n)


def _mark(masks: int, table: int, places: int, each: int, a0: int, a1: int, a2: int, q0: int, q1: int, q2: int,
          r1: int, r2: int) -> None:
    """Set, for each place, the bits of the positions at which its elements lie in the image.

    each: the positions of a group of vectors, whose bits are one word for each place.
    """
    for i in range(((((q0 - 1) * r1 + q1 - 1) * r2 + q2 + each - 1) // each) * places):
        set_word(masks, i, 0)
    for p in range(places):
        _mark_place(masks + 8 * p, table + _ENTRY * p, places, each, a0, a1, a2, q0, q1, q2, r1, r2)


def _mark_place(masks: int, entry: Any, places: int, each: int, a0: int, a1: int, a2: int, q0: int, q1: int, q2: int,
                r1: int, r2: int) -> None:
    """Set the bits of one place."""
    h0, h1, h2 = a0 + entry[_SHIFT], a1 + entry[_SHIFT + 1], a2 + entry[_SHIFT + 2]
    low = -h2 if h2 < 0 else 0
    high = smaller(q2, entry[_COUNT + 2] - h2)
    for i in range(q0):
        for j in range(q1):
            if i + h0 >= 0 and i + h0 < entry[_COUNT] and j + h1 >= 0 and j + h1 < entry[_COUNT + 1]:
                first = (i * r1 + j) * r2 + low
                last = (i * r1 + j) * r2 + high
                while first < last:
                    group = first // each
                    _set_bits(masks + 8 * group * places, first - group * each, last - group * each, each)
                    first = (group + 1) * each


def _set_bits(word: Any, start: int, end: int, each: int) -> None:
    """Set the bits from `start` to `end`, or all from `start` on where the word ends before."""
    set_word(word, 0, word[0] | (-1 << start if end >= each else (1 << end) - (1 << start)))


class _Band(NamedTuple):
    """The words of a band of rows, three for each: on the axis that is cut, and on the two others.

    low: where the elements that it reads begin, from its own start on.
    rows: how many these are.
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
        cut = axis == args[AT.axis]
        set_word(at, _AT.low + axis, args[AT.low] if cut else 0)
        set_word(at, _AT.rows + axis, args[AT.width] + args[AT.span] if cut else args[AT.grid0 + axis])


def _enter(args: Any, at: Any, band: int, masks: int, table: int) -> None:
    """Note where a band begins, and its positions; set its masks."""
    for axis in range(3):
        cut = axis == args[AT.axis]
        start = band * args[AT.width] if cut else 0
        divide = args[AT.divide0 + axis]
        left = (args[AT.out0 + axis] + divide - 1) // divide - start
        set_word(at, _AT.start + axis, start)
        set_word(at, _AT.positions + axis, smaller(left, args[AT.width] if cut else args[AT.grid0 + axis]))
    _mark(masks, table, args[AT.places], 256 // args[AT.itemsize], at[_AT.start], at[_AT.start + 1],
          at[_AT.start + 2], at[_AT.positions], at[_AT.positions + 1], at[_AT.positions + 2], args[AT.grid1],
          args[AT.grid2])


def _lay_image(args: Any, at: Any, block: int, phase: int, image: int) -> None:
    """Lay the elements that a band reads."""
    _lay(args[AT.itemsize], block, phase, image, args[AT.size0], args[AT.size1], args[AT.size2],
         at[_AT.start] + at[_AT.low], at[_AT.start + 1] + at[_AT.low + 1], at[_AT.start + 2] + at[_AT.low + 2],
         at[_AT.rows], at[_AT.rows + 1], at[_AT.rows + 2], args[AT.step0], args[AT.step1], args[AT.step2])


def run_planes(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute bands lo...hi of the images of a depthwise convolution, or of the cotangent of its images.

    The first bands of these images come first, as they have the same masks.
    """
    size, bands, places, straight = args[AT.itemsize], args[AT.bands], args[AT.places], args[AT.straight]
    table, starts, masks = room(_TABLE), room(_STARTS), room(MASKS)
    block, sums = room(BLOCK), room(BLOCK)
    at = room(_BAND)
    t0, t1, t2 = args[AT.divide0], args[AT.divide1], args[AT.divide2]
    g1, g2 = args[AT.grid1], args[AT.grid2]
    row = size * (g1 * g2 if args[AT.axis] == 0 else g2 if args[AT.axis] == 1 else 1)
    _begin(args, at)
    phase = size * at[_AT.rows] * at[_AT.rows + 1] * at[_AT.rows + 2] + 64
    every = row * args[AT.width] + 64
    _tabulate(args, table, starts, phase, at[_AT.low], at[_AT.low + 1], at[_AT.low + 2])
    for band in range(bands):
        first, end = (lo - band + bands - 1) // bands, (hi - band + bands - 1) // bands
        base = band * args[AT.width]
        if first < end:
            _enter(args, at, band, masks, table)
        q0, q1, q2 = at[_AT.positions], at[_AT.positions + 1], at[_AT.positions + 2]
        g = first % args[AT.groups]
        for plane in range(first, end):
            x = bind[args[AT.x]] + size * plane * args[AT.volume]
            y = bind[args[AT.y]] + size * plane * args[AT.positions]
            w = bind[args[AT.w]] + size * g * places
            source = x + (base + args[AT.low]) * row
            if args[AT.laid] == 1:
                source = block
                _lay_image(args, at, block, phase, x)
            for f in range(t0 * t1 * t2):
                _weigh(size, y + base * row if straight == 1 else sums + f * every, source, w,
                       table + _ENTRY * starts[f], masks + 8 * starts[f], 8 * places, starts[f + 1] - starts[f],
                       ((q0 - 1) * g1 + q1 - 1) * g2 + q2)
            if straight == 0:
                _put(size, y, sums, every, args[AT.out0], args[AT.out1], args[AT.out2], at[_AT.start],
                     at[_AT.start + 1], at[_AT.start + 2], q0, q1, q2, g1, g2, t0, t1, t2)
            g = g + 1 if g + 1 < args[AT.groups] else 0


def run_plane_weights(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute channels lo...hi, through parts of a batch, of the cotangent of a depthwise convolution's weights."""
    size, places = args[AT.itemsize], args[AT.places]
    table, starts, masks = room(_TABLE), room(_STARTS), room(MASKS)
    block, own, totals = room(BLOCK), room(BLOCK), room(_TOTALS)
    at = room(_BAND)
    g1, g2 = args[AT.grid1], args[AT.grid2]
    row = size * (g1 * g2 if args[AT.axis] == 0 else g2 if args[AT.axis] == 1 else 1)
    _begin(args, at)
    phase = size * at[_AT.rows] * at[_AT.rows + 1] * at[_AT.rows + 2] + 64
    _tabulate(args, table, starts, phase, at[_AT.low], at[_AT.low + 1], at[_AT.low + 2])
    marked = -1
    for unit in range(lo, hi):
        part = unit // args[AT.groups]
        g = unit - part * args[AT.groups]
        clear_bytes(totals, REGISTER_BYTES * places)
        for band in range(args[AT.bands]):
            base = band * args[AT.width]
            if band != marked:
                _enter(args, at, band, masks, table)
                marked = band
            q0, q1, q2 = at[_AT.positions], at[_AT.positions + 1], at[_AT.positions + 2]
            for n in range(part * args[AT.part], smaller((part + 1) * args[AT.part], args[AT.batch])):
                plane = n * args[AT.groups] + g
                x = bind[args[AT.x]] + size * plane * args[AT.volume]
                values = bind[args[AT.w]] + size * plane * args[AT.positions]
                source = x + (base + args[AT.low]) * row
                if args[AT.laid] == 1:
                    source = block
                    _lay_image(args, at, block, phase, x)
                if args[AT.straight] == 0:
                    _lay(size, own, 0, values, args[AT.out0], args[AT.out1], args[AT.out2], at[_AT.start],
                         at[_AT.start + 1], at[_AT.start + 2], q0, g1 if q0 > 1 else q1, g2 if q0 * q1 > 1 else q2,
                         1, 1, 1)
                _relate(size, totals, values + base * row if args[AT.straight] == 1 else own, source, table, masks,
                        8 * places, places, ((q0 - 1) * g1 + q1 - 1) * g2 + q2)
        _add_up(size, bind[args[AT.y]] + size * unit * places, totals, places)

"""The native steps of depthwise convolutions, in which each filter sees one channel; see `arguments.ConvArgs`.

A band of rows of an image is laid into a thread's cache with zeros around it, and apart by phases where neighbouring
positions are a stride apart. Each place of the kernel is then one offset, at which all positions, counted through the
rows and the zeros behind them, read their elements: a vector at a time.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ...native.word_compiler import I64, emits
from ...native.word_intrinsics import room, set_word, smaller
from .arguments import AT, BLOCK, MOST_PLACES
from .lanes import Lanes, in_both

#: Vectors whose sums are in registers at a time.
_SOME = 4

#: The bytes of two words for each place of a kernel, of a vector for each, and of a word for each vector of a block.
_TABLE, _TOTALS, _VALID = 16 * MOST_PLACES, 64 * MOST_PLACES, BLOCK // 8


@emits
def lay_row(b: Any, size: Any, to: Any, source: Any, first: Any, last: Any, count: Any, step: Any) -> None:
    """Store `count` numbers, rounded up to vectors: number i is that at `source + i * step` for first <= i < last."""
    def emit(lanes: Lanes) -> None:
        with lanes.loop(count, step=lanes.lanes) as i:
            at = b.add(to, b.mul(i, I64(lanes.bytes)))

            def dense() -> None:
                within = _within(lanes, i, first, last)
                lanes.store(lanes.load_some(b.add(source, b.mul(i, I64(lanes.bytes))), within, lanes.nothing), at)

            def pairs() -> None:
                both = [lanes.load_some(address, within, lanes.nothing)
                        for address, within in _halves(lanes, source, i, first, last)]
                order = ir.Constant(lanes.ints, list(range(0, 2 * lanes.lanes, 2)))
                lanes.store(b.shuffle_vector(*both, order), at)

            def apart() -> None:
                lanes.store(lanes.gather(_addresses(lanes, source, i, step), _within(lanes, i, first, last)), at)

            _by_step(b, step, dense, pairs, apart)

    in_both(b, size, emit)


@emits
def _put_row(b: Any, size: Any, to: Any, source: Any, first: Any, last: Any, step: Any) -> None:
    """Store numbers first <= i < last of a row at `to + i * step`."""
    def emit(lanes: Lanes) -> None:
        with lanes.loop(last, step=lanes.lanes) as i:
            value = lanes.load(b.add(source, b.mul(i, I64(lanes.bytes))))

            def dense() -> None:
                lanes.store_some(value, b.add(to, b.mul(i, I64(lanes.bytes))), _within(lanes, i, first, last))

            def pairs() -> None:
                even = ir.Constant(lanes.flags, [lane % 2 == 0 for lane in range(lanes.lanes)])
                for half, (address, within) in enumerate(_halves(lanes, to, i, first, last)):
                    start = half * lanes.lanes // 2
                    order = ir.Constant(lanes.ints, [start + lane // 2 for lane in range(lanes.lanes)])
                    lanes.store_some(b.shuffle_vector(value, value, order), address, b.and_(within, even))

            def apart() -> None:
                lanes.scatter(value, _addresses(lanes, to, i, step), _within(lanes, i, first, last))

            _by_step(b, step, dense, pairs, apart)

    in_both(b, size, emit)


def _by_step(b: Any, step: Any, dense: Callable[[], None], pairs: Callable[[], None],
             apart: Callable[[], None]) -> None:
    """Emit code for numbers that follow each other, for each second one, and for other steps."""
    with b.if_else(b.icmp_signed("==", step, I64(1))) as (one, more):
        with one:
            dense()
        with more:
            with b.if_else(b.icmp_signed("==", step, I64(2))) as (two, many):
                with two:
                    pairs()
                with many:
                    apart()


def _halves(lanes: Lanes, start: Any, i: Any, first: Any, last: Any) -> list[tuple[Any, Any]]:
    """The two vectors of memory that a vector of each second number takes: address, and lanes in first...last."""
    b = lanes.b
    begin, end = b.mul(first, I64(2)), b.sub(b.mul(last, I64(2)), I64(1))
    end = b.select(b.icmp_signed("<", first, last), end, begin)
    found = []
    for half in range(2):
        at = b.add(b.mul(i, I64(2)), I64(half * lanes.lanes))
        within = _within(lanes, at, begin, end)
        found.append((b.add(start, b.mul(at, I64(lanes.bytes))), within))
    return found


def _within(lanes: Lanes, start: Any, first: Any, last: Any) -> Any:
    """The lanes of a vector of numbers from `start` on that lie in first...last."""
    b = lanes.b
    at = b.add(lanes.ints_of(b.sub(start, first)), lanes.lane)
    return b.icmp_unsigned("<", at, lanes.ints_of(b.sub(last, first)))


def _addresses(lanes: Lanes, start: Any, first: Any, step: Any) -> Any:
    b = lanes.b
    wide = ir.VectorType(I64, lanes.lanes)
    at = b.add(lanes.splat(wide, first), b.sext(lanes.lane, wide))
    return b.add(lanes.splat(wide, start), b.mul(at, lanes.splat(wide, b.mul(step, I64(lanes.bytes)))))


@emits
def _weigh(b: Any, size: Any, to: Any, block: Any, weights: Any, table: Any, places: Any, count: Any) -> None:
    """Compute `count` sums over places: each has its offset in the block and that of its weight in the table."""
    def emit(lanes: Lanes) -> None:
        def some(start: Any, vectors: int) -> None:
            at = b.mul(start, I64(lanes.bytes))

            def place(i: Any, sums: Any) -> list[Any]:
                word = b.add(table, b.mul(i, I64(16)))
                offset, which = [b.load(b.inttoptr(b.add(word, I64(n)), I64.as_pointer())) for n in (0, 8)]
                weight, source = lanes.number(b.add(weights, which)), b.add(b.add(block, at), offset)
                return [lanes.fma(weight, lanes.load(b.add(source, I64(64 * v))), s) for v, s in enumerate(sums)]

            for v, value in enumerate(lanes.fold(places, [lanes.nothing] * vectors, place)):
                lanes.store(value, b.add(b.add(to, at), I64(64 * v)))

        _by_some(lanes, count, some)

    in_both(b, size, emit)


@emits
def _relate(b: Any, size: Any, sums: Any, values: Any, block: Any, valid: Any, table: Any, places: Any,
            count: Any) -> None:
    """Add to each place's vector of sums the products of `count` values and the block's numbers, where `valid`."""
    def emit(lanes: Lanes) -> None:
        def some(start: Any, vectors: int) -> None:
            at = b.mul(start, I64(lanes.bytes))
            first = b.sdiv(start, I64(lanes.lanes))
            flags, own = [], []
            for v in range(vectors):
                bits = b.load(b.gep(b.inttoptr(valid, I64.as_pointer()), [b.add(first, I64(v))]))
                flags.append(lanes.flags_of(b.trunc(bits, lanes.bits)))
                own.append(lanes.load(b.add(b.add(values, at), I64(64 * v))))
            with lanes.loop(places) as i:
                offset = b.load(b.inttoptr(b.add(table, b.mul(i, I64(16))), I64.as_pointer()))
                source, place = b.add(b.add(block, at), offset), b.add(sums, b.mul(i, I64(64)))
                total = lanes.load(place)
                for v in range(vectors):
                    more = lanes.fma(own[v], lanes.load(b.add(source, I64(64 * v))), total)
                    total = b.select(flags[v], more, total)
                lanes.store(total, place)

        _by_some(lanes, count, some)

    in_both(b, size, emit)


def _by_some(lanes: Lanes, count: Any, some: Any) -> None:
    """Emit `some(start, vectors)` for several vectors at a time, and for single ones at the end."""
    b = lanes.b
    whole = I64(_SOME * lanes.lanes)
    done = b.mul(b.sdiv(count, whole), whole)
    with lanes.loop(done, step=_SOME * lanes.lanes) as start:
        some(start, _SOME)
    with lanes.loop(count, done, lanes.lanes) as start:
        some(start, 1)


@emits
def _clear(b: Any, sums: Any, places: Any) -> None:
    """Set a vector of sums for each place to 0."""
    lanes = Lanes(b, ir.FloatType())
    with lanes.loop(places) as i:
        lanes.store(lanes.nothing, b.add(sums, b.mul(i, I64(64))))


@emits
def _add_up(b: Any, size: Any, to: Any, sums: Any, places: Any) -> None:
    """Store the sum of each place's vector."""
    def emit(lanes: Lanes) -> None:
        with lanes.loop(places) as i:
            number = lanes.total(lanes.load(b.add(sums, b.mul(i, I64(64)))))
            b.store(number, b.inttoptr(b.add(to, b.mul(i, I64(lanes.bytes))), lanes.real.as_pointer()))

    in_both(b, size, emit)


def _lay(size: int, to: int, source: int, n0: int, n1: int, n2: int, r0: int, r1: int, r2: int, s0: int, s1: int,
         s2: int, b0: int, b1: int, b2: int) -> None:
    """Lay an image of n0 x n1 x n2 numbers: r0 x r1 x r2 for each phase of s0 x s1 x s2, from -b0, -b1, -b2 on."""
    for f0 in range(s0):
        for f1 in range(s1):
            for f2 in range(s2):
                first = (b2 - f2 + s2 - 1) // s2 if b2 > f2 else 0
                end = smaller((n2 - 1 + b2 - f2) // s2 + 1, r2) if n2 + b2 > f2 else 0
                for i in range(r0):
                    c0 = i * s0 + f0 - b0
                    for j in range(r1):
                        c1 = j * s1 + f1 - b1
                        last = end if c0 >= 0 and c0 < n0 and c1 >= 0 and c1 < n1 else 0
                        lay_row(size, to, source + size * ((c0 * n1 + c1) * n2 + f2 - b2), smaller(first, last), last,
                                 r2, s2)
                        to += size * r2


def _put(size: int, to: int, source: int, n0: int, n1: int, n2: int, q0: int, q1: int, q2: int, r1: int, r2: int,
         t0: int, t1: int, t2: int, b0: int, b1: int, b2: int) -> None:
    """Store q0 x q1 x q2 numbers t0 x t1 x t2 apart in an image of n0 x n1 x n2, from -b0, -b1, -b2 on."""
    first = (b2 + t2 - 1) // t2 if b2 > 0 else 0
    last = smaller((n2 - 1 + b2) // t2 + 1, q2) if n2 + b2 > 0 else 0
    for i in range(q0):
        c0 = i * t0 - b0
        for j in range(q1):
            c1 = j * t1 - b1
            if c0 >= 0 and c0 < n0 and c1 >= 0 and c1 < n1 and first < last:
                _put_row(size, to + size * ((c0 * n1 + c1) * n2 - b2), source + size * (i * r1 + j) * r2, first, last,
                         t2)


def _tabulate(args: Any, table: int, starts: int, r0: int, r1: int, r2: int) -> None:
    """Note, by the phases of the result, each place's offset in a block of r0 x r1 x r2 and that of its weight."""
    size, back = args[AT.itemsize], args[AT.dilate2] < 0
    s0, s1, s2 = args[AT.step0], args[AT.step1], args[AT.step2]
    t0, t1, t2 = args[AT.divide0], args[AT.divide1], args[AT.divide2]
    k0, k1, k2 = args[AT.kernel0], args[AT.kernel1], args[AT.kernel2]
    d0, d1, d2 = args[AT.dilate0], args[AT.dilate1], args[AT.dilate2]
    n, phase = 0, 0
    for f0 in range(t0):
        for f1 in range(t1):
            for f2 in range(t2):
                set_word(starts, phase, n)
                phase += 1
                for i in range(k0):
                    e0 = i * d0 if d0 > 0 else i * -d0
                    x0 = e0 // (s0 * t0)
                    x0 = e0 % s0 * s1 * s2 * r0 + (args[AT.span0] - x0 if back else x0)
                    for j in range(k1):
                        e1 = j * d1 if d1 > 0 else j * -d1
                        x1 = e1 // (s1 * t1)
                        x1 = x0 * r1 + e1 % s1 * s2 * r0 * r1 + (args[AT.span1] - x1 if back else x1)
                        for k in range(k2):
                            e2 = k * d2 if d2 > 0 else k * -d2
                            x2 = e2 // (s2 * t2)
                            x2 = x1 * r2 + e2 % s2 * r0 * r1 * r2 + (args[AT.span2] - x2 if back else x2)
                            if e0 % t0 == f0 and e1 % t1 == f1 and e2 % t2 == f2:
                                set_word(table, 2 * n, size * x2)
                                set_word(table, 2 * n + 1, size * ((i * k1 + j) * k2 + k))
                                n += 1
    set_word(starts, phase, n)


def _mark(valid: Any, lanes: int, q0: int, q1: int, q2: int, r1: int, r2: int, count: int) -> None:
    """Set the bits of the lanes that hold a number of q0 x q1 x q2 in rows of r2 and planes of r1 rows."""
    for v in range((count + lanes - 1) // lanes):
        set_word(valid, v, 0)
    for i in range(q0):
        for j in range(q1):
            first = (i * r1 + j) * r2
            last = first + q2
            while first < last:
                v = first // lanes
                start = first - v * lanes
                end = smaller(lanes, last - v * lanes)
                set_word(valid, v, valid[v] | (1 << end) - (1 << start))
                first = (v + 1) * lanes


def run_planes(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute bands lo...hi of the images of a depthwise convolution, or of the cotangent of its images."""
    size, bands, axis = args[AT.itemsize], args[AT.panels], args[AT.axis]
    table, starts = room(_TABLE), room(_TABLE)
    block, sums = room(BLOCK), room(BLOCK)
    back = args[AT.dilate2] < 0
    s0, s1, s2 = args[AT.step0], args[AT.step1], args[AT.step2]
    t0, t1, t2 = args[AT.divide0], args[AT.divide1], args[AT.divide2]
    b0 = args[AT.span0] if back else args[AT.before0]
    b1 = args[AT.span1] if back else args[AT.before1]
    b2 = args[AT.span2] if back else args[AT.before2]
    r0 = (args[AT.width] if axis == 0 else args[AT.reach0]) + args[AT.span0]
    r1 = (args[AT.width] if axis == 1 else args[AT.reach1]) + args[AT.span1]
    r2 = (args[AT.width] if axis == 2 else args[AT.reach2]) + args[AT.span2]
    _tabulate(args, table, starts, r0, r1, r2)
    while lo < hi:
        plane = lo // bands
        base = (lo - plane * bands) * args[AT.width]
        at0 = base if axis == 0 else 0
        at1 = base if axis == 1 else 0
        at2 = base if axis == 2 else 0
        q0 = smaller(args[AT.reach0] - at0, args[AT.width]) if axis == 0 else args[AT.reach0]
        q1 = smaller(args[AT.reach1] - at1, args[AT.width]) if axis == 1 else args[AT.reach1]
        q2 = smaller(args[AT.reach2] - at2, args[AT.width]) if axis == 2 else args[AT.reach2]
        x = bind[args[AT.x]] + size * plane * args[AT.volume]
        y = bind[args[AT.y]] + size * plane * args[AT.positions]
        w = bind[args[AT.w]] + size * (plane % args[AT.groups]) * args[AT.places]
        _lay(size, block, x, args[AT.size0], args[AT.size1], args[AT.size2], r0, r1, r2, s0, s1, s2,
             b0 - at0 * s0, b1 - at1 * s1, b2 - at2 * s2)
        count = ((q0 - 1) * r1 + q1 - 1) * r2 + q2
        p0, p1, p2 = at0 * t0, at1 * t1, at2 * t2
        if back:
            p0, p1, p2 = p0 + args[AT.before0], p1 + args[AT.before1], p2 + args[AT.before2]
        for phase in range(t0 * t1 * t2):
            f2 = phase % t2
            f1 = phase // t2 % t1
            f0 = phase // t2 // t1
            _weigh(size, sums, block, w, table + 16 * starts[phase], starts[phase + 1] - starts[phase], count)
            _put(size, y, sums, args[AT.out0], args[AT.out1], args[AT.out2], q0, q1, q2, r1, r2, t0, t1, t2,
                 -p0 - f0, -p1 - f1, -p2 - f2)
        lo += 1


def run_plane_weights(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute channels lo...hi, through parts of a batch, of the cotangent of a depthwise convolution's weights."""
    size, axis, places = args[AT.itemsize], args[AT.axis], args[AT.places]
    table, starts = room(_TABLE), room(_TABLE)
    block, values = room(BLOCK), room(BLOCK)
    totals, valid = room(_TOTALS), room(_VALID)
    r0 = (args[AT.width] if axis == 0 else args[AT.reach0]) + args[AT.span0]
    r1 = (args[AT.width] if axis == 1 else args[AT.reach1]) + args[AT.span1]
    r2 = (args[AT.width] if axis == 2 else args[AT.reach2]) + args[AT.span2]
    _tabulate(args, table, starts, r0, r1, r2)
    reach = args[AT.reach0] if axis == 0 else args[AT.reach1] if axis == 1 else args[AT.reach2]
    marked = 0
    for unit in range(lo, hi):
        part = unit // args[AT.groups]
        g = unit - part * args[AT.groups]
        n = part * args[AT.part]
        end = smaller(n + args[AT.part], args[AT.batch])
        _clear(totals, places)
        while n < end:
            plane = n * args[AT.groups] + g
            base = 0
            while base < reach:
                rows = smaller(reach - base, args[AT.width])
                at0 = base if axis == 0 else 0
                at1 = base if axis == 1 else 0
                at2 = base if axis == 2 else 0
                q0 = rows if axis == 0 else args[AT.reach0]
                q1 = rows if axis == 1 else args[AT.reach1]
                q2 = rows if axis == 2 else args[AT.reach2]
                count = ((q0 - 1) * r1 + q1 - 1) * r2 + q2
                if rows != marked:
                    _mark(valid, 64 // size, q0, q1, q2, r1, r2, count)
                    marked = rows
                _lay(size, block, bind[args[AT.x]] + size * plane * args[AT.volume], args[AT.size0], args[AT.size1],
                     args[AT.size2], r0, r1, r2, args[AT.step0], args[AT.step1], args[AT.step2],
                     args[AT.before0] - at0 * args[AT.step0], args[AT.before1] - at1 * args[AT.step1],
                     args[AT.before2] - at2 * args[AT.step2])
                _lay(size, values, bind[args[AT.w]] + size * plane * args[AT.positions], args[AT.out0], args[AT.out1],
                     args[AT.out2], q0, r1, r2, 1, 1, 1, -at0, -at1, -at2)
                _relate(size, totals, values, block, valid, table, places, count)
                base += rows
            n += 1
        _add_up(size, bind[args[AT.y]] + size * unit * places, totals, places)

"""The native steps of depthwise convolutions of small images, in which a lane of a vector is a channel.

The images of a block of channels, as many as a vector has lanes, are laid into a thread's cache with zeros around them,
a vector for each element. A place of the kernel is then an offset, which all positions share, and a vector of weights.
No lane is idle, however short the rows are. Where channels are left over, the last one fills the other lanes, and is
stored as often.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ....native.word_compiler import I64, emits, word_at
from ....native.word_intrinsics import clear_bytes, room, set_word, smaller
from ...gemm.sizes import REGISTER_BYTES
from ...gemm.squares import transposed
from ..arguments import AT, BLOCK, FAR, MOST_PLACES
from ..lanes import Lanes, in_both
from .blocks import MOST_PHASES, MOST_POSITIONS

#: Positions whose sums are in registers at a time, and places of the kernel whose weights' sums are.
_SOME, _NINE = 8, 9

#: The bytes of an entry of the tables: of places, the offsets of elements, and of weights; of positions, those of the
#: first elements, and of sums.
_ENTRY = 16

_PLACES, _POSITIONS = _ENTRY * (MOST_PLACES + _NINE), _ENTRY * (MOST_POSITIONS + _SOME * MOST_PHASES)
_STARTS, _ELEMENTS = 16 * (MOST_PHASES + 1), 8 * MOST_POSITIONS
_SUMS = REGISTER_BYTES * (MOST_POSITIONS + 1)
_LAID, _TOTALS = BLOCK + _SUMS, REGISTER_BYTES * (MOST_PLACES + _NINE)


def _word(b: Any, address: Any, index: int = 0) -> Any:
    """The word at a place from an address on."""
    return b.load(word_at(b, address, I64(index)))


def _channels(lanes: Lanes, first: Any, pitch: Any, some: Any) -> list[Any]:
    """The address of each lane's channel: of `some` channels, `pitch` bytes apart, the last one serves the others."""
    b = lanes.b
    return [b.add(first, b.mul(pitch, smaller.emit(b, I64(lane), b.sub(some, I64(1))))) for lane in range(lanes.lanes)]


def _by_vectors(lanes: Lanes, count: Any, some: Callable[[Any], None]) -> None:
    """Emit `some(first)` for vectors of `count` numbers, at least one; the last vector overlaps the one before it."""
    b = lanes.b
    with lanes.loop(count, step=lanes.lanes) as i:
        some(smaller.emit(b, i, b.sub(count, I64(lanes.lanes))))


@emits
def _lay(b: Any, size: Any, to: Any, elements: Any, source: Any, pitch: Any, some: Any, count: Any) -> None:
    """Lay `count` elements of each of `some` channels, a vector for each element.

    elements: the address of the words that tell, for each element, where its vector is, in bytes from `to` on.
    source, pitch: the address of the first channel, and the bytes from one channel to the next one.
    """
    def emit(lanes: Lanes) -> None:
        channels = _channels(lanes, source, pitch, some)

        def vectors(first: Any) -> None:
            at = b.mul(first, I64(lanes.bytes))
            ahead = b.add(at, b.mul(pitch, I64(lanes.lanes)))
            for channel in channels:
                lanes.prefetch(b.add(channel, ahead))
            for i, value in enumerate(transposed(b, [lanes.load(b.add(channel, at)) for channel in channels])):
                lanes.store(value, b.add(to, b.load(word_at(b, elements, b.add(first, I64(i))))))

        _by_vectors(lanes, count, vectors)

    in_both(b, size, emit)


@emits
def _put(b: Any, size: Any, to: Any, pitch: Any, sums: Any, some: Any, count: Any) -> None:
    """Put `count` vectors of sums into the results of `some` channels, which are `pitch` bytes apart."""
    def emit(lanes: Lanes) -> None:
        channels = _channels(lanes, to, pitch, some)

        def vectors(first: Any) -> None:
            at, source = b.mul(first, I64(lanes.bytes)), b.add(sums, b.mul(first, I64(lanes.size)))
            own = [lanes.load(b.add(source, I64(lanes.size * i))) for i in range(lanes.lanes)]
            for channel, value in zip(channels, transposed(b, own), strict=True):
                lanes.store(value, b.add(channel, at))

        _by_vectors(lanes, count, vectors)

    in_both(b, size, emit)


@emits
def _lay_weights(b: Any, size: Any, to: Any, source: Any, places: Any, some: Any) -> None:
    """Lay the weights of `some` channels, a vector for each place."""
    def emit(lanes: Lanes) -> None:
        kind = lanes.real.as_pointer()
        channels = _channels(lanes, source, b.mul(places, I64(lanes.bytes)), some)
        with lanes.loop(places) as k:
            own, at = b.add(to, b.mul(k, I64(lanes.size))), b.mul(k, I64(lanes.bytes))
            for lane, channel in enumerate(channels):
                value = b.load(b.inttoptr(b.add(channel, at), kind))
                b.store(value, b.inttoptr(b.add(own, I64(lanes.bytes * lane)), kind))

    in_both(b, size, emit)


@emits
def _weigh(b: Any, size: Any, sums: Any, block: Any, weights: Any, positions: Any, count: Any, table: Any,
           places: Any) -> None:
    """Compute the sums of `count` positions, a multiple of _SOME, over places."""
    def emit(lanes: Lanes) -> None:
        with lanes.loop(count, step=_SOME) as i:
            entries = [b.add(positions, b.mul(b.add(i, I64(j)), I64(_ENTRY))) for j in range(_SOME)]
            starts = [b.add(block, _word(b, entry)) for entry in entries]

            def place(k: Any, values: Sequence[Any]) -> list[Any]:
                entry = b.add(table, b.mul(k, I64(_ENTRY)))
                offset, weight = _word(b, entry), lanes.load(b.add(weights, _word(b, entry, 1)))
                return [lanes.fma(weight, lanes.load(b.add(start, offset)), value)
                        for start, value in zip(starts, values, strict=True)]

            for entry, value in zip(entries, lanes.fold(places, [lanes.nothing] * _SOME, place), strict=True):
                lanes.store(value, b.add(sums, _word(b, entry, 1)))

    in_both(b, size, emit)


@emits
def _relate(b: Any, size: Any, totals: Any, block: Any, values: Any, positions: Any, count: Any, table: Any,
            places: Any) -> None:
    """Add to each place's vector of totals the products of elements and the values of `count` positions.

    places: _NINE - 1 entries and vectors of totals follow the last one's.
    """
    def emit(lanes: Lanes) -> None:
        with lanes.loop(places, step=_NINE) as k:
            offsets = [_word(b, b.add(table, b.mul(b.add(k, I64(j)), I64(_ENTRY)))) for j in range(_NINE)]

            def position(i: Any, sums: Sequence[Any]) -> list[Any]:
                entry = b.add(positions, b.mul(i, I64(_ENTRY)))
                start, value = b.add(block, _word(b, entry)), lanes.load(b.add(values, _word(b, entry, 1)))
                return [lanes.fma(value, lanes.load(b.add(start, offset)), own)
                        for offset, own in zip(offsets, sums, strict=True)]

            for j, own in enumerate(lanes.fold(count, [lanes.nothing] * _NINE, position)):
                address = b.add(totals, b.mul(b.add(k, I64(j)), I64(lanes.size)))
                lanes.store(b.fadd(lanes.load(address), own), address)

    in_both(b, size, emit)


@emits
def _put_weights(b: Any, size: Any, to: Any, totals: Any, places: Any, some: Any) -> None:
    """Put the totals of all places into the weights' cotangents of `some` channels."""
    def emit(lanes: Lanes) -> None:
        kind = lanes.real.as_pointer()
        with lanes.loop(some) as lane, lanes.loop(places) as k:
            own = b.add(totals, b.add(b.mul(k, I64(lanes.size)), b.mul(lane, I64(lanes.bytes))))
            at = b.mul(b.add(b.mul(lane, places), k), I64(lanes.bytes))
            b.store(b.load(b.inttoptr(own, kind)), b.inttoptr(b.add(to, at), kind))

    in_both(b, size, emit)


def _set_entry(at: int, first: int, second: int) -> None:
    """Set an entry of a table."""
    set_word(at, 0, REGISTER_BYTES * first)
    set_word(at, 1, REGISTER_BYTES * second)


def _tabulate(args: Any, table: int, positions: int, starts: int) -> None:
    """Note the places, and the positions, of each phase of the result, and where those of a phase start.

    A phase's positions are filled up to a multiple of _SOME, by ones whose sums are behind those of all others.
    """
    s0, s1, s2 = args[AT.step0], args[AT.step1], args[AT.step2]
    t0, t1, t2 = args[AT.divide0], args[AT.divide1], args[AT.divide2]
    g1, g2 = args[AT.grid1], args[AT.grid2]
    n, m, phase = 0, 0, 0
    for f0 in range(t0):
        for f1 in range(t1):
            for f2 in range(t2):
                set_word(starts, 2 * phase, n)
                set_word(starts, 2 * phase + 1, m)
                phase += 1
                for i in range(args[AT.kernel0]):
                    m0 = f0 * s0 + i * args[AT.dilate0] - args[AT.before0] + t0 * FAR
                    for j in range(args[AT.kernel1]):
                        m1 = f1 * s1 + j * args[AT.dilate1] - args[AT.before1] + t1 * FAR
                        for k in range(args[AT.kernel2]):
                            m2 = f2 * s2 + k * args[AT.dilate2] - args[AT.before2] + t2 * FAR
                            if m0 % t0 == 0 and m1 % t1 == 0 and m2 % t2 == 0:
                                x0 = m0 // t0 - FAR - args[AT.low0]
                                x1 = m1 // t1 - FAR - args[AT.low1]
                                x2 = m2 // t2 - FAR - args[AT.low2]
                                _set_entry(table + _ENTRY * n, (x0 * g1 + x1) * g2 + x2,
                                           (i * args[AT.kernel1] + j) * args[AT.kernel2] + k)
                                n += 1
                for q0 in range((args[AT.out0] - f0 + t0 - 1) // t0):
                    for q1 in range((args[AT.out1] - f1 + t1 - 1) // t1):
                        for q2 in range((args[AT.out2] - f2 + t2 - 1) // t2):
                            own = ((q0 * t0 + f0) * args[AT.out1] + q1 * t1 + f1) * args[AT.out2] + q2 * t2 + f2
                            _set_entry(positions + _ENTRY * m, (q0 * s0 * g1 + q1 * s1) * g2 + q2 * s2, own)
                            m += 1
                while m % _SOME != 0:
                    _set_entry(positions + _ENTRY * m, 0, args[AT.positions])
                    m += 1
    set_word(starts, 2 * phase, n)
    set_word(starts, 2 * phase + 1, m)
    for i in range(_NINE - 1):
        _set_entry(table + _ENTRY * (n + i), 0, 0)


def _tabulate_elements(args: Any, elements: int) -> None:
    """Note where the elements of an image are laid."""
    n = 0
    for i in range(args[AT.size0]):
        for j in range(args[AT.size1]):
            for k in range(args[AT.size2]):
                set_word(elements, n, REGISTER_BYTES * (((i - args[AT.low0]) * args[AT.grid1] + j - args[AT.low1])
                                                        * args[AT.grid2] + k - args[AT.low2]))
                n += 1


def run_blocks(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute blocks lo...hi of the channels, through images, of a convolution or of the cotangent of its images."""
    size, blocks, places, groups = args[AT.itemsize], args[AT.bands], args[AT.places], args[AT.groups]
    table, positions, starts, elements = room(_PLACES), room(_POSITIONS), room(_STARTS), room(_ELEMENTS)
    block, weights = room(_LAID), room(BLOCK)
    sums = block + REGISTER_BYTES * args[AT.grid0] * args[AT.grid1] * args[AT.grid2]  # near: not a page's size apart
    channels = REGISTER_BYTES // size
    _tabulate(args, table, positions, starts)
    _tabulate_elements(args, elements)
    clear_bytes(block, sums - block)
    for unit in range(lo, hi):
        n = unit // blocks
        i = unit - n * blocks
        g = i * channels
        some = smaller(channels, groups - g)
        w = weights + REGISTER_BYTES * places * i
        if unit - lo < blocks:
            _lay_weights(size, w, bind[args[AT.w]] + size * g * places, places, some)
        plane = n * groups + g
        _lay(size, block, elements, bind[args[AT.x]] + size * plane * args[AT.volume], size * args[AT.volume], some,
             args[AT.volume])
        for f in range(args[AT.divide0] * args[AT.divide1] * args[AT.divide2]):
            first, start = starts[2 * f], starts[2 * f + 1]
            _weigh(size, sums, block, w, positions + _ENTRY * start, starts[2 * f + 3] - start,
                   table + _ENTRY * first, starts[2 * f + 2] - first)
        _put(size, bind[args[AT.y]] + size * plane * args[AT.positions], size * args[AT.positions], sums, some,
             args[AT.positions])


def run_block_weights(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute blocks lo...hi of the channels, through parts of a batch, of the cotangent of weights."""
    size, blocks, places, groups = args[AT.itemsize], args[AT.bands], args[AT.places], args[AT.groups]
    table, positions, starts = room(_PLACES), room(_POSITIONS), room(_STARTS)
    elements, plain = room(_ELEMENTS), room(_ELEMENTS)
    block, totals = room(_LAID), room(_TOTALS)
    values = block + REGISTER_BYTES * args[AT.grid0] * args[AT.grid1] * args[AT.grid2]
    channels, count = REGISTER_BYTES // size, args[AT.positions]
    every = REGISTER_BYTES * (places + _NINE - 1)
    most = (MOST_PLACES + _NINE) // (places + _NINE - 1)
    _tabulate(args, table, positions, starts)
    _tabulate_elements(args, elements)
    for i in range(count):
        set_word(plain, i, REGISTER_BYTES * i)
    clear_bytes(block, values - block)
    while lo < hi:
        part = lo // blocks
        first = lo - part * blocks
        many = smaller(smaller(hi - lo, blocks - first), most)
        start = part * args[AT.part]
        end = smaller(start + args[AT.part], args[AT.batch])
        clear_bytes(totals, every * many)
        for n in range(start, end):
            for i in range(many):
                g = (first + i) * channels
                some, plane = smaller(channels, groups - g), n * groups + g
                _lay(size, block, elements, bind[args[AT.x]] + size * plane * args[AT.volume],
                     size * args[AT.volume], some, args[AT.volume])
                _lay(size, values, plain, bind[args[AT.w]] + size * plane * count, size * count, some, count)
                _relate(size, totals + every * i, block, values, positions, count, table, places)
        for i in range(many):
            g = (first + i) * channels
            y = bind[args[AT.y]] + size * (part * groups + g) * places
            _put_weights(size, y, totals + every * i, places, smaller(channels, groups - g))
        lo += many

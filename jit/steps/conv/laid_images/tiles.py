"""Tiles of convolutions whose images are laid: filters by vectors of positions, and filters by places of the kernel.

In a laid image each place of the kernel is one offset, at which the positions that follow each other read their
elements. A tile's sums stay in registers through all channels and places, or through all positions of some images.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from ....native.word_compiler import I64, emits
from ...gemm.sizes import REGISTERS
from ..arguments import MORE_PLACES
from ..lanes import Lanes, in_both

#: The sums of a tile, in vectors, which leave registers for operands; the heights of tiles, in filters, the largest
#: first; and the most vectors of positions in a tile.
_SUMS = 3 * REGISTERS // 4
_HEIGHTS = tuple([filters for filters in (12, 6, 4, 2, 1) if 2 * filters <= _SUMS])
_MOST_VECTORS = 8


def _by_heights(lanes: Lanes, filters: Any, emit: Callable[[int, Any], None]) -> None:
    """Emit `emit(height, first)` in loops over tiles of filters, those of each height while so many are left."""
    b, first = lanes.b, I64(0)
    for height in _HEIGHTS:
        count = b.sdiv(b.sub(filters, first), I64(height))
        with lanes.loop(count) as i:
            emit(height, b.add(first, b.mul(i, I64(height))))
        first = b.add(first, b.mul(count, I64(height)))


def _words(b: Any, address: Any) -> Any:
    return b.load(b.inttoptr(address, I64.as_pointer()))


def _weigh(lanes: Lanes, x: Any, span: Any, table: Any, places: Any, channels: Any, w: Any, filter_step: Any,
           channel_step: Any, to: Any, row: Any, filters: Any, count: Any, add: Any) -> None:
    b, more = lanes.b, lanes.b.icmp_signed("!=", add, I64(0))
    end = b.and_(b.add(b.mul(count, I64(lanes.bytes)), I64(lanes.size - 1)), I64(-lanes.size))

    def tile(height: int, first: Any) -> None:
        vectors, at = min(_MOST_VECTORS, _SUMS // height), I64(0)
        starts = [b.add(w, b.mul(first, filter_step))]
        rows = [b.add(to, b.mul(first, row))]
        for _ in range(1, height):
            starts.append(b.add(starts[-1], filter_step))
            rows.append(b.add(rows[-1], row))
        while vectors:
            blocks = b.sdiv(b.sub(end, at), I64(lanes.size * vectors))
            with lanes.loop(blocks) as i:
                positions(vectors, b.add(at, b.mul(i, I64(lanes.size * vectors))), starts, rows)
            at, vectors = b.add(at, b.mul(blocks, I64(lanes.size * vectors))), vectors // 2

    def positions(vectors: int, at: Any, starts: list[Any], rows: list[Any]) -> None:
        own = [b.add(b.add(start, at), I64(lanes.size * v)) for start in rows for v in range(vectors)]
        sums = [b.select(more, lanes.load(address), lanes.nothing) for address in own]

        def channel(c: Any, sums: Sequence[Any]) -> list[Any]:
            near, shift = b.add(b.add(x, at), b.mul(c, span)), b.mul(c, channel_step)
            weights = [b.add(start, shift) for start in starts]

            def place(k: Any, sums: Sequence[Any]) -> list[Any]:
                source = b.add(near, _words(b, b.add(table, b.mul(k, I64(8)))))
                values = [lanes.load(b.add(source, I64(lanes.size * v))) for v in range(vectors)]
                made = []
                for i, start in enumerate(weights):
                    weight = lanes.number(b.add(start, b.mul(k, I64(lanes.bytes))))
                    made += [lanes.fma(weight, value, s)
                             for value, s in zip(values, sums[i * vectors:(i + 1) * vectors], strict=True)]
                return made

            return lanes.fold(places, sums, place)

        for address, value in zip(own, lanes.fold(channels, sums, channel), strict=True):
            lanes.store(value, address)

    _by_heights(lanes, filters, tile)


@emits
def single(b: Any, x: Any, span: Any, table: Any, places: Any, channels: Any, w: Any, filter_step: Any,
           channel_step: Any, to: Any, row: Any, filters: Any, count: Any, add: Any) -> None:
    """Compute `count` positions of some filters in float32, rounded up to vectors.

    x, span: the address of the first channel's laid image, and the bytes from one channel to the next one.
    table: the offset of each place's elements, in bytes; places may be those of several channels.
    w, filter_step, channel_step: the address of the first weight, and the bytes between filters, and channels.
    to, row: the address of the sums, and the bytes between filters.
    add: not 0 where the sums are added to what is there.
    """
    _weigh(Lanes(b, ir.FloatType()), x, span, table, places, channels, w, filter_step, channel_step, to, row, filters,
           count, add)


@emits
def double(b: Any, x: Any, span: Any, table: Any, places: Any, channels: Any, w: Any, filter_step: Any,
           channel_step: Any, to: Any, row: Any, filters: Any, count: Any, add: Any) -> None:
    """Compute the same in float64."""
    _weigh(Lanes(b, ir.DoubleType()), x, span, table, places, channels, w, filter_step, channel_step, to, row, filters,
           count, add)


@emits
def relate_places(b: Any, size: Any, x: Any, span: Any, image: Any, table: Any, places: Any, channels: Any, g: Any,
                  row: Any, cotangents: Any, totals: Any, filters: Any, count: Any, images: Any) -> None:
    """Add to vectors of sums, for each channel, place and filter, the products of elements and cotangents.

    x, span, image: the address of the first channel's laid image, the bytes between channels, and between images.
    table, places: the offset of each place's elements, in bytes, and their number; MORE_PLACES offsets more, of any
        elements, may be read, and as many vectors of sums follow those of a channel.
    g, row, cotangents: the address of the first filter's cotangents, at the positions of laid images; the bytes between
        filters, and between images.
    count: the positions. Up to the end of their last vector, all cotangents but those of positions are 0.
    """
    def emit(lanes: Lanes) -> None:
        vectors = b.sdiv(b.add(count, I64(lanes.lanes - 1)), I64(lanes.lanes))
        pitch = b.mul(filters, I64(lanes.size))
        every = b.mul(b.add(places, I64(MORE_PLACES)), pitch)

        def tile(height: int, first: Any) -> None:
            some = min(MORE_PLACES + 1, _SUMS // height)
            with lanes.loop(channels) as c, lanes.loop(places, step=some) as k:
                shifts = [_words(b, b.add(table, b.mul(b.add(k, I64(j)), I64(8)))) for j in range(some)]
                start = b.add(b.add(totals, b.mul(c, every)), b.add(b.mul(k, pitch), b.mul(first, I64(lanes.size))))
                own = [b.add(b.add(start, b.mul(pitch, I64(j))), I64(lanes.size * i))
                       for i in range(height) for j in range(some)]

                def one(n: Any, sums: Sequence[Any]) -> list[Any]:
                    near = b.add(b.add(x, b.mul(c, span)), b.mul(n, image))
                    sources = [b.add(near, shift) for shift in shifts]
                    rows = [b.add(b.add(g, b.mul(n, cotangents)), b.mul(first, row))]
                    for _ in range(1, height):
                        rows.append(b.add(rows[-1], row))

                    def vector(v: Any, sums: Sequence[Any]) -> list[Any]:
                        at = b.mul(v, I64(lanes.size))
                        values, made = [lanes.load(b.add(source, at)) for source in sources], []
                        for i, start in enumerate(rows):
                            factor = lanes.load(b.add(start, at))
                            made += [lanes.fma(factor, value, s)
                                     for value, s in zip(values, sums[some * i:some * (i + 1)], strict=True)]
                        return made

                    return lanes.fold(vectors, sums, vector)

                sums = lanes.fold(images, [lanes.load(address) for address in own], one)
                for address, value in zip(own, sums, strict=True):
                    lanes.store(value, address)

        _by_heights(lanes, filters, tile)

    in_both(b, size, emit)


@emits
def put_totals(b: Any, size: Any, to: Any, totals: Any, step: Any, places: Any) -> Any:
    """Store the sum of each place's vector, which are `step` bytes apart; returns whether one of them is not finite."""
    found = []

    def emit(lanes: Lanes) -> None:
        def place(k: Any, wrong: Sequence[Any]) -> list[Any]:
            number = lanes.total(lanes.load(b.add(totals, b.mul(k, step))))
            b.store(number, b.inttoptr(b.add(to, b.mul(k, I64(lanes.bytes))), lanes.real.as_pointer()))
            finite = b.fcmp_ordered("==", b.fsub(number, number), lanes.real(0.0))
            return [b.or_(wrong[0], b.zext(b.not_(finite), I64))]

        found.append((lanes.fold(places, [I64(0)], place)[0], b.block))

    in_both(b, size, emit)
    wrong = b.phi(I64)
    for value, block in found:
        wrong.add_incoming(value, block)
    return wrong

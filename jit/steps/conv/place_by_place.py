"""The cotangent of weights computed place by place, which shows exactly what values that are not finite make of it."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...native.word_compiler import I64, emits, word_at
from .arguments import AT
from .lanes import Lanes, in_both


@emits
def relate(b: Any, args: Any, to: Any, x: Any, g: Any, images: Any) -> None:
    """Compute the cotangent of a filter's weights for a channel from consecutive images.

    args: the address of a step's `ConvArgs`.
    to: that of the weights' cotangents.
    x, g: the address of the channel's first image, and of the filter's first cotangents.
    """
    def word(at: int) -> Any:
        return b.load(word_at(b, args, I64(at)))

    n, out, kernel, step, dilate, before = [
        [word(at + axis) for axis in range(3)]
        for at in (AT.size0, AT.out0, AT.kernel0, AT.step0, AT.dilate0, AT.before0)]
    groups = word(AT.groups)

    def emit(lanes: Lanes) -> None:
        pitches = [b.mul(b.mul(b.mul(word(of), groups), word(count)), I64(lanes.bytes))
                   for of, count in ((AT.volume, AT.channels), (AT.positions, AT.filters))]

        def place(*places: Any) -> None:
            ways = list(zip(step, [b.sub(b.mul(i, d), low) for i, d, low in zip(places, dilate, before)]))

            def element(axis: int, position: Any) -> Any:
                return b.add(b.mul(position, ways[axis][0]), ways[axis][1])

            def image(i: Any, sums: Sequence[Any]) -> list[Any]:
                source, cotangents = b.add(x, b.mul(i, pitches[0])), b.add(g, b.mul(i, pitches[1]))

                def row(line: Any, sums: Sequence[Any]) -> list[Any]:
                    y0, y1 = b.sdiv(line, out[1]), b.srem(line, out[1])
                    x0, x1 = element(0, y0), element(1, y1)
                    there = b.and_(b.icmp_unsigned("<", x0, n[0]), b.icmp_unsigned("<", x1, n[1]))
                    start = b.add(source, b.mul(b.mul(b.add(b.mul(x0, n[1]), x1), n[2]), I64(lanes.bytes)))

                    def vector(v: Any, sums: Sequence[Any]) -> list[Any]:
                        first = b.mul(v, I64(lanes.lanes))
                        left = lanes.below(b.sub(out[2], first))
                        lane = b.add(b.mul(b.add(lanes.ints_of(first), lanes.lane), lanes.ints_of(ways[2][0])),
                                     lanes.ints_of(ways[2][1]))
                        within = b.and_(b.icmp_unsigned("<", lane, lanes.ints_of(n[2])),
                                        lanes.splat(lanes.flags, there))
                        value = lanes.gather(lanes.places_of(start, lane), b.and_(within, left))
                        own = b.add(cotangents, b.mul(b.add(b.mul(line, out[2]), first), I64(lanes.bytes)))
                        cotangent = lanes.load_some(own, left, lanes.nothing)
                        return [b.select(left, lanes.fma(value, cotangent, sums[0]), sums[0])]

                    return lanes.fold(b.sdiv(b.add(out[2], I64(lanes.lanes - 1)), I64(lanes.lanes)), sums, vector)

                return lanes.fold(b.mul(out[0], out[1]), sums, row)

            total, = lanes.fold(images, [lanes.nothing], image)
            at = b.add(b.mul(b.add(b.mul(places[0], kernel[1]), places[1]), kernel[2]), places[2])
            b.store(lanes.total(total), b.inttoptr(b.add(to, b.mul(at, I64(lanes.bytes))), lanes.real.as_pointer()))

        with lanes.loop(kernel[0]) as i, lanes.loop(kernel[1]) as j, lanes.loop(kernel[2]) as k:
            place(i, j, k)

    in_both(b, word(AT.itemsize), emit)

"""The cotangent of weights computed place by place, which shows exactly what values that are not finite make of it."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...native.word_compiler import I64, emits, word_at
from .arguments import AT
from .lanes import Lanes, in_both


@emits
def relate(b: Any, args: Any, to: Any, x: Any, g: Any, images: Any) -> None:
    """Compute the cotangent of a filter's weights for a channel, with a stride of 1, from consecutive images.

    args: the address of a step's `ConvArgs`.
    to: that of the weights' cotangents.
    x, g: the address of the channel's first image, and of the filter's first cotangents.
    """
    def word(at: int) -> Any:
        return b.load(word_at(b, args, I64(at)))

    height, width, down, across = [word(at) for at in (AT.size1, AT.size2, AT.out1, AT.out2)]
    groups = word(AT.groups)

    def emit(lanes: Lanes) -> None:
        pitches = [b.mul(b.mul(b.mul(word(of), groups), word(count)), I64(lanes.bytes))
                   for of, count in ((AT.volume, AT.channels), (AT.positions, AT.filters))]
        with lanes.loop(word(AT.kernel1)) as i, lanes.loop(word(AT.kernel2)) as j:
            below = b.sub(b.mul(i, word(AT.dilate1)), word(AT.before1))
            beside = b.sub(b.mul(j, word(AT.dilate2)), word(AT.before2))

            def image(n: Any, sums: Sequence[Any]) -> list[Any]:
                def row(y: Any, sums: Sequence[Any]) -> list[Any]:
                    def vector(v: Any, sums: Sequence[Any]) -> list[Any]:
                        start = b.mul(v, I64(lanes.lanes))
                        left = lanes.below(b.sub(across, start))
                        line, column = b.add(y, below), b.add(start, beside)
                        lane = b.add(lanes.ints_of(column), lanes.lane)
                        within = b.and_(b.icmp_unsigned("<", lane, lanes.ints_of(width)),
                                        lanes.splat(lanes.flags, b.icmp_unsigned("<", line, height)))
                        at = b.mul(b.add(b.mul(line, width), column), I64(lanes.bytes))
                        own = b.mul(b.add(b.mul(y, across), start), I64(lanes.bytes))
                        within = b.and_(within, left)
                        value = lanes.load_some(b.add(b.add(x, b.mul(n, pitches[0])), at), within, lanes.nothing)
                        cotangent = lanes.load_some(b.add(b.add(g, b.mul(n, pitches[1])), own), left, lanes.nothing)
                        return [b.select(left, lanes.fma(value, cotangent, sums[0]), sums[0])]

                    return lanes.fold(b.sdiv(b.add(across, I64(lanes.lanes - 1)), I64(lanes.lanes)), sums, vector)

                return lanes.fold(down, sums, row)

            total, = lanes.fold(images, [lanes.nothing], image)
            place = b.mul(b.add(b.mul(i, word(AT.kernel2)), j), I64(lanes.bytes))
            b.store(lanes.total(total), b.inttoptr(b.add(to, place), lanes.real.as_pointer()))

    in_both(b, word(AT.itemsize), emit)

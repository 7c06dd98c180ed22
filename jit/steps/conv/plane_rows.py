"""Rows of images, copied with a step between their numbers, taken apart by each second one, and put together again."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ...native.word_compiler import I64, emits
from .lanes import Lanes, in_both


@emits
def lay_row(b: Any, size: Any, to: Any, source: Any, first: Any, last: Any, count: Any, step: Any) -> None:
    """Store `count` numbers, rounded up to vectors: number i is that at `source + i * step` for first <= i < last."""
    def emit(lanes: Lanes) -> None:
        with lanes.loop(count, step=lanes.lanes) as i:
            at = b.add(to, b.mul(i, I64(lanes.bytes)))

            def dense() -> None:
                within = _within(lanes, i, first, last)
                lanes.store(lanes.load_some(b.add(source, b.mul(i, I64(lanes.bytes))), within, lanes.nothing), at)

            def apart() -> None:
                lanes.store(lanes.gather(_addresses(lanes, source, i, step), _within(lanes, i, first, last)), at)

            _by_step(b, step, dense, apart)

    in_both(b, size, emit)


@emits
def split_row(b: Any, size: Any, even: Any, odd: Any, source: Any, count: Any) -> None:
    """Store each second one of `count` numbers, rounded up to vectors, and those between them."""
    def emit(lanes: Lanes) -> None:
        def some(at: Any, load: Callable[[int], Any]) -> None:
            low, high = load(0), load(1)
            for which, to in enumerate((even, odd)):
                order = ir.Constant(lanes.ints, list(range(which, 2 * lanes.lanes, 2)))
                lanes.store(b.shuffle_vector(low, high, order), b.add(to, b.mul(at, I64(lanes.bytes // 2))))

        def place(at: Any, half: int) -> Any:
            return b.add(b.add(source, b.mul(at, I64(lanes.bytes))), I64(half * lanes.size))

        whole = b.and_(count, I64(-2 * lanes.lanes))
        with lanes.loop(whole, step=2 * lanes.lanes) as at:
            some(at, lambda half: lanes.load(place(at, half)))
        left = b.sub(count, whole)
        with b.if_then(b.icmp_signed(">", left, I64(0))):
            some(whole, lambda half: lanes.load_some(
                place(whole, half), lanes.below(b.sub(left, I64(half * lanes.lanes))), lanes.nothing))

    in_both(b, size, emit)


@emits
def put_row(b: Any, size: Any, to: Any, source: Any, count: Any, step: Any) -> None:
    """Put `count` numbers of a row to `to + i * step`."""
    def emit(lanes: Lanes) -> None:
        def apart() -> None:
            with lanes.loop(count, step=lanes.lanes) as i:
                value = lanes.load(b.add(source, b.mul(i, I64(lanes.bytes))))
                lanes.scatter(value, _addresses(lanes, to, i, step), lanes.below(b.sub(count, i)))

        _by_step(b, step, lambda: lanes.copy(to, source, count), apart)

    in_both(b, size, emit)


@emits
def copy_rows(b: Any, size: Any, to: Any, to_step: Any, source: Any, step: Any, rows: Any, count: Any) -> None:
    """Copy rows of `count` numbers; to_step, step: the bytes from one to the next one."""
    def emit(lanes: Lanes) -> None:
        def row(_: Any, places: Any) -> list[Any]:
            lanes.copy(places[0], places[1], count)
            return [b.add(places[0], to_step), b.add(places[1], step)]

        lanes.fold(rows, [to, source], row)

    in_both(b, size, emit)


@emits
def join_row(b: Any, size: Any, to: Any, even: Any, odd: Any, count: Any) -> None:
    """Put a row of `count` numbers, which come from two rows in turn."""
    def emit(lanes: Lanes) -> None:
        pairs = b.sdiv(b.add(count, I64(1)), I64(2))
        with lanes.loop(pairs, step=lanes.lanes) as i:
            from_both = [lanes.load(b.add(source, b.mul(i, I64(lanes.bytes)))) for source in (even, odd)]
            at = b.mul(i, I64(2))
            for half in range(2):
                order = [half * lanes.lanes // 2 + lane // 2 + lane % 2 * lanes.lanes for lane in range(lanes.lanes)]
                value = b.shuffle_vector(*from_both, ir.Constant(lanes.ints, order))
                start = b.add(at, I64(half * lanes.lanes))
                left, own = b.sub(count, start), b.add(to, b.mul(start, I64(lanes.bytes)))
                # without AVX-512, to store some lanes takes very long
                with b.if_else(b.icmp_signed(">=", left, I64(lanes.lanes))) as (whole, part):
                    with whole:
                        lanes.store(value, own)
                    with part, b.if_then(b.icmp_signed(">", left, I64(0))):
                        lanes.store_some(value, own, lanes.below(left))

    in_both(b, size, emit)


def _by_step(b: Any, step: Any, dense: Callable[[], None], apart: Callable[[], None]) -> None:
    """Emit code for numbers that follow each other, and for others."""
    with b.if_else(b.icmp_signed("==", step, I64(1))) as (one, more):
        with one:
            dense()
        with more:
            apart()


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

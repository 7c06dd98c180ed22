"""Blocks of im2col: for some channels of an image and some positions, the elements at all places of the kernel.

A vector of positions is described once: the lanes that lie within the image, for each place along each axis; and
either runs, groups of lanes that read neighbouring elements, or every second one, which masked loads fetch, or an
offset for each lane.
Each place of the kernel then takes few instructions a channel. Lanes outside of the image become 0 and read nothing.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from ...native.word_compiler import F64, I64, emits, word_at
from .arguments import AT, LONGEST_KERNEL
from .lanes import I32, Lanes


class _Patches(Lanes):
    """The loops of one call, being emitted: addresses and steps are in bytes."""

    def __init__(self, builder: Any, real: Any, values: tuple[Any, ...]) -> None:
        super().__init__(builder, real)
        lanes = self.lanes
        self.numbers = ir.VectorType(F64, lanes)
        self.args, self.x, self.to, self.row, self.channels, self.first, self.width = values
        self.masks = self._room(self.bits, 3 * LONGEST_KERNEL)
        self.offsets = self._room(self.ints, 3 * LONGEST_KERNEL)
        self.run_bits, self.run_starts = self._room(self.bits, lanes), self._room(I64, lanes)
        b = builder
        self.runs = self._arg(AT.runs)
        self.pitch = b.mul(self._arg(AT.volume), I64(self.bytes))
        self.turn = b.mul(self._arg(AT.places), self.row)
        self.strides = [b.mul(self._arg(AT.size1), self._arg(AT.size2)), self._arg(AT.size2), I64(1)]
        vectors = b.sdiv(b.add(self.width, I64(lanes - 1)), I64(lanes))
        with self.loop(vectors) as v:
            self._one(b.mul(v, I64(lanes)))

    # ---- a vector of positions -------------------------------------------------------------------

    def _one(self, start: Any) -> None:
        b = self.b
        to = b.add(self.to, b.mul(start, I64(self.bytes)))
        valid = self.mask(b.icmp_signed("<", self.lane, self.ints_of(b.sub(self.width, start))))
        base = self._positions(b.add(self.first, start))
        for axis in range(3):
            self._axis(axis, base[axis], valid)
        count = self._find_runs(base, valid)
        for step in (1, 2):
            self.step = step
            with b.if_then(b.icmp_signed("==", self.runs, I64(step))):
                with self._each_place() as (place, mask, shift, _):
                    self._by_runs(b.add(to, b.mul(place, self.row)), b.add(self.x, b.mul(shift, I64(self.bytes))),
                                  mask, count)
        with b.if_then(b.icmp_signed("==", self.runs, I64(0))):
            with self._each_place() as (place, mask, _, offsets):
                self._by_lanes(b.add(to, b.mul(place, self.row)), offsets, self.flags_of(mask))

    def _positions(self, first: Any) -> list[Any]:
        """For each axis, the place of each lane's window in the image."""
        b = self.b
        flat = b.add(self.ints_of(first), self.lane)
        rows = self._quotient(flat, self._arg(AT.out2))
        planes = self._quotient(rows, self._arg(AT.out1))
        found = [planes, b.sub(rows, b.mul(planes, self.ints_of(self._arg(AT.out1)))),
                 b.sub(flat, b.mul(rows, self.ints_of(self._arg(AT.out2))))]
        return [b.sub(b.mul(o, self.ints_of(self._arg(AT.step0 + axis))), self.ints_of(self._arg(AT.before0 + axis)))
                for axis, o in enumerate(found)]

    def _quotient(self, numbers: Any, by: Any) -> Any:
        """The quotients of numbers from 0 on; by floats, which have vector division, and are exact enough."""
        b = self.b
        halved = b.fadd(b.sitofp(numbers, self.numbers), self.splat(self.numbers, F64(0.5)))
        return b.fptosi(b.fdiv(halved, self.splat(self.numbers, b.sitofp(by, F64))), self.ints)

    def _axis(self, axis: int, base: Any, valid: Any) -> None:
        """Note for each place along an axis the lanes that lie in the image, and their offsets along the axis."""
        b = self.b
        divide, size = self._arg(AT.divide0 + axis), self.ints_of(self._arg(AT.size0 + axis))
        whole, step = b.icmp_signed("==", divide, I64(1)), self._arg(AT.dilate0 + axis)
        with self.loop(self._arg(AT.kernel0 + axis)) as i:
            at = b.add(base, self.ints_of(b.mul(i, step)))
            before = b.block
            with b.if_then(b.not_(whole)):
                quotient = self._quotient(at, divide)
                exact = b.icmp_signed("==", b.mul(quotient, self.ints_of(divide)), at)
                divided, inside = b.block, b.select(exact, quotient, self.splat(self.ints, I32(-1)))
            place = b.phi(self.ints)
            place.add_incoming(at, before)
            place.add_incoming(inside, divided)
            mask = self.mask(b.icmp_unsigned("<", place, size))
            index = b.add(i, I64(axis * LONGEST_KERNEL))
            b.store(b.and_(mask, valid), b.gep(self.masks, [index]))
            b.store(b.mul(place, self.ints_of(self.strides[axis])), b.gep(self.offsets, [index]))

    def _find_runs(self, base: list[Any], valid: Any) -> Any:
        """Note the runs, each as its lanes and the offset of lane 0; returns their number."""
        b = self.b
        offsets = b.sub(base[2], b.mul(self.lane, self.ints_of(self.runs)))
        for axis in range(2):
            offsets = b.add(offsets, b.mul(base[axis], self.ints_of(self.strides[axis])))
        start = b.block
        test, turn, end = (b.append_basic_block(name) for name in ("run", "found", "runs"))
        b.branch(test)
        b.position_at_end(test)
        left, count = b.phi(self.bits), b.phi(I64)
        left.add_incoming(valid, start)
        count.add_incoming(I64(0), start)
        b.cbranch(b.icmp_unsigned("!=", left, self.bits(0)), turn, end)
        b.position_at_end(turn)
        first = b.cttz(left, ir.IntType(1)(1))
        offset = b.extract_element(offsets, b.zext(first, I32))
        same = b.and_(self.mask(b.icmp_signed("==", offsets, self.splat(self.ints, offset))), left)
        b.store(same, b.gep(self.run_bits, [count]))
        b.store(b.mul(b.sext(offset, I64), I64(self.bytes)), b.gep(self.run_starts, [count]))
        left.add_incoming(b.xor(left, same), b.block)
        count.add_incoming(b.add(count, I64(1)), b.block)
        b.branch(test)
        b.position_at_end(end)
        return count

    @contextmanager
    def _each_place(self) -> Iterator[tuple[Any, Any, Any, Any]]:
        """Emit loops over the places of the kernel: number, lanes in the image, shift of runs, offsets of lanes."""
        b = self.b
        steps = [b.mul(self._arg(AT.dilate0 + axis), self.strides[axis]) for axis in range(3)]
        k0, k1, k2 = [self._arg(AT.kernel0 + axis) for axis in range(3)]
        with self.loop(k0) as i, self.loop(k1) as j, self.loop(k2) as k:
            place = b.add(b.mul(b.add(b.mul(i, k1), j), k2), k)
            at = [b.add(n, I64(axis * LONGEST_KERNEL)) for axis, n in enumerate((i, j, k))]
            m0, m1, m2 = [b.load(b.gep(self.masks, [n])) for n in at]
            o0, o1, o2 = [b.load(b.gep(self.offsets, [n])) for n in at]
            shift = b.add(b.add(b.mul(i, steps[0]), b.mul(j, steps[1])), b.mul(k, steps[2]))
            yield place, b.and_(b.and_(m0, m1), m2), shift, b.add(b.add(o0, o1), o2)

    # ---- a place of the kernel, in all channels --------------------------------------------------

    def _by_runs(self, to: Any, x: Any, mask: Any, count: Any) -> None:
        b = self.b
        few = b.icmp_signed("<=", count, I64(1))
        with b.if_else(few) as (one, more):
            with one:
                lanes, source = self._run(I64(0), x, mask)
                with self.loop(self.channels) as c:
                    self._put(self._fetch(source, c, lanes, self.nothing), to, c)
            with more:
                with b.if_else(b.icmp_signed("==", count, I64(2))) as (two, many):
                    with two:
                        (lanes, source), (others, other) = [self._run(I64(i), x, mask) for i in (0, 1)]
                        with self.loop(self.channels) as c:
                            found = self._fetch(source, c, lanes, self.nothing)
                            self._put(self._fetch(other, c, others, found), to, c)
                    with many:
                        with self.loop(self.channels) as c:
                            self._put(self.nothing, to, c)
                        with self.loop(count) as i:
                            lanes, source = self._run(i, x, mask)
                            with self.loop(self.channels) as c:
                                self._put(self._fetch(source, c, lanes, self.load(self._place(to, c))), to, c)

    def _run(self, i: Any, x: Any, mask: Any) -> tuple[Any, Any]:
        """The flags of a run's lanes, and before these, where they read every second element, those of two vectors."""
        b = self.b
        lanes = b.and_(b.load(b.gep(self.run_bits, [i])), mask)
        flags = [self.flags_of(lanes)]
        if self.step == 2:
            wide, gap = ir.IntType(2 * self.lanes), self.lanes // 2
            bits = b.zext(lanes, wide)
            while gap:  # at last a 0 lies between two bits
                kept = sum([((1 << gap) - 1) << at for at in range(0, 2 * self.lanes, 2 * gap)])
                bits, gap = b.and_(b.or_(bits, b.shl(bits, wide(gap))), wide(kept)), gap // 2
            flags.insert(0, b.bitcast(bits, ir.VectorType(ir.IntType(1), 2 * self.lanes)))
        return flags, b.add(x, b.load(b.gep(self.run_starts, [i])))

    def _fetch(self, source: Any, c: Any, flags: Any, others: Any) -> Any:
        """Load a run's lanes of a vector of channel `c`; the others are those of `others`."""
        b, at = self.b, self.b.add(source, self.b.mul(c, self.pitch))
        if self.step == 1:
            return self.load_some(at, flags[0], others)
        double = ir.VectorType(self.real, 2 * self.lanes)
        both = self.masked_load(double, at, flags[0], ir.Constant(double, None))
        even = ir.Constant(self.ints, list(range(0, 2 * self.lanes, 2)))
        value = b.shuffle_vector(both, ir.Constant(double, ir.Undefined), even)
        return value if others is self.nothing else b.select(flags[1], value, others)

    def _by_lanes(self, to: Any, offsets: Any, lanes: Any) -> None:
        b = self.b
        wide = ir.VectorType(I64, self.lanes)
        places = b.mul(b.sext(offsets, wide), ir.Constant(wide, [self.bytes] * self.lanes))
        with self.loop(self.channels) as c:
            at = b.add(places, self.splat(wide, b.add(self.x, b.mul(c, self.pitch))))
            self._put(self.gather(at, lanes), to, c)

    def _put(self, value: Any, to: Any, c: Any) -> None:
        self.store(value, self._place(to, c))

    def _place(self, to: Any, c: Any) -> Any:
        return self.b.add(to, self.b.mul(c, self.turn))

    # ---- instructions ----------------------------------------------------------------------------

    def _arg(self, at: int) -> Any:
        return self.b.load(word_at(self.b, self.args, I64(at)))

    def _room(self, kind: Any, count: int) -> Any:
        with self.b.goto_entry_block():
            return self.b.gep(self.b.alloca(ir.ArrayType(kind, count)), [I64(0), I64(0)])


@emits
def single(builder: Any, args: Any, x: Any, to: Any, row: Any, channels: Any, first: Any, width: Any) -> None:
    """Fill a block in float32.

    args: the address of a step's `ConvArgs`.
    x: the address of the first channel's image.
    to: that of the block, whose rows, for each place of each channel, are `row` bytes long.
    first, width: positions; the last vector of a row is filled up with 0.
    """
    _Patches(builder, ir.FloatType(), (args, x, to, row, channels, first, width))


@emits
def double(builder: Any, args: Any, x: Any, to: Any, row: Any, channels: Any, first: Any, width: Any) -> None:
    """Fill a block in float64."""
    _Patches(builder, ir.DoubleType(), (args, x, to, row, channels, first, width))

"""Instructions of vectors, for code that handles as many numbers at once as a register holds."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from ...native.word_compiler import I64, emits
from ..gemm.sizes import REGISTER_BYTES

I32 = ir.IntType(32)


class Lanes:
    """Code of one type of floats, being emitted: a vector is a register.

    lanes: the numbers of a vector.
    bytes: those of a number.
    size: those of a vector.
    vector, ints, flags: the types of a vector of floats, of int32, of bits.
    bits: the type of an integer with a bit for each lane.
    """

    def __init__(self, builder: Any, real: Any) -> None:
        self.b, self.real = builder, real
        self.bytes = 4 if isinstance(real, ir.FloatType) else 8
        self.size, self.lanes = REGISTER_BYTES, REGISTER_BYTES // self.bytes
        self.vector, self.ints = ir.VectorType(real, self.lanes), ir.VectorType(I32, self.lanes)
        self.bits, self.flags = ir.IntType(self.lanes), ir.VectorType(ir.IntType(1), self.lanes)
        self.lane = ir.Constant(self.ints, list(range(self.lanes)))
        self.nothing = ir.Constant(self.vector, None)

    # ---- memory ----------------------------------------------------------------------------------

    def load(self, address: Any) -> Any:
        """The vector at an address."""
        return self.b.load(self.pointer(address), align=4)

    def store(self, value: Any, address: Any) -> None:
        """Store a vector."""
        self.b.store(value, self.pointer(address), align=4)

    def prefetch(self, address: Any) -> None:
        """Fetch the line of an address into the cache."""
        byte = ir.IntType(8).as_pointer()
        self.call("llvm.prefetch.p0", ir.VoidType(), [byte, I32, I32, I32],
                  [self.b.inttoptr(address, byte), I32(0), I32(3), I32(1)])

    def number(self, address: Any) -> Any:
        """The number at an address, in all lanes."""
        return self.splat(self.vector, self.b.load(self.b.inttoptr(address, self.real.as_pointer())))

    def load_some(self, address: Any, flags: Any, others: Any) -> Any:
        """The vector at an address in some lanes, and those of `others` in place of its other lanes."""
        return self.masked_load(self.vector, address, flags, others)

    def masked_load(self, kind: Any, address: Any, flags: Any, others: Any) -> Any:
        """The same for a type of vectors, of any length."""
        kinds = [kind.as_pointer(), I32, flags.type, kind]
        return self.call(f"llvm.masked.load.v{kind.count}f{8 * self.bytes}.p0", kind, kinds,
                         [self.b.inttoptr(address, kind.as_pointer()), I32(self.bytes), flags, others])

    def store_some(self, value: Any, address: Any, flags: Any) -> None:
        """Store some lanes of a vector."""
        kinds = [self.vector, self.vector.as_pointer(), I32, self.flags]
        self.call(f"llvm.masked.store.{self._name()}.p0", ir.VoidType(), kinds,
                  [value, self.pointer(address), I32(self.bytes), flags])

    def gather(self, addresses: Any, flags: Any) -> Any:
        """The numbers at a vector of addresses, and 0 in place of those that `flags` leaves out."""
        pointers = ir.VectorType(self.real.as_pointer(), self.lanes)
        return self.call(f"llvm.masked.gather.{self._name()}.v{self.lanes}p0", self.vector,
                         [pointers, I32, self.flags, self.vector],
                         [self.b.inttoptr(addresses, pointers), I32(self.bytes), flags, self.nothing])

    def scatter(self, value: Any, addresses: Any, flags: Any) -> None:
        """Store some lanes of a vector at a vector of addresses."""
        pointers = ir.VectorType(self.real.as_pointer(), self.lanes)
        self.call(f"llvm.masked.scatter.{self._name()}.v{self.lanes}p0", ir.VoidType(),
                  [self.vector, pointers, I32, self.flags],
                  [value, self.b.inttoptr(addresses, pointers), I32(self.bytes), flags])

    def pointer(self, address: Any) -> Any:
        """The pointer to the vector at an address."""
        return self.b.inttoptr(address, self.vector.as_pointer())

    # ---- values ----------------------------------------------------------------------------------

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        """`x * y + z`, rounded once."""
        return self.call(f"llvm.fma.{self._name()}", self.vector, [self.vector] * 3, [x, y, z])

    def total(self, value: Any) -> Any:
        """The sum of a vector's numbers."""
        half = self.lanes // 2
        while half:
            order = ir.Constant(self.ints, [lane ^ half for lane in range(self.lanes)])
            value, half = self.b.fadd(value, self.b.shuffle_vector(value, value, order)), half // 2
        return self.b.extract_element(value, I32(0))

    def mask(self, flags: Any) -> Any:
        """The flags of lanes as the bits of an integer."""
        return self.b.bitcast(flags, self.bits)

    def flags_of(self, mask: Any) -> Any:
        """The bits of an integer as flags of lanes."""
        return self.b.bitcast(mask, self.flags)

    def ints_of(self, word: Any) -> Any:
        """A word in all lanes, as int32."""
        return self.splat(self.ints, self.b.trunc(word, I32))

    def below(self, count: Any) -> Any:
        """The flags of the lanes below `count`: none where it is not positive, all where it is their number or more."""
        return self.b.icmp_signed("<", self.lane, self.ints_of(count))

    def places_of(self, start: Any, index: Any) -> Any:
        """The addresses of the numbers at a vector of indices from an address on."""
        wide = ir.VectorType(I64, self.lanes)
        return self.b.add(self.splat(wide, start), self.b.mul(self.b.sext(index, wide), ir.Constant(
            wide, [self.bytes] * self.lanes)))

    def splat(self, kind: Any, x: Any) -> Any:
        """A number in all lanes."""
        first = self.b.insert_element(ir.Constant(kind, ir.Undefined), x, I32(0))
        return self.b.shuffle_vector(first, first, ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes))

    def call(self, name: str, result: Any, kinds: Sequence[Any], values: Sequence[Any]) -> Any:
        """Call an intrinsic of LLVM."""
        module = self.b.module
        found = module.globals.get(name) or ir.Function(module, ir.FunctionType(result, kinds), name)
        return self.b.call(found, values)

    def _name(self) -> str:
        return f"v{self.lanes}f{8 * self.bytes}"

    # ---- loops -----------------------------------------------------------------------------------

    @contextmanager
    def loop(self, count: Any, start: Any = None, step: int = 1) -> Iterator[Any]:
        """Emit a loop over range(start, count, step)."""
        b, before = self.b, self.b.block
        test, turn, end = (b.append_basic_block(name) for name in ("test", "turn", "end"))
        b.branch(test)
        b.position_at_end(test)
        i = b.phi(I64)
        i.add_incoming(I64(0) if start is None else start, before)
        b.cbranch(b.icmp_signed("<", i, count), turn, end)
        b.position_at_end(turn)
        yield i
        i.add_incoming(b.add(i, I64(step)), b.block)
        b.branch(test)
        b.position_at_end(end)

    def copy(self, to: Any, source: Any, count: Any) -> None:
        """Copy `count` numbers. The last vector overlaps: without AVX-512, to store some lanes takes very long."""
        b, lanes = self.b, self.lanes
        with b.if_else(b.icmp_signed(">=", count, I64(lanes))) as (many, few):
            with many:
                with self.loop(b.and_(count, I64(-lanes)), step=lanes) as i:
                    self._copy(lanes, to, source, i)
                with b.if_then(b.icmp_signed("!=", b.and_(count, I64(lanes - 1)), I64(0))):
                    self._copy(lanes, to, source, b.sub(count, I64(lanes)))
            with few:
                while lanes > 1:
                    lanes //= 2
                    fits = b.and_(b.icmp_signed(">=", count, I64(lanes)), b.icmp_signed("<", count, I64(2 * lanes)))
                    with b.if_then(fits):
                        self._copy(lanes, to, source, I64(0))
                        self._copy(lanes, to, source, b.sub(count, I64(lanes)))

    def _copy(self, lanes: int, to: Any, source: Any, first: Any) -> None:
        """Copy so many numbers, a power of two, from number `first` on."""
        at, kind = self.b.mul(first, I64(self.bytes)), ir.VectorType(self.real, lanes).as_pointer()
        value = self.b.load(self.b.inttoptr(self.b.add(source, at), kind), align=4)
        self.b.store(value, self.b.inttoptr(self.b.add(to, at), kind), align=4)

    def fold(self, count: Any, first: Sequence[Any], turn: Callable[[Any, Sequence[Any]], Sequence[Any]]) -> list[Any]:
        """Emit a loop over range(count), through which values are handed; returns those after it."""
        b, before = self.b, self.b.block
        test, body, end = (b.append_basic_block(name) for name in ("fold", "folding", "folded"))
        b.branch(test)
        b.position_at_end(test)
        i = b.phi(I64)
        values = [b.phi(x.type) for x in first]
        b.cbranch(b.icmp_signed("<", i, count), body, end)
        b.position_at_end(body)
        made = turn(i, values)
        for phi, start, after in zip([i, *values], [I64(0), *first], [b.add(i, I64(1)), *made], strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(after, b.block)
        b.branch(test)
        b.position_at_end(end)
        return values


def in_both(builder: Any, size: Any, emit: Callable[[Lanes], None]) -> None:
    """Emit code for float32, which runs where the word `size` is 4, and for float64."""
    with builder.if_else(builder.icmp_signed("==", size, I64(4))) as (single, double):
        with single:
            emit(Lanes(builder, ir.FloatType()))
        with double:
            emit(Lanes(builder, ir.DoubleType()))


@emits
def copy_row(builder: Any, size: Any, to: Any, source: Any, count: Any) -> None:
    """Copy `count` numbers; the last vector of the copy is filled up with 0."""
    def emit(lanes: Lanes) -> None:
        with lanes.loop(count, step=lanes.lanes) as i:
            at = builder.mul(i, I64(lanes.bytes))
            some = lanes.load_some(builder.add(source, at), lanes.below(builder.sub(count, i)), lanes.nothing)
            lanes.store(some, builder.add(to, at))

    in_both(builder, size, emit)

"""Matrix products by register tiling, with little packing.

OpenBLAS packs both operands, on each thread anew, which is slow for a part of a product that has few rows, or whose
other operand is long. Here a tile of the product stays in registers through one loop over the inner dimension, which
reads rows of B in place and broadcasts elements of A. Where A has many rows, the tile's columns of B are packed first,
on the stack; where B is stored by columns, always.

Measured on two Zen 4 cores (peak 226 GFLOP/s), OpenBLAS -> here, microseconds: 784x256x256 with A transposed
536 -> 455, 32x256x256 25.6 -> 21.4, 16x64x64 2.1 -> 1.5, 4x512x512 31 -> 12, 4096x64x64 177 -> 151,
200x50x300 45 -> 33; 256x784x256 and 1000x1000x1000 are equal. B stored by columns: 16x64x64 2.0 -> 1.5,
32x256x256 29 -> 23, 3x1000x784 184 -> 99, 256x784x256 570 -> 490. Sums of 8192 are 30 % slower here: those are left to
OpenBLAS. On a Zen 3 core, without AVX-512, OpenBLAS's time over the one here: 16x64x64 1.2, 256x784x256 1.04 to 1.07,
200x48x300 1.15 to 1.28, 4x512x512 1.4, 256 of 32x32x32 1.5.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from ...native.loop_hints import say
from ...native.word_compiler import F64, emits
from ...native.word_compiler import I64 as _I64
from .sizes import DEPTH, LANES, REGISTERS, WIDTH
from .squares import transposed

_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)

#: Heights of tiles, the largest first, by the width in vectors: the largest fill three quarters of the registers, and
#: few tiles do the rows that are left, as one of few sums waits for each.
ROWS = {vectors: tuple([rows for rows in (24, 12, 8, 6, 4, 2, 1) if 4 * rows * vectors <= 3 * REGISTERS])
        for vectors in (1, 2)}

#: The steps along the inner dimension by which operands are prefetched. The processor does that by itself for small
#: steps only: of A transposed each step is another line, and with rows of 4 KiB another page. With it, in parts of the
#: peak: 1024x64x1024 with A transposed 0.39 -> 0.91, 512x2048x1024 0.80 -> 0.93, 1024x512x512 0.87 -> 0.92.
AHEAD = 32

#: Whether A by rows and A transposed have code of their own, in which one step is a constant and rows are not
#: prefetched: the 12 products of a vector by a number that 16 registers hold take 6 cycles, and leave time for 36
#: instructions; the code for both has 30.
APART = REGISTERS < 32

#: The steps along the inner dimension that one turn of the loop takes where operands are packed and registers are few:
#: its 12 products take the 6 cycles to which a jump adds one or two. Parts of the peak on a Zen 3 core: 1 step 0.68 to
#: 0.80, 2 steps 0.93, 4 steps 0.95. With a step between rows that is found at run time, more of them would be loaded
#: ahead, into registers that are not there.
UNROLLED = 4 if REGISTERS < 32 else 1

#: The rows of A from which packing B's columns pays.
REUSED = 28 if REGISTERS < 32 else 36

#: The longest inner dimension: beyond it OpenBLAS's order of blocks is faster.
LONGEST = 1024

#: The most rows of a transposed A, beyond which OpenBLAS is faster with 16 registers: a tile of six rows reads a third
#: of each line of A, and lines of many rows push each other out of the cache. OpenBLAS's time over that of tiles on a
#: Zen 3 core: 84x120x256 1.06, 128x256x256 1.02, 192x256x256 0.91, 512x256x256 0.77, 1024x512x512 0.61.
MOST_TURNED = 128 if REGISTERS < 32 else 1 << 31

#: The way of reading a narrow B in place, all lanes of which may be read.
WHOLE = 3


class Tiles:
    """The loops of one call, being emitted: addresses and steps are int64, steps in bytes.

    a_next: None where A is packed by the heights of tiles; see `panels.py`.
    vectors: the width of a tile.
    some: the number of its columns that the product has; None where it has all.
    """

    def __init__(self, builder: Any, values: list[Any], vectors: int, some: Any = None) -> None:
        self.b = builder
        self.vectors = vectors
        self.some = some
        (self.a, self.a_row, self.a_next, self.y, self.y_next, column, self.c, self.c_row, self.m, self.k, way,
         self.alpha, self.beta) = values
        self._pack(way, column)
        name = f"llvm.fma.v{LANES}f32"
        self.fma = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), name)
        place = None
        for rows in ROWS[vectors if self.a_next is not None else 2]:
            place = self._rows(rows, place)

    def _pack(self, way: Any, column: Any) -> None:
        """Pack the columns of B row by row: by vectors (way 1), transposed (2), or not at all.

        Way 0 packs a narrow B only; WHOLE is the way not to pack that.
        """
        b = self.b
        to = self._room(DEPTH * self.vectors)
        with b.if_else(b.icmp_signed("==", way, _I64(2))) as (turned, plain):
            with turned:
                columns = self._columns(column)
                with b.if_else(b.icmp_signed("<", self.k, _I64(LANES))) as (few, many):
                    with few:
                        self._copy(to, lambda source, target: self._spell(source, target, columns))
                    with many:
                        self._copy(to, lambda source, target: self._turn(source, target, columns), LANES)
            with plain:
                if self.some is not None:
                    with b.if_then(b.icmp_signed("!=", way, _I64(WHOLE))):
                        self._copy(to, lambda source, target: self._move(target, source))
                else:
                    with b.if_then(b.icmp_signed("==", way, _I64(1))):
                        self._copy(to, self._shift)
        packed = _I64(4 * LANES * self.vectors)
        if isinstance(self.y_next, ir.Constant) and isinstance(way, ir.Constant):
            return
        there = b.icmp_signed("==", way, _I64(0 if self.some is None else WHOLE))
        self.y, self.y_next = b.select(there, self.y, to), b.select(there, self.y_next, packed)

    def _columns(self, column: Any) -> list[Any]:
        """The offset in B of each column of a tile; that of the first one in place of columns that B does not have."""
        b = self.b
        found = []
        for i in range(LANES * self.vectors):
            at = b.mul(_I64(i), column)
            found.append(at if self.some is None else b.select(b.icmp_signed("<", _I64(i), self.some), at, _I64(0)))
        return found

    def _room(self, vectors: int) -> Any:
        """The address of room for so many vectors on the stack."""
        b = self.b
        with b.goto_entry_block():
            room = b.alloca(ir.ArrayType(_VECTOR, vectors))
            room.align = 4 * LANES
        return b.ptrtoint(room, _I64)

    def _move(self, to: Any, source: Any) -> None:
        """Copy a row of the columns that the product has, and zeros behind them."""
        self._put(self._load_some(source), to)

    def _shift(self, source: Any, target: Any) -> None:
        for at in range(0, 4 * WIDTH, 4 * LANES):
            self._prefetch(self.b.add(self.b.add(source, _I64(at)), self.b.mul(self.y_next, _I64(AHEAD))))
            self._put(self._load(self.b.add(source, _I64(at))), self.b.add(target, _I64(at)))

    def _spell(self, source: Any, target: Any, columns: Sequence[Any]) -> None:
        """Copy a row of B, stored by columns, number by number."""
        b = self.b
        for i, column in enumerate(columns):
            number = b.load(b.inttoptr(b.add(source, column), _FLOAT.as_pointer()))
            b.store(number, b.inttoptr(b.add(target, _I64(4 * i)), _FLOAT.as_pointer()))

    def _turn(self, source: Any, target: Any, columns: Sequence[Any]) -> None:
        """Copy LANES rows of B, stored by columns: square blocks are transposed in registers."""
        b = self.b
        for first in range(0, len(columns), LANES):
            square = [self._load(b.add(source, column)) for column in columns[first:first + LANES]]
            for column in columns[first:first + LANES]:
                self._prefetch(b.add(b.add(source, column), _I64(16 * LANES)))
            for i, row in enumerate(transposed(b, square)):
                self._put(row, b.add(target, _I64(4 * (len(columns) * i + first))))

    def _copy(self, to: Any, one: Callable[[Any, Any], Any], rows: int = 1) -> None:
        """Emit `one(source, target)` for each row of B, or for so many at a time; the last ones may overlap."""
        b, start = self.b, self.b.block
        loop, end = b.append_basic_block("pack"), b.append_basic_block("packed")
        b.branch(loop)
        b.position_at_end(loop)
        count = b.phi(_I64)
        count.add_incoming(_I64(0), start)
        last = b.sub(self.k, _I64(rows))
        row = b.select(b.icmp_signed("<", count, last), count, last)
        one(b.add(self.y, b.mul(row, self.y_next)), b.add(to, b.mul(row, _I64(4 * LANES * self.vectors))))
        after = b.add(count, _I64(rows))
        count.add_incoming(after, b.block)
        b.cbranch(b.icmp_signed("<", after, self.k), loop, end)
        b.position_at_end(end)

    def _rows(self, rows: int, before: Any) -> Any:
        """Emit the loop over tiles of so many rows, while as many are left; returns the row after them."""
        b = self.b
        start = b.block
        test, turn, end = (b.append_basic_block(f"{name}{rows}") for name in ("test", "turn", "end"))
        b.branch(test)
        b.position_at_end(test)
        row = b.phi(_I64)
        row.add_incoming(_I64(0) if before is None else before, start)
        after = b.add(row, _I64(rows))
        b.cbranch(b.icmp_signed("<=", after, self.m), turn, end)
        b.position_at_end(turn)
        self._tile(rows, row)
        row.add_incoming(after, b.block)
        b.branch(test)
        b.position_at_end(end)
        return row

    def _tile(self, rows: int, row: Any) -> None:
        b = self.b
        a_next = self.a_next
        if a_next is None:
            a, a_next = b.add(self.a, b.mul(b.mul(row, self.k), self.a_row)), _I64(4 * rows)
        else:
            a = b.add(self.a, b.mul(row, self.a_row))
        starts = [a]
        for _ in range(1, rows):
            starts.append(b.add(starts[-1], self.a_row))
        if self.a_next is None:
            for i in range(rows):
                place = b.add(self.c, b.mul(b.add(row, _I64(i)), self.c_row))
                for at in (0, 60):
                    self._prefetch(b.add(place, _I64(at)))
        sums = [[ir.Constant(_VECTOR, None)] * self.vectors for _ in range(rows)]
        state = [_I64(0), _I64(0), self.y, *sum(sums, [])]
        if UNROLLED > 1 and 2 * rows * self.vectors >= REGISTERS and isinstance(self.y_next, ir.Constant):
            state = self._steps(UNROLLED, starts, a_next, state)
        _, _, _, *flat = self._steps(1, starts, a_next, state)
        made = [flat[first:first + self.vectors] for first in range(0, len(flat), self.vectors)]
        self._store(made, b.add(self.c, b.mul(row, self.c_row)))

    def _steps(self, unrolled: int, starts: Sequence[Any], a_next: Any, state: Sequence[Any]) -> list[Any]:
        """Emit the loop over the inner dimension while so many steps are left; returns the state after it.

        state: the number of steps done, the bytes between A's first number and the next one, the address of the next
            row of B, and the sums row by row.
        """
        b, before = self.b, self.b.block
        test, turn, end = (b.append_basic_block(f"{name}{unrolled}") for name in ("inner", "step", "done"))
        b.branch(test)
        b.position_at_end(test)
        phis = [b.phi(x.type) for x in state]
        for phi, value in zip(phis, state, strict=True):
            phi.add_incoming(value, before)
        count, offset, y, *sums = phis
        after = b.add(count, _I64(unrolled))
        b.cbranch(b.icmp_signed("<=", after, self.k), turn, end)
        b.position_at_end(turn)
        for _ in range(unrolled):
            others = [self._load(b.add(y, _I64(4 * LANES * v))) for v in range(self.vectors)]
            if not isinstance(a_next, ir.Constant):
                near = starts[0] if isinstance(self.a_row, ir.Constant) else b.add(
                    starts[0], b.mul(b.and_(count, _I64(LANES - 1)), self.a_row))
                self._prefetch(b.add(b.add(near, offset), b.mul(a_next, _I64(AHEAD))))
            made = []
            for i, start in enumerate(starts):
                x = self._spread(b.load(b.inttoptr(b.add(start, offset), _FLOAT.as_pointer())))
                own = sums[i * self.vectors:(i + 1) * self.vectors]
                made += [b.call(self.fma, [x, other, s]) for other, s in zip(others, own, strict=True)]
            sums, offset, y = made, b.add(offset, a_next), b.add(y, self.y_next)
        for phi, value in zip(phis, [after, offset, y, *sums], strict=True):
            phi.add_incoming(value, b.block)
        say(b.module, b.branch(test), "llvm.loop.unroll.disable")
        b.position_at_end(end)
        return phis

    def _store(self, made: list[list[Any]], c: Any) -> None:
        """Store `alpha * made + beta * c`; with beta 0, c is not read."""
        b = self.b
        alpha, beta = (self._spread(b.fptrunc(x, _FLOAT)) for x in (self.alpha, self.beta))
        fresh = b.fcmp_ordered("==", self.beta, self.beta.type(0.0))
        if self.some is None:
            return self._store_all(made, c, alpha, beta, fresh)
        with b.if_else(b.icmp_signed("==", self.some, _I64(LANES))) as (whole, part):
            with whole:
                self._store_all(made, c, alpha, beta, fresh)
            with part:
                self._store_some([value for value, in made], c, alpha, beta, fresh)

    def _store_all(self, made: list[list[Any]], c: Any, alpha: Any, beta: Any, fresh: Any) -> None:
        b, places = self.b, []
        for own in made:
            places.append([b.add(c, _I64(4 * LANES * v)) for v in range(len(own))])
            c = b.add(c, self.c_row)
        with b.if_else(fresh) as (new, old):
            with new:
                for own, at in zip(made, places, strict=True):
                    for value, where in zip(own, at, strict=True):
                        self._put(b.fmul(alpha, value), where)
            with old:
                for own, at in zip(made, places, strict=True):
                    for value, where in zip(own, at, strict=True):
                        kept = b.fmul(beta, self._load(where))
                        self._put(b.call(self.fma, [alpha, value, kept]), where)

    def _store_some(self, made: list[Any], c: Any, alpha: Any, beta: Any, fresh: Any) -> None:
        """The same for the lanes of the columns that the product has: the memory behind them is not the tile's."""
        b = self.b
        mask, where, number = self._mask(), _VECTOR.as_pointer(), ir.IntType(32)
        store = self._intrinsic("masked.store", ir.VoidType(), [_VECTOR, where, number, mask.type])
        for value in made:
            scaled = b.fmul(alpha, value)
            start = b.block
            with b.if_then(b.not_(fresh)):
                added, other = b.call(self.fma, [beta, self._load_some(c), scaled]), b.block
            result = b.phi(_VECTOR)
            result.add_incoming(scaled, start)
            result.add_incoming(added, other)
            b.call(store, [result, b.inttoptr(c, where), number(4), mask])
            c = b.add(c, self.c_row)

    def _mask(self) -> Any:
        """The flags of the columns that the product has."""
        number = ir.IntType(32)
        lanes = ir.Constant(ir.VectorType(number, LANES), list(range(LANES)))
        return self.b.icmp_signed("<", lanes, self._spread(self.b.trunc(self.some, number)))

    def _load_some(self, address: Any) -> Any:
        """The vector at an address, with zeros in place of the columns that the product lacks."""
        where, number, mask = _VECTOR.as_pointer(), ir.IntType(32), self._mask()
        load = self._intrinsic("masked.load", _VECTOR, [where, number, mask.type, _VECTOR])
        return self.b.call(load, [self.b.inttoptr(address, where), number(4), mask, ir.Constant(_VECTOR, None)])

    def _intrinsic(self, name: str, result: Any, kinds: list[Any]) -> Any:
        full = f"llvm.{name}.v{LANES}f32.p0"
        return self.b.module.globals.get(full) or ir.Function(self.b.module, ir.FunctionType(result, kinds), full)

    def _prefetch(self, address: Any) -> None:
        """Begin to bring a cache line near, of memory that may not exist."""
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        prefetch = self.b.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        self.b.call(prefetch, [self.b.inttoptr(address, pointer), number(0), number(3), number(1)])

    def _load(self, address: Any) -> Any:
        return self.b.load(self.b.inttoptr(address, _VECTOR.as_pointer()), align=4)

    def _put(self, value: Any, address: Any) -> None:
        self.b.store(value, self.b.inttoptr(address, _VECTOR.as_pointer()), align=4)

    def _spread(self, x: Any) -> Any:
        kind = ir.VectorType(x.type, LANES)
        first = self.b.insert_element(ir.Constant(kind, ir.Undefined), x, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return self.b.shuffle_vector(first, first, zeros)


@emits
def columns(builder: Any, a: Any, a_row: Any, a_next: Any, b: Any, b_next: Any, b_column: Any, c: Any, c_row: Any,
            m: Any, k: Any, way: Any, width: Any, alpha: Any, beta: Any) -> None:
    """Compute `width` columns of `alpha * A @ B + beta * C` in float32, m rows, 0 < k <= DEPTH; steps count bytes.

    a_row, a_next: one of them is 4.
    width: WIDTH, or up to LANES.
    way: 0 where B is read in place, unless it is narrow; 1 where it is packed by vectors; 2 where it is stored by
        columns, and packed transposed; WHOLE where a narrow B is read in place, with LANES columns.
    alpha, beta: words with the bits of float64s.
    """
    factors = [builder.bitcast(x, F64) for x in (alpha, beta)]
    values = [a, a_row, a_next, b, b_next, b_column, c, c_row, m, k, way, *factors]

    def emit(values: list[Any]) -> None:
        with builder.if_else(builder.icmp_signed("==", width, _I64(WIDTH))) as (wide, narrow):
            with wide:
                Tiles(builder, values, 2)
            with narrow:
                Tiles(builder, values, 1, width)

    if not APART:
        return emit(values)
    with builder.if_else(builder.icmp_signed("==", a_next, _I64(4))) as (plain, turned):
        with plain:
            emit([a, a_row, _I64(4), *values[3:]])
        with turned:
            emit([a, _I64(4), *values[2:]])

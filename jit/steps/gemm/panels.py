"""Matrix products of packed operands: A by panels of a tile's rows, B by panels of a tile's columns (Goto and van de
Geijn, "Anatomy of high-performance matrix multiplication", 2008).

`tiles.columns` reads A where it lies: six or twelve rows at once, or parts of the lines of a transposed A; and each
part of a product packs the columns of B again. Here B is packed once for all parts, by a row of its own, and each part
packs its rows of A, so that the inner loop has constant steps only. On a Zen 3 core whose peak is 97 GFLOP/s,
OpenBLAS's time over the one here: 1024x512x512 1.06, 1000x1000x1000 1.09, 512x1024x512 with A transposed 1.11. A step
of a transformer's encoder on two cores takes 0.84 to 0.97 of the time, one of a language model 0.94.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ...native.word_compiler import F64, emits
from ...native.word_compiler import I64 as _I64
from ...native.word_intrinsics import room, smaller
from .sizes import LANES, WIDTH
from .squares import transposed
from .tiles import ROWS, WHOLE, Tiles

_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)

#: The heights of panels: those of tiles of WIDTH columns, the largest first.
HEIGHTS = ROWS[2]

#: The rows and the part of the inner dimension of a block of A, which lies in the second cache.
BLOCK_ROWS, BLOCK_DEPTH = 192, 384

#: The panels of a transposed A that are packed side by side, so that whole cache lines of it are read.
GROUP = 16

_ROOM = 4 * (BLOCK_ROWS * BLOCK_DEPTH + 16)
_LOAD = f"llvm.masked.load.v{LANES}f32.p0"


def _loop(b: Any, bound: Any, step: int, one: Callable[[Any], None], start: Any = None) -> Any:
    """Emit `one(i)` for i = start, start + step, ... while i + step <= bound; returns the next i."""
    before = b.block
    test, turn, end = (b.append_basic_block(name) for name in ("test", "turn", "end"))
    b.branch(test)
    b.position_at_end(test)
    i = b.phi(_I64)
    i.add_incoming(_I64(0) if start is None else start, before)
    after = b.add(i, _I64(step))
    b.cbranch(b.icmp_signed("<=", after, bound), turn, end)
    b.position_at_end(turn)
    one(i)
    i.add_incoming(after, b.block)
    b.branch(test)
    b.position_at_end(end)
    return i


def _at(b: Any, address: Any, count: Any, step: Any) -> Any:
    return b.add(address, b.mul(count, step))


@emits
def _pack(b: Any, to: Any, a: Any, a_row: Any, a_next: Any, m: Any, k: Any) -> None:
    """Pack m rows of A by panels: of each the numbers of all its rows, step by step.

    a_row, a_next: the bytes between rows and between steps of A; one of them is 4.
    to: the address of room for m * k numbers, and a vector behind them, which is written, too.
    """
    def panel(i: Any, step: Any) -> tuple[Any, Any]:
        return _at(b, to, b.mul(i, k), _I64(4)), _at(b, a, i, step)

    def moved(rows: int, group: int) -> Callable[[Any], None]:
        return lambda i: _move(b, *panel(i, _I64(4)), a_next, k, rows, group)

    def turned(rows: int) -> Callable[[Any], None]:
        def one(i: Any) -> None:
            target, source = panel(i, a_row)
            _turn(b, target, [_at(b, source, _I64(row), a_row) for row in range(rows)], k)
        return one

    with b.if_else(b.icmp_signed("==", a_row, _I64(4))) as (by_columns, by_rows):
        with by_columns:
            row = _I64(0)
            for rows, group in ((HEIGHTS[0], GROUP), *((rows, 1) for rows in HEIGHTS)):
                row = _loop(b, m, rows * group, moved(rows, group), row)
        with by_rows:
            row = _I64(0)
            for rows in HEIGHTS:
                row = _loop(b, m, rows, turned(rows), row)


def _move(b: Any, to: Any, a: Any, a_next: Any, k: Any, rows: int, group: int) -> None:
    """Pack `group` panels of so many rows that lie side by side in a transposed A."""
    kind = (ir.VectorType(_FLOAT, rows) if rows > 1 else _FLOAT).as_pointer()

    def one(step: Any) -> None:
        source, target = _at(b, a, step, a_next), _at(b, to, step, _I64(4 * rows))
        for i in range(group):
            numbers = b.load(b.inttoptr(b.add(source, _I64(4 * rows * i)), kind), align=4)
            b.store(numbers, b.inttoptr(_at(b, target, _I64(4 * rows * i), k), kind), align=4)

    _loop(b, k, 1, one)


def _turn(b: Any, to: Any, starts: list[Any], k: Any) -> None:
    """Pack lines of k numbers side by side, step by step: square blocks are transposed in registers, the last steps are
    taken number by number. Behind a block of few lines other numbers are written, and then over these the next step.
    """
    width = len(starts)

    def several(step: Any) -> None:
        at, target = b.mul(step, _I64(4)), _at(b, to, step, _I64(4 * width))
        for first in range(0, width, LANES):
            square = [b.load(b.inttoptr(b.add(start, at), _VECTOR.as_pointer()), align=4)
                      for start in starts[first:first + LANES]]
            square += [ir.Constant(_VECTOR, ir.Undefined)] * (LANES - len(square))
            for i, row in enumerate(transposed(b, square)):
                b.store(row, b.inttoptr(b.add(target, _I64(4 * (width * i + first))), _VECTOR.as_pointer()), align=4)

    def single(step: Any) -> None:
        target = _at(b, to, step, _I64(4 * width))
        for i, start in enumerate(starts):
            number = b.load(b.inttoptr(_at(b, start, step, _I64(4)), _FLOAT.as_pointer()))
            b.store(number, b.inttoptr(b.add(target, _I64(4 * i)), _FLOAT.as_pointer()))

    _loop(b, k, 1, single, _loop(b, k, LANES, several))


@emits
def _lay(b: Any, to: Any, y: Any, y_next: Any, k: Any, count: Any, step: Any) -> None:
    """Pack `count` panels of WIDTH columns of B, `step` bytes apart, row by row."""

    def row(i: Any) -> None:
        source, target = _at(b, y, i, y_next), _at(b, to, i, _I64(4 * WIDTH))

        def panel(p: Any) -> None:
            for at in range(0, 4 * WIDTH, 4 * LANES):
                number = b.load(b.inttoptr(_at(b, b.add(source, _I64(at)), p, _I64(4 * WIDTH)), _VECTOR.as_pointer()),
                                align=4)
                b.store(number, b.inttoptr(_at(b, b.add(target, _I64(at)), p, step), _VECTOR.as_pointer()), align=4)

        _loop(b, count, 1, panel)

    _loop(b, k, 1, row)


@emits
def _wide(b: Any, a: Any, y: Any, c: Any, c_row: Any, m: Any, k: Any, alpha: Any, beta: Any) -> None:
    """Compute WIDTH columns of the product of the packed A at `a` and the panel of B at `y`."""
    factors = [b.bitcast(x, F64) for x in (alpha, beta)]
    Tiles(b, [a, _I64(4), None, y, _I64(4 * WIDTH), _I64(4), c, c_row, m, k, _I64(0), *factors], 2)


@emits
def _narrow(b: Any, a: Any, y: Any, c: Any, c_row: Any, m: Any, k: Any, width: Any, alpha: Any, beta: Any) -> None:
    """Compute `width` columns, at most LANES, of that product."""
    factors = [b.bitcast(x, F64) for x in (alpha, beta)]
    Tiles(b, [a, _I64(4), None, y, _I64(4 * WIDTH), _I64(4), c, c_row, m, k, _I64(WHOLE), *factors], 1, width)


@emits
def _lay_part(b: Any, to: Any, y: Any, y_next: Any, k: Any, width: Any) -> None:
    """Pack a panel of fewer columns, with zeros in place of those that B lacks."""
    number, where = ir.IntType(32), _VECTOR.as_pointer()
    lane = ir.Constant(ir.VectorType(number, LANES), list(range(LANES)))
    flags = ir.VectorType(ir.IntType(1), LANES)
    load = b.module.globals.get(_LOAD) or ir.Function(
        b.module, ir.FunctionType(_VECTOR, [where, number, flags, _VECTOR]), _LOAD)
    zeros = ir.Constant(ir.VectorType(number, LANES), [0] * LANES)

    def row(i: Any) -> None:
        source, target = _at(b, y, i, y_next), _at(b, to, i, _I64(4 * WIDTH))
        for first in range(0, WIDTH, LANES):
            left = b.insert_element(zeros, b.trunc(b.sub(width, _I64(first)), number), number(0))
            mask = b.icmp_signed("<", lane, b.shuffle_vector(left, left, zeros))
            some = b.call(load, [b.inttoptr(b.add(source, _I64(4 * first)), where), number(4), mask,
                                 ir.Constant(_VECTOR, None)])
            b.store(some, b.inttoptr(b.add(target, _I64(4 * first)), where), align=4)

    _loop(b, k, 1, row)


@emits
def _lay_columns(b: Any, to: Any, y: Any, y_column: Any, k: Any, width: Any) -> None:
    """Pack a panel of a B that is stored by columns; in place of columns that it lacks, the first one stands again."""
    places = [b.select(b.icmp_signed("<", _I64(i), width), _I64(i), _I64(0)) for i in range(WIDTH)]
    _turn(b, to, [_at(b, y, place, y_column) for place in places], k)


def lay_panels(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Pack panels lo...hi of B: of each, all rows of WIDTH columns.

    args: the slots of B and of the panels, the columns and rows of B, whether it is stored by columns, and a slot that
    is not 0 where the panels are packed already.
    """
    if bind[args[5]] != 0:
        return
    n, k = args[2], args[3]
    while lo < hi:
        to = bind[args[1]] + 4 * WIDTH * k * lo
        whole = smaller(hi, n // WIDTH) - lo
        if args[4]:
            _lay_columns(to, bind[args[0]] + 4 * WIDTH * k * lo, 4 * k, k, n - WIDTH * lo)
            lo += 1
        elif whole > 0:
            count = smaller(whole, GROUP)
            _lay(to, bind[args[0]] + 4 * WIDTH * lo, 4 * n, k, count, 4 * WIDTH * k)
            lo += count
        else:
            _lay_part(to, bind[args[0]] + 4 * WIDTH * lo, 4 * n, k, n - WIDTH * lo)
            lo += 1


def multiply_panels(a: int, row: int, step: int, b: int, panel: int, c: int, c_row: int, m: int, n: int, k: int,
                    alpha: int, beta: int, one: int) -> None:
    """Compute `alpha * A @ B + beta * C` in float32: addresses, and steps in bytes.

    row, step: from a row of A to the next one, and along it; one of them is 4.
    b, panel: the panels of `lay_panels`, and the step between them.
    alpha, beta, one: words with the bits of float64s; the last those of 1.
    """
    packed = room(_ROOM)
    at = 0
    while at < k:
        depth = smaller(k - at, BLOCK_DEPTH)
        keep = beta if at == 0 else one
        first = 0
        while first < m:
            rows = smaller(m - first, BLOCK_ROWS)
            _pack(packed, a + first * row + at * step, row, step, rows, depth)
            y = b + 4 * WIDTH * at
            to = c + first * c_row
            for _ in range(n // WIDTH):
                _wide(packed, y, to, c_row, rows, depth, alpha, keep)
                y += panel
                to += 4 * WIDTH
            done = n // WIDTH * WIDTH
            while done < n:
                width = smaller(n - done, LANES)
                _narrow(packed, y, to, c_row, rows, depth, width, alpha, keep)
                y += 4 * LANES
                to += 4 * LANES
                done += LANES
            first += rows
        at += depth

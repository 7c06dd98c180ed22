"""Transforms of Winograd's minimal filtering, for as many tiles at once as a register has lanes.

The matrices are in `minimal_filtering`: a tile of 4 x 4 results is made of 6 x 6 elements by 36 multiplications.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ....native.word_compiler import I64, emits, word_at
from ...gemm.sizes import LANES
from ..arguments import AT, TILES
from ..lanes import Lanes
from .minimal_filtering import ELEMENTS, RESULTS, WEIGHTS, Matrix, transform, transposed

#: The bytes of a buffer of 4 numbers for each tile, and of one of a number for each, with a vector at each end.
BUFFER, PHASE = 16 * TILES + 128, 4 * TILES + 128


def _interleaved(lanes: Lanes, x: Any, y: Any, size: int) -> list[Any]:
    """The two vectors with groups of `size` numbers of `x` and of `y` in turns."""
    order = [i + part * lanes.lanes for group in range(0, lanes.lanes, size) for part in (0, 1)
             for i in range(group, group + size)]
    return [lanes.b.shuffle_vector(x, y, ir.Constant(lanes.ints, half))
            for half in (order[:lanes.lanes], order[lanes.lanes:])]


def _parted(lanes: Lanes, x: Any, y: Any) -> list[Any]:
    """The even numbers of two vectors that follow each other, and the odd ones."""
    return [lanes.b.shuffle_vector(x, y, ir.Constant(lanes.ints, list(range(start, 2 * lanes.lanes, 2))))
            for start in (0, 1)]


@emits
def transform_row(b: Any, to: Any, w: Any, count: Any, step: Any, back: Any) -> None:
    """Transform the 3 x 3 weights of `count` channels, `step` bytes apart, turned about their middle if `back` is 1."""
    lanes = Lanes(b, ir.FloatType())
    wide = ir.VectorType(I64, lanes.lanes)
    pitch = b.mul(b.add(count, I64(LANES)), I64(4))
    with lanes.loop(count, step=lanes.lanes) as c:
        within = lanes.below(b.sub(count, c))
        lane = b.add(lanes.splat(wide, c), b.sext(lanes.lane, wide))
        at = b.add(lanes.splat(wide, w), b.mul(lane, lanes.splat(wide, step)))
        nine = []
        for k in range(9):
            place = b.select(b.icmp_signed("!=", back, I64(0)), I64(4 * (8 - k)), I64(4 * k))
            nine.append(lanes.gather(b.add(at, lanes.splat(wide, place)), within))
        columns = [transform(lanes, WEIGHTS, nine[j::3]) for j in range(3)]
        for i, three in enumerate(zip(*columns, strict=True)):
            for j, value in enumerate(transform(lanes, WEIGHTS, three)):
                lanes.store(value, b.add(b.add(to, b.mul(pitch, I64(6 * i + j))), b.mul(c, I64(4))))


def _lay(b: Any, rows: Any, image: Any, pitch: Any, height: Any, width: Any, y: Any, lines: Any,
         places: Sequence[int]) -> None:
    lanes = Lanes(b, ir.FloatType())
    across, bottom = [b.and_(b.add(x, I64(3)), I64(-4)) for x in (width, height)]
    row = b.mul(width, I64(4))

    def line(_: Any, state: Sequence[Any]) -> list[Any]:
        to, at, y = state
        down = [b.add(y, I64(place)) for place in places]
        inside = [lanes.splat(lanes.flags, b.icmp_unsigned("<", own, height)) for own in down]
        with lanes.loop(across, step=lanes.lanes) as x:
            within, offset = lanes.below(b.sub(width, x)), b.mul(x, I64(4))
            for r, (own, there) in enumerate(zip(down, inside, strict=True)):
                source = b.add(b.add(at, b.mul(own, row)), offset)
                value = lanes.load_some(source, b.and_(within, there), lanes.nothing)
                lanes.store(value, b.add(b.add(to, offset), I64(BUFFER * r)))
        after = b.add(y, I64(4))
        over = b.icmp_signed(">=", after, bottom)
        return [b.add(to, b.mul(across, I64(4))), b.select(over, b.add(at, pitch), at), b.select(over, I64(0), after)]

    lanes.fold(lines, [rows, image, y], line)


@emits
def lay_elements(b: Any, rows: Any, image: Any, pitch: Any, height: Any, width: Any, y: Any, lines: Any) -> None:
    """Lay the six rows that each of some rows of tiles reads, with zeros beside the image.

    image, pitch: the address of the first image, and the bytes to the next one.
    y: the row of the first tiles' results in that image.
    """
    _lay(b, rows, image, pitch, height, width, y, lines, range(-1, 5))


@emits
def lay_cotangents(b: Any, rows: Any, image: Any, pitch: Any, height: Any, width: Any, y: Any, lines: Any) -> None:
    """Lay the four rows of each of some rows of tiles, in the same way."""
    _lay(b, rows, image, pitch, height, width, y, lines, range(4))


def _down(b: Any, rows: Any, phases: Any, tiles: Any, matrix: Matrix) -> None:
    """Transform columns: rows of 4 numbers a tile to six, apart by a number's place in its tile."""
    lanes = Lanes(b, ir.FloatType())
    with lanes.loop(tiles, step=lanes.lanes) as t:
        quarters = []
        for quarter in range(4):
            at = b.add(rows, b.add(b.mul(t, I64(16)), I64(lanes.size * quarter)))
            own = [lanes.load(b.add(at, I64(BUFFER * r))) for r in range(len(matrix[0]))]
            quarters.append(transform(lanes, matrix, own))
        for i, four in enumerate(zip(*quarters, strict=True)):
            even, odd = zip(_parted(lanes, *four[:2]), _parted(lanes, *four[2:]), strict=True)
            (first, third), (second, fourth) = _parted(lanes, *even), _parted(lanes, *odd)
            for place, value in enumerate((first, second, third, fourth)):
                lanes.store(value, b.add(_phase(b, phases, i, place), b.mul(t, I64(4))))


def _phase(b: Any, phases: Any, i: int, place: int) -> Any:
    """The address of the buffer of the numbers at a place of row `i` of all tiles."""
    return b.add(phases, I64(PHASE * (4 * i + place) + 64))


@emits
def down_columns(b: Any, rows: Any, phases: Any, tiles: Any) -> None:
    """Transform the columns of elements."""
    _down(b, rows, phases, tiles, ELEMENTS)


@emits
def down_cotangents(b: Any, rows: Any, phases: Any, tiles: Any) -> None:
    """Transform the columns of cotangents."""
    _down(b, rows, phases, tiles, transposed(RESULTS))


@emits
def along_cotangents(b: Any, phases: Any, to: Any, step: Any, tiles: Any) -> None:
    """Transform the rows of cotangents, and store the 36 numbers of each tile `step` bytes apart."""
    lanes = Lanes(b, ir.FloatType())
    with lanes.loop(tiles, step=lanes.lanes) as t:
        target = b.add(to, b.mul(t, I64(4)))
        for i in range(6):
            four = [lanes.load(b.add(_phase(b, phases, i, place), b.mul(t, I64(4)))) for place in range(4)]
            for value in transform(lanes, transposed(RESULTS), four):
                lanes.store(value, target)
                target = b.add(target, step)


@emits
def along_rows(b: Any, phases: Any, to: Any, step: Any, tiles: Any, left: Any, right: Any) -> None:
    """Transform rows, and store the 36 numbers of each tile `step` bytes apart.

    left, right: for each vector of tiles the bits of those that have a neighbour at this side.
    """
    lanes = Lanes(b, ir.FloatType())
    with lanes.loop(tiles, step=lanes.lanes) as t:
        sides = [lanes.flags_of(b.trunc(b.load(b.gep(b.inttoptr(bits, I64.as_pointer()),
                                                     [b.sdiv(t, I64(lanes.lanes))])), lanes.bits))
                 for bits in (left, right)]
        target = b.add(to, b.mul(t, I64(4)))
        for i in range(6):
            at = [b.add(_phase(b, phases, i, place), b.mul(t, I64(4))) for place in range(4)]
            before = b.select(sides[0], lanes.load(b.sub(at[3], I64(4))), lanes.nothing)
            after = b.select(sides[1], lanes.load(b.add(at[0], I64(4))), lanes.nothing)
            six = [before, *[lanes.load(x) for x in at], after]
            for value in transform(lanes, ELEMENTS, six):
                lanes.store(value, target)
                target = b.add(target, step)


@emits
def back(b: Any, products: Any, step: Any, rows: Any, tiles: Any) -> Any:
    """Transform 36 products a tile, `step` bytes apart, to four rows of 4 results a tile.

    Returns a word that is not 0 where one of them is not finite, perhaps of tiles behind the last one.
    """
    lanes = Lanes(b, ir.FloatType())

    def vector(v: Any, wrong: Sequence[Any]) -> list[Any]:
        t = b.mul(v, I64(lanes.lanes))
        source = b.add(products, b.mul(t, I64(4)))
        columns = []  # the four results of each of six columns
        for j in range(6):
            six = [lanes.load(b.add(source, b.mul(step, I64(6 * i + j)))) for i in range(6)]
            columns.append(transform(lanes, RESULTS, six))
        found = list(wrong)
        for i, row in enumerate(zip(*columns, strict=True)):
            one, two, three, four = transform(lanes, RESULTS, row)
            low, high = zip(_interleaved(lanes, one, two, 1), _interleaved(lanes, three, four, 1), strict=True)
            quarters = [*_interleaved(lanes, *low, 2), *_interleaved(lanes, *high, 2)]
            at = b.add(rows, b.add(b.mul(t, I64(16)), I64(BUFFER * i)))
            for quarter, value in enumerate(quarters):
                lanes.store(value, b.add(at, I64(lanes.size * quarter)))
                found[quarter] = lanes.fma(value, lanes.nothing, found[quarter])  # 0, or NaN for what is not finite
        return found

    first, *others = lanes.fold(b.sdiv(tiles, I64(lanes.lanes)), [lanes.nothing] * 4, vector)
    for other in others:
        first = b.fadd(first, other)
    return b.zext(lanes.mask(b.fcmp_unordered("uno", first, first)), I64)


@emits
def put_lines(b: Any, to: Any, rows: Any, pitch: Any, height: Any, width: Any, y: Any, lines: Any) -> None:
    """Put the four rows of each of some rows of tiles into a channel of results; see `lay_elements`."""
    lanes = Lanes(b, ir.FloatType())
    across, bottom = [b.and_(b.add(x, I64(3)), I64(-4)) for x in (width, height)]

    def line(_: Any, state: Sequence[Any]) -> list[Any]:
        at, source, y = state
        for r in range(4):
            own = b.add(y, I64(r))
            with b.if_then(b.icmp_signed("<", own, height)):
                lanes.copy(b.add(at, b.mul(b.mul(own, width), I64(4))), b.add(source, I64(BUFFER * r)), width)
        after = b.add(y, I64(4))
        over = b.icmp_signed(">=", after, bottom)
        return [b.select(over, b.add(at, pitch), at), b.add(source, b.mul(across, I64(4))),
                b.select(over, I64(0), after)]

    lanes.fold(lines, [to, rows, y], line)


@emits
def not_finite(b: Any, source: Any, count: Any) -> Any:
    """A word that is not 0 where one of `count` numbers is not finite."""
    lanes = Lanes(b, ir.FloatType())

    def vector(i: Any, found: Sequence[Any]) -> list[Any]:
        within = lanes.below(b.sub(count, b.mul(i, I64(lanes.lanes))))
        return [b.or_(found[0], _not_finite(lanes, lanes.load(b.add(source, b.mul(i, I64(lanes.size)))), within))]

    return lanes.fold(b.sdiv(b.add(count, I64(lanes.lanes - 1)), I64(lanes.lanes)), [I64(0)], vector)[0]


@emits
def convolve_row(b: Any, args: Any, to: Any, x: Any, w: Any, y: Any) -> None:
    """Compute row `y` of a filter's result from the image at `x`, place by place."""
    lanes = Lanes(b, ir.FloatType())

    back = b.icmp_signed("<", _word(b, args, AT.dilate2), I64(0))
    height, width = _word(b, args, AT.size1), _word(b, args, AT.size2)
    image = b.mul(b.mul(height, width), I64(4))
    with lanes.loop(width, step=lanes.lanes) as start:
        turned = [b.select(back, I64(1 - i), I64(i - 1)) for i in range(3)]
        places = [_neighbours(lanes, height, width, y, start, down, across) for down in turned for across in turned]

        def channel(c: Any, sums: Sequence[Any]) -> list[Any]:
            total, weights = sums[0], b.add(w, b.mul(c, _word(b, args, AT.channel)))
            for k, (at, within) in enumerate(places):
                value = lanes.load_some(b.add(b.add(x, b.mul(c, image)), at), within, lanes.nothing)
                total = lanes.fma(lanes.number(b.add(weights, I64(4 * k))), value, total)
            return [total]

        total, = lanes.fold(_word(b, args, AT.channels), [lanes.nothing], channel)
        left = lanes.below(b.sub(width, start))
        lanes.store_some(total, b.add(to, b.mul(start, I64(4))), left)


@emits
def put_weights(b: Any, to: Any, sums: Any, step: Any, count: Any) -> Any:
    """Store the 3 x 3 weights' cotangents of `count` channels; returns whether one of them is not finite.

    sums: the address of the channels' sums of products, `step` bytes apart for the 36 places.
    """
    lanes = Lanes(b, ir.FloatType())
    wide = ir.VectorType(I64, lanes.lanes)

    def vector(v: Any, found: Sequence[Any]) -> list[Any]:
        c = b.mul(v, I64(lanes.lanes))
        within = lanes.below(b.sub(count, c))
        source = b.add(sums, b.mul(c, I64(4)))
        columns = []
        for j in range(6):
            six = [lanes.load(b.add(source, b.mul(step, I64(6 * i + j)))) for i in range(6)]
            columns.append(transform(lanes, transposed(WEIGHTS), six))
        lane = b.mul(b.add(lanes.splat(wide, c), b.sext(lanes.lane, wide)), ir.Constant(wide, [36] * lanes.lanes))
        at, wrong = b.add(lanes.splat(wide, to), lane), found[0]
        for i, three in enumerate(zip(*columns, strict=True)):
            for j, value in enumerate(transform(lanes, transposed(WEIGHTS), three)):
                lanes.scatter(value, b.add(at, ir.Constant(wide, [4 * (3 * i + j)] * lanes.lanes)), within)
                wrong = b.or_(wrong, _not_finite(lanes, value, within))
        return [wrong]

    vectors = b.sdiv(b.add(count, I64(lanes.lanes - 1)), I64(lanes.lanes))
    return lanes.fold(vectors, [I64(0)], vector)[0]


def _word(b: Any, args: Any, at: int) -> Any:
    return b.load(word_at(b, args, I64(at)))


def _not_finite(lanes: Lanes, value: Any, within: Any) -> Any:
    """A word that is not 0 where one of some lanes is not finite."""
    exponent = ir.Constant(lanes.ints, [0x7F800000] * lanes.lanes)
    bits = lanes.b.and_(lanes.b.bitcast(value, lanes.ints), exponent)
    return lanes.b.zext(lanes.mask(lanes.b.and_(lanes.b.icmp_signed("==", bits, exponent), within)), I64)


def _neighbours(lanes: Lanes, height: Any, width: Any, y: Any, x: Any, down: Any, across: Any) -> tuple[Any, Any]:
    """The offset in an image of a vector beside that at (y, x), and its lanes that lie in the image."""
    b = lanes.b
    row, column = b.add(y, down), b.add(x, across)
    lane = b.add(lanes.ints_of(column), lanes.lane)
    within = b.and_(b.icmp_unsigned("<", lane, lanes.ints_of(width)),
                    lanes.splat(lanes.flags, b.icmp_unsigned("<", row, height)))
    return b.mul(b.add(b.mul(row, width), column), I64(4)), within

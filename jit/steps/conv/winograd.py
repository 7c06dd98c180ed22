"""The native step of 3 x 3 convolutions by Winograd's minimal filtering: four multiplications do the work of sixteen.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016): F(4 x 4, 3 x 3), with the points 0, 1, -1,
2, -2 and infinity. Tiles of 4 x 4 results, each from 6 x 6 elements, are counted through rows of tiles, and these
through the images. Values that are not finite spread over their tiles: rows with such a result are computed again
directly.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ...native.word_compiler import I64, emits
from ...native.word_intrinsics import as_word, room, set_word, smaller
from ..gemm.native import call_tiles
from ..gemm.sizes import LANES, WIDTH
from ..gemm.tiles import WHOLE
from .arguments import AT, CHANNELS, TILE_SUMS, TILES
from .lanes import Lanes
from .planes import lay_row

#: B transposed: from six elements of a row to six numbers. A transposed: from six products to four results.
_FORWARD = ((4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0), (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0),
            (0, 4, 0, -5, 0, 1))
_BACK = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))

#: G: from the three weights of a row to six numbers.
_WEIGHTS = ((1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6), (1 / 24, 1 / 12, 1 / 6),
            (1 / 24, -1 / 12, 1 / 6), (0, 0, 1))

#: The bytes of a buffer of 4 numbers for each tile, with a vector at each end.
_BUFFER = 16 * TILES + 128

#: The bytes of six such buffers; of 24 of a number for each tile; of the transformed elements; of the products.
_ROWS, _PHASES = 6 * _BUFFER, 24 * (4 * TILES + 128)
_ELEMENTS, _PRODUCTS = 4 * 36 * CHANNELS * TILES, 4 * 36 * TILE_SUMS
_PHASE = 4 * TILES + 128
_MASKS = 8 * (TILES // LANES)


def _combined(lanes: Lanes, weights: Sequence[int], values: Sequence[Any]) -> Any:
    """The sum of values with small factors, of which the last has the factor 1."""
    total = None
    for weight, value in reversed(list(zip(weights, values, strict=True))):
        if total is None:
            total = value if weight == 1 else total
        elif weight in (1, -1):
            total = (lanes.b.fadd if weight == 1 else lanes.b.fsub)(total, value)
        elif weight:
            total = lanes.fma(ir.Constant(lanes.vector, [float(weight)] * lanes.lanes), value, total)
    return total


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
def _transform_row(b: Any, to: Any, w: Any, count: Any, step: Any, back: Any) -> None:
    """Transform the 3 x 3 weights of `count` channels, `step` bytes apart, turned about their middle if `back` is 1."""
    lanes = Lanes(b, ir.FloatType())
    wide = ir.VectorType(I64, lanes.lanes)
    pitch = b.mul(b.add(count, I64(LANES)), I64(4))
    with lanes.loop(count, step=lanes.lanes) as c:
        within = b.icmp_signed("<", lanes.lane, lanes.ints_of(b.sub(count, c)))
        lane = b.add(lanes.splat(wide, c), b.sext(lanes.lane, wide))
        at = b.add(lanes.splat(wide, w), b.mul(lane, lanes.splat(wide, step)))
        nine = []
        for k in range(9):
            place = b.select(b.icmp_signed("!=", back, I64(0)), I64(4 * (8 - k)), I64(4 * k))
            nine.append(lanes.gather(b.add(at, lanes.splat(wide, place)), within))
        columns = [[_weighted(lanes, factors, nine[j::3]) for factors in _WEIGHTS] for j in range(3)]
        for i, three in enumerate(zip(*columns, strict=True)):
            for j, factors in enumerate(_WEIGHTS):
                place = b.add(b.add(to, b.mul(pitch, I64(6 * i + j))), b.mul(c, I64(4)))
                lanes.store(_weighted(lanes, factors, three), place)


def _weighted(lanes: Lanes, factors: Sequence[float], values: Sequence[Any]) -> Any:
    total = lanes.nothing
    for factor, value in zip(factors, values, strict=True):
        if factor:
            total = lanes.fma(ir.Constant(lanes.vector, [factor] * lanes.lanes), value, total)
    return total


def transform_weights(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Transform the weights of filters lo...hi; args: both slots, channels, weights from a filter, and from a channel,
    to the next, and whether kernels are turned.
    """
    n = args[2]
    for f in range(lo, hi):
        _transform_row(bind[args[1]] + 144 * (n + LANES) * f, bind[args[0]] + 4 * args[3] * f, n, 4 * args[4], args[5])


@emits
def _down_columns(b: Any, rows: Any, phases: Any, tiles: Any) -> None:
    """Transform columns: six rows of 4 numbers a tile to six, apart by a number's place in its tile."""
    lanes = Lanes(b, ir.FloatType())
    with lanes.loop(tiles, step=lanes.lanes) as t:
        quarters = []
        for quarter in range(4):
            at = b.add(rows, b.add(b.mul(t, I64(16)), I64(64 * quarter)))
            six = [lanes.load(b.add(at, I64(_BUFFER * r))) for r in range(6)]
            quarters.append([_combined(lanes, weights, six) for weights in _FORWARD])
        for i, four in enumerate(zip(*quarters, strict=True)):
            even, odd = zip(_parted(lanes, *four[:2]), _parted(lanes, *four[2:]), strict=True)
            (first, third), (second, fourth) = _parted(lanes, *even), _parted(lanes, *odd)
            for place, value in enumerate((first, second, third, fourth)):
                to = b.add(b.add(phases, I64(_PHASE * (4 * i + place) + 64)), b.mul(t, I64(4)))
                lanes.store(value, to)


@emits
def _along_rows(b: Any, phases: Any, to: Any, step: Any, tiles: Any, left: Any, right: Any) -> None:
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
            at = [b.add(b.add(phases, I64(_PHASE * (4 * i + place) + 64)), b.mul(t, I64(4))) for place in range(4)]
            before = b.select(sides[0], lanes.load(b.sub(at[3], I64(4))), lanes.nothing)
            after = b.select(sides[1], lanes.load(b.add(at[0], I64(4))), lanes.nothing)
            six = [before, *[lanes.load(x) for x in at], after]
            for weights in _FORWARD:
                lanes.store(_combined(lanes, weights, six), target)
                target = b.add(target, step)


@emits
def _back(b: Any, products: Any, step: Any, rows: Any, tiles: Any) -> None:
    """Transform 36 products a tile, `step` bytes apart, to four rows of 4 results a tile."""
    lanes = Lanes(b, ir.FloatType())
    with lanes.loop(tiles, step=lanes.lanes) as t:
        source = b.add(products, b.mul(t, I64(4)))
        columns = []  # the four results of each of six columns
        for j in range(6):
            six = [lanes.load(b.add(source, b.mul(step, I64(6 * i + j)))) for i in range(6)]
            columns.append([_result(lanes, weights, six) for weights in _BACK])
        for i, row in enumerate(zip(*columns, strict=True)):
            one, two, three, four = [_result(lanes, weights, row) for weights in _BACK]
            low, high = zip(_interleaved(lanes, one, two, 1), _interleaved(lanes, three, four, 1), strict=True)
            quarters = [*_interleaved(lanes, *low, 2), *_interleaved(lanes, *high, 2)]
            at = b.add(rows, b.add(b.mul(t, I64(16)), I64(_BUFFER * i)))
            for quarter, value in enumerate(quarters):
                lanes.store(value, b.add(at, I64(64 * quarter)))


def _result(lanes: Lanes, weights: Sequence[int], values: Sequence[Any]) -> Any:
    """The sum with factors of `_BACK`: that of a value and its opposite are powers of 2."""
    total = None
    for weight, value in zip(weights, values, strict=True):
        if weight:
            total = value if total is None else _combined(lanes, (weight, 1), (value, total))
    return total


@emits
def _put_row(b: Any, to: Any, source: Any, count: Any) -> Any:
    """Copy `count` numbers; returns whether one of them is not finite."""
    lanes = Lanes(b, ir.FloatType())
    exponent = ir.Constant(lanes.ints, [0x7F800000] * lanes.lanes)

    def vector(i: Any, found: Sequence[Any]) -> list[Any]:
        at = b.mul(i, I64(64))
        within = b.icmp_signed("<", lanes.lane, lanes.ints_of(b.sub(count, b.mul(i, I64(lanes.lanes)))))
        value = lanes.load(b.add(source, at))
        lanes.store_some(value, b.add(to, at), within)
        bits = b.and_(b.bitcast(value, lanes.ints), exponent)
        wrong = b.and_(b.icmp_signed("==", bits, exponent), within)
        return [b.or_(found[0], b.zext(lanes.mask(wrong), I64))]

    vectors = b.sdiv(b.add(count, I64(lanes.lanes - 1)), I64(lanes.lanes))
    return lanes.fold(vectors, [I64(0)], vector)[0]


@emits
def _convolve_row(b: Any, args: Any, to: Any, x: Any, w: Any, y: Any) -> None:
    """Compute row `y` of a filter's result from the image at `x`, place by place."""
    lanes = Lanes(b, ir.FloatType())

    def arg(at: int) -> Any:
        return b.load(b.gep(b.inttoptr(args, I64.as_pointer()), [I64(at)]))

    back = b.icmp_signed("<", arg(AT.dilate2), I64(0))
    height, width = arg(AT.size1), arg(AT.size2)
    image = b.mul(b.mul(height, width), I64(4))
    with lanes.loop(width, step=lanes.lanes) as start:
        places = []
        for i in range(3):
            row = b.add(y, b.select(back, I64(1 - i), I64(i - 1)))
            inside = b.icmp_unsigned("<", row, height)
            for j in range(3):
                column = b.add(start, b.select(back, I64(1 - j), I64(j - 1)))
                lane = b.add(lanes.ints_of(column), lanes.lane)
                within = b.and_(b.icmp_unsigned("<", lane, lanes.ints_of(width)), lanes.splat(lanes.flags, inside))
                places.append((b.mul(b.add(b.mul(row, width), column), I64(4)), within))

        def channel(c: Any, sums: Sequence[Any]) -> list[Any]:
            total, weights = sums[0], b.add(w, b.mul(c, arg(AT.channel)))
            for k, (at, within) in enumerate(places):
                value = lanes.load_some(b.add(b.add(x, b.mul(c, image)), at), within, lanes.nothing)
                total = lanes.fma(lanes.number(b.add(weights, I64(4 * k))), value, total)
            return [total]

        total, = lanes.fold(arg(AT.channels), [lanes.nothing], channel)
        left = b.icmp_signed("<", lanes.lane, lanes.ints_of(b.sub(width, start)))
        lanes.store_some(total, b.add(to, b.mul(start, I64(4))), left)


def run_winograd(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute units lo...hi: blocks of rows of tiles, and parts of the filters of each."""
    channels, filters, height, width = args[AT.channels], args[AT.filters], args[AT.size1], args[AT.size2]
    down, across, size = (height + 3) // 4, (width + 3) // 4, height * width
    parts = (filters + args[AT.most] - 1) // args[AT.most]
    rows, phases, left, right = room(_ROWS), room(_PHASES), room(_MASKS), room(_MASKS)
    elements, products = room(_ELEMENTS), room(_PRODUCTS)
    one = as_word(1.0)
    for g in range(TILES // LANES):
        set_word(left, g, 0)
        set_word(right, g, 0)
        for lane in range(LANES):
            t = (g * LANES + lane) % across
            set_word(left, g, left[g] | (0 if t == 0 else 1) << lane)
            set_word(right, g, right[g] | (0 if t == across - 1 else 1) << lane)
    for unit in range(lo, hi):
        first = unit // parts * args[AT.lines]
        end = smaller(first + args[AT.lines], args[AT.batch] * down)
        f = unit % parts * args[AT.most]
        some = smaller(args[AT.most], filters - f)
        tiles = ((end - first) * across + LANES - 1) // LANES * LANES
        c = 0
        while c < channels:
            depth = smaller(CHANNELS, channels - c)
            for i in range(depth):
                for r in range(6):
                    for line in range(first, end):
                        y = line % down * 4 + r - 1
                        x = bind[args[AT.x]] + 4 * ((line // down * channels + c + i) * size + y * width)
                        lay_row(4, rows + _BUFFER * r + 16 * across * (line - first), x, 0,
                                width if y >= 0 and y < height else 0, 4 * across, 1)
                _down_columns(rows, phases, tiles)
                _along_rows(phases, elements + 4 * tiles * i, 4 * tiles * depth, tiles, left, right)
            for k in range(36):
                a = bind[args[AT.turned]] + 4 * ((f * 36 + k) * (channels + LANES) + c)
                done = 0
                while done < tiles:
                    columns = WIDTH if done + WIDTH <= tiles else LANES
                    call_tiles(args[AT.tiles], a, 144 * (channels + LANES), 4,
                               elements + 4 * (k * depth * tiles + done), 4 * tiles, 4,
                               products + 4 * (k * some * tiles + done), 4 * tiles, some, depth,
                               0 if columns == WIDTH else WHOLE, columns, one, as_word(0.0) if c == 0 else one)
                    done += columns
            c += depth
        for i in range(some):
            _back(products + 4 * i * tiles, 4 * some * tiles, rows, tiles)
            for line in range(first, end):
                n, y = line // down, line % down * 4
                to = bind[args[AT.y]] + 4 * ((n * filters + f + i) * size + y * width)
                wrong = 0
                for r in range(smaller(4, height - y)):
                    wrong = wrong | _put_row(to + 4 * r * width, rows + _BUFFER * r + 16 * across * (line - first),
                                             width)
                if wrong != 0:
                    for r in range(smaller(4, height - y)):
                        _convolve_row(args, to + 4 * r * width, bind[args[AT.x]] + 4 * n * channels * size,
                                      bind[args[AT.w]] + (f + i) * args[AT.row], y + r)

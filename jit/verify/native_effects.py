"""Effects of native functions without a text: matrix products, and convolutions."""
from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from ..native.runtime_functions import find_native
from ..steps.conv.arguments import AT, ConvArgs
from ..steps.conv.rows import address
from ..steps.gemm.openblas import GemmArgs, gemm_step
from ..steps.gemm.sizes import LANES, REGISTER_BYTES, WIDTH
from .accesses import Access, Effects, Unreadable
from .forms import Form, Var


def of_native(fn: int, args: Sequence[int], extent: int, chunk: int, at: int = -1) -> Effects | None:
    """The effects of a row, or of its chunk number `at`; None where the function is not known."""
    if len(args) == len(GemmArgs._fields) and fn == gemm_step("float32"):
        return of_product(args, extent, chunk, at)
    if len(args) == len(ConvArgs._fields):
        for name, units, blocks in _CONVOLUTIONS:
            if fn == address(name):
                return _of_convolution(ConvArgs._make(args), extent, chunk, at, units, blocks)
    if len(args) == 7 and fn == address("transform_weights"):
        return _of_packing(9 * args[2], 36 * (args[2] + LANES), extent, extent, chunk, at)
    if len(args) == 6 and fn == find_native("tracer.jit.steps.gemm.panels", "lay_panels"):
        if extent != -(-args[2] // WIDTH):
            raise Unreadable(f"a range of {extent} for panels of {args[2]} columns")
        return _of_packing(args[3], WIDTH * args[3], args[2], extent, chunk, at)
    if len(args) == 5 and fn == address("pack_filters"):
        groups, wrong = divmod(extent, -(-args[2] // WIDTH))
        if wrong:
            raise Unreadable(f"a range of {extent} for panels of {args[2]} filters")
        return _of_packing(args[3], WIDTH * args[3], groups * args[2], extent, chunk, at)
    return None


# ---- matrix products -----------------------------------------------------------------------------

def of_product(args: Sequence[int], extent: int, chunk: int, at: int = -1) -> Effects:
    """The effects of a matrix product's row, or of its chunk number `at`."""
    found = Effects([], [])
    a = GemmArgs._make(args)
    if not (a.m and a.n and extent):
        return found
    roles = {name: i for i, name in enumerate(GemmArgs._fields)}
    side = a.n if a.columns else a.m
    lo, hi = (0, extent) if at < 0 else (at * chunk, min((at + 1) * chunk if chunk else extent, extent))
    if hi <= lo:
        return found
    first, last = lo // side, (hi - 1) // side
    part = (lo - first * side, hi - 1 - first * side) if first == last else (0, side - 1)
    rows = Var(0, a.m - 1) if a.columns else Var(*part)
    columns = Var(*part) if a.columns else Var(0, a.n - 1)
    inner = Var(0, a.k - 1)

    def matrix(role: str, start: int, stride: int, *terms: tuple[Var, int]) -> tuple[int, Form]:
        if not a.columns and terms[0][0] is rows and stride == a.m * terms[0][1]:
            # the rows of the whole batch follow each other
            place = Form(start, ((Var(lo, hi - 1), a.itemsize * terms[0][1]), (terms[1][0], a.itemsize * terms[1][1])))
        else:
            batch = Var(first, last), stride
            place = Form(start, tuple([(v, a.itemsize * c) for v, c in (batch, *terms) if c]))
        return roles[role], place.fused()

    if a.k:
        laid = roles["b"], Form(a.b_offset, ((Var(0, -(-a.n // WIDTH) - 1), 4 * WIDTH * a.ldb),
                                             (Var(0, WIDTH * a.k - 1), 4))).fused()
        for role, place in (
                matrix("a", a.a_offset, a.a_stride,
                       *(((inner, a.lda), (rows, 1)) if a.ta else ((rows, a.lda), (inner, 1)))),
                laid if a.panels else matrix(
                    "b", a.b_offset, a.b_stride,
                    *(((columns, a.ldb), (inner, 1)) if a.tb else ((inner, a.ldb), (columns, 1))))):
            found.accesses.append(Access(role, False, place, a.itemsize))
    found.accesses.extend([Access(roles[name], False, Form(0, ()), 8) for name in ("alpha_at", "beta_at")
                           if getattr(a, name) >= 0])
    places = [matrix("c", 0, a.c_stride, (rows, a.ldc), (columns, 1))[1]]
    if a.columns and first != last and (lo % side or hi % side):
        parts = [(i, (max(lo - i * side, 0), min(hi - i * side, side) - 1)) for i in sorted({first, last})]
        places = [Form(i * a.c_stride * a.itemsize, ((rows, a.itemsize * a.ldc), (Var(*part), a.itemsize))).fused()
                  for i, part in parts]
        if last - first > 1:
            whole = (Var(first + 1, last - 1), a.c_stride), (rows, a.ldc), (Var(0, side - 1), 1)
            places.append(Form(0, tuple([(v, a.itemsize * c) for v, c in whole])).fused())
    for place in places:
        if a.beta_index >= 0 or a.beta_at >= 0 or struct.unpack("d", struct.pack("q", a.beta))[0]:
            role = roles["source"] if a.source >= 0 else roles["c"]
            found.accesses.append(Access(role, False, place, a.itemsize))
        found.accesses.append(Access(roles["c"], True, place, a.itemsize))
    return found


# ---- convolutions --------------------------------------------------------------------------------

#: A block of the result: its start, and (count, step) of the loops through it, in elements.
_Block = tuple[int, list[tuple[int, int]]]


def _of_convolution(args: ConvArgs, extent: int, chunk: int, at: int, units: Any, blocks: Any) -> Effects:
    """The reads of both operands, which are taken as whole, and the writes of a chunk's blocks, or of all."""
    out, weights = args.batch * args.groups * args.filters * args.positions, args.filters * args.channels * args.places
    images = args.batch * args.groups * args.channels * args.volume
    forward = units not in (_weight_units, _tiled_weight_units, _block_weight_units)
    found = [Access(AT.x, False, _whole(images, args.itemsize), args.itemsize),
             Access(AT.w, False, _whole(args.groups * weights if forward else out, args.itemsize), args.itemsize)]
    if units is _tile_units:
        found.append(Access(AT.turned, False, _whole(36 * args.filters * (args.channels + LANES), 4), 4))
    if units is _filter_units:
        packed = args.groups * -(-args.filters // WIDTH) * WIDTH * args.channels * args.places
        found.append(Access(AT.turned, False, _whole(packed, 4), 4))
    total = out if forward else args.panels * args.groups * weights
    if units(args) != extent:
        raise Unreadable(f"a range of {extent} for {units(args)} units")
    if at < 0:
        return Effects([*found, Access(AT.y, True, _whole(total, args.itemsize), args.itemsize)], [])
    lo, hi = at * chunk, min((at + 1) * chunk if chunk else extent, extent)
    for start, loops in blocks(args, lo, hi):
        terms = [(Var(0, count - 1), args.itemsize * step) for count, step in loops]
        found.append(Access(AT.y, True, Form(args.itemsize * start, tuple(terms)).fused(), args.itemsize))
    return Effects(found, [])


def _whole(count: int, itemsize: int) -> Form:
    return Form(0, ((Var(0, count - 1), itemsize),))


def _starts(args: ConvArgs) -> list[int]:
    """The first position of each panel of an image, and their end."""
    starts = list(range(0, args.positions, args.width))
    if args.tiles and args.positions % WIDTH:
        starts[-1:] = range(starts[-1], args.positions, LANES)
    if len(starts) != args.panels:
        raise Unreadable(f"{args.panels} panels for {args.positions} positions")
    return [*starts, args.positions]


def _panel_units(args: ConvArgs) -> int:
    return (len(_starts(args)) - 1) * args.batch * args.groups * -(-args.filters // args.part)


def _panels(args: ConvArgs, lo: int, hi: int) -> Iterator[_Block]:
    """The panels of a range: parts of images, and whole images."""
    starts, each, parts = _starts(args), args.batch * args.panels, -(-args.filters // args.part)
    image = args.groups * args.filters * args.positions
    while lo < hi:
        outer, first = divmod(lo, each)
        g, part = divmod(outer, parts)
        n, q = divmod(first, args.panels)
        whole = 0 if q else min(hi - lo, each - first) // args.panels
        last = args.panels if whole else min(args.panels, q + hi - lo)
        rows = min(args.part, args.filters - part * args.part)
        start = n * image + (g * args.filters + part * args.part) * args.positions
        yield start + starts[q], [(max(whole, 1), image), (rows, args.positions), (starts[last] - starts[q], 1)]
        lo += whole * args.panels if whole else last - q


def _weight_units(args: ConvArgs) -> int:
    if args.panels != -(-args.batch // args.part):
        raise Unreadable(f"{args.panels} parts of a batch of {args.batch} by {args.part}")
    return args.panels * args.groups * -(-args.channels // args.some)


def _weights(args: ConvArgs, lo: int, hi: int) -> Iterator[_Block]:
    """The blocks of channels of a range."""
    blocks, length = -(-args.channels // args.some), args.channels * args.places
    for unit in range(lo, hi):
        outer, block = divmod(unit, blocks)
        columns = min(args.some, args.channels - block * args.some) * args.places
        yield outer * args.filters * length + block * args.some * args.places, [(args.filters, length), (columns, 1)]


def _band_units(args: ConvArgs) -> int:
    _, place, _, _, divide, _, _ = [args[AT.size0 + 3 * i + args.axis] for i in range(7)]
    if args.bands != -(-place // (args.width * divide)):
        raise Unreadable(f"{args.bands} bands of {args.width} for {place} positions")
    return args.batch * args.groups * args.bands


def _bands(args: ConvArgs, lo: int, hi: int) -> Iterator[_Block]:
    """The rows of a range of bands, which follow each other."""
    place = args[AT.out0 + args.axis]
    row, rows = args.positions // place, args.width * args[AT.divide0 + args.axis]

    def start(unit: int) -> int:
        plane, band = divmod(unit, args.bands)
        return plane * args.positions + min(band * rows, place) * row

    yield start(lo), [(start(hi) - start(lo), 1)]


def _block_units(args: ConvArgs) -> int:
    if args.bands != -(-args.groups * args.itemsize // REGISTER_BYTES):
        raise Unreadable(f"{args.bands} blocks of {args.groups} channels")
    return args.batch * args.bands


def _channels_before(args: ConvArgs, unit: int) -> int:
    """The channels of the blocks before one, through images or parts of a batch."""
    n, block = divmod(unit, args.bands)
    return n * args.groups + min(block * REGISTER_BYTES // args.itemsize, args.groups)


def _channel_blocks(args: ConvArgs, lo: int, hi: int) -> Iterator[_Block]:
    """The channels of a range of blocks, which follow each other."""
    start, end = [_channels_before(args, unit) * args.positions for unit in (lo, hi)]
    yield start, [(end - start, 1)]


def _block_weight_units(args: ConvArgs) -> int:
    if args.panels != -(-args.batch // args.part):
        raise Unreadable(f"{args.panels} parts of a batch of {args.batch} by {args.part}")
    return _block_units(args) // args.batch * args.panels


def _block_weights(args: ConvArgs, lo: int, hi: int) -> Iterator[_Block]:
    """The weights of a range of blocks, which follow each other."""
    start, end = [_channels_before(args, unit) * args.places for unit in (lo, hi)]
    yield start, [(end - start, 1)]


def _tile_units(args: ConvArgs) -> int:
    return -(-args.batch * -(-args.size1 // 4) // args.lines) * -(-args.filters // args.most)


def _tiles(args: ConvArgs, lo: int, hi: int) -> Iterator[_Block]:
    """The rows of tiles of a range, in each image that they are of, for a part of the filters."""
    parts, down = -(-args.filters // args.most), -(-args.size1 // 4)
    for unit in range(lo, hi):
        first, f = unit // parts * args.lines, unit % parts * args.most
        end = min(first + args.lines, args.batch * down)
        while first < end:
            n, y = divmod(first, down)
            last = min(end - n * down, down)
            count = (min(4 * last, args.size1) - 4 * y) * args.size2
            yield ((n * args.filters + f) * args.positions + 4 * y * args.size2,
                   [(min(args.most, args.filters - f), args.positions), (count, 1)])
            first = n * down + last


def _tiled_weight_units(args: ConvArgs) -> int:
    if args.panels != -(-args.batch // args.part):
        raise Unreadable(f"{args.panels} parts of a batch of {args.batch} by {args.part}")
    return args.panels * -(-args.filters // args.most) * -(-args.channels // args.some)


def _tiled_weights(args: ConvArgs, lo: int, hi: int) -> Iterator[_Block]:
    """The blocks of filters and channels of a range."""
    wide, length = -(-args.channels // args.some), args.channels * args.places
    each = -(-args.filters // args.most) * wide
    for unit in range(lo, hi):
        f, c = unit % each // wide * args.most, unit % wide * args.some
        yield ((unit // each * args.filters + f) * length + c * args.places,
               [(min(args.most, args.filters - f), length),
                (min(args.some, args.channels - c) * args.places, 1)])


def _filter_units(args: ConvArgs) -> int:
    if args.part % WIDTH or args.panels != -(-args.positions // args.width):
        raise Unreadable(f"{args.panels} parts of {args.positions} positions, and parts of {args.part} filters")
    return args.panels * args.batch * args.groups * -(-args.filters // args.part)


def _laid_units(args: ConvArgs) -> int:
    if args.width % args.out2 or args.panels != -(-args.positions // args.width):
        raise Unreadable(f"{args.panels} bands of {args.positions} positions by {args.width}")
    return args.panels * args.batch * args.groups * -(-args.filters // args.part)


def _filters(args: ConvArgs, lo: int, hi: int) -> Iterator[_Block]:
    """The positions and filters of each unit of a range."""
    parts = -(-args.filters // args.part)
    for unit in range(lo, hi):
        outer, first = divmod(unit, args.batch * args.panels)
        g, part = divmod(outer, parts)
        n, q = divmod(first, args.panels)
        row = (n * args.groups + g) * args.filters + part * args.part
        yield (row * args.positions + q * args.width,
               [(min(args.part, args.filters - part * args.part), args.positions),
                (min(args.width, args.positions - q * args.width), 1)])


def _of_packing(read: int, written: int, rows: int, extent: int, chunk: int, at: int) -> Effects:
    """The effects of a row that packs weights, or of its chunk number `at`.

    read, written: the numbers of a row of weights, and of a unit of the range.
    """
    lo, hi = (0, extent) if at < 0 else (at * chunk, min((at + 1) * chunk if chunk else extent, extent))
    return Effects([Access(0, False, _whole(read * rows, 4), 4),
                    Access(1, True, Form(4 * written * lo, ((Var(0, written * (hi - lo) - 1), 4),)), 4)], [])


_CONVOLUTIONS = [("run_panels", _panel_units, _panels), ("run_weights", _weight_units, _weights),
                 ("run_planes", _band_units, _bands), ("run_plane_weights", _weight_units, _weights),
                 ("run_blocks", _block_units, _channel_blocks),
                 ("run_block_weights", _block_weight_units, _block_weights),
                 ("run_winograd", _tile_units, _tiles), ("run_filters", _filter_units, _filters),
                 ("run_winograd_weights", _tiled_weight_units, _tiled_weights),
                 ("run_laid", _laid_units, _filters), ("run_laid_weights", _weight_units, _weights)]

"""Native steps of convolutions and their two adjoints: blocks of im2col, made and multiplied in a thread's cache.

`convolve` computes panels of positions for all filters. `spread` is a convolution of the cotangent with weights whose
channels and filters are exchanged, and a stride that divides. `correlate` computes the weights of a block of channels
by sums over the batch; where there are few blocks, over parts of it, which another row adds up in order.

Zeros around an image, and between positions in `spread` with a stride, are multiplied like other elements: a weight
that is infinite or NaN makes a NaN there. The NumPy forms of `convolve` and `correlate` do the same, that of `spread`
does not.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.ops.ir.node import Node

from ..codegen.scalar_text import short
from ..fusion.native_step import NativeStep, Uses, in_memory, register
from ..graph.index_map import without_reshapes
from ..graph.symbolic_size import applied
from ..native.kernel_cache import find_kernel
from ..native.runtime_functions import find_native
from ..runtime import driver
from ..runtime.costs import CHUNK_COST, MAX_CHUNKS
from .conv.arguments import (
    BLOCK,
    CHANNELS,
    FILTERS,
    LONGEST_KERNEL,
    MOST_PLACES,
    TILE_SUMS,
    TILES,
    VALUES,
    ConvArgs,
    at_most,
    ceil,
)
from .conv.bands import in_planes, laying
from .gemm import openblas
from .gemm.sizes import DEPTH, LANES, WIDTH

#: The multiplications of a chunk, and the most of a chunk, which take a tenth of a second: a run halts between two.
_CHUNK, _LONGEST = 1 << 20, 1 << 32

#: The units of a range below which its filters, or its batch, are divided.
_UNITS = 8

#: Positions that a block of `correlate` sums up at most: with fewer, it holds more channels.
_SUMMED = 128

#: Positions of a panel that OpenBLAS multiplies.
_PANEL = 128

#: The fewest tiles by which Winograd's method pays, and the most tiles of a unit.
_LEAST_TILES, _BLOCK_TILES = 24, 32

#: The operations that take as long as to transform the weights of a filter and a channel.
_TURNING = 32

#: The most channels of weights that are turned at a time, so that both sides go through whole lines of the cache.
_TURNED = 8

TURNING = """def kernel(bind, args, lo, hi):
    x = bind[args[0]]
    y = bind[args[1]]
    f = args[2]
    c = args[3]
    t = args[4]
    d = args[5]
    n = c // d
    for r in range(lo, hi):
        for i in range(f):
            for k in range(d):
                a = ((r * d + k) * f + i) * t
                b = ((r // n * f + i) * c + r % n * d + k) * t
                for j in range(t):
                    st_KIND_1(y, a + j, ld_KIND_0(x, b + j))
"""

ADDING = """def kernel(bind, args, lo, hi):
    x = bind[args[0]]
    y = bind[args[1]]
    n = args[2]
    w = args[3]
    for j in range(lo, hi):
        total = ld_KIND_0(x, j)
        for i in range(1, n):
            total = KIND(total + ld_KIND_0(x, i * w + j))
        st_KIND_1(y, j, total)
"""


_FILES = {"run_panels": "native", "run_weights": "native", "run_planes": "planes", "run_plane_weights": "planes",
          "run_winograd": "winograd", "transform_weights": "winograd", "run_winograd_weights": "winograd"}


def address(name: str) -> int:
    """The address of the native function of a step."""
    return find_native(f"{__package__}.conv.{_FILES[name]}", name)


def _fits(node: Node, materialized: set[Node]) -> bool:
    """Whether a node with weights is of floats in memory, and its kernel of a size for which there is room."""
    return _has_room(node, node.inputs[1].shape[2:], materialized)


def _correlate_fits(node: Node, materialized: set[Node]) -> bool:
    """The same for the cotangent of weights."""
    return _has_room(node, node.shape[2:], materialized)


def _has_room(node: Node, kernel: Sequence[Any], materialized: set[Node]) -> bool:
    if node.dtype not in (np.float32, np.float64) or not (node.size and node.inputs[0].size and node.inputs[1].size):
        return False
    if max(kernel) > LONGEST_KERNEL or math.prod(kernel) > MOST_PLACES or node.inputs[0].size >= 2**31 \
            or node.size >= 2**31:
        return False
    read = [without_reshapes(x, materialized) for x in node.inputs]
    return all([in_memory(x, materialized) for x in read])


def _three(sizes: Sequence[Any], other: int) -> list[Any]:
    return [other] * (3 - len(sizes)) + list(sizes)


def _args(node: Node, slots: Sequence[int], batch: Any, groups: Any, channels: Any, filters: Any,
          axes: Sequence[Sequence[Any]]) -> ConvArgs:
    """The arguments, but for the cut; axes: sizes, positions, kernel, step, divide, dilate and before."""
    size, out, kernel, step, divide, dilate, _ = axes
    single = node.dtype == np.float32
    fixed = [n for sizes, other in zip(axes, (1, 1, 1, 1, 1, 1, 0), strict=True) for n in _three(sizes, other)]
    runs = int(step[-1] == 1 and all([d == 1 for d in divide]))
    return ConvArgs(*[
        find_native(f"{__package__}.conv.patches", "single" if single else "double"), openblas.tiles() if single else 0,
        openblas.load().functions["gemm", node.dtype.itemsize], node.dtype.itemsize, *slots, batch, groups, channels,
        filters, *fixed, runs, math.prod(size), math.prod(out), math.prod(kernel), 0, 0, 0, 0])


def _panels(args: ConvArgs) -> driver.Step:
    """The row of a convolution."""
    width = WIDTH if args.tiles else _PANEL
    depth = DEPTH if args.tiles else BLOCK // (args.itemsize * _PANEL)
    panels = applied(_panels_of if args.tiles else ceil, args.positions, width)
    if not args.tiles and args.places > depth:
        width = applied(_narrower, args.places, args.itemsize)
        depth, panels = args.places, applied(ceil, args.positions, width)
    some = applied(at_most, depth // args.places, args.channels)
    part = applied(_part, args.filters, args.batch * args.groups * panels)
    extent = args.batch * args.groups * panels * applied(ceil, args.filters, part)
    each = part * args.channels * args.places * applied(at_most, width, args.positions)
    chunk = applied(_chunk, extent, each)
    args = args._replace(width=width, some=some, panels=panels, part=part)
    return driver.Step(address("run_panels"), list(args), extent, chunk)


def _panels_of(count: int, width: int) -> int:
    return count // width + ceil(count % width, LANES)


def _narrower(places: int, itemsize: int) -> int:
    return BLOCK // (itemsize * places) // 8 * 8


def _part(filters: int, units: int) -> int:
    """The filters of a unit: all, unless there are few units."""
    parts = min(-(-_UNITS // units), max(filters // 48, 1))
    return -(-filters // parts)


def _chunk(extent: int, each: int) -> int:
    """The units of a chunk; 0 where one thread does better alone."""
    if extent * each < 2 * _CHUNK:
        return 0
    chunk = max(-(-extent // MAX_CHUNKS), -(-_CHUNK // each))
    return max(1, min(chunk, _LONGEST // each))


# ---- depthwise -----------------------------------------------------------------------------------

def _bands(args: ConvArgs) -> driver.Step:
    extent = args.batch * args.groups * args.bands
    each = applied(ceil, args.positions, args.bands) * (args.places + laying(args))
    return driver.Step(address("run_planes"), list(args), extent, applied(_chunk, extent, each))


# ---- Winograd ------------------------------------------------------------------------------------

def _minimal(args: ConvArgs) -> bool:
    """Whether Winograd's method pays: 3 x 3 places, many channels, and enough tiles for each weight's transform."""
    same = [args.size1, args.size2] == [args.out1, args.out2]
    plain = [args.size0, args.kernel0, args.groups, args.step1, args.step2, args.divide1, args.divide2] == [1] * 7
    unit = abs(args.dilate1) == abs(args.dilate2) == abs(args.before1) == abs(args.before2) == 1
    if not (args.tiles and same and plain and unit and args.kernel1 == args.kernel2 == 3):
        return False
    return bool(args.channels >= CHANNELS and args.filters >= CHANNELS and args.size2 <= 4 * TILES
                and applied(_tiles, args.batch, args.size1, args.size2) >= _LEAST_TILES)


def _tiles(batch: int, height: int, width: int) -> int:
    return batch * -(-height // 4) * -(-width // 4)


def _by_tiles(node: Node, args: ConvArgs, uses: Uses) -> list[driver.Step]:
    """The rows of a convolution by Winograd's method: transformed weights, and blocks of tiles."""
    filters, channels = args.filters, args.channels
    back = args.dilate2 < 0
    turned = uses.write(("transformed", node), 36 * 4 * filters * (channels + LANES))
    row, channel = (9, 9 * filters) if back else (9 * channels, 9)
    turn = driver.Step(address("transform_weights"), [args.w, turned, channels, row, channel, int(back)], filters,
                       applied(_rows_of_chunk, filters, _TURNING * filters * channels))
    lines = applied(_lines, args.batch, args.size1, args.size2)
    across = applied(ceil, args.size2, 4)
    most = applied(at_most, applied(_most, lines, across), filters)
    extent = applied(ceil, args.batch * applied(ceil, args.size1, 4), lines) * applied(ceil, filters, most)
    args = args._replace(turned=turned, row=4 * row, channel=4 * channel, lines=lines, most=most)
    each = 36 * lines * across * most * channels
    return [turn, driver.Step(address("run_winograd"), list(args), extent, applied(_chunk, extent, each))]


def _lines(batch: int, height: int, width: int) -> int:
    """The rows of tiles of a unit."""
    return max(1, min(_BLOCK_TILES // -(-width // 4), batch * -(-height // 4)))


def _most(lines: int, across: int) -> int:
    tiles = -(-lines * across // LANES) * LANES
    return TILE_SUMS // tiles // 12 * 12


# ---- the three rows ------------------------------------------------------------------------------

def _convolve(node: Node, uses: Uses) -> list[driver.Step]:
    result = uses.write(node, node.aval.nbytes)
    x, w = [without_reshapes(i, uses.materialized) for i in node.inputs]
    images, weights = node.inputs
    stride, dilate, pad, groups = node.attrs
    args = _args(node, (uses.read(x), uses.read(w), result), images.shape[0], groups, weights.shape[1],
                 weights.shape[0] // groups,
                 (images.shape[2:], node.shape[2:], weights.shape[2:], stride, (1,) * len(pad), dilate, pad))
    planes = in_planes(args, len(pad))
    if planes is not None:
        return [_bands(planes)]
    return _by_tiles(node, args, uses) if _minimal(args) else [_panels(args)]


def _spread(node: Node, uses: Uses) -> list[driver.Step]:
    result = uses.write(node, node.aval.nbytes)
    g, w = [without_reshapes(i, uses.materialized) for i in node.inputs]
    images, weights = node.inputs
    size, stride, dilate, pad, groups = node.attrs
    filters, channels = weights.shape[0] // groups, weights.shape[1]
    axes = (images.shape[2:], size, weights.shape[2:], (1,) * len(pad), stride, [-d for d in dilate], [-p for p in pad])
    args = _args(node, (uses.read(g), uses.read(w), result), images.shape[0], groups, filters, channels, axes)
    planes = in_planes(args, len(pad))
    if planes is not None:
        return [_bands(planes)]
    if _minimal(args):
        return _by_tiles(node, args, uses)
    turned = uses.write(("turned", node), weights.aval.nbytes)
    some = applied(math.gcd, channels, _TURNED)
    units = groups * channels // some
    turn = driver.Step(find_kernel(TURNING.replace("KIND", short(node.dtype))),
                       [uses.read(w), turned, filters, channels, math.prod(weights.shape[2:]), some], units,
                       applied(_rows_of_chunk, units, weights.size))
    return [turn, _panels(args._replace(w=turned))]


def _rows_of_chunk(rows: int, size: int) -> int:
    return -(-rows // MAX_CHUNKS) if size > CHUNK_COST else 0


def _correlate(node: Node, uses: Uses) -> list[driver.Step]:
    result = uses.write(node, node.aval.nbytes)
    g, x = [without_reshapes(i, uses.materialized) for i in node.inputs]
    cotangents, images = node.inputs
    kernel, stride, dilate, pad, groups = node.attrs
    args = _args(node, (uses.read(x), uses.read(g), result), images.shape[0], groups, node.shape[1],
                 node.shape[0] // groups,
                 (images.shape[2:], cotangents.shape[2:], kernel, stride, (1,) * len(pad), dilate, pad))
    planes = in_planes(args, len(pad))
    name = "run_weights"
    if planes is not None:
        args, units, each, name = planes, groups, args.places + laying(planes), "run_plane_weights"
    elif _minimal(args):
        lines = applied(_lines, args.batch, args.size1, args.size2)
        most = applied(at_most, applied(_most, lines, applied(ceil, args.size2, 4)), FILTERS)
        most = applied(at_most, most, args.filters)
        args, name = args._replace(lines=lines, most=most, some=CHANNELS), "run_winograd_weights"
        units = applied(ceil, args.filters, most) * applied(ceil, args.channels, CHANNELS)
        each = 4 * most * CHANNELS
    else:
        merged = applied(_merged, args.batch, args.positions, args.places, args.itemsize, args.filters)
        width = applied(_positions, args.positions * merged, merged, args.places, args.itemsize)
        args = args._replace(width=width, merged=merged)
        args = args._replace(some=applied(_some, args.channels, args.places * args.width, args.itemsize))
        units = groups * applied(ceil, args.channels, args.some)
        each = args.filters * applied(at_most, args.some, args.channels) * args.places
    part = applied(_images, args.batch, units, cotangents.size * math.prod(node.shape[1:]))
    parts = applied(ceil, args.batch, part)
    args = args._replace(panels=parts, part=part)
    extent = parts * units
    step = driver.Step(address(name), list(args), extent, applied(_chunk, extent, part * args.positions * each))
    if parts == 1:
        return [step]
    sums = uses.write(("sums", node), parts * node.aval.nbytes)
    add = driver.Step(find_kernel(ADDING.replace("KIND", short(node.dtype))), [sums, result, parts, node.size],
                      node.size, applied(_rows_of_chunk, node.size, node.size * parts))
    return [step._replace(args=list(args._replace(y=sums))), add]


def _merged(batch: int, count: int, places: int, itemsize: int, filters: int) -> int:
    """The images whose positions are summed up at once: several small ones, whose cotangents have room."""
    most = min(_SUMMED, BLOCK // (itemsize * places), VALUES // (itemsize * filters)) - LANES
    return max(1, min(batch, most // count))


def _positions(count: int, merged: int, places: int, itemsize: int) -> int:
    """The length of a block's rows, in whole vectors, and with room behind the last one of several images."""
    most = BLOCK // (itemsize * places) // LANES * LANES
    return min(-(-count // LANES) * LANES, _SUMMED, most) if merged == 1 else count + LANES


def _some(channels: int, room: int, itemsize: int) -> int:
    return max(1, min(channels, BLOCK // (itemsize * room)))


def _images(batch: int, units: int, work: int) -> int:
    """The images whose sums are one part: all of them, unless there are few units and much work."""
    parts = min(-(-_UNITS // units), batch, max(work // _CHUNK, 1))
    return -(-batch // parts)


register("convolve", NativeStep(_fits, _convolve))
register("convolve_spread", NativeStep(_fits, _spread))
register("convolve_correlate", NativeStep(_correlate_fits, _correlate))

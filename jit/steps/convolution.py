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
from ..fusion.native_step import BandLink, NativeStep, Uses, in_memory, register
from ..graph.index_map import without_reshapes
from ..graph.symbolic_size import applied
from ..native.kernel_cache import find_kernel
from ..native.runtime_functions import find_native
from ..runtime import driver
from .conv.arguments import BLOCK, CHANNELS, FILTERS, LONGEST_KERNEL, MOST_PLACES, VALUES, ConvArgs, at_most, ceil
from .conv.depthwise.bands import LAYING, in_planes
from .conv.depthwise.blocks import in_blocks
from .conv.laid_images.cut import laid_weights
from .conv.links import Block, block_of_bands, block_of_channels, block_of_panels, block_of_tiles, link, multiplications
from .conv.rows import (
    CHUNK,
    DEPTHWISE,
    UNITS,
    Method,
    address,
    by_laid,
    by_positions,
    by_tiles,
    chosen,
    chunk_of,
    convolve,
    lines_of,
    minimal,
    most_of,
    rows_of_chunk,
    step_of_tiles,
)
from .gemm import openblas, sizes
from .matmul import PRODUCTS_PER_COST

#: The slots of a step whose cut alone is wanted.
_NO_SLOTS = (0, 0, 0)

#: Positions that a block of `correlate` sums up at most: with fewer, it holds more channels.
_SUMMED = 128


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
    runs = next((n for n in (1, 2) if step[-1] == n), 0) if all([d == 1 for d in divide]) else 0
    return ConvArgs(*[
        find_native(f"{__package__}.conv.patches", "single" if single else "double"), openblas.tiles() if single else 0,
        openblas.load().functions["gemm", node.dtype.itemsize], node.dtype.itemsize, *slots, batch, groups, channels,
        filters, *fixed, runs, math.prod(size), math.prod(out), math.prod(kernel), 0, 0, 0, 0])


# ---- the three rows ------------------------------------------------------------------------------

def _convolve_args(node: Node, slots: Sequence[int]) -> ConvArgs:
    images, weights = node.inputs
    stride, dilate, pad, groups = node.attrs
    return _args(node, slots, images.shape[0], groups, weights.shape[1], weights.shape[0] // groups,
                 (images.shape[2:], node.shape[2:], weights.shape[2:], stride, (1,) * len(pad), dilate, pad))


def _spread_args(node: Node, slots: Sequence[int]) -> ConvArgs:
    images, weights = node.inputs
    size, stride, dilate, pad, groups = node.attrs
    axes = (images.shape[2:], size, weights.shape[2:], (1,) * len(pad), stride, [-d for d in dilate], [-p for p in pad])
    return _args(node, slots, images.shape[0], groups, weights.shape[0] // groups, weights.shape[1], axes)


def _slots(node: Node, uses: Uses) -> list[int]:
    result = uses.write(node, node.aval.nbytes)
    return [*[uses.read(without_reshapes(x, uses.materialized)) for x in node.inputs], result]


def _in_chain(rows: list[driver.Step], uses: Uses) -> list[driver.Step]:
    """The rows, the last of which gets the chunks of the step's chain."""
    return [*rows[:-1], rows[-1]._replace(chunk=uses.chunk)] if uses.chunk else rows


def _convolve(node: Node, uses: Uses) -> list[driver.Step]:
    return _in_chain(convolve(node, _convolve_args(node, _slots(node, uses)), uses), uses)


def _spread(node: Node, uses: Uses) -> list[driver.Step]:
    method, args = chosen(_spread_args(node, _slots(node, uses)), len(node.shape) - 2)
    if method in DEPTHWISE:
        return _in_chain([DEPTHWISE[method](args)], uses)
    if method is Method.TILES:
        return _in_chain(by_tiles(node, args, uses), uses)
    weights = node.inputs[1]
    turned = uses.write(("turned", node), weights.aval.nbytes)
    some = applied(math.gcd, args.filters, _TURNED)
    units = args.groups * args.filters // some
    turn = driver.Step(find_kernel(TURNING.replace("KIND", short(node.dtype))),
                       [args.w, turned, args.channels, args.filters, args.places, some], units,
                       applied(rows_of_chunk, units, weights.size))
    args = args._replace(w=turned)
    return _in_chain([turn, by_laid(args, skips=True) if method is Method.LAID else by_positions(args)], uses)


def _band(node: Node, materialized: set[Node], args: ConvArgs, spreads: bool) -> BandLink | None:
    """The link of a step with weights; None where its rows depend on more than the sizes."""
    method, args = chosen(args, len(node.shape) - 2)
    if method is Method.FILTERS and not spreads:
        return None
    block: Block | None
    if method in DEPTHWISE:
        step = DEPTHWISE[method](args)
        block = (block_of_channels if method is Method.BLOCKS else block_of_bands)(args)
    elif method is Method.TILES:
        step = step_of_tiles(args)
        block = block_of_tiles(ConvArgs._make(step.args))
    else:
        step = by_laid(args, spreads) if method is Method.LAID else by_positions(args)
        block = block_of_panels(ConvArgs._make(step.args))
    operands = [without_reshapes(x, materialized) for x in node.inputs]
    return link(node, step, block, operands, multiplications(args) / PRODUCTS_PER_COST)


def _correlate(node: Node, uses: Uses) -> list[driver.Step]:
    result = uses.write(node, node.aval.nbytes)
    g, x = [without_reshapes(i, uses.materialized) for i in node.inputs]
    cotangents, images = node.inputs
    kernel, stride, dilate, pad, groups = node.attrs
    args = _args(node, (uses.read(x), uses.read(g), result), images.shape[0], groups, node.shape[1],
                 node.shape[0] // groups,
                 (images.shape[2:], cotangents.shape[2:], kernel, stride, (1,) * len(pad), dilate, pad))
    name = "run_weights"
    if (blocks := in_blocks(args)) is not None:
        args, units, name = blocks, blocks.bands, "run_block_weights"
        each = (args.places + LAYING) * applied(ceil, groups, args.bands)
    elif (planes := in_planes(args, len(pad))) is not None:
        args, units, each, name = planes, groups, args.places + LAYING, "run_plane_weights"
    elif minimal(args):
        lines = applied(lines_of, args.batch, args.size1, args.size2)
        most = applied(at_most, applied(most_of, lines, applied(ceil, args.size2, 4)), FILTERS)
        most = applied(at_most, most, args.filters)
        args, name = args._replace(lines=lines, most=most, some=CHANNELS), "run_winograd_weights"
        units = applied(ceil, args.filters, most) * applied(ceil, args.channels, CHANNELS)
        each = 4 * most * CHANNELS
    elif (summed := laid_weights(args)) is not None:
        args, name = summed, "run_laid_weights"
        units = groups * applied(ceil, args.channels, args.some)
        each = args.filters * applied(at_most, args.some, args.channels) * args.places
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
    step = driver.Step(address(name), list(args), extent, applied(chunk_of, extent, part * args.positions * each))
    if parts == 1:
        return [step]
    sums = uses.write(("sums", node), parts * node.aval.nbytes)
    add = driver.Step(find_kernel(ADDING.replace("KIND", short(node.dtype))), [sums, result, parts, node.size],
                      node.size, applied(rows_of_chunk, node.size, node.size * parts))
    return [step._replace(args=list(args._replace(y=sums))), add]


def _merged(batch: int, count: int, places: int, itemsize: int, filters: int) -> int:
    """The images whose positions are summed up at once: several small ones, whose cotangents have room."""
    most = min(_SUMMED, BLOCK // (itemsize * places), VALUES // (itemsize * filters)) - sizes.LANES
    return max(1, min(batch, most // count))


def _positions(count: int, merged: int, places: int, itemsize: int) -> int:
    """The length of a block's rows, in whole vectors, and with room behind the last one of several images."""
    most = BLOCK // (itemsize * places) // sizes.LANES * sizes.LANES
    return min(-(-count // sizes.LANES) * sizes.LANES, _SUMMED, most) if merged == 1 else count + sizes.LANES


def _some(channels: int, room: int, itemsize: int) -> int:
    return max(1, min(channels, BLOCK // (itemsize * room)))


def _images(batch: int, units: int, work: int) -> int:
    """The images whose sums are one part: all of them, unless there are few units and much work."""
    parts = min(-(-UNITS // units), batch, max(work // CHUNK, 1))
    return -(-batch // parts)


register("convolve", NativeStep(_fits, _convolve, band=lambda node, materialized: _band(
    node, materialized, _convolve_args(node, _NO_SLOTS), False)))
register("convolve_spread", NativeStep(_fits, _spread, band=lambda node, materialized: _band(
    node, materialized, _spread_args(node, _NO_SLOTS), True)))
register("convolve_correlate", NativeStep(_correlate_fits, _correlate))

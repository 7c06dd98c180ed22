"""Rows of the driver's table for convolutions with weights: vectors of positions, of filters, or of Winograd's tiles.

Each is an implicit product, cut into units by sizes only. Where the weights are packed first, the packed form is kept
while they stay the same (runtime/packed.py).
"""
from __future__ import annotations

from enum import Enum

from tracer.ops.ir.node import Node

from ...fusion.native_step import Uses
from ...graph.index_map import without_reshapes
from ...graph.symbolic_size import applied
from ...native.runtime_functions import find_native
from ...runtime import driver
from ...runtime.costs import CHUNK_COST, MAX_CHUNKS
from ..gemm import sizes
from .arguments import BLOCK, CHANNELS, SUMS, TILE_SUMS, TILES, ConvArgs, at_most, ceil
from .depthwise.bands import LAYING, in_planes
from .depthwise.blocks import in_blocks
from .laid_images.cut import by_rows, laid

#: The multiplications of a chunk, and the most of a chunk, which take a tenth of a second: a run halts between two.
CHUNK, _LONGEST = 1 << 20, 1 << 32

#: The units of a range below which its filters, or its batch, are divided; the same where each unit lays out images.
UNITS, _LAID_UNITS = 8, 4

#: Positions of a panel that OpenBLAS multiplies.
_PANEL = 128

#: The most positions of a unit with vectors of filters, and the fewest of a batch by which packing weights for one run
#: pays: from memory that is in no cache it takes as long as the products by a hundred positions.
_POSITIONS, _LEAST_POSITIONS = 64, 128

#: The fewest tiles by which Winograd's method pays, and the most tiles of a unit.
_LEAST_TILES, _BLOCK_TILES = 24, 32

#: The operations that take as long as to transform the weights of a filter and a channel, and as to pack a weight.
_TURNING, _PACKING = 32, 2

_FILES = {"run_panels": "native", "run_weights": "native", "run_planes": "depthwise.planes",
          "run_plane_weights": "depthwise.planes", "run_blocks": "depthwise.channel_blocks",
          "run_block_weights": "depthwise.channel_blocks", "run_winograd": "winograd.steps",
          "transform_weights": "winograd.steps", "run_winograd_weights": "winograd.steps",
          "pack_filters": "filter_panels", "run_filters": "filter_panels", "run_laid": "laid_images.steps",
          "run_laid_weights": "laid_images.steps"}


def address(name: str) -> int:
    """The address of the native function of a step."""
    return find_native(f"{__package__}.{_FILES[name]}", name)


# ---- numbers -------------------------------------------------------------------------------------

def chunk_of(extent: int, each: int) -> int:
    """The units of a chunk, by the multiplications of each; 0 where one thread does better alone."""
    if extent * each < 2 * CHUNK:
        return 0
    chunk = max(-(-extent // MAX_CHUNKS), -(-CHUNK // each))
    return max(1, min(chunk, _LONGEST // each))


def rows_of_chunk(rows: int, size: int) -> int:
    """The rows of a chunk of a plain loop over `size` elements; 0 where one thread does better alone."""
    return -(-rows // MAX_CHUNKS) if size > CHUNK_COST else 0


# ---- the choice ----------------------------------------------------------------------------------

class Method(Enum):
    """The ways of computing a convolution, or the cotangent of its images, of which the sizes decide."""

    BLOCKS = "small depthwise images, by blocks of channels"
    PLANES = "depthwise images"
    TILES = "Winograd's tiles"
    LAID = "images laid with zeros beside their rows"
    FILTERS = "vectors of filters, if packing the weights pays"
    POSITIONS = "vectors of positions"


def chosen(args: ConvArgs, rank: int) -> tuple[Method, ConvArgs]:
    """The method for a convolution of `rank` axes, and the arguments as far as it cuts them."""
    blocks = in_blocks(args)
    if blocks is not None:
        return Method.BLOCKS, blocks
    planes = in_planes(args, rank)
    if planes is not None:
        return Method.PLANES, planes
    if minimal(args):
        return Method.TILES, args
    whole = laid(args)
    if whole is not None:
        return Method.LAID, whole
    return (Method.FILTERS if _narrow(args) else Method.POSITIONS), args


def convolve(node: Node, args: ConvArgs, uses: Uses) -> list[driver.Step]:
    """The rows of a convolution."""
    method, args = chosen(args, len(node.shape) - 2)
    if method in DEPTHWISE:
        return [DEPTHWISE[method](args)]
    if method is Method.TILES:
        return by_tiles(node, args, uses)
    if method is Method.LAID:
        return [by_laid(args, skips=False)]
    weights = without_reshapes(node.inputs[1], uses.materialized)
    if method is Method.FILTERS and (args.batch * args.positions >= _LEAST_POSITIONS or uses.lasting(weights, node)):
        return _by_filters(node, args, uses)
    return [by_positions(args)]


def by_blocks(args: ConvArgs) -> driver.Step:
    """The row of small depthwise images."""
    extent = args.batch * args.bands
    each = args.positions * (args.places + LAYING) * applied(ceil, args.groups, args.bands)
    return driver.Step(address("run_blocks"), list(args), extent, applied(chunk_of, extent, each))


def by_planes(args: ConvArgs) -> driver.Step:
    """The row of depthwise images."""
    extent = args.batch * args.groups * args.bands
    each = applied(ceil, args.positions, args.bands) * (args.places + LAYING)
    return driver.Step(address("run_planes"), list(args), extent, applied(chunk_of, extent, each))


#: The rows of the methods for depthwise images.
DEPTHWISE = {Method.BLOCKS: by_blocks, Method.PLANES: by_planes}


def _narrow(args: ConvArgs) -> bool:
    """Whether an image is small, and would leave an eighth of the lanes idle in vectors of positions."""
    lanes = sizes.LANES * applied(ceil, args.positions, sizes.LANES)
    return bool(args.tiles and args.filters >= sizes.WIDTH and args.positions <= 2 * _POSITIONS
                and 8 * args.positions < 7 * lanes)


# ---- laid images ------------------------------------------------------------------------------------

def by_laid(args: ConvArgs, skips: bool) -> driver.Step:
    """The row of laid images; skips: whether zeros above and below an image need not be multiplied."""
    found = args._replace(alone=by_rows(args)) if skips else args
    units = args.batch * args.groups * found.bands
    part = applied(_part_of_sums, args.filters, SUMS // args.itemsize, found.sums, units)
    extent = units * applied(ceil, args.filters, part)
    found = found._replace(panels=found.bands, part=part)
    each = part * args.channels * args.places * found.width
    return driver.Step(address("run_laid"), list(found), extent, applied(chunk_of, extent, each))


def _part_of_sums(filters: int, room: int, sums: int, units: int) -> int:
    """The filters of a unit: as many as there is room for, unless there are few units."""
    parts = max(-(-filters // (room // sums)), min(-(-_LAID_UNITS // units), -(-filters // 6)))
    return -(-filters // parts)


# ---- vectors of positions ------------------------------------------------------------------------

def by_positions(args: ConvArgs) -> driver.Step:
    """The row that reads weights as they are."""
    width = sizes.WIDTH if args.tiles else _PANEL
    depth = sizes.DEPTH if args.tiles else BLOCK // (args.itemsize * _PANEL)
    panels = applied(_panels if args.tiles else ceil, args.positions, width)
    if not args.tiles and args.places > depth:
        width = applied(_narrower, args.places, args.itemsize)
        depth, panels = args.places, applied(ceil, args.positions, width)
    some = applied(at_most, depth // args.places, args.channels)
    part = applied(_part, args.filters, args.batch * args.groups * panels)
    extent = args.batch * args.groups * panels * applied(ceil, args.filters, part)
    each = part * args.channels * args.places * applied(at_most, width, args.positions)
    args = args._replace(width=width, some=some, panels=panels, part=part)
    return driver.Step(address("run_panels"), list(args), extent, applied(chunk_of, extent, each))


def _panels(count: int, width: int) -> int:
    return count // width + ceil(count % width, sizes.LANES)


def _narrower(places: int, itemsize: int) -> int:
    return BLOCK // (itemsize * places) // 8 * 8


def _part(filters: int, units: int) -> int:
    """The filters of a unit: all, unless there are few units."""
    parts = min(-(-UNITS // units), max(filters // 48, 1))
    return -(-filters // parts)


# ---- vectors of filters --------------------------------------------------------------------------

def _by_filters(node: Node, args: ConvArgs, uses: Uses) -> list[driver.Step]:
    """The rows that pack weights by panels of filters, and compute parts of positions and filters."""
    length = args.channels * args.places
    panels = args.groups * applied(ceil, args.filters, sizes.WIDTH)
    weights = without_reshapes(node.inputs[1], uses.materialized)
    turned, done = uses.pack(weights, ("packed", node), 4 * panels * sizes.WIDTH * length,
                             ("pack_filters", args.groups, args.filters, length))
    pack = driver.Step(address("pack_filters"), [args.w, turned, args.filters, length, done], panels,
                       applied(rows_of_chunk, panels, _PACKING * panels * sizes.WIDTH * length))
    cuts = applied(ceil, args.positions, _POSITIONS)
    width = applied(ceil, args.positions, cuts)
    part = applied(_part_of_panels, args.filters, width, args.batch * args.groups * cuts, args.runs)
    some = applied(_channels, args.channels, args.places, width)
    extent = args.batch * args.groups * cuts * applied(ceil, args.filters, part)
    args = args._replace(turned=turned, width=width, some=some, panels=cuts, part=part)
    return [pack, driver.Step(address("run_filters"), list(args), extent,
                              applied(chunk_of, extent, part * length * width))]


def _part_of_panels(filters: int, width: int, units: int, runs: int) -> int:
    """The filters of a unit, in whole panels: few units lay out what others do too, which takes longer by lanes."""
    parts = min(-(-_LAID_UNITS // units), max(filters // ((4 if runs else 8) * sizes.WIDTH), 1))
    return min(SUMS // (4 * width * sizes.WIDTH), -(-filters // (parts * sizes.WIDTH))) * sizes.WIDTH


def _channels(channels: int, places: int, width: int) -> int:
    return max(1, min(channels, BLOCK // (4 * places * sizes.LANES * ceil(width, sizes.LANES))))


# ---- Winograd ------------------------------------------------------------------------------------

def minimal(args: ConvArgs) -> bool:
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


def by_tiles(node: Node, args: ConvArgs, uses: Uses) -> list[driver.Step]:
    """The rows of a convolution by Winograd's method: transformed weights, and blocks of tiles."""
    filters, channels = args.filters, args.channels
    back = args.dilate2 < 0
    weights = without_reshapes(node.inputs[1], uses.materialized)
    turned, done = uses.pack(weights, ("transformed", node), 36 * 4 * filters * (channels + sizes.LANES),
                             ("transform_weights", filters, channels, int(back)))
    row, channel = (9, 9 * filters) if back else (9 * channels, 9)
    turn = driver.Step(address("transform_weights"), [args.w, turned, channels, row, channel, int(back), done], filters,
                       applied(rows_of_chunk, filters, _TURNING * filters * channels))
    return [turn, step_of_tiles(args._replace(turned=turned, row=4 * row, channel=4 * channel))]


def step_of_tiles(args: ConvArgs) -> driver.Step:
    """The row that computes blocks of tiles."""
    filters = args.filters
    lines = applied(lines_of, args.batch, args.size1, args.size2)
    across = applied(ceil, args.size2, 4)
    blocks = applied(ceil, args.batch * applied(ceil, args.size1, 4), lines)
    most = applied(_most_of_few, applied(most_of, lines, across), filters, blocks)
    extent = blocks * applied(ceil, filters, most)
    args = args._replace(lines=lines, most=most)
    each = 36 * lines * across * most * args.channels
    return driver.Step(address("run_winograd"), list(args), extent, applied(chunk_of, extent, each))


def lines_of(batch: int, height: int, width: int) -> int:
    """The rows of tiles of a unit."""
    return max(1, min(_BLOCK_TILES // -(-width // 4), batch * -(-height // 4)))


def most_of(lines: int, across: int) -> int:
    """The most filters of a unit, by the room for their products."""
    tiles = -(-lines * across // sizes.LANES) * sizes.LANES
    return TILE_SUMS // tiles // 12 * 12


def _most_of_few(most: int, filters: int, blocks: int) -> int:
    """The filters of a unit: as many as there is room for, unless there are few blocks; units are about equal."""
    parts = max(-(-filters // most), min(-(-_LAID_UNITS // blocks), max(filters // 48, 1)))
    return min(-(-filters // (parts * 12)) * 12, most, filters)

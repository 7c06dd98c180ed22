"""The native steps of 3 x 3 convolutions by Winograd's minimal filtering; see `tile_transforms.py`.

Tiles are counted through rows of tiles, and these through the images. Values that are not finite spread over their
tiles: rows of tiles, and weights, with such a result are computed again place by place.
"""

from typing import Any

from ....native.word_intrinsics import as_word, room, set_word, smaller
from ...gemm.native import call_tiles
from ...gemm.sizes import LANES, WIDTH
from ...gemm.tiles import WHOLE
from ..arguments import AT, CHANNELS, FILTERS, TILE_SUMS, TILES
from ..place_by_place import relate
from .tile_transforms import (
    BUFFER,
    PHASE,
    along_cotangents,
    along_rows,
    back,
    convolve_row,
    down_columns,
    down_cotangents,
    lay_cotangents,
    lay_elements,
    not_finite,
    put_lines,
    put_weights,
    transform_row,
)

#: The bytes of six buffers and of those of 24 places; of transformed elements, products and sums; of masks of a block.
_ROWS, _PHASES = 6 * BUFFER, 24 * PHASE
_ELEMENTS, _PRODUCTS, _SUMS = 4 * 36 * CHANNELS * TILES, 4 * 36 * TILE_SUMS, 4 * 36 * CHANNELS * FILTERS
_MASKS = 8 * (TILES // LANES)


#: The transformed elements of a place, through tiles and channels, whose 36 places lie in the second cache. Products of
#: few channels at a time load and store their sums too often: with 64 channels of 32 tiles in place of 32, ResNet-18's
#: training step takes 0.86 of the time on a Zen 3 host, prediction of one image 0.90; with 128, 0.95 and 0.90.
_NEAR = 2048


def transform_weights(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Transform the weights of filters lo...hi; args: both slots, channels, weights from a filter, and from a channel,
    to the next, whether kernels are turned, and a slot that is not 0 where they are transformed already.
    """
    if bind[args[6]] != 0:
        return
    n = args[2]
    for f in range(lo, hi):
        transform_row(bind[args[1]] + 144 * (n + LANES) * f, bind[args[0]] + 4 * args[3] * f, n, 4 * args[4], args[5])


def _mark_sides(left: Any, right: Any, across: int) -> None:
    """Set the bits of the tiles that have a neighbour to the left, and to the right."""
    for g in range(TILES // LANES):
        set_word(left, g, 0)
        set_word(right, g, 0)
        for lane in range(LANES):
            t = (g * LANES + lane) % across
            set_word(left, g, left[g] | (0 if t == 0 else 1) << lane)
            set_word(right, g, right[g] | (0 if t == across - 1 else 1) << lane)


def _transform_elements(args: Any, x: int, rows: int, phases: int, to: int, tiles: int, depth: int, left: int,
                        right: int, first: int, end: int) -> None:
    """Transform the elements of `depth` channels, of which the first begins at `x`, in some rows of tiles."""
    height, width = args[AT.size1], args[AT.size2]
    down, size = (height + 3) // 4, height * width
    n = first // down
    pitch = 4 * args[AT.channels] * size
    for i in range(depth):
        lay_elements(rows, x + 4 * i * size + n * pitch, pitch, height, width, 4 * (first - n * down), end - first)
        down_columns(rows, phases, tiles)
        along_rows(phases, to + 4 * tiles * i, 4 * tiles * depth, tiles, left, right)


def run_winograd(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute units lo...hi: blocks of rows of tiles, and parts of the filters of each."""
    channels, filters, height, width = args[AT.channels], args[AT.filters], args[AT.size1], args[AT.size2]
    down, across, size = (height + 3) // 4, (width + 3) // 4, height * width
    parts = (filters + args[AT.most] - 1) // args[AT.most]
    rows, phases, left, right = room(_ROWS), room(_PHASES), room(_MASKS), room(_MASKS)
    elements, products = room(_ELEMENTS), room(_PRODUCTS)
    one = as_word(1.0)
    _mark_sides(left, right, across)
    for unit in range(lo, hi):
        first = unit // parts * args[AT.lines]
        end = smaller(first + args[AT.lines], args[AT.batch] * down)
        f = unit % parts * args[AT.most]
        some = smaller(args[AT.most], filters - f)
        tiles = ((end - first) * across + LANES - 1) // LANES * LANES
        c = 0
        while c < channels:
            depth = smaller(_NEAR // tiles if tiles * CHANNELS < _NEAR else CHANNELS, channels - c)
            _transform_elements(args, bind[args[AT.x]] + 4 * c * size, rows, phases, elements, tiles, depth, left,
                                right, first, end)
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
        n = first // down
        y = 4 * (first - n * down)
        for i in range(some):
            to = bind[args[AT.y]] + 4 * (n * filters + f + i) * size
            wrong = back(products + 4 * i * tiles, 4 * some * tiles, rows, tiles)
            put_lines(to, rows, 4 * filters * size, height, width, y, end - first)
            if wrong != 0:
                for line in range(first, end):
                    m = line // down
                    top = 4 * (line - m * down)
                    found = 0
                    for r in range(smaller(4, height - top)):
                        found = found | not_finite(rows + BUFFER * r + 16 * across * (line - first), width)
                    if found != 0:
                        for r in range(top, smaller(top + 4, height)):
                            convolve_row(args, to + 4 * ((m - n) * filters * size + r * width),
                                          bind[args[AT.x]] + 4 * m * channels * size,
                                          bind[args[AT.w]] + (f + i) * args[AT.row], r)


def run_winograd_weights(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute units lo...hi of the cotangent of weights: parts of the batch, of the filters, and of the channels."""
    channels, filters, height, width = args[AT.channels], args[AT.filters], args[AT.size1], args[AT.size2]
    down, across, size = (height + 3) // 4, (width + 3) // 4, height * width
    wide = (channels + CHANNELS - 1) // CHANNELS
    each = (filters + args[AT.most] - 1) // args[AT.most] * wide
    rows, phases, left, right = room(_ROWS), room(_PHASES), room(_MASKS), room(_MASKS)
    elements, cotangents, sums = room(_ELEMENTS), room(_PRODUCTS), room(_SUMS)
    one = as_word(1.0)
    _mark_sides(left, right, across)
    for unit in range(lo, hi):
        part = unit // each
        f, c = unit % each // wide * args[AT.most], unit % wide * CHANNELS
        some, depth = smaller(args[AT.most], filters - f), smaller(CHANNELS, channels - c)
        n = part * args[AT.part]
        images = smaller(args[AT.part], args[AT.batch] - n)
        first = n * down
        end = (n + images) * down
        fresh = as_word(0.0)
        while first < end:
            last = smaller(first + args[AT.lines], end)
            count = (last - first) * across
            tiles = (count + LANES - 1) // LANES * LANES
            _transform_elements(args, bind[args[AT.x]] + 4 * c * size, rows, phases, elements, tiles, depth, left,
                                right, first, last)
            m = first // down
            for i in range(some):
                lay_cotangents(rows, bind[args[AT.w]] + 4 * (m * filters + f + i) * size, 4 * filters * size, height,
                               width, 4 * (first - m * down), last - first)
                down_cotangents(rows, phases, tiles)
                along_cotangents(phases, cotangents + 4 * tiles * i, 4 * tiles * some, tiles)
            for k in range(36):
                done = 0
                while done < depth:
                    columns = WIDTH if done + WIDTH <= depth else smaller(depth - done, LANES)
                    call_tiles(args[AT.tiles], cotangents + 4 * k * some * tiles, 4 * tiles, 4,
                               elements + 4 * (k * depth + done) * tiles, 4, 4 * tiles,
                               sums + 4 * (k * some * CHANNELS + done), 4 * CHANNELS, some, count, 2, columns, one,
                               fresh)
                    done += columns
            fresh = one
            first = last
        for i in range(some):
            y = bind[args[AT.y]] + 36 * ((part * filters + f + i) * channels + c)
            if put_weights(y, sums + 4 * i * CHANNELS, 4 * some * CHANNELS, depth) != 0:
                for j in range(depth):
                    relate(args, y + 36 * j, bind[args[AT.x]] + 4 * (n * channels + c + j) * size,
                            bind[args[AT.w]] + 4 * (n * filters + f + i) * size, images)

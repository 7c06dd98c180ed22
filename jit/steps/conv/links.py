"""Band links of convolutions: the units of a row's range that compute results next to each other in memory.

Consumers of a result by rows, such as the statistics of a batch normalization, or in prediction its scale, a rectifier
and a sum with a shortcut, then find it in the cache (plan/row_bands.py).
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tracer.ops.ir.node import Node

from ...fusion.native_step import MANY, BandLink
from ...graph.symbolic_size import applied
from ...runtime import driver
from .arguments import ConvArgs, ceil

#: The blocks from which threads that take one at a time wait little at the end.
_MANY = 16

#: Units of a range, and the elements of the result that they compute.
Block = tuple[Any, Any]


def link(node: Node, step: driver.Step, block: Block | None, operands: Iterable[Node], cost: float) -> BandLink | None:
    """The link of a convolution's main row; None where there are no such blocks.

    cost: as `Generated.cost`.
    """
    if block is None:
        return None
    units, elements = block
    if applied(_rest, elements, units) != 0:
        return None
    chunk = applied(_whole, step.chunk, units, step.extent)
    return BandLink(cost, step.extent, units, chunk, MANY, dict.fromkeys(operands),
                    {node: applied(_quotient, elements, units)}, node.aval.nbytes, product=True)


def _rest(x: int, y: int) -> int:
    return x % y


def _quotient(x: int, y: int) -> int:
    return x // y


def _whole(chunk: int, units: int, extent: int) -> int:
    """The length of chunks, in whole blocks if these are enough for the threads; 0 for a row that is not cut."""
    return ceil(chunk, units) * units if extent >= _MANY * units else chunk


# ---- blocks --------------------------------------------------------------------------------------

def block_of_panels(args: ConvArgs) -> Block | None:
    """The block of panels through images, parts of filters, and groups: an image, or a part of the filters."""
    if args.groups == 1 and args.part >= args.filters:
        return args.panels, args.filters * args.positions
    if args.batch == 1 and applied(_rest, args.filters, args.part) == 0:
        return args.panels, args.part * args.positions
    return None


def block_of_bands(args: ConvArgs) -> Block:
    """The block of bands of depthwise images: one image."""
    return args.bands, args.positions


def block_of_channels(args: ConvArgs) -> Block:
    """The block of blocks of channels of small depthwise images: all channels of an image."""
    return args.bands, args.groups * args.positions


def block_of_tiles(args: ConvArgs) -> Block | None:
    """The block of parts of the filters, through blocks of rows of tiles: whole images."""
    down, parts = applied(ceil, args.size1, 4), applied(ceil, args.filters, args.most)
    if applied(_rest, down, args.lines) == 0:
        return parts * applied(_quotient, down, args.lines), args.filters * args.positions
    if applied(_rest, args.lines, down) == 0 and applied(_rest, args.batch * down, args.lines) == 0:
        return parts, applied(_quotient, args.lines, down) * args.filters * args.positions
    return None


def multiplications(args: ConvArgs) -> int:
    """The multiplications of all results."""
    return math.prod([args.batch, args.groups, args.filters, args.positions, args.channels, args.places])

"""Chains: a product, and the steps that read it row by row, done band by band: in the cache still, no barrier between.

A *link* says of a step how its range goes along with the values that it reads and writes. Steps in a row form a chain
when each reads what those before it have made only in the band that it is at itself: then a thread takes a band, and
does all of the chain's steps on it. All of this follows from sizes alone, so that results do not depend on threads.

Measured on 2 cores with 1 MiB of L2 each, runs taking turns (microseconds, apart -> chained): rows that leave the L2
gain most, `tanh(x @ w + b)` of 16384x32x256 2690 -> 2240, `(x @ w + r) * r` of 4096x64x1024 4370 -> 4170; where a
product alone is too small for two threads, the chain may not be: 256x10x256 with bias and tanh 30 -> 20; with long
sums little is left to gain, 2048x1024x1024 21830 -> 21480, and nothing is lost.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

#: Bytes of results in a band up to which it stays in the L2: smaller ones, and twice as large ones, measured no better.
BAND_BYTES = 1 << 19
#: Rows from which a band is halved: OpenBLAS loses 3 % in bands of 64 rows, for it packs the other operand in each.
HALVED_ROWS = 256
#: Bands of a product that is not cut when alone, at most; parts' costs of kernels in a band from which it is halved.
FEW_BANDS, BUSY_PARTS = 4, 4
#: The share of a kernel's range that may lie across borders: one thread does it.
MOST_LEFT = 1 / 8

Stretch = tuple[int, int]


class Link(NamedTuple):
    """A step that may be part of a chain.

    cost: as `Generated.cost`; extent: of its range; align: units of the range that stay together; chunk: how it is cut
    when alone (0: not at all); most: chunks at most, or 0 where any stretch of the range may be done by itself.
    reads: all values that it reads, with (elements, units) where a stretch of so many elements is read by a stretch of
    so many units of the range, and None where no stretch is. writes: the elements that a unit makes of a value, 0 for
    one that is ready only at the end. nbytes: of what it writes. replaces: operands that it may write over.
    """

    cost: float
    extent: int
    align: int
    chunk: int
    most: int
    reads: Mapping[Any, Stretch | None]
    writes: Mapping[Any, int]
    nbytes: int = 0
    replaces: Sequence[Any] = ()
    product: bool = False


class Cut(NamedTuple):
    """How a step of a chain is cut: into equal chunks, `chunk` long, or with 0, where the rows of the product allow.

    parts: (first, end) for each band; left: what lies across their borders, to be done after all bands.
    """

    chunk: int
    parts: list[Stretch]
    left: list[Stretch]


class Chain(NamedTuple):
    """Steps from number `first` on, each with its cut into equally many bands."""

    first: int
    cuts: list[Cut]


def chains(starts: Sequence[int], reads: Sequence[Collection[Any]], link: Callable[[int], Link | None],
           part: float) -> list[Chain]:
    """The chains among steps in order.

    starts: the numbers of those that may be a chain's first; reads: what each step reads; link: tells of a step by its
    number, None for one that is in no chain; part: the least cost that repays a thread.
    """
    found: list[Chain] = []
    end = 0
    for at in starts:
        first, cuts = link(at) if at >= end else None, None
        if first is not None and first.extent > first.align:
            growing = _Growing(first)
            for i in range(at + 1, len(reads)):
                following = None if growing.made.keys().isdisjoint(reads[i]) else link(i)
                if following is None or not growing.takes(following):
                    break
            while cuts is None and len(growing.links) > 1:
                cuts = growing.cut(rows_of_band(growing.links, part))
                if cuts is None:
                    growing.drop()
        if cuts is not None:
            found.append(Chain(at, cuts))
            end = at + len(cuts)
    return found


def rows_of_band(links: Sequence[Link], part: float) -> int:
    """The units of the first link's range that a band should have: all of them where bands do not pay."""
    first, rows = links[0], links[0].chunk
    if not rows:
        bands = min(int(sum([one.cost for one in links]) // part), FEW_BANDS)
        if bands < 2:
            return first.extent
        rows = -(-first.extent // bands)
    nbytes = sum([one.nbytes for one in links])
    cost = sum([one.cost for one in links if not one.product])
    most = min(BAND_BYTES / max(nbytes, 1), BUSY_PARTS * part / max(cost, 1)) * first.extent
    while rows > most and rows >= HALVED_ROWS:
        rows = -(-rows // 2)
    return rows


class _Growing:
    """Links of a chain; for each the units of its range in the least band."""

    def __init__(self, first: Link) -> None:
        self.links = [first]
        self.units = [first.align]
        self.made = {v: n * first.align for v, n in first.writes.items()}  # elements in the least band
        self.loose: dict[int, tuple[Any, Stretch]] = {}  # of a link without units: what it reads, by which stretches
        self.reads = set(first.reads)
        self.replaces = set(first.replaces)
        self.scales: list[int] = []  # by how much each link after the first has lengthened the bands

    def takes(self, link: Link) -> bool:
        """Let the link follow, if it may."""
        if not self.made.keys() >= self.reads.intersection(link.replaces) | self.replaces.intersection(link.reads):
            return False
        along: dict[Any, Stretch] = {}
        for v, stretch in link.reads.items():
            if v in self.made:
                if stretch is None or not self.made[v]:
                    return False
                along[v] = stretch
        if not along:
            return False
        scale = 1
        for v, (elements, _) in along.items():
            scale = math.lcm(scale, elements // math.gcd(self.made[v], elements))
        found = {self.made[v] * scale // elements * units for v, (elements, units) in along.items()}
        if len(found) > 1:
            return False
        units = math.lcm(*found, link.align)
        scale *= units // found.pop()
        if scale > 1 and not link.most and len(along) == 1:
            self.loose[len(self.links)], = along.items()
            scale = units = 1
            self.made.update(dict.fromkeys(link.writes, 0))
        elif scale > 1:
            self.units = [u * scale for u in self.units]
            self.made = {v: n * scale for v, n in self.made.items()}
        if len(self.links) not in self.loose:
            self.made.update({v: n * units for v, n in link.writes.items()})
        self.units.append(units)
        self.scales.append(scale)
        self.links.append(link)
        self.reads.update(link.reads)
        self.replaces.update(link.replaces)
        return True

    def drop(self) -> None:
        """Leave out the last link, for good: nothing may follow any more."""
        link, scale = self.links.pop(), self.scales.pop()
        self.loose.pop(len(self.links), None)
        self.units = [u // scale for u in self.units[:-1]]
        self.made = {v: n // scale for v, n in self.made.items() if v not in link.writes}

    def cut(self, rows: int) -> list[Cut] | None:
        """The links' cuts where a band has `rows` units of the first, or a little more; None if that does not go."""
        first = self.links[0]
        least = -(-first.extent // self.units[0])
        size = max([-(-rows // self.units[0]), *[-(-least // one.most) for one in self.links if one.most]])
        bands = -(-least // size)
        cuts = []
        for i, (link, units) in enumerate(zip(self.links, self.units, strict=True)):
            chunk = units * size
            if i in self.loose:
                v, stretch = self.loose[i]
                parts = _within(self.made[v] * size, bands, stretch, link.extent)
            elif link.product and 0 < link.chunk < chunk / 2:
                return None  # a product of a batch, say: its own bands are of more use
            else:
                parts = [(lo, min(lo + chunk, link.extent)) for lo in range(0, link.extent, chunk)]
            if bands < 2 or len(parts) != bands or any(lo >= hi for lo, hi in parts):
                return None
            left = [(a, b) for (_, a), (b, _) in zip(parts, parts[1:]) if a < b]
            if sum([b - a for a, b in left]) > link.extent * MOST_LEFT:
                return None
            cuts.append(Cut(0 if i in self.loose else chunk, parts, left))
        return cuts


def _within(made: int, bands: int, stretch: Stretch, extent: int) -> list[Stretch]:
    """What a range may do in each band once so many elements a band are made, by whole stretches.

    >>> _within(10, 3, (4, 1), 8)
    [(0, 2), (3, 5), (5, 8)]
    """
    elements, units = stretch
    parts = [(-(-b * made // elements) * units, (b + 1) * made // elements * units) for b in range(bands)]
    return [*parts[:-1], (parts[-1][0], extent)]

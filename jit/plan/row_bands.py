"""Row bands: a matmul and its row-wise consumers run one band of rows at a time, a tiling with fusion of consumers.

The rows of a band stay in L2 from one step to the next, and no barrier is needed between the steps. A `BandLink` gives,
for each value that a step reads or writes, the elements per unit of the step's range. Successive steps form a chain
when each reads the results of the earlier ones only within its own band: then a thread takes a band and runs all of the
chain's steps on it. All of this follows from sizes alone, so that results do not depend on the number of threads.

Measured with 1 MiB of L2 a core, alternating runs, minima in microseconds, apart -> chained. On two free cores, before
the last changes to the rule, rows that leave the L2 gained most: `tanh(x @ w + b)` of 16384x32x256 2690 -> 2240, and
`(x @ w + r) * r` of 4096x64x1024 4370 -> 4170; a product too small for two threads was cut with what follows it,
256x10x256 with bias and tanh 30 -> 20. With this rule and one core taken by others: 5340 -> 4830, 8970 -> 8300, 36.7 ->
35.9. With long sums (2048x1024x1024) the differences are noise. Where there is nothing to gain a cut costs a little: on
one core 256x10x256 with a residual 28.8 -> 29.7.
"""
from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from ..fusion.native_step import BandLink, TileRatio
from ..graph.symbolic_size import applied, gcd, lcm
from ..process import interrupts

#: Bytes of results in a band up to which it stays in the L2. Half and twice as many differed by less than the noise.
BAND_BYTES = 1 << 19
#: Rows from which a band is halved: OpenBLAS packs the other operand in each, and lost 3 to 5 % in bands of 64 rows.
HALVED_ROWS = 256
#: The most bands of a product that is not cut when alone; the cost, in parts, of a band's kernels from which it is
#: halved: for machines with more cores than the measured one.
FEW_BANDS, BUSY_PARTS = 4, 4
#: The factor by which bands may be longer than wanted, to hold whole tiles of each step, where the product is cut in
#: any case and where it is not. Longer ones leave a thread waiting: 4 bands of 208 rows for 784 made mlp-sgd-32 181.8
#: -> 186.0. Running blocks that cross a band's border afterwards gained nothing either, 1072 -> 1083 in mlp-sgd-256.
LONGER, LONGER_FEW = 1.02, 1.25


class BandChain(NamedTuple):
    """Steps from number `first` on, each with the length of its chunks: equally many, one for each band."""

    first: int
    chunks: list[int]


def tile_and_fuse(starts: Sequence[int], reads: Sequence[Collection[Any]], link: Callable[[int], BandLink | None],
           part: float) -> list[BandChain]:
    """The chains among the steps: each starts at a product, and is extended by consumers as long as bands pay.

    starts: the numbers of the steps that may be a chain's first.
    reads: the values that each step reads.
    link: the BandLink of a step by its number, None for a step that cannot be in a chain.
    part: the least cost that repays a thread.
    """
    found: list[BandChain] = []
    end = 0
    for at in starts:
        interrupts.check()
        first, chunks = link(at) if at >= end else None, None
        if first is not None and first.extent > first.align:
            growing = _Growing(first)
            for i in range(at + 1, len(reads)):
                interrupts.check()
                following = None if growing.made.keys().isdisjoint(reads[i]) else link(i)
                if following is None or not growing.try_append(following):
                    break
            while chunks is None and len(growing.links) > 1:
                interrupts.check()
                chunks = growing.cut(rows_of_band(first, growing.totals[-1], part))
                if chunks is None:
                    growing.drop()
        if chunks is not None:
            found.append(BandChain(at, chunks))
            end = at + len(chunks)
    return found


class ChainTotal(NamedTuple):
    """Sums over links.

    cost: of all links.
    kernels: the cost of the links that are no products.
    nbytes: the bytes that they write.
    """

    cost: Any = 0
    kernels: Any = 0
    nbytes: Any = 0

    def with_link(self, one: BandLink) -> ChainTotal:
        """The sums with one more link."""
        kernels = self.kernels if one.product else self.kernels + one.cost
        return ChainTotal(self.cost + one.cost, kernels, self.nbytes + one.nbytes)


def rows_of_band(first: BandLink, total: ChainTotal, part: float) -> int:
    """The units of the first link's range in a band; the whole range where bands do not pay."""
    rows = first.chunk
    if not rows:
        bands = min(applied(int, total.cost // part), FEW_BANDS)
        if bands < 2:
            return first.extent
        rows = -(-first.extent // bands)
    most = min(BAND_BYTES / max(total.nbytes, 1), BUSY_PARTS * part / max(total.kernels, 1)) * first.extent
    while rows > most and rows >= HALVED_ROWS:
        rows = -(-rows // 2)
    return rows


class _Growing:
    """A chain under construction: its links, and for each the units of its range in the smallest band.

    Each length of the chain is tried from the longest on. The sums are kept for every length: planning a chain of
    hundreds of links would otherwise take cubic time.
    """

    def __init__(self, first: BandLink) -> None:
        self.links = [first]
        self.units = [first.align]
        self.totals = [ChainTotal().with_link(first)]
        self.fewest = [first.most]  # by link, the most chunks that all links up to it allow
        self.made = {v: n * first.align for v, n in first.writes.items()}  # elements in the smallest band
        self.reads = set(first.reads)
        self.replaces = set(first.replaces)
        self.scales: list[int] = []  # the factor by which each link after the first has lengthened the bands

    def try_append(self, link: BandLink) -> bool:
        """Append the link if its range can be cut into the same bands; returns whether it can."""
        if not self.made.keys() >= self.reads.intersection(link.replaces) | self.replaces.intersection(link.reads):
            return False
        along: dict[Any, TileRatio] = {}
        for v, ratio in link.reads.items():
            if v in self.made:
                if ratio is None or not self.made[v]:
                    return False
                along[v] = ratio
        if not along:
            return False
        scale = 1
        for v, (elements, _) in along.items():
            scale = lcm(scale, elements // gcd(self.made[v], elements))
        found, *others = [self.made[v] * scale // elements * units for v, (elements, units) in along.items()]
        if any([units != found for units in others]):
            return False
        units = lcm(found, link.align)
        scale *= units // found
        if scale > 1:
            if self.units[0] * scale >= self.links[0].extent:
                return False  # the smallest band is the whole range
            self.units = [u * scale for u in self.units]
            self.made = {v: n * scale for v, n in self.made.items()}
        self.made.update({v: n * units for v, n in link.writes.items()})
        self.units.append(units)
        self.scales.append(scale)
        self.links.append(link)
        self.totals.append(self.totals[-1].with_link(link))
        self.fewest.append(min(self.fewest[-1], link.most))
        self.reads.update(link.reads)
        self.replaces.update(link.replaces)
        return True

    def drop(self) -> None:
        """Remove the last link for good: nothing may be appended any more."""
        scale = self.scales.pop()
        for kept in (self.links, self.units, self.totals, self.fewest):
            kept.pop()
        if scale > 1:
            self.units = [u // scale for u in self.units]

    def cut(self, rows: int) -> list[int] | None:
        """The links' chunks for bands of `rows` units of the first link's range; None where no such bands fit."""
        first, units = self.links[0], self.units[0]
        least = -(-first.extent // units)
        size = max(-(-rows // units), -(-least // self.fewest[-1]))
        bands = -(-least // size)
        if bands < 2 or units * size > rows * (LONGER if first.chunk else LONGER_FEW):
            return None
        chunks = []
        for link, units in zip(self.links, self.units, strict=True):
            chunk = units * size
            if -(-link.extent // chunk) != bands or (link.product and 0 < link.chunk < chunk / 2):
                return None  # a product of a batch, for example, gains more from its own chunks
            chunks.append(chunk)
        return chunks

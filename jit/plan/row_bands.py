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


#: The steps that are looked at behind a chain's last one for another consumer.
NEAR = 8


class BandChain(NamedTuple):
    """Steps from place `first` on, each with the length of its chunks: equally many, one for each band."""

    first: int
    chunks: list[int]


class Banded(NamedTuple):
    """The numbers of the steps in the order to run them, and the chains, by places in that order."""

    order: list[int]
    chains: list[BandChain]


class Steps(NamedTuple):
    """The steps to make chains of, by number.

    starts: the numbers of those that may be a chain's first.
    reads, makes: the values that each one reads, and makes.
    link: the BandLink of a step, None for a step that cannot be in a chain, nor be moved.
    """

    starts: Collection[int]
    reads: Sequence[Collection[Any]]
    makes: Sequence[Collection[Any]]
    link: Callable[[int], BandLink | None]


def tile_and_fuse(steps: Steps, part: float) -> Banded:
    """The chains among the steps: each starts at a product, and is extended by consumers as long as bands pay.

    A step between two of a chain runs before it where it needs none of its results, else after it.

    part: the least cost that repays a thread.
    """
    order = list(range(len(steps.reads)))
    known: dict[int, list[int]] = {}  # by a chain's first step, the chunks
    found: list[BandChain] = []
    at = 0
    while at < len(order):
        interrupts.check()
        chunks = known.get(order[at])
        if chunks is None and order[at] in steps.starts:
            members, chunks = _chain(steps, order, at, known, part)
            if chunks is not None:
                before, after = _around(steps, order[at:members[-1] + 1], [order[i] for i in members])
                order[at:members[-1] + 1] = [*before, *[order[i] for i in members], *after]
                known[order[at + len(before)]] = chunks
                continue  # the steps before it may be chains too
        if chunks is not None:
            found.append(BandChain(at, chunks))
        at += len(chunks or (0,))
    return Banded(order, found)


def _chain(steps: Steps, order: Sequence[int], at: int, known: Collection[int],
           part: float) -> tuple[list[int], list[int] | None]:
    """The places of a chain's steps, the first of which is at `at`, and their chunks, None where there is no chain."""
    first = steps.link(order[at])
    if first is None or first.extent <= first.align:
        return [], None
    growing, members, joined = _Growing(first), [at], set[int]()
    late: set[Any] = set()  # what is made after the chain
    waiting: set[Any] = set()  # what is read after it
    early: dict[int, BandLink] = {}  # by place, the steps before it
    for i in range(at + 1, len(order)):
        interrupts.check()
        step = order[i]
        if i - members[-1] > NEAR or step in known:
            break
        reads = steps.reads[step]
        after = not late.isdisjoint(reads)
        link = None if after else steps.link(step)
        if not after and growing.made.keys().isdisjoint(reads):
            if link is None or not growing.reads.isdisjoint(link.replaces):
                break
            early[i] = link
            continue
        beside = None if link is None or not waiting.isdisjoint(link.replaces) else growing.take(link, early)
        if beside is None:
            late.update(steps.makes[step])
            waiting.update(reads)
        else:
            members += [*beside, i]
            joined.update(beside)
    chunks = None
    while chunks is None and len(growing.links) > 1:
        interrupts.check()
        chunks = growing.cut(rows_of_band(first, growing.totals[-1], part))
        while chunks is None and len(growing.links) > 1:
            growing.drop()
            members.pop()
            if members[-1] not in joined:
                break
    return members, chunks


def _around(steps: Steps, span: Sequence[int], members: Collection[int]) -> tuple[list[int], list[int]]:
    """The steps of a span that run before the chain of `members`, and those that run after it."""
    before, after = [], []
    late = {v for i in members for v in steps.makes[i]}
    for i in span:
        if i not in members:
            if late.isdisjoint(steps.reads[i]):
                before.append(i)
            else:
                after.append(i)
                late.update(steps.makes[i])
    return before, after


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
            first, longer = self.links[0], self.units[0] * scale
            if longer >= first.extent or first.chunk and longer > LONGER * first.chunk:
                return False  # the smallest band is the whole range, or longer than any band of this product
            self.units = [u * scale for u in self.units]
            self.made = {v: n * scale for v, n in self.made.items()}
        self._add(link, units, scale)
        return True

    def take(self, link: BandLink, early: dict[int, BandLink]) -> list[int] | None:
        """Append a link, and before it the products that only it makes a part of the chain; None where it does not fit.

        early: by place, the links that would run before the chain. The products, whose places are returned, leave it.
        """
        beside = [i for i, one in early.items() if one.product and not link.reads.keys().isdisjoint(one.writes)]
        if beside and self._try_join([early[i] for i in beside], link, [
                v for i, one in early.items() if i not in beside for v in (*one.reads, *one.replaces)]):
            for i in beside:
                del early[i]
            return beside
        if any([not link.reads.keys().isdisjoint(one.replaces) for one in early.values()]):
            return None
        return [] if self.try_append(link) else None

    def _try_join(self, links: Sequence[BandLink], link: BandLink, others: Collection[Any]) -> bool:
        """Append products that read nothing of the chain, and then a link that reads their results and the chain's.

        others: what steps before the chain read, or write over.
        """
        first, count = self.links[0], len(self.links)
        for one in links:
            units = self.units[0] * one.extent // first.extent
            alone = one.writes.keys().isdisjoint(others) and not one.replaces
            if not alone or units * first.extent != self.units[0] * one.extent or units % one.align:
                break
            self._add(one, units, 1)
        else:
            if self.try_append(link):
                return True
        while len(self.links) > count:
            for v in self.links[-1].writes:
                del self.made[v]
            self.drop()
        return False

    def _add(self, link: BandLink, units: int, scale: int) -> None:
        self.made.update({v: n * units for v, n in link.writes.items()})
        self.units.append(units)
        self.scales.append(scale)
        self.links.append(link)
        self.totals.append(self.totals[-1].with_link(link))
        self.fewest.append(min(self.fewest[-1], link.most))
        self.reads.update(link.reads)
        self.replaces.update(link.replaces)

    def drop(self) -> None:
        """Remove the last link: what it reads and writes stays known, so that less is appended after it."""
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
        if bands < 2 or units * size > max(rows, first.chunk) * (LONGER if first.chunk else LONGER_FEW):
            return None
        chunks = []
        for link, units in zip(self.links, self.units, strict=True):
            chunk = units * size
            if -(-link.extent // chunk) != bands or (link.product and 0 < link.chunk < chunk / 2):
                return None  # a product of a batch, for example, gains more from its own chunks
            chunks.append(chunk)
        return chunks

"""Linear forms: byte offsets as sums of loop variables times numbers, and the ranges that they span.

A kernel's address is `base + c0 * r + c1 * j + …`. In this form a range of bytes is exact, and it can be proved that
two accesses are at the same place in each iteration, or that two chunks are disjoint although their columns interleave.
"""
from __future__ import annotations

from typing import NamedTuple

#: The bound of a variable whose range is unknown.
ANY = 1 << 62


class Var:
    """An integer from `low` to `high`: a loop variable, or a quotient or remainder of a form, its digits.

    of: ("//", form, d) or ("%", form, d) for a digit; ("tail", block, total, rows) for the place within a block of a
        flat loop, whose last block is shorter: `rows` counts the blocks.
    flat: for a tail, the place in the whole flat loop.
    """

    __slots__ = ("low", "high", "of", "flat")

    def __init__(self, low: int, high: int, of: tuple = ()) -> None:
        self.low, self.high, self.of = low, high, of
        self.flat: Var | None = None

    @classmethod
    def any(cls) -> Var:
        """A variable of unknown range."""
        return cls(-ANY, ANY)


class Form(NamedTuple):
    """A linear form: start + the sum of coefficient * variable."""

    start: int
    terms: tuple[tuple[Var, int], ...] = ()

    def plus(self, other: Form, factor: int = 1) -> Form:
        """self + factor * other."""
        sums = dict(self.terms)
        for v, c in other.terms:
            sums[v] = sums.get(v, 0) + factor * c
        return Form(self.start + factor * other.start, tuple([(v, c) for v, c in sums.items() if c]))

    def times(self, factor: int) -> Form:
        """factor * self."""
        return Form(factor * self.start, tuple([(v, factor * c) for v, c in self.terms if factor]))

    def span(self) -> tuple[int, int]:
        """The least and the greatest value."""
        low = high = self.start
        for v, c in self.terms:
            low += min(c * v.low, c * v.high)
            high += max(c * v.low, c * v.high)
        return low, high

    def fused(self) -> Form:
        """An equal form, in which the digits of one number are joined, and variables of one value are constants."""
        start, sums = self.start, dict(self.terms)
        queue = list(sums)
        while queue:
            v = queue.pop()
            c = sums.get(v, 0)
            if v.low == v.high:
                start += c * v.low
                sums.pop(v, None)
            elif c and v.of and v.of[0] == "tail":
                _, block, total, rows = v.of
                whole = rows.low < rows.high
                if not whole or sums.get(rows, 0) == block * c:
                    if v.flat is None:
                        last = min((rows.high + 1) * block, total) - 1
                        v.flat = Var(rows.low * block, last) if whole else Var(0, last - rows.low * block)
                    del sums[v]
                    sums[v.flat] = c
                    if whole:
                        del sums[rows]
                    queue.append(v.flat)
            elif c and v.of and v.of[0] == "%":
                above = next((u for u in sums if u.of[:1] == ("//",) and u.of[1:] == v.of[1:]), None)
                if above is not None and sums[above] == v.of[2] * c:
                    del sums[v], sums[above]
                    start += c * v.of[1].start
                    for u, d in v.of[1].terms:
                        sums[u] = sums.get(u, 0) + c * d
                    queue = list(sums)  # the number may itself be a digit, and the other digit already visited
        return Form(start, tuple([(v, c) for v, c in sums.items() if c]))

    def is_open(self) -> bool:
        """Whether a variable has no known bounds."""
        return any([v.high == ANY for v, _ in self.terms])

    def is_dense(self, itemsize: int) -> bool:
        """Whether elements of that size at all the values cover a range of bytes without gaps and overlaps."""
        step = itemsize
        for v, c in sorted(self.terms, key=lambda term: abs(term[1])):
            if abs(c) != step:
                return False
            step *= v.high - v.low + 1
        return True


def apart(a: Form, b: Form, size_a: int, size_b: int) -> bool:
    """Whether elements of these sizes at the values of two forms, which vary independently, provably never overlap.

    They do not if their ranges are disjoint; or if, for the stride of a term, as over the rows of a matrix, their
    ranges without such terms are disjoint wherever they are repeated at that stride. False where neither can be proved.
    """
    for pitch in {0, *[abs(c) for _, c in (*a.terms, *b.terms)]}:
        (low_a, end_a), (low_b, end_b) = [
            Form(f.start, tuple([t for t in f.terms if abs(t[1]) != pitch])).span() for f in (a, b)]
        end_a, end_b = end_a + size_a, end_b + size_b
        if not pitch:
            found = end_a <= low_b or end_b <= low_a
        else:
            shift = (low_b - low_a) // pitch * pitch  # to the first repetition behind the start of the other one
            found = end_a <= low_b - shift and end_b - shift <= low_a + pitch
        if found:
            return True
    return False

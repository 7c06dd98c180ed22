"""Sums of products, given by subscripts."""
from __future__ import annotations

import math

import numpy as np

from .elementwise import cast
from .movement import growth, move, spread
from .noise import Noise, rounded_sums
from .values import PRODUCTS, Op, Step, Value, apply, bounded


class Einsum(Op):
    """An einsum; no subscript occurs twice in one operand."""

    def __init__(self, terms: tuple[str, ...], out: str) -> None:
        self.terms = terms
        self.out = out

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        sizes = self._sizes(arrays)
        bounded([sizes[c] for c in self.out])
        bounded([*sizes.values()], PRODUCTS)
        return np.asarray(np.einsum(",".join(self.terms) + "->" + self.out, *arrays))

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        bound = self.compute([abs(a) for a in arrays])
        terms = math.prod(self._sizes(arrays).values())
        return rounded_sums(out, arrays, bound, dtype, noise, growth(terms, out.size))

    def _sizes(self, arrays: list[np.ndarray]) -> dict[str, int]:
        return {c: n for term, a in zip(self.terms, arrays, strict=True) for c, n in zip(term, a.shape, strict=True)}

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        mine, x = self.terms[i], step.inputs[i]
        others = [(t, v) for j, (t, v) in enumerate(zip(self.terms, step.inputs, strict=True)) if j != i]
        given = set(self.out).union(*[t for t, _ in others])
        kept = "".join(c for c in mine if c in given)  # the gradient is constant along the others
        terms, values = (self.out, *(t for t, _ in others)), [g, *(v for _, v in others)]
        pulled = apply(Einsum(terms, kept), values, g.dtype)
        thin = tuple(n if c in given else 1 for c, n in zip(mine, x.shape, strict=True))
        return cast(spread(move(lambda a: a.reshape(thin), [pulled], g.dtype), x.shape), x.dtype)

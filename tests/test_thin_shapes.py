"""Axes of size 1 and 0 anywhere: reductions over and beside them, and values that several steps of them read."""
from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import graphs
import numpy as np
import pytest

from tracer.ops.arithmetic import add, div, mul, sub
from tracer.ops.node import Node
from tracer.ops.reductions import reduce_max, reduce_min, reduce_prod, reduce_sum, spread
from tracer.ops.unary import exp

pytestmark = pytest.mark.tierless

_RNG = np.random.default_rng(10)
REDUCTIONS = {reduce_sum: np.sum, reduce_prod: np.prod, reduce_max: np.max, reduce_min: np.min}
#: Shapes of 1 to 4 axes, some of which have size 1; the others' sizes differ.
SHAPES = [tuple(1 if one else n for one, n in zip(ones, (2, 3, 4, 5)))
          for ndim in (1, 2, 3, 4) for ones in itertools.product((True, False), repeat=ndim)]


def subsets(ndim: int) -> Iterator[tuple[int, ...]]:
    """All sets of axes but the empty one."""
    return itertools.chain(*[itertools.combinations(range(ndim), k) for k in range(1, ndim + 1)])


def draw(*shape: int) -> np.ndarray:
    return _RNG.uniform(0.5, 1.5, shape).astype("float32")


def agree(outputs: Sequence[Node], arrays: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> None:
    assert graphs.fallbacks(outputs) == []
    for got, want in zip(graphs.run(outputs, arrays, "always"), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, err_msg=str([a.shape for a in arrays]))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_reductions_of_thin_arrays(shape):
    a = draw(*shape)
    (x,) = graphs.leaves([a])
    wide = a.astype("float64")
    for axes in subsets(len(shape)):
        agree([of(x, axes) for of in REDUCTIONS], [a], [of(wide, axis=axes) for of in REDUCTIONS.values()])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rows_that_wait_for_a_reduction_over_thin_axes(shape):
    a = draw(*shape)
    (x,) = graphs.leaves([a])
    wide = a.astype("float64")
    for axes in subsets(len(shape)):
        top = reduce_max(x, axes)
        powers = exp(sub(x, spread(top, axes, x)))
        total = reduce_sum(powers, axes)
        top64 = wide.max(axis=axes, keepdims=True)
        powers64 = np.exp(wide - top64)
        total64 = powers64.sum(axis=axes)
        agree([div(powers, spread(total, axes, x)), add(total, mul(top, top)), reduce_sum(powers, (0,))], [a],
              [powers64 / powers64.sum(axis=axes, keepdims=True), total64 + top64.reshape(total64.shape) ** 2,
               powers64.sum(axis=0)])

"""Axes of size 1 and 0 in any place: reductions over and beside them, and values that several such steps read."""
from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from math import inf

import graphs
import numpy as np
import pytest

from tracer import autograd, nd, npx
from tracer import np as mnp
from tracer.jit.plan.plan import Plan
from tracer.jit.program import ExecutionError, Program
from tracer.jit.runtime.buffers import from_array
from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.node import Node
from tracer.ops.primitive.arithmetic import add, div, mul, sub
from tracer.ops.primitive.elementary import exp
from tracer.ops.primitive.gather_scatter import gather, scatter_add
from tracer.ops.primitive.linear import broadcast_to, reduce_sum, reshape, slice_, spread, transpose
from tracer.ops.primitive.matmul import product
from tracer.ops.primitive.reductions import reduce_max, reduce_min, reduce_prod

pytestmark = pytest.mark.slow_sample(2)

_RNG = np.random.default_rng(10)
REDUCTIONS = {reduce_sum: np.sum, reduce_prod: np.prod, reduce_max: np.max, reduce_min: np.min}
#: Shapes of 1 to 4 axes, some of size 1; the other sizes are distinct.
SHAPES = [tuple(1 if one else n for one, n in zip(ones, (2, 3, 4, 5)))
          for ndim in (1, 2, 3, 4) for ones in itertools.product((True, False), repeat=ndim)]
#: The same with size 0 in place of 1, and two shapes with both.
EMPTY = [*[tuple(0 if d == 1 else d for d in shape) for shape in SHAPES if 1 in shape], (0, 8, 1, 8), (1, 0, 1)]


def subsets(ndim: int) -> Iterator[tuple[int, ...]]:
    """All non-empty sets of axes."""
    return itertools.chain(*[itertools.combinations(range(ndim), k) for k in range(1, ndim + 1)])


def draw(*shape: int) -> np.ndarray:
    return _RNG.uniform(0.5, 1.5, shape).astype("float32")


def agree(outputs: Sequence[Node], arrays: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> None:
    assert graphs.fallbacks(outputs) == []
    for got, want in zip(graphs.run(outputs, arrays, "always"), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, err_msg=str([a.shape for a in arrays]))


@pytest.mark.tierless
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_reductions_of_thin_arrays(shape):
    a = draw(*shape)
    (x,) = graphs.leaves([a])
    wide = a.astype("float64")
    for axes in subsets(len(shape)):
        agree([of(x, axes) for of in REDUCTIONS], [a], [of(wide, axis=axes) for of in REDUCTIONS.values()])


@pytest.mark.tierless
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


@pytest.mark.tierless
@pytest.mark.parametrize("shape", [(3, 4, 5), (4, 4, 4)], ids=str)
def test_reductions_over_several_sets_of_axes(shape):
    """With a product of the whole array between them: they may share a kernel's loops in any order."""
    a = draw(*shape)
    (x,) = graphs.leaves([a])
    wide = a.astype("float64")
    whole = mul(x, x), wide * wide
    every = [(reduce_sum(x, axes), wide.sum(axis=axes)) for axes in subsets(3)]
    for first, second in itertools.permutations(every, 2):
        agree([node for node, _ in (first, whole, second)], [a], [want for _, want in (first, whole, second)])


@pytest.mark.tierless
@pytest.mark.parametrize("shape", EMPTY, ids=str)
def test_reductions_of_nothing(shape):
    for dtype, least, most in (("float32", -inf, inf), ("float16", -inf, inf), ("int32", -2**31, 2**31 - 1),
                               ("uint8", 0, 255), ("bool", False, True)):
        a = np.zeros(shape, dtype)
        (x,) = graphs.leaves([a])
        for axes in subsets(len(shape)):
            kept = [d for i, d in enumerate(shape) if i not in axes]
            wanted = [np.full(kept, value, dtype) for value in (0, 1, least, most)]
            made = [of(x, axes) for of in REDUCTIONS]
            # Values computed from such results, and from their operands, are right too.
            agree([*made, add(made[0], made[1]), reduce_sum(mul(x, x), axes)], [a],
                  [*wanted, wanted[0] + wanted[1], wanted[0]])


@pytest.mark.tierless
def test_what_has_no_elements_takes_no_step():
    arrays = [draw(3, 0), draw(3, 4), np.zeros((0,), "int64"), np.array([1])]
    x, y, none, one = graphs.leaves(arrays)
    nothing = exp(slice_(add(y, y), ((0, 3, 1), (2, 0, 1))))
    outputs = [transpose(mul(x, x), (1, 0)), reshape(nothing, (0, 7)), broadcast_to(reshape(x, (3, 0, 1)), (3, 0, 9)),
               *[gather(table, (i,), (("i", 0), ("s", 0, table.shape[1], 1)), True)
                 for table, i in ((y, none), (mul(y, y), none), (mul(x, x), one))]]
    assert Plan(tuple(outputs)).planning.steps == []
    agree(outputs, arrays, [np.zeros(n.shape) for n in outputs])


@pytest.mark.tierless
def test_steps_that_read_nothing():
    a, b, index = draw(3, 0), draw(0, 4), np.zeros((0,), "int64")
    x, y, i = graphs.leaves([a, b, index])
    sums = product(mul(x, x), exp(y))
    rows = scatter_add(mul(y, y), (i,), (("i", 0), ("s", 0, 4, 1)), (5, 4))
    wanted = [np.zeros((3, 4)), np.zeros((3, 4)), np.zeros((5, 4)), np.ones((5, 4))]
    for got, want in zip(graphs.run([sums, add(sums, sums), rows, exp(rows)], [a, b, index], "always"), wanted,
                         strict=True):
        np.testing.assert_array_equal(got, want)


def test_the_same_program_with_a_batch_of_any_size():
    """Sizes 0 and 1 have layouts of their own beside the templates that serve other sizes."""
    w = draw(4, 3)
    weights = mnp.array(w)
    for n in (5, 7, 6, 1, 0, 8, 1, 2, 0, 9):
        a = draw(n, 4)
        x = mnp.array(a)
        x.attach_grad()
        for _ in range(3):
            with autograd.record():
                y = mnp.dot(x, weights)
                loss = (npx.softmax(y) * y).sum() + (y.sum(axis=1) ** 2).sum() + x[:1].sum()
            loss.backward()
            wide = a.astype("float64") @ w
            e = np.exp(wide)
            p = e / e.sum(axis=1, keepdims=True)
            np.testing.assert_allclose(float(loss), (p * wide).sum() + (wide.sum(axis=1) ** 2).sum() + a[:1].sum(),
                                       rtol=1e-5, atol=1e-6)
            slope = p * (wide - (p * wide).sum(axis=1, keepdims=True)) + p + 2 * wide.sum(axis=1, keepdims=True)
            want = slope @ w.T
            want[:1] += 1
            np.testing.assert_allclose(x.grad.asnumpy(), want, rtol=1e-4, atol=1e-5)
            assert y.max(axis=1).shape == (n,)


#: The answers of MXNet 2.0.0b1 for arrays of zeros.
ANSWERS = {
    "sums": (lambda: mnp.zeros((4, 0, 5)).sum(axis=1), np.zeros((4, 5))),
    "sums over two": (lambda: mnp.zeros((0, 8, 1, 8)).sum(axis=(0, 2)), np.zeros((8, 8))),
    "means": (lambda: mnp.zeros((4, 0)).mean(axis=1), np.full(4, np.nan)),
    "maxima of none": (lambda: mnp.zeros((4, 0)).max(axis=0), np.zeros(0)),
    "any": (lambda: mnp.zeros((4, 0)).any(axis=1), np.zeros(4, bool)),
    "all": (lambda: mnp.zeros((4, 0)).all(axis=1), np.ones(4, bool)),
    "ptp": (lambda: mnp.ptp(mnp.zeros((3, 0)), axis=0), np.zeros(0)),
    "argmax": (lambda: mnp.argmax(mnp.zeros((3, 0)), axis=0), np.zeros(0, "int64")),
    "argmin": (lambda: mnp.argmin(mnp.zeros((0, 3, 0)), axis=1), np.zeros((0, 0), "int64")),
    "argmax of nothing for none": (lambda: mnp.argmax(mnp.zeros((0, 0)), axis=0), np.zeros(0, "int64")),
    "argmax keepdims": (lambda: mnp.argmax(mnp.zeros((3, 0)), axis=0, keepdims=True), np.zeros((1, 0), "int64")),
    "products": (lambda: mnp.dot(mnp.zeros((3, 0)), mnp.zeros((0, 2))), np.zeros((3, 2))),
    "norm": (lambda: mnp.linalg.norm(mnp.zeros((0,))), np.zeros(())),
    "norms": (lambda: mnp.linalg.norm(mnp.zeros((3, 0)), axis=1), np.zeros(3)),
    "nd.norm": (lambda: nd.norm(nd.full((4, 0), 0)), np.zeros(1)),  # 1.9.1
    "nd.prod": (lambda: nd.prod(nd.full((0, 4), 0), axis=0), np.ones(4)),  # 1.9.1
    "nd.argmax_channel": (lambda: nd.argmax_channel(nd.full((0, 4), 0)), np.zeros(0)),  # 1.9.1
    **{f"norms {ord}": (lambda ord=ord: mnp.linalg.norm(mnp.zeros((3, 0)), ord=ord, axis=1), np.zeros(3))
       for ord in (1, -1, 2, -2, 3, inf, -inf)},
    **{f"norm {ord} of {shape}": (lambda ord=ord, shape=shape: mnp.linalg.norm(mnp.zeros(shape), ord=ord), np.zeros(()))
       for shape in ((3, 0), (0, 3), (0, 0)) for ord in ("fro", "nuc", 1, -1, 2, -2, inf, -inf)},
    **{f"matrix norms {ord}": (lambda ord=ord: mnp.linalg.norm(mnp.zeros((2, 0, 3)), ord=ord, axis=(1, 2)), np.zeros(2))
       for ord in ("fro", 1, -1, inf, -inf, 2)},
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_about_nothing(name):
    ask, want = ANSWERS[name]
    for _ in range(3):
        got = ask().asnumpy()
        np.testing.assert_array_equal(got, want)
        assert got.shape == want.shape


@pytest.mark.parametrize("name, q", [("median", ()), ("percentile", (30,)), ("quantile", (0.3,))])
@pytest.mark.parametrize("shape, axis", [((3, 0), 1), ((3, 0), 0), ((0,), None), ((2, 0, 4), 1), ((0, 1), -1)], ids=str)
def test_a_quantile_of_nothing_is_nan(name, q, shape, axis):
    """NaN as in NumPy's median. MXNet 2.0.0b1 returns unwritten memory; tracer once read an element past the end."""
    want = np.full(np.zeros(shape).sum(axis=axis).shape, np.nan)
    for _ in range(3):
        got = getattr(mnp, name)(mnp.zeros(shape), *q, axis=axis).asnumpy()
        np.testing.assert_array_equal(got, want)
        assert got.shape == want.shape
        kept = getattr(mnp, name)(mnp.zeros(shape), *q, axis=axis, keepdims=True)
        assert kept.shape == np.zeros(shape).sum(axis=axis, keepdims=True).shape
    assert mnp.percentile(mnp.zeros(shape), mnp.array([30, 60]), axis=axis).shape == (2, *want.shape)


def axes_of(ndim: int) -> list[int | tuple[int, ...] | None]:
    """All axes, each axis by itself, and the first with the last."""
    return [None, *range(ndim), -1, *([(0, ndim - 1)] if ndim > 2 else [])]


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("shape", [(1,), (1, 1), (5, 1), (1, 4), (3, 1, 4), (1, 2, 1), (1, 1, 5)], ids=str)
def test_quantiles_of_thin_arrays(shape, interpolation):
    a = _RNG.permutation(np.arange(np.prod(shape)) * 0.75).reshape(shape)
    x = mnp.array(a, dtype="float32")
    for axis, kept in itertools.product(axes_of(len(shape)), (False, True)):
        for q in (0.0, 0.3, 0.5, 1.0, (0.25,), (0.1, 0.9)):
            want = np.quantile(a, q, axis=axis, method=interpolation, keepdims=kept)
            given = mnp.array(q) if isinstance(q, tuple) else q
            for got in (mnp.quantile(x, given, axis=axis, interpolation=interpolation, keepdims=kept),
                        mnp.percentile(x, given * 100, axis=axis, interpolation=interpolation, keepdims=kept)):
                np.testing.assert_allclose(got.asnumpy(), want, rtol=1e-5, atol=1e-5, err_msg=f"{axis} {q}")
                assert got.shape == want.shape


#: Slices of an axis: all of it, its ends, nothing, and every second element, forwards and backwards.
SLICES = [slice(None), slice(0, 1), slice(-1, None), slice(0, 0), slice(5, None), slice(None, None, 2),
          slice(None, None, -1), slice(None, None, -2), slice(-1, None, -1), slice(None, 0, -1)]


@pytest.mark.parametrize("shape", [(1,), (0,), (5,), (1, 4), (4, 1), (0, 3), (3, 0), (1, 1), (2, 0, 3), (3, 1, 2),
                                   (1, 3, 1)], ids=str)
@pytest.mark.parametrize("flavour", ["np", "nd"])
def test_slices_of_thin_arrays(flavour, shape):
    """Slices that are read, recorded, differentiated and written."""
    F = {"np": mnp, "nd": nd}[flavour]
    a = _RNG.uniform(-2, 2, shape).astype("float32").astype("float64")
    for key in list(itertools.product(SLICES, repeat=len(shape)))[::(1, 1, 3, 9)[len(shape)]]:
        x = F.array(a, dtype="float32")
        x.attach_grad()
        want = a[key]
        np.testing.assert_array_equal(x[key].asnumpy(), want, err_msg=str(key))
        with autograd.record():
            part = (x * 2)[key]
            y = part * part
        assert y.shape == part.shape == want.shape
        np.testing.assert_allclose(y.asnumpy(), 4 * want * want, rtol=1e-6)
        y.backward()
        slope = np.zeros(shape)
        slope[key] = 8 * want
        np.testing.assert_allclose(x.grad.asnumpy(), slope, rtol=1e-6, err_msg=str(key))
        rows = np.arange(want.size).reshape(want.shape)
        for value in (7.0, rows, rows[:1] if want.ndim > 1 else 3.0):
            base, written = F.array(a, dtype="float32") + 0, a.copy()
            base[key] = value if isinstance(value, float) else F.array(value, dtype="float32")
            written[key] = value
            np.testing.assert_array_equal(base.asnumpy(), written, err_msg=f"{key} = {value}")
        base, added = F.array(a, dtype="float32"), a.copy()
        base[key] += 1
        added[key] += 1
        np.testing.assert_allclose(base.asnumpy(), added, rtol=1e-6, err_msg=str(key))


@pytest.mark.tierless
@pytest.mark.parametrize("spec", [(0, 1, 1), (-1, 1, 1), (0, 2, -1)], ids=str)
@pytest.mark.parametrize("size", [0, 1])
def test_a_slice_reads_nothing_beside_its_array(size, spec):
    x = graphs.leaves([np.zeros((size, 2))])[0]
    if (size, spec) == (1, (0, 1, 1)):
        assert slice_(x, (spec, (0, 2, 1))).shape == (1, 2)
        return
    with pytest.raises(MXNetError, match="leaves an array"):
        slice_(x, (spec, (0, 2, 1)))


#: Calls that MXNet 2.0.0b1, or for nd 1.9.1, refuses.
REFUSED = {
    "max": (lambda: mnp.zeros((4, 0)).max(axis=1), MXNetError),
    "min": (lambda: mnp.zeros((0,)).min(), MXNetError),
    "ptp": (lambda: mnp.ptp(mnp.zeros((3, 0)), axis=1), ValueError),
    "argmax": (lambda: mnp.argmax(mnp.zeros((3, 0)), axis=1), MXNetError),
    "argmax of all": (lambda: mnp.argmax(mnp.zeros((3, 0))), MXNetError),
    "nd.argmin": (lambda: nd.argmin(nd.full((4, 0), 0), axis=1), MXNetError),
    "nd.max": (lambda: nd.max(nd.full((0, 4), 0), axis=1), MXNetError),
    "nd.min": (lambda: nd.min(nd.full((4, 0), 0), axis=0), MXNetError),
    "take": (lambda: mnp.take(mnp.zeros((0, 3)), mnp.array([0], dtype="int32"), axis=0).asnumpy(), MXNetError),
    "take, and go on": (lambda: (mnp.take(mnp.zeros((0, 3)), mnp.zeros(2, "int32"), axis=0) + 1).asnumpy(), MXNetError),
    "order of a norm": (lambda: mnp.linalg.norm(mnp.zeros((3, 0)), ord="abc"), MXNetError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_refused(name):
    ask, error = REFUSED[name]
    for _ in range(3):
        with pytest.raises(error):
            ask()


@pytest.mark.tierless
@pytest.mark.parametrize("use", [
    lambda y: reduce_sum(slice_(y, ((0, 0, 1), (0, 2, 1))), (0,)),
    lambda y: add(reduce_sum(slice_(exp(y), ((0, 2, 1), (0, 0, 1))), (1,)), reduce_max(y, (1,))),
    lambda y: exp(slice_(add(y, y), ((0, 0, 1), (0, 2, 1)))),
    lambda y: transpose(slice_(mul(y, y), ((0, 2, 1), (1, 0, 1))), (1, 0))])
@pytest.mark.parametrize("mode", ["never", "always"])
def test_what_fails_on_the_way_to_nothing_fails(mode, use):
    """In both tiers. As in MXNet, a read of a value without elements waits for nothing (flush.py)."""
    for last in (1, 7):
        arrays = [draw(3, 2), np.array([0, last])]
        x, index = graphs.leaves(arrays)
        outputs = [use(gather(x, (index,), (("i", 0), ("s", 0, 2, 1)))), mul(x, x)]
        if last == 7:
            with pytest.raises(ExecutionError, match="out of bounds"):
                graphs.run(outputs, arrays, mode)
        else:
            with graphs.jit_mode(mode):
                _, square = Program(tuple(outputs)).run([from_array(a) for a in arrays], [], None)
            np.testing.assert_allclose(square.view(outputs[1].aval), arrays[0] ** 2, rtol=1e-6)

"""Values of chains that have memory for a band only: which ones, how much memory, and that results are right."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.jit.plan import band_links
from tracer.jit.plan.cache import shape_templates
from tracer.jit.plan.plan import Plan
from tracer.jit.plan.planner import AREAS
from tracer.jit.steps.gemm import openblas
from tracer.ops.control.gradient import gradient
from tracer.ops.ir.aval import aval
from tracer.ops.ir.node import leaf
from tracer.ops.npx.normalization import softmax_of
from tracer.ops.primitive.arithmetic import add, like, mul
from tracer.ops.primitive.elementary import tanh
from tracer.ops.primitive.linear import broadcast_to, reduce_sum, reshape, transpose
from tracer.ops.primitive.matmul import product


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small values count as large ones, and small products are cut."""
    monkeypatch.setattr(band_links, "LARGE", 1)
    monkeypatch.setattr(openblas, "_PART", 1 << 14)
    shape_templates.forget()


def attention(batch, length, size, others=None, masked=False, dtype="float32"):
    """Attention of `batch` heads over `others` keys: the leaves with arrays, scores, weights, result."""
    keys = others or length
    shapes = [(batch, length, size), (batch, keys, size), (batch, keys, size), (batch, length, keys)]
    q, k, v, mask = (leaf(aval(s, np.dtype(dtype)), i) for i, s in enumerate(shapes))
    rng = np.random.default_rng(length)
    arrays = [rng.standard_normal(s).astype(dtype) for s in shapes[:3]]
    scores = product(mul(q, like(q, size ** -0.5)), k, False, True)
    if masked:
        scores = add(scores, mask)
        arrays.append(np.where(rng.random(shapes[3]) < 0.3, -np.inf, 0).astype(dtype))
        arrays[3][0, 0] = -np.inf  # a row without any key
    weights = softmax_of(scores, 2)
    return (q, k, v), arrays, scores, weights, product(weights, v, False, False)


def right(arrays):
    q, k, v, *mask = (a.astype("float64") for a in arrays)
    s = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[2]) + (mask[0] if mask else 0)
    with np.errstate(invalid="ignore"):
        e = np.exp(s - s.max(axis=2, keepdims=True))
        return e / e.sum(axis=2, keepdims=True) @ v


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch, length, others, masked", [
    (40, 33, None, False), (40, 33, 7, True), (20, 129, 1, False), (70, 7, 129, True), (40, 64, None, True)])
def test_attention(batch, length, others, masked, dtype):
    _, arrays, *_, result = attention(batch, length, 32, others, masked, dtype)
    for mode in ("always", "never"):
        (made,) = graphs.run([result], arrays, mode)
        tolerance = 1e-5 if dtype == "float32" else 1e-13
        np.testing.assert_allclose(made, right(arrays), tolerance, tolerance)


@pytest.mark.parametrize("length", [33, 64])
def test_gradients_of_attention(length):
    leaves, arrays, *_, result = attention(40, length, 32)
    cotangent = mul(result, tanh(result))
    outputs = [result, *gradient((result,), (cotangent,), leaves)]
    assert Plan(outputs).planning.areas
    for a, b in zip(graphs.run(outputs, arrays, "always"), graphs.run(outputs, arrays)):
        np.testing.assert_allclose(a, b, 1e-4, 1e-5)


def banded(outputs):
    """The ops of the large values that have memory for a band, and the bytes of the arena."""
    plan = Plan(outputs)
    found = [v for values in plan.planning.banded.values() for v in values]
    return sorted([v.op.name for v in found if v.ndim > 2]), plan.arena_bytes


def test_scores_are_nowhere_in_memory():
    _, _, scores, _, result = attention(64, 64, 32)
    found, nbytes = banded([result])
    assert found == ["divide", "matmul"] and nbytes < 1.1 * scores.aval.nbytes
    assert banded([attention(640, 64, 32)[-1]])[1] < 6 * scores.aval.nbytes  # 5 of them for the scaled queries


def test_values_that_are_needed_whole():
    _, _, scores, weights, result = attention(64, 64, 32)
    assert banded([result, scores])[0] == ["divide"]
    assert banded([result, weights])[0] == ["matmul"]
    assert banded([result, tanh(reshape(transpose(weights, (2, 1, 0)), (64 * 64, 64)))])[0] == ["matmul"]
    assert banded([attention(AREAS, 64, 32)[-1]])[0] == []  # as many bands as areas


def test_small_values_have_memory_of_their_own(monkeypatch):
    monkeypatch.setattr(band_links, "LARGE", 1 << 20)
    assert banded([attention(31, 64, 32)[-1]])[0] == [] != banded([attention(32, 64, 32)[-1]])[0]


def test_a_product_and_its_result_in_one_place():
    shapes = [(40, 100, 64), (40, 64, 90), (40, 90, 8), (90,)]
    x, w, v, b = (leaf(aval(s, np.dtype("float32")), i) for i, s in enumerate(shapes))
    h = tanh(add(product(x, w, False, False), broadcast_to(b, (40, 100, 90))))
    outputs = [product(h, v, False, False)]
    found, nbytes = banded(outputs)
    assert found == ["tanh"] and nbytes < h.aval.nbytes
    arrays = [np.random.default_rng(0).standard_normal(s).astype("float32") for s in shapes]
    (made,), (expected,) = graphs.run(outputs, arrays, "always"), graphs.run(outputs, arrays)
    np.testing.assert_allclose(made, expected, 1e-4, 1e-5)


def test_results_are_equal_for_any_number_of_threads_and_when_timed():
    leaves, arrays, *_, result = attention(37, 40, 32, 24)
    outputs = [result, *gradient((result,), (result,), leaves)]
    program = Plan(outputs)
    assert program.planning.areas
    graphs.check_threads(program, arrays, outputs, (1, 2, 3, AREAS + 3), (False, True))


def test_other_sizes():
    for batch, length, others in ((40, 40, 24), (41, 30, 24), (60, 50, 70), (30, 129, 3), (2, 5, 6)):
        _, arrays, *_, result = attention(batch, length, 32, others)
        (made,) = graphs.run([result], arrays, "always")
        np.testing.assert_allclose(made, right(arrays), 1e-5, 1e-5)


def test_two_chains_beside_each_other():
    leaves, arrays, *_, result = attention(40, 33, 32)
    renamed = [leaf(n.aval, 3 + i) for i, n in enumerate(leaves)]
    beside = product(softmax_of(product(renamed[0], renamed[1], False, True), 2), renamed[2], False, False)
    outputs = [reduce_sum(mul(result, beside), (0, 1, 2)), result, beside]
    arrays = arrays + [a[::-1].copy() for a in arrays]
    for a, b in zip(graphs.run(outputs, arrays, "always"), graphs.run(outputs, arrays)):
        np.testing.assert_allclose(a, b, 1e-4, 1e-4)

"""Attention from plain calls: each way of writing it gives NumPy's numbers and gradients, and no array of scores."""
from __future__ import annotations

import graphs
import numpy
import pytest

from tracer import autograd, np, npx, random
from tracer.jit.graph import recompute
from tracer.jit.plan import band_links, plan, planner
from tracer.jit.plan.cache import shape_templates
from tracer.jit.steps.gemm import openblas
from tracer.ops.ir import node

HEADS, SIZE = 3, 8


@pytest.fixture(params=["always", "never"])
def tier(request, monkeypatch):
    """Both tiers, where small products are cut, and small values kept by bands."""
    monkeypatch.setattr(band_links, "LARGE", 1)
    for module in (band_links, planner):
        monkeypatch.setattr(module, "AREAS", 2)
    monkeypatch.setattr(openblas, "_PART", 1 << 10)
    shape_templates.forget()
    with graphs.jit_mode(request.param):
        yield request.param


def _scores(q, k):
    return npx.batch_dot(q, k, transpose_b=True)


def _by_where(q, k, v, mask):
    return npx.batch_dot(npx.softmax(np.where(mask, _scores(q, k) / SIZE ** 0.5, -1e9), axis=-1), v)


def _by_sum(q, k, v, mask):
    return npx.batch_dot(npx.softmax(_scores(q / SIZE ** 0.5, k) + np.where(mask, 0, -1e9).astype(q.dtype), axis=-1), v)


def _by_mask(q, k, v, mask):
    return npx.batch_dot(npx.masked_softmax(_scores(q, k), mask, axis=-1, temperature=SIZE ** 0.5), v)


def _by_hand(q, k, v, mask):
    e = np.exp(_scores(q, k) / SIZE ** 0.5) * mask
    return npx.batch_dot(e, v) / e.sum(axis=-1, keepdims=True)


def _by_matmul(q, k, v, mask):
    q, k, v, mask = (np.expand_dims(a, 0) for a in (q, k, v, mask))
    scores = np.matmul(q, k.transpose(0, 1, 3, 2)) / SIZE ** 0.5 + (mask - 1) * 1e9
    return np.matmul(npx.softmax(scores, axis=-1), v).reshape(q.shape[1], q.shape[2], SIZE)


def _by_einsum(q, k, v, mask):
    weights = npx.softmax(np.where(mask, np.einsum("hqd,hkd->hqk", q, k) / SIZE ** 0.5, -1e9), axis=-1)
    return np.einsum("hqk,hkd->hqd", weights, v)


FORMS = [_by_where, _by_sum, _by_mask, _by_hand, _by_matmul, _by_einsum]


def inputs(length, keys, dtype="float32"):
    """Queries, keys and values, a mask that leaves each query its first key, and the result's cotangent."""
    rng = numpy.random.default_rng(length)
    q, k, v, g = (rng.standard_normal((HEADS, n, SIZE)).astype(dtype) for n in (length, keys, keys, length))
    mask = rng.random((HEADS, length, keys)) < 0.7
    mask[:, :, 0] = True
    return q, k, v, mask, g


def expected(q, k, v, mask, g):
    """The result and the three gradients, in float64."""
    q, k, v, g = (a.astype("float64") for a in (q, k, v, g))
    scores = numpy.where(mask, q @ k.transpose(0, 2, 1) / SIZE ** 0.5, -numpy.inf)
    weights = numpy.exp(scores - scores.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    d = g @ v.transpose(0, 2, 1)
    d = weights * (d - (d * weights).sum(axis=2, keepdims=True)) / SIZE ** 0.5
    return weights @ v, d @ k, d.transpose(0, 2, 1) @ q, weights.transpose(0, 2, 1) @ g


def run(form, q, k, v, mask, g):
    """The result and the three gradients of a form."""
    arrays, mask, g = [np.array(a, dtype=a.dtype) for a in (q, k, v)], np.array(mask), np.array(g, dtype=g.dtype)
    for a in arrays:
        a.attach_grad()
    with autograd.record():
        y = form(*arrays, mask)
    y.backward(g)
    return [y.asnumpy(), *[a.grad.asnumpy() for a in arrays]]


@pytest.mark.parametrize("length, keys", [(7, 129), (129, 1), (1, 7), (33, 40)])
@pytest.mark.parametrize("form", FORMS)
def test_results_and_gradients(form, length, keys, tier):
    for dtype, tolerance in (("float32", 2e-5), ("float64", 1e-12)):
        given = inputs(length, keys, dtype)
        for made, right in zip(run(form, *given), expected(*given), strict=True):
            assert made.dtype == dtype
            numpy.testing.assert_allclose(made, right, tolerance, tolerance)


@pytest.mark.parametrize("form", FORMS)
def test_no_scores_in_memory(form, tier, monkeypatch):
    if tier == "never":
        pytest.skip("the interpreter has no bands")
    found = []
    monkeypatch.setattr(plan, "CHECKS", [*plan.CHECKS, found.append])
    form(*[np.array(a) for a in inputs(65, 50)[:4]]).asnumpy()
    between = [v for one in found for v in one.planning.sizes if getattr(v, "size", 0) >= HEADS * 65 * 50]
    assert any(one.planning.areas for one in found) and not between


def _projected(form, q, k, v, mask, w):
    """The loss of attention of many heads whose results are mixed, so that no gradient follows from its own band."""
    y = form(q, k, v, mask).reshape((-1, q.shape[1], SIZE)).transpose((1, 0, 2)).reshape((q.shape[1], -1))
    return (np.dot(y, w) ** 2).sum()


def _interleaved(q, k, v, mask):
    both = np.stack([q, k, v], axis=2).transpose((1, 0, 2, 3)).reshape((q.shape[1], 1, -1))
    scores = npx.interleaved_matmul_selfatt_qk(both, heads=q.shape[0])
    mixed = npx.interleaved_matmul_selfatt_valatt(both, npx.masked_softmax(scores, mask, axis=-1), heads=q.shape[0])
    return mixed.reshape((q.shape[1], q.shape[0], SIZE)).transpose((1, 0, 2))


def _by_length(q, k, v, mask):
    count = np.full(q.shape[:2], k.shape[1] - 3, dtype="int32")
    scores = _scores(q, k) / SIZE ** 0.5
    return npx.batch_dot(npx.softmax(scores, length=count, use_length=True, axis=-1), v)


def _with_dropout(q, k, v, mask):
    return npx.batch_dot(npx.dropout(npx.softmax(_scores(q, k) / SIZE ** 0.5, axis=-1), p=0.4), v)


def _trained(form, given, w):
    """The loss of such attention and its three gradients; the same dropout each time."""
    arrays, mask, w = [np.array(a, dtype=a.dtype) for a in given[:3]], np.array(given[3]), np.array(w, dtype=w.dtype)
    for a in arrays:
        a.attach_grad()
    random.seed(5)
    with autograd.record():
        loss = _projected(form, *arrays, mask, w)
    loss.backward()
    return [loss.asnumpy(), *[a.grad.asnumpy() for a in arrays]]


@pytest.mark.parametrize("form", [*FORMS, _interleaved, _by_length, _with_dropout])
def test_training_keeps_no_scores(form, tier, monkeypatch):
    rng = numpy.random.default_rng(2)
    q, k, v = (rng.standard_normal((40, 60, SIZE)) for _ in range(3))
    given, w = (q, k, v, rng.random((40, 60, 60)) < 0.7), rng.standard_normal((40 * SIZE, 16))
    given[3][:, :, 0] = True
    single = *[a.astype("float32") for a in given[:3]], given[3]
    pairs = [(given, w), (single, w.astype("float32"))]
    monkeypatch.setattr(recompute, "LARGE", 1 << 62)
    kept = [_trained(form, *one) for one in pairs]
    monkeypatch.setattr(recompute, "LARGE", 1)
    shape_templates.forget()
    node.forget_all()
    found = []
    monkeypatch.setattr(plan, "CHECKS", [*plan.CHECKS, found.append])
    for one, before, tolerance in zip(pairs, kept, (1e-11, 1e-5), strict=True):
        for made, right in zip(_trained(form, *one), before, strict=True):
            numpy.testing.assert_allclose(made, right, tolerance, tolerance * abs(right).max())
    if tier == "always" and form is not _interleaved:  # copies of heads stand between its products: one array is kept
        assert any(one.planning.copies and one.planning.areas for one in found)
        assert not [v for one in found for v in one.planning.sizes if getattr(v, "size", 0) >= 40 * 60 * 60]


def test_few_heads_are_kept(tier, monkeypatch):
    monkeypatch.setattr(recompute, "LARGE", 1)
    q, k, v, mask, _ = inputs(60, 60)
    found = []
    monkeypatch.setattr(plan, "CHECKS", [*plan.CHECKS, found.append])
    _trained(_by_where, (q, k, v, mask), numpy.ones((HEADS * SIZE, 4), "float32"))
    assert not any(one.planning.copies for one in found)


@pytest.mark.parametrize("form", [_by_where, _by_sum, _by_mask])
def test_a_query_without_keys(form, tier):
    q, k, v, mask, g = inputs(33, 40)
    mask[1, 3] = False
    y = run(form, q, k, v, mask, g)[0]
    right = numpy.zeros(SIZE) if form is _by_mask else v[1].mean(axis=0)
    numpy.testing.assert_allclose(y[1, 3], right, 1e-5, 1e-5)
    mask[1, 3, 0] = True
    others = numpy.arange(33) != 3
    numpy.testing.assert_allclose(y[1, others], expected(q, k, v, mask, g)[0][1, others], 1e-5, 1e-5)


def test_a_query_whose_scores_are_all_infinite(tier):
    q, k, v, mask, g = inputs(33, 40)
    y = run(lambda q, k, v, mask: npx.batch_dot(npx.softmax(np.where(mask, _scores(q, k) / SIZE ** 0.5, -np.inf)), v),
            q, k, v, mask & (numpy.arange(33) != 3)[:, None], g)[0]
    assert numpy.isnan(y[:, 3]).all()
    others = numpy.arange(33) != 3
    numpy.testing.assert_allclose(y[:, others], expected(q, k, v, mask, g)[0][:, others], 1e-5, 1e-5)


def test_lengths(tier):
    q, k, v, _, g = inputs(33, 40)
    count = numpy.random.default_rng(0).integers(1, 41, (HEADS, 33)).astype("int32")
    mask = numpy.arange(40) < count[:, :, None]

    def form(q, k, v, mask):
        scores = _scores(q, k) / SIZE ** 0.5
        return npx.batch_dot(npx.softmax(scores, length=np.array(count), use_length=True, axis=-1), v)

    made = run(form, q, k, v, mask, g)
    for a, right in zip(made, expected(q, k, v, mask, g), strict=True):
        numpy.testing.assert_allclose(a, right, 2e-5, 2e-5)


def test_interleaved_projections(tier):
    rng = numpy.random.default_rng(0)
    x = rng.standard_normal((33, 2, HEADS * 3 * SIZE)).astype("float32")
    weights = npx.softmax(npx.interleaved_matmul_selfatt_qk(np.array(x), heads=HEADS), axis=-1)
    made = npx.interleaved_matmul_selfatt_valatt(np.array(x), weights, heads=HEADS).asnumpy()
    q, k, v = x.reshape(33, 2 * HEADS, 3, SIZE).transpose(2, 1, 0, 3).astype("float64")
    right = expected(q, k, v, True, q)[0].reshape(2, HEADS, 33, SIZE).transpose(2, 0, 1, 3)
    numpy.testing.assert_allclose(made, right.reshape(made.shape), 1e-5, 1e-5)
    queries, both = x[:20, :, :HEADS * SIZE], x[:, :, HEADS * SIZE:]
    weights = npx.softmax(npx.interleaved_matmul_encdec_qk(np.array(queries), np.array(both), heads=HEADS), axis=-1)
    made = npx.interleaved_matmul_encdec_valatt(np.array(both), weights, heads=HEADS).asnumpy()
    q = queries.reshape(20, 2 * HEADS, SIZE).transpose(1, 0, 2)
    k, v = both.reshape(33, 2 * HEADS, 2, SIZE).transpose(2, 1, 0, 3)
    right = expected(q, k, v, True, q)[0].reshape(2, HEADS, 20, SIZE).transpose(2, 0, 1, 3)
    numpy.testing.assert_allclose(made, right.reshape(made.shape), 1e-5, 1e-5)


def test_dropout_of_weights(tier):
    q, k, v, mask, g = inputs(33, 40)
    random.seed(3)
    with autograd.record():
        kept = npx.dropout(np.ones(mask.shape), p=0.4).asnumpy()
    random.seed(3)
    y = run(lambda q, k, v, mask: npx.batch_dot(
        npx.dropout(npx.softmax(_scores(q, k) / SIZE ** 0.5, axis=-1), p=0.4), v), q, k, v, mask, g)[0]
    scores = numpy.exp(q.astype("float64") @ k.transpose(0, 2, 1) / SIZE ** 0.5)
    assert 0.5 < (kept > 0).mean() < 0.7
    numpy.testing.assert_allclose(y, scores / scores.sum(axis=2, keepdims=True) * kept @ v, 1e-5, 1e-5)


def test_derivatives_of_both_orders_by_finite_differences(tier):
    q, k, v, mask, g = inputs(9, 12, "float64")
    towards = numpy.random.default_rng(1).standard_normal(q.shape)

    def slope(at):
        """The derivative of the weighted result along `towards`, and the gradient of that."""
        x = np.array(at, dtype="float64")
        x.attach_grad()
        with autograd.record():
            y = (_by_where(x, *[np.array(a, dtype=a.dtype) for a in (k, v, mask)]) * np.array(g, dtype="float64")).sum()
            (first,) = autograd.grad(y, [x], create_graph=True, retain_graph=True)
            z = (first * np.array(towards, dtype="float64")).sum()
        z.backward()
        return float(y), float(z), x.grad.asnumpy()

    (below, before, _), (above, after, _), (_, first, second) = (slope(q + h * towards) for h in (-1e-5, 1e-5, 0))
    assert first == pytest.approx((above - below) / 2e-5, rel=1e-6)
    assert (second * towards).sum() == pytest.approx((after - before) / 2e-5, rel=1e-6)

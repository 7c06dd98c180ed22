"""Sums folded into accumulating products: where that pays, and that results equal the interpreter's."""
from __future__ import annotations

import graphs
import numpy as onp
import pytest

import tracer
from tracer import autograd, np
from tracer.jit import settings
from tracer.jit.graph.fold_matmul import fold_products
from tracer.jit.graph.known_ops import MATMUL_ONTO
from tracer.jit.graph.simplify import simplify
from tracer.jit.plan.describe import name_of
from tracer.jit.plan.plan import Plan
from tracer.jit.program import WATCHERS
from tracer.jit.runtime import driver
from tracer.ops.ir.graph import toposort
from tracer.ops.primitive.arithmetic import sub
from tracer.ops.primitive.matmul import product

_RNG = onp.random.default_rng(3)


def draw(*shape, dtype="float32"):
    return _RNG.normal(size=shape).astype(dtype)


def both(monkeypatch, script, turns=3):
    """The results of `script(turns)`, native and interpreted, and the most products folded in a program."""
    folded = []

    def watch(program, *_):
        order = fold_products(simplify(program.outputs))
        folded.append(sum(n.op is MATMUL_ONTO for n in toposort(order)))

    results = []
    for mode in ("always", "never"):
        monkeypatch.setattr(settings, "mode", mode)
        if mode == "always":
            WATCHERS.append(watch)
        try:
            results.append([onp.array(x.asnumpy()) for x in script(turns)])
        finally:
            if mode == "always":
                WATCHERS.remove(watch)
    return (*results, max(folded))


def agree(native, expected, rtol=2e-5):
    assert len(native) == len(expected)
    for a, b in zip(native, expected, strict=True):
        onp.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1, onp.abs(b).max(initial=0)))


def sgd(w, x, rate, use=None, dtype="float32"):
    """A script that updates a copy of `w` by gradients that are not kept."""
    def script(turns):
        p, data = np.array(w, dtype=dtype), np.array(x, dtype=dtype)
        p.attach_grad()
        results = []
        for t in range(turns):
            with autograd.record():
                loss = (np.dot(data, p) ** 2).mean()
            g, = autograd.grad([loss], [p])
            if use:
                use(p, g, rate / (t + 1), results)
            else:
                p -= rate / (t + 1) * g
            del g
            results.append(loss)
            tracer.nd.waitall()
        return [p, *results]
    return script


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 7, 3), (5, 1, 4), (6, 3, 1), (1, 1, 1), (33, 300, 200)])
def test_an_update_is_part_of_the_product(monkeypatch, shape, dtype):
    m, k, n = shape
    native, expected, folded = both(monkeypatch, sgd(draw(k, n), draw(m, k), 0.1, dtype=dtype))
    agree(native, expected, 2e-5 if dtype == "float32" else 1e-12)
    assert folded == 1


def test_an_update_of_nothing(monkeypatch):
    for k, n, m in [(0, 3, 2), (3, 0, 2), (3, 2, 0)]:
        def script(turns, k=k, n=n, m=m):
            p, x, d = np.array(draw(k, n) * 0 + 1), np.array(draw(m, k)), np.array(draw(m, n))
            p -= 0.5 * np.dot(x.T, d)
            return [p]
        native, expected, _ = both(monkeypatch, script)
        agree(native, expected)


def other_handle(p, g, rate, results):
    before = p * 1  # computed with the update, from the old value
    p -= rate * g
    results.append(before)


def used_after(p, g, rate, results):
    p -= rate * g
    results.append(p * 2)


def twice(p, g, rate, results):
    p -= rate * g
    p -= 0.5 * rate * g


def kept_gradient(p, g, rate, results):
    p -= rate * g
    results.append(g)


def two_from_one(p, g, rate, results):
    q = p + 1
    p -= rate * g
    q -= rate * g
    results.append(q)


def two_rates(p, g, rate, results):
    p -= rate * (2 * g)


def divided_by_a_count(p, g, rate, results):
    p[:] = p - rate * g / 7


def divided_first(p, g, rate, results):
    p -= g / 3 * rate / rate


def decayed(p, g, rate, results):
    nd = tracer.nd
    nd.sgd_update(p.as_nd_ndarray(), g.as_nd_ndarray(), lr=rate, wd=0.3, rescale_grad=0.25, out=p.as_nd_ndarray())


def rate_that_is_computed(p, g, rate, results):
    p -= np.exp(np.array(rate)) * g  # an array's element is no run-time scalar


@pytest.mark.parametrize("use", [
    other_handle, used_after, twice, kept_gradient, two_from_one, two_rates, divided_by_a_count, divided_first, decayed,
    rate_that_is_computed])
def test_other_uses_of_what_is_updated(monkeypatch, use):
    for sizes in [(4, 5, 3), (64, 200, 100)]:
        m, k, n = sizes
        native, expected, _ = both(monkeypatch, sgd(draw(k, n), draw(m, k), 0.1, use))
        agree(native, expected)


@pytest.mark.parametrize("use", [two_rates, divided_by_a_count, divided_first, decayed])
def test_factors_of_several_numbers_are_folded(monkeypatch, use):
    for dtype in ("float32", "float64"):
        native, expected, folded = both(monkeypatch, sgd(draw(4, 5), draw(3, 4), 0.1, use, dtype))
        agree(native, expected, 2e-5 if dtype == "float32" else 1e-7)  # MXNet's steps round numbers to float32
        assert folded == 1


@pytest.mark.parametrize("rate", [0.0, 1e-320])
def test_a_factor_of_several_numbers_that_is_zero_shows_nans(monkeypatch, rate):
    x = draw(3, 4)
    x[0, 1] = float("nan")
    native, expected, folded = both(monkeypatch, sgd(draw(4, 5), x, rate, divided_by_a_count))
    assert folded == 1 and onp.isnan(native[0]).any()
    agree(native, expected)


def test_the_old_array_under_another_name(monkeypatch):
    """A product accumulated onto an array that is still referenced uses a copy."""
    a, x, d = draw(50, 40), draw(7, 50), draw(7, 40)

    def script(turns):
        p = np.array(a)
        for _ in range(turns):
            old = p
            p = p + np.dot(np.array(x).T, np.array(d)) * 0.5
            p.wait_to_read()
        return [p, old, np.dot(old, np.array(d).T)]

    native, expected, folded = both(monkeypatch, script)
    agree(native, expected)
    assert folded == 1


def test_a_product_that_reads_what_it_is_added_to(monkeypatch):
    a = draw(40, 40) / 10

    def script(turns):
        p = np.array(a)
        for _ in range(turns):
            p += np.dot(p, p)
            p -= 0.5 * np.dot(p.T, p)
            p.wait_to_read()
        return [p]

    native, expected, _ = both(monkeypatch, script)
    agree(native, expected)


def test_momentum_and_added_gradients(monkeypatch):
    a, x, d = draw(20, 30), draw(7, 20), draw(7, 30)

    def script(turns):
        m, total, p = np.zeros((20, 30)), np.array(a), np.array(a)
        for t in range(turns):
            m[:] = (0.9 - t) * m - np.dot(np.array(x).T, np.array(d)) * 0.1
            total += np.dot(np.array(x).T, 3 * np.array(d))
            p += m
            p.wait_to_read()
        return [m, total, p]

    native, expected, folded = both(monkeypatch, script)
    agree(native, expected)
    assert folded == 2


def test_products_summed_over_time_share_one_place(monkeypatch):
    w, u, h, xs = draw(8, 8), draw(8, 8), draw(4, 8), [draw(4, 8) for _ in range(6)]

    def script(turns):
        ps = [np.array(w), np.array(u)]
        for p in ps:
            p.attach_grad()
        with autograd.record():
            state = np.array(h)
            for x in xs:
                state = np.tanh(np.dot(np.array(x), ps[0]) + np.dot(state, ps[1]))
            loss = (state * state).sum()
        loss.backward()
        return [loss, *[p.grad for p in ps]]

    native, expected, folded = both(monkeypatch, script)
    agree(native, expected)
    assert folded >= 6 + 5


def test_gradients_that_add_up(monkeypatch):
    w, x = draw(6, 5), draw(4, 6)

    def script(turns):
        p = np.array(w)
        p.attach_grad("add")
        for _ in range(turns):
            with autograd.record():
                loss = (np.dot(np.array(x), p) ** 2).sum()
            loss.backward()
            p.grad.wait_to_read()
        return [p.grad]

    native, expected, _ = both(monkeypatch, script)
    agree(native, expected)


@pytest.mark.parametrize("bad", [onp.nan, onp.inf])
def test_factors_that_happen_to_be_zero_keep_nans(monkeypatch, bad):
    x, d, a = draw(3, 4), draw(3, 5), draw(4, 5)
    x[0, 1] = bad
    a[0, 0] = onp.nan

    def script(turns):
        p, q = np.array(a), np.array(a)
        for rate in (0.0, 1e-60, -0.0, 0.5):
            p -= rate * np.dot(np.array(x).T, np.array(d))
            q[:] = rate * q + np.dot(np.array(x).T, np.array(d))
            q.wait_to_read()
        return [p, q]

    native, expected, folded = both(monkeypatch, script)
    assert folded == 2
    agree([onp.isfinite(a) for a in native], [onp.isfinite(a) for a in expected])
    agree([onp.where(onp.isfinite(a), a, 0) for a in native], [onp.where(onp.isfinite(a), a, 0) for a in expected])


def test_equal_for_any_number_of_threads(monkeypatch):
    before, a, x = driver.get_threads(), draw(500, 200), draw(64, 500)
    monkeypatch.setattr(settings, "mode", "always")
    results = []
    try:
        for threads in (1, 2, 3):
            driver.set_threads(threads)
            results.append([onp.array(r.asnumpy()) for r in sgd(a, x, 0.01)(3)])
    finally:
        driver.set_threads(before)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert (one == two).all()


def test_a_batch_of_products(monkeypatch):
    a, x, d = draw(3, 6, 5), draw(3, 6, 4), draw(3, 4, 5)

    def script(turns):
        p = np.array(a)
        for rate in (0.5, 0.0, 0.25):
            p -= rate * np.matmul(np.array(x), np.array(d))
            p.wait_to_read()
        return [p]

    native, expected, folded = both(monkeypatch, script)
    agree(native, expected)
    assert folded == 1


@pytest.mark.parametrize("factor", [1e-35, -1e35, float("inf"), float("nan"), 0.0])
def test_extreme_constants_are_not_folded(monkeypatch, factor):
    x, d, a = draw(3, 4), draw(3, 5), draw(4, 5)

    def script(turns):
        p = np.array(a)
        p += np.dot(np.array(x).T, np.array(d)) * np.full((), factor)
        return [p]

    native, expected, folded = both(monkeypatch, script)
    assert folded == 0
    agree(native, expected)


@pytest.mark.parametrize("build, folds", [
    (lambda w, p, q: w + p / 4, 1),
    (lambda w, p, q: -p + w, 1),
    (lambda w, p, q: p * 0.5 - w * 2.0, 1),
    (lambda w, p, q: w - (p + q), 1),  # p and q share a buffer; a kernel subtracts the sum from w
    (lambda w, p, q: p - 3.0 * q, 1),
    (lambda w, p, q: w - p * p, 0),
    (lambda w, p, q: [w - p, p], 0),
    (lambda w, p, q: [w - p, w - q], 2),
    (lambda w, p, q: w[:1] - p, 0),
    (lambda w, p, q: (w - p) * 2, 0),
    (lambda w, p, q: 4 / p + w, 0),
])
def test_which_sums_are_folded(monkeypatch, build, folds):
    w, x, d, e = draw(4, 5), draw(3, 4), draw(3, 5), draw(3, 5)

    def script(turns):
        left, right, other = np.array(x).T, np.array(d), np.array(e)
        made = build(np.array(w), np.dot(left, right), np.dot(left, other))
        return made if isinstance(made, list) else [made]

    native, expected, folded = both(monkeypatch, script)
    assert folded == folds
    agree(native, expected, 1e-4)


def test_the_profile_tells_a_fold_from_a_product():
    w, x, d = graphs.leaves([draw(4, 5), draw(3, 4), draw(3, 5)])
    names = [name_of(s, True, None) for s in Plan([sub(w, product(x, d, True)), product(x, d, True)]).planning.steps]
    assert "matmul 4x3x5" in names
    assert [name_of(s, True, None) for s in Plan([sub(w, product(x, d, True))]).planning.steps] == ["matmul onto 4x3x5"]

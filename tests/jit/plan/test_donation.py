"""Donation: results written over arrays without owners, never where another step, array or backward still reads.

Each program takes its arrays out of a list, so that those which it does not put back are dead when it runs. It runs
several times with new arrays: natively, then over memory that earlier runs have left full of other numbers.
"""
from __future__ import annotations

import numpy as onp
import pytest

from tracer import MXNetError, autograd, nd, np, npx
from tracer.jit import settings

pytestmark = pytest.mark.tierless  # each test sets its tier

RNG = onp.random.RandomState(3)
SHAPE = (24, 24)


@pytest.fixture(autouse=True)
def _native(monkeypatch):
    monkeypatch.setattr(settings, "mode", "always")


def two_results(xs):
    x = xs.pop()
    return [x + 1, x * 2], lambda x: [x + 1, x * 2]


def read_by_a_later_step(xs):
    x = xs.pop()
    return [x + 1, np.dot(x, x)], lambda x: [x + 1, x @ x]


def read_by_a_later_loop(xs):
    x = xs.pop()
    return [x * 2, x / x.sum(axis=1, keepdims=True)], lambda x: [x * 2, x / x.sum(axis=1, keepdims=True)]


def read_by_a_later_loop_over_rows(xs):
    x = xs.pop()
    return [x + 1, np.exp(x - x.max(axis=1, keepdims=True))], \
        lambda x: [x + 1, onp.exp(x - x.max(axis=1, keepdims=True))]


def a_result_itself(xs):
    x = xs.pop()
    return [npx.stop_gradient(x), x + 1], lambda x: [x, x + 1]


def transposed_too(xs):
    x = xs.pop()
    return [x + x.T], lambda x: [x + x.T]


def reversed_too(xs):
    x = xs.pop()
    return [x * 2 + x[::-1]], lambda x: [x * 2 + x[::-1]]


def one_row_too(xs):
    x = xs.pop()
    return [x - x[3:4]], lambda x: [x - x[3:4]]


def gathered_too(xs):
    x = xs.pop()
    order = onp.roll(onp.arange(24), 5)
    return [np.take(x, np.array(order, dtype="int32"), axis=0, mode="clip") + x], lambda x: [x[order] + x]


def scattered_too(xs):
    x = xs.pop()
    order = onp.arange(24) // 2
    return [x[np.array(order, dtype="int32")] + x], lambda x: [x[order] + x]


def a_product_onto_its_operand(xs):
    x = xs.pop()
    x -= 0.5 * np.dot(x, x)
    return [x], lambda x: [x - 0.5 * (x @ x)]


def a_product_onto_what_is_read(xs):
    x = xs.pop()
    y = np.dot(x, x.T)
    return [y + np.dot(x, x), y * 2], lambda x: [x @ x.T + x @ x, x @ x.T * 2]


PROGRAMS = [two_results, read_by_a_later_step, read_by_a_later_loop, read_by_a_later_loop_over_rows, a_result_itself,
            transposed_too, reversed_too, one_row_too, gathered_too, scattered_too, a_product_onto_its_operand,
            a_product_onto_what_is_read]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_a_dead_array_is_read_to_the_end(program):
    for _ in range(4):
        given = RNG.uniform(0.5, 1.5, SHAPE).astype("float32")
        outputs, meaning = program([np.array(given)])
        outputs[0].wait_to_read()
        for got, want in zip(outputs, meaning(given.astype("float64")), strict=True):
            onp.testing.assert_allclose(got.asnumpy(), want, rtol=1e-5, atol=1e-5)


VIEWS = {"another shape": (lambda x: x.reshape((-1,)), lambda x: x.reshape(-1)),
         "the first rows": (lambda x: x[:5], lambda x: x[:5]),
         "the last rows": (lambda x: x[4:], lambda x: x[4:]),
         "a row": (lambda x: x[7], lambda x: x[7]),
         "the same": (lambda x: x[:], lambda x: x),
         "a constant of derivatives": (lambda x: x.detach(), lambda x: x)}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("F", [np, nd], ids=["np", "nd"])
def test_the_base_of_a_dead_view_keeps_its_elements(F, name):
    view, meaning = VIEWS[name]
    for _ in range(4):
        given = RNG.uniform(0.5, 1.5, SHAPE).astype("float32")
        x = F.array(given)
        x.wait_to_read()
        part = view(x)
        part.wait_to_read()
        made = part * 3 + 1
        del part
        onp.testing.assert_allclose(made.asnumpy(), meaning(given) * 3 + 1, rtol=1e-6, atol=1e-6)
        onp.testing.assert_array_equal(x.asnumpy(), given)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("F", [np, nd], ids=["np", "nd"])
def test_a_view_keeps_the_elements_of_its_dead_base(F, name):
    view, meaning = VIEWS[name]
    for _ in range(4):
        given = RNG.uniform(0.5, 1.5, SHAPE).astype("float32")
        x = F.array(given)
        x.wait_to_read()
        part = view(x)
        part.wait_to_read()
        made = x * 3 + 1
        del x
        onp.testing.assert_allclose(made.asnumpy(), given * 3 + 1, rtol=1e-6, atol=1e-6)
        others = [F.array(given * 0) + 7 for _ in range(3)]
        others[0].wait_to_read()
        onp.testing.assert_array_equal(part.asnumpy(), meaning(given))


def test_what_a_failed_step_left_is_computed_from_the_old_elements():
    index, wrong = onp.array([0, 1, 30]), "index 30 is out of bounds"
    for _ in range(4):
        given = RNG.uniform(0.5, 1.5, SHAPE).astype("float32")
        x, table = np.array(given), np.array(given)
        x.wait_to_read()
        x += 1  # would be in place, but for the failure after it
        bad = np.take(table, np.array(index, dtype="int32"), axis=0)
        with pytest.raises(MXNetError, match=wrong):
            bad.wait_to_read()
        onp.testing.assert_array_equal(x.asnumpy(), given + 1)


@pytest.mark.parametrize("reads", [1, 2, 3])
def test_the_backward_of_a_cut_finds_its_operands(reads):
    for _ in range(4):
        given = RNG.uniform(0.5, 1.5, SHAPE).astype("float32")
        w = np.array(given)
        w.attach_grad()
        with autograd.record():
            y = w * 2
            for _ in range(reads):
                y.wait_to_read()
                x = np.array(given)
                x.wait_to_read()
                y = y * x + x
                del x
                assert float(y.sum()) > 0
        y.backward()
        onp.testing.assert_allclose(w.grad.asnumpy(), 2 * given.astype("float64") ** reads, rtol=1e-5)


def test_two_updates_of_one_program_are_written_over_their_own_arrays():
    for _ in range(4):
        given = [RNG.uniform(0.5, 1.5, SHAPE).astype("float32") for _ in range(3)]
        a, b, c = (np.array(g) for g in given)
        a += b
        b += c
        c += 1
        a.wait_to_read()
        for got, want in zip((a, b, c), (given[0] + given[1], given[1] + given[2], given[2] + 1), strict=True):
            onp.testing.assert_array_equal(got.asnumpy(), want)

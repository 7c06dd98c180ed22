"""Sums folded into scatters: where that is done, that the table's memory is used, and results against NumPy."""
from __future__ import annotations

import numpy as onp
import pytest

from tracer import autograd, nd, np
from tracer.base import MXNetError
from tracer.jit import settings
from tracer.jit.graph.fold_scatter import fold_scatters
from tracer.jit.graph.known_ops import SCATTER_ONTO
from tracer.jit.graph.simplify import simplify
from tracer.jit.program import WATCHERS
from tracer.ops.ir.graph import toposort

_RNG = onp.random.default_rng(5)


@pytest.fixture(autouse=True)
def _native(monkeypatch):
    monkeypatch.setattr(settings, "mode", "always")


@pytest.fixture
def folded():
    """For each program that runs, the number of scatters folded, and whether they are written over tables."""
    found = []

    def watch(program, *_):
        order = toposort(fold_scatters(simplify(program.outputs)))
        found.append((sum([n.op is SCATTER_ONTO for n in order]), len(program.donations)))

    WATCHERS.append(watch)
    yield found
    WATCHERS.remove(watch)


def table_gradient(table, index, rows):
    """The gradient of (table[index] * rows).sum() by the table."""
    grad = onp.zeros_like(table)
    onp.add.at(grad, index, rows)
    return grad


def trained(update, shape=(40, 3), count=7, dtype="float32", index=None):
    """A table after three updates by its gradients, which are not kept, and what NumPy has."""
    start = _RNG.normal(size=shape).astype(dtype)
    index = _RNG.integers(0, shape[0], count) if index is None else index
    rows = _RNG.normal(size=(*index.shape, *shape[1:])).astype(dtype)
    table, expected = np.array(start, dtype=dtype), start.astype("float64")
    table.attach_grad()
    for _ in range(3):
        with autograd.record():
            taken = np.take(table, np.array(index, dtype="int32"), axis=0, mode="clip")
            loss = (taken * np.array(rows, dtype=dtype)).sum()
        grad, = autograd.grad([loss], [table])
        table = update(table, grad)
        del grad, loss, taken
        nd.waitall()
        table.attach_grad()
        expected = update(expected, table_gradient(expected, index, rows))
    return table.asnumpy(), expected


def in_place(update):
    def run(table, grad):
        new = update(table, grad)
        if isinstance(table, np.ndarray):
            table[:] = new
            return table
        return new
    return run


UPDATES = {
    "subtracted": lambda w, g: w - 0.5 * g,
    "scaled twice": lambda w, g: w - 0.5 * (g * 0.25),
    "divided": lambda w, g: w - 0.5 * g / 4,
    "added": lambda w, g: g + w,
    "negated": lambda w, g: -g + w,
    "alone": lambda w, g: w - g,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UPDATES)
def test_an_update_adds_rows_to_the_table(folded, name, dtype):
    made, expected = trained(in_place(UPDATES[name]), dtype=dtype)
    onp.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)
    assert made.dtype == dtype
    assert (1, 1) in folded


@pytest.mark.parametrize("shape, index", [
    ((30,), onp.array([0, 29, 29, 4])),
    ((30, 1), onp.array([3])),
    ((30, 2, 3), onp.array([[1, 2], [2, 7]])),
    ((1, 40), onp.array([0])),
    ((30, 4), onp.array([5, 5, 5, 5, 5, 5])),
], ids=str)
def test_tables_and_indices_of_all_shapes(shape, index):
    made, expected = trained(in_place(UPDATES["subtracted"]), shape=shape, index=index)
    onp.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)


def test_more_rows_than_the_table_has_are_not_folded(folded):
    made, expected = trained(in_place(UPDATES["subtracted"]), shape=(5, 3), count=9)
    onp.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)
    assert all(count == 0 for count, _ in folded)


def test_a_scaled_table_is_not_folded(folded):
    made, expected = trained(in_place(lambda w, g: 0.9 * w - 0.5 * g))
    onp.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)
    assert all(count == 0 for count, _ in folded)


def test_a_table_that_is_used_elsewhere_is_left_alone(folded):
    old = []

    def update(table, grad):
        old.append(table.copy())
        return in_place(UPDATES["subtracted"])(table, grad)

    made, expected = trained(update)
    onp.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)
    first = [onp.asarray(x.asnumpy() if isinstance(x, np.ndarray) else x) for x in old]
    for ours, right in zip(first[::2], first[1::2]):
        onp.testing.assert_allclose(ours, right, rtol=1e-5, atol=1e-6)


def test_rows_of_the_table_itself_are_read_before_it_is_written():
    start = _RNG.normal(size=(64, 3)).astype("float32")
    index = onp.array([1, 0, 3, 2, 1, 0])
    table = np.array(start)
    weights = np.zeros((64, 3))
    for x in (table, weights):
        x.attach_grad()
    rows = np.array(index, dtype="int32")
    nd.waitall()
    with autograd.record():
        taken = np.take(weights, rows, axis=0, mode="clip")
        head = table[:6]
    grad, = autograd.grad([taken], [weights], [head])
    del head, taken
    table += grad
    del grad
    expected = start + table_gradient(start, index, start[:6])
    onp.testing.assert_allclose(table.asnumpy(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("squared", [False, True])
def test_an_index_out_of_range_is_an_error(folded, squared):
    table = np.zeros((64, 3)) + 1
    table.attach_grad()
    for index in (3, 64):
        rows = np.array([1, index], dtype="int32")
        with autograd.record():
            loss = np.take(table, rows + 0, axis=0, mode="raise")
            loss = (loss * loss if squared else loss).sum()
        grad, = autograd.grad([loss], [table])
        table = table - grad
        del grad, loss
        if index == 64:
            with pytest.raises(MXNetError, match="^(gather|scatter_add): index 64 is out of bounds"):
                table.asnumpy()
        else:
            assert table.asnumpy()[[1, 3]].tolist() == [[1 - squared - 1] * 3] * 2
            table.attach_grad()
    assert (squared, 0) in folded  # whose rows come from a gather, which has checked the indices

"""Gradients that nobody reads: a table's gradient is no output, and has the same values whenever it is read."""
from __future__ import annotations

import pickle
import threading

import numpy as onp
import pytest

from tracer import autograd, nd, np
from tracer.jit.program import WATCHERS
from tracer.jit.runtime.buffers import used_bytes

ROWS, WIDTH = 500, 4
INDEX = onp.array([3, 499, 3, 0, 17])


@pytest.fixture
def made():
    """The shapes of the results of each program that runs."""
    found = []

    def watch(program, *_):
        found.append([n.shape for n in program.outputs])

    WATCHERS.append(watch)
    yield found
    WATCHERS.remove(watch)


class Model:
    """A table whose rows are multiplied by weights; `step` is an SGD step of both."""

    def __init__(self, flavour=np):
        rng = onp.random.default_rng(2)
        self.F = flavour
        self.table = flavour.array(rng.normal(size=(ROWS, WIDTH)), dtype="float32")
        self.weights = flavour.array(rng.normal(size=(len(INDEX), WIDTH)), dtype="float32")
        self.index = flavour.array(INDEX, dtype="int32")
        for x in (self.table, self.weights):
            x.attach_grad()

    def backward(self):
        with autograd.record():
            rows = self.F.take(self.table, self.index, axis=0)
            loss = (rows * rows * self.weights).sum()
        loss.backward()
        return loss

    def update(self):
        for x in (self.table, self.weights):
            x -= 0.01 * x.grad

    def expected(self):
        """The gradient of the table, by NumPy, from the present values."""
        table, weights = self.table.asnumpy(), self.weights.asnumpy()
        grad = onp.zeros_like(table)
        onp.add.at(grad, INDEX, 2 * table[INDEX] * weights)
        return grad


def close(array, expected):
    onp.testing.assert_allclose(array.asnumpy(), expected, rtol=2e-6, atol=1e-6)


@pytest.fixture(params=["np", "nd"])
def model(request):
    model = Model({"np": np, "nd": nd}[request.param])
    for _ in range(3):
        model.backward()
        model.update()
        nd.waitall()
    return model


def test_a_step_does_not_make_the_gradient(model, made):
    model.backward()
    model.update()
    nd.waitall()
    assert made[-1].count((ROWS, WIDTH)) == 1  # the table's new value


@pytest.mark.parametrize("wait", [False, True])
def test_a_gradient_read_before_the_update(model, wait):
    expected = model.expected()
    model.backward()
    if wait:
        model.weights.wait_to_read()
        nd.waitall()
    close(model.table.grad, expected)
    model.update()
    close(model.table.grad, expected)


def test_a_gradient_read_after_everything_it_came_from_has_changed(model):
    expected = model.expected()
    loss = model.backward()
    model.update()
    loss.asnumpy()
    model.table[:] = 7
    model.weights[:] = 0
    model.index[:] = 1
    nd.waitall()
    model.weights[0, 0] = 5
    model.index[0] = 2
    close(model.table.grad, expected)
    close(model.table.grad, expected)


def test_a_read_between_backward_and_update(model, made):
    grad = model.expected()
    before = model.table.asnumpy()
    loss = model.backward()
    made.clear()
    loss.asnumpy()
    assert made[-1].count((ROWS, WIDTH)) == 0
    model.update()
    nd.waitall()
    assert made[-1].count((ROWS, WIDTH)) == 1
    close(model.table, before - 0.01 * grad)
    close(model.table.grad, grad)


def test_each_backward_has_its_own(model):
    for _ in range(3):
        expected = model.expected()
        model.backward()
        model.update()
        nd.waitall()
        close(model.table.grad, expected)


def test_uses_of_a_gradient_that_is_not_there(model):
    expected = model.expected()
    model.backward()
    nd.waitall()
    grad = model.table.grad
    close(grad + 1, expected + 1)
    close(grad.copy(), expected)
    close(grad[3], expected[3])
    close(grad[2:5], expected[2:5])
    close(grad.reshape((-1,)), expected.ravel())
    assert grad.shape == (ROWS, WIDTH) and grad.dtype == onp.float32
    assert onp.array_equal(pickle.loads(pickle.dumps(grad)).asnumpy(), grad.asnumpy())


@pytest.mark.parametrize("use", [
    lambda g: g[3:5].asnumpy(), lambda g: g.copy().asnumpy(), lambda g: g.detach().asnumpy(), lambda g: repr(g),
    lambda g: float(g[3, 0]), lambda g: g.astype("float64").asnumpy(), lambda g: g.as_nd_ndarray().asnumpy(),
    lambda g: g.T.asnumpy(), lambda g: pickle.dumps(g), lambda g: g.wait_to_read(), lambda g: g.item(3, 0)])
def test_first_uses_of_a_gradient(use):
    model = Model()
    expected = model.expected()
    for _ in range(2):
        model.backward()
        nd.waitall()
        use(model.table.grad)
        close(model.table.grad, expected)


def test_writes_to_a_gradient(model):
    expected = model.expected()
    for write, result in [(lambda g: g.__setitem__(slice(None), 0), onp.zeros_like(expected)),
                          (lambda g: g.__setitem__(3, 1.0), onp.where(onp.arange(ROWS)[:, None] == 3, 1, expected)),
                          (lambda g: g.__imul__(2), 2 * expected)]:
        model.backward()
        nd.waitall()
        write(model.table.grad)
        close(model.table.grad, result)


def linear(table, rows, index):
    """A backward whose gradient of `table` has `rows` at `index`: these arrays are its recipe's operands."""
    with autograd.record():
        taken = np.take(table, index, axis=0, mode="clip")
    taken.backward(rows)


def test_gradients_are_constants():
    table, rows, index = np.zeros((ROWS, WIDTH)), np.ones((len(INDEX), WIDTH)) * 3, np.array(INDEX, dtype="int32")
    for x in (table, rows):
        x.attach_grad()
        nd.waitall()
    linear(table, rows, index)
    nd.waitall()
    with autograd.record():
        loss = (table.grad * rows[0]).sum()
    loss.backward()
    expected = onp.zeros((len(INDEX), WIDTH))
    expected[0] = 3 * len(INDEX)
    close(rows.grad, expected)


def test_a_leaf_of_a_recipe_is_not_written_over():
    table, index = np.zeros((ROWS, WIDTH)), np.array(INDEX, dtype="int32")
    table.attach_grad()
    for number in range(1, 4):
        rows = np.ones((len(INDEX), WIDTH)) * number
        nd.waitall()
        linear(table, rows, index)
        rows *= -5  # may be written over the old values
        nd.waitall()
        expected = onp.zeros((ROWS, WIDTH))
        onp.add.at(expected, INDEX, number)
        close(table.grad, expected)
        close(rows, onp.full((len(INDEX), WIDTH), -5 * number))


def test_a_gradient_becomes_a_variable(model):
    expected = model.expected()
    model.backward()
    nd.waitall()
    grad = model.table.grad
    grad.attach_grad()
    with autograd.record():
        loss = (grad * grad).sum()
    loss.backward()
    close(grad.grad, 2 * expected)


def test_accumulated_gradients(model):
    model.table.attach_grad(grad_req="add")
    total = onp.zeros_like(model.expected())
    for _ in range(3):
        total = total + model.expected()
        model.backward()
        nd.waitall()
    close(model.table.grad, total)


def test_another_thread_reads_the_gradient(model):
    expected = model.expected()
    model.backward()
    nd.waitall()
    found = []
    thread = threading.Thread(target=lambda: found.append(model.table.grad.asnumpy()))
    thread.start()
    thread.join()
    onp.testing.assert_allclose(found[0], expected, rtol=2e-6, atol=1e-6)


def test_a_sum_of_two_gradients_of_one_table(made):
    model = Model()
    other = np.array([5, 3], dtype="int32")
    for _ in range(3):
        expected = model.expected()
        onp.add.at(expected, other.asnumpy(), 1)
        with autograd.record():
            rows = np.take(model.table, model.index, axis=0)
            loss = (rows * rows * model.weights).sum() + np.take(model.table, other, axis=0).sum()
        loss.backward()
        nd.waitall()
        assert (ROWS, WIDTH) not in made[-1]
        close(model.table.grad, expected)


def test_a_small_table_is_made(made):
    table = np.array(onp.arange(6.0).reshape(3, 2))
    table.attach_grad()
    for _ in range(2):
        with autograd.record():
            loss = (np.take(table, np.array([0, 0, 2, 1], dtype="int32"), axis=0) ** 2).sum()
        loss.backward()
        nd.waitall()
    assert (3, 2) in made[-1]
    close(table.grad, onp.array([[0, 4], [4, 6], [8, 10]]))


def test_an_array_that_is_no_gradient_is_made(made):
    index = np.array(INDEX, dtype="int32")
    table = np.zeros((ROWS, WIDTH))
    table.attach_grad()
    with autograd.record():
        loss = np.take(table, index, axis=0).sum()
    grad, = autograd.grad([loss], [table])
    nd.waitall()
    assert (ROWS, WIDTH) in made[-1]
    assert float(grad.sum()) == INDEX.size * WIDTH


def test_a_gradient_of_constants_that_depend_on_arrays():
    """`ones_like(y)` is a constant that depends on y: a recipe does not keep y, so that none is made."""
    x = nd.array(onp.arange(21).reshape(3, 7))
    x.attach_grad()
    with autograd.record():
        y = (x + 1) + (x + 2)
    y.backward(nd.ones_like(y))
    assert y.asnumpy().ravel()[:2].tolist() == [3, 5]
    assert x.grad.asnumpy().tolist() == [[2] * 7] * 3


# ---- zeros before the first backward -------------------------------------------------------------

def test_a_gradient_takes_no_memory_before_it_is_read(made):
    x = np.ones((300, 500))
    x.wait_to_read()
    made.clear()
    before = used_bytes()
    x.attach_grad()
    float(x.sum())
    assert used_bytes() - before < x.size and (300, 500) not in sum(made, [])
    assert x.grad.shape == (300, 500) and not x.grad.asnumpy().any()
    assert used_bytes() - before >= 4 * x.size


@pytest.mark.parametrize("use", ["add", "write to a part", "view", "pickle", "operate", "copy"])
def test_zeros_of_a_gradient_are_read_as_zeros(use):
    x = nd.array([[1, 2], [3, 4]])
    x.attach_grad("add" if use == "add" else "write")
    if use == "add":
        for _ in range(2):
            with autograd.record():
                y = x * x
            y.backward()
        found, expected = x.grad, [[4, 8], [12, 16]]
    elif use == "write to a part":
        x.grad[0] = 5
        found, expected = x.grad, [[5, 5], [0, 0]]
    elif use == "view":
        row = x.grad[1]
        x.grad[:] = 3
        found, expected = row, [3, 3]
    elif use == "pickle":
        found, expected = pickle.loads(pickle.dumps(x.grad)), [[0, 0], [0, 0]]
    elif use == "operate":
        found, expected = x.grad + x, [[1, 2], [3, 4]]
    else:
        found, expected = x.grad.copy(), [[0, 0], [0, 0]]
    assert found.asnumpy().tolist() == expected


def test_a_variable_may_be_a_gradient_that_nobody_has_read():
    x = np.ones(3)
    x.attach_grad()
    x.grad.attach_grad()
    with autograd.record():
        y = x.grad * 2
    y.backward()
    assert x.grad.grad.asnumpy().tolist() == [2, 2, 2] and x.grad.asnumpy().tolist() == [0, 0, 0]

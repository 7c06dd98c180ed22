"""Random training scripts with embeddings against NumPy: gradients are read, used and overwritten at any moment."""
from __future__ import annotations

import random

import numpy as onp
import pytest

from tracer import autograd, nd, np

SHAPES = [(64, 2), (200, 3), (97,), (40, 2, 3)]


class Table:
    """A table with a gradient, and the same in NumPy."""

    def __init__(self, rng, shape, request):
        self.values = rng.normal(size=shape)
        self.grad = onp.zeros(shape)
        self.request = request
        self.array = np.array(self.values, dtype="float64")
        self.array.attach_grad(grad_req=request)


class Script:
    """Two tables, of which batches of rows are trained; each action is done by tracer and by NumPy."""

    def __init__(self, seed):
        self.choose = random.Random(seed)
        self.rng = onp.random.default_rng(seed)
        requests = self.choose.choices(["write", "add"], [4, 1], k=2)
        shapes = self.choose.choices(SHAPES, k=2)
        self.tables = [Table(self.rng, shape, request) for shape, request in zip(shapes, requests)]
        self.kept = []  # arrays that were made of gradients, and what they must be
        self.losses = []

    def backward(self):
        table = self.choose.choice(self.tables)
        count = self.choose.choice([1, 2, 5])
        index = self.rng.integers(0, len(table.values), count)
        rows = self.rng.normal(size=(count, *table.values.shape[1:]))
        taken, weights = np.array(index, dtype="int32"), np.array(rows, dtype="float64")
        kind = self.choose.choice(["linear", "square", "twice", "head"])
        mode = self.choose.choice(["clip", "raise", "wrap"])
        with autograd.record():
            found = np.take(table.array, taken, axis=0, mode=mode)
            if kind == "linear":
                loss = (found * weights).sum()
            elif kind == "square":
                loss = (found * found * weights).sum()
            elif kind == "twice":
                loss = (found * weights).sum() + (np.take(table.array, taken[:1], axis=0, mode=mode) * 3).sum()
            else:
                loss = found
        loss.backward(*([weights] if kind == "head" else []))
        new = onp.zeros_like(table.values)
        onp.add.at(new, index, rows * (2 * table.values[index] if kind == "square" else 1))
        if kind == "twice":
            new[index[0]] += 3
        table.grad = table.grad + new if table.request == "add" else new
        if kind != "head":
            self.losses.append(loss)
        if self.choose.random() < 0.3:
            weights[:] = 0
        if self.choose.random() < 0.3:
            taken[:] = 0

    def update(self):
        table = self.choose.choice(self.tables)
        grad, rate = table.array.grad, self.choose.choice([0.1, 0.25])
        kind = self.choose.choice(["in place", "divided", "sgd", "sgd with decay", "new"])
        if kind == "in place":
            table.array -= rate * grad
            table.values = table.values - rate * table.grad
        elif kind == "divided":
            table.array[:] = table.array - rate * grad / 4
            table.values = table.values - rate * table.grad / 4
        elif kind == "new":
            table.array[:] = table.array * 0.5 + grad
            table.values = table.values * 0.5 + table.grad
        else:
            decay = 0.5 if "decay" in kind else 0.0
            weight = table.array.as_nd_ndarray()
            nd.sgd_update(weight, grad.as_nd_ndarray(), lr=0.25, wd=decay, rescale_grad=0.5, out=weight)
            table.values = (1 - 0.25 * decay) * table.values - 0.125 * table.grad

    def read(self):
        table = self.choose.choice(self.tables)
        kind = self.choose.choice(["gradient", "table", "wait", "loss", "element"])
        if kind == "gradient":
            onp.testing.assert_allclose(table.array.grad.asnumpy(), table.grad, rtol=1e-10, atol=1e-10)
        elif kind == "table":
            onp.testing.assert_allclose(table.array.asnumpy(), table.values, rtol=1e-10, atol=1e-10)
        elif kind == "wait":
            nd.waitall()
        elif kind == "loss" and self.losses:
            self.losses[-1].wait_to_read()
        elif kind == "element":
            assert float(table.array.grad[3].sum()) == pytest.approx(table.grad[3].sum(), abs=1e-10)

    def keep(self):
        table = self.choose.choice(self.tables)
        kind = self.choose.choice(["copy", "sum", "view", "norm"])
        grad = table.array.grad
        if kind == "copy":
            self.kept.append((grad.copy(), table.grad))
        elif kind == "sum":
            self.kept.append((grad + table.array, table.grad + table.values))
        elif kind == "view":
            self.kept.append((grad[2:7] * 2, table.grad[2:7] * 2))
        else:
            self.kept.append(((grad * grad).sum(), (table.grad ** 2).sum()))

    def write(self):
        table = self.choose.choice(self.tables)
        kind = self.choose.choice(["clear", "row", "scale", "table", "attach"])
        if kind == "clear":
            table.array.grad[:] = 0
            table.grad = onp.zeros_like(table.grad)
        elif kind == "row":
            table.array.grad[1] = 2
            table.grad = table.grad.copy()
            table.grad[1] = 2
        elif kind == "scale":
            table.array.grad[:] = table.array.grad * 0.5
            table.grad = table.grad * 0.5
        elif kind == "table":
            table.array[2] = 1
            table.values = table.values.copy()
            table.values[2] = 1
        else:
            table.array.attach_grad(grad_req=table.request)
            table.grad = onp.zeros_like(table.grad)

    def check(self):
        for table in self.tables:
            onp.testing.assert_allclose(table.array.asnumpy(), table.values, rtol=1e-10, atol=1e-10)
            onp.testing.assert_allclose(table.array.grad.asnumpy(), table.grad, rtol=1e-10, atol=1e-10)
        for array, expected in self.kept:
            onp.testing.assert_allclose(array.asnumpy(), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.sweep(sample=20, native=6)
@pytest.mark.parametrize("seed", range(400))
def test_random_scripts(seed):
    script = Script(seed)
    actions = [script.backward, script.update, script.read, script.keep, script.write]
    for _ in range(60):
        script.choose.choices(actions, [5, 4, 3, 1, 1])[0]()
    script.check()

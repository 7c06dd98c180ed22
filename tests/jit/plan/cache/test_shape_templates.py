"""Shape templates: the plan that a template gives for other sizes equals a fresh plan."""
from __future__ import annotations

import math
import sys

import graphs
import numpy as onp
import pytest
import random_programs

from tracer import autograd, nd, np, npx
from tracer.base import MXNetError
from tracer.jit.graph.symbolic_size import ShapeEnv, applied, gcd, lcm
from tracer.jit.plan.cache import shape_templates, stored_layouts
from tracer.jit.plan.cache.residual import residual
from tracer.jit.plan.pipeline import plan_graph
from tracer.jit.plan.plan import Plan
from tracer.ops.ir.aval import aval
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, const, leaf, make
from tracer.ops.ir.op import OPS
from tracer.ops.primitive.arithmetic import cast
from tracer.ops.primitive.linear import broadcast_to

pytestmark = [pytest.mark.slow_sample(2), pytest.mark.tierless]

#: Steps whose static arguments do not name sizes.
NAMES = [n for n in random_programs.MEANINGS if n not in ("reshape", "broadcast_to", "take")]


@pytest.fixture(autouse=True)
def _not_from_disk(monkeypatch):
    monkeypatch.setattr(stored_layouts, "FEWEST", sys.maxsize)


def _check(build, sizes):
    """Compare plans for all `sizes`; returns the number of graphs served by a template made for others."""
    shape_templates.forget()
    served = 0
    for one in sizes:
        for outputs in graphs.programs(lambda one=one: build(*one)):
            before = {id(t) for known in shape_templates._SEEN.values() for t in known}
            found, planning = shape_templates.layout_of(outputs)
            assert None not in shape_templates._SEEN.values()
            after = {id(t) for known in shape_templates._SEEN.values() for t in known}
            for f, p, name in zip(found, plan_graph(outputs).layout, found._fields, strict=True):
                assert graphs.plain(f) == graphs.plain(p), (one, name)
            served += before == after and planning is None
    return served


def _array(*shape):
    return np.array(onp.random.RandomState(0).uniform(-1, 1, shape).astype("float32"))


def _mlp(rows, hidden=20):
    params = [_array(30, hidden), _array(hidden), _array(hidden, 10), _array(10)]
    x, y = _array(rows, 30), np.zeros(rows, dtype="int32")
    for p in params:
        p.attach_grad()
    with autograd.record():
        h = npx.relu(np.dot(x, params[0]) + params[1])
        loss = -npx.pick(npx.log_softmax(np.dot(h, params[2]) + params[3], axis=-1), y).mean()
    loss.backward()
    for p in params:
        p -= 0.1 * p.grad
    return float(loss)


def _norm(rows, features):
    x, scale = _array(rows, features), _array(features)
    x.attach_grad()
    scale.attach_grad()
    with autograd.record():
        center = x - x.mean(axis=-1, keepdims=True)
        y = center / np.sqrt((center * center).mean(axis=-1, keepdims=True) + 1e-5) * scale
        loss = (npx.gelu(y) * y).sum() if hasattr(npx, "gelu") else (np.tanh(y) * y).sum()
    loss.backward()
    return float(loss), x.grad.asnumpy(), scale.grad.asnumpy()


def _images(batch, height, width):
    x = _array(batch, 3, height, width)
    x.attach_grad()
    with autograd.record():
        mean = x.mean(axis=(0, 2, 3), keepdims=True)
        y = np.tanh(x - mean).reshape((batch, 3, -1)).transpose((0, 2, 1)) * 2
        loss = (y[:, 1:] * y[:, :-1]).sum(axis=1).max()
    loss.backward()
    return float(loss), x.grad.asnumpy()


def _heads(rows, heads, width):
    x, w = _array(2, rows, heads * width), _array(heads * width, heads * width)
    q = np.dot(x, w).reshape((2, rows, heads, width)).transpose((0, 2, 1, 3))
    k = np.tanh(x).reshape((2, rows, heads, width)).transpose((0, 2, 3, 1))
    return npx.softmax(np.matmul(q, k) * 0.3, axis=-1).asnumpy()


def _softmax(rows, columns):
    return npx.softmax(_array(rows, columns) * 3, axis=-1).asnumpy()


def _cell(batch, width, steps=3):
    w, u, b = _array(width, 8), _array(8, 8), _array(8)
    for p in (w, u, b):
        p.attach_grad()
    x, h = _array(batch, width), np.zeros((batch, 8))
    with autograd.record():
        for _ in range(steps):
            h = np.tanh(np.dot(x, w) + np.dot(h, u) + b)
        loss = (h * h).mean()
    loss.backward()
    return float(loss), w.grad.asnumpy(), u.grad.asnumpy()


def _embedded(batch, length, words=50, width=8):
    table, weight = _array(words, width), _array(width, words)
    index = np.array(onp.arange(batch * length).reshape(batch, length) % words, dtype="int32")
    for p in (table, weight):
        p.attach_grad()
    with autograd.record():
        rows = table[index].mean(axis=1)
        loss = npx.log_softmax(np.dot(rows, weight)).mean()
    loss.backward()
    return float(loss), table.grad.asnumpy(), weight.grad.asnumpy()


def _gates(batch, length, width=6):
    """Slices that start where a batch or a sequence may end."""
    x, w = _array(batch, length, width), _array(width, 4 * width)
    g = np.dot(x, w)
    i, f, o, u = (g[:, :, k * width:k * width + width] for k in range(4))
    c = npx.sigmoid(i) * np.tanh(u) + npx.sigmoid(f) * x
    return (npx.sigmoid(o) * c)[:, length - 1].asnumpy(), c[:, 1:].sum(axis=1).asnumpy()


def _adam(rows, columns):
    w, m, v, g = (_array(rows, columns) for _ in range(4))
    m[:] = 0.9 * m + 0.1 * g
    v[:] = 0.999 * v + 0.001 * g * g
    w -= 0.01 * m / (np.sqrt(np.abs(v)) + 1e-8)
    return w.asnumpy(), m.asnumpy(), v.asnumpy()


def _by_numpy(rows, columns):
    """NumPy steps in a program, with computed operands, sizes among the attributes, and two results."""
    x = _array(rows, columns)
    y = np.sort(x * 2, axis=1) + np.pad(x[:, 1:], ((0, 0), (1, 0))) + np.flip(x, 0)
    q, r = np.linalg.qr(x * 2)
    return y.asnumpy(), np.concatenate([x, y * 3], axis=0).sum(axis=0).asnumpy(), np.abs(np.matmul(q, r)).asnumpy()


def _zeros(rows):
    """Sums of constant arrays that equal other numbers of the program: 0 for any size, 2 for two rows."""
    zeros, ones = np.zeros((rows,), dtype="float64"), np.ones((rows,), dtype="float64")
    alive = ones + ones, zeros.sum(), ones.sum(), ones - zeros.sum()
    return [x.asnumpy() for x in (zeros, *alive)]


def _comparisons(rows):
    """Bools that depend on sizes alone: equal, different, and bools computed from these."""
    x = nd.array(onp.arange(rows).reshape(rows, 1), dtype="int32")
    count = nd.size_array(x)
    found = count == count, count != count, count.astype("bool"), nd.broadcast_lesser(count, count + count)
    return [x.asnumpy() for x in (nd.not_equal(x, 5), *found)]


def _thirds(rows):
    """A number of the program, the 3 of an average, that a pass also computes: each row is used three times."""
    x, index = _array(3, rows, 3), np.array([0, 0, 2, 0], dtype="int32")
    x.attach_grad()
    with autograd.record():
        chosen = x[index]
        stacked = np.stack([chosen, chosen, chosen], axis=1)
        average = np.average(x, axis=2)
    stacked.backward()
    return float(average.sum()), average.asnumpy(), x.grad.asnumpy()


MANY = list(range(20)) + [31, 32, 33, 63, 64, 65, 100, 255, 256, 257, 500, 1000, 4096, 5000]


@pytest.mark.parametrize("build, sizes, least", [
    (_mlp, [(n,) for n in MANY if n], 20),
    (_mlp, [(n, 300) for n in (16, 128, 129, 200, 2000, 2001, 4000, 9000)], 2),
    (_norm, [(4, 5), (8, 3), (6, 7), (7, 6), (5, 60), (1, 4), (4, 1), (3, 3), (12, 600), (9, 700)], 3),
    (_images, [(4, 5, 6), (7, 8, 9), (10, 12, 14), (3, 2, 5), (9, 5, 2), (1, 4, 5), (5, 1, 4)], 1),
    (_heads, [(5, 3, 4), (9, 3, 4), (7, 4, 3), (6, 3, 8), (1, 3, 4), (10, 20, 30), (11, 3, 4), (8, 3, 4)], 3),
    (_softmax, [(n, m) for n in (0, 1, 3, 100, 3000) for m in (1, 2, 5, 10, 2000)], 10),
    (_cell, [(n, m) for n in MANY[1:] for m in (5, 30)], 40),
    (_embedded, [(n, m) for n in (1, 2, 3, 40, 64, 3000) for m in (1, 2, 5, 7, 20)], 8),
    (_gates, [(n, m) for n in (2, 5, 6, 11, 12, 13, 17, 18, 19) for m in (3, 7, 12, 40)], 10),
    (_adam, [(n, m) for n in (0, 1, 2, 7, 300, 2000) for m in (1, 5, 40, 200)], 10),
    (_by_numpy, [(n, m) for n in (2, 3, 10, 70) for m in (4, 5, 30)], 4),
    (_zeros, [(n,) for n in (16, 5, 2, 33, 3, 1, 0)], 2),
    (_comparisons, [(n,) for n in (16, 17, 33, 40, 2, 1)], 2),
    (_thirds, [(n,) for n in (2, 17, 5, 12, 3, 4)], 2),
], ids=["mlp", "wide", "norm", "images", "heads", "softmax", "cell", "embedded", "gates", "adam", "numpy", "zeros",
        "comparisons", "thirds"])
def test_equal_to_a_fresh_plan(build, sizes, least):
    assert _check(build, sizes) >= least


@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed):
    """The program's leaves get other sizes, equal ones staying equal; the programs that are valid then are compared."""
    program = random_programs.make(seed, NAMES)
    draw = onp.random.RandomState(seed)

    def build(numbers):
        leaves = [np.array(onp.zeros([numbers[d] for d in leaf.shape], "float32")) for leaf in program.leaves]
        values = program.run(np, leaves)
        return [v.asnumpy() for v in values[-3:]]

    cases = []
    for _ in range(6):
        numbers = {1: 1} | {n: int(size) for n, size in zip((2, 3, 4, 5, 7), draw.choice(range(7, 40), 5, False))}
        try:
            build(numbers)
        except Exception:  # an index is out of range for these sizes
            continue
        cases.append((numbers,))
    _check(build, cases)


@pytest.mark.parametrize("build, sizes", [
    (_norm, [(4, 5), (6, 7), (9, 8), (30, 40), (7, 300)]),
    (_mlp, [(n,) for n in (12, 17, 19, 64, 300, 5000)]),
    (_cell, [(n, 30) for n in (3, 5, 6, 64, 2000)]),
    (_embedded, [(3, 5), (4, 7), (6, 9), (70, 3), (2000, 12)]),
    (_gates, [(n, m) for n in (5, 11, 12, 18) for m in (3, 7, 12)]),
    (_by_numpy, [(6, 4), (7, 5), (9, 8), (90, 11)]),
], ids=["norm", "mlp", "cell", "embedded", "gates", "numpy"])
def test_values_for_other_sizes(build, sizes):
    shape_templates.forget()
    for size in sizes:
        results = []
        for mode in ("always", "never"):
            with graphs.jit_mode(mode):
                results.append(build(*size))
        for a, b in zip(*results) if isinstance(results[0], tuple) else [results]:
            onp.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-4)
    assert any(shape_templates._SEEN.values())


def test_errors_for_other_sizes():
    """An error names the node of its own program, with its own line and sizes."""
    shape_templates.forget()
    with graphs.jit_mode("always"):
        for n in (4, 5, 6, 7):
            x, index = _array(n, 3), np.array([0, n - 1], dtype="int32") + 1
            line = sys._getframe().f_lineno + 1
            rows = x[index] * 2
            with pytest.raises(MXNetError, match=rf"index {n} is out of bounds .*size {n} .*:{line}; .*f32\[{n},3\]"):
                rows.asnumpy()
            bad = np.array(-onp.eye(n, dtype="float32"))
            line = sys._getframe().f_lineno + 1
            factor = np.linalg.cholesky(bad) + 1
            with pytest.raises(MXNetError, match=rf"(?s)cholesky.*:{line}"):
                factor.asnumpy()


def test_what_a_plan_knows_besides():
    shape_templates.forget()
    for outputs in [graphs.recorded(lambda n=n: _mlp(n))[0] for n in (32, 40, 48)]:
        plan = Plan(outputs)
        assert len(plan.planning.steps) == len(plan.planning.rows) == plan.layout.steps
        assert [n.aval for n in plan.planning.graph] == [n.aval for n in outputs]
        assert plan.planning.layout._replace(results=(), fallbacks=()) == plan.layout._replace(results=(), fallbacks=())


def test_sizes_have_no_text():
    a, = ShapeEnv([5]).first
    with pytest.raises(TypeError, match="in a text"):
        f"{a}"
    with pytest.raises(TypeError):
        range(a)


def test_sizes_compute_and_note():
    env = ShapeEnv([7, 4], (), [2.5])
    a, b = env.first
    x, = env.numbers
    compute = lambda a, b, x: [a + 1, 2 + a, a - b, 9 - a, a * b * 3, a // b, 50 // a, a % b, 50 % a, -a, 2.5 * a,
                               *divmod(a, b), a * 1, 0 + a, a * b // a, (a * b * 6) // (b * 3), (a * b) % b, 1 // a,
                               a // a, 0 % b, (a * 2) // 4, (a * 5) % 3, x * a, x / b, abs(-a), applied(math.gcd, a, b),
                               gcd(a * b, a), lcm(a, b), [a, (b * b, "same")]]
    results = compute(a, b, x)
    again = residual(results, env, {})
    for s in ([7, 4, 2.5], [20, 3, -0.5]):
        assert again(s, ()) == compute(*s)
    assert not env.guards
    assert a > b and (a + b == 11) and a != b and a > 1 and a * b > a and not a * b == b and x != 2
    assert set(env.guards.values()) == {True} and len(env.guards) == 3
    holds = env.holds()
    assert holds([8, 3, 9]) and not holds([3, 8, 9]) and not holds([9, 3, 9]) and not holds([8, 3, 2])


def test_a_count_is_no_size():
    """Equality of an attribute with a size or another attribute is a guard; None is not a count."""
    env = ShapeEnv([7], [7, 3])
    (size,), (a, b) = env.first, env.counts
    assert size == a and a != b and a > 1
    holds = env.holds()
    assert holds([5, 5, 4]) and not holds([5, 6, 4]) and not holds([5, 5, 5]) and len(env.guards) == 2
    x = leaf(aval((4, 4), onp.dtype("float32")), 0)
    keys = {shape_templates.structure(toposort([n]), [n])[0]
            for n in [Node(OPS["matmul"], (x, x), attrs, x.aval)
                      for attrs in ((None, 2), (2, 2), (3, 2), (2, None), (1, 2), (0, 2))]}
    assert len(keys) == 5


def test_what_the_least_size_decides_is_noted():
    """Sizes are at least 2, products of two of them at least 4: any tighter comparison needs a guard."""
    env = ShapeEnv([7, 5])
    a, b = env.first
    assert a > 1 and a * b > 3 and not env.guards
    assert a > 2 and a * b > 4
    holds = env.holds()
    assert holds([3, 2]) and holds([7, 5]) and not holds([2, 5])
    (c,), (d,) = ShapeEnv([2]).first, ShapeEnv([6]).first
    assert not c > 2 and not c.env.holds()([3])
    assert not d <= 2 and not d.env.holds()([2])


def test_other_dtypes_have_layouts_of_their_own():
    shape_templates.forget()
    with graphs.jit_mode("always"):
        for dtype in ("float32", "float64", "int32", "float16"):
            for n in (5, 6, 9):
                x = np.array(onp.arange(n), dtype=dtype)
                made = (x + x).reshape((n, 1)) * x
                assert made.dtype == dtype and made.asnumpy().tolist() == onp.multiply.outer(
                    2 * onp.arange(n), onp.arange(n)).tolist()


def test_other_results_have_layouts_of_their_own():
    def agree(n, *chosen):
        a = onp.arange(1, n + 1, dtype="float32")
        x, = graphs.leaves([a])
        b = Node(OPS["add"], (x, x), (), x.aval)
        c = Node(OPS["multiply"], (b, x), (), x.aval)
        d = Node(OPS["subtract"], (c, b), (), x.aval)
        made = {b: 2 * a, c: 2 * a * a, d: 2 * a * a - 2 * a}
        outputs = [(b, c, d)[i] for i in chosen]
        for got, node in zip(graphs.run(outputs, [a], "always"), outputs, strict=True):
            onp.testing.assert_array_equal(got, made[node])

    shape_templates.forget()
    for n in (5, 6, 9):
        for chosen in [(0, 2), (1, 2), (2, 1), (2, 0), (2,), (0, 1, 2), (2, 1, 0)]:
            agree(n, *chosen)


def test_a_plain_number_is_a_decision():
    env = ShapeEnv([7], (), [2.5])
    assert (float(env.numbers[0]), int(env.first[0])) == (2.5, 7)
    assert env.holds()([7, 2.5]) and not env.holds()([7, 2]) and not env.holds()([6, 2.5])


def _unrolled(width, steps=150):
    w, h, x = _array(width, width), _array(4, width), _array(4, width)
    w.attach_grad()
    with autograd.record():
        for _ in range(steps):
            h = np.tanh(np.dot(h, w) + x * h)
        loss = h.sum()
    loss.backward()
    return float(loss), w.grad.asnumpy()


def test_large_graphs():
    assert _check(_unrolled, [(n,) for n in (6, 9, 11)]) == 1


ELEMENTWISE_OPS = [op for op in OPS.values() if op.kind == "elementwise" and op.expr and op.samples is not None
                   and not op.name.startswith("test_")]


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64"])
@pytest.mark.parametrize("op", ELEMENTWISE_OPS, ids=repr)
def test_what_is_computed_of_numbers(op, dtype):
    """An op on numbers that a template has as symbolic sizes: a fresh plan agrees, for numbers and for bools."""
    shape_templates.forget()
    arrays, attrs = next(iter(op.samples()))
    for given in [(7, 9, 11), (8, 8, 3), (21, 20, 19), (5, 6, 7)]:
        operands = [broadcast_to(const(n, dtype), (2,)) for n in given[:len(arrays)]]
        try:
            outputs = [make(op, tuple(operands), attrs)]
            op.ref([onp.full((2,), n, dtype) for n in given[:len(arrays)]], attrs)
        except (TypeError, MXNetError):
            pytest.skip("takes no such values")
        outputs.append(cast(outputs[0], "bool"))
        found, _ = shape_templates.layout_of(outputs)
        for f, p, name in zip(found, plan_graph(outputs).layout, found._fields, strict=True):
            assert graphs.plain(f) == graphs.plain(p), (given, name)

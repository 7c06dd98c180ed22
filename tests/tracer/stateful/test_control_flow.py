"""Control flow in hybridized blocks: parts of the graph if the functions only compute. Results are those of Python."""
from __future__ import annotations

import graphs
import numpy
import pytest

from tracer import autograd, gluon, init, nd, np, npx, random
from tracer.base import MXNetError
from tracer.jit.plan import plan
from tracer.jit.plan.cache import shape_templates
from tracer.jit.report.counters import LOG


class Loop(gluon.HybridBlock):
    """A block of the loop that `body`, called with an array that the block has as an operand, gives."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, data, states, w):
        return npx.foreach(self.make(w), data, states)


def scanned(make, data, states, w):
    """The loop in a hybridized block, of a second pass, which is a cached one."""
    block = Loop(make)
    block.hybridize()
    block(data, states, w)
    return block(data, states, w)


def unrolled(body, data, states):
    """The same loop in Python."""
    several, outputs = isinstance(data, list), []
    for i in range(len(data[0] if several else data)):
        output, states = body([d[i] for d in data] if several else data[i], states)
        outputs.append(output)
    if isinstance(outputs[0], list):
        return [np.stack(list(each)) for each in zip(*outputs, strict=True)], states
    return np.stack(outputs), states


W = numpy.random.default_rng(0).standard_normal((3, 3)).astype("float32") / 2


def _cell(w):
    def body(x, states):
        h = np.tanh(np.dot(states[0], w) + x * 2)
        return h, [h]
    return body


def _two_of_each(w):
    def body(x, states):
        a, b = x
        s, t = states
        return [a * s + w.sum(), np.dot(t, w), b], [s + a, t * 0.5 + np.exp(-b * b)]
    return body


def _alone(w):
    return lambda x, s: (np.dot(s, w) * x, s + x)


def _swapped(w):
    return lambda x, states: (x + w[0], [states[1] * 1.5, states[0] + x])


def _twice(w):
    def body(x, states):
        y = x * states[0]
        return [y, y, w[0] * x], [y + 1]
    return body


BODIES = [(_cell, 1, True), (_two_of_each, 2, True), (_alone, 1, False), (_swapped, 1, True), (_twice, 1, True)]

pytestmark = pytest.mark.native_sample(4)


def listed(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


@pytest.mark.parametrize("length", [1, 6])
@pytest.mark.parametrize("make, sequences, in_a_list", BODIES)
def test_values_and_gradients(make, sequences, in_a_list, length):
    found = []
    for loop in (scanned, lambda make, data, states, w: unrolled(make(w), data, states)):
        rng = numpy.random.default_rng(length)
        data = [np.array(rng.standard_normal((length, 2, 3)).astype("float32")) for _ in range(sequences)]
        count = 1 if make in (_cell, _alone, _twice) else 2
        states = [np.array(rng.standard_normal((2, 3)).astype("float32")) for _ in range(count)]
        w = np.array(W)
        for a in (*data, *states[1:], w):
            a.attach_grad()  # the first state is a constant
        with autograd.record():
            outputs, last = loop(make, data if sequences > 1 else data[0], states if in_a_list else states[0], w)
            assert isinstance(last, list) is in_a_list
            total = sum([(y * y).sum() for y in listed(outputs)]) + sum([(s * 0.3).sum() for s in listed(last)])
        total.backward()
        grads = [a.grad for a in (*data, *states[1:], w)]
        found.append([a.asnumpy() for a in (*listed(outputs), *listed(last), *grads)])
    for a, b in zip(*found, strict=True):
        numpy.testing.assert_allclose(a, b, 1e-4, 1e-5)


def _reads(x, s):
    return x * float(s.sum()), s + x


def _draws(x, s):
    return x + np.random.uniform(size=x.shape), s + x


def _repeats_an_argument(x, s):
    return x, s


def _grows(x, s):
    return x, np.concatenate([s, x])


@pytest.mark.parametrize("body, times", [
    (lambda x, s: (x * s, s + x), 1), (_repeats_an_argument, 1), (_reads, 5), (_draws, 5), (_grows, 5)])
def test_how_often_the_body_is_called(body, times):
    data, state = np.array(numpy.arange(8.0).reshape(4, 2)), np.array([1.0, 2.0])
    calls = []
    block = Loop(lambda w: lambda *args: calls.append(0) or body(*args))
    found = []
    for hybridized in (False, True):
        block.hybridize(hybridized)
        calls.clear()
        random.seed(3)
        outputs, last = block(data, state, state)
        assert len(calls) == (times if hybridized else 4)  # where it runs as Python, the trial is one more
        found.append([outputs.asnumpy(), last.asnumpy()])
    for a, b in zip(*found, strict=True):
        numpy.testing.assert_allclose(a, b)


def test_a_state_that_is_written_to():
    def body(x, s):
        s += x
        return s * 1, s

    found = []
    for hybridized in (False, True):
        block = Loop(lambda w: body)
        block.hybridize(hybridized)
        state = nd.array([10, 20])
        outputs, last = block(nd.array([[1, 2], [3, 4], [5, 6]]), state, state)
        found.append([outputs.asnumpy(), last.asnumpy(), state.asnumpy()])
    numpy.testing.assert_array_equal(found[0][2], [19, 32])
    for a, b in zip(*found, strict=True):
        numpy.testing.assert_array_equal(a, b)


def test_nothing_to_differentiate():
    with autograd.record():
        outputs, _ = scanned(lambda w: lambda x, s: (x * s, s + x), np.ones((3, 2)), np.ones(2), np.ones(2))
    with pytest.raises(MXNetError, match="Cannot differentiate"):
        outputs.backward()


def test_an_array_that_is_state_and_constant():
    h = np.array([1.0, 2.0])
    h.attach_grad()
    with autograd.record():
        outputs, last = scanned(lambda w: lambda x, s: (s * w, s + x), np.ones((3, 2)), h, h)
    outputs.backward()
    numpy.testing.assert_array_equal(outputs.asnumpy(), [[1, 4], [2, 6], [3, 8]])
    numpy.testing.assert_array_equal(h.grad.asnumpy(), [3 * 2 + 3, 6 * 2 + 3])


def test_loops_in_loops_and_both_orders():
    def outer(loop, row, s):
        inner, last = loop(lambda a, t: (a * t, t + a * a), row, s)
        return inner.sum(axis=0), last

    x = np.array(numpy.random.default_rng(0).random((4, 3, 2)))
    x.attach_grad()
    found = []
    for hybridized in (False, True):
        with autograd.record():
            if hybridized:
                y, last = scanned(lambda w: lambda row, s: outer(npx.foreach, row, s), x, np.ones(2), x)
            else:
                y, last = unrolled(lambda row, s: outer(unrolled, row, s), x, np.ones(2))
            (g,) = autograd.grad((y * y).sum() + last.sum(), [x], create_graph=True, retain_graph=True)
            z = (g * g).sum()
        z.backward()
        found.append([y.asnumpy(), g.asnumpy(), x.grad.asnumpy()])
    for a, b in zip(*found, strict=True):
        numpy.testing.assert_allclose(a, b, 1e-4)


@pytest.mark.tierless
def test_any_length_is_one_program(monkeypatch):
    shape_templates.forget()
    made = []
    monkeypatch.setattr(plan, "CHECKS", [lambda one: made.append(one._planning is None), *plan.CHECKS])
    w = np.array(W)
    for length in (5, 6, 7, 19, 40):
        data = np.array(numpy.random.default_rng(length).standard_normal((length, 2, 3)).astype("float32"))
        outputs, _ = scanned(_cell, data, [np.zeros((2, 3), dtype="float32")], w)
        made.clear()
        with graphs.jit_mode("always"):
            got = outputs.asnumpy()
        assert made == [length > 5]
        right, _ = unrolled(_cell(w), data, [np.zeros((2, 3), dtype="float32")])
        numpy.testing.assert_allclose(got, right.asnumpy(), 1e-5, 1e-5)


def test_a_hybridized_block():
    class Net(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.cell = gluon.rnn.LSTMCell(4, input_size=3)

        def hybrid_forward(self, F, x, h, c):
            outputs, states = F.contrib.foreach(lambda a, s: self.cell(a, s), x, [h, c])
            return outputs, states[1]

    net = Net()
    net.initialize(init.Xavier())
    x = nd.array(numpy.random.default_rng(0).standard_normal((5, 2, 3)))
    found = []
    for hybridized in (False, True, True):
        if hybridized:
            net.hybridize()
        with autograd.record():
            y, c = net(x, nd.zeros((2, 4)), nd.zeros((2, 4)))
            loss = (y * y).sum() + c.sum()
        loss.backward()
        found.append([y.asnumpy(), *[p.grad().asnumpy() for p in net.collect_params().values()]])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            numpy.testing.assert_allclose(a, b, 1e-5, 1e-6)


# ---- while_loop and cond ------------------------------------------------------------------------------------------

class Pass(gluon.HybridBlock):
    """A block of a function of its arguments."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


def flat(x):
    return [y for one in x for y in flat(one)] if isinstance(x, (list, tuple)) else [x]


def passes(function, arrays):
    """The outputs and gradients of two passes as Python, and of two hybridized ones."""
    found = []
    for hybridized in (False, True):
        block = Pass(function)
        block.hybridize(hybridized)
        given = [np.array(a) for a in arrays]
        floats = [a for a, of in zip(given, arrays, strict=True) if of.dtype.kind == "f"]
        for a in floats:
            a.attach_grad()
        for _ in range(2):
            with autograd.record():
                outputs = flat(block(*given))
                total = sum([(y.astype("float32") * (k + 1)).sum() for k, y in enumerate(outputs)])
            total.backward()
            found.append([*[y.asnumpy() for y in outputs], *[a.grad.asnumpy() for a in floats]])
    return found


def same(function, *arrays):
    """Assert that a hybridized block gives what Python gives, and runs no Python the second time."""
    first, *others = passes(function, arrays)
    for other in others:
        for a, b in zip(first, other, strict=True):
            assert a.dtype == b.dtype
            numpy.testing.assert_allclose(a, b, 1e-5, 1e-6)
    return first


def _f(*numbers):
    return numpy.array(numbers, "float32")


def _row_of_sums(x, w):
    outputs, last = npx.foreach(lambda a, s: (a * s, s + a * w), np.stack([x, x * 2]), x)
    return outputs.sum(axis=0) + last


LOOPS = {
    "outputs": lambda i, x, w: npx.while_loop(lambda i, x: i < 3, lambda i, x: (x * w, [i + 1, np.tanh(x * w)]),
                                              [i, x], 5),
    "no output": lambda i, x, w: npx.while_loop(lambda i, x: i < 3, lambda i, x: ([], [i + 1, x * w]), [i, x], 5)[1],
    "all steps": lambda i, x, w: npx.while_loop(lambda i, x: i < 9, lambda i, x: ([x, i], [i + 1, x * w]), [i, x], 3),
    "by the values": lambda i, x, w: npx.while_loop(lambda x: (x * x).sum() < 90, lambda x: (x, x * w), x, 8),
    "a fixed variable": lambda i, x, w: npx.while_loop(lambda i, x, w: i < 2, lambda i, x, w: (w, [i + 1, x * w, w]),
                                                       [i, x, w], 4),
    "exchanged": lambda i, x, w: npx.while_loop(lambda i, x, y: i < 3, lambda i, x, y: (x - y, [i + 1, y, x * 2]),
                                                [i, x, w], 4),
    "a foreach inside": lambda i, x, w: npx.while_loop(
        lambda i, x: i < 3, lambda i, x: (x * w, [i + 1, np.tanh(_row_of_sums(x, w))]), [i, x], 5),
    "NaN after the end": lambda i, x, w: npx.while_loop(
        lambda i, x: i < 3, lambda i, x: (w / (3 - i), [i + 1, np.log(3 - i) * x + w]), [i, x], 5),
}


@pytest.mark.parametrize("start", [_f(0), numpy.array(0), numpy.array([1], "int32")])
@pytest.mark.parametrize("name", LOOPS)
def test_while_loop(name, start):
    same(LOOPS[name], start, _f(1, 2), _f(2, 3))


def test_a_loop_without_iterations_has_no_gradient_of_its_body():
    function = Pass(lambda i, x, w: npx.while_loop(lambda i, x: i < 3, lambda i, x: (x * np.log(w), [i + 1, x / w]),
                                                   [i, x], 4))
    function.hybridize()
    i, x, w = np.array([5.0]), np.array([1.0, 2.0]), np.array([0.0, 0.0])
    x.attach_grad()
    w.attach_grad()
    for _ in range(2):
        with autograd.record():
            outputs, (_, last) = function(i, x, w)
            total = outputs.sum() + (last * last).sum()
        total.backward()
        numpy.testing.assert_array_equal(outputs.asnumpy(), numpy.zeros((4, 2)))
        numpy.testing.assert_array_equal(last.asnumpy(), [1, 2])
        numpy.testing.assert_array_equal(x.grad.asnumpy(), [2, 4])
        numpy.testing.assert_array_equal(w.grad.asnumpy(), [0, 0])


BRANCHES = {
    "both new": lambda p, x, w: npx.cond(p > 0, lambda x, w: x * w, lambda x, w: np.log(x) / w, [x, w]),
    "an operand": lambda p, x, w: npx.cond(p > 0, lambda: x, lambda: np.log(x) * w),
    "several": lambda p, x, w: npx.cond(p, lambda: [x * 2, w], lambda: [np.sqrt(x - 9), x]),
    "a constant": lambda p, x, w: npx.cond(lambda a: a > 0, lambda a: np.zeros_like(x), lambda a: x * w, [p]),
    "in a loop": lambda p, x, w: npx.foreach(
        lambda a, s: (a * s, npx.cond((a + p).sum() > 4, lambda: s * a * w, lambda: np.log(a - 2) + s)),
        np.stack([x, x * 3]), w),
}


@pytest.mark.parametrize("pred", [_f(0), _f(1), numpy.array(0), numpy.array(3), _f(numpy.nan)])
@pytest.mark.parametrize("name", BRANCHES)
def test_cond(name, pred):
    found = same(BRANCHES[name], pred, _f(0, 2), _f(2, 3))
    if name == "both new" and pred.item() == 1:  # log(0) in the other branch
        assert all([numpy.isfinite(a).all() for a in found])


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_second_derivatives_of_loops_and_branches(steps):
    def function(i, x, w):
        outputs, (_, last) = npx.while_loop(lambda i, x: i < steps,
                                            lambda i, x: (x * x * w, [i + 1, np.sin(x) * w * w]), [i, x], 4)
        chosen = npx.cond(i < steps, lambda: last * w, lambda: np.exp(x) * w)
        return (0 if isinstance(outputs, list) else outputs.sum()) + (last ** 2).sum() + (chosen ** 3).sum()

    found = []
    for hybridized in (False, True):
        block = Pass(function)
        block.hybridize(hybridized)
        i, x, w = np.array([0.0]), np.array([0.3, 0.7]), np.array([1.2, 0.9])
        x.attach_grad()
        w.attach_grad()
        with autograd.record():
            (g,) = autograd.grad(block(i, x, w), [x], create_graph=True, retain_graph=True)
            z = (g * g).sum()
        z.backward()
        found.append([a.asnumpy() for a in (z, x.grad, w.grad)])
    for a, b in zip(*found, strict=True):
        numpy.testing.assert_allclose(a, b, 1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool"])
def test_dtypes(dtype):
    def function(i, x):
        outputs, last = npx.while_loop(lambda i, x: i < 3, lambda i, x: (x * x, [i + 1, x * x]), [i, x], 4)
        return [outputs, *last, npx.cond(i < 3, lambda: x * x, lambda: x)]

    given = numpy.array([1, 2, 3]).astype(dtype)
    outputs = [[y.asnumpy() for y in flat(block)] for block in _as_python_and_hybridized(function, given)]
    for a, b in zip(*outputs, strict=True):
        assert a.dtype == b.dtype
        numpy.testing.assert_array_equal(a, b)


def _as_python_and_hybridized(function, given):
    for hybridized in (False, True):
        block = Pass(function)
        block.hybridize(hybridized)
        yield block(np.array([0], dtype="int32"), np.array(given, dtype=given.dtype))


def _writes(x):
    x += 1
    return x * 1


def _raises(x):
    raise ValueError("this branch is not to be taken")


@pytest.mark.parametrize("told, branch", [
    ("draws random numbers", lambda x: x + np.random.uniform(size=2)), ("reads values", lambda x: x * float(x.sum())),
    ("writes into an array", _writes), ("raises ValueError", _raises)])
def test_a_branch_with_effects_runs_as_python_if_it_is_taken(told, branch):
    """Values, written arrays and the numbers drawn afterwards are those of Python."""
    found = []
    for hybridized in (False, True):
        block = Pass(lambda p, x: npx.cond(p > 0, lambda: x * 2, lambda: branch(x)))
        block.hybridize(hybridized)
        random.seed(5)
        x = np.array([1.0, 2.0])
        for pred in (1, 1) if told.startswith("raises") else (0, 1, 0):
            found.append((hybridized, [block(np.array([pred]), x).asnumpy(), x.asnumpy()]))
        found.append((hybridized, [np.random.uniform(size=3).asnumpy()]))
    half = len(found) // 2
    for (_, one), (_, other) in zip(found[:half], found[half:], strict=True):
        for a, b in zip(one, other, strict=True):
            numpy.testing.assert_array_equal(a, b)
    assert any([what == f"the body of a cond {told}" for what, _ in LOG.uncached])


@pytest.mark.tierless
def test_any_number_of_iterations_is_one_program(monkeypatch):
    made = []
    monkeypatch.setattr(plan, "CHECKS", [made.append, *plan.CHECKS])
    block = Pass(lambda i, x: npx.while_loop(lambda i, x: i > 0, lambda i, x: (x, [i - 1, x * 0.5]), [i, x], 50))
    block.hybridize()
    with graphs.jit_mode("always"):
        for count in (3, 0, 17, 50, 60):
            x = np.ones((2, 3))
            outputs, (left, last) = block(np.array([count]), x)
            done = min(count, 50)
            assert left.item() == count - done
            numpy.testing.assert_allclose(last.asnumpy(), numpy.full((2, 3), 0.5 ** done), 1e-6)
            wanted = [0.5 ** k if k < done else 0 for k in range(50)]
            numpy.testing.assert_allclose(outputs.asnumpy()[:, 1, 2], wanted, 1e-6)
            if count == 3:
                made.clear()
    assert made == []

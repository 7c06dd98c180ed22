"""`foreach` in hybridized blocks: a scan if its body only computes, else Python's loop. Results are those of Python."""
from __future__ import annotations

import graphs
import numpy
import pytest

from tracer import autograd, gluon, init, nd, np, npx, random
from tracer.base import MXNetError
from tracer.jit.plan import plan
from tracer.jit.plan.cache import shape_templates


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
    (lambda x, s: (x * s, s + x), 1), (_reads, 4), (_draws, 4), (_repeats_an_argument, 4), (_grows, 4)])
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
        assert len(calls) == (times if hybridized else 4)
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

"""Repeated training steps cost no new program and no new kernel, whatever they contain."""
import numpy
import pytest

from tracer import autograd, gluon, nd, np, npx
from tracer.jit import program, settings
from tracer.jit.report.counters import COUNTERS

RANDOM = numpy.random.RandomState(0)


class Net(gluon.HybridBlock):
    """Two layers of a perceptron on given parameters."""

    def forward(self, x, w1, b1, w2, b2):
        return np.dot(npx.relu(np.dot(x, w1) + b1), w2) + b2


def parameters(request="write"):
    """Weights and biases of 12-8-5, marked for gradients."""
    made = [np.array(RANDOM.randn(*shape) * 0.3) for shape in ((12, 8), (8,), (8, 5), (5,))]
    for p in made:
        p.attach_grad(request)
    return made


def batch(rows=6):
    """Inputs and labels."""
    return np.array(RANDOM.randn(rows, 12)), np.array(RANDOM.randint(0, 5, rows), dtype="int32")


def loss_of(scores, y):
    """Mean cross-entropy."""
    return -npx.pick(npx.log_softmax(scores, axis=-1), y).mean()


def update(params, rate=0.1):
    for p in params:
        p -= rate * p.grad


def plain(net, params, rate=0.1):
    x, y = batch()
    with autograd.record():
        loss = loss_of(net(x, *params), y)
    loss.backward()
    update(params, rate)
    return float(loss)


def retained(net, params):
    x, y = batch()
    with autograd.record():
        loss = loss_of(net(x, *params), y)
    loss.backward(retain_graph=True)
    first = params[0].grad.asnumpy()
    loss.backward()
    assert numpy.allclose(first, params[0].grad.asnumpy(), rtol=1e-5, atol=1e-7)
    update(params)


def two_losses(net, params):
    x, y = batch()
    with autograd.record():
        scores = net(x, *params)
        first, second = loss_of(scores, y), (scores * scores).mean()
    autograd.backward([first, second])
    update(params)
    return float(first) + float(second)


def one_after_the_other(net, params):
    x, y = batch()
    with autograd.record():
        scores = net(x, *params)
        first, second = loss_of(scores, y), (scores * scores).mean()
    first.backward(retain_graph=True)
    update(params)
    second.backward()
    update(params)


def read_in_the_middle(net, params):
    x, y = batch()
    with autograd.record():
        scores = net(x, *params)
        if float(abs(scores).max()) > 0:
            scores = scores * 1.5
        loss = loss_of(scores, y)
    loss.backward()
    update(params)
    return float(loss)


def another_rate(net, params):
    return plain(net, params, float(RANDOM.rand()))


def accumulated(net, params):
    for p in params:
        p.zero_grad()
    for _ in range(2):
        x, y = batch()
        with autograd.record():
            loss = loss_of(net(x, *params), y)
        loss.backward()
    update(params)


STEPS = [plain, retained, two_losses, one_after_the_other, read_in_the_middle, another_rate, accumulated]


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("step", STEPS, ids=lambda f: f.__name__)
def test_nothing_is_new_after_the_third_step(step, hybrid):
    net = Net()
    net.hybridize(hybrid)
    params = parameters("add" if step is accumulated else "write")
    for _ in range(program.PATIENCE + 1):  # the last is native, also of the program that `wait_to_read` ends
        for _ in range(4):
            step(net, params)
        params[0].wait_to_read()
    programs, kernels = COUNTERS.programs, COUNTERS.kernels_compiled + COUNTERS.kernels_loaded
    for _ in range(5):
        step(net, params)
    params[0].wait_to_read()
    assert COUNTERS.programs == programs
    assert COUNTERS.kernels_compiled + COUNTERS.kernels_loaded == kernels


def test_new_batch_sizes_need_no_new_kernel():
    net, params = Net(), parameters()
    made = []
    for rows in (6, 9, 16, 7, 30, 41, 12, 25):
        for _ in range(3):
            x, y = batch(rows)
            with autograd.record():
                loss = loss_of(net(x, *params), y)
            loss.backward()
            update(params)
            float(loss)
        made.append(COUNTERS.kernels_compiled + COUNTERS.kernels_loaded)
    assert made[-1] == made[2]


def test_states_are_updated_in_place_while_a_gradient_lives(monkeypatch):
    monkeypatch.setattr(settings, "mode", "always")
    nd.waitall()
    p, m, v, g = (np.array(RANDOM.rand(300)) for _ in range(4))

    def places():
        return [x._value.buffer.addr for x in (p, m, v, g)]

    for run in range(3):  # the first one plans
        for x in (p, m, v, g):
            x.wait_to_read()
        before = places()
        expected = [x.asnumpy() for x in (p, m, v, g)]
        expected[1] = 0.9 * expected[1] + 0.1 * expected[3]
        expected[2] = 0.99 * expected[2] + 0.01 * expected[3] * expected[3]
        expected[0] = expected[0] - 0.1 * expected[1] / numpy.sqrt(expected[2])
        m[:] = 0.9 * m + 0.1 * g
        v[:] = 0.99 * v + 0.01 * g * g
        p -= 0.1 * m / np.sqrt(v)
        p.wait_to_read()
        assert run == 0 or sorted(places()) == sorted(before)
        assert places()[3] == before[3]
        for x, right in zip((p, m, v, g), expected):
            assert numpy.allclose(x.asnumpy(), right, rtol=1e-5, atol=1e-6)  # differences may be near zero

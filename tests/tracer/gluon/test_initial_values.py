"""The arrays of parameters share memory with what they were made of, until either is written to."""
from __future__ import annotations

import numpy as onp
import pytest

from tracer import autograd, cpu, gluon, init, nd, np
from tracer.jit.runtime.buffers import used_bytes

GIVEN = [[1, 2, 3], [4, 5, 6]]


def _made(F, data, way, req="write"):
    """A parameter that takes its initial values from an array, in one of the ways that there are."""
    p = gluon.Parameter("weight", shape=(2, 3) if way == "load" else (0, 3), grad_req=req, allow_deferred_init=True)
    if way == "load":
        p._load_init(data, cpu())
        return p
    p.initialize()
    p.set_data(data)
    if way == "finish":
        p._finish_deferred_init()
    else:
        _Dot(p)(F.ones((1, 2)))
    return p


class _Dot(gluon.HybridBlock):
    """A layer whose pass finds the shape of its parameter."""

    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def infer_shape(self, x):
        self.weight.shape = (x.shape[1], 3)

    def forward(self, x):
        return (nd if type(x) is nd.NDArray else np).dot(x, self.weight.data())


@pytest.fixture(params=["nd", "np"])
def F(request):
    if request.param == "nd":
        yield nd
        return
    from tracer import npx
    npx.set_np()
    yield np
    npx.reset_np()


@pytest.mark.parametrize("req", ["write", "null"])
@pytest.mark.parametrize("way", ["load", "finish", "forward"])
@pytest.mark.parametrize("part", [slice(None), 1, (slice(None), 0)])
def test_a_write_to_one_does_not_show_in_the_other(F, way, req, part):
    data = F.array(onp.array(GIVEN, "float32"))
    data.wait_to_read()
    p = _made(F, data, way, req)
    wanted = onp.array(GIVEN)
    assert p.data().asnumpy().tolist() == GIVEN
    data[part] = 9
    assert p.data().asnumpy().tolist() == GIVEN
    wanted[part] = 9
    before = data.asnumpy().tolist()
    assert before == wanted.tolist()
    for _ in range(2):  # the second write finds memory that is not shared any more
        p.data()[part] = 7
        assert data.asnumpy().tolist() == before
    wanted = onp.array(GIVEN)
    wanted[part] = 7
    assert p.data().asnumpy().tolist() == wanted.tolist()
    data += 1
    assert p.data().asnumpy().tolist() == wanted.tolist()


@pytest.mark.parametrize("way", ["load", "finish", "forward"])
def test_a_view_of_the_data_shows_no_update(F, way):
    """The update of a step is written over the weight's memory, if nothing else holds it."""
    data = F.array(onp.array(GIVEN, "float32"))
    row = data[1]
    row.wait_to_read()
    p = _made(F, data, way)
    trainer = gluon.Trainer([p], "sgd", {"learning_rate": 1.0, "momentum": 0.9}, kvstore=None)
    for _ in range(3):
        with autograd.record():
            y = p.data().sum()
        y.backward()
        trainer.step(1)
        p.data().wait_to_read()
        assert data.asnumpy().tolist() == GIVEN and row.asnumpy().tolist() == GIVEN[1]
    assert p.data().asnumpy()[0, 0] == pytest.approx(1 - 1 - 1.9 - 2.71)


@pytest.mark.parametrize("way", ["load", "finish", "forward"])
def test_a_view_as_data_is_copied(F, way):
    base = F.array(onp.array([[0] * 3, *GIVEN], "float32"))
    base.wait_to_read()
    p = _made(F, base[1:], way)
    p.data().wait_to_read()
    assert p.data()._value.buffer.keeps_forms
    base[1] = 8
    assert p.data().asnumpy().tolist() == GIVEN
    p.data()[0] = 9
    assert base.asnumpy().tolist() == [[0] * 3, [8] * 3, GIVEN[1]]


@pytest.mark.parametrize("way", ["load", "finish", "forward"])
@pytest.mark.parametrize("req", ["write", "null"])
def test_no_derivative_flows_from_a_parameter_to_its_data(F, way, req):
    data = F.array(onp.array(GIVEN, "float32"))
    data.attach_grad()
    p = _made(F, data, way, req)
    with autograd.record():
        y = (p.data() * data).sum()
    y.backward()
    assert data.grad.asnumpy().tolist() == GIVEN
    if req == "write":
        assert p.grad().asnumpy().tolist() == GIVEN


def test_contexts_share_a_value_and_are_independent():
    data = nd.array(GIVEN)
    data.wait_to_read()
    p = gluon.Parameter("weight", shape=(2, 3))
    p._load_init(data, [cpu(0), cpu(1)])
    first, second = p.list_data()
    assert [first.context, second.context] == [cpu(0), cpu(1)]
    first[0] = 9
    assert second.asnumpy().tolist() == GIVEN == data.asnumpy().tolist()
    second[1] = 8
    assert first.asnumpy().tolist() == [[9] * 3, GIVEN[1]] and data.asnumpy().tolist() == GIVEN


@pytest.mark.parametrize("number", [3.0, onp.full((3, 2), 3, "float32")])
def test_an_initializer_that_keeps_its_array_does_not_keep_the_parameters(number):
    kept = []

    class Keeping(init.Initializer):
        def _init_weight(self, name, arr):
            arr[:] = number
            kept.append(arr)

    p = gluon.Parameter("weight", shape=(3, 2))
    p.initialize(Keeping())
    kept[0][1] = 9.0
    kept[0][:] = 8.0
    assert p.data().asnumpy().tolist() == [[3.0] * 2] * 3
    p.data()[:] = 4
    assert kept[0].asnumpy().tolist() == [[8.0] * 2] * 3


def test_loaded_elements_are_not_copied():
    data = nd.ones((300, 500))
    data.wait_to_read()
    p = gluon.Parameter("weight", shape=(300, 500))
    before = used_bytes()
    p._load_init(data, cpu())
    p.data().wait_to_read()
    assert used_bytes() - before < 300 * 500 * 4  # what tests before have left may be freed meanwhile

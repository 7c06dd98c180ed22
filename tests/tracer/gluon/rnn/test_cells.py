"""Recurrent cells: subclasses, dropout in hybridized blocks, shapes that are found, and repeated steps."""
from __future__ import annotations

import copy

import numpy
import pytest

from tracer import autograd, gluon, init, nd
from tracer.gluon import rnn
from tracer.jit.report.counters import COUNTERS

pytestmark = pytest.mark.native_sample(4)


class Mixed(rnn.HybridRecurrentCell):
    """A user's cell in MXNet 1's style, with parameters of unknown shape."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.weight = self.params.get("weight", shape=(units, 0), allow_deferred_init=True)
        self.scale = self.params.get("scale", shape=(units,), init="ones")

    def state_info(self, batch_size=0):
        return [{"shape": (batch_size, self.units), "__layout__": "NC"}]

    def hybrid_forward(self, F, inputs, states, weight, scale):
        seen = F.FullyConnected(inputs, weight, no_bias=True, num_hidden=self.units, name=f"t{self._counter}_i2h")
        output = self._get_activation(F, F.broadcast_mul(seen, scale) + states[0], "softsign", name="out")
        return output, [output]


@pytest.mark.parametrize("hybrid", [True, False])
def test_a_users_cell(hybrid):
    cell = Mixed(3)
    cell.initialize(init.One())
    if hybrid:
        cell.hybridize()
    outputs, states = cell.unroll(2, nd.ones((1, 2, 4)), merge_outputs=True)
    assert cell.weight.shape == (3, 4)
    first = 4 / 5
    numpy.testing.assert_allclose(outputs.asnumpy()[0, :, 0], [first, (4 + first) / (5 + first)], rtol=1e-6)
    assert cell._counter == 1 and states[0].shape == (1, 3)


def test_activations_are_names_layers_and_functions():
    x = nd.array([[-1.0, 2.0]])
    for activation, wanted in (("relu", [0, 2]), (gluon.nn.Activation("relu"), [0, 2]), (nd.abs, [1, 2])):
        cell = rnn.RNNCell(2, activation=activation, input_size=2)
        cell.initialize()
        cell.i2h_weight.set_data(nd.array([[1, 0], [0, 1]]))
        assert cell(x, cell.begin_state(1))[0].asnumpy().tolist() == [wanted]


def test_infer_shape_in_mxnet_2s_style():
    x = nd.ones((2, 5))
    stack = rnn.SequentialRNNCell()
    stack.add(rnn.BidirectionalCell(rnn.LSTMCell(3), rnn.GRUCell(3)))
    stack.add(rnn.DropoutCell(0.1))
    stack.add(rnn.ResidualCell(rnn.LSTMPCell(4, 6)))
    stack.infer_shape(0, x, True)
    shapes = [p.shape for name, p in stack.collect_params().items() if name.endswith("i2h_weight")]
    assert shapes == [(12, 5), (9, 5), (16, 12)]
    conv = rnn.Conv2DGRUCell((8, 8, 0), 2, 3, 3, conv_layout="NHWC")
    conv.infer_shape(0, nd.ones((1, 8, 8, 5)), False)
    assert conv.i2h_weight.shape == (6, 3, 3, 5)


class Net(gluon.HybridBlock):
    """A block that unrolls a cell and returns the last output."""

    def __init__(self, cell, **kwargs):
        super().__init__(**kwargs)
        self.cell = cell

    def hybrid_forward(self, F, x):
        return self.cell.unroll(3, x, merge_outputs=True)[0]


def cells():
    return [rnn.ZoneoutCell(rnn.RNNCell(4), 0.5, 0.5), rnn.VariationalDropoutCell(rnn.RNNCell(4), 0.5, 0.5, 0.5),
            rnn.VariationalDropoutCell(rnn.GRUCell(4), 0.5)]


@pytest.mark.parametrize("number", range(3))
def test_hybridized_cells_draw_new_masks_in_training_only(number):
    net = Net(cells()[number])
    net.initialize(init.One())
    net.hybridize()
    x = nd.ones((4, 3, 5)) * 0.05
    with autograd.record():
        first, second = net(x), net(x)
    assert not (first == second).asnumpy().all()
    assert (net(x) == net(x)).asnumpy().all()


@pytest.mark.parametrize("number", range(3))
def test_hybridized_cells_by_themselves(number):
    """Steps of a hybridized cell outside hybridized blocks: masks and outputs that it keeps are of this unroll."""
    cell = cells()[number]
    cell.initialize(init.One())
    x = nd.ones((4, 3, 5)) * 0.05
    wanted = cell.unroll(3, x, merge_outputs=True)[0].asnumpy()
    cell.hybridize()
    for _ in range(2):
        with autograd.record():
            cell.unroll(3, x)
        numpy.testing.assert_allclose(cell.unroll(3, x, merge_outputs=True)[0].asnumpy(), wanted, rtol=1e-6)


def test_a_dropout_cell_alone():
    cell = rnn.DropoutCell(0.5, axes=(1,))
    with autograd.record():
        outputs, states = cell.unroll(3, nd.ones((2, 3, 50)), merge_outputs=True)
    assert outputs.shape == (2, 3, 50) and states == []
    assert (outputs[:, 0] == outputs[:, 1]).asnumpy().all() and set(outputs.asnumpy().ravel()) == {0, 2}


def test_cells_are_copied():
    cell = rnn.ResidualCell(rnn.LSTMCell(3))
    cell.initialize()
    x = nd.ones((2, 2, 3))
    wanted = cell.unroll(2, x, merge_outputs=True)[0]
    other = copy.deepcopy(cell)
    assert (other.unroll(2, x, merge_outputs=True)[0] == wanted).asnumpy().all()
    assert other.base_cell is not cell.base_cell


@pytest.mark.parametrize("hybrid", [True, False])
def test_repeated_steps_compile_nothing(hybrid):
    stack = rnn.HybridSequentialRNNCell()
    stack.add(rnn.LSTMCell(6))
    stack.add(rnn.BidirectionalCell(rnn.GRUCell(3), rnn.GRUCell(3)))
    stack.add(rnn.DropoutCell(0.2))
    stack.add(rnn.ResidualCell(rnn.RNNCell(6)))
    net = Net(stack)
    net.initialize()
    if hybrid:
        net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    random, counts, losses = numpy.random.RandomState(1), [], []
    for _ in range(6):
        x = nd.array(random.uniform(size=(2, 3, 4)))
        with autograd.record():
            loss = (net(x) ** 2).mean()
        loss.backward()
        trainer.step(1)
        losses.append(float(loss.asscalar()))
        counts.append((COUNTERS.programs, COUNTERS.kernels_compiled, COUNTERS.kernels_loaded))
    assert len(set(losses)) == 6
    assert len(set(counts[2:])) == 1

"""Recurrent layers: what no CPU kernel of MXNet has, odd shapes, copies, and training with states carried on."""
from __future__ import annotations

import copy
import pickle

import numpy
import pytest

from tracer import MXNetError, autograd, gluon, init, nd, np, npx, random, util
from tracer.gluon import rnn
from tracer.jit import program
from tracer.jit import settings as jit_settings
from tracer.jit.report.counters import COUNTERS

pytestmark = pytest.mark.native_sample(4)


def made(layer, *shape):
    """An initialized layer, and data for it."""
    layer.initialize(init.Uniform(0.8))
    x = nd.array(numpy.random.RandomState(1).uniform(-1, 1, shape), dtype=layer._dtype)
    layer(x, None, nd.ones(shape[0 if layer._layout == "NTC" else 1])) if layer._use_sequence_length else layer(x)
    return layer, x


def close(a, b, near=1e-5):
    numpy.testing.assert_allclose(a.asnumpy(), b.asnumpy(), rtol=near, atol=near)


@pytest.mark.parametrize("layer", [
    rnn.RNN(3, 2, "tanh", "NTC"), rnn.RNN(3, layout="NTC", bidirectional=True), rnn.LSTM(3, 2, "NTC"),
    rnn.LSTM(3, layout="NTC", bidirectional=True), rnn.GRU(3, 3, "NTC")], ids=str)
def test_a_layer_is_the_stack_of_its_cells(layer):
    layer, x = made(layer, 2, 4, 5)
    cells = layer._unfuse()
    output, states = layer(x, layer.begin_state(2))
    wanted, _ = cells.unroll(4, x, merge_outputs=True)
    close(output, wanted)
    assert {id(p) for p in cells.collect_params().values()} == {id(p) for p in layer.collect_params().values()}
    assert [state.shape for state in states] == [(layer._num_layers * layer._dir, 2, 3)] * len(states)


@pytest.mark.parametrize("kind", [rnn.LSTM, rnn.GRU])
def test_lengths_of_sequences(kind):
    layer, x = made(kind(3, layout="NTC", bidirectional=True, use_sequence_length=True), 2, 4, 5)
    lengths = nd.array([2, 4])
    output, states = layer(x, layer.begin_state(2), lengths)
    wanted, cell_states = layer._unfuse().unroll(4, x, merge_outputs=True, valid_length=lengths)
    close(output, wanted)
    close(states[0], nd.stack(*cell_states[::len(states)], axis=0))
    close(layer(x, sequence_length=lengths), wanted)


def test_lengths_must_be_given():
    layer = rnn.GRU(3, use_sequence_length=True, input_size=2)
    layer.initialize()
    with pytest.raises(MXNetError, match="sequence_length"):
        layer(nd.ones((1, 1, 2)))


def test_a_clipped_state():
    layer, x = made(rnn.LSTM(3, state_clip_min=-0.01, state_clip_max=0.02), 4, 2, 5)
    cell = layer(x, layer.begin_state(2))[1][1].asnumpy()
    assert cell.min() >= -0.01 and cell.max() <= numpy.float32(0.02) and len(set(cell.ravel())) > 1


def test_gradients_of_a_projection():
    layer, x = made(rnn.LSTM(3, 2, projection_size=2, dtype="float64"), 3, 2, 4)
    weight = layer.l0_h2r_weight
    with autograd.record():
        loss = (layer(x) ** 2).sum()
    loss.backward()
    direction, eps = nd.array(numpy.random.RandomState(2).uniform(-1, 1, weight.shape), dtype="float64"), 1e-5
    start = weight.data().copy()
    ends = []
    for sign in (1, -1):
        weight.set_data(start + sign * eps * direction)
        ends.append(float((layer(x) ** 2).sum().asscalar()))
    numeric = (ends[0] - ends[1]) / (2 * eps)
    assert numeric == pytest.approx(float((weight.grad() * direction).sum().asscalar()), rel=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 1), (0, 2, 3), (3, 0, 2)])
def test_odd_shapes(shape):
    for kind in (rnn.RNN, rnn.LSTM, rnn.GRU):
        layer = kind(1)
        layer.initialize()
        with util.np_shape(True):
            x = nd.ones(shape)
            output, states = layer(x, layer.begin_state(shape[1]))
        assert output.shape == (*shape[:2], 1)
        assert {state.shape for state in states} == {(1, shape[1], 1)}


def test_layers_are_copied():
    layer, x = made(rnn.LSTM(3, 2, "NTC", bidirectional=True), 2, 4, 5)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        close(other(x), layer(x))
        other.l0_i2h_weight.set_data(nd.zeros_like(other.l0_i2h_weight.data()))
        assert layer.l0_i2h_weight.data().abs().sum().asscalar() > 1


def test_subclasses_with_their_own_constructor():
    class Encoder(rnn.GRU):
        def __init__(self, units, **kwargs):
            super().__init__(units, layout="NTC", **kwargs)
            self.units = units

    encoder, x = made(Encoder(4), 2, 3, 5)
    assert encoder(x).shape == (2, 3, encoder.units) and str(encoder) == "Encoder(5 -> 4, NTC)"


def test_np_arrays_outside_np_mode_and_in_it():
    layer = rnn.LSTM(3)
    layer.initialize()
    assert type(layer(np.ones((2, 1, 4)))) is np.ndarray
    npx.set_np()
    try:
        layer = rnn.GRU(3)
        layer.initialize()
        output, states = layer(np.ones((2, 1, 4)), layer.begin_state(1))
        assert type(output) is type(states[0]) is np.ndarray
    finally:
        npx.reset_np()


class Model(gluon.HybridBlock):
    """A language model that takes and returns states."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.embedding = gluon.nn.Embedding(20, 8)
            self.rnn = rnn.LSTM(8, 2)
            self.out = gluon.nn.Dense(20, flatten=False)

    def hybrid_forward(self, F, inputs, states):
        output, states = self.rnn(self.embedding(inputs), states)
        return self.out(output), states


def run(hybrid, steps=6):
    """Losses of training by truncated backpropagation through time, and the counters after each step."""
    random.seed(2)
    net = Model()
    net.initialize(init.Uniform(0.5))
    if hybrid:
        net.hybridize()
    text = numpy.random.RandomState(3).randint(0, 20, (steps, 5, 4))
    trainer = gluon.Trainer(net.collect_params(), "sgd")
    states, losses, counts = net.rnn.begin_state(4), [], []
    for rows in text:
        x = nd.array(rows)
        states = [state.detach() for state in states]
        with autograd.record():
            output, states = net(x, states)
            loss = -nd.pick(nd.log_softmax(output[:-1], axis=-1), x[1:], axis=-1).mean()
        loss.backward()
        trainer.step(1)
        losses.append(float(loss.asscalar()))
        counts.append((COUNTERS.programs, COUNTERS.kernels_compiled, COUNTERS.kernels_loaded))
    return losses, counts


def test_training_with_carried_states_compiles_nothing_after_its_program_is_native():
    """From the second step on there is one program; the "auto" tier compiles it after PATIENCE interpreted runs."""
    hybrid, counts = run(True)
    plain, _ = run(False)
    numpy.testing.assert_allclose(hybrid, plain, rtol=1e-5, atol=1e-6)
    assert len(set(hybrid)) == len(hybrid)
    assert len({programs for programs, _, _ in counts[1:]}) == 1
    interpreted = program.PATIENCE if jit_settings.mode == "auto" else 0
    assert len(set(counts[1 + interpreted:])) == 1

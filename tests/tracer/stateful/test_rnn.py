"""Recurrent layers, `nd.RNN` and `npx.rnn`: stored answers of both real MXNets, gradients by finite differences, and
what MXNet documents, but no CPU kernel of it has: lengths of sequences, a clipped state, training with a projection.
"""
from __future__ import annotations

import json
import sys

import numpy
import pytest
from places import TESTS

sys.path.insert(0, str(TESTS / "oracle"))

import rnn as oracle

import tracer
from tracer import MXNetError, autograd, nd, np, npx
from tracer.jit.report.counters import COUNTERS

pytestmark = pytest.mark.native_sample(12)

STORED = json.loads(oracle.DATA.read_text())


# ---- MXNet's answers -------------------------------------------------------------------------------------

def test_the_answers_are_those_of_the_cases():
    assert list(STORED["cases"]) == list(oracle.CASES)
    assert list(STORED["errors"]) == list(oracle.ERRORS)


@pytest.mark.parametrize("name", oracle.CASES)
def test_answers_of_mxnet(name):
    """Outputs, states, the gradients of all operands, and the random number that follows."""
    case = oracle.CASES[name]
    near = 1e-12 if case.get("dtype") == "float64" else 3e-6
    for got, want in zip(oracle.run(tracer, case), STORED["cases"][name], strict=True):
        numpy.testing.assert_allclose(got, want, rtol=near, atol=near)


@pytest.mark.tierless
@pytest.mark.parametrize("source", oracle.ERRORS)
def test_errors_of_mxnet(source):
    assert oracle.failure(tracer, source) == STORED["errors"][source] == "MXNetError"


# ---- arguments -------------------------------------------------------------------------------------------

def lstm(space=nd, **keywords):
    """A call of one layer of an LSTM on the arrays of a fixed seed."""
    x, w, h, c = (space.array(a.asnumpy(), dtype="float32") for a in oracle.arrays(tracer, "lstm", 1))
    function = nd.RNN if space is nd else npx.rnn
    return function(x, w, h, c, state_size=3, num_layers=1, mode="lstm", **keywords)


def test_np_gives_what_nd_gives():
    ours, theirs = lstm(np, state_outputs=True), lstm(state_outputs=True)
    assert type(ours) is list and len(ours) == 3
    for a, b in zip(ours, theirs, strict=True):
        assert type(a) is np.ndarray and a.asnumpy().tolist() == b.asnumpy().tolist()
    assert type(lstm(np)) is np.ndarray


@pytest.mark.tierless
@pytest.mark.parametrize("missing", ["mode", "data", "parameters", "state", "state_size", "num_layers"])
def test_np_asserts_required_arguments(missing):
    x, w, h, c = (np.array(a.asnumpy()) for a in oracle.arrays(tracer, "lstm", 1))
    given = {"data": x, "parameters": w, "state": h, "state_cell": c, "mode": "lstm", "state_size": 3, "num_layers": 1}
    del given[missing]
    with pytest.raises(AssertionError, match=missing):
        npx.rnn(**given)


def test_out_and_numbers_as_text():
    x, w, h, c = oracle.arrays(tracer, "lstm", 1)
    out = nd.zeros((4, 2, 3))
    assert nd.RNN(x, w, h, c, state_size="3", num_layers="1", mode="lstm", name="a", out=out) is out
    assert out.asnumpy().tolist() == lstm().asnumpy().tolist()


def test_a_sequence_without_steps_leaves_the_states():
    x, w, h, c = (np.array(a.asnumpy()) for a in oracle.arrays(tracer, "lstm", 1))
    out, last, cell = npx.rnn(x[:0], w, h, c, mode="lstm", state_size=3, num_layers=1, state_outputs=True)
    assert out.shape == (0, 2, 3)
    assert last.asnumpy().tolist() == h.asnumpy().tolist() and cell.asnumpy().tolist() == c.asnumpy().tolist()


def test_float16_is_rounded_once():
    wide = oracle.arrays(tracer, "gru", 2)
    half = [a.astype("float16") for a in wide]
    single = [a.astype("float32") for a in half]
    got, want = (nd.RNN(*given, mode="gru", state_size=3, num_layers=2) for given in (half, single))
    assert got.dtype == numpy.float16
    assert got.asnumpy().tolist() == want.asnumpy().astype("float16").tolist()


@pytest.mark.tierless
@pytest.mark.parametrize(("keywords", "message"), [
    ({"lstm_state_clip_min": -1}, "together"), ({"lstm_state_clip_max": 1}, "together"),
    ({"lstm_state_clip_min": 1, "lstm_state_clip_max": -1}, "greater"), ({"p": 1}, "dropout"),
    ({"projection_size": 2}, "parameters has shape")])
def test_arguments_that_do_not_fit(keywords, message):
    with pytest.raises(MXNetError, match=message):
        lstm(**keywords)


@pytest.mark.tierless
@pytest.mark.parametrize(("keywords", "message"), [
    ({"projection_size": 2}, "Projection"), ({"lstm_state_clip_min": -1, "lstm_state_clip_max": 1}, "clipping")])
def test_arguments_of_an_lstm_only(keywords, message):
    with pytest.raises(MXNetError, match=message):
        nd.RNN(*oracle.arrays(tracer, "gru", 1), mode="gru", state_size=3, num_layers=1, **keywords)


# ---- Dropout ---------------------------------------------------------------------------------------------

def test_dropout_only_in_training():
    given = oracle.arrays(tracer, "gru", 2)

    def outputs(p, training):
        with autograd.train_mode() if training else autograd.predict_mode():
            return nd.RNN(*given, mode="gru", state_size=3, num_layers=2, p=p).asnumpy()

    plain = outputs(0, True)
    numpy.testing.assert_allclose(outputs(0.5, False), plain, rtol=1e-5, atol=1e-6)
    assert abs(outputs(0.5, True) - plain).max() > 0.01
    with autograd.record(train_mode=False):
        made = nd.RNN(*given, mode="gru", state_size=3, num_layers=2, p=0.5)
    numpy.testing.assert_allclose(made.asnumpy(), plain, rtol=1e-5, atol=1e-6)


def test_one_layer_has_no_dropout_and_draws_nothing():
    given = oracle.arrays(tracer, "gru", 1)
    tracer.random.seed(1)
    with autograd.train_mode():
        nd.RNN(*given, mode="gru", state_size=3, num_layers=1, p=0.5).asnumpy()
    after = np.random.uniform(size=(2,)).asnumpy()
    tracer.random.seed(1)
    assert np.random.uniform(size=(2,)).asnumpy().tolist() == after.tolist()


# ---- what MXNet documents --------------------------------------------------------------------------------

LENGTHS = (3, 1, 4)


def layer(mode, lengths, layers=1, both=False, data=None, **keywords):
    """A call of `nd.RNN` in float64 on 4 steps of 3 sequences, the operands' gradients attached; and the operands."""
    given = oracle.arrays(tracer, mode, layers, both, keywords.get("projection_size"), "float64", batch=3)
    if data is not None:
        given[0] = nd.array(data, dtype="float64")
    for x in given:
        x.attach_grad()
    more = () if lengths is None else (nd.array(lengths, dtype="int32"),)
    if lengths is not None:
        keywords["use_sequence_length"] = True
    with autograd.record():
        made = nd.RNN(*given, *more, mode=mode, state_size=3, num_layers=layers, bidirectional=both,
                      state_outputs=True, **keywords)
    return made, given


@pytest.mark.parametrize("both", [False, True], ids=["one", "both"])
@pytest.mark.parametrize("mode", oracle.MODES)
def test_each_sequence_ends_at_its_length(mode, both):
    """Each is as if it were alone, without the steps after its length, where the output is 0."""
    made, given = layer(mode, LENGTHS, 2, both)
    found = [x.asnumpy() for x in made]
    for i, length in enumerate(LENGTHS):
        alone = [x[:length, i:i + 1] if k == 0 else x if k == 1 else x[:, i:i + 1] for k, x in enumerate(given)]
        wanted = [x.asnumpy() for x in nd.RNN(*alone, mode=mode, state_size=3, num_layers=2, bidirectional=both,
                                              state_outputs=True)]
        numpy.testing.assert_allclose(found[0][:length, i:i + 1], wanted[0], rtol=1e-12, atol=1e-14)
        assert not found[0][length:, i].any()
        for got, want in zip(found[1:], wanted[1:], strict=True):
            numpy.testing.assert_allclose(got[:, i:i + 1], want, rtol=1e-12, atol=1e-14)


def test_what_follows_a_sequence_does_not_matter():
    """Not even NaN there, and its gradient is 0."""
    x = oracle.arrays(tracer, "lstm", 1, dtype="float64", batch=3)[0].asnumpy()
    spoiled = x.copy()
    spoiled[3:, 0], spoiled[1:, 1] = numpy.nan, numpy.inf
    for one, other in zip(layer("lstm", LENGTHS, data=x)[0], layer("lstm", LENGTHS, data=spoiled)[0], strict=True):
        assert one.asnumpy().tolist() == other.asnumpy().tolist()
    made, given = layer("lstm", LENGTHS, data=x)
    autograd.backward(made)
    gradient = given[0].grad.asnumpy()
    assert not gradient[3:, 0].any() and not gradient[1:, 1].any() and gradient[:3, 0].all()


@pytest.mark.parametrize("nan", [False, True])
def test_the_cell_state_is_clipped(nan):
    """After each step, before the output is computed from it; NaN becomes the lower bound if that is asked for."""
    free, given = layer("lstm", None)
    clipped, _ = layer("lstm", None, lstm_state_clip_min=-0.2, lstm_state_clip_max=0.1, lstm_state_clip_nan=nan)
    one_step = nd.RNN(given[0][:1], *given[1:], mode="lstm", state_size=3, num_layers=1, state_outputs=True)
    output, cell = (x.asnumpy()[0] for x in (clipped[0], one_step[2]))
    leave = one_step[0].asnumpy()[0] / numpy.tanh(cell)
    numpy.testing.assert_allclose(output, leave * numpy.tanh(numpy.clip(cell, -0.2, 0.1)), rtol=1e-12)
    last = clipped[2].asnumpy()
    assert last.min() == -0.2 and last.max() == 0.1 and abs(free[2].asnumpy()).max() > 0.2
    given[3][:] = numpy.nan
    made = nd.RNN(*given, mode="lstm", state_size=3, num_layers=1, state_outputs=True, lstm_state_clip_min=-0.2,
                  lstm_state_clip_max=0.1, lstm_state_clip_nan=nan)
    assert numpy.isnan(made[2].asnumpy()).any() != nan


# ---- gradients -------------------------------------------------------------------------------------------

GRADIENTS = {
    **{f"{mode}-{'both' if both else 'one'}-{'lengths' if lengths else 'whole'}": (mode, lengths, both, {})
       for mode in oracle.MODES for both, lengths in ((True, None), (False, LENGTHS), (True, LENGTHS))},
    "projected": ("lstm", None, True, {"projection_size": 2}),
    "projected-lengths": ("lstm", LENGTHS, False, {"projection_size": 2}),
    "clipped": ("lstm", None, False, {"lstm_state_clip_min": -0.6, "lstm_state_clip_max": 0.55}),
    "dropout": ("gru", None, True, {"p": 0.3})}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_slopes(name):
    """The derivatives of the weighted sum of output and states, along random directions of each operand."""
    mode, lengths, both, keywords = GRADIENTS[name]
    tracer.random.seed(5)
    made, given = layer(mode, lengths, 2, both, **keywords)
    draw = numpy.random.RandomState(9)
    weights = [draw.uniform(-1, 1, x.shape) for x in made]
    autograd.backward(made, [nd.array(w, dtype="float64") for w in weights])
    more = () if lengths is None else (nd.array(lengths, dtype="int32"),)

    def total(operands):
        tracer.random.seed(5)
        with autograd.train_mode():
            found = nd.RNN(*operands, *more, mode=mode, state_size=3, num_layers=2, bidirectional=both,
                           state_outputs=True, use_sequence_length=lengths is not None, **keywords)
        return sum((x.asnumpy() * w).sum() for x, w in zip(found, weights, strict=True))

    h = 1e-6
    for k, x in enumerate(given):
        along = draw.uniform(-1, 1, x.shape)
        ends = [total([nd.array(y.asnumpy() + (s * h * along if i == k else 0), dtype="float64")
                       for i, y in enumerate(given)]) for s in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * h)
        got = float((x.grad.asnumpy() * along).sum())
        assert got == pytest.approx(slope, rel=2e-7, abs=1e-7), k
        assert abs(got) > 1e-4, k


def test_gradients_are_added_where_that_is_asked_for():
    given = oracle.arrays(tracer, "lstm", 1)
    wanted = []
    for request, times in (("write", 1), ("add", 2)):
        for x in given:
            x.attach_grad(request)
        for _ in range(times):
            with autograd.record():
                y = nd.RNN(*given, mode="lstm", state_size=3, num_layers=1)
            y.backward()
        wanted.append([x.grad.asnumpy() for x in given])
    for one, two in zip(*wanted, strict=True):
        numpy.testing.assert_allclose(two, 2 * one, rtol=1e-6, atol=1e-7)


# ---- programs --------------------------------------------------------------------------------------------

def test_repeated_steps_are_one_program_and_steps_share_kernels():
    """A sequence twice as long needs no kernels of its own for its further steps."""
    def step(steps):
        x, w, h, c = oracle.arrays(tracer, "lstm", 1, steps=steps)
        w.attach_grad()
        with autograd.record():
            loss = nd.RNN(x, w, h, c, mode="lstm", state_size=3, num_layers=1).sum()
        loss.backward()
        return float(loss.asscalar()), w.grad.asnumpy()

    step(12)
    step(12)
    programs = COUNTERS.programs
    step(12)
    assert COUNTERS.programs == programs
    kernels = COUNTERS.kernels_compiled + COUNTERS.kernels_loaded
    step(24)
    assert COUNTERS.kernels_compiled + COUNTERS.kernels_loaded - kernels <= 2

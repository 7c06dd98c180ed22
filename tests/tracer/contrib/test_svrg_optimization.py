"""`SVRGModule` trains as that of MXNet 1.9.1: the stored numbers are sums of absolute parameters after each epoch."""
from __future__ import annotations

import numpy
import pytest

from tracer import cpu, io, kv, nd, sym
from tracer.contrib.svrg_optimization import svrg_module, svrg_optimizer
from tracer.contrib.svrg_optimization.svrg_module import SVRGModule

pytestmark = pytest.mark.native_sample(8)


def net():
    hidden = sym.FullyConnected(sym.var("data"), num_hidden=4, name="one")
    out = sym.FullyConnected(sym.Activation(hidden, act_type="tanh"), num_hidden=1, name="two")
    return sym.LinearRegressionOutput(out, label=sym.var("lin_label"), name="lin")


def problem(shuffle=False):
    """Data of 11 rows in batches of 4, and parameters to begin with."""
    rng = numpy.random.RandomState(7)
    x = rng.uniform(-1, 1, (11, 3)).astype("float32")
    y = (x @ numpy.array([1, -2, 0.5]) + 0.3).astype("float32")
    start = {"one_weight": rng.uniform(-0.5, 0.5, (4, 3)), "one_bias": rng.uniform(-0.5, 0.5, 4),
             "two_weight": rng.uniform(-0.5, 0.5, (1, 4)), "two_bias": numpy.zeros(1)}
    numpy.random.seed(5)
    data = io.NDArrayIter(x, y, batch_size=4, shuffle=shuffle, label_name="lin_label")
    return data, {name: nd.array(value) for name, value in start.items()}


#: Name: store, optimizer, its parameters, update_freq, contexts, shuffled; and the sums of the parameters in
#: alphabetical order, after each of four epochs.
ANSWERS = {
    "sgd": (("local", "sgd", {"learning_rate": 0.1}, 1, 1, False), [
        [1.0423, 1.9372, 0.211225, 0.578957], [1.02625, 2.33164, 0.421959, 0.955291],
        [0.96729, 2.8922, 0.549995, 1.47654], [0.884941, 3.54505, 0.592018, 2.06691]]),
    "freq2": (("local", "sgd", {"learning_rate": 0.1, "momentum": 0.9}, 2, 1, False), [
        [1.05251, 2.11431, 0.401027, 0.750861], [0.984239, 3.35297, 0.902747, 1.89381],
        [0.951218, 5.25628, 1.06109, 3.66484], [1.86498, 6.0778, 1.10727, 4.62005]]),
    "adam": ((None, "adam", {"learning_rate": 0.05}, 3, 1, False), [
        [1.03726, 2.20837, 0.148901, 0.733921], [0.993996, 3.00862, 0.289217, 1.16424],
        [0.947377, 4.0196, 0.405717, 1.6358], [0.851916, 5.18494, 0.503914, 2.15563]]),
    "store": (("made", "sgd", {"learning_rate": 0.1}, 2, 1, False), [
        [1.05949, 1.89284, 0.208601, 0.520504], [1.04944, 2.18336, 0.34799, 0.801706],
        [1.01019, 2.64278, 0.503109, 1.23228], [0.952445, 3.14552, 0.599046, 1.69807]]),
    "two": (("local", "sgd", {"learning_rate": 0.1}, 2, 2, False), [
        [1.05949, 1.89284, 0.208601, 0.520504], [1.04944, 2.18336, 0.34799, 0.801706],
        [1.01019, 2.64278, 0.503109, 1.23228], [0.952445, 3.14552, 0.599046, 1.69807]]),
    "shuffled": (("local", "sgd", {"learning_rate": 0.1}, 2, 1, True), [
        [1.06089, 1.91638, 0.292562, 0.512022], [1.07069, 2.17068, 0.480703, 0.809684],
        [1.04543, 2.55175, 0.626393, 1.2059], [0.987242, 2.97855, 0.705105, 1.59549]]),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_training(case):
    (store, optimizer, params, freq, contexts, shuffle), answers = ANSWERS[case]
    data, start = problem(shuffle)
    module = SVRGModule(net(), label_names=["lin_label"], update_freq=freq, context=[cpu(i) for i in range(contexts)])
    sums = []
    module.fit(data, eval_metric="mse", kvstore=kv.create("local") if store == "made" else store, optimizer=optimizer,
               optimizer_params=params, num_epoch=4, arg_params=start,
               epoch_end_callback=lambda epoch, symbol, args, aux: sums.append(
                   [float(abs(args[name].asnumpy()).sum()) for name in sorted(args)]))
    numpy.testing.assert_allclose(sums, answers, rtol=1e-3)


def test_steps_by_hand_are_those_of_fit():
    data, start = problem()
    module = SVRGModule(net(), label_names=["lin_label"], update_freq=1)
    module.bind(data.provide_data, data.provide_label)
    module.init_params(arg_params=start)
    module.init_optimizer(optimizer_params={"learning_rate": 0.1})
    for _ in range(4):
        module.update_full_grads(data)
        data.reset()
        for batch in data:
            module.forward_backward(batch)
            module.update()
    found = [float(abs(x.asnumpy()).sum()) for _, x in sorted(module.get_params()[0].items())]
    numpy.testing.assert_allclose(found, ANSWERS["sgd"][1][-1], rtol=1e-3)


def test_fixed_parameters_stay():
    data, start = problem()
    module = SVRGModule(net(), label_names=["lin_label"], update_freq=1, fixed_param_names=["one_bias"])
    module.fit(data, eval_metric="mse", arg_params=start, num_epoch=1)
    found = module.get_params()[0]
    assert (found["one_bias"].asnumpy() == start["one_bias"].asnumpy()).all()
    assert (found["two_bias"].asnumpy() != start["two_bias"].asnumpy()).all()


@pytest.mark.parametrize("freq, error", [(0, ValueError), (-1, ValueError), (None, TypeError), (1.0, TypeError)])
def test_how_often_is_a_positive_integer(freq, error):
    with pytest.raises(error, match="update_freq in SVRGModule must be a"):
        SVRGModule(net(), label_names=["lin_label"], update_freq=freq)


def test_the_optimizer_chooses_by_name():
    made = svrg_optimizer._SVRGOptimizer(default_optimizer="sgd", learning_rate=0.5, momentum=0.9,
                                         param_idx2name={0: "w", 1: "w_full"})
    weight, grad = nd.ones(2), nd.array([1, 2])
    assert made.create_state(1, weight) is None and made.create_state("w", weight).shape == (2,)
    made.update(0, weight, grad, nd.zeros(2))
    assert weight.asnumpy().tolist() == [0.5, 0]
    made.update("w_full", weight, grad, None)
    assert weight.asnumpy().tolist() == [1, 2]
    assert svrg_module.SVRGModule is SVRGModule

"""A step of a module is one program, which is found again in later epochs, buckets and after reads of metrics."""
from __future__ import annotations

import numpy as onp
import pytest

import tracer
from tracer import io, metric, mod, nd, sym


def network(hidden=8):
    net = sym.Activation(sym.FullyConnected(sym.var("data"), num_hidden=hidden, name="fc1"), act_type="tanh")
    return sym.SoftmaxOutput(sym.FullyConnected(net, num_hidden=3, name="fc2"), name="softmax")


def batches(n=40, size=10):
    rng = onp.random.RandomState(0)
    return io.NDArrayIter(rng.rand(n, 4), rng.randint(0, 3, n), size)


def runs() -> int:
    now = tracer.counters()
    return now.programs + now.program_hits


def trained(**kwargs):
    """A module whose program has been made, and its data."""
    module, data = mod.Module(network(**kwargs)), batches()
    module.fit(data, num_epoch=1, optimizer="adam", eval_metric="acc")
    return module, data


def test_a_step_is_one_program():
    module, data = trained()
    measured = metric.create("acc")
    batch = data.next()
    for _ in range(3):
        module.forward_backward(batch)
        module.update()
        module.update_metric(measured, batch.label)
    before = runs()
    for _ in range(5):
        module.forward_backward(batch)
        module.update()
        module.update_metric(measured, batch.label)
    assert runs() - before == 5


def test_later_epochs_make_no_programs(caplog):
    module, data = trained()
    module.fit(data, eval_data=batches(), num_epoch=2, optimizer="adam")
    before = tracer.counters().programs
    with caplog.at_level("INFO"):
        module.fit(data, eval_data=batches(), num_epoch=4)
    assert tracer.counters().programs == before
    assert [line.split("=")[0] for line in caplog.messages if "accuracy" in line] == \
        [f"Epoch[{n}] {kind}-accuracy" for n in range(4) for kind in ("Train", "Validation")]


def test_a_metric_that_is_read_makes_no_programs():
    """Nor one that is reset, or read in other steps: its sums are operands of the same program."""
    module, data = trained(hidden=7)
    measured = metric.create("acc")
    batch = data.next()

    def step():
        module.forward_backward(batch)
        module.update()
        module.update_metric(measured, batch.label)

    for _ in range(3):
        step()
    before = tracer.counters().programs
    for action in (measured.get, measured.reset_local, measured.reset, measured.get):
        step()
        measured.get()
        measured.get_global()
        action()
        step()
    assert tracer.counters().programs == before


def test_new_buckets_are_one_program_each():
    def sym_gen(length):
        net = sym.FullyConnected(sym.sum(sym.var("data"), axis=1, keepdims=True), num_hidden=3, name="fc")
        return sym.SoftmaxOutput(net, name="softmax"), ("data",), ("softmax_label",)

    def batch(length):
        return io.DataBatch([nd.array(onp.ones((5, length)))], [nd.array(onp.zeros(5))], bucket_key=length,
                            provide_data=[io.DataDesc("data", (5, length))],
                            provide_label=[io.DataDesc("softmax_label", (5,))])

    module = mod.BucketingModule(sym_gen, default_bucket_key=9)
    module.bind([("data", (5, 9))], [("softmax_label", (5,))])
    module.init_params()
    module.init_optimizer(optimizer="adam")
    made = []
    for length in (9, 9, 3, 4, 3, 5, 9, 4):
        before = tracer.counters().programs
        module.forward_backward(batch(length))
        module.update()
        module.get_outputs()[0].wait_to_read()
        made.append(tracer.counters().programs - before)
    assert made[2:] == [1, 1, 0, 1, 0, 0]
    measured, made = metric.create("acc"), []
    for length in (9, 3, 9, 9, 3, 3, 9, 3):
        before = tracer.counters().programs
        module.forward(batch(length), is_train=False)
        module.update_metric(measured, batch(length).label)
        made.append(tracer.counters().programs - before)
    assert sum(made[3:]) == 0 and measured.get()[1] >= 0


def test_predictions_nobody_reads_are_computed_batch_by_batch():
    module, data = trained(hidden=6)
    found = []
    for rows in (40, 70):
        before = runs()
        module.predict(batches(rows), merge_batches=False)
        found.append(runs() - before)
    assert 3 <= found[1] - found[0] <= 4 and found[0] < 6  # the last batch waits for a read


@pytest.mark.parametrize("size", [10, 5])
def test_batches_of_other_sizes_share_the_parameters(size):
    module, _ = trained(hidden=5)
    module.forward_backward(batches(size=size).next())
    weight = module.get_params()[0]["fc1_weight"].asnumpy()
    module.update()
    assert (module.get_params()[0]["fc1_weight"].asnumpy() != weight).any()
    module.forward(batches(size=10).next())
    assert module.get_outputs()[0].shape == (10, 3)

"""`gluon.contrib.estimator`: it calls its handlers, logs, measures and saves as real MXNet 1.9.1 does.

The scenarios are tests/oracle/estimator.py's, the answers tests/data/estimator.json.
"""
from __future__ import annotations

import json
import re
import sys

import pytest
from places import TESTS

import tracer
from tracer import gluon, nd
from tracer.gluon.contrib import estimator as ce
from tracer.jit.report.counters import COUNTERS

sys.path.insert(0, str(TESTS / "oracle"))

import estimator as oracle

pytestmark = [pytest.mark.native_sample(6), pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")]

ANSWERS = json.loads((TESTS / "data" / "estimator.json").read_text())
NUMBER = re.compile(r"\d+\.\d+")


def parts(x) -> list:
    """The texts and numbers of an answer, those in texts too."""
    if isinstance(x, list):
        return ["[", *[part for i in x for part in parts(i)], "]"]
    return [NUMBER.sub("#", x), *map(float, NUMBER.findall(x))] if isinstance(x, str) else [x]


def test_all_is_answered():
    assert set(ANSWERS) == {*oracle.SCENARIOS, *oracle.WRONG}


@pytest.mark.parametrize("name", oracle.SCENARIOS)
def test_as_in_mxnet(name):
    with tracer.name.NameManager():  # states are saved in the order of names, in which dense10 comes before dense9
        found, wanted = parts(oracle.answer(tracer, name)), parts(ANSWERS[name])
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted):
        assert one == (pytest.approx(other, abs=2e-4) if isinstance(other, float) else other)


@pytest.mark.parametrize("name", oracle.WRONG)
def test_wrong_arguments(name):
    assert ANSWERS[name] and oracle.answer(tracer, name) == ANSWERS[name]
    with pytest.raises(Exception, match=name):
        oracle.WRONG[name](tracer, ce)


def test_a_step_is_one_known_program():
    made, loader, _ = oracle.made(tracer)
    loader = gluon.data.DataLoader(loader._dataset, 5)
    counts = []

    class Counting(ce.EpochEnd):
        def epoch_end(self, estimator, *args, **kwargs):
            nd.waitall()
            counts.append((COUNTERS.programs, COUNTERS.interpreted + COUNTERS.native))

    silent = ce.LoggingHandler(10 ** 9, metrics=[])
    made.logger.handlers.clear()
    made.fit(loader, epochs=6, event_handlers=[Counting(), silent])
    runs = [b - a for (_, a), (_, b) in zip(counts, counts[1:])]
    assert len(counts) == 6 and len({programs for programs, _ in counts[3:]}) == 1, counts
    assert set(runs) == {2}, runs  # one for each batch


class Doubled(ce.BatchProcessor):
    """A processor that notes what it is given."""

    def __init__(self):
        self.batches = 0

    def fit_batch(self, estimator, train_batch, batch_axis=0):
        self.batches += 1
        return super().fit_batch(estimator, train_batch, batch_axis)


def test_a_processor_of_the_user_s():
    processor = Doubled()
    made, loader, _ = oracle.made(tracer, batch_processor=processor)
    made.fit(loader, batches=3)
    assert processor.batches == 3


def test_a_network_and_a_loss_for_validation():
    other, loss = gluon.nn.Dense(3), gluon.loss.SoftmaxCrossEntropyLoss(weight=2)
    other.initialize("zeros")
    made, loader, _ = oracle.made(tracer, val_net=other, val_loss=loss)
    made.evaluate(loader)
    assert made.val_metrics[1].get()[1] == pytest.approx(2 * 1.0986123, rel=1e-5)


def test_what_is_not_given_is_made():
    net = gluon.nn.Dense(1, in_units=4)
    with pytest.warns(UserWarning, match="SGD"):
        made = ce.Estimator(net, gluon.loss.L2Loss(), initializer=tracer.init.Constant(2), device=tracer.cpu(1))
    assert net.weight.data().asnumpy().tolist() == [[2, 2, 2, 2]] and net.weight.list_ctx() == [tracer.cpu(1)]
    assert made.device == made.context == [tracer.cpu(1)] and made.trainer.learning_rate == 0.001
    with pytest.warns(UserWarning, match="already fully initialized"):
        ce.Estimator(net, gluon.loss.L2Loss(), initializer=tracer.init.Constant(3), trainer=made.trainer)
    assert net.weight.data().asnumpy().tolist() == [[2, 2, 2, 2]]


def test_a_file_that_is_no_checkpoint(tmp_path):
    (tmp_path / "model-epochXbatch3.params").write_text("")
    made, loader, _ = oracle.made(tracer)
    handler = ce.CheckpointHandler(str(tmp_path), resume_from_checkpoint=True)
    with pytest.raises(ValueError, match="model-epochXbatch3.params.*no checkpoint"):
        made.fit(loader, epochs=3, event_handlers=[handler])
    with pytest.raises(AssertionError, match="batch_period"):
        made.fit(loader, batches=3, event_handlers=[handler])

"""Schedules of the learning rate against stored rates of real MXNet, and in an optimizer."""
from __future__ import annotations

import copy
import json
import logging
import pickle
import sys

import pytest
from places import TESTS

import tracer
from tracer import lr_scheduler, optimizer

sys.path.insert(0, str(TESTS / "oracle"))

import optimizers

pytestmark = pytest.mark.tierless

RATES = json.loads(optimizers.DATA.read_text())["1.9.1"]["rates"]


@pytest.mark.parametrize("source, expected", RATES)
def test_rates(source, expected):
    assert optimizers.rates(tracer, source) == expected


@pytest.mark.parametrize("source, expected", RATES)
def test_a_copied_schedule_goes_on(source, expected):
    schedule = eval(source, vars(lr_scheduler))
    for update in range(12):
        schedule(update)
    for copied in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert [copied(update) for update in range(12, 25)] == expected[12:]


def test_the_rate_of_an_optimizer():
    schedule = lr_scheduler.FactorScheduler(step=1, factor=0.5)
    sgd = optimizer.Optimizer(lr_scheduler=schedule, learning_rate=0.3)
    assert schedule.base_lr == 0.3 and sgd.learning_rate == 0.3
    sgd.set_lr_mult({1: 2.0})
    sgd._update_count(1)
    sgd._update_count(1)
    assert sgd.learning_rate == 0.15 and sgd._get_lrs([0, 1]) == [0.15, 0.3]
    with pytest.raises(UserWarning, match="LRScheduler"):
        sgd.set_learning_rate(1)


def test_an_overwritten_rate_is_printed(capsys):
    optimizer.SGD(lr_scheduler=lr_scheduler.PolyScheduler(5, base_lr=0.2), learning_rate=0.2)
    assert capsys.readouterr().out == ""
    optimizer.SGD(lr_scheduler=lr_scheduler.PolyScheduler(5, base_lr=0.2), learning_rate=0.1)
    assert "overwritten" in capsys.readouterr().out


def test_ftrl_leaves_the_schedule_alone():
    schedule = lr_scheduler.FactorScheduler(step=1, base_lr=0.7)
    assert optimizer.Ftrl(lr_scheduler=schedule).learning_rate == 0.7


def test_changes_are_logged(caplog):
    with caplog.at_level(logging.INFO):
        schedule = lr_scheduler.FactorScheduler(step=1, factor=0.1, stop_factor_lr=0.05, base_lr=1)
        assert schedule(3) == 0.05
        lr_scheduler.MultiFactorScheduler(step=[2], factor=0.5, base_lr=1)(3)
    assert [record.getMessage() for record in caplog.records] == [
        "Update[3]: Change learning rate to 1.00000e-01",
        "Update[3]: now learning rate arrived at 5.00000e-02, will not change in the future",
        "Update[3]: Change learning rate to 5.00000e-01"]


def test_an_unknown_warm_up():
    schedule = lr_scheduler.LRScheduler(warmup_steps=3)
    schedule.warmup_mode = "steep"
    with pytest.raises(ValueError, match="steep"):
        schedule.get_warmup_lr(1)
    with pytest.raises(AssertionError, match="after the 3"):
        schedule.get_warmup_lr(3)

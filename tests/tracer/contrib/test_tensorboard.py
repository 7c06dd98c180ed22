"""The callback for TensorBoard, with a stand-in for the package mxboard."""
import logging
import sys
from types import ModuleType

import pytest

import tracer as mx

pytestmark = pytest.mark.tierless


def test_values_are_written(monkeypatch):
    written = []

    class SummaryWriter:
        def __init__(self, folder):
            written.append(folder)

        def add_scalar(self, name, value, global_step):
            written.append((name, value, global_step))

    mxboard = ModuleType("mxboard")
    mxboard.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "mxboard", mxboard)
    metric = mx.metric.Accuracy()
    metric.update([mx.nd.array([0, 1])], [mx.nd.array([[1, 0], [1, 0]])])
    callback = mx.contrib.tensorboard.LogMetricsCallback("logs", prefix="train")
    callback(mx.model.BatchEndParam(epoch=3, nbatch=1, eval_metric=metric, locals=None))
    callback(mx.model.BatchEndParam(epoch=3, nbatch=1, eval_metric=None, locals=None))
    assert written == ["logs", ("train-accuracy", 0.5, 3)]


def test_a_missing_package_is_logged(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "mxboard", None)
    with caplog.at_level(logging.ERROR):
        callback = mx.contrib.tensorboard.LogMetricsCallback("logs")
    assert "pip install mxboard" in caplog.text and not hasattr(callback, "summary_writer")

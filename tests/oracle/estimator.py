"""The runs of an estimator under real MXNet 1.9.1, stored in tests/data/estimator.json.

python tests/oracle/estimator.py MX191/bin/python

`SCENARIOS` are fits and evaluations with all handlers. Their answers are the calls of handlers in order, the lines of
the log without times, the values of metrics, the files written, and the types of errors.
tests/tracer/gluon/test_estimator.py runs tracer through them.
"""
from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy


class Lines(logging.Handler):
    """A log's lines, without times."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        text = re.sub(r"\d+\.\d+s|total \d+s", "TIME", record.getMessage())
        if "symbol file" not in text:  # MXNet writes symbols, and tells of it in other words
            self.lines.append(re.sub(r"(?<=at )\S+", "FOLDER", text))


def made(mx, classes=3, **options):
    """An estimator with a small network, its data and its log."""
    rng = numpy.random.RandomState(5)
    x, y = rng.rand(10, 4).astype("float32"), rng.randint(0, classes, 10).astype("float32")
    loader = mx.gluon.data.DataLoader(mx.gluon.data.ArrayDataset(mx.nd.array(x), mx.nd.array(y)), batch_size=4)
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Dense(5, activation="tanh"), mx.gluon.nn.Dense(classes))
    net.initialize(mx.init.Constant(0.1), ctx=options.get("context"))
    net(mx.nd.array(x[:1]))
    for i, p in enumerate(net.collect_params().values()):
        p.set_data(mx.nd.array(numpy.random.RandomState(i).rand(*p.shape) - 0.5))
    options.setdefault("loss", mx.gluon.loss.SoftmaxCrossEntropyLoss())
    options.setdefault("trainer", mx.gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.05},
                                                   kvstore=None))
    estimator = mx.gluon.contrib.estimator.Estimator(net, **options)
    log = Lines()
    estimator.logger.handlers[:] = [log]
    return estimator, loader, log.lines


def weights(estimator):
    """The sum of the absolute values of each parameter."""
    return [round(float(abs(p.data(p.list_ctx()[0]).asnumpy()).sum()), 4)
            for p in estimator.net.collect_params().values()]


def values(metrics):
    return [[name, round(float(value), 4)] for name, value in (metric.get() for metric in metrics)]


def recorder(ce, stop=None):
    """A handler that notes its events and their keywords, and stops the training at the event `stop`."""
    class Recorder(ce.TrainBegin, ce.TrainEnd, ce.EpochBegin, ce.EpochEnd, ce.BatchBegin, ce.BatchEnd):
        pass

    def noting(event):
        def note(self, estimator, *args, **keywords):
            self.seen.append([event, sorted(keywords)])
            return event == stop
        return note

    for event in ("train_begin", "train_end", "epoch_begin", "epoch_end", "batch_begin", "batch_end"):
        setattr(Recorder, event, noting(event))
    handler = Recorder()
    handler.seen = []
    return handler


def fitted(mx, handlers=None, validate=False, **length):
    """The log, metrics and weights after a fit; `handlers` makes handlers from the estimator."""
    estimator, loader, lines = made(mx)
    if validate:
        length["val_data"] = made(mx)[1]
    if handlers:
        length["event_handlers"] = handlers(estimator, loader)
    estimator.fit(loader, **length)
    return [lines, values(estimator.train_metrics), values(estimator.val_metrics), weights(estimator)]


def events(mx, ce, stop):
    seen = recorder(ce, stop)
    fitted(mx, lambda estimator, loader: [seen], epochs=2)
    return seen.seen


def evaluated(mx):
    estimator, loader, lines = made(mx)
    estimator.evaluate(loader)
    return [lines, values(estimator.val_metrics), [metric.name for metric in estimator.train_metrics]]


def stopped(mx, ce, mode, **options):
    found = []

    def handlers(estimator, loader):
        found.append(ce.EarlyStoppingHandler(estimator.train_metrics[1], mode=mode, min_delta=0.001, **options))
        return found[:]

    lines = fitted(mx, handlers, epochs=6)[0]
    handler = found[0]
    return [handler.stopped_epoch, handler.current_epoch, handler.wait, round(float(handler.best), 4),
            handler.min_delta, len(lines)]


def files(folder):
    return sorted(name for name in os.listdir(folder) if "symbol" not in name)


def checkpoints(mx, ce):
    with tempfile.TemporaryDirectory() as folder:
        found = []

        def handlers(estimator, loader):
            found.append(ce.CheckpointHandler(folder, "net", monitor=estimator.train_metrics[1], save_best=True,
                                              mode="min", verbose=1, max_checkpoints=2))
            return found[:]

        answers = [fitted(mx, handlers, epochs=4), found[0].saved_checkpoints, files(folder)]
        again = ce.CheckpointHandler(folder, "net", resume_from_checkpoint=True)
        answers += [fitted(mx, lambda estimator, loader: [again], epochs=6), files(folder), again.trained_epoch,
                    again.trained_batch]
        again = ce.CheckpointHandler(folder, "net", resume_from_checkpoint=True)
        try:
            fitted(mx, lambda estimator, loader: [again], epochs=3)
        except ValueError as error:
            answers.append(type(error).__name__)
        return answers


def checkpoints_by_batches(mx, ce):
    with tempfile.TemporaryDirectory() as folder:
        options = {"epoch_period": None, "batch_period": 2, "max_checkpoints": 9}
        first = ce.CheckpointHandler(folder, **options)
        answers = [fitted(mx, lambda estimator, loader: [first], batches=7), files(folder)]
        again = ce.CheckpointHandler(folder, resume_from_checkpoint=True, **options)
        return [*answers, fitted(mx, lambda estimator, loader: [again], batches=9), files(folder)]


def architectures(mx, ce):
    """The graphs that are saved with the checkpoints of a network, and of a hybridized one."""
    found = []
    for hybrid in (False, True):
        estimator, loader, _ = made(mx)
        estimator.net.hybridize(hybrid)
        with tempfile.TemporaryDirectory() as folder:
            estimator.fit(loader, epochs=1, event_handlers=[ce.CheckpointHandler(folder, "net")])
            saved = [name for name in os.listdir(folder) if "symbol" in name]
            graphs = [mx.sym.load(os.path.join(folder, name)) for name in saved]
        found.append([saved, [[node["op"] for node in json.loads(graph.tojson())["nodes"]] for graph in graphs]])
    return found


def contexts(mx):
    estimator, loader, _ = made(mx, context=[mx.cpu(0), mx.cpu(1)])
    loader = mx.gluon.data.DataLoader(loader._dataset, batch_size=2)
    estimator.fit(loader, epochs=1)
    return [values(estimator.train_metrics), [str(ctx) for ctx in estimator.context]]


def composite(mx):
    metrics = mx.metric.CompositeEvalMetric([mx.metric.Accuracy(), mx.metric.TopKAccuracy(2)])
    estimator, loader, _ = made(mx, train_metrics=metrics)
    estimator.fit(loader, epochs=1)
    return [values(estimator.train_metrics), [metric.name for metric in estimator.val_metrics]]


def names(mx):
    estimator = made(mx, loss=mx.gluon.loss.L2Loss(), classes=1)[0]
    return [[m.name for m in estimator.train_metrics], [m.name for m in estimator.val_metrics]]


#: What is answered: functions of mxnet and its module `gluon.contrib.estimator`.
SCENARIOS = {
    "epochs": lambda mx, ce: fitted(mx, epochs=2),
    "batches": lambda mx, ce: fitted(mx, batches=5),
    "validation": lambda mx, ce: fitted(mx, validate=True, epochs=2),
    "events": lambda mx, ce: events(mx, ce, None),
    "events stopped at an epoch's end": lambda mx, ce: events(mx, ce, "epoch_end"),
    "events stopped at a batch's end": lambda mx, ce: events(mx, ce, "batch_end"),
    "logging by batches": lambda mx, ce: fitted(
        mx, lambda estimator, loader: ce.LoggingHandler(2, metrics=estimator.train_metrics), epochs=2),
    "validation by batches": lambda mx, ce: fitted(
        mx, lambda estimator, loader: [ce.ValidationHandler(loader, estimator.evaluate, 2, 2)], epochs=3),
    "evaluate": lambda mx, ce: evaluated(mx),
    "early stopping by min": lambda mx, ce: stopped(mx, ce, "min", patience=2),
    "early stopping by max": lambda mx, ce: stopped(mx, ce, "max", patience=2),
    "early stopping by auto": lambda mx, ce: stopped(mx, ce, "auto", patience=1, baseline=0.5),
    "checkpoints": checkpoints,
    "checkpoints by batches": checkpoints_by_batches,
    "architectures": architectures,
    "contexts": lambda mx, ce: contexts(mx),
    "composite metrics": lambda mx, ce: composite(mx),
    "names of metrics": lambda mx, ce: names(mx),
}


def _net(mx):
    return made(mx)[0].net


#: Calls that raise.
WRONG = {
    "loss": lambda mx, ce: ce.Estimator(_net(mx), "l2"),
    "metrics": lambda mx, ce: made(mx, train_metrics="acc"),
    "Trainer": lambda mx, ce: made(mx, trainer="sgd"),
    "context": lambda mx, ce: ce.Estimator(_net(mx), mx.gluon.loss.L2Loss(), context="cpu"),
    "gpu": lambda mx, ce: ce.Estimator(_net(mx), mx.gluon.loss.L2Loss(), context=mx.gpu(7)),
    "batch_processor": lambda mx, ce: made(mx, batch_processor=3),
    "DataLoader": lambda mx, ce: made(mx)[0].fit([1, 2], epochs=1),
    "exactly one": lambda mx, ce: made(mx)[0].fit(made(mx)[1]),
    "number of epochs": lambda mx, ce: made(mx)[0].fit(made(mx)[1], epochs=1, batches=1),
    "handlers": lambda mx, ce: made(mx)[0].fit(made(mx)[1], epochs=1, event_handlers=[3]),
    "MetricHandler": lambda mx, ce: made(mx)[0].fit(
        made(mx)[1], epochs=1, event_handlers=[ce.MetricHandler([mx.metric.Accuracy()])]),
    "input as": lambda mx, ce: made(mx)[0].evaluate(3),
    "log_interval": lambda mx, ce: ce.LoggingHandler("batch"),
    "monitor": lambda mx, ce: ce.CheckpointHandler(tempfile.gettempdir(), save_best=True),
    "metric": lambda mx, ce: ce.EarlyStoppingHandler(3),
    "Composite": lambda mx, ce: ce.EarlyStoppingHandler(mx.metric.CompositeEvalMetric([mx.metric.Accuracy()])),
}


def answer(mx, name):
    """The answer of a scenario, or the type of the error of a wrong call, under mxnet `mx`."""
    ce = mx.gluon.contrib.estimator
    if name in SCENARIOS:
        return json.loads(json.dumps(SCENARIOS[name](mx, ce)).replace("NaN", '"nan"'))
    try:
        WRONG[name](mx, ce)
    except Exception as error:
        return type(error).__name__
    return None


def main():
    warnings.simplefilter("ignore")
    if len(sys.argv) == 2:
        text = subprocess.run([sys.argv[1], __file__], check=True, capture_output=True, text=True).stdout
        path = Path(__file__).parents[1] / "data" / "estimator.json"
        path.write_text(json.dumps(json.loads(text), indent=1) + "\n")
        return
    import mxnet
    import mxnet.gluon.contrib.estimator

    print(json.dumps({name: answer(mxnet, name) for name in [*SCENARIOS, *WRONG]}))


if __name__ == "__main__":
    main()

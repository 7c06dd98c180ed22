"""Stored layouts: what a process reads from disk equals what it would plan, or is not used."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import graphs
import numpy as onp
import pytest

from tracer import autograd, np, npx
from tracer.jit.plan.cache import shape_templates, stored_layouts
from tracer.jit.plan.pipeline import plan_graph
from tracer.ops.ir.aval import aval
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import const, leaf, make
from tracer.ops.ir.op import CALL, OPS, Op

pytestmark = [pytest.mark.slow_sample(2), pytest.mark.tierless]


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("TRACER_CACHE", str(folder))
    monkeypatch.setattr(stored_layouts, "FEWEST", 1)
    shape_templates.forget()
    yield folder
    shape_templates.forget()


def _array(*shape, dtype="float32"):
    return np.array(onp.random.RandomState(len(shape)).uniform(-1, 1, shape).astype(dtype))


def _mlp():
    params = [_array(30, 20), _array(20), _array(20, 10)]
    for p in params:
        p.attach_grad()
    with autograd.record():
        loss = npx.log_softmax(np.dot(npx.relu(np.dot(_array(6, 30), params[0]) + params[1]), params[2])).sum()
    loss.backward()
    return float(loss), [p.grad.asnumpy() for p in params]


def _convolutions():
    x, deep, wide = _array(2, 40, 9, 9), _array(40, 1, 3, 3), _array(40, 40, 3, 3)
    wide.attach_grad()
    with autograd.record():
        y = npx.convolution(x, deep, kernel=(3, 3), pad=(1, 1), num_filter=40, num_group=40, no_bias=True)
        y = npx.pooling(npx.convolution(y, wide, kernel=(3, 3), num_filter=40, no_bias=True), (2, 2), pool_type="max")
    y.backward()
    return y.asnumpy(), wide.grad.asnumpy()


def _rows():
    table, ids = _array(50, 8), np.array([3, 1, 3, 49], dtype="int64")
    table.attach_grad()
    with autograd.record():
        y = np.take(table, ids, axis=0, mode="clip") * 2
    y.backward()
    return y.asnumpy(), table.grad.asnumpy()


def _recurrent():
    x, w, state = _array(5, 3, 4), _array(4 * 6 * (4 + 6) + 2 * 4 * 6), np.zeros((1, 3, 6))
    return npx.rnn(x, w, state, np.zeros((1, 3, 6)), mode="lstm", state_size=6, num_layers=1).asnumpy()


def _by_numpy():
    return np.sort(_array(4, 6) * 3 + np.linalg.inv(_array(6, 6) + 4 * np.eye(6))[0]).asnumpy()


@pytest.mark.parametrize("build", [_mlp, _convolutions, _rows, _recurrent, _by_numpy])
def test_layout_from_disk(build, monkeypatch):
    """The layout of each program of a script is on disk after its first planning, and is read there."""
    for outputs in graphs.programs(build):
        shape_templates.forget()
        planned, planning = shape_templates.layout_of(outputs)
        assert planning is not None
        shape_templates.forget()
        with monkeypatch.context() as patch:
            patch.setattr(shape_templates, "plan_graph", None)
            found, planning = shape_templates.layout_of(outputs)
        assert planning is None
        assert graphs.plain(found) == graphs.plain(planned)


def test_second_process_plans_nothing(tmp_path, _own_folder):
    script = tmp_path / "script.py"
    script.write_text("""
import numpy, tracer
from tracer import autograd, gluon, nd
from tracer.jit.plan import pipeline
planned = []
pipeline.CHECKS.append(lambda name, state: planned.append(name))
net = gluon.nn.HybridSequential()
net.add(gluon.nn.Conv2D(4, 3, activation="relu"), gluon.nn.BatchNorm(), gluon.nn.Dense(5))
tracer.random.seed(1)
net.initialize()
net.hybridize()
trainer, loss = gluon.Trainer(net.collect_params(), "adam"), gluon.loss.SoftmaxCrossEntropyLoss()
x, y = nd.array(numpy.random.RandomState(0).rand(6, 1, 8, 8)), nd.array(numpy.arange(6) % 5)
for _ in range(3):
    with autograd.record():
        l = loss(net(x), y)
    l.backward()
    trainer.step(6)
    print(l.asnumpy().tobytes().hex(), end=" ")
print()
print(planned.count("lay out"))
""")
    environment = {**os.environ, "TRACER_JIT": "always"}
    first, second = (subprocess.run([sys.executable, script], env=environment, cwd=tmp_path, capture_output=True,
                                    text=True, timeout=200, check=True).stdout.split("\n") for _ in range(2))
    assert first[0] == second[0] and len(first[0].split()) == 3
    large = len([file for file in _own_folder.iterdir() if file.suffix == ".plan"])
    assert large >= 1 and int(first[1]) - int(second[1]) == large  # all steps are one program


def _graph(number=0.5):
    x = leaf(aval((4, 5), onp.dtype("float32")), 0)
    for _ in range(3):
        x = make(OPS["multiply"], (make(OPS["exp"], (x,)), const(number, "float32")))
    return (x,)


def _file(folder: Path) -> Path:
    (file,) = [file for file in folder.iterdir() if file.suffix == ".plan"]
    return file


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "another's"])
def test_damaged_file_counts_as_none(damage, _own_folder):
    outputs = _graph()
    shape_templates.layout_of(outputs)
    file = _file(_own_folder)
    data = bytearray(file.read_bytes())
    if damage == "cut":
        del data[100:]
    elif damage == "flip":
        data[200] ^= 1
    elif damage == "empty":
        data.clear()
    else:  # a whole file, but under the name of another graph's
        file.unlink()
        shape_templates.layout_of((make(OPS["sin"], _graph()),))
        data = _file(_own_folder).read_bytes()
    file.write_bytes(data)
    file.chmod(0o600)
    shape_templates.forget()
    _, planning = shape_templates.layout_of(outputs)
    assert planning is not None


def test_names_tell_graphs_apart():
    """Graphs that differ in a shape, a dtype, an attribute, a constant, an output or a use have files of their own."""
    x = leaf(aval((4, 5), onp.dtype("float32")), 0)
    wide, other = leaf(aval((4, 6), onp.dtype("float32")), 0), leaf(aval((4, 5), onp.dtype("float64")), 0)
    summed = [make(OPS["reduce_sum"], (x,), attrs) for attrs in (((0,), False), ((1,), False), ((0,), True))]
    y = make(OPS["exp"], (x,))
    graphs_ = [(make(OPS["exp"], (v,)),) for v in (x, wide, other)] + [(s,) for s in summed] + [
        (y, make(OPS["sin"], (y,))), (make(OPS["sin"], (y,)),), (make(OPS["sin"], (y,)), y),
        *[(make(OPS["multiply"], (x, const(v, "float32"))),) for v in (0.5, 0.25, 0.0, -0.0, float("inf"))]]
    names = []
    for outputs in graphs_:
        order = toposort(outputs)
        key, sizes, counts, numbers = shape_templates.structure(order, outputs)
        names.append(stored_layouts.name_of(order, key, [*sizes, *counts, *numbers]))
    assert None not in names and len(set(names)) == len(names)


def test_nothing_of_this_process_alone_is_stored(_own_folder):
    """A user's own op, an address without a name and a number of NumPy's are not written."""
    op = Op("mine", CALL, lambda avals, attrs: avals[0], lambda arrays, attrs: arrays[0])
    outputs = (make(op, _graph()),)
    shape_templates.layout_of(outputs)
    assert not list(_own_folder.glob("*.plan"))
    layout, order = plan_graph(_graph()).layout, toposort(_graph())
    (run,) = layout.runs
    for bad in (int(run[0].fn), onp.int64(3), lambda: 0):
        stored_layouts.store("p_x.plan", layout._replace(runs=((run[0]._replace(args=[bad]),),)), order)
        assert not list(_own_folder.glob("*.plan"))
    stored_layouts.store("p_x.plan", layout, order)
    assert stored_layouts.load("p_x.plan", order) == layout


def test_long_chains_outside_the_graph_are_not_stored(_own_folder):
    """A layout may name nodes that planning made; pickling a chain of them nests as deeply as it is long."""
    layout, order = plan_graph(_graph()).layout, toposort(_graph())
    chain = order[0]
    for _ in range(2 * sys.getrecursionlimit()):
        chain = make(OPS["negative"], (chain,))
    (run,) = layout.runs
    stored_layouts.store("p_x.plan", layout._replace(runs=((run[0]._replace(args=[chain]),),)), order)
    assert not list(_own_folder.glob("*.plan"))


def test_small_graphs_are_not_stored(_own_folder, monkeypatch):
    monkeypatch.setattr(stored_layouts, "FEWEST", len(toposort(_graph())) + 1)
    shape_templates.layout_of(_graph())
    assert not list(_own_folder.glob("*.plan"))

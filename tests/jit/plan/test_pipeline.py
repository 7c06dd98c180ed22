"""The passes of planning: results are equal without those that may be skipped; faults are found after their pass."""
from __future__ import annotations

import os
import subprocess
import sys

import graphs
import numpy as np
import pytest

from tracer.jit import settings
from tracer.jit.fusion.kernel import Kernel
from tracer.jit.plan import pipeline
from tracer.jit.plan.cache import shape_templates
from tracer.jit.plan.cache.shape_templates import layout_of
from tracer.jit.plan.pipeline import PASSES, plan_graph
from tracer.jit.plan.schedule import made_by
from tracer.jit.runtime import driver
from tracer.jit.verify.passes import PassError
from tracer.ops.ir.aval import aval
from tracer.ops.ir.node import leaf
from tracer.ops.primitive.arithmetic import add, mul, sub
from tracer.ops.primitive.elementary import tanh
from tracer.ops.primitive.gather_scatter import gather
from tracer.ops.primitive.linear import broadcast_to, reduce_sum, reshape
from tracer.ops.primitive.matmul import product

SKIPPABLE = [one.name for one in PASSES if one.without is not None]


def step():
    """A training step in which every pass that may be skipped has an effect."""
    rng = np.random.RandomState(0)
    shapes = [(400, 300), (300, 250), (250,), (300, 250), (60, 250), (300, 250)]
    arrays = [rng.randn(*shape).astype("float32") / 20 for shape in shapes] + [rng.randint(0, 60, 400)]
    x, w, b, m, table, c, index = graphs.leaves(arrays)
    h = tanh(add(product(x, w), broadcast_to(b, (400, 250))))
    rows = gather(table, (index,), (("i", 0), ("s", 0, 250, 1)), True)
    g = product(x, mul(h, rows), True)
    updates = [sub(w, mul(g, m)), sub(m, g), sub(c, product(x, mul(h, h), True))]
    channels = reduce_sum(reshape(mul(h, h), (20, 20, 250)), (0, 2))
    return [*updates, add(b, reduce_sum(h, (0,))), reduce_sum(mul(h, h), (1,)), channels], arrays


def facts(planning):
    """A measure of the effect of each pass; larger with the pass than without it."""
    items = [item for run in planning.layout.runs if isinstance(run, tuple) for item in run]
    return {"fold": sum([n.op.name == "matmul_onto" for n in planning.materialized]),
            "split": sum([n.op.name == "reduce_sum" for n in planning.materialized]),
            "fuse": -sum([isinstance(s, Kernel) for s in planning.steps]),
            "bands": sum([len(c) > 1 for c in planning.chains]),
            "group": sum([isinstance(item, driver.Group) for item in items]),
            "donate": len(planning.layout.donations)}


def test_all_passes_have_a_name_and_a_reason():
    assert len({one.name for one in PASSES}) == len(PASSES) and all(one.why for one in PASSES)
    assert set(SKIPPABLE) == {"fold", "split", "recompute", "fuse", "schedule", "bands", "group", "donate"}


@pytest.mark.parametrize("name", SKIPPABLE)
def test_results_are_equal_without_a_pass(name, monkeypatch):
    outputs, arrays = step()
    whole, expected = facts(plan_graph(outputs)), graphs.run(outputs, arrays, "always")
    monkeypatch.setattr(settings, "skip", frozenset((name,)))
    without, found = facts(plan_graph(outputs)), graphs.run(outputs, arrays, "always")
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    if name in whole:
        assert without[name] < whole[name], "the pass has been done all the same, or had nothing to do"


def test_results_are_equal_without_any(monkeypatch):
    outputs, arrays = step()
    expected = graphs.run(outputs, arrays)
    monkeypatch.setattr(settings, "skip", frozenset(SKIPPABLE))
    for got, want in zip(graphs.run(outputs, arrays, "always"), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_steps_stay_where_they_are_without_the_schedule(monkeypatch):
    """An update waits for the readers of the array that it replaces, but only with the schedule pass."""
    w, x = [leaf(aval((512, 512), np.dtype("float32")), i) for i in range(2)]
    outputs = [sub(w, x), product(x, w)]
    assert [made_by(s) for s in plan_graph(outputs).steps] == [[n] for n in outputs[::-1]]
    monkeypatch.setattr(settings, "skip", frozenset(("schedule",)))
    assert [made_by(s) for s in plan_graph(outputs).steps] == [[n] for n in outputs]


def test_a_template_serves_plans_of_its_own_setting_alone(monkeypatch):
    def is_known(rows):
        x, w = [leaf(aval(shape, np.dtype("float32")), i) for i, shape in enumerate([(rows, 4), (4, 3)])]
        return layout_of([add(product(x, w), product(tanh(x), w))])[1] is None

    shape_templates.forget()
    assert [is_known(rows) for rows in (5, 6, 7)] == [False, True, True]
    monkeypatch.setattr(settings, "skip", frozenset(("fold",)))
    assert not is_known(8)


@pytest.mark.parametrize("skip, message", [
    ("fold,bnads",
     "TRACER_SKIP=bnads: only fold, split, recompute, fuse, schedule, bands, group, donate can be skipped"),
    ("simplify", "TRACER_SKIP=simplify: only fold"), ("fold, bands", "")])
def test_the_setting(skip, message):
    done = subprocess.run([sys.executable, "-c", "import tracer; print(sorted(tracer.jit.settings.skip))"],
                          env=os.environ | {"TRACER_SKIP": skip}, capture_output=True, text=True)
    if message:
        assert done.returncode and f"ValueError: {message}" in done.stderr
    else:
        assert done.stdout == "['bands', 'fold']\n", done.stderr


@pytest.mark.parametrize("name, spoil", [
    ("simplify", lambda p: setattr(p, "graph", p.graph[::-1])),
    ("fuse", lambda p: setattr(p, "steps", p.steps[1:])),
    ("schedule", lambda p: setattr(p, "steps", p.steps[::-1])),
    ("bands", lambda p: setattr(p, "chains", p.chains[1:])),
    ("lower", lambda p: p.rows[0][2].clear()),
    ("group", lambda p: setattr(p, "chain_groups", [[i for group in p.chain_groups for i in group]])),
])
def test_a_fault_is_found_after_its_pass(name, spoil, monkeypatch):
    def spoiled(one):
        def run(planning):
            one.run(planning)
            spoil(planning)
        return one._replace(run=run) if one.name == name else one

    monkeypatch.setattr(pipeline, "PASSES", [spoiled(one) for one in PASSES])
    with pytest.raises(PassError, match=f"^{name}: "):
        plan_graph(step()[0])

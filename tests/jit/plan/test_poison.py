"""Poison and guards: they detect reads of unwritten or freed memory, and writes beyond a buffer."""
from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import graphs
import numpy as np
import pytest

from tracer.jit import settings
from tracer.jit.plan import plan as plans
from tracer.jit.plan import poison
from tracer.jit.plan.layout import ByNumPy, Check
from tracer.jit.plan.pipeline import plan_graph
from tracer.jit.plan.plan import Plan
from tracer.jit.plan.poison import GUARD, GuardedPool, GuardError
from tracer.jit.runtime import buffers
from tracer.jit.runtime.buffers import allocate, from_array, pool_of
from tracer.ops.ir.aval import aval
from tracer.ops.primitive.arithmetic import add, mul
from tracer.ops.primitive.elementary import tanh
from tracer.ops.primitive.linear import reduce_sum
from tracer.ops.primitive.matmul import product

pytestmark = pytest.mark.tierless


@pytest.fixture
def poisoned(monkeypatch):
    """Poison on, fresh pools, and no verifier, as it would refuse the faults of these tests."""
    monkeypatch.setattr(settings, "poison", True)
    monkeypatch.setattr(buffers, "new_pool", GuardedPool)
    monkeypatch.setattr(buffers, "_pools", {})
    monkeypatch.setattr(plans, "CHECKS", [])


def with_layout(monkeypatch, outputs, **changes) -> Plan:
    """The plan of a graph with a changed layout."""
    planning = plan_graph(outputs)
    planning.layout = planning.layout._replace(**{name: change(planning.layout) for name, change in changes.items()})
    monkeypatch.setattr(plans, "layout_of", lambda _: (planning.layout, planning))
    return Plan(outputs)


def longer(layout):
    """The runs of a layout with 16 elements in place of 15 in each kernel."""
    return tuple([run if isinstance(run, (ByNumPy, Check)) else
                  tuple([row._replace(args=[16 if a == 15 else a for a in row.args]) for row in run])
                  for run in layout.runs])


@pytest.mark.parametrize("build, where", [
    (lambda x: [tanh(x)], "beyond the buffer at slot 1"),
    (lambda x: [product(tanh(x), tanh(x), True)], "behind the value at slot"),
])
def test_a_kernel_that_writes_one_element_past_its_buffer(poisoned, monkeypatch, build, where):
    x = np.ones((15, 1), "float32")
    outputs = build(*graphs.leaves([x]))
    made = with_layout(monkeypatch, outputs, runs=longer)
    with pytest.raises(GuardError, match=f"step 0, tanh f32.15,1.: has written {where}"):
        made.run([from_array(np.ones(16, "float32"))], [], None)


def test_a_value_read_after_it_was_given_back(poisoned, monkeypatch):
    """Its last read is not declared. No other value has its memory yet, but the elements read are NaN all the same."""
    arrays = [np.ones((4, 4), "float32")] * 2
    x, w = graphs.leaves(arrays)
    first = product(x, w)
    outputs = [product(product(first, w), first)]
    expected, = graphs.run(outputs, arrays, "always")
    assert (expected == 256).all()

    def touched(layout):
        slot = layout.touched[0][1][0]
        *before, (reads, writes) = layout.touched
        return (*before, (tuple([r for r in reads if r != slot]), writes))

    made = with_layout(monkeypatch, outputs, touched=touched)
    found, = made.run([from_array(a) for a in arrays], [], None)
    assert np.isnan(found.view(outputs[0].aval)).all()


def test_a_value_read_before_it_is_written(poisoned, monkeypatch):
    arrays = [np.ones((4, 4), "float32")] * 2
    x, w = graphs.leaves(arrays)
    outputs = [product(product(x, w), w)]

    def runs(layout):
        (first, second), = layout.runs
        return ((second, first),)

    found, = with_layout(monkeypatch, outputs, runs=runs).run([from_array(a) for a in arrays], [], None)
    assert np.isnan(found.view(outputs[0].aval)).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_fresh_and_dead_memory_is_no_number(poisoned, dtype):
    of = aval((5,), np.dtype(dtype))
    buffer = allocate(of.nbytes)
    seen = buffer.view(of)
    assert np.isnan(seen).all()
    seen[:] = 1
    del buffer
    assert np.isnan(seen).all()  # a view that outlives its buffer


def test_a_pools_buffers_are_used_again(poisoned):
    first = allocate(100)
    address = first.addr
    del first
    assert allocate(100).addr == address and address % 64 == 0
    assert pool_of(100) is not pool_of(101)


@pytest.mark.parametrize("offset", [-1, 100])
def test_guards(poisoned, offset):
    buffer = allocate(100)
    memory = poison._GUARDED[buffer.addr]
    assert memory.is_whole()
    memory[memory.start + offset] = 0
    assert not memory.is_whole()
    memory[memory.start + offset] = GUARD[0]
    memory[memory.start:memory.end] = 0
    assert memory.is_whole()


def test_programs_give_the_same_under_poison(poisoned):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((64, 64)).astype("float32") for _ in range(2)]
    x, w = graphs.leaves(arrays)
    y = tanh(add(product(x, w), reduce_sum(x, (0,))))
    outputs = [product(y, mul(y, y)), reduce_sum(y, (0, 1))]
    for a, b in zip(graphs.run(outputs, arrays, "always"), graphs.run(outputs, arrays)):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_what_the_setting_is_by_default_and_from_the_environment():
    code = ("from tracer.jit import settings\nfrom tracer.jit.runtime.buffers import allocate\n"
            "print(settings.poison, type(allocate(8).pool).__name__)")
    run = partial(subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=True)
    environment = {k: v for k, v in os.environ.items() if k != "TRACER_POISON"}
    assert run(env=environment).stdout == "False FreeList\n"
    assert run(env=environment | {"TRACER_POISON": "1"}).stdout == "True GuardedPool\n"

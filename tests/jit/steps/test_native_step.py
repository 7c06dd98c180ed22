"""Adding a native step takes two files, the op's and the step's: here both are this one."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.jit.codegen.scalar_text import short
from tracer.jit.fusion import native_step as records
from tracer.jit.fusion.native_step import NativeStep, register
from tracer.jit.graph.index_map import without_reshapes
from tracer.jit.native.kernel_cache import find_kernel
from tracer.jit.plan.describe import name_of
from tracer.jit.plan.plan import Plan
from tracer.jit.runtime import driver
from tracer.ops.declare.families import call
from tracer.ops.ir.op import LEAF, OPS
from tracer.ops.primitive.arithmetic import mul
from tracer.ops.primitive.elementary import tanh
from tracer.ops.primitive.linear import reduce_sum, reshape
from tracer.ops.primitive.matmul import product

SOURCE = """def kernel(bind, args, lo, hi):
    x = bind[args[0]]
    y = bind[args[1]]
    n = args[2]
    for r in range(lo, hi):
        total = f32(0)
        for j in range(n):
            total = total + ld_f32_0(x, r * n + j)
            st_f32_1(y, r * n + j, total)
"""


def fits(node, materialized):
    x = without_reshapes(node.inputs[0], materialized)
    return short(node.dtype) == "f32" and node.size > 0 and (x in materialized or x.op.kind == LEAF)


def lower(node, uses):
    result = uses.write(node, node.aval.nbytes)
    n = node.shape[-1]
    args = [uses.read(without_reshapes(node.inputs[0], uses.materialized)), result, n]
    return [driver.Step(find_kernel(SOURCE), args, node.size // n)]


@pytest.fixture
def running_sum(monkeypatch):
    """An op along the last axis and its native step, registered for this test only."""
    monkeypatch.setattr(records, "_STEPS", dict(records._STEPS))
    register("running_sum", NativeStep(fits, lower, cost=lambda node: float(node.size)))
    made = call("running_sum", lambda x: x, lambda x: np.cumsum(x, -1, dtype=x.dtype), step="running_sum")
    yield made
    del OPS["running_sum"]


def test_a_new_step_runs_in_the_table(running_sum):
    x, w = np.random.RandomState(0).randn(2, 6, 6).astype("float32")
    a, b = graphs.leaves([x, w])
    summed = running_sum(reshape(tanh(a), (2, 3, 6)))
    outputs = [product(reshape(summed, (6, 6)), b), reduce_sum(mul(summed, summed), (2,))]
    plan = Plan(tuple(outputs))
    assert plan.layout.fallbacks == () and len(plan.layout.runs) == 1  # one table, and no NumPy step
    names = [name_of(step, True, "") for step in plan.planning.steps]
    assert "running_sum f32[2,3,6]" in names
    for got, want in zip(graphs.run(outputs, [x, w], "always"), graphs.run(outputs, [x, w]), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_another_size_is_laid_out_by_its_template(running_sum):
    for rows in (3, 4, 5):
        x = np.random.RandomState(rows).randn(rows, 7).astype("float32")
        a, = graphs.leaves([x])
        got, = graphs.run([running_sum(tanh(a))], [x], "always")
        np.testing.assert_allclose(got, np.cumsum(np.tanh(x), -1), rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_is_numpy_s(running_sum):
    x = np.arange(6.0).reshape(2, 3)
    a, = graphs.leaves([x])
    assert graphs.fallbacks([running_sum(a)]) == ["running_sum: running_sum"]
    np.testing.assert_array_equal(graphs.run([running_sum(a)], [x], "always")[0], np.cumsum(x, -1))


def test_a_step_is_registered_once():
    with pytest.raises(ValueError, match="native step 'gather' is registered twice"):
        register("gather", NativeStep(fits, lower))

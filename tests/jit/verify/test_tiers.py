"""TRACER_JIT=compare: a difference between the tiers is an error with the op and the user's line; all else is not."""
from __future__ import annotations

import os
import subprocess
import sys

import graphs
import numpy as onp
import pytest

from tracer import autograd, np
from tracer.base import MXNetError
from tracer.jit import settings
from tracer.jit.plan import plan
from tracer.jit.plan.cache import shape_templates
from tracer.jit.program import Program
from tracer.jit.runtime.buffers import from_array
from tracer.jit.runtime.interpreter import ExecutionError, Interpreter
from tracer.jit.verify.plan import PlanError, check
from tracer.jit.verify.tiers import Compared, Difference, apart
from tracer.ops.ir.node import Node, forget_all, make
from tracer.ops.ir.op import ELEMENTWISE, OPS, Op
from tracer.ops.primitive.arithmetic import add, equal, mul, sub
from tracer.ops.primitive.elementary import exp, tanh
from tracer.ops.primitive.linear import reduce_sum
from tracer.ops.primitive.matmul import product
from tracer.ops.primitive.reductions import reduce_max
from tracer.ops.primitive.rounding import floor

pytestmark = pytest.mark.tierless


@pytest.fixture(autouse=True)
def _plans_alone(monkeypatch):
    """Check plans only: faults of kernels in these tests must show in their results, not be refused beforehand."""
    monkeypatch.setattr(plan, "CHECKS", [check])


def op(name: str, expr: str, ref, dtype: str | None = None) -> Op:
    """An op of one operand, in no table, whose tiers may differ."""
    def infer(avals, attrs):
        from tracer.ops.ir.aval import aval

        return avals[0] if dtype is None else aval(avals[0].shape, onp.dtype(dtype))

    return Op(name, ELEMENTWISE, infer, lambda arrays, attrs: ref(arrays[0]), expr=expr)


def compared(outputs: list[Node], arrays: list[onp.ndarray]) -> list[onp.ndarray]:
    return graphs.run(outputs, arrays, "compare")


WRONG = op("wrong", "{0} + {T}(0.001)", lambda x: x)


def test_the_first_node_that_differs_is_named():
    x = onp.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)
    leaf, = graphs.leaves([x])
    outputs = [reduce_sum(exp(make(WRONG, (tanh(leaf),))), (1,)), mul(leaf, leaf)]
    with pytest.raises(ExecutionError) as error:
        compared(outputs, [x])
    assert error.value.node.op is WRONG and isinstance(error.value.cause, Difference)
    assert "12 of 12 elements differ" in str(error.value) and "at (0, 0)" in str(error.value)


@pytest.mark.parametrize("expr, ref, dtype", [
    ("{0} + {T}(1)", lambda x: x, None),  # integers are compared exactly
    ("{0} > 2", lambda x: x > 1, "bool"),
    ("{0}", lambda x: onp.where(x == 2, onp.nan, x), None),  # NaN on one side
    ("{0} / ({0} - {T}(2))", lambda x: onp.where(x == 2, 5, x / onp.where(x == 2, 1, x - 2)), None),  # infinity
    ("{0} * {T}(1.00001)", lambda x: x, None),
])
def test_what_differs(expr, ref, dtype):
    for kind in ("float32", "float64") if dtype is None else ("int32",):
        x = onp.array([1, 2, 3], kind)
        one = make(op("other", expr, lambda a, kind=kind: ref(a).astype(dtype or kind), dtype), graphs.leaves([x]))
        with pytest.raises(ExecutionError, match="elements differ"):
            compared([one], [x])


def test_rounding_that_a_program_magnifies_is_no_difference():
    rng = onp.random.RandomState(0)
    x, w = rng.rand(300, 400).astype("float32"), rng.rand(400, 30).astype("float32")
    a, b = graphs.leaves([x, w])
    y = product(a, b)
    mean = mul(reduce_sum(y, (0, 1)), add(sub(y, y), tanh(y)))
    close = sub(y, product(add(a, sub(a, a)), b))
    compared([reduce_sum(sub(y, mean), (0,)), floor(mul(y, y)), reduce_max(close, (1,))], [x, w])


def test_a_comparison_to_the_last_bit_is_no_difference():
    """`equal` of a native tanh and NumPy's: they differ in the last bit, so the bools may differ without an error."""
    x = onp.random.RandomState(0).rand(200).astype("float32")
    a, b = graphs.leaves([x, x])
    made, = graphs.run([tanh(a)], [x], "always")
    assert (made != onp.tanh(x)).any()
    compared([equal(tanh(a), b)], [x, made])


@pytest.mark.parametrize("a, b, samples, expected", [
    ([1.0, 2.0], [1.0, 2.1], [], [False, True]),
    ([1.0, 2.0], [1.0, 2.1], [[1.0, 2.09]], [False, False]),
    ([1.0, 2.0], [1.0, 2.1], [[1.0, 2.1001]], [False, True]),
    ([onp.nan, 1.0, onp.inf, -onp.inf], [onp.nan, onp.nan, onp.inf, onp.inf], [], [False, True, False, True]),
    ([1, 2], [1, 3], [[1, 3]], [False, True]),
    ([1, 2], [1, 3], [[1, 3], [1, 2]], [False, False]),
    ([True, False], [True, True], [], [False, True]),
])
def test_apart(a, b, samples, expected):
    assert apart(onp.array(a), onp.array(b), [onp.array(s) for s in samples]).tolist() == expected


def test_a_wrong_plan_is_refused_before_it_runs(monkeypatch):
    x = onp.ones((4, 4), "float32")
    a, = graphs.leaves([x])

    def arrange(touched, sizes):
        return dict.fromkeys(sizes, 0), 1 << 12

    monkeypatch.setattr(plan, "arrange", arrange)
    with pytest.raises(PlanError):
        compared([product(product(product(a, a), a), a)], [x])


def test_an_error_of_both_tiers_is_that_error():
    from tracer.ops.primitive.gather_scatter import gather

    x, index = onp.ones((3, 2)), onp.array([0, 3])
    a, i = graphs.leaves([x, index])
    with pytest.raises(ExecutionError) as error:
        compared([gather(a, (i,), (("i", 0), ("s", 0, 2, 1)), False)], [x, index])
    assert isinstance(error.value.cause, IndexError)


def test_an_error_of_numpy_alone():
    def refuse(x):
        raise ValueError("not this")

    x = onp.ones(3)
    with pytest.raises(ExecutionError, match="NumPy raises ValueError"):
        compared([make(op("refused", "{0}", refuse), graphs.leaves([x]))], [x])


@pytest.fixture
def comparing():
    """The compare mode, with empty caches of graphs before and after."""
    with graphs.jit_mode("compare"):
        forget_all()
        shape_templates.forget()
        yield
    forget_all()
    shape_templates.forget()


def test_updates_in_place_are_compared_with_what_was_there(comparing):
    w = np.array([[1.0, 2.0], [3.0, 4.0]])
    w.attach_grad()
    expected = onp.array([[1.0, 2.0], [3.0, 4.0]])
    for _ in range(5):
        with autograd.record():
            loss = (w * w).sum()
        loss.backward()
        w -= 0.25 * w.grad
        expected *= 0.5
        assert loss.item() >= 0 and (w.asnumpy() == expected).all()


def test_the_error_has_the_users_line(comparing):
    op, before = OPS["tanh"], OPS["tanh"].expr
    object.__setattr__(op, "expr", "{0}")
    try:
        x = np.array([0.5, 1.0])
        y = np.exp(
            np.tanh(x))
        with pytest.raises(MXNetError) as error:
            y.asnumpy()
        assert "tanh: machine code gives" in str(error.value)
        assert os.path.basename(__file__) in str(error.value) and "operands f32[2]" in str(error.value)
    finally:
        object.__setattr__(op, "expr", before)


def test_the_mode_is_taken_from_the_environment():
    code = ("from tracer import np\nfrom tracer.jit import program\nx = np.ones(3) + 1\nx.asnumpy()\n"
            "print([type(p.plan).__name__ for p in program._PROGRAMS.values()])")
    for mode, name in (("compare", "Compared"), ("always", "Plan")):
        done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "TRACER_JIT": mode}, capture_output=True,
                              text=True, check=True)
        assert done.stdout == f"['{name}']\n"
    assert "compare" in settings.MODES


def test_both_tiers_run_each_time(monkeypatch):
    x = onp.ones(3, "float32")
    program, runs = Program((tanh(graphs.leaves([x])[0]),)), []

    def counted(cls):
        before = cls.run

        def run(self, *inputs):
            runs.append(cls)
            return before(self, *inputs)

        monkeypatch.setattr(cls, "run", run)

    counted(plan.Plan)
    counted(Interpreter)
    with graphs.jit_mode("compare"):
        for _ in range(3):
            program.run([from_array(x)], [], None)
    assert isinstance(program.plan, Compared) and runs == [Interpreter, plan.Plan] * 3

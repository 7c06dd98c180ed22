"""The parts of `make fuzz` (tests/fuzz/): the generator of programs, the reference, and the judge."""
from __future__ import annotations

import numpy as onp
import pytest
from fuzz.campaign import Campaign
from fuzz.draws import Program, Refused, Seeded
from fuzz.executor import Executor, Outcome, Run
from fuzz.forms.table import BY_STATEMENTS, EXCLUDED, INTERNAL, KINDS, METHOD_NAMES, NAMES
from fuzz.judge import Expected, compare, interpret
from fuzz.programs import Script, runnable
from fuzz.reference import autograd
from fuzz.reference.values import WORLD, NoAnswer
from fuzz.statements import attempt, computed, leaf

from tracer.ops.declare.public import FUNCTIONS

pytestmark = pytest.mark.tierless

@pytest.fixture
def executor():
    made = Executor()
    yield made
    made.close()


# ---- the generator -------------------------------------------------------------------------------

def test_every_public_name_is_generated_or_excluded_with_a_reason():
    generated = NAMES | METHOD_NAMES | BY_STATEMENTS | {name for name, by in INTERNAL.items() if by in NAMES}
    declared = {name for function in FUNCTIONS for name in function.names}
    assert declared - generated - EXCLUDED.keys() == set()
    assert EXCLUDED.keys() & generated == set()
    assert EXCLUDED.keys() - declared == set()


FORMS = [(flavour, form, name) for flavour, kinds in KINDS.items() for _, form, names in kinds for name in names]


@pytest.mark.sweep(sample=60)
@pytest.mark.parametrize("flavour, form, name", FORMS, ids=[f"{n}-{f.__name__}" for _, f, n in FORMS])
def test_every_form_makes_expressions(flavour, form, name):
    """Among a few variables, each form soon gives an expression that the reference accepts."""
    for number in range(40):
        p = started(number, flavour)
        try:
            p.assign(form(p, name), name)
            return
        except Refused:
            continue
    pytest.fail("no expression was accepted")


def started(number: int, flavour: str, dtype: str | None = None) -> Program:
    """A program with some variables, most of them of a dtype."""
    WORLD.noise, WORLD.recording, WORLD.training = None, False, False
    p = Program(Seeded(number), flavour)
    for _ in range(4):
        attempt(p, lambda p: leaf(p, dtype))
    attempt(p, lambda p: leaf(p, "int32"))
    for _ in range(3):
        attempt(p, computed)
    return p


# ---- the reference -------------------------------------------------------------------------------

@pytest.mark.sweep(sample=60)
@pytest.mark.parametrize("flavour, form, name", FORMS, ids=[f"{n}-{f.__name__}" for _, f, n in FORMS])
def test_gradients_of_the_reference_are_slopes(flavour, form, name):
    """The gradient of each form's result, against a finite difference along a random direction."""
    for number in range(12):
        p = started(number, flavour, "float64")
        arrays, draw = [v.array for v in p.vars if v.dtype == "float64"], onp.random.RandomState(number)
        variables = [x for x in arrays if not any(onp.shares_memory(x.memory, y.memory) for y in arrays if y is not x)]
        for x in variables:
            x.memory += 0.01 * draw.randn(*x.shape)  # away from ties and bounds
            x.attach_grad()
        try:
            WORLD.recording = True
            made = p.assign(form(p, name), name).array
        except Refused:
            continue
        finally:
            WORLD.recording = False
        if made.source is None or name in OWN or made.dtype.kind != "f":  # a cast to integers passes its cotangent on
            continue
        weights = type(made)(draw.randn(*made.shape), made.dtype)
        autograd.backward([made], [weights])
        along = [draw.randn(*x.shape) for x in variables]
        got = sum(float((x.grad.memory * a).sum()) for x, a in zip(variables, along))
        slopes = [slope(p, variables, along, weights.memory, h) for h in (2.0**-10, 2.0**-14)]
        if abs(slopes[0] - slopes[1]) < 1e-6 * max(1, abs(slopes[1])) and onp.isfinite(got):  # no kink, no step
            assert abs(got - slopes[0]) < 1e-5 * max(1, abs(got)), p.lines[-1]


#: Functions whose own gradient is not the slope; and eigenvalues, whose slopes jump where two are near.
OWN = frozenset((
    "np.linalg.eigvalsh", "np.linalg.svdvals", "npx.round_ste", "npx.sign_ste", "npx.stop_gradient",
    "nd.stop_gradient", "nd.BlockGrad", "nd.make_loss", "nd.MakeLoss", "nd.SoftmaxOutput", "nd.Softmax",
    "nd.softmax_cross_entropy", "nd.LinearRegressionOutput", "nd.MAERegressionOutput", "nd.LogisticRegressionOutput",
    "npx.batch_norm", "nd.BatchNorm"))


def slope(p, variables, along, weights, h):
    """d/dt of sum(weights * f(x + t * along)) for the program's last expression f: a central difference of order 4."""
    expression, starts = p.lines[-1].partition(" = ")[2], [x.memory.copy() for x in variables]

    def at(t):
        for x, start, a in zip(variables, starts, along):
            x.memory[...] = start + t * a
        return float((p.evaluate(expression).memory * weights).sum())

    found = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    for x, start in zip(variables, starts):
        x.memory[...] = start
    return found


@pytest.mark.parametrize("flavour, key, shared", [  # as in 1.9.1 and 2.0.0b1
    ("np", "::2", False), ("np", "::-1", False), ("np", "::2,", True), ("np", "::1", True), ("np", ":1", True),
    ("nd", "::2", True), ("nd", "::-1", True)])
def test_slices_of_the_reference_share_as_those_of_mxnet(flavour, key, shared):
    text = f"""def program(n):
    v0 = {flavour}.zeros((1, n))
    v1 = v0[{key}]
    v1[:] = 1
    return [v0.asnumpy()]
"""
    assert interpret(text, 2)[0].tolist() == [[float(shared)] * 2]


def test_a_bias_of_another_length_has_no_answer_of_the_reference():
    text = """def program(n):
    return [nd.Convolution(nd.ones((1, 1, 3)), nd.ones((1, 1, 2)), nd.ones((n,)), kernel=(2,), num_filter=1).asnumpy()]
"""
    assert interpret(text, 1)[0].tolist() == [[[3, 3]]]
    with pytest.raises(NoAnswer):
        interpret(text, 3)


INF, NAN = onp.inf, onp.nan


@pytest.mark.parametrize("expression, values, slopes", [  # as in 2.0.0b1; SciPy and NumPy differ
    ("npx.digamma(v0)", [INF, INF, NAN, INF], [INF, INF, NAN, NAN]),
    ("npx.gamma(v0)", [-INF, INF, NAN, NAN], [-INF, INF, NAN, NAN]),
    ("npx.gammaln(v0)", [INF, INF, NAN, INF], [INF, INF, NAN, INF]),
    ("np.sign(v0)", [0, 0, 0, -1], [0, 0, 0, 0]),
    ("np.mod(v0, np.zeros(4))", [0, 0, 0, 0], [1, 1, 1, 1]),
    ("np.maximum(v0, v0[2:3].detach())", [NAN, NAN, NAN, NAN], [0, 0, 0, 0]),
    ("npx.relu(v0)", [0, 0, NAN, 0], [0, 0, NAN, 0]),
    ("np.copysign(v0, np.ones(4))", [0, 0, NAN, INF], [1, 1, -1, -1])])
def test_special_values_of_the_reference_are_those_of_mxnet(expression, values, slopes):
    text = f"""def program(n):
    v0 = np.array([-0.0, 0.0, onp.nan, -onp.inf])
    v0.attach_grad()
    with autograd.record():
        v1 = {expression}
    v1.backward()
    return [v1.asnumpy(), v0.grad.asnumpy()]
"""
    found, gradient = interpret(text, 1)
    onp.testing.assert_array_equal(found, values)
    onp.testing.assert_array_equal(gradient, slopes)


def derivatives(expression, x, dtype="float64"):
    """The first and second derivative of an expression of v0 by the reference."""
    first, second = interpret(f"""def program(n):
    v0 = np.array(onp.array({x!r}), dtype={dtype!r})
    v0.attach_grad()
    with autograd.record():
        v1 = autograd.grad({expression}, [v0], create_graph=True)[0]
    v1.backward()
    return [v1.asnumpy(), v0.grad.asnumpy()]
""", 1)
    return first, second


@pytest.mark.parametrize("expression, x, first, second", [  # computed by hand
    ("np.exp(v0)", [0.0, 0.25], [1, onp.exp(0.25)], [1, onp.exp(0.25)]),
    ("np.cos(v0)", [0.0, -2.5], [0, onp.sin(2.5)], [-1, -onp.cos(2.5)]),
    ("np.log1p(v0)", [0.0, -0.5], [1, 2], [-1, -4]),
    ("v0 / 4 * v0", [2.0**60, 1e-9], [2.0**59, 5e-10], [0.5, 0.5]),
    ("np.tan(v0)", [1.5], [1 + onp.tan(1.5)**2], [2 * onp.tan(1.5) * (1 + onp.tan(1.5)**2)])])
def test_derivatives_of_the_reference_are_near(expression, x, first, second):
    found = derivatives(expression, x)
    onp.testing.assert_allclose(found[0], first, rtol=1e-9, atol=1e-11)
    onp.testing.assert_allclose(found[1], second, rtol=1e-6, atol=1e-8)


def test_the_reference_knows_no_derivative_at_a_pole():
    first, second = derivatives("np.reciprocal(v0) ** 1", [0.0])
    assert onp.isnan(first) and onp.isnan(second)
    assert derivatives("np.cbrt(v0)", [0.0])[0] == INF


@pytest.mark.parametrize("flavour, expression, x, dtype, want", [  # as in 1.9.1 and 2.0.0b1
    ("np", "v0 ** 5", [3, -2, 100], "int32", [243, -32, -2**31]), ("np", "v0 ** 5", [3, 100], "int8", [-13, 0]),
    ("np", "np.reciprocal(v0)", [0, 1, 2], "int32", [-2**31, 1, 0]),
    ("nd", "v0 ** 5", [3, 100], "int64", [243, 10**10]),
    ("np", "1 / np.rint(v0)", [-0.25, 0.25], "float32", [-INF, INF]),
    ("np", "1 / np.around(v0)", [-0.25, 0.25, -0.5], "float32", [-INF, INF, INF]),
    ("np", "np.around(v0, -1)", [15, -19, 5], "int32", [10, -10, 0]),
    ("np", "1 / npx.erfinv(v0)", [-0.0, 0.0], "float32", [-INF, INF]),
    ("np", "1 / npx.leaky_relu(v0, act_type='elu')", [-0.0, 0.0], "float64", [-INF, INF]),
    ("np", "npx.round_ste(v0)", [0.5, -2.5, 3.7], "float32", [1, -3, 4]),
    ("np", "npx.sign_ste(v0)", [NAN, -2, 0], "float32", [0, -1, 0]),
    ("np", "npx.pooling(v0.reshape(1, 1, 2), kernel=1, stride=2, pad=0, pool_type='max', pooling_convention='full')",
     [1, 2], "float32", [[[1, onp.finfo("float32").min]]]),
    ("np", "v0 == 2", [0, 1], "bool", [False, True]), ("np", "v0 < 0.5", [0, 1], "bool", [True, False])])
def test_numbers_of_the_reference_are_those_of_mxnet(flavour, expression, x, dtype, want):
    text = f"""def program(n):
    v0 = {flavour}.array(onp.array({x!r}, 'float64'), dtype={dtype!r})
    return [({expression}).asnumpy()]
""".replace("nan", "onp.nan")
    assert interpret(text, 1)[0].tolist() == want


@pytest.mark.parametrize("expression", ["nd.contrib.arange_like(v1)", "nd.argmax(v1, axis=0)", "nd.BlockGrad(v1)",
                                        "nd.zeros_like(v1)", "nd.floor(v1)"])
def test_a_loss_layer_of_the_reference_gives_its_gradient_for_zeros_too(expression):
    """As in 1.9.1."""
    text = f"""def program(n):
    v0 = nd.array([[0.5], [1], [2]])
    v0.attach_grad()
    with autograd.record():
        v1 = nd.Softmax(v0, nd.array([-1, 63, 0]))
        v2 = {expression}.sum()
    v2.backward()
    return [v0.grad.asnumpy()]
"""
    assert interpret(text, 1)[0].ravel().tolist() == [1, 1, 0]


# ---- judgement -----------------------------------------------------------------------------------

ONE = """def program(n):
    out = []
    v0 = np.array(onp.random.RandomState(0).randint(-8, 9, (n, 3)) / 4, dtype='float32')
    v1 = {}
    out.append(v1.asnumpy())
    return out
"""
RUN = Run("never", 0, 2)


def judged(expression, change):
    """The judgement of the reference's own answers to a program after a change."""
    expected = Expected.of(ONE.format(expression), 2)
    with onp.errstate(over="ignore"):
        answers = [onp.asarray(a).astype(d) for a, d in zip(interpret(ONE.format(expression), 2), expected.dtypes)]
    return compare(Outcome(tuple(change(a) for a in answers)), expected, RUN)


def last_bit(a):
    a = a.copy()
    a.flat[-1] = onp.nextafter(a.flat[-1], onp.inf, dtype=a.dtype)
    return a


def test_an_exact_answer_must_be_met_to_the_last_bit():
    assert judged("v0 * 3 + v0.sum()", lambda a: a) is None
    assert judged("v0 * 3 + v0.sum()", last_bit).kind == "value"


def test_an_inexact_answer_may_be_off_by_its_rounding_only():
    assert judged("np.exp(v0)", last_bit) is None
    assert judged("np.exp(v0)", lambda a: a * onp.float32(1.00001)).kind == "value"


def test_cancellation_widens_what_is_allowed():
    assert judged("(np.exp(v0) + 1000) - 1000", lambda a: a + onp.float32(1e-5)) is None
    assert judged("(np.exp(v0) + 1000) - 1000", lambda a: a + onp.float32(1e-2)).kind == "value"


def test_subnormal_numbers_are_rounded_too():
    """Subnormal results, or nearly such, may be off by half of the least subnormal number; a true 0 is exact."""
    assert judged("np.exp(v0 * 0 - 15).astype('float16')", last_bit) is None
    assert judged("np.exp(v0 * 0 - 15).astype('float16') * 64", last_bit) is None
    assert judged("np.exp(v0 * 0 - 90) * np.exp(v0 * 0 - 90)", lambda a: a) is None
    assert judged("(v0 * v0 + 0.0625).astype('float16') * 2**-20 - v0.astype('float16') * 0", lambda a: a) is None
    assert judged("np.dot(v0 * 2.0**-100, v0[0] * 2.0**-80)", lambda a: a) is None
    assert judged("np.sin(v0 * 0)", last_bit).kind == "value"


def flipped(a):
    a = a.copy()
    a.flat[-1] = not a.flat[-1]
    return a


def test_numbers_that_rounding_may_make_equal_are_not_compared():
    alike, apart = "np.equal(np.exp(v0), np.expm1(v0) + 1)", "np.equal(np.exp(v0), np.expm1(v0) + 1.001)"
    assert judged(alike, flipped) is None
    assert judged(apart, flipped).kind == judged("np.equal(v0 * 2, v0 + v0)", flipped).kind == "value"


def test_the_sign_of_a_zero_among_zeros_is_open():
    assert judged("1 / np.maximum(v0 * 0, v0 * -0.0)", lambda a: -a) is None
    assert judged("1 / np.max(np.abs(v0) * -0.0, axis=0)", lambda a: -a) is None
    assert judged("1 / (np.abs(v0) * -0.0)", lambda a: -a).kind == "value"


def test_what_is_smaller_than_any_number_may_be_zero():
    assert judged("1 / (np.exp(v0 * 0 - 80) ** 2)", lambda a: onp.full_like(a, INF)) is None
    assert judged("1 / (np.exp(v0 * 0 - 20) ** 2)", lambda a: onp.full_like(a, INF)).kind == "value"


@pytest.mark.parametrize("function", ["gamma", "gammaln", "digamma"])
def test_whether_rounding_hits_a_pole_is_open(function):
    near, at, apart = (f"npx.{function}({x})" for x in ("3e-8 - np.exp(v0 * 0)", "v0 * 0 - 1", "-np.exp(v0 * 0) - 0.5"))
    for value in (INF, NAN, 1e7):
        assert judged(near, lambda a: onp.full_like(a, value)) is None  # noqa: B023
        assert judged(apart, lambda a: onp.full_like(a, value)).kind == "value"  # noqa: B023
    assert judged(at, lambda a: onp.full_like(a, 1e7)).kind == "value"


def test_the_slope_of_a_remainder_counts_turns_that_rounding_changes():
    text = """def program(n):
    v0 = np.array([0.1, 0.3], dtype='float32')
    v0.attach_grad()
    with autograd.record():
        v1 = 2 % v0
    v1.backward()
    return [v0.grad.asnumpy()]
"""
    expected = Expected.of(text, 1)
    assert compare(Outcome((onp.float32([-20, -6]),)), expected, RUN) is None  # as in 2.0.0b1
    assert compare(Outcome((onp.float32([-20, -7]),)), expected, RUN).kind == "value"


def test_the_order_of_a_line_with_nan_is_open():
    some, all_ = "np.argsort(np.log(v0 - 10), axis=0)", "np.argsort(v0, axis=0)"
    assert judged(some, lambda a: a[::-1]) is None
    assert judged(all_, lambda a: a[::-1]).kind == "value"


def test_shapes_and_dtypes_count():
    assert judged("v0 + 1", lambda a: a[None]).kind == "shape"
    assert judged("v0 + 1", lambda a: a.astype("float64")).kind == "dtype"


# ---- the executor --------------------------------------------------------------------------------

def test_a_crash_is_an_outcome_and_the_next_program_runs(executor):
    crash = "import os, signal\ndef program(n):\n    os.kill(os.getpid(), signal.SIGSEGV)\n"
    assert executor.run(crash, [RUN])[-1].ending == "SIGSEGV"
    assert executor.run("def program(n):\n    return [n]\n", [RUN])[0].answers == (2,)


def test_a_hang_is_an_outcome(executor):
    executor.run("def program(n):\n    return [n]\n", [RUN])
    executor.limit = 1.0
    assert executor.run("def program(n):\n    while True: pass\n", [RUN])[-1].ending == "hang"


def test_time_in_which_both_processes_are_stopped_is_no_hang(executor, monkeypatch):
    """A clock that advances by 100 s between readings, as after SIGSTOP and SIGCONT."""
    executor.run("def program(n):\n    return [n]\n", [RUN])
    monkeypatch.setattr("fuzz.executor.time.monotonic", iter(range(0, 10**6, 100)).__next__)
    executor.limit = 30.0
    slow = "import time\ndef program(n):\n    time.sleep(1.5)\n    return [n]\n"
    assert executor.run(slow, [RUN])[0].answers == (2,)


def test_an_exception_is_an_outcome(executor):
    (outcome,) = executor.run("def program(n):\n    return [1 / 0]\n", [RUN])
    assert outcome.error.startswith("ZeroDivisionError")


def test_a_campaign_finds_what_is_wrong_and_keeps_it_small(tmp_path, executor, monkeypatch):
    """Here the reference is wrong on purpose."""
    from fuzz.reference.np import np as reference_np

    right = reference_np.square
    monkeypatch.setattr(reference_np, "square", lambda x: right(x) + 1)
    campaign = Campaign(0, tmp_path, executor, say=lambda text: None)
    text = ONE.format("np.square(v0)").replace("    v1 =", "    v2 = np.tanh(v0)\n    v1 =")
    script = Script(text, (2, 3), ("v1",))
    campaign.judge(script)
    (finding,) = campaign.findings.values()
    assert "tanh" not in finding.script.text and "square" in finding.script.text
    assert finding.key[0] == "value" and finding.key[2] == ("auto", "always", "compare", "never")
    (saved,) = tmp_path.glob("001-*.py")
    assert runnable(finding.script.text, 1) in saved.read_text()

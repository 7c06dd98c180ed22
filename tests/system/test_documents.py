"""The two seed documents, example by example, in both flavours, and their doubling loop at every length.

examples/seed_np.py is MXNet's "Step 3: autograd", examples/seed_nd.py the Gluon crash course's autograd page;
tests/oracle/documents_*.py are the same two in the other flavour. Real MXNet's output for them is stored in
tests/data/seed_*.txt (written by tests/oracle/documents.py). The random draws are those of a fresh process and are
reproduced bit for bit, so the texts are compared as they are.
"""
from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy
import pytest
from places import ROOT

SCRIPTS = {
    "seed_np.txt": ROOT / "examples" / "seed_np.py",
    "seed_nd.txt": ROOT / "examples" / "seed_nd.py",
    "seed_step3_nd.txt": ROOT / "tests" / "oracle" / "documents_step3_nd.py",
    "seed_crash_np.txt": ROOT / "tests" / "oracle" / "documents_crash_np.py",
}

# Differences from real MXNet: its output, the right output, and the reason.
DIFFERENCES = {
    "seed_np.txt": (
        "# attach_grad() on an intermediate\n[[14. 14. 14.]\n [14. 14. 14.]]\n",
        "# attach_grad() on an intermediate\n[[2. 2. 2.]\n [2. 2. 2.]]\n",
        "attach_grad() detaches an intermediate, as the document says and 1.9.1 does; 2.0.0b1 does not",
    ),
}


def expected_text(answer: str) -> str:
    """The expected output of tracer: that of real MXNet, with the differences above."""
    text = (ROOT / "tests" / "data" / answer).read_text()
    if answer in DIFFERENCES:
        real, right, _ = DIFFERENCES[answer]
        assert text.count(real) == 1
        text = text.replace(real, right)
    return text


@pytest.mark.sweep(sample=6)
@pytest.mark.tierless
@pytest.mark.parametrize("tier", ["always", "never", "auto"])
@pytest.mark.parametrize("answer", SCRIPTS)
def test_a_script_prints_what_real_mxnet_prints(answer, tier):
    done = subprocess.run(
        [sys.executable, "-m", "tracer", str(SCRIPTS[answer])], env={**os.environ, "TRACER_JIT": tier},
        cwd=SCRIPTS[answer].parent, check=False, capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == expected_text(answer)


def np_flavour(tracer) -> SimpleNamespace:
    """The NumPy flavour's names for the functions that the documents use."""
    np = tracer.np
    return SimpleNamespace(
        array=np.array, sum=np.sum, uniform=lambda low, high, s: np.random.uniform(low, high, s),
        small=lambda b: np.abs(b).sum() < 1000, norm=lambda b: float(np.linalg.norm(b)),
        positive=lambda b: b.sum() >= 0, scalar=(),
    )


def nd_flavour(tracer) -> SimpleNamespace:
    """The nd flavour's names for them."""
    nd = tracer.nd
    return SimpleNamespace(
        array=nd.array, sum=nd.sum, uniform=lambda low, high, s: nd.random.uniform(low, high, shape=s),
        small=lambda b: nd.abs(b).sum() < 1000, norm=lambda b: b.norm().asscalar(),
        positive=lambda b: b.sum().asscalar() >= 0, scalar=(1,),
    )


@pytest.fixture(params=["np", "nd"])
def xp(request):
    """One flavour's names; `scalar` is the shape of its scalars."""
    import tracer

    if request.param == "np":
        tracer.npx.set_np()
        yield np_flavour(tracer)
        tracer.npx.reset_np()
    else:
        yield nd_flavour(tracer)


@pytest.fixture
def autograd():
    """tracer's autograd."""
    import tracer

    return tracer.autograd


def same(array, values) -> None:
    """Assert the values of a float32 array, exact to the last bit."""
    assert array.dtype == numpy.float32
    numpy.testing.assert_array_equal(array.asnumpy(), numpy.array(values, dtype="float32"))


@pytest.fixture
def x(xp):
    """The documents' first array, with its gradient attached."""
    x = xp.array([[1, 2], [3, 4]])
    same(x, [[1, 2], [3, 4]])
    x.attach_grad()
    same(x.grad, [[0, 0], [0, 0]])
    return x


FOUR_X = [[4, 8], [12, 16]]
NO_GRAPH = "Cannot differentiate node because it is not in a computational graph"


def test_the_gradient_of_two_x_squared(x, autograd):
    with autograd.record():
        y = 2 * x * x
    assert y.backward() is None
    same(y, [[2, 8], [18, 32]])
    same(x.grad, FOUR_X)


def test_backward_is_that_of_the_sum(xp, x, autograd):
    with autograd.record():
        y = xp.sum(2 * x * x)
    assert y.shape == xp.scalar
    y.backward()
    same(x.grad, FOUR_X)


def test_backward_twice_wants_the_graph_retained(xp, x, autograd):
    import tracer

    with autograd.record():
        y = xp.sum(2 * x * x)
    y.backward(retain_graph=True)
    same(x.grad, FOUR_X)
    y.backward()
    same(x.grad, FOUR_X)
    with pytest.raises(tracer.MXNetError, match=NO_GRAPH):
        y.backward()
    same(x.grad, FOUR_X)


def test_a_custom_operation_gives_the_gradients_that_its_backward_returns(xp, autograd):
    class MyFirstCustomOperation(autograd.Function):
        def forward(self, x, y):
            return 2 * x, 2 * x * y, 2 * y

        def backward(self, dx, dxy, dy):
            same(dx, numpy.ones((2, 3)))
            same(dxy, numpy.ones((2, 3)))
            same(dy, numpy.ones((2, 3)))
            return x, y

    x, y = xp.uniform(-1, 1, (2, 3)), xp.uniform(-1, 1, (2, 3))
    x.attach_grad()
    y.attach_grad()
    with autograd.record():
        z1, z2, z3 = MyFirstCustomOperation()(x, y)
        out = z1 + z2 + z3
    out.backward()
    a, b = x.asnumpy(), y.asnumpy()
    same(x.grad, a)
    same(y.grad, b)
    numpy.testing.assert_allclose(out.asnumpy(), 2 * a + 2 * a * b + 2 * b, rtol=1e-6, atol=1e-6)


def test_a_function_may_ask_whether_it_trains(x, autograd):
    def my_first_function(x):
        return 4 * x if autograd.is_training() else x

    same(my_first_function(x), x.asnumpy())
    with autograd.record(train_mode=False):
        y = my_first_function(x)
    y.backward()
    same(x.grad, [[1, 1], [1, 1]])
    with autograd.record(train_mode=True):
        y = my_first_function(x)
    y.backward()
    same(x.grad, [[4, 4], [4, 4]])


def test_functions_that_record_combine(x, autograd):
    def my_second_function(x):
        with autograd.record():
            return 2 * x

    y = my_second_function(x)
    y.backward()
    same(x.grad, [[2, 2], [2, 2]])
    y = my_second_function(x)
    with autograd.record():
        z = my_second_function(y) + 2
    z.backward()
    same(z, [[6, 10], [14, 18]])
    same(x.grad, [[4, 4], [4, 4]])


def test_attach_grad_cuts_an_intermediate_out(x, autograd):
    with autograd.record():
        y = 3 * x
        y.attach_grad()
        z = 4 * y + 2 * x
    z.backward()
    same(x.grad, [[2, 2], [2, 2]])
    same(y.grad, [[4, 4], [4, 4]])
    with autograd.record():
        y = 3 * x
        z = 4 * y + 2 * x
    z.backward()
    same(x.grad, [[14, 14], [14, 14]])
    assert y.grad is None


def test_a_function_of_a_function(x, autograd):
    with autograd.record():
        y = 2 * x
        z = y * x
    z.backward()
    same(x.grad, FOUR_X)


def test_a_sum_outside_record_has_no_gradient(xp, x, autograd):
    import tracer

    with autograd.record():
        c = 2 * x
    with pytest.raises(tracer.MXNetError, match=NO_GRAPH):
        xp.sum(c).backward()
    with autograd.record():
        c = xp.sum(2 * x)
    c.backward()
    same(x.grad, [[2, 2], [2, 2]])


def step3(xp, a):
    """The first document's f: doubles until the sum of the absolute values is 1000, then chooses."""
    b = a * 2
    while xp.small(b):
        b = b * 2
    if xp.positive(b):
        c = b[0]
    else:
        c = b[1]
    return c


def crash_course(xp, a):
    """The second document's f: doubles until the norm is 1000, and chooses inside the loop."""
    b = a * 2
    while xp.norm(b) < 1000:
        b = b * 2
        if xp.positive(b):
            c = b[0]
        else:
            c = b[1]
    return c


LOOPS = [step3, crash_course]


def doubled(xp, autograd, f, count: int, sign: int) -> None:
    """Run f on an array that it doubles `count` times; assert its value, its gradient, and gradient == c / a.

    After `count` doublings the norm is 1250 and the sum of absolute values 1750; one doubling before, both
    are less than 1000. Every number is exact.
    """
    a = xp.array(sign * numpy.array([750.0, 1000.0]) / 2.0 ** (count + 1))
    a.attach_grad()
    with autograd.record():
        c = f(xp, a)
    c.backward()
    power = 2.0 ** (count + 1)
    assert c.shape == xp.scalar
    same(c, numpy.full(xp.scalar, 750 if sign > 0 else -1000))
    same(a.grad, [power, 0] if sign > 0 else [0, power])
    numpy.testing.assert_array_equal((a.grad == c / a).asnumpy(), [sign > 0, sign < 0])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("f", LOOPS)
def test_every_number_of_doublings(xp, autograd, f, sign):
    for count in range(1, 41):
        doubled(xp, autograd, f, count, sign)


@pytest.mark.parametrize("f", LOOPS)
def test_a_new_number_of_doublings_compiles_nothing(xp, autograd, f):
    import tracer

    def count_of(name: str) -> int:
        now = tracer.counters()
        return now[name] if isinstance(now, dict) else getattr(now, name)

    def planned() -> dict[str, int]:
        return {name: count_of(name) for name in ("programs", "kernels_compiled", "kernels_loaded")}

    # Three rounds: the third run of a program is a steady one, whatever the tier's policy.
    for _ in range(3):
        for count in (9, 10, 11):
            for sign in (1, -1):
                doubled(xp, autograd, f, count, sign)
    before, hits = planned(), count_of("program_hits")
    assert before["programs"] > 0
    for count in range(1, 41):
        for sign in (1, -1):
            doubled(xp, autograd, f, count, sign)
        assert planned() == before, f"{count} doublings"
    assert count_of("program_hits") > hits


def test_no_doubling_leaves_the_crash_courses_choice_unmade(xp, autograd):
    # The document's f chooses c inside the loop; with a norm of 1000 to begin with it never does.
    a = xp.array([600, 800])
    a.attach_grad()
    with pytest.raises(UnboundLocalError), autograd.record():
        crash_course(xp, a)
    assert not autograd.is_recording()


def test_no_doubling_of_step_3(xp, autograd):
    doubled(xp, autograd, step3, 0, 1)
    doubled(xp, autograd, step3, 0, -1)

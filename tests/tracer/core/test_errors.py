"""Errors: of the right type, raised at the call, on the user's line; the session continues afterwards."""
from __future__ import annotations

import pickle
import traceback

import graphs
import numpy as onp
import pytest
from places import ROOT

from tracer import MXNetError, autograd, nd, np, npx
from tracer.ops.declare.families import call
from tracer.ops.declare.public import Function
from tracer.ops.ir.aval import aval

OURS = [str(ROOT / folder) for folder in ("tracer", "jit", "ops")]


def users_line(error: BaseException) -> tuple[str, int]:
    """File and line of the innermost frame of a traceback that is not tracer's."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [f for f in frames if not f.filename.startswith((*OURS, "<generated"))]
    return mine[-1].filename, mine[-1].lineno or 0


X, Y = onp.ones((2, 3)), onp.ones((4, 5))
#: Calls that raise, in both flavours, and the exception's type in real MXNet (1.9.1 for nd, 2.0.0b1 for np).
CASES = {
    "add": (lambda F, x, y: x + y, MXNetError, MXNetError),
    "less": (lambda F, x, y: x < y, MXNetError, MXNetError),
    "bools less bools": (lambda F, x, y: (x > 0) - (x < 0), MXNetError, None),
    "cross product of bools": (lambda F, x, y: F.cross(x > 0, x < 0), MXNetError, AttributeError),
    "dot": (lambda F, x, y: F.dot(x, y), MXNetError, MXNetError),
    "dot of dtypes": (lambda F, x, y: F.dot(x, x.astype("float64").T), MXNetError, MXNetError),
    "add of dtypes": (lambda F, x, y: x + x.astype("int32"), None, MXNetError),
    "reshape": (lambda F, x, y: x.reshape((4, 5)), MXNetError, MXNetError),
    "two unknown dimensions": (lambda F, x, y: x.reshape((-1, -1)), MXNetError, MXNetError),
    "axis of sum": (lambda F, x, y: x.sum(axis=5), MXNetError, MXNetError),
    "axis of max": (lambda F, x, y: x.max(axis=-3), MXNetError, MXNetError),
    "repeated axis": (lambda F, x, y: x.transpose((0, 0)), ValueError, MXNetError),
    "expand_dims": (lambda F, x, y: F.expand_dims(x, 7), MXNetError, MXNetError),
    "squeeze": (lambda F, x, y: F.squeeze(x, axis=0), MXNetError, MXNetError),
    "split": (lambda F, x, y: F.split(x, 4, axis=1), ValueError, MXNetError),
    "broadcast_to": (lambda F, x, y: F.broadcast_to(x, (5, 5)), MXNetError, MXNetError),
    "index": (lambda F, x, y: x[7], IndexError, IndexError),
    "too many indices": (lambda F, x, y: x[0, 0, 0], IndexError, IndexError),
    "assignment": (lambda F, x, y: x.__setitem__(slice(None), y), MXNetError, ValueError),
    "assignment by index": (lambda F, x, y: x.__setitem__(9, 1), IndexError, IndexError),
    "None": (lambda F, x, y: x + None, TypeError, TypeError),
    "a list": (lambda F, x, y: x + [1], TypeError, TypeError),
    "a string": (lambda F, x, y: x * "a", TypeError, TypeError),
    "dtype": (lambda F, x, y: F.array([1], dtype="nope"), TypeError, TypeError),
    "dtype of astype": (lambda F, x, y: x.astype("nope"), TypeError, TypeError),
    "negative shape": (lambda F, x, y: F.zeros((-1, 2)), MXNetError, MXNetError),
    "no argument": (lambda F, x, y: F.exp(), TypeError, MXNetError),
    "bool": (lambda F, x, y: bool(x), ValueError, ValueError),
    "if": (lambda F, x, y: 1 if x > 0 else 2, ValueError, ValueError),
    "float": (lambda F, x, y: float(x), TypeError, TypeError),
    "int": (lambda F, x, y: int(x), TypeError, TypeError),
    "asscalar": (lambda F, x, y: x.asscalar(), ValueError, ValueError),
    "a float as an index": (lambda F, x, y: [1, 2][x[0, 0]], TypeError, TypeError),
    "len of a scalar": (lambda F, x, y: len(np.array(3)), TypeError, TypeError),
    "attribute": (lambda F, x, y: x.nope, AttributeError, AttributeError),
    "function": (lambda F, x, y: F.nope, AttributeError, AttributeError),
    "softmax": (lambda F, x, y: (npx if F is np else nd).softmax(x, axis=9), MXNetError, MXNetError),
}


@pytest.mark.tierless
@pytest.mark.parametrize("name", CASES)
def test_raised_at_the_call(F, name):
    function, np_error, nd_error = CASES[name]
    expected = np_error if F is np else nd_error
    x, y = F.array(X), F.array(Y)
    if expected is None:
        function(F, x, y)
        return
    pending = F.exp(x) * 2
    with pytest.raises(expected) as caught:
        function(F, x, y)
    assert users_line(caught.value) == (__file__, function.__code__.co_firstlineno)
    assert isinstance(caught.value, expected) and str(caught.value)
    onp.testing.assert_allclose(pending.asnumpy(), 2 * onp.e * X, rtol=1e-6)
    onp.testing.assert_array_equal(x.asnumpy(), X)


@pytest.mark.tierless
def test_the_message_names_function_and_shapes():
    with pytest.raises(MXNetError, match=r"np\.add.*2,3.*4,5.*broadcast.*\(2, 3\) \(4, 5\)"):
        np.array(X) + np.array(Y)


def test_mxnet_error_is_mxnets():
    import tracer

    assert tracer.base.MXNetError is MXNetError and issubclass(MXNetError, RuntimeError)


@pytest.mark.tierless
@pytest.mark.parametrize("python", [OSError, FileNotFoundError])
@pytest.mark.parametrize("act", [
    nd.load, npx.load, lambda name: nd.save(name, nd.ones(2)), lambda name: npx.save(name, np.ones(2)),
    lambda name: npx.save(name, [np.ones(2)]), lambda name: npx.savez(name, np.ones(2))])
def test_a_missing_file_is_mxnets_error_and_pythons(tmp_path, act, python):
    name = str(tmp_path / "no folder" / "a.params")
    with pytest.raises(python) as caught:
        act(name)
    error = caught.value
    assert isinstance(error, MXNetError) and error.filename == name
    assert str(error) == f"[Errno 2] No such file or directory: '{name}'"
    assert type(error).__name__ == type(error).__qualname__ == "MXNetError"
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, MXNetError) and str(again) == str(error)


@pytest.mark.tierless
def test_a_folder_is_no_file(tmp_path):
    for error in (MXNetError, IsADirectoryError):
        with pytest.raises(error):
            nd.load(str(tmp_path))


def test_error_under_record_leaves_the_tape_intact(F):
    x, y = F.array(X), F.array(Y)
    x.attach_grad()
    with autograd.record():
        z = x * x
        with pytest.raises(MXNetError):
            z + y
        z = z * 3
        assert autograd.is_recording()
    z.backward()
    onp.testing.assert_array_equal(x.grad.asnumpy(), 6 * X)


# ---- failures in a flush -------------------------------------------------------------------------------

def _fails(a):
    if (a < 0).any():
        raise ValueError("a negative number")
    return onp.sqrt(a)


_node = call("test_errors.fails", lambda a: a, _fails, lambda g, node: (g,))


def _build(x):
    return _node(x)


def fails(x):
    """Record an op whose computation raises for negative numbers."""
    import inspect

    from tracer.core.invoke import invoke

    return invoke(Function("test.fails", _build, (), ("x",), (), False, inspect.signature(_build)),
                  type(x), (x,), ())


@pytest.mark.parametrize("mode", ["never", "always"])
def test_failure_names_the_op_and_the_line_that_recorded_it(mode):
    with graphs.jit_mode(mode):
        bad = np.array([[1.0, 2.0], [2.0, 1.0]])
        good = np.array(X) * 3
        line = onp.array(_line() + 1)
        factor = np.linalg.cholesky(bad)
        later = factor.sum() * 2
        for failed in (later, factor, later):
            with pytest.raises(MXNetError, match=rf"cholesky.*test_errors\.py:{line}") as caught:
                failed.asnumpy()
            assert users_line(caught.value)[0] == __file__
        onp.testing.assert_array_equal(good.asnumpy(), 3 * X)
        with pytest.raises(MXNetError, match="cholesky"):
            later + 1
        onp.testing.assert_array_equal((good + 1).asnumpy(), 3 * X + 1)


def _line() -> int:
    return traceback.extract_stack(limit=2)[0].lineno or 0


@pytest.mark.parametrize("mode", ["never", "always"])
def test_what_does_not_need_the_failed_op_is_computed(mode):
    """In one flush: values before, beside and after the failed op, with an in-place update among them."""
    with graphs.jit_mode(mode):
        for _ in range(3):
            w = np.array(X)
            w += 1
            w.wait_to_read()
            w -= 0.5
            x = np.array([4.0, -1.0])
            before, failed = np.exp(x), fails(x)
            dependent = failed * 2 + before
            beside, after = before * 2, np.exp(x).sum()
            w *= 2
            with pytest.raises(MXNetError, match="a negative number"):
                dependent.asnumpy()
            onp.testing.assert_array_equal(w.asnumpy(), 3 * X)
            values = onp.exp(onp.array([4.0, -1.0], "float32"))
            onp.testing.assert_allclose(before.asnumpy(), values, rtol=1e-5)
            onp.testing.assert_allclose(beside.asnumpy(), 2 * values, rtol=1e-5)
            onp.testing.assert_allclose(after.asnumpy(), values.sum(), rtol=1e-5, atol=1e-6)
            with pytest.raises(MXNetError, match="fails"):
                failed.wait_to_read()
            onp.testing.assert_array_equal(fails(np.array([4.0, 9.0])).asnumpy(), [2, 3])


def test_failure_under_record():
    x = np.array([4.0, -1.0])
    x.attach_grad()
    with autograd.record():
        y, z = fails(x), x * 3
        with pytest.raises(MXNetError, match="a negative number"):
            y.asnumpy()
    with pytest.raises(MXNetError, match="a negative number"):
        y.backward()
    z.backward()
    onp.testing.assert_array_equal(x.grad.asnumpy(), [3, 3])


def test_failure_in_a_gradient_over_a_cut():
    """The backward needs a failing value that the forward did not need."""
    def build(a):
        return _node(a)

    backward = call("test_errors.checked", lambda a: a, lambda a: a * 2, lambda g, node: (_node(g),))

    from tracer.core.invoke import pending
    from tracer.core.trace import node_of

    x = np.array([1.0, 2.0])
    x.attach_grad()
    with autograd.record():
        y = x * 1
        y._value = pending(backward(node_of(y._value)), y._value.history)
        y.asnumpy()
        z = y * -1
    with pytest.raises(MXNetError, match="a negative number"):
        z.backward()
        x.grad.asnumpy()
    assert not autograd.is_recording()
    onp.testing.assert_array_equal((x + 1).asnumpy(), [2, 3])


# ---- interruptions --------------------------------------------------------------------------------------

def test_interrupted_flush_can_be_read_again():
    from tracer.jit import program

    def interrupted(*run):
        program.WATCHERS.remove(interrupted)
        raise KeyboardInterrupt

    for _ in range(4):  # from some run on its operand's memory is donated to it
        x = np.array(X) * 5
        program.WATCHERS.append(interrupted)
        with pytest.raises(KeyboardInterrupt):
            x.asnumpy()
        onp.testing.assert_array_equal(x.asnumpy(), 5 * X)
    onp.testing.assert_array_equal((x + 1).asnumpy(), 5 * X + 1)
    assert x._value.aval == aval((2, 3), onp.dtype("float32"))

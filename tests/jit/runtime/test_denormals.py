"""Denormals are flushed in both tiers alike, as in MXNet 2.0, and nowhere but in our own work.

The values expected of MXNet are those that 2.0.0b1 gave on x86-64.
"""
from __future__ import annotations

import ctypes
import platform
import threading
import time

import graphs
import numpy
import pytest

from tracer import nd, np, util
from tracer.jit.process import forks
from tracer.jit.runtime import denormals, driver
from tracer.jit.runtime.driver import Step, Table

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the mode is x86's")

TIERS = pytest.mark.parametrize("tier", ["never", "always"])


@pytest.fixture(autouse=True)
def _flushing():
    yield
    denormals.set_flush(True)


def keeps_denormals() -> bool:
    """Whether NumPy, in this thread, has denormal results and takes denormal operands."""
    small = numpy.full(3, 1e-38, "float32")
    denormal = small * numpy.float32(0.01)
    return bool((denormal != 0).all() and (denormal * numpy.float32(1e9) != 0).all())


@TIERS
def test_arithmetic_is_that_of_mxnet_2(tier):
    with graphs.jit_mode(tier):
        x, wide = nd.array([1.2e-38, 1e-40, 2.4e-38]), nd.array([1e-310, 1e-308, 3e-308], dtype="float64")
        half = nd.array([1e-7, 6e-5], dtype="float16")  # these are normal in float32, in which they are computed
        first, small, last = numpy.array([1.2e-38, 1e-40, 2.4e-38], "float32").tolist()
        cases = [
            (x * 0.5, [0, 0, first]), (x + 0, [first, 0, last]), (x.copy(), [first, small, last]), (x > 0, [1, 0, 1]),
            (nd.sign(x), [1, 0, 1]), (nd.sum(x), [first + last]), (nd.log(x)[1], [-numpy.inf]), (nd.sqrt(x)[1], [0]),
            (nd.exp(nd.array([-88.0])), [0]), (nd.dot(x.reshape((1, 3)), nd.full((3, 1), 0.5)), [[first]]),
            (wide * 0.5, [0, 0, 0]), (wide + 0, [0, 0, 3e-308]),
            (half * 0.5, [5.960464477539063e-08, 3.0040740966796875e-05])]
        for got, want in cases:
            numpy.testing.assert_array_equal(got.asnumpy(), numpy.array(want, got.dtype))


@TIERS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("flush", [True, False])
def test_large_products_and_convolutions_are_in_the_same_mode(flush, dtype, tier):
    """NumPy's BLAS computes parts of them on threads of its own."""
    denormals.set_flush(flush)
    tiny = float(numpy.finfo(dtype).tiny)
    with graphs.jit_mode(tier):
        for small, other in ((tiny**0.5, tiny**0.5 / 1e4), (tiny / 8, 1e3)):  # the results are denormal; an operand is
            a, b = nd.full((200, 200), small, dtype=dtype), nd.full((200, 200), other, dtype=dtype)
            x, w = nd.full((2, 16, 20, 20), small, dtype=dtype), nd.full((32, 16, 3, 3), other, dtype=dtype)
            made = [nd.dot(a, b), nd.dot(b, a), nd.batch_dot(nd.stack(a, b), nd.stack(b, a)), nd.dot(a, b[0]),
                    nd.Convolution(x, w, kernel=(3, 3), num_filter=32, no_bias=True),
                    nd.Deconvolution(x, w.reshape((16, 32, 3, 3)), kernel=(3, 3), num_filter=32)]
            for y in made:
                assert (y.asnumpy() == 0).all() == flush
    assert keeps_denormals()


def around_the_smallest(dtype: str) -> numpy.ndarray:
    tiny = numpy.finfo(dtype).tiny
    found = numpy.array([0, 1 / 8, 1 / 2, 1, 1.25, 2, 3, 1e3, 0.3 / tiny, 0.5 / tiny, 1 / tiny], dtype) * tiny
    return numpy.concatenate([found, -found])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("flush", [True, False])
def test_tiers_agree_bit_for_bit(dtype, flush):
    denormals.set_flush(flush)
    values = around_the_smallest(dtype)
    found = []
    for tier in ("never", "always"):
        with graphs.jit_mode(tier):
            x, y = nd.array(values[:, None], dtype=dtype), nd.array(values[None], dtype=dtype)
            both = [x + y, x - y, x * y, x / (y + 3), nd.broadcast_greater(x, y), nd.broadcast_equal(x, y),
                    nd.sqrt(nd.abs(x)), nd.square(x), nd.max(x * y, axis=1), nd.sign(y), nd.relu(x + 0)]
            found.append([z.asnumpy() for z in both])
    for a, b in zip(*found, strict=True):
        assert a.tobytes() == b.tobytes()
        kept = (a != 0) & (abs(a) < numpy.finfo(dtype).tiny)
        assert not (flush and kept.any())
    assert flush or any(((a != 0) & (abs(a) < numpy.finfo(dtype).tiny)).any() for a in found[0])


@TIERS
def test_a_script_keeps_its_denormals(tier):
    with graphs.jit_mode(tier):
        for threads in (1, 2):
            kept = driver.get_threads()
            driver.set_threads(threads)
            try:
                x = nd.full((1 << 19,), 1e-30)
                (nd.exp(x * 1e-9) / 3).wait_to_read()
                assert keeps_denormals()
                nd.sort(x * 1e-9).wait_to_read()  # NumPy's
                assert keeps_denormals()
            finally:
                driver.set_threads(kept)
    with pytest.raises(IndexError), graphs.jit_mode(tier):
        np.array([1.0, 2.0])[np.array([5], dtype="int32")].asnumpy()
    assert keeps_denormals()


def test_the_mode_is_restored_after_an_error_and_in_nested_use():
    with pytest.raises(ZeroDivisionError), denormals.flushing():
        assert not keeps_denormals()
        with denormals.flushing():
            assert not keeps_denormals()
        assert not keeps_denormals()
        raise ZeroDivisionError
    assert keeps_denormals()


def test_an_interrupted_run_restores_the_mode():
    """The rest of a run that was halted is another run."""
    x = nd.full((1 << 20,), 1e-30)
    with graphs.jit_mode("always"):
        (x * 1e-9).wait_to_read()
        forks.asked.value += 1  # as if another thread were about to fork: every run halts at its first check
        try:
            table = Table([Step(ctypes.cast(NAP, ctypes.c_void_p).value, (), 40, 1)])
            with pytest.raises(KeyboardInterrupt) as left:
                table.run(0)
        finally:
            forks.asked.value -= 1
        assert keeps_denormals()
        left.value.go_on()
    assert keeps_denormals()


#: A step of which each chunk takes 20 ms.
NAP = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)(lambda *words: time.sleep(0.02))


def test_the_mode_is_that_of_one_thread():
    found, begin = [], threading.Event()

    def work():
        begin.wait()
        (nd.full((4,), 1e-38) * 0.01).wait_to_read()
        found.append(keeps_denormals())

    thread = threading.Thread(target=work)
    thread.start()
    with denormals.flushing():
        begin.set()
        thread.join()
        assert not keeps_denormals()
    assert found == [True]


@TIERS
def test_set_flush_denorms_is_mxnets(tier):
    with graphs.jit_mode(tier):
        assert [util.set_flush_denorms(v) for v in (True, True, False, False, True)] == [True, True, True, False, False]
        values = (None, "x", 3, 1.5, [], numpy.array(1))
        assert [util.set_flush_denorms(v) for v in values] == [True, False, True, True, True, False]
        with pytest.raises(ValueError, match="ambiguous"):
            util.set_flush_denorms(numpy.array([1, 2]))
        assert util.set_flush_denorms(value=True) is True
        before = nd.full((2,), 1.2e-38) * 0.5
        util.set_flush_denorms(False)
        after = nd.full((2,), 1.2e-38) * 0.5
        assert before.asnumpy().tolist() == [0, 0] and (after.asnumpy() > 0).all()


@TIERS
def test_a_loop_that_decays_keeps_its_speed(tier):
    """Processors of all makes divide denormals at less than half of their speed."""
    with graphs.jit_mode(tier):
        two = nd.full((100_000,), 2.0)

        def least(x):
            best = numpy.inf
            for _ in range(20):
                begin = time.process_time()
                for _ in range(3):
                    y = x / two
                y.wait_to_read()
                best = min(best, time.process_time() - begin)
            return best

        decayed = nd.full((100_000,), 1e-38)
        for _ in range(4):
            decayed = decayed / two
        assert not decayed.asnumpy().any()
        least(decayed)
        usual = least(nd.full((100_000,), 1.0))
        assert least(decayed) < 1.6 * usual

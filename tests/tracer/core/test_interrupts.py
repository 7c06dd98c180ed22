"""Ctrl-C at any moment: a call has happened as a whole or not at all, and long runs can be left and resumed."""
from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import graphs
import numpy as onp
import pytest

from tracer import MXNetError, autograd, gluon, np, npx
from tracer.core import flush
from tracer.jit import program
from tracer.jit.process import interrupts
from tracer.jit.runtime import buffers

pytestmark = pytest.mark.slow_sample(3)

RNG = onp.random.RandomState(11)


@pytest.fixture(autouse=True)
def _as_in_a_terminal():
    """Install Python's handler: background processes of a shell ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.install()
    yield
    signal.signal(signal.SIGINT, before)


class Sender:
    """A thread that sends this process SIGINT on request, at a random moment within the next milliseconds."""

    def __init__(self, within: float) -> None:
        self._within, self._armed, self.sent, self._over = within, threading.Event(), threading.Event(), False
        threading.Thread(target=self._send, daemon=True).start()

    def _send(self) -> None:
        chance = random.Random(5)
        while True:
            self._armed.wait()
            self._armed.clear()
            if self._over:
                return
            time.sleep(chance.random() * self._within)
            os.kill(os.getpid(), signal.SIGINT)
            self.sent.set()

    def arm(self) -> None:
        self.sent.clear()
        self._armed.set()

    def close(self) -> None:
        self._over = True
        self._armed.set()


def storm(step, check, times=60, within=0.003):
    """Repeat `step()` until it has been interrupted `times` times; `check()` after each. No interrupt may be lost."""
    sender = Sender(within)
    try:
        for _ in range(times):
            try:
                sender.arm()
                late = 0
                while late < 1000:
                    step()
                    late += sender.sent.is_set()
            except KeyboardInterrupt:
                assert sender.sent.wait(10)
            else:
                raise AssertionError("the interrupt was lost")
            check()
    finally:
        sender.close()


# ---- nothing is half done ------------------------------------------------------------------------------------

def test_scopes_are_left():
    """At 35d83be an interrupt in the entry or exit of `record()` left the thread recording."""
    def step():
        with autograd.record():
            pass
        with autograd.record(train_mode=False), autograd.pause():
            pass

    def check():
        assert not autograd.is_recording() and not autograd.is_training()

    storm(step, check)


@pytest.mark.parametrize("mode", ["never", "always"])
def test_an_update_is_seen_by_all_views_or_by_none(mode):
    with graphs.jit_mode(mode):
        x = np.zeros((6, 4))
        views = [x[i] for i in range(6)] + [x[2:5], x[:], x.detach()]

        def step():
            x.__iadd__(1)

        def check():
            want = x.asnumpy()
            assert (want == want[0, 0]).all()
            assert all((v.asnumpy() == want[0, 0]).all() for v in views)

        storm(step, check)


@pytest.mark.parametrize("mode", ["never", "always"])
def test_a_backward_writes_all_gradients_or_none(mode):
    with graphs.jit_mode(mode):
        parameters = [np.ones((3,)) for _ in range(5)]
        for p in parameters:
            p.attach_grad("add")
        loss = None

        def step():
            nonlocal loss
            with autograd.record():
                loss = sum((p * p).sum() for p in parameters)
            loss.backward()

        def check():
            assert not autograd.is_recording()
            found = [p.grad.asnumpy() for p in parameters]
            assert all((g == found[0]).all() and g[0] % 2 == 0 for g in found)

        storm(step, check)


@pytest.mark.parametrize("mode", ["never", "always"])
def test_training_goes_on_with_the_right_numbers(mode):
    """Each step is retried until it is complete: in the end each has been made exactly once."""
    with graphs.jit_mode(mode):
        x, y = RNG.randn(40, 6).astype("float32"), RNG.randn(40, 2).astype("float32")
        w = np.array(onp.zeros((6, 2)))
        w.attach_grad()
        want = onp.zeros((6, 2))
        made = 0

        def step():
            nonlocal made
            made = 0
            with autograd.record():
                error = np.dot(np.array(x), w) - np.array(y)
                loss = (error * error).mean()
            loss.backward()
            made = 1
            w.__isub__(0.1 * w.grad)
            made = 2

        def after(w):
            return w - 0.1 * x.T @ (x @ w - y) / 40

        def check():
            """The update of an interrupted step has been made or not."""
            nonlocal want, made
            found = w.asnumpy()
            known = [want]
            for _ in range(2000):
                if onp.allclose(found, known[-1], rtol=1e-3, atol=1e-5):
                    break
                known.append(after(known[-1]))
            assert onp.allclose(found, known[-1], rtol=1e-3, atol=1e-5)
            want = found.astype(float)

        storm(step, check)


def test_the_first_compilation_survives(tmp_path):
    """At 35d83be an interrupt while Numba was imported left it half initialized for the rest of the process."""
    script = """
import os, signal, sys, threading, time
from tracer import np
def send():
    for _ in range(60):
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
raised = 0
def patiently(function):
    global raised
    while True:
        try:
            return function()
        except KeyboardInterrupt:
            raised += 1
x = patiently(lambda: np.array([0.5, 1.0]))
thread = threading.Thread(target=send)
patiently(lambda: thread.is_alive() or thread.start())
def work():
    while thread.is_alive():
        (np.tanh(x) * 2 + np.exp(x)).asnumpy()
        (np.sin(x) / 3).sum().asnumpy()
patiently(work)
patiently(lambda: time.sleep(0.05))
numbers = (np.cos(x) - np.log(x)).asnumpy().tolist()
from tracer.jit.report.counters import COUNTERS
print(COUNTERS.kernels_compiled > 0, raised > 0, numbers)
"""
    environment = {**os.environ, "TRACER_CACHE": str(tmp_path), "TRACER_JIT": "always"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True,
                          timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    compiled, raised, numbers = done.stdout.split(" ", 2)
    assert (compiled, raised) == ("True", "True")
    onp.testing.assert_allclose(eval(numbers), onp.cos([0.5, 1]) - onp.log([0.5, 1]), rtol=1e-6)


# ---- long programs -------------------------------------------------------------------------------------------

def now():
    """CPU seconds of this process: other processes' work on this machine does not count."""
    return time.process_time()


def interrupt_in(seconds, sent):
    """Send SIGINT to this process once; the time by `now` is appended to `sent`."""
    def fire():
        sent.append(now())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, fire)
    timer.start()
    return timer


def interrupt_reading(array, after):
    """Interrupt the computation of `array` after so many seconds: KeyboardInterrupt follows within a second."""
    sent = []
    timer = interrupt_in(after, sent)
    with pytest.raises(KeyboardInterrupt):
        array.wait_to_read()
    assert now() - sent[0] < 1.5  # CPU time of all threads; the program takes three seconds
    timer.join()
    assert not interrupts.noted


def product_of(n):
    """A matrix whose products rotate rows by one, and the seconds that such a product takes."""
    array = np.array(onp.roll(onp.eye(n, dtype="float32"), 1, axis=0))
    np.dot(array, array).wait_to_read()
    start = time.monotonic()
    np.dot(array, array).wait_to_read()
    return array, time.monotonic() - start


def test_a_long_program_is_left_within_a_second_and_taken_up():
    """The parameter updated in place is right whether the update came before the interrupt or after it."""
    with graphs.jit_mode("always"):
        array, once = product_of(1024)
        turns = int(3 / once) + 2
        want = RNG.randn(1024, 1024).astype("float32")
        w = np.array(want)
        for at in (None, 0.3, 0.6):
            w -= 0.25 * w
            made = w
            for _ in range(turns):
                made = np.dot(array, made)
            w[:] = made
            want = onp.roll(want - onp.float32(0.25) * want, turns, axis=0)
            if at is not None:
                interrupt_reading(w, at)
            onp.testing.assert_allclose(w.asnumpy(), want, rtol=1e-6)


def test_what_another_signals_handler_raises_ends_a_long_program():
    def late(*_):
        raise TimeoutError

    with graphs.jit_mode("always"):
        array, once = product_of(1024)
        made = array
        for _ in range(int(1 / once) + 2):
            made = np.dot(array, made)
        made.wait_to_read()
        want = made.asnumpy()
        made = array
        for _ in range(int(1 / once) + 2):
            made = np.dot(array, made)
        before = signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, 0.25)
        try:
            with pytest.raises(TimeoutError):
                made.wait_to_read()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        onp.testing.assert_array_equal(made.asnumpy(), want)


def test_what_ends_a_program_that_was_taken_up_loses_no_number():
    """The values are computed afresh: the interrupted run has partly reused its memory."""
    def late(*_):
        raise TimeoutError

    with graphs.jit_mode("always"):
        array, once = product_of(1024)
        want = array.asnumpy()
        turns = int(1.5 / once) + 2
        made = array
        for _ in range(turns):
            made = np.dot(array, made)
        interrupt_reading(made, 0.3)
        before = signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            with pytest.raises(TimeoutError):
                made.wait_to_read()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        onp.testing.assert_array_equal(made.asnumpy(), onp.roll(want, turns, axis=0))


def test_a_handler_of_the_users_is_called_during_a_long_program():
    """Python would call it only after the native code returns."""
    seen = []

    with graphs.jit_mode("always"):
        array, once = product_of(1024)
        made = array
        for _ in range(int(2 / once) + 2):
            made = np.dot(array, made)
        before = signal.signal(signal.SIGINT, lambda *_: seen.append(now()))
        try:
            sent = []
            timer = interrupt_in(0.3, sent)
            made.wait_to_read()
            end = now()
            timer.join()
        finally:
            signal.signal(signal.SIGINT, before)
        assert seen[0] - sent[0] < 1.5 and seen[0] < end - 0.3


def test_many_small_interpreted_steps_are_left():
    with graphs.jit_mode("never"):
        x = np.ones((1 << 16,))
        y = x
        for _ in range(3000):
            y = np.tanh(y)
        interrupt_reading(y, 0.2)
        want = 1.0
        for _ in range(3000):
            want = onp.tanh(want)
        onp.testing.assert_allclose(y.asnumpy()[:3], want, rtol=1e-3)


def test_a_native_program_is_left_between_two_steps_of_numpy(monkeypatch):
    x, calls = RNG.rand(3, 3).astype("float32"), []
    space = {"__name__": "numpy.linalg", "svd": onp.linalg.svd, "calls": calls, "signal": signal}
    exec("def interrupted(*args, **more):\n"
         "    calls.append(args)\n"
         "    if len(calls) == 2:\n"
         "        signal.raise_signal(signal.SIGINT)\n"
         "    return svd(*args, **more)\n", space)
    with graphs.jit_mode("always"):
        array = np.array(x)
        found = [np.linalg.svd(array + i)[1] for i in range(6)]
        monkeypatch.setattr(onp.linalg, "svd", space["interrupted"])
        with pytest.raises(KeyboardInterrupt):
            found[0].wait_to_read()
        assert len(calls) == 2
        values = [s.asnumpy() for s in found]
        assert len(calls) == 6
    for i, value in enumerate(values):
        onp.testing.assert_allclose(value, space["svd"](x + i)[1], rtol=1e-4, atol=1e-5)


def sorting(n=2_000_000):
    """A pending long call of NumPy, the sorted operand too, and the elements."""
    numbers = onp.random.RandomState(5).rand(n).astype("float32")
    array = np.array(numbers)
    order = np.argsort(array), np.sort(array)
    order[0].wait_to_read()  # plans the program
    del order
    return np.argsort(array), np.sort(array), numbers


@pytest.mark.parametrize("mode", ["always", "never"])
def test_a_long_call_of_numpy_is_left_and_done_all_the_same(mode):
    """An interrupt once waited for the whole call: 5 s for a sort of 20 million elements."""
    with graphs.jit_mode(mode):
        order, made, numbers = sorting(8_000_000)
        start = time.monotonic()
        onp.argsort(numbers)
        once = time.monotonic() - start
        interrupt_reading(order, 0.1)
        assert time.monotonic() - start < 1.8 * once
        assert order._value.buffer is None
        onp.testing.assert_array_equal(made.asnumpy(), onp.sort(numbers))
        onp.testing.assert_array_equal(numbers[order.asnumpy().astype(int)], onp.sort(numbers))


@pytest.mark.parametrize("mode", ["always", "never"])
def test_what_a_handler_raises_ends_a_long_call_of_numpy(mode):
    def raising(*_):
        raise LookupError("time is up")

    with graphs.jit_mode(mode):
        order, _, numbers = sorting()
        before = signal.signal(signal.SIGALRM, raising)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(LookupError):
                order.wait_to_read()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        del order
        gc.collect()
        onp.testing.assert_array_equal(np.sort(np.array(numbers)).asnumpy(), onp.sort(numbers))


def test_a_failing_long_call_of_numpy_says_so():
    with graphs.jit_mode("always"):
        with pytest.raises(MXNetError, match="Singular"):
            np.linalg.inv(np.zeros((800, 800))).wait_to_read()


def test_a_long_call_of_numpy_needs_no_thread(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with graphs.jit_mode("always"):
        order, _, numbers = sorting()
        monkeypatch.setattr(threading.Thread, "start", refuse)
        onp.testing.assert_array_equal(numbers[order.asnumpy().astype(int)], onp.sort(numbers))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_makes_a_long_call_that_was_left_anew():
    with graphs.jit_mode("always"):
        order, _, numbers = sorting()
        interrupt_reading(order, 0.1)
        child = os.fork()
        if not child:
            ok = (numbers[order.asnumpy().astype(int)] == onp.sort(numbers)).all()
            os._exit(0 if ok else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_waiting_for_another_threads_run_is_left():
    with graphs.jit_mode("always"):
        array, once = product_of(1024)
        started = threading.Event()

        def run():
            made = array
            for _ in range(int(3 / once) + 2):
                made = np.dot(array, made)
            started.set()
            made.wait_to_read()

        runner = threading.Thread(target=run)
        runner.start()
        started.wait(60)
        time.sleep(0.1)
        y = np.ones((3,)) * 2
        interrupt_reading(y, 0.2)
        assert runner.is_alive()
        runner.join(120)
        assert y.asnumpy().tolist() == [2, 2, 2]


def test_waitall_finishes_what_an_interrupt_has_left():
    with graphs.jit_mode("always"):
        array, once = product_of(1024)
        made = array
        for _ in range(int(1 / once) + 2):
            made = np.dot(array, made)
        interrupt_reading(made, 0.2)
        assert made._value.buffer is None
        npx.waitall()
        assert made._value.buffer is not None and made._value.rest is None
        assert not flush.LEFT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_waitall_goes_on_after_another_threads_fork():
    with graphs.jit_mode("always"):
        array, once = product_of(1024)
        made = array
        for _ in range(int(2 / once) + 2):
            made = np.dot(array, made)

        def fork():
            time.sleep(0.3)
            child = os.fork()
            if not child:
                os._exit(0)
            os.waitpid(child, 0)

        thread = threading.Thread(target=fork)
        thread.start()
        npx.waitall()
        assert made._value.buffer is not None
        thread.join()


def test_what_nobody_needs_is_not_kept():
    """An interrupted run keeps its leaves and outputs; they are freed with the arrays that wait for it."""
    with graphs.jit_mode("always"):
        array, once = product_of(1024)
        gc.collect()
        before = buffers.used_bytes()
        made = array
        for _ in range(int(1 / once) + 2):
            made = np.dot(array, made)
        made.wait_to_read()  # plans the program
        made = array
        for _ in range(int(1 / once) + 2):
            made = np.dot(array, made)
        interrupt_reading(made, 0.2)
        del made
        gc.collect()
        assert buffers.used_bytes() < before + (1 << 20)


# ---- other exceptions ----------------------------------------------------------------------------------------

@pytest.fixture
def failing_runs():
    """Make programs raise MemoryError as they start; calling the fixture's value ends that."""
    def fail(*_):
        raise MemoryError("for a test")

    program.WATCHERS.append(fail)
    yield program.WATCHERS.clear
    program.WATCHERS.clear()


def test_a_flush_that_fails_keeps_nothing_alive():
    """At 35d83be the trace and its values were a cycle, invisible to the collector where recording is compiled."""
    def fail(*_):
        raise MemoryError("for a test")

    with graphs.jit_mode("always"):
        np.ones((2,)).wait_to_read()  # compiles recording
        gc.collect()
        before = buffers.used_bytes()
        x = np.array(onp.ones(1 << 18))
        y, _ = x * 2, x * 3
        del _
        program.WATCHERS.append(fail)
        try:
            with pytest.raises(MemoryError):
                y.wait_to_read()
        finally:
            program.WATCHERS.remove(fail)
        del x, y
        gc.collect()
        assert buffers.used_bytes() < before + (1 << 18)


def test_a_flush_that_fails_loses_no_number(failing_runs):
    x = np.array([1.0, 2.0])
    y, z = x * 3, x + 1
    with pytest.raises(MemoryError):
        y.wait_to_read()
    failing_runs()
    assert y.asnumpy().tolist() == [3, 6] and z.asnumpy().tolist() == [2, 3]


@pytest.mark.parametrize("begun", [False, True])
def test_an_update_in_place_that_fails_is_an_error_not_a_wrong_number(begun):
    """After its start the fraction of the parameter that has been overwritten is unknown."""
    def fail(*_):
        raise MemoryError("for a test")

    def fail_later(found, *_):
        runs.append(found.plan.runs)
        found.plan.runs.insert(0, fail)

    runs = []
    with graphs.jit_mode("always"):
        w = np.array(onp.ones(4096))
        for _ in range(3):
            w -= 0.5 * w
            w.wait_to_read()
        w -= 0.5 * w
        program.WATCHERS.append(fail_later if begun else fail)
        try:
            with pytest.raises(MemoryError):
                w.wait_to_read()
        finally:
            program.WATCHERS.pop()
            for changed in runs:
                changed.pop(0)
        if begun:
            with pytest.raises(MXNetError, match="MemoryError ended the computation"):
                w.asnumpy()
        else:
            assert (w.asnumpy() == 1 / 16).all()
        assert np.ones((2,)).asnumpy().tolist() == [1, 1]


# ---- users' code ---------------------------------------------------------------------------------------------

class Slow(gluon.HybridBlock):
    def forward(self, x):
        for _ in range(1000):
            time.sleep(0.01)
        return x


@pytest.mark.parametrize("call", [
    lambda: Slow()(np.ones((2,))), lambda: time.sleep(10),
    lambda: type("F", (autograd.Function,), {"forward": Slow.forward})()(np.ones((2,)))],
    ids=["block", "own", "function"])
def test_the_users_own_code_is_interrupted_at_once(call):
    """Even if tracer has called it."""
    sent = []
    timer = interrupt_in(0.2, sent)
    with pytest.raises(KeyboardInterrupt):
        call()
    assert now() - sent[0] < 0.5
    timer.join()


def test_another_handler_is_left_alone():
    script = """
import signal
signal.signal(signal.SIGINT, lambda *_: print("mine"))
from tracer import np
np.ones((2,)).wait_to_read()
signal.raise_signal(signal.SIGINT)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("mine\n", "")


def test_a_debuggers_trace_function_stays():
    """Under a debugger an interrupt is raised at once, as without tracer."""
    def trace(frame, event, arg):
        return None

    def fire(found, *_):
        signal.raise_signal(signal.SIGINT)

    x = np.array([1.0])
    program.WATCHERS.append(fire)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with pytest.raises(KeyboardInterrupt):
            (x * 2).wait_to_read()
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)
        program.WATCHERS.remove(fire)


def test_cells_of_a_notebook(monkeypatch):
    """Jupyter restores Python's own handler for each cell, then fires the event of the cell."""
    registered = {}
    events = SimpleNamespace(register=registered.__setitem__)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(events=events)))
    interrupts._install_in_cells()
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        registered["pre_run_cell"](None)
        assert signal.getsignal(signal.SIGINT) is interrupts._on_interrupt
    finally:
        interrupts.install()

"""Threads, forks and the kernel folder: the surroundings of a process that records and runs."""
from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.pool
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import graphs
import numpy as onp
import pytest
from workers import train_a_little

import tracer
from tracer import MXNetError, autograd, nd, np, npx
from tracer.jit.runtime import buffers

pytestmark = pytest.mark.slow_sample(3)

N = 8


def in_threads(function, count=N):
    """Run `function(i)` in `count` threads that start together; returns their results, or raises the first error."""
    results, errors, gate = [None] * count, [], threading.Barrier(count)

    def work(i):
        try:
            gate.wait(30)
            results[i] = function(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    assert not any(t.is_alive() for t in threads)
    if errors:
        raise errors[0]
    return results


# ---- threads -------------------------------------------------------------------------------------------

def test_a_thread_that_ends_lets_go_of_what_it_left_pending():
    def in_use():
        gc.collect()
        return buffers._held - buffers._kept

    def leave():
        x = np.ones((1 << 18,))
        x.wait_to_read()
        for _ in range(3):
            y = x * 2
        return y[:2]

    before = in_use()
    last, = in_threads(lambda i: leave(), 1)
    np.ones((2,)).wait_to_read()  # this thread is now the last one known to record
    assert in_use() >= before + (1 << 20) - (1 << 12)  # other tests may have left small arrays, which go meanwhile
    assert last.asnumpy().tolist() == [2, 2]
    del last
    assert in_use() < before + (1 << 20)


@pytest.mark.parametrize("mode", ["never", "always"])
def test_each_thread_trains_for_itself(mode):
    def train(i):
        w = np.array([float(i), 1.0])
        w.attach_grad()
        for step in range(30):
            with autograd.record():
                assert autograd.is_recording()
                loss = ((w - 3) * (w - 3)).sum()
                if step % 7 == i % 7:
                    loss.asnumpy()
            loss.backward()
            w -= 0.25 * w.grad
        assert not autograd.is_recording()
        return w.asnumpy()

    with graphs.jit_mode(mode):
        for i, w in enumerate(in_threads(train)):
            onp.testing.assert_allclose(w, 3 + onp.array([i - 3, -2]) * 0.5**30, rtol=1e-5)


def test_computed_arrays_are_shared():
    shared = np.array(onp.arange(1000))
    shared.wait_to_read()
    found = in_threads(lambda i: (shared * i).sum().item())
    assert found == [499500.0 * i for i in range(N)]


def test_pending_array_is_read_by_other_threads():
    x = np.array(onp.arange(1000))
    for round_ in range(10):
        y = x * (round_ + 1) + 1
        z = y * 2
        found = in_threads(lambda i: (y.asnumpy()[7], (z + i).asnumpy()[7]))  # noqa: B023
        assert found == [(7 * (round_ + 1) + 1, 2 * (7 * (round_ + 1) + 1) + i) for i in range(N)]
        assert (y + z).asnumpy()[7] == 3 * (7 * (round_ + 1) + 1)


def test_owner_goes_on_while_another_thread_reads():
    x = np.array([1.0, 2.0])
    stop = threading.Event()
    shown = [x * 1]
    failures = []

    def read():
        while not stop.is_set():
            values = shown[0].asnumpy()
            if values[1] != 2 * values[0]:
                failures.append(values)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        y = x
        for i in range(2000):
            y = y + x if i % 100 else x * 1
            shown[0] = y
            if i % 50 == 0:
                assert y.asnumpy()[1] == 2 * y.asnumpy()[0]
    finally:
        stop.set()
        reader.join(60)
    assert not failures


def test_gradient_of_what_another_thread_has_read():
    """A read by another thread does not cut this thread's trace, and removes nothing from its tape."""
    x = np.array([1.0, 2.0])
    x.attach_grad()
    with autograd.record():
        y = x * x
        threading_read(y)
        z = y * x
        threading_read(z)
    z.asnumpy()
    with autograd.record():
        loss = z * y
    loss.backward()
    onp.testing.assert_array_equal(x.grad.asnumpy(), 5 * onp.array([1.0, 16.0]))


def threading_read(array):
    in_threads(lambda i: array.asnumpy(), 1)


def test_backward_in_another_thread():
    """A graph recorded in one thread and differentiated in another, as real MXNet allows."""
    x = np.array([1.0, 2.0])
    x.attach_grad()
    with autograd.record():
        y = x * x * x

    def backward(i):
        y.backward()
        return x.grad.asnumpy()

    onp.testing.assert_array_equal(in_threads(backward, 1)[0], [3, 12])
    with pytest.raises(MXNetError, match="Cannot differentiate"):
        y.backward()


def test_numbers_recorded_by_several_threads_keep_their_places(monkeypatch):
    """At 35d83be two threads could add one position twice: from then on each number was read as the one before it."""
    from tracer.core import trace

    def slow(kind, index, make=trace.scalar):
        time.sleep(0.0005)
        return make(kind, index)

    monkeypatch.setattr(trace, "scalar", slow)
    monkeypatch.setattr(trace, "FLOATS", [])

    def record(_):
        for index in range(40):
            trace._lengthen(trace.FLOATS, index)  # called by `number`, which may be machine code by now

    in_threads(record)
    assert [node.attrs[-1] for node in trace.FLOATS] == list(range(40))


@pytest.mark.parametrize("mode", ["never", "always"])
def test_threads_record_more_numbers_than_before(mode):
    """Each adds 0.5, 1.5, 2.5 and so on to its own array, in one program."""
    def add(me):
        with graphs.jit_mode(mode):
            x = np.zeros((3,))
            for i in range(300 + 20 * me):
                x = x + (i + 0.5)
            n = 300 + 20 * me
            assert x.asnumpy().tolist() == [n * n / 2] * 3

    in_threads(add, 4)


def test_recording_goes_on_in_another_thread():
    x = np.array([1.0, 2.0])
    x.attach_grad()
    with autograd.record():
        y = x * x

    def finish(i):
        with autograd.record():
            z = y * 5
        z.backward()
        return x.grad.asnumpy()

    onp.testing.assert_array_equal(in_threads(finish, 1)[0], [10, 20])


def test_error_in_one_thread_is_seen_by_all_readers():
    bad = np.linalg.cholesky(np.array([[1.0, 2.0], [2.0, 1.0]]))

    def read(i):
        with pytest.raises(MXNetError, match="cholesky"):
            bad.asnumpy()
        return (np.array([1.0]) + i).item()

    assert in_threads(read) == [1.0 + i for i in range(N)]


def saved(x, tmp_path):
    nd.save(str(tmp_path / "x"), [x.as_nd_ndarray() if hasattr(x, "as_nd_ndarray") else x])
    return nd.load(str(tmp_path / "x"))[0].asnumpy()


READERS = {
    "asnumpy": lambda x, tmp_path: x.asnumpy(),
    "__array__": lambda x, tmp_path: onp.array(x),
    "__array__ of a dtype": lambda x, tmp_path: onp.array(x, dtype="float64"),
    "tolist": lambda x, tmp_path: onp.array(x[:2000].tolist()),
    "save": saved,
    "pickle": lambda x, tmp_path: pickle.loads(pickle.dumps(x)).asnumpy(),
    "copyto": lambda x, tmp_path: x.copyto(np.zeros(x.shape)).asnumpy(),
    "dlpack": lambda x, tmp_path: onp.from_dlpack(x),
    "unique": lambda x, tmp_path: np.unique(x).asnumpy(),
    "print": lambda x, tmp_path: onp.array([float(word) for word in repr(x)[7:60].replace("[", "").split(",")[:3]]),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_reads_are_whole_while_another_thread_rebinds(read, tmp_path):
    """Each read sees all elements of one write: the memory is not reused for another array before it is copied."""
    x = np.zeros((1 << 19,))
    stop = threading.Event()

    def rebind():
        i = 0
        while not stop.is_set():
            i += 1
            x[:] = np.full((1 << 19,), float(i % 1000))
            x.wait_to_read()
            np.full((1 << 19,), -1.0).wait_to_read()

    writer = threading.Thread(target=rebind)
    writer.start()
    try:
        for _ in range(100):
            found = read(x, tmp_path)
            assert (found == found.ravel()[0]).all() and found.ravel()[0] >= 0
    finally:
        stop.set()
        writer.join(60)


@pytest.mark.parametrize("change", ["rebind", "update", "write"])
def test_what_has_been_read_keeps_its_memory(change):
    x = np.array([1.0, 2.0, 3.0, 4.0])
    for _ in range(4):
        seen = x._read("numpy")
        want = seen.copy()
        if change == "rebind":
            x[:] = np.full((4,), 7.0)
        elif change == "update":
            x *= 2
        else:
            x[1:3] = 5.0
        x.wait_to_read()
        for _ in range(3):
            np.full((4,), -1.0).wait_to_read()
        assert (seen == want).all()


# ---- forks -----------------------------------------------------------------------------------------------

@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_computes():
    want = train_a_little(3)
    pending = np.array([1.0, 2.0]) * 2
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            found = train_a_little(3), train_a_little(4), pending.asnumpy().tolist()
            os.write(writer, repr(found).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    assert os.waitpid(child, 0)[1] == 0
    loss, other, values = eval(text)
    assert loss == pytest.approx(want, rel=1e-5) and other != loss and values == [2, 4]
    assert pending.asnumpy().tolist() == [2, 4]
    assert train_a_little(3) == pytest.approx(want, rel=1e-6)


def multiply(stop):
    """Native programs of about ten milliseconds, one after the other."""
    a = np.array(onp.random.RandomState(0).uniform(size=(800, 800)))
    while not stop.is_set():
        (np.dot(a, a) * 2).sum().wait_to_read()


def one_of_many(x, number):
    """A program unlike all others: its kernel is new."""
    y = x
    for bit in bin(number)[2:]:
        y = y * x if bit == "1" else y + x
    return y


def compile_anew(stop):
    x = np.array([1.0, 1.0])
    for number in range(1 << 12, 1 << 13):
        one_of_many(x, number).wait_to_read()
        if stop.is_set():
            return


def draw(stop):
    while not stop.is_set():
        np.random.uniform(size=(1 << 16,)).wait_to_read()
        npx.random.seed(int(time.monotonic()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("work", [multiply, compile_anew, draw])
def test_children_of_a_fork_while_another_thread_is_at_work(work):
    """Each child computes, compiles and draws; one that hangs is killed by its alarm."""
    with graphs.jit_mode("always"):
        train_a_little(0)
        stop = threading.Event()
        worker = threading.Thread(target=work, args=(stop,))
        worker.start()
        try:
            states = []
            for i in range(20):
                child = os.fork()
                if child == 0:
                    signal.alarm(20)
                    code = 1
                    try:
                        train_a_little(i)
                        drawn = np.random.uniform(size=(4,)).asnumpy()
                        made = one_of_many(np.array([1.0, 0.0]), (1 << 11) + i).asnumpy()
                        code = 0 if drawn.shape == (4,) and made[0] >= 1 and made[1] == 0 else 2
                    finally:
                        os._exit(code)
                states.append(os.waitpid(child, 0)[1])
        finally:
            stop.set()
            worker.join(60)
    assert states == [0] * 20


def test_forks_take_the_lock_of_logging_last():
    """Otherwise a compiling thread, which logs, and a forking one waited for each other: two minutes long."""
    script = """
import os
import tracer
from tracer.jit.process import forks
class Lock:
    def acquire(self, timeout):
        import logging
        print(logging._lock._is_owned(), flush=True)
        return False
    def _at_fork_reinit(self):
        pass
lock = forks.guarded(Lock())
import numba
if not os.fork():
    os._exit(0)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=120,
                          check=True)
    assert done.stdout == "False\n"


def test_every_lock_is_known_to_forks():
    """A lock made elsewhere, or a hook outside forks.py, would escape the common mechanism."""
    root = Path(tracer.__file__).parents[1]
    for folder in ("tracer", "jit", "ops"):
        for file in (root / folder).rglob("*.py"):
            text = file.read_text()
            for found in re.finditer(r"(\w+\()?(threading\.)?\b(R?Lock|Condition|Semaphore|Barrier)\(", text):
                assert found[1] == "guarded(", f"{file}: {found[0]}"
            assert "register_at_fork" not in text or file.name == "forks.py", file


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", [m for m in multiprocessing.get_all_start_methods() if m != "forkserver"])
def test_workers_of_multiprocessing(method):
    want = [train_a_little(seed) for seed in range(2)]
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.map_async(train_a_little, range(2)).get(120)
    assert found == pytest.approx(want, rel=1e-5)


# ---- the kernel folder ----------------------------------------------------------------------------------

SCRIPT = """
from tracer import np
from tracer.jit.report.counters import COUNTERS
x = np.array([[0.5, 1.0], [2.0, 3.0]])
print(((np.exp(x) * x).sum(axis=0) + 1).asnumpy().tolist(), np.tanh(x).asnumpy().tolist())
print(COUNTERS.kernels_compiled, COUNTERS.kernels_loaded)
"""


def run_script(folder):
    """The numbers that SCRIPT prints with its kernels in `folder`, and how many it compiled and loaded."""
    environment = {**os.environ, "TRACER_CACHE": str(folder), "TRACER_JIT": "always"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    numbers, counts = done.stdout.splitlines()
    return numbers, *map(int, counts.split())


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels")
    numbers, compiled, loaded = run_script(folder)
    assert compiled > 0 and loaded == 0
    return folder, numbers, compiled


@pytest.mark.tierless
def test_second_process_loads_what_the_first_compiled(filled):
    folder, numbers, compiled = filled
    assert run_script(folder) == (numbers, 0, compiled)


def copied(filled, tmp_path):
    folder, numbers, compiled = filled
    for file in folder.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path, sorted(tmp_path.glob("*.bin")), numbers, compiled


DAMAGE = {
    "empty": lambda file: file.write_bytes(b""),
    "truncated": lambda file: file.write_bytes(file.read_bytes()[:-100]),
    "overwritten": lambda file: file.write_bytes(bytes(len(file.read_bytes()))),
    "flipped": lambda file: file.write_bytes(file.read_bytes()[:99] + b"?" + file.read_bytes()[100:]),
    "text": lambda file: file.write_text("not a kernel\n" * 100),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "unreadable": lambda file: file.chmod(0),
    "a dangling link": lambda file: (file.unlink(), file.symlink_to("/nowhere/at/all")),
}


@pytest.mark.tierless
@pytest.mark.sweep(sample=2)
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_entries_are_compiled_afresh(filled, tmp_path, damage):
    folder, files, numbers, compiled = copied(filled, tmp_path)
    for file in files:
        DAMAGE[damage](file)
    found, recompiled, loaded = run_script(folder)
    assert found == numbers and recompiled + loaded == compiled
    if damage != "unreadable" or os.geteuid() != 0:
        assert recompiled == compiled


@pytest.mark.sweep(sample=1)
@pytest.mark.tierless
@pytest.mark.parametrize("folder", ["/proc/nothing", "/dev/null", ""])
def test_folder_that_cannot_be_written(filled, folder):
    assert run_script(folder) == (filled[1], filled[2], 0)


@pytest.mark.tierless
def test_folder_is_made(filled, tmp_path):
    assert run_script(tmp_path / "a" / "b") == (filled[1], filled[2], 0)
    assert len(list((tmp_path / "a" / "b").glob("*.bin"))) == filled[2]
    assert not list(Path(tmp_path).rglob(".tmp_*"))


@pytest.mark.tierless
def test_processes_that_start_together(filled, tmp_path):
    with multiprocessing.pool.ThreadPool(2) as pool:
        found = pool.map(run_script, [tmp_path] * 2)
    assert [numbers for numbers, _, _ in found] == [filled[1]] * 2
    assert run_script(tmp_path) == (filled[1], 0, filled[2])

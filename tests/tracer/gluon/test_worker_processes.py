"""DataLoader's worker processes: order, kinds of batches, errors that name the sample, ends without leaks."""
from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import namedtuple
from pathlib import Path

import numpy as onp
import psutil
import pytest

import tracer as mx
from tracer import nd, np
from tracer.gluon.data import ArrayDataset, DataLoader, Dataset, RandomSampler
from tracer.gluon.data.processes.worker_pool import WorkerError
from tracer.jit.process import interrupts

pytestmark = [pytest.mark.slow_sample(2),
              pytest.mark.native_sample(3), pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

Sample = namedtuple("Sample", ["x", "y"])


class Numbers(Dataset):
    """Samples of a number in several forms; one index may do something else."""

    def __init__(self, length=40, special=None, action=None):
        self.length, self.special, self.action = length, special, action

    def __len__(self):
        return self.length

    def __getitem__(self, idx):
        if idx == self.special:
            self.action()
        return nd.full((2, 3), float(idx)), onp.full(200, idx), idx, str(idx)


def batchify(samples):
    x, wide, numbers, words = zip(*samples)
    return {"x": nd.stack(*x), "wide": onp.stack(wide), "pair": (np.array(numbers), list(words)), "none": None,
            "empty": nd.array(onp.zeros((0, 3))), "sample": Sample(onp.arange(3), nd.ones((1,), dtype="float16"))}


def children():
    return [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def no_leaks():
    """Check that neither processes nor descriptors are left."""
    before = set(p.pid for p in children()), len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    yield
    assert {p.pid for p in children()} == before[0]
    if before[1]:
        assert len(os.listdir("/proc/self/fd")) <= before[1]


def check(batches, length=40, size=8):
    count = 0
    for batch in batches:
        numbers = list(range(count, count + len(batch["pair"][1])))
        assert batch["x"].shape == (len(numbers), 2, 3) and batch["x"].asnumpy()[:, 0, 0].tolist() == numbers
        assert batch["wide"].shape == (len(numbers), 200) and (batch["wide"].T == numbers).all()
        assert type(batch["pair"][0]) is np.ndarray and batch["pair"][0].asnumpy().tolist() == numbers
        assert batch["pair"][1] == [str(i) for i in numbers] and batch["none"] is None
        assert batch["empty"].shape == (0, 3) and batch["sample"].y.dtype == onp.float16
        count += len(numbers)
    assert count == length


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("prefetch", [None, 0, 30])
def test_batches_come_in_order_and_keep_their_kinds(no_leaks, workers, prefetch):
    (nd.ones((3, 3)) * 2 + 1).asnumpy()  # kernels have run here before
    loader = DataLoader(Numbers(), 8, num_workers=workers, prefetch=prefetch, batchify_fn=batchify)
    for _ in range(3):
        check(loader)
    assert len(loader) == 5
    del loader


def test_default_batches_are_shared_and_writable(no_leaks):
    loader = DataLoader(Numbers().transform(lambda x, wide, i, word: (x * 2, wide, i)), 8, num_workers=2)
    kept = []
    for x, wide, numbers in loader:
        assert [str(a.context) for a in (x, wide, numbers)] == ["cpu_shared(0)"] * 3
        x += 1
        kept.append((x, numbers))
    for x, numbers in kept:  # memory in use is not used again
        assert (x.asnumpy()[:, 0, 0] == numbers.asnumpy() * 2 + 1).all()
    del loader, kept, x, wide, numbers


def test_memory_is_used_again(no_leaks):
    loader = DataLoader(Numbers(400), 8, num_workers=1, batchify_fn=batchify)
    for batch in loader:
        del batch
    worker, = loader._worker_pool._workers
    assert len(worker.mappings._memory) < 8
    del loader, worker


def test_rows_of_arrays_need_no_processes(no_leaks):
    loader = DataLoader(ArrayDataset(nd.ones((10, 2)), onp.arange(10)), 4, num_workers=2)
    assert [len(y) for _, y in loader] == [4, 4, 2] and not loader._worker_pool._workers
    assert len(list(DataLoader(Numbers(0), 4, num_workers=2))) == 0


def test_iterations_side_by_side_and_left_midway(no_leaks):
    loader = DataLoader(Numbers(), 8, num_workers=2, batchify_fn=batchify, auto_reload=True)
    first, second = iter(loader), iter(loader)
    assert next(first)["pair"][1] == next(second)["pair"][1] == [str(i) for i in range(8)]
    del first
    assert next(second)["pair"][1][0] == "8"
    batch = next(iter(loader))
    del batch
    check(loader)
    del second, loader


def test_shuffled_batches_are_of_this_processs_order(no_leaks):
    onp.random.seed(5)
    expected = list(RandomSampler(40))
    onp.random.seed(5)
    loader = DataLoader(Numbers().transform(lambda *sample: sample[2]), 8, shuffle=True, num_workers=2)
    assert [n for batch in loader for n in batch.asnumpy().tolist()] == expected
    del loader


def raise_error():
    raise LookupError("no such sample")


class Unpicklable(Exception):
    def __init__(self, first, second):
        super().__init__("of two")


def raise_unpicklable():
    raise Unpicklable(1, 2)


@pytest.mark.parametrize(("action", "kind", "text"), [
    (raise_error, LookupError, "no such sample"), (raise_unpicklable, RuntimeError, "Unpicklable: of two")])
def test_raised_error_names_the_sample(no_leaks, action, kind, text):
    loader = DataLoader(Numbers(special=21, action=action), 8, num_workers=2, batchify_fn=batchify)
    for _ in range(2):  # the processes go on
        with pytest.raises(kind, match=text) as caught:
            list(loader)
        assert isinstance(caught.value.__cause__, WorkerError)
        assert "at the sample with index 21:\nTraceback" in str(caught.value.__cause__)
        del caught
    with pytest.raises(ZeroDivisionError) as caught:
        list(DataLoader(Numbers(), 8, num_workers=1, batchify_fn=lambda samples: 1 // 0))
    assert "in batchify_fn" in str(caught.value.__cause__)
    del loader, caught


@pytest.mark.parametrize(("action", "text"), [
    (lambda: os.kill(os.getpid(), signal.SIGKILL), r"killed by signal 9 \(SIGKILL\)"),
    (lambda: os._exit(3), "ended with exit code 3"), (lambda: sys.exit(4), "ended with exit code 4")])
def test_dead_process_names_the_sample(no_leaks, action, text):
    loader = DataLoader(Numbers(special=21, action=action), 8, num_workers=2, batchify_fn=batchify)
    with pytest.raises(RuntimeError, match=text + r" while reading the sample with index 21, place 5"):
        list(loader)
    assert not loader._worker_pool._workers
    loader._dataset.special = None
    check(loader)  # other processes start
    del loader


def test_slow_process_names_the_sample(no_leaks):
    loader = DataLoader(Numbers(special=9, action=lambda: time.sleep(60)), 8, num_workers=2, batchify_fn=batchify,
                        timeout=0.3)
    with pytest.raises(multiprocessing.TimeoutError, match="timeout=0.3 seconds; .* sample with index 9, place 1"):
        list(loader)
    del loader


def test_generators_of_workers_differ_and_repeat(no_leaks):
    def draws():
        onp.random.seed(3)
        drawn = Numbers(8).transform(lambda *_: (onp.random.rand(), nd.random.uniform(shape=(1,))))
        return [x.asnumpy().ravel().tolist() for batch in DataLoader(drawn, 1, num_workers=2) for x in batch]

    first, second = draws(), draws()
    assert first == second and len({number for numbers in first for number in numbers}) == 16


def test_np_mode_is_that_of_this_process(no_leaks):
    mx.npx.set_np()
    try:
        loader = DataLoader(Numbers().transform(lambda *_: np.zeros(())), 8, num_workers=1)
        batch = next(iter(loader))
        assert type(batch) is np.ndarray and batch.shape == (8,)
    finally:
        mx.npx.reset_np()
    del loader, batch


SCRIPT = """
    import multiprocessing, os, signal, sys, time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background is started without it
    import tracer
    from tracer import nd
    from tracer.gluon.data import DataLoader, Dataset

    class Slow(Dataset):
        def __len__(self):
            return 1000
        def __getitem__(self, idx):
            time.sleep(0.01)
            return nd.full((100, 100), float(idx))

    if __name__ == "__main__":
        multiprocessing.set_start_method(sys.argv[1])
        (nd.ones((50, 50)) + 1).asnumpy()
        loader = DataLoader(Slow(), 4, num_workers=2)
        for i, batch in enumerate(loader):
            assert (batch.asnumpy()[:, 5, 5] == range(4 * i, 4 * i + 4)).all()
            if i == 1:
                print(*[w.process.pid for w in loader._worker_pool._workers], flush=True)
"""


@pytest.mark.sweep(sample=1)
@pytest.mark.tierless
@pytest.mark.parametrize(("method", "end"), [("fork", "interrupt"), ("fork", "kill"), ("spawn", "kill")])
def test_no_process_outlives_a_script(tmp_path, method, end):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    root = str(Path(mx.__file__).parents[1])
    run = subprocess.Popen([sys.executable, str(script), method], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, env={**os.environ, "PYTHONPATH": root}, start_new_session=True)
    workers = [int(word) for word in run.stdout.readline().split()]
    assert len(workers) == 2
    if end == "interrupt":
        os.killpg(run.pid, signal.SIGINT)  # a terminal's Ctrl-C
    elif end == "kill":
        run.kill()
    _, errors = run.communicate(timeout=60)
    assert ("KeyboardInterrupt" in errors) == (end == "interrupt"), errors
    assert run.returncode == {"interrupt": -signal.SIGINT, "kill": -signal.SIGKILL}[end], errors
    deadline = time.monotonic() + 20
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in workers):
        assert time.monotonic() < deadline, "a worker process is left"
        time.sleep(0.05)


@pytest.mark.tierless
def test_an_early_interrupt_reaches_no_worker():
    """Ctrl-C reaches a process before it ignores Ctrl-C, or it has been noted when the process is started."""
    source, to = os.pipe()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background it ignores Ctrl-C
    interrupts.noted = True
    with pytest.raises(KeyboardInterrupt), interrupts.held():
        worker = os.fork()
        if not worker:
            try:
                signal.raise_signal(signal.SIGINT)
                interrupts.ignore()
                signal.raise_signal(signal.SIGINT)
                os.write(to, b"noted" if interrupts.wanted() else b"ignored")
            finally:
                os._exit(0)
        os.waitpid(worker, 0)
        interrupts.forget()
        signal.raise_signal(signal.SIGINT)
        assert os.read(source, 9) == b"ignored"
    signal.signal(signal.SIGINT, before)
    os.close(source)
    os.close(to)

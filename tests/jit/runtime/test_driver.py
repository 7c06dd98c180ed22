"""The native loop that runs a program's steps: order, chunks, threads, forks, caches."""

import ctypes
import gc
import os
import platform
import signal
import subprocess
import sys
import threading
import time
import timeit
import weakref
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from tracer.jit.native import linker, word_intrinsics
from tracer.jit.native.word_compiler import compile_words
from tracer.jit.native.word_intrinsics import add_atomic, as_float, as_word, load_atomic, spin_hint, store_atomic
from tracer.jit.process import forks, interrupts
from tracer.jit.runtime import driver, halting, native_loops, thread_pool
from tracer.jit.runtime.driver import Step, Table

pytestmark = pytest.mark.slow_sample(2)


class _Native:
    """A compiled step function; `address` is its address."""

    def __init__(self, function):
        name = function.__name__
        self.address = linker.link(name, compile_words(function, name))


@_Native
def _log_call(bind, args, lo, hi):
    """Write [lo, hi) into the log at bind[0], in the slot of the call: args[0] + lo // args[1]."""
    at = args[0] + lo // args[1]
    store_atomic(bind[0], 2 * at, lo)
    store_atomic(bind[0], 2 * at + 1, hi)


@_Native
def _partial_sum(bind, args, lo, hi):
    """partial[lo // chunk] = sum of x[lo:hi]; bind: x, partial, total; args: chunk."""
    x = bind[0]
    total = 0.0
    for i in range(lo, hi):
        total += as_float(x[i])
    store_atomic(bind[1], lo // args[0], as_word(total))


@_Native
def _combine(bind, args, lo, hi):
    """total = sum of the partial results; args: their number."""
    partial = bind[1]
    total = 0.0
    for i in range(args[0]):
        total += as_float(partial[i])
    store_atomic(bind[2], 0, as_word(total))


@_Native
def _meet(bind, args, lo, hi):
    """Count this call, and wait until args[0] calls have been counted."""
    add_atomic(bind[0], 0, 1)
    while load_atomic(bind[0], 0) < args[0]:
        spin_hint()


@_Native
def _end_late(bind, args, lo, hi):
    """Wait until word 0 has counted args[0] calls, then write 1 to word args[1] + lo; with a delay if lo > 0."""
    add_atomic(bind[0], 0, 1)
    while load_atomic(bind[0], 0) < args[0]:
        spin_hint()
    for _ in range(lo * 100_000):
        spin_hint()
    store_atomic(bind[0], args[1] + lo, 1)


@_Native
def _copy(bind, args, lo, hi):
    """Copy word args[1] to word args[0]."""
    store_atomic(bind[0], args[0], load_atomic(bind[0], args[1]))


@_Native
def _move(bind, args, lo, hi):
    """Copy word lo of the array at bind[args[0]], or lo itself where that is negative, to that at bind[args[1]]."""
    if args[0] < 0:
        store_atomic(bind[args[1]], lo, lo)
    else:
        store_atomic(bind[args[1]], lo, load_atomic(bind[args[0]], lo))


@_Native
def _append(bind, args, lo, hi):
    """Append (args[0], lo, hi) to the list at bind[0], which starts with the number of its entries."""
    at = 3 * add_atomic(bind[0], 0, 1)
    store_atomic(bind[0], at + 1, args[0])
    store_atomic(bind[0], at + 2, lo)
    store_atomic(bind[0], at + 3, hi)


@_Native
def _log_at(bind, args, lo, hi):
    """Write [lo, hi) into the log at bind[args[0]], at lo // args[1]."""
    at = lo // args[1]
    store_atomic(bind[args[0]], 2 * at, lo)
    store_atomic(bind[args[0]], 2 * at + 1, hi)


@_Native
def _put(bind, args, lo, hi):
    """Write the number args[1] to word args[0] of those at bind[0]."""
    store_atomic(bind[0], args[0], args[1])


@_Native
def _count_slowly(bind, args, lo, hi):
    """Add 1 to the counts lo...hi of the words at bind[args[0]], and spin args[1] times for each."""
    counts = bind[args[0]]
    for i in range(lo, hi):
        spins = 0
        while spins < args[1]:
            spins += 1
            spin_hint()
        add_atomic(counts, i, 1)


class _Sum:
    """A program of two steps: partial sums of `x`, and their sum."""

    def __init__(self, x, chunk):
        self.x, self.partial, self.total = x, np.full(-(-x.size // chunk), np.nan), np.zeros(1)
        self.bind = np.array([a.ctypes.data for a in (x, self.partial, self.total)], np.int64)
        first = Step(_partial_sum.address, [chunk], x.size, chunk)
        self.table = Table([first, Step(_combine.address, [self.partial.size], 1)])

    def __call__(self):
        self.table.run(self.bind.ctypes.data)
        return self.total[0]


@pytest.fixture(autouse=True)
def _threads_restored():
    before = driver.get_threads()
    yield
    driver.set_threads(before)


def _calls(extent, chunk):
    """The [lo, hi) of the calls of a step with this extent and chunk, ordered by their slots."""
    log = np.full((1000, 2), -1)
    bind = np.array([log.ctypes.data], np.int64)
    Table([Step(_log_call.address, [1, max(chunk, 1)], extent, chunk)]).run(bind.ctypes.data)
    assert (log[0] == -1).all()
    return [tuple(row) for row in log[1:].tolist() if row[0] >= 0]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(
    "extent, chunk", [(10, 3), (10, 5), (10, 10), (10, 11), (1, 1), (7, 1), (900, 1), (0, 4)]
)
def test_cut_is_the_same_for_any_number_of_threads(threads, extent, chunk):
    driver.set_threads(threads)
    expected = [(lo, min(lo + chunk, extent)) for lo in range(0, extent, chunk)] or [(0, 0)]
    assert _calls(extent, chunk) == expected


@pytest.mark.parametrize("extent", [0, 1, 12])
def test_unchunked_step_is_one_call(extent):
    assert _calls(extent, 0) == [(0, extent)]


def test_combine_sees_every_partial_result():
    x = np.random.default_rng(0).normal(size=100_003)
    sums = []
    for threads in (1, 2, 7):
        driver.set_threads(threads)
        run = _Sum(x, 1000)
        sums += [run() for _ in range(50)]
    assert len(set(sums)) == 1
    np.testing.assert_allclose(sums[0], x.sum(), rtol=1e-10)


def test_steps_of_a_table_keep_their_order_and_their_own_arguments():
    log = np.zeros((1000, 2), np.int64)
    bind = np.array([log.ctypes.data], np.int64)
    steps = [Step(_log_call.address, [7, 1000], 5), Step(_log_call.address, [7, 1000], 6)]
    Table([*steps, Step(_log_call.address, [8, 1000], 9)]).run(bind.ctypes.data)
    assert log[7:9].tolist() == [[0, 6], [0, 9]]


@pytest.mark.parametrize("chunk", [0, 1])
def test_run_keeps_the_tables_memory_alive(chunk):
    log = np.zeros((1000, 2), np.int64)
    bind = np.array([log.ctypes.data], np.int64)
    table = Table([Step(_log_call.address, [7, 1], 2, chunk)])
    memory, run = [weakref.ref(table._rows), weakref.ref(table._owned[0])], table.run
    del table
    gc.collect()
    assert all(ref() is not None for ref in memory)
    run(bind.ctypes.data)
    assert log[7 + chunk, 1] == 2


def test_several_python_threads_at_once():
    rng = np.random.default_rng(1)
    data = [rng.normal(size=20_000 + i) for i in range(6)]
    wrong = []

    def work(x):
        run = _Sum(x, 500 if x.size % 2 else x.size)
        wrong.extend(x.size for _ in range(200) if abs(run() - x.sum()) > 1e-9)

    threads = [threading.Thread(target=work, args=(x,)) for x in data]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not any(t.is_alive() for t in threads)
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_runs_on_one_thread_until_it_asks_for_more():
    run = _Sum(np.ones(10_000), 100)
    driver.set_threads(2)
    assert run() == 10_000
    child = os.fork()
    if child == 0:
        run.x[:] = 2
        good = driver.get_threads() == 1 and run() == 20_000
        driver.set_threads(3)
        os._exit(0 if good and run() == 20_000 and _Sum(np.ones(10), 2)() == 10 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert run() == 10_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_while_another_thread_launches():
    """The child must not wait for a lock held by a thread that it does not have."""
    run, stop = _Sum(np.ones(100_000), 100), threading.Event()
    busy = threading.Thread(target=lambda: [run() for _ in iter(stop.is_set, True)])
    busy.start()
    mine = _Sum(np.ones(1000), 100)
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                os._exit(0 if mine() == 1000 else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        busy.join(60)


def _workers():
    return [t for t in threading.enumerate() if t.name.startswith("tracer-")]


def test_number_of_threads():
    run = _Sum(np.ones(1000), 10)
    for n in (1, 4, 2):
        assert driver.set_threads(n) == driver.get_threads() == n
        assert run() == 1000
        assert len(_workers()) == n - 1
    if hasattr(os, "sched_getaffinity"):
        assert driver.set_threads() == len(os.sched_getaffinity(0))
    with pytest.raises(ValueError, match="at least 1"):
        driver.set_threads(0)


def _run_in_time(table, words, bind):
    """Run a table whose steps wait until word 0 has counted all of their calls; fail after a time limit."""
    runner = threading.Thread(target=table.run, args=(bind.ctypes.data,), daemon=True)
    runner.start()
    runner.join(30)
    in_time = not runner.is_alive()
    if not in_time:
        words[0] = 1 << 32  # releases waiting calls, so that other tests can use the pool
        runner.join()
    assert in_time


def test_chunks_are_shared_by_the_threads():
    """Two chunks that wait for each other need two threads."""
    driver.set_threads(2)
    meeting = np.zeros(1, np.int64)
    bind = np.array([meeting.ctypes.data], np.int64)
    _run_in_time(Table([Step(_meet.address, [2], 2, 1)]), meeting, bind)
    assert meeting[0] == 2


def test_a_step_begins_when_the_last_chunk_of_the_one_before_has_ended():
    driver.set_threads(2)
    for _ in range(30):
        words = np.zeros(7, np.int64)
        bind = np.array([words.ctypes.data], np.int64)
        first, second = (Step(_end_late.address, [calls, place], 2, 1) for calls, place in ((2, 1), (4, 3)))
        table = Table([first, Step(_copy.address, [5, 2], 1), second, Step(_copy.address, [6, 4], 1)])
        _run_in_time(table, words, bind)
        assert words.tolist() == [4, 1, 1, 1, 1, 1, 1]


def test_workers_sleep_and_are_woken():
    driver.set_threads(2)
    meeting = np.zeros(1, np.int64)
    bind = np.array([meeting.ctypes.data], np.int64)
    table = Table([Step(_meet.address, [2], 2, 1)])
    for _ in range(5):
        meeting[0] = 0
        _run_in_time(table, meeting, bind)
        deadline = time.monotonic() + 30
        while not driver._pool._asleep:
            assert time.monotonic() < deadline
            time.sleep(0.001)


def test_impossible_ranges_are_refused():
    for extent, chunk in [(-1, 0), (1, -1), (thread_pool.CHUNK_LIMIT + 1, 1)]:
        with pytest.raises(ValueError, match="must not be negative, nor the chunks too many"):
            Table([Step(_log_call.address, [], extent, chunk)])


_SCRIPT = """
import warnings
warnings.simplefilter("error")
from tracer.jit.runtime import driver, thread_pool as pool
driver.Table([]).run(0)
kept = pool.ThreadPool(2)  # ended at exit
print("ran")
"""


def _run_with_cache(folder):
    environment = {**os.environ, "TRACER_CACHE": str(folder)}
    command = [sys.executable, "-c", _SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("ran\n", "")


def test_works_with_a_new_a_filled_a_damaged_and_an_impossible_cache(tmp_path):
    _run_with_cache(tmp_path)
    entries = sorted(tmp_path.rglob("*.obj"))
    assert len(entries) == 4  # the table's loop, its call, and a worker's functions
    written = [p.stat().st_mtime_ns for p in entries]
    _run_with_cache(tmp_path)
    assert [p.stat().st_mtime_ns for p in entries] == written
    for entry in entries:
        entry.write_bytes(entry.read_bytes()[:-200])
    _run_with_cache(tmp_path)
    _run_with_cache("/proc/no/such/folder")


def test_dispatch_is_cheap():
    """Measured: 0.3 to 0.8 microseconds; the bound leaves room for a busy machine."""
    log = np.zeros((1000, 2), np.int64)
    bind = np.array([log.ctypes.data], np.int64)
    run, address = Table([Step(_log_call.address, [0, 1], 1)]).run, bind.ctypes.data
    assert min(timeit.repeat(lambda: run(address), number=2000, repeat=20)) / 2000 < 2e-6


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("cuts", [[(10, 3)], [(5, 0), (6, 0)], [(0, 0), (7, 2), (0, 4), (9, 9)], [(100, 1)] * 5])
def test_a_group_makes_the_calls_of_its_steps(threads, cuts):
    driver.set_threads(threads)
    logs = [np.full((1000, 2), -1, np.int64) for _ in cuts]
    bind = np.array([log.ctypes.data for log in logs], np.int64)
    steps = [Step(_log_at.address, [i, max(chunk, 1)], extent, chunk) for i, (extent, chunk) in enumerate(cuts)]
    for _ in range(20):
        for log in logs:
            log[:] = -1
        Table([driver.Group(steps)]).run(bind.ctypes.data)
        for log, (extent, chunk) in zip(logs, cuts):
            size = chunk or max(extent, 1)
            expected = [[lo, min(lo + size, extent)] for lo in range(0, max(extent, 1), size)]
            assert [row for row in log.tolist() if row[0] >= 0] == expected


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_who_takes_a_chunk_of_a_chain_s_first_step_does_it_of_the_others(threads):
    driver.set_threads(threads)
    cuts = [(10, 3), (7, 2), (4, 1)]
    bands = [[[step, i * chunk, min((i + 1) * chunk, extent)] for step, (extent, chunk) in enumerate(cuts)]
             for i in range(4)]
    found = np.zeros(100, np.int64)
    bind = np.array([found.ctypes.data], np.int64)
    chain = driver.Chain([Step(_append.address, [step], *cut) for step, cut in enumerate(cuts)])
    for _ in range(20):
        found[0] = 0
        Table([chain]).run(bind.ctypes.data)
        calls = found[1:1 + 3 * found[0]].reshape(-1, 3).tolist()
        assert len(calls) == 12 and all([call for call in calls if call in band] == band for band in bands)
        if threads == 1:
            assert calls == sum(bands, [])


@pytest.mark.parametrize("threads, bands", [(1, 9), (2, 2), (3, 3), (6, 40)])
def test_each_band_under_way_has_an_area_of_its_own(threads, bands):
    """In the first three all bands are under way at once, or one is; in the last there are fewer areas than threads."""
    driver.set_threads(threads)
    count, found, memory = np.zeros(1, np.int64), np.full(bands, -1), np.zeros(16 * 4, np.int64)
    bind = np.array([count.ctypes.data, 0, found.ctypes.data, memory.ctypes.data], np.int64)
    areas = driver.Areas(3, 128, 4, 4, [(1, 64, 8)])
    together = threads if threads == bands else 0
    steps = [Step(fn.address, args, bands, 1) for fn, args in ((_move, [-1, 1]), (_meet, [together]), (_move, [1, 2]))]
    Table([driver.Chain(steps, areas)]).run(bind.ctypes.data)
    assert found.tolist() == list(range(bands)) and count[0] == bands and bind[1] == 0
    with pytest.raises(ValueError, match="chunks"):
        Table([driver.Chain([steps[0], steps[2]._replace(extent=bands + 1)], areas)])


def test_a_group_stands_between_steps():
    places = np.zeros(1000, np.int64)
    bind = np.array([places.ctypes.data], np.int64)
    driver.set_threads(2)
    first, second, third, last = (Step(_put.address, args, 1) for args in ([0, 1], [1, 2], [2, 3], [0, 4]))
    Table([first, driver.Group([second, third]), last]).run(bind.ctypes.data)
    assert places[:4].tolist() == [4, 2, 3, 0]


# ---- interrupted runs ---------------------------------------------------------------------------------------

@pytest.fixture
def noting():
    """Only record SIGINT, anywhere, as during a call of tracer."""
    before = signal.signal(signal.SIGINT, lambda *_: interrupts.note())
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def _interrupted_once(begun):
    """Send SIGINT once `begun()` holds, unless the block is left before."""
    over = threading.Event()

    def wait():
        while not over.wait(0.001):
            if begun():
                signal.raise_signal(signal.SIGINT)
                break

    waiting = threading.Thread(target=wait)
    waiting.start()
    try:
        yield
    finally:
        over.set()
        waiting.join()
        interrupts.forget()


def _done(counts):
    return sum(np.count_nonzero(c) for c in counts)


def _spins(seconds):
    """The number of spins of `_count_slowly` that take at least so long: by the fastest of some runs."""
    counts, bind = np.zeros(1, np.int64), np.zeros(1, np.int64)
    bind[0] = counts.ctypes.data
    table = Table([Step(_count_slowly.address, [0, 100_000], 1)])
    times = []
    for _ in range(5):
        start = time.perf_counter()
        table.run(bind.ctypes.data)
        times.append(time.perf_counter() - start)
    return int(100_000 * seconds / min(times))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("cuts", [[(60, 1), (7, 0), (33, 4)], [(1, 0), (100, 9)], [(90, 1)], [(8, 0)] * 9 + [(2, 1)]])
def test_a_run_is_left_and_taken_up(threads, cuts, noting):
    """However often the run is interrupted, each chunk runs once, in the order of the steps."""
    driver.set_threads(threads)
    counts = [np.zeros(extent, np.int64) for extent, _ in cuts]
    bind = np.array([c.ctypes.data for c in counts], np.int64)
    spins = _spins(1 / sum(extent for extent, _ in cuts))
    run = Table([Step(_count_slowly.address, [i, spins], *cut) for i, cut in enumerate(cuts)]).run
    again, left = partial(run, bind.ctypes.data), 0
    while again is not None:
        before = _done(counts)
        with _interrupted_once(lambda before=before: _done(counts) > before):
            try:
                again()
                again = None
            except interrupts.Paused as pause:
                left += 1
                assert pause.interrupted and not interrupts.noted
                again = pause.go_on
                begun = [c.any() for c in counts]
                assert begun == sorted(begun, reverse=True)
                assert all(c.all() for c, more in zip(counts, begun[1:]) if more)
    assert left >= 1
    assert all((c == 1).all() for c in counts)


@pytest.mark.parametrize("machine", ["x86_64", "another"])
def test_the_time_is_looked_at_before_anything_is_asked(machine, monkeypatch):
    """By the processor's time stamps or a clock: a fork request is seen after about a tenth of a second."""
    monkeypatch.setattr(word_intrinsics.platform, "machine", lambda: machine)
    if machine == "x86_64" and platform.machine() not in (machine, "AMD64"):
        pytest.skip("another processor's instruction")
    ask = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(
        linker.link(f"ask_{machine}", compile_words(native_loops.ask, f"ask_{machine}")))
    words, address = halting.new_watch()
    start = time.perf_counter()
    ask(address, 0)
    forks.asked.value = 1
    try:
        while not words[halting.HALTED] and time.perf_counter() - start < 10:
            ask(address, 0)
        assert 0.02 < time.perf_counter() - start < 1
    finally:
        forks.asked.value = 0


def test_a_run_in_another_thread_is_not_interrupted():
    counts = np.zeros(50, np.int64)
    bind = np.array([counts.ctypes.data], np.int64)
    table = Table([Step(_count_slowly.address, [0, _spins(0.01)], 50, 1)])
    runner = threading.Thread(target=table.run, args=(bind.ctypes.data,))
    interrupts.note()
    try:
        runner.start()
        runner.join(60)
    finally:
        interrupts.forget()
    assert (counts == 1).all()

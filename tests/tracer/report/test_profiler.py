"""Profiling: steps measured one by one, `explain()`'s list of them, and `mx.profiler`."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import numpy as onp
import pytest
from graphs import jit_mode

import tracer
from tracer import autograd, nd, np, npx, profiler
from tracer.base import MXNetError
from tracer.jit.report import timing

pytestmark = pytest.mark.slow_sample(2)


@pytest.fixture
def measured():
    """Measure steps, starting from an empty list."""
    timing.ENTRIES.clear()
    tracer.time_kernels()
    yield timing.ENTRIES
    tracer.time_kernels(False)


@pytest.fixture
def recorded(tmp_path):
    """Run the profiler; the fixture's value is a function that stops it and returns the events written."""
    file = tmp_path / "profile.json"
    profiler.set_config(filename=str(file), profile_all=True, aggregate_stats=True, continuous_dump=False)
    profiler.dumps(reset=True)
    profiler.set_state("run")

    def events():
        profiler.set_state("stop")
        profiler.dump()
        return json.loads(file.read_text())["traceEvents"]

    yield events
    profiler.set_state("stop")
    profiler.dump()


def network() -> list[onp.ndarray]:
    """Values and gradients of a program with kernels, products, gathers, chunked reductions, and NumPy steps."""
    draw = onp.random.RandomState(3)
    x, w, table = (np.array(draw.randn(*s), dtype="float32") for s in ((700, 300), (300, 40), (50, 300)))
    rows = np.array(draw.randint(0, 50, 700))
    for variable in (x, w, table):
        variable.attach_grad()
    with autograd.record():
        hidden = np.tanh(np.dot(x + table[rows], w))
        loss = (npx.softmax(hidden) * np.sort(hidden, axis=1)).sum() + hidden.mean(axis=0).max()
    loss.backward()
    return [v.asnumpy() for v in (loss, hidden, x.grad, w.grad, table.grad)]


def test_results_are_the_same_bit_for_bit_while_steps_are_measured():
    plain = network()
    assert not timing.on
    tracer.time_kernels()
    try:
        assert timing.on
        timed = network()
    finally:
        tracer.time_kernels(False)
    for a, b in zip(plain, timed, strict=True):
        onp.testing.assert_array_equal(a, b)


@pytest.mark.tierless
def test_each_kind_of_step_has_a_name_a_line_and_its_bytes(measured):
    with jit_mode("always"):
        x, table = np.ones((64, 32)), np.ones((10, 32))
        rows = np.array([1, 2, 3], dtype="int32")
        np.dot(x, table.T).asnumpy()
        np.sort(np.tanh(x), axis=0).asnumpy()
        table[rows].asnumpy()
    by_name = {e.name: e for e in measured.values()}
    product = by_name["matmul 64x32x10"]
    assert (product.runs, product.read, product.written) == (1, 4 * (64 * 32 + 10 * 32), 4 * 64 * 10)
    assert product.total > 0 and product.place[0] == __file__
    kernel = next(e for name, e in by_name.items() if name.startswith("tanh (k_"))
    assert kernel.read == kernel.written == 4 * 64 * 32 and kernel.place[1] == product.place[1] + 1
    gather = next(e for name, e in by_name.items() if name.startswith("gather "))
    assert gather.written == 4 * 3 * 32 and gather.read == gather.written + 3 * 8  # rows; indices are int64
    assert any(name.startswith("NumPy argsort") for name in by_name)


@pytest.mark.tierless
def test_the_interpreters_steps_are_measured_too(measured):
    with jit_mode("never"):
        np.tanh(np.ones((4, 5))).asnumpy()
    entry = next(e for e in measured.values() if e.name == "NumPy tanh f32[4,5]")
    assert (entry.runs, entry.read, entry.written) == (1, 80, 80)


@pytest.mark.tierless
@pytest.mark.parametrize("mode", ["always", "never"])
def test_what_fails_fails_alike_and_the_next_run_is_right(measured, mode):
    with jit_mode(mode):
        table = np.arange(12).reshape(4, 3)
        for _ in range(2):
            with pytest.raises(MXNetError, match="out of bounds"):
                table[np.array([0, 3], dtype="int64") * 3].asnumpy()
        onp.testing.assert_array_equal(table[np.array([0, 3], dtype="int64")].asnumpy(), [[0, 1, 2], [9, 10, 11]])
        with pytest.raises(MXNetError, match="inv"):
            np.linalg.inv(np.zeros((2, 2))).asnumpy()


@pytest.mark.tierless
def test_an_update_in_place_is_measured_in_place(measured):
    with jit_mode("always"):
        w = np.ones(1000)
        w.asnumpy()
        for _ in range(3):
            w -= 0.25
            npx.waitall()
    onp.testing.assert_array_equal(w.asnumpy(), onp.full(1000, 0.25, "float32"))
    assert sum(e.runs for e in measured.values() if "subtract" in e.name) == 3


@pytest.mark.tierless
def test_explain_lists_the_steps_and_gives_their_sources(measured):
    with jit_mode("always"):
        (np.ones(100) * 3 + np.arange(100)).sum().asnumpy()
    report = tracer.explain()
    line = next(s for s in report.splitlines() if "(k_" in s)
    name = line[line.index("(k_") + 1:line.index(")")]
    source = tracer.kernel_source(name)
    assert source.startswith(f"def {name}") and compile(source, name, "exec")
    assert f"at {os.path.basename(__file__)}:" in line
    for unknown in ("k_zz", "k_", "kernel"):
        with pytest.raises(KeyError, match="kernels of this process"):
            tracer.kernel_source(unknown)


@pytest.mark.tierless
def test_sources_need_no_cache_on_disk(tmp_path):
    code = ("import tracer\ntracer.time_kernels()\ntracer.np.arange(8.0).tanh().asnumpy()\nr = tracer.explain()\n"
            "print(tracer.kernel_source(r[r.index('k_'):][:10]))")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
                          env=os.environ | {"TRACER_JIT": "always", "TRACER_CACHE": ""})
    assert done.stdout.startswith("def k_") and "tanh" in done.stdout, done.stderr


@pytest.mark.tierless
def test_report_measures(tmp_path):
    code = "import mxnet as mx; print(mx.np.ones(2) + 1)"
    done = subprocess.run([sys.executable, "-m", "tracer", "--report", "-c", code], cwd=tmp_path, capture_output=True,
                          text=True)
    assert "steps by time" in done.stderr and "add" in done.stderr


# ---- mx.profiler ---------------------------------------------------------------------------------

def slices(events, category):
    return [e for e in events if e["ph"] == "X" and e["cat"] == category]


def inside(part, whole):
    return (whole["ts"] <= part["ts"] and part["ts"] + part["dur"] <= whole["ts"] + whole["dur"]
            and part["tid"] == whole["tid"])


def test_the_trace_has_chromes_fields_and_steps_lie_in_their_program(recorded):
    network()
    events = recorded()
    assert all({"ph", "pid", "name"} <= e.keys() for e in events)
    assert all({"ts", "tid", "cat"} <= e.keys() for e in events if e["ph"] != "M")
    assert {e["pid"] for e in events} == {os.getpid()}
    runs, steps = slices(events, "sync"), slices(events, "operator")
    assert runs and steps and all(e["dur"] >= 0 for e in runs + steps)
    for step in steps:
        assert sum(inside(step, run) for run in runs) == 1, step
    runs.sort(key=lambda e: e["ts"])
    assert all(a["ts"] + a["dur"] <= b["ts"] for a, b in zip(runs, runs[1:], strict=False))
    assert all(f" at {os.path.basename(__file__)}:" in run["name"] for run in runs)
    assert all(e["args"]["bytes"] > 0 for e in events if e["ph"] == "C")


@pytest.mark.tierless
def test_planning_and_compiling_are_slices(tmp_path):
    code = ("from tracer import np, profiler\nprofiler.set_config(filename='t.json')\nprofiler.set_state('run')\n"
            "np.ones(8).tanh().asnumpy()\n")  # written at process exit
    for category in ("compile", "load"):
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True,
                       env=os.environ | {"TRACER_JIT": "always", "TRACER_CACHE": str(tmp_path / "cache")})
        events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
        (plan,), (run,) = slices(events, "plan"), slices(events, "sync")
        found = slices(events, category)
        assert found and all(inside(e, plan) for e in found) and inside(plan, run)


def test_a_backward_pass_over_a_cut_is_a_slice_of_its_own(recorded):
    x = np.ones(3)
    x.attach_grad()
    with autograd.record():
        y = x * 2
        if float(y.sum()) > 0:
            y = y * y
    y.backward()
    x.grad.asnumpy()
    names = [e["name"].partition(" at ")[0] for e in slices(recorded(), "sync")]
    assert "float" in names and "backward" in names


def test_totals(recorded):
    for _ in range(3):
        (nd.ones((5, 5)) + 1).asnumpy()
    totals = json.loads(profiler.dumps(format="json"))
    assert totals["Unit"] == {"Time": "ms", "Memory": "kB"}
    (row,) = (row for name, row in totals["Time"]["sync"].items() if name.startswith("asnumpy"))
    assert row["Count"] == 3 and row["Min"] <= row["Avg"] <= row["Max"] <= row["Total"]
    assert totals["Memory"]["Device Storage"]["Memory: cpu/0"]["Count"] == 3
    table = profiler.dumps(reset=True)
    assert "Profile Statistics" in table and "Total Count        Time (ms)" in table and "asnumpy at" in table
    assert json.loads(profiler.dumps(format="json"))["Time"] == {}


@pytest.mark.tierless
def test_totals_in_order(recorded):
    domain = profiler.Domain("order")
    for name, count in (("a", 2), ("b", 3), ("c", 1)):
        for _ in range(count):
            domain.new_counter(name, count)
    for ascending, names in ((False, ["b", "a", "c"]), (True, ["c", "a", "b"])):
        for by in ("total", "count", "avg", "min", "max"):
            found = json.loads(profiler.dumps(format="json", sort_by=by, ascending=ascending))["Counter"]["order"]
            assert list(found) == names


@pytest.mark.tierless
def test_a_scripts_own_marks(recorded):
    domain = profiler.Domain("mine")
    task, frame, event = domain.new_task("task"), domain.new_frame("frame"), profiler.Event("event")
    counter, marker = domain.new_counter("count", 5), domain.new_marker("here")
    assert [str(o) for o in (domain, task, frame, event, counter, marker)] == [
        "mine", "task", "frame", "event", "count", "here"]
    for thing in (task, frame, event):
        thing.stop()  # never started: no effect
        thing.start()
    counter += 3
    counter -= 1
    counter.increment(2.9)
    counter.decrement()
    marker.mark()
    marker.mark("thread")
    for thing in (event, task, frame, frame):
        thing.stop()
    events = [e for e in recorded() if e["ph"] != "M"]
    assert [e["args"]["count"] for e in events if e["ph"] == "C"] == [5, 8, 7, 9, 8]
    assert [(e["name"], e["cat"], e["s"]) for e in events if e["ph"] == "i"] == [
        ("here", "mine,instant_marker", "p"), ("here", "mine,instant_marker", "t")]
    begun = {(e["id"], e["name"], e["cat"]): e["ts"] for e in events if e["ph"] == "b"}
    ended = {(e["id"], e["name"], e["cat"]): e["ts"] for e in events if e["ph"] == "e"}
    assert begun.keys() == ended.keys() and all(begun[k] <= ended[k] for k in begun)
    assert [k[1:] for k in begun] == [("event", "event"), ("task", "mine"), ("frame", "mine,frame")]


def test_nothing_is_recorded_while_it_pauses_or_after_the_last_dump(recorded):
    profiler.pause()
    assert not timing.on
    np.ones(3).asnumpy()
    profiler.Domain("d").new_marker("unseen").mark()
    profiler.resume()
    assert timing.on
    with profiler.scope("part"):
        np.zeros(3).asnumpy()
    events = recorded()
    (run,) = slices(events, "sync")
    assert run["args"]["scope"] == "part:" and not any(e["name"] == "unseen" for e in events)
    assert not timing.on and not timing.LISTENERS


@pytest.mark.tierless
def test_a_trace_grows_and_can_be_read_at_any_time(tmp_path):
    file = tmp_path / "grows.json"
    profiler.set_config(filename=str(file), continuous_dump=True, dump_period=1e-9)
    profiler.set_state("run")
    for count in (1, 2, 3):
        np.ones(count).asnumpy()
        assert len(slices(json.loads(file.read_text())["traceEvents"], "sync")) == count
    profiler.dump(finished=False)
    np.ones(4).asnumpy()
    profiler.dump()
    assert len(slices(json.loads(file.read_text())["traceEvents"], "sync")) == 4
    np.ones(5).asnumpy()
    profiler.dump()
    assert len(slices(json.loads(file.read_text())["traceEvents"], "sync")) == 4
    profiler.set_state("stop")


def test_threads_have_their_own_rows(recorded):
    thread = threading.Thread(target=lambda: np.ones(3).asnumpy(), name="another")
    np.ones(3).asnumpy()
    thread.start()
    thread.join()
    events = recorded()
    names = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    assert {names[e["tid"]] for e in slices(events, "sync")} == {threading.current_thread().name, "another"}


@pytest.mark.tierless
@pytest.mark.parametrize("call, error", [
    (lambda: profiler.set_config(depth=1), MXNetError),
    (lambda: profiler.set_config(profile_all="maybe"), MXNetError),
    (lambda: profiler.set_config(profile_all=2), MXNetError),
    (lambda: profiler.set_config(dump_period="x"), MXNetError),
    (lambda: profiler.set_config(dump_period=-1), MXNetError),
    (lambda: profiler.set_config(profile_process="server"), MXNetError),
    (lambda: profiler.set_config(profile_process="other"), MXNetError),
    (lambda: profiler.set_config(True), TypeError),
    (lambda: profiler.set_state("go"), KeyError),
    (lambda: profiler.set_state("run", "other"), KeyError),
    (lambda: profiler.set_state("run", "server"), MXNetError),
    (lambda: profiler.pause("server"), MXNetError),
    (lambda: profiler.dump(profile_process="x"), KeyError),
    (lambda: profiler.dumps(format="xml"), AssertionError),
    (lambda: profiler.dumps(sort_by="name"), AssertionError),
    (lambda: profiler.dumps(reset=3), AssertionError),
    (lambda: profiler.dumps(ascending=None), AssertionError),
    (lambda: profiler.Domain("d").new_marker("m").mark("here"), MXNetError),
    (lambda: profiler.Domain("d").new_counter("c", "five"), ValueError),
    (lambda: profiler.Task(None, "t"), AttributeError),
])
def test_errors_are_mxnets(call, error):
    with pytest.raises(error):
        call()
    assert not timing.on


@pytest.mark.tierless
def test_the_old_names_warn(tmp_path):
    with pytest.warns(UserWarning, match="set_config"):
        profiler.profiler_set_config("all", str(tmp_path / "old.json"))
    with pytest.warns(UserWarning, match="set_state"):
        profiler.profiler_set_state("run")
    np.ones(2).asnumpy()
    with pytest.warns(UserWarning, match="dump"):
        profiler.dump_profile()
    assert slices(json.loads((tmp_path / "old.json").read_text())["traceEvents"], "sync")
    assert profiler.dumps() == ""  # without aggregate_stats
    with pytest.raises(MXNetError, match="profile_some"), pytest.warns(UserWarning):
        profiler.profiler_set_config("some")
    profiler.set_state("stop")


@pytest.mark.tierless
def test_a_file_that_cannot_be_written_is_an_error_only_where_it_was_asked_for(tmp_path):
    profiler.set_config(filename=str(tmp_path / "absent" / "x.json"), dump_period=1e-9)
    profiler.set_state("run")
    with pytest.warns(UserWarning, match="not written"):
        assert np.ones(2).sum().item() == 2
    with pytest.raises(OSError):
        profiler.dump()
    profiler.set_config(filename=str(tmp_path / "x.json"))
    profiler.dump()
    profiler.set_state("stop")
    assert slices(json.loads((tmp_path / "x.json").read_text())["traceEvents"], "sync")


@pytest.mark.tierless
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_leaves_the_trace_to_its_parent(recorded):
    np.ones(2).asnumpy()
    child = os.fork()
    if child == 0:
        os._exit(0 if not timing.on and np.ones(3).sum().item() == 3 and not profiler.RECORDER.events else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert {e["pid"] for e in recorded()} == {os.getpid()}


@pytest.mark.tierless
@pytest.mark.parametrize("spelling", [
    "from mxnet import profiler", "import mxnet.profiler; profiler = mxnet.profiler",
    "import mxnet as mx; profiler = mx.profiler", "import mxnet.profiler as profiler"])
def test_it_is_mxnets_module(spelling, tmp_path):
    code = f"import tracer\ntracer.install_as_mxnet()\n{spelling}\nassert profiler is tracer.profiler"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and not list(tmp_path.iterdir()), done.stderr

"""bench/: a quick run of tracer and NumPy, the refusal of wrong results, the JSON file, the tables."""
from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest
from places import ROOT

from bench import campaign, check, limits, machine, pipe, progress, report, workloads

pytestmark = [pytest.mark.tierless, pytest.mark.xdist_group("bench")]


CASES = [(name, case) for name in workloads.names() for case in workloads.load(name).CASES]
LIMITS = {"copy": [[1e4, 1e10], [1e8, 1e9]], "matmul": 1e11}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[dict, str, Path]:
    """The JSON results and the output of one quick run, and its folder."""
    out = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "-m", "bench", "--quick", "--only", "tiny,chain-2^10", "--peers", "tracer,numpy",
               "--out", str(out)]
    given = {**os.environ, "TRACER_JIT": "auto", "OPENBLAS_VERBOSE": "0", "OMP_NUM_THREADS": "7"}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True,
                          timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((out / "results.json").read_text()), done.stdout, out


def test_a_run_times_what_is_right(run):
    found, _, _ = run
    assert found["state"] == "complete"
    assert found["schema"] == report.SCHEMA and found["quick"] and found["threads"] == machine.cores()
    assert list(found["engines"]) == ["tracer", "numpy"] and not found["missing"]
    for facts in found["engines"].values():
        assert facts["environment"] == found["environment"] and facts["processors"] == found["threads"]
    assert [row["name"] for row in found["cases"]] == ["chain-2^10", "tiny"]
    for row in found["cases"]:
        assert row["complete"] and row["rounds"] == 2
        assert row["limit_us"] > 0 and row["bytes"] > 0 and row["by_hand"] and row["best_peer"] is None
        for facts in row["results"].values():
            assert facts["status"] == "ok" and facts["error"] <= row["tolerance"]
            assert 0 < facts["least_us"] <= facts["low_us"] <= facts["median_us"] <= facts["high_us"]
            assert facts["samples"] >= 4 and facts["first_cold_ms"] > 0 and len(facts["calls_cold_ms"]) == 5
            assert facts["peak_mb"] >= facts["rss_mb"] > 0 and facts["dispatch_us"] > 0
        ours = row["results"]["tracer"]
        assert row["results"]["numpy"]["from_tracer"] <= 2 * row["tolerance"]
        assert ours["first_disk_ms"] > 0 and "first_disk_ms" not in row["results"]["numpy"]


def test_the_second_process_compiles_nothing(run):
    for row in run[0]["cases"]:
        ours = row["results"]["tracer"]
        assert ours["counters_cold"]["kernels_compiled"] > 0, row["name"]
        assert ours["counters_disk"]["kernels_compiled"] == 0, row["name"]


def test_limits_are_measured(run):
    measured = run[0]["limits"]
    assert measured["matmul"] > 1e9
    assert len(measured["copy"]) >= 5 and all(rate > 1e8 for _, rate in measured["copy"])


def test_the_tables_are_printed_and_written(run):
    found, printed, out = run
    text = (out / "results.md").read_text()
    assert text in printed and text == report.render(found) and "not complete" not in text
    assert "| tiny " in text and "GFLOP/s" in text


def test_the_environment_is_printed_first_and_written(run):
    found, printed, _ = run
    count = str(machine.cores())
    assert found["environment"].items() >= {
        "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count, "MKL_NUM_THREADS": count, "TRACER_JIT": "auto",
        "OPENBLAS_VERBOSE": "0"}.items()
    line = f"Environment of every engine: {report.assignments(found['environment'])}."
    assert printed.startswith(line) and printed.count(line) == 2 and f"OMP_NUM_THREADS={count} " in line


def test_another_environment_is_reported():
    ours = {"OMP_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "HASWELL"}
    found = {"environment": ours, "threads": 2, "engines": {
        "tracer": {"environment": ours, "processors": 2}, "tracer-before": {},
        "mxnet": {"environment": {"OMP_NUM_THREADS": "1", "KMP_BLOCKTIME": "0"}, "processors": 1}}}
    assert report._others(found) == [
        "**mxnet ran with KMP_BLOCKTIME=0 OMP_NUM_THREADS=1 OPENBLAS_CORETYPE= processors=1 instead.**"]


def test_the_picture(run):
    pytest.importorskip("matplotlib")
    from bench import plot
    plot.draw(run[0], run[2] / "again.png")
    assert (run[2] / "again.png").read_bytes().startswith(b"\x89PNG")


def _racer(monkeypatch, results):
    """An entrant whose worker answers `results`."""
    plan = campaign.Plan(["numpy"], {}, 1)
    entrant = campaign.Entrant("numpy", "tiny", "tiny", plan, Path("."))
    answer = {"seconds": [1e-3] * 5, "counters": {}}
    monkeypatch.setattr(entrant, "_start", lambda: (answer, results))
    return entrant


def test_a_wrong_result_is_refused(monkeypatch):
    reference = [numpy.array([1.0, 2.0])]
    right = _racer(monkeypatch, [numpy.float32([1, 2.00001])])
    right.first(reference, 1e-4)
    assert 0 < right.facts["error"] < 1e-4
    wrong = _racer(monkeypatch, [numpy.float32([1, 2.1])])
    with pytest.raises(campaign.Failed) as refused:
        wrong.first(reference, 1e-4)
    assert refused.value.args[0] == "wrong" and "1e-04 allowed" in refused.value.args[1]


def test_who_is_wrong_gets_no_turn(monkeypatch):
    entrant = _racer(monkeypatch, [numpy.float32([1, 2.1])])
    for forbidden in ("warm", "turn", "finish"):
        monkeypatch.setattr(entrant, forbidden, lambda *_: pytest.fail("was timed"))
    row = {"name": "tiny", "tolerance": 1e-4, "rounds": 0}
    with open(os.devnull, "w") as nowhere:
        bar = progress.Progress(1, nowhere)
        campaign._race([entrant], row, 2, [numpy.array([1.0, 2.0])], lambda: None, bar)
    assert entrant.facts["status"] == "wrong" and "median_us" not in entrant.facts


@pytest.mark.parametrize("result, reference, expected", [
    ([1, 2], [1, 2], 0.0), ([1, 2.5], [1, 2], 0.25), ([numpy.nan], [1], numpy.inf), ([1], [numpy.nan], numpy.inf),
    ([numpy.nan, 1], [numpy.nan, 1], 0.0), ([numpy.inf], [numpy.inf], 0.0), ([numpy.inf], [-numpy.inf], numpy.inf),
    ([1, 2], [1, 2, 3], numpy.inf), ([[1, 2]], [1, 2], numpy.inf), ([[3]], 3, 0.0), ([0], [0], 0.0),
    ([1e-9], [0], numpy.inf),
])
def test_distance(result, reference, expected):
    assert check.distance(numpy.array(result, float), numpy.array(reference, float)) == expected


def test_a_missing_result_is_no_match():
    assert check.farthest([numpy.zeros(1)], [numpy.zeros(1)] * 2) == numpy.inf


def _row(**medians: float | None) -> dict:
    """A row of the report; None means that the engine failed."""
    results: dict = {}
    for engine, us in medians.items():
        results[engine] = {
            "status": "ok", "median_us": us, "low_us": us * 0.9, "high_us": us * 1.1, "least_us": us * 0.8,
            "first_cold_ms": 1.5,
            "calls_cold_ms": [1.5] * 5, "peak_mb": 200.0, "rss_mb": 150.0, "dispatch_us": 3.0,
        } if us else {"status": "failed", "reason": "ValueError: no"}
    return {"name": "case", "workload": "w", "parameters": {"ops": 10}, "by_hand": True, "bytes": 1e4,
            "flops": 0.0, "rounds": 2, "complete": True, "results": results}


def test_tables():
    row = _row(**{"tracer": 10.0, "tracer-hybrid": 5.0, "numpy": 1.0, "torch": 25.0, "jax": None})
    found = {"state": "complete", "when": "now", "threads": 2, "environment": {},
             "machine": {"processor": "P", "cores": 2, "system": "S", "python": "3"},
             "limits": dict(LIMITS), "engines": {name: {"version": "1"} for name in row["results"]},
             "missing": {"pytensor": {"missing": "ImportError: it"}}, "cases": [row]}
    limits.mark(found)
    lines = report.render(found).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| case ")]
    assert cells[0][:6] == ["case", "10.0 ±10%", "5.00 ±10%", "(1.00 ±10%)", "25.0 ±10%", "failed"]
    assert cells[0][6:] == ["torch", "2.50", "5.00", "–", "0.800", "numpy, case", "8.0%"]
    assert cells[1][:3] == ["case", "1.50", "1.50"]
    assert cells[2][1] == "200 (+50)"
    assert cells[3][1] == "0.300 / 745 / 1.00"
    assert "- pytensor took no part: ImportError: it" in lines
    assert "- case, jax: failed: ValueError: no" in lines
    assert any("ahead of its best peer in 1 of 1 cases; geometric mean 2.50" in line for line in lines)
    assert any("tracer-hybrid is ahead of its best peer in 1 of 1 cases; geometric mean 5.00" in line for line in lines)


def test_the_recorders_are_compared_and_tracer_is_no_peer_of_itself():
    row = _row(**{"tracer": 10.0, "tracer-python": 13.0, "numpy": 1.0})
    assert report.best_peer(row) is None
    found = {"state": "complete", "when": "now", "threads": 2, "environment": {},
             "machine": {"processor": "P", "cores": 2, "system": "S", "python": "3"},
             "limits": dict(LIMITS), "engines": {name: {"version": "1"} for name in row["results"]},
             "missing": {}, "cases": [row]}
    limits.mark(found)
    lines = report.render(found).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("| recorded in Python over compiled"))
    assert [cell.strip() for cell in lines[at + 2].split("|")[1:-1]] == ["case", "1.300"]


def test_what_an_ended_campaign_lacks_is_said():
    cut, later = _row(tracer=10.0), {**_row(numpy=None), "name": "later", "rounds": 0}
    cut["complete"] = later["complete"] = False
    del cut["results"]["tracer"]["peak_mb"], cut["results"]["tracer"]["dispatch_us"]
    later["results"]["numpy"] = {"status": "unfinished", "reason": "not timed yet"}
    found = {"state": "ended by SIGTERM", "when": "now", "threads": 2, "limits": dict(LIMITS), "environment": {},
             "machine": {"processor": "P", "cores": 2, "system": "S", "python": "3"},
             "planned": {"cases": ["case", "later", "never"], "engines": ["tracer", "jax"], "rounds": 7},
             "engines": {"tracer": {"version": "1"}}, "missing": {}, "cases": [cut, later]}
    limits.mark(found)
    lines = report.render(found).splitlines()
    at = lines.index("**This campaign is not complete: ended by SIGTERM.**")
    assert lines[at + 2:at + 6] == ["- case: 2 of 7 rounds", "- later: 0 of 7 rounds", "- cases not begun: never",
                                    "- engines not asked: jax"]
    assert "- later, numpy: unfinished: not timed yet" in lines
    assert len([line for line in lines if line.startswith("| case ") and "unfinished" in line]) == 2


def _campaign(out: Path, change: str) -> subprocess.Popen:
    """A benchmark campaign of NumPy alone that takes an hour and probes no limits; `change` is a line run before it."""
    code = f"""import bench.__main__ as main, sys
main._probes = lambda plan: {LIMITS!r}
{change}
options = "--quick --rounds 99999 --peers numpy --only tiny,chain-2^10 --out"
sys.exit(main.main([*options.split(), {str(out)!r}]))
"""
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "TMPDIR": str(out)},
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_campaign_that_is_ended_keeps_its_rounds(tmp_path, number):
    process = _campaign(tmp_path, "")
    found, end = {}, time.monotonic() + 60
    while time.monotonic() < end and not any(row["rounds"] > 2 for row in found.get("cases", [])):
        time.sleep(0.05)
        if (tmp_path / "results.json").exists():
            found = json.loads((tmp_path / "results.json").read_text())
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(number)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    found, text = json.loads((tmp_path / "results.json").read_text()), (tmp_path / "results.md").read_text()
    state = "still running, or killed" if number == signal.SIGKILL else f"ended by {number.name}"
    (row,) = found["cases"]
    assert found["state"] == state and row["name"] == "chain-2^10" and not row["complete"]
    assert row["results"]["numpy"]["status"] == "ok" and row["results"]["numpy"]["samples"] >= 2 * row["rounds"] > 4
    assert f"**This campaign is not complete: {state}.**" in text and "- cases not begun: tiny" in text
    written = row["rounds"], row["rounds"] - (number == signal.SIGKILL)  # results.md is written after results.json
    assert any(f"- chain-2^10: {rounds} of 99999 rounds" in text for rounds in written) and "| chain-2^10 | (" in text
    assert (text in printed) == (number != signal.SIGKILL)
    assert workers
    while any(Path("/proc", worker, "exe").exists() for worker in workers):
        assert time.monotonic() < end + 60, "its workers live on"
        time.sleep(0.05)


def test_a_campaign_that_breaks_says_by_what(tmp_path):
    process = _campaign(tmp_path, "main.workloads.load('chain').inputs = None")
    printed, _ = process.communicate(timeout=60)
    found = json.loads((tmp_path / "results.json").read_text())
    assert process.returncode == 1 and found["state"].startswith("ended by TypeError: ") and not found["cases"]
    assert list(found["engines"]) == ["numpy"] and "- cases not begun: chain-2^10, tiny" in printed


def test_an_earlier_commit_is_no_peer_and_gets_a_table_of_its_own():
    rows = [_row(**{"tracer": now, "tracer-before": 10.0, "tracer-before-again": 9.5, "torch": 25.0})
            for now in (10.5, 10.6, 5.0)]
    assert [report.best_peer(row) for row in rows] == ["torch"] * 3
    lines = report._changes({"cases": rows}).splitlines()
    assert [[cell.strip() for cell in line.split("|")[2:-1]] for line in lines[2:]] == [
        ["1.050", "1.053", ""], ["1.060", "1.053", "slower"], ["0.500", "1.053", ""]]
    assert report._changes({"cases": [_row(tracer=1.0)]}) == ""


def test_an_earlier_commit_runs_in_its_own_checkout(tmp_path):
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "worker.py").write_text("import os, sys; sys.exit(f'{sys.argv[1]} in {os.getcwd()}')")
    process = campaign.Process("tracer-before", campaign.Plan([], {}, 1, tmp_path), tmp_path)
    with pytest.raises(campaign.Failed, match=f"tracer in {tmp_path}"):
        process.ask("load")
    process.close()


def test_the_limit_is_the_slower_of_moving_and_multiplying():
    assert limits.limit(LIMITS, 1e4, 0) == pytest.approx(1e-6)
    assert limits.limit(LIMITS, 1e10, 0) == pytest.approx(10)
    assert limits.limit(LIMITS, 1e6, 0) == pytest.approx(1e6 / 10 ** 9.5)
    assert limits.limit(LIMITS, 1e4, 1e11) == pytest.approx(1)


def test_nobody_is_faster_than_the_limit():
    products, copies = _row(tracer=10.0, torch=25.0, jax=None), _row(tracer=10.0, torch=0.5)
    products.update(name="products", flops=3.2e6)
    found = {"limits": dict(LIMITS), "cases": [products, copies, {**products, "flops": 1.0, "results": {}}]}
    limits.mark(found)
    assert found["limits"]["best_matmul"] == {"rate": pytest.approx(4e11), "of": "tracer, products"}
    assert [(row["limit_us"], row["limit_of"]) for row in found["cases"]] == [
        (pytest.approx(8), "tracer, products"), (pytest.approx(0.4), "torch, case"), (pytest.approx(1), "copy probe")]
    found["limits"]["matmul"] = 1e12
    limits.mark(found)
    assert found["limits"]["best_matmul"] == {"rate": 1e12, "of": "product probe"}
    assert products["limit_us"] == pytest.approx(3.2) and products["limit_of"] == "product probe"


def test_messages_survive_the_pipe():
    read, write = os.pipe()
    ends = pipe.Pipe(read, write)
    sent = [numpy.arange(6, dtype="float32").reshape(2, 3), numpy.array(7), numpy.zeros((0, 2), "int32")]
    ends.send({"do": "it\n"}, sent)
    head, got = ends.receive(1)
    assert head == {"do": "it\n"}
    assert all(a.dtype == b.dtype and numpy.array_equal(a, b) for a, b in zip(sent, got)) and len(got) == 3
    with pytest.raises(pipe.Timeout):
        ends.receive(0.01)
    os.close(write)
    with pytest.raises(EOFError):
        ends.receive(1)


def test_a_dead_or_failing_worker_is_a_reason(tmp_path):
    plan = campaign.Plan(["numpy"], {}, 1)
    process = campaign.Process("numpy", plan, tmp_path)
    with pytest.raises(campaign.Failed, match="No module named 'bench.workloads.none'"):
        process.ask("prepare", workload="none", case="none")
    process._process.kill()
    with pytest.raises(campaign.Failed, match="the process ended"):
        process.ask("load")
    process.close()


@pytest.mark.parametrize("workload, case", CASES)
def test_inputs_are_the_same_twice_and_narrow(workload, case):
    module = workloads.load(workload)
    one, two = (workloads.arrays(vars(workloads.inputs(module, case))) for _ in range(2))
    assert one and all(numpy.array_equal(a, b) for a, b in zip(one, two))
    assert {a.dtype.name for a in one} <= {"float32", "int32", "uint8"}


def test_case_names_are_unique():
    assert len({case for _, case in CASES}) == len(CASES)


@pytest.mark.parametrize("workload", workloads.names())
def test_a_workload_says_what_it_is(workload):
    module = workloads.load(workload)
    assert module.__doc__ and 0 < module.TOLERANCE <= 1e-3
    assert callable(module.in_numpy) and callable(module.in_mxnet) and callable(module.in_torch)
    assert set(getattr(module, "BY_HAND", [])) <= set(module.CASES)


def test_what_workers_run_is_python_3_8():
    """Real MXNet 1.9.1 runs on no newer one."""
    names = "__init__", "engines", "files", "machine", "networks", "pipe", "worker"
    for file in [*(ROOT / "bench" / f"{name}.py" for name in names),
                 *(file for folder in ("layers", "workloads") for file in (ROOT / "bench" / folder).glob("*.py"))]:
        ast.parse(file.read_text(), feature_version=(3, 8))


def test_nobody_imports_a_framework_before_it_is_asked(tmp_path):
    code = "import sys; import bench.worker; print([m for m in ('tracer', 'torch', 'jax') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr

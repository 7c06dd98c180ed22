"""The examples of mx.mod: real MXNet's losses, one program a step, nothing compiled after the first epochs.

tests/data/module_examples.json holds what they give under real MXNet 1.9.1 (tests/oracle/module_examples.py).
"""
from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys

import numpy
import pytest
from places import ROOT

pytest.importorskip("sklearn")
pytestmark = [pytest.mark.slow_sample(3), pytest.mark.tierless, pytest.mark.xdist_group("examples")]

EXAMPLES = ROOT / "examples"
STORED = json.loads((ROOT / "tests" / "data" / "module_examples.json").read_text())
#: For each example the relative difference from real MXNet's numbers, and the epoch after which nothing is compiled:
#: of the digits' the second, as the first one's end makes programs that begin an epoch.
NETWORKS = {"module_digits": (1e-3, 2), "bucketing_lm": (1e-3, 1)}
COUNTS = ("programs", "kernels_compiled", "kernels_loaded", "program_hits")


def report(name: str) -> dict:
    """The result of an example, and the counters after each epoch."""
    import tracer

    sys.path.insert(0, str(EXAMPLES))
    example, terminal = importlib.import_module(name), importlib.import_module("terminal")
    counted: list[dict[str, int]] = []
    end = terminal.Progress.end

    def counted_end(progress, text):
        end(progress, text)
        now = tracer.counters()
        counted.append({"steps": progress.steps, **{count: getattr(now, count) for count in COUNTS}})

    terminal.Progress.end = counted_end
    epochs, score = example.main()
    return {"epochs": epochs, "score": score, "counted": counted}


@pytest.fixture(scope="module")
def seen():
    """A function that gives an example's report from a fresh process, which runs it once."""
    reports: dict[str, dict] = {}

    def of(name: str) -> dict:
        if name not in reports:
            done = subprocess.run([sys.executable, "-m", "tracer", __file__, name], check=False, capture_output=True,
                                  text=True, timeout=300, env={**os.environ, "TRACER_JIT": "always"})
            assert done.returncode == 0, done.stderr[-3000:]
            reports[name] = json.loads(done.stdout.splitlines()[-1])
        return reports[name]

    return of


@pytest.mark.sweep(sample=1)
@pytest.mark.parametrize("name", NETWORKS)
def test_epochs_and_score_are_real_mxnets(seen, name):
    numpy.testing.assert_allclose(seen(name)["epochs"], STORED[name]["epochs"], rtol=NETWORKS[name][0])
    assert seen(name)["score"] == pytest.approx(STORED[name]["score"], rel=0.01)


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_compiled_later(seen, name):
    first, *later = seen(name)["counted"][NETWORKS[name][1] - 1:]
    assert later
    for epoch in later:
        assert {**epoch, "program_hits": 0} == {**first, "program_hits": 0}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_is_one_program(seen, name):
    before, after = seen(name)["counted"][-2:]
    assert (after["program_hits"] - before["program_hits"]) / after["steps"] < 1.6


if __name__ == "__main__":
    print(json.dumps(report(sys.argv[1])))

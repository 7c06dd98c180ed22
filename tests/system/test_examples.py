"""The Gluon examples: real MXNet's losses, a program or two a step, nothing compiled after the second epoch.

tests/data/examples.json holds the losses of real MXNet 1.9.1 (written by tests/oracle/examples.py). The examples run
under TRACER_JIT=always: "auto" compiles a program that occurs once an epoch in the third one.
"""
from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from typing import NamedTuple

import numpy
import pytest
from places import ROOT

pytest.importorskip("sklearn")
pytestmark = [pytest.mark.slow_sample(4), pytest.mark.tierless, pytest.mark.xdist_group("examples")]

EXAMPLES = ROOT / "examples"
STORED = json.loads((ROOT / "tests" / "data" / "examples.json").read_text())
COUNTS = ("programs", "kernels_compiled", "kernels_loaded", "program_hits")
EPOCHS = 3  # of the networks that are not hybridized


class Expected(NamedTuple):
    """The scores and counts that a network is tested for.

    example: the example's name.
    programs: the programs of a step.
    bound: the score that it reaches at least, or, where `lower` says so, at most.
    close: the relative difference from real MXNet's score.
    steps: how many losses are compared: differences of rounding grow from step to step, in some networks fast.
    """

    example: str
    programs: int
    bound: float
    lower: bool
    close: float
    steps: int = 60


NETWORKS = {
    "recommender": Expected("recommender", 1, 0.34, True, 1e-3),
    "vae": Expected("vae", 1, 25.5, True, 5e-3),
    "gan": Expected("gan", 2, 0.3, True, 0.25, 30),
    "perceptron": Expected("digits_gluon", 1, 0.98, False, 0.01),
    "LeNet": Expected("digits_gluon", 1, 0.975, False, 0.01, 40),
    "char_lm": Expected("char_lm", 1, 3.1, True, 0.02),
    "name_transformer": Expected("name_transformer", 1, 0.93, False, 0.01, 40),
}
HYBRIDIZED = pytest.mark.parametrize("mode", ["hybridized", "imperative"])


def report(name: str) -> dict:
    """For each network of an example, hybridized and not: losses, counters after each epoch, and score or nothing."""
    import tracer

    sys.path.insert(0, str(EXAMPLES))
    example, terminal = importlib.import_module(name), importlib.import_module("terminal")
    epochs: list[dict[str, int]] = []
    end = terminal.Progress.end

    def counted_end(progress, text):
        end(progress, text)
        now = tracer.counters()
        epochs.append({"steps": progress.steps, **{count: getattr(now, count) for count in COUNTS}})

    terminal.Progress.end = counted_end
    found = example.main()
    found = found if isinstance(found, dict) else {name: found}
    seen: dict[str, dict] = {"hybridized": {}, "imperative": {}}
    for net, (losses, score) in found.items():
        own, passed = [], 0
        while passed < len(losses):
            own.append(epochs.pop(0))
            passed += own[-1]["steps"]
        seen["hybridized"][net] = {"losses": numpy.array(losses, float).tolist(), "score": score, "epochs": own}
    trainers = (example.train_perceptron, example.train_lenet) if name == "digits_gluon" else (example.train,)
    for net, train in zip(found, trainers):
        epochs.clear()
        losses = train(hybridize=False, epochs=EPOCHS)[-1]
        seen["imperative"][net] = {"losses": numpy.array(losses, float).tolist(), "epochs": list(epochs)}
    return seen


@pytest.fixture(scope="module")
def seen():
    """A function that gives an example's report from a fresh process, which runs it once."""
    reports: dict[str, dict] = {}

    def of(example: str) -> dict:
        if example not in reports:
            done = subprocess.run([sys.executable, "-m", "tracer", __file__, example], check=False, capture_output=True,
                                  text=True, timeout=300, env={**os.environ, "TRACER_JIT": "always"})
            assert done.returncode == 0, done.stderr[-3000:]
            *printed, last = done.stdout.splitlines()
            reports[example] = {"printed": printed, **json.loads(last)}
        return reports[example]

    return of


@pytest.mark.sweep(sample=6)
@HYBRIDIZED
@pytest.mark.parametrize("net", NETWORKS)
def test_losses_are_real_mxnets(seen, net, mode):
    losses, stored = seen(NETWORKS[net].example)[mode][net]["losses"], STORED[net][mode]
    assert mode == "imperative" or len(losses) == STORED[net]["steps"]
    steps = min(NETWORKS[net].steps, len(stored))
    numpy.testing.assert_allclose(losses[:steps], stored[:steps], rtol=5e-4)


@pytest.mark.parametrize("net", NETWORKS)
def test_score(seen, net):
    expected, score = NETWORKS[net], seen(NETWORKS[net].example)["hybridized"][net]["score"]
    assert score <= expected.bound if expected.lower else score >= expected.bound
    assert score == pytest.approx(STORED[net]["score"], rel=expected.close)


@HYBRIDIZED
@pytest.mark.parametrize("net", NETWORKS)
def test_nothing_is_compiled_after_the_second_epoch(seen, net, mode):
    second, *later = seen(NETWORKS[net].example)[mode][net]["epochs"][1:]
    for epoch in later:
        assert {**epoch, "program_hits": 0} == {**second, "program_hits": 0}


@HYBRIDIZED
@pytest.mark.parametrize("net", NETWORKS)
def test_programs_of_a_step(seen, net, mode):
    epochs = seen(NETWORKS[net].example)[mode][net]["epochs"][1:]
    for before, after in zip(epochs, epochs[1:]):
        assert (after["program_hits"] - before["program_hits"]) / after["steps"] == NETWORKS[net].programs


@pytest.mark.parametrize("example", sorted({expected.example for expected in NETWORKS.values()}))
def test_a_line_an_epoch_and_the_score_are_printed(seen, example):
    printed = seen(example)["printed"]
    for net, expected in NETWORKS.items():
        if expected.example == example:
            score = seen(example)["hybridized"][net]["score"]
            assert any(f"{score:.3f}" in line for line in printed)
            epochs = [line for line in printed if line.startswith("epoch")]
            assert len(epochs) >= len(seen(example)["hybridized"][net]["epochs"])
    assert not any("\r" in line for line in printed)


if __name__ == "__main__":
    print(json.dumps(report(sys.argv[1])))

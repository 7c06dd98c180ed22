"""examples/digits_from_scratch.py: real MXNet's losses, one program a step, no repeated compilation.

tests/data/digits_losses.json holds the losses of real MXNet 2.0.0b1 (written by tests/oracle/digits.py).
"""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy
import pytest
from places import ROOT

pytest.importorskip("sklearn")
pytestmark = [pytest.mark.slow_sample(3), pytest.mark.tierless, pytest.mark.xdist_group("digits")]

EXAMPLE = ROOT / "examples" / "digits_from_scratch.py"
STORED = json.loads((ROOT / "tests" / "data" / "digits_losses.json").read_text())
COUNTS = ("programs", "kernels_compiled", "kernels_loaded", "program_hits")
MODELS = ("SoftmaxRegression", "Perceptron")
TIERS = ("always", "never", "auto")


def counts() -> dict[str, int]:
    """tracer's current counters."""
    import tracer

    now = tracer.counters()
    return {name: now[name] if isinstance(now, dict) else getattr(now, name) for name in COUNTS}


def counted_steps(example) -> dict[str, dict[str, int]]:
    """Counters after steps of a perceptron: 16 to warm up, 6 more, the smaller last batch, and that batch again.

    The learning rate differs in every step.
    """
    pixels, labels, _, _ = example.load_data()
    epoch = list(example.batches(pixels, labels, numpy.random.RandomState(1)))
    net = example.Perceptron()
    for param in net.params:
        param.attach_grad()
    rates = iter(0.5 / (1 + 0.01 * step) for step in range(100))
    seen = {}
    for name, chosen in (
        ("warm", epoch[:16]), ("full", epoch[16:22]), ("small", epoch[22:]), ("small again", epoch[22:]),
    ):
        for x, y in chosen:
            example.train_step(net, x, y, next(rates))
        seen[name] = counts()
    return seen


def report() -> dict:
    """All results that the tests below check, from this process under its TRACER_JIT."""
    import tracer

    tracer.install_as_mxnet()
    sys.path.insert(0, str(EXAMPLE.parent))
    import digits_from_scratch as example

    seen = {"counters": counted_steps(example)}
    _, _, pixels, labels = example.load_data()
    for train_net in example.softmax_regression, example.perceptron:
        net, losses = train_net()
        seen[type(net).__name__] = {"losses": losses, "accuracy": example.accuracy(net, pixels, labels)}
    return seen


def run(arguments: list[str], tier: str) -> str:
    """The standard output of a Python process with this tier forced."""
    done = subprocess.run(
        [sys.executable, *arguments], env={**os.environ, "TRACER_JIT": tier}, cwd=EXAMPLE.parent,
        check=False, capture_output=True, text=True, timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module", params=TIERS)
def seen(request) -> dict:
    """The report of a fresh process under one tier; "tier" names it."""
    out = run([__file__], request.param)
    return {"tier": request.param, **json.loads(out.splitlines()[-1])}


@pytest.mark.parametrize("model", MODELS)
def test_losses_are_real_mxnets(seen, model):
    losses, stored = seen[model]["losses"], STORED[model]
    first = stored["first_steps"]
    numpy.testing.assert_allclose(losses[:len(first)], first, rtol=5e-4)
    means = numpy.reshape(losses, (len(stored["epoch_means"]), -1)).mean(axis=1)
    numpy.testing.assert_allclose(means, stored["epoch_means"], rtol=1e-2)


@pytest.mark.parametrize("model", MODELS)
def test_accuracy(seen, model):
    accuracy = seen[model]["accuracy"]
    assert abs(accuracy - STORED[model]["accuracy"]) <= 2 / 360
    assert model != "Perceptron" or accuracy >= 0.95


def test_a_step_is_one_program_at_every_learning_rate(seen):
    warm, full = seen["counters"]["warm"], seen["counters"]["full"]
    assert full["programs"] == warm["programs"]
    assert full["program_hits"] == warm["program_hits"] + 6
    assert full["kernels_compiled"] == warm["kernels_compiled"]
    assert full["kernels_loaded"] == warm["kernels_loaded"]


def test_the_smaller_last_batch_is_one_program_and_no_kernel(seen):
    full, small, again = (seen["counters"][name] for name in ("full", "small", "small again"))
    assert small["programs"] == full["programs"] + 1
    assert small["program_hits"] == full["program_hits"]
    assert small["kernels_compiled"] == full["kernels_compiled"]
    assert small["kernels_loaded"] == full["kernels_loaded"]
    assert again == {**small, "program_hits": small["program_hits"] + 1}


def test_kernels_are_native_only_where_asked(seen):
    last = seen["counters"]["small again"]
    kernels = last["kernels_compiled"] + last["kernels_loaded"]
    if seen["tier"] == "never":
        assert kernels == 0
    elif seen["tier"] == "always":
        assert kernels > 0


def test_the_script_itself():
    out = run(["-m", "tracer", str(EXAMPLE)], "auto")
    for model in MODELS:
        (accuracy,) = re.findall(rf"^{model}: test accuracy ([0-9.]+)$", out, re.MULTILINE)
        assert abs(float(accuracy) - STORED[model]["accuracy"]) <= 2 / 360
        found = re.findall(rf"^{model}: epoch +[0-9]+: mean loss ([0-9.]+)", out, re.MULTILINE)
        means = [float(mean) for mean in found]
        numpy.testing.assert_allclose(means, STORED[model]["epoch_means"], rtol=1e-2, atol=1e-4)


if __name__ == "__main__":
    print(json.dumps(report()))

"""A short sample of `make soak`, which runs for hours."""
from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from places import TESTS

SOAK = TESTS / "soak"

NEEDS_LEARN = pytest.mark.skipif(find_spec("sklearn") is None, reason="the examples need scikit-learn")

pytestmark = pytest.mark.tierless


@pytest.mark.sweep(sample=2)
@pytest.mark.parametrize("command", [
    ["memory.py", "--steps", "20000"],
    pytest.param(["forks.py", "--forks", "15"], marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")),
    ["interrupts.py", "--interrupts", "120"],
    pytest.param(["examples.py", "--only", "recommender", "--steps", "400"], marks=NEEDS_LEARN),
], ids=lambda command: command[0])
def test_sample(command, request):
    seed = str(request.config.getoption("--sweep-seed"))
    done = subprocess.run([sys.executable, str(SOAK / command[0]), *command[1:], "--seed", seed], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280, check=False)
    print(done.stdout)
    assert done.returncode == 0

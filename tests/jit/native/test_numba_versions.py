"""An incompatible Numba or llvmlite: the interpreter gives the numbers, and one line names versions that work."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

import tracer
from tracer.jit.native import disk_cache, kernel_cache

pytestmark = [pytest.mark.slow_sample(2), pytest.mark.tierless]

TRAINING = """
import tracer
from tracer import autograd, np, npx
x, w = np.arange(12).reshape(4, 3) / 8, np.ones((3, 5))
w.attach_grad()
for _ in range(4):
    with autograd.record():
        loss = (npx.log_softmax(np.dot(x, w))[np.array([0, 2, 2])] * np.exp(w[0])).sum()
    loss.backward()
    w -= 0.1 * w.grad
    print(float(loss))
print(tracer.explain())
"""

DOCUMENTED = re.compile(r"numba|numba import types|llvmlite|llvmlite import ir|llvmlite\.binding( as llvm| import .*)")

CODEGEN = "from numba.core import codegen\n"
FAULTS = {
    "a deleted method": CODEGEN + "del codegen.CPUCodegen._module_pass_manager",
    "a renamed attribute": CODEGEN + "codegen.CPUCodegen._tm = property(lambda self: self.machine, "
                                     "lambda self, to: None)",
    "a moved function": "import numba.core.fastmathpass\ndel numba.core.fastmathpass.rewrite_module",
    "a Numba that refuses this NumPy": "import sys\nsys.modules['numba'] = None",
    "the pass manager of llvmlite 0.43": "import llvmlite.binding\ndel llvmlite.binding.create_new_module_pass_manager",
    "wrong numbers of a new version": "import numba\nfrom llvmlite import ir\nnumba.__version__ = '0.99.0'\n"
                                      "ir.IRBuilder.fdiv = ir.IRBuilder.fmul",
}


def train(tier: str, prelude: str = "") -> tuple[list[str], str, str]:
    """The losses, explain(), and the standard error of a process that finds no kernels on disk."""
    environment = {**os.environ, "TRACER_JIT": tier}
    if tier != "always":  # "always" compiles the recorder: that takes longest, and other tests may have done it
        environment["TRACER_CACHE"] = ""
    done = subprocess.run([sys.executable, "-c", f"{prelude}\n{TRAINING}"], env=environment, capture_output=True,
                          text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return lines[:4], "\n".join(lines[4:]), done.stderr


@pytest.fixture(scope="module")
def expected() -> list[str]:
    return train("never")[0]


@pytest.mark.sweep(sample=4)
@pytest.mark.parametrize("tier, fault", [*(("auto", fault) for fault in FAULTS), ("always", "a deleted method")])
def test_the_interpreter_goes_on_where_numba_has_changed(tier, fault, expected):
    losses, explained, said = train(tier, FAULTS[fault])
    assert losses == expected
    line, = said.splitlines()
    assert line.startswith("tracer: NumPy runs new programs, as numba ") and "cannot compile (" in line
    assert line.endswith("; known to work: numba 0.62 to 0.68")
    assert "(0 native, " in explained and line.partition(", as ")[2] in explained


def test_a_new_version_that_gives_the_right_numbers_is_used(expected):
    losses, explained, said = train("auto", "import numba\nnumba.__version__ = '0.99.0'")
    assert [float(x) for x in losses] == pytest.approx([float(x) for x in expected], rel=1e-5)
    assert not said and "(0 native, " not in explained and "NumPy runs" not in explained


def test_what_is_known_to_work_is_what_is_asked_for():
    project = (ROOT / "pyproject.toml").read_text()
    assert f'"numba>={kernel_cache.KNOWN[0]}"' in project


def test_one_file_uses_what_numba_and_llvmlite_do_not_document():
    using = set()
    for folder in (*disk_cache._PACKAGES, Path(tracer.__file__).parent):
        for path in folder.rglob("*.py"):
            imports = re.findall(r"^ *(?:from|import) ((?:numba|llvmlite)\b.*)", path.read_text(), re.MULTILINE)
            if any(not DOCUMENTED.fullmatch(line) for line in imports):
                using.add(path.name)
    assert using == {"numba_compiler.py"}

"""`make matrix`: some tests on each Python with the oldest and the newest NumPy and Numba that pyproject.toml allows.

Each pair has a virtual environment in build/matrix. Arguments choose pairs by the beginnings of their names: `3.10
3.13-newest`. An interpreter is `python3.10` on the path, or pyenv's.
"""
from __future__ import annotations

import re
import shutil
import subprocess
import sys
from glob import glob
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
#: The first NumPy with wheels for each Python that is newer than our lower bound.
FIRST_NUMPY = {"3.12": "1.26.0", "3.13": "2.1.0"}
#: What depends on CPython's layouts, on LLVM, or on Numba's private parts.
TESTS = ("jit/cpython", "jit/native", "jit/runtime/test_driver.py", "jit/steps/test_tiles.py",
         "tracer/core/test_reference_counts.py")
SMOKE = """
import llvmlite, numba, numpy
from tracer import autograd, native_recording, np, npx
from tracer.jit.report.counters import COUNTERS, LOG
x, w = np.random.uniform(size=(8, 5)), np.zeros((5, 3))
w.attach_grad()
for _ in range(5):
    with autograd.record():
        loss = -npx.pick(npx.log_softmax(np.dot(x, w)), np.arange(8) % 3).mean()
    loss.backward()
    w -= w.grad
    last = float(loss)
assert abs(last - 1.0986) > 0.01 and COUNTERS.native and not LOG.fallbacks and not LOG.no_native, LOG
native_recording.compile_all()
assert LOG.recording.startswith("compiled"), LOG.recording
print(f"numba {numba.__version__}, llvmlite {llvmlite.__version__}, numpy {numpy.__version__}")
"""


def interpreter(version: str) -> str | None:
    """Returns the command of a Python of this version that starts, or None."""
    found = [shutil.which(f"python{version}"), *sorted(glob(f"{Path.home()}/.pyenv/versions/{version}.*/bin/python"))]
    for path in found:
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            return path
    return None


def lower_bounds(version: str) -> list[str]:
    """The oldest versions that pyproject.toml allows, as pip's requirements."""
    bounds = dict(re.findall(r'^ +"(numpy|numba|llvmlite)>=([\d.]+)"', (ROOT / "pyproject.toml").read_text(), re.M))
    oldest = {name: f"{bound}.0" for name, bound in bounds.items()}
    oldest["numpy"] = FIRST_NUMPY.get(version, oldest["numpy"])
    return [f"{name}=={bound}" for name, bound in oldest.items()]


def outcome(version: str, end: str) -> str:
    """The outcome of one pair: "passed" with the versions, or what failed."""
    python = interpreter(version)
    if python is None:
        return f"NOT RUN: there is no Python {version} here"
    folder = ROOT / "build" / "matrix" / f"{version}-{end}"
    own = str(folder / "bin" / "python")
    pins = lower_bounds(version) if end == "oldest" else ["numpy", "numba", "llvmlite"]
    steps = {
        "venv": [python, "-m", "venv", str(folder)],
        "pip": [own, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile", "--upgrade",
                "-e", f"{ROOT}[test]", *pins],
        "smoke": [own, "-c", SMOKE],
        "pytest": [own, "-m", "pytest", "-q", "-p", "no:cacheprovider", *[f"tests/{name}" for name in TESTS]]}
    said = {}
    for name, command in steps.items():
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        said[name] = done.stdout.strip()
        if done.returncode:
            return f"FAILED in {name}:\n{done.stdout}{done.stderr}"
    return f"{said['smoke']}: {said['pytest'].splitlines()[-1]}"


def main(chosen: list[str]) -> int:
    pairs = [(version, end) for version in PYTHONS for end in ("oldest", "newest")]
    results = []
    for version, end in pairs:
        if not chosen or f"{version}-{end}".startswith(tuple(chosen)):
            results.append(outcome(version, end))
            print(f"Python {version}, {end}: {results[-1]}", flush=True)
    return any(result.startswith("FAILED") for result in results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

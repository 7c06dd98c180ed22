"""The wheel: complete, installable without the network, and no trouble to files called ops.py or jit.py."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"tracer": "tracer", "jit": "tracer/jit", "ops": "tracer/ops"}

pytestmark = [pytest.mark.tierless, pytest.mark.xdist_group("packaging")]


def run(command: list[str | Path], cwd: Path) -> str:
    """What the command prints to standard output. Python's own variables are kept from it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    result = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy: the checkout's build/ may hold files that were deleted since."""
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index",
         "-w", out, copy], cwd=out)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="session")
def python(wheel, tmp_path_factory) -> Path:
    """A new venv's interpreter, with the wheel in it. The dependencies are this environment's, in place."""
    venv = tmp_path_factory.mktemp("venv")
    run([sys.executable, "-m", "venv", "--without-pip", venv], cwd=venv)
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run([sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel],
        cwd=venv)
    packages = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], cwd=venv).strip()
    # A folder named in a .pth file is searched; its own .pth files (an editable tracer's) are not obeyed.
    shared = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(packages) / "dependencies.pth").write_text("\n".join(shared))
    return python


def test_wheel_holds_every_file_of_the_three_folders(wheel):
    expected = {
        f"{inside}/{file.relative_to(ROOT / folder).as_posix()}"
        for folder, inside in FOLDERS.items()
        for file in (ROOT / folder).rglob("*.py")
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        (licence,) = (name for name in archive.namelist() if name.endswith("/LICENSE"))
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert wheel.name.endswith("-py3-none-any.whl")
    assert held == expected


SCRIPT = """
import sys
import ops, jit
assert (ops.mark, jit.mark) == ('my ops', 'my jit'), (ops, jit)
import tracer, tracer.ops, tracer.jit
assert tracer.__file__.startswith(sys.prefix), tracer.__file__
assert tracer.ops is not ops and tracer.jit is not jit
from tracer import np, autograd
x = np.array([1.0, 2.0])
x.attach_grad()
with autograd.record():
    y = (np.exp(x) * x).sum()
y.backward()
print([round(value, 3) for value in x.grad.asnumpy().tolist()])
"""
ANSWER = "[5.437, 22.167]\n"     # (1 + x) exp(x)


@pytest.fixture
def strays(tmp_path) -> Path:
    """A user's folder, with an ops.py and a jit.py of the user's own."""
    (tmp_path / "ops.py").write_text("mark = 'my ops'\n")
    (tmp_path / "jit.py").write_text("mark = 'my jit'\n")
    return tmp_path


def test_script_beside_its_own_ops_and_jit(python, strays):
    (strays / "script.py").write_text(SCRIPT)
    assert run([python, "script.py"], cwd=strays) == ANSWER


def test_unmodified_script_beside_its_own_ops_and_jit(python, strays):
    (strays / "script.py").write_text(SCRIPT.replace("from tracer import", "from mxnet import"))
    assert run([python, "-m", "tracer", "script.py"], cwd=strays) == ANSWER


@pytest.mark.parametrize("name", ["jit", "ops"])
def test_the_layers_are_no_top_level_modules(python, tmp_path, name):
    code = f"import importlib.util, tracer; print(importlib.util.find_spec({name!r}))"
    assert run([python, "-c", code], cwd=tmp_path) == "None\n"

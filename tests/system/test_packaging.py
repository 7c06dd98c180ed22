"""Installation: the wheel is complete; tracer runs in a checkout and elsewhere, beside user files ops.py or jit.py."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from places import ROOT

FOLDERS = {"tracer": "tracer", "jit": "tracer/jit", "ops": "tracer/ops"}
STATES = ("absent", "plain", "editable")    # the ways in which tracer is installed

pytestmark = [pytest.mark.slow_sample(3), pytest.mark.tierless, pytest.mark.xdist_group("packaging")]


def run(command: list[str | Path], cwd: Path, tier: str = "never") -> str:
    """The standard output of a command, run without Python's own environment variables."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {"TRACER_JIT": tier}
    result = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    """A copy to build in: the checkout's own build/ may hold files deleted since."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in (*FOLDERS, "examples", "tests"):
        left_out = ("__pycache__", "data") if folder == "tests" else ("__pycache__",)
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns(*left_out))
    return copy


@pytest.fixture(scope="session")
def wheel(checkout, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index",
         "-w", out, checkout], cwd=out)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="session")
def pythons(checkout, wheel, tmp_path_factory) -> dict[str, Path]:
    """The interpreter of a new venv for each state. The dependencies are this environment's, in place."""
    found = {}
    for state, target in zip(STATES, ([], [wheel], ["-e", checkout])):
        venv = tmp_path_factory.mktemp(state)
        run([sys.executable, "-m", "venv", "--without-pip", venv], cwd=venv)
        found[state] = python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        packages = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], cwd=venv).strip()
        # Folders named in a .pth file are searched, but their own .pth files (an editable tracer's) are not processed.
        shared = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (Path(packages) / "dependencies.pth").write_text("\n".join(shared))
        if target:
            run([sys.executable, "-m", "pip", "--python", python, "install", "-q", "--ignore-installed", "--no-deps",
                 "--no-build-isolation", "--no-index", *target], cwd=venv)
    return found


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


TRAINING = """
import sys
import tracer, tracer.jit, tracer.ops
from tracer import np, autograd
x = np.array([1.0, 2.0])
x.attach_grad()
with autograd.record():
    y = (np.exp(x) * x).sum()
y.backward()
print([round(value, 3) for value in x.grad.asnumpy().tolist()])
for layer in tracer, tracer.jit, tracer.ops:
    assert layer.__file__.startswith(sys.argv[1]), layer
"""
ANSWER = "[5.437, 22.167]\n"     # (1 + x) exp(x)

STRAYS = """
import ops, jit
assert (ops.mark, jit.mark) == ('my ops', 'my jit'), (ops, jit)
import tracer
assert tracer.ops is not ops and tracer.jit is not jit
"""


@pytest.fixture
def strays(tmp_path) -> Path:
    """A user's folder with files ops.py and jit.py of its own, and a script that imports these and tracer."""
    (tmp_path / "ops.py").write_text("mark = 'my ops'\n")
    (tmp_path / "jit.py").write_text("mark = 'my jit'\n")
    (tmp_path / "script.py").write_text(STRAYS + TRAINING)
    return tmp_path


@pytest.fixture(params=STATES[1:])
def installed(request, pythons, checkout) -> tuple[Path, Path]:
    """An interpreter with tracer installed, and the folder of tracer."""
    python = pythons[request.param]
    return python, checkout if request.param == "editable" else python.parent.parent


def test_script_beside_its_own_ops_and_jit(installed, strays):
    python, place = installed
    assert run([python, "script.py", place], strays, "always") == ANSWER


def test_unmodified_script_beside_its_own_ops_and_jit(installed, strays):
    python, place = installed
    (strays / "script.py").write_text((STRAYS + TRAINING).replace("from tracer import", "from mxnet import"))
    assert run([python, "-m", "tracer", "script.py", place], cwd=strays) == ANSWER


def test_unpacked_wheel_beside_other_ops_and_jit(pythons, wheel, strays):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(strays)
    assert run([pythons["absent"], "script.py", strays / "tracer"], cwd=strays) == ANSWER


def test_link_to_a_checkout_beside_other_ops_and_jit(pythons, checkout, strays):
    (strays / "tracer").symlink_to(checkout / "tracer", target_is_directory=True)
    script = (strays / "script.py").read_text().replace("tracer, tracer.jit, tracer.ops:", "tracer.jit, tracer.ops:")
    (strays / "script.py").write_text(script)
    assert run([pythons["absent"], "script.py", checkout], cwd=strays) == ANSWER


@pytest.mark.parametrize("name", ["jit", "ops"])
def test_the_layers_are_no_top_level_modules(installed, tmp_path, name):
    code = f"import importlib.util, tracer; print(importlib.util.find_spec({name!r}))"
    assert run([installed[0], "-c", code], cwd=tmp_path) == "None\n"


ONCE = """
import importlib.util
for name in 'bench', 'tests', 'tracer':
    assert importlib.util.find_spec('tracer.' + name) is None, name
for name in 'jit', 'ops':
    try:
        __import__(name)
    except ImportError as error:
        assert 'import tracer.' + name in str(error)
    else:
        raise AssertionError(name + ' is a second tracer.' + name)
ours = {module for module in sys.modules.values() if (getattr(module, '__file__', '') or '').startswith(sys.argv[1])}
assert len({module.__file__ for module in ours}) == len(ours) > 50
assert all(module.__name__.partition('.')[0] == 'tracer' for module in ours)
"""

NEIGHBOUR = """
import subprocess, sys

def test_it(tmp_path):
    import tracer
    assert tracer.__file__.startswith({root!r})
    subprocess.run([sys.executable, '-c', {code!r}, {root!r}], cwd=tmp_path, check=True)
"""


@pytest.mark.parametrize("state", STATES)
class TestInACheckout:
    """A process started in a checkout's folder runs that checkout, however tracer is installed."""

    def test_import(self, pythons, checkout, state):
        assert run([pythons[state], "-c", TRAINING + ONCE, checkout], checkout, "always") == ANSWER

    @pytest.mark.parametrize("example", ["seed_nd", "seed_np"])
    def test_example(self, pythons, checkout, state, example):
        assert "# Basic us" in run([pythons[state], "-m", "tracer", f"examples/{example}.py"], cwd=checkout)

    def test_pytest(self, pythons, checkout, state):
        """Processes that pytest's tests start in other folders do so too."""
        test = checkout / "tests" / "test_neighbour.py"
        test.write_text(NEIGHBOUR.format(root=str(checkout), code=TRAINING))
        run([pythons[state], "-m", "pytest", "-q", "-p", "no:cacheprovider", test], cwd=checkout)

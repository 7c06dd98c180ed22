"""The other two ways to use tracer: `tracer.install_as_mxnet()` and `python -m tracer`."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.tierless, pytest.mark.slow_sample(3)]


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a new process, as the meaning of `mxnet` lasts as long as a process."""
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True)


def passes(code: str, cwd: Path) -> None:
    """Assert that the code after `import sys, tracer` runs to its end."""
    result = python("-c", "import sys, tracer\n" + code, cwd=cwd)
    assert result.returncode == 0, result.stderr


INSTALL = "tracer.install_as_mxnet()\n"


@pytest.mark.sweep(sample=8)
@pytest.mark.parametrize("code", [
    "import mxnet; assert mxnet is tracer",
    "import mxnet as mx; assert mx is tracer",
    "from mxnet import np, npx, nd, autograd, random\n"
    "assert np is tracer.np and npx is tracer.npx and nd is tracer.nd\n"
    "assert autograd is tracer.autograd and random is tracer.random",
    "import mxnet.ndarray as nd; assert nd is tracer.nd",
    "import mxnet.nd; assert mxnet.nd is tracer.nd",
    "from mxnet.ndarray import NDArray; assert NDArray is tracer.nd.NDArray",
    "from mxnet.base import MXNetError; assert issubclass(MXNetError, RuntimeError)",
    "import mxnet.numpy_extension as npx; assert npx is tracer.npx",
    "from mxnet.numpy import linalg; assert linalg is tracer.np.linalg",
    "from mxnet.test_utils import assert_almost_equal",
    "import mxnet as mx; mx.test_utils.assert_almost_equal(mx.nd.ones(1), [1]); assert mx.use_np is mx.util.use_np",
    "import mxnet.ndarray.ndarray as module; assert module is tracer.nd.ndarray is tracer.nd",
    "from mxnet.numpy.multiarray import ndarray; assert ndarray is tracer.np.ndarray",
    "from mxnet.util import use_np, is_np_array; assert use_np is tracer.npx.use_np and not is_np_array()",
    "from mxnet.context import Context; from mxnet.device import Device; assert Context is Device is tracer.Context",
    "from mxnet.libinfo import __version__ as v; import mxnet; assert v == mxnet.__version__ == '1.9.1'",
    "from mxnet.runtime import Features; assert not Features().is_enabled('CUDA')",
    "import mxnet.engine\nwith mxnet.engine.bulk(8): pass",
    "import mxnet.install as ours\n"
    "assert ours is sys.modules['tracer.install'] is sys.modules['mxnet.install'] is tracer.install",
    "import mxnet.install; assert mxnet.install.__spec__.name == mxnet.install.__name__ == 'tracer.install'",
    "from importlib import import_module as load; assert load('mxnet.install') is load('tracer.install')",
])
def test_every_spelling_gives_tracers_own_module(code, tmp_path):
    passes(INSTALL + code, tmp_path)


def test_errors_have_mxnets_names(tmp_path):
    """In tracebacks, and pickled. The names are those of 1.9.1 and 2.0.0b1."""
    for code, name in {
        "mxnet.np.ones((2, 3)) + mxnet.np.ones((4, 5))": "mxnet.base.MXNetError: np.add(",
        "mxnet.nd.ones(3).backward()": "mxnet.base.MXNetError: Cannot differentiate node",
        "mxnet.nd.load('nothing')": "mxnet.base.MXNetError: [Errno 2] No such file or directory: 'nothing'",
        "mxnet.nd.ones(3)[:] = [1, 2]": "ValueError: index.write_slice(",
        "mxnet.nd.ones(3) + 'a'": "TypeError: type <class 'str'> not supported",
        "mxnet.nd.exp('a')": "AssertionError: nd.exp: type <class 'str'> not supported",
        "mxnet.np.ones(3)[5]": "IndexError: index 5 is out of bounds",
    }.items():
        result = python("-c", f"import tracer\n{INSTALL}import mxnet\n{code}", cwd=tmp_path)
        assert f"\n{name}" in result.stderr, result.stderr
    passes(INSTALL + "import pickle\nassert b'mxnet.base' in pickle.dumps(tracer.MXNetError('a'), 0)", tmp_path)
    passes("import pickle\nassert b'tracer.base' in pickle.dumps(tracer.MXNetError('a'), 0)", tmp_path)


ABSENT = """
import importlib, mxnet, tracer
from tracer import mxnet_modules
absent = [name for name in mxnet_modules.KNOWN if "." not in name and not hasattr(mxnet, name)]
assert absent, "all of MXNet's modules are here: this test needs another name"
for name in sorted(absent)[:3]:
    said = f"mxnet.{name} is not part of this version of tracer yet"
    for statement in (f"import mxnet.{name}", f"from mxnet import {name}", f"from tracer import {name}",
                      f"import tracer.{name}", f"importlib.import_module('mxnet.{name}')"):
        try:
            exec(statement)
        except ModuleNotFoundError as error:
            assert said in str(error), (statement, error)
        else:
            raise AssertionError(statement)
    try:
        getattr(mxnet, name)
    except AttributeError as error:
        assert said in str(error)
    assert getattr(mxnet, name, None) is None and f"mxnet.{name}" not in sys.modules
for name in mxnet_modules.MODULES:
    parent, _, child = f"mxnet.{name}".rpartition(".")
    if parent in sys.modules and f"mxnet.{name}" not in sys.modules:
        getattr(sys.modules[parent], child, None)
        try:
            importlib.import_module(f"mxnet.{name}")
        except ModuleNotFoundError as error:
            assert str(error) == f"mxnet.{name} is not part of this version of tracer yet"
        else:
            raise AssertionError(name)
"""


def test_a_module_that_is_not_here_says_so(tmp_path):
    """Reading it raises AttributeError, importing it ModuleNotFoundError: `hasattr` and `except ImportError` work."""
    passes(INSTALL + ABSENT, tmp_path)


LOADED = """
import importlib
from tracer.mxnet_modules import MODULES
assert not any(name.partition(".")[0] == "mxnet" for name in sys.modules)
import mxnet
assert mxnet is tracer and "__version__" in dir(mxnet) and mxnet.libinfo.__version__ == mxnet.__version__
here = [name for name in MODULES if f"mxnet.{name}" in sys.modules]
for name in here:
    found = mxnet
    for part in name.split("."):
        found = getattr(found, part)
    # vision.alexnet is the function, as in MXNet
    assert sys.modules[f"mxnet.{name}"] is found or name == "gluon.model_zoo.vision.alexnet" and callable(found), name
for name in MODULES:
    try:
        importlib.import_module(f"mxnet.{name}")
    except ModuleNotFoundError:
        assert name not in here
    else:
        assert name in here, f"import mxnet leaves mxnet.{name} out"
wanted = ("autograd base context gluon gluon.block name ndarray ndarray.contrib ndarray.ndarray ndarray.numpy "
          "ndarray.utils numpy numpy.multiarray numpy_extension profiler random test_utils util visualization").split()
assert set(wanted) <= set(here), here
assert sys.modules["multiprocessing"].pool.ThreadPool
"""


def test_importing_mxnet_loads_the_modules_that_mxnets_own_import_loads(tmp_path):
    passes(INSTALL + LOADED, tmp_path)


def test_mxnet_is_not_imported_before_the_script_does(tmp_path):
    code = "import sys; before = 'mxnet' in sys.modules; import mxnet; print(before, mxnet.__version__)"
    assert python("-m", "tracer", "-c", code, cwd=tmp_path).stdout == "False 1.9.1\n"


CHANGED = """
from tracer import generation
def refused(version):
    try:
        tracer.install_as_mxnet(version=version)
    except RuntimeError as error:
        assert "MXNet 2.0.0 cannot be changed to 1.9.1" in str(error)
    except ValueError as error:
        assert "version='3'" in str(error)
    else:
        raise AssertionError(version)
    return True
tracer.install_as_mxnet(version="1.9.1")
tracer.install_as_mxnet(version="2.0")
tracer.install_as_mxnet()
assert refused("3")
assert generation.is_2() and refused("1.9.1")
import mxnet
from mxnet.libinfo import __version__ as version
assert mxnet.__version__ == version == "2.0.0"
tracer.install_as_mxnet(version="2.0.0")
"""


def test_the_generation_is_chosen_once(tmp_path):
    """A version may be chosen again until it has been read."""
    passes(CHANGED, tmp_path)


@pytest.mark.parametrize("setting, said", [("2.0", "2.0.0 True\n"), ("1.9.1", "1.9.1 False\n"), ("", "1.9.1 False\n"),
                                           ("3", "ValueError: TRACER_MXNET='3': must be 1.9.1 or 2.0")])
def test_the_generation_of_the_environment(setting, said, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACER_MXNET", setting)
    code = "import tracer; print(tracer.__version__, tracer.generation.is_2())"
    result = python("-c", code, cwd=tmp_path)
    assert said in result.stdout + result.stderr


SHIMS = """
import collections, numpy as np
from numpy import product
kept = {name: getattr(np, name) for name in dir(np)}
import mxnet
assert np.float is float and np.object is object and product([2, 3]) == 6 and np.NINF < 0 and np.Inf > 0
assert collections.Iterable is collections.abc.Iterable and np.product is product
assert all(vars(np)[name] is value for name, value in kept.items() if name != "__getattr__" and name in vars(np))
assert not hasattr(np, "no_such_name") and not hasattr(collections, "no_such_name")
mxnet.nd.ones(1).asnumpy()
"""


def test_removed_names_are_supplied_under_the_runner_and_reported(tmp_path):
    (tmp_path / "old.py").write_text(SHIMS)
    result = python("-m", "tracer", "--report", "old.py", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    _, _, listed = result.stderr.partition("removed from NumPy or Python, supplied again:\n")
    lines = [line.strip() for line in listed.splitlines() if line.startswith("  ")]
    for line in ("numpy.float at old.py:6", "numpy.product at old.py:3", "collections.Iterable at old.py:7"):
        assert lines.count(line) == 1, result.stderr
    assert not any("no_such_name" in line for line in lines)


def test_nothing_is_supplied_unless_asked(tmp_path):
    passes(INSTALL + "import mxnet, numpy, collections\n"
           "assert not hasattr(numpy, 'float') and not hasattr(collections, 'Iterable')\n"
           "tracer.install_as_mxnet(shims=True); tracer.install_as_mxnet(shims=True)\n"
           "assert numpy.float is float and not hasattr(collections, 'no_such_name')", tmp_path)


def test_modules_that_mxnet_lacks_are_loaded_when_asked_for(tmp_path):
    (tmp_path / "late.py").write_text("loaded = True\n")
    passes(INSTALL + f"tracer.__path__.append({str(tmp_path)!r})\n"
           "import mxnet; assert 'tracer.late' not in sys.modules\n"
           "import mxnet.late; assert sys.modules['tracer.late'] is mxnet.late is tracer.late", tmp_path)


def test_a_module_known_by_an_attribute_only(tmp_path):
    """`mxnet.nick`, where tracer.nick is the module tracer.real; and `mxnet.made`, which is no importable module."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real/__init__.py").touch()
    (tmp_path / "real/child.py").touch()
    passes(INSTALL + f"tracer.__path__.append({str(tmp_path)!r})\n"
           "import types, tracer.real; tracer.nick = tracer.real\n"
           "import mxnet.nick.child; assert mxnet.nick.child is sys.modules['tracer.real.child']\n"
           "tracer.made = types.ModuleType('tracer.made')\n"
           "import mxnet.made as made; assert made is tracer.made", tmp_path)


@pytest.mark.parametrize("statement, missing", [
    ("import mxnet.no_such_thing", "No module named 'mxnet.no_such_thing'"),
    ("import mxnet.install.deeper", "No module named 'mxnet.install.deeper'"),
    ("import mxnet.sys", "No module named 'mxnet.sys'"),
    ("from mxnet import no_such_thing", "cannot import name 'no_such_thing' from 'tracer'"),
])
def test_what_is_missing_is_an_ordinary_import_error(statement, missing, tmp_path):
    code = f"import sys, tracer\n{INSTALL}tracer.sys = sys\n{statement}"
    result = python("-c", code, cwd=tmp_path)
    last = result.stderr.strip().splitlines()[-1]
    assert missing in last and last.startswith(("ImportError", "ModuleNotFoundError")), result.stderr


def test_an_error_inside_a_module_is_not_called_a_missing_module(tmp_path):
    (tmp_path / "broken.py").write_text("import absent_dependency\n")
    passes(INSTALL + f"tracer.__path__.append({str(tmp_path)!r})\n"
           "try:\n    import mxnet.broken\n"
           "except ModuleNotFoundError as error:\n    assert error.name == 'absent_dependency'\n"
           "assert 'mxnet.broken' not in sys.modules", tmp_path)


def test_installing_again_changes_nothing(tmp_path):
    passes(INSTALL + "before = list(sys.meta_path)\n" + INSTALL + "assert sys.meta_path == before", tmp_path)


def test_a_real_mxnet_that_is_only_on_the_path_is_left_alone(tmp_path):
    (tmp_path / "mxnet.py").write_text("raise SystemExit('the real one was imported')\n")
    passes(INSTALL + "import mxnet; assert mxnet is tracer", tmp_path)


def test_a_real_mxnet_that_is_already_imported_is_refused(tmp_path):
    (tmp_path / "mxnet.py").write_text("")
    result = python("-c", "import mxnet, tracer\ntracer.install_as_mxnet()", cwd=tmp_path)
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError") and str(tmp_path / "mxnet.py") in last and "before" in last


def both_ways(tmp_path: Path, arguments: list[str]) -> tuple[subprocess.CompletedProcess[str], ...]:
    """Run the same command line by python and by python -m tracer."""
    return python(*arguments, cwd=tmp_path), python("-m", "tracer", *arguments, cwd=tmp_path)


CONTEXT = """
import pickle, sys
class Thing: pass
assert type(pickle.loads(pickle.dumps(Thing()))) is Thing
import beside
print(__name__, __package__, __file__, __spec__ and __spec__.name, sys.argv, sys.path[0], beside.mark)
"""


@pytest.mark.parametrize("arguments", [
    ["program.py"],
    ["program.py", "--report", "-m", "x", "--", "-h"],
    ["sub/program.py", "a b"],
    ["sub/link.py"],
    ["-m", "program", "-x"],
    ["-m", "sub.program", "1"],
    ["-m", "package", "1"],
    ["-c", "import sys, beside; print(__name__, sys.argv, sys.path[0], beside.mark)", "-q", "1"],
])
def test_the_program_sees_what_python_would_show_it(arguments, tmp_path):
    (tmp_path / "beside.py").write_text("mark = 'top'\n")
    (tmp_path / "program.py").write_text(CONTEXT)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/beside.py").write_text("mark = 'sub'\n")
    (tmp_path / "sub/program.py").write_text(CONTEXT)
    (tmp_path / "sub/link.py").symlink_to(tmp_path / "program.py")
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__main__.py").write_text(CONTEXT)
    plain, ours = both_ways(tmp_path, arguments)
    assert plain.returncode == 0, plain.stderr
    assert (ours.stdout, ours.stderr, ours.returncode) == (plain.stdout, plain.stderr, plain.returncode)


@pytest.mark.parametrize("source", [
    "def f():\n    1 / 0\nf()",
    "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('two') from e",
    "a b",
    "import sys; sys.exit(7)",
    "import sys; sys.exit('a message')",
    "raise SystemExit",
    "import sys; sys.excepthook = lambda kind, value, tb: print('hook', kind, tb.tb_lineno); 1 / 0",
    "import atexit; atexit.register(print, 'at exit'); 1 / 0",
    "import absent_module",
])
def test_the_program_ends_as_under_python(source, tmp_path):
    """The same traceback, without frames of the runner, and the same exit status."""
    (tmp_path / "program.py").write_text(source + "\n")
    plain, ours = both_ways(tmp_path, ["program.py"])
    assert (ours.stdout, ours.stderr, ours.returncode) == (plain.stdout, plain.stderr, plain.returncode)


def test_a_keyboard_interrupt_ends_it_with_the_shells_status(tmp_path):
    result = python("-m", "tracer", "-c", "raise KeyboardInterrupt", cwd=tmp_path)
    assert result.returncode == 130 and result.stderr.strip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("arguments, said", [
    ([], "which script?"),
    (["absent.py"], "can't open file"),
    (["-m", "absent_module"], "no module named absent_module"),
    (["-m", "folder.absent"], "no module named folder.absent"),
    (["--no-such-option", "x.py"], "unrecognized arguments: --no-such-option"),
])
def test_a_command_line_that_cannot_run_says_why(arguments, said, tmp_path):
    result = python("-m", "tracer", *arguments, cwd=tmp_path)
    assert result.returncode != 0 and said in result.stderr and "Traceback" not in result.stderr


def test_help_names_the_options(tmp_path):
    result = python("-m", "tracer", "--help", cwd=tmp_path)
    assert result.returncode == 0
    assert all(word in result.stdout for word in ("--report", "-m", "-c", "TRACER_JIT", "TRACER_CACHE"))


def test_report_follows_the_programs_own_output_whatever_its_end(tmp_path):
    code = "import mxnet as mx; print(mx.np.ones(3).sum()); 1 / 0"
    result = python("-m", "tracer", "--report", "-c", code, cwd=tmp_path)
    explained = python("-c", "import tracer; print(tracer.explain())", cwd=tmp_path).stdout
    assert result.stdout == "3.0\n" and result.returncode == 1
    _, _, report = result.stderr.partition("ZeroDivisionError: division by zero\n")
    assert report.split()[:1] == explained.split()[:1] != []


@pytest.mark.parametrize("name", ["viz", "visualization", "init", "initializer", "optimizer", "kv", "kvstore", "metric",
                                  "mon", "callback", "operator", "profiler", "test_utils", "lr_scheduler"])
def test_modules_are_loaded_by_all_their_names(name):
    code = f"import tracer; assert tracer.{name}.__name__.startswith('tracer.')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

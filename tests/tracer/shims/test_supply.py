"""Lost modules are found where nothing else has them, and every use is listed with the user's line."""
from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.tierless

#: The finders see no module of these names, as under a Python that lost them.
HIDE = """
import sys
from importlib.machinery import PathFinder
import tracer
lost = ("distutils", "imp", "pkg_resources", "_distutils_hack")
for name in [*sys.modules]:
    if name.partition(".")[0] in lost:
        del sys.modules[name]
class Hiding:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] in lost else PathFinder.find_spec(name, path, target)
sys.meta_path[:] = [Hiding if f is PathFinder else f for f in sys.meta_path if "istutils" not in str(f)]
def absent():
    try:
        import distutils.version
    except ImportError:
        return True
assert absent()
tracer.install_as_mxnet(shims=True)
"""
USE = """
from distutils.version import LooseVersion
import distutils.util, pkg_resources, imp
from imp import reload
assert LooseVersion("1.10") > "1.9" and distutils.util.strtobool("yes") == 1
assert pkg_resources.parse_version("2.0.0b1") < pkg_resources.parse_version("2.0")
try:
    import distutils.core
except ModuleNotFoundError:
    pass
else:
    raise AssertionError("distutils.core")
from tracer.jit.report.counters import LOG
assert {name: line for name, (file, line) in LOG.shims.items()} == {
    "distutils": 2, "distutils.version": 2, "distutils.util": 3, "pkg_resources": 3, "imp": 3}, LOG.shims
assert all(file == "<use>" for file, line in LOG.shims.values())
"""


def test_lost_modules(tmp_path):
    code = f"exec({HIDE!r})\nexec(compile({USE!r}, '<use>', 'exec'))"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr

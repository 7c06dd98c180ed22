"""Imports run one way: tracer -> tracer.jit -> tracer.ops; and an op is declared in one place."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from imported import imports_of
from places import ROOT, copy_package

# Folder, and the prefixes of "tracer..." that its files may import.
ALLOWED = {"ops": ("tracer.ops",), "jit": ("tracer.jit", "tracer.ops")}

pytestmark = pytest.mark.tierless


def trespasses(source: str, package: str, allowed: tuple[str, ...]) -> list[tuple[int, str]]:
    """What a layer may not import: the project outside `allowed`, or `jit` and `ops` as top-level names."""
    def bad(name: str) -> bool:
        top = name.partition(".")[0]
        inside = any(name == prefix or name.startswith(prefix + ".") for prefix in allowed)
        return top in ("jit", "ops", "mxnet") or top == "tracer" and not inside
    return [(i.line, i.name) for i in imports_of(source, package) if bad(i.name)]


@pytest.mark.parametrize("source, package, expected", [
    ("import tracer", "tracer.ops", ["tracer"]),
    ("from tracer import np", "tracer.ops", ["tracer.np"]),
    ("from tracer import jit", "tracer.ops", ["tracer.jit"]),
    ("from tracer.jit.passes import fuse", "tracer.ops", ["tracer.jit.passes.fuse"]),
    ("def f():\n    from .. import autograd", "tracer.jit", ["tracer.autograd"]),
    ("from ..array import NDArray", "tracer.jit", ["tracer.array.NDArray"]),
    ("from ...array import NDArray", "tracer.jit.passes", ["tracer.array.NDArray"]),
    ("import ops.unary", "tracer.jit", ["ops.unary"]),
    ("from . import aval\nfrom .node import Node\nimport numpy", "tracer.ops", []),
    ("from tracer.ops import aval\nfrom ..ops.node import Node\nfrom .passes import fuse", "tracer.jit", []),
])
def test_the_check_sees_every_spelling_of_an_import(source, package, expected):
    assert [name for _, name in trespasses(source, package, ALLOWED[package.split(".")[1]])] == expected


@pytest.mark.parametrize("folder", ALLOWED)
def test_layer_imports_only_downwards(folder):
    found = []
    for file in sorted((ROOT / folder).rglob("*.py")):
        package = ".".join(["tracer", *file.parent.relative_to(ROOT).parts])
        for line, name in trespasses(file.read_text(), package, ALLOWED[folder]):
            found.append(f"{file.relative_to(ROOT)}:{line} imports {name}")
    assert not found, "\n".join(found)


@pytest.fixture
def tree(tmp_path):
    copy_package(tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("importlinter", reason="import-linter 2.16 needs Python 3.11")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    command += ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_import_linter_keeps_the_contracts(tree):
    result = lint_imports(tree)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("file, line", [
    ("ops/primitive/offender.py", "from tracer import install"),
    ("ops/primitive/offender.py", "import tracer"),
    ("ops/primitive/offender.py", "from tracer.jit.report import offended"),
    ("jit/report/offender.py", "from tracer.install import install_as_mxnet"),
    ("jit/report/offender.py", "import tracer"),
])
def test_import_linter_notices_a_breach(tree, file, line):
    (tree / "tracer/jit/report/offended.py").touch()
    (tree / "tracer" / file).write_text(line + "\n")
    result = lint_imports(tree)
    assert result.returncode == 1 and "BROKEN" in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize("op", ["sinh", "cbrt", "arccosh"])
def test_an_op_is_named_in_one_place(op):
    """One file of ops/ declares it; jit/native/elementary may compute it, a layer in ops/ import it to call it.
    Nobody else keeps a list of ops."""
    word, imported = re.compile(rf"\b{op}\b"), re.compile(rf"^from \.+[\w.]* import .*\b{op}\b", re.MULTILINE)
    texts = {file.relative_to(ROOT).as_posix(): file.read_text()
             for folder in ("tracer", "jit", "ops", "bench") for file in (ROOT / folder).rglob("*.py")}
    naming = {name for name, text in texts.items() if word.search(text)}
    others = {name for name in naming if name.startswith("jit/native/elementary/")
              or name.startswith("ops/") and imported.search(texts[name])}
    assert len(naming - others) == 1 and min(naming - others).startswith("ops/"), sorted(naming)

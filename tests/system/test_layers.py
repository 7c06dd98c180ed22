"""Layers: imports run one way, tracer -> tracer.jit -> tracer.ops; and an op is declared and named in one place."""
from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from imported import imports_of
from places import ROOT, copy_package

import tracer  # noqa: F401  (which fills the table of ops)
from tracer.ops.ir.op import OPS

# Folder -> the prefixes of "tracer..." that its files may import.
ALLOWED = {"ops": ("tracer.ops",), "jit": ("tracer.jit", "tracer.ops")}

pytestmark = pytest.mark.tierless


def trespasses(source: str, package: str, allowed: tuple[str, ...]) -> list[tuple[int, str]]:
    """The forbidden imports of a file: of the project outside `allowed`, or of `jit` and `ops` as top-level names."""
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
def test_an_elementwise_op_is_named_in_one_place(op):
    """One file of ops/ declares it; jit/native/elementary may compute it, a layer in ops/ may import and call it.
    No other file keeps a list of ops."""
    word, imported = re.compile(rf"\b{op}\b"), re.compile(rf"^from \.+[\w.]* import .*\b{op}\b", re.MULTILINE)
    texts = {file.relative_to(ROOT).as_posix(): file.read_text()
             for folder in ("tracer", "jit", "ops", "bench") for file in (ROOT / folder).rglob("*.py")}
    naming = {name for name, text in texts.items() if word.search(text)}
    others = {name for name in naming if name.startswith("jit/native/elementary/")
              or name.startswith("ops/") and imported.search(texts[name])}
    assert len(naming - others) == 1 and min(naming - others).startswith("ops/"), sorted(naming)


#: Rooms with other objects that have names: routines for numbers, Python functions, proofs.
OF_OTHER_NAMES = ("jit/native/", "jit/cpython/", "jit/verify/")


def named_ops() -> dict[str, set[str]]:
    """For each op the files of jit/ and tracer/viz/ whose code has its name, as a string or as `name_op`."""
    found: dict[str, set[str]] = {name: set() for name in OPS}
    for folder in ("jit", "tracer/viz"):
        for file in (ROOT / folder).rglob("*.py"):
            name = file.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(file.read_text())) if not name.startswith(OF_OTHER_NAMES) else ():
                words = [node.value] if isinstance(node, ast.Constant) else \
                    [a.name.removesuffix("_op") for a in node.names if a.name.endswith("_op")] \
                    if isinstance(node, ast.ImportFrom) and "primitive" in (node.module or "") else []
                for word in words:
                    if isinstance(word, str) and word in found:
                        found[word].add(name)
    return found


def test_an_op_is_named_in_one_file_of_jit():
    """All other facts for fusion, code generation and planning are attributes of the op or of its native step."""
    for op, files in named_ops().items():
        assert len(files) <= 1 and all(f.startswith(("jit/graph/", "jit/steps/")) for f in files), (op, sorted(files))


def test_known_ops_are_known_to_algebra_alone():
    """Only the graph passes, and two files for compositions of functions, use known_ops."""
    users = {file.relative_to(ROOT).as_posix() for folder in ("tracer", "jit") for file in (ROOT / folder).rglob("*.py")
             if "known_ops import" in file.read_text() and file.parent.name != "graph"}
    assert users == {"jit/codegen/peephole.py", "jit/codegen/reciprocal.py"}


def test_no_op_is_compared_by_its_name():
    comparison = re.compile(r"\.op\.(name|step) *(==|!=|in\b|not\b)")
    for folder in ("jit", "tracer/core", "tracer/viz"):
        for file in (ROOT / folder).rglob("*.py"):
            name = file.relative_to(ROOT).as_posix()
            assert name.startswith(OF_OTHER_NAMES) or not comparison.search(file.read_text()), name

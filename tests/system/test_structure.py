"""The structure of the code: imports between files form no circle, and deferred imports are known."""
from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import matrix
import pytest
from imported import imports_of
from places import ROOT

pytestmark = pytest.mark.tierless

#: The allowed imports within functions, each with its reason: no others exist, and at most six.
DEFERRED = {
    "tracer.jit.cpython.foreign -> tracer.jit.cpython.foreign_caller": "LLVM, which a warm process goes without",
    "tracer.jit.native.disk_cache -> tracer.jit.native.linker": "LLVM, and no import while another thread forks",
    "tracer.jit.native.kernel_cache -> tracer.jit.native.kernel_compiler": "Numba, which a warm process goes without",
    "tracer.jit.native.runtime_functions -> tracer.jit.native.word_compiler": "LLVM's emitter, needed once a machine",
    "tracer.jit.program -> tracer.jit.verify.tiers": "the verifiers, under TRACER_JIT=compare only",
    "tracer.native_recording -> tracer.jit.cpython.unit": "LLVM's emitter, for processes that record much",
}


def module_name(file: Path) -> str:
    """The import name of a file of the checkout: jit/ and ops/ lie inside tracer."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "tracer" else ("tracer", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for folder in ("tracer", "jit", "ops") for file in (ROOT / folder).rglob("*.py")}


@cache
def imports(name: str) -> tuple[tuple[str, bool], ...]:
    """The project's modules that a module imports, and whether it does so within a function.

    Imports for type checkers alone do not count.
    """
    package = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
    found = [(i.name if i.name in FILES else i.name.rpartition(".")[0], i.deferred)
             for i in imports_of(FILES[name].read_text(), package) if not i.for_types]
    return tuple((target, deferred) for target, deferred in found if target in FILES and target != name)


def circles() -> list[list[str]]:
    """The sets of modules that reach each other by imports, deferred ones included.

    A package's __init__.py is left out: it names the modules of the package.
    """
    reach = {name: {target for target, _ in imports(name)} for name in FILES}
    reach = {name: {t for t in targets if FILES[t].name != "__init__.py"}
             for name, targets in reach.items() if FILES[name].name != "__init__.py"}
    closed: dict[str, set[str]] = {}
    for name in reach:
        found, stack = set(), [*reach[name]]
        while stack:
            target = stack.pop()
            if target not in found:
                found.add(target)
                stack += reach[target]
        closed[name] = found
    found_circles = {tuple(sorted(other for other in closed[name] if name in closed[other]))
                     for name in closed if name in closed[name]}
    return [list(circle) for circle in sorted(found_circles)]


def test_no_circle_of_imports():
    assert circles() == []


def test_deferred_imports_are_known():
    found = {f"{name} -> {target}" for name in FILES for target, deferred in imports(name) if deferred}
    assert found == set(DEFERRED) and len(found) <= 6


def test_a_circle_is_found(monkeypatch):
    """Two files import each other, one of them within a function."""
    monkeypatch.setitem(FILES, "tracer.one", FILES["tracer.base"])
    real = imports

    def with_circle(name):
        if name == "tracer.one":
            return (("tracer.util", True),)
        return (*real(name), ("tracer.one", False)) if name == "tracer.util" else real(name)

    monkeypatch.setitem(globals(), "imports", with_circle)
    assert any({"tracer.one", "tracer.util"} <= set(circle) for circle in circles())


def test_folders_are_small_and_files_short():
    """Folders that mirror MXNet's namespaces may be larger."""
    files = {name: file.read_text().count("\n") for name, file in FILES.items()}
    assert {name: lines for name, lines in files.items() if lines > 400} == {}
    sizes = Counter(file.parent for file in FILES.values())
    namespaces = ("numpy", "numpy_extension", "ndarray", "gluon", "optimizer")
    mirrors = {ROOT / "tracer", *(ROOT / "tracer" / name for name in namespaces)}
    assert {str(folder): n for folder, n in sizes.items() if n > 14 and folder not in mirrors} == {}


def test_the_matrix_runs_tests_that_exist():
    assert [name for name in matrix.TESTS if not (ROOT / "tests" / name).exists()] == []

"""Native functions on disk: the imports that a warm process saves, and the entries that are rejected."""
from __future__ import annotations

import ast
import ctypes
import gc
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import pytest
from places import ROOT

from tracer.jit.native import disk_cache, kernel_cache, linker
from tracer.ops.ir.errors import CannotCompile

pytestmark = [pytest.mark.slow_sample(2), pytest.mark.tierless]

TRAINING = """
import sys
import numpy as onp
from tracer import autograd, np, npx
from tracer.jit.report.counters import COUNTERS
assert "numba" not in sys.modules and "llvmlite" not in sys.modules
rng = onp.random.RandomState(0)
x, y, w = np.array(rng.rand(64, 50)), np.array(rng.randint(0, 10, 64)), np.array(rng.rand(50, 10))
w.attach_grad()
for _ in range(2):
    with autograd.record():
        loss = -npx.pick(npx.log_softmax(np.dot(x, w)), y).mean()
    loss.backward()
    w -= 0.1 * w.grad
    print(float(loss))
print(COUNTERS.kernels_compiled, COUNTERS.kernels_loaded, "numba" in sys.modules)
"""


def train(folder):
    """The losses; counts of kernels compiled and loaded; whether Numba was imported."""
    environment = {**os.environ, "TRACER_CACHE": str(folder), "TRACER_JIT": "always"}
    done = subprocess.run([sys.executable, "-c", TRAINING], env=environment, capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    *losses, counts = done.stdout.splitlines()
    compiled, loaded, numba = counts.split()
    return losses, int(compiled), int(loaded), numba == "True"


def test_training_from_a_warm_cache_imports_no_numba(tmp_path):
    losses, compiled, loaded, numba = train(tmp_path)
    assert compiled and not loaded and numba
    assert train(tmp_path) == (losses, 0, compiled, False)


def native(symbol: str, calls: str = "", returned: int = 7) -> bytes:
    """The object code of a function that returns a number, or the result of `calls`."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    body = f"%a = call i64 @{calls}()\n ret i64 %a" if calls else f"ret i64 {returned}"
    declared = f"declare i64 @{calls}()\n" if calls else ""
    module = llvm.parse_assembly(f"{declared}define i64 @{symbol}() {{\n {body}\n}}")
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine()
    return machine.emit_object(module)


def compiled_as(code: bytes):
    return lambda: code


def never():
    raise AssertionError("compiled again")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACER_CACHE", str(tmp_path))
    return tmp_path


def test_an_entry_is_used_again(folder):
    first, loaded = disk_cache.find("seven", ".obj", compiled_as(native("seven")), "its text")
    assert not loaded and (folder / "seven.py").read_text() == "its text"
    second, loaded = disk_cache.find("seven", ".obj", never)
    assert loaded and first and second and first != second


def test_code_that_calls_the_unknown_is_refused_and_not_stored(folder):
    code = native("caller", "tracer_has_no_such_function")
    with pytest.raises(RuntimeError):
        linker.link("caller", code)
    with pytest.raises(CannotCompile):
        disk_cache.find("caller", ".obj", compiled_as(code))
    assert not list(folder.glob("[!.]*"))


def test_a_kernel_that_the_linker_refuses_is_compiled_once(folder, monkeypatch):
    made = []

    def lower(name, text):
        made.append(name)
        return compiled_as(native(name, "tracer_has_no_such_function"))

    monkeypatch.setattr(kernel_cache, "_lower", lower)
    for _ in range(2):
        with pytest.raises(CannotCompile):
            kernel_cache.find_kernel("def kernel(bind, args, lo, hi):\n    calls_the_unknown()\n")
    assert len(made) == 1


def test_functions_compiled_side_by_side_are_those_compiled_alone(folder):
    """Each half runs once; one that fails is left out, and fails again when it is asked for."""
    halves = []

    def job(name, fails=""):
        def second():
            halves.append((name, 2))
            if fails == "second":
                raise ValueError(name)
            return native(name, *(["tracer_has_no_such_function"] if fails == "linker" else []))

        def first():
            halves.append((name, 1))
            if fails == "first":
                raise CannotCompile(name)
            return second

        return disk_cache.Job(name, first, f"text of {name}")

    disk_cache.find("c", ".obj", compiled_as(native("c")))
    jobs = [job("d"), job("c"), job("b", "first"), job("a", "second"), job("e", "linker"), job("f")]
    found = disk_cache.find_all(jobs, ".obj")
    assert {name: loaded for name, (_, loaded) in found.items()} == {"c": True, "d": False, "f": False}
    assert sorted(halves) == [("a", 1), ("a", 2), ("b", 1), ("d", 1), ("d", 2), ("e", 1), ("e", 2), ("f", 1), ("f", 2)]
    assert (folder / "d.py").read_text() == "text of d" and not (folder / "e.py").exists()
    assert disk_cache.find("d", ".obj", never)[1]


#: haswell converts between float32 and float16, but not from float64; nehalem has none of these instructions.
@pytest.mark.sweep(sample=1)
@pytest.mark.skipif("x86" not in llvm.get_process_triple(), reason="names x86's processors")
@pytest.mark.parametrize("processor", ["haswell", "nehalem"])
def test_no_processor_runs_code_with_an_unresolved_symbol(processor, tmp_path):
    """LLVM split the conversion of float64 to float16 into two, and emitted a call to address 0 for one."""
    script = """
from tracer import np
x = np.array([-0.75, 0.1, 2.5], dtype="float64")
for name in "tanh", "log1p", "expm1", "sinh", "arcsinh":
    for _ in range(3):
        print(name, getattr(np, name)(x.astype("float16")).tolist())
    print(np.copysign(np.exp(x.astype("float16")), x.astype("float16")).tolist())
"""
    outputs = []
    for tier in ("never", "always"):
        environment = {**os.environ, "TRACER_CACHE": str(tmp_path), "TRACER_JIT": tier, "NUMBA_CPU_NAME": processor,
                       "NUMBA_CPU_FEATURES": ""}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True,
                              timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("code", [b"no object code", native("another")], ids=["of another system", "of another name"])
def test_entries_that_do_not_link_are_compiled_afresh(folder, code):
    (folder / "seven.obj").write_bytes(hashlib.sha256(code).digest() + code)
    address, loaded = disk_cache.find("seven", ".obj", compiled_as(native("seven")))
    assert address and not loaded
    assert disk_cache.find("seven", ".obj", never)[1]


def test_code_that_its_digest_does_not_fit_is_compiled_afresh(folder):
    code = native("seven")
    (folder / "seven.obj").write_bytes(hashlib.sha256(code).digest() + native("seven", returned=8))
    address, loaded = disk_cache.find("seven", ".obj", compiled_as(code))
    assert not loaded and ctypes.CFUNCTYPE(ctypes.c_int64)(address)() == 7


@pytest.mark.parametrize("setting", ["NUMBA_OPT", "NUMBA_CPU_NAME", "NUMBA_ENABLE_AVX"])
def test_the_name_of_an_entry_tells_numba_s_settings_apart(setting, monkeypatch):
    before = disk_cache.host.__wrapped__()
    monkeypatch.setenv(setting, "1")
    assert disk_cache.host.__wrapped__() != before


def test_the_name_of_an_entry_tells_numba_s_settings_in_a_file_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = disk_cache.host.__wrapped__()
    (tmp_path / ".numba_config.yaml").write_text("cpu_name: nehalem")
    assert disk_cache.host.__wrapped__() != before


def test_the_number_of_threads_shapes_no_code(monkeypatch):
    before = disk_cache.host.__wrapped__()
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert disk_cache.host.__wrapped__() == before


def modules_of(file: Path, top: Path) -> set[Path]:
    """The files of the package at `top` that `file` imports, at any level of nesting."""
    package = [top.name, *file.parent.relative_to(top).parts]
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            stem = package[:len(package) - node.level + 1] if node.level else []
            stem = [*stem, *(node.module.split(".") if node.module else [])]
            found += [stem, *([*stem, alias.name] for alias in node.names)]
    places = [top.joinpath(*name[1:]) for name in found if name[0] == top.name]
    return {file for place in places for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()}


TOUCHING = """
import sys
from pathlib import Path
import tracer
from tracer.jit.native import disk_cache as store
assert Path(tracer.__file__).is_relative_to(sys.argv[1])
for name in sys.argv[2:]:
    path, before = Path(name), store.key("a kernel")
    text = path.read_bytes()
    path.write_bytes(text + b"#")
    store.host.cache_clear()
    if store.key("a kernel") == before:
        print(path.relative_to(sys.argv[1]))
    path.write_bytes(text)
    store.host.cache_clear()
    assert store.key("a kernel") == before
"""


def test_the_name_of_an_entry_changes_with_each_file_that_what_compiles_imports(tmp_path):
    top = tmp_path / "tracer"
    for folder, place in (("tracer", top), ("jit", top / "jit"), ("ops", top / "ops")):
        shutil.copytree(ROOT / folder, place, ignore=shutil.ignore_patterns("__pycache__"))
    compiling = re.compile(r"^\s*(import|from) (llvmlite|numba)|^from .*\bdisk_cache\b", re.MULTILINE)
    found, stack = set(), [file for file in (top / "jit").rglob("*.py") if compiling.search(file.read_text())]
    while stack:
        file = stack.pop()
        if file not in found:
            found.add(file)
            stack += modules_of(file, top)
    assert {file.name for file in found} >= {"remainders.py", "kernel_cache.py", "word_compiler.py", "lowering.py",
                                             "errors.py"}
    done = subprocess.run([sys.executable, "-c", TOUCHING, str(tmp_path), *map(str, sorted(found))], text=True,
                          cwd=tmp_path, capture_output=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0 and not done.stdout, done.stdout + done.stderr


def test_entries_of_a_package_without_files_are_never_found(tmp_path):
    assert disk_cache.sources([tmp_path]) != disk_cache.sources([tmp_path])
    (tmp_path / "compiled.pyc").touch()
    assert disk_cache.sources([tmp_path]) == disk_cache.sources([tmp_path])


def test_garbage_is_collected_before_and_after_compiling_but_not_meanwhile(folder):
    found = []

    def compile_():
        found.append(gc.isenabled())
        return native("collected")

    gc.freeze()
    try:
        disk_cache.find("collected", ".obj", compile_)
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()
    assert gc.isenabled()
    gc.disable()
    try:
        disk_cache.find("collected", ".bin", compile_)
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert found == [False, False] and not gc.get_freeze_count()

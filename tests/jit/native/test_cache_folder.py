"""The cache folder: which files are trusted as machine code, where they lie, and failing or shared file systems."""
from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time

import llvmlite.binding as llvm
import pytest
from places import TESTS

import tracer
from tracer.jit.native import cache_folder, disk_cache
from tracer.jit.process import interrupts

pytestmark = [pytest.mark.slow_sample(3), pytest.mark.tierless]

SOAK = TESTS / "soak" / "cache.py"

posix = pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")


def returning(number: int) -> bytes:
    """The object code of a function `seven` that returns a number."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(f"define i64 @seven() {{\n ret i64 {number}\n}}")
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine().emit_object(module)


def entry(number: int) -> bytes:
    """An entry of the cache as it is written: a digest, then the code."""
    return hashlib.sha256(returning(number)).digest() + returning(number)


def find() -> bool:
    """Look up the function `seven`; returns whether it came from the cache."""
    return disk_cache.find("seven", ".obj", lambda: returning(7))[1]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    where = tmp_path / "cache"
    where.mkdir(mode=0o700)
    monkeypatch.setenv("TRACER_CACHE", str(where))
    monkeypatch.setattr(cache_folder, "_patient", True)  # an earlier test may have timed out waiting for its process
    return where


def test_an_entry_of_one_s_own_is_used(folder):
    (folder / "seven.obj").write_bytes(entry(8))
    assert find()


def open_folder(folder):
    (folder / "seven.obj").write_bytes(entry(8))
    folder.chmod(0o777)
    return folder, "may be written by others (mode 777)"


def group_s_folder(folder):
    (folder / "seven.obj").write_bytes(entry(8))
    folder.chmod(0o770)
    return folder, "may be written by others (mode 770)"


def linked_folder(folder):
    (folder / "seven.obj").write_bytes(entry(8))
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))
    return folder, "is a symbolic link"


def open_file(folder):
    (folder / "seven.obj").write_bytes(entry(8))
    (folder / "seven.obj").chmod(0o666)
    return folder / "seven.obj", "may be written by others (mode 666)"


def linked_file(folder):
    (folder.parent / "forged").write_bytes(entry(8))
    (folder / "seven.obj").symlink_to(folder.parent / "forged")
    return folder / "seven.obj", "is a symbolic link"


def given_folder(folder):
    (folder / "seven.obj").write_bytes(entry(8))
    os.chown(folder, 12345, -1)
    return folder, "belongs to another user (12345)"


def given_file(folder):
    (folder / "seven.obj").write_bytes(entry(8))
    os.chown(folder / "seven.obj", 12345, -1)
    return folder / "seven.obj", "belongs to another user (12345)"


def pipe(folder):
    os.mkfifo(folder / "seven.obj", 0o600)
    return folder / "seven.obj", "is a file of another kind"


@posix
@pytest.mark.timeout(20)
@pytest.mark.parametrize("forge", [
    open_folder, group_s_folder, linked_folder, open_file, linked_file, pipe,
    pytest.param(given_folder, marks=root), pytest.param(given_file, marks=root)])
def test_what_others_can_have_written_is_not_loaded_and_explain_says_so(folder, forge):
    path, reason = forge(folder)
    assert not find()
    lines = [line for line in tracer.explain().splitlines() if str(path) in line]
    assert len(lines) == 1 and reason in lines[0], tracer.explain()


@posix
def test_an_entry_that_is_not_trusted_is_replaced_in_a_folder_that_is(folder):
    open_file(folder)
    assert not find() and find()
    assert stat.S_IMODE((folder / "seven.obj").stat().st_mode) == 0o600


@posix
def test_a_folder_that_is_not_trusted_is_left_alone(folder):
    folder.chmod(0o777)
    assert not find() and not list(folder.iterdir())


@posix
@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_what_is_created_is_its_owner_s_alone(tmp_path, monkeypatch, umask):
    monkeypatch.setenv("TRACER_CACHE", str(tmp_path / "new" / "cache"))
    before = os.umask(umask)
    try:
        assert not find() and find()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "cache").stat().st_mode) == 0o700
    files = list((tmp_path / "new" / "cache").iterdir())
    assert files and all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


@pytest.mark.parametrize("variables", [
    {"HOME": "here"}, {"HOME": "here", "XDG_CACHE_HOME": "there"}, {"TRACER_CACHE": "cache"}, {"HOME": "."}])
def test_nothing_is_created_where_the_process_happens_to_be(tmp_path, monkeypatch, variables):
    for name in ("HOME", "XDG_CACHE_HOME", "TRACER_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert not find() and not find() and not list(tmp_path.iterdir())
    assert "is a relative path" in tracer.explain()


def test_a_user_who_is_in_no_list_of_users_has_no_cache(tmp_path, monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "TRACER_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it does if there is no home folder
    monkeypatch.chdir(tmp_path)
    assert not find() and not find() and not list(tmp_path.iterdir())


def test_a_relative_xdg_cache_home_is_ignored(tmp_path, monkeypatch):
    monkeypatch.delenv("TRACER_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "there")
    monkeypatch.chdir(tmp_path)
    assert not find() and find()
    assert (tmp_path / "home/.cache/tracer/seven.obj").is_file() and not (tmp_path / "there").exists()


def test_an_empty_name_means_no_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TRACER_CACHE", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert not find() and not find() and not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_costs_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TRACER_CACHE", str(tmp_path / "file" / "cache"))
    assert not find() and not find()


@posix
def test_a_folder_that_can_only_be_read_is_read(folder, monkeypatch):
    (folder / "seven.obj").write_bytes(entry(8))
    open_ = os.open

    def read_only(path, flags, *rest, **named):  # file permissions do not stop root
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return open_(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", read_only)
    assert find()
    (folder / "seven.obj").unlink()
    assert not find() and not find() and not list(folder.iterdir())
    assert os.strerror(errno.EROFS) in tracer.explain()


@posix
def test_a_full_disk_costs_nothing_else(tmp_path):
    script = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
import tracer, test_cache_folder
print(test_cache_folder.find(), test_cache_folder.find(), "cannot be written" in tracer.explain())
"""
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "TRACER_CACHE": str(tmp_path / "cache")},
                          capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == "False False True\n", done.stderr
    assert [file.name for file in (tmp_path / "cache").iterdir() if file.name != ".lock"] == []


def test_a_folder_may_vanish_at_any_time(folder):
    def compile_():
        shutil.rmtree(folder)
        return returning(7)

    assert not disk_cache.find("seven", ".obj", compile_)[1]
    shutil.rmtree(folder, ignore_errors=True)
    assert not find() and find()


HOLDER = """
import sys, time
sys.path.insert(0, {tests!r})
from tracer.jit.native import disk_cache as store
import test_cache_folder
code = test_cache_folder.returning(7)
def compile_():
    print("compiling", flush=True)
    time.sleep({seconds})
    return code
store.find("seven", ".obj", compile_)
"""


def compiling(seconds: float) -> subprocess.Popen:
    """A process that compiles `seven`, which takes so many seconds."""
    script = HOLDER.format(tests=os.path.dirname(__file__), seconds=seconds)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "compiling\n"
    return process


@posix
def test_who_comes_second_takes_what_the_first_has_compiled(folder):
    process = compiling(1)
    assert find()
    assert process.wait(60) == 0


@posix
def test_a_process_that_dies_is_not_waited_for(folder):
    process = compiling(600)
    os.kill(process.pid, signal.SIGKILL)
    start = time.monotonic()
    assert not find() and time.monotonic() - start < 10
    process.wait(60)


@posix
def test_a_process_that_hangs_is_waited_for_once_and_not_long(folder, monkeypatch):
    monkeypatch.setattr(cache_folder, "PATIENCE", 5)
    monkeypatch.setattr(cache_folder, "_patient", True)
    process = compiling(600)
    os.kill(process.pid, signal.SIGSTOP)
    start = time.monotonic()
    assert not find() and 4.9 < time.monotonic() - start < 20
    (folder / "seven.obj").unlink()
    start = time.monotonic()
    assert not find() and time.monotonic() - start < 4
    process.kill()
    process.wait(60)


@posix
def test_a_process_that_hangs_is_not_waited_for_after_ctrl_c(folder, monkeypatch):
    monkeypatch.setattr(cache_folder, "_patient", True)
    process = compiling(600)
    os.kill(process.pid, signal.SIGSTOP)
    timer = threading.Timer(1, interrupts.note)
    timer.start()
    start = time.monotonic()
    try:
        assert not find() and time.monotonic() - start < 20
    finally:
        timer.join()
        interrupts.forget()
        process.kill()
        process.wait(60)


TRAINING = """
import numpy as onp
from tracer import autograd, np, npx
from tracer.jit.report.counters import COUNTERS
rng = onp.random.RandomState(0)
x, y, w = np.array(rng.rand(64, 50)), np.array(rng.randint(0, 10, 64)), np.array(rng.rand(50, 10))
w.attach_grad()
for _ in range(2):
    with autograd.record():
        loss = -npx.pick(npx.log_softmax(np.dot(x, w)), y).mean()
    loss.backward()
    w -= 0.1 * w.grad
print(float(loss), COUNTERS.kernels_compiled, COUNTERS.kernels_loaded)
"""


@posix
def test_of_processes_that_start_together_one_compiles_each_kernel(folder):
    environment = {**os.environ, "TRACER_JIT": "always"}
    started = [subprocess.Popen([sys.executable, "-c", TRAINING], env=environment, stdout=subprocess.PIPE, text=True)
               for _ in range(4)]
    found = [process.communicate(timeout=200)[0].split() for process in started]
    kernels = len(list(folder.glob("k_*.bin")))
    assert kernels and sum(int(compiled) for _, compiled, _ in found) == kernels
    assert len({loss for loss, _, _ in found}) == 1
    assert all(int(compiled) + int(loaded) == kernels for _, compiled, loaded in found)


@posix
@pytest.mark.timeout(900)
def test_a_sample_of_killed_processes_and_spoilt_entries_does_no_harm():
    seed = random.SystemRandom().randrange(10**6)
    command = [sys.executable, str(SOAK), "--kills", "1", "--entries", "3", "--together", "2", "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=850, check=False)
    assert done.returncode == 0 and done.stdout.endswith("\n0 failures\n"), done.stdout + done.stderr

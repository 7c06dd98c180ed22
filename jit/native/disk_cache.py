"""The disk cache of native functions: from a name to an address, compiled only when no earlier process has done it.

An entry is the object code after its digest; damaged, foreign or unwritable ones are compiled afresh
(`cache_folder.py`). A function's name carries a hash of its source and of all else that shapes its code, never a time.
When several processes need a function at once, one compiles it and the others wait for its entry. Only LLVM's linker
makes addresses: it refuses code that calls a function missing in this process, before any of it can run.

Numba's own disk cache is not used: its symbol names carry a per-process counter, by which one function's file can
resolve to another one's helper (numba issue 10486), and loading from it needs most of Numba. Here all of a function is
one object, linked by itself.
"""
from __future__ import annotations

import gc
import hashlib
import importlib.util
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import tracer.jit
import tracer.ops
from tracer.ops.ir.errors import CannotCompile, NoCompiler

from ..process import forks
from . import cache_folder

_FORMAT = 2
_LOCK = forks.guarded(threading.RLock(), forks.COMPILING)

#: The folders of the packages whose files shape code: that of the passes and compilers, and that of the operations.
_PACKAGES = tuple(Path(package.__path__[0]) for package in (tracer.jit, tracer.ops))

#: Numba's settings that do not shape code; all others count as shaping it.
_SHAPELESS = frozenset(("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS"))


@lru_cache(maxsize=1)
def host() -> str:
    """A text of all that shapes every function's code: the processor, LLVM, Numba, its settings, our own files."""
    import llvmlite
    import llvmlite.binding as llvm

    features = ",".join(sorted(k for k, v in llvm.get_host_cpu_features().items() if v))
    settings = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("NUMBA_") and k not in _SHAPELESS]
    settings.append(_digest([".numba_config.yaml"]))  # more of Numba's settings
    return "|".join([str(_FORMAT), _numba(), llvmlite.__version__, llvm.get_process_triple(),
                     llvm.get_host_cpu_name(), features, sources(_PACKAGES), *settings])


def key(text: str) -> str:
    """A digest of `text` and of everything else that shapes the code compiled from it."""
    return hashlib.sha256(f"{host()}|{text}".encode()).hexdigest()[:24]


def _numba() -> str:
    """A digest that tells versions of Numba apart without importing it, which takes longer than loading kernels."""
    spec = importlib.util.find_spec("numba")
    return _digest([str(Path(spec.origin).with_name("_version.py"))]) if spec and spec.origin else ""


def sources(folders: Iterable[Path]) -> str:
    """A digest of all files of packages: a list of those that shape code would be incomplete one day.

    Compiled files stand in for sources, where a package comes without them. Where there are no files at all (a package
    in an archive), the digest differs in each process.
    """
    paths = [os.path.join(here, name) for folder in folders for here, _, names in os.walk(folder)
             if not here.endswith("__pycache__") for name in names if name.endswith((".py", ".pyc"))]
    return _digest(sorted(paths)) if paths else os.urandom(16).hex()


def _digest(paths: Iterable[str]) -> str:
    found = hashlib.sha256()
    for path in paths:
        try:
            with open(path, "rb") as file:
                found.update(hashlib.sha256(file.read()).digest())
        except OSError:
            found.update(b"?")
    return found.hexdigest()


class Address(int):
    """The address of a native function in this process; pickling it stores the call that finds the function.

    find: a function of a module.
    given: its arguments; `find(*given)` returns the address.

    >>> import pickle
    >>> from tracer.jit.native.runtime_functions import find_native
    >>> address = find_native("tracer.jit.runtime.native_loops", "run_table")
    >>> pickle.loads(pickle.dumps(address)) == address
    True
    """

    find: Callable[..., int]
    given: tuple[Any, ...]

    def __new__(cls, address: int, find: Callable[..., int], *given: Any) -> Address:
        made = super().__new__(cls, address)
        made.find, made.given = find, given
        return made

    def __reduce__(self) -> tuple[Callable[..., int], tuple[Any, ...]]:
        return self.find, self.given


def find(name: str, ending: str, compile_: Callable[[], bytes], text: str = "") -> tuple[int, bool]:
    """The address of the function `name`, and whether it came from disk.

    compile_: makes its object code, with `name` as its symbol.
    text: the source that is stored beside it, for readers.
    CannotCompile of `compile_` passes through, and is raised if the linker refuses the object code; NoCompiler stands
    for all other errors of the compiler.
    """
    with _LOCK:
        address = load(name, ending)
        if address is not None:
            return address, True
        with cache_folder.locked(f"{name}{ending}"):
            address = load(name, ending)
            if address is not None:
                return address, True
            try:
                with _uncollected():
                    code = compile_()
            except (CannotCompile, MemoryError, RecursionError):
                raise
            except Exception as error:
                raise NoCompiler(f"{type(error).__name__}: {error}".splitlines()[0]) from error
            return _keep(name, ending, code, text), False


class Job(NamedTuple):
    """A function to compile in two halves, of which the second may run on another thread.

    name: its symbol.
    lower: the first half, which returns the second; that returns the object code.
    text: the source that is stored beside it.
    """

    name: str
    lower: Callable[[], Callable[[], bytes]]
    text: str


def find_all(jobs: Sequence[Job], ending: str) -> dict[str, tuple[int, bool]]:
    """For each function by name what `find` returns; those not on disk are compiled side by side, on two threads.

    Functions that cannot be compiled are left out: `find` raises the error.
    """
    found: dict[str, tuple[int, bool]] = {}
    begun: list[tuple[Job, _Later]] = []
    with _LOCK, ExitStack() as held, _uncollected():
        for job in sorted(jobs):  # in one order in all processes, so that none waits for another that waits for it
            address = load(job.name, ending)
            if address is None:
                held.enter_context(cache_folder.locked(f"{job.name}{ending}"))
                address = load(job.name, ending)
            if address is not None:
                found[job.name] = address, True
                continue
            with suppress(Exception):
                begun.append((job, _Later(job.lower(), begun[-1][1] if begun else None)))
        for job, later in begun:
            code = later.result()
            if code is not None:
                with suppress(CannotCompile):
                    found[job.name] = _keep(job.name, ending, code, job.text), False
    return found


class _Later(threading.Thread):
    """A thread that computes a result after that of an earlier thread."""

    def __init__(self, compute: Callable[[], bytes], before: _Later | None) -> None:
        super().__init__(daemon=True)
        self._compute, self._before = compute, before
        self._made: bytes | None = None
        self.start()

    def run(self) -> None:
        """Compute the result; it stays None after an error."""
        if self._before is not None:
            self._before.join()
            self._before = None
        with suppress(Exception):
            self._made = self._compute()

    def result(self) -> bytes | None:
        """The result, when it is there."""
        self.join()
        return self._made


def _keep(name: str, ending: str, code: bytes, text: str) -> int:
    """Link a function's code and store it; returns the address."""
    try:
        address = _link(name, code)
    except RuntimeError as error:
        raise CannotCompile("machine code that calls what this process does not have") from error
    if text:
        cache_folder.write(f"{name}.py", text.encode())
    cache_folder.write(f"{name}{ending}", hashlib.sha256(code).digest() + code)
    return address


def load(name: str, ending: str) -> int | None:
    """The address of the function `name`, if it is on disk."""
    stored = cache_folder.read(f"{name}{ending}")
    if stored is None or hashlib.sha256(stored[32:]).digest() != stored[:32]:
        return None
    with _LOCK:
        try:
            return _link(name, stored[32:])
        except RuntimeError:
            return None  # code of another system, in spite of its name


def _link(name: str, code: bytes) -> int:
    from . import linker  # under the lock only: no other thread imports while one forks

    return linker.link(name, code)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Disable garbage collection: Numba's import and compiling make many objects, of which most live on.

    Afterwards these objects count as old without having been traversed, which took 0.1 s in the first program.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting and not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        if collecting:
            gc.enable()

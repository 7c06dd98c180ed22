"""The kernel cache: source text -> native code, in memory and on disk.

On disk a kernel is `k_<hash>.py`, its readable source, and `k_<hash>.bin`, the object code (`disk_cache.py`).
"""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from tracer.ops.ir.errors import CannotCompile, NoCompiler

from ..process import forks
from ..report import timing
from ..report.counters import COUNTERS
from . import disk_cache
from .disk_cache import Address

#: The first and the last version of Numba with which `make matrix` passes. Any other one is tested before it is used.
KNOWN = "0.62", "0.68"

_LOADED: dict[str, Address] = {}
_SOURCES: dict[int, str] = {}  # by address
#: source -> the reason why it has no native code: compiling it again would fail in the same way.
_REFUSED: dict[str, str] = {}
_LOCK = forks.guarded(threading.RLock(), forks.COMPILING)


def key_of(source: str) -> str:
    """The name of a kernel: a digest of its source and of everything else that shapes its code."""
    return disk_cache.key(source)


def find_kernel(source: str) -> Address:
    """The address of the native function of `source`, whose function is named `kernel`. Raises CannotCompile."""
    address = _LOADED.get(source)
    if address is not None:
        COUNTERS.kernel_hits += 1
        return address
    with _LOCK:
        address = _LOADED.get(source)
        if address is None:
            address = _LOADED[source] = Address(_find_once(source), find_kernel, source)
            _SOURCES[address] = source
    return address


def _find_once(source: str) -> int:
    if source in _REFUSED:
        raise CannotCompile(_REFUSED[source])
    try:
        return _find(source)
    except NoCompiler:
        raise
    except CannotCompile as why:
        _REFUSED[source] = why.reason
        raise


def source_at(address: int) -> str | None:
    """The source of the kernel whose code is at an address; None where this process has no kernel there."""
    return _SOURCES.get(address)


def source_of(name: str) -> str:
    """The source of the kernel `k_<hash>` of this process, by its name or the beginning of it.

    KeyError when no kernel's name begins so, or when several do.
    """
    named = {f"k_{key_of(source)}": source for source in tuple(_LOADED)}
    found = [known for known in named if known.startswith(name)]
    if len(found) != 1 or not name.startswith("k_"):
        raise KeyError(f"{len(found)} of the {len(named)} kernels of this process have names that begin with {name!r}")
    return _named(found[0], named[found[0]])


def _named(name: str, source: str) -> str:
    return source.replace("def kernel(", f"def {name}(", 1)


def _find(source: str) -> int:
    start = time.perf_counter()
    name = f"k_{key_of(source)}"
    text = _named(name, source)
    address, loaded = disk_cache.find(name, ".bin", lambda: _lower(name, text)(), text)
    _noted(name, loaded, start, time.perf_counter() - start)
    return address


def _lower(name: str, text: str) -> Callable[[], bytes]:
    from .kernel_compiler import lower_kernel  # only when a kernel is compiled: it needs Numba

    return lower_kernel(name, text, KNOWN)


def prepare(sources: Iterable[str]) -> None:
    """Find the kernels of several sources, to be requested next; those not on disk are compiled side by side."""
    with _LOCK:
        missing = list(dict.fromkeys([s for s in sources if s not in _LOADED and s not in _REFUSED]))
        if len(missing) < 2:
            return
        start = time.perf_counter()
        names = {f"k_{key_of(source)}": source for source in missing}
        texts = {name: _named(name, source) for name, source in names.items()}
        jobs = [disk_cache.Job(name, partial(_lower, name, text), text) for name, text in texts.items()]
        found = disk_cache.find_all(jobs, ".bin")
        seconds = (time.perf_counter() - start) / max(len(found), 1)
        for name, (address, loaded) in found.items():
            source = names[name]
            _LOADED[source], _SOURCES[address] = Address(address, find_kernel, source), source
            _noted(name, loaded, start, seconds)
        COUNTERS.kernel_hits -= len(found)  # that they are found when they are requested is no second use


def _noted(name: str, loaded: bool, start: float, seconds: float) -> None:
    if loaded:
        COUNTERS.kernels_loaded += 1
        COUNTERS.load_seconds += seconds
    else:
        COUNTERS.kernels_compiled += 1
        COUNTERS.compile_seconds += seconds
    timing.event("load" if loaded else "compile", name, int(start * 1e9), timing.now())

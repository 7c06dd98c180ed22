"""The kernel cache: source text -> native code, in memory and on disk.

On disk a kernel is `k_<hash>.py`, its readable source, and `k_<hash>.bin`, the object code. The hash covers the
source, the versions of Numba and llvmlite, the processor and its features: never a time. Entries are written to a
temporary file and renamed, and carry a digest; what is corrupt, foreign or unwritable is compiled afresh.

Numba's own disk cache is not used: its symbol names carry a per-process counter, by which one kernel's file can
resolve to another kernel's helper (numba issue 10486). Here all of a kernel is one object with its hash in its name.
"""
from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
from numba import types
from numba.core import registry

from tracer.ops.errors import CannotCompile

from . import profile
from .intrinsics import namespace_for
from .stats import COUNTERS

_SIGNATURE = types.void(types.CPointer(types.int64), types.CPointer(types.int64), types.int64, types.int64)
_FORMAT = 1

_LOADED: dict[str, int] = {}
_KEEP: list[Any] = []
_LOCK = threading.RLock()


def folder() -> Path | None:
    """Where kernels are kept: TRACER_CACHE, or the user's cache folder. None when TRACER_CACHE is empty."""
    chosen = os.environ.get("TRACER_CACHE")
    if chosen is not None:
        return Path(chosen) if chosen else None
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "tracer"


def _host() -> str:
    features = ",".join(sorted(k for k, v in llvm.get_host_cpu_features().items() if v))
    return f"{_FORMAT}|{numba.__version__}|{llvmlite.__version__}|{llvm.get_host_cpu_name()}|{features}"


_HOST = _host()


def key_of(source: str) -> str:
    """The name of a kernel: a digest of its source and of everything else that shapes its code."""
    return hashlib.sha256(f"{_HOST}|{source}".encode()).hexdigest()[:24]


def find_kernel(source: str) -> int:
    """The address of the native function of `source`, whose function is named `kernel`."""
    address = _LOADED.get(source)
    if address is not None:
        COUNTERS.kernel_hits += 1
        return address
    with _LOCK:
        address = _LOADED.get(source)
        if address is None:
            key = key_of(source)
            address = _load(key)
            if address is None:
                address = _compile(key, source)
            _LOADED[source] = address
    return address


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


def _compile(key: str, source: str) -> int:
    start = time.perf_counter()
    name = f"k_{key}"
    text = _named(name, source)
    space = namespace_for(source) | {"__name__": name}
    exec(compile(text, f"<{name}>", "exec"), space)
    try:
        native: Any = numba.cfunc(_SIGNATURE, error_model="numpy", fastmath={"contract"})(space[name])
    except numba.core.errors.NumbaError as error:
        raise CannotCompile(f"Numba: {str(error).strip().splitlines()[0]}") from error
    library, symbol = native._library, native._wrapper_name
    _KEEP.append(native)
    COUNTERS.kernels_compiled += 1
    COUNTERS.compile_seconds += time.perf_counter() - start
    profile.event("compile", name, int(start * 1e9), profile.now())
    _save(key, text, library, symbol)
    return native.address


def _save(key: str, text: str, library: Any, symbol: str) -> None:
    where = folder()
    if where is None:
        return
    try:
        data = pickle.dumps((symbol, library.serialize_using_object_code()))
        where.mkdir(parents=True, exist_ok=True)
        _replace(where / f"k_{key}.py", text.encode())
        _replace(where / f"k_{key}.bin", hashlib.sha256(data).digest() + data)
    except OSError:
        return  # a folder that can't be written costs a compilation in the next process, nothing else


def _replace(path: Path, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp_")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _load(key: str) -> int | None:
    where = folder()
    if where is None:
        return None
    start = time.perf_counter()
    try:
        stored = (where / f"k_{key}.bin").read_bytes()
    except OSError:
        return None
    digest, data = stored[:32], stored[32:]
    if hashlib.sha256(data).digest() != digest:
        return None
    symbol, state = pickle.loads(data)
    target: Any = registry.cpu_target
    library = target.target_context.codegen().unserialize_library(state)
    address = library.get_pointer_to_function(symbol)
    _KEEP.append(library)
    COUNTERS.kernels_loaded += 1
    COUNTERS.load_seconds += time.perf_counter() - start
    profile.event("load", f"k_{key}", int(start * 1e9), profile.now())
    return address

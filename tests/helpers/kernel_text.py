"""Kernels given as text: their functions, and their instructions."""
from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from functools import cache

import numpy as np

from tracer.jit.native import numba_compiler
from tracer.jit.native.intrinsics import namespace_for
from tracer.jit.native.kernel_compiler import lower
from tracer.jit.native.linker import link


def _lowered(body: str, flags: Iterable[str]) -> numba_compiler.Lowered:
    text = "def kernel(bind, args, lo, hi):\n" + "".join([f"    {line}\n" for line in body.splitlines()])
    return lower("kernel", text, namespace_for(text), flags)


@cache
def _function(body: str, flags: frozenset[str]) -> Callable[..., None]:
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    return kind(link("kernel", _lowered(body, flags).compile()))


def run(body: str, *arrays: np.ndarray, lo: int = 0, hi: int = 1, flags: Iterable[str] = ()) -> None:
    """Run a kernel, given as the lines of its body: `bind[args[i]]` is the address of array i."""
    words = np.array([a.ctypes.data for a in arrays], np.int64)
    numbers = np.arange(len(arrays))
    _function(body, frozenset(flags))(words.ctypes.data, numbers.ctypes.data, lo, hi)


def assembly(body: str) -> str:
    """The instructions of a kernel, as text."""
    return numba_compiler._TARGET.codegen()._tm.emit_assembly(_lowered(body, ()).module())

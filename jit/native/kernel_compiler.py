"""The compiler of kernels: source text -> object code, by Numba's operators; unknown versions are tested first."""
from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import numba
import numpy as np

from tracer.ops.ir.errors import CannotCompile, NoCompiler

from . import disk_cache
from .intrinsics import namespace_for
from .kernel_lowering import lower

_TRIAL = """
def kernel(bind, args, lo, hi):
    p = bind[args[0]]
    q = bind[args[1]]
    c = f32(0.0)
    for i in range(lo, hi):
        v = ld_f32_0(p, i)
        c = fadd_reassoc(c, v)
        st_f32_1(q, i, exp(v) / f32(min(i, 2)) + f32(i // lo))
    st_f32_1(q, hi, c)
"""


def lower_kernel(name: str, text: str, known: tuple[str, str]) -> Callable[[], bytes]:
    """The function that makes the object code of a kernel named `name` by LLVM, while other Python threads run.

    known: the first and the last version of Numba that are not tested. NoCompiler where another one fails the test.
    """
    _try_out(known)
    return _lower_text(name, text)


def _lower_text(name: str, text: str) -> Callable[[], bytes]:
    return lower(name, text, namespace_for(text), {"contract"}).compile


@cache
def _try_out(known: tuple[str, str]) -> None:
    """Test a version of Numba outside the known ones with one kernel. NoCompiler where its numbers are wrong."""
    first, last, version = [[int(x) for x in text.split(".")[:2]] for text in (*known, numba.__version__)]
    if first <= version <= last:
        return
    name = f"trial_{disk_cache.key(_TRIAL)}"
    try:
        address, _ = disk_cache.find(name, ".bin", _lower_text(name, _TRIAL.replace("kernel", name)))
    except CannotCompile as why:
        raise NoCompiler(why.reason) from why
    given, found = np.linspace(-1, 1, 9, dtype=np.float32), np.zeros(10, np.float32)
    words = np.array([1, 2, given.ctypes.data, found.ctypes.data], np.int64)
    step = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)
    step(words[1:].ctypes.data, words.ctypes.data, 0, 9)
    with np.errstate(divide="ignore"):
        expected = [*np.exp(given) / np.minimum(range(9), 2), given.sum()]
    if not np.allclose(found, expected, 1e-5, 1e-5):
        raise NoCompiler(f"a trial gave {found.tolist()}")

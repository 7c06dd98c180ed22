"""The linker: object code -> addresses, by LLVM's own linker, so that loading a kernel from disk needs no Numba.

Everything here lives as long as the process: addresses are in tables, and threads may be inside the code at exit.
"""
from __future__ import annotations

import ctypes
import itertools
import sys
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm

_COUNT = itertools.count()


def _keep(thing: Any) -> Any:
    """Returns `thing`, which is then never freed."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    return thing


@lru_cache(maxsize=1)
def _linker() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # JITLink places the parts of an object near each other, which AArch64 needs; for Windows it is less mature.
    return _keep(llvm.create_lljit_compiler(use_jit_link=sys.platform != "win32", suppress_errors=True))


def link(symbol: str, code: bytes) -> int:
    """The address of `symbol` in this object code. RuntimeError for damaged code, or a call of an unknown function.

    Only one thread at a time may link. Objects do not see each other's symbols, only those of the process.
    """
    library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process().export_symbol(symbol)
    return _keep(library.link(_linker(), f"{symbol}.{next(_COUNT)}"))[symbol]

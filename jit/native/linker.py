"""Object code -> addresses, by LLVM's own linker: what loads a kernel from disk needs no Numba.

Everything here lives as long as the process: addresses stand in tables, and threads may be inside the code at exit.
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
    """`thing`, never to be freed."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    return thing


@lru_cache(maxsize=1)
def _linker() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # JITLink places the parts of an object near each other, which AArch64 needs; Windows' objects it knows less well.
    return _keep(llvm.create_lljit_compiler(use_jit_link=sys.platform != "win32", suppress_errors=True))


def link(symbol: str, code: bytes) -> int:
    """The address of `symbol` in this object code. RuntimeError for what is damaged, or calls what is nowhere.

    One thread at a time. Objects do not see each other's symbols, only those of the process.
    """
    library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process().export_symbol(symbol)
    return _keep(library.link(_linker(), f"{symbol}.{next(_COUNT)}"))[symbol]

"""Built-in functions of Python that call native code."""
from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

_FASTCALL, _KEYWORDS = 0x80, 0x2


class _Definition(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = [("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int),
                ("doc", ctypes.c_char_p)]


def builtin(name: str, address: int, held: Any, module: str, keywords: bool = False) -> Callable[..., Any]:
    """A built-in function that calls the native one at `address` with `held`, the arguments and their number.

    keywords: whether the native function also takes the names of keyword arguments.
    """
    definition = _Definition(name.encode(), address, _FASTCALL | (_KEYWORDS if keywords else 0), None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(definition))  # the function points to it, and may outlive this call
    return make(ctypes.addressof(definition), held, module)

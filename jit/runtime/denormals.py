"""Denormals, the floats below the smallest normal ones: flushed to zero in all of our arithmetic, as MXNet 2.0 does.

A loop whose values decay into denormals would become up to a hundred times slower. The processor has a mode, MXCSR on
x86, which belongs to a thread: with it, operands that are denormal count as zeros, and so do results. It is set for our
own work alone: in each native run (native_loops.py), on the pool's threads, and around what NumPy computes for us; the
thread's own mode is restored afterwards, so that a script's NumPy keeps its denormals. Copies keep them too. On other
processors denormals are kept.
"""
from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from tracer.ops.ir.errors import CannotCompile
from tracer.ops.ir.node import Node

from ..cpython.foreign import caller
from ..native.runtime_functions import find_native
from .halting import LOOPS

#: The bits of MXCSR that flush denormal results (FTZ) and operands (DAZ).
FLUSH = 0x8040

#: The word that native runs read: FLUSH, or 0 to keep denormals; and its address.
_MODE = ctypes.c_int64(FLUSH)
MODE_AT = ctypes.addressof(_MODE)

#: Words with the modes of threads that are in `flushing`, and their addresses; those that no thread uses at present.
_FREE: list[tuple[ctypes.c_int64, int]] = []


def set_flush(value: bool) -> bool:
    """Flush denormals from now on, or keep them; returns whether they were flushed before."""
    before = _MODE.value != 0
    _MODE.value = FLUSH if value else 0
    return before


def is_flushing() -> bool:
    """Whether denormals are flushed."""
    return _MODE.value != 0


@cache
def _functions() -> tuple[Callable[..., None], int, Callable[..., None], int] | None:
    """The functions that set and restore a thread's mode, with their addresses; None where nothing can be compiled."""
    try:
        return caller(2), find_native(LOOPS, "begin_flushing"), caller(1), find_native(LOOPS, "end_flushing")
    except CannotCompile:
        return None


@contextmanager
def flushing() -> Iterator[None]:
    """Compute in this thread as native runs do, with denormals flushed or kept."""
    found = _functions()
    if found is None:
        yield
        return
    begin, begin_at, end, end_at = found
    try:
        saved = _FREE.pop()
    except IndexError:
        word = ctypes.c_int64()
        saved = word, ctypes.addressof(word)
    begin(begin_at, saved[1], MODE_AT)
    try:
        yield
    finally:
        end(end_at, saved[1])
        _FREE.append(saved)


def computed(node: Node, arrays: Sequence[Any]) -> Any:
    """A node's value by its reference meaning, by NumPy."""
    with flushing(), np.errstate(all="ignore"):
        return node.op.ref(arrays, node.attrs)

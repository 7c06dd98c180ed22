"""Forks while other threads run: their locks are taken before the process is copied.

A forked child has one thread, the one that forked. A lock that another thread held would never be released there, and
the state that it guards would stay half done: a table being run, a stream of random numbers being advanced, Numba being
imported. So before a fork the forking thread takes every lock itself, which waits for the work under way, and releases
them in both processes afterwards. It waits no longer than a lock's patience; the child then finds that lock free.

Each lock of the package is registered here (tests/tracer/core/test_threads.py looks for others), and so is each reset
of a child's state.
"""
from __future__ import annotations

import ctypes
import logging  # noqa: F401  (it has a lock of its own taken before forks, too: see the end)
import os
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import ref

_Lock = TypeVar("_Lock")

#: Patience for a lock under which Numba compiles, or is imported: unless it is taken, a child can never compile.
COMPILING = 60.0

#: Locks with their patience in seconds, in the order in which they were made.
_LOCKS: list[tuple[ref, float]] = []
_RESETS: list[Callable[[], None]] = []
#: Threads that are about to fork: a long run stops for them (runtime/halting.py).
waiting: set[int] = set()
#: Their number, for native code.
asked = ctypes.c_int64()

#: The forking threads, with the locks that each has taken for its fork.
_TAKEN: dict[int, list[Any]] = {}


def guarded(lock: _Lock, patience: float = 5.0) -> _Lock:
    """Have `lock` taken before each fork, unless that takes more than `patience` seconds. Returns it.

    >>> lock = guarded(threading.Lock())
    """
    _LOCKS[:] = [entry for entry in _LOCKS if entry[0]() is not None]
    _LOCKS.append((ref(lock), patience))
    return lock


def stand_back() -> None:
    """Wait for threads that are about to fork: if this one took its locks again at once, they would starve."""
    end = time.monotonic() + COMPILING
    while waiting and time.monotonic() < end:
        time.sleep(0.001)
    asked.value = len(waiting)


def in_child(reset: Callable[[], None]) -> None:
    """Have `reset` called in each forked child, after its locks have been released."""
    _RESETS.append(reset)


def _before() -> None:
    me = threading.get_ident()
    taken = _TAKEN[me] = []
    waiting.add(me)
    asked.value = len(waiting)
    # The latest first: a module may hold its lock while it calls modules that it imports, which made theirs earlier.
    # Threads that take locks in one order do not deadlock.
    for reference, patience in reversed([*_LOCKS]):
        lock = reference()
        if lock is not None and lock.acquire(timeout=patience):
            taken.append(lock)
    waiting.discard(me)
    asked.value = len(waiting)


def _release() -> None:
    for lock in reversed(_TAKEN.pop(threading.get_ident(), [])):
        lock.release()


def _in_child() -> None:
    held = {id(lock) for lock in _TAKEN.get(threading.get_ident(), ())}
    for reference, _ in [*_LOCKS]:
        lock = reference()
        if lock is not None and id(lock) not in held:
            lock._at_fork_reinit()
    _release()
    _TAKEN.clear()
    waiting.clear()  # another thread was about to fork, too
    asked.value = 0
    for reset in _RESETS:
        reset()


if hasattr(os, "register_at_fork"):
    # Handlers registered later are called earlier before a fork: logging, imported above, takes its lock after ours.
    # Numba logs while it compiles: were the lock of logging taken first, its thread and the forking one would deadlock.
    os.register_at_fork(before=_before, after_in_parent=_release, after_in_child=_in_child)

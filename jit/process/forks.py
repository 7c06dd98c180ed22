"""Forks while other threads are at work: their locks are taken before the process is copied.

A forked child has one thread, the one that forked. A lock that another one held would never be released there, and what
it guards would stay half done: a table being run, a stream of random numbers being advanced, Numba being imported. So
before a fork the forking thread takes every lock itself, which waits for what is under way, and lets go of them in both
processes afterwards. What takes longer than a lock's patience is not waited for; the child then finds that lock free.

Each lock of the package is made known here (test_threads.py looks for others), and so is what a child has to
set up anew.
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

#: Patience for a lock under which Numba compiles, or is imported: without it a child could never compile anything.
COMPILING = 60.0

#: Locks with their patience in seconds, in the order in which they were made.
_LOCKS: list[tuple[ref, float]] = []
_RESETS: list[Callable[[], None]] = []
#: Threads that are about to fork: a long run stops on its way for them (halting.py).
waiting: set[int] = set()
#: Their number, for native code.
asked = ctypes.c_int64()

#: By thread that forks, the locks that it has taken for it.
_TAKEN: dict[int, list[Any]] = {}


def guarded(lock: _Lock, patience: float = 5.0) -> _Lock:
    """Have `lock` taken before each fork, unless that takes more than `patience` seconds. Returns it.

    >>> lock = guarded(threading.Lock())
    """
    _LOCKS[:] = [entry for entry in _LOCKS if entry[0]() is not None]
    _LOCKS.append((ref(lock), patience))
    return lock


def stand_back() -> None:
    """Let threads go first that are about to fork: who takes locks again at once leaves them no chance."""
    end = time.monotonic() + COMPILING
    while waiting and time.monotonic() < end:
        time.sleep(0.001)
    asked.value = len(waiting)


def in_child(reset: Callable[[], None]) -> None:
    """Call `reset` in each forked child, after its locks have been made free."""
    _RESETS.append(reset)


def _before() -> None:
    me = threading.get_ident()
    taken = _TAKEN[me] = []
    waiting.add(me)
    asked.value = len(waiting)
    # The latest first: a module that makes a lock may hold it while it calls those that it imports, which made theirs
    # earlier. Two threads that take locks in one order never wait for each other.
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
    # What registers later is called earlier before a fork. Numba imports logging, and logs while it compiles: were the
    # lock of logging taken before ours, a thread that compiles and the one that forks would wait for each other.
    os.register_at_fork(before=_before, after_in_parent=_release, after_in_child=_in_child)

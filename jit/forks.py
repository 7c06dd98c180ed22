"""Forks while other threads are at work: their locks are taken before the process is copied.

A forked child has one thread, the one that forked. A lock that another one held would never be released there, and what
it guards would stay half done: a table being run, a stream of random numbers being advanced, Numba being imported. So
before a fork the forking thread takes every lock itself, which waits for what is under way, and lets go of them in both
processes afterwards. What takes longer than a lock's patience is not waited for; the child then finds that lock free.

Each lock of the package is made known here (tests/test_threads.py looks for others), and so is what a child has to
set up anew.
"""
from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import ref

_Lock = TypeVar("_Lock")

#: Patience for a lock under which Numba compiles, or is imported: without it a child could never compile anything.
COMPILING = 60.0

#: Locks with their patience in seconds, in the order in which they were made.
_LOCKS: list[tuple[ref, float]] = []
_RESETS: list[Callable[[], None]] = []
#: By thread that forks, the locks that it has taken for it.
_TAKEN: dict[int, list[Any]] = {}


def guarded(lock: _Lock, patience: float = 5.0) -> _Lock:
    """Have `lock` taken before each fork, unless that takes more than `patience` seconds. Returns it.

    >>> lock = guarded(threading.Lock())
    """
    _LOCKS[:] = [entry for entry in _LOCKS if entry[0]() is not None]
    _LOCKS.append((ref(lock), patience))
    return lock


def in_child(reset: Callable[[], None]) -> None:
    """Call `reset` in each forked child, after its locks have been made free."""
    _RESETS.append(reset)


def _before() -> None:
    taken = _TAKEN[threading.get_ident()] = []
    # The latest first: a module that makes a lock may hold it while it calls those that it imports, which made theirs
    # earlier. Two threads that take locks in one order never wait for each other.
    for reference, patience in reversed(_LOCKS):
        lock = reference()
        if lock is not None and lock.acquire(timeout=patience):
            taken.append(lock)


def _release() -> None:
    for lock in reversed(_TAKEN.pop(threading.get_ident(), [])):
        lock.release()


def _in_child() -> None:
    held = {id(lock) for lock in _TAKEN.get(threading.get_ident(), ())}
    for reference, _ in _LOCKS:
        lock = reference()
        if lock is not None and id(lock) not in held:
            lock._at_fork_reinit()
    _release()
    _TAKEN.clear()  # another thread was about to fork, too
    for reset in _RESETS:
        reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_release, after_in_child=_in_child)

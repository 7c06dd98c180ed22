"""The cache folder keeps machine code between processes; this module reads, writes and locks its files.

The folder and each file must belong to this user or to root, and no other user may write them: they become code of this
process. The check is of the open descriptor, not of a path that may name another file a moment later. A folder or file
that fails it, or cannot be read or written, counts as missing: a cache that fails costs compilations, nothing else.
`explain()` gives the reasons (`counters.LOG.refused`).
"""
from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..process import interrupts
from ..report.counters import LOG

try:
    from fcntl import LOCK_EX, LOCK_NB, lockf
except ImportError:  # Windows: processes that start together compile the same functions
    lockf = None  # type: ignore[assignment]

#: Seconds to wait for another process's compilation. A process that has waited so long in vain does not wait again.
PATIENCE = 60.0
_patient = True

#: The flags of all opens: links are not followed, and the other end of a pipe is not waited for.
_SAFELY = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_BINARY"))


def folder() -> Path | None:
    """The folder's path: TRACER_CACHE, or `tracer` in the user's cache folder.

    None when TRACER_CACHE is empty, and when the environment gives no absolute path.
    """
    chosen = os.environ.get("TRACER_CACHE")
    if chosen == "":
        return None
    if chosen is None:
        base = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(base):  # XDG's rules say to ignore it then
            base = os.path.join(os.path.expanduser("~"), ".cache")
        chosen = os.path.join(base, "tracer")
    if not os.path.isabs(chosen):
        _refuse(chosen, "is a relative path")
        return None
    return Path(chosen)


def read(name: str) -> bytes | None:
    """The contents of a file of the folder; None if it is missing, or not trusted."""
    with _opened() as here:
        if here is None:
            return None
        try:
            descriptor = here.open(name, os.O_RDONLY)
            with open(descriptor, "rb") as file:
                return file.read() if here.trusts(name, descriptor) else None
        except FileNotFoundError:
            pass
        except OSError as error:
            here.refuse(name, "cannot be read", error)
    return None


def write(name: str, data: bytes) -> None:
    """Create or replace a file of the folder atomically; a failure is only noted."""
    with _opened(make=True) as here:
        if here is None:
            return
        try:
            here.replace(name, data)
        except OSError as error:
            here.refuse(name, "cannot be written", error)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Lock the file `name`, so that no other process makes it meanwhile; waits for one that is making it.

    A lock is one byte of the file `.lock`, at a place derived from the name; the system releases it when its owner
    dies. After PATIENCE seconds or Ctrl-C, and where nothing can be locked, the caller goes on without a lock.
    """
    descriptor = _lock_file()
    try:
        if descriptor is not None:
            _wait(descriptor, int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big"))
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock_file() -> int | None:
    with _opened(make=True) as here:
        if here is None or lockf is None:
            return None
        try:
            descriptor = here.open(".lock", os.O_RDWR | os.O_CREAT)
            if here.trusts(".lock", descriptor):
                return descriptor
            os.close(descriptor)
        except OSError as error:
            here.refuse(".lock", "cannot be opened", error)
    return None


def _wait(descriptor: int, place: int) -> None:
    global _patient
    end, pause = time.monotonic() + PATIENCE, 0.001
    while True:
        try:
            lockf(descriptor, LOCK_EX | LOCK_NB, 1, place)
            return
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN) or not _patient or interrupts.wanted():
                return
        if time.monotonic() > end:
            _patient = False
        time.sleep(pause)
        pause = min(2 * pause, 0.02)


class _Folder:
    """An open folder. descriptor: None where files cannot be named relative to one (Windows)."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        self.descriptor = descriptor

    def _named(self, name: str) -> dict[str, Any]:
        if self.descriptor is None:
            return {"path": self.path / name}
        return {"path": name, "dir_fd": self.descriptor}

    def open(self, name: str, flags: int) -> int:
        """The descriptor of a file; a new file is accessible to its owner alone."""
        return os.open(**self._named(name), flags=flags | _SAFELY, mode=0o600)

    def trusts(self, name: str, descriptor: int) -> bool:
        """Whether an open file is a regular one that this user or root has written."""
        return _trusted(f"{self.path}/{name}", os.fstat(descriptor), stat.S_IFREG)

    def refuse(self, name: str, what: str, error: OSError) -> None:
        """Note why a file is not used."""
        _refuse(f"{self.path}/{name}", _reason(what, error))

    def replace(self, name: str, data: bytes) -> None:
        """Write a file under a temporary name, then rename it."""
        temporary = f".tmp_{os.urandom(8).hex()}"
        descriptor = self.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
            if self.descriptor is None:
                os.replace(self.path / temporary, self.path / name)
            else:
                os.replace(temporary, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except BaseException:
            os.unlink(**self._named(temporary))
            raise


@contextmanager
def _opened(make: bool = False) -> Iterator[_Folder | None]:
    """The open folder, or None if there is none that is trusted; make: create it if it is missing."""
    where = folder()
    here = None if where is None else _open(where, make)
    try:
        yield here
    finally:
        if here is not None and here.descriptor is not None:
            os.close(here.descriptor)


def _open(where: Path, make: bool) -> _Folder | None:
    try:
        if make and not where.exists():
            _make(where)
        if os.open not in os.supports_dir_fd:
            return _Folder(where, None)
        descriptor = os.open(where, os.O_RDONLY | _SAFELY)
    except OSError as error:
        if make or not isinstance(error, FileNotFoundError):
            _refuse(str(where), _reason("cannot be opened", error))
        return None
    if _trusted(str(where), os.fstat(descriptor), stat.S_IFDIR):
        return _Folder(where, descriptor)
    os.close(descriptor)
    return None


def _make(where: Path) -> None:
    if not where.parent.exists():
        _make(where.parent)
    where.mkdir(mode=0o700, exist_ok=True)


def _trusted(path: str, found: os.stat_result, kind: int) -> bool:
    if stat.S_IFMT(found.st_mode) != kind:
        return _refuse(path, "is a file of another kind")
    if hasattr(os, "geteuid"):
        if found.st_uid not in (0, os.geteuid()):
            return _refuse(path, f"belongs to another user ({found.st_uid})")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return _refuse(path, f"may be written by others (mode {stat.S_IMODE(found.st_mode):o})")
    return True


def _reason(what: str, error: OSError) -> str:
    return "is a symbolic link" if error.errno == errno.ELOOP else f"{what} ({error.strerror})"


def _refuse(path: str, reason: str) -> bool:
    LOG.refused[path] = reason
    return False

"""Files opened with MXNet's errors, and files that are written as a whole: until all is written, the old one stays."""
from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import IO, Any

from tracer.ops.ir.errors import MXNetError

__all__: list[str] = []

_numbers = itertools.count()


def opened(fname: Any, mode: str) -> IO[Any]:
    """Open a file. A failure raises an MXNetError that is Python's error too, such as FileNotFoundError."""
    try:
        return open(fname, mode)
    except OSError as error:
        kind: Any = type(error)
        raise _file_error(kind)(error.errno, error.strerror, error.filename) from None


@cache
def _file_error(kind: type[OSError]) -> type[OSError]:
    """A subclass of both MXNetError and `kind`."""
    plain = {"__module__": MXNetError.__module__, "__reduce__": lambda self: (MXNetError, (str(self),))}
    return type(MXNetError.__name__, (kind, MXNetError), plain)


@contextmanager
def replacing(fname: Any, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a file beside `fname` to write, which takes its place at the end: an error or a kill leaves the old one.

    What is no regular file, such as a pipe, and a file in a folder that cannot be written, is written directly. Errors
    as in `opened`.

    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "file")
    >>> with replacing(path, "w") as file:
    ...     _ = file.write("text"), os.path.exists(path)
    >>> open(path).read()
    'text'
    """
    path = os.path.realpath(fname)
    folder, name = os.path.split(path)
    part = os.path.join(folder, f".{name}.{os.getpid()}.{next(_numbers)}.part")
    if os.path.exists(path) and not os.path.isfile(path) or os.path.isdir(folder) and not os.access(folder, os.W_OK):
        with opened(fname, mode) as file:
            yield file
        return
    if os.path.exists(path) or not os.path.isdir(folder):
        opened(fname, "r+b").close()  # the error of a file that may not be written, with its name
    try:
        with opened(part, mode) as file:
            yield file
        if os.path.exists(path):
            os.chmod(part, os.stat(path).st_mode & 0o7777)
        os.replace(part, path)
    except BaseException:
        if os.path.exists(part):
            os.unlink(part)
        raise

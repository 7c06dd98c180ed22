"""Background compilation: another process compiles code that is not needed yet, and leaves it in the cache folder."""
from __future__ import annotations

import os
import sys
from contextlib import suppress

from tracer.ops.ir.errors import CannotCompile

from . import cache_folder

#: The text of the process, with the import path of this one, whatever folder it starts in.
_PROGRAM = "import sys; sys.path[:] = {path!r}; {program}"


_forbidden = ""  # why this process starts no others


def forbid(why: str) -> None:
    """Have `start` refuse in this process, such as one of several that would start the same program."""
    global _forbidden
    _forbidden = why


def start(program: str) -> None:
    """Start a Python program at low priority, without waiting for it.

    CannotCompile when there is no cache folder, or no process can or may be started.
    """
    if _forbidden:
        raise CannotCompile(_forbidden)
    if cache_folder.folder() is None:
        raise CannotCompile("no folder keeps machine code")
    if not sys.executable or not hasattr(os, "posix_spawn"):
        raise CannotCompile("no process can be started in the background")
    import shlex

    text = _PROGRAM.format(path=[os.path.abspath(p) for p in sys.path], program=program)
    # The shell ends at once, so that the program is no child of this process: a script may wait for its own children.
    command = f"nice -n 10 {shlex.join([sys.executable, '-c', text])} </dev/null >/dev/null 2>&1 &"
    try:
        shell = os.posix_spawn("/bin/sh", ["sh", "-c", command], os.environ)
    except OSError as error:
        raise CannotCompile(f"no process can be started in the background: {error}") from error
    with suppress(ChildProcessError):  # where SIGCHLD is ignored the system has waited for it
        os.waitpid(shell, 0)


def has_left(entry: str) -> bool:
    """Whether a file of this name is in the cache folder."""
    folder = cache_folder.folder()
    return folder is not None and (folder / entry).exists()

"""A process in the background compiles what this one can do without for now; its work is found in the cache folder."""
from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress

from tracer.ops.ir.errors import CannotCompile

from . import cache_folder

#: The process imports what this one would, whatever folder it starts in.
_PROGRAM = "import sys; sys.path[:] = {path!r}; {program}"


def start(program: str) -> None:
    """Begin to run a Python program at low priority; nobody waits for it.

    CannotCompile when there is no folder to leave its work in, or no process can be started.
    """
    if cache_folder.folder() is None:
        raise CannotCompile("no folder keeps machine code")
    if not sys.executable or not hasattr(os, "posix_spawn"):
        raise CannotCompile("no process can be started in the background")
    text = _PROGRAM.format(path=[os.path.abspath(p) for p in sys.path], program=program)
    # The shell ends at once, and its child is the system's: a script that waits for its children does not meet it.
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

"""Messages between a process and its workers: bytes over a socket, with file descriptors of shared memory."""
from __future__ import annotations

import mmap
import os
import select
import socket
import struct
import tempfile
from collections.abc import Callable, Sequence

_LENGTH = struct.Struct("<QB")
#: Bytes of a message that go through the socket; more go through shared memory, so that no sender ever waits.
_SHORT = 4096
#: The most file descriptors of a message.
_MOST = 2

#: Whether this system can hand file descriptors to other processes.
POSSIBLE = hasattr(socket, "send_fds") and hasattr(os, "getppid") and hasattr(select, "poll")


def memory_file(nbytes: int) -> int:
    """The descriptor of a file in memory that has no name: it is gone when the last process has closed it.

    OSError if there is not enough memory.
    """
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("tracer")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, nbytes)  # or writing to it could end in a signal
        else:
            os.truncate(fd, nbytes)
    except OSError:
        os.close(fd)
        raise
    return fd


def send(to: socket.socket, message: bytes, fds: Sequence[int] = ()) -> None:
    """Send bytes and descriptors. OSError if the other side is gone."""
    own = -1
    try:
        if len(message) > _SHORT:
            own = memory_file(len(message))
            with mmap.mmap(own, len(message)) as memory:
                memory[:] = message
            data, fds = _LENGTH.pack(len(message), True), (own, *fds)
        else:
            data = _LENGTH.pack(len(message), False) + message
        sent = socket.send_fds(to, [data], fds)
        if sent < len(data):
            to.sendall(data[sent:])
    finally:
        if own >= 0:
            os.close(own)


def receive(source: socket.socket) -> tuple[bytes, list[int]] | None:
    """The next message and its descriptors; None if the other side is gone."""
    try:
        data, fds, _, _ = socket.recv_fds(source, _LENGTH.size, _MOST)
        data += _exactly(source, _LENGTH.size - len(data)) if data else b""
    except OSError:
        return None
    if len(data) < _LENGTH.size:
        return None
    length, in_memory = _LENGTH.unpack(data)
    if not in_memory:
        message = _exactly(source, length)
        return None if len(message) < length else (message, fds)
    with mmap.mmap(fds[0], length) as memory:
        message = memory[:]
    os.close(fds[0])
    return message, fds[1:]


def _exactly(source: socket.socket, count: int) -> bytes:
    """So many bytes, or fewer if the other side is gone."""
    parts = []
    while count:
        part = source.recv(count)
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def wait(source: socket.socket, seconds: float, glance: float, check: Callable[[], bool]) -> bool:
    """Whether a message, or the other side's end, has come within these seconds.

    glance: the seconds after which `check` is called again and again; where it returns False, waiting ends.
    """
    poll = select.poll()
    poll.register(source, select.POLLIN)
    while True:
        if poll.poll(min(glance, max(seconds, 0)) * 1000):
            return True
        seconds -= glance
        if seconds <= 0 or not check():
            return False

"""Messages between the campaign and its workers: a line of JSON, then the bytes of the arrays it describes.

Pickle would not do: a worker's Python and NumPy may be years older than the campaign's.
"""
from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Sequence
from typing import Any

import numpy as np


class Timeout(Exception):
    """The other side has sent no message in time."""


class Pipe:
    """One end of a connection by two file descriptors.

    >>> r, w = os.pipe()
    >>> Pipe(r, w).send({"do": "time"}, [np.arange(3.0)])
    >>> Pipe(r, w).receive()
    ({'do': 'time'}, [array([0., 1., 2.])])
    """

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write

    def send(self, head: dict[str, Any], arrays: Sequence[np.ndarray] = ()) -> None:
        """Write one message. BrokenPipeError if the other side is gone."""
        arrays = [np.asarray(a, order="C") for a in arrays]
        form = [[a.dtype.str, list(a.shape)] for a in arrays]
        parts = [json.dumps([head, form]).encode() + b"\n"] + [a.tobytes() for a in arrays]
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[os.write(self._write, view):]

    def receive(self, timeout: float | None = None) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Read one message. EOFError if the other side is gone, Timeout after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        line = bytearray()
        while not line.endswith(b"\n"):
            line += self._take(1, deadline)
        head, form = json.loads(line.decode())
        arrays = []
        for dtype, shape in form:
            data = bytearray()
            size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
            while len(data) < size:
                data += self._take(size - len(data), deadline)
            arrays.append(np.frombuffer(data, dtype).reshape(shape))
        return head, arrays

    def _take(self, count: int, deadline: float | None) -> bytes:
        if deadline is not None:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._read], [], [], left)[0]:
                raise Timeout
        data = os.read(self._read, min(count, 1 << 20))
        if not data:
            raise EOFError("the other side is gone")
        return data

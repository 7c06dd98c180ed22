"""A worker process of a `DataLoader`: it makes batches of the indices that its parent sends."""
from __future__ import annotations

import mmap
import os
import pickle
import signal
import socket
import struct
import traceback
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import numpy as np

from tracer.jit.native import background
from tracer.jit.process import interrupts

from ....core.flush import flush_all
from ....numpy_extension.mode import set_np
from ....rng.state import STREAMS
from ..loading import IDLE, ROWS, load
from . import messages
from .shared_batches import Pieces

#: A worker's state, in memory that its parent reads: the number of the batch, and the place of the sample in it.
STATE = struct.Struct("<qq")
#: Seconds after which an idle worker looks whether its parent is alive.
_GLANCE = 1.0

#: The parents' ends of the sockets in this process: a forked worker closes its copies.
PARENTS_ENDS: WeakSet[socket.socket] = WeakSet()


def work(own: socket.socket, parent: int, dataset: Any, batchify_fn: Callable[[list[Any]], Any],
         modes: tuple[bool, bool], seed: int) -> None:
    """Make batches until the parent closes its end of the socket, or dies.

    parent: its process number.
    modes: its np modes.
    seed: that of NumPy's and MXNet's generators here.
    """
    interrupts.ignore()  # Ctrl-C reaches all processes of a terminal: the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    background.forbid("a worker process of DataLoader starts no compiler")
    for end in list(PARENTS_ENDS):
        end.close()
    set_np(*modes)
    np.random.seed(seed)
    STREAMS.seed(seed)
    first = messages.receive(own)
    if first is None:
        return
    with mmap.mmap(first[1][0], STATE.size) as state:
        os.close(first[1][0])
        pieces = Pieces()
        STATE.pack_into(state, 0, 0, IDLE)
        while messages.wait(own, float("inf"), _GLANCE, lambda: os.getppid() == parent):
            received = messages.receive(own)
            if received is None:
                return
            number, indices, unused = pickle.loads(received[0])
            pieces.release(unused)
            STATE.pack_into(state, 0, number, ROWS)
            if not _answer(own, number, indices, pieces, state, batchify_fn, dataset):
                return
            STATE.pack_into(state, 0, number, IDLE)


def _answer(own: socket.socket, number: int, indices: Any, pieces: Pieces, state: mmap.mmap,
            batchify_fn: Callable[[list[Any]], Any], dataset: Any) -> bool:
    """Send the batch of some indices, or the error that it ended with; False if the parent is gone."""
    fds: list[int] = []
    try:
        batch = load(indices, batchify_fn, dataset, lambda place: STATE.pack_into(state, 0, number, place))
        flush_all()
        parts, fds = pieces.pack(batch)
        message = pickle.dumps((number, parts, None), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        message = pickle.dumps((number, None, (_sendable(error), traceback.format_exc(), STATE.unpack(state)[1])))
    try:
        messages.send(own, message, fds)
    except OSError:
        return False
    finally:
        for fd in fds:
            os.close(fd)
    return True


def _sendable(error: Exception) -> Exception:
    """The error, or a RuntimeError with its text if it cannot be pickled and read again."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")

"""Scopes of autograd: the thread's recording flag and its training flag."""
from __future__ import annotations

from types import TracebackType

from ..core.flush import flush
from ..core.trace import current


def is_recording() -> bool:
    """Whether this thread is inside `record()`."""
    return current().trace.recording


def is_training() -> bool:
    """Whether this thread is in training mode."""
    return current().trace.training


def set_recording(is_recording: bool) -> bool:
    """Set this thread's recording flag; returns the previous one."""
    before, current().trace.recording = current().trace.recording, bool(is_recording)
    return before


def set_training(train_mode: bool) -> bool:
    """Set this thread's training flag; returns the previous one."""
    before, current().trace.training = current().trace.training, bool(train_mode)
    return before


class Scope:
    """A context manager that sets the two flags and restores them at its exit; it can be re-entered.

    recording, training: the flags to set; None leaves one unchanged.
    """

    __slots__ = ("_recording", "_training", "_before")

    def __init__(self, recording: bool | None, training: bool | None) -> None:
        self._recording = recording
        self._training = training
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        trace = current().trace
        if self._recording and not trace.recording and trace.updated:
            flush("record")
            trace = current().trace
        self._before.append((trace.recording, trace.training))
        if self._recording is not None:
            trace.recording = self._recording
        if self._training is not None:
            trace.training = self._training

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        trace = current().trace
        trace.recording, trace.training = self._before.pop()


def record(train_mode: bool = True) -> Scope:
    """A scope in which operations are recorded for `backward()`, by default in training mode."""
    return Scope(True, train_mode)


def pause(train_mode: bool = False) -> Scope:
    """A scope inside `record()` in which operations are not recorded, by default in prediction mode."""
    return Scope(False, train_mode)


def train_mode() -> Scope:
    """A scope in training mode; the recording flag stays as it is."""
    return Scope(None, True)


def predict_mode() -> Scope:
    """A scope in prediction mode; the recording flag stays as it is."""
    return Scope(None, False)

"""`mx.profiler`: run times, as totals (`dumps`) and as a trace file for Perfetto (`dump`).

    from mxnet import profiler
    profiler.set_config(profile_all=True, aggregate_stats=True, filename="profile.json")
    profiler.set_state("run")
    ...
    profiler.set_state("stop")
    print(profiler.dumps())
    profiler.dump()

Each program that runs is a slice, named by its cause and the user's line. Within it are the kernels, library calls and
NumPy steps that it ran, and the planning, compiling and loading done for it. The settings `profile_symbolic` and
`profile_imperative` mean the same here (either records these slices), and `profile_api` adds nothing: tracer has no
C API.
"""
from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Iterator
from typing import Any

from tracer.jit.report import timing
from tracer.ops.ir.errors import MXNetError

from .report.profile_recorder import DEFAULTS, NO_SCOPE, RECORDER, SCOPE

__all__ = [
    "Counter", "Domain", "Event", "Frame", "Marker", "Task", "dump", "dump_profile", "dumps", "pause",
    "profiler_set_config", "profiler_set_state", "resume", "scope", "set_config", "set_state",
]

_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_STATES = {"stop": False, "run": True}
_PROCESSES = {"worker": False, "server": True}
_SORTS = {"total": "Total", "avg": "Avg", "min": "Min", "max": "Max", "count": "Count"}
_MARKER_SCOPES = {"global": "g", "marker": "t", "process": "p", "task": "t", "thread": "t"}

_ids = itertools.count(1)


# ---- settings and state --------------------------------------------------------------------------

def set_config(**kwargs: Any) -> None:
    """Set which events are recorded and where they are written; a setting that is not given gets its default.

    filename: the trace file ("profile.json").
    profile_all: record all kinds of events (False).
    profile_symbolic, profile_imperative, profile_memory, profile_api: the kinds of events to record (True).
    continuous_dump: write while running (True).
    dump_period: seconds between two writes (1).
    aggregate_stats: collect the totals that `dumps` returns (False).
    profile_process: "worker".

    MXNetError for other names and for values of the wrong kind.

    >>> set_config(filename="/tmp/profile.json", aggregate_stats=True)
    >>> set_config(file="profile.json")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    tracer.base.MXNetError: Cannot find argument 'file', Possible Arguments: profile_all, ...
    """
    config = dict(DEFAULTS)
    for name, value in kwargs.items():
        if name not in config:
            raise MXNetError(f"Cannot find argument '{name}', Possible Arguments: {', '.join(config)}")
        config[name] = _parsed(name, value, type(config[name]))
    _check_process(config["profile_process"], MXNetError)
    if config["continuous_dump"] and config["dump_period"] <= 0:
        raise MXNetError(f"continuous_dump needs a dump_period above 0, not {config['dump_period']}")
    recorder = RECORDER
    with recorder.lock:
        recorder.config = config
        recorder.begin_file()
        if not config["aggregate_stats"]:
            recorder.totals.clear()


def _parsed(name: str, value: Any, kind: type) -> Any:
    text = str(value)
    try:
        return _TRUTH[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        kind_name = "boolean" if kind is bool else kind.__name__
        raise MXNetError(f"Invalid Parameter format for {name} expect {kind_name} but value='{value}'") from None


def _check_process(profile_process: str, error: type[Exception] = KeyError) -> None:
    if profile_process not in _PROCESSES:
        raise error(profile_process if error is KeyError else f"Invalid Input: '{profile_process}', valid values "
                    f"are: {{{', '.join(map(repr, _PROCESSES))}}}")
    if _PROCESSES[profile_process]:
        raise MXNetError("there is no distributed key-value store here, and so no server process to profile")


def set_state(state: str = "stop", profile_process: str = "worker") -> None:
    """Start ("run") or stop ("stop") the profiler. KeyError for another word."""
    run = _STATES[state]
    _check_process(profile_process)
    RECORDER.running, RECORDER.paused = run, not run
    if run:
        RECORDER.dumped = False
    RECORDER.switch()


def pause(profile_process: str = "worker") -> None:
    """Suspend recording until `resume`."""
    _check_process(profile_process)
    RECORDER.paused = True
    RECORDER.switch()


def resume(profile_process: str = "worker") -> None:
    """Continue recording after `pause`."""
    _check_process(profile_process)
    RECORDER.paused = False
    RECORDER.switch()


def dump(finished: bool = True, profile_process: str = "worker") -> None:
    """Write the trace file.

    finished: stop recording; the next `set_state("run")` begins a new trace.

    Does nothing if the profiler was not started since the last finished dump. OSError if the file cannot be written.
    """
    _check_process(profile_process)
    recorder = RECORDER
    if recorder.dumped:
        return
    recorder.write()
    if finished is True:
        recorder.dumped = True
        recorder.begin_file()
        recorder.switch()


def dumps(reset: bool = False, format: str = "table", sort_by: str = "total", ascending: bool = False) -> str:
    """The totals as a string: for each name the count, and the total, minimum, maximum and average time.

    reset: clear the totals afterwards.
    format: "table" or "json".
    sort_by: "total", "avg", "min", "max" or "count".

    AssertionError for other words. Empty unless `set_config` was given aggregate_stats=True.
    """
    for name, value, allowed in (("format", format, ("table", "json")), ("sort_by", sort_by, tuple(_SORTS)),
                                 ("ascending", ascending, (False, True)), ("reset", reset, (False, True))):
        if value not in allowed:
            raise AssertionError(f"Invalid value provided for {name}: {value}. Support: "
                                 f"{', '.join(map(repr, allowed))}")
    if not RECORDER.config["aggregate_stats"]:
        return ""
    with RECORDER.lock:
        totals = RECORDER.totals
        text = (totals.table if format == "table" else totals.json)(_SORTS[sort_by], bool(ascending))
        if reset:
            totals.clear()
    return text


def profiler_set_config(mode: str = "symbolic", filename: str = "profile.json") -> None:
    """Deprecated form of `set_config`.

    mode: "symbolic", "imperative", "memory", "api" or "all".
    filename: the trace file.
    """
    warnings.warn("profiler_set_config() is deprecated: use profiler.set_config()", stacklevel=2)
    set_config(**{f"profile_{mode}": True, "filename": filename})


def profiler_set_state(state: str = "stop") -> None:
    """Deprecated name of `set_state`."""
    warnings.warn("profiler_set_state() is deprecated: use profiler.set_state()", stacklevel=2)
    set_state(state)


def dump_profile() -> None:
    """Deprecated form of `dump`."""
    warnings.warn("dump_profile() is deprecated: use profiler.dump()", stacklevel=2)
    dump(True)


@contextlib.contextmanager
def scope(name: str = NO_SCOPE, append_mode: bool = True) -> Iterator[str]:
    """A named scope: events recorded in it have the name among their arguments in the trace.

    >>> with scope("net"), scope("block") as name:
    ...     name
    'net:block:'
    """
    name = name if name.endswith(":") else name + ":"
    if append_mode and SCOPE.get() != NO_SCOPE:
        name = SCOPE.get() + name
    token = SCOPE.set(name)
    try:
        yield name
    finally:
        SCOPE.reset(token)


# ---- a script's own events -----------------------------------------------------------------------

class Domain:
    """A group of a script's own tasks, frames, counters and markers.

    >>> task = Domain("training").new_task("epoch")
    >>> task.start()
    >>> task.stop()
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return self.name

    def new_task(self, name: str) -> Task:
        """A task of this domain."""
        return Task(self, name)

    def new_frame(self, name: str) -> Frame:
        """A frame of this domain."""
        return Frame(self, name)

    def new_counter(self, name: str, value: int | None = None) -> Counter:
        """A counter of this domain."""
        return Counter(self, name, value)

    def new_marker(self, name: str) -> Marker:
        """A marker of this domain."""
        return Marker(self, name)


class _Duration:
    """An interval between `start` and `stop`. It is recorded by `stop`, if the profiler runs then."""

    def __init__(self, name: str, category: str) -> None:
        self.name = name
        self._category = category
        self._start: int | None = None

    def __str__(self) -> str:
        return self.name

    def start(self) -> None:
        """Begin the interval."""
        self._start = timing.now()

    def stop(self) -> None:
        """End the interval. Does nothing if it has not been started."""
        begin, self._start = self._start, None
        if begin is not None and RECORDER.active:
            end, number = timing.now(), next(_ids)
            # A pair of async events, as a script's intervals may overlap.
            RECORDER.add("b", self.name, self._category, begin, id=number)
            RECORDER.add("e", self.name, self._category, end, id=number)
            RECORDER.total("Time", self._category, self.name, end - begin)


class Task(_Duration):
    """A piece of work, between its `start` and `stop`."""

    def __init__(self, domain: Domain, name: str) -> None:
        super().__init__(name, domain.name)


class Frame(_Duration):
    """One pass of repeated work, between its `start` and `stop`."""

    def __init__(self, domain: Domain, name: str) -> None:
        super().__init__(name, f"{domain.name},frame")


class Event(_Duration):
    """An interval without a domain, between its `start` and `stop`."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "event")


class Counter:
    """A number whose changes are recorded. It may be negative; MXNet's wraps around.

    >>> counter = Domain("training").new_counter("batches", 5)
    >>> counter += 2
    >>> counter -= 1
    >>> counter.value
    6
    """

    def __init__(self, domain: Domain, name: str, value: int | None = None) -> None:
        self.name = name
        self.value = 0
        self._category = domain.name
        if value is not None:
            self.set_value(value)

    def __str__(self) -> str:
        return self.name

    def set_value(self, value: int) -> None:
        """Set the counter to a number, truncated to an integer."""
        self.value = int(value)
        if RECORDER.active:
            RECORDER.add("C", self.name, self._category, timing.now(), args={self.name: self.value})
            RECORDER.total("Counter", self._category, self.name, self.value)

    def increment(self, delta: int = 1) -> None:
        """Add `delta` to the counter."""
        self.set_value(self.value + int(delta))

    def decrement(self, delta: int = 1) -> None:
        """Subtract `delta` from the counter."""
        self.set_value(self.value - int(delta))

    def __iadd__(self, delta: int) -> Counter:
        self.increment(delta)
        return self

    def __isub__(self, delta: int) -> Counter:
        self.decrement(delta)
        return self


class Marker:
    """An instant event, recorded by `mark`."""

    def __init__(self, domain: Domain, name: str) -> None:
        self.name = name
        self.domain = domain

    def __str__(self) -> str:
        return self.name

    def mark(self, scope: str = "process") -> None:
        """Record the marker at the present time.

        scope: "global", "process", "thread", "task" or "marker"; MXNetError for another word.
        """
        if scope not in _MARKER_SCOPES:
            raise MXNetError(f"Invalid Input: '{scope}', valid values are: {', '.join(map(repr, _MARKER_SCOPES))}")
        if RECORDER.active:
            category = f"{self.domain.name},instant_marker"
            RECORDER.add("i", self.name, category, timing.now(), s=_MARKER_SCOPES[scope])
            RECORDER.total("Time", category, self.name, 0)

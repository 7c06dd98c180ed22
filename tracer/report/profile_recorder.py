"""The recorder of the profiler: slices reported by jit/report/timing.py, memory use, and a script's own events."""
from __future__ import annotations

import atexit
import contextvars
import os
import threading
import warnings
from typing import Any

from tracer.jit.process import forks
from tracer.jit.report import timing
from tracer.jit.runtime.buffers import used_bytes

from .profile_output import Totals, TraceFile

#: The settings of `set_config`, with their defaults.
DEFAULTS: dict[str, Any] = {
    "profile_all": False, "profile_symbolic": True, "profile_imperative": True, "profile_memory": True,
    "profile_api": True, "filename": "profile.json", "gpu_memory_profile_filename_prefix": "gpu_memory_profile",
    "continuous_dump": True, "dump_period": 1.0, "aggregate_stats": False, "profile_process": "worker",
}
#: Categories of slices by kind; for other kinds the category is the kind.
_CATEGORIES = dict.fromkeys(("kernel", "library", "numpy"), "operator")

#: The name of the current scope (profiler.scope); this one means none.
NO_SCOPE = "<unk>:"
SCOPE = contextvars.ContextVar("profilerscope", default=NO_SCOPE)


class ProfileRecorder:
    """The state of the profiler: its settings, the events since the last write, and the totals since the last reset."""

    def __init__(self) -> None:
        # The settings before the first set_config.
        self.config = DEFAULTS | {"profile_memory": False, "continuous_dump": False}
        self.running = self.paused = False
        self.dumped = True  # after a finished dump nothing is recorded until the next set_state("run")
        self.clear()

    def clear(self) -> None:
        """Remove all events and totals, and make a new lock: a forked child does not share its parent's."""
        self.lock = forks.guarded(threading.RLock())
        self.events: list[dict[str, Any]] = []
        self.totals = Totals()
        self.begin_file()

    def begin_file(self) -> None:
        """Begin a new file, named by the settings."""
        self.threads: set[int] = set()  # threads whose names are in the file
        self.file = TraceFile(self.config["filename"])
        self.written = timing.now()

    @property
    def active(self) -> bool:
        """Whether events are recorded."""
        return self.running and not self.paused and not self.dumped

    def switch(self) -> None:
        """Start or stop listening, according to the state."""
        if self.active != (self.listen in timing.LISTENERS):
            (timing.LISTENERS.append if self.active else timing.LISTENERS.remove)(self.listen)
        timing.switch(self, self.active)

    def add(self, phase: str, name: str, category: str, at: int, **fields: Any) -> None:
        """Record an event of this thread at the time `at` (of `timing.now`)."""
        thread = threading.get_native_id()
        event = {"ph": phase, "name": name, "cat": category, "ts": at / 1e3, "pid": os.getpid(), "tid": thread}
        with self.lock:
            if thread not in self.threads:
                self.threads.add(thread)
                self.events.append({"ph": "M", "name": "thread_name", "pid": event["pid"], "tid": thread,
                                    "args": {"name": threading.current_thread().name}})
            self.events.append(event | fields)

    def total(self, section: str, category: str, name: str, value: float) -> None:
        """Add a value to the totals, if aggregate_stats is set."""
        if self.config["aggregate_stats"]:
            with self.lock:
                self.totals.add(section, category, name, value)

    def listen(self, part: timing.Interval) -> None:
        """Record a slice, and after a program's run the memory in use."""
        config, args, name = self.config, part.args, part.name
        if config["profile_all"] or config["profile_symbolic"] or config["profile_imperative"]:
            if part.kind == "sync":
                name = f"{name} at {os.path.basename(args['file'])}:{args['line']}"
                if SCOPE.get() != NO_SCOPE:
                    args = args | {"scope": SCOPE.get()}
            elif part.kind in _CATEGORIES:
                read, written = args["read"], args["written"]
                args = {"bytes read": read, "bytes written": written,
                        "GB/s": (read + written) / max(part.end - part.start, 1)}
            category = _CATEGORIES.get(part.kind, part.kind)
            self.add("X", name, category, part.start, dur=(part.end - part.start) / 1e3, args=args)
            self.total("Time", category, name, part.end - part.start)
        if part.kind == "sync":
            if config["profile_all"] or config["profile_memory"]:
                used = used_bytes()
                self.add("C", "Memory: cpu/0", "Device Storage", part.end, args={"bytes": used})
                self.total("Memory", "Device Storage", "Memory: cpu/0", used)
            self.write_in_time()

    def write_in_time(self) -> None:
        """With continuous_dump, write the events so far once in each dump_period."""
        if self.config["continuous_dump"] and timing.now() - self.written > self.config["dump_period"] * 1e9:
            self.try_to_write()

    def try_to_write(self) -> None:
        """Write the events; a file that cannot be written gives a warning, as other work is going on."""
        try:
            self.write()
        except OSError as error:
            self.config["continuous_dump"] = False
            warnings.warn(f"the profile is not written: {error}", stacklevel=2)

    def write(self) -> None:
        """Append the events so far to the file. OSError if it cannot be written."""
        with self.lock:
            self.file.append(self.events)
            self.events = []
            self.written = timing.now()

    def finish(self) -> None:
        """Write the remaining events at the end of the process."""
        if not self.dumped:
            self.dumped = True
            self.try_to_write()


RECORDER = ProfileRecorder()


def _leave_to_parent() -> None:
    RECORDER.running, RECORDER.dumped = False, True
    RECORDER.clear()
    RECORDER.switch()


atexit.register(RECORDER.finish)
forks.in_child(_leave_to_parent)

"""The recorder of the profiler: slices that jit/report/timing.py reports, memory, and a script's own marks."""
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

#: What `set_config` takes, and what holds for what it is not given.
DEFAULTS: dict[str, Any] = {
    "profile_all": False, "profile_symbolic": True, "profile_imperative": True, "profile_memory": True,
    "profile_api": True, "filename": "profile.json", "gpu_memory_profile_filename_prefix": "gpu_memory_profile",
    "continuous_dump": True, "dump_period": 1.0, "aggregate_stats": False, "profile_process": "worker",
}
#: Categories of the slices, as far as they are not their kinds.
_CATEGORIES = dict.fromkeys(("kernel", "library", "numpy"), "operator")

#: The name of the part of the program that runs; this one means none.
NO_SCOPE = "<unk>:"
SCOPE = contextvars.ContextVar("profilerscope", default=NO_SCOPE)


class Recorder:
    """The state of the profiler: settings, and the events and totals since they were last written or reset."""

    def __init__(self) -> None:
        # What holds before the first set_config.
        self.config = DEFAULTS | {"profile_memory": False, "continuous_dump": False}
        self.running = self.paused = False
        self.dumped = True  # after a final dump nothing is recorded before the next set_state("run")
        self.clear()

    def clear(self) -> None:
        """Forget all events and totals, and hold no lock: a forked child has no part in its parent's."""
        self.lock = forks.guarded(threading.RLock())
        self.events: list[dict[str, Any]] = []
        self.totals = Totals()
        self.begin_file()

    def begin_file(self) -> None:
        """From now on write to a new file, by the settings' name."""
        self.threads: set[int] = set()  # those that the file knows by name
        self.file = TraceFile(self.config["filename"])
        self.written = timing.now()

    @property
    def active(self) -> bool:
        """Whether what happens is recorded."""
        return self.running and not self.paused and not self.dumped

    def switch(self) -> None:
        """Listen, or don't, as the state says."""
        if self.active != (self.listen in timing.LISTENERS):
            (timing.LISTENERS.append if self.active else timing.LISTENERS.remove)(self.listen)
        timing.switch(self, self.active)

    def add(self, phase: str, name: str, category: str, at: int, **fields: Any) -> None:
        """Record an event at a time of `profile.now`'s, on this thread."""
        thread = threading.get_native_id()
        event = {"ph": phase, "name": name, "cat": category, "ts": at / 1e3, "pid": os.getpid(), "tid": thread}
        with self.lock:
            if thread not in self.threads:
                self.threads.add(thread)
                self.events.append({"ph": "M", "name": "thread_name", "pid": event["pid"], "tid": thread,
                                    "args": {"name": threading.current_thread().name}})
            self.events.append(event | fields)

    def total(self, section: str, category: str, name: str, value: float) -> None:
        """Count a value in the totals, if there are to be any."""
        if self.config["aggregate_stats"]:
            with self.lock:
                self.totals.add(section, category, name, value)

    def listen(self, part: timing.Slice) -> None:
        """Record a slice; after a program's run also the memory in use."""
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
        """Write the events so far, under continuous_dump, if that is due."""
        if self.config["continuous_dump"] and timing.now() - self.written > self.config["dump_period"] * 1e9:
            self.try_to_write()

    def try_to_write(self) -> None:
        """Write; a file that cannot be written makes a warning here, in the middle of other work."""
        try:
            self.write()
        except OSError as error:
            self.config["continuous_dump"] = False
            warnings.warn(f"the profile is not written: {error}", stacklevel=2)

    def write(self) -> None:
        """Append the events so far to the file. OSError where it cannot be written."""
        with self.lock:
            self.file.append(self.events)
            self.events = []
            self.written = timing.now()

    def finish(self) -> None:
        """At the end of the process: write what has not been."""
        if not self.dumped:
            self.dumped = True
            self.try_to_write()


RECORDER = Recorder()


def _leave_to_parent() -> None:
    RECORDER.running, RECORDER.dumped = False, True
    RECORDER.clear()
    RECORDER.switch()


atexit.register(RECORDER.finish)
forks.in_child(_leave_to_parent)

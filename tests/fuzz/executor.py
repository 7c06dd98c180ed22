"""The process that runs programs on tracer: a crash or a hang ends this process only, and is recorded as a finding.

It reads pickled jobs from its standard input and writes one answer for each run. `Executor` is the other end.
"""
from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from select import select
from types import CodeType
from typing import Any

#: Programs per process: kernels and their verification results stay in memory, a megabyte a program.
PROGRAMS = 1500


@dataclass(frozen=True)
class Run:
    """One run of a program.

    mode: the tier.
    patience: the number of runs that "auto" interprets.
    size: the batch size.
    forget: drop all plans before the run.
    """

    mode: str
    patience: int
    size: int
    forget: bool = False

@dataclass(frozen=True)
class Outcome:
    """The outcome of a run: its answers, or the error it raised, or how the process ended."""

    answers: tuple[Any, ...] = ()
    error: str = ""
    ending: str = ""

    @property
    def is_refusal(self) -> bool:
        """Whether tracer raised NotImplementedError: this is no difference, but nothing was checked either."""
        return self.error.startswith("NotImplementedError")

class Executor:
    """A process that runs programs, started on first use and again after each end.

    recorder: "compiled": recording is machine code from the start; "python": it never is, and memory is poisoned.
    """

    def __init__(self, recorder: str = "python", limit: float = 120.0) -> None:
        self.recorder = recorder
        self.limit = limit
        self._process: subprocess.Popen | None = None
        self.history: list[tuple[str, tuple[Run, ...]]] = []  # the programs that the process has run

    def run(self, text: str, runs: Sequence[Run]) -> list[Outcome]:
        """The outcomes of the runs in order; if the process ended in a run, that outcome is the last."""
        if len(self.history) >= PROGRAMS:
            self.close()
        process = self._process or self._start()
        outcomes: list[Outcome] = []
        self.history.append((text, tuple(runs)))
        try:
            _write(process.stdin, (text, tuple(runs)))
            for _ in runs:
                outcomes.append(Outcome(*self._read(process, self.limit)))
        except TimeoutError:
            outcomes.append(Outcome(ending="hang"))
            self.close()
        except (EOFError, BrokenPipeError):
            status = process.wait()
            name = signal.Signals(-status).name if status < 0 else f"exit {status}"
            outcomes.append(Outcome(ending=name))
            self.close()
        return outcomes

    def _start(self) -> subprocess.Popen:
        self.history.clear()
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, Path(__file__).resolve().parents[1:3]))}
        environment.pop("TRACER_JIT", None)
        environment["TRACER_POISON"] = str(int(self.recorder == "python"))
        self._process = subprocess.Popen([sys.executable, "-m", "fuzz.executor", self.recorder], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, env=environment)
        if self._read(self._process, 900.0) != "ready":  # recording may be compiled first
            raise RuntimeError("the executor does not start")
        return self._process

    def _read(self, process: subprocess.Popen, limit: float) -> Any:
        left = limit  # counted in seconds waited, one by one: time in which both processes are stopped does not count
        data, wanted = b"", 8
        while len(data) < wanted:
            before = time.monotonic()
            if not select([process.stdout], [], [], min(left, 1.0))[0]:
                left -= min(time.monotonic() - before, 1.0)
                if left <= 0:
                    raise TimeoutError
                continue
            part = os.read(process.stdout.fileno(), wanted - len(data))  # type: ignore[union-attr]
            if not part:
                raise EOFError
            data += part
            if wanted == 8 and len(data) == 8:
                wanted += struct.unpack("<q", data)[0]
        return pickle.loads(data[8:])

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

def _write(stream: Any, thing: Any) -> None:
    data = pickle.dumps(thing)
    stream.write(struct.pack("<q", len(data)) + data)
    stream.flush()

# ---- in the process ------------------------------------------------------------------------------

def _jobs(stream: Any) -> Iterator[Any]:
    while head := stream.read(8):
        yield pickle.loads(stream.read(struct.unpack("<q", head)[0]))

def _prepare(recorder: str) -> None:
    """Compile recording from the start, or never; verify each plan and its small kernels."""
    import resource

    from tracer import native_recording
    from tracer.core import flush
    from tracer.jit.plan.plan import CHECKS
    from tracer.jit.verify import kernels, plan

    CHECKS += [plan.check, kernels.check]

    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
    if recorder == "compiled":
        native_recording.compile_all()
    else:
        flush.find_living = flush.living

def _once(code: CodeType, run: Run) -> tuple[Any, ...]:
    import numpy

    from tracer import autograd, nd, np, npx
    from tracer.jit import program, settings
    from tracer.ops.ir import node

    settings.mode, program.PATIENCE = run.mode, run.patience
    if run.forget:
        node.forget_all()
    space: dict[str, Any] = {"np": np, "npx": npx, "nd": nd, "autograd": autograd, "onp": numpy}
    try:
        exec(code, space)
        return (tuple(space["program"](run.size)), "", "")
    except Exception as error:
        return ((), f"{type(error).__name__}: {error}", "")
    finally:
        autograd.set_recording(False)
        autograd.set_training(False)

def main() -> None:
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # the output of programs must not mix with the answers
    _prepare(sys.argv[1])
    _write(out, "ready")
    for text, runs in _jobs(sys.stdin.buffer):
        code = compile(text, "<program>", "exec")
        for run in runs:
            answer = _once(code, run)
            try:
                _write(out, answer)
            except BrokenPipeError:  # the other end has gone
                return

if __name__ == "__main__":
    main()

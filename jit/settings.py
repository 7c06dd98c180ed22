"""Settings: the options that a user may set, through the environment or here."""
from __future__ import annotations

import os

MODES = ("auto", "always", "never", "compare")


RECORDERS = ("auto", "python", "compiled")


def _choice(variable: str, choices: tuple[str, ...]) -> str:
    """The value of an environment variable, the first choice by default; ValueError for one that is no choice."""
    value = os.environ.get(variable, choices[0])
    if value not in choices:
        raise ValueError(f"{variable}={value!r}: must be one of {', '.join(choices)}")
    return value


#: The tier that runs a program.
#: "auto": the interpreter until the program repeats or is large, then native code.
#: "always": native code at once.
#: "never": the interpreter.
#: "compare": both at each run, and their results are compared.
mode = _choice("TRACER_JIT", MODES)

#: The code that records.
#: "python": Python.
#: "compiled": machine code, from the first flush on.
#: "auto": machine code once a process has recorded enough and that code is on disk, where a background process puts it.
#: With TRACER_JIT "always", "auto" means "compiled"; with "never" and "compare" it means "python".
recorder = _choice("TRACER_RECORDER", RECORDERS)
if recorder == "auto" and mode != "auto":
    recorder = "compiled" if mode == "always" else "python"

#: The frames in tracebacks.
#: "user": those of the user's code and of other libraries; tracer's own are left out.
#: "full": all.
traceback = _choice("TRACER_TRACEBACK", ("user", "full"))

#: The debug output. 0: none; 1: a line per program; 2: its graph; 3: its kernels and memory; 4: the generated source.
debug = int(os.environ.get("TRACER_DEBUG", "0") or 0)

#: Passes of planning to leave out (plan/pipeline.py), which helps to find a faulty one. Programs that have been planned
#: do not change.
skip = frozenset([name.strip() for name in os.environ.get("TRACER_SKIP", "").split(",") if name.strip()])

#: Whether memory is poisoned, with guards around it (plan/poison.py): for tests.
poison = bool(int(os.environ.get("TRACER_POISON", "0") or 0))


def gpu_on_cpu() -> bool:
    """Whether arrays may be made on GPUs, as labels for the CPU. ValueError for a setting other than "cpu"."""
    setting = os.environ.get("TRACER_GPU", "")
    if setting not in ("", "cpu"):
        raise ValueError(f"TRACER_GPU={setting!r}: must be cpu, or not set")
    return setting == "cpu"

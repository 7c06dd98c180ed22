"""What a user may set, through the environment or here."""
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


#: "auto": a program is interpreted until it repeats or is large; "always": compiled at once; "never": interpreted;
#: "compare": both, at each run, and compared.
mode = _choice("TRACER_JIT", MODES)

#: "python": Python records; "compiled": machine code does, from the first flush on; "auto": once a process has recorded
#: enough and there is machine code on disk, which a process in the background makes. With TRACER_JIT "always" it is
#: there at the first flush, with "never" and "compare" Python records.
recorder = _choice("TRACER_RECORDER", RECORDERS)
if recorder == "auto" and mode != "auto":
    recorder = "compiled" if mode == "always" else "python"

#: 0: silent; 1: a line a program; 2: its graph; 3: its kernels and memory; 4: the generated source.
debug = int(os.environ.get("TRACER_DEBUG", "0") or 0)

#: Passes of planning that are left out (plan/pipeline.py), to find the one that does something wrong. A program that
#: has been planned stays as it is.
skip = frozenset([name.strip() for name in os.environ.get("TRACER_SKIP", "").split(",") if name.strip()])

#: Whether memory is poisoned, with guards around it (poison.py): for tests.
poison = bool(int(os.environ.get("TRACER_POISON", "0") or 0))


def gpu_on_cpu() -> bool:
    """Whether arrays may be made on GPUs, as labels for the CPU. ValueError for a setting other than "cpu"."""
    setting = os.environ.get("TRACER_GPU", "")
    if setting not in ("", "cpu"):
        raise ValueError(f"TRACER_GPU={setting!r}: must be cpu, or not set")
    return setting == "cpu"

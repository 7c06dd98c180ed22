"""What a user may set, through the environment or here."""
from __future__ import annotations

import os

MODES = ("auto", "always", "never", "compare")


def _mode() -> str:
    mode = os.environ.get("TRACER_JIT", "auto")
    if mode not in MODES:
        raise ValueError(f"TRACER_JIT={mode!r}: must be one of {', '.join(MODES)}")
    return mode


#: "auto": a program is interpreted until it repeats or is large; "always": compiled at once; "never": interpreted;
#: "compare": both, at each run, and compared.
mode = _mode()

#: 0: silent; 1: a line a program; 2: its graph; 3: its kernels and memory; 4: the generated source.
debug = int(os.environ.get("TRACER_DEBUG", "0") or 0)

#: Whether memory is poisoned, with guards around it (poison.py): for tests.
poison = bool(int(os.environ.get("TRACER_POISON", "0") or 0))


def gpu_on_cpu() -> bool:
    """Whether arrays may be made on GPUs, as labels for the CPU. ValueError for a setting other than "cpu"."""
    setting = os.environ.get("TRACER_GPU", "")
    if setting not in ("", "cpu"):
        raise ValueError(f"TRACER_GPU={setting!r}: must be cpu, or not set")
    return setting == "cpu"

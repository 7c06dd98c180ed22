"""What a worker's process is given: threads, a cache folder of its own; and what this machine is."""
from __future__ import annotations

import os
import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def cores() -> int:
    """Logical processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment(threads: int, cache: Path, root: Path = ROOT) -> dict[str, str]:
    """The environment of a worker of the checkout `root`: `threads` threads in every library, compiled code kept
    under `cache`.

    JAX has no setting for threads: it follows the processors a process may use, which the worker limits.
    """
    count = str(threads)
    pools = ("OMP", "MKL", "OPENBLAS", "NUMBA", "NUMEXPR", "VECLIB", "BLIS")
    flags = f"compiledir={cache / 'pytensor'}"
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": count for name in pools},
        "MXNET_OMP_MAX_THREADS": count,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")])),
        "PYTENSOR_FLAGS": flags,
        "NUMBA_CACHE_DIR": str(cache / "numba"),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "JAX_COMPILATION_CACHE_DIR": str(cache / "jax"),
        "JAX_PLATFORMS": "cpu",
        "TRACER_CACHE": str(cache / "tracer"),
    }


def _processor() -> str:
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def describe() -> dict[str, object]:
    """Processor, cores, system and Python, for the report."""
    return {"processor": _processor(), "cores": cores(), "system": platform.platform(),
            "python": platform.python_version()}

"""The environment of a worker's process (threads, a cache folder of its own), and a description of this machine."""
from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


#: Variables that name a folder for compiled code, and the form of their values.
_CACHES = {
    "PYTENSOR_FLAGS": "compiledir={}/pytensor", "NUMBA_CACHE_DIR": "{}/numba", "TORCHINDUCTOR_CACHE_DIR": "{}/inductor",
    "JAX_COMPILATION_CACHE_DIR": "{}/jax", "TRACER_CACHE": "{}/tracer",
}
#: Prefixes of the variables that numerical libraries and allocators read.
_READ = (
    "BLIS_", "GOMP_", "GOTO_", "JAX_", "KMP_", "LD_PRELOAD", "MALLOC_", "MKL_", "MXNET_", "NPY_", "NUMBA_", "NUMEXPR_",
    "OMP_", "OPENBLAS_", "PYTENSOR_", "PYTORCH_", "TORCH", "TRACER_", "VECLIB_", "XLA_",
)


def cores() -> int:
    """The number of logical processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment(threads: int, cache: Path, root: Path = ROOT) -> dict[str, str]:
    """The environment of a worker: `threads` threads in every library, compiled code under `cache`.

    root: the checkout of the worker.

    Python keeps byte code, as that of a user does: the survey of engines imports each before it is timed.

    JAX has no setting for threads: it uses the processors that a process may use, which the worker limits.
    """
    count = str(threads)
    pools = ("OMP", "MKL", "OPENBLAS", "NUMBA", "NUMEXPR", "VECLIB", "BLIS")
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        **{f"{name}_NUM_THREADS": count for name in pools},
        "MXNET_OMP_MAX_THREADS": count,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")])),
        "JAX_PLATFORMS": "cpu",
        **{name: form.format(cache) for name, form in _CACHES.items()},
    }


def settings(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that numerical libraries read, without the cache folders; they are the same for each engine.

    >>> settings({"OMP_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "HASWELL", "HOME": "/", "TRACER_CACHE": "/tmp/x"})
    {'OMP_NUM_THREADS': '2', 'OPENBLAS_CORETYPE': 'HASWELL'}
    """
    return {name: variables[name] for name in sorted(variables) if name.startswith(_READ) and name not in _CACHES}


def _processor() -> str:
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def describe() -> dict[str, object]:
    """The processor, its cores, the system and Python, for the report."""
    return {"processor": _processor(), "cores": cores(), "system": platform.platform(),
            "python": platform.python_version()}

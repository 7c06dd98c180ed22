"""`mx.util`: the np mode, and helpers for scripts."""
from __future__ import annotations

import os
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

from . import ndarray, numpy
from .base import integer_types, long, numeric_types
from .context import Context, gpu_memory_info, num_gpus
from .jit.runtime import denormals
from .numpy_extension.mode import (
    is_np_array,
    is_np_default_dtype,
    is_np_shape,
    np_array,
    np_default_dtype,
    np_shape,
    reset_np,
    set_np,
    set_np_default_dtype,
    set_np_shape,
    use_np,
    use_np_array,
    use_np_default_dtype,
    use_np_shape,
)

__all__ = ["TemporaryDirectory", "default_array", "get_cuda_compute_capability", "get_gpu_count", "get_gpu_memory",
           "getenv", "integer_types", "is_np_array", "is_np_default_dtype", "is_np_shape", "long", "makedirs",
           "np_array", "np_default_dtype", "np_shape", "numeric_types", "reset_np", "set_flush_denorms", "set_module",
           "set_np", "set_np_default_dtype", "set_np_shape", "setenv", "use_np", "use_np_array", "use_np_default_dtype",
           "use_np_shape"]

get_gpu_count = num_gpus
get_gpu_memory = gpu_memory_info


def makedirs(d: str) -> None:
    """Make a folder and its parents, unless it exists; `~` is expanded."""
    os.makedirs(os.path.expanduser(d), exist_ok=True)


def getenv(name: str) -> str | None:
    """The value of an environment variable, or None if it is not set."""
    return os.environ.get(name)


def setenv(name: str, value: str | None) -> None:
    """Set an environment variable; None removes it."""
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def set_flush_denorms(value: bool) -> bool:
    """Flush denormal numbers to zero in all computations from now on (the default), or keep them.

    Values recorded before are computed first, in the previous way. A script's own NumPy is not affected. On processors
    other than x86-64 denormals are always kept.

    Returns whether they were flushed before.

    >>> set_flush_denorms(True)
    True
    """
    wanted = bool(value)
    if wanted != denormals.is_flushing():
        ndarray.waitall()
    return denormals.set_flush(wanted)


def default_array(source_array: Any, ctx: Any = None, dtype: Any = None, device: Any = None) -> Any:
    """A new array: `np.array` in np mode, else `nd.array`."""
    return (numpy if is_np_array() else ndarray).array(source_array, dtype=dtype)


def set_module(module: str | None) -> Callable[[Any], Any]:
    """A decorator that sets the `__module__` of a function or class; None leaves it."""
    def decorator(func: Any) -> Any:
        if module is not None:
            func.__module__ = module
        return func

    return decorator


def get_cuda_compute_capability(ctx: Context) -> int:
    """Not supported: raises OSError for a GPU, as MXNet does where there is no CUDA; ValueError for another context."""
    if ctx.device_type != "gpu":
        raise ValueError(f"Expecting a gpu context to get cuda compute capability, while received ctx {ctx}")
    raise OSError("could not load any of: libcuda.so libcuda.dylib cuda.dll")

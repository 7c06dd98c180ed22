"""`mx.util`: the np mode, and helpers for scripts."""
from __future__ import annotations

import os
from tempfile import TemporaryDirectory
from typing import Any

from . import ndarray, numpy
from .context import gpu_memory_info, num_gpus
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

__all__ = ["TemporaryDirectory", "default_array", "get_gpu_count", "get_gpu_memory", "getenv", "is_np_array",
           "is_np_default_dtype", "is_np_shape", "makedirs", "np_array", "np_default_dtype", "np_shape", "reset_np",
           "set_np", "set_np_default_dtype", "set_np_shape", "setenv", "use_np", "use_np_array",
           "use_np_default_dtype", "use_np_shape"]

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


def default_array(source_array: Any, ctx: Any = None, dtype: Any = None, device: Any = None) -> Any:
    """A new array: `np.array` in np mode, else `nd.array`."""
    return (numpy if is_np_array() else ndarray).array(source_array, dtype=dtype)

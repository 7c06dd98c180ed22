"""MXNet scripts, unmodified, traced, fused and compiled by Numba."""
from importlib import import_module
from os.path import dirname, realpath
from typing import Any

# In a checkout the layers ops/ and jit/ lie beside this folder, not in it. The folder above is searched for these two
# only: it also holds tests/, bench/ and, as tracer.tracer, a second copy of this package.
__path__.append(dirname(realpath(__path__[0])))
import_module(f"{__name__}.ops")
import_module(f"{__name__}.jit")
__path__.pop()

from . import autograd, base, context, device, engine, gluon, libinfo, native_recording, random, runtime, util
from . import ndarray as nd
from . import numpy as np
from . import numpy_extension as npx
from .base import MXNetError
from .context import (
    Context,
    Device,
    cpu,
    cpu_pinned,
    current_context,
    current_device,
    gpu,
    gpu_memory_info,
    num_gpus,
)
from .install import install_as_mxnet
from .libinfo import __version__
from .report.explain import counters, explain, kernel_source, time_kernels
from .util import is_np_array, is_np_shape, np_array, np_shape, set_np_shape, use_np, use_np_array, use_np_shape

__all__ = [
    "__version__", "autograd", "base", "Context", "context", "counters", "cpu", "cpu_pinned", "current_context",
    "current_device", "device", "Device", "engine", "explain", "gluon", "gpu", "gpu_memory_info",
    "install_as_mxnet", "is_np_array", "is_np_shape", "kernel_source", "libinfo", "MXNetError", "nd", "np", "np_array",
    "np_shape", "npx", "num_gpus", "random", "runtime", "set_np_shape", "time_kernels", "use_np", "use_np_array",
    "use_np_shape", "util",
]

native_recording.begin()

# `hybrid_forward(F, ...)` uses F.np and F.npx when arrays are np's.
vars(nd).update(np=np, npx=npx)

#: MXNet modules that tracer lacks: access to one raises ImportError.
_ABSENT = frozenset((
    "amp", "attribute", "callback", "contrib", "executor", "image", "init", "initializer", "io", "kv",
    "kvstore", "lr_scheduler", "metric", "mod", "model", "module", "mon", "monitor", "onnx", "operator", "optimizer",
    "recordio", "registry", "rnn", "rtc", "sym", "symbol"))


def __getattr__(name: str) -> Any:
    if name in ("profiler", "test_utils"):  # loaded lazily: scripts use them without an import, most never
        return import_module(f"{__name__}.{name}")
    if name in ("viz", "visualization"):  # MXNet's two names of it
        return import_module(f"{__name__}.viz")
    if name in _ABSENT:
        raise ImportError(f"{name} is not part of this version of tracer yet: it has np, npx, nd, autograd and random",
                          name=f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

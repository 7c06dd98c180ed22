"""MXNet scripts, unmodified, traced, fused and compiled by Numba."""
import gc
from importlib import import_module
from os.path import dirname, realpath
from sys import modules
from typing import Any

# In a checkout the layers ops/ and jit/ lie beside this folder, not in it. The folder above is searched for these two
# only: it also holds tests/, bench/ and, as tracer.tracer, a second copy of this package.
__path__.append(dirname(realpath(__path__[0])))
_collects = gc.isenabled()
gc.disable()  # the modules' objects live as long as the process: collections among them take 50 ms and free nothing
try:
    import_module(f"{__name__}.ops")
    import_module(f"{__name__}.jit")
    __path__.pop()
    import_module(f"{__name__}.symbol")
    import_module(f"{__name__}.gluon")
finally:
    if _collects:
        gc.enable()

from . import (
    attribute,
    autograd,
    base,
    context,
    device,
    engine,
    error,
    gluon,
    libinfo,
    log,
    mxnet_modules,
    name,
    native_recording,
    random,
    runtime,
    symbol,
    util,
)
from . import ndarray as nd
from . import numpy as np
from . import numpy_extension as npx
from . import symbol as sym
from .attribute import AttrScope
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
from .core import tracebacks as _tracebacks
from .install import install_as_mxnet
from .report.explain import counters, explain, kernel_source, time_kernels
from .symbol import Symbol
from .util import (
    is_np_array,
    is_np_default_dtype,
    is_np_shape,
    np_array,
    np_default_dtype,
    np_shape,
    set_np_shape,
    use_np,
    use_np_array,
    use_np_default_dtype,
    use_np_shape,
)

__all__ = [
    "__version__", "attribute", "AttrScope", "autograd", "base", "context", "Context", "counters", "cpu",
    "cpu_pinned", "current_context", "current_device", "device", "Device", "engine", "error", "executor",
    "explain", "gluon", "gpu", "gpu_memory_info", "install_as_mxnet", "is_np_array", "is_np_default_dtype",
    "is_np_shape", "kernel_source", "libinfo", "log", "MXNetError", "name", "nd", "np", "np_array",
    "np_default_dtype", "np_shape", "npx", "num_gpus", "random", "rnd", "runtime", "set_np_shape", "sym", "Symbol",
    "symbol", "time_kernels", "use_np", "use_np_array", "use_np_default_dtype", "use_np_shape", "util",
]

native_recording.begin()
mxnet_modules.begin()
npx.mode.begin()
_tracebacks.begin()

rnd = random

# `hybrid_forward(F, ...)` uses F.np and F.npx when arrays are np's; MXNet's modules of it are ndarray.numpy and so on.
vars(nd).update(np=np, npx=npx, numpy=np, numpy_extension=npx)

#: MXNet's modules that have another name here.
_RENAMED = {"vis": "viz", "visualization": "viz"}


def __getattr__(name: str) -> Any:
    """The version, or a module that scripts use without an import: those that most do not use are loaded here."""
    if name == "__version__":
        return libinfo.__version__
    if name in mxnet_modules.KNOWN:
        for module in (name, _RENAMED.get(name), mxnet_modules.SECOND_NAMES.get(name)):
            if module is not None and mxnet_modules.has_file(modules[__name__], module):
                return import_module(f"{__name__}.{module}")
        raise AttributeError(mxnet_modules.absence(name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

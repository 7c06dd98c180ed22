"""MXNet scripts, unmodified, traced, fused and compiled by Numba."""
from . import autograd, base, np_array, random
from . import ndarray as nd
from . import numpy as np
from . import numpy_extension as npx
from .base import MXNetError
from .context import Context, cpu, cpu_pinned, current_context, gpu, num_gpus
from .explain import counters, explain
from .install import install_as_mxnet

__all__ = ["Context", "MXNetError", "autograd", "base", "cpu", "counters", "cpu_pinned", "current_context", "explain",
           "gpu", "install_as_mxnet", "nd", "np", "np_array", "npx", "num_gpus", "random"]

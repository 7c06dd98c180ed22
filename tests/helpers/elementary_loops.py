"""Elementary functions as compiled loops over arrays."""
from __future__ import annotations

import numpy as np
from numba import njit

from tracer.jit.native.elementary import FUNCTIONS
from tracer.jit.native.elementary.intrinsics import INTRINSICS

_loops: dict[tuple[str, bool], object] = {}


def compiled(name: str, fastmath: bool = False):
    """The function as a compiled loop over arrays, with the signature of `NUMPY[name]`."""
    f = INTRINSICS[name]

    def one(x, out):
        for i in range(np.uint64(out.size)):
            out[i] = f(x[i])

    def two(x, y, out):
        for i in range(np.uint64(out.size)):
            out[i] = f(x[i], y[i])

    def run(*args):
        out = np.empty_like(args[0])
        _loops[name, fastmath](*args, out)
        return out

    if (name, fastmath) not in _loops:
        flags = {"contract", "nsz", "reassoc", "arcp", "afn"} if fastmath else False
        loop = two if FUNCTIONS[name].__code__.co_argcount == 3 else one
        _loops[name, fastmath] = njit(fastmath=flags)(loop)
    return run

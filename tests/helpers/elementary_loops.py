"""Elementary functions as compiled loops over arrays."""
from __future__ import annotations

from collections.abc import Callable

import kernel_text
import numpy as np

from tracer.jit.native.elementary import FUNCTIONS

_FASTMATH = ("contract", "nsz", "reassoc", "arcp", "afn")


def loop(name: str, dtype: np.dtype) -> str:
    """The body of a kernel that applies a function of one or two numbers to arrays."""
    kind = {4: "f32", 8: "f64"}[np.dtype(dtype).itemsize]
    operands = "pq"[:FUNCTIONS[name].__code__.co_argcount - 1]
    lines = [f"{x} = bind[args[{i}]]" for i, x in enumerate([*operands, "out"])]
    given = ", ".join([f"ld_{kind}_0({x}, i)" for x in operands])
    return "\n".join([*lines, "for i in range(lo, hi):", f"    st_{kind}_1(out, i, {name}({given}))"])


def compiled(name: str, fastmath: bool = False) -> Callable[..., np.ndarray]:
    """The function as a compiled loop over arrays, with the signature of `NUMPY[name]`."""
    def run(*args: np.ndarray) -> np.ndarray:
        out, given = np.empty(args[0].shape, args[0].dtype), [np.ascontiguousarray(a) for a in args]
        kernel_text.run(loop(name, out.dtype), *given, out, hi=out.size, flags=_FASTMATH if fastmath else ())
        return out

    return run

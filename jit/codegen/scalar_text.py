"""The texts of kernels' scalar parts: types, numbers, and the steps of reductions."""
from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from tracer.ops.ir.aval import SHORT
from tracer.ops.ir.errors import CannotCompile
from tracer.ops.ir.node import Node


@lru_cache(maxsize=64)
def short(dtype: np.dtype) -> str:
    """The dtype's short name in generated code."""
    name = SHORT.get(dtype.name)
    if name is None:
        raise CannotCompile(f"dtype {dtype.name}")
    return name


def total_dtype(root: Node) -> np.dtype:
    """The dtype in which a reduction's partial results are kept: float64 and 64-bit integers for sums."""
    dtype = root.dtype
    if root.op.combine in ("+", "*"):
        return np.dtype({"f": "float64", "i": "int64", "u": "uint64", "b": "int64"}[dtype.kind])
    return np.dtype("float32") if dtype == np.float16 else dtype


_FLOAT_STEPS: dict[str | None, str] = {"+": "fadd_reassoc", "*": "fmul_reassoc", "max": "max_acc", "min": "min_acc"}


def literal(value: Any, dtype: np.dtype) -> str:
    """A number as typed source text; the `repr` of nan and inf would be unknown names."""
    if dtype.kind == "b":
        return "b1(1)" if value else "b1(0)"
    if dtype.kind == "f" and not math.isfinite(value):
        text = "NAN" if math.isnan(value) else "INF" if value > 0 else "-INF"
    else:
        text = repr(float(value)) if dtype.kind == "f" else repr(int(value))
    return f"{short(dtype)}({text})"


def accumulate(root: Node, acc: str, value: str, dtype: np.dtype) -> str:
    """The text of one step of the reduction `root`, in `dtype`: reassociable for floats, so that it vectorizes."""
    combine = root.op.combine
    if dtype.kind == "f":
        return f"{_FLOAT_STEPS[combine]}({acc}, {value})"
    if combine in ("+", "*"):
        return f"{short(dtype)}({acc} {combine} {value})"
    return f"maximum({acc}, {value})" if combine == "max" else f"minimum({acc}, {value})"


def register(dtype: np.dtype) -> np.dtype:
    """The dtype of the registers that hold values of `dtype`: float32 for float16, each rounded where it is made."""
    return np.dtype("float32") if dtype == np.float16 else dtype


def filling(root: Node, part: np.dtype) -> str:
    """The source of the step that fills partial results with a reduction's identity. args: their slot."""
    return ("def kernel(bind, args, lo, hi):\n    p = bind[args[0]]\n    for j in range(lo, hi):\n"
            f"        st_{short(part)}_1(p, j, {literal(root.op.identity(part), part)})\n")


def combining(root: Node, part: np.dtype, count: int) -> str:
    """The source of the step that combines the chunks' partial results, of `count` elements each, of a reduction.

    args: the slots of the partial results and of the result, the number of chunks, the length of a partial result.
    """
    if count != 1:
        return _combining_rows(root, part)
    wide = total_dtype(root)
    text = accumulate(root, "c", f"{short(wide)}(ld_{short(part)}_0(p, k))", wide)
    cast = "c != 0" if root.dtype.kind == "b" else f"{short(root.dtype)}(c)"
    return ("def kernel(bind, args, lo, hi):\n    p = bind[args[0]]\n    q = bind[args[1]]\n    m = args[2]\n"
            f"    c = {literal(root.op.identity(wide), wide)}\n    for k in range(m):\n        c = {text}\n"
            f"    st_{short(root.dtype)}_1(q, 0, {cast})\n")


def _combining_rows(root: Node, part: np.dtype) -> str:
    """The source for parts of many elements: one part after the other is added to the first, since loops vectorize only
    along a part."""
    kind = short(part)
    text = accumulate(root, f"ld_{kind}_1(p, j)", f"ld_{kind}_0(a, j)", part)
    cast = "c != 0" if root.dtype.kind == "b" else f"{short(root.dtype)}(c)"
    return ("def kernel(bind, args, lo, hi):\n    p = bind[args[0]]\n    q = bind[args[1]]\n"
            f"    for k in range(1, args[2]):\n        a = p + {part.itemsize} * k * args[3]\n"
            f"        for j in range(lo, hi):\n            st_{kind}_1(p, j, {text})\n"
            f"    for j in range(lo, hi):\n        c = ld_{kind}_1(p, j)\n"
            f"        st_{short(root.dtype)}_2(q, j, {cast})\n")

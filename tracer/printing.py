"""How arrays print: exactly as MXNet prints them."""
from __future__ import annotations

from typing import Any

import numpy as np


def format_nd(array: np.ndarray, context: Any) -> str:
    """`mx.nd`'s form: a newline, NumPy's text, and a line with shape and context."""
    shape = "x".join(map(str, array.shape))
    return f"\n{array!s}\n<NDArray {shape} @{context}>"


def format_np(array: np.ndarray, context: Any) -> str:
    """`mx.np`'s form: NumPy's repr, float32 unnamed, other dtypes named."""
    text = repr(array)
    if array.dtype == np.float32:
        text = text.replace(", dtype=float32", "")
    elif "dtype=" not in text:
        text = f"{text[:-1]}, dtype={array.dtype.name})"
    return text

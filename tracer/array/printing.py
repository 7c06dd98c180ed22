"""Printing of arrays, exactly as MXNet prints them with any installed NumPy.

MXNet shows the text of NumPy 1.x: the user's print options apply, but not the changes of NumPy 2, such as the shape
that it adds to a summarized array.
"""
from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np


def format_nd(array: np.ndarray, context: Any, name: str = "NDArray") -> str:
    """`mx.nd`'s form: a newline, NumPy's text, and a line with shape and context.

    >>> print(format_nd(np.ones((1, 2), "float32"), "cpu(0)"))
    <BLANKLINE>
    [[1. 1.]]
    <NDArray 1x2 @cpu(0)>
    """
    shape = "x".join(map(str, array.shape))
    return f"\n{format_plain(array)}\n<{name} {shape} @{context}>"


def format_np(array: np.ndarray, context: Any, default: Any = np.float32) -> str:
    """`mx.np`'s form: NumPy's repr; the default dtype and bool unnamed, other dtypes named.

    >>> format_np(np.ones(2, "float32"), "cpu(0)"), format_np(np.ones(2, "int32"), "cpu(0)")
    ('array([1., 1.])', 'array([1, 1], dtype=int32)')
    """
    with _as_numpy_1():
        text, dtype = repr(array), array.dtype
    if "dtype=" in text:
        if dtype == default:
            text = text[:text.rindex(",")] + ")"
    elif dtype not in (default, np.bool_):
        text = f"{text[:-1]}, dtype={dtype.name})"
    return text if _unnamed(context) else f"{text[:-1]}, device={context})"


def _unnamed(context: Any) -> bool:
    return getattr(context, "device_type", "cpu") == "cpu"


def format_str(array: np.ndarray, context: Any) -> str:
    """`str` of an `mx.np` array: NumPy's text, and the device if it is not a CPU."""
    text = format_plain(array)
    return text if _unnamed(context) else f"{text} @{context}"


def format_plain(array: np.ndarray) -> str:
    """NumPy 1's `str`.

    >>> format_plain(np.array([1.5e6], "float32"))
    '[1500000.]'
    """
    with _as_numpy_1():
        return str(array)


def _as_numpy_1() -> AbstractContextManager:
    """A scope in which NumPy prints as NumPy 1 does, unless the user has chosen a legacy form."""
    if np.lib.NumpyVersion(np.__version__) < "2.0.0" or np.get_printoptions()["legacy"]:
        return nullcontext()
    return np.printoptions(legacy="1.25")

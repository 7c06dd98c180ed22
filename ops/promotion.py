"""Which dtype an operation computes in: the two flavours' rules, and Python scalars beside arrays."""
from __future__ import annotations

import numpy as np

from .arithmetic import cast
from .errors import MXNetError
from .node import Node, const_op, scalar_op

FLOAT32 = np.dtype("float32")
INT64 = np.dtype("int64")
BOOL = np.dtype(bool)


def is_weak(x: Node) -> bool:
    """Whether `x` came as a Python number, whose dtype yields to an array's."""
    return x.op is scalar_op or (x.op is const_op and x.shape == ())


def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """MXNet 2's promotion of two array dtypes: a float wins over any integer, else as NumPy.

    >>> promote(np.dtype("int64"), np.dtype("float16"))
    dtype('float16')
    """
    if a == b:
        return a
    if a.kind == "f" and b.kind != "f":
        return a
    if b.kind == "f" and a.kind != "f":
        return b
    return np.promote_types(a, b)


def np_pair(x: Node, y: Node) -> tuple[Node, Node]:
    """Both operands in the dtype that `mx.np` computes in."""
    if is_weak(x) or is_weak(y):
        weak, array = (x, y) if is_weak(x) else (y, x)
        dtype = array.dtype
        if dtype.kind != "f" and weak.dtype.kind == "f":
            dtype = FLOAT32
        elif dtype.kind == "b" and weak.dtype.kind in "iu":
            dtype = INT64
        return cast(x, dtype), cast(y, dtype)
    dtype = promote(x.dtype, y.dtype)
    return cast(x, dtype), cast(y, dtype)


def nd_pair(x: Node, y: Node) -> tuple[Node, Node]:
    """Both operands in the array's dtype; MXNetError for arrays of different dtypes, as in `mx.nd`."""
    if is_weak(x):
        return cast(x, y.dtype), y
    if is_weak(y):
        return x, cast(y, x.dtype)
    if x.dtype != y.dtype:
        raise MXNetError(f"operands have different dtypes, {x.dtype.name} and {y.dtype.name}: "
                         "mx.nd does not promote; use astype")
    return x, y


def inexact(x: Node) -> Node:
    """`x` as a float: integers and bools become float32, MXNet's default."""
    return x if x.dtype.kind == "f" else cast(x, FLOAT32)

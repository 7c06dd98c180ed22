"""Dtype promotion: the rules of `mx.np` and `mx.nd`, also for Python numbers beside arrays; and the public names of
elementwise functions with their rules: `names=in_np("tanh") + in_nd("tanh")`, functions and methods."""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..declare.public import Operand, public
from ..ir.errors import MXNetError
from ..ir.node import Node, is_large_integer, is_number
from .arithmetic import cast

FLOAT16 = np.dtype("float16")
FLOAT32 = np.dtype("float32")
FLOAT64 = np.dtype("float64")
INT64 = np.dtype("int64")
BOOL = np.dtype(bool)


def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """MXNet 2's promotion of two array dtypes: the float of a float and an integer, else NumPy's.

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
    """Both operands in the dtype that `mx.np` computes in; a float number beside an integer array gives float64."""
    if is_number(x) or is_number(y):
        weak, array = (x, y) if is_number(x) else (y, x)
        dtype = array.dtype
        if dtype.kind != "f" and weak.dtype.kind == "f" and not is_large_integer(weak):
            dtype = FLOAT64
        elif dtype.kind == "b":
            dtype = INT64
        return cast(x, dtype), cast(y, dtype)
    dtype = promote(x.dtype, y.dtype)
    return cast(x, dtype), cast(y, dtype)


def np_compared(x: Node, y: Node) -> tuple[Node, Node]:
    """Both operands of a comparison in one dtype; a number beside a bool array is cast to bool, as in MXNet."""
    if is_number(x) and y.dtype.kind == "b":
        return cast(x, BOOL), y
    if is_number(y) and x.dtype.kind == "b":
        return x, cast(y, BOOL)
    return np_pair(x, y)


def np_same(x: Node, y: Node) -> tuple[Node, Node]:
    """Both operands of a function that takes arrays of one dtype only; MXNetError for arrays of different dtypes."""
    if not is_number(x) and not is_number(y) and x.dtype != y.dtype:
        raise MXNetError(f"Incompatible attr: expected {x.dtype.name}, got {y.dtype.name}: "
                         "this function does not promote; use astype")
    return np_pair(x, y)


def beside(x: Node, array: Node) -> Node:
    """`x` in the dtype of `array`: a number is cast; MXNetError for an array of another dtype."""
    if is_number(x):
        return cast(x, array.dtype)
    if x.dtype != array.dtype:
        raise MXNetError(f"Incompatible attr: expected {array.dtype.name}, got {x.dtype.name}: "
                         "this function does not promote; use astype")
    return x


def nd_pair(x: Node, y: Node) -> tuple[Node, Node]:
    """Both operands in the array's dtype; MXNetError for arrays of different dtypes, as in `mx.nd`."""
    if is_number(x):
        return cast(x, y.dtype), y
    if is_number(y):
        return x, cast(y, x.dtype)
    if x.dtype != y.dtype:
        raise MXNetError(f"operands have different dtypes, {x.dtype.name} and {y.dtype.name}: "
                         "mx.nd does not promote; use astype")
    return x, y


class _Default:
    """The default dtype of floats: float32, or float64 under `npx.set_np(dtype=True)`."""

    dtype = FLOAT32


def default_float() -> np.dtype:
    """The default dtype of floats."""
    return _Default.dtype


def set_default_float(dtype: np.dtype) -> None:
    """Change the default dtype of floats. The caller must clear memos of nodes that depend on it."""
    _Default.dtype = dtype


def inexact(x: Node) -> Node:
    """`x` as a float: integers and bools become MXNet's default, float32."""
    return x if x.dtype.kind == "f" else cast(x, _Default.dtype)


def np_inexact(x: Node) -> Node:
    """`x` as the float that `mx.np`'s elementary functions compute in; one-byte integers and bools become float16."""
    if x.dtype.kind == "f":
        return x
    return cast(x, FLOAT16 if x.dtype.itemsize == 1 else _Default.dtype)


def numeric(x: Node) -> Node:
    """`x`; MXNetError if it is of bools."""
    if x.dtype.kind == "b":
        raise MXNetError("this operation does not support bool; use astype")
    return x


def integral(x: Node) -> Node:
    """`x`; MXNetError unless it is of integers or bools."""
    if x.dtype.kind == "f":
        raise MXNetError(f"this operation only supports integer types or bool, got {x.dtype.name}")
    return x


def floating(x: Node) -> Node:
    """`x`; MXNetError unless it is of floats."""
    if x.dtype.kind != "f":
        raise MXNetError(f"This operation only support floating point types, not {x.dtype.name}")
    return x


# ---- public names of elementwise functions --------------------------------------------------------

Unary = Callable[[Node], Node]
Names = list[Callable[[Unary], object]]


class Rule(NamedTuple):
    """The extension of a function on floats to other dtypes.

    doc: the sentence about it in the public function's docstring.
    apply: (function, operand) -> result.
    """

    doc: str
    apply: Callable[[Unary, Node], Node]


def _through(f: Unary, x: Node, wide: np.dtype) -> Node:
    return f(x) if x.dtype.kind == "f" else cast(f(cast(x, wide)), x.dtype)


as_is = Rule("", lambda f, x: f(x))
numbers = Rule("MXNetError for bools.", lambda f, x: f(numeric(x)))
as_floats = Rule("Integers become float32, one-byte ones float16.", lambda f, x: f(np_inexact(x)))
through_float = Rule("Integers are computed in float32, and truncated.", lambda f, x: _through(f, x, FLOAT32))
through_double = Rule("Integers are computed in float64, and truncated.", lambda f, x: _through(f, x, FLOAT64))
kept = Rule("Integers are computed in float64, and truncated; MXNetError for bools.",
            lambda f, x: _through(f, numeric(x), FLOAT64))
np_round = Rule("Integers are left alone; bools become float16.",
                lambda f, x: x if x.dtype.kind in "iu" else f(np_inexact(x)))
nd_round = Rule("Integers are left alone.", lambda f, x: f(x) if x.dtype.kind == "f" else x)


def in_np(names: str, rule: Rule = as_floats, methods: str | None = None) -> Names:
    """Declarers of functions of `mx.np`, and of methods of its arrays (None: by the same names)."""
    return _names("np", "np.ndarray", names, rule, names if methods is None else methods)


def in_npx(names: str, rule: Rule = kept, methods: str = "") -> Names:
    """Declarers of functions of `mx.npx`, and of methods of `mx.np`'s arrays."""
    return _names("npx", "np.ndarray", names, rule, methods)


def in_nd(names: str, rule: Rule = through_float, methods: str | None = None) -> Names:
    """Declarers of functions of `mx.nd`, and of methods of its arrays (None: by the same names)."""
    return _names("nd", "nd.NDArray", names, rule, names if methods is None else methods)


def _names(space: str, cls: str, names: str, rule: Rule, methods: str) -> Names:
    def declare(primitive: Unary) -> object:
        def of_x(x: Operand) -> Node:
            return rule.apply(primitive, x)

        def of_data(data: Operand) -> Node:
            return rule.apply(primitive, data)

        build = of_x if space == "np" else of_data
        build.__doc__ = f"{names.split()[0]}, elementwise. {rule.doc}".rstrip()
        return public(*(f"{space}.{n}" for n in names.split()), *(f"{cls}.{n}" for n in methods.split()))(build)

    return [declare]

"""The distinct numbers in an array, as an operation whose result has a size that does not depend on the elements."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..declare.families import call, operands
from ..ir.aval import Aval, aval
from ..ir.errors import MXNetError
from ..ir.node import Node

_INT64 = np.dtype("int64")


def _infer(x: Aval) -> Aval:
    if len(x.shape) != 1:
        raise MXNetError(f"unique: one axis wanted, got shape {x.shape}")
    return aval((3, *x.shape), _INT64)


def _ref(x: Any) -> Any:
    out = np.zeros((3, x.size), np.int64)
    if x.size:
        found, places = np.unique(x, return_inverse=True)
        out[0, :found.size], out[0, found.size:] = found, found[-1]
        out[1] = places.reshape(-1)
        out[2, :found.size] = 1
    return out


def _samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    for numbers in ([3, 1, 3, 0, 1], [2], [], [5, 5, 5]):
        yield [np.array(numbers, np.int64)], ()


_unique = call("unique", _infer, _ref, samples=_samples, smooth=False, may_fail=False,
               errors=[(operands((2, 3)), (), MXNetError)])


def unique(x: Node) -> Node:
    """The distinct numbers of an array of n integers, as three rows of n int64 numbers.

    The first row has them in order, and repeats the last one up to its end. The second row has the place of each
    element of `x` in the first. The third has 1 at the places of distinct numbers and 0 where the last is repeated.
    """
    return _unique(x)

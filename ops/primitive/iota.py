"""iota, the indices along an axis: an op without operands, which fuses into its consumers."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..ir.aval import Aval, Shape, aval
from ..ir.errors import MXNetError
from ..ir.node import Node, make
from ..ir.op import ELEMENTWISE, Op, declare


def _iota_infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    shape, axis, dtype = attrs
    if dtype == "bool":
        raise MXNetError("This operation does not support bool type")
    return aval(shape, np.dtype(dtype))


def _iota_ref(arrays: Sequence[Any], attrs: tuple) -> Any:
    shape, axis, dtype = attrs
    column = [1] * len(shape)
    column[axis] = shape[axis]
    return np.broadcast_to(np.arange(shape[axis], dtype=dtype).reshape(column), shape)


def _iota_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    for shape, axis, dtype in [((5,), 0, "int64"), ((3, 4), 1, "float32"), ((3, 4), 0, "int32"), ((0,), 0,
                                                                                                  "int64")]:
        yield [], (shape, axis, dtype)


#: The op without inputs; attrs: the shape, the axis whose index is the value, and the dtype. {index} is that index.
iota_op = declare(Op("iota", ELEMENTWISE, _iota_infer, _iota_ref, vjp=lambda node, g: (), expr="{index}",
                     samples=_iota_samples, same=False, smooth=False, index=lambda attrs: attrs[1], shaped=True,
                     errors=[((), ((3,), 0, "bool"), MXNetError)]))


def iota(shape: Shape, axis: int, dtype: np.dtype | str) -> Node:
    """An array of `shape` whose elements are their indices along `axis`: 0, 1, 2 …"""
    return make(iota_op, (), (shape, axis, np.dtype(dtype).name))


def counts(n: int, ndim: int, axis: int, dtype: np.dtype | str = "int64") -> Node:
    """0 … n-1 along `axis` of an array of `ndim` axes, the others of size 1, so that it broadcasts."""
    shape = [1] * ndim
    shape[axis] = n
    return iota(tuple(shape), axis, dtype)

"""Elementwise functions without a scalar expression for fused kernels: NumPy computes them on whole arrays."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..ir.aval import Aval, aval
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..ir.op import FLOATS
from ..ir.shapes import broadcast
from .families import APART, MIXED, Dtypes, Samples, call
from .public import named


def quiet(f: Callable) -> Callable:
    """NumPy's function `f` without its warnings, its result in the dtype of the first operand."""
    def ref(*arrays: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.asarray(f(*arrays)).astype(np.asarray(arrays[0]).dtype, copy=False)

    return ref


def unary_call(name: str, f: Callable, vjp: Callable[[Node, Node, Node], Node] | None = None, *,
               samples: Samples, names: Iterable[Callable[[Callable], object]] = ()) -> Callable[[Node], Node]:
    """Declare f(x), elementwise on floats: vjp(g, x, y) -> cotangent. Returns its node maker.

    names: as in `families.unary`.
    """
    back = None if vjp is None else lambda g, node: (vjp(g, node.inputs[0], node),)
    return named(call(name, lambda x: x, quiet(f), back, samples=samples, dtypes=FLOATS), names)


def binary_call(name: str, f: Callable, vjp: Callable[..., tuple[Node, Node]] | None = None, *,
                samples: Samples, dtypes: Dtypes = FLOATS) -> Callable[[Node, Node], Node]:
    """Declare f(x, y), broadcast, on one dtype: vjp(g, x, y, out) -> cotangents. Returns its node maker."""
    def infer(x: Aval, y: Aval) -> Aval:
        if x.dtype != y.dtype:
            raise MXNetError(f"{name} requires operands of one dtype, got {x.dtype.name} and {y.dtype.name}")
        return aval(broadcast(x.shape, y.shape), x.dtype)

    back = None if vjp is None else lambda g, node: vjp(g, *node.inputs, node)
    return call(name, infer, quiet(f), back, samples=samples, dtypes=dtypes, errors=[*APART, *MIXED])

"""The functions recorded by `x[key]` and `x[key] = value`, for the arrays of np and of nd.

tracer/array/getitem.py and tracer/array/setitem.py derive the static arguments from the key.
"""
from __future__ import annotations

import numpy as np

from ..declare.public import Nodes, Operand, public
from ..ir.aval import Shape
from ..ir.errors import BroadcastError
from ..ir.node import Node, depend, straight
from ..primitive.arithmetic import cast, where
from ..primitive.gather_scatter import gather, put, put_mask, update
from ..primitive.linear import broadcast_to, reshape, slice_


def _fit(value: Node, dtype: np.dtype, shape: Shape) -> Node:
    """`value` cast to `dtype`, in a shape that broadcasts to `shape`: surplus leading axes of size 1 are dropped, as by
    NumPy. BroadcastError if it does not fit."""
    value = cast(value, dtype)
    if value.shape == shape or value.ndim == 0:
        return value
    lead = max(value.ndim - len(shape), 0)
    fitted = reshape(value, value.shape[lead:]) if set(value.shape[:lead]) <= {1} else value
    if lead and fitted is value or any(d not in (1, n) for d, n in zip(fitted.shape[::-1], shape[::-1])):
        raise BroadcastError(f"could not broadcast input array from shape {value.shape} into shape {shape}")
    return fitted


@public("index.read_slice")
def read_slice(x: Node, spec, shape) -> Node:
    """The slice `spec` of `x`, reshaped to the shape that the key yields."""
    return reshape(slice_(x, spec), shape)


@public("index.write_slice")
def write_slice(x: Node, value: Operand, spec, shape) -> Node:
    """`x` with the slice `spec`, whose shape by the key is `shape`, replaced by `value`."""
    value = _fit(value, x.dtype, shape)
    region = tuple(count for _, count, _ in spec)
    if value.ndim and region != shape:
        value = reshape(broadcast_to(value, shape), region)
    if all(start == 0 and step == 1 and count == n for (start, count, step), n in zip(spec, x.shape)):
        return broadcast_to(value, x.shape)
    return update(x, value, spec)


@public("index.overwrite")
def overwrite(x: Node, old: Node) -> Node:
    """The elements of `x`, written over the recorded `old`: derivatives go to `old`, as by the identity."""
    return straight(x, old)


@public("index.found")
def found(x: Node, source: Node) -> Node:
    """`x`, computed from values read of `source`: it depends on `source` with the derivative 0."""
    return depend(x, source)


@public("index.read_gather")
def read_gather(arrays: Nodes, template) -> Node:
    """`x[key]`, for arrays (x, index, index, ...); the key is `template` with the index arrays filled in."""
    x, *indices = arrays
    return gather(x, tuple(cast(i, "int64") for i in indices), template)


@public("index.write_put")
def write_put(arrays: Nodes, template) -> Node:
    """`x` with `x[key]` replaced by value, for arrays (x, value, index, index, ...)."""
    x, value, *indices = arrays
    places = tuple(cast(i, "int64") for i in indices)
    return put(x, _fit(value, x.dtype, gather(x, places, template).shape), places, template)


@public("index.write_mask")
def write_mask(x: Node, mask: Node, value: Operand) -> Node:
    """`x` with `value` written where `mask`, of the shape of leading axes of `x`, is true."""
    value = cast(value, x.dtype)
    rest = x.shape[mask.ndim:]
    if value.ndim <= len(rest):
        return where(reshape(mask, mask.shape + (1,) * len(rest)), broadcast_to(_fit(value, x.dtype, rest),
                                                                                rest), x)
    extra = value.ndim - len(rest) - 1
    if extra and set(value.shape[:extra]) - {1}:
        raise BroadcastError(f"could not broadcast input array from shape {value.shape} into masked "
                             f"{x.shape}")
    return put_mask(x, mask, reshape(value, value.shape[extra:]))

"""The products of multi-head attention over projections whose heads are interleaved, and their scaling.

Projections are (length, batch, heads * parts * size): for each head its query, key and value side by side.
"""
from __future__ import annotations

import math

from ..declare.public import REQUIRED, public
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..primitive.arithmetic import cast, div, in_single, like, mul
from ..primitive.linear import part, reshape, transpose
from ..primitive.matmul import product
from ..primitive.promotion import FLOAT64, floating, numeric


@public("nd.contrib.div_sqrt_dim")
@in_single
def div_sqrt_dim(data: Node) -> Node:
    """`data` divided by the square root of the length of its last axis; integers by its whole part.

    >>> from tracer import nd
    >>> nd.contrib.div_sqrt_dim(nd.ones((1, 4))).asnumpy().tolist()
    [[0.5, 0.5, 0.5, 0.5]]
    """
    length = numeric(data).shape[-1] if data.ndim else 1
    if data.dtype.kind != "f":
        wide = cast(data, FLOAT64)
        return cast(div(wide, like(wide, max(math.isqrt(length), 1))), data.dtype)
    return div(data, like(data, math.sqrt(length)))


def _heads(x: Node, heads: int, parts: int, which: int, what: str) -> Node:
    """One of the `parts` of interleaved projections, as (batch * heads, length, size)."""
    if floating(x).ndim != 3:
        raise MXNetError(f"{what}: Input should be 3D in seq_length-batch-proj_dim, currently is: {x.ndim}D")
    length, batch, width = x.shape
    if width % (parts * heads):
        raise MXNetError(f"{what}: the last axis of shape {x.shape} does not split into {heads} heads of {parts} parts")
    size = width // (parts * heads)
    chosen = part(reshape(x, (length, batch, heads, parts, size)), 3, which, 1)
    lines = transpose(reshape(chosen, (length, batch, heads, size)), (1, 2, 0, 3))
    return reshape(lines, (batch * heads, length, size))


def _heads_of(heads: int, what: str) -> int:
    if int(heads) < 1:
        raise MXNetError(f"{what}: heads={heads} must be positive")
    return int(heads)


@in_single
def _scores(queries: Node, keys: Node) -> Node:
    scaled = mul(queries, like(queries, float(queries.shape[2])**-0.5))
    return product(scaled, keys, False, True)


@in_single
def _mixed(values: Node, attention: Node, heads: int, what: str) -> Node:
    if attention.ndim != 3 or attention.dtype != values.dtype or (
            attention.shape[0], attention.shape[2]) != values.shape[:2]:
        raise MXNetError(f"{what}: attention {attention.shape} ({attention.dtype.name}) for values {values.shape} "
                         f"({values.dtype.name}); it must be (batch * heads, queries, values)")
    found = product(attention, values)
    count, length, size = found.shape
    split = transpose(reshape(found, (count // heads, heads, length, size)), (2, 0, 1, 3))
    return reshape(split, (length, count // heads, heads * size))


@public("nd.contrib.interleaved_matmul_selfatt_qk")
@public("npx.interleaved_matmul_selfatt_qk")
def interleaved_matmul_selfatt_qk(queries_keys_values: Node, heads=REQUIRED) -> Node:
    """The scores of self-attention: queries, divided by the square root of their size, times keys.

    queries_keys_values: (length, batch, heads * 3 * size).

    Returns (batch * heads, length, length). MXNetError for shapes that don't fit, and for dtypes other than floats.

    >>> from tracer import nd
    >>> nd.contrib.interleaved_matmul_selfatt_qk(nd.array([[[2, 3, 5]]]), heads=1).asnumpy().tolist()
    [[[6.0]]]
    """
    what = "interleaved_matmul_selfatt_qk"
    heads = _heads_of(heads, what)
    return _scores(*[_heads(queries_keys_values, heads, 3, i, what) for i in (0, 1)])


@public("nd.contrib.interleaved_matmul_selfatt_valatt")
@public("npx.interleaved_matmul_selfatt_valatt")
def interleaved_matmul_selfatt_valatt(queries_keys_values: Node, attention: Node, heads=REQUIRED) -> Node:
    """The values of self-attention, weighted by `attention`.

    queries_keys_values: (length, batch, heads * 3 * size).
    attention: (batch * heads, length, length).

    Returns (length, batch, heads * size). MXNetError for shapes that don't fit, and for dtypes other than floats.
    """
    what = "interleaved_matmul_selfatt_valatt"
    heads = _heads_of(heads, what)
    return _mixed(_heads(queries_keys_values, heads, 3, 2, what), attention, heads, what)


@public("nd.contrib.interleaved_matmul_encdec_qk")
@public("npx.interleaved_matmul_encdec_qk")
def interleaved_matmul_encdec_qk(queries: Node, keys_values: Node, heads=REQUIRED) -> Node:
    """The scores of attention to another sequence: queries, divided by the square root of their size, times keys.

    queries: (queries, batch, heads * size).
    keys_values: (keys, batch, heads * 2 * size).

    Returns (batch * heads, queries, keys). MXNetError for shapes that don't fit, and for dtypes other than floats.
    """
    what = "interleaved_matmul_encdec_qk"
    heads = _heads_of(heads, what)
    if queries.ndim == keys_values.ndim == 3 and (queries.shape[1], 2 * queries.shape[2]) != keys_values.shape[1:]:
        raise MXNetError(f"{what}: queries {queries.shape} and keys_values {keys_values.shape}; their batches must "
                         "agree, and the last axis of keys_values must be twice as long")
    return _scores(_heads(queries, heads, 1, 0, what), _heads(keys_values, heads, 2, 0, what))


@public("nd.contrib.interleaved_matmul_encdec_valatt")
@public("npx.interleaved_matmul_encdec_valatt")
def interleaved_matmul_encdec_valatt(keys_values: Node, attention: Node, heads=REQUIRED) -> Node:
    """The values of another sequence, weighted by `attention`.

    keys_values: (keys, batch, heads * 2 * size).
    attention: (batch * heads, queries, keys).

    Returns (queries, batch, heads * size). MXNetError for shapes that don't fit, and for dtypes other than floats.
    """
    what = "interleaved_matmul_encdec_valatt"
    heads = _heads_of(heads, what)
    return _mixed(_heads(keys_values, heads, 2, 1, what), attention, heads, what)

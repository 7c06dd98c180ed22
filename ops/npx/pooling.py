"""Pooling: the maximum, sum, mean or p-norm over windows that slide over the spatial axes."""
from __future__ import annotations

from typing import Any

from ..declare.public import public
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..ir.shapes import check_choice
from ..primitive.arithmetic import equal, like, mul, where
from ..primitive.elementary import cbrt, sqrt, square
from ..primitive.promotion import floating
from .window_reductions import INSIDE, PADDED, Windows, window_max, window_sum
from .windows import channels_last, check_rank, last_from_second, per_axis, second_from_last


def _norm(x: Node, windows: Windows, p: Any) -> Node:
    """(sum x^p)^(1/p), without absolute values, as in MXNet."""
    if p not in (1, 2, 3):
        raise MXNetError(f"pooling: p_value={p} is not one of 1, 2, 3")
    if p == 1:
        return window_sum(x, windows)
    total = window_sum(square(x) if p == 2 else mul(square(x), x), windows)
    zero, one = like(total, 0), like(total, 1)
    none = equal(total, zero)  # there the root has no derivative, and MXNet's gradient is 0
    inner = where(none, one, total)
    return where(none, zero, sqrt(inner) if p == 2 else cbrt(inner))


def _windows(x: Node, kernel: Any, stride: Any, pad: Any, convention: str, whole: bool) -> Windows:
    size, rank = x.shape[2:], x.ndim - 2
    if whole:
        return Windows(size, (1,) * rank, (0,) * rank)
    check_rank(x, kernel, "pooling")
    kernel, stride = per_axis(kernel, rank, 1, "kernel"), per_axis(stride, rank, 1, "stride")
    if convention == "same":
        if rank != 1 or any(pad if isinstance(pad, (tuple, list)) else (pad or 0,)):
            raise MXNetError("Pooling: pooling_convention='same' takes data of (batch, channel, x) without pad; got "
                             f"{x.shape}, pad={pad}")
        pad = 0
    pad = per_axis(pad, rank, 0, "pad")
    for n, k, p in zip(size, kernel, pad, strict=True):
        if k > n + 2 * p:
            raise MXNetError(f"kernel size ({k}) exceeds input ({n} padded to {n + 2 * p})")
    return Windows(kernel, stride, pad, convention)


@public("npx.pooling")
def pooling(data: Node, kernel=None, stride=None, pad=None, pool_type="max", pooling_convention="valid",
            global_pool=False, cudnn_off=False, p_value=None, count_include_pad=None, layout=None) -> Node:
    """The "max", "avg", "sum" or "lp" (p_value 1, 2 or 3) of windows over the spatial axes of (batch, channels, …).

    pooling_convention: only windows inside ("valid"), or one more where elements are left over ("full");
        "same", for one spatial axis without padding: one at each multiple of the stride.
    count_include_pad: whether padding counts in the mean.
    layout: the order of axes, such as "NCHW" or "NHWC"; None: channels second.

    MXNetError for dtypes other than floats.

    >>> from tracer import np, npx
    >>> npx.pooling(np.arange(4).reshape(1, 1, 2, 2), kernel=(2, 2))
    array([[[[3.]]]])
    """
    check_choice(pool_type, ("avg", "lp", "max", "sum"))
    if pooling_convention not in ("valid", "full", "same"):
        raise MXNetError(f"Invalid Input: pooling_convention={pooling_convention!r}")
    last = channels_last(layout, data.ndim - 2)
    x = second_from_last(floating(data)) if last else floating(data)
    windows = _windows(x, kernel, stride, pad, pooling_convention, global_pool)
    if pool_type == "max":
        out = window_max(x, windows)
    elif pool_type == "lp":
        out = _norm(x, windows, p_value)
    else:
        inside = count_include_pad is False or pooling_convention == "same"
        out = window_sum(x, windows, None if pool_type == "sum" else INSIDE if inside else PADDED)
    return last_from_second(out) if last else out


@public("nd.Pooling")
def nd_pooling(data: Node, kernel=(), pool_type="max", global_pool=False, cudnn_off=False,
               pooling_convention="valid", stride=(), pad=(), p_value=None, count_include_pad=None,
               layout=None) -> Node:
    """The "max", "avg", "sum" or "lp" of windows over the spatial axes of (batch, channels, …)."""
    return pooling(data, kernel, stride, pad, pool_type, pooling_convention, global_pool, p_value=p_value,
                   count_include_pad=count_include_pad, layout=layout)

"""Images (batch, channels, height, width) in another size: means of adaptive windows, and bilinear interpolation.

Both treat the two axes one after the other.
"""
from __future__ import annotations

from typing import Any

from ...declare.public import Optional, public
from ...ir.errors import MXNetError
from ...ir.node import Node, depend
from ...ir.shapes import check_choice
from ...primitive.arithmetic import (
    add,
    cast,
    div,
    floor,
    floor_divide,
    in_single,
    less,
    like,
    maximum,
    minimum,
    mul,
    neg,
    sub,
    where,
)
from ...primitive.gather_scatter import gather
from ...primitive.iota import counts
from ...primitive.linear import reduce_sum, reshape
from ...primitive.promotion import FLOAT32, FLOAT64, INT64, floating


def check_image(data: Node, what: str) -> None:
    """MXNetError unless `data` has four axes, none of them empty."""
    if data.ndim != 4 or not data.size:
        raise MXNetError(f"{what}: data of shape {data.shape}; it must be (batch, channels, height, width), not empty")


def pair(value: Any, name: str) -> tuple[int, int]:
    """Two positive integers: `value` is one number for both, or a sequence of one or two; else MXNetError."""
    sizes = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(sizes) not in (1, 2) or any(int(n) < 1 for n in sizes):
        raise MXNetError(f"{name}={value}: expected one or two positive integers")
    return int(sizes[0]), int(sizes[-1])


def taken(x: Node, axis: int, index: Node) -> Node:
    """The elements of `x` at the positions `index`, which are in range, along an axis; the index's axes replace it."""
    return gather(x, (index,), tuple(("i", 0) if i == axis else ("s", 0, n, 1) for i, n in enumerate(x.shape)), True)


def along(line: Node, axis: int) -> Node:
    """A line of numbers along `axis` of four."""
    return reshape(line, tuple(line.size if i == axis else 1 for i in range(4)))


# ---- adaptive average pooling --------------------------------------------------------------------

def _window_means(x: Node, axis: int, out: int) -> Node:
    """Means of `out` adaptive windows along an axis: window i goes from floor(i n / out) to ceil((i + 1) n / out)."""
    n = x.shape[axis]
    if n % out == 0:
        total = reduce_sum(reshape(x, (*x.shape[:axis], out, n // out, *x.shape[axis + 1:])), (axis + 1,))
        return div(total, like(total, n // out))
    window, place = counts(out, 2, 0), counts(-(-n // out) + 1, 2, 1)  # none is longer
    start = floor_divide(mul(window, like(window, n)), like(window, out))
    end = neg(floor_divide(mul(add(window, like(window, 1)), like(window, -n)), like(window, out)))
    index = add(start, place)
    inside = reshape(less(index, end), (1,) * axis + index.shape + (1,) * (x.ndim - axis - 1))
    parts = taken(x, axis, minimum(index, like(index, n - 1)))
    total = reduce_sum(where(inside, parts, like(parts, 0)), (axis + 1,))
    return div(total, along(cast(sub(end, start), total.dtype), axis))


@public("nd.contrib.AdaptiveAvgPooling2D")
def adaptive_avg_pooling(data: Node, output_size=()) -> Node:
    """Means over windows of (batch, channels, height, width) whose number is `output_size` along each of two axes.

    output_size: one number, or (height, width); 1 by default. Window i of an axis of length n reaches from
        floor(i n / size) to ceil((i + 1) n / size); windows overlap where the size does not divide n.

    MXNetError for data that have not four axes, and for dtypes other than floats.

    >>> from tracer import nd
    >>> nd.contrib.AdaptiveAvgPooling2D(nd.arange(6).reshape((1, 1, 2, 3)), output_size=(1, 2)).asnumpy().tolist()
    [[[[2.0, 3.0]]]]
    """
    height, width = pair(output_size or 1, "output_size")
    check_image(data, "AdaptiveAvgPooling2D")
    return _adaptive(floating(data), height, width)


@in_single
def _adaptive(data: Node, height: int, width: int) -> Node:
    return _window_means(_window_means(data, 3, width), 2, height)


# ---- bilinear interpolation ----------------------------------------------------------------------

def _blended(x: Node, axis: int, out: int, corners: bool) -> Node:
    """`x` with `out` elements along `axis`, each interpolated between its two neighbours, at float32 positions."""
    n = x.shape[axis]
    step = 0.0 if out < 2 else (n - 1) / (out - 1) if corners else n / out
    count = counts(out, 1, 0, FLOAT32 if corners else FLOAT64)
    if corners:
        place = mul(count, like(count, step))
    else:
        step = float(FLOAT32.type(step))
        centre = sub(mul(add(count, like(count, 0.5)), like(count, step)), like(count, 0.5))
        place = cast(maximum(centre, like(count, 0)), FLOAT32)
    below = floor(place)
    share = along(cast(sub(place, below), x.dtype), axis)
    low = cast(below, INT64)
    last = like(low, n - 1)
    low, high = minimum(low, last), minimum(add(low, like(low, 1)), last)
    return add(mul(sub(like(share, 1), share), taken(x, axis, low)), mul(share, taken(x, axis, high)))


_ROUNDED = {"to_even_down": (0, -1), "to_even_up": (0, 1), "to_odd_down": (1, -1), "to_odd_up": (1, 1)}


def _resized(sizes: tuple[int, ...], mode: str, height: Any, width: Any, scales: tuple[Any, Any]) -> tuple[int, int]:
    """The height and width that a mode other than "like" gives."""
    if mode in _ROUNDED:
        parity, change = _ROUNDED[mode]
        found = [n if n % 2 == parity else n + change for n in sizes]
    elif scales[0] is None:
        if mode == "odd_scale":
            raise MXNetError("BilinearResize2D(mode='odd_scale') requires scale_height and scale_width")
        found = [height, width]
    elif scales[1] is None:
        raise MXNetError(f"BilinearResize2D: scale_height={scales[0]} requires scale_width, too")
    elif mode == "size":
        found = [int(FLOAT32.type(s) * FLOAT32.type(n)) for n, s in zip(sizes, scales, strict=True)]
    else:
        found = [int(FLOAT32.type(s) * FLOAT32.type(n - n % 2)) + n % 2 for n, s in zip(sizes, scales, strict=True)]
    return pair(found, "BilinearResize2D: the new size")


@public("nd.contrib.BilinearResize2D")
def bilinear_resize(data: Node, like: Optional = None, height=1, width=1, scale_height=None, scale_width=None,
                    mode="size", align_corners=True) -> Node:
    """Images (batch, channels, height, width) in another size, by bilinear interpolation.

    mode: "size" is `height` and `width`, or the data's multiplied by `scale_height` and `scale_width`; "odd_scale"
        multiplies the even part of each size and adds the rest; "like" takes the size of the array `like`;
        "to_even_down", "to_even_up", "to_odd_down" and "to_odd_up" change each size by at most 1.
    align_corners: whether the centres of the corner pixels stay in place; otherwise the edges of the image do.

    MXNetError for data that have not four axes, and for dtypes other than floats.

    >>> from tracer import nd
    >>> nd.contrib.BilinearResize2D(nd.array([[[[0, 2]]]]), height=1, width=3).asnumpy().tolist()
    [[[[0.0, 1.0, 2.0]]]]
    """
    check_choice(mode, ("size", "odd_scale", "like", *_ROUNDED))
    check_image(data, "BilinearResize2D")
    if (like is None) != (mode != "like"):
        raise MXNetError(f"BilinearResize2D(mode={mode!r}) with {1 if like is None else 2} arrays")
    if like is not None:
        check_image(like, "BilinearResize2D(mode='like')")
        return depend(_resize(floating(data), like.shape[2], like.shape[3], bool(align_corners)), like)
    size = _resized(data.shape[2:], mode, height, width, (scale_height, scale_width))
    return _resize(floating(data), *size, bool(align_corners))


@in_single
def _resize(data: Node, height: int, width: int, corners: bool) -> Node:
    if data.shape[2:] == (height, width):
        return data
    return _blended(_blended(data, 3, width, corners), 2, height, corners)

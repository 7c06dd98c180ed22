"""Numbers of 8 bits in the place of floats, as MXNet's CPU (oneDNN) computes them: rounded to even, and saturated.

An array of 8 bits comes with its range, two arrays of one float. Signed numbers are symmetric around 0. All derivatives
are 0.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..declare.public import public
from ..ir.errors import MXNetError
from ..ir.node import Node, const, depend
from ..ir.shapes import check_choice
from ..primitive.arithmetic import cast, div, like, maximum, minimum, mul, neg
from ..primitive.constants import full
from ..primitive.elementary import absolute, without_gradient
from ..primitive.linear import reshape
from ..primitive.promotion import FLOAT32
from ..primitive.reductions import reduce_max, reduce_min
from ..primitive.rounding import round_half_even

#: The numbers that the largest float becomes: those of `quantize` and `requantize`, and those of `quantize_v2`.
_LIMITS = {"int8": 127.0, "uint8": 255.0}
_WIDE_LIMITS = {"int8": 127.5, "uint8": 255.5}


def _check_range(what: str, *ends: Node) -> None:
    for x in ends:
        if x.shape != (1,) or x.dtype != FLOAT32:
            raise MXNetError(f"{what}: a range is an array of one float32; got {x.dtype.name} of shape {x.shape}: "
                             "Shape inconsistent")


def _largest(low: Node, high: Node) -> Node:
    return maximum(absolute(low), absolute(high))


def _saturated(x: Node, kind: str) -> Node:
    """The nearest numbers of the integer dtype `kind`."""
    info = np.iinfo(kind)
    return cast(minimum(maximum(round_half_even(x), like(x, info.min)), like(x, info.max)), kind)


def _ranged(x: Node, low: Node, high: Node, kind: str, limits: dict[str, float]) -> list[Node]:
    """The quantized floats and their range."""
    top = _largest(low, high)
    made = _saturated(mul(x, div(like(top, limits[kind]), top)), kind)
    return [without_gradient(y) for y in (made, *((neg(top), top) if kind == "int8" else (low, high)))]


@public("nd.contrib.quantize")
def quantize(data: Node, min_range: Node, max_range: Node, out_type="uint8") -> list[Node]:
    """Floats as numbers of 8 bits, and the range of these.

    min_range, max_range: arrays of one float32. The larger of their magnitudes becomes the largest number.
    out_type: "int8" or "uint8".

    MXNetError for dtypes other than float32, and for ranges of other shapes.

    >>> from tracer import nd
    >>> made, low, high = nd.contrib.quantize(nd.array([-1, 0.2]), nd.array([-1]), nd.array([1]), out_type='int8')
    >>> made.asnumpy().tolist(), low.asnumpy().tolist(), high.asnumpy().tolist()
    ([-127, 25], [-1.0], [1.0])
    """
    check_choice(out_type, tuple(_LIMITS))
    _check_single("quantize", data)
    _check_range("quantize", min_range, max_range)
    return _ranged(data, min_range, max_range, out_type, _LIMITS)


def _check_single(what: str, data: Node) -> None:
    if data.dtype != FLOAT32:
        raise MXNetError(f"{what}: Type inconsistent, Provided = {data.dtype.name}, inferred type = float32")


def eight_bits(out_type: str, low: Any, high: Any) -> str:
    """The dtype that an `out_type` means: "auto" is unsigned for a range that begins at 0 or above."""
    check_choice(out_type, ("auto", *_LIMITS))
    if out_type == "auto":
        return "uint8" if low is not None and high is not None and low >= 0 else "int8"
    return out_type


def _ends(low: float, high: float) -> list[Node]:
    return [full((1,), float(np.float32(x)), FLOAT32) for x in (low, high)]


def _extremes(x: Node) -> list[Node]:
    axes = tuple(range(x.ndim))
    return [reshape(f(x, axes), (1,)) for f in (reduce_min, reduce_max)]


@public("nd.contrib.quantize_v2")
def quantize_v2(data: Node, out_type="int8", min_calib_range=None, max_calib_range=None) -> list[Node]:
    """Floats as numbers of 8 bits, and the range of these, which is found in the data unless both ends are given.

    out_type: "int8", "uint8", or "auto": unsigned if `min_calib_range` is not below 0.

    Arrays of 8 bits stay as they are. MXNetError for other dtypes than these and float32, and for empty arrays.
    """
    kind, given = eight_bits(out_type, min_calib_range, max_calib_range), None
    if min_calib_range is not None and max_calib_range is not None:
        given = _ends(min_calib_range, max_calib_range)
    if data.dtype.name in _LIMITS:
        top = _WIDE_LIMITS[data.dtype.name]
        low, high = given or _ends(-top if data.dtype.name == "int8" else 0.0, top)
        return [without_gradient(cast(data, kind)), *(depend(x, data) for x in (low, high))]
    _check_single("quantize_v2", data)
    low, high = given or _extremes(data)
    return [depend(x, data) for x in _ranged(data, low, high, kind, _WIDE_LIMITS)]


@public("nd.contrib.dequantize")
def dequantize(data: Node, min_range: Node, max_range: Node, out_type="float32") -> Node:
    """The floats that numbers of 8 bits stand for.

    min_range, max_range: the range of `data`, arrays of one float32.

    MXNetError for dtypes other than int8 and uint8.
    """
    check_choice(out_type, ("float32",))
    if data.dtype.name not in _LIMITS:
        raise MXNetError("the input data type of dequantize op must be provided, either uint8 or int8; it is "
                         f"{data.dtype.name}")
    _check_range("dequantize", min_range, max_range)
    top = _largest(min_range, max_range)
    return without_gradient(mul(cast(data, FLOAT32), div(top, like(top, _WIDE_LIMITS[data.dtype.name]))))


@public("nd.contrib.requantize")
def requantize(data: Node, min_range: Node, max_range: Node, out_type="int8", min_calib_range=None,
               max_calib_range=None) -> list[Node]:
    """Numbers of 32 bits as numbers of 8 bits, and the range of these, found in the data unless both ends are given.

    min_range, max_range: the range of `data`, arrays of one float32.
    out_type: as of `quantize_v2`.

    MXNetError for dtypes other than int32.
    """
    kind = eight_bits(out_type, min_calib_range, max_calib_range)
    if data.dtype.name != "int32":
        raise MXNetError(f"requantize: Type inconsistent, Provided = {data.dtype.name}, inferred type = int32")
    _check_range("requantize", min_range, max_range)
    top = _largest(min_range, max_range)
    x = mul(cast(data, FLOAT32), div(top, const(float(2 ** 31 - 1), FLOAT32)))
    if min_calib_range is not None and max_calib_range is not None:
        low, high = _ends(min_calib_range, max_calib_range)
    else:
        low, high = _extremes(x)
    made, *ends = _ranged(x, low, high, kind, _LIMITS)
    if kind == "uint8":
        ends = [full((1,), 0.0, FLOAT32), _largest(low, high)]
    return [made, *(depend(without_gradient(end), data) for end in ends)]

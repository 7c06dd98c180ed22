"""Windows over spatial axes: convolutions, pooling, im2col; and `nd`'s image functions."""
from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from .elementwise import ADD
from .movement import Scatter, move
from .np_elementwise import FUNCTIONS
from .np_movement import moves
from .products import Einsum
from .values import NoAnswer, Value, apply

Sizes = tuple[int, ...]


def _sizes(given: Any, rank: int, default: int) -> Sizes:
    if isinstance(given, int):
        return (given,) * rank
    return tuple(given) if given else (default,) * rank


def _count(size: Sizes, kernel: Sizes, stride: Sizes, dilate: Sizes, pad: Sizes, full: bool = False) -> Sizes:
    out = []
    for n, k, s, d, p in zip(size, kernel, stride, dilate, pad, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        if room < 0:
            raise NoAnswer("the window does not fit")
        out.append((-(-room // s) if full else room // s) + 1)
    return tuple(out)


def windows(x: np.ndarray, kernel: Sizes, stride: Sizes, dilate: Sizes, pad: Sizes, out: Sizes,
            fill: Any = 0) -> np.ndarray:
    """(batch, channels, *kernel, *out): the windows of `x`, padded with `fill` as far as they reach."""
    need = [(o - 1) * s + d * (k - 1) + 1 for o, k, s, d in zip(out, kernel, stride, dilate, strict=True)]
    widths = [(p, max(n - p - m, 0)) for p, n, m in zip(pad, need, x.shape[2:], strict=True)]
    x = np.pad(x, [(0, 0), (0, 0), *widths], constant_values=fill)
    made = np.empty((*x.shape[:2], *kernel, *out), x.dtype)
    for place in itertools.product(*map(range, kernel)):
        key = tuple(slice(i * d, i * d + s * (o - 1) + 1, s)
                    for i, d, s, o in zip(place, dilate, stride, out, strict=True))
        made[(slice(None), slice(None), *place)] = x[(..., *key)]
    return made


def _letters(rank: int) -> tuple[str, str]:
    return "hij"[:rank], "xyz"[:rank]


def _geometry(rank: int, kernel: Any, stride: Any, dilate: Any, pad: Any) -> tuple[Sizes, Sizes, Sizes, Sizes]:
    return _sizes(kernel, rank, 1), _sizes(stride, rank, 1), _sizes(dilate, rank, 1), _sizes(pad, rank, 0)


def _biased(out: Value, bias: Any) -> Any:
    made = out
    if bias is not None:
        if bias.shape != out.data.shape[1:2]:
            raise NoAnswer("shape")
        column = move(lambda b: b.reshape((1, -1) + (1,) * (out.data.ndim - 2)), [bias.value], out.dtype)
        made = apply(ADD, [out, column], out.dtype)
    return made


def convolution(data: Any, weight: Any, bias: Any = None, kernel: Any = None, stride: Any = None, dilate: Any = None,
                pad: Any = None, num_filter: int = 1, num_group: int = 1, no_bias: bool = False) -> Any:
    rank = data.ndim - 2
    kernel, stride, dilate, pad = _geometry(rank, kernel, stride, dilate, pad)
    batch, channels = data.shape[:2]
    if weight.shape != (num_filter, channels // num_group, *kernel):
        raise NoAnswer("shape")
    out = _count(data.shape[2:], kernel, stride, dilate, pad)
    grouped = (batch, num_group, channels // num_group, *kernel, *out)
    cols = move(lambda x: windows(x, kernel, stride, dilate, pad, out).reshape(grouped), [data.value], data.dtype)
    weights = move(lambda w: w.reshape(num_group, num_filter // num_group, *w.shape[1:]), [weight.value], data.dtype)
    k, o = _letters(rank)
    made = apply(Einsum((f"bgc{k}{o}", f"gfc{k}"), f"bgf{o}"), [cols, weights], data.dtype)
    made = move(lambda a: a.reshape(batch, num_filter, *out), [made], data.dtype)
    return type(data).of(_biased(made, None if no_bias else bias))


def deconvolution(data: Any, weight: Any, bias: Any = None, kernel: Any = None, stride: Any = None,
                  dilate: Any = None, pad: Any = None, adj: Any = None, num_filter: int = 1, num_group: int = 1,
                  no_bias: bool = False) -> Any:
    rank = data.ndim - 2
    kernel, stride, dilate, pad = _geometry(rank, kernel, stride, dilate, pad)
    adj = _sizes(adj, rank, 0)
    batch, channels, *out = data.shape
    size = tuple((o - 1) * s + d * (k - 1) + 1 - 2 * p + a
                 for o, k, s, d, p, a in zip(out, kernel, stride, dilate, pad, adj, strict=True))
    if min(size) < 1 or any(a >= s for a, s in zip(adj, stride, strict=True)) or \
            weight.shape != (channels, num_filter // num_group, *kernel):
        raise NoAnswer("shape")
    values = move(lambda x: x.reshape(batch, num_group, channels // num_group, *out), [data.value], data.dtype)
    weights = move(lambda w: w.reshape(num_group, channels // num_group, *w.shape[1:]), [weight.value], data.dtype)
    k, o = _letters(rank)
    cols = apply(Einsum((f"bgc{o}", f"gcf{k}"), f"bgf{k}{o}"), [values, weights], data.dtype)
    shape = (batch, num_filter, *size)
    numbers = np.arange(math.prod(shape)).reshape(shape)
    places = windows(numbers, kernel, stride, dilate, pad, tuple(out), -1)
    made = apply(Scatter(places.reshape(cols.shape), shape), [cols], data.dtype)
    return type(data).of(_biased(made, None if no_bias else bias))


def im2col(data: Any, kernel: Any, stride: Any = (), dilate: Any = (), pad: Any = ()) -> Any:
    kernel, stride, dilate, pad = _geometry(data.ndim - 2, kernel, stride, dilate, pad)
    out = _count(data.shape[2:], kernel, stride, dilate, pad)
    shape = (data.shape[0], data.shape[1] * math.prod(kernel), math.prod(out))
    return moves(lambda x: windows(x, kernel, stride, dilate, pad, out).reshape(shape))(data)


def col2im(data: Any, output_size: Any, kernel: Any, stride: Any = (), dilate: Any = (), pad: Any = ()) -> Any:
    kernel, stride, dilate, pad = _geometry(len(output_size), kernel, stride, dilate, pad)
    out = _count(tuple(output_size), kernel, stride, dilate, pad)
    if data.shape[1] % math.prod(kernel) or data.shape[2] != math.prod(out):
        raise NoAnswer("shape")
    shape = (data.shape[0], data.shape[1] // math.prod(kernel), *output_size)
    numbers = np.arange(math.prod(shape)).reshape(shape)
    places = windows(numbers, kernel, stride, dilate, pad, out, -1)
    return type(data).of(apply(Scatter(places.reshape(data.shape), shape), [data.value], data.dtype))


def pooling(data: Any, kernel: Any = None, stride: Any = None, pad: Any = None, pool_type: str = "max",
            pooling_convention: str = "valid", global_pool: bool = False, p_value: Any = None,
            count_include_pad: Any = None) -> Any:
    rank = data.ndim - 2
    if global_pool:
        kernel, stride, pad = data.shape[2:], None, None
    kernel, stride, dilate, pad = _geometry(rank, kernel, stride, None, pad)
    if any(p >= k for p, k in zip(pad, kernel, strict=True)):
        raise NoAnswer("pad")
    out = _count(data.shape[2:], kernel, stride, dilate, pad, pooling_convention == "full")
    axes = tuple(range(2, 2 + rank))

    def gathered(x: Any, fill: float) -> Any:
        cls = type(x)
        made = move(lambda a: windows(a, kernel, stride, dilate, pad, out, -1 if a.dtype.kind == "i" else fill),
                    [x.value], x.dtype)
        return cls.of(made)

    if pool_type == "max":
        seen = gathered(data, np.finfo(data.dtype).min)  # for a window outside the array, as in MXNet
        lines = FUNCTIONS["reshape"](seen, (*data.shape[:2], math.prod(kernel), *seen.shape[2 + rank:]))
        first = lines.memory.argmax(2)[:, :, None]  # the first of equals has the gradient, unlike in max
        return moves(lambda a: np.take_along_axis(a, first, 2)[:, :, 0])(lines)
    if pool_type == "lp":
        powers = FUNCTIONS["abs"](gathered(data, 0.0)) ** float(p_value)
        return FUNCTIONS["sum"](powers, axes) ** (1 / p_value)
    total = FUNCTIONS["sum"](gathered(data, 0.0), axes)
    if pool_type == "sum":
        return total
    # The elements counted: those inside; with count_include_pad also the padding, which ends at n + pad.
    inside = np.ones(data.shape)
    if count_include_pad is not False:
        inside = np.pad(inside, [(0, 0), (0, 0), *((p, p) for p in pad)], constant_values=1)
        counts = windows(inside, kernel, stride, dilate, (0,) * rank, out).sum(axes)
    else:
        counts = windows(inside, kernel, stride, dilate, pad, out).sum(axes)
    return total / type(data).of(Value(counts, data.dtype))


def upsampling(data: Any, scale: int = 1, sample_type: str = "nearest") -> Any:
    return FUNCTIONS["repeat"](FUNCTIONS["repeat"](data, scale, 2), scale, 3)


def crop(data: Any, offset: Any = (0, 0), h_w: Any = (0, 0)) -> Any:
    (y, x), (h, w) = offset, h_w
    if y + h > data.shape[2] or x + w > data.shape[3]:
        raise NoAnswer("shape")
    return data[:, :, y:y + h, x:x + w].copy()


def lrn(data: Any, alpha: float = 1e-4, beta: float = 0.75, knorm: float = 2.0, nsize: int = 5) -> Any:
    half = nsize // 2
    squares = FUNCTIONS["pad"](data * data, ((0, 0), (half, half), (0, 0), (0, 0)))
    total = squares[:, 0:data.shape[1]]
    for i in range(1, nsize):
        total = total + squares[:, i:i + data.shape[1]]
    return data * (total * (alpha / nsize) + knorm) ** -beta


def depth_to_space(data: Any, block_size: int) -> Any:
    n, c, h, w = data.shape
    b = block_size
    return moves(lambda x: x.reshape(n, b, b, c // (b * b), h, w).transpose(0, 3, 4, 1, 5, 2).reshape(
        n, c // (b * b), h * b, w * b))(data)


def space_to_depth(data: Any, block_size: int) -> Any:
    n, c, h, w = data.shape
    b = block_size
    return moves(lambda x: x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4).reshape(
        n, c * b * b, h // b, w // b))(data)


NPX: dict[str, Any] = {"convolution": convolution, "deconvolution": deconvolution, "pooling": pooling}
ND: dict[str, Any] = {
    "Convolution": convolution, "Deconvolution": deconvolution, "Pooling": pooling, "im2col": im2col, "col2im": col2im,
    "UpSampling": upsampling, "Crop": crop, "LRN": lrn, "depth_to_space": depth_to_space,
    "space_to_depth": space_to_depth}

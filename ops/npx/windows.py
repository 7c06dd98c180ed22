"""Sliding windows over the spatial axes of (batch, channels, …): their geometry, and im2col with its adjoint."""
from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..declare.families import call, operands
from ..declare.public import public
from ..ir.aval import Aval, Shape, aval
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..ir.op import FLOATS
from ..primitive.linear import transpose
from ..primitive.promotion import floating

Sizes = tuple[int, ...]


def per_axis(value: Any, rank: int, default: int, name: str) -> Sizes:
    """A number for each axis: `value` is one number, a sequence, or None or () for `default`.

    MXNetError for a sequence of another length than `rank`.
    """
    if isinstance(value, (int, np.integer)):
        return (int(value),) * rank
    sizes = tuple(int(v) for v in value or ())
    if sizes and len(sizes) != rank:
        raise MXNetError(f"{name}={value} for {rank} spatial axes")
    return sizes or (default,) * rank


#: The orders of axes that layers take, by the number of spatial axes: channels second, and channels last.
LAYOUTS = {1: ("NCW", "NWC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}


def channels_last(layout: Any, rank: int) -> bool:
    """Whether a layout has the channels last; None: second. MXNetError unless it is one for `rank` spatial axes."""
    if layout is None:
        return False
    if layout not in LAYOUTS.get(rank, ()):
        raise MXNetError(f"Invalid Input: layout={layout!r} for {rank} spatial axes, valid values are: "
                         f"{(None, *LAYOUTS.get(rank, ()))}")
    return bool(layout == LAYOUTS[rank][1])


def second_from_last(x: Node) -> Node:
    """An array whose last axis becomes the second one, as channels are computed."""
    return transpose(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def last_from_second(x: Node) -> Node:
    """The reverse of `second_from_last`."""
    return transpose(x, (0, *range(2, x.ndim), 1))


def check_rank(data: Node, kernel: Any, what: str) -> int:
    """The number of spatial axes of `data`; MXNetError unless it is 1 to 3 and fits the kernel."""
    rank = data.ndim - 2
    if isinstance(kernel, (int, np.integer)):
        kernel = (kernel,)
    if not 1 <= rank <= 3 or not kernel or len(kernel) != rank and len(kernel) != 1:
        wanted = len(kernel) + 2 if kernel else 0
        raise MXNetError(f"Input data should be {wanted}D, it is {data.ndim}D: {what} with kernel={kernel}")
    return rank


def positions(size: Sequence[int], kernel: Sizes, stride: Sizes, dilate: Sizes, pad: Sizes) -> Sizes:
    """The number of windows that fit along each axis. MXNetError if none fits."""
    found = []
    for n, k, s, d, p in zip(size, kernel, stride, dilate, pad, strict=True):
        reach = d * (k - 1) + 1
        if reach > n + 2 * p:
            raise MXNetError(f"kernel size {reach} exceeds input ({n} padded to {n + 2 * p})")
        if s < 1 or d < 1 or k < 1:
            raise MXNetError(f"kernel {k}, stride {s} and dilate {d} must be positive")
        found.append((n + 2 * p - reach) // s + 1)
    return tuple(found)


def padded(x: np.ndarray, pad: Sizes, need: Sizes, value: float = 0) -> np.ndarray:
    """`x` with `pad` elements added before each spatial axis, and enough after it for a length of at least `need`."""
    widths = [(p, max(0, n - p - d)) for p, n, d in zip(pad, need, x.shape[2:], strict=True)]
    if not any(map(any, widths)):
        return x
    return np.pad(x, [(0, 0), (0, 0), *widths], constant_values=value)


def extent(out: Sizes, kernel: Sizes, stride: Sizes, dilate: Sizes) -> Sizes:
    """The length of each padded axis that `out` windows cover."""
    return tuple((o - 1) * s + d * (k - 1) + 1 for o, k, s, d in zip(out, kernel, stride, dilate, strict=True))


def shifts(out: Sizes, kernel: Sizes, stride: Sizes, dilate: Sizes) -> Iterator[tuple[Sizes, tuple[Any, ...]]]:
    """For each position in the window, the key of all windows' elements at that position in the padded array."""
    for place in itertools.product(*map(range, kernel)):
        yield place, (..., *(slice(d * i, d * i + s * (o - 1) + 1, s)
                             for i, o, s, d in zip(place, out, stride, dilate, strict=True)))


# ---- im2col and its adjoint ----------------------------------------------------------------------

def columns(x: np.ndarray, kernel: Sizes, stride: Sizes, dilate: Sizes, pad: Sizes) -> np.ndarray:
    """The windows of (batch, channels, *size) as (batch, channels, window, position), a copy."""
    out = positions(x.shape[2:], kernel, stride, dilate, pad)
    x = padded(x, pad, tuple(n + 2 * p for n, p in zip(x.shape[2:], pad)))
    inner = [b * d for b, d in zip(x.strides[2:], dilate)] + [b * s for b, s in zip(x.strides[2:], stride)]
    windows = as_strided(x, (*x.shape[:2], *kernel, *out), (*x.strides[:2], *inner), writeable=False)
    return windows.reshape(*x.shape[:2], math.prod(kernel), math.prod(out))


def folded(cols: np.ndarray, size: Sizes, kernel: Sizes, stride: Sizes, dilate: Sizes, pad: Sizes) -> np.ndarray:
    """The adjoint of `columns`: each element is added at the position it was read from in (batch, channels, *size)."""
    out = positions(size, kernel, stride, dilate, pad)
    whole = np.zeros((*cols.shape[:2], *(n + 2 * p for n, p in zip(size, pad))), cols.dtype)
    cols = cols.reshape(*cols.shape[:2], *kernel, *out)
    for place, where in shifts(out, kernel, stride, dilate):
        source: tuple[Any, ...] = (slice(None), slice(None), *place)
        whole[where] += cols[source]
    inner: tuple[Any, ...] = (..., *(slice(p, p + n) for n, p in zip(size, pad)))
    return whole[inner]


def _unfold_infer(x: Aval, kernel: Sizes, stride: Sizes, dilate: Sizes, pad: Sizes) -> Aval:
    out = positions(x.shape[2:], kernel, stride, dilate, pad)
    return aval((x.shape[0], x.shape[1] * math.prod(kernel), math.prod(out)), x.dtype)


def _unfold_ref(x: Any, *geometry: Any) -> Any:
    cols = columns(np.asarray(x), *geometry)
    return cols.reshape(cols.shape[0], cols.shape[1] * cols.shape[2], cols.shape[3])


def _fold_infer(cols: Aval, size: Sizes, kernel: Sizes, stride: Sizes, dilate: Sizes, pad: Sizes) -> Aval:
    window, out = math.prod(kernel), positions(size, kernel, stride, dilate, pad)
    if len(cols.shape) != 3 or cols.shape[1] % window or cols.shape[2] != math.prod(out):
        raise MXNetError(f"col2im: columns of shape {cols.shape} for {window} places in {math.prod(out)} windows")
    return aval((cols.shape[0], cols.shape[1] // window, *size), cols.dtype)


def _fold_ref(cols: Any, size: Sizes, kernel: Sizes, *geometry: Any) -> Any:
    batch, channels, count = cols.shape
    window = math.prod(kernel)
    return folded(np.asarray(cols).reshape(batch, channels // window, window, count), size, kernel, *geometry)


GEOMETRIES: list[tuple[Shape, tuple[Sizes, ...]]] = [
    ((2, 3, 7), ((3,), (2,), (1,), (1,))),
    ((2, 2, 5, 6), ((3, 2), (2, 1), (1, 2), (1, 0))),
    ((1, 2, 3, 4, 3), ((2, 2, 1), (1, 2, 2), (1, 1, 1), (0, 1, 0)))]


def _unfold_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(30)
    for shape, geometry in GEOMETRIES:
        yield [rng.randn(*shape)], geometry


def _fold_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(31)
    for shape, geometry in GEOMETRIES:
        out = positions(shape[2:], *geometry)
        yield [rng.randn(shape[0], shape[1] * math.prod(geometry[0]), math.prod(out))], (shape[2:], *geometry)


_unfold = call("im2col", _unfold_infer, _unfold_ref,
               lambda g, node: (_fold(g, attrs=(node.inputs[0].shape[2:], *node.attrs)),), samples=_unfold_samples,
               dtypes=FLOATS, errors=[(operands((1, 1, 3)), ((4,), (1,), (1,), (0,)), MXNetError)])
_fold: Callable[..., Node] = call(
    "col2im", _fold_infer, _fold_ref, lambda g, node: (_unfold(g, attrs=node.attrs[1:]),), samples=_fold_samples,
    dtypes=FLOATS, errors=[(operands((1, 3, 2)), ((3,), (2,), (1,), (1,), (0,)), MXNetError)])


@public("nd.im2col")
def im2col(data: Node, kernel, stride=(), dilate=(), pad=()) -> Node:
    """The windows of (batch, channels, …) as columns: (batch, channels * window, positions)."""
    rank = check_rank(data, kernel, "im2col")
    return _unfold(floating(data), attrs=(per_axis(kernel, rank, 1, "kernel"), per_axis(stride, rank, 1, "stride"),
                                          per_axis(dilate, rank, 1, "dilate"), per_axis(pad, rank, 0, "pad")))


@public("nd.col2im")
def col2im(data: Node, output_size, kernel, stride=(), dilate=(), pad=()) -> Node:
    """The adjoint of `im2col`: an array of `output_size` in which overlapping windows are added up."""
    rank = len(output_size)
    return _fold(floating(data), attrs=(per_axis(output_size, rank, 1, "output_size"),
                                        per_axis(kernel, rank, 1, "kernel"), per_axis(stride, rank, 1, "stride"),
                                        per_axis(dilate, rank, 1, "dilate"), per_axis(pad, rank, 0, "pad")))

"""Shapes of layers' parameters, found from the shape of the data: the rules of deferred initialization.

A rule takes the shape of a layer's data and its static arguments by name, and returns shapes by the names of operands.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..ir.errors import MXNetError
from ..ir.shapes import normalize_axis

Shape = tuple[int, ...]
Shapes = dict[str, Shape]


def fully_connected(data: Shape, num_hidden: int, flatten: bool = True, **_: Any) -> Shapes:
    """The shapes of `FullyConnected`.

    >>> fully_connected((8, 3, 5), 7)
    {'weight': (7, 15), 'bias': (7,)}
    """
    return {"weight": (num_hidden, math.prod(data[1:]) if flatten else data[-1]), "bias": (num_hidden,)}


def _tuple(kernel: int | Sequence[int]) -> Shape:
    return (kernel,) if isinstance(kernel, int) else tuple(kernel)


def _channels_last(layout: str | None) -> bool:
    return layout is not None and layout.endswith("C")


def _check_rank(data: Shape, kernel: int | Sequence[int]) -> None:
    size = _tuple(kernel)
    if len(data) != len(size) + 2:
        raise MXNetError(f"Input data should be {len(size) + 2}D, it is {len(data)}D, of shape {data}: kernel={size}")


def convolution(data: Shape, kernel: int | Sequence[int], num_filter: int, num_group: int = 1,
                layout: str | None = None, **_: Any) -> Shapes:
    """The shapes of `Convolution`, for channels after the batch or (layouts that end with C) last."""
    _check_rank(data, kernel)
    last = _channels_last(layout)
    inner = (data[-1 if last else 1] // num_group,)
    size = _tuple(kernel)
    return {"weight": (num_filter, *size, *inner) if last else (num_filter, *inner, *size), "bias": (num_filter,)}


def deconvolution(data: Shape, kernel: int | Sequence[int], num_filter: int, num_group: int = 1,
                  layout: str | None = None, **_: Any) -> Shapes:
    """The shapes of `Deconvolution`, for channels after the batch or (layouts that end with C) last."""
    _check_rank(data, kernel)
    last = _channels_last(layout)
    outer, inner, size = data[-1 if last else 1], (num_filter // num_group,), _tuple(kernel)
    return {"weight": (outer, *size, *inner) if last else (outer, *inner, *size), "bias": (num_filter,)}


def embedding(data: Shape, input_dim: int, output_dim: int, **_: Any) -> Shapes:
    """The shape of the table of `Embedding`."""
    return {"weight": (input_dim, output_dim)}


def batch_norm(data: Shape, axis: int = 1, **_: Any) -> Shapes:
    """The shapes of `BatchNorm`: one number for each position along `axis`."""
    return dict.fromkeys(("gamma", "beta", "running_mean", "running_var"), (data[normalize_axis(axis, len(data))],))


def layer_norm(data: Shape, axis: int = -1, **_: Any) -> Shapes:
    """The shapes of `LayerNorm`: one number for each position along `axis`."""
    return dict.fromkeys(("gamma", "beta"), (data[normalize_axis(axis, len(data))],))


def channels(data: Shape, **_: Any) -> Shapes:
    """The shapes of `GroupNorm`, `InstanceNorm` and `LeakyReLU`: one number for each channel."""
    if len(data) < 2:
        raise MXNetError(f"data of shape {data} have no second axis of channels")
    return dict.fromkeys(("gamma", "beta"), (data[1],))


def proposals(data: Shape, **_: Any) -> Shapes:
    """The shapes of `Proposal`: the offsets of boxes from anchors, and the sizes of images."""
    images, twice, *size = data
    return {"bbox_pred": (images, 2 * twice, *size), "im_info": (images, 3)}

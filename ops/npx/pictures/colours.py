"""Colours and directions of pictures changed by numbers that are data: what `mx.nd.image.random_*` compute.

A picture is (height, width, channels) with one or three channels. Results of uint8 are limited to 0 .. 255; then those
of all integers are cut off. The derivative is that of a copy, as in MXNet.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...declare.families import call
from ...declare.public import REQUIRED, public
from ...ir.aval import Aval
from ...ir.errors import MXNetError
from ...ir.node import Node, const
from ...primitive.linear import concatenate, reshape

_SINGLE = np.float32
_GRAY = np.array([0.299, 0.587, 0.114])
#: The directions in which the colours of photographs vary, as columns, times how much.
_LIGHT = np.array([[55.46 * -0.5675, 4.794 * 0.7192, 1.148 * 0.4009],
                   [55.46 * -0.5808, 4.794 * -0.0045, 1.148 * -0.8140],
                   [55.46 * -0.5836, 4.794 * -0.6948, 1.148 * 0.4203]])


def _limited(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Floats as numbers of a dtype."""
    return (np.clip(values, 0, 255) if dtype == np.uint8 else values).astype(dtype)


def _wide(data: np.ndarray) -> np.ndarray:
    """The picture as floats, of a dtype that holds its numbers."""
    return data.astype(_SINGLE if data.dtype.itemsize < 4 or data.dtype == _SINGLE else np.float64)


def _brightness(data: np.ndarray, factor: np.floating) -> np.ndarray:
    return _limited(_wide(data) * factor, data.dtype)


def _contrast(data: np.ndarray, factor: np.floating) -> np.ndarray:
    wide = _wide(data)
    gray = wide @ _GRAY.astype(wide.dtype) if data.shape[-1] == 3 else wide
    return _limited(wide * factor + (1 - factor) * gray.mean(dtype=np.float64).astype(wide.dtype), data.dtype)


def _saturation(data: np.ndarray, factor: np.floating) -> np.ndarray:
    if data.shape[-1] == 1:
        return data.copy()
    wide = _wide(data)
    gray = wide[..., 2:] * wide.dtype.type(_GRAY[2])  # MXNet's sum over the channels keeps the last one only
    return _limited(gray * (1 - factor) + wide * factor, data.dtype)


def _to_hls(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The hue in degrees, the lightness and the saturation of colours in 0 .. 1."""
    red, green, blue = np.moveaxis(rgb, -1, 0)
    top, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    spread, light = top - low, (top + low) * 0.5
    gray = spread <= np.finfo(_SINGLE).eps
    with np.errstate(all="ignore"):
        sat = np.where(gray, 0, spread / np.where(light < 0.5, top + low, 2 - top - low))
        step = np.where(gray, 0, 60 / spread)
    hue = np.where(top == red, (green - blue) * step, np.where(
        top == green, (blue - red) * step + 120, (red - green) * step + 240))
    return np.where(gray, 0, np.where(hue < 0, hue + 360, hue)), light, sat


#: Of red, green and blue: which of four values each sector of the hues has.
_SECTORS = np.array([[0, 2, 1, 1, 3, 0], [3, 0, 0, 2, 1, 1], [1, 1, 3, 0, 0, 2]])


def _to_rgb(hue: np.ndarray, light: np.ndarray, sat: np.ndarray) -> np.ndarray:
    """The colours of such numbers."""
    high = np.where(light <= 0.5, light * (1 + sat), light + sat - light * sat)
    down = 2 * light - high
    hue = np.mod(hue * (1 / 60), 6)
    sector = np.minimum(hue.astype(int), 5)
    part = hue - sector
    table = np.stack([high, down, down + (high - down) * (1 - part), down + (high - down) * part])
    column = np.arange(light.size).reshape(light.shape)
    return np.stack([np.where(sat == 0, light, table.take(which[sector] * light.size + column)) for which in _SECTORS],
                    -1)


def _hue(data: np.ndarray, turn: np.floating) -> np.ndarray:
    if data.shape[-1] == 1:
        return data.copy()
    hue, light, sat = _to_hls(_wide(data) / 255)
    return _limited(_to_rgb(hue + turn * 360, light, sat) * 255, data.dtype)


def turned(picture: np.ndarray, hue: int, saturation: int, lightness: int) -> np.ndarray:
    """A picture of uint8 whose hue (0 .. 180), saturation and lightness (0 .. 255) are larger by these numbers."""
    if picture.shape[-1] == 1:
        return picture
    angle, light, sat = _to_hls(picture.astype(_SINGLE) / 255)
    made = _to_rgb(np.clip(angle / 2 + hue, 0, 180) * 2, np.clip(light + _SINGLE(lightness / 255), 0, 1),
                   np.clip(sat + _SINGLE(saturation / 255), 0, 1))
    return np.clip(np.rint(made * 255), 0, 255).astype(np.uint8)


def _lighting(data: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    if data.shape[-1] == 1:
        return data.copy()
    return _limited(_wide(data) + (_LIGHT.astype(alphas.dtype) * alphas).sum(1), data.dtype)


def _jitter(data: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The changes in the order of the first four numbers, by the factors that follow; NaN: none."""
    for which in numbers[:4].astype(int):
        factor = numbers[4 + which]
        if not np.isnan(factor):
            data = (_brightness, _contrast, _saturation, _hue)[which](data, factor)
    return data


_KINDS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "left_right": lambda data, flipped: data[:, ::-1] if flipped[0] else data,
    "top_bottom": lambda data, flipped: data[::-1] if flipped[0] else data,
    "brightness": lambda data, factor: _brightness(data, factor[0]),
    "contrast": lambda data, factor: _contrast(data, factor[0]),
    "saturation": lambda data, factor: _saturation(data, factor[0]),
    "hue": lambda data, factor: _hue(data, factor[0]),
    "lighting": _lighting,
    "jitter": _jitter,
}


def _changed_ref(data: np.ndarray, numbers: np.ndarray, kind: str) -> np.ndarray:
    return np.array(_KINDS[kind](data, numbers.astype(_wide(data[:0]).dtype)))


def _samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    draw = np.random.RandomState(6)
    for kind in _KINDS:
        numbers = np.array([2, 0, 3, 1, 1.25, 0.75, np.nan, 0.25]) if kind == "jitter" else np.array([1.0, 0.5, 0.25])
        for channels in (3, 1):
            yield [draw.uniform(40, 99, (3, 4, channels)), numbers], (kind,)


def _same(data: Aval, numbers: Aval, kind: str) -> Aval:
    return data


_changed = call("change_picture", _same, _changed_ref, lambda g, node: [g, None],
                samples=_samples, smooth=False)


@public("npx._change_picture")
def change_picture(data: Node, numbers: Node, kind="brightness") -> Node:
    """A picture changed by numbers that are data. MXNetError for another number of axes or channels."""
    if data.ndim != 3 or data.shape[2] not in (1, 3):
        raise MXNetError(f"random_{kind}: Input image must have shape (height, width, channels) with 1 or 3 channels, "
                         f"but got {data.shape}")
    return _changed(data, numbers, attrs=(kind,))


@public("nd.image.adjust_lighting")
@public("npx.image.adjust_lighting")
def adjust_lighting(data: Node, alpha=REQUIRED) -> Node:
    """A picture (height, width, 3) with the noise of AlexNet's authors: a multiple of each main direction of colours.

    alpha: the three multiples.
    """
    numbers: Any = concatenate([reshape(const(float(a), np.dtype(_SINGLE)), (1,)) for a in alpha], 0)
    return change_picture(data, numbers, "lighting")

"""Pictures resized and recoloured pixel by pixel, as formulas say: references for ops/npx/pictures."""
from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _kernel(method: int, distance: float) -> float:
    """The weight of a neighbour before the sum of all is made 1."""
    d = abs(distance)
    if method == 1:
        return max(0.0, 1 - d)
    if method == 2:
        a = -0.75
        if d <= 1:
            return ((a + 2) * d - (a + 3)) * d * d + 1
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a if d < 2 else 0
    return 0.0 if d >= 4 else float(np.sinc(d) * np.sinc(d / 4))


def _weights(method: int, size: int, made: int, at: int) -> dict[int, float]:
    """The places along an axis that an element is made of, with their weights."""
    scale = size / made
    if method == 0:
        return {min(int(at * scale), size - 1): 1.0}
    if method == 3:
        low, high = at * scale, (at + 1) * scale
        shares = {i: max(0.0, min(high, i + 1) - max(low, i)) / scale for i in range(size)}
        return {i: float(np.float32(w)) for i, w in shares.items() if w > 1e-3}
    centre = float(np.float32((at + 0.5) * scale - 0.5))
    taps = {1: 1, 2: 2, 4: 4}[method]
    first = math.floor(centre) - taps + 1
    found = {i: _kernel(method, centre - i) for i in range(first, first + 2 * taps)}
    total = sum(found.values())
    return {i: float(np.float32(w / total)) for i, w in found.items()}


def _resized(data: np.ndarray, height: int, width: int, method: int) -> np.ndarray:
    if data.ndim == 4:
        return np.stack([_resized(one, height, width, method) for one in data])
    if data.shape[:2] == (height, width):
        return data
    if method == 1 and data.shape[:2] == (2 * height, 2 * width):
        method = 3
    fixed = data.dtype == np.uint8 and method in (1, 2, 4)
    made = np.zeros((height, width, data.shape[2]))
    for y in range(height):
        for x in range(width):
            lines, across = ([(i, round(w * 2048) if fixed else w) for i, w in _weights(method, *sizes).items()]
                             for sizes in ((data.shape[0], height, y), (data.shape[1], width, x)))
            for c in range(data.shape[2]):
                lanes = [data[np.clip(i, 0, data.shape[0] - 1), :, c].astype(float) for i, _ in lines]
                rows = [sum(lane[np.clip(j, 0, data.shape[1] - 1)] * w for j, w in across) for lane in lanes]
                if not fixed:
                    total = sum(row * w for row, (_, w) in zip(rows, lines))
                elif method == 1:
                    total = (sum((int(row) >> 4) * w >> 16 for row, (_, w) in zip(rows, lines)) + 2) >> 2
                else:
                    total = (int(sum(int(row) * w for row, (_, w) in zip(rows, lines))) + (1 << 21)) >> 22
                made[y, x, c] = total
    if data.dtype.kind in "iub":
        made = np.rint(made)
    return (np.clip(made, 0, 255) if data.dtype == np.uint8 else made).astype(data.dtype)


def _cut(data: np.ndarray, place: np.ndarray, *more: int) -> np.ndarray:
    x, y, columns, rows = (int(n) for n in place)
    return _resized(data[..., y:y + rows, x:x + columns, :], *more)


def _pixel(rgb: list[float], kind: str, numbers: np.ndarray, mean: float) -> list[float]:
    if kind == "brightness":
        return [v * numbers[0] for v in rgb]
    if kind == "contrast":
        return [v * numbers[0] + (1 - numbers[0]) * mean for v in rgb]
    if len(rgb) == 1:
        return rgb
    if kind == "saturation":
        return [v * numbers[0] + (1 - numbers[0]) * 0.114 * rgb[2] for v in rgb]
    if kind == "hue":
        h, light, s = colorsys.rgb_to_hls(*[v / 255 for v in rgb])
        return [v * 255 for v in colorsys.hls_to_rgb(h + numbers[0], light, s)]
    values, vectors = (55.46, 4.794, 1.148), ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140),
                                              (-0.5836, -0.6948, 0.4203))
    return [v + sum(n * e * a for n, e, a in zip(row, values, numbers)) for v, row in zip(rgb, vectors)]


def _changed(data: np.ndarray, numbers: np.ndarray, kind: str) -> np.ndarray:
    if kind in ("left_right", "top_bottom"):
        return np.flip(data, kind == "left_right") if numbers[0] else data
    if kind == "jitter":
        for which in numbers[:4].astype(int):
            if not np.isnan(numbers[4 + which]):
                data = _changed(data, numbers[4 + which:], ("brightness", "contrast", "saturation", "hue")[which])
        return data
    wide = data.astype("float64")
    mean = float((wide @ [0.299, 0.587, 0.114] if data.shape[2] == 3 else wide).mean())
    made = np.array([[_pixel(pixel.tolist(), kind, numbers, mean) for pixel in row] for row in wide])
    return (np.clip(made, 0, 255) if data.dtype == np.uint8 else made).astype(data.dtype)


PICTURES: dict[str, Callable[..., Any]] = {"resize_picture": _resized, "cut_picture": _cut, "change_picture": _changed}

"""The settings of `mx.io.ImageRecordIter`'s augmentation, and the augmentation of a picture by them.

Draws are from a NumPy generator of each picture: MXNet's come from as many generators as there are threads.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError
from tracer.ops.npx.pictures import colours
from tracer.ops.npx.pictures.resampling import resize

from .colors import EIGENVALUES, EIGENVECTORS

__all__: list[str] = []


@dataclass
class Settings:
    """MXNet's parameters of the augmentation, with its names and defaults."""

    resize: int = -1
    rand_crop: bool = False
    random_resized_crop: bool = False
    max_rotate_angle: int = 0
    max_aspect_ratio: float = 0.0
    min_aspect_ratio: float | None = None
    max_shear_ratio: float = 0.0
    max_crop_size: int = -1
    min_crop_size: int = -1
    max_random_scale: float = 1.0
    min_random_scale: float = 1.0
    max_random_area: float = 1.0
    min_random_area: float = 1.0
    max_img_size: float = 1e10
    min_img_size: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    pca_noise: float = 0.0
    random_h: int = 0
    random_s: int = 0
    random_l: int = 0
    rotate: int = -1
    fill_value: int = 255
    inter_method: int = 1
    pad: int = 0

    def ratios(self) -> tuple[float, float]:
        """The interval of widths by heights."""
        if self.min_aspect_ratio is not None:
            return self.min_aspect_ratio, self.max_aspect_ratio
        return 1 - self.max_aspect_ratio, 1 + self.max_aspect_ratio


def augmented(picture: np.ndarray, height: int, width: int, given: Settings, draw: Any) -> np.ndarray:
    """A picture, uint8 (rows, columns, channels), as the settings change it: (height, width, channels).

    draw: a `numpy.random.Generator`.
    """
    if given.resize != -1:
        picture = shortened(picture, given.resize, given, draw)
    low, high = given.ratios()
    if given.max_rotate_angle > 0 or given.max_shear_ratio > 0 or given.rotate > 0 or given.max_random_scale != 1 \
            or given.min_random_scale != 1 or not given.random_resized_crop and (low != 1 or high != 1) \
            or given.max_img_size != 1e10 or given.min_img_size != 0:
        picture = _moved(picture, given, draw)
    if given.pad > 0:
        edge = (given.pad, given.pad)
        picture = np.pad(picture, (edge, edge, (0, 0)), constant_values=given.fill_value)
    picture = np.ascontiguousarray(_cropped(picture, height, width, given, draw))
    return _coloured(picture, given, draw)


def shortened(picture: np.ndarray, short: int, given: Settings, draw: Any) -> np.ndarray:
    """A picture whose shorter side gets this size; the ratio is kept."""
    rows, columns = picture.shape[:2]
    tall, wide = (short * rows // columns, short) if rows > columns else (short, short * columns // rows)
    return resized(picture, tall, wide, given, draw)


def resized(picture: np.ndarray, height: int, width: int, given: Settings, draw: Any) -> np.ndarray:
    """A picture of another size, by the method of the settings."""
    method, (rows, columns) = given.inter_method, picture.shape[:2]
    if method == 9:
        method = 2 if width > columns and height > rows else 3 if width < columns and height < rows else 1
    elif method == 10:
        method = int(draw.integers(5))
    return resize(picture, int(height), int(width), method)


def _moved(picture: np.ndarray, given: Settings, draw: Any) -> np.ndarray:
    """The picture rotated, sheared and scaled about its middle."""
    shear = draw.uniform(-1, 1) * given.max_shear_ratio
    angle = int(draw.integers(-given.max_rotate_angle, given.max_rotate_angle + 1))
    angle = given.rotate if given.rotate > 0 else angle
    a, b = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    scale = ratio = 1.0
    if not given.random_resized_crop:
        scale = draw.uniform(given.min_random_scale, given.max_random_scale)
        ratio = draw.uniform(*given.ratios())
    tall = 2 * scale / (1 + ratio)
    wide = ratio * tall
    rows, columns = picture.shape[:2]
    size = np.clip(np.array([columns, rows]) * scale, given.min_img_size, given.max_img_size)
    width, height = size.astype(int)
    matrix = np.array([[tall * a - shear * b * wide, tall * b + shear * a * wide], [-b * wide, a * wide]])
    start = (size - matrix @ (columns, rows)) / 2
    across, down = np.linalg.inv(matrix).T
    x, y = np.arange(width) - start[0], (np.arange(height) - start[1])[:, None]
    places = [across[i] * x + down[i] * y for i in (0, 1)]
    return _sampled(picture, places, given.fill_value).reshape(height, width, -1)


def _sampled(picture: np.ndarray, places: list[np.ndarray], fill: int) -> np.ndarray:
    """The picture's values at places (x, y) between pixels, by linear interpolation; `fill` outside."""
    rows, columns, channels = picture.shape
    wide = np.full((rows + 3, columns + 3, channels), min(max(fill, 0), 255), np.float32)
    wide[1:-2, 1:-2] = picture
    parts, corner = [], 0
    for place, size, stride in zip(places, (columns, rows), (1, columns + 3)):
        steps = np.clip(np.rint(place * 32), -32, size * 32).astype(np.int64).ravel()  # as in OpenCV: parts of 1/32
        corner = corner + ((steps >> 5) + 1) * stride
        parts.append(((steps & 31) * np.float32(1 / 32)).astype(np.float32)[:, None])
    pixels = wide.reshape(-1, channels)
    corners = [pixels.take(corner + offset, 0) for offset in (0, 1, columns + 3, columns + 4)]
    above = corners[0] + (corners[1] - corners[0]) * parts[0]  # exact, as all sums before the last rounding
    below = corners[2] + (corners[3] - corners[2]) * parts[0]
    return np.rint(above + (below - above) * parts[1]).astype(np.uint8)


def _cropped(picture: np.ndarray, height: int, width: int, given: Settings, draw: Any) -> np.ndarray:
    """A part of the picture, of the given height and width."""
    rows, columns = picture.shape[:2]
    if given.random_resized_crop:
        if given.rand_crop or given.min_random_scale != 1 or given.max_random_scale != 1 \
                or given.min_crop_size != -1 or given.max_crop_size != -1:
            raise MXNetError("Setting random_resized_crop to true conflicts with min_random_scale, max_random_scale, "
                             "min_crop_size, max_crop_size, and rand_crop.")
        low, high = given.ratios()
        for _ in range(10 if (given.min_random_area, given.max_random_area, low, high) != (1, 1, 1, 1) else 0):
            area = rows * columns * draw.uniform(given.min_random_area, given.max_random_area)
            ratio = draw.uniform(low, high)
            tall, wide = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if draw.uniform() > 0.5:
                tall, wide = wide, tall
            if 0 < tall <= rows and 0 < wide <= columns:
                y, x = draw.integers(rows - tall + 1), draw.integers(columns - wide + 1)
                return resized(picture[y:y + tall, x:x + wide], height, width, given, draw)
    elif given.max_crop_size != -1 or given.min_crop_size != -1:
        if not given.min_crop_size <= given.max_crop_size <= min(rows, columns):
            raise MXNetError(f"input image size smaller than max_crop_size: {rows} x {columns}, {given.max_crop_size}")
        size = int(draw.integers(given.min_crop_size, given.max_crop_size + 1))
        y, x = _corner(rows - size, columns - size, given, draw)
        return resized(picture[y:y + size, x:x + size], height, width, given, draw)
    if rows < height:
        picture = resized(picture, height, int(height / rows * columns), given, draw)
    if picture.shape[1] < width:
        picture = resized(picture, int(width / picture.shape[1] * picture.shape[0]), width, given, draw)
    rows, columns = picture.shape[:2]
    y, x = _corner(rows - height, columns - width, given, draw)
    return picture[y:y + height, x:x + width]


def _corner(rows: int, columns: int, given: Settings, draw: Any) -> tuple[int, int]:
    """The first corner of a part, with so many rows and columns left: at random, or in the middle."""
    if given.rand_crop:
        return int(draw.integers(rows + 1)), int(draw.integers(columns + 1))
    return rows // 2, columns // 2


def _coloured(picture: np.ndarray, given: Settings, draw: Any) -> np.ndarray:
    """The picture (red, green, blue) with changed colours."""
    if given.brightness > 0 or given.contrast > 0 or given.saturation > 0:
        strengths = (given.brightness, given.contrast, given.saturation)
        factors = [np.float32(1 + draw.uniform(-s, s)) for s in strengths]
        for which in draw.permutation(3):
            picture = _scaled(picture, int(which), factors[which])
    if given.random_h or given.random_s or given.random_l:
        turns = [int((draw.uniform() + 4 * draw.uniform()) / 5 * 2 * most - most)
                 for most in (given.random_h, given.random_s, given.random_l)]
        picture = colours.turned(picture, *turns)
    if given.pca_noise > 0:
        noise = (EIGENVECTORS * EIGENVALUES) @ draw.normal(0, given.pca_noise, 3)
        picture = np.clip(picture + np.trunc(noise), 0, 255).astype(np.uint8) if picture.shape[2] == 3 else picture
    return picture


def _scaled(picture: np.ndarray, which: int, factor: np.float32) -> np.ndarray:
    """The picture's brightness, contrast or saturation times a factor."""
    wide = picture.astype(np.float32)
    gray: Any = 0
    if which:
        gray = np.rint(wide @ np.array([0.299, 0.587, 0.114], np.float32))[..., None] if picture.shape[2] == 3 else wide
        gray = gray.mean() if which == 1 else gray
    return np.clip(np.rint(wide * factor + (1 - factor) * gray), 0, 255).astype(np.uint8)

"""References for correlation, proposals, and the pooling of parts and rotated regions: loops over their definitions."""
from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

# ---- correlation ---------------------------------------------------------------------------------


def _pairs(shape: tuple[int, ...], kernel: int, most: int, stride: int, step: int,
           pad: int) -> Iterator[tuple[tuple[int, ...], tuple[int, int], tuple[int, int]]]:
    """For each result and place in a patch: the result's position, and the pixels of both maps before padding."""
    border, reach = most + kernel // 2, most // step
    rows, columns = (math.ceil((n + 2 * pad - 2 * border) / stride) for n in shape[2:])
    shifts = list(itertools.product(range(-reach, reach + 1), repeat=2))
    for number, i, j, y, x in np.ndindex(len(shifts), rows, columns, kernel, kernel):
        here = (i * stride + most + y - pad, j * stride + most + x - pad)
        there = (here[0] + shifts[number][0] * step, here[1] + shifts[number][1] * step)
        yield (number, i, j), here, there


def _at(x: np.ndarray, place: tuple[int, int]) -> np.ndarray:
    """The pixel of each image and channel, 0 beyond the edges."""
    inside = all(0 <= p < n for p, n in zip(place, x.shape[2:]))
    return x[:, :, place[0], place[1]] if inside else np.zeros(x.shape[:2])


def _correlated(join: Callable[[Any, Any], Any]) -> Callable[..., np.ndarray]:
    def made(a: np.ndarray, b: np.ndarray, *sizes: int) -> np.ndarray:
        pairs = list(_pairs(a.shape, *sizes))
        found = np.zeros((len(a), *(1 + max(at[i] for at, _, _ in pairs) for i in range(3))))
        for at, here, there in pairs:
            found[(slice(None), *at)] += join(_at(a, here), _at(b, there)).mean(1) / sizes[0] ** 2
        return found

    return made


_correlation = _correlated(np.multiply)


def _units(shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    for at in np.ndindex(*shape):
        unit = np.zeros(shape)
        unit[at] = 1
        yield at, unit


def _correlation_first(g: np.ndarray, b: np.ndarray, *sizes: int) -> np.ndarray:
    found = np.zeros(b.shape)
    for at, unit in _units(b.shape):
        found[at] = (_correlation(unit, b, *sizes) * g).sum()
    return found


def _correlation_second(g: np.ndarray, a: np.ndarray, *sizes: int) -> np.ndarray:
    found = np.zeros(a.shape)
    for at, unit in _units(a.shape):
        found[at] = (_correlation(a, unit, *sizes) * g).sum()
    return found


def _correlation_signs(g: np.ndarray, a: np.ndarray, b: np.ndarray, *sizes: int) -> tuple[np.ndarray, np.ndarray]:
    found = np.zeros((2, *a.shape))
    for (number, i, j), here, there in _pairs(a.shape, *sizes):
        share = np.where(_at(a, here) >= _at(b, there), 1, -1) * g[:, number, i, j, None] / (sizes[0] ** 2 * a.shape[1])
        for which, place, sign in ((0, here, 1), (1, there, -1)):
            if all(0 <= p < n for p, n in zip(place, a.shape[2:])):
                found[which][:, :, place[0], place[1]] += sign * share
    return found[0], found[1]


# ---- proposals -----------------------------------------------------------------------------------

def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    def area(box: np.ndarray) -> float:
        return (box[2] - box[0] + 1) * (box[3] - box[1] + 1)

    common = math.prod(max(0, min(a[i + 2], b[i + 2]) - max(a[i], b[i]) + 1) for i in (0, 1))
    return common / (area(a) + area(b) - common)


def _proposals(scores: np.ndarray, deltas: np.ndarray, info: np.ndarray, before: int, after: int, threshold: float,
               least: int, scales: tuple[float, ...], ratios: tuple[float, ...], stride: int,
               corners: bool) -> tuple[np.ndarray, np.ndarray]:
    each = scores.shape[1] // 2
    rows, values = [], []
    for n, (height, width, scale) in enumerate(info):
        boxes = []
        for y, x in np.ndindex(scores.shape[2:]):
            for k, (ratio, size) in enumerate(itertools.product(ratios, scales)):
                w = math.floor(math.sqrt(math.floor(stride * stride / ratio)) + 0.5)
                h = math.floor(w * ratio + 0.5) * size
                w, cx, cy = w * size, x * stride + (stride - 1) / 2, y * stride + (stride - 1) / 2
                box = np.array([cx - (w - 1) / 2, cy - (h - 1) / 2, cx + (w - 1) / 2, cy + (h - 1) / 2])
                move = deltas[n, 4 * k:4 * k + 4, y, x]
                if corners:
                    box = box + move
                else:
                    cx, cy, w, h = cx + move[0] * w, cy + move[1] * h, w * math.exp(move[2]), h * math.exp(move[3])
                    box = np.array([cx - (w - 1) / 2, cy - (h - 1) / 2, cx + (w - 1) / 2, cy + (h - 1) / 2])
                box = np.clip(box, 0, [width - 1, height - 1] * 2)
                outside = y >= int(height / stride) or x >= int(width / stride)
                score = -1.0 if outside else scores[n, each + k, y, x]
                if min(box[2] - box[0], box[3] - box[1]) + 1 < least * scale:
                    box, score = box + np.array([-1, -1, 1, 1]) * least * scale / 2, -1.0
                boxes.append((score, box))
        left = sorted(boxes, key=lambda pair: -pair[0])[:before if before > 0 else None]
        kept = []
        while left and len(kept) < after:
            kept.append(left[0])
            left = [pair for pair in left[1:] if _overlap(pair[1], kept[-1][1]) <= threshold]
        for i in range(after):
            rows.append([n, *kept[i % len(kept)][1]])
            values.append([kept[i % len(kept)][0]])
    return np.array(rows), np.array(values)


# ---- parts of regions ----------------------------------------------------------------------------

def _part_pooling(data: np.ndarray, rois: np.ndarray, scale: float, dim: int, size: int, group: int) -> np.ndarray:
    found = np.zeros((len(rois), dim, size, size))
    for r, c, i, j in np.ndindex(found.shape):
        corners = [math.floor(abs(v) + 0.5) * (1 if v >= 0 else -1) for v in rois[r, 1:]]
        ranges = []
        for k, low, high, n in ((i, corners[1], corners[3], data.shape[2]), (j, corners[0], corners[2], data.shape[3])):
            each = max((high + 1) * scale - low * scale, 0.1) / size
            ranges.append([p for p in range(n) if math.floor(k * each + low * scale) <= p
                           < math.ceil((k + 1) * each + low * scale)])
        plane = data[int(rois[r, 0]), (c * group + i * group // size) * group + j * group // size]
        pixels = [plane[y, x] for y, x in itertools.product(*ranges)]
        found[r, c, i, j] = sum(pixels) / max(len(pixels), 1)
    return found


def _part_pooling_spread(g: np.ndarray, rois: np.ndarray, shape: tuple[int, ...], *attrs: Any) -> np.ndarray:
    found = np.zeros(shape)
    for at, unit in _units(shape):
        found[at] = (_part_pooling(unit, rois, *attrs) * g).sum()
    return found


def _rotated(data: np.ndarray, rois: np.ndarray, size: tuple[int, int], scale: float, ratio: int) -> np.ndarray:
    found = np.zeros((len(rois), data.shape[1], *size))
    height, width = data.shape[2:]
    for r, i, j in np.ndindex(len(rois), *size):
        number, x, y, w, h = rois[r, 0], *rois[r, 1:3] * scale, *np.maximum(rois[r, 3:5] * scale, 1)
        turn = math.radians(rois[r, 5])
        if not 0 <= number < len(data):
            continue
        m, n = (ratio, ratio) if ratio > 0 else (math.ceil(h / size[0]), math.ceil(w / size[1]))
        for a, b in np.ndindex(m, n):
            down, across = (i + (a + 0.5) / m) * h / size[0] - h / 2, (j + (b + 0.5) / n) * w / size[1] - w / 2
            row = down * math.cos(turn) - across * math.sin(turn) + y
            column = across * math.cos(turn) + down * math.sin(turn) + x
            if -1 <= row <= height and -1 <= column <= width:
                row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
                shares = np.outer(np.maximum(0, 1 - abs(row - np.arange(height))),
                                  np.maximum(0, 1 - abs(column - np.arange(width))))
                found[r, :, i, j] += (data[int(number)] * shares).sum((1, 2)) / (m * n)
    return found


def _rotated_spread(g: np.ndarray, rois: np.ndarray, shape: tuple[int, ...], *attrs: Any) -> np.ndarray:
    found = np.zeros(shape)
    for at, unit in _units(shape):
        found[at] = (_rotated(unit, rois, *attrs) * g).sum()
    return found


REGIONS: dict[str, Callable[..., Any]] = {
    "correlation": _correlation, "correlation_first": _correlation_first, "correlation_second": _correlation_second,
    "correlation_differences": _correlated(lambda a, b: abs(a - b)), "correlation_signs": _correlation_signs,
    "region_proposals": _proposals, "part_pooling": _part_pooling, "part_pooling_spread": _part_pooling_spread,
    "rotated_roi_align": _rotated, "rotated_roi_align_spread": _rotated_spread}

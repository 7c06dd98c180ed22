"""References for the primitives of regions, boxes and anchors, by loops over their definitions."""
from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

# ---- regions -------------------------------------------------------------------------------------

def _nearest(x: float) -> int:
    return math.floor(x + 0.5) if x >= 0 else math.ceil(x - 0.5)


def _roi_place(data: np.ndarray, rois: np.ndarray, size: tuple[int, int], scale: float) -> np.ndarray:
    batch, channels, height, width = data.shape
    found = np.full((len(rois), channels, *size), -2)
    for r, c, i, j in np.ndindex(found.shape):
        image, x1, y1, x2, y2 = int(rois[r, 0]), *(_nearest(v * scale) for v in rois[r, 1:])
        ranges = []
        for k, count, low, high, n in ((i, size[0], y1, y2, height), (j, size[1], x1, x2, width)):
            each = max(high - low + 1, 1) / count
            ranges.append([p for p in range(math.floor(k * each) + low, math.ceil((k + 1) * each) + low) if 0 <= p < n])
        places = [((image * channels + c) * height + y) * width + x for y, x in itertools.product(*ranges)]
        if 0 <= image < batch and places:
            found[r, c, i, j] = max(places, key=lambda p: (data.flat[p], -p))
    return found


def _sample(image: np.ndarray, y: float, x: float) -> float:
    """The value at a place: bilinear, the edge beyond it, and 0 from one pixel outside on."""
    height, width = image.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    return sum(max(0, 1 - abs(y - i)) * max(0, 1 - abs(x - j)) * image[i, j]
               for i in range(height) for j in range(width))


def _roi_align(data: np.ndarray, rois: np.ndarray, size: tuple[int, int], scale: float, ratio: int, parted: bool,
               aligned: bool) -> np.ndarray:
    rows, columns = size
    found = np.zeros((len(rois), data.shape[1] // (rows * columns if parted else 1), rows, columns))
    for r, c, i, j in np.ndindex(found.shape):
        x1, y1, x2, y2 = rois[r, 1:] * scale - (0.5 if aligned else 0)
        if rois[r, 0] < 0:
            continue
        high, wide = (y2 - y1, x2 - x1) if aligned else (max(y2 - y1, 1), max(x2 - x1, 1))
        high, wide = high / rows, wide / columns
        m, n = (ratio, ratio) if ratio > 0 else (math.ceil(high), math.ceil(wide))
        image = data[int(rois[r, 0]), (c * rows + i) * columns + j if parted else c]
        found[r, c, i, j] = sum(_sample(image, y1 + (i + (a + 0.5) / m) * high, x1 + (j + (b + 0.5) / n) * wide)
                                for a in range(m) for b in range(n)) / (m * n)
    return found


def _roi_align_spread(g: np.ndarray, rois: np.ndarray, shape: tuple[int, ...], *attrs: Any) -> np.ndarray:
    found = np.zeros(shape)
    for at in np.ndindex(*shape):
        unit = np.zeros(shape)
        unit[at] = 1
        found[at] = (_roi_align(unit, rois, *attrs) * g).sum()
    return found


# ---- boxes ---------------------------------------------------------------------------------------

def _iou(a: np.ndarray, b: np.ndarray, form: str = "corner") -> float:
    if form == "center":
        a, b = ([x - w / 2, y - h / 2, x + w / 2, y + h / 2] for x, y, w, h in (a, b))
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return common / union if union else 0.0


def _nms_kept(data: np.ndarray, threshold: float, valid: float, most: int, start: int, score: int, label: int,
              background: float, force: bool, form: str) -> np.ndarray:
    found = np.full(data.shape[:2], -1)
    for b, lines in enumerate(data):
        left = sorted((i for i, line in enumerate(lines) if line[score] > valid
                       and (label < 0 or line[label] != background)), key=lambda i: (-lines[i, score], i))[:most]
        kept = 0
        while left:
            best, *rest = left
            found[b, kept], kept = best, kept + 1
            apart = label >= 0 and not force
            left = [i for i in rest if (apart and lines[i, label] != lines[best, label])
                    or _iou(lines[i, start:start + 4], lines[best, start:start + 4], form) <= threshold]
    return found


def _bipartite_match(scores: np.ndarray, ascending: bool, threshold: float, most: int) -> tuple[np.ndarray, np.ndarray]:
    batch, rows, columns = scores.shape
    row_of, column_of = np.full((batch, rows), -1.0), np.full((batch, columns), -1.0)
    for b in range(batch):
        left, sign = scores[b] * (1 if ascending else -1), 1 if ascending else -1
        for _ in range(min(rows, columns) if most < 1 else most + 1):
            r, c = np.unravel_index(left.argmin(), left.shape)
            if not left[r, c] < sign * threshold:
                break
            row_of[b, r], column_of[b, c] = c, r
            left[r], left[:, c] = np.inf, np.inf
    return row_of, column_of


# ---- anchors -------------------------------------------------------------------------------------

def _multibox_prior(height: int, width: int, sizes: tuple[float, ...], ratios: tuple[float, ...],
                    steps: tuple[float, float], offsets: tuple[float, float], dtype: str) -> np.ndarray:
    boxes = []
    for i, j in np.ndindex(height, width):
        y, x = (i + offsets[0]) * steps[0], (j + offsets[1]) * steps[1]
        for size, ratio in [(s, ratios[0]) for s in sizes] + [(sizes[0], r) for r in ratios[1:]]:
            w, h = size * height / width * math.sqrt(ratio) / 2, size / math.sqrt(ratio) / 2
            boxes.append([x - w, y - h, x + w, y + h])
    return np.array([boxes]).astype("float32").astype(dtype)


def _multibox_target(anchor: np.ndarray, label: np.ndarray, scores: np.ndarray, threshold: float, ignored: float,
                     ratio: float, bound: float, variances: tuple[float, ...]) -> tuple[np.ndarray, ...]:
    batch, count = len(label), anchor.shape[1]
    offsets, mask, classes = np.zeros((batch, count, 4)), np.zeros((batch, count, 4)), np.full((batch, count), ignored)
    for b in range(batch):
        boxes = list(itertools.takewhile(lambda box: box[0] != -1, label[b]))
        iou = {(a, k): _iou(anchor[0, a], box[1:5]) for a in range(count) for k, box in enumerate(boxes)}
        match: dict[int, int] = {}
        while left := {p: v for p, v in iou.items() if p[0] not in match and p[1] not in match.values() and v > 1e-6}:
            a, k = max(left, key=lambda p: (left[p], -p[0], -p[1]))
            match[a] = k
        best = {a: max(range(len(boxes)), key=lambda k: (iou[a, k], -k)) for a in range(count) if boxes}
        match = {**{a: k for a, k in best.items() if iou[a, k] > threshold}, **match}
        rest = [a for a in best if a not in match]
        if ratio > 0:
            able = [a for a in rest if iou[a, best[a]] < bound]
            share = np.exp(scores[b, 0]) / np.exp(scores[b]).sum(0)
            rest = sorted(able, key=lambda a: share[a])[:min(int(ratio * len(match)), len(rest))]
        classes[b, rest] = 0
        for a, k in match.items():
            size, at = anchor[0, a, 2:] - anchor[0, a, :2], (anchor[0, a, 2:] + anchor[0, a, :2]) / 2
            box_size, box_at = boxes[k][3:5] - boxes[k][1:3], (boxes[k][3:5] + boxes[k][1:3]) / 2
            offsets[b, a] = np.concatenate([(box_at - at) / size, np.log(box_size / size)]) / variances
            classes[b, a], mask[b, a] = boxes[k][0] + 1, 1
    return offsets.reshape(batch, -1), mask.reshape(batch, -1), classes


def _multibox_detection(probs: np.ndarray, offsets: np.ndarray, anchor: np.ndarray, clip: bool, threshold: float,
                        nms: float, force: bool, variances: tuple[float, ...], most: int) -> np.ndarray:
    batch, classes, count = probs.shape
    found = np.full((batch, count, 6), -1.0)
    for b in range(batch):
        rows = []
        for a in range(count):
            k = max(range(1, classes), key=lambda k: (probs[b, k, a], -k))
            x1, y1, x2, y2 = anchor[0, a]
            dx, dy, dw, dh = offsets[b, 4 * a:4 * a + 4] * variances
            x, y = dx * (x2 - x1) + (x1 + x2) / 2, dy * (y2 - y1) + (y1 + y2) / 2
            w, h = math.exp(dw) * (x2 - x1) / 2, math.exp(dh) * (y2 - y1) / 2
            box = [x - w, y - h, x + w, y + h]
            if probs[b, k, a] >= threshold:
                rows.append([k - 1, probs[b, k, a], *(min(max(v, 0), 1) if clip else v for v in box)])
        if 0 < nms <= 1:
            ranked = sorted(rows, key=lambda row: -row[1])
            kept = min(most, len(rows)) if most > 0 else len(rows)
            rows = ranked[:kept] + [[-1, *row[1:]] for row in rows[kept:]]
            for i, j in itertools.combinations(range(kept), 2):
                if rows[i][0] >= 0 and (force or rows[i][0] == rows[j][0]) and _iou(rows[i][2:], rows[j][2:]) >= nms:
                    rows[j][0] = -1
        found[b, :len(rows)] = rows or found[b, :0]
    return found


VISION: dict[str, Callable[..., Any]] = {
    "roi_place": _roi_place, "roi_align": _roi_align, "roi_align_spread": _roi_align_spread, "nms_kept": _nms_kept,
    "bipartite_match": _bipartite_match, "multibox_prior": _multibox_prior, "multibox_target": _multibox_target,
    "multibox_detection": _multibox_detection}

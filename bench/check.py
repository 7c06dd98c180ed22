"""Comparison of results with float64 NumPy's, made before anything is timed."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def distance(result: np.ndarray, reference: np.ndarray) -> float:
    """The largest difference, relative to the reference's largest magnitude; inf where the two cannot match.

    They cannot match if their shapes or non-finite elements differ. A scalar matches an array of one element (nd's
    scalars have an axis); NaN matches NaN only.

    >>> distance(np.float32([1, 2.5]), np.array([1.0, 2.0]))
    0.25
    >>> distance(np.zeros(3), np.zeros(2))
    inf
    """
    if result.shape != reference.shape and not result.size == reference.size == 1:
        return float("inf")
    result, reference = result.reshape(-1).astype(np.float64), reference.reshape(-1).astype(np.float64)
    finite = np.isfinite(reference)
    if not np.array_equal(result[~finite], reference[~finite], equal_nan=True):
        return float("inf")
    result, reference = result[finite], reference[finite]
    if not result.size:
        return 0.0
    if not np.isfinite(result).all():
        return float("inf")
    worst, scale = np.abs(result - reference).max(), np.abs(reference).max()
    return float(worst / scale) if scale else float("inf" if worst else 0.0)


def farthest(results: Sequence[np.ndarray], references: Sequence[np.ndarray]) -> float:
    """The largest distance of corresponding results; inf if there are not equally many."""
    if len(results) != len(references):
        return float("inf")
    return max((distance(a, b) for a, b in zip(results, references)), default=0.0)

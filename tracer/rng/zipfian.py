"""Candidates for sampled losses, drawn by an approximation of Zipf's law: low numbers are the frequent classes."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


def candidates(uniform: Callable[..., Any], true_classes: Any, num_sampled: int,
               range_max: int) -> tuple[Any, Any, Any]:
    """Classes drawn with probabilities log((c + 2) / (c + 1)) / log(range_max + 1), and their expected counts.

    uniform: the function that draws uniform numbers, of arrays or of symbols.
    true_classes: the classes whose expected counts are wanted, too, as an array or symbol of its kind.
    num_sampled: the number of draws.
    range_max: the number of classes.

    Returns the drawn classes, int64, the expected counts of the true classes and those of the drawn ones, float64.
    """
    width = math.log(range_max + 1)
    drawn = (uniform(0, width, shape=(num_sampled,), dtype="float64").exp() - 1).astype("int64") % range_max

    def expected(classes: Any) -> Any:
        classes = classes.astype("float64")
        return ((classes + 2.0) / (classes + 1.0)).log() / width * num_sampled

    return drawn, expected(true_classes), expected(drawn)

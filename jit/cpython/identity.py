"""Comparison of sequences by the identity of their items, which compiled code does in place."""
from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any


def identical(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Whether two lists or tuples have the very same items, in order.

    >>> identical([1, None], (1, None)), identical([[]], [[]])
    (True, False)
    """
    return len(first) == len(second) and all(map(operator.is_, first, second))

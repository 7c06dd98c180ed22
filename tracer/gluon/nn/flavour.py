"""The choice of a layer's function by the flavour of its data: MXNet 1's name in `mx.nd`, or the name in `mx.npx`."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...numpy import ndarray


def of(F: Any, x: Any, old: str, new: str) -> Callable[..., Any]:
    """The function `old` of the namespace F, or `new` of its `npx` if `x` is an array of `mx.np`."""
    return getattr(F.npx, new) if isinstance(x, ndarray) else getattr(F, old)


def of_contrib(F: Any, x: Any, old: str, new: str) -> Callable[..., Any]:
    """The function `old` of `F.contrib`, or `new` of F's `npx` if `x` is an array of `mx.np`."""
    return getattr(F.npx, new) if isinstance(x, ndarray) else getattr(F.contrib, old)

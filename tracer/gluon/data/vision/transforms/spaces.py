"""The namespace of a transform's functions by the flavour of the picture, and the results of a transform."""
from __future__ import annotations

from typing import Any

from .....numpy import ndarray

__all__: list[str] = []


def functions(F: Any, x: Any) -> Any:
    """The functions of pictures in the namespace F, or in its `npx` if `x` is an array of `mx.np`."""
    return (F.npx if isinstance(x, ndarray) else F).image


def chosen(F: Any, p: float, first: Any, second: Any) -> Any:
    """One of two pictures of a shape and dtype: the first with probability `p`, by MXNet's generator."""
    if isinstance(first, ndarray):
        return F.np.where(F.np.random.uniform(size=(1,)) <= p, first, second)
    drawn = F.random.uniform(shape=(1,) * first.ndim) <= p
    return F.where(F.broadcast_like(drawn, first), first, second)


def _append_return(*args: Any) -> Any:
    """One result by itself, several as a tuple, none as None."""
    return args[0] if len(args) == 1 else tuple(args) if args else None

"""The process's one state of random numbers, and how its draws become arrays."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError

from ..array.placing import placed
from ..array.views import live
from ..core.invoke import Handle, constant, wrap
from ..core.trace import current
from .streams import Streams

#: Seed 0, as in a fresh process of MXNet. Draws are made when an op is called, in the program's order.
STREAMS = Streams(0)


def seed(seed_state: int, ctx: Any = "all", device: Any = "all") -> None:
    """Seed all generators, or ("cpu") the way MXNet seeds those of one device. ValueError unless an integer.

    >>> import tracer
    >>> tracer.random.seed(42)
    >>> tracer.np.random.uniform(size=2)
    array([0.82909364, 0.7478349 ])
    """
    if isinstance(seed_state, bool) or not isinstance(seed_state, (int, np.integer)):
        raise ValueError("seed_state must be int")
    STREAMS.seed(int(seed_state), device_only=not (ctx == "all" and device == "all"))


def shape_of(size: Any, default: tuple[int, ...]) -> tuple[int, ...]:
    """A size argument as a tuple; MXNetError for negative ones."""
    if size is None:
        return default
    shape = (int(size),) if not isinstance(size, (tuple, list)) else tuple(int(d) for d in size)
    if any(d < 0 for d in shape):
        raise MXNetError(f"Shape dim size cannot be a negative value {min(shape)}")
    return shape


def deliver(cls: type, values: np.ndarray, out: Any = None) -> Any:
    """Drawn values as an array of `cls` on the current context, or written into `out`."""
    if out is None:
        return placed(wrap(cls, constant(values)))
    if tuple(out.shape) != values.shape:
        raise MXNetError(f"out has shape {out.shape}, the draw {values.shape}")
    out[:] = wrap(type(out), constant(values.astype(out.dtype)))
    return out


def drawn(cls: type, draw: Callable[[], np.ndarray]) -> Any:
    """A layer's draw, as an array of `cls`; a remembered pass (gluon/cached_graph.py) draws anew."""
    value = constant(draw())
    current().trace.note_draw(value, draw)
    return wrap(cls, value)


def has_gradient(x: Any) -> bool:
    """Whether a parameter is an array that a gradient is wanted by."""
    return isinstance(x, Handle) and live(x._value)


def parameter(x: Any, name: str = "a distribution") -> Any:
    """A parameter as a float or a NumPy array."""
    if has_gradient(x):
        raise NotImplementedError(f"the gradient of {name} by its parameters")
    if isinstance(x, Handle):
        return x._read("numpy").copy()  # type: ignore[attr-defined]
    return np.asarray(x, np.float32) if isinstance(x, (list, tuple, np.ndarray)) else x

"""The process-wide state of random numbers, and the conversion of its draws to arrays."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError

from ..array.nd_array import NDArray
from ..array.placing import placed
from ..array.views import live
from ..core.invoke import Composite, Handle, constant, wrap
from ..core.trace import current, effects
from .streams import Streams

#: The streams, with seed 0 as in a new process of MXNet. Draws are made when a function is called, in program order.
STREAMS = Streams(0)


def seed(seed_state: int, ctx: Any = "all", device: Any = "all") -> None:
    """Seed all generators.

    seed_state: an integer, no bool (ValueError otherwise).
    ctx, device: a context: seed as MXNet does for one device, which gives other numbers.

    >>> import tracer
    >>> tracer.random.seed(42)
    >>> tracer.np.random.uniform(size=2)
    array([0.82909364, 0.7478349 ])
    """
    if isinstance(seed_state, bool) or not isinstance(seed_state, (int, np.integer)):
        raise ValueError("seed_state must be int")
    current().trace.refuse("seeds the random numbers")
    next(effects)
    STREAMS.seed(int(seed_state), device_only=not (ctx == "all" and device == "all"))


def shape_of(size: Any, default: tuple[int, ...]) -> tuple[int, ...]:
    """A size argument as a tuple; `default` for None. MXNetError for a negative dimension."""
    if size is None:
        return default
    shape = (int(size),) if not isinstance(size, (tuple, list)) else tuple(int(d) for d in size)
    if any(d < 0 for d in shape):
        raise MXNetError(f"Shape dim size cannot be a negative value {min(shape)}")
    return shape


def deliver(cls: type, draw: Callable[[], np.ndarray], out: Any = None) -> Any:
    """The result of `draw` as an array of `cls` on the current context, or written into `out`, whose shape must agree.

    A cached forward pass repeats the draw. One whose parameters are arrays reads them, and such a pass is not cached.
    """
    current().trace.refuse("draws random numbers")
    if out is None:
        return placed(drawn(cls, draw))
    kind = NDArray if isinstance(out, Composite) else type(out)
    values = drawn(kind, lambda: draw().astype(out.dtype, copy=False))
    if values.shape != tuple(out.shape):
        raise MXNetError(f"out has shape {out.shape}, the draw {values.shape}")
    out[:] = values
    return out


def drawn(cls: type, draw: Callable[[], np.ndarray]) -> Any:
    """A layer's draw as an array of `cls`; a cached forward pass (core/cached_graph.py) repeats the draw."""
    current().trace.begin_draw(STREAMS.rewinder)
    value = constant(draw())
    current().trace.note_draw(value, draw)
    return wrap(cls, value)


def draw_from(cls: type, method: Callable[..., np.ndarray], params: tuple, *settings: Any, out: Any = None) -> Any:
    """An array of `method(*params, *settings)`, or `out` with these values; arrays among the parameters are read."""
    return deliver(cls, partial(method, *[parameter(p) for p in params], *settings), out)


def has_gradient(x: Any) -> bool:
    """Whether a parameter is an array that gradients flow to."""
    return isinstance(x, Handle) and live(x._value)


def parameter(x: Any, name: str = "a distribution") -> Any:
    """A parameter as a number or a NumPy array. NotImplementedError if gradients would flow to it."""
    if has_gradient(x):
        raise NotImplementedError(f"the gradient of {name} by its parameters")
    if isinstance(x, Handle):
        return x._read("numpy").copy()  # type: ignore[attr-defined]
    return np.asarray(x, np.float32) if isinstance(x, (list, tuple, np.ndarray)) else x

"""Dropout, with masks drawn from MXNet's streams."""
from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from tracer.ops.ir.errors import MXNetError

from ..array.views import internal
from ..core.invoke import invoke
from ..core.trace import current
from ..rng.state import STREAMS, drawn


def dropout(cls: type, data: Any, p: float, mode: str, axes: int | Sequence[int]) -> Any:
    """`data` with each element set to 0 with probability `p`, and the others scaled by 1 / (1 - p).

    mode: "training": only in training mode, else a copy; "always": always.
    axes: the axes along which all elements share one decision.

    MXNetError for p outside [0, 1], and for an axis that `data` does not have; a negative one is none.
    """
    if not 0 <= p <= 1:
        raise MXNetError(f"value {p} for Parameter p exceed bound [0,1]")
    axes = (axes,) if isinstance(axes, int) else axes
    for i in axes:
        if not 0 <= i < data.ndim:
            raise MXNetError(f"dropout: axes {tuple(axes)} of {data._value.aval!r}: {i} is not in [0, {data.ndim})")
    if p == 0 or mode == "training" and not current().trace.training:
        return data.copy()
    shape = tuple(1 if i in axes else d for i, d in enumerate(data.shape))
    mask = partial(STREAMS.dropout_mask, float(p), shape, data._value.aval.dtype, bool(axes))
    return invoke(internal("npx._masked"), cls, (data, drawn(cls, mask)), ())

"""Loading: a parameter takes elements that were read from a file."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import numpy as mx_np
from ..context import Context, cpu, current_context
from ..ndarray import creation as nd
from ..util import is_np_array, is_np_shape
from . import deferred


def contexts(ctx: Context | Sequence[Context] | None) -> list[Context]:
    """The contexts meant by an argument `ctx`: None means the current one."""
    if ctx is None:
        return [current_context()]
    return [ctx] if isinstance(ctx, Context) else list(ctx)


def load_into(parameter: Any, data: Any, ctx: Any, cast_dtype: bool = False, dtype_source: str = "current") -> None:
    """Write loaded elements into a parameter, and make its arrays if it has none.

    data: the elements, of an array of ours or of NumPy's.
    ctx: the contexts for a parameter that is not initialized yet.
    cast_dtype, dtype_source: whether dtypes may differ, and whether then the "current" or the "saved" one counts.

    AssertionError if shape, dtype or contexts don't fit.
    """
    if isinstance(data, np.ndarray):
        data = (mx_np.array if is_np_array() else nd.array)(data, dtype=data.dtype)
    if cast_dtype:
        assert dtype_source in ("current", "saved"), f"dtype_source must be current or saved, not {dtype_source!r}"
    _take_shape(parameter, data)
    if parameter.dtype and np.dtype(parameter.dtype).type != data.dtype:
        assert cast_dtype, (f"Failed loading Parameter '{parameter.name}' from saved params: dtype incompatible "
                            f"expected {parameter.dtype} vs saved {data.dtype}. Set cast_dtype=True to cast the dtype "
                            "of saved params.")
        if dtype_source == "current":
            data = data.astype(parameter.dtype)
        else:
            parameter.dtype = data.dtype
    if parameter._stype != data.stype:
        data = data.tostype(parameter._stype)
    places = None if ctx is None else contexts(ctx)
    known = parameter.list_ctx() if parameter._data is not None or parameter._deferred_init else None
    assert places is None or known is None or set(places) == set(known), (
        f"Failed to load Parameter '{parameter.name}' on {ctx} because it was previous initialized on {known}.")
    if parameter._data is not None:
        parameter.set_data(data)
    else:
        with deferred.aside():
            parameter._init_impl(data, known or places or [cpu()])
    parameter._deferred_init = ()


def _take_shape(parameter: Any, data: Any) -> None:
    shape = parameter.shape
    if not shape:
        return
    unknown = -1 if is_np_shape() else 0
    fits = len(shape) == len(data.shape) and all(i in (unknown, j) for i, j in zip(shape, data.shape))
    assert fits, (f"Failed loading Parameter '{parameter.name}' from saved params: shape incompatible expected "
                  f"{shape} vs saved {data.shape}")
    parameter.shape = tuple(j if i == unknown else i for i, j in zip(shape, data.shape))

"""The functions of `mx.nd` that make arrays; the default dtype is float32."""
from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.array.dlpack import read_dlpack
from tracer.array.nd_array import NDArray
from tracer.array.np_flags import is_np_shape
from tracer.array.placing import placed
from tracer.array.views import Whole, internal
from tracer.core.flush import flush_all
from tracer.core.invoke import Composite, Handle, constant, invoke, wrap
from tracer.core.surface import assign, refuse
from tracer.ops.ir.errors import MXNetError
from tracer.sparse import creation as sparse

_FULL, _ARANGE = internal("np._full"), internal("np._arange")
_LINSPACE, _EYE = internal("np._linspace"), internal("np._eye")

Shape = int | Sequence[int]


def array(source_array: Any, ctx: Any = None, dtype: Any = None) -> NDArray:
    """A new array with a copy of an array, a nested list or a number.

    dtype: None: that of an NDArray or of a matrix of SciPy's class csr_matrix, else float32.

    TypeError if the elements cannot be converted.

    >>> array([[1, 2], [3, 4]])
    <BLANKLINE>
    [[1. 2.]
     [3. 4.]]
    <NDArray 2x2 @cpu(0)>
    """
    if isinstance(source_array, Composite) or type(source_array).__module__.startswith("scipy.sparse"):
        return sparse.array(source_array, ctx, dtype)
    if isinstance(source_array, Handle):
        value = source_array._value
        if dtype is None or np.dtype(dtype) == value.aval.dtype:
            return placed(wrap(NDArray, Whole(value.aval.shape, constant=True).read(value)), ctx)
        source_array = source_array.asnumpy()  # type: ignore[attr-defined]
    elif not isinstance(source_array, np.ndarray) and isinstance(source_array, (list, tuple)):
        source_array = [x.asnumpy() if isinstance(x, Handle) else x for x in source_array]  # type: ignore
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            return placed(wrap(NDArray, constant(np.array(source_array).astype(dtype or np.float32))), ctx)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"source_array must be array like object: {error}") from error


def _shape(shape: Shape) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(d) for d in shape)


def known(shape: Shape, operator: str) -> tuple[int, ...]:
    """The shape as a tuple. MXNetError outside of `np_shape` for () and sizes of 0: 0 means unknown there."""
    found = _shape(shape)
    if not is_np_shape() and (not found or 0 in found):
        raise MXNetError(f"{operator}: shape {found} is not known: outside of np_shape, () and sizes of 0 mean unknown "
                         "ones; use mx.util.np_shape(), or nd.array of an array of NumPy")
    return found


def full(shape: Shape, val: float, ctx: Any = None, dtype: Any = None, out: NDArray | None = None) -> NDArray:
    """An array of `shape` filled with `val`, float32 by default.

    MXNetError for a negative dimension, and outside of `np_shape` for ().
    """
    return _full(_shape(shape) or known(shape, "full"), val, ctx, dtype, out)


def _full(shape: tuple[int, ...], val: float, ctx: Any, dtype: Any, out: NDArray | None = None) -> NDArray:
    number = val if type(val) is int else float(val)
    made = invoke(_FULL, NDArray, (), (shape, number, np.dtype(dtype or np.float32)))
    if out is None:
        return placed(made, ctx)
    out[:] = made
    return out


def zeros(shape: Shape, ctx: Any = None, dtype: Any = None, stype: str | None = None,
          **kwargs: Any) -> NDArray:
    """An array of zeros, float32 by default; of the storage type `stype`, if one is given."""
    if stype not in (None, "default"):
        return sparse.zeros(stype, shape, ctx, dtype, **kwargs)
    return _filled("zeros", shape, 0, ctx, dtype, **kwargs)


def ones(shape: Shape, ctx: Any = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """An array of ones, float32 by default."""
    return _filled("ones", shape, 1, ctx, dtype, **kwargs)


def _filled(operator: str, shape: Shape, value: int, ctx: Any, dtype: Any, out: NDArray | None = None,
            **unknown: Any) -> NDArray:
    refuse(operator, unknown)
    return _full(known(shape, operator), value, ctx, dtype, out)


def empty(shape: Shape, ctx: Any = None, dtype: Any = None, stype: str | None = None) -> NDArray:
    """An array of unspecified elements, which are zeros here; float32 by default. `stype`: as in `zeros`."""
    return _full(_shape(shape), 0, ctx, dtype) if stype in (None, "default") else sparse.empty(stype, shape, ctx, dtype)


def arange(start: float, stop: float | None = None, step: float = 1.0, repeat: int = 1,
           infer_range: bool | None = None, ctx: Any = None, dtype: Any = "float32") -> NDArray:
    """The numbers start, start + step, ... below stop, each `repeat` times; without `stop`, from 0 to `start`.

    MXNetError when there are none.
    """
    if stop is None:
        if infer_range:
            raise NotImplementedError("nd.arange(infer_range=True)")
        start, stop = 0, start
    if not (start < stop if step > 0 else start > stop):
        raise MXNetError(f"Invalid range (start, stop, step) = ({start},{stop},{step})")
    line = placed(invoke(_ARANGE, NDArray, (), (start, stop, step, np.dtype(dtype))), ctx)
    return line if repeat == 1 else line.repeat(repeat)


def linspace(start: float, stop: float, num: int, endpoint: bool = True, ctx: Any = None,
             dtype: Any = "float32") -> NDArray:
    """`num` evenly spaced numbers from start to stop, float32 by default.

    endpoint: whether stop is included.
    """
    return placed(invoke(_LINSPACE, NDArray, (), (start, stop, num, bool(endpoint), np.dtype(dtype))), ctx)


def eye(N: int, M: int = 0, k: int = 0, ctx: Any = None, dtype: Any = None, out: NDArray | None = None,
        **kwargs: Any) -> NDArray:
    """An N x M matrix (M = 0: N x N) with ones on the k-th diagonal and zeros elsewhere, float32 by default."""
    refuse("eye", kwargs)
    made = placed(invoke(_EYE, NDArray, (), (int(N), int(M) or int(N), int(k), np.dtype(dtype or np.float32))), ctx)
    return made if out is None else assign(out, made)


def concatenate(arrays: Sequence[NDArray], axis: int = 0, always_copy: bool = True) -> NDArray:
    """The arrays of a list, concatenated along `axis`. MXNetError for an empty list or other objects."""
    if not builtins.all(isinstance(x, NDArray) for x in arrays) or not arrays:
        raise MXNetError("concatenate requires a list of arrays")
    return invoke(internal("nd._concatenate"), NDArray, tuple(arrays), (axis,))


def from_numpy(ndarray: np.ndarray, zero_copy: bool = True) -> NDArray:
    """An array with a copy of the elements of a NumPy array, in its dtype; `zero_copy` has no effect."""
    return wrap(NDArray, constant(ndarray))


def from_dlpack(dlpack: Any) -> NDArray:
    """An array with a copy of the elements of a DLPack capsule, or of an object with `__dlpack__`."""
    return wrap(NDArray, constant(read_dlpack(dlpack)))


def waitall() -> None:
    """Compute all pending arrays of this thread. An error of a computation is raised when its array is read."""
    flush_all()

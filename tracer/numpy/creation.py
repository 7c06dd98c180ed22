"""The functions of `mx.np` that make arrays: they apply MXNet's default dtypes and record the operation."""
from __future__ import annotations

from typing import Any

import numpy as _np

from tracer.array.getitem import found_by
from tracer.array.nd_array import NDArray
from tracer.array.np_array import NP, ndarray
from tracer.array.placing import placed
from tracer.context import SCOPES, Context
from tracer.core.invoke import Handle, constant, wrap
from tracer.ops.primitive.promotion import default_float

__all__ = ["arange", "array", "asanyarray", "asarray", "ascontiguousarray", "blackman", "copy", "empty",
           "eye", "from_dlpack", "full", "hamming", "hanning", "identity", "indices", "linspace", "logspace",
           "meshgrid", "ones", "tri", "tril_indices", "triu_indices", "zeros"]

Where = Context | None


def _shape(shape: Any) -> tuple[int, ...]:
    """A shape argument as a tuple of ints."""
    if type(shape) is int:
        return (shape,)
    try:
        return (int(shape),) if not isinstance(shape, (tuple, list)) and hasattr(shape, "__index__") else \
            tuple(d.__index__() for d in shape)
    except (AttributeError, TypeError):
        raise TypeError(f"a shape must be an integer or a tuple of them, got {shape!r}") from None


def _dtype(dtype: Any) -> _np.dtype:
    """A dtype argument as a NumPy dtype: None is the default float; Python's float and int are float64 and int64."""
    if dtype is None:
        return default_float()
    found = _np.dtype(dtype)
    if found.kind not in "fiub":
        raise TypeError(f"dtype {found.name} is not supported: MXNet has floats, integers and bool")
    return found


def made(values: Any, *sources: Any) -> ndarray:
    """An array with a copy of a NumPy array, on the current context, recorded as a function of the `sources`."""
    return found_by(placed(wrap(ndarray, constant(values))), *sources)


def array(object: Any, dtype: Any = None, ctx: Where = None, device: Where = None, copy: bool = True) -> ndarray:
    """A new array with a copy of `object`: nested lists, numbers, a NumPy or mx.np array.

    dtype: None: that of an mx.np array or NumPy scalar; else float32, or NumPy's choice under
        `npx.set_np(dtype=True)`.

    TypeError for elements that are not numbers; ValueError for an mx.nd array.

    >>> from tracer import np
    >>> np.array([1, 2]).dtype
    dtype('float32')
    """
    if isinstance(object, ndarray):
        return placed(object.astype(dtype) if dtype is not None else object.copy(), ctx, device)
    if isinstance(object, NDArray):
        raise ValueError("to make an mx.np.ndarray of an mx.nd.NDArray use its as_np_ndarray()")
    kept = dtype is None and isinstance(object, _np.generic) and object.dtype.kind in "fiub"
    try:
        found = _np.array(object)
    except ValueError as error:
        raise TypeError(str(error)) from None
    if found.dtype.kind == "O" and found.size and all(isinstance(x, int) for x in found.flat):
        return made(_of_large_integers(found, _dtype(dtype)))
    if found.dtype.kind not in "fiub":
        raise TypeError(f"cannot make an array of {found.dtype} values: {object!r}"[:200])
    if kept or dtype is None and default_float() == _np.float64 and found.size:
        return placed(wrap(ndarray, constant(found)), ctx, device)
    with _np.errstate(all="ignore"):
        return placed(wrap(ndarray, constant(found.astype(_dtype(dtype)))), ctx, device)


def _of_large_integers(values: _np.ndarray, dtype: _np.dtype) -> _np.ndarray:
    """Python integers, some of them beyond 64 bits, converted to a float dtype; TypeError for another dtype."""
    if dtype.kind != "f":
        raise TypeError("Python int too large to convert to C long")  # MXNet's message
    with _np.errstate(over="ignore"):
        return values.astype(_np.float64).astype(dtype)


def asarray(obj: Any, dtype: Any = None, ctx: Where = None, device: Where = None,
            copy: bool | None = None) -> ndarray:
    """`obj` itself if it is an mx.np array of `dtype` on the device, else a new array.

    copy: True: always a new array.
    """
    if isinstance(obj, ndarray) and not copy and dtype in (None, obj.dtype):
        where = ctx or device
        return obj if where is None else obj.as_in_ctx(where)
    return array(obj, dtype, ctx=ctx, device=device)


asanyarray = ascontiguousarray = asarray


def copy(a: Any) -> ndarray:
    """A new array with the elements of `a`."""
    return a.copy() if isinstance(a, ndarray) else array(a)


def _filled(shape: Any, value: Any, dtype: Any, order: str, ctx: Where, device: Where) -> ndarray:
    if order != "C":
        raise NotImplementedError(f"order={order!r}: arrays are row-major")
    made_ = NP._full(_shape(shape), value, _dtype(dtype))
    return made_ if ctx is None and device is None and not SCOPES.entered else placed(made_, ctx, device)


def zeros(shape: Any, dtype: Any = None, order: str = "C", ctx: Where = None,
          device: Where = None) -> ndarray:
    """An array of zeros, float32 by default.

    >>> from tracer import np
    >>> np.zeros(2)
    array([0., 0.])
    """
    return _filled(shape, 0, dtype, order, ctx, device)


def ones(shape: Any, dtype: Any = None, order: str = "C", ctx: Where = None, device: Where = None) -> ndarray:
    """An array of ones, float32 by default."""
    return _filled(shape, 1, dtype, order, ctx, device)


def empty(shape: Any, dtype: Any = None, order: str = "C", ctx: Where = None,
          device: Where = None) -> ndarray:
    """An array of unspecified elements, which are zeros here; float32 by default."""
    return _filled(shape, 0, dtype, order, ctx, device)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", ctx: Where = None,
         device: Where = None,
         out: ndarray | None = None) -> ndarray:
    """An array filled with a number or with an array, which is broadcast.

    dtype: None: int64 for an int, bool for a bool, float32 for a float, an array's own dtype for an array.

    TypeError for a `fill_value` that is neither.
    """
    if isinstance(fill_value, _np.ndarray) and fill_value.ndim:
        fill_value = array(fill_value)
    if isinstance(fill_value, ndarray):
        made_ = placed(NP._full_of(fill_value, _shape(shape), None if dtype is None else _dtype(dtype)), ctx, device)
    else:
        if not isinstance(fill_value, (bool, int, float, _np.bool_, _np.number)):
            raise TypeError(f"np.full: expected a number or an array, got {fill_value!r}")
        if dtype is None:
            kind = _np.dtype(_np.int64) if type(fill_value) is int else _np.asarray(fill_value).dtype
            dtype = None if type(fill_value) is float else kind
        value = fill_value.item() if isinstance(fill_value, _np.generic) else fill_value
        made_ = _filled(shape, value, dtype, order, ctx, device)
    if out is None:
        return made_
    out[...] = made_
    return out


def _number(x: Any, name: str) -> Any:
    """A bound of a range as a Python number."""
    if isinstance(x, Handle):
        return x.item()  # type: ignore[attr-defined]
    if isinstance(x, _np.generic):
        return x.item()
    if not isinstance(x, (int, float)):
        raise TypeError(f"{name}: expected a number, got {x!r}")
    return x


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None, ctx: Where = None,
           device: Where = None) -> ndarray:
    """The numbers start, start + step, … below stop, float32 by default; arange(stop) starts from 0.

    >>> from tracer import np
    >>> np.arange(3)
    array([0., 1., 2.])
    """
    start, step = _number(start, "arange"), _number(1 if step is None else step, "arange")
    start, stop = (0, start) if stop is None else (start, _number(stop, "arange"))
    if dtype is None and default_float() == _np.float64 and all(isinstance(x, int) for x in (start, stop,
                                                                                             step)):
        dtype = "int64"
    return placed(NP._arange(start, stop, step, _dtype(dtype)), ctx, device)


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False,
             dtype: Any = None,
             axis: int = 0, ctx: Where = None, device: Where = None) -> Any:
    """`num` evenly spaced numbers from start to stop, float32 by default.

    endpoint: whether stop is included.
    retstep: also return the step.

    NotImplementedError for arrays as start or stop, and for another axis than 0.
    """
    if axis != 0 or any(isinstance(x, (list, _np.ndarray, Handle)) for x in (start, stop)):
        raise NotImplementedError("linspace: start and stop must be numbers, axis 0")
    start, stop, num = _number(start, "linspace"), _number(stop, "linspace"), int(num)
    found = placed(NP._linspace(float(start), float(stop), num, bool(endpoint), _dtype(dtype)), ctx, device)
    return (found, (stop - start) / max(num - 1 if endpoint else num, 1)) if retstep else found


def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: float = 10.0,
             dtype: Any = None,
             axis: int = 0, ctx: Where = None, device: Where = None) -> ndarray:
    """`num` powers of `base`, from base ** start to base ** stop, with evenly spaced exponents; float32 by default."""
    exponents = linspace(start, stop, num, endpoint, dtype="float64", axis=axis, ctx=ctx, device=device)
    return NP.power(float(base), exponents).astype(_dtype(dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None, ctx: Where = None,
        device: Where = None) -> ndarray:
    """An N x M matrix (M None: N x N) with ones on the k-th diagonal and zeros elsewhere, float32 by default."""
    return placed(NP._eye(int(N), int(N if M is None else M), int(k), _dtype(dtype)), ctx, device)


def identity(n: int, dtype: Any = None, ctx: Where = None, device: Where = None) -> ndarray:
    """The n x n identity matrix, float32 by default."""
    return eye(n, dtype=dtype, ctx=ctx, device=device)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None, ctx: Where = None,
        device: Where = None) -> ndarray:
    """An N x M matrix (M None: N x N) with ones at and below the k-th diagonal, float32 by default."""
    return placed(NP._tri(int(N), int(N if M is None else M), int(k), _dtype(dtype)), ctx, device)


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> list[ndarray]:
    """The coordinates of a grid, one array for each of the vectors `xi`.

    sparse: keep axes of size 1 instead of broadcasting the arrays.
    indexing: "xy": the first vector runs along the columns; "ij": along the first axis. ValueError for another word.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    return NP._meshgrid(list(xi), indexing, bool(sparse)) if xi else []


def indices(dimensions: Any, dtype: Any = None, ctx: Where = None, device: Where = None) -> ndarray:
    """The indices of a grid, an array of shape (len(dimensions), *dimensions), int64 by default."""
    return placed(NP._indices(_shape(dimensions), "int64" if dtype is None else _dtype(dtype)), ctx, device)


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[ndarray, ...]:
    """The row and column indices of the elements at and below the k-th diagonal of an n x m matrix, int64."""
    return tuple(made(i) for i in _np.tril_indices(n, k, m))


def triu_indices(n: int, k: int = 0, m: int | None = None, ctx: Where = None,
                 device: Where = None) -> tuple[ndarray, ...]:
    """The row and column indices of the elements at and above the k-th diagonal of an n x m matrix, int64."""
    return tuple(placed(wrap(ndarray, constant(i)), ctx, device) for i in _np.triu_indices(n, k, m))


def _window(name: str) -> Any:
    def window(M: int, dtype: Any = None, ctx: Where = None, device: Where = None) -> ndarray:
        return placed(wrap(ndarray, constant(getattr(_np, name)(M).astype(_dtype(dtype)))), ctx, device)

    window.__name__ = window.__qualname__ = name
    window.__doc__ = f"The {name} window of M points."
    return window


hanning, hamming, blackman = _window("hanning"), _window("hamming"), _window("blackman")


def from_dlpack(x: Any) -> ndarray:
    """An array with a copy of another library's array, which has `__dlpack__`."""
    return made(_np.from_dlpack(x))


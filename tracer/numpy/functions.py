"""The functions of `mx.np` that do more in Python than to record one operation, or that read values."""
from __future__ import annotations

from typing import Any

import numpy as _np

from tracer.array.nd_array import NDArray
from tracer.array.np_array import NP, ndarray
from tracer.array.placing import located
from tracer.core.surface import assign
from tracer.ops.ir.errors import MXNetError
from tracer.ops.primitive.promotion import promote

from .creation import array, made

__all__ = ["allclose", "argwhere", "array_equal", "array_equiv", "bincount", "broadcast_arrays", "can_cast",
           "count_nonzero", "delete", "einsum", "flatnonzero", "in1d", "insert", "isclose", "may_share_memory", "msort",
           "nan_to_num", "nanprod", "nansum", "ndim", "nonzero", "pad", "percentile", "quantile", "reshape",
           "result_type", "shape", "shares_memory", "size", "trapz", "unique", "where"]


def _array(x: Any) -> ndarray:
    return x if isinstance(x, ndarray) else array(x)


def _plain(x: Any) -> Any:
    """`x`, with a NumPy array for one of tracer's: NumPy would dispatch the call back to tracer otherwise."""
    return x._read("numpy") if isinstance(x, NDArray) else x


# ---- movement --------------------------------------------------------------------------------

def reshape(a: ndarray, newshape: Any, order: str = "C", reverse: bool = False) -> ndarray:
    """`a` in another shape of the same size (MXNetError otherwise); one -1 is inferred."""
    if isinstance(order, bool):  # MXNet 1.9.1 has the two parameters in the other order
        order, reverse = "C", order
    if reverse:
        raise NotImplementedError("np.reshape(reverse=True): use npx.reshape")
    return NP._reshape(a, newshape, order)


def pad(x: ndarray, pad_width: Any = None, mode: str = "constant", constant_values: Any = 0,
        **kwargs: Any) -> ndarray:
    """`x` padded with elements before and after along each axis.

    pad_width: the numbers of elements, as in NumPy.
    mode: "constant" (`constant_values`), "edge", "reflect", "symmetric", "wrap", "minimum" or "maximum".
    """
    if kwargs:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {list(kwargs)}")
    return NP._pad(x, pad_width, mode, constant_values)


def broadcast_arrays(*args: ndarray) -> list[ndarray]:
    """The arrays, broadcast to one common shape; the arrays themselves, if all have it already."""
    made = NP._broadcast_arrays(args) if args else []
    return list(args) if all(isinstance(x, ndarray) and x.shape == y.shape for x, y in zip(args, made)) else made


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """The elements of `x` where `condition` is not zero, and of `y` elsewhere; all three are broadcast.

    With `condition` alone, the indices of its nonzero elements (see `nonzero`). ValueError if only one of x and y is
    given.
    """
    if x is None and y is None:
        return nonzero(condition)
    if x is None or y is None:
        raise ValueError("either both or neither of x and y should be given")
    return NP.where(condition, x, y)


def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None,
               **kwargs: Any) -> Any:
    """`x` with NaN replaced by `nan`, and infinities by `posinf` and `neginf` (None: the largest and lowest number).

    copy: False: write into `x`.
    """
    if isinstance(x, (int, float, _np.generic)):
        return _np.nan_to_num(x, copy, nan, posinf, neginf)
    made_ = NP._nan_to_num(x, nan, posinf, neginf)
    return made_ if copy else assign(x, made_)


# ---- products and averages -----------------------------------------------------------------------

def einsum(subscripts: str, *operands: ndarray, out: ndarray | None = None, optimize: Any = False) -> ndarray:
    """Sums of products of the operands' elements over axes that are named by subscripts (Einstein's convention).

    >>> from tracer import np
    >>> np.einsum("ij,j->i", np.array([[1, 2], [3, 4]]), np.array([1, 1]))
    array([3., 7.])
    """
    if not isinstance(subscripts, str):
        raise NotImplementedError("np.einsum with lists of axes: write the subscripts as a string")
    return NP._einsum(operands, subscripts, out=out)


def quantile(a: ndarray, q: Any, axis: Any = None, out: ndarray | None = None, overwrite_input: Any = None,
             interpolation: str = "linear", keepdims: bool = False) -> ndarray:
    """The quantile `q`, in [0, 1], over `axis` (None: all); for several, along a new first axis."""
    q = _np.asarray(_plain(q), float)
    return NP._quantile(a, tuple(q.tolist()) if q.ndim else q.item(), axis, interpolation, bool(keepdims),
                        out=out)


def percentile(a: ndarray, q: Any, axis: Any = None, out: ndarray | None = None, overwrite_input: Any = None,
               interpolation: str = "linear", keepdims: bool = False) -> ndarray:
    """The percentile `q`, in [0, 100], over `axis` (None: all); for several, along a new first axis."""
    q = _np.asarray(_plain(q), float) / 100
    return quantile(a, q, axis, out, overwrite_input, interpolation, keepdims)


def nansum(a: ndarray, axis: Any = None, dtype: Any = None, out: ndarray | None = None, keepdims: bool = False,
           initial: Any = None, where: Any = None) -> ndarray:
    """The sum over `axis` (None: all), with NaN counted as 0."""
    return NP.sum(NP.where(NP.isnan(a), 0, a), axis, dtype, out, keepdims, initial, where)


def nanprod(a: ndarray, axis: Any = None, dtype: Any = None, out: ndarray | None = None, keepdims: bool = False,
            initial: Any = None, where: Any = None) -> ndarray:
    """The product over `axis` (None: all), with NaN counted as 1."""
    return NP.prod(NP.where(NP.isnan(a), 1, a), axis, dtype, out, keepdims, initial, where)


# ---- results in Python ---------------------------------------------------------------------------

def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    """Whether two arrays have the same shape and equal elements. A sync point."""
    a1, a2 = _array(a1), _array(a2)
    if equal_nan:
        return _np.array_equal(a1._read("item"), a2._read("item"), equal_nan=True)
    return a1.shape == a2.shape and bool(NP._array_equal(a1, a2))


def array_equiv(a1: Any, a2: Any) -> bool:
    """Whether two arrays are equal when broadcast. A sync point."""
    a1, a2 = _array(a1), _array(a2)
    try:
        _np.broadcast_shapes(a1.shape, a2.shape)
    except ValueError:
        return False
    return bool(NP._array_equal(a1, a2))


@located
def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> ndarray:
    """A bool array: whether |a - b| <= atol + rtol * |b|, elementwise and broadcast. A sync point."""
    return made(_np.isclose(_plain(a), _plain(b), _plain(rtol), _plain(atol), equal_nan))


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether |a - b| <= atol + rtol * |b| for all elements, broadcast. A sync point."""
    return bool(_np.allclose(_plain(a), _plain(b), _plain(rtol), _plain(atol), equal_nan))


def count_nonzero(a: ndarray, axis: Any = None, keepdims: bool = False) -> Any:
    """The number of nonzero elements: an int over all, or an array over `axis`."""
    found = NP.count_nonzero(a, axis, bool(keepdims))
    return found if found.shape else int(found)


def shape(a: ndarray) -> tuple[int, ...]:
    """The shape of an array."""
    return a.shape


def ndim(a: Any) -> int:
    """The number of axes."""
    return a.ndim if isinstance(a, NDArray) else _np.ndim(a)


def size(a: Any, axis: int | None = None) -> int:
    """The number of elements, or the length of an axis."""
    return (a.size if axis is None else a.shape[axis]) if isinstance(a, NDArray) else _np.size(a, axis)


def may_share_memory(a: ndarray, b: ndarray, max_work: Any = None) -> bool:
    """Whether a write to one array may change the other: both are views of one base."""
    def root(x: Any) -> Any:
        while x._base is not None:
            x = x._base[0]
        return x

    return root(a) is root(b)


shares_memory = may_share_memory


def _dtypes(args: Any) -> list[Any]:
    return [x.dtype if isinstance(x, NDArray) else x for x in args]


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The dtype of the result of operations on these arrays and dtypes: a float takes precedence over any integer."""
    found = [_np.dtype(x) for x in _dtypes(arrays_and_dtypes) if not isinstance(x, (int, float))]
    out = found[0]
    for other in found[1:]:
        out = promote(out, other)
    return out


def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """Whether a dtype can be cast to another by NumPy's rule `casting`."""
    return _np.can_cast(_dtypes([from_])[0], to, casting)


# ---- functions whose result's shape depends on values: each is a sync point ----------------------

@located
def nonzero(a: Any) -> tuple[ndarray, ...]:
    """The indices of the nonzero elements: one int64 array for each axis. A sync point."""
    a = _array(a)
    return tuple(made(i, a) for i in _np.nonzero(_np.atleast_1d(a._read("shape"))))


@located
def argwhere(a: Any) -> ndarray:
    """The indices of the nonzero elements: an int64 array with a row for each. A sync point."""
    a = _array(a)
    return made(_np.argwhere(a._read("shape")), a)


@located
def flatnonzero(a: Any) -> ndarray:
    """The indices of the nonzero elements in the flattened array, int64. A sync point."""
    a = _array(a)
    return made(_np.flatnonzero(a._read("shape")), a)


@located
def unique(ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
           axis: int | None = None) -> Any:
    """The distinct elements, sorted. A sync point.

    return_index: also the index of each one's first occurrence.
    return_inverse: also the index among the distinct elements for each element of `ar`.
    return_counts: also the number of occurrences.
    axis: compare slices along it; None: the flattened array.

    The derivatives are 0, as in MXNet.
    """
    ar = _array(ar)
    found: Any = _np.unique(ar._read("shape"), return_index, return_inverse,  # type: ignore[call-overload]
                            return_counts, axis)
    if not isinstance(found, tuple):
        return made(found, ar)
    return tuple(made(_np.reshape(x, -1) if i and axis is None else x, ar) for i, x in enumerate(found))


@located
def bincount(x: ndarray, weights: Any = None, minlength: int = 0) -> ndarray:
    """The number of occurrences of 0, 1, 2, ... in the integer array `x`, in its dtype. A sync point.

    weights: sum these instead, in their dtype.
    minlength: the least length of the result.

    The derivatives are 0, as in MXNet. MXNetError for an `x` of floats.
    """
    if x._value.aval.dtype.kind == "f":
        raise MXNetError("bincount: Input data should be int type")
    sums = None if weights is None else _array(weights)
    counts = _np.bincount(x._read("shape"), None if sums is None else sums._read("numpy"), minlength)
    if sums is None:
        return made(counts.astype(x.dtype), x)
    return made(counts.astype(sums.dtype), x, sums)


@located
def delete(arr: ndarray, obj: Any, axis: int | None = None) -> ndarray:
    """`arr` without the elements at the indices `obj` (a number, slice or list) along `axis` (None: flattened)."""
    arr, axis = (arr.reshape(-1), 0) if axis is None else (arr, axis)
    index = obj if isinstance(obj, (int, slice)) else _np.asarray(_plain_index(obj))
    kept = _np.delete(_np.arange(arr.shape[axis]), index)
    return NP.take(arr, made(kept), axis)


@located
def insert(arr: ndarray, obj: Any, values: Any, axis: int | None = None) -> ndarray:
    """`arr` with `values` inserted before the indices `obj` along `axis` (None: flattened). A sync point."""
    index = obj if isinstance(obj, (int, slice)) else _plain_index(obj)
    given = values._read("numpy") if isinstance(values, NDArray) else values
    return made(_np.insert(arr._read("numpy"), index, given, axis))


def trapz(y: ndarray, x: Any = None, dx: float = 1.0, axis: int = -1) -> ndarray:
    """The integral of `y` along `axis` by the trapezoidal rule, at points `x` or with the step `dx`."""
    y = NP.swapaxes(y, axis, -1)
    width = dx if x is None else NP.diff(_array(x))
    return NP.sum((y[..., 1:] + y[..., :-1]) * width, -1) / 2


def msort(a: ndarray) -> ndarray:
    """A copy of `a`, sorted along the first axis."""
    return NP.sort(a, 0)


@located
def in1d(ar1: Any, ar2: Any, assume_unique: bool = False, invert: bool = False) -> ndarray:
    """A bool array: whether each element of the flattened `ar1` is in `ar2`. A sync point."""
    both = _array(ar1)._read("numpy").reshape(-1), _array(ar2)._read("numpy")
    return made(_np.isin(*both, assume_unique=assume_unique, invert=invert))


def _plain_index(x: Any) -> Any:
    return x._read("shape").astype(_np.int64) if isinstance(x, NDArray) else x

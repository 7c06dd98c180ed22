"""The functions of `mx.np` whose Python side is more than one recorded operation, or reads values."""
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
    """`x`, as NumPy's array where it is one of ours: NumPy hands a call back to us otherwise."""
    return x._read("numpy") if isinstance(x, NDArray) else x


# ---- movement --------------------------------------------------------------------------------

def reshape(a: ndarray, newshape: Any, order: str = "C", reverse: bool = False) -> ndarray:
    """`a` under another shape of the same size (MXNetError otherwise); one -1 is inferred."""
    if isinstance(order, bool):  # 1.9.1 has them the other way round
        order, reverse = "C", order
    if reverse:
        raise NotImplementedError("np.reshape(reverse=True): use npx.reshape")
    return NP._reshape(a, newshape, order)


def pad(x: ndarray, pad_width: Any = None, mode: str = "constant", constant_values: Any = 0,
        **kwargs: Any) -> ndarray:
    """`x` with elements put before and after along each axis.

    mode: "constant" (`constant_values`), "edge", "reflect", "symmetric", "wrap", "minimum" or "maximum".
    """
    if kwargs:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {list(kwargs)}")
    return NP._pad(x, pad_width, mode, constant_values)


def broadcast_arrays(*args: ndarray) -> list[ndarray]:
    """The arrays, each broadcast to the shape that all have in common; the arrays themselves, if all have it."""
    made = NP._broadcast_arrays(args) if args else []
    return list(args) if all(isinstance(x, ndarray) and x.shape == y.shape for x, y in zip(args, made)) else made


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """`x` where `condition` is not zero, else `y`; alone, the indices where it is not (see `nonzero`)."""
    if x is None and y is None:
        return nonzero(condition)
    if x is None or y is None:
        raise ValueError("either both or neither of x and y should be given")
    return NP.where(condition, x, y)


def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None,
               **kwargs: Any) -> Any:
    """NaN replaced by `nan`, infinities by `posinf` and `neginf` (None: the largest and lowest number); without `copy`
    in `x` itself."""
    made_ = NP._nan_to_num(x, nan, posinf, neginf)
    return made_ if copy else assign(x, made_)


# ---- products and averages -----------------------------------------------------------------------

def einsum(subscripts: str, *operands: ndarray, out: ndarray | None = None, optimize: Any = False) -> ndarray:
    """Sums of products named by subscripts.

    >>> from tracer import np
    >>> np.einsum("ij,j->i", np.array([[1, 2], [3, 4]]), np.array([1, 1]))
    array([3., 7.])
    """
    if not isinstance(subscripts, str):
        raise NotImplementedError("np.einsum with lists of axes: write the subscripts as a string")
    return NP._einsum(operands, subscripts, out=out)


def quantile(a: ndarray, q: Any, axis: Any = None, out: ndarray | None = None, overwrite_input: Any = None,
             interpolation: str = "linear", keepdims: bool = False) -> ndarray:
    """The quantile `q` (in [0, 1]; several along a new first axis) over `axis` (None: all)."""
    q = _np.asarray(_plain(q), float)
    return NP._quantile(a, tuple(q.tolist()) if q.ndim else q.item(), axis, interpolation, bool(keepdims),
                        out=out)


def percentile(a: ndarray, q: Any, axis: Any = None, out: ndarray | None = None, overwrite_input: Any = None,
               interpolation: str = "linear", keepdims: bool = False) -> ndarray:
    """The percentile `q` (in [0, 100]; several along a new first axis) over `axis` (None: all)."""
    q = _np.asarray(_plain(q), float) / 100
    return quantile(a, q, axis, out, overwrite_input, interpolation, keepdims)


def nansum(a: ndarray, axis: Any = None, dtype: Any = None, out: ndarray | None = None, keepdims: bool = False,
           initial: Any = None, where: Any = None) -> ndarray:
    """The sum over `axis`, NaN counted as 0."""
    return NP.sum(NP.where(NP.isnan(a), 0, a), axis, dtype, out, keepdims, initial, where)


def nanprod(a: ndarray, axis: Any = None, dtype: Any = None, out: ndarray | None = None, keepdims: bool = False,
            initial: Any = None, where: Any = None) -> ndarray:
    """The product over `axis`, NaN counted as 1."""
    return NP.prod(NP.where(NP.isnan(a), 1, a), axis, dtype, out, keepdims, initial, where)


# ---- answers in Python: each reads its arrays ----------------------------------------------------

def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    """Whether two arrays have one shape and equal elements."""
    a1, a2 = _array(a1), _array(a2)
    if equal_nan:
        return _np.array_equal(a1._read("item"), a2._read("item"), equal_nan=True)
    return a1.shape == a2.shape and bool(NP._array_equal(a1, a2))


def array_equiv(a1: Any, a2: Any) -> bool:
    """Whether two arrays are equal when broadcast."""
    a1, a2 = _array(a1), _array(a2)
    try:
        _np.broadcast_shapes(a1.shape, a2.shape)
    except ValueError:
        return False
    return bool(NP._array_equal(a1, a2))


@located
def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> ndarray:
    """Whether the elements are equal within a tolerance: |a - b| <= atol + rtol * |b|."""
    return made(_np.isclose(_plain(a), _plain(b), _plain(rtol), _plain(atol), equal_nan))


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are equal within a tolerance."""
    return bool(_np.allclose(_plain(a), _plain(b), _plain(rtol), _plain(atol), equal_nan))


def count_nonzero(a: ndarray, axis: Any = None, keepdims: bool = False) -> Any:
    """How many elements are not zero: an int, or an array over `axis`."""
    found = NP.count_nonzero(a, axis, bool(keepdims))
    return found if found.shape else int(found)


def shape(a: ndarray) -> tuple[int, ...]:
    """The dimensions."""
    return a.shape


def ndim(a: Any) -> int:
    """The number of dimensions."""
    return a.ndim if isinstance(a, NDArray) else _np.ndim(a)


def size(a: Any, axis: int | None = None) -> int:
    """The number of elements, or the length of an axis."""
    return (a.size if axis is None else a.shape[axis]) if isinstance(a, NDArray) else _np.size(a, axis)


def may_share_memory(a: ndarray, b: ndarray, max_work: Any = None) -> bool:
    """Whether writing to one array may change the other."""
    def root(x: Any) -> Any:
        while x._base is not None:
            x = x._base[0]
        return x

    return root(a) is root(b)


shares_memory = may_share_memory


def _dtypes(args: Any) -> list[Any]:
    return [x.dtype if isinstance(x, NDArray) else x for x in args]


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The dtype that operations on these give: a float wins over any integer."""
    found = [_np.dtype(x) for x in _dtypes(arrays_and_dtypes) if not isinstance(x, (int, float))]
    out = found[0]
    for other in found[1:]:
        out = promote(out, other)
    return out


def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """Whether a dtype can be cast to another by a rule of NumPy's."""
    return _np.can_cast(_dtypes([from_])[0], to, casting)


# ---- results whose shape is known only when the values are ---------------------------------------

@located
def nonzero(a: Any) -> tuple[ndarray, ...]:
    """The indices of the elements that are not zero, an int64 array an axis."""
    a = _array(a)
    return tuple(made(i, a) for i in _np.nonzero(_np.atleast_1d(a._read("shape"))))


@located
def argwhere(a: Any) -> ndarray:
    """The indices of the elements that are not zero, a row each, int64."""
    a = _array(a)
    return made(_np.argwhere(a._read("shape")), a)


@located
def flatnonzero(a: Any) -> ndarray:
    """The places of the elements that are not zero in the flattened array, int64."""
    a = _array(a)
    return made(_np.flatnonzero(a._read("shape")), a)


@located
def unique(ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
           axis: int | None = None) -> Any:
    """The different elements in order; also where each was first, which is where, and how many there are.

    Their derivatives are 0, as in MXNet.
    """
    ar = _array(ar)
    found: Any = _np.unique(ar._read("shape"), return_index, return_inverse,  # type: ignore[call-overload]
                            return_counts, axis)
    if not isinstance(found, tuple):
        return made(found, ar)
    return tuple(made(_np.reshape(x, -1) if i and axis is None else x, ar) for i, x in enumerate(found))


@located
def bincount(x: ndarray, weights: Any = None, minlength: int = 0) -> ndarray:
    """How often each number from 0 occurs, in the dtype of `x`; with `weights`, their sums in theirs.

    The derivatives are 0, as in MXNet.
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
    """`arr` without the elements at `obj` (a number, slice or list) along `axis` (None: flattened)."""
    arr, axis = (arr.reshape(-1), 0) if axis is None else (arr, axis)
    index = obj if isinstance(obj, (int, slice)) else _np.asarray(_plain_index(obj))
    kept = _np.delete(_np.arange(arr.shape[axis]), index)
    return NP.take(arr, made(kept), axis)


@located
def insert(arr: ndarray, obj: Any, values: Any, axis: int | None = None) -> ndarray:
    """`arr` with `values` put before the places `obj` along `axis` (None: flattened)."""
    index = obj if isinstance(obj, (int, slice)) else _plain_index(obj)
    given = values._read("numpy") if isinstance(values, NDArray) else values
    return made(_np.insert(arr._read("numpy"), index, given, axis))


def trapz(y: ndarray, x: Any = None, dx: float = 1.0, axis: int = -1) -> ndarray:
    """The integral along `axis` by the trapezoidal rule, for points `x` or a step `dx`."""
    y = NP.swapaxes(y, axis, -1)
    width = dx if x is None else NP.diff(_array(x))
    return NP.sum((y[..., 1:] + y[..., :-1]) * width, -1) / 2


def msort(a: ndarray) -> ndarray:
    """A copy sorted along the first axis."""
    return NP.sort(a, 0)


@located
def in1d(ar1: Any, ar2: Any, assume_unique: bool = False, invert: bool = False) -> ndarray:
    """Whether each element of the flattened `ar1` is in `ar2`."""
    both = _array(ar1)._read("numpy").reshape(-1), _array(ar2)._read("numpy")
    return made(_np.isin(*both, assume_unique=assume_unique, invert=invert))


def _plain_index(x: Any) -> Any:
    return x._read("shape").astype(_np.int64) if isinstance(x, NDArray) else x

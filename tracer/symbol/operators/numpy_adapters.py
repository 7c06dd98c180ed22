"""Operators of `mx.np` whose parameters in JSON differ from those of the public functions."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import numpy, numpy_extension
from ...numpy import ndarray

np: Any = numpy
npx: Any = numpy_extension


def zeros(shape: Any = (), ctx: str = "", dtype: Any = "float32") -> ndarray:
    """An array of zeros."""
    return np.zeros(shape, dtype=dtype)


def ones(shape: Any = (), ctx: str = "", dtype: Any = "float32") -> ndarray:
    """An array of ones."""
    return np.ones(shape, dtype=dtype)


def full(shape: Any = (), ctx: str = "", dtype: Any = None, value: float = 0.0) -> ndarray:
    """An array filled with `value`."""
    return np.full(shape, value, dtype=dtype)


def full_like(a: ndarray, fill_value: float = 0.0, ctx: str = "", dtype: Any = None) -> ndarray:
    """An array of the shape of `a`, filled with `fill_value`."""
    return np.full_like(a, fill_value, dtype=dtype)


def identity(shape: Any = (), ctx: str = "", dtype: Any = "float32") -> ndarray:
    """The identity matrix."""
    return np.eye(shape[0] if isinstance(shape, tuple) else shape, dtype=dtype)


def eye(N: int = 0, M: Any = None, k: int = 0, ctx: str = "", dtype: Any = "float32") -> ndarray:
    """A matrix with ones on a diagonal."""
    return np.eye(N, M, k, dtype=dtype)


def arange(start: float = 0, stop: Any = None, step: float = 1, repeat: int = 1, infer_range: bool = False,
           ctx: str = "", dtype: Any = "float32") -> ndarray:
    """Evenly spaced numbers."""
    return np.arange(start, stop, step, dtype=dtype)


def linspace(start: float = 0, stop: float = 0, step: Any = None, repeat: int = 1, infer_range: bool = False,
             num: int = 50, endpoint: bool = True, ctx: str = "", dtype: Any = None) -> ndarray:
    """`num` evenly spaced numbers."""
    return np.linspace(start, stop, num, endpoint, dtype=dtype)


def reshape(a: ndarray, newshape: Any = (), order: str = "C", reverse: bool = False) -> ndarray:
    """An array in another shape, with NumPy's meaning of -1."""
    return np.reshape(a, newshape)


def npx_reshape(a: ndarray, newshape: Any = (), reverse: bool = False, order: str = "C") -> ndarray:
    """An array in another shape, with MXNet's codes."""
    return npx.reshape(a, newshape, reverse=reverse)


def concatenate(*data: ndarray, num_args: int = 1, axis: Any = 0, dim: Any = None) -> ndarray:
    """The arrays, joined along an axis."""
    return np.concatenate(list(data), axis=axis if dim is None else dim)


def _of_sequence(name: str) -> Callable[..., Any]:
    def joined(*data: ndarray, num_args: int = 1, axis: Any = None, dim: Any = None) -> ndarray:
        """The arrays, joined."""
        further = {} if axis is None else {"axis": axis}
        return getattr(np, name)(list(data), **further)

    return joined


def _of_several(name: str) -> Callable[..., Any]:
    def each(*arys: ndarray, num_args: int = 1) -> Any:
        """The arrays with more axes."""
        return getattr(np, name)(*arys)

    return each


def _split(name: str) -> Callable[..., Any]:
    def parts(data: ndarray, indices: Any = (), axis: int = 0, squeeze_axis: bool = False, sections: int = 0) -> Any:
        """The parts of an array at `indices` (the first is 0) or in `sections` equal ones."""
        return getattr(np, name)(data, sections if sections > 0 else tuple(indices)[1:])

    return parts


def where_lscalar(condition: ndarray, x: ndarray, scalar: float = 0.0) -> ndarray:
    """`scalar` where the condition is true, else `x`."""
    return np.where(condition, scalar, x)


def where_rscalar(condition: ndarray, x: ndarray, scalar: float = 0.0) -> ndarray:
    """`x` where the condition is true, else `scalar`."""
    return np.where(condition, x, scalar)


def where_scalar2(condition: ndarray, x: float = 0.0, y: float = 0.0) -> ndarray:
    """The number `x` where the condition is true, else `y`."""
    return np.where(condition, np.full_like(condition, x, dtype="float32"), y)


def pad(data: ndarray, pad_width: Any = (), mode: str = "constant", constant_value: float = 0.0,
        constant_values: Any = None, reflect_type: str = "even") -> ndarray:
    """An array with borders."""
    pairs = tuple([tuple(p) * (2 // len(p)) for p in pad_width]) if pad_width and isinstance(pad_width[0], tuple) \
        else pad_width
    if mode != "constant":
        return np.pad(data, pairs, mode)
    return np.pad(data, pairs, mode, constant_values=constant_value if constant_values is None else constant_values)


def tensordot(a: ndarray, b: ndarray, a_axes_summed: Any = (), b_axes_summed: Any = ()) -> ndarray:
    """The product of two arrays, summed over axes of both."""
    return np.tensordot(a, b, (a_axes_summed, b_axes_summed))


def tensordot_int_axes(a: ndarray, b: ndarray, axes: int = 2) -> ndarray:
    """The product of two arrays, summed over the last and the first `axes` axes."""
    return np.tensordot(a, b, axes)


def einsum(*data: ndarray, num_args: int = 1, subscripts: str = "", optimize: int = 0) -> ndarray:
    """Einstein's sum."""
    return np.einsum(subscripts, *data)


def repeats(data: ndarray, repeats: Any = 1, axis: Any = None) -> ndarray:
    """An array with repeated elements."""
    return np.repeat(data, repeats[0] if isinstance(repeats, tuple) and len(repeats) == 1 else repeats, axis)


def average(a: ndarray, weights: ndarray | None = None, axis: Any = None, returned: bool = False,
            weighted: bool = True) -> Any:
    """The weighted mean."""
    return np.average(a, axis=axis, weights=weights, returned=returned)


def norm(data: ndarray, ord: Any = 2, axis: Any = None, keepdims: bool = False, flag: int = -2) -> ndarray:
    """The norm of a matrix or vector."""
    return np.linalg.norm(data, None if flag == -2 else ord, axis, keepdims)


def uniform(low: float = 0.0, high: float = 1.0, size: Any = None, ctx: str = "", dtype: Any = "float32") -> ndarray:
    """Random numbers, uniform in [low, high)."""
    return np.random.uniform(low, high, size=size, dtype=dtype)


def normal(loc: float = 0.0, scale: float = 1.0, size: Any = None, ctx: str = "", dtype: Any = "float32") -> ndarray:
    """Random numbers of the normal distribution."""
    return np.random.normal(loc, scale, size=size, dtype=dtype)


#: By their names in JSON.
ADAPTED: dict[str, Callable[..., Any]] = {
    "_npi_zeros": zeros, "_npi_ones": ones, "_npi_full": full, "_npi_full_like": full_like, "_npi_identity": identity,
    "_npi_eye": eye, "_npi_arange": arange, "_npi_linspace": linspace, "_np_reshape": reshape,
    "_npi_reshape": npx_reshape, "_npx_reshape": npx_reshape, "_npi_concatenate": concatenate,
    **{f"_npi_{n}": _of_sequence(n) for n in ("stack", "vstack", "hstack", "dstack", "column_stack")},
    **{f"{p}{n}": _of_several(n) for n in ("atleast_1d", "atleast_2d", "atleast_3d") for p in ("_np_", "_npi_")},
    "_npi_hsplit": _split("hsplit"), "_npi_dsplit": _split("dsplit"), "_npi_where_lscalar": where_lscalar,
    "_npi_where_rscalar": where_rscalar, "_npi_where_scalar2": where_scalar2, "_npi_pad": pad,
    "_npi_tensordot": tensordot, "_npi_tensordot_int_axes": tensordot_int_axes, "_npi_einsum": einsum,
    "_npi_repeats": repeats, "_npi_average": average, "_npi_norm": norm, "_npi_uniform": uniform,
    "_npi_normal": normal}

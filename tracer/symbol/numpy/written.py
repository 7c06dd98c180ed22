"""The functions of `mx.sym.np` that are written by hand."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..symbol import Symbol
from .functions import made
from .symbol import _Symbol

__all__ = ["arange", "einsum", "empty_like", "eye", "full", "full_like", "hsplit", "identity", "linspace", "ones",
           "ones_like", "outer", "pad", "ravel", "reshape", "split", "array_split", "dsplit", "vsplit", "tensordot",
           "where", "zeros", "zeros_like"]

_CPU = "cpu(0)"


def _made_constant(name: str, hint: str, ctx: Any, **attrs: Any) -> Any:
    return made(name, hint, [], ctx=str(ctx or _CPU), **attrs)


def zeros(shape: Any, dtype: Any = None, order: str = "C", ctx: Any = None, **kwargs: Any) -> Any:
    """Zeros, float32 by default."""
    return _made_constant("_npi_zeros", "zeros", ctx, shape=shape, dtype=dtype or "float32", **kwargs)


def ones(shape: Any, dtype: Any = None, order: str = "C", ctx: Any = None, **kwargs: Any) -> Any:
    """Ones, float32 by default."""
    return _made_constant("_npi_ones", "ones", ctx, shape=shape, dtype=dtype or "float32", **kwargs)


def full(shape: Any, fill_value: float, dtype: Any = None, order: str = "C", ctx: Any = None, out: Any = None,
         **kwargs: Any) -> Any:
    """Elements that are all `fill_value`."""
    return _made_constant("_full", "full", ctx, shape=shape, value=fill_value, dtype=dtype or "float32", **kwargs)


def full_like(a: Any, fill_value: float, dtype: Any = None, order: str = "C", ctx: Any = None, out: Any = None) -> Any:
    """An array of the shape of `a`, filled with `fill_value`."""
    further = {} if dtype is None else {"dtype": dtype}
    return made("_npi_full_like", "full_like", [a], fill_value=fill_value, ctx=str(ctx or _CPU), **further)


def zeros_like(a: Any, dtype: Any = None, order: str = "C", ctx: Any = None, out: Any = None) -> Any:
    """Zeros in the shape of `a`."""
    return full_like(a, 0, dtype, order, ctx, out)


def ones_like(a: Any, dtype: Any = None, order: str = "C", ctx: Any = None, out: Any = None) -> Any:
    """Ones in the shape of `a`."""
    return full_like(a, 1, dtype, order, ctx, out)


def empty_like(prototype: Any, dtype: Any = None, order: str = "C", subok: bool = False, shape: Any = None) -> Any:
    """An array in the shape of `prototype`; its elements are zeros."""
    return full_like(prototype, 0, dtype)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: Any = None, ctx: Any = None) -> Any:
    """Evenly spaced numbers from `start` (or 0) to below `stop`. ZeroDivisionError for a step of 0."""
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ZeroDivisionError("division by zero")
    return _made_constant("_npi_arange", "arange", ctx, start=start, stop=stop, step=step, dtype=dtype or "float32")


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = "float32", **kwargs: Any) -> Any:
    """A matrix with ones on the diagonal `k`."""
    return _made_constant("_npi_eye", "eye", kwargs.get("ctx"), N=N, M=M, k=k, dtype=dtype or "float32")


def identity(n: int, dtype: Any = None, ctx: Any = None) -> Any:
    """The identity matrix of `n` rows."""
    return _made_constant("_npi_identity", "identity", ctx, shape=(n, n), dtype=dtype or "float32")


def linspace(start: float, stop: float, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
             axis: int = 0, ctx: Any = None) -> Any:
    """`num` evenly spaced numbers. NotImplementedError for retstep, and for axis other than 0."""
    if retstep or axis != 0:
        raise NotImplementedError("linspace of symbols: retstep, and axis other than 0")
    further = {} if dtype is None else {"dtype": dtype}
    return _made_constant("_linspace", "linspace", ctx, start=start, stop=stop, num=num, endpoint=endpoint,
                          **further)


def reshape(a: Any, newshape: Any, order: str = "C", reverse: bool = False) -> Any:
    """`a` in another shape; one dimension may be -1."""
    return made("_np_reshape", "reshape", [a], newshape=newshape, **({} if order == "C" else {"order": order}))


def ravel(x: Any, order: str = "C") -> Any:
    """The elements along one axis."""
    return made("_npx_reshape", "reshape", [x], newshape=-1)


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """`x` where the condition is true, else `y`; both are symbols or numbers."""
    symbols = isinstance(x, Symbol), isinstance(y, Symbol)
    if symbols == (True, True):
        return made("_npi_where", "where", [condition, x, y])
    if symbols == (True, False):
        return made("_npi_where_rscalar", "where_rscalar", [condition, x], scalar=float(y))
    if symbols == (False, True):
        return made("_npi_where_lscalar", "where_lscalar", [condition, y], scalar=float(x))
    return made("_npi_where_scalar2", "where_scalar2", [condition], x=float(x), y=float(y))


def _parts(name: str, hint: str, ary: Any, places: Any, axis: int) -> list[Any]:
    if isinstance(places, int):
        found = made(name, hint, [ary], indices=[], axis=axis, squeeze_axis=False, sections=places)
    elif isinstance(places, Sequence):
        found = made(name, hint, [ary], indices=[0, *places], axis=axis, squeeze_axis=False, sections=0)
    else:
        raise ValueError("indices_or_sections must be either int, or tuple / list / set of ints")
    return found if isinstance(found, list) else [found]


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """The parts of `ary` along an axis: an equal number of them, or at indices."""
    return _parts("_split_v2", "split", ary, indices_or_sections, axis)


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """The parts of `ary` along an axis."""
    return _parts("_split_v2", "array_split", ary, indices_or_sections, axis)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """The parts of `ary` along the first axis."""
    return split(ary, indices_or_sections, 0)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """The parts of `ary` along the second axis, or the only one."""
    return _parts("_npi_hsplit", "hsplit", ary, indices_or_sections, 1)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """The parts of `ary` along the third axis."""
    return _parts("_npi_dsplit", "dsplit", ary, indices_or_sections, 2)


def pad(x: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    """`x` with borders."""
    value = kwargs.get("constant_values", 0)
    return made("_npi_pad", "pad", [x], pad_width=pad_width, mode=mode, constant_value=value)


def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """Einstein's sum of the operands."""
    return made("_npi_einsum", "einsum", list(operands), subscripts=subscripts,
                optimize=int(bool(kwargs.get("optimize", False))))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The product of two arrays, summed over axes."""
    if isinstance(axes, int):
        return made("_npi_tensordot_int_axes", "tensordot_int_axes", [a, b], axes=axes)
    left, right = ((x,) if isinstance(x, int) else tuple(x) for x in axes)
    return made("_npi_tensordot", "tensordot", [a, b], a_axes_summed=left, b_axes_summed=right)


def outer(a: Any, b: Any) -> Any:
    """The products of all pairs of elements."""
    return tensordot(reshape(a, (-1,)), reshape(b, (-1,)), 0)


def part(x: _Symbol, key: Any) -> _Symbol:
    """A part of an array by integers and slices. IndexError for other keys."""
    if isinstance(key, slice):
        return made("slice", "slice", [x], begin=key.start, end=key.stop, step=key.step)
    keys = key if isinstance(key, tuple) else (key,)
    if not all(isinstance(k, (int, slice)) for k in keys):
        raise IndexError(f"Only integer, slice, or tuple of these types are supported! Received key={key}")
    begin = [k.start if isinstance(k, slice) else k for k in keys]
    end = [k.stop if isinstance(k, slice) else (k + 1 or None) for k in keys]
    step = [k.step if isinstance(k, slice) else 1 for k in keys]
    further = {"step": step} if isinstance(key, tuple) else {}
    cut = made("slice", "slice", [x], begin=begin, end=end, **further)
    if all(isinstance(k, slice) for k in keys):
        return cut
    codes = [-2 if isinstance(k, slice) else -3 for k in keys]
    return made("_npx_reshape", "reshape", [cut], newshape=(*codes, -4))

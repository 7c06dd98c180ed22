"""The methods of `mx.nd.NDArray` that are more than one declared function: views, flexible signatures, operators."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.array.dlpack import to_dlpack_for_read
from tracer.array.nd_array import NDArray
from tracer.array.np_array import ndarray
from tracer.array.views import Whole
from tracer.autodiff.scopes import is_recording
from tracer.core.invoke import Handle
from tracer.core.surface import in_place, refuse, wrapper
from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.shapes import reshape_to
from tracer.ops.nd.movement import decode
from tracer.sparse.arrays import from_dense

OPERATORS = ("add", "sub", "mul", "truediv", "mod", "pow")
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


def method(build: Callable) -> Callable:
    """Make a function a method of NDArray; a decorator."""
    setattr(NDArray, build.__name__, build)
    return build


def _several(args: tuple[Any, ...], given: Any) -> tuple[int, ...]:
    """Integers, which are given one by one, as one sequence, or by keyword."""
    if given is None:
        given = args[0] if len(args) == 1 else args
    return (int(given),) if isinstance(given, (int, np.integer)) else tuple(int(d) for d in given)


@method
def reshape(self: NDArray, *shape: Any, **kwargs: Any) -> NDArray:
    """A view of the elements in another shape, which may have the codes 0, -1, -2, -3, -4.

    MXNetError for a shape that does not fit the codes or has more elements than the array; ValueError for fewer, but
    MXNetError within `autograd.record()`, as in MXNet.
    """
    given = kwargs.pop("shape", None)
    if not shape and not given:
        raise AssertionError("Shape must be provided.")
    wanted = _several(shape, given)
    reverse = kwargs.pop("reverse", False)
    if kwargs:
        raise TypeError(f"Got unknown keywords in reshape: {', '.join(kwargs)}")
    sizes = decode(self.shape, wanted, reverse)
    try:
        found = reshape_to(self.shape, sizes)
    except MXNetError as error:
        larger = math.prod(d for d in sizes if d != -1) > self.size
        raise (MXNetError if larger or is_recording() else ValueError)(str(error)) from None
    return self._view(Whole(found))


def _viewable(name: str) -> None:
    """Add the keyword `inplace` to the method `name`, which changes the shape only: the result is then a view."""
    copying = getattr(NDArray, name)

    def shaped(self: NDArray, *args: Any, inplace: bool = False, **kwargs: Any) -> NDArray:
        made = copying(self, *args, **kwargs)
        return self._view(Whole(made.shape)) if inplace else made

    shaped.__name__, shaped.__qualname__, shaped.__doc__ = name, f"NDArray.{name}", copying.__doc__
    setattr(NDArray, name, shaped)


for _name in ("flatten", "expand_dims", "squeeze"):
    _viewable(_name)


@method
def transpose(self: Any, *axes: Any, **kwargs: Any) -> NDArray:
    """A copy with the axes permuted; without arguments, reversed."""
    given = kwargs.pop("axes", axes[0] if len(axes) == 1 else axes)
    out = kwargs.pop("out", None)
    refuse("transpose", kwargs)
    return self._transpose(_several((), given) if given not in (None, ()) else None, out=out)


NDArray.T = property(  # type: ignore[attr-defined]
    lambda self: self if self.ndim < 2 else self.transpose(), doc="A copy with the axes reversed; itself with one.")


@method
def astype(self: Any, dtype: Any, copy: bool = True) -> NDArray:
    """A copy converted to `dtype`; with copy=False the array itself if it has that dtype."""
    return self if not copy and np.dtype(dtype) == self._value.aval.dtype else self._astype(np.dtype(dtype))


@method
def broadcast_to(self: Any, shape: Any) -> NDArray:
    """A copy broadcast to `shape`: repeated along axes of size 1; new axes come first."""
    wanted = _several((), shape)
    lead = len(wanted) - self.ndim
    base = self.reshape((1,) * lead + self.shape) if lead > 0 else self
    return base._broadcast_to(wanted)


@method
def tostype(self: NDArray, stype: str) -> NDArray:
    """A copy in the storage type "default", "row_sparse" or "csr". Nothing is read before its indices are asked for.

    MXNetError for another storage type; ValueError for a csr array of other than two axes.
    """
    if stype not in ("default", "row_sparse", "csr"):
        raise MXNetError(f"Invalid Input: {stype!r}, valid values are: 'csr', 'default', 'row_sparse', in operator "
                         "cast_storage")
    copy = self.copy()  # type: ignore[attr-defined]
    return copy if stype == "default" else from_dense(copy, stype)


@method
def slice_assign(self: NDArray, rhs: Any, begin: Any, end: Any, step: Any) -> NDArray:
    """The array, after `rhs` has been written into a slice of it.

    begin, end, step: for each of the first axes a bound of the slice or its step, or None.
    """
    self[tuple([slice(*bounds) for bounds in zip(begin, end, step, strict=True)])] = rhs
    return self


@method
def slice_assign_scalar(self: NDArray, value: float, begin: Any, end: Any, step: Any) -> NDArray:
    """The array, after the number `value` has been written into a slice of it, given as in `slice_assign`."""
    return slice_assign(self, value, begin, end, step)


NDArray.to_dlpack_for_read = NDArray.to_dlpack_for_write = to_dlpack_for_read  # type: ignore[attr-defined]


@method
def __dlpack__(self: NDArray, **kwargs: Any) -> Any:
    """A DLPack capsule with a copy of the elements."""
    return self.asnumpy().__dlpack__(**kwargs)


@method
def __dlpack_device__(self: NDArray) -> tuple[int, int]:
    """DLPack's device type and number of the CPU."""
    return (1, 0)


# ---- operators: the other operand must be an array of the same flavour, or a number ------------------------

def _check(array: Any, other: Any) -> None:
    """Raise TypeError if `other` can be no operand together with `array`."""
    if isinstance(other, Handle):
        if array._masks != other._masks:  # type: ignore[attr-defined]
            raise TypeError(f"an operator between {type(array).__name__} and {type(other).__name__}: convert with "
                               "as_np_ndarray() or as_nd_ndarray()")
    elif not isinstance(other, (bool, int, float, np.generic)):
        raise TypeError(f"type {type(other)} not supported")


def _checked(cls: type, name: str) -> None:
    """Make the operator `name` of `cls` check its other operand."""
    space = getattr(cls, name).__globals__
    setattr(cls, name, wrapper(space["_function"], name, space["_cls"], True, _check))


for _name in OPERATORS:
    for _form in (f"__{_name}__", f"__r{_name}__"):
        _checked(NDArray, _form)
    in_place(NDArray, _name)
    # Python calls the subclass's reflected method first: nd + np is np's __radd__.
    _checked(ndarray, f"__r{_name}__")
# Python 2's names of division, which scripts call by name.
for _cls in (NDArray, ndarray):
    for _form in ("", "r", "i"):
        setattr(_cls, f"__{_form}div__", getattr(_cls, f"__{_form}truediv__"))
for _name in COMPARISONS:
    for _cls in (NDArray, ndarray):
        _checked(_cls, f"__{_name}__")

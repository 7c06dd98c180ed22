"""The np mode: flags that select NumPy's semantics for Gluon, shapes and default dtypes."""
from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import FunctionType, TracebackType
from typing import Any

import numpy as _np

from tracer.array.np_flags import FLAGS, Flags, is_np_array, is_np_shape
from tracer.core import call_cache
from tracer.ops.primitive.promotion import default_float, set_default_float

from ..generation import is_2_so_far

__all__ = ["is_np_array", "is_np_default_dtype", "is_np_shape", "np_array", "np_default_dtype", "np_shape",
           "reset_np", "set_np", "set_np_default_dtype", "set_np_shape", "use_np", "use_np_array",
           "use_np_default_dtype", "use_np_shape"]


def begin() -> None:
    """Set the flags that threads start with: in MXNet 2 the np mode is on."""
    Flags.array = Flags.shape = is_2_so_far()


def is_np_default_dtype() -> bool:
    """Whether the default dtypes are NumPy's, float64 and int64."""
    return default_float() == _np.float64


def set_np_default_dtype(is_np_default_dtype: bool = True) -> bool:
    """Make the default dtypes NumPy's (True) or MXNet's (False); returns the previous flag."""
    before = default_float() == _np.float64
    if before != bool(is_np_default_dtype):
        set_default_float(_np.dtype("float64" if is_np_default_dtype else "float32"))
        call_cache.forget()  # cached calls have the old default dtypes
    return before


def set_np_shape(active: bool) -> bool:
    """Turn NumPy's shapes on or off in this thread; returns the previous flag. ValueError where np arrays need them."""
    if not active and FLAGS.array:
        raise ValueError("Deactivating NumPy shape semantics while NumPy array semantics is still active is not "
                         "allowed. Please consider calling `npx.reset_np()` to deactivate both of them.")
    before, FLAGS.shape = FLAGS.shape, bool(active)
    return before


def set_np(shape: bool = True, array: bool = True, dtype: bool = False) -> None:
    """Turn the np mode on.

    shape: NumPy's shapes.
    array: np arrays in Gluon; ValueError if `shape` is off.
    dtype: NumPy's default dtypes, float64 and int64.

    >>> from tracer import npx
    >>> npx.set_np()
    >>> npx.is_np_array()
    True
    >>> npx.reset_np()
    """
    if array and not shape:
        raise ValueError("NumPy Shape semantics is required in using NumPy array semantics.")
    FLAGS.array, FLAGS.shape = bool(array), bool(shape)
    set_np_default_dtype(dtype)


def reset_np() -> None:
    """Turn the np mode off."""
    set_np(shape=False, array=False, dtype=False)


class _Scope:
    """A `with` scope in which one flag of the mode is set: "array", "shape" or "dtype"."""

    def __init__(self, name: str, active: bool) -> None:
        self._name, self._active = name, bool(active)
        self._before: list[bool] = []

    def _set(self, active: bool) -> bool:
        if self._name == "dtype":
            return set_np_default_dtype(active)
        if self._name == "shape":
            return set_np_shape(active)
        before, FLAGS.array = FLAGS.array, active
        return before

    def __enter__(self) -> _Scope:
        self._before.append(self._set(self._active))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._set(self._before.pop())


def np_array(active: bool = True) -> _Scope:
    """A scope with np arrays on or off."""
    return _Scope("array", active)


def np_shape(active: bool = True) -> _Scope:
    """A scope with np shapes on or off."""
    return _Scope("shape", active)


def np_default_dtype(active: bool = True) -> _Scope:
    """A scope with NumPy's or MXNet's default dtypes."""
    return _Scope("dtype", active)


#: Inherited methods that a decorated class has in the mode: what a user calls, without what runs within that.
_CALLED = frozenset({"__call__", "__getitem__", "__init__", "__iter__", "__len__", "__next__"})
_WITHIN = frozenset({"forward", "hybrid_forward", "infer_shape"})


def _using(*names: str) -> Callable[[Any], Any]:
    """The decorator of a function, or of all methods of a class, that sets flags of the mode in them."""
    flags = [{"array": is_np_array, "shape": is_np_shape, "dtype": is_np_default_dtype}[name] for name in names]

    def decorate(target: Any) -> Any:
        if isinstance(target, type):
            for name in dir(target):
                member = inspect.getattr_static(target, name)
                if name in target.__dict__ or name not in _WITHIN and (name in _CALLED or not name.startswith("_")):
                    if isinstance(member, property):
                        setattr(target, name, property(member.fget and decorate(member.fget), member.fset, member.fdel,
                                                       member.__doc__))  # MXNet's setters are outside of the mode
                    elif isinstance(member, (staticmethod, classmethod)):
                        setattr(target, name, type(member)(decorate(member.__func__)))
                    elif isinstance(member, FunctionType):
                        setattr(target, name, decorate(member))
            return target
        if not callable(target):
            raise TypeError(f"use_np_array can only decorate classes and callable objects, while received a {target!r}")

        @functools.wraps(target)
        def inside(*args: Any, **kwargs: Any) -> Any:
            if all([is_on() for is_on in flags]):
                return target(*args, **kwargs)
            before = [_Scope(name, True) for name in names]
            for scope in before:
                scope.__enter__()
            try:
                return target(*args, **kwargs)
            finally:
                for scope in reversed(before):
                    scope.__exit__(None, None, None)

        return inside

    return decorate


use_np_shape, use_np_array, use_np_default_dtype = _using("shape"), _using("array"), _using("dtype")
use_np = _using("shape", "array")
use_np.__doc__ = "Decorate a function or class: the np mode is on in it."

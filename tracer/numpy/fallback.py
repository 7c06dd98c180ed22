"""NumPy fallbacks: functions that `mx.np` lacks are computed by NumPy on copies, with mx.np arrays as results.

Each use is counted with the user's line (`tracer.explain()` shows them): it is a sync point, and has no gradient.
"""
from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as _np

from tracer.array.nd_array import NDArray
from tracer.array.np_array import ndarray
from tracer.array.placing import located, placed
from tracer.core import user_lines
from tracer.core.invoke import constant, wrap
from tracer.core.trace import current
from tracer.jit.report.counters import LOG

AUTOGRAD = ("Falling back to NumPy operator {} with autograd active is not supported. "
            "Please consider moving the operator to the outside of the autograd scope.")


#: Keywords of older NumPy versions, which MXNet scripts use, and their present names.
_RENAMED = {"interpolation": "method", "normed": "density"}


@functools.cache
def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(function).parameters)
    except ValueError:  # a ufunc has no signature
        return frozenset()


def to_numpy(x: Any) -> Any:
    """Arguments with tracer's arrays replaced by NumPy arrays, inside lists, tuples and dictionaries too."""
    if isinstance(x, NDArray):
        return x._read("numpy")
    if isinstance(x, (list, tuple)):
        return type(x)(to_numpy(i) for i in x) if type(x) in (list, tuple) else x
    if type(x) is dict:
        return {k: to_numpy(v) for k, v in x.items()}
    return x


def from_numpy(x: Any) -> Any:
    """NumPy's result with arrays of numbers replaced by mx.np arrays, inside lists and tuples too."""
    if isinstance(x, _np.ndarray) and x.dtype.kind in "fiub":
        return placed(wrap(ndarray, constant(x)))
    if isinstance(x, tuple):
        parts = [from_numpy(i) for i in x]
        return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
    if isinstance(x, list):
        return [from_numpy(i) for i in x]
    return x


def _recorded(x: Any) -> bool:
    if isinstance(x, NDArray):
        return bool(x._value.history)
    return isinstance(x, (list, tuple)) and any(_recorded(i) for i in x)


def call(name: str, function: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
    """Apply NumPy's `function` to tracer's arrays. ValueError under `record()` for arrays with a history."""
    if current().trace.recording and (_recorded(args) or _recorded(list(kwargs.values()))):
        raise ValueError(AUTOGRAD.format(name))
    out = kwargs.pop("out", None)
    for old, new in _RENAMED.items():
        if old in kwargs and old not in _parameters(function):
            value = kwargs.pop(old)
            if value is not None:
                kwargs[new] = value
    LOG.fallbacks.note(name, user_lines.where())
    answer = _answer(*args, _function=function, **kwargs)
    if out is None:
        return answer
    target = out[0] if isinstance(out, tuple) else out
    target[...] = answer
    return target


@located
def _answer(*args: Any, _function: Callable[..., Any], **kwargs: Any) -> Any:
    return from_numpy(_function(*to_numpy(args), **to_numpy(kwargs)))


@functools.cache
def function(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """The mx.np function that calls NumPy's `original`."""
    @functools.wraps(original, assigned=("__doc__",), updated=())
    def fallback(*args: Any, **kwargs: Any) -> Any:
        return call(name, original, args, kwargs)

    del fallback.__wrapped__
    fallback.__name__ = fallback.__qualname__ = name
    return fallback


def attribute(name: str, module: ModuleType, ours: str) -> Any:
    """NumPy's attribute for a name that the module `ours` lacks, a function wrapped as a fallback.

    AttributeError if NumPy lacks it too.
    """
    if not name.startswith("_"):
        found = getattr(module, name, None)
        if found is not None and not isinstance(found, ModuleType):
            return found if isinstance(found, type) or not callable(found) else function(name, found)
    raise AttributeError(f"module {ours!r} has no attribute {name!r}")

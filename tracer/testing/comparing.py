"""Comparisons of arrays for `mx.test_utils`, with tolerances by element type."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..array.nd_array import NDArray

__all__ = ["TOLERANCES", "almost_equal", "assert_allclose", "assert_almost_equal", "assert_almost_equal_ignore_nan",
           "assert_almost_equal_with_err", "assert_exception", "checkShapes", "collapse_sum_like", "default_atols",
           "default_numeric_eps", "default_rtols", "effective_dtype", "get_atol", "get_etol", "get_rtol",
           "get_tolerance", "get_tols", "locationError", "same", "same_array"]

#: The default relative and absolute tolerance of each dtype.
TOLERANCES = {"float16": (1e-2, 1e-1), "float32": (1e-4, 1e-3), "float64": (1e-5, 1e-20)}


_RTOLS, _ATOLS = ({np.dtype(name): pair[i] for name, pair in TOLERANCES.items()} for i in (0, 1))
_EXACT = {np.dtype(name): 0 for name in ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64")}


def _plain(x: Any) -> np.ndarray:
    return x.asnumpy() if isinstance(x, NDArray) else np.asarray(x)


def effective_dtype(dat: Any) -> np.dtype:
    """The dtype that selects the tolerances of an array: its own."""
    return np.dtype(dat.dtype)


def _tolerance(a: np.ndarray, b: np.ndarray, given: Any, place: int) -> Any:
    if isinstance(given, dict):
        by_dtype: dict[Any, float] = given
        return max(float(by_dtype.get(x.dtype, by_dtype.get(x.dtype.type, 0))) for x in (a, b))
    if given is not None:
        return given
    return max(TOLERANCES.get(x.dtype.name, (0, 0))[place] for x in (a, b))


def default_rtols() -> dict[Any, float]:
    """The default relative tolerance of each dtype."""
    return {**_RTOLS, **_EXACT}


def default_atols() -> dict[Any, float]:
    """The default absolute tolerance of each dtype."""
    return {**_ATOLS, **_EXACT}


def default_numeric_eps() -> dict[Any, float]:
    """The default step of finite differences for each dtype."""
    return {np.dtype(f"float{bits}"): 0.5 ** power for bits, power in ((16, 6), (32, 9), (64, 14))}


def get_rtol(rtol: Any = None, dtype: Any = np.float64) -> Any:
    """The relative tolerance, by default that of a dtype."""
    return default_rtols()[np.dtype(dtype)] if rtol is None else rtol


def get_atol(atol: Any = None, dtype: Any = np.float64) -> Any:
    """The absolute tolerance, by default that of a dtype."""
    return default_atols()[np.dtype(dtype)] if atol is None else atol


def get_etol(etol: Any = None) -> Any:
    """The share of elements that may be wrong, by default 0."""
    return 0 if etol is None else etol


def same(a: Any, b: Any) -> bool:
    """Whether two arrays have equal elements; NaN is unequal to itself."""
    return bool(np.array_equal(_plain(a), _plain(b)))


def almost_equal(a: Any, b: Any, rtol: Any = None, atol: Any = None, equal_nan: bool = False,
                 use_broadcast: bool = True) -> bool:
    """Whether |a - b| <= atol + rtol |b| everywhere. Arguments as in `assert_almost_equal`."""
    try:
        assert_almost_equal(a, b, rtol, atol, equal_nan=equal_nan, use_broadcast=use_broadcast)
    except AssertionError:
        return False
    return True


def assert_almost_equal(a: Any, b: Any, rtol: Any = None, atol: Any = None, names: Sequence[str] = ("a", "b"),
                        equal_nan: bool = False, use_broadcast: bool = True, mismatches: Any = (10, 10)) -> None:
    """Raise AssertionError unless |a - b| <= atol + rtol |b| everywhere. The message shows the worst elements.

    rtol, atol: tolerances; None: those of the less precise dtype; a dictionary gives them by dtype.
    names: the arrays' names in the message.
    equal_nan: whether NaN equals NaN.
    use_broadcast: whether the shapes may differ if they broadcast.

    >>> assert_almost_equal(np.ones(2), [1, 1.00000001])
    """
    x, y = _plain(a), _plain(b)
    if not use_broadcast and x.shape != y.shape:
        raise AssertionError(f"shapes differ: {names[0]} {x.shape}, {names[1]} {y.shape}")
    rtol, atol = _tolerance(x, y, rtol, 0), _tolerance(x, y, atol, 1)
    if np.array_equal(x, y):
        return
    x, y = np.broadcast_arrays(x, y)
    close = np.isclose(x, y, rtol, atol, equal_nan)
    if close.all():
        return
    if x.dtype == bool:
        x, y = x.astype(int), y.astype(int)
    with np.errstate(all="ignore"):
        excess = np.where(close, 0, np.abs(x - y) / (atol + rtol * np.abs(y)))
    excess[np.isnan(excess)] = np.inf
    worst = np.argsort(-excess, axis=None)[:min(int((~close).sum()), 10)]
    places = [tuple(map(int, np.unravel_index(i, x.shape))) for i in worst]
    lines = [f"  {p}: {names[0]}={x[p]!r} {names[1]}={y[p]!r}" for p in places]
    raise AssertionError(f"{int((~close).sum())} of {x.size} elements of {names[0]} and {names[1]} differ by more than "
                         f"rtol={rtol}, atol={atol}; the worst:\n" + "\n".join(lines))


def assert_allclose(a: Any, b: Any, rtol: float = 1e-07, atol: float = 0, equal_nan: bool = True) -> None:
    """`assert_almost_equal` with NumPy's default tolerances."""
    assert_almost_equal(a, b, rtol, atol, equal_nan=equal_nan)


def assert_almost_equal_ignore_nan(a: Any, b: Any, rtol: Any = None, atol: Any = None,
                                   names: Sequence[str] = ("a", "b")) -> None:
    """`assert_almost_equal` of the places where neither array has a NaN."""
    x, y = np.array(_plain(a)), np.array(_plain(b))
    missing = np.isnan(x) | np.isnan(y)
    x[missing] = y[missing] = 0
    assert_almost_equal(x, y, rtol, atol, names)


def assert_almost_equal_with_err(a: Any, b: Any, rtol: Any = None, atol: Any = None, etol: float | None = None,
                                 names: Sequence[str] = ("a", "b"), equal_nan: bool = False,
                                 mismatches: Any = (10, 10)) -> None:
    """`assert_almost_equal`, but a share `etol` of the elements may differ."""
    x, y = _plain(a), _plain(b)
    wrong = ~np.isclose(x, y, _tolerance(x, y, rtol, 0), _tolerance(x, y, atol, 1), equal_nan)
    if not etol or wrong.mean() > etol:
        assert_almost_equal(a, b, rtol, atol, names, equal_nan)


def checkShapes(a: Any, b: Any) -> None:
    """Raise AssertionError, with both arrays, unless their shapes are equal."""
    if a.shape != b.shape:
        raise AssertionError(f"Items are not equal: a.shape = {a.shape} and b.shape = {b.shape} are not equal\n"
                             f" ACTUAL: {a!r}\n DESIRED: {b!r}")


def locationError(a: Any, b: Any, index: Any, names: Sequence[str], maxError: bool = False) -> str:
    """The text about an element that differs, or differs most.

    index: its place.
    names: the arrays' names.

    >>> locationError(np.zeros(2), np.ones(2), (1,), ("x", "y"))
    'Location of error: (1,), x=0.00000000, y=1.00000000'
    """
    most = "maximum " if maxError else ""
    return f"Location of {most}error: {index}, {names[0]}={a[index]:.8f}, {names[1]}={b[index]:.8f}"


def _find_max_violation(a: np.ndarray, b: np.ndarray, rtol: float, atol: float) -> tuple[tuple[Any, ...], Any]:
    """The place of the element that differs most in units of its tolerance, and the difference in this unit."""
    with np.errstate(invalid="ignore"):
        excess = np.where(a == b, 0, abs(a - b)) / (atol + rtol * abs(b) + 1e-20)
    place = tuple([int(i) for i in np.unravel_index(np.argmax(excess), excess.shape)])
    return place, excess[place]


def same_array(array1: NDArray, array2: NDArray) -> bool:
    """Whether two arrays share their memory: what is written to the first is in the second."""
    array1[:] += 1
    shared = same(array1, array2)
    array1[:] -= 1
    return shared and same(array1, array2)


def assert_exception(f: Callable, exception_type: type[BaseException], *args: Any, **kwargs: Any) -> None:
    """Raise AssertionError unless f(*args, **kwargs) raises `exception_type`."""
    try:
        f(*args, **kwargs)
    except exception_type:
        return
    raise AssertionError(f"{f} did not raise {exception_type.__name__}")


def collapse_sum_like(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`a` summed over the axes along which `shape` was broadcast to it."""
    lead = a.ndim - len(shape)
    axes = tuple(i for i in range(a.ndim) if i < lead or shape[i - lead] == 1 and a.shape[i] != 1)
    return np.sum(a, axis=axes, keepdims=True).reshape(shape)


def get_tolerance(dat: Any, tol: Any, default_tol: dict[Any, float]) -> Any:
    """A tolerance for an array: the given one, that of the array's dtype if a dictionary is given, or a default.

    tol: a number, a dictionary by dtype, or None.
    default_tol: the defaults by dtype.
    """
    kind = np.dtype(dat.dtype)
    by_kind: Any = default_tol if tol is None else tol if isinstance(tol, dict) else None
    if by_kind is None:
        return tol
    return by_kind.get(kind, by_kind.get(kind.type, default_tol.get(kind, 0)))


def get_tols(x: Any, y: Any, rtol: Any, atol: Any) -> tuple[Any, Any]:
    """The relative and absolute tolerance of a comparison: each the larger one of the two arrays'."""
    x, y = (v if hasattr(v, "dtype") else np.asarray(v) for v in (x, y))
    return (max(get_tolerance(x, rtol, default_rtols()), get_tolerance(y, rtol, default_rtols())),
            max(get_tolerance(x, atol, default_atols()), get_tolerance(y, atol, default_atols())))

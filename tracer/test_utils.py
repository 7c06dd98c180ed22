"""`mx.test_utils`: helpers of tests: comparisons, random arrays, gradients by finite differences."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import tracer as mx  # noqa: F401

from . import autograd
from . import ndarray as nd
from .array.nd_array import NDArray
from .context import Context as Context
from .context import current_context, num_gpus, set_default_context
from .sample_files import *  # noqa: F403
from .util import use_np as use_np
from .util import use_np_default_dtype as use_np_default_dtype

# There is no __all__: MXNet's tests take `mx`, `np` and more from `from mxnet.test_utils import *`.

#: The default relative and absolute tolerance of each dtype.
TOLERANCES = {"float16": (1e-2, 1e-1), "float32": (1e-4, 1e-3), "float64": (1e-5, 1e-20)}


_RTOLS, _ATOLS = ({np.dtype(name): pair[i] for name, pair in TOLERANCES.items()} for i in (0, 1))
_EXACT = {np.dtype(name): 0 for name in ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64")}


# ---- devices, dtype, environment -----------------------------------------------------------------

default_device = default_context = current_context


set_default_device = set_default_context


def default_dtype() -> Any:
    """The default dtype, float32."""
    return np.float32


def list_gpus() -> list[int]:
    """The numbers of the GPUs: empty, unless TRACER_GPU=cpu is set."""
    return list(range(num_gpus()))


@contextmanager
def environment(*args: Any) -> Iterator[None]:
    """A scope with environment variables set, given as a name and a value or as a dictionary; None unsets one."""
    wanted = args[0] if len(args) == 1 else {args[0]: args[1]}
    before = {name: os.environ.get(name) for name in wanted}

    def put(values: dict[str, str | None]) -> None:
        for name, value in values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    put(wanted)
    try:
        yield
    finally:
        put(before)


# ---- comparing -----------------------------------------------------------------------------------

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

    >>> assert_almost_equal(nd.ones(2), [1, 1.00001])
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


# ---- random inputs -------------------------------------------------------------------------------

def rand_shape_nd(num_dim: int, dim: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A random shape of `num_dim` axes, each of at most `dim`."""
    return tuple(np.random.randint(0 if allow_zero_size else 1, dim + 1, size=num_dim).tolist())


def rand_shape_2d(dim0: int = 10, dim1: int = 10, allow_zero_size: bool = False) -> tuple[int, int]:
    """A random shape of two axes of at most the given sizes."""
    low = 0 if allow_zero_size else 1
    return int(np.random.randint(low, dim0 + 1)), int(np.random.randint(low, dim1 + 1))


def rand_shape_3d(dim0: int = 10, dim1: int = 10, dim2: int = 10,
                  allow_zero_size: bool = False) -> tuple[int, int, int]:
    """A random shape of three axes of at most the given sizes."""
    low = 0 if allow_zero_size else 1
    return (*rand_shape_2d(dim0, dim1, allow_zero_size), int(np.random.randint(low, dim2 + 1)))


def random_arrays(*shapes: tuple[int, ...]) -> Any:
    """A list of float32 NumPy arrays of normal numbers, one for each shape; for a single shape, the array itself."""
    arrays = [np.random.randn(*s).astype(default_dtype()) if s else np.array(np.random.randn(), default_dtype())
              for s in shapes]
    return arrays[0] if len(arrays) == 1 else arrays


def rand_ndarray(shape: tuple[int, ...], stype: str = "default", density: Any = None, dtype: Any = None,
                 modifier_func: Any = None, shuffle_csr_indices: bool = False, distribution: Any = None,
                 ctx: Any = None) -> NDArray:
    """An NDArray of uniform random numbers in [-1, 1). NotImplementedError for a sparse `stype`."""
    if stype != "default":
        raise NotImplementedError(f"rand_ndarray(stype={stype!r}): tracer has dense arrays only")
    array = np.random.uniform(-1, 1, shape)
    if modifier_func is not None:
        array = np.vectorize(modifier_func)(array)
    return nd.array(array, dtype=dtype or default_dtype())


# ---- gradients -----------------------------------------------------------------------------------

def check_numeric_gradient(f: Callable, location: Sequence[Any], aux_states: Any = None,
                           numeric_eps: float | None = None, rtol: Any = 1e-2, atol: Any = None,
                           **kwargs: Any) -> None:
    """Raise AssertionError unless the gradient of the function `f` of arrays agrees with central differences.

    location: the arrays at which the gradient is taken.

    The gradient is that of a sum of f's result with random weights. TypeError for a symbol.
    """
    if not callable(f) or aux_states is not None or kwargs:
        raise TypeError("check_numeric_gradient: tracer has no symbol API; give a function of arrays")
    arrays = [x if isinstance(x, NDArray) else nd.array(x) for x in location]
    for x in arrays:
        x.attach_grad()
    with autograd.record():
        out = f(*arrays)
        weights = _like(out, np.random.uniform(0.5, 1.5, out.shape))
        total = (out * weights).sum()
    total.backward()
    eps = numeric_eps or 1e-3
    for x in arrays:
        found, start, expected = x.grad.asnumpy(), x.asnumpy(), np.zeros(x.shape)
        for place in np.ndindex(*x.shape):
            sides = []
            for step in (eps, -eps):
                moved = start.copy()
                moved[place] += step
                x[:] = _like(x, moved)
                sides.append(float(np.sum((f(*arrays) * weights).asnumpy(), dtype=np.float64)))
            expected[place] = (sides[0] - sides[1]) / (2 * eps)
        x[:] = _like(x, start)
        assert_almost_equal(found, expected, rtol, 1e-2 if atol is None else atol, ("gradient", "differences"))


def _like(x: NDArray, array: np.ndarray) -> Any:
    """A NumPy array converted to the flavour and dtype of `x`."""
    made = nd.array(array, dtype=x.dtype)
    return made if type(x) is NDArray else made.as_np_ndarray()  # type: ignore[attr-defined]

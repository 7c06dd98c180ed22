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
from .comparing import *  # noqa: F403
from .comparing import assert_almost_equal
from .context import Context as Context
from .context import current_context, num_gpus, set_default_context
from .random_sparse import rand_sparse_ndarray
from .sample_files import *  # noqa: F403
from .symbol import Symbol
from .symbol_checks import *  # noqa: F403
from .symbol_checks import check_gradient_of_symbol
from .util import use_np as use_np
from .util import use_np_default_dtype as use_np_default_dtype

# There is no __all__: MXNet's tests take `mx`, `np` and more from `from mxnet.test_utils import *`.

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


def create_sparse_array(shape: tuple[int, int], stype: str, data_init: Any = None, rsp_indices: Any = None,
                        dtype: Any = None, modifier_func: Any = None, density: float = .5,
                        shuffle_csr_indices: bool = False) -> NDArray:
    """A sparse array, as by `rand_sparse_ndarray`; a csr one without a value given to `data_init` has ones."""
    if stype == "row_sparse":
        if rsp_indices is not None:
            rsp_indices = np.array(rsp_indices)
        return rand_sparse_ndarray(shape, stype, density, dtype, None, data_init, rsp_indices, modifier_func)[0]
    return rand_sparse_ndarray(shape, stype, density, dtype, None, 1.0 if data_init is None else data_init,
                               modifier_func=modifier_func, shuffle_csr_indices=shuffle_csr_indices)[0]


def create_sparse_array_zd(shape: tuple[int, int], stype: str, density: float, data_init: Any = None,
                           rsp_indices: Any = None, dtype: Any = None, modifier_func: Any = None,
                           shuffle_csr_indices: bool = False) -> NDArray:
    """A sparse array, as by `create_sparse_array`, of which a row_sparse one of density 0 stores nothing."""
    if stype == "row_sparse":
        density = 0.0
        if rsp_indices is not None:
            assert len(rsp_indices) <= shape[0]
    return create_sparse_array(shape, stype, data_init, rsp_indices, dtype, modifier_func, density, shuffle_csr_indices)


def random_arrays(*shapes: tuple[int, ...]) -> Any:
    """A list of float32 NumPy arrays of normal numbers, one for each shape; for a single shape, the array itself."""
    arrays = [np.random.randn(*s).astype(default_dtype()) if s else np.array(np.random.randn(), default_dtype())
              for s in shapes]
    return arrays[0] if len(arrays) == 1 else arrays


def rand_ndarray(shape: tuple[int, ...], stype: str = "default", density: Any = None, dtype: Any = None,
                 modifier_func: Any = None, shuffle_csr_indices: bool = False, distribution: Any = None,
                 ctx: Any = None) -> NDArray:
    """An NDArray of uniform random numbers in [-1, 1); a sparse one is made as by `rand_sparse_ndarray`."""
    if stype != "default":
        return rand_sparse_ndarray(shape, stype, density, dtype, distribution, modifier_func=modifier_func,
                                   shuffle_csr_indices=shuffle_csr_indices, ctx=ctx)[0]
    array = np.random.uniform(-1, 1, shape)
    if modifier_func is not None:
        array = np.vectorize(modifier_func)(array)
    return nd.array(array, dtype=dtype or default_dtype())


# ---- gradients -----------------------------------------------------------------------------------

def check_numeric_gradient(sym: Any, location: Any, aux_states: Any = None, numeric_eps: Any = None, rtol: Any = None,
                           atol: Any = None, grad_nodes: Any = None, use_forward_train: bool = True, ctx: Any = None,
                           grad_stype_dict: Any = None, dtype: Any = np.float32) -> None:
    """Raise AssertionError unless a symbol's gradients agree with central differences.

    sym: the symbol, or a function of arrays.
    location: the arguments, a list or a dictionary by name.
    aux_states: the auxiliary states, in the same way.
    numeric_eps: the distance of the two points; None: by the element type.
    rtol, atol: as in `assert_almost_equal`.
    grad_nodes: the names of the arguments whose gradients are checked, or a dictionary with their requests.
    use_forward_train: whether the passes are those of training.
    ctx: the device; None: the current one.
    grad_stype_dict: the storage types of gradients by the arguments' names.
    dtype: the arrays' element type.

    The gradient is that of a sum of the result with random weights.

    >>> check_numeric_gradient(mx.sym.tanh(mx.sym.var("x")), [np.array([0.5, -1])], rtol=1e-2, atol=1e-3)
    """
    if isinstance(sym, Symbol):
        check_gradient_of_symbol(sym, location, aux_states, numeric_eps, rtol, atol, grad_nodes, use_forward_train,
                                 ctx, grad_stype_dict, dtype)
        return
    if not callable(sym) or aux_states is not None or grad_nodes is not None:
        raise TypeError("check_numeric_gradient: give a symbol, or a function of arrays alone")
    _check_gradient_of_function(sym, location, numeric_eps, 1e-2 if rtol is None else rtol, atol)


def _check_gradient_of_function(f: Callable, location: Sequence[Any], numeric_eps: float | None, rtol: Any,
                                atol: Any) -> None:
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

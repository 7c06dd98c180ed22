"""`mx.test_utils`: helpers of tests: comparisons, random arrays, gradients by finite differences."""
from __future__ import annotations

import os  # noqa: F401
from collections import OrderedDict as OrderedDict
from collections.abc import Callable, Sequence
from contextlib import contextmanager as contextmanager
from typing import Any

import numpy as np

import tracer as mx  # noqa: F401

from . import autograd
from . import ndarray as nd
from .array.nd_array import NDArray
from .context import Context as Context
from .context import current_context, num_gpus, set_default_context
from .ndarray.creation import array as array
from .runtime import Features as Features
from .symbol import Symbol
from .testing.comparing import *  # noqa: F403
from .testing.comparing import _find_max_violation as _find_max_violation
from .testing.comparing import assert_almost_equal
from .testing.generators import *  # noqa: F403
from .testing.matrices import *  # noqa: F403
from .testing.random_inputs import *  # noqa: F403
from .testing.sample_files import *  # noqa: F403
from .testing.surroundings import *  # noqa: F403
from .testing.symbol_checks import *  # noqa: F403
from .testing.symbol_checks import _parse_aux_states as _parse_aux_states
from .testing.symbol_checks import _parse_location as _parse_location
from .testing.symbol_checks import check_gradient_of_symbol
from .testing.training_checks import *  # noqa: F403
from .util import get_cuda_compute_capability as get_cuda_compute_capability
from .util import getenv as getenv
from .util import setenv as setenv
from .util import use_np as use_np
from .util import use_np_default_dtype as use_np_default_dtype

# There is no __all__: MXNet's tests take `mx`, `np` and more from `from mxnet.test_utils import *`.

# ---- devices -------------------------------------------------------------------------------------

default_device = default_context = current_device = current_context
set_default_device = set_default_context


def list_gpus() -> list[int]:
    """The numbers of the GPUs: empty, unless TRACER_GPU=cpu is set."""
    return list(range(num_gpus()))


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

"""Checks of symbols for `mx.test_utils`: outputs and gradients against expected ones and finite differences."""
from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..context import current_context
from ..symbol import Symbol, Variable
from ..symbol.namespaces import GENERATED
from ..symbol.numpy.symbol import _Symbol
from .comparing import assert_almost_equal, default_numeric_eps, get_tolerance, get_tols

__all__ = ["check_consistency", "check_speed", "check_symbolic_backward", "check_symbolic_forward", "numeric_grad",
           "same_symbol_structure", "simple_forward"]

_FLOATS = (np.float16, np.float32, np.float64)


def simple_forward(sym: Any, ctx: Any = None, is_train: bool = False, **inputs: Any) -> Any:
    """The outputs of a symbol for arrays by name, as a NumPy array or a list of several.

    ctx: the device; None: the current one.
    is_train: whether layers behave as in training.

    >>> simple_forward(Variable("x") * 2, x=[1, 2])
    array([2., 4.], dtype=float32)
    """
    executor = sym.bind(ctx or current_context(), args={name: nd.array(x) for name, x in inputs.items()})
    found = [x.asnumpy() for x in executor.forward(is_train=is_train)]
    return found[0] if len(found) == 1 else found


def same_symbol_structure(sym1: Any, sym2: Any) -> bool:
    """Whether the operators of two symbols are the same, in the order of their JSON texts.

    >>> same_symbol_structure(Variable("x") * 2, Variable("y") * 3)
    True
    """
    first, second = ([node["op"] for node in json.loads(sym.tojson())["nodes"]] for sym in (sym1, sym2))
    return all([a == b for a, b in zip(first, second)])


# ---- arguments -----------------------------------------------------------------------------------

def _array(x: Any, ctx: Any, dtype: Any) -> Any:
    return nd.array(x, ctx=ctx, dtype=x.dtype if isinstance(dtype, str) else dtype)


def _parse_location(sym: Any, location: Any, ctx: Any, dtype: Any = np.float32) -> dict[str, Any]:
    """The arrays of a symbol's arguments by name, sorted. ValueError for other names than the symbol's."""
    assert isinstance(location, (dict, list, tuple)), "location is a list or a dictionary"
    assert dtype == "asnumpy" or dtype in _FLOATS, f"dtype {dtype}"
    names = sym.list_arguments()
    if not isinstance(location, dict):
        location = dict(zip(names, location))
    elif set(location) != set(names):
        raise ValueError("Symbol arguments and keys of the given location do not match."
                         f"symbol args:{set(names)}, location.keys():{set(location)}")
    made = {k: _array(v, ctx, dtype) if isinstance(v, np.ndarray) else v for k, v in location.items()}
    return dict(sorted(made.items()))


def _parse_aux_states(sym: Any, states: Any, ctx: Any, dtype: Any = np.float32) -> dict[str, Any] | None:
    """The arrays of a symbol's auxiliary states by name. ValueError for other names than the symbol's."""
    if states is None:
        return None
    names = sym.list_auxiliary_states()
    if not isinstance(states, dict):
        states = dict(zip(names, states))
    elif set(states) != set(names):
        raise ValueError("Symbol aux_states names and given aux_states do not match."
                         f"symbol aux_names:{set(names)}, aux_states.keys:{set(states)}")
    return {k: _array(v, ctx, dtype) for k, v in states.items()}


def _requests(sym: Any, given: Any) -> Any:
    names = sym.list_arguments()
    if isinstance(given, str):
        return dict.fromkeys(names, given)
    return dict(zip(names, given)) if isinstance(given, (list, tuple)) else given


def _compare_gradients(requests: Mapping[str, str], expected: Mapping[str, Any], found: Mapping[str, Any],
                       before: Mapping[str, Any], rtol: Any, atol: Any, labels: tuple[str, str],
                       equal_nan: bool = False) -> None:
    """Compare gradients by name; those asked to be added contain what was there before, the null ones only that."""
    for name, wanted in expected.items():
        request, own = requests[name], found[name]
        if request == "add":
            own = own.asnumpy() - before[name]
        elif request == "null":
            wanted = before[name]
        elif request != "write":
            raise ValueError(f"Invalid grad_req {request} for argument {name}")
        names = f"{labels[0]}_{name}", f"{labels[1]}_{name}"
        assert_almost_equal(wanted, own, rtol, atol, names, equal_nan=equal_nan)


# ---- outputs and gradients -----------------------------------------------------------------------

def check_symbolic_forward(sym: Any, location: Any, expected: Any, rtol: Any = None, atol: Any = None,
                           aux_states: Any = None, ctx: Any = None, equal_nan: bool = False,
                           dtype: Any = np.float32) -> Any:
    """Raise AssertionError unless a symbol's outputs are as expected; returns them.

    location: the arguments, a list or a dictionary of NumPy arrays.
    expected: the outputs, a list or a dictionary by name.
    rtol, atol, equal_nan: as in `assert_almost_equal`.
    aux_states: the auxiliary states, as `location`.
    ctx: the device; None: the current one.
    dtype: the arrays' element type, or "asnumpy": those of `location`.

    >>> check_symbolic_forward(Variable("x") * 2, [np.array([1, 2])], [np.array([2, 4])])[0].shape
    (2,)
    """
    ctx = ctx or current_context()
    arrays = _parse_location(sym, location, ctx, dtype)
    states = _parse_aux_states(sym, aux_states, ctx, dtype)
    names = sym.list_outputs()
    if isinstance(expected, dict):
        expected = [expected[name] for name in names]
    executor = sym.bind(ctx, args=arrays, args_grad={k: nd.zeros(v.shape, ctx, v.dtype) for k, v in arrays.items()},
                        aux_states=states)
    outputs = executor.forward(is_train=False)
    for name, wanted, found in zip(names, expected, outputs):
        assert_almost_equal(wanted, found, rtol, atol, (f"EXPECTED_{name}", f"FORWARD_{name}"), equal_nan=equal_nan)
    return outputs


def check_symbolic_backward(sym: Any, location: Any, out_grads: Any, expected: Any, rtol: Any = None,
                            atol: Any = None, aux_states: Any = None, grad_req: Any = "write", ctx: Any = None,
                            grad_stypes: Any = None, equal_nan: bool = False, dtype: Any = np.float32) -> Any:
    """Raise AssertionError unless a symbol's gradients are as expected; returns them by the arguments' names.

    out_grads: the cotangents of the outputs, a list or a dictionary; None: all outputs are losses.
    expected: the gradients, a list or a dictionary by name.
    grad_req: "write", "add" or "null" for all, a list, or a dictionary.
    grad_stypes: the storage types of gradients by the arguments' names.

    The others are those of `check_symbolic_forward`.

    >>> check_symbolic_backward(Variable("x") * 2, [np.ones(2)], [np.ones(2)], [np.array([2, 2])])["x"].shape
    (2,)
    """
    ctx = ctx or current_context()
    arrays = _parse_location(sym, location, ctx, dtype)
    states = _parse_aux_states(sym, aux_states, ctx, dtype)
    if not isinstance(expected, dict):
        expected = dict(zip(sym.list_arguments(), expected))
    before = {k: np.random.normal(size=v.shape) for k, v in sorted(expected.items())}
    kinds = {k: expected[k].dtype if isinstance(dtype, str) else dtype for k in before}
    grads = _of_stypes({k: nd.array(v, ctx=ctx, dtype=kinds[k]) for k, v in before.items()}, grad_stypes)
    requests = _requests(sym, grad_req)
    executor = sym.bind(ctx, args=arrays, args_grad=grads, aux_states=states, grad_req=requests)
    executor.forward(is_train=True)

    def cotangent(x: Any) -> Any:
        return _array(x, ctx, dtype) if isinstance(x, np.ndarray) else x

    if isinstance(out_grads, dict):
        out_grads = {k: cotangent(v) for k, v in out_grads.items()}
    elif out_grads is not None:
        out_grads = [cotangent(v) for v in out_grads]
    executor.backward(out_grads)
    _compare_gradients(requests, expected, grads, before, rtol, atol, ("EXPECTED", "BACKWARD"), equal_nan)
    return grads


def _of_stypes(arrays: dict[str, Any], stypes: Any) -> dict[str, Any]:
    """The arrays in the storage types given for some of them."""
    return {k: x.tostype(stypes[k]) if stypes and stypes.get(k) else x for k, x in arrays.items()}


# ---- finite differences --------------------------------------------------------------------------

def numeric_grad(executor: Any, location: Any, aux_states: Any = None, eps: float = 1e-4,
                 use_forward_train: bool = True, dtype: Any = np.float32) -> dict[str, np.ndarray]:
    """The gradients of the sum of an executor's first output by central differences, by the arguments' names.

    location: NumPy arrays of the arguments by name.
    aux_states: those of the auxiliary states, which are set before each pass.
    eps: the distance of the two points.
    use_forward_train: whether the passes are those of training.
    """
    def value() -> np.ndarray:
        for name, state in (aux_states or {}).items():
            executor.aux_dict[name][:] = state
        return executor.forward(is_train=use_forward_train)[0].asnumpy()

    found = {}
    for name, x in location.items():
        executor.arg_dict[name][:] = nd.array(x, dtype=dtype)
    for name, x in location.items():
        slopes = found[name] = np.zeros(x.shape, dtype)
        if x.dtype.kind != "f":
            continue
        for place in np.ndindex(*x.shape):
            moved = x.copy()
            moved[place] += eps / 2
            executor.arg_dict[name][:] = nd.array(moved, dtype=dtype)
            above = value()
            moved[place] -= eps
            executor.arg_dict[name][:] = nd.array(moved, dtype=dtype)
            slopes[place] = (above - value()).sum() / eps
        executor.arg_dict[name][:] = nd.array(x, dtype=dtype)
    return found


def check_gradient_of_symbol(sym: Any, location: Any, aux_states: Any = None, numeric_eps: Any = None, rtol: Any = None,
                             atol: Any = None, grad_nodes: Any = None, use_forward_train: bool = True, ctx: Any = None,
                             grad_stype_dict: Any = None, dtype: Any = np.float32) -> None:
    """Compare a symbol's gradients with central differences; see `check_numeric_gradient`."""
    assert dtype in _FLOATS, f"dtype {dtype}"
    ctx = ctx or current_context()
    arrays = _parse_location(sym, location, ctx, dtype)
    states = _parse_aux_states(sym, aux_states, ctx, dtype)
    at = {k: v.asnumpy() for k, v in arrays.items()}
    states_at = None if states is None else {k: v.asnumpy() for k, v in states.items()}
    if grad_nodes is None or isinstance(grad_nodes, (list, tuple)):
        requests = dict.fromkeys(sym.list_arguments() if grad_nodes is None else grad_nodes, "write")
    elif isinstance(grad_nodes, dict):
        requests = dict(grad_nodes)
    else:
        raise ValueError("grad_nodes is a list of names, or a dictionary of requests by name")
    _, shapes, _ = sym.infer_shape(**{k: v.shape for k, v in arrays.items()})
    weights: Any = Variable("__random_proj")
    out = sym * (weights.as_np_ndarray() if isinstance(sym, _Symbol) else weights)
    out = GENERATED[""]["make_loss"](out.as_nd_ndarray())
    arrays["__random_proj"] = nd.array(np.random.rand(*shapes[0]) + 0.1, ctx=ctx, dtype=dtype)
    before = {k: np.random.normal(0, 0.01, size=arrays[k].shape) for k in (*requests, "__random_proj")}
    grads = _of_stypes({k: nd.array(v, ctx=ctx, dtype=dtype) for k, v in before.items()}, grad_stype_dict)
    executor = out.bind(ctx, grad_req=requests, args=arrays, args_grad=grads, aux_states=states)
    if len(executor.arg_arrays) != len(arrays):
        raise ValueError("Executor arg_arrays and and location len do not match.Got "
                         f"{len(executor.arg_arrays)} inputs and {len(arrays)} locations")
    executor.forward(is_train=True)
    eps = get_tolerance(executor.outputs[0], numeric_eps, default_numeric_eps())
    assert dtype is np.float64 or eps >= 1e-5, f"numeric_eps={eps} is too small for {np.dtype(dtype).name}"
    executor.backward()
    found = {k: v if v is None else v.copy() for k, v in executor.grad_dict.items()}
    slopes = numeric_grad(executor, at, states_at, eps, use_forward_train, dtype)
    _compare_gradients(requests, {k: slopes[k] for k in requests}, found, before, rtol, atol,
                       ("NUMERICAL", "BACKWARD"))


# ---- several devices and element types -----------------------------------------------------------

def check_consistency(sym: Any, ctx_list: Sequence[dict[str, Any]], scale: float = 1.0, grad_req: Any = "write",
                      arg_params: Any = None, aux_params: Any = None, rtol: Any = None, atol: Any = None,
                      raise_on_err: bool = True, ground_truth: Any = None, equal_nan: bool = False,
                      use_uniform: bool = False, rand_type: Any = np.float64) -> Any:
    """Raise AssertionError unless a symbol has the same outputs and gradients in several settings.

    sym: the symbol, or one for each setting.
    ctx_list: the settings: keywords of `simple_bind`.
    scale, use_uniform, rand_type: how arguments are drawn that `arg_params` does not give.
    aux_params: the auxiliary states by name, by default 0.
    raise_on_err: whether to raise, or only to print the difference.
    ground_truth: the results to compare with, by name; None: those of the most precise setting.

    Returns the results that the others were compared with.
    """
    assert len(ctx_list) > 1, "check_consistency needs two settings"
    symbols: list[Any] = [sym] * len(ctx_list) if isinstance(sym, Symbol) else list(sym)
    assert len(symbols) == len(ctx_list), "one symbol for each setting"
    outputs, arguments = symbols[0].list_outputs(), symbols[0].list_arguments()
    executors = []
    for one, setting in zip(symbols, ctx_list):
        assert one.list_arguments() == arguments and one.list_outputs() == outputs, "symbols with other names"
        executors.append(one.simple_bind(grad_req=grad_req, **setting))
    given = {} if arg_params is None else arg_params
    for name, x in sorted(executors[0].arg_dict.items()):
        if name not in given:
            drawn = np.random.uniform(-0.92 * scale, 0.92 * scale, x.shape) if use_uniform else \
                np.random.normal(size=x.shape, scale=scale)
            given[name] = np.asarray(drawn).astype(rand_type)
    for executor in executors:
        for name, x in executor.arg_dict.items():
            x[:] = given[name]
        for name, x in executor.aux_dict.items():
            x[:] = (aux_params or {}).get(name, 0)
        for x in executor.grad_arrays if grad_req == "add" else ():
            x[:] = 0
    best = int(np.argmax([np.dtype(e.outputs[0].dtype) for e in executors]))
    for executor in executors:
        executor.forward(is_train=False)
    truth = ground_truth or dict(zip(outputs, executors[best].outputs))
    comparison = _Comparison(truth, best, executors, rtol, atol, equal_nan, raise_on_err)
    comparison.compare([dict(zip(outputs, e.outputs)) for e in executors])
    if grad_req == "null":
        return truth
    for executor in executors:
        executor.forward(is_train=True)
    kinds = [min([np.dtype(e.outputs[i].dtype) for e in executors], key=lambda d: d.itemsize)
             for i, _ in enumerate(outputs)]
    heads = [x.astype(kind).asnumpy() for x, kind in zip(executors[0].outputs, kinds)]
    for executor in executors:
        executor.backward([nd.array(h, ctx=executor._ctx, dtype=x.dtype) for h, x in zip(heads, executor.outputs)])
    if ground_truth is None:
        truth.update(zip(outputs, executors[best].outputs))
        truth.update(executors[best].grad_dict)
    comparison.compare([dict(zip((*outputs, *arguments), (*e.outputs, *e.grad_arrays))) for e in executors])
    return truth


class _Comparison:
    """The comparison of the arrays of several executors with the truth, at the tolerance of the coarsest type."""

    def __init__(self, truth: Mapping[str, Any], best: int, executors: Sequence[Any], rtol: Any, atol: Any,
                 equal_nan: bool, raises: bool) -> None:
        self.truth, self.best, self.rtol, self.atol = truth, best, rtol, atol
        self.kinds = [np.dtype(e.outputs[0].dtype) for e in executors]
        self.equal_nan, self.raises = equal_nan, raises

    def compare(self, results: Sequence[Mapping[str, Any]]) -> None:
        """Compare all arrays by name."""
        for i, result in enumerate(results):
            for name, x in result.items() if i != self.best else ():
                if self.truth[name] is None:
                    assert x is None, f"{name} has a gradient in setting {i} only"
                    continue
                try:
                    self._compare(x, self.truth[name], i)
                except AssertionError as error:
                    if self.raises:
                        raise
                    print(f"setting {i} against {self.best} at {name}: {error}")

    def _compare(self, x: Any, truth: Any, i: int) -> None:
        coarse = _coarser(np.dtype(x.dtype), self.kinds[i]), _coarser(np.dtype(truth.dtype), self.kinds[self.best])
        rtol, atol = self.rtol, self.atol
        if coarse != (np.dtype(x.dtype), np.dtype(truth.dtype)):
            rtol, atol = get_tols(x.astype(coarse[0]), truth.astype(coarse[1]), rtol, atol)
        assert_almost_equal(x, truth, rtol, atol, equal_nan=self.equal_nan)


def _coarser(a: np.dtype, b: np.dtype) -> np.dtype:
    return a if a.itemsize <= b.itemsize else b


def check_speed(sym: Any, location: Any = None, ctx: Any = None, N: int = 20, grad_req: Any = None,
                typ: str = "whole", **kwargs: Any) -> float:
    """The mean time of a pass of a symbol in seconds.

    location: the arguments by name; None: normal numbers of the shapes in `kwargs`.
    N: the number of passes.
    typ: "whole": forward and backward; "forward": the forward alone. ValueError for others.
    """
    if typ not in ("whole", "forward"):
        raise ValueError('typ can only be "whole" or "forward".')
    ctx = ctx or current_context()
    shapes = kwargs if location is None else {k: v.shape for k, v in location.items()}
    executor = sym.simple_bind(ctx, grad_req=grad_req or "write", **shapes)
    for name, x in executor.arg_dict.items():
        x[:] = np.random.normal(size=x.shape) if location is None else location[name]

    def once() -> None:
        executor.forward(is_train=typ == "whole")
        if typ == "whole":
            executor.backward(list(executor.outputs))

    once()
    nd.waitall()
    start = time.time()
    for _ in range(N):
        once()
        nd.waitall()
    return (time.time() - start) / N

"""`Symbol.bind`, `simple_bind` and `eval`: the arrays that an executor gets."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...base import MXNetError
from ...context import Context
from ...ndarray import NDArray
from ...sparse.creation import zeros
from ..infer import types
from ..infer.storage import stypes_of_gradients, stypes_of_variables
from .blank import blank
from .executor import Executor

_REQUESTS = ("write", "add", "null")


def bind(symbol: Any, ctx: Any, args: Any, args_grad: Any = None, grad_req: Any = "write", aux_states: Any = None,
         group2ctx: Any = None, shared_exec: Any = None) -> Executor:
    """Bind a symbol to arrays; returns the executor.

    ctx: the device.
    args: the arrays of the arguments, a list or a dictionary by name.
    args_grad: arrays for their gradients, a list or a dictionary; those that are left out are not computed.
    grad_req: "write", "add" or "null" for all, a list, or a dictionary by name, of which the others are "null".
    aux_states: the auxiliary states, a list or a dictionary.
    group2ctx, shared_exec: taken for compatibility: all memory is one pool here.

    ValueError where an array is missing, TypeError for what is no array, MXNetError for shapes that do not fit.
    """
    if not isinstance(ctx, Context):
        raise TypeError("Context type error")
    names, states = symbol.list_arguments(), symbol.list_auxiliary_states()
    arrays = _arrays("args", args, names)
    grads = None if args_grad is None else _arrays("args_grad", args_grad, names, True)
    own_states = _arrays("aux_states", [] if aux_states is None else aux_states, states)
    requests = _requests(grad_req, names)
    return _made(symbol, ctx, grad_req, arrays, grads, requests, own_states, group2ctx)


def _made(symbol: Any, ctx: Any, grad_req: Any, arrays: Sequence[Any], grads: Sequence[Any] | None,
          requests: Sequence[str], states: Sequence[Any], group2ctx: Any) -> Executor:
    shapes = {name: x.shape for name, x in zip(symbol.list_arguments(), arrays)}
    shapes.update({name: x.shape for name, x in zip(symbol.list_auxiliary_states(), states)})
    kinds = {name: x.dtype for name, x in zip(symbol.list_arguments(), arrays)}
    if len(shapes) < len(arrays) + len(states):
        raise MXNetError(f"Check failed: arg_names.size() == in_args_map.size() ({len(arrays) + len(states)} vs. "
                         f"{len(shapes)}): arguments of one name: {symbol.list_arguments()}")
    found, outputs, _ = symbol.infer_shape_partial(**{name: s for name, s in shapes.items() if s})
    for name, wanted in zip(symbol.list_arguments(), found):
        if wanted and tuple(wanted) != shapes[name]:
            raise MXNetError(f"bind: argument {name} has shape {shapes[name]}, the graph needs {tuple(wanted)}")
    _, out_kinds, _ = types.types_of(symbol, (), kinds, True)
    made = [blank(shape or (), ctx, kind or np.float32) for shape, kind in zip(outputs, out_kinds)]
    return Executor(symbol, ctx, grad_req, arrays, grads, requests, states, made, group2ctx)


def _arrays(what: str, given: Any, names: Sequence[str], may_lack: bool = False) -> list[Any]:
    """The arrays in the order of `names`, from a list or a dictionary."""
    if isinstance(given, Mapping):
        missing = [name for name in names if name not in given]
        if missing and not may_lack:
            raise ValueError(f"key `{missing[0]}` is missing in `{what}`")
        found = [given.get(name) for name in names]
    elif isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(f"Length of {what} does not match the number of arguments")
        found = list(given)
    else:
        raise TypeError("Only accept list of NDArrays or dict of str to NDArray")
    for x in found:
        if not isinstance(x, NDArray) and not (x is None and may_lack):
            raise TypeError("Only accept list of NDArrays or dict of str to NDArray")
    return found


def _requests(given: Any, names: Sequence[str]) -> list[str]:
    """The request for each argument."""
    if isinstance(given, str):
        found = [given] * len(names)
    elif isinstance(given, Mapping):
        found = [given.get(name, "null") for name in names]
    else:
        found = list(given)
    for request in found:
        if request not in _REQUESTS:
            raise ValueError(f"grad_req must be in {set(_REQUESTS)}, got {request!r}")
    return found


# ---- arrays made from shapes ---------------------------------------------------------------------

def simple_bind(symbol: Any, ctx: Any, grad_req: Any = "write", type_dict: Mapping[str, Any] | None = None,
                stype_dict: Mapping[str, str] | None = None, group2ctx: Any = None,
                shared_arg_names: Sequence[str] | None = None, shared_exec: Executor | None = None,
                shared_buffer: dict[str, Any] | None = None, **kwargs: Any) -> Executor:
    """Bind a symbol to new arrays of zeros, whose shapes and element types are inferred; returns the executor.

    ctx: the device.
    grad_req: as for `bind`.
    group2ctx: devices by the attribute `ctx_group`, on which variables with it lie; all is computed on `ctx`.
    type_dict: element types of some arguments.
    stype_dict: storage types of some arguments; others have that of their variable, or "default". The gradient of an
        argument is of storage type row_sparse where all that it is used for gives such a one.
    shared_arg_names: the arguments that share the arrays of `shared_exec`.
    shared_exec: an executor whose arrays are shared: those of `shared_arg_names`, and auxiliary states.
    shared_buffer: arrays by name that are used where they have the right shape; new ones are added.
    kwargs: shapes of some arguments by name.

    RuntimeError where the shapes cannot be inferred or do not fit.
    """
    names, states = symbol.list_arguments(), symbol.list_auxiliary_states()
    try:
        requests = _simple_requests(grad_req, names)
        known = {name: shape for name, shape in kwargs.items() if name in names or name in states}
        shapes, outputs, state_shapes = symbol.infer_shape(**known)
        if shapes is None:
            raise MXNetError("InferShape pass cannot decide shapes for all arguments; give more of them")
        given = {name: kind for name, kind in (type_dict or {}).items() if name in names or name in states}
        kinds, out_kinds, state_kinds = types.types_of(symbol, (), given, True)
    except MXNetError as error:
        told = "\n".join([f"{name}: {shape}" for name, shape in kwargs.items()])
        raise RuntimeError(f"simple_bind error. Arguments:\n{told}\n{error}") from None
    stypes = {**stypes_of_variables(symbol), **(stype_dict or {})}
    maker = _Maker(ctx, _places(symbol, group2ctx), shared_exec, frozenset(shared_arg_names or ()), shared_buffer,
                   stypes, stypes_of_gradients(symbol, stypes))
    arrays = [maker.argument(name, shape, kind) for name, shape, kind in zip(names, shapes, kinds)]
    grads = [None if request == "null" else maker.gradient(name, shape, kind)
             for name, shape, kind, request in zip(names, shapes, kinds, requests)]
    own = [maker.state(name, shape, kind) for name, shape, kind in zip(states, state_shapes, state_kinds)]
    made = [blank(shape, ctx, kind or np.float32) for shape, kind in zip(outputs, out_kinds)]
    return Executor(symbol, ctx, grad_req, arrays, grads, requests, own, made, group2ctx)


def _simple_requests(given: Any, names: Sequence[str]) -> list[str]:
    if isinstance(given, Mapping) and not given:
        raise RuntimeError("grad_req in simple_bind cannot be an empty dict/list")
    try:
        return _requests(given, names)
    except ValueError:
        raise MXNetError(f"grad_req={given} is not a valid input in simple_bind; only 'null', 'write', and 'add' are "
                         "supported") from None


def _places(symbol: Any, group2ctx: Mapping[str, Any] | None) -> dict[str, Any]:
    """The devices of those variables whose attribute `ctx_group` names one."""
    if not group2ctx:
        return {}
    groups = {name: attrs.get("__ctx_group__") for name, attrs in symbol.attr_dict().items()}
    return {name: group2ctx[group] for name, group in groups.items() if group in group2ctx}


class _Maker:
    """The arrays of a new executor: shared ones where they fit, else zeros."""

    def __init__(self, ctx: Any, places: dict[str, Any], shared: Executor | None, shared_names: frozenset[str],
                 buffer: dict[str, Any] | None, stypes: Mapping[str, str], grad_stypes: Mapping[str, str]) -> None:
        self.ctx, self.places, self.shared, self.names, self.buffer = ctx, places, shared, shared_names, buffer
        self.stypes, self.grad_stypes = stypes, grad_stypes

    def argument(self, name: str, shape: tuple[int, ...], kind: Any) -> Any:
        """The array of an argument."""
        if self.shared is not None and name in self.names:
            found = self.shared.arg_dict.get(name)
            if found is not None and found.shape == shape:
                return found
        stype = self.stypes.get(name, "default")
        if self.buffer is None or name in self.names or stype != "default":
            return self._zeros(name, shape, kind, stype)
        found = self.buffer.get(name)
        if found is None or found.shape != shape or found.dtype != np.dtype(kind or np.float32):
            found = self.buffer[name] = self._zeros(name, shape, kind)
        return found

    def gradient(self, name: str, shape: tuple[int, ...], kind: Any) -> Any:
        """The array of an argument's gradient."""
        if self.shared is not None and name in self.names:
            found = self.shared.grad_dict.get(name)
            if found is not None and found.shape == shape:
                return found
        return self._zeros(name, shape, kind, self.grad_stypes.get(name, "default"))

    def state(self, name: str, shape: tuple[int, ...], kind: Any) -> Any:
        """The array of an auxiliary state."""
        found = None if self.shared is None else self.shared.aux_dict.get(name)
        return found if found is not None and found.shape == shape else self._zeros(name, shape, kind)

    def _zeros(self, name: str, shape: tuple[int, ...], kind: Any, stype: str = "default") -> Any:
        if stype != "default":
            return zeros(stype, shape, self.places.get(name, self.ctx), kind or np.float32)
        return blank(shape, self.places.get(name, self.ctx), kind or np.float32)

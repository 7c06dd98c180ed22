"""`mx.executor.Executor`: a symbol bound to arrays. A pass is a cached graph: it records, nothing runs until read."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ... import autograd
from ...autograd import Variable
from ...base import MXNetError
from ...core import cached_graph
from ...core.call_cache import Identity
from ...core.invoke import Composite, Handle, wrap
from ...core.trace import Value, another
from ...ndarray import NDArray
from ...sparse.base import BaseSparseNDArray
from ...sparse.forms import Dense
from ..evaluate import evaluate
from ..graph.node import topological
from .blank import blank
from .drawing import draws_in_prediction
from .losses import ignores_head, is_head

Monitor = Callable[[Any, Any], None]


class Executor:
    """A symbol bound to arrays of its arguments, gradients and auxiliary states. `Symbol.bind` makes one.

    arg_arrays, grad_arrays, aux_arrays: the arrays, in the order of the symbol's names; a gradient may be None.
    outputs: the arrays of the outputs; a forward pass writes them.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/executor/index.html

    >>> import tracer as mx
    >>> x = mx.sym.Variable("x")
    >>> executor = (x * x).bind(mx.cpu(), {"x": mx.nd.array([1, 3])}, {"x": mx.nd.zeros(2)})
    >>> executor.forward(is_train=True)[0].asnumpy().tolist()
    [1.0, 9.0]
    >>> executor.backward(mx.nd.ones(2))
    >>> executor.grad_dict["x"].asnumpy().tolist()
    [2.0, 6.0]
    """

    def __init__(self, symbol: Any, ctx: Any, grad_req: Any, args: Sequence[Any], grads: Sequence[Any] | None,
                 requests: Sequence[str], states: Sequence[Any], outputs: Sequence[Any], group2ctx: Any = None) -> None:
        self.arg_arrays = list(args)
        self.grad_arrays = None if grads is None else list(grads)
        self.aux_arrays = list(states)
        self.outputs = list(outputs)
        self._symbol = symbol.__copy__()
        self._ctx = ctx
        self._grad_req = grad_req
        self._requests = list(requests)
        self._group2ctx = group2ctx
        self._monitor_callback: Monitor | None = None
        self._monitor_all: bool | None = None
        self._arguments = self._symbol.list_arguments()
        self._states = self._symbol.list_auxiliary_states()
        self._variables = [None if grad is None or request == "null" else Variable(grad, request)
                           for grad, request in zip(grads or [None] * len(self._requests), self._requests)]
        self._draws = any([draws_in_prediction(node) for node in topological(self._symbol._outputs)])
        self._identity = Identity()
        self._recorded: list[Any] | None = None  # the outputs of a forward pass whose backward has not come yet
        self._predicted = False  # whether the latest forward pass was one in prediction

    # ---- arrays by name --------------------------------------------------------------------------

    @property
    def arg_dict(self) -> dict[str, Any]:
        """The arrays of the arguments by name. ValueError where a name occurs twice."""
        return _by_name(self._arguments, self.arg_arrays)

    @property
    def grad_dict(self) -> dict[str, Any]:
        """The gradients by name of the argument, None for those without. ValueError where a name occurs twice."""
        return _by_name(self._arguments, self.grad_arrays or [None] * len(self._arguments))

    @property
    def aux_dict(self) -> dict[str, Any]:
        """The auxiliary states by name. ValueError where a name occurs twice."""
        return _by_name(self._states, self.aux_arrays)

    @property
    def output_dict(self) -> dict[str, Any]:
        """The outputs by name. ValueError where a name occurs twice."""
        return _by_name(self._symbol.list_outputs(), self.outputs)

    def copy_params_from(self, arg_params: Mapping[str, Any], aux_params: Mapping[str, Any] | None = None,
                         allow_extra_params: bool = False) -> None:
        """Copy arrays by name into the arguments and the auxiliary states, converted to their element types.

        ValueError for a name that the symbol does not have, unless `allow_extra_params`.
        """
        for given, own, what in ((arg_params, self.arg_dict, "the arguments"),
                                 (aux_params or {}, self.aux_dict, "the auxiliary states")):
            for name, array in given.items():
                if name in own:
                    same = array.dtype == own[name].dtype
                    (array if same else array.astype(own[name].dtype)).copyto(own[name])
                elif not allow_extra_params:
                    raise ValueError(f'Find name "{name}" that is not in {what}')

    # ---- passes ----------------------------------------------------------------------------------

    def forward(self, is_train: bool = False, **kwargs: Any) -> list[Any]:
        """Compute the outputs, and return them.

        is_train: whether layers behave as in training, and a backward may follow.
        kwargs: new elements for arguments, by name.

        ValueError for what is no array, or one of another shape; TypeError for an unknown argument.
        """
        if kwargs:
            self._write(kwargs)
        keep = is_train or self._draws
        with autograd.record(train_mode=is_train) if keep else autograd.pause():
            made = self._pass(keep)
        self._recorded, self._predicted = made if keep else None, not is_train
        self.outputs = [_rebound(old, new) for old, new in zip(self.outputs, made)]
        return self.outputs

    def _write(self, given: Mapping[str, Any]) -> None:
        own = self.arg_dict
        for name, array in given.items():
            if not isinstance(array, (NDArray, np.ndarray)):
                raise ValueError("only accept keyword argument of NDArrays and numpy.ndarray")
            if name not in own:
                raise TypeError(f"Unknown argument {name}")
            if own[name].shape != array.shape:
                raise ValueError(f"Shape not match! Argument {name}, need: {own[name].shape}, received: {array.shape}")
            own[name][:] = array

    def _pass(self, recording: bool) -> list[Any]:
        """The outputs of a pass in the present modes of autograd, in which arguments with gradients are variables."""
        args = self.arg_arrays
        if recording:
            args = [x if variable is None else _variable(x, variable) for x, variable in zip(args, self._variables)]
        if self._monitor_callback is not None:
            return self._run(args, self.aux_arrays)
        return cached_graph.call(self._identity, (), self._run, (args, self.aux_arrays), ())

    def _run(self, args: Sequence[Any], states: Sequence[Any]) -> list[Any]:
        arrays = [*args, *states]
        if self._group2ctx:
            arrays = [x.as_in_context(self._ctx) for x in arrays]
        values = dict(zip((*self._arguments, *self._states), arrays))
        if len(values) < len(args) + len(states):
            raise MXNetError(f"arguments of one name: {self._arguments}")
        return evaluate(self._symbol, values, None, self._shown(), bool(self._monitor_all))

    def _shown(self) -> Monitor | None:
        """The monitor for names that are text: as in MXNet the user's gets bytes."""
        callback = self._monitor_callback
        return None if callback is None else lambda name, x: callback(name.encode(), x)

    def backward(self, out_grads: Any = None, is_train: bool = True) -> None:
        """Compute the gradients of the arguments, into their arrays.

        out_grads: the cotangents of the outputs, an array, a list or a dictionary; None where all are losses.
        is_train: whether a forward pass that is done here, as there was none before, behaves as in training. After one
            in prediction the gradients are those of prediction.

        TypeError for what is no array; MXNetError where an output that is no loss has no cotangent.
        """
        given = self._cotangents(out_grads)
        if self._recorded is None:
            with autograd.record(train_mode=is_train and not self._predicted):
                self._recorded = self._pass(True)
        made, self._recorded = [x.recorded() if isinstance(x, Composite) else x for x in self._recorded], None
        given += [None] * (len(made) - len(given))
        given = [g if g is None or g.dtype == x.dtype else g.astype(x.dtype) for x, g in zip(made, given)]
        heads = [(x, g) for x, g in zip(made, given) if is_head(x._value, None if g is None else g.shape)]
        for x, g in heads:
            if g is None and not ignores_head(x._value):
                raise MXNetError("Because the last operator is not Loss function, head_gradient is required when "
                                 "calling backward. If you are attempting to minimize the output as an objective, "
                                 "please modify your network and pass it through the make_loss symbol.")
        for variable in self._variables:
            if variable is not None:
                variable.fresh = False
        if heads:
            autograd.backward([x for x, _ in heads], [g for _, g in heads])
        for variable in self._variables:
            if variable is not None and not variable.fresh and variable.request == "write":
                if variable.composite:
                    variable.grad.receive([], False)
                else:
                    variable.grad[()] = 0  # the outputs do not depend on it

    def _cotangents(self, given: Any) -> list[Any]:
        if given is None:
            return []
        if isinstance(given, dict):
            given = [given[name] for name in self._symbol.list_outputs()]
        found = [given] if isinstance(given, NDArray) else list(given)
        if not all([isinstance(g, NDArray) for g in found]):
            raise TypeError("inputs must be NDArray")
        return found

    def set_monitor_callback(self, callback: Monitor, monitor_all: bool = False) -> None:
        """Have `callback` called with the name and the array of each node's output; a pass is then no cached graph.

        callback: a function of the name, which is bytes, and the array.

        monitor_all: whether it is called with each node's inputs, too.
        """
        self._monitor_callback = callback
        self._monitor_all = monitor_all

    # ---- other shapes ----------------------------------------------------------------------------

    def reshape(self, partial_shaping: bool = False, allow_up_sizing: bool = False, **kwargs: Any) -> Executor:
        """A new executor for other shapes of some arguments, which shares the arrays; a smaller one is a part of them.

        partial_shaping: whether arguments that are not named may change their shape.
        allow_up_sizing: whether arrays may grow.
        kwargs: shapes by name.

        MXNetError for a change that is not allowed.
        """
        shapes, outputs, states = self._symbol.infer_shape(**kwargs)
        if shapes is None:
            raise MXNetError(f"Insufficient argument shapes provided: {kwargs}")
        for name, array, shape in zip((*self._arguments, *self._states), (*self.arg_arrays, *self.aux_arrays),
                                      (*shapes, *states)):
            if shape == array.shape:
                continue
            if name not in kwargs and not partial_shaping:
                raise MXNetError(f"Shape of unspecified array arg: {name} changed. This can cause the new executor to "
                                 "not share parameters with the old one. Please check for error in the network. If "
                                 "this is intended, set partial_shaping=True to suppress this warning.")
            if np.prod(shape) > array.size and not allow_up_sizing:
                raise MXNetError(f"New shape of arg: {name} is larger than original.First making a big executor and "
                                 "then down sizing it is more efficient than the reverse.If you really want to up "
                                 "size, set allow_up_sizing=True to enable allocation of new arrays.")
        grads = None if self.grad_arrays is None else \
            [None if g is None else _of_shape(g, shape) for g, shape in zip(self.grad_arrays, shapes)]
        made = Executor(self._symbol, self._ctx, self._grad_req,
                        [_of_shape(x, shape) for x, shape in zip(self.arg_arrays, shapes)], grads, self._requests,
                        [_of_shape(x, shape) for x, shape in zip(self.aux_arrays, states)],
                        [_of_shape(x, shape) for x, shape in zip(self.outputs, outputs)], self._group2ctx)
        made._monitor_callback, made._monitor_all = self._monitor_callback, self._monitor_all
        return made

    def debug_str(self) -> str:
        """The graph as text."""
        return self._symbol.debug_str()


def _by_name(names: Sequence[str], arrays: Sequence[Any]) -> dict[str, Any]:
    if len(set(names)) < len(names):
        raise ValueError(f"Duplicate names detected, {names}")
    return dict(zip(names, arrays))


def _of_shape(array: Any, shape: tuple[int, ...]) -> Any:
    """The array itself; an array of another shape in its memory, if that is large enough; else zeros."""
    if array.shape == shape:
        return array
    size = int(np.prod(shape))
    if not 0 < size <= array.size:
        return blank(shape, array.context, array.dtype)
    return array.reshape((-1,))[:size].reshape(shape)


def _variable(array: Handle, variable: Variable) -> Handle:
    """A handle of the array's value that is a variable of this executor alone."""
    if isinstance(array, BaseSparseNDArray):
        return array._like(Dense(_variable(array.dense(), variable)))  # type: ignore[arg-type]
    value: Value = another(array._value)
    value.make_variable(variable)
    return wrap(type(array), value)


def _rebound(old: Any, new: Any) -> Any:
    """The handle `old`, which a user may have kept, bound to the value of `new`; `new` if it has another form."""
    if isinstance(old, Composite) or isinstance(new, Composite):
        return new
    if old._value.aval is not new._value.aval or type(old) is not type(new):
        return new
    if old._base is None and old._views is None:
        old._value = new._value
    else:  # executors made of each other by `reshape` share their outputs
        old._rebind(another(new._value))
    return old

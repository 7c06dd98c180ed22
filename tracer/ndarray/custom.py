"""`mx.nd.Custom`: the call of an operation that a user wrote in Python (tracer/operator.py)."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

import numpy as np

from tracer.array.nd_array import NDArray
from tracer.autodiff.custom_function import CustomCall, entered
from tracer.autodiff.scopes import pause
from tracer.context import Context
from tracer.core.invoke import pending, wrap
from tracer.core.surface import assign
from tracer.core.trace import Value, computed, current, node_of
from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.node import stop
from tracer.sparse.arrays import from_dense
from tracer.sparse.base import BaseSparseNDArray
from tracer.sparse.forms import Dense, Rows

from .creation import empty

__all__ = ["Custom"]

#: The registered operations: the class of each one's properties, and the flavour of the arrays that its code is given.
REGISTERED: dict[str, tuple[Any, type]] = {}

#: The numbers by which MXNet knows element types; `create_operator` is given them.
_TYPE_NUMBERS = {np.dtype(name): number for number, name in enumerate(
    ("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool"))}


def Custom(*data: Any, op_type: str | None = None, out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """The outputs of a registered operation: an array, or a list of several.

    data: the arrays, arguments first and auxiliary states last; some or all may be given by their names.
    op_type: the name that the operation was registered under.
    out: the array, or list of arrays, to write the result into.
    kwargs: keywords of the class of properties, which receives them as strings.

    MXNetError for an unknown operation, and for a wrong number, shape, type or storage type of arrays. An error in the
    user's code is the cause of an MXNetError.

    Sparse arrays are given to operations whose `infer_storage_type` allows them. `infer_storage_type_backward` is told
    that the outputs' gradients are dense; they are converted to the storage types that it answers.
    """
    if not op_type:
        raise MXNetError("Required argument `op_type` is missing.")
    if op_type not in REGISTERED:
        raise MXNetError(f"Cannot find custom operator {op_type}: register it by mx.operator.register({op_type!r})")
    current().trace.note_python(f"the custom operator {op_type}")
    made = _Call(op_type, list(data), kwargs).result()
    return made if out is None else assign(out, made)


class _Call:
    """One call of a registered operation.

    kind: its name.
    data, keywords: the arguments of `Custom`.
    """

    def __init__(self, kind: str, data: list[Any], keywords: dict[str, Any]) -> None:
        properties, self.flavour = REGISTERED[kind]
        self.kind = kind
        named = {name: x for name, x in keywords.items() if isinstance(x, NDArray)}
        self.prop = properties(**{name: str(x) for name, x in keywords.items() if name not in named})
        names = [*self.prop.list_arguments(), *self.prop.list_auxiliary_states()]
        for one in names[len(data):]:
            if one in named:
                data.append(named.pop(one))
        if len(data) != len(names) or named:
            raise MXNetError(f"Operator Custom ({kind}) expects {len(names)} inputs ({', '.join(names)}), but got "
                             f"{len(data) + len(named)} instead.")
        for one in data:
            if not isinstance(one, NDArray):
                raise TypeError(f"custom operator {kind}: inputs are arrays, got {type(one).__name__}")
        self.arguments = data[:len(self.prop.list_arguments())]
        self.states = data[len(self.arguments):]
        self.dependencies = self._dependencies()

    def _dependencies(self) -> set[int]:
        """The numbers of the arrays that the backward is given: outputs' gradients, arguments, outputs."""
        ins, outs = len(self.arguments), len(self.prop.list_outputs())
        numbers = list(range(2 * outs + ins))
        return set(self.prop.declare_backward_dependency(numbers[:outs], numbers[outs:outs + ins],
                                                         numbers[outs + ins:]))

    # ---- shapes, types and storage types ---------------------------------------------------------

    def _inferred(self, what: str, given: list[Any]) -> list[list[Any]]:
        """The answers of `infer_shape` and its kin for arguments, outputs and auxiliary states."""
        found = self._guarded(what, getattr(self.prop, what), given)
        if len(found) not in (2, 3):
            raise MXNetError(f"custom operator {self.kind}: {what} must return 2 or 3 lists, got {len(found)}")
        parts = [list(part) for part in found] + [[]] * (3 - len(found))
        expected = (len(self.arguments), len(self.prop.list_outputs()), len(self.states))
        for part, wanted, kind in zip(parts, expected, ("argument", "output", "auxiliary state")):
            if len(part) != wanted:
                raise MXNetError(f"custom operator {self.kind}: {what}: expecting {wanted} entries for {kind}s, got "
                                 f"{len(part)}")
        return parts

    def _checked(self, what: str, inferred: Sequence[Any], provided: Sequence[Any]) -> None:
        """Raise MXNetError where inputs differ from what was inferred for them."""
        for wanted, x in zip(inferred, provided):
            if wanted != x:
                raise MXNetError(f"custom operator {self.kind}: {what} inconsistent, Provided = {x}, "
                                 f"inferred {what} = {wanted}")

    def _outputs(self) -> list[Any]:
        """Arrays for the outputs, of zeros."""
        inputs = [*self.arguments, *self.states]
        ins, outs, states = self._inferred("infer_shape", [list(x.shape) for x in self.arguments])
        self._checked("shape", [tuple(s) for s in (*ins, *states)], [x.shape for x in inputs])
        in_types, types, state_types = self._inferred("infer_type", [np.dtype(x.dtype).type for x in self.arguments])
        self._checked("type", [np.dtype(t) for t in (*in_types, *state_types)], [np.dtype(x.dtype) for x in inputs])
        in_stypes, stypes, state_stypes = self._inferred("infer_storage_type", [x.stype for x in self.arguments])
        self._checked("storage type", (*in_stypes, *state_stypes), [x.stype for x in inputs])
        return [self._zeros(tuple(shape), *kind) for shape, *kind in zip(outs, types, stypes)]

    def _zeros(self, shape: tuple[int, ...], dtype: Any, stype: str = "default") -> Any:
        made = wrap(self.flavour, empty(shape, ctx=self.context, dtype=dtype)._value)
        return _converted(made, stype)

    def _backward_stypes(self, outputs: Sequence[Any], grads: list[str]) -> tuple[list[str], list[str]]:
        """The storage types that the backward is given the outputs' gradients in, and those of its results.

        grads: those of the arrays that take the results.
        """
        what, kinds = "infer_storage_type_backward", ("output gradient", "argument", "output", "gradient", "state")
        given = [["default"] * len(outputs), *[[x.stype for x in group] for group in (self.arguments, outputs)], grads,
                 [x.stype for x in self.states]]
        found = self._guarded(what, self.prop.infer_storage_type_backward, *[[*stypes] for stypes in given])
        if len(found) != 5:
            raise MXNetError(f"custom operator {self.kind}: {what} must return 5 lists, got {len(found)}")
        for kind, inferred, provided in zip(kinds, found, given):
            if len(inferred) != len(provided):
                raise MXNetError(f"custom operator {self.kind}: {what}: expecting {len(provided)} entries for {kind}s, "
                                 f"got {len(inferred)}")
        for inferred, provided in zip(found[1:], given[1:]):
            asked = [stype != "undefined" for stype in provided]
            self._checked("storage type", [*compress(inferred, asked)], [*compress(provided, asked)])
        return list(found[0]), list(found[3])

    # ---- the user's code -------------------------------------------------------------------------

    def result(self) -> Any:
        """Run the forward; the outputs have the operation's backward on the tape."""
        trace = current().trace
        recording, training = trace.recording, trace.training
        inputs = [*self.arguments, *self.states]
        self.context: Context = inputs[0].context if inputs else Context.default_ctx
        with pause(train_mode=training):
            outputs = self._outputs()
            self.operator = self._guarded("create_operator", self.prop.create_operator, self.context,
                                          [list(x.shape) for x in inputs],
                                          [_TYPE_NUMBERS[np.dtype(x.dtype)] for x in inputs])
            self._run("forward", is_train=int(training), req=["write"] * len(outputs),
                      in_data=self._given(self.arguments), out_data=outputs, aux=self._aux())
        flavour = type(inputs[0]) if inputs and not isinstance(inputs[0], BaseSparseNDArray) else NDArray
        taken = [_value_of(x) for x in self.arguments] if recording else []
        if any([v.history for v in taken]):
            call = CustomCall(taken, [_value_of(y).aval for y in outputs], self._backward(taken, outputs))
            results = [_with_value(flavour, y, entered(_value_of(y), call, i)) for i, y in enumerate(outputs)]
        else:
            results = [y if isinstance(y, BaseSparseNDArray) else wrap(flavour, y._value) for y in outputs]
        return results[0] if len(results) == 1 else results

    def _backward(self, inputs: list[Value], outputs: Sequence[Any]) -> Callable[[list[Value]], list[Value | None]]:
        """The function from the outputs' cotangents to the arguments', for the tape.

        inputs: the values of the arguments.
        outputs: the arrays that the forward wrote.
        """
        training = current().trace.training
        wanted = [bool(v.history) for v in inputs]
        taking = [getattr(x.grad, "stype", "default") if w else "undefined" for x, w in zip(self.arguments, wanted)]
        arrays = [*self._given(self.arguments), *self._given(outputs)]

        def run(cotangents: list[Value]) -> list[Value | None]:
            with pause(train_mode=training):
                stypes, grad_stypes = self._backward_stypes(outputs, taking)
                heads = [wrap(self.flavour, _constant(v)) for v in cotangents]
                given = [*[_converted(x, stype) for x, stype in zip(heads, stypes)], *arrays]
                for i, _ in enumerate(given):
                    if i not in self.dependencies:
                        given[i] = self._zeros((), np.float32)
                grads = [self._zeros(v.aval.shape, v.aval.dtype, stype if w else "default")
                         for v, stype, w in zip(inputs, grad_stypes, wanted)]
                ins, outs = len(inputs), len(outputs)
                self._run("backward", req=["write" if w else "null" for w in wanted], out_grad=given[:outs],
                          in_data=given[outs:outs + ins], out_data=given[outs + ins:], in_grad=grads, aux=self._aux())
            return [_value_of(g) if w else None for g, w in zip(grads, wanted)]

        return run

    def _run(self, what: str, **arguments: Any) -> None:
        with self.context:
            self._guarded(what, getattr(self.operator, what), **arguments)

    def _guarded(self, what: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The result of a user's function; its error is the cause of an MXNetError, as in MXNet."""
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise MXNetError(f"Error in {what} of custom operator {self.kind}: {type(error).__name__}: "
                             f"{error}") from error

    def _given(self, arrays: Sequence[Any]) -> list[Any]:
        """The arrays as the user's code is given them, without a history of their own."""
        return [x.detach() if isinstance(x, BaseSparseNDArray) else wrap(self.flavour, _constant(x._value))
                for x in arrays]

    def _aux(self) -> list[Any]:
        """The auxiliary states, in the flavour of the user's code: what this writes, the caller's arrays have."""
        if self.flavour is NDArray:
            return [x if type(x) is NDArray else x.as_nd_ndarray() for x in self.states]
        return [x.as_np_ndarray() for x in self.states]


def _value_of(array: Any) -> Value:
    """The value of an array, of a sparse one the value of the whole array."""
    return array.dense()._value if isinstance(array, BaseSparseNDArray) else array._value


def _with_value(flavour: type, array: Any, value: Value) -> Any:
    """An array like the given one, with a value that has the same elements and a history."""
    if not isinstance(array, BaseSparseNDArray):
        return wrap(flavour, value)
    form = array._form
    return array._like(Dense(wrap(NDArray, value), places=form.indices if isinstance(form, Rows) else None))


def _converted(array: Any, stype: str) -> Any:
    """A dense array in a storage type."""
    return array if stype == "default" else from_dense(array, stype)


def _constant(value: Value) -> Value:
    """A value with the same elements, which derivatives treat as a constant."""
    if not value.history and value.variable is None:
        return value
    if value.buffer is not None and value.rest is None:
        return computed(value.aval, value.buffer)
    return pending(stop(node_of(value)))

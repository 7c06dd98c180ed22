"""`mx.nd.Custom`: the call of an operation that a user wrote in Python (tracer/operator.py)."""
from __future__ import annotations

from collections.abc import Callable, Sequence
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

from .creation import full

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

    MXNetError for an unknown operation, and for a wrong number, shape or type of arrays. An error in the user's code
    is the cause of an MXNetError.
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

    # ---- shapes and types ------------------------------------------------------------------------

    def _inferred(self, what: str, given: list[Any]) -> list[list[Any]]:
        """The answers of `infer_shape` or `infer_type` for arguments, outputs and auxiliary states."""
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
        return [self._zeros(tuple(shape), dtype) for shape, dtype in zip(outs, types)]

    def _zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return wrap(self.flavour, full(shape, 0, ctx=self.context, dtype=dtype)._value)

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
                      in_data=self._given([x._value for x in self.arguments]), out_data=outputs, aux=self._aux())
        values = [y._value for y in outputs]
        flavour = type(inputs[0]) if inputs else NDArray
        if recording and any([x._value.history for x in self.arguments]):
            taken = [x._value for x in self.arguments]
            call = CustomCall(taken, [v.aval for v in values], self._backward(taken, values))
            values = [entered(v, call, i) for i, v in enumerate(values)]
        results = [wrap(flavour, v) for v in values]
        return results[0] if len(results) == 1 else results

    def _backward(self, inputs: list[Value], outputs: list[Value]) -> Callable[[list[Value]], list[Value | None]]:
        """The function from the outputs' cotangents to the arguments', for the tape."""
        training = current().trace.training
        wanted = [bool(v.history) for v in inputs]

        def run(cotangents: list[Value]) -> list[Value | None]:
            with pause(train_mode=training):
                given = self._given([*cotangents, *inputs, *outputs])
                for i, _ in enumerate(given):
                    if i not in self.dependencies:
                        given[i] = self._zeros((), np.float32)
                grads = [self._zeros(v.aval.shape, v.aval.dtype) for v in inputs]
                ins, outs = len(inputs), len(outputs)
                self._run("backward", req=["write" if w else "null" for w in wanted], out_grad=given[:outs],
                          in_data=given[outs:outs + ins], out_data=given[outs + ins:], in_grad=grads, aux=self._aux())
            return [g._value if w else None for g, w in zip(grads, wanted)]

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

    def _given(self, values: Sequence[Value]) -> list[Any]:
        """Arrays that the user's code is given, which have no history of their own."""
        return [wrap(self.flavour, _constant(v)) for v in values]

    def _aux(self) -> list[Any]:
        """The auxiliary states, in the flavour of the user's code: what this writes, the caller's arrays have."""
        if self.flavour is NDArray:
            return [x if type(x) is NDArray else x.as_nd_ndarray() for x in self.states]
        return [x.as_np_ndarray() for x in self.states]


def _constant(value: Value) -> Value:
    """A value with the same elements, which derivatives treat as a constant."""
    if not value.history and value.variable is None:
        return value
    if value.buffer is not None and value.rest is None:
        return computed(value.aval, value.buffer)
    return pending(stop(node_of(value)))

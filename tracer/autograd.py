"""`mx.autograd`: scopes, gradients, and user-defined functions."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.graph import substitute, toposort
from tracer.ops.ir.node import Node, depend, leaf_op, scalar_op, stop

from .autodiff.backward import Backward
from .autodiff.custom_function import CustomCall, entered
from .autodiff.scopes import (
    is_recording,
    is_training,
    pause,
    predict_mode,
    record,
    set_recording,
    set_training,
    train_mode,
)
from .base import as_list
from .core.flush import compute
from .core.history import NOT_IN_GRAPH, GradientHistory, free, histories_of, history_of, hooked
from .core.invoke import Composite, Handle, add_values, cast_value, pending, wrap
from .core.segment import Segment
from .core.trace import Value, computed, current, effects, node_of

__all__ = ["Function", "backward", "get_symbol", "grad", "is_recording", "is_training", "mark_variables", "pause",
           "predict_mode", "record", "set_recording", "set_training", "train_mode"]


# ---- variables -----------------------------------------------------------------------------------

class Variable:
    """The destination of a marked array's gradient.

    grad: the array that holds the gradient.
    request: "write" or "add".
    fresh: whether a backward has written it; Gluon's trainer reads this and resets it after use.
    name: the name of the parameter whose array it is, for errors.
    composite: whether `grad` is a sparse array, which takes the gradient in its own way.
    """

    __slots__ = ("grad", "request", "fresh", "name", "composite")

    def __init__(self, grad: Any, request: str) -> None:
        self.grad = grad
        self.request = request
        self.fresh = False
        self.name = ""
        self.composite = isinstance(grad, Composite)


_REQUESTS = {0: "null", 1: "write", 2: "write", 3: "add",
             "null": "null", "write": "write", "inplace": "write", "add": "add"}


def mark_variables(variables: Any, gradients: Any, grad_reqs: str | Sequence[str] = "write") -> None:
    """Mark arrays as variables of autograd, each with an array for its gradient.

    variables: an array or a sequence of arrays.
    gradients: the arrays that receive the gradients, of the variables' shapes (MXNetError otherwise).
    grad_reqs: "write", "add" or "null" for all, or one for each variable. KeyError for another word.

    ValueError when the sequences' lengths differ.
    """
    if isinstance(variables, Handle):
        variables, gradients = [variables], [gradients]
    if isinstance(grad_reqs, str):
        grad_reqs = [grad_reqs] * len(variables)
    if not len(variables) == len(gradients) == len(grad_reqs):
        raise ValueError(f"mark_variables: {len(variables)} variables, {len(gradients)} gradients, "
                         f"{len(grad_reqs)} requests")
    for variable, gradient, request in zip(variables, gradients, grad_reqs, strict=True):
        if request not in _REQUESTS:
            raise KeyError(f"grad_req must be one of 'null', 'write', 'add', got {request!r}")
        if gradient.shape != variable.shape:
            raise MXNetError(f"gradient of shape {gradient.shape} for a variable of shape {variable.shape}")
        null = _REQUESTS[request] == "null"
        if isinstance(variable, Composite):
            variable._variable = None if null else Variable(gradient, _REQUESTS[request])
            attach(variable.dense(), variable._variable)
            continue
        attach(variable, None if null else Variable(gradient, _REQUESTS[request]))
        variable._idle_grad = gradient if null else None


def attach(handle: Handle, variable: Variable | None) -> None:
    """Make `handle` a variable, or an ordinary array for None; inside `record()` it is detached from its history.

    Outside, a recorded value keeps its history, as in MXNet 2: a backward stores its gradient and goes on through it.
    """
    current().trace.refuse("attaches a gradient")
    next(effects)
    old, trace = handle._value, current().trace
    if old.history and old.variable is None and not trace.recording:
        old.retained = variable
        handle._variable = variable
        if old.trace is trace:
            trace.retained[old.node] = old  # type: ignore[index]
        elif isinstance(old.entry, Segment):
            old.entry.retained[old.slot] = old
        return
    if old.trace is trace:
        value = trace.new(stop(old.node), None, old.line)  # type: ignore[arg-type]
    else:
        if old.rest is not None or old.recipe is not None or old.late is not None:
            compute(old)  # an unfinished run, a recipe and so on compute their own values only, not one made here
        value = computed(old.aval, old.buffer)
        if old.buffer is None:
            value.node, value.trace, value.error = old.node, old.trace, old.error
    if variable is not None:
        value.make_variable(variable)
        if old.trace is trace:
            trace.recorded_node_of(value)
    handle._value = value
    handle._variable = variable


# ---- gradients -----------------------------------------------------------------------------------

def _heads(heads: Any, head_grads: Any) -> tuple[list[Value], list[Value | None]]:
    values = [_value_of(h) for h in (heads if type(heads) is list else as_list(heads))]
    if not values:
        raise MXNetError("no heads: there are no inputs in computation graph that require gradients")
    for v in values:
        if v.error is not None:
            raise v.error
        if v.variable is None and not _differentiable(v):
            raise MXNetError(NOT_IN_GRAPH)
    if len(values) == 1 and (head_grads is None or type(head_grads) is list and head_grads[0] is None):
        return values, [None]
    return _paired(values, head_grads)


def _paired(values: list[Value], head_grads: Any) -> tuple[list[Value], list[Value | None]]:
    """The heads without duplicates, and their cotangents."""
    if head_grads is None or type(head_grads) is list and all([g is None for g in head_grads]):
        return list(dict.fromkeys(values)), [None] * len(set(values))
    given = as_list(head_grads)
    if len(given) != len(values):
        raise AssertionError("heads and head_grads must be lists of the same length: "
                             f"{len(values)} vs. {len(given)}")
    grads = [None if g is None else _value_of(g) for g in given]
    for v, g in zip(values, grads, strict=True):
        if g is not None and g.aval.shape != v.aval.shape:
            raise MXNetError(f"head gradient of shape {g.aval.shape} for a head of shape {v.aval.shape}")
    last = dict(zip(values, grads, strict=True))  # for a head given twice the last cotangent counts, as in MXNet
    return list(last), list(last.values())


def _value_of(x: Any) -> Value:
    if isinstance(x, Handle):
        return x._whole
    raise _no_array(x)


def _no_array(x: Any) -> TypeError:
    return TypeError(f"heads and head gradients are arrays, got {type(x).__name__}")


def _differentiable(value: Value) -> bool:
    if value.history and value.entry is None and value.trace is not current().trace:
        compute(value)  # pending in another thread's trace: computing it makes an entry of the tape
    return bool(value.history)


def backward(heads: Any, head_grads: Any = None, retain_graph: bool = False, train_mode: bool = True) -> None:
    """Compute the gradients of `heads` into the `.grad` of all variables that they were computed from.

    heads: an array or a list of arrays.
    head_grads: their cotangents (None: ones), of the same shapes.
    retain_graph: whether the recorded graph is kept for another backward.

    MXNetError for a head that was not recorded, or whose graph a backward has already consumed.
    """
    values, grads = _heads(heads, head_grads)
    histories = histories_of(values)
    passed = hooked(histories, values)
    back = _propagate(values, grads)
    totals: list[tuple[Any, Value]] = []
    for variable, parts in back.gradients.items():
        if variable.composite:
            variable.grad.receive(parts, variable.request == "add")
            variable.fresh = current().trace.updated = True
            continue
        total, old = add_values(parts), variable.grad._value
        if total.aval.dtype != old.aval.dtype:  # as in MXNet's gradient of softmax; most of its others refuse that
            total = cast_value(total, old.aval.dtype)
        if variable.request == "add":
            total = add_values([old, total])
        totals.append((variable, total))
    if not retain_graph:
        free(histories, back.visited)
    for variable, total in totals:
        if total.buffer is None:
            current().trace.updated = True
        variable.grad._rebind(total)
        variable.fresh = True
    trace = current().trace
    if trace.updated:
        trace.gradients += back.gradients
    for hook in passed:
        hook()


def _propagate(values: list[Value], grads: list[Value | None], create_graph: bool = False) -> Backward:
    trace = current().trace
    before = trace.recording, trace.training
    trace.recording = False
    back = Backward(create_graph)
    try:
        back.run(values, grads)
    finally:
        trace = current().trace
        trace.recording, trace.training = before
    return back


def grad(heads: Any, variables: Any, head_grads: Any = None, retain_graph: bool | None = None,
         create_graph: bool = False, train_mode: bool = True) -> list[Any]:
    """The gradients of `heads` with respect to `variables`, as a list of new arrays; `.grad` is left unchanged.

    heads, head_grads: as in `backward`.
    variables: an array or a list of arrays with attach_grad() called on each (MXNetError otherwise).
    retain_graph: whether the recorded graph is kept for another backward; None: if create_graph.
    create_graph: record the gradients' own computation, so that they can be differentiated again.

    MXNetError also where the heads do not depend on one of the variables.
    """
    wanted = [variables] if isinstance(variables, Handle) else list(variables)
    if not wanted:
        raise AssertionError("variables cannot be an empty list.")
    for v in wanted:
        if v._variable is None:
            raise MXNetError("autograd.grad: a variable has no gradient attached: call attach_grad() first")
    values, grads = _heads(heads, head_grads)
    retain = create_graph if retain_graph is None else retain_graph
    histories = histories_of(values)
    passed = hooked(histories, values)
    whole = GradientHistory(history_of(values) or ())
    if create_graph:
        values = [replay(v) for v in values]
    back = _propagate(values, grads, create_graph)
    reached = dict.fromkeys([n for h in values for n in node_of(h).reach]) if create_graph else ()
    out = []
    for v in wanted:
        parts = back.gradients.get(v._variable)
        if parts is None:
            raise MXNetError("autograd.grad: the heads do not depend on one of the variables")
        total = add_values(parts)
        if create_graph:  # a constant gradient is a function of the heads' variables too
            total = pending(depend(node_of(total), *reached), whole)
        out.append(wrap(type(v), total))
    if not retain:
        free(histories, back.visited)
    for hook in passed:
        hook()
    return out


def replay(value: Value) -> Value:
    """`value` recomputed in this trace from the segments that it came from, so that its gradient is a graph."""
    if value.variable is not None:
        return value
    done: dict[Value, Node] = {}
    stack = [value]
    while stack:  # no recursion: a loop may have left thousands of segments
        v = stack[-1]
        needed = _needs(v)
        missing = [w for w in needed.values() if w not in done]
        if missing:
            stack += missing
            continue
        stack.pop()
        if v not in done:
            mapping = {n: done[w] for n, w in needed.items()}
            done[v] = _rebuilt(v, mapping)
    return pending(done[value], history_of([value]))


def _segment(value: Value) -> Segment | None:
    entry = value.entry
    return entry if isinstance(entry, Segment) and value.variable is None else None


def _needs(value: Value) -> dict[Node, Value]:
    """The nodes of `value`'s graph that stand for values earlier on the tape, and these values."""
    segment = _segment(value)
    if segment is None:
        known = current().trace.targets
        reach = () if value.trace is not current().trace else value.node.reach  # type: ignore[union-attr]
        return {n: known[n] for n in reach if n in known and known[n] is not value and _segment(known[n])}
    inner = segment.kept.heads[value.slot]
    needed = {n: segment.leaves[n.attrs[1]] for n in toposort([inner]) if n.op is leaf_op}
    known = dict(zip(segment.kept.targets, segment.targets, strict=True))
    return needed | {n: known[n] for n in inner.reach if n in known}


def _rebuilt(value: Value, mapping: dict[Node, Node]) -> Node:
    segment = _segment(value)
    if segment is None:
        return substitute([node_of(value)], mapping)[0] if mapping else node_of(value)
    inner = segment.kept.heads[value.slot]
    number, scalars = current().trace.number, segment.scalars
    numbers = {n: number(scalars[n.attrs[1]]) for n in toposort([inner]) if n.op is scalar_op}
    return substitute([inner], mapping | numbers)[0]


# ---- user-defined functions ----------------------------------------------------------------------

class Function:
    """A function with a user-defined gradient: subclass it, and define `forward` and `backward` on arrays.

    `backward` takes the cotangents of forward's outputs and returns those of its inputs, None for an input without
    one. In both, operations are not recorded, so any code may be used, NumPy included. An instance can be called
    once; a second call raises AssertionError.
    """

    def __init__(self) -> None:
        self._used = False
        self.saved_tensors: Any = ()

    def save_for_backward(self, *args: Any) -> None:
        """Keep arrays for `backward`, which finds them in `saved_tensors`."""
        self.saved_tensors = args

    def forward(self, *inputs: Any) -> Any:
        """The function's value: an array, or a tuple or list of arrays."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def backward(self, *output_grads: Any) -> Any:
        """The inputs' cotangents, from those of the outputs."""
        raise NotImplementedError(f"{type(self).__name__} defines no backward")

    def __call__(self, *inputs: Any) -> Any:
        assert not self._used, ("Each Function instance can only be called once. "
                                "Please create another instance.")
        self._used = True
        current().trace.note_python(f"the autograd.Function {type(self).__name__}")
        recording = current().trace.recording
        with pause(train_mode=current().trace.training):
            outputs = self.forward(*inputs)
        if not recording:
            return outputs
        many = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        arrays = [x for x in inputs if isinstance(x, Handle)]
        if not any([x._value.history for x in arrays]):
            return outputs
        flavour = type(many[0])
        call = CustomCall([x._value for x in arrays], [y._value.aval for y in many], self._runner(arrays, flavour))
        results = [wrap(type(y), entered(y._value, call, i)) for i, y in enumerate(many)]
        return type(outputs)(results) if isinstance(outputs, (list, tuple)) else results[0]

    def _runner(self, arrays: list[Any], flavour: type) -> Any:
        def run(cotangents: list[Value]) -> list[Value | None]:
            with pause(train_mode=current().trace.training):
                grads = self.backward(*[wrap(flavour, g) for g in cotangents])
            grads = list(grads) if isinstance(grads, (list, tuple)) else [grads]
            if len(grads) != len(arrays):
                raise MXNetError(f"{type(self).__name__}.backward must return exactly the same number of "
                                 f"arrays as forward has inputs: {len(arrays)}, got {len(grads)}")
            return [None if g is None else g._value for g in grads]

        return run


#: The symbol of what was recorded to compute an array; symbol/recorded.py sets it.
get_symbol: Callable[[Any], Any]

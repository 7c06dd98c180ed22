"""Symbols of recorded arrays: the public calls behind a pending value are found in the call cache, and made again of
symbols. `autograd.get_symbol` and the export of blocks that define `forward` use this.

Equal computations share a node, and so have one symbol: that of the call that was made first (`x ** 2` or `square(x)`).
"""
from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tracer.ops.declare.public import Function
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, is_number, leaf_op, mark_op, scalar_op, stop_op

from .. import autograd
from ..base import MXNetError
from ..core.call_cache import CALL_CACHE, CachedCall
from ..core.segment import Segment
from ..core.trace import Trace, Value, current
from ..name import NameManager
from ..ndarray import NDArray
from ..numpy import ndarray
from . import numpy, numpy_extension
from .namespaces import GENERATED
from .numpy.symbol import _Symbol
from .symbol import Symbol
from .variables import var

Inputs = Callable[[Node], Symbol | None]


class _Numbered(NameManager):
    """The names of nodes that are made of recorded calls: node_0, node_1, ..."""

    def get(self, name: str | None, hint: str) -> str:
        return super().get(name, "node_")


def symbols_of(trace: Trace, heads: Iterable[Any], input_of: Inputs) -> list[Symbol]:
    """The symbols of arrays that a trace has recorded.

    heads: the arrays.
    input_of: the symbol of a node that is an input of the graph, or None for one that was computed.

    MXNetError for an array that no public call has made; NotImplementedError for a call without an operator.
    """
    heads = list(heads)
    graph = _Graph(trace.scalars, input_of, any([isinstance(x, ndarray) for x in heads]))
    with _Numbered():
        return [graph.symbol(trace.node_of(x._value)) for x in heads]


class _Graph:
    """The symbols of the nodes of a trace."""

    def __init__(self, scalars: Sequence[float | int], input_of: Inputs, numpy_first: bool) -> None:
        self.scalars, self.input_of, self.numpy_first = scalars, input_of, numpy_first
        self.symbols: dict[Node, Symbol] = {}
        self.calls: dict[Node, CachedCall] = {}
        for call in [*CALL_CACHE.values()]:
            if type(call) is CachedCall:
                for node in [call.result] if type(call.result) is Node else call.result:
                    self.calls.setdefault(node, call)

    def symbol(self, head: Node) -> Symbol:
        """The symbol of a node, after those of all nodes below."""
        stack = [head]
        while stack:
            node = stack[-1]
            if node in self.symbols:
                stack.pop()
                continue
            found = self.input_of(node)
            if found is not None:
                self.symbols[node] = found
                continue
            call = self.calls.get(node)
            if call is None and node.op in (stop_op, mark_op):
                if node.inputs[0] in self.symbols:
                    self.symbols[node] = self.symbols[node.inputs[0]]
                stack.append(node.inputs[0])
                continue
            if call is None or node.op is leaf_op or node in call.nodes:
                raise MXNetError(f"an array of shape {node.aval.shape} was made by no recorded public function "
                                 "(a hybridized block, or a value that has been read): its symbol is not known")
            below = [n for n in call.nodes if n is not None and not is_number(n) and n not in self.symbols]
            if below:
                stack += below[::-1]
            else:
                self._make(call)
        return self.symbols[head]

    def _make(self, call: CachedCall) -> None:
        """Make the symbols of a call's results of those of its operands."""
        function: Function = call.function
        operands = [self._operand(n) for n in call.nodes]
        defaults = {k: p.default for k, p in function.signature.parameters.items()}
        statics = {k: v for k, v in zip(function.statics, call.statics) if v is not defaults[k] and v != defaults[k]}
        if function.name in _WRITTEN:
            made = _WRITTEN[function.name](call, *operands, **dict(zip(function.statics, call.statics)))
        else:
            made = _called(function, operands, statics, self.numpy_first)
        nodes = [call.result] if type(call.result) is Node else call.result
        for node, one in zip(nodes, [made] if len(nodes) == 1 else [*made]):
            self.symbols[node] = one

    def _operand(self, node: Node | None) -> Any:
        if node is None or node in self.symbols:
            return None if node is None else self.symbols[node]
        if node.op is scalar_op:
            return self.scalars[node.attrs[1]]
        text, dtype = node.attrs[:2]
        return bool(node.attrs[0]) if str(dtype) == "bool" else float(text)


def _called(function: Function, operands: list[Any], statics: dict[str, Any], numpy_first: bool) -> Any:
    """The result of a declared function's counterpart for symbols."""
    run, flavour = _counterpart(function, operands, numpy_first)
    given = [flavour(x._outputs) if isinstance(x, Symbol) else x for x in operands]
    if function.variadic:
        more = len(function.arrays) - 1
        parts, rest = (given[:-more], given[-more:]) if more else (given, [])
        return run(*parts, *rest, **statics) if function.star else run(parts, *rest, **statics)
    count = next((i for i, x in enumerate(given) if x is None), len(given))  # symbols define ==
    later = {name: x for name, x in zip(function.arrays[count:], given[count:]) if x is not None}
    return run(*given[:count], **later, **statics)


def _counterpart(function: Function, operands: list[Any], numpy_first: bool) -> tuple[Callable[..., Any], type[Symbol]]:
    """The function of symbols that has one of a declared function's names, and the class of symbols that it takes."""
    plain = all([isinstance(x, Symbol) for x in operands])
    names = sorted(function.names, key=lambda full: full.startswith("np") is not numpy_first)
    for full in names:
        space, _, short = full.rpartition(".")
        flavour = _Symbol if full.startswith("np") else Symbol
        if space in ("nd.NDArray", "np.ndarray"):
            of_python = getattr(operator, short, None) if len(operands) <= 2 else None
            if of_python is not None and not (plain and len(operands) == 2 and flavour is Symbol):
                return of_python, flavour
            found = getattr(flavour, short, None) if of_python is None else None
        elif space.startswith("np"):
            module: Any = numpy if space.startswith("np.") or space == "np" else numpy_extension
            for part in space.split(".")[1:]:
                module = getattr(module, part, None)
            found = getattr(module, short, None)
        else:
            found = GENERATED.get(space[3:], {}).get(short)
        if found is not None and not (full.startswith("nd.broadcast_") and not plain):
            return found, flavour
    raise NotImplementedError(f"the symbol of a recorded call of {function.name}: there is no such operator")


# ---- private functions, by the public ones that they are the work of ------------------------------

def _slice(call: CachedCall, x: Symbol, spec: Any, shape: tuple[int, ...]) -> Symbol:
    """A part by integers and slices. An axis that is taken whole stays so for other sizes."""
    sizes = call.nodes[0].aval.shape
    begin, end, steps = [], [], []
    for (start, count, step), size in zip(spec, sizes):
        stop = start + count * step
        whole = (start, count, step) == (0, size, 1)
        begin.append(None if whole else start)
        end.append(None if whole or stop < 0 else stop)
        steps.append(None if step == 1 else step)
    made = Symbol(x._outputs)
    if any([e is not None or s is not None for e, s in zip(end, steps)]):
        made = GENERATED[""]["slice"](made, begin=tuple(begin), end=tuple(end), step=tuple(steps))
    left, dropped = list(shape), []
    for axis, (_, count, _) in enumerate(spec):
        if left and left[0] == count:
            left.pop(0)
        elif count == 1:
            dropped.append(axis)
        else:
            left.append(count)
    if left or not shape:
        return GENERATED[""]["Reshape"](made, shape=_batched(shape, spec[0][1] if spec else None))
    return GENERATED[""]["squeeze"](made, axis=tuple(dropped)) if dropped else made


def _full(call: CachedCall, shape: Any, value: Any, dtype: Any) -> Symbol:
    return GENERATED["_internal"]["_full"](shape=shape, value=value, dtype=str(dtype))


def _batched(shape: tuple[int, ...], length: int | None) -> tuple[int, ...]:
    """The shape, where a first axis that keeps its length is the batch, and keeps it for other sizes (0)."""
    return (0, *shape[1:]) if shape and shape[0] == length else shape


def _reshaped(call: CachedCall, x: Symbol, shape: Any = None, reverse: Any = False, newshape: Any = None,
              **_: Any) -> Symbol:
    shape = newshape if shape is None else shape
    wanted = (shape,) if isinstance(shape, int) else tuple(shape)
    if reverse:
        return GENERATED[""]["Reshape"](Symbol(x._outputs), shape=wanted, reverse=True)
    before = call.nodes[0].aval.shape
    return GENERATED[""]["Reshape"](Symbol(x._outputs), shape=_batched(wanted, before[0] if before else None))


def _cast(call: CachedCall, x: Symbol, dtype: Any, **_: Any) -> Symbol:
    return GENERATED[""]["Cast"](Symbol(x._outputs), dtype=str(dtype))


_WRITTEN: dict[str, Callable[..., Symbol]] = {
    "index.read_slice": _slice, "np._full": _full, "np._reshape": _reshaped, "nd.reshape": _reshaped,
    "nd.NDArray._astype": _cast, "np._astype": _cast}


# ---- autograd.get_symbol -------------------------------------------------------------------------

class _Recorded:
    """The symbols of recorded values, over all the traces that they were computed in."""

    def __init__(self, numpy_first: bool) -> None:
        self.numpy_first = numpy_first
        self.found: dict[Value, Symbol] = {}
        self.inputs = 0

    def symbol(self, value: Value) -> Symbol:
        """The symbol of a value."""
        found = self.found.get(value)
        if found is None:
            found = self.found[value] = self._made(value)
        return found

    def _made(self, value: Value) -> Symbol:
        trace, entry = current().trace, value.entry
        if value.variable is not None:
            return self._input("var")
        if value.trace is trace and value.node is not None and trace.targets.get(value.node) is not value:
            return self._over(value.node, trace.targets, trace.scalars)
        if type(entry) is not Segment or not entry.targets:
            raise MXNetError(f"an array of shape {value.aval.shape} is a result of a function of the user's, or its "
                             "graph is gone: its symbol is not known")
        targets = dict(zip(entry.kept.targets, entry.targets))
        return self._over(entry.kept.heads[value.slot], targets, entry.scalars)

    def _over(self, head: Node, targets: Mapping[Node, Value], scalars: Sequence[float | int]) -> Symbol:
        """The symbol of a node of a trace, given the values by which its derivatives are taken."""
        tied: set[Node] = set()  # the nodes that depend on variables
        for node in toposort([head]):
            if node in targets or not tied.isdisjoint(node.inputs):
                tied.add(node)

        def input_of(node: Node) -> Symbol | None:
            target = targets.get(node)
            if target is not None:
                return self.symbol(target)
            return None if node in tied else self._input("null")

        return _Graph(scalars, input_of, self.numpy_first).symbol(head)

    def _input(self, prefix: str) -> Symbol:
        made = var(f"{prefix}{self.inputs}")
        self.inputs += 1
        return _Symbol(made._outputs) if self.numpy_first else made


def get_symbol(x: Any) -> Symbol:
    """The symbol of what was recorded to compute an array; variables are var0, ..., constants null1, ...

    MXNetError for an array that was not recorded.

    >>> from tracer import autograd, nd
    >>> x = nd.ones(2)
    >>> x.attach_grad()
    >>> with autograd.record():
    ...     y = nd.relu(x) * 2
    >>> get_symbol(y).list_arguments()
    ['var0']
    """
    assert isinstance(x, NDArray), f"get_symbol: Invalid argument type, expecting {NDArray}, got {type(x)}"
    if not x._value.history:
        raise MXNetError("NDArray is not part of a computation graph. Did you forget to turn on recording?")
    with _Numbered():
        return _Recorded(isinstance(x, ndarray)).symbol(x._value)


autograd.get_symbol = get_symbol

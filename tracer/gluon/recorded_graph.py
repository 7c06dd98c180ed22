"""Graphs of blocks whose Python works on arrays: a pass is recorded on arrays of zeros, and its calls become a symbol.

So blocks in MXNet 2's style, which define `forward`, are exported. Layers that define `hybrid_forward` give their part
of the graph by it, so that a Dropout, say, stays one. Nothing runs, and nothing of the pass stays.
"""
from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from tracer.ops.ir.node import Node, leaf_op

from ..array.nd_array import NDArray
from ..base import MXNetError
from ..core.invoke import constant, wrap
from ..core.trace import Trace, Value, current
from ..numpy import ndarray
from ..symbol import Symbol
from ..symbol.numpy.symbol import _Symbol
from ..symbol.recorded import symbols_of
from . import symbolic


class Recording(Trace):
    """The trace of a pass that becomes a graph.

    symbols: the symbols of the arrays that are inputs, parameters, or results of layers.
    """

    __slots__ = ("symbols",)
    captures = True

    def __init__(self) -> None:
        super().__init__()
        self.limit = sys.maxsize
        self.symbols: dict[Value, Symbol] = {}

    def named(self, kind: type, shape: tuple[int, ...], dtype: Any, symbol: Symbol) -> Any:
        """A new array of zeros that stands for a symbol."""
        value = constant(np.zeros(shape, dtype))
        self.symbols[value] = _Symbol(symbol._outputs) if issubclass(kind, ndarray) else symbol
        return wrap(kind, value)

    def symbols_of(self, arrays: list[Any]) -> list[Symbol]:
        """The symbols of arrays of the pass. MXNetError for an array from outside that is no parameter."""
        return symbols_of(self, arrays, self._input)

    def _input(self, node: Node) -> Symbol | None:
        if node.op is not leaf_op:
            return None
        found = self.symbols.get(self.leaves[node.attrs[1]])
        if found is None:
            raise MXNetError(f"the block uses an array of shape {node.aval.shape} that is neither an input nor a "
                             "parameter: make it a gluon.Constant, or pass it to the block")
        return found


def defines_forward(block: Any) -> bool:
    """Whether the block, or one below, is of a user's class that defines `forward`."""
    own = not str(type(block).forward.__module__).startswith("tracer.")
    return own or any([defines_forward(child) for child in block._children.values()])


def avals_of(args: Any) -> list[tuple[type, tuple[int, ...], Any]]:
    """The class, shape and element type of each array among arguments, in order."""
    if isinstance(args, (list, tuple)):
        return [found for x in args for found in avals_of(x)]
    return [(type(args), args.shape, args.dtype)] if isinstance(args, NDArray) else []


def graph(block: Any, inputs: list[Symbol], form: Any, avals: list[Any]) -> tuple[list[Symbol], Any]:
    """The outputs of a block's graph with these input variables, and their nesting.

    form, avals: the nesting of the arguments, and what is known of their arrays.
    """
    outer, trace = current().trace, Recording()
    current().trace = trace
    try:
        for parameter in block.collect_params().values():
            for x in parameter.list_data():
                trace.symbols[x._value] = _Symbol(parameter.var()._outputs) if isinstance(x, ndarray) else \
                    parameter.var()
        arrays = iter([trace.named(kind, shape, dtype, symbol)
                       for (kind, shape, dtype), symbol in zip(avals, inputs, strict=True)])
        made, nesting = _flat(block(*_filled(form, arrays)))
        return trace.symbols_of(made), nesting
    finally:
        trace.pending.clear()
        current().trace = outer


def layer(trace: Recording, block: Any, x: Any, args: tuple, kwargs: dict[str, Any], made: Any) -> Any:
    """The result `made` of a layer's `hybrid_forward`, as arrays for the symbols that it makes of its arguments."""
    given: list[Any] = []
    form = _form((x, *args), given)
    symbols = iter(trace.symbols_of(given))
    first, *rest = _filled(form, symbols)
    outputs, _ = symbolic.flat(symbolic.call(block, first, tuple(rest), kwargs), "output")
    arrays, nesting = _flat(made)
    return symbolic.nested(iter([trace.named(type(y), y.shape, y.dtype, symbol)
                                 for y, symbol in zip(arrays, outputs, strict=True)]), nesting)


def _form(args: Any, arrays: list[Any]) -> Any:
    """The nesting of arguments, as `symbolic.shape_of` gives it; their arrays are added to `arrays`."""
    arrays += _flat_arrays(args)
    return symbolic.shape_of(args)


def _flat_arrays(args: Any) -> Iterator[Any]:
    for x in args:
        if isinstance(x, (list, tuple)):
            yield from _flat_arrays(x)
        elif hasattr(x, "_value"):
            yield x


def _flat(made: Any) -> tuple[list[Any], Any]:
    return ([made], symbolic.ONE) if hasattr(made, "_value") else ([*_flat_arrays(made)], symbolic.shape_of(made))


def _filled(form: Any, arrays: Iterator[Any]) -> list[Any]:
    """The arguments of a nesting, with arrays or symbols in their places."""
    return [_filled(one, arrays) if isinstance(one, list) else one[0] if isinstance(one, tuple)
            else None if one == symbolic.NONE else next(arrays) for one in form]

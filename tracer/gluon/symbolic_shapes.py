"""Shapes of deferred parameters, found over the graph of a block's `hybrid_forward`, to and fro, as in MXNet 1.

So a weight may be scaled, transposed or reshaped before a layer takes it, and an elementwise operation tells its shape.
"""
from __future__ import annotations

from typing import Any

from ..base import MXNetError
from ..symbol.graph.node import topological
from ..symbol.infer.inference import infer
from ..symbol.infer.unify import known
from . import symbolic
from .recorded_graph import avals_of


def shapes(block: Any, args: tuple, kwargs: dict[str, Any]) -> dict[Any, tuple[int, ...]]:
    """The shapes of the block's own deferred parameters for a call's arguments.

    Empty where the Python of the block refuses symbols, or the shapes contradict each other.
    """
    avals = avals_of(args)
    inputs, given = symbolic.variables_for(symbolic.shape_of(args), avals)
    try:
        made, _ = symbolic.flat(symbolic.call(block, given[0], tuple(given[1:]), kwargs), "output")
        nodes = topological(tuple([output for x in made if x is not None for output in x._outputs]))
        of: dict[str, Any] = {str(x.name): shape for x, (_, shape, _) in zip(inputs, avals)}
        for parameter in block.collect_params().values():
            if parameter.shape is not None:
                of[parameter.name] = tuple([d if d > 0 else -1 for d in parameter.shape])
        found = infer(nodes, of)
    except (AttributeError, MXNetError, NotImplementedError, TypeError, ValueError):
        return {}
    by_name = {node.name: found[node][0] for node in nodes if node.op is None}
    waiting = {p: by_name.get(p.name) for p in block._reg_params.values() if p._data is None}
    return {p: shape for p, shape in waiting.items() if shape is not None and known(shape)}

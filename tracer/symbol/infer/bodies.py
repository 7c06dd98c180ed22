"""Shapes of nodes of control flow, by inference over the graphs of their bodies."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..graph.node import SymbolNode, topological
from ..loops import locations, variables
from .unify import Shape

Shapes = list[Shape]
Inference = Callable[[Sequence[SymbolNode], Mapping[str, Shape]], dict[SymbolNode, Shapes]]


def rule(node: SymbolNode, ins: Shapes, infer: Inference) -> tuple[Shapes, Shapes]:
    """The shapes of a node's inputs and outputs.

    infer: the inference over a graph.
    """
    return {"_foreach": _foreach, "_while_loop": _while_loop, "_cond": _cond}[str(node.op)](node, ins, infer)


def _inferred(graph: Any, given: Mapping[str, Shape], infer: Inference) -> tuple[dict[str, Shape], Shapes]:
    """The shapes of a graph's variables and outputs."""
    nodes = topological(graph)
    found = infer(nodes, {k: v for k, v in given.items() if v is not None})
    return {n.name: found[n][0] for n in nodes if n.op is None}, [found[n][i] for n, i in graph]


def _foreach(node: SymbolNode, ins: Shapes, infer: Inference) -> tuple[Shapes, Shapes]:
    graph: Any = node.subgraphs[0]
    names = variables(graph)
    data_at = locations(node, "in_data_locs")
    places = [*data_at, *locations(node, "in_state_locs"), *locations(node, "remain_locs")]
    length = next((s[0] for s in ins[:len(data_at)] if s), -1)
    inner = [s if i >= len(data_at) or s is None else s[1:] for i, s in enumerate(ins)]
    found, outs = _inferred(graph, {names[at]: s for at, s in zip(places, inner)}, infer)
    back = [found[names[at]] for at in places]
    back[:len(data_at)] = [s if s is None else (length, *s) for s in back[:len(data_at)]]
    count = int(node.attrs["num_out_data"])
    return back, [*[s if s is None else (length, *s) for s in outs[:count]], *outs[count:]]


def _while_loop(node: SymbolNode, ins: Shapes, infer: Inference) -> tuple[Shapes, Shapes]:
    graph: Any = node.subgraphs[1]
    names, at = variables(graph), locations(node, "func_input_locs")
    found, outs = _inferred(graph, {name: ins[i] for name, i in zip(names, at)}, infer)
    back = list(ins)
    for name, i in zip(names, at):
        back[i] = found[name]
    count, limit = int(node.attrs["num_out_data"]), int(node.attrs["max_iterations"])
    return back, [*[s if s is None else (limit, *s) for s in outs[:count]], *outs[count:]]


def _cond(node: SymbolNode, ins: Shapes, infer: Inference) -> tuple[Shapes, Shapes]:
    back, outs = list(ins), [None] * node.visible
    results: list[Any] = outs
    for graph, key in zip(node.subgraphs[1:], ("then_input_locs", "else_input_locs")):
        names, at = variables(graph), locations(node, key)  # type: ignore[arg-type]
        found, new = _inferred(graph, {name: back[i] for name, i in zip(names, at)}, infer)
        for name, i in zip(names, at):
            back[i] = back[i] if back[i] is not None else found[name]
        results = [b if a is None else a for a, b in zip(results, new)]
    return back, results

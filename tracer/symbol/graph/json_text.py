"""A graph as text: MXNet's JSON, to the letter, and the listing of `debug_str`."""
from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ...util import is_np_shape
from .node import Entry, SymbolNode, mutated_variables, topological

#: The version of MXNet that files name: 1.9.1.
VERSION = 10901
#: The operators that mixed precision puts between others.
_CASTS = ("amp_cast", "amp_multicast")


def dumps(outputs: Sequence[Entry], remove_amp_cast: bool = True) -> str:
    """The JSON of a graph."""
    if remove_amp_cast:
        outputs = _without_casts(outputs)
    attrs: dict[str, Any] = {"mxnet_version": ["int", VERSION]}
    if is_np_shape():
        attrs = {"is_np_shape": ["int", 1], **attrs}
    return _text(_record(outputs, attrs), 0)


def _record(outputs: Sequence[Entry], attrs: dict[str, Any] | None) -> dict[str, Any]:
    nodes = topological(outputs)
    numbers = {node: i for i, node in enumerate(nodes)}
    states = mutated_variables(nodes)
    rows = [0]
    records = []
    for node in nodes:
        rows.append(rows[-1] + node.num_outputs)
        one: dict[str, Any] = {"op": node.op or "null", "name": node.name}
        if node.attrs:
            one["attrs"] = dict(sorted(node.attrs.items()))
        one["inputs"] = [[numbers[below], i, int(below in states)] for below, i in node.inputs]
        if node.subgraphs:
            one["subgraphs"] = [_record(graph, None) for graph in node.subgraphs]  # type: ignore[arg-type]
        records.append(one)
    found: dict[str, Any] = {"nodes": records, "arg_nodes": [numbers[n] for n in nodes if n.op is None],
                             "node_row_ptr": rows, "heads": [[numbers[node], i, 0] for node, i in outputs]}
    return found if attrs is None else {**found, "attrs": attrs}


def _without_casts(outputs: Sequence[Entry]) -> Sequence[Entry]:
    nodes = topological(outputs)
    if not any(node.op in _CASTS for node in nodes):
        return outputs
    made: dict[SymbolNode, SymbolNode] = {}

    def source(entry: Entry) -> Entry:
        node, i = entry
        while node.op in _CASTS:
            node, i = node.inputs[i]
        return made[node], i

    for node in nodes:
        if node.op not in _CASTS:
            made[node] = node.with_inputs([source(entry) for entry in node.inputs])
    for node, _ in outputs:
        if node.op in _CASTS:
            made[node] = node.with_inputs([source(entry) for entry in node.inputs])
    return [(made[node], i) for node, i in outputs]


def _text(x: Any, indent: int) -> str:
    """JSON with the line breaks of MXNet's writer."""
    if isinstance(x, dict):
        several = len(x) > 1
        items = [f"{json.dumps(k, ensure_ascii=False)}: {_text(v, indent + 2)}" for k, v in x.items()]
        return _bracketed("{}", items, several, indent)
    if isinstance(x, list):
        several = len(x) > 10 or any(isinstance(i, (list, dict)) and len(i) > 10 for i in x)
        return _bracketed("[]", [_text(i, indent + 2) for i in x],
                          len(x) > 10 or bool(x) and isinstance(x[0], dict) or several, indent)
    return json.dumps(x, ensure_ascii=False)


def _bracketed(brackets: str, items: list[str], several: bool, indent: int) -> str:
    if not several or not items:
        return brackets[0] + ", ".join(items) + brackets[1]
    space = " " * (indent + 2)
    return f"{brackets[0]}\n{space}" + f", \n{space}".join(items) + f"\n{' ' * indent}{brackets[1]}"


def debug_text(outputs: Sequence[Entry]) -> str:
    """The listing of a graph's nodes, with their inputs and attributes."""
    if len(outputs) == 1 and outputs[0][0].op is None:
        return f"Variable:{outputs[0][0].name}\n"
    lines = ["Symbol Outputs:"]
    lines += [f"\toutput[{i}]={node.name}({at})" for i, (node, at) in enumerate(outputs)]
    nodes = topological(outputs)
    states = mutated_variables(nodes)
    for node in nodes:
        if node.op is None:
            lines.append(f"Variable:{node.name}")
            continue
        lines += ["-" * 20, f"Op:{node.op}, Name={node.name}", "Inputs:"]
        for i, (below, at) in enumerate(node.inputs):
            version = f" version={int(below in states)}" if below.op is None else ""
            lines.append(f"\targ[{i}]={below.name}({at}){version}")
        if node.attrs:
            lines += ["Attrs:", *[f"\t{k}={v}" for k, v in sorted(node.attrs.items())]]
    return "\n".join(lines) + "\n"

"""`mx.viz.print_summary`: a table of a symbol's layers."""
from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..symbol import Symbol


def print_summary(symbol: Symbol, shape: Mapping[str, tuple[int, ...]] | None = None, line_length: int = 120,
                  positions: Sequence[float] = (.44, .64, .74, 1.)) -> None:
    """Print a table of the layers of a symbol: names, shapes, numbers of parameters, and what is before.

    shape: the shapes of inputs, by name; without them shapes and some numbers are missing.
    line_length: the width of the table.
    positions: the ends of the columns, as parts of the width or in characters.

    TypeError for no symbol; ValueError if shapes are missing.
    """
    if not isinstance(symbol, Symbol):
        raise TypeError("symbol must be Symbol")
    shapes = None if shape is None else shapes_of_outputs(symbol, shape)
    if positions[-1] <= 1:
        positions = [int(line_length * p) for p in positions]
    table = _Table(json.loads(symbol.tojson()), shapes, [int(p) for p in positions])
    print("_" * line_length)
    table.row("Layer (type)", "Output Shape", "Param #", "Previous Layer")
    print("=" * line_length)
    total = 0
    for i, node in enumerate(table.nodes):
        if node["op"] == "null" and i > 0:
            continue
        total += table.layer(i)
        print(("=" if i == len(table.nodes) - 1 else "_") * line_length)
    print(f"Total params: {total}")
    print("_" * line_length)


def shapes_of_outputs(symbol: Symbol, shape: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shapes of all nodes' outputs by name. ValueError if they cannot all be found."""
    internals = symbol.get_internals()
    _, found, _ = internals.infer_shape(**shape)
    if found is None:
        raise ValueError("Input shape is incomplete")
    return dict(zip(internals.list_outputs(), found))


class _Table:
    """The rows of the table.

    nodes: the nodes of the symbol's JSON.
    """

    def __init__(self, record: dict[str, Any], shapes: dict[str, tuple[int, ...]] | None, ends: list[int]) -> None:
        self.nodes = record["nodes"]
        self.heads = set(record["heads"][0])
        self.shapes = shapes
        self.ends = ends

    def row(self, *fields: Any) -> None:
        """Print a row, each field cut at its column's end."""
        line = ""
        for field, end in zip(fields, self.ends):
            line = (line + str(field))[:end].ljust(end)
        print(line)

    def _shape(self, node: dict[str, Any]) -> tuple[int, ...]:
        """The shape of a node's output without the first axis; () if it is not known."""
        key = node["name"] if node["op"] == "null" else f"{node['name']}_output"
        return (self.shapes or {}).get(key, ())[1:]

    def layer(self, at: int) -> int:
        """Print the rows of a node; returns its number of parameters."""
        node = self.nodes[at]
        before = [self.nodes[i] for i, *_ in node["inputs"] if self.nodes[i]["op"] != "null" or i in self.heads]
        inputs = sum([s[0] for s in map(self._shape, before) if s])
        count = self._parameters(node, inputs)
        shown = self._shape(node) if node["op"] != "null" or at in self.heads else ()
        names = [n["name"] for n in before] or [""]
        self.row(f"{node['name']}({node['op']})", "x".join(map(str, shown)), count, names[0])
        for name in names[1:]:
            self.row("", "", "", name)
        return count

    def _parameters(self, node: dict[str, Any], inputs: int) -> int:
        """The number of parameters of a layer with `inputs` channels before it, as MXNet counts them."""
        attrs = node.get("attrs", {})
        bias = attrs.get("no_bias") != "True"
        if node["op"] == "Convolution":
            filters = int(attrs["num_filter"])
            kernel = math.prod(map(int, re.findall(r"\d+", attrs["kernel"])))
            return inputs * filters // int(attrs.get("num_group", "1")) * kernel + (filters if bias else 0)
        if node["op"] == "FullyConnected":
            return (inputs + bias) * int(attrs["num_hidden"])
        if node["op"] == "BatchNorm" and self.shapes is not None:
            return self.shapes[f"{node['name']}_output"][1] * 2
        if node["op"] == "Embedding":
            return int(attrs["input_dim"]) * int(attrs["output_dim"])
        return 0

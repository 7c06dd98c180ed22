"""`mx.viz.plot_network`: a symbol's graph as text for Graphviz."""
from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..symbol import Symbol
from .summary import shapes_of_outputs

try:
    from graphviz import Digraph as _Graphviz  # type: ignore[import-not-found]
except ImportError:
    _Graphviz = None

#: Colors of nodes, as in MXNet.
_COLORS = ("#8dd3c7", "#fb8072", "#ffffb3", "#bebada", "#80b1d3", "#fdb462", "#b3de69", "#fccde5")
_KINDS = {"Convolution": 1, "FullyConnected": 1, "BatchNorm": 3, "Activation": 2, "LeakyReLU": 2, "Pooling": 4,
          "Concat": 5, "Flatten": 5, "Reshape": 5, "Softmax": 6}
_WEIGHTS = ("_weight", "_bias", "_beta", "_gamma", "_moving_var", "_moving_mean", "_running_var", "_running_mean")


class Digraph:
    """A directed graph as text for Graphviz, where the package `graphviz` is not installed.

    source: the text.

    >>> graph = Digraph("net", "pdf")
    >>> graph.node(name="a", label="x y"); graph.edge(tail_name="a", head_name="a")
    >>> graph.source.split("\\n")[1].strip()
    'a [label="x y"]'
    """

    def __init__(self, name: str, format: str) -> None:
        self.name = name
        self.format = format
        self.body: list[str] = []

    def node(self, name: str, label: str, **attrs: str) -> None:
        """Add a node."""
        self.body.append(f"\t{_quoted(name)}{_attributes({'label': label, **attrs})}\n")

    def edge(self, tail_name: str, head_name: str, **attrs: str) -> None:
        """Add an edge."""
        self.body.append(f"\t{_quoted(tail_name)} -> {_quoted(head_name)}{_attributes(attrs)}\n")

    @property
    def source(self) -> str:
        """The text."""
        return f"digraph {_quoted(self.name)} {{\n{''.join(self.body)}}}"

    def __str__(self) -> str:
        return self.source

    def save(self, filename: str | None = None, directory: str = "") -> str:
        """Write the text to a file, by default `name`.gv; returns its path."""
        path = Path(directory) / (filename or f"{self.name}.gv")
        path.write_text(self.source, encoding="utf-8")
        return str(path)

    def render(self, *args: Any, **kwargs: Any) -> str:
        """Refused: drawing needs Graphviz. ImportError."""
        raise ImportError("Draw network requires graphviz library: install the package `graphviz` and Graphviz's "
                          "program `dot`, or give the text of .source to it")

    view = pipe = unflatten = render


def _quoted(text: str) -> str:
    """A name or value in Graphviz's syntax."""
    if re.fullmatch(r"[A-Za-z_]\w*|-?(\.\d+|\d+(\.\d*)?)", text):
        return text
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'


def _attributes(attrs: Mapping[str, str]) -> str:
    label = [f"label={_quoted(attrs['label'])}"] if "label" in attrs else []
    rest = [f"{k}={_quoted(v)}" for k, v in sorted(attrs.items()) if k != "label"]
    return f" [{' '.join(label + rest)}]" if attrs else ""


def plot_network(symbol: Symbol, title: str = "plot", save_format: str = "pdf",
                 shape: Mapping[str, tuple[int, ...]] | None = None, dtype: Mapping[str, Any] | None = None,
                 node_attrs: Mapping[str, str] | None = None, hide_weights: bool = True) -> Any:
    """A symbol's graph for Graphviz: a `graphviz.Digraph`, or `Digraph` where the package is not installed.

    shape, dtype: those of inputs, by name: edges then show them.
    node_attrs: attributes of all nodes.
    hide_weights: whether variables with names like fc_weight are left out.

    TypeError for no symbol; ValueError if shapes or types are missing. Warns of equal names.
    """
    if not isinstance(symbol, Symbol):
        raise TypeError("symbol must be a Symbol")
    shapes = None if shape is None else shapes_of_outputs(symbol, shape)
    types = None if dtype is None else _types(symbol, dtype)
    nodes = json.loads(symbol.tojson())["nodes"]
    repeated = [name for name, count in Counter([n["name"] for n in nodes]).items() if count > 1]
    if repeated:
        warnings.warn("There are multiple variables with the same name in your graph, this may result in cyclic "
                      f"graph. Repeated names: {','.join(repeated)}", RuntimeWarning, stacklevel=2)
    looks = {"shape": "box", "fixedsize": "true", "width": "1.3", "height": "0.8034", "style": "filled",
             **(node_attrs or {})}
    dot = (Digraph if _Graphviz is None else _Graphviz)(name=title, format=save_format)
    hidden = _add_nodes(dot, nodes, looks, hide_weights)
    for node in nodes:
        inputs = node["inputs"][:1] if node["op"] == "_contrib_BilinearResize2D" else node["inputs"]
        for i, *_ in inputs:
            if nodes[i]["name"] not in hidden:
                dot.edge(tail_name=node["name"], head_name=nodes[i]["name"], dir="back", arrowtail="open",
                         label=_edge(nodes[i], shapes, types))
    return dot


def _types(symbol: Symbol, dtype: Mapping[str, Any]) -> dict[str, Any]:
    internals = symbol.get_internals()
    _, found, _ = internals.infer_type(**dtype)
    if found is None:
        raise ValueError("Input type is incomplete")
    return dict(zip(internals.list_outputs(), found))


def _add_nodes(dot: Any, nodes: list[dict[str, Any]], looks: dict[str, str], hide_weights: bool) -> set[str]:
    """Add the nodes to the graph; returns the names of those that are hidden."""
    hidden = set()
    for node in nodes:
        name, op = node["name"], node["op"]
        attrs = dict(looks)
        if op == "null":
            if name.endswith(_WEIGHTS):
                if hide_weights:
                    hidden.add(name)
                continue
            attrs |= {"shape": "oval", "fillcolor": _COLORS[0]}
        else:
            attrs["fillcolor"] = _COLORS[_KINDS.get(op, 7)]
        dot.node(name=name, label=_label(node), **attrs)
    return hidden


def _label(node: dict[str, Any]) -> str:
    """The text of a node."""
    op, attrs = node["op"], node.get("attrs", {})
    if op == "Convolution":
        return f"Convolution\n{_sizes(attrs, 'kernel', '')}/{_sizes(attrs, 'stride', '1')}, {attrs['num_filter']}"
    if op == "FullyConnected":
        return f"FullyConnected\n{attrs['num_hidden']}"
    if op == "Activation":
        return f"Activation\n{attrs['act_type']}"
    if op == "LeakyReLU":
        return f"LeakyReLU\n{attrs.get('act_type', 'Leaky')}"
    if op == "Pooling":
        kind = attrs.get("pool_type", "max")
        return f"Pooling\n{kind}, {_sizes(attrs, 'kernel', '[]')}/{_sizes(attrs, 'stride', '1')}"
    return attrs["op_type"] if op == "Custom" else node["name"]


def _sizes(attrs: Mapping[str, str], key: str, absent: str) -> str:
    return "x".join(re.findall(r"\d+", attrs[key])) if key in attrs else absent


def _edge(node: dict[str, Any], shapes: Mapping[str, tuple[int, ...]] | None, types: Mapping[str, Any] | None) -> str:
    """The text of an edge from a node: its shape without the first axis, and its type."""
    key = node["name"]
    if node["op"] != "null":
        several = node.get("attrs", {}).get("num_outputs")
        key += "_output" if several is None else f"_output{int(several) - 1}"
    text = "" if shapes is None else "x".join(map(str, shapes[key][1:]))
    return text if types is None else f"{text}({types[key].__name__})"

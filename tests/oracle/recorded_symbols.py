"""Ask real MXNet 1.9.1 for the symbols of recorded arrays; writes tests/data/recorded_symbols.json.

MX191/bin/python tests/oracle/recorded_symbols.py

For each expression of x (a variable) and z (a constant), both (2, 3): the operators in order of the graph, with the
numbers of their inputs, and the kinds of the arguments. tests/tracer/symbol/test_recorded.py compares them.
"""
from __future__ import annotations

import json
from pathlib import Path

EXPRESSIONS = """
nd.relu(x) * 2 + x * z
1 - x
2 / (x + 3)
x ** 2
-x
x.sum(axis=1)
nd.softmax(x, axis=0)
nd.concat(x, z, dim=1)
nd.stack(x, x, axis=1)
nd.dot(x, z, transpose_a=True)
nd.transpose(x, axes=(1, 0))
nd.clip(x, 0, 1)
nd.FullyConnected(x, z, num_hidden=2, no_bias=True)
nd.split(x, 3, axis=1)[1]
nd.broadcast_maximum(x, z)
nd.expand_dims(x, axis=0).tile((2, 1, 1))
nd.mean(nd.exp(x))
nd.where(x > 1, x, z)
nd.SoftmaxOutput(x, z[:, 0])
nd.slice_axis(x, axis=1, begin=0, end=2)
""".strip().splitlines()


def graph(symbol) -> list:
    """The operators with their inputs, and the names of the arguments, without the numbers."""
    nodes = json.loads(symbol.tojson())["nodes"]
    kinds = [name.rstrip("0123456789") for name in symbol.list_arguments()]
    return [[[node["op"], [entry[:2] for entry in node["inputs"]]] for node in nodes], kinds]


def ask(nd, autograd, expression: str) -> object:
    """The symbol and the value of an expression."""
    x = nd.array([[0.5, -1, 2], [1.5, 0.25, -0.5]])
    z = nd.array([[1, 2, 3], [0.5, 0.75, 1.25]])
    x.attach_grad()
    with autograd.record():
        y = eval(expression, {"nd": nd, "x": x, "z": z})
    return autograd.get_symbol(y), y, x, z


if __name__ == "__main__":
    import mxnet
    found = {one: graph(ask(mxnet.nd, mxnet.autograd, one)[0]) for one in EXPRESSIONS}
    file = Path(__file__).resolve().parents[1] / "data" / "recorded_symbols.json"
    file.write_text("{\n" + ",\n".join([f"{json.dumps(k)}: {json.dumps(v)}" for k, v in found.items()]) + "\n}\n")

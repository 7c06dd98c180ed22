"""The rules of shapes of layers and losses, where these tell more than the declared rules of parameters."""
from __future__ import annotations

import math
from typing import Any

from tracer.ops.npx.recurrent import Sizes

from ..graph.node import SymbolNode
from ..operators.registry import operator_of
from .probing import Rule, Shapes, forward, general
from .unify import Shape, contradicts, known, unified


def values(node: SymbolNode) -> dict[str, Any]:
    """The parameters of a node's operator."""
    return operator_of(str(node.op), node.name).values(node.attrs)


def _fully_connected(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """The batch size also goes from the output to the data."""
    new_ins, new_outs = general(node, ins, outs)
    data, out = ins[0], outs[0]
    if data is not None and out is not None:
        if values(node).get("flatten", True):
            new_ins = [unified(data, (out[0], *[-1] * (len(data) - 1))), *new_ins[1:]]
        elif len(out) == len(data):
            new_ins = [unified(data, (*out[:-1], -1)), *new_ins[1:]]
        if new_outs[0] is None and len(out) > 0:
            new_outs = [(*[-1] * (len(out) - 1), values(node)["num_hidden"])]
    return new_ins, new_outs


def _per_axis(value: Any, axes: int, default: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple) and value else (value,) * axes if isinstance(value, int) \
        else (default,) * axes


def _convolution(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """The batch size, and sizes along axes of stride 1, also go from the output to the data."""
    new_ins, new_outs = general(node, ins, outs)
    data, out, given = ins[0], outs[0], values(node)
    layout = given.get("layout")
    if data is None or out is None or known(data) or len(out) != len(data) or layout and layout.endswith("C"):
        return new_ins, new_outs
    kernel = given["kernel"] if isinstance(given["kernel"], tuple) else (given["kernel"],)
    axes = len(kernel)
    stride, dilate, pad = (_per_axis(given.get(k), axes, d) for k, d in (("stride", 1), ("dilate", 1), ("pad", 0)))
    sizes = [-1 if n == -1 or s != 1 else n + d * (k - 1) - 2 * p
             for n, k, s, d, p in zip(out[2:], kernel, stride, dilate, pad)]
    return [unified(data, (out[0], -1, *sizes)), *new_ins[1:]], new_outs


#: The gates of recurrent layers.
_GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}


def _rnn(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """The vector of all weights, and the states, from the data (steps, batch, inputs)."""
    data, given = ins[0], values(node)
    if data is None or len(data) != 3:
        return ins, outs[:node.visible]
    projection = given.get("projection_size")
    directions = 2 if given.get("bidirectional") else 1
    rows = given["num_layers"] * directions
    sizes = Sizes(data[2], given["state_size"], _GATES[given["mode"]], given["num_layers"], directions, projection)
    out = given["state_size"] if projection is None else projection
    state: Shape = (rows, data[1], out)
    named: dict[str, Shape] = {
        "data": data, "parameters": (sizes.count(),) if data[2] != -1 else (-1,), "state": state,
        "state_cell": (rows, data[1], given["state_size"]), "sequence_length": (data[1],)}
    results: Shapes = [(data[0], data[1], out * directions), state, (rows, data[1], given["state_size"])]
    return [named[n] for n in operator_of("RNN").inputs(node.attrs)], results[:node.visible]


def _softmax_output(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """The label from the data: without the axis of classes; a label of the data's shape is one of probabilities."""
    data, label, given = ins[0], ins[1], values(node)
    if data is None:
        data = outs[0]
        return [data, label], [data]
    if given.get("multi_output"):
        expected = (data[0], *data[2:])
        flat = (data[0], math.prod(data[2:])) if -1 not in data else expected
        if label is not None and not contradicts(label, flat):
            expected = flat
    elif given.get("preserve_shape"):
        expected = data[:-1]
    else:
        expected = data[:1]
    if label is not None and contradicts(label, expected):
        if label == data or math.prod(label) == math.prod(expected):
            return [data, label], [data]
    return [data, expected], [data]


def _label_of_classes(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    data = unified(ins[0], outs[0]) if not contradicts(ins[0], outs[0]) else ins[0]
    return [data, ins[1] if data is None else data[:1]], [data]


def _regression(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """The label has the data's shape, or one axis for data of one column."""
    data, label = ins
    if data is None:
        return ins, outs[:1]
    if len(data) == 2 and data[1] == 1 and (label is None or len(label) == 1):
        return [data, data[:1]], [data]
    if label is not None and known(label) and known(data) and math.prod(label) == math.prod(data):
        return [data, label], [data]
    return [data, data], [data]


def _pick(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """The index has the data's shape without the axis, or with length 1 there."""
    data, index, given = ins[0], ins[1], values(node)
    if data is not None and index is None:
        axis = given.get("axis", -1)
        if axis is None:
            return ins, outs
        at = axis % len(data)
        index = (*data[:at], *([1] if given.get("keepdims") else []), *data[at + 1:])
    return [data, index], forward(node, [data, index], outs)


def _sequence(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """The lengths from the data's axis of examples."""
    data = ins[0]
    if data is not None and len(ins) > 1:
        ins = [data, (data[1 - values(node).get("axis", 0)],)]
    return ins, forward(node, ins, outs)


def _group_norm(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """The parameters have an element for each group, as in MXNet 1.9.1."""
    data, groups = ins[0], (values(node).get("num_groups", 1),)
    if data is None:
        return ins, outs
    ins = [data, groups if ins[1] is None else ins[1], groups if ins[2] is None else ins[2]]
    if values(node).get("output_mean_var"):
        return ins, [data, (data[0], *groups), (data[0], *groups)]
    return ins, [data]


def _upsampling(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """The kernel of bilinear upsampling."""
    given = values(node)
    if given.get("sample_type") == "bilinear" and ins[0] is not None:
        size = 2 * given["scale"] - given["scale"] % 2
        ins = [ins[0], (ins[0][1], 1, size, size)]
    return ins, forward(node, ins, outs)


def _quantized(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """Data keep their shape, whatever their type; a range has two arrays of one element."""
    data = ins[0] if ins[0] is not None else outs[0]
    return [data, *[(1,)] * (len(ins) - 1)], [data, *[(1,)] * (len(outs) - 1)]


RULES: dict[str, Rule] = {
    **{f"_contrib_{name}": _quantized for name in ("quantize", "quantize_v2", "dequantize", "requantize")},
    "FullyConnected": _fully_connected, "Convolution": _convolution, "RNN": _rnn, "SoftmaxOutput": _softmax_output,
    "SVMOutput": _label_of_classes, "pick": _pick, "GroupNorm": _group_norm, "UpSampling": _upsampling,
    **dict.fromkeys(("SequenceMask", "SequenceLast", "SequenceReverse"), _sequence),
    **dict.fromkeys(("LinearRegressionOutput", "MAERegressionOutput", "LogisticRegressionOutput"), _regression)}

"""Hooks of operators: a function of the user's sees the output of each operator of a hybridized block's graph."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..generation import is_2
from ..symbol.evaluate import evaluate
from ..symbol.graph.node import SymbolNode, topological
from ..symbol.operators.registry import operator_of
from . import symbolic

#: Operators whose outputs have names in MXNet; those of others are numbered.
_NAMED_OUTPUTS = frozenset("""
Activation BatchNorm Concat Convolution Crop Deconvolution Dropout FullyConnected GroupNorm InstanceNorm L2Normalization
LRN LayerNorm LeakyReLU MakeLoss Pad Pooling RNN ROIPooling SequenceLast SequenceMask SequenceReverse SliceChannel
SoftmaxActivation SoftmaxOutput SwapAxis UpSampling elemwise_add make_loss softmax softmin
""".split())
#: Operators of one input that has a name; that of others is input0.
_NAMED_INPUT = frozenset("""
Concat Dropout L2Normalization LRN LeakyReLU MakeLoss Pad Pooling SequenceLast SequenceMask SequenceReverse SliceChannel
SwapAxis _contrib_BilinearResize2D depth_to_space log_softmax repeat reverse softmax space_to_depth tile
""".split())
_NUMBERED_INPUTS = ("Crop", "UpSampling")


def _shown(node: SymbolNode) -> dict[str, tuple[str, str]]:
    """The names of a node's inputs and outputs, as MXNet's hooks get them, with the operator."""
    op = str(node.op)
    names = operator_of(op, node.name).inputs(node.attrs, len(node.inputs))
    texts = ["input0"] if names == ["data"] and op not in _NAMED_INPUT else names
    if op in _NUMBERED_INPUTS:
        texts = [f"arg{i}" for i in range(len(names))]
    found = {f"{node.name}_{name}": (f"{node.name}_{text}", op) for name, text in zip(names, texts)}
    for i in range(node.visible):
        name = node.output_name(i)
        found[name] = (name if op in _NAMED_OUTPUTS else f"{node.name}_{i}", op)
    return found


def observed(block: Any, args: tuple, callback: Callable[..., Any], monitor_all: bool) -> Any:
    """The result of a pass over the graph of a block; `callback(name, operator, array)` is called for each operator.

    args: the arguments, arrays in nested lists.
    monitor_all: whether it is called for the operators' inputs too.

    The names are bytes as in MXNet 1.9.1, in MXNet 2 mode text.
    """
    given = [x for x in symbolic.flat(args, "input")[0] if x is not None]
    inputs, graph = block._get_graph(*args)
    shown = {name: text for node in topological(graph._outputs) if node.op is not None
             for name, text in _shown(node).items()}

    def show(name: str, x: Any) -> None:
        if name in shown:  # a variable is shown as an input only
            callback(*[text if is_2() else text.encode() for text in shown[name]], x)

    values = {variable.name: x for variable, x in zip(inputs, given)}
    values |= {p.var().name: p.data(given[0].ctx) for p in block.collect_params().values() if p._data is not None}
    return symbolic.nested(iter(evaluate(graph, values, None, show, monitor_all)), block._out_format)

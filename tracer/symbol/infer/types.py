"""Inference of element types over a symbol's graph. Most operators have one type for all inputs and outputs."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tracer.ops.nd.quantization import eight_bits

from ...base import MXNetError
from ..graph.element_types import BY_NUMBER
from ..graph.node import SymbolNode, mutated_variables, topological
from ..operators.registry import operator_of
from .placeholders import results

Type = np.dtype | None
Types = list[Type]
Rule = Callable[[SymbolNode, dict[str, Any], Types, Types], tuple[Types, Types]]


def types_of(symbol: Any, args: Sequence[Any], kwargs: Mapping[str, Any], partial: bool) -> tuple[Any, Any, Any]:
    """The answer of `Symbol.infer_type`; with `partial` that of `infer_type_partial`."""
    if args and kwargs:
        raise ValueError("Can only specify known argument types either by positional or kwargs way.")
    names = symbol.list_arguments()
    pairs = [*zip(names, args)] if args else [*kwargs.items()]
    known = symbol.list_inputs()
    for name in kwargs:
        if name not in known:
            raise MXNetError(f"InferType Keyword argument name {name} not found. Candidate arguments: "
                             f"{', '.join(names)}")
    nodes = topological(symbol._outputs)
    found = infer(nodes, {name: np.dtype(t) for name, t in pairs if t is not None})
    states = mutated_variables(nodes)
    variables = [n for n in nodes if n.op is None]
    parts = ([found[n][0] for n in variables if n not in states], [found[n][i] for n, i in symbol._outputs],
             [found[n][0] for n in variables if n in states])
    if not partial and any(t is None for part in parts for t in part):
        return None, None, None
    return tuple([[None if t is None else t.type for t in part] for part in parts])  # type: ignore[return-value]


def infer(nodes: Sequence[SymbolNode], given: Mapping[str, np.dtype]) -> dict[SymbolNode, Types]:
    """The types of the outputs of all nodes, in topological order, from types of some variables.

    MXNetError for types that contradict each other, with the node's name.
    """
    found: dict[SymbolNode, Types] = {}
    for node in nodes:
        own = None
        if node.op is None:
            own = given.get(node.name)
            if own is None and "__dtype__" in node.attrs:
                own = BY_NUMBER.get(int(node.attrs["__dtype__"]))
        found[node] = [own] * node.num_outputs
    operators = [node for node in nodes if node.op is not None]
    changed, forward = True, True
    while changed or not forward:
        changed = False
        for node in operators if forward else reversed(operators):
            ins = [found[below][i] for below, i in node.inputs]
            new_ins, new_outs = _applied(node, ins, found[node])
            for (below, at), t in zip(node.inputs, new_ins):
                changed |= _merge(node, found[below], at, t, f"input {below.name}")
            for i, t in enumerate(new_outs):
                changed |= _merge(node, found[node], i, t, "output")
        forward = not forward
    return found


def _merge(node: SymbolNode, types: Types, at: int, new: Type, what: str) -> bool:
    old = types[at]
    if old is not None and new is not None and old != new:
        raise MXNetError(f"Error in operator {node.name}: Type inconsistent, Provided = {old}, inferred type = {new} "
                         f"for {what}")
    if old is None and new is not None:
        types[at] = new
        return True
    return False


def _applied(node: SymbolNode, ins: Types, outs: Types) -> tuple[Types, Types]:
    if node.subgraphs:
        return ins, _of_body(node, ins)
    operator = operator_of(str(node.op), node.name)
    given = operator.values(node.attrs)
    rule = _RULES.get(operator.name)
    outs = outs[:node.visible]
    if rule is not None:
        return rule(node, given, ins, outs)
    if operator.name == "Custom":
        return _custom(node, ins, outs)
    dtype = _dtype(given.get("dtype"))
    if dtype is not None:
        return ins, [dtype] * len(outs)
    if operator.flavour == "np" and ins and None not in ins:
        return ins, _recorded(node, ins, outs)
    if not operator.arrays and not operator.star:
        return ins, [np.dtype(operator.default("dtype") or np.float32)] * len(outs)
    return _same(ins, outs)


def _of_body(node: SymbolNode, ins: Types) -> Types:
    """The types of the outputs of control flow: those of the last graph's, where its variables have the first type."""
    graph: Any = node.subgraphs[-1]
    nodes = topological(graph)
    first = next((t for t in ins if t is not None), None)
    if first is None:
        return [None] * node.visible
    found = infer(nodes, {n.name: first for n in nodes if n.op is None})
    return [found[n][i] for n, i in graph]


def _recorded(node: SymbolNode, ins: Types, outs: Types) -> Types:
    """The types of an operator's results for small matrices; the inputs' type where it refuses these."""
    try:
        return [t for _, t in results(node, [((2, 2), t) for t in ins])[:len(outs)]]
    except (MXNetError, ValueError, TypeError, IndexError):
        return _same(ins, outs)[1]


def _same(ins: Types, outs: Types) -> tuple[Types, Types]:
    found = next((t for t in (*ins, *outs) if t is not None), None)
    return [found] * len(ins), [found] * len(outs)


def _dtype(name: Any) -> Type:
    return None if name is None else np.dtype(name)


def _custom(node: SymbolNode, ins: Types, outs: Types) -> tuple[Types, Types]:
    """An operation that a user wrote: its own `infer_type`."""
    count = len(ins) - len(node.mutated)
    if ins[:1] == [None] or not count:
        return ins, outs
    found = operator_of("Custom").infer_type(  # type: ignore[attr-defined]
        node.attrs, [np.float32 if t is None else t.type for t in ins[:count]])
    states = found[2] if len(found) == 3 else []
    return [np.dtype(t) for t in (*found[0], *states)], [np.dtype(t) for t in found[1]]


def _free(*positions: int) -> Rule:
    """All inputs and outputs have one type but inputs at `positions`."""
    def rule(node: SymbolNode, given: dict[str, Any], ins: Types, outs: Types) -> tuple[Types, Types]:
        same, outs = _same([t for i, t in enumerate(ins) if i not in positions], outs)
        rest = iter(same)
        return [t if i in positions else next(rest) for i, t in enumerate(ins)], outs
    return rule


def _fixed(name: str) -> Rule:
    """Outputs have the parameter `dtype`, or that type."""
    def rule(node: SymbolNode, given: dict[str, Any], ins: Types, outs: Types) -> tuple[Types, Types]:
        shared = _same(ins, [])[0] if len(ins) > 1 else ins
        return shared, [np.dtype(given.get("dtype") or name)] * len(outs)
    return rule


def _normalization(node: SymbolNode, given: dict[str, Any], ins: Types, outs: Types) -> tuple[Types, Types]:
    """Parameters and statistics of data in half precision are in single precision."""
    (data,), new = _same(ins[:1], outs[:1])
    inner = np.dtype(np.float32) if data == np.float16 else data
    return [data, *[inner] * (len(ins) - 1)], [*new, *[inner] * (len(outs) - 1)]


def _embedding(node: SymbolNode, given: dict[str, Any], ins: Types, outs: Types) -> tuple[Types, Types]:
    table = ins[1] or outs[0] or np.dtype(given.get("dtype", np.float32))
    return [ins[0], table], [table]


def _histogram(node: SymbolNode, given: dict[str, Any], ins: Types, outs: Types) -> tuple[Types, Types]:
    return ins, [np.dtype(np.int64), ins[0]]


def _softmax(node: SymbolNode, given: dict[str, Any], ins: Types, outs: Types) -> tuple[Types, Types]:
    if given.get("dtype") is not None:
        return ins, [np.dtype(given["dtype"])]
    return _free(1)(node, given, ins, outs)


def _sequence(node: SymbolNode, given: dict[str, Any], ins: Types, outs: Types) -> tuple[Types, Types]:
    """The lengths have the data's type unless they have their own."""
    (data, *lengths), outs = _free(1)(node, given, ins, outs)
    return [data, *[t or data for t in lengths]], outs


def _topk(node: SymbolNode, given: dict[str, Any], ins: Types, outs: Types) -> tuple[Types, Types]:
    kind, index = given.get("ret_typ", "indices"), np.dtype(given.get("dtype", np.float32))
    first = index if kind == "indices" else ins[0]
    return ins, [first, index][:len(outs)]


def _quantized(node: SymbolNode, given: dict[str, Any], ins: Types, outs: Types) -> tuple[Types, Types]:
    """Numbers of 8 bits and their range."""
    kind = eight_bits(given.get("out_type", "uint8" if node.op == "_contrib_quantize" else "int8"),
                      *(given.get(f"{end}_calib_range") for end in ("min", "max")))
    single = np.dtype(np.float32)
    return [ins[0], *[single] * (len(ins) - 1)], [np.dtype(kind), single, single]


_INT64, _FLOAT32 = _fixed("int64"), _fixed("float32")
_RULES: dict[str, Rule] = {
    **dict.fromkeys(("BatchNorm", "_contrib_BatchNormWithReLU", "_contrib_SyncBatchNorm"), _normalization),
    "Embedding": _embedding, "_histogram": _histogram, "topk": _topk, "CTCLoss": _free(1, 2, 3), "where": _free(0),
    **dict.fromkeys(("take", "pick", "gather_nd", "scatter_nd", "batch_take", "reshape_like", "broadcast_like",
                     "slice_like", "_contrib_boolean_mask"), _free(1)),
    "softmax": _softmax, **dict.fromkeys(("SequenceMask", "SequenceLast", "SequenceReverse"), _sequence),
    "_contrib_index_copy": _free(1, 2), "_contrib_allclose": _fixed("uint8"), "_random_randint": _fixed("int32"),
    **dict.fromkeys(("_contrib_quantize", "_contrib_quantize_v2", "_contrib_requantize"), _quantized),
    "_contrib_dequantize": _FLOAT32, "_contrib_index_array": _INT64,
    "_sample_multinomial": _fixed("int32"), "shape_array": _INT64, "size_array": _INT64,
    **dict.fromkeys((*[f"_sample_{n}" for n in ("uniform", "normal", "gamma", "poisson", "exponential",
                                               "negative_binomial", "generalized_negative_binomial")],
                     "_image_to_tensor", "all_finite", "multi_all_finite", "argsort", "multi_sum_sq", "one_hot"),
                    _FLOAT32)}

"""Reading MXNet's JSON of a graph: files of MXNet 0.8 to 2.0, upgraded as MXNet upgrades them."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...base import MXNetError
from ...util import is_np_shape
from ..operators.attributes import value_of
from ..operators.facts import UNREAD
from ..operators.operator import Operator
from ..operators.registry import operator_of
from .composing import set_initializers, variable_for
from .node import HIDDEN_KEYS, Entry, SymbolNode, topological


def loads(text: str) -> tuple[Entry, ...]:
    """The outputs of the graph in a JSON text.

    MXNetError for a text that is no such graph, an unknown operator, or a cycle, with the node's name.
    """
    try:
        record = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise MXNetError(f"The text is not JSON: {error}") from None
    try:
        outputs = graph(record, _version(record))
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise MXNetError(f"The JSON is no graph: {type(error).__name__}: {error}") from error
    if is_np_shape() and "is_np_shape" not in record.get("attrs", {}):
        _with_numpy_shapes(outputs)
    return outputs


def _with_numpy_shapes(outputs: Sequence[Entry]) -> None:
    """Write the unknown dimensions of variables, 0 in a file without NumPy's semantics, as these do: -1."""
    for node in topological(outputs):
        shape = value_of(node.attrs.get("__shape__", ""))
        if isinstance(shape, tuple):
            node.attrs["__shape__"] = str(tuple([d or -1 for d in shape]))


def _version(record: Any) -> int:
    """The version of MXNet that wrote a file; 0.8.0 if it does not say."""
    attrs = record.get("attrs") if isinstance(record, dict) else None
    found = (attrs or {}).get("mxnet_version", ["int", 800])
    return int(found[1])


def graph(record: Any, version: int) -> tuple[Entry, ...]:
    """The outputs of a graph that was read from JSON."""
    if not isinstance(record, dict):
        raise MXNetError(f"JSON of a symbol is an object, got {type(record).__name__}")
    for field in ("nodes", "arg_nodes", "heads"):
        if field not in record:
            raise MXNetError(f'JSON of a symbol: Missing field "{field}"')
    records = record["nodes"]
    nodes: dict[int, SymbolNode] = {}
    for i in _order(records):
        try:
            nodes[i] = _node(records[i], [_entry(nodes, e) for e in records[i]["inputs"]], version)
        except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
            name = records[i].get("name", i) if isinstance(records[i], dict) else i
            raise MXNetError(f"JSON of a symbol: node {name} is malformed: {error!r}") from error
    try:
        heads = tuple([_entry(nodes, e) for e in record["heads"]])
    except (KeyError, IndexError, TypeError) as error:
        raise MXNetError(f"JSON of a symbol: heads {record['heads']} do not fit {len(records)} nodes") from error
    if not heads:
        raise MXNetError("JSON of a symbol: it has no heads")
    return heads


def _entry(nodes: Mapping[int, SymbolNode], numbers: Sequence[int]) -> Entry:
    """The output of a node that two numbers name. MXNetError if the node has no such output."""
    node, at = nodes[numbers[0]], numbers[1] if len(numbers) > 1 else 0
    count = node.num_outputs if node.op is None else len(node.output_names)
    if not 0 <= at < count:
        raise MXNetError(f"JSON of a symbol: there is no output {at} of {node.name}, which has {count}")
    return node, at


def _order(records: Sequence[Any]) -> list[int]:
    """The numbers of the nodes, each after its inputs. MXNetError for a cycle."""
    for record in records:
        _check_form(record, records)
    if all([e[0] < i for i, record in enumerate(records) for e in record["inputs"]]):
        return list(range(len(records)))
    found: list[int] = []
    state = dict.fromkeys(range(len(records)), 0)
    for start in range(len(records)):
        stack = [] if state[start] else [start]
        while stack:
            i = stack[-1]
            if state[i] == 0:
                state[i] = 1
                for below, *_ in records[i]["inputs"]:
                    if state[below] == 1:
                        raise MXNetError(f"JSON of a symbol: node {records[i].get('name')} is in a cycle")
                    if state[below] == 0:
                        stack.append(below)
            else:
                stack.pop()
                if state[i] == 1:
                    state[i] = 2
                    found.append(i)
    return found


def _check_form(record: Any, records: Sequence[Any]) -> None:
    """Raise MXNetError for a node without a name, an operator and inputs that exist."""
    if not isinstance(record, dict) or not all([isinstance(record.get(key), str) for key in ("op", "name")]) or \
            not isinstance(record.get("inputs"), list):
        raise MXNetError(f"JSON of a symbol: a node lacks op, name or inputs: {record!r}")
    for entry in record["inputs"]:
        if not isinstance(entry, list) or len(entry) < 2 or not 0 <= entry[0] < len(records):
            raise MXNetError(f"JSON of a symbol: node {record['name']} has an input {entry!r} that does not exist")


def _attributes(record: dict[str, Any]) -> dict[str, str]:
    """A node's attributes: `attrs` since 1.0, `attr` before, and `param` for parameters in 0.8."""
    found: dict[str, str] = {}
    for field in ("param", "attr", "attrs"):
        found.update(record.get(field) or {})
    return {k: str(v) for k, v in found.items()}


def _node(record: dict[str, Any], inputs: list[Entry], version: int) -> SymbolNode:
    attrs = _attributes(record)
    name, kind = record["name"], record["op"]
    if kind == "null":
        return SymbolNode(None, name, _upgraded(attrs, [], []))
    operator = operator_of(kind, name)
    if version < 905 and operator.name in ("argmax", "argmin") and attrs.get("axis") == "-1":
        del attrs["axis"]
    names = operator.inputs({k: v for k, v in attrs.items() if not _hidden(k)}, len(inputs))
    attrs = _upgraded(attrs, names, inputs)
    if version >= 20000:  # parameters that 1.9.1 lacks are left out where they say nothing
        unread = UNREAD.get(operator.name, ())
        attrs = {k: v for k, v in attrs.items()
                 if k not in unread and (v != "None" or not operator.parameters or k in operator.parameters)}
    operator.check(attrs)
    if version < 900:
        inputs = inputs + [(variable_for(name, missing, attrs), 0) for missing in names[len(inputs):]]
    if version < 904:
        set_initializers(operator, names, inputs)
    if len(inputs) != len(names):
        raise MXNetError(f"Failed loading Op {name} of type {kind}: it has {len(inputs)} inputs, "
                         f"not {len(names)} ({', '.join(names)})")
    return _made(operator, name, attrs, inputs, names, [graph(g, version) for g in record.get("subgraphs", ())])


def _made(operator: Operator, name: str, attrs: dict[str, str], inputs: list[Entry], names: list[str],
          subgraphs: list[Any]) -> SymbolNode:
    suffixes, visible = operator.outputs(attrs)
    states = operator.auxiliary(names, attrs)
    return SymbolNode(operator.name, name, attrs, inputs, suffixes, visible, states, subgraphs)


def _hidden(key: str) -> bool:
    return any(key == word or key.endswith(f"_{word}") for word in HIDDEN_KEYS)


def _upgraded(attrs: dict[str, str], names: Sequence[str], inputs: Sequence[Entry]) -> dict[str, str]:
    """Attributes under the names that MXNet stores them by today.

    lr_mult becomes __lr_mult__, and weight_lr_mult becomes that attribute of the variable `weight`.
    """
    found = {}
    for key, value in attrs.items():
        word = next((w for w in HIDDEN_KEYS if key == w or key.endswith(f"_{w}")), None)
        if word is None:
            found[key] = value
        elif key == word:
            found[f"__{word}__"] = value
        else:
            at = names.index(key[:-len(word) - 1]) if key[:-len(word) - 1] in names else None
            if at is not None and at < len(inputs) and inputs[at][0].op is None:
                inputs[at][0].attrs[f"__{word}__"] = value
            else:
                found[key] = value
    return found

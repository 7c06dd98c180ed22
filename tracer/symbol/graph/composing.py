"""Composition: new nodes from operators and symbols, with the names and variables that MXNet gives them."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...base import MXNetError
from ..operators import facts
from ..operators.operator import Operator
from .node import HIDDEN_KEYS, Entry, SymbolNode, rebuilt, topological


def hidden(attrs: Mapping[str, str]) -> dict[str, str]:
    """Attributes with the names that MXNet stores them under: lr_mult as __lr_mult__. MXNetError for weight_lr_mult."""
    found = {}
    for key, value in attrs.items():
        for word in HIDDEN_KEYS:
            if key.startswith(word):
                key = f"__{key}__"
                break
            if key.endswith(word):
                raise MXNetError(f"setting variable attributes with {key} is deprecated. please instead use\n"
                                 f"w = Variable({word}={value})\nsym = YourSymbolName({key[:-len(word) - 1]}=w)")
        found[key] = value
    return found


def single(symbol_outputs: Sequence[Entry], what: str) -> Entry:
    """The only output of a symbol. MXNetError if it has several."""
    if len(symbol_outputs) != 1:
        raise MXNetError(f"{what} is a tuple of {len(symbol_outputs)} outputs, single value is required")
    return symbol_outputs[0]


def composed(operator: Operator, name: str, attrs: Mapping[str, str], args: Sequence[Entry],
             kwargs: Mapping[str, Entry]) -> SymbolNode:
    """A node of an operator. Inputs that are not given become variables: `name`_weight and so on.

    name: the node's name.
    attrs: parameters and other attributes.
    args, kwargs: inputs by position and by name.

    MXNetError for unknown names, too many inputs, and wrong parameters.
    """
    attrs = hidden(attrs)
    operator.check(attrs)
    names = operator.inputs(attrs, len(args))
    if len(args) > len(names):
        raise MXNetError(f"Incorrect number of arguments, operator {operator.name} named {name} requires "
                         f"{len(names)}, provided {len(args)}")
    inputs = list(args)
    unmatched = dict(kwargs)
    for missing in names[len(args):]:
        given = unmatched.pop(missing, None)
        inputs.append((variable_for(name, missing, attrs), 0) if given is None else given)
    if unmatched:
        raise _mismatch(next(iter(unmatched)), names)
    suffixes, visible = operator.outputs(attrs)
    mutated = operator.auxiliary(names, attrs)
    set_initializers(operator, names, inputs)
    return SymbolNode(operator.name, name, attrs, inputs, suffixes, visible, mutated)


def variable_for(name: str, missing: str, attrs: Mapping[str, str]) -> SymbolNode:
    """The variable for an input that is not given; as in MXNet it has the attributes of its operator."""
    return SymbolNode(None, f"{name}_{missing}" if name else missing, attrs)


def set_initializers(operator: Operator, names: Sequence[str], inputs: Sequence[Entry]) -> None:
    """Give variables among an operator's inputs the initializers that MXNet gives them, unless they have one."""
    found = facts.INITIALIZERS.get(operator.name, {})
    for name, (node, _) in zip(names, inputs):
        if node.op is None and name in found:
            node.attrs.setdefault("__init__", found[name])


def _mismatch(name: str, names: Sequence[str]) -> MXNetError:
    candidates = "\n".join([f"\t[{i}]{n}" for i, n in enumerate(names)])
    return MXNetError(f"Symbol.ComposeKeyword argument name {name} not found.\nCandidate arguments:\n{candidates}\n")


def replaced(outputs: Sequence[Entry], name: str, args: Sequence[Entry], kwargs: Mapping[str, Entry]) -> tuple:
    """Copies of `outputs` where other symbols' outputs stand for variables.

    name: the new name of the first output's node; empty: it keeps its own.
    args: MXNetError if there are any, as in MXNet.
    kwargs: by the variables' names.
    """
    variables = [node for node in topological(outputs) if node.op is None]
    if args:
        raise MXNetError("General composition only support kwargs for now")
    by_name = {node.name: node for node in variables}
    replace: dict[SymbolNode, Entry] = {}
    for key, entry in kwargs.items():
        if key not in by_name:
            raise _mismatch(key, [node.name for node in variables])
        replace.update({node: entry for node in variables if node.name == key})
    made = rebuilt(outputs, replace)
    if name and made[0][0].op is not None:
        made[0][0].name = name
    return made

"""The nodes of symbols: a graph of MXNet's operators, as its JSON files hold it."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

#: An output of a node: the node and the output's number.
Entry = tuple["SymbolNode", int]

#: The attributes that MXNet keeps under the name `__key__`, and reads under `key`, too.
HIDDEN_KEYS = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")


class SymbolNode:
    """A node of a symbol's graph. All but its attributes is fixed.

    op: the operator's name in MXNet's JSON; None for a variable.
    name: the node's name.
    attrs: parameters of the operator and other attributes, as strings.
    inputs: the outputs of other nodes that it takes.
    num_outputs: the number of its outputs, hidden ones too.
    visible: the number of outputs that a symbol of it has.
    output_names: the suffixes of the outputs' names; empty for a variable.
    mutated: the positions of its inputs that are auxiliary states.
    subgraphs: the graphs of the bodies of control flow.

    >>> SymbolNode(None, "x")
    <SymbolNode x>
    """

    __slots__ = ("attrs", "inputs", "mutated", "name", "num_outputs", "op", "output_names", "subgraphs", "visible")

    def __init__(self, op: str | None, name: str, attrs: Mapping[str, str] | None = None, inputs: Sequence[Entry] = (),
                 output_names: Sequence[str] = (), visible: int = 1, mutated: Sequence[int] = (),
                 subgraphs: Sequence[object] = ()) -> None:
        self.op = op
        self.name = name
        self.attrs = dict(attrs or {})
        self.inputs = tuple(inputs)
        self.output_names = tuple(output_names)
        self.num_outputs = max(len(self.output_names), 1)
        self.visible = visible
        self.mutated = tuple(mutated)
        self.subgraphs = tuple(subgraphs)

    def __repr__(self) -> str:
        return f"<SymbolNode {self.name}>"

    def output_name(self, index: int) -> str:
        """The name of an output, such as fc1_output; a variable's own name."""
        return self.name if self.op is None else f"{self.name}_{self.output_names[index]}"

    def with_inputs(self, inputs: Sequence[Entry], name: str | None = None) -> SymbolNode:
        """A copy with other inputs, and another name if one is given."""
        return SymbolNode(self.op, self.name if name is None else name, self.attrs, inputs, self.output_names,
                          self.visible, self.mutated, self.subgraphs)


def topological(outputs: Iterable[Entry]) -> list[SymbolNode]:
    """All nodes that `outputs` depend on, each after its inputs, in the order of MXNet's depth-first search."""
    found: list[SymbolNode] = []
    seen: set[SymbolNode] = set()
    for head, _ in outputs:
        if head in seen:
            continue
        seen.add(head)
        stack = [(head, iter(head.inputs))]
        while stack:
            node, rest = stack[-1]
            for below, _ in rest:
                if below not in seen:
                    seen.add(below)
                    stack.append((below, iter(below.inputs)))
                    break
            else:
                found.append(node)
                stack.pop()
    return found


def mutated_variables(nodes: Iterable[SymbolNode]) -> set[SymbolNode]:
    """The variables that some node writes: auxiliary states."""
    return {node.inputs[i][0] for node in nodes for i in node.mutated if node.inputs[i][0].op is None}


def rebuilt(outputs: Iterable[Entry], replace: Mapping[SymbolNode, Entry]) -> tuple[Entry, ...]:
    """Copies of `outputs` and all nodes below, with some variables replaced by outputs of other nodes."""
    outputs = tuple(outputs)
    made: dict[SymbolNode, SymbolNode] = {}
    for node in topological(outputs):
        if node not in replace:
            made[node] = node.with_inputs([replace.get(n) or (made[n], i) for n, i in node.inputs])
    return tuple([replace.get(n) or (made[n], i) for n, i in outputs])

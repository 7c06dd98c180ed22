"""`mx.sym.contrib.foreach`, `while_loop` and `cond`: nodes with the graphs that a user's functions make."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import attribute, name
from ..attribute import AttrScope
from .graph.node import Entry, SymbolNode, topological
from .namespaces import GENERATED
from .symbol import Symbol
from .variables import var

__all__ = ["cond", "foreach", "while_loop"]

_SCOPE = "__subgraph_name__"


def _flat(x: Any, what: str) -> tuple[list[Symbol], Any]:
    """The symbols in nested lists, and the nesting: 0 for one symbol, a number for one of several outputs."""
    if isinstance(x, Symbol):
        count = x.num_outputs
        return [x], count if count > 1 else 0
    if not isinstance(x, (list, tuple)):
        raise AssertionError(f"{what} must be (nested) list of Symbol, but got {x} of type {type(x)}")
    parts = [_flat(i, what) for i in x]
    return [s for flat, _ in parts for s in flat], [nesting for _, nesting in parts]


def _nested(symbols: list[Any], nesting: Any) -> Any:
    """The symbols in the nesting that `_flat` found; takes them from the front of the list."""
    if isinstance(nesting, int):
        if nesting == 0:
            return symbols.pop(0)
        return [symbols.pop(0) for _ in range(nesting)]
    return [_nested(symbols, n) for n in nesting]


def _unique(kind: str) -> str:
    """A new name for a graph, after that of the graph around it."""
    outer = attribute.current()._attr.get(_SCOPE, "")
    kind = f"{outer}${kind}" if outer else kind
    AttrScope._subgraph_names[kind] += 1
    return f"{kind}{AttrScope._subgraph_names[kind] - 1}"


def _inner(symbol: Symbol) -> str:
    """The name of the variable that stands for a symbol in a body."""
    return f"{symbol.name}-{symbol._outputs[0][1]}"


class _Graph:
    """The graph of a body.

    outputs: its outputs; what it takes from outside is variables.
    outside: the outputs of outer nodes by the names of these variables.
    """

    def __init__(self, scope: str, results: Sequence[Symbol]) -> None:
        inside = {node for node in topological([e for s in results for e in s._outputs])
                  if node.attrs.get(_SCOPE) == scope}
        heads = [self._own(entry, inside) for s in results for entry in s._outputs]
        self.outside: dict[str, Entry] = {}
        made: dict[SymbolNode, SymbolNode] = {}
        outer: dict[Entry, SymbolNode] = {}

        def source(entry: Entry) -> Entry:
            node, i = entry
            if node in made:
                return made[node], i
            if node in inside:
                return node, i
            if entry not in outer:
                outer[entry] = SymbolNode(None, node.output_name(i))
                self.outside[node.output_name(i)] = entry
            return outer[entry], 0

        for node in topological(heads):
            if node in inside or node in [h for h, _ in heads]:
                made[node] = node.with_inputs([source(e) for e in node.inputs])
        self.outputs: tuple[Entry, ...] = tuple([(made[node], i) for node, i in heads])

    @staticmethod
    def _own(entry: Entry, inside: set[SymbolNode]) -> Entry:
        """The output itself, if a node of the body makes it, else a copy of it."""
        if entry[0] in inside and entry[0].op is not None:
            return entry
        return GENERATED[""]["identity"](Symbol([entry]))._outputs[0]

    def names(self) -> list[str]:
        """The names of its variables, in order. AssertionError if two are equal."""
        found = [node.name for node in topological(self.outputs) if node.op is None]
        if len(set(found)) != len(found):
            raise AssertionError(f"The inputs of the subgraph don't have unique names: {found}")
        return found

    def input(self, variable: str) -> Entry:
        """The entry of the outer graph for a variable: the outer node, or a variable of the same name."""
        if variable in self.outside:
            return self.outside[variable]
        node = next(n for n in topological(self.outputs) if n.op is None and n.name == variable)
        return SymbolNode(None, variable, node.attrs), 0


def _node(kind: str, inputs: Sequence[Entry], graphs: Sequence[_Graph], count: int, **attrs: Any) -> list[Symbol]:
    """The outputs of a node of control flow."""
    texts = {k: str(v) for k, v in attrs.items()}
    texts |= {"num_args": str(len(inputs) + len(graphs)), "num_outputs": str(count)}
    suffixes = ("output",) if count == 1 else tuple([f"output{i}" for i in range(count)])
    node = SymbolNode(kind, name.current().get(None, kind), {**attribute.current().get(None), **texts}, inputs,
                      suffixes, count, (), [g.outputs for g in graphs])
    return [Symbol([(node, i)]) for i in range(count)]


def foreach(body: Callable[..., Any], data: Any, init_states: Any, name: str = "foreach") -> tuple[Any, Any]:
    """Call `body(slice, states) -> (output, states)` for each slice of `data` along its first axis.

    Returns the outputs, stacked along a new first axis, and the last states. `data`, outputs and states are symbols
    or nested lists of symbols.

    AssertionError for data or states that the body does not use.
    """
    flat_data, data_nesting = _flat(data, "foreach input")
    flat_states, state_nesting = _flat(init_states, "foreach states")
    scope = _unique(name)
    with AttrScope(**{_SCOPE: scope}):
        parts = _nested([var(_inner(s)) for s in flat_data], data_nesting)
        states = _nested([var(_inner(s)) for s in flat_states], state_nesting)
        outputs, new_states = body(parts, states)
        flat_outputs, output_nesting = _flat(outputs, "foreach output")
        flat_new, new_nesting = _flat(new_states, "foreach loop_vars")
        if new_nesting != state_nesting:
            raise AssertionError("The input and output loop_vars have different format")
        graph = _Graph(scope, [*flat_outputs, *flat_new])
    names = graph.names()
    locations = []
    for kind, given in (("data", flat_data), ("state", flat_states)):
        for s in given:
            if _inner(s) not in names:
                raise AssertionError(f"the {kind} arrays have to be used in the loop body")
        locations.append([names.index(_inner(s)) for s in given])
    taken = {*locations[0], *locations[1]}
    rest = [i for i in range(len(names)) if i not in taken]
    inputs = [*[s._outputs[0] for s in (*flat_data, *flat_states)], *[graph.input(names[i]) for i in rest]]
    made = _node("_foreach", inputs, [graph], len(flat_outputs) + len(flat_new), num_out_data=len(flat_outputs),
                 in_state_locs=locations[1], in_data_locs=locations[0], remain_locs=rest)
    return _nested(made, output_nesting), _nested(made, state_nesting)


class _Inputs:
    """The inputs of several graphs, each once.

    known: outputs of outer nodes by the names of variables of all graphs.
    """

    def __init__(self, known: dict[str, Entry]) -> None:
        self.known = known
        self.entries: list[Entry] = []
        self.created: dict[str, Entry] = {}

    def of(self, graph: _Graph) -> list[int]:
        """The places of a graph's inputs among all."""
        found = []
        for variable in graph.names():
            entry = self.known.get(variable) or self.created.get(variable) or graph.input(variable)
            if variable not in self.known and variable not in graph.outside:
                self.created[variable] = entry
            if entry not in self.entries:
                self.entries.append(entry)
            found.append(self.entries.index(entry))
        return found


def while_loop(cond: Callable[..., Any], func: Callable[..., Any], loop_vars: Any, max_iterations: int | None = None,
               name: str = "while_loop") -> tuple[Any, Any]:
    """Call `func(*loop_vars) -> (output, loop_vars)` while `cond(*loop_vars)` is true.

    Returns the outputs, stacked and padded to `max_iterations`, and the last loop_vars.

    ValueError if `max_iterations` is not given, or a variable is not used.
    """
    if max_iterations is None:
        raise ValueError("max_iterations should be specified")
    if len(loop_vars) == 0:
        raise ValueError("loop_vars should contain at least one element")
    flat, nesting = _flat(loop_vars, "while loop_vars")
    test, _, _ = _body(f"{name}_cond", flat, nesting, lambda *now: ([], _checked(cond(*now))))
    body, outputs, count = _body(f"{name}_func", flat, nesting, func)
    inputs = _Inputs({_inner(s): s._outputs[0] for s in flat})
    test_at, body_at = inputs.of(test), inputs.of(body)
    names = body.names()
    for i, s in enumerate(flat, 1):
        if _inner(s) not in names:
            raise ValueError(f"The {i}-th loop_var doesn't involve into the computation")
    made = _node("_while_loop", inputs.entries, [test, body], len(body.outputs), max_iterations=int(max_iterations),
                 cond_input_locs=test_at, func_input_locs=body_at, num_out_data=count,
                 func_var_locs=[names.index(_inner(s)) for s in flat])
    return _nested(made, outputs), _nested(made, nesting)


def _checked(result: Any) -> list[Symbol]:
    if not isinstance(result, Symbol):
        raise ValueError("Return of cond must be a Symbol")
    return [result]


def _body(kind: str, flat: Sequence[Symbol], nesting: Any, func: Callable[..., Any]) -> tuple[_Graph, Any, int]:
    """The graph of a function of the loop's variables, the nesting of its outputs, and their number."""
    scope = _unique(kind)
    with AttrScope(**{_SCOPE: scope}):
        given = _nested([var(_inner(s)) for s in flat], nesting)
        outputs, variables = func(*(given if isinstance(given, list) else [given]))
        flat_outputs, output_nesting = _flat([] if outputs is None else outputs, "while output")
        flat_new, _ = _flat([] if variables is None else variables, "while loop_vars")
        if kind.endswith("_func") and len(flat_new) != len(flat):
            raise ValueError("The number of loop_vars should be consistent during the loop")
        return _Graph(scope, [*flat_outputs, *flat_new]), output_nesting, len(flat_outputs)


def cond(pred: Symbol, then_func: Callable[[], Any], else_func: Callable[[], Any], name: str = "cond") -> Any:
    """The outputs of `then_func()` if `pred`, of one element, is true, else those of `else_func()`.

    ValueError for branches of different numbers of outputs.
    """
    graphs, nestings = [], []
    for kind, func in (("pred", lambda: pred), ("then", then_func), ("else", else_func)):
        scope = _unique(f"{name}_{kind}")
        with AttrScope(**{_SCOPE: scope}):
            flat, nesting = _flat(func(), "cond outputs")
            graphs.append(_Graph(scope, flat))
        nestings.append(nesting)
    counts = [len(g.outputs) for g in graphs]
    if counts[0] != 1:
        raise ValueError("pred should always be a single output")
    if counts[1] != counts[2]:
        raise ValueError("Number of outputs differs between then-branch and else-branch")
    inputs = _Inputs({})
    at = [inputs.of(g) for g in graphs]
    made = _node("_cond", inputs.entries, graphs, counts[1], cond_input_locs=at[0], then_input_locs=at[1],
                 else_input_locs=at[2])
    return _nested(made, nestings[1])

"""`mx.sym.Symbol`: outputs of a graph of operators, by which the graph is named, asked and composed."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..base import MXNetError, NotImplementedForSymbol
from ..whole_files import replacing
from .graph import json_text, loading
from .graph.composing import hidden, replaced, single
from .graph.node import HIDDEN_KEYS, Entry, SymbolNode, mutated_variables, rebuilt, topological
from .infer import inference, types


class Symbol:
    """One or several outputs of a graph of operators. Users make symbols with the functions of `mx.sym`.

    outputs: the outputs.

    >>> Symbol(((SymbolNode(None, "x"), 0),))
    <Symbol x>
    """

    _outputs: tuple[Entry, ...]
    #: NumPy's operators leave symbols to them.
    __array_priority__ = 1000.0
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, outputs: Sequence[Entry] = ()) -> None:
        self._outputs = tuple(outputs)

    def __repr__(self) -> str:
        kind = type(self).__name__
        if self.name is None:
            return f"<{kind} group [{', '.join([str(s.name) for s in self])}]>"
        return f"<{kind} {self.name}>"

    # ---- outputs ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._outputs)

    def __iter__(self) -> Iterator[Symbol]:
        return iter([self[i] for i in range(len(self))])

    def __getitem__(self, index: Any) -> Any:
        """An output, by its number or name; a slice gives a group."""
        if isinstance(index, slice):
            return type(self)(self._outputs[index])
        if isinstance(index, str):
            places = [i for i, name in enumerate(self.list_outputs()) if name == index]
            if len(places) > 1:
                raise ValueError(f'There are multiple outputs with name "{index}"')
            if not places:
                raise ValueError(f'Cannot find output that matches name "{index}"')
            index = places[0]
        if not isinstance(index, int):
            raise TypeError("Symbol only support integer index to fetch i-th output")
        if index >= len(self._outputs):
            raise IndexError(f"output {index} of {len(self._outputs)} of {self!r}")
        return type(self)((self._outputs[index],))

    @property
    def name(self) -> str | None:
        """The name of the node of all outputs; None for a group of several nodes."""
        nodes = {node for node, _ in self._outputs}
        return nodes.pop().name if len(nodes) == 1 else None

    @property
    def num_outputs(self) -> int:
        """The number of outputs."""
        return len(self._outputs)

    def list_outputs(self) -> list[str]:
        """The names of the outputs."""
        return [node.output_name(i) for node, i in self._outputs]

    def _variables(self) -> tuple[list[SymbolNode], set[SymbolNode]]:
        nodes = topological(self._outputs)
        return [node for node in nodes if node.op is None], mutated_variables(nodes)

    def list_arguments(self) -> list[str]:
        """The names of the variables that are no auxiliary states."""
        variables, states = self._variables()
        return [node.name for node in variables if node not in states]

    def list_auxiliary_states(self) -> list[str]:
        """The names of the variables that operators write."""
        variables, states = self._variables()
        return [node.name for node in variables if node in states]

    def list_inputs(self) -> list[str]:
        """The names of all variables."""
        return [node.name for node in self._variables()[0]]

    def get_internals(self) -> Symbol:
        """A group of the outputs of all nodes."""
        return type(self)([(node, i) for node in topological(self._outputs) for i in range(node.visible)])

    def get_children(self) -> Symbol | None:
        """A group of the inputs of the outputs' nodes; None if there are none."""
        nodes = dict.fromkeys([node for node, _ in self._outputs])
        inputs = [entry for node in nodes for entry in node.inputs]
        return type(self)(inputs) if inputs else None

    def get_inputs(self) -> Symbol:
        """A group of all variables."""
        return type(self)([(node, 0) for node in self._variables()[0]])

    # ---- attributes ------------------------------------------------------------------------------

    def _only(self, what: str) -> SymbolNode:
        nodes = {node for node, _ in self._outputs}
        if len(nodes) != 1:
            raise MXNetError(f"{what} only works for non-grouped symbol")
        return nodes.pop()

    def attr(self, key: str) -> str | None:
        """The attribute `key` of the symbol's node, or None."""
        nodes = {node for node, _ in self._outputs}
        if len(nodes) != 1:
            return None
        node = nodes.pop()
        if key == "name":
            return node.name
        found = node.attrs.get(key)
        return node.attrs.get(f"__{key}__") if found is None and key in HIDDEN_KEYS else found

    def list_attr(self, recursive: bool = False) -> dict[str, str]:
        """The attributes of the symbol's node.

        recursive: DeprecationWarning's error, as in MXNet: use `attr_dict`.
        """
        if recursive:
            raise DeprecationWarning("Symbol.list_attr with recursive=True has been deprecated. "
                                     "Please use attr_dict instead.")
        nodes = {node for node, _ in self._outputs}
        return _shown(nodes.pop().attrs) if len(nodes) == 1 else {}

    def attr_dict(self) -> dict[str, dict[str, str]]:
        """The attributes of all nodes that have any, by name."""
        return {node.name: _shown(node.attrs) for node in topological(self._outputs) if node.attrs}

    def _set_attr(self, **kwargs: str) -> None:
        """Set attributes of the symbol's node. ValueError for values that are no strings."""
        for value in kwargs.values():
            if not isinstance(value, str):
                raise ValueError("Set Attr only accepts string values")
        self._only("Symbol.SetAttrs").attrs.update(hidden(kwargs))

    # ---- composition -----------------------------------------------------------------------------

    def __call__(self, *args: Symbol, **kwargs: Any) -> Symbol:
        """A copy with other symbols in the place of its variables, by their names; `name=` renames it."""
        made = self.__copy__()
        made._compose(*args, **kwargs)
        return made

    def _compose(self, *args: Symbol, **kwargs: Any) -> None:
        """Put other symbols in the place of the variables of this symbol."""
        name = kwargs.pop("name", None)
        if args and kwargs:
            raise TypeError("compose only accept input Symbols either as positional or keyword arguments, not both")
        for x in (*args, *kwargs.values()):
            if not isinstance(x, Symbol):
                raise TypeError(f"Compose expect `Symbol` as arguments, got {type(x).__name__}")
        self._outputs = replaced(self._outputs, name or "", [single(x._outputs, "Argument") for x in args],
                                 {k: single(x._outputs, f"Keyword Argument {k}") for k, x in kwargs.items()})

    def __copy__(self) -> Any:
        return self.__deepcopy__(None)

    def __deepcopy__(self, memo: Any) -> Any:
        return type(self)(rebuilt(self._outputs, {}))

    def __getstate__(self) -> dict[str, str]:
        return {"handle": self.tojson()}

    def __setstate__(self, state: Mapping[str, str]) -> None:
        self._outputs = loading.loads(state["handle"])

    # ---- inference -------------------------------------------------------------------------------

    def infer_shape(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """The shapes of arguments, outputs and auxiliary states, from the shapes of some arguments.

        args: by position; kwargs: by name. An unknown dimension is 0 (under NumPy's semantics -1).

        Three None if not all can be found; MXNetError if shapes contradict each other, with the node's name.
        """
        return inference.shapes_of(self, args, kwargs, False)

    def infer_shape_partial(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """`infer_shape`, with () or unknown dimensions where a shape cannot be found."""
        return inference.shapes_of(self, args, kwargs, True)

    def infer_type(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """The element types of arguments, outputs and auxiliary states, from those of some arguments.

        Three None if not all can be found; MXNetError if types contradict each other.
        """
        return types.types_of(self, args, kwargs, False)

    def infer_type_partial(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """`infer_type`, with None where a type cannot be found."""
        return types.types_of(self, args, kwargs, True)

    # ---- text ------------------------------------------------------------------------------------

    def tojson(self, remove_amp_cast: bool = True) -> str:
        """The graph as MXNet 1.9.1's JSON.

        remove_amp_cast: leave out the casts that mixed precision has put in.
        """
        return json_text.dumps(self._outputs, remove_amp_cast)

    def save(self, fname: str, remove_amp_cast: bool = True) -> None:
        """Write the graph to a file; arguments as in `tojson`."""
        if not isinstance(fname, str):
            raise TypeError("fname need to be string")
        with replacing(fname, "w") as file:
            file.write(self.tojson(remove_amp_cast))

    def debug_str(self) -> str:
        """The nodes with their inputs and attributes, as text."""
        return json_text.debug_text(self._outputs)


def _shown(attrs: Mapping[str, str]) -> dict[str, str]:
    """Attributes as a user sees them: some of the form __key__ under `key`, too."""
    found = {}
    for key, value in attrs.items():
        found[key] = value
        if key[2:-2] in HIDDEN_KEYS and key == f"__{key[2:-2]}__":
            found[key[2:-2]] = value
    return found


def refuse(name: str, alias: str | None = None) -> Any:
    """A method of arrays that symbols lack: calling it raises NotImplementedForSymbol."""
    def method(self: Symbol, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedForSymbol(method, alias, *args)

    method.__name__ = method.__qualname__ = name
    return method

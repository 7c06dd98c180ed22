"""The operators that symbols are made of: for each its name in MXNet's JSON, and the public function that runs it."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...base import MXNetError
from ..graph.node import HIDDEN_KEYS
from . import facts
from .attributes import value_of


class Parameter(NamedTuple):
    """A parameter of an operator.

    kind: the name of its type, such as int; empty if it is not declared.
    required: whether it has no default.
    default: its default.
    """

    kind: str
    required: bool
    default: Any


@dataclass(frozen=True, eq=False)
class Operator:
    """An operator.

    name: its name in JSON.
    run: the public function of arrays.
    arrays: the names of its inputs.
    parameters: all others, by name, in order.
    star: whether the number of inputs varies.
    shapes: the rule for the shapes of a layer's parameters, with their names in `run`.
    flavour: "nd" or "np".
    elementwise: whether all inputs and outputs have one shape.
    """

    name: str
    run: Callable[..., Any]
    arrays: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    star: bool = False
    shapes: Callable[..., dict[str, tuple[int, ...]]] | None = None
    flavour: str = "nd"
    elementwise: bool = False

    @property
    def count(self) -> str | None:
        """The parameter that holds the number of inputs, if there is one."""
        return facts.COUNTS.get(self.name) if self.star else None

    def values(self, attrs: Mapping[str, str]) -> dict[str, Any]:
        """The parameters' values among a node's attributes."""
        return {k: v if p.kind == "str" else value_of(v) for k, p in self.parameters.items()
                if (v := attrs.get(k)) is not None}

    def default(self, name: str) -> Any:
        """The default of a parameter; None if there is none."""
        return self.parameters[name].default if name in self.parameters else None

    def inputs(self, attrs: Mapping[str, str], given: int = 0) -> list[str]:
        """The names of the inputs with these attributes; `given` of them are known where the number varies."""
        choose = facts.INPUTS.get(self.name)
        if choose is not None:
            return choose(self.arrays, self.values(attrs))
        if not self.star:
            return list(self.arrays)
        prefix = facts.PREFIXES.get(self.name, "arg")
        count = attrs.get(self.count or "")
        return facts.numbered(prefix, given if count is None else int(value_of(count)))

    def outputs(self, attrs: Mapping[str, str]) -> tuple[tuple[str, ...], int]:
        """The suffixes of the outputs' names, and how many of them a symbol has."""
        choose = facts.OUTPUTS.get(self.name)
        return (("output",), 1) if choose is None else choose(self.values(attrs))

    def auxiliary(self, names: Sequence[str], attrs: Mapping[str, str]) -> tuple[int, ...]:
        """The positions of the auxiliary states among the inputs called `names`."""
        states = facts.STATES.get(self.name, ())
        return tuple([i for i, name in enumerate(names) if name in states])

    def check(self, attrs: Mapping[str, str]) -> None:
        """Raise MXNetError for unknown, missing or ill-typed parameters, as MXNet does when a symbol is made."""
        if not self.parameters or self.flavour == "np":
            return
        for key, text in attrs.items():
            if key.startswith("__") and key.endswith("__") or key in HIDDEN_KEYS:
                continue
            parameter = self.parameters.get(key)
            if parameter is None and key != "ctx" and not (key == "is_int" and self.name.endswith("_scalar")):
                possible = ", ".join(self.parameters)
                raise self._error(f"Cannot find argument '{key}', Possible Arguments: {possible}", attrs)
            if parameter is not None and not _fits(parameter.kind, value_of(text)):
                raise self._error(f"Invalid Parameter format for {key} expect {_WORDS.get(parameter.kind)} but "
                                  f"value='{text}'", attrs)
        for key, parameter in self.parameters.items():
            if parameter.required and key not in attrs:
                kind = f" of {_WORDS[parameter.kind]}" if parameter.kind in _WORDS else ""
                raise self._error(f"Required parameter {key}{kind} is not presented", attrs)

    def _error(self, text: str, attrs: Mapping[str, str]) -> MXNetError:
        shown = "".join([f', {k}="{v}"' for k, v in attrs.items()])
        return MXNetError(f'{text}, in operator {self.name}(name=""{shown})')


#: MXNet's words for types.
_WORDS = {"int": "int", "float": "float", "bool": "boolean"}


def _fits(kind: str, value: Any) -> bool:
    if kind == "int":
        return isinstance(value, int)
    if kind == "float":
        return isinstance(value, (int, float))
    return kind != "bool" or value in (0, 1)

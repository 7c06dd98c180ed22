"""The operator `Custom`: operations that a user wrote, whose inputs and outputs their class of properties names."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ... import ndarray
from ...base import MXNetError
from ...ndarray.custom import REGISTERED
from .operator import Operator


class CustomOperator(Operator):
    """The operator `Custom`. Its attributes are the keywords of the class of properties, and `op_type`."""

    def properties(self, attrs: Mapping[str, str]) -> Any:
        """The user's object of properties. MXNetError for an operation that is not registered."""
        kind = attrs.get("op_type")
        if kind is None:
            raise MXNetError("Required argument `op_type` is missing.")
        if kind not in REGISTERED:
            raise MXNetError(f"Cannot find custom operator {kind}")
        return REGISTERED[kind][0](**self.values({k: v for k, v in attrs.items() if k != "op_type"}))

    def values(self, attrs: Mapping[str, str]) -> dict[str, Any]:
        """The keywords, as strings."""
        return {k: v for k, v in attrs.items() if not (k.startswith("__") and k.endswith("__"))}

    def inputs(self, attrs: Mapping[str, str], given: int = 0) -> list[str]:
        """The names of arguments and auxiliary states."""
        found = self.properties(attrs)
        return [*found.list_arguments(), *found.list_auxiliary_states()]

    def outputs(self, attrs: Mapping[str, str]) -> tuple[tuple[str, ...], int]:
        """The outputs' names."""
        names = tuple(self.properties(attrs).list_outputs())
        return names, len(names)

    def auxiliary(self, names: Sequence[str], attrs: Mapping[str, str]) -> tuple[int, ...]:
        """The positions after the arguments."""
        return tuple(range(len(self.properties(attrs).list_arguments()), len(names)))

    def infer_shape(self, attrs: Mapping[str, str], shapes: list[list[int]]) -> Any:
        """The answer of the user's `infer_shape`."""
        return self.properties(attrs).infer_shape(shapes)

    def infer_type(self, attrs: Mapping[str, str], types: list[Any]) -> Any:
        """The answer of the user's `infer_type`."""
        return self.properties(attrs).infer_type(types)


CUSTOM = CustomOperator("Custom", ndarray.Custom, ("data",), {}, star=True)

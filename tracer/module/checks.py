"""Checks of the names of a module's inputs."""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ..io import DataDesc

__all__: list[str] = []

_PARAMETERS = ("_weight", "_bias", "_gamma", "_beta")


def _check_input_names(symbol: Any, names: Sequence[str], typename: str, throw: bool) -> None:
    """Raise ValueError, or warn, for a name that is no argument of the symbol.

    typename: the kind of names, for the message.
    throw: whether to raise.
    """
    arguments = symbol.list_arguments()
    for name in names:
        if name not in arguments:
            candidates = "\n\t".join([one for one in arguments if not one.endswith(_PARAMETERS)])
            text = (f"\033[91mYou created Module with Module(..., {typename}_names={names}) but input with name "
                    f"'{name}' is not found in symbol.list_arguments(). Did you mean one of:\n\t{candidates}\033[0m")
            if throw:
                raise ValueError(text)
            warnings.warn(text, stacklevel=4)


def _check_names_match(data_names: Sequence[str], data_shapes: Sequence[Any], name: str, throw: bool) -> None:
    """Raise ValueError, or warn, if the names of the descriptions are not those given."""
    if sorted(data_names) != sorted([one[0] for one in data_shapes]):
        text = (f"Data provided by {name}_shapes don't match names specified by {name}_names ({data_shapes} vs. "
                f"{data_names})")
        if throw:
            raise ValueError(text)
        warnings.warn(text, stacklevel=4)


def _described(shapes: Sequence[Any]) -> list[DataDesc]:
    """Descriptions of inputs; pairs of names and shapes are made such."""
    return [one if isinstance(one, DataDesc) else DataDesc(*one) for one in shapes]


def _parse_data_desc(data_names: Sequence[str], label_names: Sequence[str], data_shapes: Sequence[Any],
                     label_shapes: Sequence[Any] | None) -> tuple[list[DataDesc], list[DataDesc] | None]:
    """The descriptions of data and labels. ValueError for other names of data; those of labels warn."""
    data = _described(data_shapes)
    _check_names_match(data_names, data, "data", True)
    labels = None if label_shapes is None else _described(label_shapes)
    _check_names_match(label_names, labels or [], "label", False)
    return data, labels

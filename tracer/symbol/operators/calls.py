"""Calls of operators' functions of arrays with a node's attributes."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...base import MXNetError
from ...core.invoke import wrap
from ...numpy import ndarray
from ..graph.node import SymbolNode
from .numpy_operators import OPERATORS  # noqa: F401  (which fills the table)
from .registry import operator_of


def outputs_of(node: SymbolNode, inputs: list[Any], further: Mapping[str, Any] | None = None) -> list[Any]:
    """The arrays that a node's operator makes of its inputs.

    further: parameters in place of the node's own.

    An MXNetError gets the node's name.
    """
    operator = operator_of(node.op or "", node.name)
    if operator.flavour == "np":
        inputs = [x if isinstance(x, ndarray) else wrap(ndarray, x._value) for x in inputs]
    given = {**operator.values(node.attrs), **(further or {})}
    try:
        if operator.star:
            made = operator.run(*inputs, **given)
        else:
            made = operator.run(**dict(zip(operator.inputs(node.attrs), inputs)), **given)
    except MXNetError as error:
        raise type(error)(f"Error in operator {node.name}: {error}").with_traceback(error.__traceback__) from None
    return list(made) if isinstance(made, (list, tuple)) else [made]

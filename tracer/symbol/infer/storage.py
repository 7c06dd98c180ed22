"""Storage types of the arrays that an executor makes."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..graph.node import SymbolNode, topological

#: The storage types by the numbers that the attribute of a variable has.
_BY_NUMBER = {"0": "default", "1": "row_sparse", "2": "csr"}


def stypes_of_variables(symbol: Any) -> dict[str, str]:
    """The storage types of those variables that have one, by name."""
    return {node.name: _BY_NUMBER.get(str(node.attrs["__storage_type__"]), "default")
            for node in topological(symbol._outputs) if node.op is None and "__storage_type__" in node.attrs}


def stypes_of_gradients(symbol: Any, stypes: Mapping[str, str]) -> dict[str, str]:
    """The storage types of gradients that are not dense, by the names of the variables.

    stypes: the storage types of variables by name.

    The gradient of an embedding's table is row_sparse if its attribute `sparse_grad` says so, and that of an array
    multiplied by a csr matrix, unless this is transposed.
    """
    uses: dict[str, list[bool]] = {}
    for node in topological(symbol._outputs):
        for at, (below, _) in enumerate(node.inputs):
            if below.op is None:
                uses.setdefault(below.name, []).append(_gives_rows(node, at, stypes))
    return {name: "row_sparse" for name, found in uses.items() if all(found)}


def _gives_rows(node: SymbolNode, at: int, stypes: Mapping[str, str]) -> bool:
    """Whether a node's gradient by its input number `at` is a sum of rows."""
    if at != 1:
        return False
    if node.op in ("Embedding", "_contrib_SparseEmbedding"):
        return node.op != "Embedding" or str(node.attrs.get("sparse_grad")) in ("True", "1")
    matrix, _ = node.inputs[0]
    return node.op == "dot" and matrix.op is None and stypes.get(matrix.name) == "csr" and \
        str(node.attrs.get("transpose_a")) not in ("True", "1")

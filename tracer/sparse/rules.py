"""Rules of storage types: for which operands an operation has a sparse form.

An operation without a rule for its operands is computed on dense arrays, and its result is dense, as in MXNet.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from tracer.ops.declare.public import FUNCTIONS, Function

#: A sparse form: a function of the operands and the static arguments by name. It returns None for operands that it does
#: not serve, which are then computed as dense arrays.
SparseForm = Callable[[tuple, dict[str, Any]], Any]


class Rule(NamedTuple):
    """A sparse form of an operation.

    operands: a regular expression for the operands' letters: r for row_sparse, c for csr, d for dense, n for a number.
    form: what computes it.
    """

    operands: re.Pattern[str]
    form: SparseForm


#: The rules of each operation, by its function.
RULES: dict[Function, list[Rule]] = {}

_BY_NAME = {name: function for function in FUNCTIONS for name in function.names}


def rule(names: str, operands: str, first: bool = False) -> Callable[[SparseForm], SparseForm]:
    """Declare the decorated function as a sparse form of operations.

    names: their public names, such as "nd.relu", separated by spaces.
    operands: as in `Rule`.
    first: whether it comes before the operations' other rules.
    """
    def enter(form: SparseForm) -> SparseForm:
        for name in names.split():
            rules = RULES.setdefault(_BY_NAME[name], [])
            rules.insert(0 if first else len(rules), Rule(re.compile(operands), form))
        return form

    return enter


def named(name: str) -> Function:
    """The function of any of its public names."""
    return _BY_NAME[name]


def letter_of(x: Any) -> str:
    """The letter of an operand, as in `Rule`."""
    stype = getattr(x, "stype", "default" if getattr(x, "ndim", 0) else "number")
    return stype[0]


def rule_for(function: Function, letters: str) -> Rule | None:
    """The rule for operands with these letters; None where they are computed as dense arrays."""
    for found in RULES.get(function, ()):
        if found.operands.fullmatch(letters):
            return found
    return None

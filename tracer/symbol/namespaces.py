"""The generated functions of symbols, by namespace."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .functions import function
from .operators.registry import NAMES

#: The functions of `mx.sym`, `mx.sym.contrib` and so on, by the namespace's name; "" is `mx.sym` itself.
GENERATED: dict[str, dict[str, Callable[..., Any]]] = {
    space: {short: function(operator, short) for short, operator in names.items()} for space, names in NAMES.items()}
INTERNAL = GENERATED["_internal"]

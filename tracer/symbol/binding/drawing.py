"""Nodes that draw random numbers in prediction too: the backward of such a pass needs the numbers that it drew."""
from __future__ import annotations

from ..graph.node import SymbolNode

_RANDOM = ("_random_", "_sample_", "_shuffle", "_npi_uniform", "_npi_normal", "Custom")


def draws_in_prediction(node: SymbolNode) -> bool:
    """Whether a node draws at each run, or may: a Dropout of the mode "always", a sampler, an operation of the user's.

    >>> import tracer as mx
    >>> x = mx.sym.Variable("x")
    >>> [draws_in_prediction(mx.sym.Dropout(x, mode=mode)._outputs[0][0]) for mode in ("training", "always")]
    [False, True]
    """
    return node.op is not None and (node.op.startswith(_RANDOM) or node.attrs.get("mode") == "always")

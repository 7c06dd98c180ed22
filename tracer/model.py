"""`mx.model`: what training with symbols and with Gluon share."""
from __future__ import annotations

from typing import Any


def _create_kvstore(kvstore: Any, num_device: int, arg_params: dict[str, Any]) -> tuple[Any, bool]:
    """The store that adds up the gradients of several contexts, if one is needed, and whether it updates parameters.

    NotImplementedError where one is needed: stores are not part of this version of tracer yet.
    """
    if kvstore is None or isinstance(kvstore, str) and num_device == 1 and "dist" not in kvstore:
        return None, False
    raise NotImplementedError(f"kvstore {kvstore!r} for {num_device} contexts: stores are not part of this version of "
                              "tracer yet; train on one context")

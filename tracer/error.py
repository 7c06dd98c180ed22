"""`mx.error`: the error types, and the register of those that MXNet's engine raises by name."""
from __future__ import annotations

from .base import MXNetError, register_error

__all__ = ["InternalError", "MXNetError", "register", "register_error"]

register = register_error


@register_error
class InternalError(MXNetError):
    """An error in tracer itself.

    msg: the description.
    """

    def __init__(self, msg: str) -> None:
        hint = "\nMXNet hint: this is a fault of the library, not of the script; please report it"
        super().__init__(msg if "MXNet hint:" in msg else msg + hint)


for _type in (ValueError, TypeError, AttributeError, IndexError, NotImplementedError):
    register_error(_type.__name__, _type)

"""`mx.library`: libraries of compiled operators, which tracer cannot call."""
from __future__ import annotations

import os

from .base import MXNetError

__all__ = ["load"]


def load(path: str, verbose: bool = True) -> None:
    """Not supported: raises NotImplementedError for a library of MXNet's C interface.

    path: the absolute path of the library.
    verbose: without effect.

    MXNetError for a path that is not one, as in MXNet.
    """
    if not os.path.exists(path):
        raise MXNetError(f"load path {path} does NOT exist")
    if not os.path.isabs(path):
        raise MXNetError(f"load path {path} is not an absolute path")
    if os.path.splitext(path)[1] not in (".so", ".dll"):
        raise MXNetError(f"load path {path} is NOT a library file")
    raise NotImplementedError(f"library.load({path!r}): tracer is pure Python and cannot call operators of MXNet's C "
                              "interface; an op in Python is a CustomOp or an autograd.Function")

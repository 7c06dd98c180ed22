"""`mx.base`: the error type, and the tuples of types that scripts use in isinstance()."""
from __future__ import annotations

from typing import Any

import numpy as _np

from tracer.ops.ir.errors import MXNetError

__all__ = ["MXNetError", "integer_types", "mx_real_t", "numeric_types", "py_str", "string_types"]

# The public module name; install_as_mxnet() changes it to mxnet.base.
MXNetError.__module__ = __name__

integer_types = (int, _np.int32, _np.int64)
numeric_types = (float, int, _np.generic)
string_types = (str,)
mx_real_t = _np.float32


def py_str(x: bytes) -> str:
    """Bytes decoded from UTF-8."""
    return x.decode("utf-8")


def as_list(x: Any) -> list[Any]:
    """A list of the items of a list or tuple; for any other object, a list with that one item."""
    return list(x) if isinstance(x, (list, tuple)) else [x]


_as_list = as_list

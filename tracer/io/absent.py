"""The iterators of MXNet's C++ library that tracer does not have yet: calling one raises NotImplementedError."""
from __future__ import annotations

from typing import Any

from ..base import refusing
from .iterators import DataIter

#: Their names.
ABSENT = ("LibSVMIter",)

__all__ = ["MXDataIter", *ABSENT]

_WHY = " is not part of this version of tracer yet; mx.io.NDArrayIter and gluon.data.DataLoader give batches of arrays"

globals().update({name: refusing(f"mx.io.{name}", _WHY) for name in ABSENT})


class MXDataIter(DataIter):
    """The class of MXNet's C++ iterators. Making one raises NotImplementedError: there is no C++ library.

    >>> MXDataIter(None)
    Traceback (most recent call last):
    NotImplementedError: mx.io.MXDataIter wraps an iterator of MXNet's C++ library, which tracer does not have
    """

    def __init__(self, handle: Any, data_name: str = "data", label_name: str = "softmax_label", **_: Any) -> None:
        raise NotImplementedError("mx.io.MXDataIter wraps an iterator of MXNet's C++ library, "
                                  "which tracer does not have")

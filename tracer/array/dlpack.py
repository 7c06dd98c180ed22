"""DLPack: import of other libraries' arrays and capsules as NumPy arrays, and export of tracer's arrays."""
from __future__ import annotations

from typing import Any

import numpy as np


class _Capsule:
    """A DLPack capsule wrapped as an object that NumPy's `from_dlpack` accepts."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def read_dlpack(source: Any) -> np.ndarray:
    """A NumPy view of another library's array, or of the array in a capsule."""
    return np.from_dlpack(source if hasattr(source, "__dlpack__") else _Capsule(source))


def to_dlpack_for_read(data: Any) -> Any:
    """A DLPack capsule of a copy of the elements."""
    return data.asnumpy().__dlpack__()


to_dlpack_for_write = to_dlpack_for_read

"""DLPack: arrays of other libraries, and capsules of them, as NumPy's arrays; and capsules of ours."""
from __future__ import annotations

from typing import Any

import numpy as np


class _Capsule:
    """A DLPack capsule as an object that NumPy's `from_dlpack` takes."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def read_dlpack(source: Any) -> np.ndarray:
    """NumPy's view of another library's array, or of what a capsule holds."""
    return np.from_dlpack(source if hasattr(source, "__dlpack__") else _Capsule(source))


def to_dlpack_for_read(data: Any) -> Any:
    """A DLPack capsule of a copy of the elements."""
    return data.asnumpy().__dlpack__()


to_dlpack_for_write = to_dlpack_for_read

"""The arrays of a new executor that nothing has been written to."""
from __future__ import annotations

from typing import Any

import numpy as np

from ...array.placing import placed
from ...core.invoke import constant, wrap
from ...ndarray import NDArray


def blank(shape: tuple[int, ...], ctx: Any, dtype: Any) -> Any:
    """An array of zeros on a device.

    It is computed at once: a pending array would be one more output of the first program after each binding.
    """
    return placed(wrap(NDArray, constant(np.zeros(shape, dtype))), ctx)

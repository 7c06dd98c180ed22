"""Arrays of pictures: their elements as NumPy arrays, and the other way."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..array.nd_array import NDArray
from ..array.np_array import ndarray
from ..array.views import live
from ..core.invoke import constant, wrap
from ..numpy_extension.mode import is_np_array

__all__: list[str] = []


def elements(picture: Any) -> np.ndarray:
    """The elements of an array, to be read only."""
    return picture._read("image") if isinstance(picture, NDArray) else np.asarray(picture)


def delivered(values: np.ndarray, source: Any = None) -> Any:
    """An array with these values: of the class of `source`, else of mx.np in np mode and of mx.nd otherwise."""
    of_np = isinstance(source, ndarray) if isinstance(source, NDArray) else is_np_array()
    return wrap(ndarray if of_np else NDArray, constant(values))


def differentiated(picture: Any) -> bool:
    """Whether a derivative is taken through an array."""
    return isinstance(picture, NDArray) and live(picture._value)

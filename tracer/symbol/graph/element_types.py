"""MXNet's numbers of element types, which attributes of variables hold."""
from __future__ import annotations

import numpy as np

#: The element types by number.
BY_NUMBER = dict(enumerate(map(np.dtype, (
    "float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool", "int16", "uint16", "uint32",
    "uint64"))))
#: The numbers by element type.
TYPE_NUMBERS = {dtype: number for number, dtype in BY_NUMBER.items()}

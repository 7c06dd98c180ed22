"""`mx.nd`: the imperative functions of MXNet 1.x."""
import sys
from typing import Any

import numpy as _numpy

from tracer.arrays import NDArray
from tracer.namespaces import fill
from tracer.record import constant, wrap

fill(sys.modules[__name__], "nd", NDArray)


def array(source_array: Any, ctx: Any = None, dtype: Any = None) -> NDArray:
    """An array with a copy of `source_array`, float32 unless `dtype` says otherwise."""
    return wrap(NDArray, constant(_numpy.array(source_array, dtype=dtype or _numpy.float32)))

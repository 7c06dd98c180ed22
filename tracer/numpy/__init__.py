"""`mx.np`: NumPy's functions on traced arrays."""
import sys
from typing import Any

import numpy as _numpy

from tracer.namespaces import fill
from tracer.np_array import ndarray
from tracer.record import constant, wrap

fill(sys.modules[__name__], "np", ndarray)


def array(object: Any, dtype: Any = None, ctx: Any = None, device: Any = None) -> ndarray:
    """An array with a copy of `object`, float32 unless `dtype` says otherwise."""
    return wrap(ndarray, constant(_numpy.array(object, dtype=dtype or _numpy.float32)))

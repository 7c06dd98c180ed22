"""`mx.np`: NumPy's functions on traced arrays.

Functions declared in ops/ are recorded; other functions of NumPy are computed by NumPy (fallback.py).
"""
import sys
from typing import Any

import numpy as _numpy

from tracer.array.np_array import NP as _NP
from tracer.array.np_array import ndarray as ndarray

from . import fallback as _fallback
from . import protocol as _protocol

globals().update({_name: _f for _name, _f in vars(_NP).items() if not _name.startswith("_")})

from . import linalg as linalg  # noqa: E402
from . import random as random  # noqa: E402
from .creation import *  # noqa: E402, F403
from .functions import *  # noqa: E402, F403

for _f in vars(_NP).values():
    _f.__module__ = __name__

pi, e, newaxis = _numpy.pi, _numpy.e, None
nan = NaN = NAN = _numpy.nan
inf = Inf = Infinity = PINF = _numpy.inf
NINF = -inf
PZERO, NZERO = 0.0, -0.0
dtype, finfo, iinfo = _numpy.dtype, _numpy.finfo, _numpy.iinfo
float16, float32, float64 = _numpy.float16, _numpy.float32, _numpy.float64
int8, int16, int32, int64 = _numpy.int8, _numpy.int16, _numpy.int32, _numpy.int64
uint8, uint16, uint32, uint64 = _numpy.uint8, _numpy.uint16, _numpy.uint32, _numpy.uint64
bool = bool_ = _numpy.bool_
integer_dtypes = [_numpy.dtype(_name) for _name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
                                                   "uint64")]
floating_dtypes = [_numpy.dtype(_name) for _name in ("float16", "float32", "float64")]
numeric_dtypes = [*integer_dtypes, *floating_dtypes]
boolean_dtypes = [_numpy.dtype("bool")]
float_, int_, uint = float64, int64, uint64


def set_printoptions(*args: Any, **kwargs: Any) -> None:
    """Set the options of printing, which are NumPy's: see `numpy.set_printoptions`."""
    _numpy.set_printoptions(*args, **kwargs)


def __getattr__(name: str) -> Any:
    return _fallback.attribute(name, _numpy, "mxnet.numpy")


#: MXNet's module `mxnet.numpy.multiarray`, which is this one.
multiarray = sys.modules[__name__]
_protocol.install(multiarray)
sys.modules[f"{__name__}.multiarray"] = multiarray

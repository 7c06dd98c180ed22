"""`mx.contrib`: the experimental operators of arrays and symbols, text, and helpers. Some modules are not here yet."""
from ..ndarray import contrib as ndarray
from ..symbol import contrib as symbol
from . import io, tensorboard, text

__all__ = ["io", "nd", "ndarray", "sym", "symbol", "tensorboard", "text"]

nd, sym = ndarray, symbol

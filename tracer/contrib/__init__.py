"""`mx.contrib`: the experimental operators of arrays and symbols, and helpers. Its other modules are not here yet."""
from ..ndarray import contrib as ndarray
from ..symbol import contrib as symbol
from . import tensorboard

__all__ = ["ndarray", "nd", "sym", "symbol", "tensorboard"]

nd, sym = ndarray, symbol

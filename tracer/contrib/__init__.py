"""`mx.contrib`: the experimental operators of arrays and symbols. Its other modules are not here yet."""
from ..ndarray import contrib as ndarray
from ..symbol import contrib as symbol

__all__ = ["ndarray", "nd", "sym", "symbol"]

nd, sym = ndarray, symbol

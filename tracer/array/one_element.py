"""`OneElement`: what `asnumpy()` returns for one element with axes, on a NumPy that does not convert it to a number.

NumPy 2.4 refuses `float(x)` and `'%f' % x` for `x` of shape (1,), which scripts rely on. Nothing else differs from a
NumPy array: `isinstance` and printing say so, and copies by pickling, `np.asarray` and arithmetic are ordinary ones.
"""
from __future__ import annotations

from typing import Any

import numpy as np

#: Whether this NumPy refuses.
REFUSED = np.lib.NumpyVersion(np.__version__) >= "2.4.0.dev0"


class OneElement(np.ndarray):
    """A NumPy array that `float`, `int`, `complex` and indices accept when it has one element.

    >>> x = np.array([2.5]).view(OneElement)
    >>> float(x), "%.2f" % x, x + 1
    (2.5, '2.50', array([3.5]))
    """

    def _number(self) -> Any:
        return self.item() if self.size == 1 else np.asarray(self)

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.size != 1:
            raise TypeError("only integer scalar arrays can be converted to a scalar index")
        return self.item()

    def __array_wrap__(self, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Any:
        """The result of a NumPy function: an ordinary array or scalar, or this array if it was written to."""
        if array is self:
            return self
        return array[()] if return_scalar else array.view(np.ndarray)

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return np.asarray(self).__reduce_ex__(protocol)

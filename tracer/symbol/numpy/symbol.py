"""`mx.sym.np._Symbol`: a symbol with NumPy's semantics, whose operators and methods are those of `mx.np`."""
from __future__ import annotations

from typing import Any

from ..symbol import Symbol


class _Symbol(Symbol):
    """A symbol of an array of `mx.np`. Its operators broadcast; comparisons give booleans."""

    def __getitem__(self, key: Any) -> Any:
        """A part of the array by integers and slices; an output, if there are several or the key is a name."""
        if self.num_outputs != 1 or isinstance(key, str):
            return super().__getitem__(key)
        return self._part(key)

    def __iter__(self) -> Any:
        if self.num_outputs == 1:
            raise TypeError(f"{self} is not iterable")
        return super().__iter__()

    def __len__(self) -> int:
        if self.num_outputs == 1:
            raise TypeError(f"{self} is not a list and does not support len().")
        return super().__len__()

    def _part(self, key: Any) -> _Symbol:
        raise NotImplementedError

    def as_np_ndarray(self) -> _Symbol:
        """The symbol itself."""
        return self

    def as_nd_ndarray(self) -> Symbol:
        """The symbol, as one of `mx.sym`."""
        return Symbol(self._outputs)

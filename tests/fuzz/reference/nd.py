"""The namespace `nd` of the reference."""
from __future__ import annotations

from typing import Any

from . import linalg as _linalg
from . import nd_arrays as _nd_arrays  # noqa: F401  fills the table
from .arrays import Array, recorded
from .nd_elementwise import COMPARISONS, CONTRIB, FUNCTIONS, OPERATORS, UNARY
from .np import give, made, space

for _table in (FUNCTIONS, CONTRIB, _linalg.ND_LINALG):
    recorded(_table)


class NDArray(Array):
    """`nd.NDArray`."""

    functions = FUNCTIONS
    scalar_shape = (1,)
    T = property(lambda self: FUNCTIONS["transpose"](self) if self.ndim > 1 else self)

    def reshape(self, *shape: Any) -> Any:
        """A view of the same memory in another shape."""
        made = FUNCTIONS["reshape"](self, shape[0] if len(shape) == 1 else shape)
        made.memory = self.memory.reshape(made.shape)
        return self.share(made)

    def transpose(self, *axes: Any) -> Any:
        return FUNCTIONS["transpose"](self, axes[0] if len(axes) == 1 else axes)

    def broadcast_to(self, shape: Any) -> Any:
        return FUNCTIONS["broadcast_to"](self, shape)

    def astype(self, dtype: Any) -> Any:
        return FUNCTIONS["cast"](self, dtype)

    def asscalar(self) -> Any:
        return self.item()

    def as_np_ndarray(self) -> Any:
        """An array of the other flavour in the same memory."""
        from .np import ndarray

        return self.share(ndarray(self.memory, self.dtype, self.source))


give(NDArray, OPERATORS, COMPARISONS, UNARY)
nd = space(FUNCTIONS)
nd.linalg, nd.contrib = space(_linalg.ND_LINALG), space(CONTRIB)
made(NDArray, nd)

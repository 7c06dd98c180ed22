"""`mx.np.ndarray`: the array with NumPy's semantics."""
from __future__ import annotations


from .arrays import NDArray
from .namespaces import add_methods, in_place
from .printing import format_np
from .views import Whole

IN_PLACE = ("add", "sub", "mul", "truediv", "mod", "pow", "floordiv", "and", "or", "xor", "matmul")


class ndarray(NDArray):
    """An array that behaves as NumPy's: 0-d results, bool comparisons, promotion; float32 by default."""

    __slots__ = ()
    _scalar = ()
    _masks = True

    def __repr__(self) -> str:
        return format_np(self._read("print"), self.context)

    def __str__(self) -> str:
        return str(self._read("print"))

    def as_nd_ndarray(self) -> NDArray:
        """The same elements as an `mx.nd.NDArray`."""
        return self._view(Whole(self.shape), NDArray)

    def as_np_ndarray(self) -> ndarray:
        """Itself."""
        return self


def _as_np_ndarray(self: NDArray) -> ndarray:
    """The same elements as an `mx.np.ndarray`."""
    return self._view(Whole(self.shape), ndarray)


NDArray.as_np_ndarray = _as_np_ndarray  # type: ignore[attr-defined]
NDArray.as_nd_ndarray = lambda self: self  # type: ignore[attr-defined]
add_methods(NDArray, "nd.NDArray")
add_methods(ndarray, "np.ndarray")
for _cls in (NDArray, ndarray):
    for _name in IN_PLACE:
        if hasattr(_cls, f"__{_name}__"):
            in_place(_cls, _name)

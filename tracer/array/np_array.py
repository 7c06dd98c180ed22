"""`mx.np.ndarray`: the array with NumPy's semantics."""
from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from tracer.ops.declare.public import FUNCTIONS
from tracer.ops.ir.errors import MXNetError
from tracer.ops.primitive.promotion import default_float

from ..context import Context
from ..core.surface import add_methods, functions_of, in_place
from .nd_array import NDArray
from .printing import format_np, format_str
from .views import SAME

IN_PLACE = ("add", "sub", "mul", "truediv", "mod", "pow", "floordiv", "and", "or", "xor", "matmul", "lshift",
            "rshift")


class ndarray(NDArray):
    """An array with NumPy's semantics: 0-d results, bool comparisons, promotion. The default dtype is float32."""

    __slots__ = ()
    _scalar = ()
    _masks = True
    _steps_share = False
    _misfit = MXNetError

    def __repr__(self) -> str:
        return format_np(self._read("print"), self.context, default_float())

    def __str__(self) -> str:
        return format_str(self._read("print"), self.context)

    def __format__(self, spec: str) -> str:
        if spec and self.shape:
            raise TypeError(f"Cannot format {type(self).__name__} with format_spec")
        return format(self.item(), spec) if spec else str(self)

    @property
    def dtype(self) -> Any:
        """The element type, a NumPy dtype."""
        return self._value.aval.dtype

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return super().__iter__()

    def as_nd_ndarray(self) -> NDArray:
        """The array as an `mx.nd.NDArray`: it shares elements, history and gradient."""
        return self._view(SAME, NDArray)

    def as_np_ndarray(self) -> ndarray:
        """The array itself."""
        return self

    def as_in_context(self, context: Context) -> ndarray:
        """A handle of the same array if it is on the context, else a differentiable copy. TypeError if it is none."""
        found = self.to_device(context)
        return self._view(SAME) if found is self else found

    # ---- methods that do more in Python than to record one operation -----------------------------

    @property
    def T(self) -> ndarray:
        """The array with its axes reversed."""
        return NP.transpose(self)

    @property
    def mT(self) -> ndarray:
        """The array with its last two axes exchanged."""
        return NP.swapaxes(self, -1, -2)

    def reshape(self, *shape: Any, order: str = "C", **kwargs: Any) -> ndarray:
        """The elements in another shape of the same size (MXNetError otherwise); one -1 is inferred."""
        if "newshape" in kwargs or "shape" in kwargs:
            shape = (kwargs.pop("newshape", None) or kwargs.pop("shape", None),)
        if kwargs:
            raise TypeError(f"reshape() got unexpected keyword arguments {', '.join(kwargs)}")
        return NP._reshape(self, shape[0] if len(shape) == 1 else shape, order)

    def reshape_view(self, *shape: Any, order: str = "C") -> ndarray:
        """The same as `reshape`."""
        return self.reshape(*shape, order=order)

    def transpose(self, *axes: Any) -> ndarray:
        """The array with its axes permuted; without arguments, reversed."""
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
            axes = tuple(axes[0] or ())
        return NP.transpose(self, axes or None)

    def astype(self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True,
               copy: bool = True) -> ndarray:
        """The elements converted to `dtype`; the array itself if it has this dtype and `copy` is False.

        TypeError for a dtype that is no float, integer or bool.
        """
        kind = np.dtype(dtype)
        if kind.kind not in "fiub":
            raise TypeError(f"dtype {kind.name} is not supported: MXNet has floats, integers and bool")
        if not copy and kind == self.dtype:
            return self
        return NP._astype(self, kind)

    def copy(self, order: str = "C") -> ndarray:
        """A new array with the same elements. NotImplementedError for another order than "C"."""
        if order != "C":
            raise NotImplementedError(f"copy(order={order!r}): arrays are stored row by row")
        return NP._copy(self)

    def __index__(self) -> int:
        if self.shape or self.dtype.kind not in "iu":
            raise TypeError("only integer scalar arrays can be converted to a scalar index")
        return int(self._read("index"))

    def fill(self, value: Any) -> None:
        """Set all elements to `value`."""
        self[...] = value

    def slice_axis(self, axis: int, begin: int, end: int | None) -> ndarray:
        """The slice from `begin` to `end` (None: the end) along `axis`."""
        return self[(slice(None),) * (axis % self.ndim) + (slice(begin, end),)]

def _as_np_ndarray(self: NDArray) -> ndarray:
    """The array as an `mx.np.ndarray`: it shares elements, history and gradient."""
    return self._view(SAME, ndarray)


class _Absent:
    """A descriptor that hides a method of `mx.nd.NDArray` from `mx.np.ndarray`: the method would make an NDArray."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        raise AttributeError(f"'ndarray' object has no attribute {self.name!r}")


#: The functions declared for `mx.np`, and those for tracer's own use, whose names begin with "_".
NP = types.SimpleNamespace(**functions_of("np", ndarray))

NDArray.as_np_ndarray = _as_np_ndarray  # type: ignore[attr-defined]
NDArray.as_nd_ndarray = lambda self: self  # type: ignore[attr-defined]
add_methods(NDArray, "nd.NDArray")
add_methods(ndarray, "np.ndarray")
for _full in {n for f in FUNCTIONS for n in f.names if n.startswith("nd.NDArray.") and not n.endswith("_")}:
    _name = _full.rpartition(".")[2]
    if not _name.startswith("_") and _name not in vars(ndarray):
        setattr(ndarray, _name, _Absent(_name))
for _cls in (NDArray, ndarray):
    for _name in IN_PLACE:
        if hasattr(_cls, f"__{_name}__"):
            in_place(_cls, _name)

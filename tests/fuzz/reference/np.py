"""The namespaces `np` and `npx` of the reference."""
from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as _numpy

from . import attention as _attention
from . import layers as _layers
from . import linalg as _linalg
from . import losses as _losses
from . import np_movement as _movement
from . import np_products as _products  # noqa: F401  fills the table
from . import np_reductions as _reductions  # noqa: F401  fills the table
from . import picking as _picking
from . import recurrent as _recurrent
from . import sliding as _sliding
from .arrays import Array, new, recorded
from .elementwise import cast
from .np_elementwise import COMPARISONS, FUNCTIONS, OPERATORS, UNARY
from .values import NoAnswer

NPX: dict[str, Callable[..., Any]] = {
    **_layers.NPX, **_picking.NPX, **_sliding.NPX, **_attention.NPX, "ctc_loss": _losses.ctc_loss,
    "rnn": _recurrent.rnn}
for _table in (FUNCTIONS, NPX, _linalg.NP_LINALG):
    recorded(_table)
#: The functions of npx that are also methods of arrays.
NPX_METHODS = {name: NPX[name] for name in (
    "softmax log_softmax relu sigmoid pick one_hot topk reshape_like broadcast_like slice").split()}


class ndarray(Array):
    """`np.ndarray`."""

    functions = FUNCTIONS
    renamed = {"round": "around"}
    reshape = _movement.method_reshape
    transpose = _movement.method_transpose
    T = property(lambda self: FUNCTIONS["transpose"](self))

    def astype(self, dtype: Any) -> Any:
        return FUNCTIONS["astype"](self, dtype)

    def npx_reshape(self, newshape: Any) -> Any:
        return _movement.npx_reshape(self, newshape)

    def norm(self, *args: Any, **keywords: Any) -> Any:
        return _linalg.norm(self, *args, **keywords)

    def __round__(self, decimals: int = 0) -> Any:
        return FUNCTIONS["around"](self, decimals)

    def __getattr__(self, name: str) -> Any:
        found = NPX_METHODS.get(name)
        return super().__getattr__(name) if found is None else lambda *args, **keywords: found(self, *args, **keywords)

    def __divmod__(self, other: Any) -> Any:
        return FUNCTIONS["divmod"](self, other)

    def as_nd_ndarray(self) -> Any:
        """An array of the other flavour in the same memory."""
        from .nd import NDArray

        return self.share(NDArray(self.memory, self.dtype, self.source))


def give(cls: type[Array], operators: dict[str, str], comparisons: dict[str, str], unary: dict[str, str]) -> None:
    """Give an array class its operators, all through the table of its functions."""
    functions = cls.functions
    for name, function in {**operators, **comparisons}.items():
        setattr(cls, f"__{name}__", lambda self, other, f=function: functions[f](self, other))
    for name, function in operators.items():
        setattr(cls, f"__r{name}__", lambda self, other, f=function: functions[f](other, self))
        setattr(cls, f"__i{name}__", lambda self, other, f=function: self.update(f, other))
    for name, function in unary.items():
        setattr(cls, f"__{name}__", lambda self, f=function: functions[f](self))


give(ndarray, OPERATORS, COMPARISONS, UNARY)


def with_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function take `out=`: an array that its result is written into."""
    def called(*args: Any, out: Any = None, **keywords: Any) -> Any:
        if out is None:
            return function(*args, **keywords)
        made = function(*args, **keywords)
        if not isinstance(made, Array) or made.shape != out.shape:
            raise NoAnswer("out")
        out.check_writable()
        out.memory[...] = cast(made.value, out.dtype).data
        out.forget()
        return out

    return called


def space(functions: dict[str, Callable[..., Any]]) -> SimpleNamespace:
    """A namespace with these functions."""
    return SimpleNamespace(**{name: f if name.endswith("_update") else with_out(f) for name, f in functions.items()})


npx = space(NPX)
np = space(FUNCTIONS)
np.linalg = space(_linalg.NP_LINALG)
np.ndarray, np.newaxis = ndarray, None
np.pi, np.e, np.inf, np.nan = _numpy.pi, _numpy.e, _numpy.inf, _numpy.nan


#: Functions that make arrays; NumPy's own are called.
NAMES = {"ndarray": "zeros ones full arange linspace eye identity tri logspace hanning hamming blackman",
         "NDArray": "zeros ones full arange eye"}


def made(cls: type[Array], space: SimpleNamespace) -> None:
    """Add the functions that make arrays to a namespace: NumPy's, in float32 unless a dtype is given."""
    space.array = lambda object, dtype=None: new(cls, object, dtype)
    for name in NAMES[cls.__name__].split():
        setattr(space, name, _maker(cls, getattr(_numpy, name)))


def _maker(cls: type[Array], fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, dtype=None, **keywords: new(cls, fn(*args, **keywords), dtype)


np.indices = lambda dimensions: new(ndarray, _numpy.indices(dimensions), "int64")
np.meshgrid, np.tril_indices = FUNCTIONS["meshgrid"], lambda n, k=0: [
    new(ndarray, i, "int64") for i in _numpy.tril_indices(n, k)]
made(ndarray, np)

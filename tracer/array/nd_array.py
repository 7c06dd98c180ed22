"""`NDArray`: the array of `mx.nd`, and the base class of both flavours. Operators and most methods are generated from
the declarations in ops/ (core/surface.py)."""
from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any
from weakref import ref

import numpy as np

from tracer.ops.ir.errors import MXNetError

from .. import autograd
from ..context import Context, context_of, cpu, key_of
from ..core import recipe
from ..core.flush import sync
from ..core.invoke import Composite, Handle, constant, wrap
from ..core.surface import fitted
from ..core.trace import Value, another, current, effects
from .getitem import getitem
from .np_flags import FLAGS
from .one_element import REFUSED, OneElement
from .placing import moved, placed
from .printing import format_nd
from .setitem import overwritten, setitem, written_while_recording
from .views import SAME, Same, Slice, Whole


class NDArray(Handle):
    """A multi-dimensional array. Its operations are recorded, and computed when a value is read."""

    __slots__ = ()
    __array_priority__ = 1000.0
    __hash__ = object.__hash__
    __getitem__ = getitem
    __setitem__ = setitem
    #: The flavour's parameters of indexing: whether bool arrays are masks, whether `x[::n]` of at most one row shares
    #: its elements, and the exception for a value whose shape does not fit.
    _masks = False
    _steps_share = True
    _misfit: type[Exception] = ValueError
    #: The gradient's array where `grad_req` is "null"; it is never written to.
    _idle_grad: Any = None
    _views_bound = 8

    @property
    def _scalar(self) -> tuple[int, ...]:
        """The shape of a single element `x[i]`."""
        return () if FLAGS.shape else (1,)

    # ---- attributes ------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, a tuple of ints."""
        return self._value.aval.shape

    @property
    def dtype(self) -> Any:
        """The element type, as a NumPy scalar class."""
        return self._value.aval.dtype.type

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.aval.size

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._value.aval.shape)

    @property
    def context(self) -> Context:
        """The context (device) of the array."""
        return context_of(self._value.aval.device)

    ctx = device = context

    @property
    def stype(self) -> str:
        """The storage type: always "default", which is dense."""
        return "default"

    @property
    def itemsize(self) -> int:
        """The size of an element in bytes."""
        return self._value.aval.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The size of all elements in bytes."""
        return self._value.aval.nbytes

    # ---- reading: each of these is a sync point --------------------------------------------------

    def _read(self, cause: str) -> np.ndarray:
        """A read-only use of the elements, which share the buffer's memory: tracer's own code never writes to them."""
        value = self._value
        return sync(value, cause).lend(value.aval)

    def asnumpy(self) -> np.ndarray:
        """A NumPy array with a copy of the elements. A single one converts to a number (one_element.py)."""
        value = self._value
        buffer = sync(value, "asnumpy")  # half the time of `_read`; this variable keeps the memory alive
        array = buffer.view(value.aval).copy()
        return array.view(OneElement) if array.size == 1 and REFUSED and array.ndim else array

    def asscalar(self) -> Any:
        """The element of an array of size 1, as a NumPy scalar. ValueError for another size."""
        value = self._value
        if value.aval.size != 1:
            raise ValueError("The current array is not a scalar")
        buffer = sync(value, "item")  # as in `asnumpy`
        return buffer.view(value.aval).reshape(-1)[0]

    def item(self, *args: Any) -> Any:
        """An element as a Python number.

        args: its index, as in NumPy's `ndarray.item`; none for an array of size 1 (ValueError for another size).
        """
        value = self._value
        return self._read("item").item(*args) if args or value.aval.size != 1 else sync(value, "item").item(value.aval)

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers; for a 0-d array, its number."""
        return self._read("item").tolist()

    def __bool__(self) -> bool:
        value = self._value
        if value.aval.size != 1:
            if value.aval.size == 0:
                return False
            raise ValueError("The truth value of an ndarray with multiple elements is ambiguous.")
        return bool(sync(value, "bool").item(value.aval))

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __complex__(self) -> complex:
        return complex(self._number("float"))

    def __index__(self) -> int:
        if self._value.aval.dtype.kind not in "iub":
            raise TypeError("only integer scalar arrays can be converted to a scalar index")
        return int(self._number("index"))

    def _number(self, cause: str) -> Any:
        if self.size != 1:
            raise TypeError("only size-1 arrays can be converted to Python scalars")
        return sync(self._value, cause).item(self._value.aval)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._read("numpy")
        return array.astype(dtype) if dtype is not None else array.copy()

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self.shape[0]))

    def wait_to_read(self) -> None:
        """Compute the array now; an error of the computation is raised here."""
        sync(self._value, "wait")

    wait_to_write = wait_to_read

    def __repr__(self) -> str:
        return format_nd(self._read("print"), self.context)

    __str__ = __repr__

    # ---- writing: the handle is bound to a new value ---------------------------------------------

    def _rebind(self, value: Value) -> None:
        """Bind the handle to `value`, of the same shape and dtype; its base and its views follow."""
        base = self._base
        if base is not None:
            base[0]._rebind(base[1].write(base[0]._value, value))
        else:
            self._bind(value)

    def _store(self, result: Any) -> None:
        value = result._whole
        if value.aval is not self._value.aval:
            value = fitted(self, value)
        self._check_writable()
        self._rebind(value)

    def _bind(self, value: Value, fresh: bool = False) -> None:
        """Bind the handle and its views to `value`.

        fresh: whether nothing else holds the value, which is of this trace.
        """
        next(effects)
        old = self._value
        if self._variable is not None or old.history or value.aval is not old.aval:
            value = _named(self, value, fresh)
        if self._views is None:
            self._value = value
        else:
            _bind_views(self, value)

    def _check_writable(self) -> None:
        trace = current().trace
        if trace.trying:
            trace.refuse("writes into an array")
        if trace.recording and (self._value.history or self._variable is not None):
            raise written_while_recording(self)

    def _view(self, part: Slice | Whole | Same, cls: type | None = None) -> Any:
        """A view of `part`, of the flavour `cls`: writing to one writes to the other."""
        handle = wrap(cls or type(self), part.read(self._value))
        if part is SAME:
            handle._variable = self._variable
        handle._base = (self, part)
        views = self._views
        if views is None:
            views = self._views = []
        elif len(views) >= self._views_bound:
            views = self._views = [entry for entry in views if entry[0]() is not None]
            self._views_bound = max(8, 2 * len(views))
        views.append((ref(handle), part))
        return handle

    # ---- autograd --------------------------------------------------------------------------------

    def attach_grad(self, grad_req: str = "write", stype: str | None = None) -> None:
        """Make the array a variable of autograd, with a `.grad` of zeros; inside `record()` it is detached.

        grad_req: "write": a backward overwrites `.grad`; "add": it adds to it; "null": it leaves it unchanged.

        stype: the storage type of `.grad`; None: "default".

        KeyError for another `grad_req`; MXNetError for another `stype`.
        """
        grad = wrap(type(self), recipe.zeros(self._value.aval))
        if stype not in (None, "default"):
            grad = grad.tostype(stype)
        autograd.mark_variables([self], [grad], grad_req)

    @property
    def grad(self) -> Any:
        """The array that holds the gradient; None if attach_grad() was not called."""
        variable = self._variable
        grad = self._idle_grad if variable is None else variable.grad
        return grad if grad is None or type(grad) is type(self) else _of_flavour(grad, type(self))

    @property
    def _fresh_grad(self) -> bool:
        """Whether a backward has written the gradient since this attribute was last set to False."""
        return self._variable is not None and self._variable.fresh

    @_fresh_grad.setter
    def _fresh_grad(self, state: bool) -> None:
        if self._variable is not None:
            self._variable.fresh = bool(state)

    def drop_grad(self) -> None:
        """Undo `attach_grad`: make the array an ordinary one."""
        autograd.attach(self, None)
        self._idle_grad = None

    def zero_grad(self) -> None:
        """Set the gradient to zeros."""
        if self.grad is not None:
            self.grad._rebind(recipe.zeros(self._value.aval))

    def backward(self, out_grad: Any = None, retain_graph: bool = False, train_mode: bool = True) -> None:
        """Compute the gradients of the array's sum into the `.grad` of the variables that it was computed from.

        out_grad: the cotangent, of the array's shape; None: ones.
        retain_graph: whether the recorded graph is kept for another backward.

        MXNetError for an array that was not recorded, or whose graph a backward has already consumed.
        """
        autograd.backward([self], [out_grad], retain_graph, train_mode)

    def detach(self) -> Any:
        """A view of the array that derivatives treat as a constant; writing to one writes to the other."""
        return self._view(Whole(self.shape, constant=True))

    # ---- copies ----------------------------------------------------------------------------------

    def copyto(self, other: Any) -> Any:
        """Write the elements into another array, or into a new one on a context; returns that array.

        MXNetError when the shapes differ; TypeError when `other` is neither an array nor a context.
        """
        if isinstance(other, Context):
            return placed(self.copy(), other)  # type: ignore[attr-defined]
        if other is self:
            warnings.warn("You are attempting to copy an array to itself", RuntimeWarning, stacklevel=2)
            return False
        if not isinstance(other, NDArray):
            raise TypeError(f"copyto does not support type {type(other)}")
        if other.shape != self.shape:
            raise MXNetError(f"copyto: an array of shape {self.shape} into one of {other.shape}")
        other[:] = self
        return other

    def as_in_context(self, context: Context) -> Any:
        """The array itself if it is on the context, else a differentiable copy there. TypeError for a non-context."""
        if not isinstance(context, Context):
            raise TypeError(f"copyto does not support type {type(context)}")
        return self if self._value.aval.device == key_of(context) else self.copyto(context)

    def as_in_ctx(self, ctx: Context) -> Any:
        """The array itself if it is on the context, else a differentiable copy there. TypeError for a non-context."""
        return NDArray.as_in_context(self, ctx)

    def to_device(self, device: Context) -> Any:
        """The array itself if it is on the device, else a differentiable copy there. TypeError for a non-context."""
        return NDArray.as_in_context(self, device)

    def __getstate__(self) -> dict[str, Any]:
        return {"array": self.asnumpy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._value = constant(state["array"])

    def __reduce__(self) -> Any:
        return _restore, (type(self), self.asnumpy())

    def __deepcopy__(self, memo: Any) -> Any:
        return placed(self.copy(), cpu())  # type: ignore[attr-defined]  # unpickled arrays are there too


def _alike(value: Value, old: Value) -> Value:
    """`value` moved to the device of `old`. MXNetError if shape or dtype differ."""
    if value.aval.shape != old.aval.shape or value.aval.dtype != old.aval.dtype:
        raise MXNetError(f"cannot write {value.aval!r} into an array {old.aval!r}")
    return moved(value, old.aval.device)


def _named(handle: Any, value: Value, fresh: bool) -> Value:
    """`value`, adapted so that `handle` can be bound to it: on its device, with its history or as its variable."""
    old = handle._value
    if value.aval is not old.aval:
        value = _alike(value, old)
    if old.history and old.variable is None:
        return value if value.history and value.variable is None else overwritten(old, value)
    if handle._variable is not None:
        if not fresh:
            value = another(value)
        value.make_variable(handle._variable)
        current().trace.updated = True
    return value


def _bind_views(handle: Any, value: Value) -> None:
    """Bind `handle` to `value`, and its views to their parts of it: all of them, or none if one fails."""
    bound: list[tuple[NDArray, Value]] = []
    with autograd.pause():  # the script did not record these reads: each view keeps its history
        _gather_views(handle, value, bound)
    for view, new in bound:
        view._value = new
    if len(bound) == 1:
        handle._views = None  # they are all gone


def _gather_views(handle: Any, value: Value, bound: list[tuple[NDArray, Value]]) -> None:
    """Append an array and all its views to `bound`, each with its value when the array's is `value`."""
    bound.append((handle, value))
    views = handle._views
    if views is not None:
        for reference, part in views:
            view = reference()
            if view is not None:
                shared = part is SAME and view._value is handle._value
                new = value if shared else _named(view, another(value) if part is SAME else part.read(value), False)
                _gather_views(view, new, bound)


def _of_flavour(array: Any, cls: type) -> Any:
    """The array as one of the flavour `cls`, if it is of the other one."""
    same = isinstance(array, Composite) or isinstance(array, cls) and cls is not NDArray
    return array if same else array._view(SAME, cls)


def _restore(cls: type, array: np.ndarray) -> Any:
    return wrap(cls, constant(array))

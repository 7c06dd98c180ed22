"""`BaseSparseNDArray`: what the sparse arrays of `mx.nd` have in common."""
from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tracer.ops.declare.public import Function
from tracer.ops.ir.aval import Aval, aval
from tracer.ops.ir.errors import MXNetError

from .. import autograd
from ..array.nd_array import NDArray
from ..array.placing import moved
from ..base import NotSupportedForSparseNDArray, numeric_types
from ..context import Context, context_of, key_of
from ..core.invoke import Composite, add_values, constant, invoke, wrap
from ..core.trace import Value, current
from .forms import Cells, Dense, Form, Rows, Sums, stored_rows
from .rules import letter_of, rule_for

#: The dtypes of the arrays of indices.
AUX_TYPES = {"row_sparse": [np.int64], "csr": [np.int64, np.int64]}


class BaseSparseNDArray(NDArray, Composite):
    """The base of sparse arrays. `nd.sparse.csr_matrix`, `row_sparse_array`, `zeros` and `NDArray.tostype` make them.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/ndarray/sparse/index.html
    """

    __slots__ = ("_aval", "_form")
    _aval: Aval
    _form: Form
    _stype: str
    __hash__ = object.__hash__

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__}(handle): there are no handles of MXNet's C library; use "
                                  "nd.sparse.csr_matrix, row_sparse_array, zeros or NDArray.tostype")

    @property
    def _value(self) -> Value:  # type: ignore[override]
        raise AttributeError(f"a {type(self).__name__} has no single value: use tostype('default')")

    # ---- attributes ------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, a tuple of ints."""
        return self._aval.shape

    @property
    def dtype(self) -> Any:
        """The element type, as a NumPy scalar class."""
        return self._aval.dtype.type

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._aval.shape)

    @property
    def size(self) -> int:
        """Ambiguous for sparse arrays: raises NotImplementedError, as in MXNet."""
        raise NotImplementedError(f"{type(self).__name__}.size: not defined for sparse arrays")

    @property
    def context(self) -> Context:
        """The context (device) of the array."""
        return context_of(self._aval.device)

    ctx = device = context

    @property
    def stype(self) -> str:
        """The storage type, "row_sparse" or "csr"."""
        return self._stype

    @property
    def _num_aux(self) -> int:
        """The number of arrays of indices."""
        return len(AUX_TYPES[self._stype])

    @property
    def _aux_types(self) -> list[Any]:
        """The dtypes of the arrays of indices."""
        return [*AUX_TYPES[self._stype]]

    def _aux_type(self, i: int) -> Any:
        """The dtype of an array of indices."""
        return AUX_TYPES[self._stype][i]

    def _components(self) -> Any:
        """The arrays that store the elements; finding them may be a sync point."""
        raise NotImplementedError

    @property
    def data(self) -> NDArray:
        """A copy of the stored elements."""
        return self._components().data.copy()

    @property
    def indices(self) -> NDArray:
        """A copy of the numbers, int64, of the stored rows, or of the columns of the stored elements of a csr array."""
        return self._components().indices.copy()

    # ---- as an operand ---------------------------------------------------------------------------

    def redirect(self, function: Function, cls: type, operands: tuple, statics: tuple) -> Any:
        """The result of `function`: by its sparse form for these operands, or computed on dense arrays."""
        found = rule_for(function, "".join([letter_of(x) for x in operands]))
        settings, made = dict(zip(function.statics, statics)), None
        live = [isinstance(x, BaseSparseNDArray) and x._live() for x in operands]
        if found is not None and not any(live):
            made = found.form(operands, settings)
            if made is not None:
                return made
        elif found is not None:
            with autograd.pause():
                made = found.form(tuple([x.detach() if of else x for x, of in zip(operands, live)]), settings)
        dense = tuple([x.dense() if isinstance(x, Composite) else x for x in operands])
        whole = invoke(function, cls, dense, statics)
        if not isinstance(made, BaseSparseNDArray):
            return whole
        return made._like(Dense(whole, places=stored_rows(made._form)))  # the elements with their history

    def _live(self) -> bool:
        """Whether derivatives are now taken by the whole array."""
        return isinstance(self._form, Dense) and self._form.live()

    def dense(self) -> NDArray:
        """The whole array; for an array with a gradient always the same handle."""
        if self._variable is not None and not isinstance(self._form, Dense):
            with autograd.pause():
                whole, places = self._form.dense(self._aval).copy(), stored_rows(self._form)  # type: ignore[attr-defined]
                self._form = Dense(whole, places=places)
        return self._form.dense(self._aval)

    def recorded(self) -> NDArray:
        """The whole array, recorded for derivatives in the present scope and outside of `record()`."""
        trace = current().trace
        before, trace.recording = trace.recording, True
        try:
            return self.dense()
        finally:
            trace.recording = before

    def receive(self, values: list[Value], onto: bool) -> None:
        """Take the sum of gradients as the array's elements, or add it to these (onto)."""
        total = wrap(NDArray, add_values(values)) if values else None
        if total is None:
            total = wrap(NDArray, constant(np.zeros(self.shape, self.dtype)))
        self._form = Dense(self.dense() + total if onto else total)

    # ---- reading ---------------------------------------------------------------------------------

    def asnumpy(self) -> np.ndarray:
        """A dense NumPy array with a copy of the elements."""
        return self.dense().asnumpy()

    def _read(self, cause: str) -> np.ndarray:
        return self.dense()._read(cause)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.dense().__array__(dtype, copy)

    def asscalar(self) -> Any:
        """Not defined for sparse arrays: raises NotImplementedError, as in MXNet."""
        return self.size

    item = asscalar

    def __bool__(self) -> bool:
        raise ValueError("The truth value of an NDArray with multiple elements is ambiguous.")

    def __len__(self) -> int:
        return self.shape[0]

    def wait_to_read(self) -> None:
        """Compute the array now; an error of the computation is raised here."""
        form = self._form
        (form.array if isinstance(form, Dense) else form.data).wait_to_read()

    wait_to_write = wait_to_read

    def __repr__(self) -> str:
        return f"\n<{type(self).__name__} {'x'.join(map(str, self.shape))} @{self.context}>"

    __str__ = __repr__

    def tostype(self, stype: str) -> Any:
        """A copy in the storage type "default" or the array's own. ValueError for the other sparse one."""
        if stype == "default":
            return self.dense().copy()  # type: ignore[attr-defined]
        if stype != self._stype:
            raise ValueError(f"cast_storage from {self._stype} to {stype} is not supported")
        return self.copy()

    def check_format(self, full_check: bool = True) -> None:
        """Raise MXNetError if the indices are out of range or order. This is a sync point.

        full_check: whether all of them are looked at; else only the shapes.
        """
        raise NotImplementedError

    # ---- copies ----------------------------------------------------------------------------------

    def _like(self, form: Form, of: Aval | None = None) -> Any:
        """An array of this storage type in another form, of this array's aval or another."""
        return sparse_array(type(self), form, of or self._aval)

    def _mapped(self, change: Any, of: Aval | None = None) -> Any:
        """A copy whose stored elements are `change(data)`; its structure is this array's."""
        return self._like(self._form.mapped(change), of)

    def copy(self) -> Any:
        """A copy of the array."""
        return self._mapped(lambda data: data.copy())

    def detach(self) -> Any:
        """A copy that derivatives treat as a constant."""
        return self._mapped(lambda data: data.detach())

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """A copy converted to `dtype`; with copy=False the array itself if it has that dtype."""
        if not copy and np.dtype(dtype) == self._aval.dtype:
            return self
        of = aval(self._aval.shape, np.dtype(dtype), self._aval.device)
        if isinstance(self._form, Sums) and not np.can_cast(self._aval.dtype, of.dtype):
            self._components()  # halves are added up before they become integers
        return self._mapped(lambda data: data.astype(dtype), of)

    def _on(self, device: Any) -> Any:
        """The array on another device."""
        def place(array: NDArray) -> NDArray:
            return wrap(NDArray, moved(array._value, device))

        return self._like(self._form.mapped(place, place), aval(self._aval.shape, self._aval.dtype, device))

    def copyto(self, other: Any) -> Any:
        """Write the elements into another array, or into a new one on a context; returns that array.

        TypeError for an array of the other sparse storage type, or if `other` is neither an array nor a context.
        MXNetError when shapes or dtypes differ.
        """
        if isinstance(other, Context):
            return self.copy()._on(key_of(other))
        if not isinstance(other, NDArray):
            raise TypeError(f"copyto does not support type {type(other)}")
        if other is self:
            warnings.warn("You are attempting to copy an array to itself", RuntimeWarning, stacklevel=2)
            return False
        if other.stype not in ("default", self._stype):
            raise TypeError(f"copyto does not support destination NDArray stype {other.stype}")
        if other.shape != self.shape:
            raise MXNetError(f"copyto: an array of shape {self.shape} into one of {other.shape}")
        if isinstance(other, BaseSparseNDArray):
            other._take(self)
        else:
            other[:] = self.dense()
        return other

    def as_in_context(self, context: Context) -> Any:
        """The array itself if it is on the context, else a copy there. TypeError for a non-context."""
        if not isinstance(context, Context):
            raise TypeError(f"copyto does not support type {type(context)}")
        return self if self._aval.device == key_of(context) else self.copyto(context)

    def as_nd_ndarray(self) -> Any:
        """The array itself."""
        return self

    def __reduce__(self) -> Any:
        parts = self._components()
        arrays = [parts.data, parts.indices] + ([parts.indptr] if isinstance(parts, Cells) else [])
        return _restore, (type(self), self.shape, [x.asnumpy() for x in arrays])

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    # ---- writing ---------------------------------------------------------------------------------

    def _take(self, source: Any) -> None:
        """Take the elements of an array of this shape, dense or of this storage type, converted to this dtype."""
        same = isinstance(source, BaseSparseNDArray)
        if source.shape != self.shape:
            raise MXNetError(f"an array of shape {source.shape} into one of {self.shape}")
        if source.dtype != self.dtype:
            source = source.astype(self.dtype)
        if same and source.context != self.context:
            source = source._on(self._aval.device)
        if self._variable is not None:
            dense = self.dense()
            dense[:] = source.dense() if same else source
            self._form = Dense(dense, places=stored_rows(source._form) if same else None)
            return
        self._form = source.copy()._form if same else Dense(source.as_in_context(self.context).copy())

    def _rebind(self, value: Value) -> None:
        self._take(wrap(NDArray, value))

    def _store(self, result: Any) -> None:
        result.copyto(self)

    def _check_writable(self) -> None:
        current().trace.refuse("writes into an array")
        if current().trace.recording and (self._variable is not None or self._live()):
            raise MXNetError("Inplace operations (+=, -=, x[:]=, etc) are not supported when recording with autograd")

    def __setitem__(self, key: Any, value: Any) -> None:
        name = type(self).__name__
        if not isinstance(key, slice):
            assert isinstance(key, (int, tuple))
            raise (TypeError if self._stype == "row_sparse" else Exception)(f"{name} only supports [:] for assignment")
        if key != slice(None):
            raise ValueError(f"Assignment with slice for {name} is not implemented yet.")
        self._check_writable()
        if isinstance(value, BaseSparseNDArray):
            if value is not self:
                value.copyto(self)
        elif isinstance(value, NDArray):
            self._take(value)
        elif isinstance(value, (np.ndarray, np.generic)) and not isinstance(value, numeric_types):
            warnings.warn(f"Assigning non-NDArray object to {name} is not efficient", RuntimeWarning, stacklevel=2)
            self._take(wrap(NDArray, constant(np.asarray(value).astype(self.dtype))))
        elif isinstance(value, numeric_types):
            self._fill(value)
        else:
            raise TypeError(f"type {type(value)} not supported")

    def _fill(self, value: Any) -> None:
        raise ValueError(f"Assigning numeric types to {type(self).__name__} is not implemented yet.")

    # ---- autograd --------------------------------------------------------------------------------

    def attach_grad(self, grad_req: str = "write", stype: str | None = None) -> None:
        """Make the array a variable of autograd, with a `.grad` of zeros.

        grad_req: "write", "add" or "null", as in `NDArray.attach_grad`.
        stype: the storage type of `.grad`; None: the array's own.
        """
        dense = wrap(NDArray, constant(np.zeros(self.shape, self._aval.dtype)))
        dense = dense.as_in_context(self.context)
        chosen = self._stype if stype is None else stype
        autograd.mark_variables([self], [dense if chosen == "default" else dense.tostype(chosen)], grad_req)

    @property
    def grad(self) -> Any:
        """The array that holds the gradient; None if attach_grad() was not called."""
        return self._idle_grad if self._variable is None else self._variable.grad

    def backward(self, out_grad: Any = None, retain_graph: bool = False, train_mode: bool = True) -> None:
        """Compute the gradients of the array's sum into the `.grad` of the variables that it was computed from."""
        autograd.backward([self], [out_grad], retain_graph, train_mode)

    # ---- what sparse arrays lack -----------------------------------------------------------------

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        """Not supported: raises NotSupportedForSparseNDArray, as in MXNet."""
        raise NotSupportedForSparseNDArray(self.reshape, None, shape)

    def _at(self, idx: int) -> Any:
        raise NotSupportedForSparseNDArray(self._at, "[idx]", idx)

    def _slice(self, start: int, stop: int) -> Any:
        raise NotSupportedForSparseNDArray(self._slice, None, start, stop)

    def _view(self, part: Any, cls: type | None = None) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: sparse arrays have no views")


def sparse_array(cls: type, form: Form, of: Aval) -> Any:
    """An array of the class `cls` in a form.

    of: its shape, dtype and device.
    """
    handle: Any = object.__new__(cls)
    handle._form = form
    handle._aval = of
    return handle


def _restore(cls: type, shape: tuple[int, ...], arrays: list[np.ndarray]) -> Any:
    form = (Cells if len(arrays) == 3 else Rows)(*[wrap(NDArray, constant(x)) for x in arrays])
    return sparse_array(cls, form, aval(shape, arrays[0].dtype))

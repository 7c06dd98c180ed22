"""Parameters of blocks: arrays that are initialized, trained and saved, one for each context."""
from __future__ import annotations

import uuid
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import autograd, initializer, ndarray, symbol
from .. import numpy as mx_np
from ..array.placing import shared
from ..base import MXNetError
from ..context import Context, cpu, current_context
from ..core import recipe
from ..core.flush import sync
from ..core.invoke import wrap
from ..core.trace import Value, computed
from ..generation import is_2
from ..ndarray import NDArray
from ..util import is_np_array, is_np_shape
from . import deferred, loading, row_sparse
from .loading import contexts
from .structure import STRUCTURE
from .utils import shape_is_known

__all__ = ["DeferredInitializationError", "Parameter", "tensor_types"]

tensor_types = (NDArray,)


class DeferredInitializationError(MXNetError):
    """The error of using a parameter whose shape is not known yet."""


class Parameter:
    """A parameter of a block: an array, with its gradient, on each of one or several contexts.

    name: its name, whose ending chooses the default initializer.
    grad_req: "write", "add" or "null", as in `attach_grad`.
    shape: its shape, in which 0 (-1 in np's semantics) stands for an axis whose size is not known yet.
    dtype: its element type.
    lr_mult, wd_mult: factors of the learning rate and of the weight decay.
    init: its initializer; None: the one given to `initialize`.
    allow_deferred_init: whether `initialize` waits for the first forward pass if the shape is not known.
    differentiable: whether it can have a gradient.
    stype, grad_stype: the storage types of its arrays and of their gradients.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/parameter.html

    >>> weight = Parameter("weight", shape=(2, 3), init="ones")
    >>> weight.initialize()
    >>> float(weight.data().sum().asscalar()), weight.grad().shape
    (6.0, (2, 3))
    """

    def __init__(self, name: str = "weight", grad_req: str = "write", shape: Any = None, dtype: Any = np.float32,
                 lr_mult: float = 1.0, wd_mult: float = 1.0, init: Any = None, allow_deferred_init: bool = False,
                 differentiable: bool = True, stype: str = "default", grad_stype: str = "default") -> None:
        row_sparse.check_stypes(name, grad_stype=grad_stype, stype=stype)
        self._var: Any = None
        self._uuid = str(uuid.uuid4())
        self._var_name: str | None = None
        self._data: list[Any] | None = None
        self._grad: list[Any] | None = None
        self._ctx_list: list[Context] | None = None
        self._ctx_map: list[list[int | None]] = [[], []]
        self._trainer: Any = None
        self._deferred_init: tuple = ()
        self._differentiable = differentiable
        self._allow_deferred_init = allow_deferred_init
        self._grad_req: str | None = None
        self._shape = (shape,) if isinstance(shape, int) else None if shape is None else tuple(shape)
        self.name = name
        self._dtype = dtype
        self.lr_mult = lr_mult
        self.wd_mult = wd_mult
        self.grad_req = grad_req
        self.init = init
        self._stype = stype
        self._grad_stype = grad_stype

    def __repr__(self) -> str:
        name = "" if is_2() else f" {self.name}"
        return f"{type(self).__name__}{name} (shape={self.shape}, dtype={self.dtype})"

    # ---- settings --------------------------------------------------------------------------------

    @property
    def grad_req(self) -> Any:
        """The treatment of the gradient: "write", "add" or "null". AssertionError for another word."""
        return self._grad_req

    @grad_req.setter
    def grad_req(self, req: str) -> None:
        assert req in ("write", "add", "null"), \
            f"grad_req must be one of 'write', 'add', or 'null', but got '{req}'"
        if not self._differentiable:
            req = "null"
        if self._grad_req == req:
            return
        self._grad_req = req
        if req == "null" and self._grad is not None:
            self._grad = None
            self._set_arrays([x.detach() for x in self._data or ()])
        elif self._data is not None:
            self._init_grad()

    @property
    def dtype(self) -> Any:
        """The element type; setting it casts the arrays."""
        return self._dtype

    @dtype.setter
    def dtype(self, dtype: Any) -> None:
        self.cast(dtype)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape, or None; an unknown axis is 0 (-1 in np's semantics). AssertionError for one that does not fit."""
        if self._shape is None or not is_np_shape():
            return self._shape
        return tuple(-1 if n == 0 else n for n in self._shape)

    @shape.setter
    def shape(self, new_shape: Sequence[int]) -> None:
        old = self._shape
        if old is not None:
            fits = len(old) == len(new_shape) and all(j in (-1, 0, i) for i, j in zip(new_shape, old))
            assert fits, (f"Expected shape {tuple(new_shape)} is incompatible with given shape {old}. "
                          f"(Parameter '{self.name}')")
        self._shape = tuple(new_shape)

    def _set_trainer(self, trainer: Any) -> None:
        row_sparse.check_trainer(self, trainer)
        self._trainer = trainer

    # ---- initialization --------------------------------------------------------------------------

    def initialize(self, init: Any = None, ctx: Any = None, default_init: Any = None,
                   force_reinit: bool = False, device: Any = None) -> None:
        """Make the arrays, and fill them by an initializer.

        init: the initializer; None: the parameter's own, else `default_init` (Uniform by default).
        ctx (device in MXNet 2): a context or a list of them; None: the current one.
        force_reinit: whether to initialize again a parameter that already is.

        ValueError if the shape is not known and initialization may not be deferred.
        """
        if self._data is not None and not force_reinit:
            warnings.warn(f"Parameter '{self.name}' is already initialized, ignoring. "
                          "Set force_reinit=True to re-initialize.", stacklevel=2)
            return
        self._data = self._grad = None
        default_init = initializer.Uniform() if default_init is None else default_init
        if isinstance(self.init, initializer.RNNFused):
            self.init.set_initializer(init if init else default_init)
            init = default_init = self.init
        if init is None:
            init = default_init if self.init is None else self.init
        places = contexts(device if ctx is None else ctx)
        known = shape_is_known(self.shape)
        if not known and not self._allow_deferred_init:
            raise ValueError(f"Cannot initialize Parameter '{self.name}' because it has invalid shape: {self.shape}.")
        self._deferred_init = (init, places, default_init, None)
        if known:
            self._finish_deferred_init()

    def _finish_deferred_init(self) -> None:
        """Make the arrays now, of the shape that has been found. AssertionError if it is not known."""
        if not self._deferred_init:
            return
        _, places, _, _ = given = self._deferred_init
        assert shape_is_known(self.shape), (
            f"Cannot initialize Parameter '{self.name}' because it has invalid shape: {self.shape}. Please specify "
            "in_units, in_channels, etc for `Block`s.")
        self._deferred_init = ()
        with deferred.aside():
            self._init_impl(self._initial(given), places)

    def _initial(self, given: tuple) -> Any:
        """The array of initial values, by what `initialize` or `set_data` was given."""
        init, _, default_init, data = given
        if data is not None:
            return data
        zeros: Any = mx_np.zeros if is_np_array() else ndarray.zeros
        made = zeros(self.shape, dtype=self.dtype, ctx=cpu())
        initializer.create(default_init)(initializer.InitDesc(self.name, {"__init__": init}), made)
        return row_sparse.stored(made, self._stype)

    def _init_impl(self, data: Any, ctx_list: Sequence[Context]) -> None:
        self._place(ctx_list)
        self._set_arrays([shared(data, ctx) for ctx in ctx_list])
        self._init_grad()

    def _place(self, ctx_list: Sequence[Context]) -> None:
        self._ctx_list = list(ctx_list)
        self._ctx_map = [[], []]
        for i, ctx in enumerate(self._ctx_list):
            row = self._ctx_map[ctx.device_typeid & 1]
            row += [None] * (ctx.device_id + 1 - len(row))
            row[ctx.device_id] = i

    def _set_arrays(self, arrays: list[Any]) -> None:
        self._data = arrays
        STRUCTURE.change()

    def _init_grad(self) -> None:
        """Make arrays for the gradients."""
        STRUCTURE.change()
        arrays = self._check_and_get(self._data, list)
        if self.grad_req == "null":
            self._grad = None
            return
        self._grad = []
        for x in arrays:
            with deferred.aside():
                flavour = mx_np.ndarray if isinstance(x, mx_np.ndarray) else NDArray
                self._grad.append(wrap(flavour, recipe.zeros(deferred.aval_on(x.shape, x.dtype, x.ctx)))
                                  if self._grad_stype == "default" else row_sparse.zeros(x, self._grad_stype))
        self._mark()

    def _mark(self) -> None:
        autograd.mark_variables(self._data, self._grad, self.grad_req)
        for x in self._data or ():
            x._variable.name = self.name

    def _begin_late(self) -> None:
        """Make arrays without elements, of the shape just found (deferred.py); a read of one initializes them."""
        if self._stype != "default":
            self._finish_deferred_init()
            return
        _, places, _, data = self._deferred_init
        flavour = type(data) if data is not None else mx_np.ndarray if is_np_array() else NDArray
        self._place(places)
        self._set_arrays([wrap(flavour, computed(deferred.aval_on(self.shape, self.dtype, ctx), None))
                          for ctx in places])
        self._init_grad()
        for x in self._check_and_get(self._data, list):
            x._value.late = self._end_late

    def _end_late(self, _: Value) -> None:
        """Fill the arrays that `_begin_late` made."""
        given, self._deferred_init = self._deferred_init, ()
        if not given:
            return
        values = [x._value for x in self._data or () if x._value.late is not None]
        with deferred.aside():
            made = self._initial(given)
            for value in values:
                value.buffer = sync(shared(made, cpu())._value, "initialization")
                value.late = None

    def _undo_late(self, shape: Any) -> None:
        """Forget the arrays that `_begin_late` made, unless they have been read."""
        if self._deferred_init:
            self._shape = shape
            self._data = self._grad = None
            STRUCTURE.change()

    _load_init = loading.load_into

    def reset_ctx(self, ctx: Any) -> None:
        """Move the parameter to other contexts. ValueError before initialization."""
        places = contexts(ctx)
        if self._data:
            with deferred.aside():
                self._init_impl(self._reduce(), places)
        elif self._deferred_init:
            init, _, default_init, data = self._deferred_init
            self._deferred_init = (init, places, default_init, data)
        else:
            raise ValueError(f"Cannot reset context for Parameter '{self.name}' because it has not been initialized.")

    def reset_device(self, device: Any) -> None:
        """Move the parameter to other contexts (MXNet 2)."""
        self.reset_ctx(device)

    # ---- arrays ----------------------------------------------------------------------------------

    def _check_and_get(self, arr_list: list[Any] | None, ctx: Any) -> Any:
        """The array on a context, or all of them for `list`; an error that says how to initialize the parameter."""
        if arr_list is not None:
            if ctx is list:
                return arr_list
            if ctx is None:
                if len(arr_list) == 1:
                    return arr_list[0]
                ctx = current_context()
            row = self._ctx_map[ctx.device_typeid & 1]
            place = row[ctx.device_id] if ctx.device_id < len(row) else None
            if place is not None:
                return arr_list[place]
            raise RuntimeError(f"Parameter '{self.name}' was not initialized on context {ctx}. "
                               f"It was only initialized on {self._ctx_list}.")
        if self._deferred_init:
            raise DeferredInitializationError(
                f"Parameter '{self.name}' has not been initialized yet because initialization was deferred. Actual "
                "initialization happens during the first forward pass. Please pass one batch of data through the "
                "network before accessing Parameters. You can also avoid deferred initialization by specifying "
                "in_units, num_features, etc., for network layers.")
        raise RuntimeError(
            f"Parameter '{self.name}' has not been initialized. Note that you should initialize parameters and create "
            "Trainer with Block.collect_params() instead of Block.params because the later does not include "
            "Parameters of nested child Blocks")

    def data(self, ctx: Context | None = None, device: Context | None = None) -> Any:
        """The array on a context; None: the only one, or that on the current context.

        RuntimeError before initialization, for another context, and for a sparse parameter;
        DeferredInitializationError (an MXNetError) while the shape is not known.
        """
        if self._stype != "default":
            raise row_sparse.refused(self, f"a copy on {ctx}")
        if self._data is None and self._deferred_init and deferred.active():
            if shape_is_known(self.shape):
                deferred.found(self, self._shape)  # type: ignore[arg-type]
                return self._check_and_get(self._data, device if ctx is None else ctx)
            return deferred.placeholder(self, device if ctx is None else ctx)
        return self._check_and_get(self._data, device if ctx is None else ctx)

    def list_data(self) -> list[Any]:
        """The arrays on all contexts. RuntimeError for a sparse parameter."""
        if self._stype != "default":
            raise row_sparse.refused(self, "copies on all contexts")
        return self._check_and_get(self._data, list)

    def grad(self, ctx: Context | None = None, device: Context | None = None) -> Any:
        """The gradient on a context. RuntimeError if `grad_req` is "null"."""
        self._check_has_grad()
        return self._check_and_get(self._grad, device if ctx is None else ctx)

    def list_grad(self) -> list[Any]:
        """The gradients on all contexts. RuntimeError if `grad_req` is "null"."""
        self._check_has_grad()
        return self._check_and_get(self._grad, list)

    def _check_has_grad(self) -> None:
        if self._data is not None and self._grad is None:
            raise RuntimeError(f"Cannot get gradient array for Parameter '{self.name}' because grad_req='null'")

    def list_ctx(self) -> list[Context]:
        """The contexts. RuntimeError before initialization."""
        if self._data is not None:
            return self._ctx_list or []
        if self._deferred_init:
            return self._deferred_init[1]
        raise RuntimeError(f"Parameter '{self.name}' has not been initialized: call initialize() of its block first")

    list_device = list_ctx

    def zero_grad(self) -> None:
        """Set the gradients to zeros."""
        for g in self._grad or ():
            g[:] = 0 if g.stype == "default" else row_sparse.zeros(g, g.stype)

    def set_data(self, data: Any) -> None:
        """Write `data` into the arrays on all contexts. AssertionError for another shape, or before initialization."""
        self.shape = data.shape
        if self._data is None:
            assert self._deferred_init, f"Parameter '{self.name}' has not been initialized"
            self._deferred_init = (*self._deferred_init[:3], data)
            return
        if self._trainer is not None:
            self._trainer._parameter_written(self)
        for x in self._data:
            x[:] = data

    row_sparse_data, list_row_sparse_data = row_sparse.row_sparse_data, row_sparse.list_row_sparse_data

    def _reduce(self) -> Any:
        """The mean of the arrays on all contexts, on the CPU; of a sparse parameter, all its rows."""
        if self._stype != "default":
            return row_sparse.all_rows(self)
        arrays = self.list_data()
        total = arrays[0].copyto(cpu())
        for x in arrays[1:]:
            total = total + x.copyto(cpu())
        return total / len(arrays) if len(arrays) > 1 else total

    def var(self) -> Any:
        """The symbol of this parameter, a variable of its name; in the np mode one of `mx.sym.np`."""
        if self._var is None:
            self._var = symbol.var(self.name, shape=self.shape, dtype=self.dtype, lr_mult=self.lr_mult,
                                   wd_mult=self.wd_mult, init=self.init, stype=self._stype)
        return self._var.as_np_ndarray() if is_np_array() else self._var

    def cast(self, dtype: Any) -> None:
        """Convert the arrays and gradients to another element type."""
        self._dtype = dtype
        if self._data is None:
            return
        with autograd.pause(), deferred.aside():
            self._set_arrays([x.astype(dtype) for x in self._data])
            if self._grad is not None:
                self._grad = [g.astype(dtype) for g in self._grad]
                STRUCTURE.change()
                self._mark()

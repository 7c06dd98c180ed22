"""`HybridBlock`: a block whose forward pass is recorded once and then repeated without its Python."""
from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ndarray, numpy_extension, symbol
from ..context import Context, context_of, cpu
from ..core import cached_graph
from ..core.call_cache import Identity
from ..core.invoke import Handle
from ..core.trace import current
from ..generation import is_2
from ..ndarray import NDArray
from ..util import is_np_array
from . import deferred, op_hooks, recorded_graph, symbolic, symbolic_shapes
from .block import Block
from .closed_over import Getter, getters_of
from .recorded_graph import Recording
from .structure import STRUCTURE
from .utils import shape_is_known


class HybridBlock(Block):
    """A block whose recorded graph can be cached, so that its Python runs once: `hybridize()`.

    Subclasses define `forward(x, ...)`, or `hybrid_forward(F, x, ..., **params)` in MXNet 1's style, where F is `mx.nd`
    and the keywords are the arrays of the block's own parameters.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/hybrid_block.html
    """

    def __init__(self, prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._active = False
        self._identity = Identity()
        self._arrays: dict[Any, tuple[int, list[Handle]]] = {}
        self._unused: set[Any] = set()
        self._closed_over: list[Getter] = []
        self._in_format: Any = None  # the nesting of the latest arguments
        self._cached_format: Any = None  # that of the first ones since the cache was emptied
        self._out_format: Any = None
        self._in_avals: list[Any] = []  # their arrays' classes, shapes and element types
        self._callback: Callable | None = None
        self._monitor_all = False
        self._cached_graph: tuple[list[Any], Any] | None = None  # input variables and outputs, as symbols

    def hybridize(self, active: bool = True, backend: str | None = None, clear: bool = True, **kwargs: Any) -> None:
        """Cache the graph that `forward` records for given operands, and reuse it without running Python again.

        active: whether to cache; False: run `forward` at each call.
        clear: whether graphs that are cached already are dropped.
        backend, and the keywords static_alloc, static_shape and others of MXNet's: no effect.

        As in MXNet, the first call fixes the effects of Python code (branches, attributes, printing). A forward pass
        that reads values, or writes into arrays which are not its operands, is not cached: `tracer.explain()` says why.

        >>> from tracer import np
        >>> class Scale(HybridBlock):
        ...     def forward(self, x):
        ...         print("forward")
        ...         return x * 3
        >>> scale = Scale()
        >>> scale.hybridize()
        >>> [scale(np.array([n])).item() for n in (1, 2)]
        forward
        [3.0, 6.0]
        """
        self._active = bool(active)
        if clear:
            self._clear_cached_op()
        if active and (self._forward_hooks or self._forward_pre_hooks):
            warnings.warn(f'"{self}" is being hybridized while still having forward hook/pre-hook. If "{self}" is a '
                          "child of HybridBlock, the hooks will not take effect.", stacklevel=2)
        super().hybridize(active, backend=backend, clear=clear, **kwargs)

    def optimize_for(self, x: Any, *args: Any, backend: str | None = None, clear: bool = False, **kwargs: Any) -> None:
        """Hybridize the block, and call it unless it has been. ValueError without a backend, which has no effect."""
        if not backend:
            raise ValueError('Must specify "backend" to optimize_for')
        self.hybridize(True, backend, clear, **kwargs)
        if self._in_format is None:
            self(x, *args)

    def _clear_cached_op(self) -> None:
        """Forget the cached graphs."""
        self._identity = Identity()
        self._closed_over = []
        self._cached_graph = self._cached_format = None

    def register_child(self, block: Block, name: str | None = None) -> None:
        """Add a child block. ValueError unless it is a HybridBlock."""
        if not isinstance(block, HybridBlock):
            raise ValueError(f"Children of HybridBlock must also be HybridBlock, but {block} has type {type(block)}. "
                             "If you are using Sequential, please try HybridSequential instead.")
        super().register_child(block, name)
        self._clear_cached_op()

    def cast(self, dtype: Any) -> None:
        """Convert the parameters of this block and its children to another element type."""
        self._clear_cached_op()
        super().cast(dtype)

    def infer_shape(self, *args: Any) -> None:
        """Find the shapes of parameters from inputs. Layers in MXNet 2's style may define it."""
        deferred.infer(lambda: self.forward(*args))

    def infer_type(self, *args: Any) -> None:
        """Find the element types of parameters from inputs: those that they have, as types of NumPy."""
        for parameter in self.collect_params().values():
            parameter.cast(np.dtype(parameter.dtype).type)

    def _get_graph(self, *args: Any) -> tuple[list[Any], Any]:
        """The input variables and the outputs of the block's graph, for arguments of the same nesting as `args`.

        Without arguments: for those of the latest call. RuntimeError where there was none.
        """
        if self._cached_graph is None:
            form = symbolic.shape_of(args) if args else self._in_format
            if form is None:
                raise RuntimeError("Please first call block.hybridize() and then run forward with this block at least "
                                   "once before calling export.")
            avals = recorded_graph.avals_of(args) or self._in_avals
            inputs, given = symbolic.variables_for(form, avals)
            if recorded_graph.defines_forward(self):
                outputs, self._out_format = recorded_graph.graph(self, inputs, form, avals)
            else:
                outputs, self._out_format = symbolic.flat(self(*given), "output")
            self._cached_graph = inputs, symbol.Group(outputs) if len(outputs) > 1 else outputs[0]
        return self._cached_graph

    def export(self, path: str, epoch: int = 0, remove_amp_cast: bool = True) -> tuple[str, str]:
        """Write the graph to `path`-symbol.json and the parameters to `path`-0000.params; returns the files' names.

        epoch: the number in the second name.
        remove_amp_cast: leave out the casts that mixed precision has put in.

        Both files are MXNet's: `SymbolBlock.imports`, `mx.mod.Module.load` and real MXNet read them. RuntimeError if
        the block has not been hybridized and called before.
        """
        if self._in_format is None and self._cached_graph is None:
            self._get_graph()
        _, outputs = self._get_graph()
        names = {p: name if is_2() else p.name for name, p in self.collect_params().items()}
        if is_2():
            outputs = symbolic.renamed(outputs, [(p.var(), name) for p, name in names.items()])
        outputs.save(f"{path}-symbol.json", remove_amp_cast=remove_amp_cast)
        arguments, states = set(outputs.list_arguments()), set(outputs.list_auxiliary_states())
        found = {}
        for parameter, name in names.items():
            if name in arguments or name in states:
                found[f"{'arg' if name in arguments else 'aux'}:{name}"] = parameter._reduce()
        file = f"{path}-{epoch:04d}.params"
        if is_np_array() and is_2():
            numpy_extension.savez(file, **found)
        else:
            (numpy_extension.save if is_np_array() else ndarray.save)(file, found)
        return f"{path}-symbol.json", file

    def register_op_hook(self, callback: Callable, monitor_all: bool = False) -> None:
        """Call `callback(name, operator, array)` for each operator in the passes of the hybridized block.

        monitor_all: whether it is called for the operators' inputs, too.

        The names are bytes, in MXNet 2 mode text. Such a pass evaluates the block's graph; it is not cached.
        """
        for block in (self, *self._children.values()):
            block._callback, block._monitor_all = callback, monitor_all

    # ---- calls -----------------------------------------------------------------------------------

    def _pass(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        if args and not isinstance(args[0], NDArray) and symbolic.any_symbol(args):
            return self.forward(*args, **kwargs)
        if not self._active or current().trace.captures or deferred.active():
            return self._run(args, kwargs)
        arrays = self._operands(args, kwargs)
        if self._callback is not None:
            self._in_format, self._in_avals = symbolic.shape_of(args), recorded_graph.avals_of(args)
            return op_hooks.observed(self, args, self._callback, self._monitor_all)
        variant: tuple = ()
        if self._closed_over:
            closed = [get() for get in self._closed_over]
            there = [isinstance(x, Handle) for x in closed]
            arrays = arrays + [x for x, is_array in zip(closed, there) if is_array]
            variant = tuple(there)
        others: list[Any] = []
        # by place: compiled recording takes no keywords
        result = cached_graph.call(self._identity, variant, self._run_uncached, (args, kwargs), arrays, (), others)
        if others:
            self._closed_over += getters_of(others, self) or ()
        return result

    def _run_uncached(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The result of a pass that is not in the cache.

        ValueError for arguments of another nesting than the first, and on several contexts.
        """
        form = symbolic.shape_of(args)
        if self._cached_format is not None:
            symbolic.check_format(form, self._cached_format)
        symbolic.check_contexts(args)
        made = self._run(args, kwargs)
        self._cached_format = form
        return made

    def _run(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The result of `forward`; before it, the block's own deferred parameters are initialized."""
        waiting = [p for p in self._reg_params.values() if p._data is None]
        if waiting:
            self._initialize_now(waiting, args, kwargs)
        if self._active:
            self._note(args)
        return self.forward(*args, **kwargs)

    def _note(self, args: tuple) -> None:
        """Keep what `export` asks of the latest arguments."""
        self._in_format, self._in_avals = symbolic.shape_of(args), recorded_graph.avals_of(args)

    def _initialize_now(self, waiting: list[Any], args: tuple, kwargs: dict[str, Any]) -> None:
        """Initialize deferred parameters, after a pass that finds their shapes."""
        order = waiting
        if not all([shape_is_known(p.shape) for p in waiting]):
            if self._infers_shape():
                self.infer_shape(*args)
            elif not deferred.active():
                order = deferred.infer(lambda: self.forward(*args, **kwargs))
        for parameter in [p for p in order if p in waiting and shape_is_known(p.shape)]:
            if deferred.active():
                deferred.found(parameter, parameter.shape)
            else:
                parameter._finish_deferred_init()

    def _infers_shape(self) -> bool:
        """Whether `infer_shape`, called with a pass's arguments, finds the shapes of the block's own parameters."""
        return type(self).infer_shape is not HybridBlock.infer_shape

    def _operands(self, args: tuple, kwargs: dict[str, Any]) -> list[Handle]:
        """The arrays of all parameters below, on the device of the arguments."""
        device = args[0]._aval.device if args and isinstance(args[0], Handle) else None
        known = self._arrays.get(device)
        if known is not None and known[0] == STRUCTURE.changes:
            return known[1]
        parameters = dict.fromkeys(self._collect_params_with_prefix().values())
        waiting = [p for p in parameters if p._data is None and p._deferred_init and p not in self._unused]
        if waiting:
            self._initialize_now(waiting, args, kwargs)
            self._unused |= {p for p in waiting if p._data is None}
        ctx = context_of(device)
        arrays = [p.data(ctx) for p in parameters if p._data is not None]
        self._arrays[device] = STRUCTURE.changes, arrays
        return arrays

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """The block's output. Subclasses define it, unless they define `hybrid_forward`."""
        ctx = _context((x, *args))
        if ctx is not None and args and symbolic.any_symbol((x, *args)):
            raise ValueError("In HybridBlock, we do not support mixed NDArrays and Symbols types for the input. Please "
                             "check the type of the args.\n")
        if ctx is None:
            if symbolic.any_symbol((x, *args)):
                return symbolic.call(self, x, args, kwargs)
            raise ValueError("In HybridBlock, there must be one NDArray or one Symbol in the input. Please check the "
                             "type of the args.\n")
        waiting = [p for p in self._reg_params.values() if p._data is None]
        if waiting and not deferred.active():
            self._initialize_now(waiting, (x, *args), kwargs)
        if self._active and self._in_format is None:  # called as a method
            self._note((x, *args))
        made = (self._inferring if waiting else self._with_parameters)(ctx, x, args, kwargs)
        trace = current().trace
        if type(trace) is Recording and not recorded_graph.defines_forward(self):
            return recorded_graph.layer(trace, self, x, args, kwargs, made)
        return made

    def _inferring(self, ctx: Context, x: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The result; in a pass that finds shapes, those that no operand tells are found over the graph."""
        if not deferred.active():
            return self._with_parameters(ctx, x, args, kwargs)
        try:
            return self._with_parameters(ctx, x, args, kwargs)
        except ValueError:
            found = symbolic_shapes.shapes(self, (x, *args), kwargs)
            if not found:
                raise
        for parameter, shape in found.items():
            deferred.found(parameter, shape)
        return self._with_parameters(ctx, x, args, kwargs)

    def _with_parameters(self, ctx: Context, x: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        parameters = {name: p.data(ctx) for name, p in self._reg_params.items()}
        if ctx == _CPU:
            return self.hybrid_forward(ndarray, x, *args, **kwargs, **parameters)
        with ctx:
            return self.hybrid_forward(ndarray, x, *args, **kwargs, **parameters)

    def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The block's output, computed by functions of the namespace F. Subclasses in MXNet 1's style define it."""
        raise NotImplementedError(f"{type(self).__name__} defines neither forward nor hybrid_forward")


_CPU = cpu()


def _context(x: Any) -> Context | None:
    """The context of the first array among arguments."""
    if isinstance(x, NDArray):
        return x.ctx
    if isinstance(x, (list, tuple)):
        for i in x:
            found = _context(i)
            if found is not None:
                return found
    return None

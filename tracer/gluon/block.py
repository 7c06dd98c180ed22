"""`Block`: a function of arrays with parameters, composed of other blocks."""
from __future__ import annotations

import inspect
import re
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..core.tracebacks import leave_out, raised_here
from ..generation import is_2
from ..util import is_np_array
from . import parameter_files, summaries
from .naming import BlockScope
from .parameter import Parameter
from .parameter_dict import OwnParameters, ParameterDict
from .structure import STRUCTURE
from .utils import HookHandle, _check_all_np_ndarrays, _indent


class Block:
    """A function of arrays, defined by `forward`, with parameters. Blocks assigned as attributes are its children.

    prefix: the beginning of the names of its parameters and children; None: its class's name and a number.
    params: a `ParameterDict` whose parameters it shares, by their names without the prefix.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/block.html

    >>> from tracer import np
    >>> class Double(Block):
    ...     def forward(self, x):
    ...         return x * 2
    >>> Double()(np.array([1, 2]))
    array([2., 4.])
    """

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        self._empty_prefix = prefix == ""
        self._prefix, self._params = BlockScope.create(prefix, params, self._alias())
        self._name = self._prefix[:-1] if self._prefix.endswith("_") else self._prefix
        self._scope = BlockScope(self)
        self._children: OrderedDict[str, Block] = OrderedDict()
        self._reg_params: dict[str, Parameter] = OwnParameters() if is_2() else {}
        self._forward_hooks: OrderedDict[int, Callable] = OrderedDict()
        self._forward_pre_hooks: OrderedDict[int, Callable] = OrderedDict()

    def __repr__(self) -> str:
        rows = "\n".join(f"  ({key}): {_indent(repr(block), 2)}" for key, block in vars(self).items()
                         if isinstance(block, Block))
        return f"{type(self).__name__}(\n{rows}\n)"

    def __setattr__(self, name: str, value: Any) -> None:
        existing = getattr(self, name, None)
        if isinstance(existing, (Parameter, Block)) and not isinstance(value, type(existing)):
            raise TypeError(f"Changing attribute type for {name} from {type(existing)} to {type(value)} is not "
                            "allowed.")
        if isinstance(value, Block):
            self.register_child(value, name)
        elif isinstance(value, Parameter):
            assert is_2() or self._reg_params.get(name, value) is value, (
                f"Overriding Parameter attribute {name} is not allowed. If you want to share parameters between "
                "blocks, please set 'params' at Block construction instead.")
            self._reg_params[name] = value
            STRUCTURE.change()
        super().__setattr__(name, value)

    # ---- names -----------------------------------------------------------------------------------

    def _alias(self) -> str:
        return type(self).__name__.lower()

    @property
    def prefix(self) -> str:
        """The beginning of the names of the block's parameters."""
        return self._prefix

    @prefix.setter
    def prefix(self, value: Any) -> None:
        _only_in_2("prefix")
        self._prefix = value

    @property
    def name(self) -> str:
        """The block's name: its prefix without the underscore at the end."""
        return self._name

    @name.setter
    def name(self, value: Any) -> None:
        _only_in_2("name")
        self._name = value

    def name_scope(self) -> BlockScope:
        """The scope in which the names of new blocks begin with this block's prefix: `with self.name_scope():`."""
        return self._scope

    # ---- structure -------------------------------------------------------------------------------

    def register_child(self, block: Block, name: str | None = None) -> None:
        """Add a child block.

        name: the child's name; None: its number.
        """
        self._children[str(len(self._children)) if name is None else name] = block
        STRUCTURE.change()

    @property
    def params(self) -> Any:
        """The block's own parameters, without those of its children."""
        return self._reg_params if is_2() else self._params

    def collect_params(self, select: str | None = None) -> ParameterDict:
        """The parameters of this block and of all blocks below it.

        select: a regular expression that must match at the beginning of the names.

        The names are those of MXNet 1, such as `dense0_weight`; in MXNet 2 mode they say where a parameter is, as in
        `0.weight`.
        """
        self._check_container_with_block()
        found = ParameterDict("" if is_2() else self._params.prefix)
        pattern = re.compile(select or "")
        if is_2():
            structural = self._collect_params_with_prefix()
            found.update({name: p for name, p in structural.items() if pattern.match(name)})
            return found
        known = {id(p) for p in self._params.values()}
        own = dict(self._params)  # and parameters that were assigned only, in MXNet 2's style
        own |= {self._params.prefix + name: p for name, p in self._reg_params.items() if id(p) not in known}
        found.update({name: p for name, p in own.items() if pattern.match(name)})
        for child in self._children.values():
            found.update(child.collect_params(select))
        return found

    def _collect_params_with_prefix(self, prefix: str = "") -> dict[str, Parameter]:
        """The parameters by names that say where they are, as in `0.weight`; parameter files use these names."""
        before = prefix + "." if prefix else ""
        found = {before + name: p for name, p in self._reg_params.items()}
        for name, child in self._children.items():
            found |= child._collect_params_with_prefix(before + name)
        return found

    def _check_container_with_block(self) -> None:
        """Warn of blocks in lists and dictionaries that are no children, so that their parameters are not collected."""
        children = {id(child) for child in self._children.values()}

        def unregistered(data: Any) -> bool:
            for x in data.values() if isinstance(data, dict) else data:
                if isinstance(x, Block):
                    if id(x) not in children:
                        return True
                elif isinstance(x, (list, tuple, dict)) and x and unregistered(x):
                    return True
            return False

        for name, data in vars(self).items():
            if isinstance(data, (list, tuple, dict)) and data and name != "_children" and unregistered(data):
                warnings.warn(f'"{type(self).__name__}.{name}" is an unregistered container with Blocks. Note that '
                              "Blocks inside the list, tuple or dict will not be registered automatically. Make sure "
                              "to register them using register_child() or switching to nn.Sequential/nn."
                              "HybridSequential instead. ", stacklevel=3)

    def apply(self, fn: Callable[[Block], Any]) -> Block:
        """Call `fn` on all children, then on this block; returns the block."""
        for child in self._children.values():
            child.apply(fn)
        fn(self)
        return self

    def share_parameters(self, shared: dict[str, Parameter]) -> Block:
        """Use the parameters of `shared`, by their structural names such as `0.weight`; returns the block (MXNet 2)."""
        if shared is None:
            return self
        if not isinstance(shared, dict):
            raise ValueError(f"'shared' should be in type of Dict. Get type {type(shared)}!")
        left = dict(shared)
        self._take_shared(left, "")
        for name in left:
            warnings.warn(f"Parameter name {name} is not in the current model!", stacklevel=2)
        return self

    def _take_shared(self, shared: dict[str, Parameter], prefix: str) -> None:
        for name, own in [*self._reg_params.items()]:
            parameter = shared.pop(prefix + name, None)
            if parameter is not None:
                self._reg_params[name] = parameter
                self._params.update({k: parameter for k in [k for k, p in self._params.items() if p is own]
                                     if self._params.pop(k)})
                setattr(self, name, parameter)
        for name, child in self._children.items():
            child._take_shared(shared, f"{prefix}{name}.")

    # ---- parameters ------------------------------------------------------------------------------

    def initialize(self, init: Any = None, ctx: Any = None, verbose: bool = False, force_reinit: bool = False,
                   device: Any = None) -> None:
        """Initialize the parameters of this block and its children; see `Parameter.initialize`.

        init: the initializer for parameters without one of their own; None: Uniform(0.07).
        ctx (device in MXNet 2): a context or a list of them; None: the current one.
        """
        self.collect_params().initialize(init, ctx, verbose, force_reinit, device)

    def cast(self, dtype: Any) -> None:
        """Convert the parameters of this block and its children to another element type."""
        for child in self._children.values():
            child.cast(dtype)
        for parameter in {**self._params, **self._reg_params}.values():
            parameter.cast(dtype)

    def zero_grad(self) -> None:
        """Set all gradients to zeros."""
        self.collect_params().zero_grad()

    def reset_ctx(self, ctx: Any) -> None:
        """Move all parameters to other contexts."""
        self.collect_params().reset_ctx(ctx)

    def reset_device(self, device: Any) -> None:
        """Move all parameters to other contexts (MXNet 2)."""
        self.reset_ctx(device)

    def setattr(self, name: str, value: Any) -> None:
        """Set an attribute of all parameters, such as "grad_req"."""
        self.collect_params().setattr(name, value)

    save_parameters = parameter_files.save_parameters
    load_parameters = parameter_files.load_parameters
    load_dict = parameter_files.load_dict
    save_params = parameter_files.save_params
    load_params = parameter_files.load_params
    save = parameter_files.save
    load = parameter_files.load

    # ---- calls -----------------------------------------------------------------------------------

    def register_forward_pre_hook(self, hook: Callable) -> HookHandle:
        """Call `hook(block, inputs)` before each forward pass; returns a handle that takes it away."""
        handle = HookHandle()
        handle.attach(self._forward_pre_hooks, hook)
        return handle

    def register_forward_hook(self, hook: Callable) -> HookHandle:
        """Call `hook(block, inputs, outputs)` after each forward pass; returns a handle that takes it away."""
        handle = HookHandle()
        handle.attach(self._forward_hooks, hook)
        return handle

    def register_op_hook(self, callback: Callable, monitor_all: bool = False) -> None:
        """Register an operator hook with all hybrid blocks below; see `HybridBlock.register_op_hook`."""
        for child in self._children.values():
            child.register_op_hook(callback, monitor_all)

    def hybridize(self, active: bool = True, **kwargs: Any) -> None:
        """Hybridize all hybrid blocks below; see `HybridBlock.hybridize`."""
        for child in self._children.values():
            child.hybridize(active, **kwargs)

    def forward(self, *args: Any) -> Any:
        """The block's output. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not args and not kwargs and is_2() and _takes_inputs(type(self)):
            return self  # MXNet 2's `_children` holds weak references, which scripts call to get the blocks
        try:
            for hook in self._forward_pre_hooks.values():
                hook(self, args)
            out = self._pass(args, kwargs)
            for hook in self._forward_hooks.values():
                hook(self, args, out)
            if is_np_array():
                _check_all_np_ndarrays(out)
            return out
        except Exception as error:
            _name_block(error, self)
            leave_out()
            raise

    def _pass(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The result of a forward pass; hybridized blocks take it from their cache."""
        return self.forward(*args, **kwargs)

    summary = summaries.summary


def _only_in_2(name: str) -> None:
    """Raise AttributeError for an attribute that may be set in MXNet 2 only, which gives it no meaning."""
    if not is_2():
        raise AttributeError(f"can't set attribute '{name}'")


def _takes_inputs(kind: type[Block]) -> bool:
    """Whether a class of blocks cannot be called without arguments."""
    inputs = [*inspect.signature(kind.forward).parameters.values()][1:]
    return any([p.kind is p.VAR_POSITIONAL or p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in inputs])


def _name_block(error: Exception, block: Block) -> None:
    """Add the innermost block that was called to the text of an error that tracer raised."""
    if "_block" not in vars(error) and raised_here(error) and len(error.args) == 1 and isinstance(error.args[0], str):
        try:
            row = repr(block).partition("\n")[0].removesuffix("(")
        except Exception:  # a subclass's own, which this error may have left half made
            row = type(block).__name__
        error.args = (f"{error.args[0]}\n  in the block {row if is_2() else f'{block.name}: {row}'}",)
    vars(error)["_block"] = block.name  # the blocks around it add nothing


#: Names that MXNet's module has too, with the modules here that have them, and that need this one.
_ELSEWHERE = {"HybridBlock": ("hybrid_block", "HybridBlock"), "SymbolBlock": ("symbol_block", "SymbolBlock"),
              "_flatten": ("symbolic", "flat"), "_regroup": ("symbolic", "regrouped")}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, own = _ELSEWHERE[name]
    return getattr(sys.modules[f"{__package__}.{module}"], own)

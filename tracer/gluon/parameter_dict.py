"""`ParameterDict`: parameters by name, with what is done to all of them at once."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import initializer, ndarray
from ..context import Context
from ..generation import is_2
from ..ndarray import NDArray
from ..numpy_extension import files
from ..util import is_np_array
from .constant import Constant
from .parameter import Parameter
from .utils import _brief_print_list

_NAMING = ("For more info on naming, please see "
           "https://mxnet.io/api/python/docs/tutorials/packages/gluon/blocks/naming.html")


class ParameterDict(dict):
    """Parameters by name; `get` makes those that are missing.

    prefix: the beginning of the names of parameters made by `get`.
    shared: a dictionary in which `get` looks first.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/parameter_dict.html

    >>> params = ParameterDict("dense0_")
    >>> params.get("weight", shape=(2, 3))
    Parameter dense0_weight (shape=(2, 3), dtype=<class 'numpy.float32'>)
    """

    def __init__(self, prefix: str = "", shared: ParameterDict | None = None) -> None:
        super().__init__()
        self._prefix = prefix
        self._shared = shared

    def __repr__(self) -> str:
        if is_2():
            return super().__repr__()
        name = self._prefix + " " if self._prefix else ""
        rows = "\n".join(f"  {p!r}" for p in self.values())
        return f"{name}(\n{rows}\n)"

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __bool__(self) -> bool:
        return not is_2() or len(self) > 0  # as MXNet 1's class is no dictionary, even an empty one is true

    @property
    def prefix(self) -> str:
        """The beginning of the names of parameters made by `get`."""
        return self._prefix

    @property
    def _params(self) -> ParameterDict:
        return self

    def _get_impl(self, name: str) -> Parameter | None:
        if name in self:
            return self[name]
        if self._shared is not None and name in self._shared:
            self[name] = self._shared[name]
            return self[name]
        return None

    def get(self, name: str, *default: Any, **kwargs: Any) -> Any:
        """The parameter called `prefix + name`; if there is none, it is made with the keywords of `Parameter`.

        In MXNet 2 mode it is a dictionary's `get`. AssertionError if the parameter exists and differs in a keyword.
        """
        if is_2() and not kwargs:
            return super().get(name, *default)
        name = self.prefix + name
        parameter = self._get_impl(name)
        if parameter is None:
            parameter = self[name] = Parameter(name, **kwargs)
            return parameter
        for key, wanted in kwargs.items():
            _agree(parameter, name, key, wanted)
        return parameter

    def get_constant(self, name: str, value: Any = None) -> Constant:
        """The constant called `prefix + name`; if there is none, it is made of `value`.

        KeyError without a value for a new constant; AssertionError if it exists with another value.
        """
        name = self.prefix + name
        parameter = self._get_impl(name)
        if parameter is None:
            if value is None:
                raise KeyError(f"No constant named '{name}'. Please specify value if you want to create a new "
                               "constant.")
            parameter = self[name] = Constant(name, value)
        elif value is not None:
            assert isinstance(parameter, Constant), f"Parameter '{name}' already exists but it is not a constant."
            given = value.asnumpy() if isinstance(value, NDArray) else np.asarray(value)
            assert parameter.shape == given.shape and (parameter.value.asnumpy() == given).all(), \
                f"Constant '{name}' already exists but it's value doesn't match new value"
        return parameter  # type: ignore[return-value]

    def update(self, other: Mapping[str, Parameter]) -> None:  # type: ignore[override]
        """Add the parameters of `other`. AssertionError if it has another parameter of the same name."""
        for name, parameter in other.items():
            assert self.setdefault(name, parameter) is parameter, \
                f"Cannot update self with other because they have different Parameters with the same name '{name}'"
        for name, parameter in other.items():
            self[name] = parameter

    # ---- what is done to all parameters ----------------------------------------------------------

    def initialize(self, init: Any = None, ctx: Any = None, verbose: bool = False, force_reinit: bool = False,
                   device: Any = None) -> None:
        """Initialize all parameters; see `Parameter.initialize`.

        init: the initializer for parameters without one of their own; None: Uniform.
        verbose: whether the initializer logs what it fills.
        """
        init = initializer.Uniform() if init is None else init
        if verbose:
            init.set_verbosity(verbose=verbose)
        for parameter in self.values():
            parameter.initialize(None, ctx, init, force_reinit=force_reinit, device=device)

    def zero_grad(self) -> None:
        """Set all gradients to zeros."""
        for parameter in self.values():
            parameter.zero_grad()

    def reset_ctx(self, ctx: Any) -> None:
        """Move all parameters to other contexts."""
        for parameter in self.values():
            parameter.reset_ctx(ctx)

    def reset_device(self, device: Any) -> None:
        """Move all parameters to other contexts (MXNet 2)."""
        self.reset_ctx(device)

    def list_ctx(self) -> list[Context]:
        """The contexts of all parameters."""
        return list({ctx for parameter in self.values() for ctx in parameter.list_ctx()})

    list_device = list_ctx

    def setattr(self, name: str, value: Any) -> None:
        """Set an attribute of all parameters, such as "grad_req" or "lr_mult"."""
        for parameter in self.values():
            setattr(parameter, name, value)

    # ---- files -----------------------------------------------------------------------------------

    def save(self, filename: str, strip_prefix: str = "") -> None:
        """Write all parameters to a file, under their names without `strip_prefix`.

        ValueError if a name does not begin with it.
        """
        arrays = {}
        for parameter in self.values():
            if not parameter.name.startswith(strip_prefix):
                raise ValueError(
                    f"Prefix '{strip_prefix}' is to be striped before saving, but Parameter's name "
                    f"'{parameter.name}' does not start with '{strip_prefix}'. this may be due to your Block shares "
                    "parameters from other Blocks or you forgot to use 'with name_scope()' when creating child "
                    f"blocks. {_NAMING}")
            arrays[parameter.name[len(strip_prefix):]] = parameter._reduce()
        ndarray.save(filename, arrays)

    def load(self, filename: str, ctx: Any = None, allow_missing: bool = False, ignore_extra: bool = False,
             restore_prefix: str = "", cast_dtype: bool = False, dtype_source: str = "current") -> None:
        """Read parameters from a file.

        ctx: the contexts for parameters that are not initialized yet.
        allow_missing: whether parameters may be missing in the file (AssertionError otherwise).
        ignore_extra: whether the file may have others (AssertionError otherwise).
        restore_prefix: put before the names in the file.
        cast_dtype, dtype_source: whether dtypes may differ, and whether then the "current" or the "saved" one counts.
        """
        for name in self if restore_prefix else ():
            assert name.startswith(restore_prefix), (
                f"restore_prefix is '{restore_prefix}' but Parameters name '{name}' does not start with "
                f"'{restore_prefix}'. {_NAMING}")
        self.load_dict(loaded(filename), ctx, allow_missing, ignore_extra, restore_prefix, filename, cast_dtype,
                       dtype_source)

    def load_dict(self, param_dict: Any, ctx: Any = None, allow_missing: bool = False, ignore_extra: bool = False,
                  restore_prefix: str = "", filename: str | None = None, cast_dtype: bool = False,
                  dtype_source: str = "current") -> None:
        """Take parameters from a dictionary of arrays; other arguments as in `load`."""
        pairs = [(k[4:] if k.startswith(("arg:", "aux:")) else k, v) for k, v in param_dict.items()] \
            if isinstance(param_dict, dict) else param_dict
        found = {restore_prefix + k: v for k, v in pairs}
        where = f"file: {filename}" if filename else "param_dict"
        same = f"Please make sure source and target networks have the same prefix. {_NAMING}"
        cut = len(restore_prefix)
        for name in () if allow_missing else self:
            assert name in found, (f"Parameter '{name[cut:]}' is missing in {where}, which contains parameters: "
                                   f"{_brief_print_list(found)}. {same}")
        for name, array in found.items():
            if name in self:
                self[name]._load_init(array, ctx, cast_dtype=cast_dtype, dtype_source=dtype_source)
                continue
            assert ignore_extra, (f"Parameter '{name[cut:]}' loaded from {where} is not present in ParameterDict, "
                                  f"choices are: {_brief_print_list(self)}. Set ignore_extra to True to ignore. {same}")


class OwnParameters(dict):
    """The parameters of one block in MXNet 2, by the names of attributes.

    Layers in MXNet 1's style make theirs by `get` with keywords.
    """

    def get(self, name: str, *default: Any, **kwargs: Any) -> Any:
        """The parameter of a name, as from a dictionary; with keywords, a new one for the block to keep."""
        return Parameter(name, **kwargs) if kwargs else super().get(name, *default)

    def get_constant(self, name: str, value: Any = None) -> Constant:
        """A new constant for the block to keep."""
        return Constant(name, value)


def loaded(filename: str) -> dict[str, Any]:
    """The arrays of a parameter file, of MXNet 1 or 2, by name; np's arrays in np mode."""
    arrays: Any = files.stored(filename)
    if not isinstance(arrays, dict):
        arrays = {str(i): x for i, x in enumerate(arrays)}
    return {k: v.as_np_ndarray() if is_np_array() else v.as_nd_ndarray() for k, v in arrays.items()}


def _agree(parameter: Parameter, name: str, key: str, wanted: Any) -> None:
    """Check that an attribute of a known parameter is the one wanted, or set it if there is none yet."""
    existing = getattr(parameter, key, None)
    if existing is None:
        setattr(parameter, key, wanted)
        return
    if key == "shape" and wanted is not None and len(wanted) == len(existing):
        if all(a == b or a <= 0 or b <= 0 for a, b in zip(wanted, existing)):
            parameter._shape = tuple([b if a <= 0 else a for a, b in zip(wanted, existing)])
            return
    elif key == "dtype" and np.dtype(wanted) == np.dtype(existing):
        return
    assert wanted is None or wanted == existing, (
        f"Cannot retrieve Parameter '{name}' because desired attribute does not match with stored for attribute "
        f"'{key}': desired '{wanted}' vs stored '{existing}'.")

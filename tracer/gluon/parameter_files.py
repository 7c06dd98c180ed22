"""Parameter files of blocks, in MXNet's format: names that say where a parameter is (`0.weight`), and arrays."""
from __future__ import annotations

import warnings
from typing import Any

from .. import ndarray
from .parameter_dict import loaded
from .utils import _brief_print_list


def save_parameters(block: Any, filename: str, deduplicate: bool = False) -> None:
    """Write the parameters of this block and its children to a file, which `load_parameters` reads.

    deduplicate: whether a parameter that several blocks share is written once, under its last name.
    """
    parameters = block._collect_params_with_prefix()
    if deduplicate:
        parameters = {name: p for p, name in {p: name for name, p in parameters.items()}.items()}
    ndarray.save(filename, {name: p._reduce() for name, p in parameters.items()})


def save_params(block: Any, filename: str) -> None:
    """Write the parameters under their names in MXNet 1. Deprecated there: use `save_parameters`."""
    warnings.warn("save_params is deprecated. Please use save_parameters. Note that if you want load from SymbolBlock "
                  "later, please use export instead.", stacklevel=2)
    block.collect_params().save(filename, strip_prefix=block.prefix)


def load_parameters(block: Any, filename: str, ctx: Any = None, allow_missing: bool = False,
                    ignore_extra: bool = False, cast_dtype: bool = False, dtype_source: str = "current",
                    device: Any = None) -> None:
    """Read the parameters of this block and its children from a file.

    ctx (device in MXNet 2): the contexts for parameters that are not initialized yet.
    allow_missing: whether parameters may be missing in the file (AssertionError otherwise).
    ignore_extra: whether the file may have others (ValueError otherwise).
    cast_dtype, dtype_source: whether dtypes may differ, and whether then the "current" or the "saved" one counts.
    """
    arrays = loaded(filename)
    ctx = device if ctx is None else ctx
    parameters = block._collect_params_with_prefix()
    if not arrays and not parameters:
        return
    if not any(["." in name for name in arrays]) and not set(arrays) & set(parameters):
        # a file of save_params or export: names of MXNet 1
        prefix = "" if any([name.startswith(("arg:", "aux:")) for name in arrays]) else block.prefix
        block.collect_params().load_dict(arrays, ctx, allow_missing, ignore_extra, prefix, filename, cast_dtype,
                                         dtype_source)
        return
    _take(block, arrays, parameters, f"file '{filename}'", ctx, allow_missing, ignore_extra, cast_dtype, dtype_source)


def load_dict(block: Any, param_dict: dict[str, Any], ctx: Any = None, allow_missing: bool = False,
              ignore_extra: bool = False, cast_dtype: bool = False, dtype_source: str = "current",
              device: Any = None) -> None:
    """Take the parameters from a dictionary of arrays; other arguments as in `load_parameters` (MXNet 2)."""
    _take(block, param_dict, block._collect_params_with_prefix(), "'param_dict'", device if ctx is None else ctx,
          allow_missing, ignore_extra, cast_dtype, dtype_source)


def _take(block: Any, arrays: dict[str, Any], parameters: dict[str, Any], where: str, ctx: Any, allow_missing: bool,
          ignore_extra: bool, cast_dtype: bool, dtype_source: str) -> None:
    names: dict[Any, list[str]] = {}
    for name, p in parameters.items():
        names.setdefault(p, []).append(name)  # a shared parameter need be in the file under one of its names only
    for name, p in () if allow_missing else parameters.items():
        assert any([known in arrays for known in names[p]]), (
            f"Parameter '{name}' is missing in {where}, which contains parameters: {_brief_print_list(arrays)}. "
            "Set allow_missing=True to ignore missing parameters.")
    for name in () if ignore_extra else arrays:
        if name not in parameters:
            raise ValueError(f"Parameter '{name}' loaded from {where} is not present in ParameterDict, which contains "
                             f"parameters {_brief_print_list(parameters)}. Set ignore_extra=True to ignore. ")
    for name, array in arrays.items():
        if name in parameters:
            parameters[name]._load_init(array, ctx, cast_dtype=cast_dtype, dtype_source=dtype_source)


def load_params(block: Any, filename: str, ctx: Any = None, allow_missing: bool = False,
                ignore_extra: bool = False) -> None:
    """Read the parameters from a file. Deprecated in MXNet: use `load_parameters`."""
    warnings.warn("load_params is deprecated. Please use load_parameters.", stacklevel=2)
    load_parameters(block, filename, ctx, allow_missing, ignore_extra)

"""Files of blocks in MXNet's formats: parameters under names that say where they are (`0.weight`), and their tree."""
from __future__ import annotations

import json
import warnings
from typing import Any

from .. import ndarray
from ..generation import is_2
from ..whole_files import replacing
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


# ---- a tree of blocks with its parameters --------------------------------------------------------

def save(block: Any, prefix: str) -> None:
    """Write the names of a tree of blocks to PREFIX-model.json, and its parameters to PREFIX-model.params.

    Cached graphs of hybridized blocks are not written.
    """
    tree: dict[str, Any] = {}
    _describe(block, tree, 0)
    with replacing(prefix + "-model.json", "w") as file:
        json.dump(tree, file)
    save_parameters(block, prefix + "-model.params")


def _describe(block: Any, into: dict[str, Any], number: int) -> int:
    """Add the description of a block, the `number`-th of its tree, to that of its parent; returns the last number."""
    entry = into[_entry_name(block, number)] = {} if is_2() else {"orig_name": block._name}
    if hasattr(block, "_active"):
        entry["hybridized"] = False
    names: dict[str, str] = {}
    entry["params" if is_2() else "children"] = names
    if is_2():
        names.update({name: p._uuid for name, p in block._reg_params.items()})
    for name, child in block._children.items():
        if not is_2():
            names[child._name] = name
        number = _describe(child, entry, number + 1)
    return number


def _entry_name(block: Any, number: int) -> str:
    return f"{type(block).__name__.lower()}{number}"


def load(block: Any, prefix: str) -> None:
    """Take names and parameters from files that `save` of a block made in the same way has written.

    KeyError for a tree of other classes; NotImplementedError for a file with a cached graph.
    """
    with open(prefix + "-model.json") as file:
        tree = json.load(file)
    _restore(block, tree, 0)
    load_parameters(block, prefix + "-model.params")


def _restore(block: Any, tree: dict[str, Any], number: int) -> int:
    entry = tree[_entry_name(block, number)]
    if entry.get("hybridized"):
        raise NotImplementedError("Block.load of a file with the cached graph of a hybridized block: save the block "
                                  "before hybridize(), or use export() and SymbolBlock.imports()")
    for name, uuid in entry.get("params", {}).items():
        block._reg_params[name]._uuid = uuid
    if "orig_name" in entry:
        block._name = entry["orig_name"]
        cut = len(block._params.prefix)
        for name in [*block._params]:
            block._params[f"{block._name}_{name[cut:]}"] = block._params.pop(name)
    for child in block._children.values():
        number = _restore(child, entry, number + 1)
    if "children" in entry:
        children = [(entry["children"][child._name], child) for child in block._children.values()]
        block._children.clear()
        block._children.update(children)
    return number

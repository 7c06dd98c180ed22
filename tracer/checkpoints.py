"""Checkpoints: files with a symbol, parameters and auxiliary states; and what callbacks are called with."""
from __future__ import annotations

import logging
from collections import namedtuple
from typing import Any

from . import symbol
from .context import cpu
from .ndarray import load, save

sym: Any = symbol  # its functions are generated: type checkers do not see them

#: What a callback at the end of a batch is called with.
BatchEndParam = namedtuple("BatchEndParams",  # type: ignore[name-match]  # MXNet prints this name
                           ["epoch", "nbatch", "eval_metric", "locals"])


def _multiple_callbacks(callbacks: Any, *args: Any, **kwargs: Any) -> None:
    """Call a callback, or each of a list of them; None is none."""
    for callback in callbacks if isinstance(callbacks, list) else [callbacks] if callbacks else ():
        callback(*args, **kwargs)


def save_checkpoint(prefix: str, epoch: int, symbol: Any, arg_params: dict[str, Any], aux_params: dict[str, Any],
                    remove_amp_cast: bool = True) -> None:
    """Write a model to `prefix-symbol.json` and `prefix-0001.params`, where 1 is the epoch.

    symbol: an object with a method `save`, or None.
    arg_params, aux_params: parameters and auxiliary states by name.
    remove_amp_cast: whether the symbol is saved without casts of mixed precision.
    """
    if symbol is not None:
        symbol.save(f"{prefix}-symbol.json", remove_amp_cast=remove_amp_cast)
    arrays = {f"arg:{name}": array.as_in_context(cpu()) for name, array in arg_params.items()}
    arrays.update({f"aux:{name}": array.as_in_context(cpu()) for name, array in aux_params.items()})
    path = _path(prefix, epoch)
    save(path, arrays)
    logging.info('Saved checkpoint to "%s"', path)


def load_params(prefix: str, epoch: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the auxiliary states in `prefix-0001.params`, by name."""
    path = _path(prefix, epoch)
    kinds: dict[str, dict[str, Any]] = {"arg": {}, "aux": {}}
    found: Any = load(path)
    if not found:
        logging.warning("Params file '%s' is empty", path)
        return kinds["arg"], kinds["aux"]
    for key, array in found.items():
        kind, name = key.split(":", 1)
        if kind in kinds:
            kinds[kind][name] = array
    return kinds["arg"], kinds["aux"]


def load_checkpoint(prefix: str, epoch: int) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The symbol in `prefix-symbol.json`, and what `load_params` returns."""
    return (sym.load(f"{prefix}-symbol.json"), *load_params(prefix, epoch))


def _path(prefix: str, epoch: int) -> str:
    return f"{prefix}-{epoch:04d}.params"

"""Gradient stores, which training with symbols and with Gluon share: they add up the gradients of several contexts."""
from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

from . import kvstore as kvs

#: The number of elements of an array above which a "local" store does not update it.
_LARGE = 1024 * 1024 * 16


def _create_kvstore(kvstore: Any, num_device: int, arg_params: dict[str, Any]) -> tuple[Any, bool]:
    """The store that adds up the gradients of several contexts, if one is needed, and whether it updates parameters.

    kvstore: a kind of store, a store, or None.
    num_device: the number of contexts.
    arg_params: the parameters by name; a "local" store does not update very large ones.

    TypeError for anything else.
    """
    update_on_kvstore = bool(int(os.getenv("MXNET_UPDATE_ON_KVSTORE", "1")))
    if kvstore is None or isinstance(kvstore, kvs.KVStoreBase):
        store = kvstore
    elif not isinstance(kvstore, str):
        raise TypeError("kvstore must be KVStore, str or None")
    elif num_device == 1 and "dist" not in kvstore:
        store = None
    else:
        store = kvs.create(kvstore)
        if kvstore == "local" and max(math.prod(param.shape) for param in arg_params.values()) > _LARGE:
            update_on_kvstore = False
    if store is None:
        return None, False
    return store, update_on_kvstore and store.is_capable(kvs.KVStoreBase.OPTIMIZER)


def _create_sparse_kvstore(kvstore: Any) -> tuple[Any, bool]:
    """The store that row_sparse parameters need, and True, as it updates them.

    TypeError if `kvstore` is neither a store nor a kind of one. AssertionError for one without optimizers.
    """
    if not isinstance(kvstore, (str, kvs.KVStore)):
        raise TypeError(f"Cannot create '{kvstore}' KVStore with row_sparse parameters. The type must be KVStore or "
                        "str.")
    store = kvs.create(kvstore) if isinstance(kvstore, str) else kvstore
    assert store.is_capable(kvs.KVStoreBase.OPTIMIZER), (
        "KVStore with sparse weight requires optimizer support. However, type(kv) does not support optimizer. Please "
        "consider other kvstore backends (e.g. dist_device) instead.")
    return store, True


def _initialize_kvstore(kvstore: Any, param_arrays: Sequence[Any], arg_params: dict[str, Any],
                        param_names: Sequence[str], update_on_kvstore: bool) -> None:
    """Put parameters into a store, and write them into the arrays of all contexts if the store updates them."""
    for name, arrays in zip(param_names, param_arrays):
        if update_on_kvstore and arg_params[name].stype == "default":
            kvstore.broadcast(name, arg_params[name], out=arrays)
        else:
            kvstore.init(name, arg_params[name])


def _update_params_on_kvstore(param_arrays: Sequence[Any], grad_arrays: Sequence[Any], kvstore: Any,
                              param_names: Sequence[str]) -> None:
    """Push the gradients of all contexts to the store, which updates the parameters, and pull these."""
    for index, (arrays, grads) in enumerate(zip(param_arrays, grad_arrays)):
        if grads[0] is not None:
            kvstore.pushpull(param_names[index], grads, out=arrays, priority=-index)


def _update_params(param_arrays: Sequence[Any], grad_arrays: Sequence[Any], updater: Any, num_device: int,
                   kvstore: Any = None, param_names: Any = None) -> None:
    """Update the parameters on each context by an updater, after a store, if any, has added up the gradients.

    The updater's index of a parameter is its number times `num_device`, plus the context's.
    """
    updates: list[list[tuple]] = [[] for _ in range(num_device)]
    for index, (arrays, grads) in enumerate(zip(param_arrays, grad_arrays)):
        if grads[0] is None:
            continue
        if kvstore:
            kvstore.pushpull(param_names[index], grads, priority=-index)
        for k, (weight, grad) in enumerate(zip(arrays, grads)):
            updates[k].append((index * num_device + k, grad, weight))
    for of_one in updates:
        if of_one:
            updater(*zip(*of_one))

"""Parameters of storage type row_sparse: their arrays hold the rows that were last fetched from the trainer's store."""
from __future__ import annotations

from typing import Any

from .. import ndarray
from ..array.nd_array import NDArray
from ..context import cpu
from ..sparse.arrays import from_dense
from ..util import is_np_array


def check_stypes(name: str, **given: str) -> None:
    """Raise AssertionError for an unknown storage type of the parameter `name`."""
    for what, stype in given.items():
        assert stype in ("default", "row_sparse", "csr"), (
            f"{what} for Parameter '{name}' must be one of 'default', 'row_sparse', or 'csr', but got '{stype}'")


def stored(array: Any, stype: str) -> Any:
    """A dense array of initial values in a parameter's storage type, with all its rows.

    ValueError for a sparse one in the np mode.
    """
    if stype == "default":
        return array
    if is_np_array():
        raise ValueError(f"mxnet.numpy.zeros does not support stype = {stype}")
    made = from_dense(array, stype)
    made._form.whole = True
    return made


def zeros(array: Any, stype: str) -> Any:
    """Zeros for the gradient of a parameter's array. ValueError for a sparse storage type in the np mode."""
    if is_np_array():
        raise ValueError(f"mxnet.numpy.zeros does not support stype = {stype}")
    return ndarray.zeros(array.shape, dtype=array.dtype, ctx=array.ctx, stype=stype)


def refused(param: Any, what: str) -> RuntimeError:
    """The error for `data` or `list_data` of a sparse parameter."""
    return RuntimeError(f"Cannot return {what} via {'list_data' if 'copies' in what else 'data'}() because the storage "
                        f"type of Parameter '{param.name}' is {param._stype}. Please use row_sparse_data() instead.")


def check_trainer(param: Any, trainer: Any) -> None:
    """Raise RuntimeError for a second trainer of a sparse parameter."""
    if param._stype != "default" and param._trainer and trainer and param._trainer is not trainer:
        raise RuntimeError(f"Failed to set the trainer for Parameter '{param.name}' because it was already set. More "
                           f"than one trainers for a {param._stype} Parameter is not supported.")


def _fetched(param: Any, where: Any, row_id: Any) -> Any:
    if param._stype != "row_sparse":
        raise RuntimeError(f"Cannot return a copy of Parameter {param.name} via row_sparse_data() because its storage "
                           f"type is {param._stype}. Please use data() instead.")
    if not isinstance(row_id, NDArray):
        raise TypeError(f"row_id must have NDArray type, but {type(row_id)} is given")
    if not param._trainer:
        raise RuntimeError(f"Cannot get row_sparse data for Parameter '{param.name}' when no Trainer is created with "
                           "it.")
    arrays = param._check_and_get(param._data, row_id.ctx if where is None else where)
    param._trainer._row_sparse_pull(param, arrays, row_id)
    return arrays


def row_sparse_data(self: Any, row_id: Any) -> Any:
    """The array on the context of `row_id`, with the rows of these numbers, fetched from the trainer's store.

    RuntimeError for a dense parameter, and without a trainer. TypeError if `row_id` is not an array.
    """
    return _fetched(self, None, row_id)


def list_row_sparse_data(self: Any, row_id: Any) -> list[Any]:
    """The arrays on all contexts, with the rows of the numbers `row_id`, as by `row_sparse_data`."""
    return _fetched(self, list, row_id)


def all_rows(param: Any) -> Any:
    """The parameter with all its rows, from the trainer's store; without a trainer, from its own array."""
    if not param._trainer:
        return param._check_and_get(param._data, list)[0].copyto(cpu())
    made = ndarray.zeros(param.shape, dtype=param.dtype, stype="row_sparse", ctx=cpu())
    rows = ndarray.arange(0, param.shape[0], dtype="int64", ctx=cpu())
    param._trainer._row_sparse_pull(param, made, rows, full_idx=True)
    return made

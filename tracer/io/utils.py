"""The canonical form of the data that `NDArrayIter` is given."""
from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..array.nd_array import NDArray
from ..ndarray.creation import array
from ..numpy import ndarray
from ..sparse.arrays import CSRNDArray, RowSparseNDArray

__all__: list[str] = []


def _is_h5py(data: Any) -> bool:
    """Whether this is a data set of a file that h5py has opened."""
    h5py = sys.modules.get("h5py")
    return h5py is not None and isinstance(data, h5py.Dataset)


def _init_data(data: Any, allow_empty: bool, default_name: str) -> list[tuple[str, Any]]:
    """Pairs of names and arrays, sorted by name.

    data: an array of ours, of NumPy's or of h5py's, a list of them, a dictionary of them by name, or None.
    allow_empty: whether there may be none.
    default_name: the name of a single array, and a part of the names of several.

    TypeError for anything else.
    """
    assert data is not None or allow_empty
    if data is None:
        data = []
    if isinstance(data, (np.ndarray, NDArray)) or _is_h5py(data):
        data = [data]
    if isinstance(data, list):
        assert data or allow_empty
        data = {default_name: data[0]} if len(data) == 1 else \
            {f"_{i}_{default_name}": one for i, one in enumerate(data)}
    if not isinstance(data, dict):
        raise TypeError("Input must be NDArray, numpy.ndarray, h5py.Dataset a list of them or dict with them as "
                        f"values, got {type(data)}")
    for name, one in data.items():
        if isinstance(one, NDArray) or _is_h5py(one):
            continue
        try:
            data[name] = array(one)
        except Exception as error:
            raise TypeError(f"Invalid type '{type(one)}' for {name}, should be NDArray, numpy.ndarray or h5py.Dataset"
                            ) from error
    return sorted(data.items())


def _has_instance(data: list[tuple[str, Any]], dtype: type) -> bool:
    """Whether one of the named arrays is an instance of a class."""
    return any(isinstance(one, dtype) for _, one in data)


def _getdata_by_idx(data: list[tuple[str, Any]], idx: Any) -> list[tuple[str, Any]]:
    """Named arrays with the examples in another order, as float32 like all arrays made of NumPy's; h5py's stay."""
    return [(name, one if _is_h5py(one) else _rows(one, idx) if isinstance(one, CSRNDArray)
             else array(one.asnumpy()[idx], one.context)) for name, one in data]


def _rows(data: Any, idx: Any) -> Any:
    return data.take(array(idx, dtype="int64"), axis=0)


def _slice_along_batch_axis(data: Any, s: slice, batch_axis: int) -> Any:
    """A copy of the examples in a slice."""
    if isinstance(data, CSRNDArray):
        return data[s].tostype("default")  # as in MXNet
    if isinstance(data, RowSparseNDArray):
        return array(data.tostype("default")[s])
    if batch_axis == 0 and s.step is None:
        made: Any = array(data[s])  # a constant copy; slice_axis would be another program for each slice
        return made.as_np_ndarray() if isinstance(data, ndarray) else made
    if isinstance(data, ndarray):
        return data[(slice(None),) * batch_axis + (s,)]
    return data.slice_axis(axis=batch_axis, begin=s.start, end=s.stop)

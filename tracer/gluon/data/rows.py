"""Rows: a batch of a dataset of arrays, taken from each array at once instead of sample by sample.

The result is the one of `default_batchify_fn` on the samples: the same values, classes, dtypes and contexts.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.jit.runtime.buffers import allocate
from tracer.ops.ir.aval import Device, aval

from ...array.nd_array import NDArray
from ...array.np_array import ndarray
from ...array.views import live
from ...context import key_of
from ...core.flush import sync
from ...core.invoke import wrap
from ...core.trace import computed
from .collate import SHARED, collate, flavour, stacked_device
from .dataset import ArrayDataset, SimpleDataset, _DownloadedDataset, _SampledDataset

_PLAIN = (np.ndarray, np.memmap)
_DTYPES = tuple(map(np.dtype, ("float16", "float32", "float64", "uint8", "int8", "int32", "int64", "bool")))


def take_rows(dataset: Any, indices: Sequence[Any], nested: Any, shared: bool) -> Any:
    """The batch of the samples at `indices`; None if it cannot be taken by rows, or if an index is out of bounds.

    dataset: arrays, lists and datasets of these; a dataset of a class with its own `__getitem__` gives None.
    nested, shared: as in `collate`.
    """
    while True:
        reading = getattr(type(dataset), "__getitem__", None)
        if reading is _SampledDataset.__getitem__:
            indices = _chosen(dataset._indices, indices)
            dataset = dataset._dataset
        elif reading is SimpleDataset.__getitem__:
            dataset = dataset._data
        elif reading is ArrayDataset.__getitem__ and len(dataset._data) == 1:
            dataset = dataset._data[0]
        else:
            break
        if indices is None:
            return None
    columns = None
    if reading is ArrayDataset.__getitem__:
        columns = dataset._data
    elif reading is _DownloadedDataset.__getitem__ and dataset._transform is None:
        columns = dataset._data, dataset._label
    if columns is not None:
        batches: list[Any] = []
        for column in columns:
            batch = take_rows(column, indices, nested, shared)
            if batch is None:
                return None
            batches.append(batch)
        return batches
    if type(dataset) in (list, tuple):
        samples = _chosen(dataset, indices)
        return None if samples is None else collate(samples, nested, shared)
    return _rows(dataset, indices, shared)


def _chosen(elements: Any, indices: Sequence[Any]) -> Any:
    """The elements at `indices`; None if one is no index of a list, or out of bounds."""
    try:
        return [elements[i] for i in indices] or None
    except (IndexError, TypeError):
        return None


def _rows(array: Any, indices: Sequence[Any], shared: bool) -> Any:
    """The rows of an array, NumPy's or tracer's, as one array."""
    where = np.asarray(indices)
    if where.dtype.kind not in "iu" or where.ndim != 1 or not where.size:
        return None
    scalar: tuple[int, ...] = ()
    if type(array) in (NDArray, ndarray):
        value = array._value
        if live(value):
            return None
        buffer = sync(value, "batch")  # the variable keeps the memory alive
        source = buffer.view(value.aval)
        device: Device = stacked_device(value)
        scalar = array._scalar
    elif type(array) in _PLAIN:
        source, device = array, key_of(None)
    else:
        return None
    if not source.ndim or source.dtype not in _DTYPES or not source.dtype.isnative:
        return None
    length = len(source)
    if where.min() < -length or where.max() >= length:
        return None
    made = aval((where.size, *(source.shape[1:] or scalar)), source.dtype, SHARED if shared else device)
    memory = allocate(made.nbytes)
    target = memory.view(aval((where.size, *source.shape[1:]), source.dtype))
    if source.flags.c_contiguous:
        np.take(source, where, 0, out=target, mode="wrap")  # "raise" would go through a second buffer
    else:
        target[...] = source[where]  # np.take would copy the whole source
    return wrap(flavour(array), computed(made, memory))

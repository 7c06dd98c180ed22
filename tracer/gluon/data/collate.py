"""Batches of samples: one array for many arrays or numbers, made by one copy and without recording an operation."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.jit.runtime.buffers import allocate, from_array
from tracer.ops.ir.aval import Device, aval
from tracer.ops.ir.errors import MXNetError

from ... import ndarray as mx_nd
from ... import numpy as mx_np
from ...array.nd_array import NDArray
from ...array.np_array import ndarray
from ...array.placing import placed
from ...array.views import live
from ...context import Context, key_of
from ...core.flush import sync
from ...core.invoke import wrap
from ...core.trace import Value, computed
from ...numpy_extension.mode import is_np_array

nd: Any = mx_nd  # its functions are generated

#: The device of the batches of MXNet's workers.
SHARED: Device = ("cpu_shared", 0)
SHARED_CONTEXT = Context("cpu_shared", 0)
_TRANSFER = ("cpu_pinned", "cpu_shared")


def flavour(sample: Any = None) -> type[NDArray]:
    """The class of a batch: mx.np's array in np mode and for such samples, as in MXNet 2, else mx.nd's."""
    return ndarray if is_np_array() or isinstance(sample, ndarray) else NDArray


def default_batchify_fn(data: Sequence[Any]) -> Any:
    """One batch of many samples: arrays are stacked, tuples become a list of batches, numbers an array of their dtype.

    KeyError for samples that are none of these, or numbers of several shapes; MXNetError for arrays of several.

    >>> images, labels = default_batchify_fn([([0.5, 1], 3), ([2, 4], 5)])
    >>> images
    <BLANKLINE>
    [[0.5 1. ]
     [2.  4. ]]
    <NDArray 2x2 @cpu(0)>
    >>> labels.dtype
    <class 'numpy.int64'>
    """
    return collate(data, tuple, False)


def default_mp_batchify_fn(data: Sequence[Any]) -> Any:
    """`default_batchify_fn` with the results on the context `cpu_shared(0)`, as MXNet's worker processes make them."""
    return collate(data, tuple, True)


def collate(data: Sequence[Any], nested: Any, shared: bool) -> Any:
    """A batch of samples.

    nested: the type or types of samples that are made of several elements.
    shared: whether the batch is on `cpu_shared(0)`; False: on the arrays' context, numbers on the current one.
    """
    if isinstance(data[0], NDArray):
        return stack(data, shared)
    if isinstance(data[0], nested):
        return [collate(elements, nested, shared) for elements in zip(*data)]
    return array_of(data, SHARED if shared else key_of(None))


def stack(samples: Sequence[Any], shared: bool) -> Any:
    """Arrays of one shape and dtype as one array, with a new first axis. A derivative is taken through it.

    MXNetError for arrays of several shapes or dtypes.
    """
    device = SHARED if shared else stacked_device(samples[0]._value)
    value = _copied(samples, device)
    cls = flavour(samples[0])
    if value is not None:
        return wrap(cls, value)
    if cls is ndarray:
        made = mx_np.stack(samples)
    else:
        for x in samples:
            assert isinstance(x, NDArray), f"cannot stack samples of several types: {type(samples[0])} and {type(x)}"
        made = nd.stack(*samples)
    return placed(made, SHARED_CONTEXT) if shared else made


def stacked_device(value: Value) -> Device:
    """The device of the result of an operation on a value; see core/invoke.py."""
    device = value.aval.device
    return None if device is not None and device[0] in _TRANSFER else device


def _copied(samples: Sequence[Any], device: Device) -> Value | None:
    """Arrays of one aval, copied into one; None if there are others, or if the stacking must be recorded.

    Pending ones are computed first, all in one program.
    """
    cls, of = type(samples[0]), samples[0]._value.aval
    values = []
    for x in samples:
        if type(x) is not cls or x._value.aval is not of or live(x._value):
            return None
        values.append(x._value)
    buffers = [sync(value, "batch") for value in values]
    flat = aval((of.size,), of.dtype)
    made = aval((len(values), *of.shape), of.dtype, device)
    memory = allocate(made.nbytes)
    np.concatenate([b.view(flat) for b in buffers], out=memory.view(aval((made.size,), of.dtype)))
    return computed(made, memory)


def array_of(data: Any, device: Device) -> Any:
    """An array of NumPy arrays or numbers, in the dtype that NumPy gives them. KeyError for one that MXNet lacks."""
    first = data[0]
    if type(first) is np.ndarray and first.size and all(
            [type(x) is np.ndarray and x.shape == first.shape and x.dtype == first.dtype for x in data]):
        made = _aval((len(data), *first.shape), first.dtype, device)
        memory = allocate(made.nbytes)
        np.concatenate([x.reshape(-1) for x in data], out=memory.view(_aval((made.size,), made.dtype, None)))
        return wrap(flavour(), computed(made, memory))
    try:
        found = np.asarray(data)
    except ValueError:  # samples of several shapes
        found = np.array(data, object)
    return wrap(flavour(), computed(_aval(found.shape, found.dtype, device), from_array(found)))


def padded(arrays: Sequence[np.ndarray], value: float, dtype: Any, round_to: int | None) -> np.ndarray:
    """NumPy arrays padded with a number to the largest size of each axis, rounded up to a multiple, and stacked."""
    sizes = [max([x.shape[axis] for x in arrays]) for axis in range(arrays[0].ndim)]
    if round_to is not None:
        sizes = [-(-size // round_to) * round_to for size in sizes]
    batch = np.full((len(arrays), *sizes), value, dtype)
    for row, x in zip(batch, arrays):
        row[tuple([slice(n) for n in x.shape])] = x
    return batch


def _aval(shape: tuple[int, ...], dtype: np.dtype, device: Device) -> Any:
    if dtype.kind in "fiub":
        try:
            return aval(shape, dtype, device)
        except MXNetError:
            pass
    shapes = " or of several shapes" if dtype.kind == "O" else ""
    raise KeyError(f"cannot make a batch of samples of dtype {dtype}{shapes}: arrays have floats, integers or bool; "
                   "give DataLoader a batchify_fn for other samples, such as gluon.data.batchify.Pad()")


def as_in_context(data: Any, ctx: Context) -> Any:
    """The arrays in nested lists and tuples, which become lists, on a context; other objects stay as they are."""
    if isinstance(data, NDArray):
        return data.as_in_context(ctx)
    if isinstance(data, (list, tuple)):
        return [as_in_context(x, ctx) for x in data]
    return data


"""`npx.save` and `npx.load`: NumPy's .npy and .npz files, and MXNet 1.x's own format for lists and dicts."""
from __future__ import annotations

from typing import Any

import numpy as _np

from tracer.array.np_array import ndarray
from tracer.ndarray import files
from tracer.numpy.creation import made
from tracer.whole_files import opened, replacing

from . import npy

__all__ = ["load", "save", "savez"]


def _values(x: Any) -> _np.ndarray:
    if not isinstance(x, ndarray):
        raise ValueError("data needs to either be a MXNet ndarray")
    return x._read("save")


def save(file: str, arr: Any) -> None:
    """Write an array to a .npy file, or a list or dict of arrays in MXNet 1.x's format. `load` reads both.

    ValueError for anything else. For a file that cannot be written an MXNetError that is an OSError too.
    """
    if isinstance(arr, (list, tuple, dict)):
        for each in arr.values() if isinstance(arr, dict) else arr:
            _values(each)
        files.save(file, arr)
        return
    values = _values(arr)
    with replacing(file) as stream:  # opened here, as NumPy would add .npy to the name
        _np.save(stream, values)


def savez(file: str, *args: Any, **kwds: Any) -> None:
    """Write arrays to an .npz file, under their keywords or as arr_0, arr_1 and so on. Errors as in `save`."""
    names = {f"arr_{i}": x for i, x in enumerate(args)}
    if names.keys() & kwds.keys():
        raise ValueError(f"keywords that name unnamed arrays: {', '.join(names.keys() & kwds.keys())}")
    values: dict[str, Any] = {k: _values(v) for k, v in {**names, **kwds}.items()}
    with replacing(file) as stream:
        _np.savez(stream, **values)


def load(file: str) -> Any:
    """Load a file of `save`, `savez` or MXNet: an array, a list of arrays, or a dict of arrays by name.

    MXNetError for a damaged file; NotImplementedError for sparse arrays. For a file that cannot be read an MXNetError
    that is an OSError too.
    """
    found = stored(file)
    if isinstance(found, dict):
        return {name: x.as_np_ndarray() for name, x in found.items()}
    return [x.as_np_ndarray() for x in found] if isinstance(found, list) else found


def stored(file: str) -> Any:
    """The arrays in a file as in `load`, but those of a file of MXNet's are of `mx.nd`, and may be sparse."""
    with opened(file, "rb") as stream:
        data = stream.read()
    if data[:6] == npy.MAGIC:
        return made(npy.read_array(data))
    if data[:2] == b"PK":
        return {name: made(values) for name, values in npy.read_arrays(data).items()}
    return files.load_frombuffer(data)

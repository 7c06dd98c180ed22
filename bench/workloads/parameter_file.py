"""A file of 40 arrays, 100 MB, loaded; NumPy reads it to memory that is in use, which copies it from the page cache.

PyTorch reads a file of its own format with the same arrays.
"""
from __future__ import annotations

import struct

import numpy as np

from bench import files

ARRAYS, SHAPE = 40, (640, 1024)
CASES: dict = {"load-100mb": {}}
TOLERANCE = 1e-7
HYBRID = COMPILED = False


def inputs(random):
    path = files.made("parameters.params", lambda path: _write(path, random))
    return {"path": path, "file": np.memmap(path, np.uint8, "r")}


def _write(path, random):
    with open(str(path), "wb") as file:
        file.write(struct.pack("<QQQ", 0x112, 0, ARRAYS))
        for _ in range(ARRAYS):
            file.write(struct.pack("<Iii2qiii", 0xF993FAC9, 0, 2, *SHAPE, 1, 0, 0))
            file.write(random.rand(*SHAPE).astype("float32").tobytes())
        file.write(struct.pack("<Q", 0))


def _arrays(raw, numbers):
    """Some of the arrays in the bytes of a file."""
    step = 40 + 4 * SHAPE[0] * SHAPE[1]
    return [np.ndarray(SHAPE, np.float32, raw, 24 + 40 + i * step) for i in numbers]


def in_numpy(data):
    buffer = np.zeros(data.file.size, np.uint8)

    def load():
        with open(data.path, "rb", buffering=0) as file:
            assert file.readinto(buffer) == buffer.size
        return _arrays(buffer, (0, ARRAYS - 1))

    return load


def in_mxnet(data, block):
    import mxnet as mx

    def load():
        with mx.util.np_array(False), mx.util.np_shape(False):
            arrays = mx.nd.load(data.path)
        return [arrays[0], arrays[-1]]

    return load


def in_torch(data, engine):
    import torch
    tensors = [torch.tensor(array) for array in _arrays(data.file, range(ARRAYS))]
    path = files.made("parameters.pt", lambda path: torch.save(tensors, str(path)))

    def load():
        loaded = torch.load(path)
        return [loaded[0], loaded[-1]]

    return load

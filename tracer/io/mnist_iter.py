"""`MNISTIter`: batches of the images of MNIST's files."""
from __future__ import annotations

import gzip
from typing import Any

import numpy as np

from ..base import MXNetError
from ..ndarray.creation import array
from ..whole_files import opened
from .batches import DataBatch, DataDesc
from .present_batch import PresentBatch

__all__ = ["MNISTIter"]


class MNISTIter(PresentBatch):
    """An iterator over batches of images and labels in MNIST's format; an incomplete last batch is left out.

    image, label: the files, plain or compressed by gzip.
    batch_size: the number of examples in a batch.
    shuffle: whether the examples are put in another order, once. It depends on `seed`, and is not MXNet's.
    flat: whether an image is a row of pixels; else its shape is (1, rows, columns).
    seed: the seed of the order.
    num_parts, part_index: the number of parts that the examples are divided into, and the number of the one to read.
    data_name, label_name: the names of the inputs.

    Other keywords of MXNet have no effect. The pixels are divided by 256. MXNetError for files of another format.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/io/index.html

    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> for name, values in (("x", np.ones((3, 2, 2), "u1")), ("y", np.arange(3, dtype="u1"))):
    ...     with open(os.path.join(folder, name), "wb") as file:
    ...         head = np.array([0x800 + values.ndim, *values.shape], ">u4").tobytes()
    ...         _ = file.write(head + values.tobytes())
    >>> files = {"image": os.path.join(folder, "x"), "label": os.path.join(folder, "y")}
    >>> batches = MNISTIter(**files, batch_size=2, shuffle=False)
    >>> [(batch.data[0].shape, batch.label[0].asnumpy().tolist()) for batch in batches]
    [((2, 1, 2, 2), [0.0, 1.0])]
    """

    def __init__(self, *, image: str = "./train-images-idx3-ubyte", label: str = "./train-labels-idx1-ubyte",
                 batch_size: int = 128, shuffle: bool = True, flat: bool = False, seed: int = 0, num_parts: int = 1,
                 part_index: int = 0, data_name: str = "data", label_name: str = "softmax_label", **_: Any) -> None:
        super().__init__(batch_size)
        images, labels = _read(image, 3), _read(label, 1)
        if len(images) != len(labels):
            raise MXNetError(f"MNISTIter: {len(images)} images in {image}, {len(labels)} labels in {label}")
        start, end = [len(images) * part // num_parts for part in (part_index, part_index + 1)]
        places = np.arange(start, end)
        if shuffle:
            np.random.RandomState(seed).shuffle(places)
        pixels = images[places].astype("float32") * np.float32(1 / 256)
        self._places = places
        self._images = array(pixels.reshape(len(places), -1) if flat else pixels[:, None])
        self._labels = array(labels[places].astype("float32"))
        self._cursor = 0
        self.provide_data = [DataDesc(data_name, (batch_size, *self._images.shape[1:]))]
        self.provide_label = [DataDesc(label_name, (batch_size,))]

    def reset(self) -> None:
        """Begin a new epoch."""
        self._cursor = 0
        self._current = None

    def iter_next(self) -> bool:
        """Go on to the next batch, and tell whether there is one."""
        part = slice(self._cursor, self._cursor + self.batch_size)
        if part.stop > len(self._places):
            return False
        self._cursor = part.stop
        self._current = DataBatch([array(self._images[part])], [array(self._labels[part])], 0,
                                  self._places[part].astype("uint64"))
        return True


def _read(path: str, dims: int) -> np.ndarray:
    """The bytes of a file of MNIST's format, with as many axes."""
    with opened(path, "rb") as file:
        text = file.read()
    if text[:2] == b"\x1f\x8b":
        text = gzip.decompress(text)
    if text[:4] != bytes([0, 0, 8, dims]):
        raise MXNetError(f"MNISTIter: {path} is no file of MNIST with {dims} axes")
    shape = np.frombuffer(text, ">u4", dims, 4)
    return np.frombuffer(text, "u1", int(np.prod(shape)), 4 + 4 * dims).reshape(shape.astype(int))

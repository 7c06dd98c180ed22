"""`ImageIter`: batches of pictures from a record file or from files in a list, changed by augmenters."""
from __future__ import annotations

import logging
import os
import random
from typing import Any

import numpy as np

from .. import ndarray, recordio
from ..base import numeric_types
from ..io.batches import DataBatch
from ..io.iterators import DataIter
from . import codec
from .arrays import delivered, elements
from .colors import CreateAugmenter

__all__ = ["ImageIter"]

nd: Any = ndarray  # its functions are generated


class ImageIter(DataIter):
    """An iterator over batches of pictures, (batch, channels, height, width), and labels.

    batch_size: the number of pictures in a batch.
    data_shape: (3, height, width) of a picture.
    label_width: the number of labels of a picture.
    path_imgrec: a record file; or:
    path_imglist: a file of lines of a number, labels and a path, separated by tabs; or:
    imglist: a list of such lists, without the number: a label or several, and a path.
    path_root: the folder of the paths.
    path_imgidx: the record file's index, needed to shuffle and to divide.
    shuffle: whether each epoch has a new order, from Python's generator.
    part_index, num_parts: the number of the part to read, and of all parts.
    aug_list: the augmenters; None: `CreateAugmenter(data_shape, **kwargs)`.
    data_name, label_name: the names of the inputs.
    dtype: the labels'.
    last_batch_handle: "pad": the last batch is filled from the beginning; "discard": left out; "roll_over": what is
        left begins the next epoch.

    A subclass may define `imdecode`, `read_image`, `augmentation_transform`, `postprocess_data` and others anew.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/image/index.html
    """

    def __init__(self, batch_size: int, data_shape: tuple[int, int, int], label_width: int = 1,
                 path_imgrec: str | None = None, path_imglist: str | None = None, path_root: str | None = None,
                 path_imgidx: str | None = None, shuffle: bool = False, part_index: int = 0, num_parts: int = 1,
                 aug_list: list[Any] | None = None, imglist: list[Any] | None = None, data_name: str = "data",
                 label_name: str = "softmax_label", dtype: str = "float32", last_batch_handle: str = "pad",
                 **kwargs: Any) -> None:
        super().__init__()
        assert path_imgrec or path_imglist or isinstance(imglist, list), \
            "give path_imgrec, path_imglist or imglist: a record file or a list of pictures"
        assert dtype in ("int32", "float32", "int64", "float64"), dtype + " label not supported"
        self.imgrec: Any = None
        self.imgidx: list[Any] | None = None
        if path_imgrec:
            logging.info("%s: loading recordio %s...", type(self).__name__, path_imgrec)
            if path_imgidx:
                self.imgrec = recordio.MXIndexedRecordIO(path_imgidx, path_imgrec, "r")
                self.imgidx = list(self.imgrec.keys)
            else:
                self.imgrec = recordio.MXRecordIO(path_imgrec, "r")
        self.imglist = _listed(path_imglist, imglist, dtype)
        self.path_root = path_root
        self.check_data_shape(data_shape)
        self.provide_data: list[Any] = [(data_name, (batch_size, *data_shape))]
        self.provide_label: list[Any] = [(label_name, (batch_size, label_width) if label_width > 1 else (batch_size,))]
        self.batch_size = batch_size
        self.data_shape = data_shape
        self.label_width = label_width
        self.shuffle = shuffle
        self.seq: list[Any] | None = None
        if self.imgrec is None:
            assert self.imglist is not None
            self.seq = list(self.imglist)
        elif shuffle or num_parts > 1 or path_imgidx:
            assert self.imgidx is not None, "a record file is shuffled or divided by its index: give path_imgidx"
            self.seq = self.imgidx
        if num_parts > 1:
            assert part_index < num_parts and self.seq is not None
            each = len(self.seq) // num_parts
            self.seq = self.seq[part_index * each:(part_index + 1) * each]
        self.auglist: list[Any] = CreateAugmenter(data_shape, **kwargs) if aug_list is None else aug_list
        self.cur = 0
        self._allow_read = True
        self.last_batch_handle = last_batch_handle
        self.num_image = None if self.seq is None else len(self.seq)
        self._cache_data: Any = None
        self._cache_label: Any = None
        self._cache_idx: int | None = None
        self.reset()

    def reset(self) -> None:
        """Begin a new epoch."""
        if self.seq is not None and self.shuffle:
            random.shuffle(self.seq)
        if self.last_batch_handle != "roll_over" or self._cache_data is None:
            if self.imgrec is not None:
                self.imgrec.reset()
            self.cur = 0
            self._allow_read = True

    def hard_reset(self) -> None:
        """Begin a new epoch, without what an incomplete batch has left."""
        self._forget()
        self.reset()

    def _forget(self) -> None:
        self._cache_data = self._cache_label = self._cache_idx = None

    def next_sample(self) -> tuple[Any, Any]:
        """The label and the bytes of the next picture. StopIteration after the last one."""
        if not self._allow_read:
            raise StopIteration
        if self.seq is None:
            record = self.imgrec.read()
            if record is None:
                if self.last_batch_handle != "discard":
                    self.imgrec.reset()
                raise StopIteration
            header, picture = recordio.unpack(record)
            return header.label, picture
        assert self.num_image is not None
        if self.cur >= self.num_image:
            if self.last_batch_handle != "discard":
                self.cur = 0
            raise StopIteration
        index = self.seq[self.cur]
        self.cur += 1
        if self.imgrec is None:
            assert self.imglist is not None
            label, name = self.imglist[index]
            return label, self.read_image(name)
        header, picture = recordio.unpack(self.imgrec.read_idx(index))
        return header.label if self.imglist is None else self.imglist[index][0], picture

    def _empty(self) -> tuple[np.ndarray, np.ndarray]:
        """Memory for the pictures and labels of a batch."""
        return np.zeros((self.batch_size, *self.data_shape), np.float32), np.zeros(self.provide_label[0][1], np.float32)

    def _checked(self, data: Any, label: Any) -> tuple[Any, Any]:
        """A decoded picture and its label. RuntimeError for invalid ones, which are left out."""
        self.check_valid_image(data)
        return data, label

    def _put(self, data: Any, label: Any, batch_data: np.ndarray, batch_label: np.ndarray, i: int) -> None:
        """Write a valid picture and its label as example `i` of a batch."""
        batch_data[i] = elements(self.postprocess_data(self.augmentation_transform(data)))
        label = elements(label)
        batch_label[i] = label if batch_label.ndim > 1 or not label.ndim else label.reshape(-1)[0]

    def _batchify(self, batch_data: np.ndarray, batch_label: np.ndarray, start: int = 0) -> int:
        """Fill a batch from example `start` on; returns where it ended. StopIteration if there was none."""
        i = start
        try:
            while i < self.batch_size:
                label, picture = self.next_sample()
                data = self.imdecode(picture)
                try:
                    data, label = self._checked(data, label)
                except RuntimeError as error:
                    logging.debug("Invalid image, skipping:  %s", error)
                    continue
                self._put(data, label, batch_data, batch_label, i)
                i += 1
        except StopIteration:
            if not i:
                raise
        return i

    def next(self) -> DataBatch:
        """The next batch. StopIteration after the last one."""
        if self._cache_data is not None:
            data, label, filled = self._cache_data, self._cache_label, self._cache_idx
            assert filled is not None
        else:
            data, label = self._empty()
            filled = self._batchify(data, label)
        pad = self.batch_size - filled
        if pad:
            if self.last_batch_handle == "discard":
                raise StopIteration
            if self.last_batch_handle == "roll_over" and self._cache_data is None:
                self._cache_data, self._cache_label, self._cache_idx = data, label, filled
                raise StopIteration
            self._batchify(data, label, filled)
            if self.last_batch_handle == "pad":
                self._allow_read = False
            else:
                self._forget()
        return DataBatch([delivered(data)], [delivered(label)], pad=pad)

    def check_data_shape(self, data_shape: Any) -> None:
        """Check the shape of a picture. ValueError unless it is (3, height, width)."""
        if len(data_shape) != 3:
            raise ValueError("data_shape should have length 3, with dimensions CxHxW")
        if data_shape[0] != 3:
            raise ValueError("This iterator expects inputs to have 3 channels.")

    def check_valid_image(self, data: Any) -> None:
        """Check a picture, or a list with one. RuntimeError if it has too few axes."""
        if len(data[0].shape) == 0:
            raise RuntimeError("Data shape is wrong")

    def imdecode(self, s: bytes) -> Any:
        """The picture in bytes. RuntimeError, with its file or number, if they are no picture."""
        try:
            return codec.imdecode(s)
        except Exception as error:
            raise RuntimeError(f"Broken image {self._locate()}, {error}") from error

    def _locate(self) -> str:
        """The present picture, in words."""
        if self.seq is None:
            return "in the record file"
        index = self.seq[(self.cur % len(self.seq)) - 1]
        return f"index: {index}" if self.imglist is None else f"filename: {self.imglist[index][1]}"

    def read_image(self, fname: str) -> bytes:
        """The bytes of a picture's file in the folder `path_root`."""
        with open(os.path.join(self.path_root or "", fname), "rb") as file:
            return file.read()

    def augmentation_transform(self, data: Any) -> Any:
        """A picture as the augmenters change it."""
        for one in self.auglist:
            data = one(data)
        return data

    def postprocess_data(self, datum: Any) -> Any:
        """A picture (height, width, channels) as (channels, height, width)."""
        return delivered(elements(datum).transpose(2, 0, 1), datum)


def _listed(path: str | None, listed: list[Any] | None, dtype: str) -> dict[Any, tuple[np.ndarray, str]] | None:
    """The labels and paths of a list of pictures, by the keys of its lines, or by numbers from 1 on as text."""
    if path:
        logging.info("loading image list %s...", path)
        found: dict[Any, tuple[np.ndarray, str]] = {}
        with open(path) as file:
            for line in file:
                words = line.strip().split("\t")
                found[int(words[0])] = np.array(words[1:-1]).astype(dtype), words[-1]
        return found
    if not isinstance(listed, list):
        return None
    found = {}
    for number, one in enumerate(listed, 1):
        given = one[:-1] if len(one) > 2 else [one[0]] if isinstance(one[0], numeric_types) else one[0]
        found[str(number)] = np.asarray(elements(given), dtype), one[-1]
    return found

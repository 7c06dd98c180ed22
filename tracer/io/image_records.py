"""`ImageRecordIter` and its kin: batches of the pictures in a record file, decoded and changed by threads."""
from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import numpy as np

from tracer.jit.process import interrupts
from tracer.jit.runtime.buffers import allocate
from tracer.ops.ir.aval import aval

from .. import ndarray as mx_nd
from .. import recordio
from ..array.nd_array import NDArray
from ..base import MXNetError
from ..core.invoke import wrap
from ..core.trace import computed
from ..image.record_settings import Settings, augmented
from ..ndarray.creation import array
from ..ndarray.files import load, save
from ..picture_files import decode
from ..whole_files import opened
from .batches import DataBatch, DataDesc
from .present_batch import PresentBatch

__all__ = ["ImageRecordInt8Iter", "ImageRecordIter", "ImageRecordIter_v1", "ImageRecordUInt8Iter",
           "ImageRecordUInt8Iter_v1"]

nd: Any = mx_nd  # its functions are generated
_NAMES = {field.name for field in fields(Settings)}


class _Pictures:
    """A batch that threads fill.

    memory, pixels: the decoded pictures (batch, height, width, channels), of int8 where the data is, otherwise uint8.
    factors, lights: what each picture less the mean is multiplied by, and what is added then.
    labels, numbers, pad: those of the batch.
    futures: the pictures on their way.
    """

    def __init__(self, count: int, shape: tuple[int, ...], labels: int, kind: np.dtype, pad: int) -> None:
        of = aval((count, *shape[1:], shape[0]), np.dtype(np.int8 if kind == np.int8 else np.uint8))
        self.memory = allocate(of.nbytes)
        self.pixels = self.memory.view(of)
        self.pixels[count - pad:] = 0
        self.factors = np.zeros((count, 1, 1, 1), np.float32)
        self.lights = np.zeros((count, 1, 1, 1), np.float32)
        self.labels = np.zeros((count, labels), np.float32)
        self.numbers = np.zeros(count, np.uint64)
        self.pad = pad
        self.futures: list[Future[None]] = []


class ImageRecordIter(PresentBatch):
    """An iterator over batches of the pictures in a record file, (batch, channels, height, width), and labels.

    path_imgrec: the record file.
    data_shape: (channels, height, width) of a picture, with one channel or three.
    batch_size: the number of pictures in a batch.
    path_imgidx: the record file's index, with which it is shuffled and divided without reading it once before.
    path_imglist: a file of lines of a number, labels and a path, whose labels replace those of the records.
    label_width: the number of labels of a picture.
    shuffle: whether each epoch has a new order. It depends on `seed`, and is not MXNet's.
    seed, seed_aug: the seeds of the order and of the augmentation; `seed_aug` None: `seed`.
    preprocess_threads: the number of threads that decode pictures.
    prefetch_buffer: the number of batches that are prepared ahead.
    num_parts, part_index: the number of parts that the records are divided into, and the number of the one to read.
    round_batch: whether an incomplete last batch is filled from the beginning, where the next epoch then goes on.
    mean_r, mean_g, mean_b, std_r, std_g, std_b: what is subtracted from the channels, and by what they are divided.
    mean_img: a file of arrays with the mean of all pictures, under the name mean_img; it is made if it is missing.
    scale: a factor of the numbers.
    mirror, rand_mirror: whether the columns are reversed, or with probability 0.5.
    max_random_contrast, max_random_illumination: the most by which the contrast differs from 1, and what is added.
    dtype: that of the data: "float32", "uint8" or another.
    data_name, label_name: the names of the inputs.

    Other keywords are those of image/record_settings.py; those that MXNet ignores are ignored.

    MXNetError for a file of another format, or without a picture in a record.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/io/index.html
    """

    _dtype = "float32"

    def __init__(self, *, path_imgrec: str = "", data_shape: Any = None, batch_size: int = 0, path_imgidx: str = "",
                 path_imglist: str = "", label_width: int = 1, shuffle: bool = False, seed: int = 0,
                 seed_aug: int | None = None, preprocess_threads: int = 4, prefetch_buffer: int = 4, num_parts: int = 1,
                 part_index: int = 0, round_batch: bool = True, mean_r: float = 0.0, mean_g: float = 0.0,
                 mean_b: float = 0.0, mean_a: float = 0.0, std_r: float = 1.0, std_g: float = 1.0, std_b: float = 1.0,
                 std_a: float = 1.0, mean_img: str = "", scale: float = 1.0, mirror: bool = False,
                 rand_mirror: bool = False, max_random_contrast: float = 0.0, max_random_illumination: float = 0.0,
                 dtype: str | None = None, data_name: str = "data", label_name: str = "softmax_label",
                 **settings: Any) -> None:
        super().__init__(batch_size)
        name = type(self).__name__
        if not path_imgrec:
            raise MXNetError(f"{name}: Invalid path_imgrec: give the path of a record file")
        if data_shape is None or len(data_shape) != 3 or data_shape[0] not in (1, 3):
            raise MXNetError(f"{name}: data_shape must be (channels, height, width) with 1 or 3 channels, not "
                             f"{data_shape}")
        if batch_size < 1:
            raise MXNetError(f"{name}: batch_size must be positive, not {batch_size}")
        if not 0 <= part_index < num_parts:
            raise MXNetError(f"{name}: part_index {part_index} of num_parts {num_parts}")
        self._path = path_imgrec
        self._shape = tuple(int(n) for n in data_shape)
        self._settings = Settings(**{key: value for key, value in settings.items() if key in _NAMES})
        self._labels = _listed(path_imglist) if path_imglist else None
        self._label_width = label_width
        self._kind = np.dtype(dtype or self._dtype)
        channels = self._shape[0]
        self._mean: Any = np.array((mean_r, mean_g, mean_b)[:channels], np.float32)
        self._std = np.array((std_r, std_g, std_b)[:channels], np.float32)
        self._scale, self._mirror, self._rand_mirror = scale, mirror, rand_mirror
        self._contrast, self._illumination = max_random_contrast, max_random_illumination
        self._records = recordio.MXRecordIO(path_imgrec, "r")
        self._places: np.ndarray | None = None
        if path_imgidx or shuffle or num_parts > 1:
            self._places = _places(path_imgrec, path_imgidx)
            part = [len(self._places) * i // num_parts for i in (part_index, part_index + 1)]
            self._places = self._places[part[0]:part[1]]
        self._order = np.random.Generator(np.random.PCG64(seed)) if shuffle else None
        self._seed = seed if seed_aug is None else seed_aug
        self._drawn = 0
        self._round = round_batch
        self._ahead = max(int(prefetch_buffer), 1)
        self._pool = ThreadPoolExecutor(max(1, min(int(preprocess_threads), os.cpu_count() or 1)), "pictures")
        label_shape = (batch_size, label_width) if label_width > 1 else (batch_size,)
        self.provide_data = [DataDesc(data_name, (batch_size, *self._shape), self._kind.type)]
        self.provide_label = [DataDesc(label_name, label_shape)]
        self._over = 0
        if mean_img:
            if not os.path.exists(mean_img):
                save(mean_img, {"mean_img": array(self._mean_of_all())})
            arrays: Any = load(mean_img)
            self._mean = (arrays["mean_img"] if isinstance(arrays, dict) else arrays[0]).asnumpy().transpose(1, 2, 0)
        self._begin()

    def _mean_of_all(self) -> np.ndarray:
        """The mean of all pictures, (channels, height, width): all are read."""
        total, count = np.zeros(self._shape), 0
        draw = np.random.Generator(np.random.PCG64(self._seed))
        for record in self._one_epoch():
            pixels = decode(recordio.unpack(record)[1], self._shape[0] == 3, True, type(self).__name__)
            total += augmented(pixels, self._shape[1], self._shape[2], self._settings, draw).transpose(2, 0, 1)
            count += 1
        return (total / max(count, 1)).astype(np.float32)

    def _begin(self) -> None:
        """Begin an epoch."""
        self._source = self._one_epoch(self._over)
        self._over = 0
        self._ended = False
        self._prepared: list[_Pictures] = []

    def reset(self) -> None:
        """Begin a new epoch."""
        for batch in self._prepared:
            for future in batch.futures:
                future.cancel()
        self._current = None
        self._begin()

    def _one_epoch(self, skipped: int = 0) -> Iterator[bytes]:
        """The records of an epoch, without the first ones, which the last batch before has used."""
        if self._places is None:
            self._records.reset()
            while (record := self._records.read()) is not None:
                if skipped:
                    skipped -= 1
                else:
                    yield record
            return
        order = self._places if self._order is None else self._order.permutation(self._places)
        for place in order[skipped:]:
            yield self._records.read_at(int(place))

    def _prepare(self) -> None:
        """Hand the pictures of the next batch to the threads, if there is one."""
        if self._ended:
            return
        records: list[bytes] = []
        for record in self._source:
            records.append(record)
            if len(records) == self.batch_size:
                break
        pad = self.batch_size - len(records)
        if pad:
            self._ended = True
            if not records:
                return
            if self._round:
                again = self._one_epoch()
                for _ in range(pad):
                    record = next(again, b"")
                    if not record:
                        raise MXNetError("number of input images must be bigger than the batch size: "
                                         f"{self.batch_size - pad} in {self._path}")
                    records.append(record)
                self._over = pad
        batch = _Pictures(self.batch_size, self._shape, self._label_width, self._kind, pad)
        for i, record in enumerate(records):
            self._drawn += 1
            batch.futures.append(self._pool.submit(self._put, record, self._drawn, batch, i))
        self._prepared.append(batch)

    def _put(self, record: bytes, number: int, batch: _Pictures, i: int) -> None:
        """Write the picture and label of a record to the arrays of a batch, as example `i`."""
        header, picture = recordio.unpack(record)
        channels, height, width = self._shape
        draw = np.random.Generator(np.random.PCG64([self._seed, number]))
        pixels = decode(picture, channels == 3, True, type(self).__name__)
        batch.numbers[i] = header.id
        given = header.label if self._labels is None else self._label_of(header.id)
        pixels, label = self._augmented(pixels, np.atleast_1d(np.asarray(given, np.float32)), draw)
        self._set_label(batch.labels, i, label, pixels.shape)
        if pixels.shape[:2] != (height, width):  # of boxes: a smaller picture is at the top left
            whole = np.zeros((height, width, channels), np.uint8)
            whole[:pixels.shape[0], :pixels.shape[1]] = pixels
            pixels = whole
        if self._kind == np.int8:
            less = pixels.astype(np.int16) - np.rint(self._mean).astype(np.int16)
            pixels = np.clip(less, -128, 127)
        batch.pixels[i] = pixels
        batch.factors[i] = (1 + draw.uniform(-1, 1) * self._contrast) * self._scale
        batch.lights[i] = draw.uniform(-1, 1) * self._illumination * self._scale

    def _normalized(self, batch: _Pictures) -> NDArray:
        """The data of a batch: recorded, and computed as a whole when it is read."""
        data = wrap(NDArray, computed(aval(batch.pixels.shape, batch.pixels.dtype), batch.memory))
        if self._kind not in (np.uint8, np.int8):
            less = nd.broadcast_sub(data.astype("float32"), array(self._mean))
            changed = nd.broadcast_add(nd.broadcast_mul(less, array(batch.factors)), array(batch.lights))
            data = nd.broadcast_div(changed, array(self._std)).astype(self._kind)
        return data.transpose((0, 3, 1, 2))

    def _augmented(self, pixels: np.ndarray, label: np.ndarray, draw: Any) -> tuple[np.ndarray, np.ndarray]:
        """A decoded picture and its label, changed at random."""
        pixels = augmented(pixels, self._shape[1], self._shape[2], self._settings, draw)
        if self._mirror or self._rand_mirror and draw.uniform() < 0.5:
            pixels = pixels[:, ::-1]
        return pixels, label

    def _label_of(self, number: int) -> np.ndarray:
        assert self._labels is not None
        if number not in self._labels:
            raise MXNetError(f"{type(self).__name__}: no line of path_imglist has the number {number} of a picture")
        return self._labels[number]

    def _set_label(self, labels: np.ndarray, i: int, label: np.ndarray, shape: tuple[int, ...]) -> None:
        if len(label) < self._label_width:
            raise MXNetError(f"{type(self).__name__}: label_width={self._label_width}, and a record has {len(label)} "
                             "labels")
        labels[i] = label[:self._label_width]

    def _labels_of_batch(self, labels: np.ndarray) -> np.ndarray:
        return labels if self._label_width > 1 else labels[:, 0]

    def iter_next(self) -> bool:
        """Go on to the next batch, and tell whether there is one."""
        while not self._ended and len(self._prepared) < self._ahead:
            self._prepare()
        if not self._prepared:
            return False
        batch = self._prepared.pop(0)
        _wait(batch.futures)
        labels = array(self._labels_of_batch(batch.labels))
        self._current = DataBatch([self._normalized(batch)], [labels], batch.pad, batch.numbers)
        return True

    def __del__(self) -> None:
        if hasattr(self, "_pool"):
            self._pool.shutdown(wait=False, cancel_futures=True)


def _wait(futures: list[Future[None]]) -> None:
    """Wait for the pictures of a batch; KeyboardInterrupt after Ctrl-C. An error of one is raised."""
    for future in futures:
        while True:
            try:
                future.result(interrupts.GLANCE)
                break
            except TimeoutError:
                if future.done():
                    raise
                if interrupts.wanted():
                    interrupts.deliver()


def _listed(path: str) -> dict[int, np.ndarray]:
    """The labels in a list of pictures, by the pictures' numbers. MXNetError for a line of another form."""
    found = {}
    with opened(path, "r") as file:
        for number, line in enumerate(file, 1):
            words = line.split("\t")
            try:
                found[int(words[0])] = np.array(words[1:-1]).astype(np.float32)
            except ValueError as error:
                raise MXNetError(f"{path}, line {number}: {error}") from None
    return found


def _places(path: str, index: str) -> np.ndarray:
    """The places of the records in a file: those in its index, or found by reading the file's heads."""
    if index:
        records = recordio.MXIndexedRecordIO(index, path, "r")
        return np.array([records.idx[key] for key in records.keys], np.int64)
    return np.array(list(recordio.MXRecordIO(path, "r").places()), np.int64)


class ImageRecordUInt8Iter(ImageRecordIter):
    """`ImageRecordIter` of uint8: the pictures as they are."""

    _dtype = "uint8"


class ImageRecordInt8Iter(ImageRecordIter):
    """`ImageRecordIter` of int8: the pictures less the rounded means."""

    _dtype = "int8"


class ImageRecordIter_v1(ImageRecordIter):
    """The name of MXNet's older `ImageRecordIter`, which is the same here."""


class ImageRecordUInt8Iter_v1(ImageRecordUInt8Iter):
    """The name of MXNet's older `ImageRecordUInt8Iter`, which is the same here."""

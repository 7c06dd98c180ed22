"""Files that MXNet's examples download: MNIST, CIFAR-10, archives, models. What is there is not downloaded again."""
from __future__ import annotations

import bz2
import gzip
import os
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..base import data_dir
from ..generation import is_2
from ..gluon import utils
from ..io import MNISTIter
from ..whole_files import replacing

__all__ = ["DummyIter", "download", "download_model", "get_bz2_data", "get_cifar10", "get_mnist", "get_mnist_iterator",
           "get_mnist_pkl", "get_mnist_ubyte", "get_zip_data"]

_SITE = "http://data.mxnet.io/"
_CIFAR = "https://repo.mxnet.io/gluon/dataset/cifar10/cifar10-b9ac2870.zip"


def download(url: str, fname: str | None = None, dirname: str | None = None, overwrite: bool = False,
             retries: int = 5) -> str:
    """The path of a file with the contents at `url`, downloaded unless it is there already.

    fname: the file's name; None: the last part of the URL.
    dirname: its folder, which is made; None: that of `fname`, or the current one.
    overwrite: whether a file that is there is downloaded anew.
    retries: the number of attempts.

    ConnectionError, with the path where the file is looked for, if the network does not give it.
    """
    assert retries >= 0, "Number of retries should be at least 0"
    path = url.split("/")[-1] if fname is None else fname
    if dirname is not None:
        path = os.path.join(dirname, path)
    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    if not overwrite and os.path.exists(path):
        return path
    try:
        return utils.download(url, path, overwrite, retries=retries)
    except OSError as error:
        raise ConnectionError(f"{url} cannot be downloaded: {error}. If you have the file, put it at "
                              f"{os.path.abspath(path)}") from error


def _fetched(path: str, names: Sequence[str], url: str) -> None:
    """Download an archive to a folder and unpack it there, unless all its files are there."""
    os.makedirs(path, exist_ok=True)
    if not all([os.path.exists(os.path.join(path, name)) for name in names]):
        with zipfile.ZipFile(download(url, dirname=path)) as archive:
            archive.extractall(path)


# ---- data sets -----------------------------------------------------------------------------------

#: The parts and kinds of MNIST's files.
_PARTS, _KINDS = ("train", "t10k"), ("labels-idx1", "images-idx3")


def _unpacked(folder: str, name: str) -> bytes:
    """The contents of a packed file of MNIST: in a folder, or where `gluon.data.vision.MNIST` has its files."""
    kept = os.path.join(data_dir(), "datasets", "mnist", name)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        path = kept if os.path.exists(kept) else download(f"{_SITE}data/mnist/{name}", path)
    with gzip.open(path) as file:
        return file.read()


def _mnist_part(folder: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    labels, images = [_unpacked(folder, f"{part}-{kind}-ubyte.gz") for kind in _KINDS]
    label = np.frombuffer(labels, np.int8, offset=8)
    rows, columns = struct.unpack(">II", images[8:16])
    image = np.frombuffer(images, np.uint8, offset=16).reshape(len(label), 1, rows, columns)
    return image.astype(np.float32) / 255, label


def get_mnist(path: str | None = None) -> dict[str, np.ndarray]:
    """MNIST as NumPy arrays: train_data and test_data, (n, 1, 28, 28) in [0, 1], train_label and test_label, (n,).

    path: the folder in which the four files, train-images-idx3-ubyte.gz and its kin, are looked for before
        ~/.mxnet/datasets/mnist; None: the current one, in MXNet 2 `data`.

    ConnectionError if one is missing and cannot be downloaded.
    """
    if path is None:
        path = "data" if is_2() else ""
    found = {}
    for part, name in (("train", "train"), ("t10k", "test")):
        found[f"{name}_data"], found[f"{name}_label"] = _mnist_part(path, part)
    return found


def get_mnist_pkl() -> None:
    """Download MNIST as data/mnist.pkl.gz, unless it is there."""
    download("http://deeplearning.net/data/mnist/mnist.pkl.gz", dirname="data")


def get_mnist_ubyte(path: str = "data") -> None:
    """Put MNIST's four files, unpacked, into a folder, unless they are there; those of `get_mnist` in MXNet 2."""
    names = [f"{part}-{kind}-ubyte" for part in _PARTS for kind in _KINDS]
    if not is_2():
        _fetched(path, names, _SITE + "mxnet/data/mnist.zip")
        return
    os.makedirs(path, exist_ok=True)
    for name in names:
        target = os.path.join(path, name)
        if not os.path.exists(target):
            with replacing(target) as file:
                file.write(_unpacked(path, name + ".gz"))


def get_mnist_iterator(batch_size: int, input_shape: Sequence[int], num_parts: int = 1, part_index: int = 0,
                       path: str = "data") -> tuple[Any, Any]:
    """A `MNISTIter` of the training images in random order, and one of the test images.

    input_shape: (1, 28, 28), or (784,) for flat images.
    num_parts, part_index: into how many parts the images are divided, and the number of the one that is read.
    path: the folder with the four files, as by `get_mnist_ubyte`.
    """
    get_mnist_ubyte(path)
    made = [MNISTIter(image=os.path.join(path, f"{part}-images-idx3-ubyte"),
                      label=os.path.join(path, f"{part}-labels-idx1-ubyte"), input_shape=input_shape,
                      batch_size=batch_size, shuffle=part == "train", flat=len(input_shape) != 3,
                      num_parts=num_parts, part_index=part_index) for part in ("train", "t10k")]
    return made[0], made[1]


def get_cifar10(path: str = "data") -> None:
    """Download CIFAR-10 as record files to the folder `cifar` in a folder, unless it is there."""
    _fetched(path, [os.path.join("cifar", name) for name in ("train.rec", "test.rec", "train.lst", "test.lst")],
             _CIFAR if is_2() else _SITE + "mxnet/data/cifar10.zip")


def get_zip_data(data_dir: str, url: str, data_origin_name: str) -> None:
    """Download the archive `data_origin_name` to a folder and unpack it there, unless the archive is there."""
    path = os.path.join(data_dir, data_origin_name)
    if not os.path.exists(path):
        download(url, dirname=data_dir)
        with zipfile.ZipFile(path) as archive:
            archive.extractall(data_dir)


def get_bz2_data(data_dir: str, data_name: str, url: str, data_origin_name: str) -> None:
    """Download `data_origin_name` to a folder and unpack it as `data_name`, unless that is there."""
    target = os.path.join(data_dir, data_name)
    if not os.path.exists(target):
        path = download(url, fname=data_origin_name, dirname=data_dir)
        with bz2.BZ2File(path) as packed, replacing(target) as file:
            file.write(packed.read())
        os.remove(path)


# ---- models --------------------------------------------------------------------------------------

_MODELS = {
    "imagenet1k-inception-bn": "imagenet/inception-bn/Inception-BN-symbol.json imagenet/inception-bn/"
                               "Inception-BN-0126.params",
    **{f"imagenet1k-resnet-{n}": f"imagenet/resnet/{n}-layers/resnet-{n}-symbol.json imagenet/resnet/{n}-layers/"
                                 f"resnet-{n}-0000.params" for n in (18, 34, 50, 101, 152)},
    **{f"imagenet1k-resnext-{n}": f"imagenet/resnext/{n.partition('-')[0]}-layers/resnext-{n}-symbol.json imagenet/"
                                  f"resnext/{n.partition('-')[0]}-layers/resnext-{n}-0000.params"
       for n in ("50", "101", "101-64x4d")},
    "imagenet11k-resnet-152": "imagenet-11k/resnet-152/resnet-152-symbol.json imagenet-11k/resnet-152/"
                              "resnet-152-0000.params",
    **{f"imagenet11k-place365ch-resnet-{n}": f"imagenet-11k-place365-ch/resnet-{n}-symbol.json "
                                             f"imagenet-11k-place365-ch/resnet-{n}-0000.params" for n in (152, 50)},
}


def download_model(model_name: str, dst_dir: str = "./",
                   meta_info: Mapping[str, Mapping[str, str]] | None = None) -> tuple[str | None, int]:
    """The path of a model without the ends `-symbol.json` and `-0000.params`, and 0; (None, 0) for an unknown one.

    dst_dir: the folder in which its two files are looked for, or to which they are downloaded.
    meta_info: for each model its URLs, {"symbol": ..., "params": ...}; None: those of MXNet's site.
    """
    known = meta_info
    if known is None:
        known = {name: dict(zip(("symbol", "params"), [f"{_SITE}models/{path}" for path in paths.split()]))
                 for name, paths in _MODELS.items()}
    if model_name not in known:
        return None, 0
    os.makedirs(dst_dir, exist_ok=True)
    path = os.path.join(dst_dir, model_name)
    for kind, end in (("symbol", "-symbol.json"), ("params", "-0000.params")):
        assert kind in known[model_name], f"missing {kind} url of model {model_name}"
        download(known[model_name][kind], path + end)
    return path, 0


class DummyIter:
    """An iterator that gives the first batch of another one again and again, to measure times.

    real_iter: the other one, with `provide_data`, `provide_label` and `batch_size`.
    """

    def __init__(self, real_iter: Any) -> None:
        self.real_iter = real_iter
        self.provide_data = real_iter.provide_data
        self.provide_label = real_iter.provide_label
        self.batch_size = real_iter.batch_size
        self.the_batch = next(real_iter)

    def __iter__(self) -> DummyIter:
        return self

    def next(self) -> Any:
        """The batch."""
        return self.the_batch

    __next__ = next

    def reset(self) -> None:
        """No effect, as there is no end."""

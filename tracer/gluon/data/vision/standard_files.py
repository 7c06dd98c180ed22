"""MNIST, FashionMNIST, CIFAR-10 and CIFAR-100, read from the files of their authors in a folder."""
from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Callable, Sequence
from typing import IO, Any

import numpy as np

from tracer.ops.ir.errors import MXNetError

from .... import ndarray as nd
from .... import numpy as mx_np
from ....base import data_dir
from ....numpy_extension.mode import is_np_array
from ....whole_files import replacing
from ...utils import _get_repo_file_url, download
from ..dataset import _DownloadedDataset

__all__ = ["CIFAR10", "CIFAR100", "FashionMNIST", "MNIST"]

#: A file's name and the SHA-1 of its published contents.
File = tuple[str, str]


def _folder(name: str) -> str:
    return os.path.join(data_dir(), "datasets", name)


def _present(root: str, file: File, kind: str) -> str:
    """The path of a file in a folder: one that is there, of any contents, or else one downloaded now.

    FileNotFoundError, with the path where it is looked for, if the network does not give it.
    """
    path = os.path.join(root, file[0])
    if os.path.exists(path):
        return path
    url = _get_repo_file_url("gluon/dataset/" + kind, file[0])
    try:
        return download(url, path=path, sha1_hash=file[1], retries=1)
    except (OSError, UserWarning) as error:
        raise FileNotFoundError(f"There is no {file[0]} in {root}, and {url} cannot be downloaded: {error}. If you "
                                f"have the file, put it at {path}") from error


def _elements(file: IO[bytes], path: str, dims: int) -> np.ndarray:
    """The numbers in a file of MNIST's format, with as many axes. MXNetError for another."""
    try:
        head = file.read(4 + 4 * dims)
        shape = np.frombuffer(head[4:], ">u4").astype(int).tolist()
        if len(shape) != dims or head[:4] != bytes((0, 0, 8, dims)):
            raise MXNetError(f"{path} is no file of MNIST with {dims} axes: it begins with {head[:4]!r}")
        data = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise MXNetError(f"{path} is no complete gzip file: {error}") from error
    wanted = int(np.prod(shape, dtype=object))
    if len(data) < wanted:
        raise MXNetError(f"{path} says that it has {shape} numbers, and has {len(data)} bytes of them")
    return np.frombuffer(data, np.uint8, wanted).reshape(shape)


class MNIST(_DownloadedDataset):
    """Handwritten digits: pairs of a picture, uint8 (28, 28, 1), and an integer label.

    root: the folder with the files train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz
        and t10k-labels-idx1-ubyte.gz. One that is missing is downloaded, which is printed; FileNotFoundError, with its
        path, if that fails.
    train: whether to read the 60,000 of training, else the 10,000 of the test.
    transform: a function of a picture and a label.

    http://yann.lecun.com/exdb/mnist
    """

    _namespace = "mnist"
    _train_data: Any = ("train-images-idx3-ubyte.gz", "6c95f4b05d2bf285e1bfb0e7960c31bd3b3f8a7d")
    _train_label: Any = ("train-labels-idx1-ubyte.gz", "2a80914081dc54586dbdf242f9805a6b8d2a15fc")
    _test_data: Any = ("t10k-images-idx3-ubyte.gz", "c3a25af1f52dad7f726cce8cacb138654b760d48")
    _test_label: Any = ("t10k-labels-idx1-ubyte.gz", "763e7fa3757d93b0cdec073cef058b2004252c17")

    def __init__(self, root: str = _folder("mnist"), train: bool = True,
                 transform: Callable[[Any, Any], Any] | None = None) -> None:
        self._train = train
        super().__init__(root, transform)

    def _get_data(self) -> None:
        files = (self._train_data, self._train_label) if self._train else (self._test_data, self._test_label)
        read = []
        for file, dims in zip(files, (3, 1)):
            path = _present(self._root, file, self._namespace)
            with gzip.open(path) as opened:
                read.append(_elements(opened, path, dims))  # type: ignore[arg-type]
        images, labels = read[0], read[1].astype(np.int32)
        if len(images) != len(labels):
            raise MXNetError(f"{len(images)} pictures and {len(labels)} labels in {self._root}")
        self._data = _array(images[..., None])
        self._label = _array(labels) if is_np_array() else labels


class FashionMNIST(MNIST):
    """Pieces of clothing in the format of `MNIST`, whose parameters these are.

    https://github.com/zalandoresearch/fashion-mnist
    """

    _namespace = "fashion-mnist"
    _train_data = ("train-images-idx3-ubyte.gz", "0cf37b0d40ed5169c6b3aba31069a9770ac9043d")
    _train_label = ("train-labels-idx1-ubyte.gz", "236021d52f1e40852b06a4c3008d8de8aef1e40b")
    _test_data = ("t10k-images-idx3-ubyte.gz", "626ed6a7c06dd17c0eec72fa3be1740f146a2863")
    _test_label = ("t10k-labels-idx1-ubyte.gz", "17f9ab60e7257a1620f4ad76bbbaf857c3920701")

    def __init__(self, root: str = _folder("fashion-mnist"), train: bool = True,
                 transform: Callable[[Any, Any], Any] | None = None) -> None:
        super().__init__(root, train, transform)


class CIFAR10(_DownloadedDataset):
    """Small photographs of ten kinds of things: pairs of a picture, uint8 (32, 32, 3), and an integer label.

    root: the folder with the files data_batch_1.bin to data_batch_5.bin and test_batch.bin, or with the archive
        cifar-10-binary.tar.gz, from which they are unpacked. If all are missing it is downloaded, which is printed;
        FileNotFoundError, with its path, if that fails.
    train: whether to read the 50,000 of training, else the 10,000 of the test.
    transform: a function of a picture and a label.

    https://www.cs.toronto.edu/~kriz/cifar.html
    """

    _namespace = "cifar10"
    _archive_file: File = ("cifar-10-binary.tar.gz", "fab780a1e191a7eda0f345501ccd62d20f7ed891")
    _train_data: Sequence[File] = (("data_batch_1.bin", "aadd24acce27caa71bf4b10992e9e7b2d74c2540"),
                                   ("data_batch_2.bin", "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795"),
                                   ("data_batch_3.bin", "1dd00a74ab1d17a6e7d73e185b69dbf31242f295"),
                                   ("data_batch_4.bin", "aab85764eb3584312d3c7f65fd2fd016e36a258e"),
                                   ("data_batch_5.bin", "26e2849e66a845b7f1e4614ae70f4889ae604628"))
    _test_data: Sequence[File] = (("test_batch.bin", "67eb016db431130d61cd03c7ad570b013799c88c"),)
    #: The bytes before a picture, and the place of the label among them.
    _labels, _label_at = 1, 0

    def __init__(self, root: str = _folder("cifar10"), train: bool = True,
                 transform: Callable[[Any, Any], Any] | None = None) -> None:
        self._train = train
        super().__init__(root, transform)

    def _read_batch(self, filename: str) -> tuple[np.ndarray, np.ndarray]:
        """The pictures and labels in a file. MXNetError for one of another length."""
        data = np.fromfile(filename, np.uint8)
        each = self._labels + 3072
        if not data.size or data.size % each:
            raise MXNetError(f"{filename} has {data.size} bytes, no multiple of {each}: it is no file of "
                             f"{self._namespace}")
        rows = data.reshape(-1, each)
        return (rows[:, self._labels:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1),
                rows[:, self._label_at].astype(np.int32))

    def _get_data(self) -> None:
        files = self._train_data if self._train else self._test_data
        paths = [os.path.join(self._root, name) for name, _ in files]
        if not all([os.path.exists(path) for path in paths]):
            archive = _present(self._root, self._archive_file, self._namespace)
            _unpack(archive, self._root, [name for name, _ in (*self._train_data, *self._test_data)])
        read = [self._read_batch(path) for path in paths]
        self._data = _array(np.concatenate([pictures for pictures, _ in read]))
        labels = np.concatenate([label for _, label in read])
        self._label = _array(labels) if is_np_array() else labels


class CIFAR100(CIFAR10):
    """Small photographs of a hundred kinds of things, in the manner of `CIFAR10`.

    root: the folder with the files train.bin and test.bin, or with the archive cifar-100-binary.tar.gz.
    fine_label: whether a label is one of the hundred kinds, else one of the twenty groups of these.
    train, transform: as in `CIFAR10`.
    """

    _namespace = "cifar100"
    _archive_file = ("cifar-100-binary.tar.gz", "a0bb982c76b83111308126cc779a992fa506b90b")
    _train_data = (("train.bin", "e207cd2e05b73b1393c74c7f5e7bea451d63e08e"),)
    _test_data = (("test.bin", "8fb6623e830365ff53cf14adec797474f5478006"),)
    _labels = 2

    def __init__(self, root: str = _folder("cifar100"), fine_label: bool = False, train: bool = True,
                 transform: Callable[[Any, Any], Any] | None = None) -> None:
        self._fine_label = fine_label
        self._label_at = int(fine_label)
        super().__init__(root, train, transform)


def _array(values: np.ndarray) -> Any:
    return (mx_np if is_np_array() else nd).array(values, dtype=values.dtype)


def _unpack(archive: str, folder: str, names: Sequence[str]) -> None:
    """Write the files of these names in an archive, in any of its folders, to `folder`. MXNetError for another file."""
    try:
        with tarfile.open(archive) as packed:
            for member in packed:
                name = os.path.basename(member.name)
                source = packed.extractfile(member) if member.isfile() and name in names else None
                if source is not None:
                    with replacing(os.path.join(folder, name)) as target:
                        target.write(source.read())
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise MXNetError(f"{archive} is no complete archive: {error}") from error

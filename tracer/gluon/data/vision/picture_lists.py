"""Datasets of pictures in record files, in a folder for each class, and in lists."""
from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .... import ndarray as nd
from .... import numpy as mx_np
from .... import recordio
from ....base import numeric_types
from ....image import codec
from ....numpy_extension.mode import is_np_array
from .. import items
from ..dataset import Dataset, MXDataset, RecordFileDataset

__all__ = ["ImageFolderDataset", "ImageListDataset", "ImageRecordDataset"]

Transform = Callable[[Any, Any], Any]


class ImageRecordDataset(RecordFileDataset):
    """The pictures in a record file: pairs of a picture, uint8 (height, width, channels), and a label.

    filename: the record file, beside which is its index, with the end .idx.
    flag: 1: three channels, 0: one.
    transform: a function of a picture and a label.

    ImportError where neither Pillow nor OpenCV is installed, when a picture is read.
    """

    def __init__(self, filename: str, flag: int = 1, transform: Transform | None = None) -> None:
        super().__init__(filename)
        self._flag = flag
        self._transform = transform

    def __getitem__(self, idx: Any) -> Any:
        header, data = recordio.unpack(super().__getitem__(idx))
        picture = codec.imdecode(data, self._flag)
        return (picture, header.label) if self._transform is None else self._transform(picture, header.label)

    def __mx_handle__(self) -> MXDataset:
        """The pictures and labels as MXNet 2's backend reads them."""
        return MXDataset(items.PictureRecords(self.filename, self.idx_file, self._flag))


class ImageFolderDataset(Dataset):
    """The pictures in the folders of a folder: pairs of a picture, uint8 (height, width, channels), and a label.

    root: the folder; each folder in it is a class, whose label is its number in the order of their names.
    flag: 1: three channels, 0: one.
    transform: a function of a picture and a label.

    `synsets` has the names of the classes, `items` the paths and labels. Files other than .jpg, .jpeg and .png are left
    out, with a warning.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/data/vision/datasets/index.html
    """

    def __init__(self, root: str, flag: int = 1, transform: Transform | None = None) -> None:
        self._root = os.path.expanduser(root)
        self._flag = flag
        self._transform = transform
        self._exts = [".jpg", ".jpeg", ".png"]
        self._list_images(self._root)

    def _list_images(self, root: str) -> None:
        """Find the classes and the pictures."""
        self.synsets: list[str] = []
        self.items: list[tuple[str, int]] = []
        for folder in sorted(os.listdir(root)):
            path = os.path.join(root, folder)
            if not os.path.isdir(path):
                warnings.warn(f"Ignoring {path}, which is not a directory.", stacklevel=3)
                continue
            label = len(self.synsets)
            self.synsets.append(folder)
            for name in sorted(os.listdir(path)):
                file = os.path.join(path, name)
                end = os.path.splitext(name)[1]
                if end.lower() not in self._exts:
                    warnings.warn(f"Ignoring {file} of type {end}. Only support {', '.join(self._exts)}", stacklevel=3)
                    continue
                self.items.append((file, label))

    def __getitem__(self, idx: Any) -> Any:
        path, label = self.items[idx]
        picture = codec.imread(path, self._flag)
        return (picture, label) if self._transform is None else self._transform(picture, label)

    def __len__(self) -> int:
        return len(self.items)

    def __mx_handle__(self) -> MXDataset:
        """The pictures and labels as MXNet 2's backend reads them."""
        paths, labels = [path for path, _ in self.items], [label for _, label in self.items]
        return MXDataset(items.Together([items.Pictures(paths, self._flag), items.Rows(labels)]))


class ImageListDataset(Dataset):
    """The pictures in a list: pairs of a picture, uint8 (height, width, channels), and an array of its labels.

    root: the folder of the pictures.
    imglist: the path of a file, in `root`, of lines of a number, labels and a path, separated by tabs; or a list of
        lists of labels and a path. ValueError for another object.
    flag: 1: three channels, 0: one.
    """

    def __init__(self, root: str = ".", imglist: Any = None, flag: int = 1) -> None:
        self._root = os.path.expanduser(root)
        self._flag = flag
        self._imglist: dict[Any, tuple[Any, str]] = {}
        if isinstance(imglist, str):
            with open(os.path.join(self._root, imglist)) as file:
                for line in file:
                    words = line.strip().split("\t")
                    self._add(int(words[0]), [float(word) for word in words[1:-1]], words[-1])
        elif isinstance(imglist, list):
            for number, one in enumerate(imglist, 1):
                labels = one[:-1] if len(one) > 2 else [one[0]] if isinstance(one[0], numeric_types) else one[0]
                assert isinstance(one[-1], str), f"entry {number} of the list ends with {one[-1]!r}, which is no path"
                self._add(str(number), labels, one[-1])
        else:
            raise ValueError(f"imglist must be filename or list of valid entries, given {type(imglist)}")
        self._imgkeys = list(self._imglist)

    def _add(self, key: Any, labels: Any, path: str) -> None:
        made = (mx_np if is_np_array() else nd).array(labels)
        self._imglist[key] = made, os.path.join(self._root, path)

    def __getitem__(self, idx: Any) -> Any:
        label, path = self._imglist[self._imgkeys[idx]]
        return codec.imread(path, self._flag), label

    def __len__(self) -> int:
        return len(self._imgkeys)

    def __mx_handle__(self) -> MXDataset:
        """The pictures and labels as MXNet 2's backend reads them."""
        listed = [self._imglist[key] for key in self._imgkeys]
        labels = np.stack([label.asnumpy() for label, _ in listed])
        return MXDataset(items.Together([items.Pictures([path for _, path in listed], self._flag),
                                         items.Rows(labels)]))

"""`ImageDataLoader` and `ImageBboxDataLoader`: batches of pictures in files, with the usual transforms."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..... import ndarray as nd
from ..... import numpy as mx_np
from .....numpy_extension.mode import is_np_array
from ....block import Block
from ....data import DataLoader
from ....data.batchify import Group, Pad, Stack
from ....data.vision import transforms
from ....data.vision.datasets import ImageListDataset, ImageRecordDataset
from ....hybrid_block import HybridBlock
from ....nn import HybridSequential, Sequential
from .transforms import bbox

__all__ = ["ImageBboxDataLoader", "ImageDataLoader", "create_bbox_augment", "create_image_augment"]

_MEAN, _STD = [123.68, 116.28, 103.53], [58.395, 57.12, 57.375]


def create_image_augment(data_shape: Any, resize: int = 0, rand_crop: bool = False, rand_resize: bool = False,
                         rand_mirror: bool = False, mean: Any = None, std: Any = None, brightness: float = 0,
                         contrast: float = 0, saturation: float = 0, hue: float = 0, pca_noise: float = 0,
                         rand_gray: float = 0, inter_method: int = 2, dtype: str = "float32") -> HybridSequential:
    """The usual transforms of pictures, as a block that gives tensors (channels, height, width).

    data_shape: (channels, height, width) of the result.
    resize: the size of the shorter side before a part is cut out; 0: it stays.
    rand_crop: whether the part is at a random place; otherwise in the middle.
    rand_resize: whether its size is random, too; then `rand_crop` must be true (AssertionError).
    rand_mirror: whether the columns are reversed with probability 0.5.
    mean, std: numbers of the channels for `Normalize`; True: those of ImageNet; None: none.
    brightness, contrast, saturation, hue: for `RandomColorJitter`.
    pca_noise: for `RandomLighting`.
    rand_gray: the probability for `RandomGray`.
    inter_method: 0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos; 10: a random one.
    dtype: that of the result.

    >>> from tracer import nd
    >>> create_image_augment((3, 4, 4))(nd.ones((6, 8, 3), dtype="uint8")).shape
    (3, 4, 4)
    """
    inter_method = _method(inter_method)
    found = HybridSequential()
    if resize > 0:
        found.add(transforms.Resize(resize, interpolation=inter_method))
    size = (data_shape[2], data_shape[1])
    assert rand_crop or not rand_resize, "rand_resize needs rand_crop"
    kind: Any = transforms.RandomResizedCrop if rand_resize else \
        transforms.RandomCrop if rand_crop else transforms.CenterCrop
    found.add(kind(size, interpolation=inter_method))
    if rand_mirror:
        found.add(transforms.RandomFlipLeftRight(0.5))
    found.add(transforms.Cast())
    _add_colors(found, brightness, contrast, saturation, hue, pca_noise, rand_gray, mean, std, dtype)
    return found


def create_bbox_augment(data_shape: Any, rand_crop: float = 0, rand_pad: float = 0, rand_gray: float = 0,
                        rand_mirror: bool = False, mean: Any = None, std: Any = None, brightness: float = 0,
                        contrast: float = 0, saturation: float = 0, pca_noise: float = 0, hue: float = 0,
                        inter_method: int = 2, max_aspect_ratio: float = 2, area_range: Any = (0.3, 3.0),
                        max_attempts: int = 50, pad_val: Any = (127, 127, 127), dtype: str = "float32") -> Sequential:
    """The usual transforms of pictures with boxes, as a block that gives tensors and boxes.

    data_shape: (channels, height, width) of the result; the ratio of the sides is not kept.
    rand_crop, rand_pad: the probabilities that a part is cut out, and that the picture is put into a larger one.
    max_aspect_ratio, max_attempts: the part's, see `bbox_random_crop_with_constraints`.
    area_range: the least scale of the part, and the largest one of the larger picture.
    pad_val: the colour around the picture.

    Other parameters are those of `create_image_augment`.
    """
    inter_method = _method(inter_method)
    found = Sequential()
    if rand_crop > 0:
        found.add(bbox.ImageBboxRandomCropWithConstraints(
            p=rand_crop, min_scale=area_range[0], max_scale=1.0, max_aspect_ratio=max_aspect_ratio,
            max_trial=max_attempts))
    if rand_mirror > 0:
        found.add(bbox.ImageBboxRandomFlipLeftRight(0.5))
    if rand_pad > 0:
        found.add(bbox.ImageBboxRandomExpand(p=rand_pad, max_ratio=area_range[1], fill=pad_val))
    found.add(bbox.ImageBboxResize(data_shape[2], data_shape[1], interp=inter_method))
    _add_colors(found, brightness, contrast, saturation, hue, pca_noise, rand_gray, mean, std, dtype)
    return found


def _method(inter_method: int) -> int:
    return int(np.random.randint(0, 5)) if inter_method == 10 else inter_method


def _add_colors(block: Any, brightness: float, contrast: float, saturation: float, hue: float, pca_noise: float,
                rand_gray: float, mean: Any, std: Any, dtype: str) -> None:
    """Add the transforms of colours, and those that make a tensor."""
    if brightness or contrast or saturation or hue:
        block.add(transforms.RandomColorJitter(brightness, contrast, saturation, hue))
    if pca_noise > 0:
        block.add(transforms.RandomLighting(pca_noise))
    if rand_gray > 0:
        block.add(transforms.RandomGray(rand_gray))
    mean, std = (usual if given is True else given for given, usual in ((mean, _MEAN), (std, _STD)))
    for given, name in ((mean, "mean"), (std, "std")):
        assert given is None or isinstance(given, (tuple, list)), f"{name} must be True, None, a tuple or a list"
    block.add(transforms.ToTensor())
    if mean is not None or std is not None:
        block.add(transforms.Normalize(0.0 if mean is None else mean, 1.0 if std is None else std))
    block.add(transforms.Cast(dtype))


class _Loader:
    """An iterable over the batches of a `DataLoader`."""

    _iter: DataLoader

    def __iter__(self) -> Iterator[Any]:
        return iter(self._iter)

    def __len__(self) -> int:
        return len(self._iter)


def _dataset(path_imgrec: str | None, path_imglist: str | None, imglist: Any, path_root: str, num_parts: int,
             part_index: int, dtype: str) -> Any:
    """The pictures in files or lists, or a part of them. AssertionError if there are neither, or for another dtype."""
    assert path_imgrec or path_imglist or isinstance(imglist, list), \
        "Either path_imgrec, path_imglist, or imglist must be provided"
    assert dtype in ("int32", "float32", "int64", "float64"), f"{dtype} label not supported"
    dataset: Any = ImageRecordDataset(path_imgrec, flag=1) if path_imgrec else \
        ImageListDataset(path_root, path_imglist or imglist, flag=1)
    return dataset.shard(num_parts, part_index) if num_parts > 1 else dataset


def _block(aug_list: Any) -> Block:
    """A block, or a list of blocks as one, hybridized. ValueError for another object."""
    if isinstance(aug_list, list):
        made: Any = (HybridSequential if all(isinstance(one, HybridBlock) for one in aug_list) else Sequential)()
        made.add(*aug_list)
    else:
        made = aug_list
    if not isinstance(made, Block):
        raise ValueError(f"aug_list must be a list of Blocks or Block, not {type(aug_list)}")
    made.hybridize()
    return made


class ImageDataLoader(_Loader):
    """The batches of the pictures in a record file or a list, and of their labels.

    batch_size: the number of pictures in a batch.
    data_shape: (channels, height, width) of a picture.
    path_imgrec: a record file.
    path_imglist: a file of lines of a number, labels and a path, separated by tabs.
    path_root: the folder of the paths in lists.
    part_index, num_parts: the number of the part to read, and the number of parts that the pictures are divided into.
    aug_list: a block, or a list of blocks, that change the pictures; None: `create_image_augment` with `kwargs`.
    imglist: a list of lists of labels and a path. AssertionError if there are neither files nor a list.
    dtype: "int32", "float32", "int64" or "float64" (AssertionError for another); without effect, as in MXNet.

    Other parameters are those of `DataLoader`.
    """

    def __init__(self, batch_size: int, data_shape: Any, path_imgrec: str | None = None,
                 path_imglist: str | None = None, path_root: str = ".", part_index: int = 0, num_parts: int = 1,
                 aug_list: Any = None, imglist: Any = None, dtype: str = "float32", shuffle: bool = False,
                 sampler: Any = None, last_batch: str | None = None, batch_sampler: Any = None,
                 batchify_fn: Any = None, num_workers: int = 0, pin_memory: bool = False, pin_device_id: int = 0,
                 prefetch: int | None = None, thread_pool: bool = False, timeout: float = 120,
                 try_nopython: bool | None = None, **kwargs: Any) -> None:
        dataset = _dataset(path_imgrec, path_imglist, imglist, path_root, num_parts, part_index, dtype)
        block = _block(create_image_augment(data_shape, **kwargs) if aug_list is None else aug_list)
        self._iter = DataLoader(dataset.transform_first(block), batch_size, shuffle, sampler, last_batch,
                                batch_sampler, batchify_fn, num_workers, pin_memory, pin_device_id, prefetch,
                                thread_pool, timeout, try_nopython=try_nopython)


class ImageBboxDataLoader(_Loader):
    """The batches of the pictures in a record file or a list, and of their boxes: x1, y1, x2, y2 in pixels, class, ...

    A picture's label: the length of its head and the numbers of a box, the rest of the head, and the boxes: class, x1,
    y1, x2, y2, and others. In a batch missing boxes are -1.

    aug_list: a block, or a list of blocks, that change pictures and boxes; None: `create_bbox_augment` with `kwargs`.
    coord_normalized: whether the label's boxes are shares of the width and height; else they are pixels.
    batchify_fn: None: pictures are stacked, boxes padded.

    Other parameters are those of `ImageDataLoader`.
    """

    def __init__(self, batch_size: int, data_shape: Any, path_imgrec: str | None = None,
                 path_imglist: str | None = None, path_root: str = ".", part_index: int = 0, num_parts: int = 1,
                 aug_list: Any = None, imglist: Any = None, coord_normalized: bool = True, dtype: str = "float32",
                 shuffle: bool = False, sampler: Any = None, last_batch: str | None = None,
                 batch_sampler: Any = None, batchify_fn: Any = None, num_workers: int = 0, pin_memory: bool = False,
                 pin_device_id: int = 0, prefetch: int | None = None, thread_pool: bool = False,
                 timeout: float = 120, try_nopython: bool | None = None, **kwargs: Any) -> None:
        dataset = _dataset(path_imgrec, path_imglist, imglist, path_root, num_parts, part_index, dtype)
        block = _block(create_bbox_augment(data_shape, **kwargs) if aug_list is None else aug_list)
        transform = Sequential()
        transform.add(BboxLabelTransform(coord_normalized), block)
        if batchify_fn is None:
            boxes = Pad(val=-1)
            boxes._warned = True  # the boxes are arrays, and small
            batchify_fn = Group(Stack(), boxes)
        self._iter = DataLoader(dataset.transform(transform), batch_size, shuffle, sampler, last_batch, batch_sampler,
                                batchify_fn, num_workers, pin_memory, pin_device_id, prefetch, thread_pool, timeout,
                                try_nopython=try_nopython)


class BboxLabelTransform(Block):
    """A picture, and its label as boxes (boxes, 5 or more): x1, y1, x2, y2, class, ...; see `ImageBboxDataLoader`.

    coord_normalized: whether the label's boxes are shares of the width and height, which are made pixels.
    """

    def __init__(self, coord_normalized: bool = True) -> None:
        super().__init__()
        self._coord_normalized = coord_normalized

    def forward(self, img: Any, label: Any) -> tuple[Any, Any]:
        """The picture and the boxes. ValueError for a label of another form."""
        label = (label if isinstance(label, np.ndarray) else label.asnumpy()).flatten()
        head, width = int(label[0]), int(label[1])
        if width < 5:
            raise ValueError(f"Label info for each object should >= 5, given {width}")
        if len(label) < head + 5:
            raise ValueError(f"Expected label length >= {head + 5}, got {len(label)}")
        if (len(label) - head) % width:
            raise ValueError(f"Broken label of size {len(label)}, cannot reshape into (N, {width}) if header length "
                             f"{head} is excluded")
        boxes = label[head:].reshape(-1, width)
        boxes = boxes[:, [1, 2, 3, 4, 0, *range(5, width)]]
        if self._coord_normalized:
            boxes[:, (0, 2)] *= img.shape[1]
            boxes[:, (1, 3)] *= img.shape[0]
        return img, (mx_np if is_np_array() else nd).array(boxes)

"""Augmenters: functions of pictures (height, width, channels) that cut and resize them, with settings to store."""
from __future__ import annotations

import json
import random
import warnings
from typing import Any

import numpy as np

from .. import ndarray
from ..array.nd_array import NDArray
from .codec import imresize
from .cropping import _get_interp_method, center_crop, random_crop, random_size_crop, resize_short

__all__ = ["Augmenter", "CastAug", "CenterCropAug", "ForceResizeAug", "HorizontalFlipAug", "RandomCropAug",
           "RandomOrderAug", "RandomSizedCropAug", "ResizeAug", "SequentialAug"]

nd: Any = ndarray  # its functions are generated


def _plain(value: Any) -> Any:
    """An array as lists; another object as it is."""
    value = value.asnumpy() if isinstance(value, NDArray) else value
    return value.tolist() if isinstance(value, np.ndarray) else value


class Augmenter:
    """The base class of functions of pictures: a subclass defines `__call__`.

    kwargs: the settings, which `dumps` stores.

    >>> class Half(Augmenter):
    ...     def __call__(self, src):
    ...         return src[::2, ::2]
    >>> Half(step=2).dumps()
    '["half", {"step": 2}]'
    """

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = {name: _plain(value) for name, value in kwargs.items()}

    def dumps(self) -> Any:
        """The class's name and the settings as JSON; of several augmenters a list."""
        return json.dumps([type(self).__name__.lower(), self._kwargs])

    def __call__(self, src: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} defines no __call__, which returns the changed picture")


class SequentialAug(Augmenter):
    """Several augmenters, one after the other.

    ts: the augmenters.
    """

    def __init__(self, ts: list[Any]) -> None:
        super().__init__()
        self.ts = ts

    def dumps(self) -> Any:
        """The class's name, and what the augmenters' `dumps` give."""
        return [type(self).__name__.lower(), [one.dumps() for one in self.ts]]

    def __call__(self, src: Any) -> Any:
        for one in self.ts:
            src = one(src)
        return src


class RandomOrderAug(SequentialAug):
    """Several augmenters in a random order.

    ts: the augmenters.
    """

    def __call__(self, src: Any) -> Any:
        random.shuffle(self.ts)
        return super().__call__(src)


class _Sized(Augmenter):
    """An augmenter with a size and a method of interpolation, see `resize_short`."""

    def __init__(self, size: Any, interp: int = 2) -> None:
        super().__init__(size=size, interp=interp)
        self.size = size
        self.interp = interp


class ResizeAug(_Sized):
    """`resize_short` as an augmenter.

    size: the size of the shorter side.

    >>> from tracer import nd
    >>> ResizeAug(2)(nd.ones((4, 6, 3))).shape
    (2, 3, 3)
    """

    def __call__(self, src: Any) -> Any:
        return resize_short(src, self.size, self.interp)


class ForceResizeAug(_Sized):
    """`imresize` as an augmenter: the ratio of the sides is not kept.

    size: the width and height.
    """

    def __call__(self, src: Any) -> Any:
        sizes = (src.shape[0], src.shape[1], self.size[1], self.size[0])
        return imresize(src, self.size[0], self.size[1], _get_interp_method(self.interp, sizes))


class RandomCropAug(_Sized):
    """`random_crop` as an augmenter.

    size: the width and height.
    """

    def __call__(self, src: Any) -> Any:
        return random_crop(src, self.size, self.interp)[0]


class CenterCropAug(_Sized):
    """`center_crop` as an augmenter.

    size: the width and height.
    """

    def __call__(self, src: Any) -> Any:
        return center_crop(src, self.size, self.interp)[0]


class RandomSizedCropAug(Augmenter):
    """`random_size_crop` as an augmenter, with its parameters."""

    def __init__(self, size: Any, area: Any, ratio: Any, interp: int = 2, **kwargs: Any) -> None:
        super().__init__(size=size, area=area, ratio=ratio, interp=interp)
        self.size = size
        if "min_area" in kwargs:
            warnings.warn("`min_area` is deprecated. Please use `area` instead.", DeprecationWarning, stacklevel=2)
            area = kwargs.pop("min_area")
        self.area = area
        self.ratio = ratio
        self.interp = interp
        assert not kwargs, "unexpected keyword arguments for `RandomSizedCropAug`."

    def __call__(self, src: Any) -> Any:
        return random_size_crop(src, self.size, self.area, self.ratio, self.interp)[0]


class HorizontalFlipAug(Augmenter):
    """An augmenter that reverses the columns.

    p: the probability of it.
    """

    def __init__(self, p: float) -> None:
        super().__init__(p=p)
        self.p = p

    def __call__(self, src: Any) -> Any:
        return nd.flip(src, axis=1) if random.random() < self.p else src


class CastAug(Augmenter):
    """An augmenter that casts to another dtype.

    typ: its name.
    """

    def __init__(self, typ: str = "float32") -> None:
        super().__init__(type=typ)
        self.typ = typ

    def __call__(self, src: Any) -> Any:
        return src.astype(self.typ)

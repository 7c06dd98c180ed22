"""Augmenters of colours, of pictures (height, width, 3) of float32; and the usual list of augmenters."""
from __future__ import annotations

import random
from typing import Any

import numpy as np

from .. import ndarray
from ..array.nd_array import NDArray
from .augmenters import (
    Augmenter,
    CastAug,
    CenterCropAug,
    HorizontalFlipAug,
    RandomCropAug,
    RandomOrderAug,
    RandomSizedCropAug,
    ResizeAug,
)
from .cropping import color_normalize

__all__ = ["BrightnessJitterAug", "ColorJitterAug", "ColorNormalizeAug", "ContrastJitterAug", "CreateAugmenter",
           "HueJitterAug", "LightingAug", "RandomGrayAug", "SaturationJitterAug"]

nd: Any = ndarray  # its functions are generated

_GRAY = (0.299, 0.587, 0.114)
#: The mean and deviation of ImageNet's colours, and the directions in which they vary.
MEAN, STD = (123.68, 116.28, 103.53), (58.395, 57.12, 57.375)
EIGENVALUES = np.array([55.46, 4.794, 1.148])
EIGENVECTORS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])


class BrightnessJitterAug(Augmenter):
    """An augmenter that multiplies the picture by a random number.

    brightness: the most by which it differs from 1.
    """

    def __init__(self, brightness: float) -> None:
        super().__init__(brightness=brightness)
        self.brightness = brightness

    def __call__(self, src: Any) -> Any:
        src *= 1.0 + random.uniform(-self.brightness, self.brightness)
        return src


class _TowardsGray(Augmenter):
    """An augmenter that moves the picture from a gray, or to it, by a random factor.

    settings: the name and the most by which the factor differs from 1.
    """

    def __init__(self, **settings: float) -> None:
        super().__init__(**settings)
        self.coef = nd.array([[_GRAY]])

    def _moved(self, src: Any, most: float) -> Any:
        alpha = 1.0 + random.uniform(-most, most)
        gray = self._gray(src, 1.0 - alpha)
        src *= alpha
        src += gray
        return src

    def _gray(self, src: Any, share: float) -> Any:
        """The gray times a share."""
        raise NotImplementedError


class ContrastJitterAug(_TowardsGray):
    """An augmenter that moves the picture from its mean gray, or to it.

    contrast: the most by which the factor differs from 1.
    """

    def __init__(self, contrast: float) -> None:
        super().__init__(contrast=contrast)
        self.contrast = contrast

    def __call__(self, src: Any) -> Any:
        return self._moved(src, self.contrast)

    def _gray(self, src: Any, share: float) -> Any:
        gray = src * self.coef
        return (3.0 * share / gray.size) * nd.sum(gray)


class SaturationJitterAug(_TowardsGray):
    """An augmenter that moves each pixel from its gray, or to it.

    saturation: the most by which the factor differs from 1.
    """

    def __init__(self, saturation: float) -> None:
        super().__init__(saturation=saturation)
        self.saturation = saturation

    def __call__(self, src: Any) -> Any:
        return self._moved(src, self.saturation)

    def _gray(self, src: Any, share: float) -> Any:
        return nd.sum(src * self.coef, axis=2, keepdims=True) * share


class HueJitterAug(Augmenter):
    """An augmenter that turns the colours.

    hue: the largest angle, where 1 is a half turn.
    """

    def __init__(self, hue: float) -> None:
        super().__init__(hue=hue)
        self.hue = hue
        self.tyiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]])
        self.ityiq = np.array([[1.0, 0.956, 0.621], [1.0, -0.272, -0.647], [1.0, -1.107, 1.705]])

    def __call__(self, src: Any) -> Any:
        angle = random.uniform(-self.hue, self.hue) * np.pi
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
        return nd.dot(src, nd.array((self.ityiq @ turn @ self.tyiq).T))


class ColorJitterAug(RandomOrderAug):
    """The augmenters of brightness, contrast and saturation in a random order; those of strength 0 are left out."""

    def __init__(self, brightness: float, contrast: float, saturation: float) -> None:
        kinds = ((BrightnessJitterAug, brightness), (ContrastJitterAug, contrast), (SaturationJitterAug, saturation))
        super().__init__([kind(strength) for kind, strength in kinds if strength > 0])


class LightingAug(Augmenter):
    """An augmenter that adds a random multiple of each of the directions in which colours vary.

    alphastd: the deviation of the multiples, drawn from NumPy's global generator.
    eigval, eigvec: how much the colours vary, and the directions as columns.
    """

    def __init__(self, alphastd: float, eigval: Any, eigvec: Any) -> None:
        super().__init__(alphastd=alphastd, eigval=eigval, eigvec=eigvec)
        self.alphastd = alphastd
        self.eigval = eigval
        self.eigvec = eigvec

    def __call__(self, src: Any) -> Any:
        alpha = np.random.normal(0, self.alphastd, size=(3,))
        src += nd.array(np.dot(self.eigvec * alpha, self.eigval))
        return src


class ColorNormalizeAug(Augmenter):
    """`color_normalize` as an augmenter.

    mean, std: arrays, lists or None.

    >>> from tracer import nd
    >>> ColorNormalizeAug([1, 1, 1], [2, 2, 2])(nd.ones((1, 1, 3)) * 5).asnumpy().tolist()
    [[[2.0, 2.0, 2.0]]]
    """

    def __init__(self, mean: Any, std: Any) -> None:
        super().__init__(mean=mean, std=std)
        self.mean = mean if mean is None or isinstance(mean, NDArray) else nd.array(mean)
        self.std = std if std is None or isinstance(std, NDArray) else nd.array(std)

    def __call__(self, src: Any) -> Any:
        return color_normalize(src, self.mean, self.std)


class RandomGrayAug(Augmenter):
    """An augmenter that makes the picture gray.

    p: the probability of it.
    """

    def __init__(self, p: float) -> None:
        super().__init__(p=p)
        self.p = p
        self.mat = nd.array([[0.21] * 3, [0.72] * 3, [0.07] * 3])

    def __call__(self, src: Any) -> Any:
        return nd.dot(src, self.mat) if random.random() < self.p else src


def CreateAugmenter(data_shape: tuple[int, int, int], resize: int = 0, rand_crop: bool = False,
                    rand_resize: bool = False, rand_mirror: bool = False, mean: Any = None, std: Any = None,
                    brightness: float = 0, contrast: float = 0, saturation: float = 0, hue: float = 0,
                    pca_noise: float = 0, rand_gray: float = 0, inter_method: int = 2) -> list[Augmenter]:
    """The usual list of augmenters.

    data_shape: (channels, height, width) of the result.
    resize: the size of the shorter side before a part is cut out; 0: it stays.
    rand_crop: whether the part is at a random place; otherwise in the middle.
    rand_resize: whether its size is random, too; then `rand_crop` must be true (AssertionError).
    rand_mirror: whether the columns are reversed with probability 0.5.
    mean, std: arrays for `color_normalize`; True: those of ImageNet; None: left out.
    brightness, contrast, saturation, hue: the strengths of the augmenters of these names.
    pca_noise: the deviation for `LightingAug`.
    rand_gray: the probability for `RandomGrayAug`.
    inter_method: as in `resize_short`.

    >>> [type(one).__name__ for one in CreateAugmenter((3, 8, 8), rand_mirror=True)]
    ['CenterCropAug', 'HorizontalFlipAug', 'CastAug']
    """
    found: list[Augmenter] = []
    if resize > 0:
        found.append(ResizeAug(resize, inter_method))
    size = (data_shape[2], data_shape[1])
    if rand_resize:
        assert rand_crop
        found.append(RandomSizedCropAug(size, 0.08, (3.0 / 4.0, 4.0 / 3.0), inter_method))
    else:
        found.append((RandomCropAug if rand_crop else CenterCropAug)(size, inter_method))
    if rand_mirror:
        found.append(HorizontalFlipAug(0.5))
    return found + color_augmenters(brightness, contrast, saturation, hue, pca_noise, rand_gray, mean, std)


def color_augmenters(brightness: float, contrast: float, saturation: float, hue: float, pca_noise: float,
                     rand_gray: float, mean: Any, std: Any) -> list[Augmenter]:
    """The end of the usual list: a cast to float32, then the colours."""
    found: list[Augmenter] = [CastAug()]
    if brightness or contrast or saturation:
        found.append(ColorJitterAug(brightness, contrast, saturation))
    if hue:
        found.append(HueJitterAug(hue))
    if pca_noise > 0:
        found.append(LightingAug(pca_noise, EIGENVALUES, EIGENVECTORS))
    if rand_gray > 0:
        found.append(RandomGrayAug(rand_gray))
    given = []
    for name, value, usual in (("mean", mean, MEAN), ("std", std, STD)):
        value = nd.array(usual) if value is True else value
        assert value is None or isinstance(value, (np.ndarray, NDArray)) and value.shape[0] in (1, 3), (
            f"{name} must be True, None or an array with one number or three, not {value}")
        given.append(value)
    if mean is not None or std is not None:
        found.append(ColorNormalizeAug(*given))
    return found

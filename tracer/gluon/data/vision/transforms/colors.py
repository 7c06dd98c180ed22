"""Transforms of the numbers of a picture (height, width, channels): of its colours, and to a tensor.

What follows the picture among a transform's arguments is returned behind it, as in MXNet 2.
"""
from __future__ import annotations

from typing import Any

from .....numpy import ndarray
from ....hybrid_block import HybridBlock
from .spaces import _append_return, chosen, functions

__all__: list[str] = []


class ToTensor(HybridBlock):
    """A picture as a tensor: (channels, height, width), float32, its numbers divided by 255.

    >>> from tracer import nd
    >>> ToTensor()(nd.ones((4, 6, 3), dtype="uint8")).shape
    (3, 4, 6)
    """

    _takes_batches = True

    def __init__(self) -> None:
        super().__init__()

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The tensor."""
        return _append_return(functions(F, x).to_tensor(x), *args)


class Normalize(HybridBlock):
    """A tensor (channels, height, width) less `mean`, divided by `std`.

    mean, std: a number, or one for each channel.

    >>> from tracer import nd
    >>> Normalize(0.5, 0.25)(nd.ones((1, 1, 1))).asscalar()
    np.float32(2.0)
    """

    _takes_batches = True

    def __init__(self, mean: Any = 0.0, std: Any = 1.0) -> None:
        super().__init__()
        self._mean = mean
        self._std = std

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The normalized tensor."""
        return _append_return(functions(F, x).normalize(x, self._mean, self._std), *args)


class _Changed(HybridBlock):
    """A picture changed by a random number.

    args: the arguments of the function.
    """

    _function = ""

    def __init__(self, *args: float) -> None:
        super().__init__()
        self._args = args

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The changed picture."""
        return _append_return(getattr(functions(F, x), self._function)(x, *self._args), *args)


class RandomBrightness(_Changed):
    """A picture times a random number.

    brightness: the most by which it differs from 1.
    """

    _function = "random_brightness"

    def __init__(self, brightness: float) -> None:
        super().__init__(max(0, 1 - brightness), 1 + brightness)


class RandomContrast(_Changed):
    """A picture moved from its mean gray, or to it.

    contrast: the most by which the factor differs from 1.
    """

    _function = "random_contrast"

    def __init__(self, contrast: float) -> None:
        super().__init__(max(0, 1 - contrast), 1 + contrast)


class RandomSaturation(_Changed):
    """A picture whose pixels are moved from their gray, or to it.

    saturation: the most by which the factor differs from 1.
    """

    _function = "random_saturation"

    def __init__(self, saturation: float) -> None:
        super().__init__(max(0, 1 - saturation), 1 + saturation)


class RandomHue(_Changed):
    """A picture whose colours are turned.

    hue: the most by which the turn differs from 1, a whole one.
    """

    _function = "random_hue"

    def __init__(self, hue: float) -> None:
        super().__init__(max(0, 1 - hue), 1 + hue)


class RandomColorJitter(_Changed):
    """A picture with the four changes before in a random order.

    brightness, contrast, saturation, hue: their strengths; one of strength 0 is left out.
    """

    _function = "random_color_jitter"

    def __init__(self, brightness: float = 0, contrast: float = 0, saturation: float = 0, hue: float = 0) -> None:
        super().__init__(brightness, contrast, saturation, hue)


class RandomLighting(_Changed):
    """A picture with a random multiple of each direction in which colours vary.

    alpha: the deviation of the multiples.

    Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, NeurIPS 2012.
    """

    _function = "random_lighting"

    def __init__(self, alpha: float) -> None:
        super().__init__(alpha)
        self._alpha = alpha


class RandomGray(HybridBlock):
    """A picture of three channels, cast to float32, or at random its sums over the channels times 0.2989, 0.587, 0.114.

    p: the probability of the latter.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The picture."""
        x = x.astype("float32")
        weights = (F.np if isinstance(x, ndarray) else F).array([0.2989, 0.5870, 0.114])
        return _append_return(chosen(F, self.p, x.sum(axis=-1, keepdims=True) * weights, x), *args)

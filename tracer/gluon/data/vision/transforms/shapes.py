"""Transforms of the size and place of a picture (height, width, channels): parts, flips, rotations.

What follows the picture among a transform's arguments is returned behind it, as in MXNet 2.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..... import generation
from .....base import numeric_types
from .....image import cropping
from .....numpy import ndarray
from ....block import Block
from ....hybrid_block import HybridBlock
from .spaces import _append_return, functions

__all__: list[str] = []


def _pair(size: Any) -> Any:
    """A width and a height."""
    return (size, size) if isinstance(size, numeric_types) else size


class Resize(HybridBlock):
    """A picture, or a batch, of another size.

    size: (width, height), or one number for both.
    keep_ratio: whether one number is the shorter side's, and the ratio is kept.
    interpolation: 0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos, as OpenCV computes them.

    >>> from tracer import nd
    >>> Resize((3, 2))(nd.ones((4, 6, 3))).shape
    (2, 3, 3)
    """

    def __init__(self, size: Any, keep_ratio: bool = False, interpolation: int = 1) -> None:
        super().__init__()
        self._keep = keep_ratio
        self._size = size
        self._interpolation = interpolation

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The resized picture."""
        return _append_return(functions(F, x).resize(x, self._size, self._keep, self._interpolation), *args)


class CropResize(HybridBlock):
    """A part of a picture, or of a batch, resized.

    x, y: the part's first column and row.
    width, height: its size.
    size: that of the result, as in `Resize`; None: the part's.
    interpolation: as in `Resize`; None: linear.
    """

    def __init__(self, x: int, y: int, width: int, height: int, size: Any = None,
                 interpolation: int | None = None) -> None:
        super().__init__()
        self._x, self._y, self._width, self._height = x, y, width, height
        self._size = size
        self._interpolation = interpolation

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The part."""
        space = functions(F, x)
        part = space.crop(x, self._x, self._y, self._width, self._height)
        if self._size:
            part = space.resize(part, self._size, False, 1 if self._interpolation is None else self._interpolation)
        return _append_return(part, *args)


class _DrawsInPython(HybridBlock):
    """A transform that in MXNet 1 is a function of `mx.image`, whose draws a hybridized block would not repeat."""

    @property
    def _draws_in_python(self) -> bool:
        """Whether `Compose` may not hybridize it."""
        return not generation.is_2()


class CenterCrop(_DrawsInPython):
    """The part in the middle of a picture; a smaller picture is enlarged.

    size: (width, height), or one number for both.
    interpolation: as in `Resize`.
    """

    def __init__(self, size: Any, interpolation: int = 1) -> None:
        super().__init__()
        self._size, self._interpolation = _pair(size), interpolation

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The part."""
        if generation.is_2():
            made = functions(F, x).random_crop(x, (0.5, 0.5), (0.5, 0.5), *self._size, self._interpolation)
        else:
            made = cropping.center_crop(x, self._size, self._interpolation)[0]
        return _append_return(made, *args)


class RandomResizedCrop(_DrawsInPython):
    """A part of a picture of random place, size and shape, resized.

    size: (width, height) of the result, or one number for both.
    scale: the interval of the part's share of the picture, or its lower end.
    ratio: the interval of its width by its height.
    interpolation: as in `Resize`.

    The draws are Python's generator's, and in MXNet 2 those of MXNet's.
    """

    def __init__(self, size: Any, scale: Any = (0.08, 1.0), ratio: Any = (3.0 / 4.0, 4.0 / 3.0),
                 interpolation: int = 1) -> None:
        super().__init__()
        scale = (scale, 1.0) if isinstance(scale, numeric_types) else scale
        self._args = (_pair(size), scale, ratio, interpolation)

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The part."""
        if generation.is_2():
            size, scale, ratio, method = self._args
            made = functions(F, x).random_resized_crop(x, *size, scale, ratio, method)
        else:
            made = cropping.random_size_crop(x, *self._args)[0]
        return _append_return(made, *args)


class RandomCrop(HybridBlock):
    """A part of a picture at a random place; a smaller picture is enlarged.

    size: (width, height), or one number for both.
    pad: the width of a border that the picture gets first, or that before and behind the rows, then the columns.
    pad_value: the number in the border.
    interpolation: as in `Resize`.
    """

    def __init__(self, size: Any, pad: Any = None, pad_value: float = 0, interpolation: int = 1) -> None:
        super().__init__()
        self._args = ((0, 1), (0, 1), *_pair(size), interpolation)
        self._pad_value = pad_value
        if isinstance(pad, int):
            pad = (pad,) * 4
        assert pad is None or len(pad) >= 4, f"pad has {pad} in place of a number, or of four"
        self._pad = pad and tuple(pad)

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The part."""
        if self._pad and isinstance(x, ndarray):
            x = F.np.pad(x, (self._pad[:2], self._pad[2:4], (0, 0)), mode="constant", constant_values=self._pad_value)
        elif self._pad:
            wide = x.astype("float32").expand_dims(axis=0).expand_dims(axis=0)
            wide = F.pad(wide, mode="constant", pad_width=(0, 0, 0, 0, *self._pad[:4], 0, 0),
                         constant_value=self._pad_value)
            x = wide.reshape(wide.shape[2:]).astype(x.dtype)
        return _append_return(functions(F, x).random_crop(x, *self._args), *args)


class _Flip(HybridBlock):
    """A picture, at random flipped.

    p: the probability of it.
    """

    _function = ""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The picture."""
        space = functions(F, x)
        if self.p >= 1:
            x = getattr(space, self._function)(x)
        elif self.p > 0:
            x = getattr(space, "random_" + self._function)(x, p=self.p)
        return _append_return(x, *args)


class RandomFlipLeftRight(_Flip):
    """A picture, at random with its columns reversed.

    p: the probability of it.
    """

    _function = "flip_left_right"


class RandomFlipTopBottom(_Flip):
    """A picture, at random with its rows reversed.

    p: the probability of it.
    """

    _function = "flip_top_bottom"


def _check_single(x: Any) -> None:
    if np.dtype(x.dtype) != np.float32:
        raise TypeError("This transformation only supports float32. Consider calling it after ToTensor, given: "
                        f"{np.dtype(x.dtype).name}")


class Rotate(Block):
    """A tensor (channels, height, width), or a batch, rotated about its middle; see `mx.image.imrotate`.

    rotation_degrees: the angle, or an array with one for each of a batch.
    zoom_in: whether it is enlarged so that no corner is empty.
    zoom_out: whether it is made smaller so that nothing is cut off.
    """

    def __init__(self, rotation_degrees: Any, zoom_in: bool = False, zoom_out: bool = False) -> None:
        super().__init__()
        self._args = (rotation_degrees, zoom_in, zoom_out)

    def forward(self, x: Any, *args: Any) -> Any:
        """The rotated tensor. TypeError for another dtype than float32."""
        _check_single(x)
        return _append_return(cropping.imrotate(x, *self._args), *args)


class RandomRotation(Block):
    """A tensor (channels, height, width), or a batch, rotated by random angles from NumPy's global generator.

    angle_limits: the interval of the angles; ValueError unless it is one.
    zoom_in, zoom_out: as in `Rotate`.
    rotate_with_proba: the probability that it is rotated at all; ValueError unless it is one.
    """

    def __init__(self, angle_limits: tuple[float, float], zoom_in: bool = False, zoom_out: bool = False,
                 rotate_with_proba: float = 1.0) -> None:
        super().__init__()
        lower, upper = angle_limits
        if lower >= upper:
            raise ValueError("`angle_limits` must be an ordered tuple")
        if rotate_with_proba < 0 or rotate_with_proba > 1:
            raise ValueError("Probability of rotating the image should be between 0 and 1")
        self._args = (angle_limits, zoom_in, zoom_out)
        self._rotate_with_proba = rotate_with_proba

    def forward(self, x: Any, *args: Any) -> Any:
        """The tensor. TypeError for another dtype than float32."""
        if np.random.random() > self._rotate_with_proba:
            return x
        _check_single(x)
        return _append_return(cropping.random_rotate(x, *self._args), *args)

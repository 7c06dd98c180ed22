"""Layers without parameters that rearrange the pixels of images: shuffling channels into pixels, and reflection."""
from __future__ import annotations

import math
from typing import Any

from ...base import MXNetError, numeric_types
from ...symbol import Symbol
from ..hybrid_block import HybridBlock
from . import flavour

__all__ = ["PixelShuffle1D", "PixelShuffle2D", "PixelShuffle3D", "ReflectionPad2D"]


def _factors(factor: Any, rank: int) -> tuple[int, ...]:
    try:
        return (int(factor),) * rank
    except TypeError:
        found = tuple([int(f) for f in factor])
        assert len(found) == rank, f"wrong length {len(found)}"
        return found


def _shuffled(block: HybridBlock, F: Any, x: Any, factors: tuple[int, ...]) -> Any:
    """(batch, channels * product of factors, *size) to (batch, channels, *(factor * length for each axis))."""
    if isinstance(x, Symbol):
        return _graph(F, x, factors)
    rank = len(factors)
    if x.ndim != rank + 2 or x.shape[1] % math.prod(factors):
        raise MXNetError(f"{block!r} takes data of {rank + 2} axes, the second a multiple of "
                         f"{math.prod(factors)}, but got shape {x.shape}")
    batch, _, *size = x.shape
    split = x.reshape((batch, -1, *factors, *size))
    pairs = [axis for i in range(rank) for axis in (2 + rank + i, 2 + i)]
    return split.transpose((0, 1, *pairs)).reshape((batch, -1, *[f * n for f, n in zip(factors, size, strict=True)]))


def _graph(F: Any, x: Symbol, factors: tuple[int, ...]) -> Any:
    """The same of a symbol, whose sizes are not known, by the operators that MXNet's layers use."""
    rank, rest = len(factors), math.prod(factors)
    x = F.reshape(x, (0, -4, -1, rest, *(0,) * rank))
    if rank == 3:  # MXNet transposes at most six axes
        for i, factor in enumerate(factors):
            rest, more = rest // factor, rank - i - 1
            x = F.swapaxes(x, 2 + i, 3 + i)
            if more:
                x = F.reshape(x, (*(0,) * (3 + i), -4, factor, rest, *(0,) * more))
            x = F.reshape(x, (*(0,) * (2 + i), -3, *(0,) * (more and more + 1)))
        return x
    if rank == 2:
        x = F.reshape(x, (0, 0, -4, *factors, 0, 0))
    x = F.transpose(x, (0, 1, 3, 2) if rank == 1 else (0, 1, 4, 2, 5, 3))
    return F.reshape(x, (0, 0, *(-3,) * rank))


class PixelShuffle1D(HybridBlock):
    """Upsampling along one axis: (batch, factor * channels, width) to (batch, channels, factor * width).

    factor: the number of channels that become neighbours.

    >>> from tracer import nd
    >>> PixelShuffle1D(2)(nd.array([[[1, 2], [3, 4]]])).asnumpy().tolist()
    [[[1.0, 3.0, 2.0, 4.0]]]
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self._factor = int(factor)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return _shuffled(self, F, x, (self._factor,))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._factor})"


class PixelShuffle2D(HybridBlock):
    """Upsampling along two axes: groups of channels become blocks of pixels.

    factor: a number, or one for each axis. A group has as many channels as their product.

    Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
    Network, CVPR 2016.

    >>> from tracer import nd
    >>> PixelShuffle2D((2, 3))(nd.zeros((1, 12, 3, 5))).shape
    (1, 2, 6, 15)
    """

    def __init__(self, factor: Any) -> None:
        super().__init__()
        self._factors = _factors(factor, 2)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return _shuffled(self, F, x, self._factors)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._factors})"


class PixelShuffle3D(HybridBlock):
    """Upsampling along three axes: groups of channels become blocks of voxels.

    factor: a number, or one for each axis. A group has as many channels as their product.

    >>> from tracer import nd
    >>> PixelShuffle3D((2, 3, 4))(nd.zeros((1, 48, 3, 5, 7))).shape
    (1, 2, 6, 15, 28)
    """

    def __init__(self, factor: Any) -> None:
        super().__init__()
        self._factors = _factors(factor, 3)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return _shuffled(self, F, x, self._factors)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._factors})"


class ReflectionPad2D(HybridBlock):
    """Padding of (batch, channels, height, width) by its reflection at the edges.

    padding: a number of pixels, or eight numbers, before and after each axis, of which the first four are 0.

    >>> from tracer import nd
    >>> ReflectionPad2D(1)(nd.array([[[[1, 2], [3, 4]]]])).asnumpy()[0, 0, 0].tolist()
    [4.0, 3.0, 4.0, 3.0]
    """

    def __init__(self, padding: Any = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(padding, numeric_types):
            padding = (0,) * 4 + (padding,) * 4
        assert len(padding) == 8, f"padding must be a number or 8 numbers, but is {padding}"
        self._padding = padding

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return flavour.of(F, x, "pad", "pad")(x, mode="reflect", pad_width=self._padding)

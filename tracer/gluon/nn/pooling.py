"""Poolings over one to three axes, as layers: the maximum or mean of windows, or of all positions."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..hybrid_block import HybridBlock
from . import flavour
from .convolution import sized, spread

__all__ = ["AvgPool1D", "AvgPool2D", "AvgPool3D", "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D",
           "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D", "MaxPool1D", "MaxPool2D", "MaxPool3D"]

_LAYOUTS = {1: ("NCW", "NWC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}


class _Pooling(HybridBlock):
    """The base of all poolings.

    pool_size, strides, padding: a number for each axis; of the last two one number serves for all, and strides=None
        stands for the pool's size.
    ceil_mode: whether positions left over at the end make one more window.
    global_pool: whether there is one window, of all positions.
    pool_type: "max" or "avg".
    layout: the order of the data's axes, such as "NCHW" or "NHWC".
    count_include_pad: whether padding counts in a mean.
    """

    def __init__(self, pool_size: Sequence[int], strides: Any, padding: Any, ceil_mode: bool, global_pool: bool,
                 pool_type: str, layout: str, count_include_pad: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        rank = len(pool_size)
        self._kwargs: dict[str, Any] = {
            "kernel": pool_size, "stride": spread(pool_size if strides is None else strides, rank, "strides"),
            "pad": spread(padding, rank, "padding"), "global_pool": global_pool, "pool_type": pool_type,
            "layout": layout, "pooling_convention": "full" if ceil_mode else "valid"}
        if count_include_pad is not None:
            self._kwargs["count_include_pad"] = count_include_pad

    def _alias(self) -> str:
        return "pool"

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return flavour.of(F, x, "Pooling", "pooling")(x, name="fwd", **self._kwargs)

    def __repr__(self) -> str:
        return ("{}(size={kernel}, stride={stride}, padding={pad}, ceil_mode={}, global_pool={global_pool}, "
                "pool_type={pool_type}, layout={layout})").format(
                    type(self).__name__, self._kwargs["pooling_convention"] == "full", **self._kwargs)


class _OfRank(_Pooling):
    """A pooling over the number of axes, and of the type, that its class says."""

    _rank: int
    _type: str

    def __init__(self, pool_size: Any, strides: Any, padding: Any, ceil_mode: bool, layout: str,
                 count_include_pad: bool | None = None, global_pool: bool = False, **kwargs: Any) -> None:
        names = " and ".join(_LAYOUTS[self._rank])
        assert layout in _LAYOUTS[self._rank], f"Only {names} layouts are valid for {self._rank}D Pooling"
        super().__init__(sized(pool_size, self._rank, "pool_size"), strides, padding, ceil_mode, global_pool,
                         self._type, layout, count_include_pad, **kwargs)


class MaxPool1D(_OfRank):
    """The maximum of windows along the last axis of (batch, channels, width).

    The parameters are those of `MaxPool2D`; layout: "NCW" or "NWC".

    >>> from tracer import nd
    >>> MaxPool1D()(nd.array([[[1, 2, 4, 3]]])).asnumpy().tolist()
    [[[2.0, 4.0]]]
    """

    _rank, _type = 1, "max"

    def __init__(self, pool_size: Any = 2, strides: Any = None, padding: Any = 0, layout: str = "NCW",
                 ceil_mode: bool = False, **kwargs: Any) -> None:
        super().__init__(pool_size, strides, padding, ceil_mode, layout, **kwargs)


class MaxPool2D(_OfRank):
    """The maximum of windows over the last two axes of (batch, channels, height, width).

    pool_size, strides, padding: a number, or one for each axis; strides=None: the pool's size.
    layout: "NCHW" or "NHWC". AssertionError for another.
    ceil_mode: whether positions left over at the end make one more window.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/nn/index.html#mxnet.gluon.nn.MaxPool2D

    >>> from tracer import nd
    >>> MaxPool2D(2)(nd.arange(16).reshape((1, 1, 4, 4))).asnumpy().tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """

    _rank, _type = 2, "max"

    def __init__(self, pool_size: Any = (2, 2), strides: Any = None, padding: Any = 0, layout: str = "NCHW",
                 ceil_mode: bool = False, **kwargs: Any) -> None:
        super().__init__(pool_size, strides, padding, ceil_mode, layout, **kwargs)


class MaxPool3D(_OfRank):
    """The maximum of windows over the last three axes of (batch, channels, depth, height, width).

    The parameters are those of `MaxPool2D`; layout: "NCDHW" or "NDHWC".

    >>> from tracer import nd
    >>> MaxPool3D(2)(nd.arange(8).reshape((1, 1, 2, 2, 2))).asnumpy().tolist()
    [[[[[7.0]]]]]
    """

    _rank, _type = 3, "max"

    def __init__(self, pool_size: Any = (2, 2, 2), strides: Any = None, padding: Any = 0, ceil_mode: bool = False,
                 layout: str = "NCDHW", **kwargs: Any) -> None:
        super().__init__(pool_size, strides, padding, ceil_mode, layout, **kwargs)


class AvgPool1D(_OfRank):
    """The mean of windows along the last axis of (batch, channels, width).

    The parameters are those of `AvgPool2D`; layout: "NCW" or "NWC".

    >>> from tracer import nd
    >>> AvgPool1D()(nd.array([[[1, 3, 4, 6]]])).asnumpy().tolist()
    [[[2.0, 5.0]]]
    """

    _rank, _type = 1, "avg"

    def __init__(self, pool_size: Any = 2, strides: Any = None, padding: Any = 0, layout: str = "NCW",
                 ceil_mode: bool = False, count_include_pad: bool = True, **kwargs: Any) -> None:
        super().__init__(pool_size, strides, padding, ceil_mode, layout, count_include_pad, **kwargs)


class AvgPool2D(_OfRank):
    """The mean of windows over the last two axes of (batch, channels, height, width).

    count_include_pad: whether padding counts in the mean. The other parameters are those of `MaxPool2D`.

    >>> from tracer import nd
    >>> AvgPool2D(2)(nd.arange(16).reshape((1, 1, 4, 4))).asnumpy().tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """

    _rank, _type = 2, "avg"

    def __init__(self, pool_size: Any = (2, 2), strides: Any = None, padding: Any = 0, ceil_mode: bool = False,
                 layout: str = "NCHW", count_include_pad: bool = True, **kwargs: Any) -> None:
        super().__init__(pool_size, strides, padding, ceil_mode, layout, count_include_pad, **kwargs)


class AvgPool3D(_OfRank):
    """The mean of windows over the last three axes of (batch, channels, depth, height, width).

    The parameters are those of `AvgPool2D`; layout: "NCDHW" or "NDHWC".

    >>> from tracer import nd
    >>> AvgPool3D(2)(nd.arange(8).reshape((1, 1, 2, 2, 2))).asnumpy().tolist()
    [[[[[3.5]]]]]
    """

    _rank, _type = 3, "avg"

    def __init__(self, pool_size: Any = (2, 2, 2), strides: Any = None, padding: Any = 0, ceil_mode: bool = False,
                 layout: str = "NCDHW", count_include_pad: bool = True, **kwargs: Any) -> None:
        super().__init__(pool_size, strides, padding, ceil_mode, layout, count_include_pad, **kwargs)


class _Global(_OfRank):
    """A pooling over all positions."""

    def __init__(self, layout: str, **kwargs: Any) -> None:
        super().__init__((1,) * self._rank, None, 0, True, layout, global_pool=True, **kwargs)


class GlobalMaxPool1D(_Global):
    """The maximum over the last axis of (batch, channels, width), which is kept; layout: "NCW" or "NWC".

    >>> from tracer import nd
    >>> GlobalMaxPool1D()(nd.ones((2, 3, 4))).shape
    (2, 3, 1)
    """

    _rank, _type = 1, "max"

    def __init__(self, layout: str = "NCW", **kwargs: Any) -> None:
        super().__init__(layout, **kwargs)


class GlobalMaxPool2D(_Global):
    """The maximum over the last two axes of (batch, channels, height, width), which are kept.

    layout: "NCHW" or "NHWC".

    >>> from tracer import nd
    >>> GlobalMaxPool2D()(nd.ones((2, 3, 4, 5))).shape
    (2, 3, 1, 1)
    """

    _rank, _type = 2, "max"

    def __init__(self, layout: str = "NCHW", **kwargs: Any) -> None:
        super().__init__(layout, **kwargs)


class GlobalMaxPool3D(_Global):
    """The maximum over the last three axes of (batch, channels, depth, height, width), which are kept.

    layout: "NCDHW" or "NDHWC".

    >>> from tracer import nd
    >>> GlobalMaxPool3D()(nd.ones((2, 3, 4, 5, 6))).shape
    (2, 3, 1, 1, 1)
    """

    _rank, _type = 3, "max"

    def __init__(self, layout: str = "NCDHW", **kwargs: Any) -> None:
        super().__init__(layout, **kwargs)


class GlobalAvgPool1D(_Global):
    """The mean over the last axis of (batch, channels, width), which is kept; layout: "NCW" or "NWC".

    >>> from tracer import nd
    >>> GlobalAvgPool1D()(nd.array([[[1, 3]]])).asnumpy().tolist()
    [[[2.0]]]
    """

    _rank, _type = 1, "avg"

    def __init__(self, layout: str = "NCW", **kwargs: Any) -> None:
        super().__init__(layout, **kwargs)


class GlobalAvgPool2D(_Global):
    """The mean over the last two axes of (batch, channels, height, width), which are kept.

    layout: "NCHW" or "NHWC".

    >>> from tracer import nd
    >>> GlobalAvgPool2D()(nd.array([[[[1, 3]]]])).asnumpy().tolist()
    [[[[2.0]]]]
    """

    _rank, _type = 2, "avg"

    def __init__(self, layout: str = "NCHW", **kwargs: Any) -> None:
        super().__init__(layout, **kwargs)


class GlobalAvgPool3D(_Global):
    """The mean over the last three axes of (batch, channels, depth, height, width), which are kept.

    layout: "NCDHW" or "NDHWC".

    >>> from tracer import nd
    >>> GlobalAvgPool3D()(nd.ones((2, 3, 4, 5, 6))).shape
    (2, 3, 1, 1, 1)
    """

    _rank, _type = 3, "avg"

    def __init__(self, layout: str = "NCDHW", **kwargs: Any) -> None:
        super().__init__(layout, **kwargs)

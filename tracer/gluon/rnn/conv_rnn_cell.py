"""Convolutional recurrent cells for one, two and three spatial axes, under the module's name in MXNet."""
from __future__ import annotations

from typing import Any

from .conv_cells import _ConvGRUCell, _ConvLSTMCell, _ConvRNNCell

__all__ = ["Conv1DGRUCell", "Conv1DLSTMCell", "Conv1DRNNCell", "Conv2DGRUCell", "Conv2DLSTMCell", "Conv2DRNNCell",
           "Conv3DGRUCell", "Conv3DLSTMCell", "Conv3DRNNCell"]


class Conv1DRNNCell(_ConvRNNCell):
    """The simple recurrent cell with convolutions along one spatial axis.

    The parameters are those of `conv_cells._BaseConvRNNCell`.

    >>> from tracer import nd
    >>> cell = Conv1DRNNCell((3, 8), 2, i2h_kernel=3, h2h_kernel=3, i2h_pad=1)
    >>> cell.initialize()
    >>> cell(nd.ones((1, *(3, 8))), cell.begin_state(1))[0].shape
    (1, 2, 8)
    """

    def __init__(self, input_shape: Any, hidden_channels: int, i2h_kernel: Any, h2h_kernel: Any,
                 i2h_pad: Any = (0,), i2h_dilate: Any = (1,), h2h_dilate: Any = (1,),
                 i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", conv_layout: str = "NCW",
                 activation: Any = "tanh", prefix: str | None = None, params: Any = None) -> None:
        super().__init__(input_shape, hidden_channels, i2h_kernel, h2h_kernel, i2h_pad, i2h_dilate, h2h_dilate,
                         i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
                         1, conv_layout, activation, prefix, params)


class Conv2DRNNCell(_ConvRNNCell):
    """The simple recurrent cell with convolutions along two spatial axes.

    The parameters are those of `conv_cells._BaseConvRNNCell`.

    >>> from tracer import nd
    >>> cell = Conv2DRNNCell((3, 8, 8), 2, i2h_kernel=3, h2h_kernel=3, i2h_pad=1)
    >>> cell.initialize()
    >>> cell(nd.ones((1, *(3, 8, 8))), cell.begin_state(1))[0].shape
    (1, 2, 8, 8)
    """

    def __init__(self, input_shape: Any, hidden_channels: int, i2h_kernel: Any, h2h_kernel: Any,
                 i2h_pad: Any = (0, 0), i2h_dilate: Any = (1, 1), h2h_dilate: Any = (1, 1),
                 i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", conv_layout: str = "NCHW",
                 activation: Any = "tanh", prefix: str | None = None, params: Any = None) -> None:
        super().__init__(input_shape, hidden_channels, i2h_kernel, h2h_kernel, i2h_pad, i2h_dilate, h2h_dilate,
                         i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
                         2, conv_layout, activation, prefix, params)


class Conv3DRNNCell(_ConvRNNCell):
    """The simple recurrent cell with convolutions along three spatial axes.

    The parameters are those of `conv_cells._BaseConvRNNCell`.

    >>> from tracer import nd
    >>> cell = Conv3DRNNCell((3, 4, 4, 4), 2, i2h_kernel=3, h2h_kernel=3, i2h_pad=1)
    >>> cell.initialize()
    >>> cell(nd.ones((1, *(3, 4, 4, 4))), cell.begin_state(1))[0].shape
    (1, 2, 4, 4, 4)
    """

    def __init__(self, input_shape: Any, hidden_channels: int, i2h_kernel: Any, h2h_kernel: Any,
                 i2h_pad: Any = (0, 0, 0), i2h_dilate: Any = (1, 1, 1), h2h_dilate: Any = (1, 1, 1),
                 i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", conv_layout: str = "NCDHW",
                 activation: Any = "tanh", prefix: str | None = None, params: Any = None) -> None:
        super().__init__(input_shape, hidden_channels, i2h_kernel, h2h_kernel, i2h_pad, i2h_dilate, h2h_dilate,
                         i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
                         3, conv_layout, activation, prefix, params)


class Conv1DLSTMCell(_ConvLSTMCell):
    """The LSTM cell with convolutions along one spatial axis.

    The parameters are those of `conv_cells._BaseConvRNNCell`.

    Shi et al., Convolutional LSTM Network, 2015.

    >>> from tracer import nd
    >>> cell = Conv1DLSTMCell((3, 8), 2, i2h_kernel=3, h2h_kernel=3, i2h_pad=1)
    >>> cell.initialize()
    >>> cell(nd.ones((1, *(3, 8))), cell.begin_state(1))[0].shape
    (1, 2, 8)
    """

    def __init__(self, input_shape: Any, hidden_channels: int, i2h_kernel: Any, h2h_kernel: Any,
                 i2h_pad: Any = (0,), i2h_dilate: Any = (1,), h2h_dilate: Any = (1,),
                 i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", conv_layout: str = "NCW",
                 activation: Any = "tanh", prefix: str | None = None, params: Any = None) -> None:
        super().__init__(input_shape, hidden_channels, i2h_kernel, h2h_kernel, i2h_pad, i2h_dilate, h2h_dilate,
                         i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
                         1, conv_layout, activation, prefix, params)


class Conv2DLSTMCell(_ConvLSTMCell):
    """The LSTM cell with convolutions along two spatial axes.

    The parameters are those of `conv_cells._BaseConvRNNCell`.

    Shi et al., Convolutional LSTM Network, 2015.

    >>> from tracer import nd
    >>> cell = Conv2DLSTMCell((3, 8, 8), 2, i2h_kernel=3, h2h_kernel=3, i2h_pad=1)
    >>> cell.initialize()
    >>> cell(nd.ones((1, *(3, 8, 8))), cell.begin_state(1))[0].shape
    (1, 2, 8, 8)
    """

    def __init__(self, input_shape: Any, hidden_channels: int, i2h_kernel: Any, h2h_kernel: Any,
                 i2h_pad: Any = (0, 0), i2h_dilate: Any = (1, 1), h2h_dilate: Any = (1, 1),
                 i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", conv_layout: str = "NCHW",
                 activation: Any = "tanh", prefix: str | None = None, params: Any = None) -> None:
        super().__init__(input_shape, hidden_channels, i2h_kernel, h2h_kernel, i2h_pad, i2h_dilate, h2h_dilate,
                         i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
                         2, conv_layout, activation, prefix, params)


class Conv3DLSTMCell(_ConvLSTMCell):
    """The LSTM cell with convolutions along three spatial axes.

    The parameters are those of `conv_cells._BaseConvRNNCell`.

    Shi et al., Convolutional LSTM Network, 2015.

    >>> from tracer import nd
    >>> cell = Conv3DLSTMCell((3, 4, 4, 4), 2, i2h_kernel=3, h2h_kernel=3, i2h_pad=1)
    >>> cell.initialize()
    >>> cell(nd.ones((1, *(3, 4, 4, 4))), cell.begin_state(1))[0].shape
    (1, 2, 4, 4, 4)
    """

    def __init__(self, input_shape: Any, hidden_channels: int, i2h_kernel: Any, h2h_kernel: Any,
                 i2h_pad: Any = (0, 0, 0), i2h_dilate: Any = (1, 1, 1), h2h_dilate: Any = (1, 1, 1),
                 i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", conv_layout: str = "NCDHW",
                 activation: Any = "tanh", prefix: str | None = None, params: Any = None) -> None:
        super().__init__(input_shape, hidden_channels, i2h_kernel, h2h_kernel, i2h_pad, i2h_dilate, h2h_dilate,
                         i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
                         3, conv_layout, activation, prefix, params)


class Conv1DGRUCell(_ConvGRUCell):
    """The GRU cell with convolutions along one spatial axis.

    The parameters are those of `conv_cells._BaseConvRNNCell`.

    >>> from tracer import nd
    >>> cell = Conv1DGRUCell((3, 8), 2, i2h_kernel=3, h2h_kernel=3, i2h_pad=1)
    >>> cell.initialize()
    >>> cell(nd.ones((1, *(3, 8))), cell.begin_state(1))[0].shape
    (1, 2, 8)
    """

    def __init__(self, input_shape: Any, hidden_channels: int, i2h_kernel: Any, h2h_kernel: Any,
                 i2h_pad: Any = (0,), i2h_dilate: Any = (1,), h2h_dilate: Any = (1,),
                 i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", conv_layout: str = "NCW",
                 activation: Any = "tanh", prefix: str | None = None, params: Any = None) -> None:
        super().__init__(input_shape, hidden_channels, i2h_kernel, h2h_kernel, i2h_pad, i2h_dilate, h2h_dilate,
                         i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
                         1, conv_layout, activation, prefix, params)


class Conv2DGRUCell(_ConvGRUCell):
    """The GRU cell with convolutions along two spatial axes.

    The parameters are those of `conv_cells._BaseConvRNNCell`.

    >>> from tracer import nd
    >>> cell = Conv2DGRUCell((3, 8, 8), 2, i2h_kernel=3, h2h_kernel=3, i2h_pad=1)
    >>> cell.initialize()
    >>> cell(nd.ones((1, *(3, 8, 8))), cell.begin_state(1))[0].shape
    (1, 2, 8, 8)
    """

    def __init__(self, input_shape: Any, hidden_channels: int, i2h_kernel: Any, h2h_kernel: Any,
                 i2h_pad: Any = (0, 0), i2h_dilate: Any = (1, 1), h2h_dilate: Any = (1, 1),
                 i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", conv_layout: str = "NCHW",
                 activation: Any = "tanh", prefix: str | None = None, params: Any = None) -> None:
        super().__init__(input_shape, hidden_channels, i2h_kernel, h2h_kernel, i2h_pad, i2h_dilate, h2h_dilate,
                         i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
                         2, conv_layout, activation, prefix, params)


class Conv3DGRUCell(_ConvGRUCell):
    """The GRU cell with convolutions along three spatial axes.

    The parameters are those of `conv_cells._BaseConvRNNCell`.

    >>> from tracer import nd
    >>> cell = Conv3DGRUCell((3, 4, 4, 4), 2, i2h_kernel=3, h2h_kernel=3, i2h_pad=1)
    >>> cell.initialize()
    >>> cell(nd.ones((1, *(3, 4, 4, 4))), cell.begin_state(1))[0].shape
    (1, 2, 4, 4, 4)
    """

    def __init__(self, input_shape: Any, hidden_channels: int, i2h_kernel: Any, h2h_kernel: Any,
                 i2h_pad: Any = (0, 0, 0), i2h_dilate: Any = (1, 1, 1), h2h_dilate: Any = (1, 1, 1),
                 i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", conv_layout: str = "NCDHW",
                 activation: Any = "tanh", prefix: str | None = None, params: Any = None) -> None:
        super().__init__(input_shape, hidden_channels, i2h_kernel, h2h_kernel, i2h_pad, i2h_dilate, h2h_dilate,
                         i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
                         3, conv_layout, activation, prefix, params)

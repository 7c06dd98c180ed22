"""Cells whose products are convolutions: `ConvRNNCell`, `ConvLSTMCell`, `ConvGRUCell`."""
from __future__ import annotations

import functools
from typing import Any

from .. import symbol
from .base_cell import BaseRNNCell, RNNParams

sym: Any = symbol  # its functions are generated: type checkers do not see them

__all__ = ["BaseConvRNNCell", "ConvGRUCell", "ConvLSTMCell", "ConvRNNCell"]

_LEAKY = functools.partial(sym.LeakyReLU, act_type="leaky", slope=0.2)


class BaseConvRNNCell(BaseRNNCell):
    """The base class of cells whose products are convolutions.

    input_shape: the shape of an input, with its batch size.
    num_hidden: the number of channels of the output.
    h2h_kernel, h2h_dilate: the state's convolution; the kernel is odd, and the padding keeps the size.
    i2h_kernel, i2h_stride, i2h_pad, i2h_dilate: the input's convolution.
    i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer: the initializers.
    activation: the name of an activation, or a function of a symbol.
    prefix, params: as of `BaseRNNCell`.
    conv_layout: the layout of inputs and states.

    https://arxiv.org/abs/1506.04214

    >>> ConvRNNCell((1, 3, 8, 8), 4).state_shape
    [(0, 4, 8, 8)]
    """

    #: The number of states.
    _states = 1

    def __init__(self, input_shape: tuple[int, ...], num_hidden: int, h2h_kernel: Any, h2h_dilate: Any,
                 i2h_kernel: Any, i2h_stride: Any, i2h_pad: Any, i2h_dilate: Any, i2h_weight_initializer: Any,
                 h2h_weight_initializer: Any, i2h_bias_initializer: Any, h2h_bias_initializer: Any, activation: Any,
                 prefix: str = "", params: RNNParams | None = None, conv_layout: str = "NCHW") -> None:
        super().__init__(prefix=prefix, params=params)
        assert h2h_kernel[0] % 2 == 1 and h2h_kernel[1] % 2 == 1, \
            f"Only support odd number, get h2h_kernel= {h2h_kernel}"
        self._h2h_kernel = h2h_kernel
        self._h2h_pad = tuple(h2h_dilate[i] * (h2h_kernel[i] - 1) // 2 for i in range(2))
        self._h2h_dilate = h2h_dilate
        self._i2h_kernel = i2h_kernel
        self._i2h_stride = i2h_stride
        self._i2h_pad = i2h_pad
        self._i2h_dilate = i2h_dilate
        self._num_hidden = num_hidden
        self._input_shape = input_shape
        self._conv_layout = conv_layout
        self._activation = activation
        state = sym.Convolution(data=sym.Variable("data"), num_filter=num_hidden, kernel=i2h_kernel, stride=i2h_stride,
                                pad=i2h_pad, dilate=i2h_dilate, layout=conv_layout)
        self._state_shape = (0, *state.infer_shape(data=input_shape)[1][0][1:])
        self._iW = self.params.get("i2h_weight", init=i2h_weight_initializer)
        self._hW = self.params.get("h2h_weight", init=h2h_weight_initializer)
        self._iB = self.params.get("i2h_bias", init=i2h_bias_initializer)
        self._hB = self.params.get("h2h_bias", init=h2h_bias_initializer)

    @property
    def _num_gates(self) -> int:
        return len(self._gate_names)

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """The shape and layout of each state."""
        return [{"shape": self._state_shape, "__layout__": self._conv_layout} for _ in range(self._states)]

    def _conv_forward(self, inputs: Any, states: list[Any], name: str) -> tuple[Any, Any]:
        """The convolutions of the input and of the state."""
        size = self._num_hidden * self._num_gates
        i2h = sym.Convolution(name=f"{name}i2h", data=inputs, num_filter=size, kernel=self._i2h_kernel,
                              stride=self._i2h_stride, pad=self._i2h_pad, dilate=self._i2h_dilate, weight=self._iW,
                              bias=self._iB, layout=self._conv_layout)
        h2h = sym.Convolution(name=f"{name}h2h", data=states[0], num_filter=size, kernel=self._h2h_kernel,
                              dilate=self._h2h_dilate, pad=self._h2h_pad, stride=(1, 1), weight=self._hW,
                              bias=self._hB, layout=self._conv_layout)
        return i2h, h2h


class ConvRNNCell(BaseConvRNNCell):
    """A convolutional cell whose output is an activation of the sum of both convolutions.

    Parameters as of `BaseConvRNNCell`.

    >>> ConvRNNCell((1, 3, 8, 8), 4)._prefix
    'ConvRNN_'
    """

    def __init__(self, input_shape: tuple[int, ...], num_hidden: int, h2h_kernel: Any = (3, 3),
                 h2h_dilate: Any = (1, 1), i2h_kernel: Any = (3, 3), i2h_stride: Any = (1, 1), i2h_pad: Any = (1, 1),
                 i2h_dilate: Any = (1, 1), i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", activation: Any = _LEAKY,
                 prefix: str = "ConvRNN_", params: RNNParams | None = None, conv_layout: str = "NCHW") -> None:
        super().__init__(input_shape, num_hidden, h2h_kernel, h2h_dilate, i2h_kernel, i2h_stride, i2h_pad, i2h_dilate,
                         i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
                         activation, prefix, params, conv_layout)

    @property
    def _gate_names(self) -> Any:
        return ("",)

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        name = self._next_name()
        i2h, h2h = self._conv_forward(inputs, states, name)
        output = self._get_activation(i2h + h2h, self._activation, name=f"{name}out")
        return output, [output]


class ConvLSTMCell(BaseConvRNNCell):
    """A convolutional cell with long short-term memory.

    Parameters as of `BaseConvRNNCell`.

    >>> len(ConvLSTMCell((1, 3, 8, 8), 4).state_shape)
    2
    """

    _states = 2

    def __init__(self, input_shape: tuple[int, ...], num_hidden: int, h2h_kernel: Any = (3, 3),
                 h2h_dilate: Any = (1, 1), i2h_kernel: Any = (3, 3), i2h_stride: Any = (1, 1), i2h_pad: Any = (1, 1),
                 i2h_dilate: Any = (1, 1), i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", activation: Any = _LEAKY,
                 prefix: str = "ConvLSTM_", params: RNNParams | None = None, conv_layout: str = "NCHW") -> None:
        super().__init__(input_shape, num_hidden, h2h_kernel, h2h_dilate, i2h_kernel, i2h_stride, i2h_pad, i2h_dilate,
                         i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
                         activation, prefix, params, conv_layout)

    @property
    def _gate_names(self) -> Any:
        return ["_i", "_f", "_c", "_o"]

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        name = self._next_name()
        i2h, h2h = self._conv_forward(inputs, states, name)
        parts = sym.SliceChannel(i2h + h2h, num_outputs=4, axis=self._conv_layout.find("C"), name=f"{name}slice")
        write = sym.Activation(parts[0], act_type="sigmoid", name=f"{name}i")
        keep = sym.Activation(parts[1], act_type="sigmoid", name=f"{name}f")
        new = self._get_activation(parts[2], self._activation, name=f"{name}c")
        read = sym.Activation(parts[3], act_type="sigmoid", name=f"{name}o")
        memory = sym._internal._plus(keep * states[1], write * new, name=f"{name}state")
        output = sym._internal._mul(read, self._get_activation(memory, self._activation), name=f"{name}out")
        return output, [output, memory]


class ConvGRUCell(BaseConvRNNCell):
    """A convolutional gated recurrent unit.

    Parameters as of `BaseConvRNNCell`.

    >>> ConvGRUCell((1, 3, 8, 8), 4).state_shape
    [(0, 4, 8, 8)]
    """

    def __init__(self, input_shape: tuple[int, ...], num_hidden: int, h2h_kernel: Any = (3, 3),
                 h2h_dilate: Any = (1, 1), i2h_kernel: Any = (3, 3), i2h_stride: Any = (1, 1), i2h_pad: Any = (1, 1),
                 i2h_dilate: Any = (1, 1), i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
                 i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", activation: Any = _LEAKY,
                 prefix: str = "ConvGRU_", params: RNNParams | None = None, conv_layout: str = "NCHW") -> None:
        super().__init__(input_shape, num_hidden, h2h_kernel, h2h_dilate, i2h_kernel, i2h_stride, i2h_pad, i2h_dilate,
                         i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
                         activation, prefix, params, conv_layout)

    @property
    def _gate_names(self) -> Any:
        return ["_r", "_z", "_o"]

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        name = self._next_name()
        i2h, h2h = self._conv_forward(inputs, states, name)
        i2h_r, i2h_z, i2h_o = sym.SliceChannel(i2h, num_outputs=3, name=f"{name}_i2h_slice")
        h2h_r, h2h_z, h2h_o = sym.SliceChannel(h2h, num_outputs=3, name=f"{name}_h2h_slice")
        reset = sym.Activation(i2h_r + h2h_r, act_type="sigmoid", name=f"{name}_r_act")
        update = sym.Activation(i2h_z + h2h_z, act_type="sigmoid", name=f"{name}_z_act")
        new = self._get_activation(i2h_o + reset * h2h_o, self._activation, name=f"{name}_h_act")
        output = sym._internal._plus((1.0 - update) * new, update * states[0], name=f"{name}out")
        return output, [output]

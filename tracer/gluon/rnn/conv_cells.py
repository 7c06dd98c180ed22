"""Convolutional cells for any number of axes: their gates are convolutions of the input and of the state."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ndarray import NDArray
from ..nn import flavour
from .arithmetic import Step, activated, add, mul, named, parts
from .recurrent_cell import HybridRecurrentCell


class _BaseConvRNNCell(HybridRecurrentCell):
    """A cell whose gates are convolutions.

    input_shape: the shape of the input without the batch.
    hidden_channels: the number of channels of the states.
    i2h_kernel, h2h_kernel: the sizes of the kernels for the input (i2h) and for the state (h2h), which are odd.
    i2h_pad, i2h_dilate, h2h_dilate: zeros around the input, and the distances of the kernels' elements.
    i2h_weight_initializer, ...: the initializers of the parameters.
    dims: the number of spatial axes.
    conv_layout: the input's axes, such as "NCHW".
    activation: the name of the activation of new states, or a layer.
    """

    _gate_names: Sequence[str]
    _states = 1
    i2h_weight: Any

    def __init__(self, input_shape: Sequence[int], hidden_channels: int, i2h_kernel: Any, h2h_kernel: Any,
                 i2h_pad: Any, i2h_dilate: Any, h2h_dilate: Any, i2h_weight_initializer: Any,
                 h2h_weight_initializer: Any, i2h_bias_initializer: Any, h2h_bias_initializer: Any, dims: int,
                 conv_layout: str, activation: Any, prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._hidden_channels = hidden_channels
        self._input_shape = input_shape
        self._conv_layout = conv_layout
        self._activation = activation
        self._stride = (1,) * dims
        self._i2h_kernel, self._i2h_pad, self._i2h_dilate, self._h2h_kernel, self._h2h_dilate = [
            _spatial(given, dims) for given in (i2h_kernel, i2h_pad, i2h_dilate, h2h_kernel, h2h_dilate)]
        assert all(k % 2 == 1 for k in self._h2h_kernel), f"Only support odd number, get h2h_kernel= {h2h_kernel}"
        self._h2h_pad = tuple(d * (k - 1) // 2 for d, k in zip(self._h2h_dilate, self._h2h_kernel))
        self._channel_axis = conv_layout.find("C")
        self._in_channels = input_shape[self._channel_axis - 1]
        self._state_shape = self._shape_of_states()
        rows = hidden_channels * self._num_gates
        for name, shape, init in (
                ("i2h_weight", self._weight(self._i2h_kernel, self._in_channels), i2h_weight_initializer),
                ("h2h_weight", self._weight(self._h2h_kernel, hidden_channels), h2h_weight_initializer),
                ("i2h_bias", (rows,), i2h_bias_initializer), ("h2h_bias", (rows,), h2h_bias_initializer)):
            setattr(self, name, self.params.get(name, shape=shape, init=init, allow_deferred_init=True))

    @property
    def _num_gates(self) -> int:
        return len(self._gate_names)

    def _weight(self, kernel: tuple[int, ...], channels: int) -> tuple[int, ...]:
        inner = (channels, *kernel) if self._channel_axis == 1 else (*kernel, channels)
        return (self._hidden_channels * self._num_gates, *inner)

    def _shape_of_states(self) -> tuple[int, ...]:
        first = self._channel_axis == 1
        sizes = zip(self._input_shape[1:] if first else self._input_shape[:-1], self._i2h_kernel, self._i2h_pad,
                    self._i2h_dilate)
        space = tuple(n + 2 * p - d * (k - 1) if n else 0 for n, k, p, d in sizes)
        return (self._hidden_channels, *space) if first else (*space, self._hidden_channels)

    def infer_shape(self, i: int, x: NDArray, is_bidirect: bool) -> None:
        """Set the shape of the weight for the input, as in MXNet 2, from the channels of the data `x`."""
        self.i2h_weight.shape = self._weight(self._i2h_kernel,
                                             x.shape[-len(self._i2h_kernel) - 1:][self._channel_axis - 1])

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The shapes of the states."""
        return [{"shape": (batch_size, *self._state_shape), "__layout__": self._conv_layout}
                for _ in range(self._states)]

    def _conv_forward(self, F: Any, inputs: Any, states: Any, i2h_weight: Any, h2h_weight: Any, i2h_bias: Any,
                      h2h_bias: Any, step: Step) -> tuple[Any, Any]:
        """The parts of the gates that come from the input and from the state."""
        convolution = flavour.of(F, inputs, "Convolution", "convolution")
        rows = self._hidden_channels * self._num_gates
        return (convolution(inputs, i2h_weight, i2h_bias, num_filter=rows, kernel=self._i2h_kernel,
                            stride=self._stride, pad=self._i2h_pad, dilate=self._i2h_dilate, layout=self._conv_layout,
                            **named(step, "i2h")),
                convolution(states[0], h2h_weight, h2h_bias, num_filter=rows, kernel=self._h2h_kernel,
                            stride=self._stride, pad=self._h2h_pad, dilate=self._h2h_dilate, layout=self._conv_layout,
                            **named(step, "h2h")))

    def __repr__(self) -> str:
        shape = self.i2h_weight.shape
        channels = shape[1 if self._channel_axis == 1 else -1]
        return (f"{type(self).__name__}({channels if channels else None} -> {shape[0]}, {self._activation}, "
                f"{self._conv_layout})")


def _spatial(given: Any, dims: int) -> tuple[int, ...]:
    """A setting for each spatial axis. AssertionError for another number of them."""
    if isinstance(given, int):
        return (given,) * dims
    assert len(given) == dims, (f"For {dims}D convolution, the convolution settings can only be either int or "
                                f"list/tuple of length {dims}")
    return tuple(given)


class _ConvRNNCell(_BaseConvRNNCell):
    """The simple recurrent cell with convolutions."""

    _gate_names = ("",)

    def _alias(self) -> str:
        return "conv_rnn"

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, i2h_weight: Any, h2h_weight: Any,
                       i2h_bias: Any, h2h_bias: Any) -> Any:
        """The output and the new state of a step."""
        step = self._step(F)
        i2h, h2h = self._conv_forward(F, inputs, states, i2h_weight, h2h_weight, i2h_bias, h2h_bias, step)
        output = self._get_activation(F, i2h + h2h, self._activation, **named(step, "out"))
        return output, [output]


class _ConvLSTMCell(_BaseConvRNNCell):
    """The LSTM cell with convolutions."""

    _gate_names = ("_i", "_f", "_c", "_o")
    _states = 2

    def _alias(self) -> str:
        return "conv_lstm"

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, i2h_weight: Any, h2h_weight: Any,
                       i2h_bias: Any, h2h_bias: Any) -> Any:
        """The output and the new states of a step."""
        step = self._step(F)
        i2h, h2h = self._conv_forward(F, inputs, states, i2h_weight, h2h_weight, i2h_bias, h2h_bias, step)
        gates = parts(F, i2h + h2h, 4, self._channel_axis, step, "slice")
        enter, forget = [activated(F, gate, "sigmoid", step, name) for gate, name in zip(gates, "if")]
        new = self._get_activation(F, gates[2], self._activation, **named(step, "c"))
        leave = activated(F, gates[3], "sigmoid", step, "o")
        cell = add(F, forget * states[1], enter * new, step, "state")
        output = mul(F, leave, self._get_activation(F, cell, self._activation), step, "out")
        return output, [output, cell]


class _ConvGRUCell(_BaseConvRNNCell):
    """The GRU cell with convolutions."""

    _gate_names = ("_r", "_z", "_o")

    def _alias(self) -> str:
        return "conv_gru"

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, i2h_weight: Any, h2h_weight: Any,
                       i2h_bias: Any, h2h_bias: Any) -> Any:
        """The output and the new state of a step."""
        step = self._step(F)
        i2h, h2h = self._conv_forward(F, inputs, states, i2h_weight, h2h_weight, i2h_bias, h2h_bias, step)
        reset_x, update_x, new_x = parts(F, i2h, 3, self._channel_axis, step, "i2h_slice")
        reset_h, update_h, new_h = parts(F, h2h, 3, self._channel_axis, step, "h2h_slice")
        reset = activated(F, reset_x + reset_h, "sigmoid", step, "r_act")
        update = activated(F, update_x + update_h, "sigmoid", step, "z_act")
        new = self._get_activation(F, new_x + reset * new_h, self._activation, **named(step, "h_act"))
        output = add(F, (1.0 - update) * new, update * states[0], step, "out")
        return output, [output]

"""The base of recurrent layers: parameters, states, and the call of `nd.RNN` or `npx.rnn` over a whole sequence."""
from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from tracer.ops.npx.recurrent import GATES, Sizes

from ... import ndarray, symbol
from ... import numpy as mx_np
from ...base import MXNetError
from ...core.capture import Capture
from ...core.trace import current
from ...generation import is_2
from ...initializer import RNNFused
from ...ndarray import NDArray
from ...symbol import Symbol
from ..hybrid_block import HybridBlock
from ..nn import flavour
from ..parameter import Parameter
from .gated_cells import GRUCell, LSTMCell, RNNCell
from .modifier_cells import DropoutCell
from .sequences import initial_state, zeros_for
from .stacked_cells import BidirectionalCell, HybridSequentialRNNCell

_NAME = re.compile(r"(l|r)(\d+)_((?:i2h|h2h|h2r)_(?:weight|bias))\Z")
_CELLS: dict[str, Callable[..., Any]] = {
    "rnn_relu": partial(RNNCell, activation="relu"), "rnn_tanh": partial(RNNCell, activation="tanh"), "lstm": LSTMCell,
    "gru": GRUCell}


class _RNNLayer(HybridBlock):
    """Stacked recurrent layers over whole sequences.

    Its parameters are weights and biases for each layer and direction, such as `l0_i2h_weight`; in MXNet 2 mode they
    are one vector, `rnn_param`, in the same order.
    """

    def __init__(self, hidden_size: int, num_layers: int, layout: str, dropout: float, bidirectional: bool,
                 input_size: int, i2h_weight_initializer: Any, h2h_weight_initializer: Any,
                 i2h_bias_initializer: Any, h2h_bias_initializer: Any, mode: str, projection_size: int | None,
                 h2r_weight_initializer: Any, lstm_state_clip_min: float | None, lstm_state_clip_max: float | None,
                 lstm_state_clip_nan: bool | None, dtype: Any, use_sequence_length: bool = False,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert layout in ("TNC", "NTC"), f"Invalid layout {layout}; must be one of ['TNC' or 'NTC']"
        self._hidden_size = hidden_size
        self._projection_size = projection_size if projection_size else None
        self._num_layers = num_layers
        self._mode = mode
        self._layout = layout
        self._dropout = dropout
        self._dir = 2 if bidirectional else 1
        self._input_size = input_size
        self._i2h_weight_initializer = i2h_weight_initializer
        self._h2h_weight_initializer = h2h_weight_initializer
        self._i2h_bias_initializer = i2h_bias_initializer
        self._h2h_bias_initializer = h2h_bias_initializer
        self._h2r_weight_initializer = h2r_weight_initializer
        self._lstm_state_clip_min = lstm_state_clip_min
        self._lstm_state_clip_max = lstm_state_clip_max
        self._lstm_state_clip_nan = lstm_state_clip_nan
        self._dtype = dtype
        self._use_sequence_length = use_sequence_length
        self._gates = GATES[mode]
        self.skip_states: bool | None = None
        self._first_skips: bool | None = None
        if is_2():
            self._register_vector()
        else:
            self._register_arrays()

    # ---- parameters ------------------------------------------------------------------------------

    def _sizes(self, inputs: int) -> Sizes:
        return Sizes(inputs, self._hidden_size, self._gates, self._num_layers, self._dir, self._projection_size)

    def _places(self) -> list[str]:
        return [f"{side}{layer}_" for layer in range(self._num_layers) for side in "lr"[:self._dir]]

    def _register_arrays(self) -> None:
        parts = ("i2h", "h2h") if self._projection_size is None else ("i2h", "h2h", "h2r")
        shapes = iter(self._sizes(self._input_size).weights())
        for place in self._places():
            weights = [(f"{part}_weight", next(shapes)) for part in parts]
            biases = [(f"{part}_bias", (self._gates * self._hidden_size,)) for part in ("i2h", "h2h")]
            for name, shape in [*weights[:2], *biases, *weights[2:]]:
                self._register_param(place + name, shape, getattr(self, f"_{name}_initializer"), self._dtype)

    def _register_param(self, name: str, shape: tuple[int, ...], init: Any, dtype: Any) -> Parameter:
        parameter = self.params.get(name, shape=shape, init=init, allow_deferred_init=True, dtype=dtype)
        setattr(self, name, parameter)
        return parameter

    def _register_vector(self) -> None:
        init = RNNFused(self._mode, self._num_layers, self._hidden_size, self._dir == 2, self._projection_size,
                        **{f"{part}_initializer": getattr(self, f"_{part}_initializer") for part in
                           ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias", "h2r_weight")})
        self._register_param("rnn_param", (0,), init, self._dtype)

    def infer_shape(self, inputs: NDArray, *args: Any) -> None:
        """Find the shapes of the parameters from data of three axes. MXNetError for others."""
        if inputs.ndim != 3:
            raise MXNetError("Input data should be rank-3 tensor of dim [sequence length, batch size, input size], "
                             f"got shape {inputs.shape}")
        if is_2():
            self._input_size = inputs.shape[2]
            self._reg_params["rnn_param"].shape = (self._sizes(inputs.shape[2]).count(),)
            return
        for side in "lr"[:self._dir]:
            self._reg_params[f"{side}0_i2h_weight"].shape = (self._gates * self._hidden_size, inputs.shape[2])

    def _vector(self, F: Any, arrays: dict[str, Any]) -> Any:
        """All parameters as one vector, in the order of `nd.RNN`."""
        if "rnn_param" in arrays:
            return arrays["rnn_param"]
        kinds = ("i2h_weight", "h2h_weight", "h2r_weight"), ("i2h_bias", "h2h_bias")
        names = [place + name for group in kinds for place in self._places() for name in group]
        found = [arrays[name].reshape(-1) for name in names if name in arrays]
        if isinstance(found[0], Symbol):
            return symbol._internal._rnn_param_concat(*found, dim=0)
        return mx_np.concatenate(found) if isinstance(found[0], mx_np.ndarray) else F.concat(*found, dim=0)

    def _collect_params_with_prefix(self, prefix: str = "") -> dict[str, Parameter]:
        """The parameters by the names of parameter files, in MXNet 1 those of the stack that `_unfuse` returns."""
        if is_2():
            return super()._collect_params_with_prefix(prefix)
        before = prefix + "." if prefix else ""
        found = {}
        for name, parameter in self._reg_params.items():
            match = _NAME.match(name)
            assert match is not None, f"{name} is no name of a recurrent layer's parameter"
            side, layer, rest = match.groups()
            cell = f"{side}_cell." if self._dir == 2 else ""
            found[f"{before}_unfused.{layer}.{cell}{rest}"] = parameter
        return found

    def cast(self, dtype: Any) -> None:
        """Convert the parameters, and the states to begin with, to another element type."""
        super().cast(dtype)
        self._dtype = dtype

    def _unfuse(self) -> HybridSequentialRNNCell:
        """The stack of cells with the same parameters. AssertionError for projections and clipped states."""
        assert not self._projection_size, "_unfuse does not support projection layer yet!"
        assert not self._lstm_state_clip_min and not self._lstm_state_clip_max, \
            "_unfuse does not support state clipping yet!"
        stack = HybridSequentialRNNCell(prefix=self.prefix, params=self.params)
        with stack.name_scope():
            inputs = self._input_size
            for layer in range(self._num_layers):
                cells = [self._cell(f"{side}{layer}_", inputs) for side in "lr"[:self._dir]]
                stack.add(cells[0] if len(cells) == 1 else BidirectionalCell(*cells))
                if self._dropout > 0 and layer != self._num_layers - 1:
                    stack.add(DropoutCell(self._dropout))
                inputs = self._hidden_size * self._dir
        return stack

    def _cell(self, prefix: str, input_size: int) -> Any:
        return _CELLS[self._mode](self._hidden_size, prefix=prefix, input_size=input_size,
                                  i2h_weight_initializer=self._i2h_weight_initializer,
                                  h2h_weight_initializer=self._h2h_weight_initializer,
                                  i2h_bias_initializer=self._i2h_bias_initializer,
                                  h2h_bias_initializer=self._h2h_bias_initializer)

    # ---- states ----------------------------------------------------------------------------------

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The shapes, layouts and element types of the states."""
        rows = self._num_layers * self._dir
        out = self._hidden_size if self._projection_size is None else self._projection_size
        return [{"shape": (rows, batch_size, size), "__layout__": "LNC", "dtype": self._dtype}
                for size in ((out, self._hidden_size) if self._mode == "lstm" else (out,))]

    def begin_state(self, batch_size: int = 0, func: Callable[..., Any] = ndarray.zeros, **kwargs: Any) -> list[Any]:
        """The states to begin with.

        func: the function that makes one, of a name, a shape and further keywords.
        kwargs: keywords for `func`, such as `ctx` and `dtype`.
        """
        return [initial_state(func, f"{self.prefix}h0_{i}", {**info, **kwargs})
                for i, info in enumerate(self.state_info(batch_size))]

    # ---- calls -----------------------------------------------------------------------------------

    def __call__(self, inputs: Any, states: Any = None, sequence_length: Any = None,
                 **kwargs: Any) -> Any:
        """The output of a sequence, and if states are given a list of new states.

        inputs: (steps, batch, inputs), or as `layout` says.
        states: an array, or a list of them, as `state_info` says; None: zeros, and no states are returned.
        sequence_length: (batch,), the number of steps of each sequence, with `use_sequence_length`.

        ValueError for states of other shapes.
        """
        self.skip_states = states is None
        if states is None:
            states = self.begin_state(0, func=symbol.zeros) if isinstance(inputs, Symbol) else \
                self.begin_state(inputs.shape[self._layout.find("N")], func=zeros_for(ndarray, inputs),
                                 ctx=inputs.ctx, dtype=inputs.dtype)
        if isinstance(states, (NDArray, Symbol)):
            states = [states]
        if self._use_sequence_length:
            return super().__call__(inputs, states, sequence_length, **kwargs)
        return super().__call__(inputs, states, **kwargs)

    def _pass(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The result of a call. As in MXNet the first one of a hybridized layer decides whether it has states."""
        if self._active and type(current().trace) is not Capture:
            if self._first_skips is None:
                self._first_skips = self.skip_states
            self.skip_states = self._first_skips
        return super()._pass(args, kwargs)

    def _clear_cached_op(self) -> None:
        super()._clear_cached_op()
        self._first_skips = None

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, sequence_length: Any = None,  # type: ignore[override]
                       **kwargs: Any) -> Any:
        """The output, and the new states unless none were given."""
        batch = 0 if isinstance(inputs, Symbol) else inputs.shape[self._layout.find("N")]
        for state, info in zip(states, self.state_info(batch)):
            if not isinstance(inputs, Symbol) and state.shape != info["shape"]:
                raise ValueError(f"Invalid recurrent state shape. Expecting {info['shape']}, got {state.shape}.")
        out = self._forward_kernel(F, inputs, states, sequence_length, **kwargs)
        return out[0] if self.skip_states else out

    def _forward_kernel(self, F: Any, inputs: Any, states: Any, sequence_length: Any,
                        **kwargs: Any) -> tuple[Any, list[Any]]:
        """The output and the new states."""
        if self._layout == "NTC":
            inputs = inputs.swapaxes(0, 1)
        operands = [*states, sequence_length] if self._use_sequence_length else states
        outputs, *new_states = flavour.of(F, inputs, "RNN", "rnn")(
            inputs, self._vector(F, kwargs), *operands, use_sequence_length=self._use_sequence_length,
            state_size=self._hidden_size, projection_size=self._projection_size, num_layers=self._num_layers,
            bidirectional=self._dir == 2, p=self._dropout, state_outputs=True, mode=self._mode,
            lstm_state_clip_min=self._lstm_state_clip_min, lstm_state_clip_max=self._lstm_state_clip_max,
            lstm_state_clip_nan=self._lstm_state_clip_nan)
        return outputs.swapaxes(0, 1) if self._layout == "NTC" else outputs, new_states

    def __repr__(self) -> str:
        if is_2():
            inputs, outputs = self._input_size, self._hidden_size
        else:
            rows, inputs = self._reg_params["l0_i2h_weight"].shape  # type: ignore[misc]
            outputs = rows // self._gates
        text = f"{type(self).__name__}({inputs if inputs else None} -> {outputs}, {self._layout}"
        if self._num_layers != 1:
            text += f", num_layers={self._num_layers}"
        if self._dropout != 0:
            text += f", dropout={self._dropout}"
        return text + (", bidirectional)" if self._dir == 2 else ")")

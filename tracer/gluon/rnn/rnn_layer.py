"""Recurrent layers over whole sequences: RNN, LSTM and GRU."""
from __future__ import annotations

from typing import Any

from .layer import _RNNLayer

__all__ = ["GRU", "LSTM", "RNN"]


class RNN(_RNNLayer):
    """Simple recurrent layers: h' = activation(W x + b + R h + d).

    hidden_size, num_layers: the size of the state, and the number of layers.
    activation: "relu" or "tanh".
    layout: "TNC" (steps, batch, features) or "NTC".
    dropout: the rate of Dropout between the layers, in training.
    bidirectional: whether each layer goes through the sequence in both directions.
    i2h_weight_initializer, ...: the initializers of the parameters for the input (i2h) and for the state (h2h).
    input_size: the number of features; 0: found in the first pass.
    dtype: the element type of the parameters and of the states.
    kwargs: `use_sequence_length` (whether calls take the sequences' lengths), `prefix`, `params`.

    Elman, Finding Structure in Time, 1990.
    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/rnn/index.html#mxnet.gluon.rnn.RNN

    >>> from tracer import nd
    >>> layer = RNN(4, 2, bidirectional=True)
    >>> layer.initialize()
    >>> layer(nd.ones((5, 3, 10))).shape, layer
    ((5, 3, 8), RNN(10 -> 4, TNC, num_layers=2, bidirectional))
    """

    def __init__(self, hidden_size: int, num_layers: int = 1, activation: str = "relu", layout: str = "TNC",
                 dropout: float = 0, bidirectional: bool = False, i2h_weight_initializer: Any = None,
                 h2h_weight_initializer: Any = None, i2h_bias_initializer: Any = "zeros",
                 h2h_bias_initializer: Any = "zeros", input_size: int = 0, dtype: Any = "float32",
                 **kwargs: Any) -> None:
        super().__init__(hidden_size, num_layers, layout, dropout, bidirectional, input_size, i2h_weight_initializer,
                         h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer, "rnn_" + activation, None,
                         None, None, None, False, dtype, **kwargs)


class LSTM(_RNNLayer):
    """LSTM layers: c' = sigmoid(f) c + sigmoid(i) tanh(g); h' = sigmoid(o) tanh(c'); i, f, g, o: the gates.

    hidden_size, num_layers: the size of both states, and the number of layers.
    layout: "TNC" (steps, batch, features) or "NTC".
    dropout: the rate of Dropout between the layers, in training.
    bidirectional: whether each layer goes through the sequence in both directions.
    input_size: the number of features; 0: found in the first pass.
    i2h_weight_initializer, ...: the initializers of the parameters for the input (i2h), for the state (h2h), and of
        the projection (h2r).
    projection_size: the size of the output and first state, projections of h'; None: none.
    state_clip_min, state_clip_max, state_clip_nan: bounds of c', and whether NaN is clipped too.
    dtype: the element type of the parameters and of the states.
    kwargs: `use_sequence_length` (whether calls take the sequences' lengths), `prefix`, `params`.

    Hochreiter and Schmidhuber, Long Short-Term Memory, 1997.
    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/rnn/index.html#mxnet.gluon.rnn.LSTM

    >>> from tracer import nd
    >>> layer = LSTM(4)
    >>> layer.initialize()
    >>> output, states = layer(nd.ones((5, 3, 10)), layer.begin_state(3))
    >>> output.shape, [state.shape for state in states]
    ((5, 3, 4), [(1, 3, 4), (1, 3, 4)])
    """

    def __init__(self, hidden_size: int, num_layers: int = 1, layout: str = "TNC", dropout: float = 0,
                 bidirectional: bool = False, input_size: int = 0, i2h_weight_initializer: Any = None,
                 h2h_weight_initializer: Any = None, i2h_bias_initializer: Any = "zeros",
                 h2h_bias_initializer: Any = "zeros", projection_size: int | None = None,
                 h2r_weight_initializer: Any = None, state_clip_min: float | None = None,
                 state_clip_max: float | None = None, state_clip_nan: bool = False, dtype: Any = "float32",
                 **kwargs: Any) -> None:
        super().__init__(hidden_size, num_layers, layout, dropout, bidirectional, input_size, i2h_weight_initializer,
                         h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer, "lstm", projection_size,
                         h2r_weight_initializer, state_clip_min, state_clip_max, state_clip_nan, dtype, **kwargs)


class GRU(_RNNLayer):
    """GRU layers: h' = (1 - z) n + z h; n = tanh(W x + b + r (R h + d)); r, z: the gates, sigmoids.

    hidden_size, num_layers: the size of the state, and the number of layers.
    layout: "TNC" (steps, batch, features) or "NTC".
    dropout: the rate of Dropout between the layers, in training.
    bidirectional: whether each layer goes through the sequence in both directions.
    input_size: the number of features; 0: found in the first pass.
    i2h_weight_initializer, ...: the initializers of the parameters for the input (i2h) and for the state (h2h).
    dtype: the element type of the parameters and of the states.
    kwargs: `use_sequence_length` (whether calls take the sequences' lengths), `prefix`, `params`.

    Cho et al., Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation, 2014; as
    in cuDNN, the reset gate r is applied after the matrix product.
    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/rnn/index.html#mxnet.gluon.rnn.GRU

    >>> from tracer import nd
    >>> layer = GRU(4, layout="NTC")
    >>> layer.initialize()
    >>> layer(nd.ones((3, 5, 10))).shape
    (3, 5, 4)
    """

    def __init__(self, hidden_size: int, num_layers: int = 1, layout: str = "TNC", dropout: float = 0,
                 bidirectional: bool = False, input_size: int = 0, i2h_weight_initializer: Any = None,
                 h2h_weight_initializer: Any = None, i2h_bias_initializer: Any = "zeros",
                 h2h_bias_initializer: Any = "zeros", dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(hidden_size, num_layers, layout, dropout, bidirectional, input_size, i2h_weight_initializer,
                         h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer, "gru", None, None, None,
                         None, False, dtype, **kwargs)

"""Recurrent layers over whole sequences, with the draws of Dropout between them."""
from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError

from ..array.views import internal
from ..core.invoke import invoke
from ..core.trace import current
from ..rng.state import STREAMS, drawn


def rnn(cls: type, operands: tuple, mode: Any, state_size: Any, num_layers: Any, bidirectional: Any, state_outputs: Any,
        p: Any, use_sequence_length: Any, projection_size: Any, lstm_state_clip_min: Any, lstm_state_clip_max: Any,
        lstm_state_clip_nan: Any) -> Any:
    """The outputs of stacked recurrent layers, and with `state_outputs` their states, as arrays of `cls`.

    operands: data, parameters, state, for "lstm" the cell's state, with `use_sequence_length` the sequences' lengths;
        those that are None are left out.

    In training, Dropout of the rate `p` is applied between the layers, with the numbers that MXNet's own CPU kernels
    draw. MXNet's oneDNN kernels, by default those of float32, leave Dropout out, and no CPU kernel has lengths of
    sequences, a clipped state or a projection's gradient: here these are as MXNet documents them.

    MXNetError for arguments that are missing or do not fit.
    """
    for name, value in (("mode", mode), ("state_size", state_size), ("num_layers", num_layers)):
        if value is None:
            raise MXNetError(f"Required parameter {name} is not presented, in operator RNN")
    state_size, num_layers, lstm = int(state_size), int(num_layers), mode == "lstm"
    found = [x for x in operands if x is not None]
    wanted = 3 + lstm + bool(use_sequence_length)
    if len(found) != wanted:
        raise MXNetError(f"Operator RNN expects {wanted} inputs, but got {len(found)} instead: data, parameters, "
                         "state, state_cell for mode 'lstm', sequence_length with use_sequence_length=True.")
    if not 0 <= p < 1:
        raise MXNetError(f"unsupported dropout value p={p}, should be 0 <= dropout < 1")
    if projection_size is not None and not lstm:
        raise MXNetError(f"Projection is only supported for LSTM, not for mode {mode!r}")
    lengths = found.pop() if use_sequence_length else None
    data, parameters, state, cell = (*found, None)[:4]
    clip = _bounds(lstm, lstm_state_clip_min, lstm_state_clip_max, lstm_state_clip_nan)
    kept = None
    if p > 0 and num_layers > 1 and data.ndim == 3 and current().trace.training:
        out = (2 if bidirectional else 1) * (state_size if projection_size is None else int(projection_size))
        kept = drawn(cls, partial(_kept, float(p), (num_layers - 1, *data.shape[:2], out)))
    return invoke(internal("npx._rnn"), cls, (data, parameters, state, cell, lengths, kept),
                  (mode, state_size, num_layers, bool(bidirectional), bool(state_outputs), float(np.float32(p)),
                   None if projection_size is None else int(projection_size), clip))


def _kept(p: float, shape: tuple[int, ...]) -> np.ndarray:
    """Whether Dropout leaves each element."""
    return STREAMS.single_uniform(0, 1, shape) >= np.float32(p)


def _bounds(lstm: bool, low: Any, high: Any, nan: Any) -> tuple[float, float, bool] | None:
    if low is None and high is None:
        return None
    if not lstm:
        raise MXNetError("State clipping is only supported for LSTM.")
    if low is None or high is None:
        raise MXNetError("lstm_state_clip_min and lstm_state_clip_max must be specified together.")
    if high < low:
        raise MXNetError(f"lstm_state_clip_max {high} must be greater or equal to lstm_state_clip_min {low}")
    return float(low), float(high), bool(nan)

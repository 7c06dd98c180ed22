"""Recurrent layers of the reference: one product for each gate, step, layer and direction, by the formulas."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from .layers import relu, sigmoid
from .np_elementwise import FUNCTIONS
from .np_products import einsum
from .values import NoAnswer, Value

_GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}


def _tanh(x: Any) -> Any:
    return FUNCTIONS["tanh"](x)


def _of_gates(weights: list, x: Any) -> list:
    return [einsum("bi,hi->bh", x, w) for w in weights]


def _step(mode: str, of_x: list, of_h: list, bias_x: list, bias_h: list, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    left = [a + b for a, b in zip(_of_gates(of_x, x), bias_x, strict=True)]
    right = [a + b for a, b in zip(_of_gates(of_h, h), bias_h, strict=True)]
    if mode == "gru":
        reset, update = (sigmoid(left[i] + right[i]) for i in (0, 1))
        new = _tanh(left[2] + reset * right[2])
        return (1 - update) * new + update * h, None
    total = [a + b for a, b in zip(left, right, strict=True)]
    if mode == "lstm":
        c = sigmoid(total[1]) * c + sigmoid(total[0]) * _tanh(total[2])
        return sigmoid(total[3]) * _tanh(c), c
    return (_tanh if mode == "rnn_tanh" else relu)(total[0]), None


def rnn(data: Any, parameters: Any, state: Any, state_cell: Any = None, sequence_length: Any = None, mode: str = "",
        state_size: int = 0, num_layers: int = 0, bidirectional: bool = False, use_sequence_length: bool = False,
        projection_size: int | None = None) -> Any:
    """The output of the last layer, (steps, batch, directions * out)."""
    operands = [x for x in (data, parameters, state, state_cell) if x is not None]
    if data.ndim != 3 or any(x.dtype != data.dtype for x in operands) or not data.shape[0]:
        raise NoAnswer("shape")
    steps, batch, width = data.shape
    hidden, gates, ways = state_size, _GATES[mode], 1 + bidirectional
    out = hidden if projection_size is None else projection_size
    rows = num_layers * ways
    if state.shape != (rows, batch, out) or (state_cell is not None and state_cell.shape != (rows, batch, hidden)):
        raise NoAnswer("shape")
    at = 0

    def taken(*shape: int) -> Any:
        nonlocal at
        start, at = at, at + math.prod(shape)
        if at > parameters.shape[0]:
            raise NoAnswer("shape")
        return parameters[start:at].reshape(shape)

    weights: list[tuple[list, list, Any]] = []
    for i in range(rows):
        inputs = width if i < ways else ways * out
        of_x, of_h = ([taken(hidden, n) for _ in range(gates)] for n in (inputs, out))
        weights.append((of_x, of_h, None if projection_size is None else taken(out, hidden)))
    biases = [[[taken(hidden) for _ in range(gates)] for _ in range(2)] for _ in range(rows)]
    if at != parameters.shape[0]:
        raise NoAnswer("shape")
    ends = sequence_length.memory if use_sequence_length else np.full(batch, steps)
    xs = [data[t] for t in range(steps)]
    for layer in range(num_layers):
        made = []
        for way in range(ways):
            i = layer * ways + way
            (of_x, of_h, projection), (bias_x, bias_h) = weights[i], biases[i]
            h, c = state[i], None if state_cell is None else state_cell[i]
            line: dict[int, Any] = {}
            for t in reversed(range(steps)) if way else range(steps):
                lasts = type(data).of(Value(np.broadcast_to((t < ends)[:, None], (batch, 1)).copy(), np.dtype(bool)))
                new, new_c = _step(mode, of_x, of_h, bias_x, bias_h, xs[t], h, c)
                new = new if projection is None else einsum("bi,hi->bh", new, projection)
                line[t] = FUNCTIONS["where"](lasts, new, new * 0 + 0)  # + 0: the zeros are no negative ones
                h = FUNCTIONS["where"](lasts, new, h)
                c = None if c is None else FUNCTIONS["where"](lasts, new_c, c)
            made.append(line)
        xs = [FUNCTIONS["concatenate"]([line[t] for line in made], 1) for t in range(steps)]
    return FUNCTIONS["stack"](xs, 0)

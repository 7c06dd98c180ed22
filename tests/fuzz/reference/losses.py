"""`nd`'s loss layers: their gradient does not depend on the incoming cotangent."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .dense import Dense
from .layers import sigmoid, softmax
from .np_elementwise import FUNCTIONS
from .values import ONCE, NoAnswer, Op, Step, Value, apply, tied


class OwnGradient(Op):
    """A value with an own gradient: the inputs are the data, the value and the gradient."""

    own_gradient = True

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        return arrays[1]

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Any) -> np.ndarray:
        return out

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        return step.inputs[2] if i == 0 else None


def _own(data: Any, value: Any, gradient: Any, again: bool = False) -> Any:
    """Build the op's result. again: the gradient may be differentiated."""
    constants = [Value(x.memory.copy(), x.dtype) for x in (value, gradient)]
    if not again:
        constants[1] = tied(constants[1], [data.value], ONCE)
    return type(data).of(apply(OwnGradient(), [data.value, *constants], data.dtype))


def _like(data: Any, values: Any) -> Any:
    return type(data).of(Value(np.broadcast_to(np.asarray(values, np.float64), data.shape).copy(), data.dtype))


def make_loss(data: Any) -> Any:
    return _own(data, data, _like(data, 1.0), again=True)


def make_loss_scaled(data: Any, grad_scale: float = 1.0, valid_thresh: float = 0.0, normalization: str = "null") -> Any:
    scale = grad_scale
    if normalization == "batch":
        scale /= data.shape[0]
    elif normalization == "valid":
        scale /= max(int((data.memory > valid_thresh).sum()), 1)
    return _own(data, data, _like(data, scale), again=True)


def softmax_output(data: Any, label: Any, grad_scale: float = 1.0, ignore_label: float = -1.0, use_ignore: bool = False,
                   normalization: str = "null") -> Any:
    if data.ndim != 2 or label.shape != data.shape[:1] or label.dtype != data.dtype:
        raise NoAnswer("shape")
    constant = type(data).of(Value(data.memory.copy(), data.dtype))
    out = softmax(constant, None, 1)
    hit = label.memory.astype(np.int64)[:, None] == np.arange(data.shape[1])
    kept = label.memory != ignore_label
    gradient = (out - _like(data, hit * 1.0)) * _like(data, np.where(kept | (not use_ignore), 1.0, 0.0)[:, None])
    size = {"null": 1, "batch": data.shape[0], "valid": max(int(kept.sum()), 1)}[normalization]
    return _own(data, out, gradient / size * grad_scale)


def _regression(value: Callable, slope: Callable) -> Callable:
    def function(data: Any, label: Any, grad_scale: float = 1.0) -> Any:
        if label.shape != data.shape or label.dtype != data.dtype:
            raise NoAnswer("shape")
        constant = type(data).of(Value(data.memory.copy(), data.dtype))
        out = value(constant)
        away = out - type(data).of(Value(label.memory.copy(), data.dtype))
        return _own(data, out, slope(away) * (grad_scale / math.prod(data.shape[1:])))

    return function


def _direction(x: Any) -> Any:
    return FUNCTIONS["where"](x > 0, _like(x, 1.0), _like(x, -1.0))


# ---- connectionist temporal classification ---------------------------------------------------------

def _ctc(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """-log of the probability of each label: a sum over its alignments with the steps; blank 0 between its letters."""
    logs = x - np.log(np.exp(x - x.max(2, keepdims=True)).sum(2, keepdims=True)) - x.max(2, keepdims=True)
    out = np.empty(x.shape[1])
    for b, label in enumerate(labels):
        states = [0, *(s for letter in label for s in (int(letter), 0))]
        ways = [logs[0, b, s] if i < 2 else -np.inf for i, s in enumerate(states)]
        for t in range(1, x.shape[0]):
            ways = [logs[t, b, s] + np.logaddexp.reduce(
                [ways[i], *ways[max(i - 1, 0):i], *(ways[i - 2:i - 1] if i > 1 and s and s != states[i - 2] else [])])
                for i, s in enumerate(states)]
        out[b] = -np.logaddexp.reduce(ways[-2:])
    return out


def ctc_loss(data: Any, label: Any) -> Any:
    labels = label.memory.astype(np.int64)
    if data.ndim != 3 or labels.shape[0] != data.shape[1] or labels.shape[1] * 2 > data.shape[0]:
        raise NoAnswer("shape")
    return type(data).of(apply(Dense(lambda x: _ctc(x, labels)), [data.value], data.dtype))


ND: dict[str, Any] = {
    "CTCLoss": ctc_loss, "ctc_loss": ctc_loss,
    "make_loss": make_loss, "MakeLoss": make_loss_scaled, "SoftmaxOutput": softmax_output, "Softmax": softmax_output,
    "LinearRegressionOutput": _regression(lambda x: x, lambda x: x),
    "MAERegressionOutput": _regression(lambda x: x, _direction),
    "LogisticRegressionOutput": _regression(sigmoid, lambda x: x)}

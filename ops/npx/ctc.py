"""Connectionist temporal classification: the probability of a label over all its alignments with a sequence."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..declare.families import call
from ..declare.public import Optional, public
from ..ir.aval import Aval, aval
from ..ir.errors import MXNetError
from ..ir.node import Node, items
from ..ir.op import FLOATS, INTEGERS
from ..ir.shapes import check_choice
from ..primitive.arithmetic import cast, mul
from ..primitive.constants import full
from ..primitive.linear import broadcast_to, reshape
from ..primitive.promotion import floating

#: Replaces log(0): finite, so that its differences are not NaN.
_NEVER = -1e30


def _infer(x: Aval, label: Aval, steps: Aval, lengths: Aval, blank: int) -> tuple[Aval, Aval]:
    return aval((x.shape[1],), x.dtype), x


def _reaching(log_p: np.ndarray, skips: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Log probabilities (steps, batch, states) of all paths to each state at each step, from the first two states.

    A sequence has only its first `steps` steps; later ones repeat the last of them.
    """
    alpha = np.full(log_p.shape, _NEVER)
    alpha[0, :, :2] = log_p[0, :, :2]
    for t in range(1, len(log_p)):
        last = alpha[t - 1]
        ways = last.copy()
        ways[:, 1:] = np.logaddexp(ways[:, 1:], last[:, :-1])
        ways[:, 2:] = np.logaddexp(ways[:, 2:], np.where(skips[:, 2:], last[:, :-2], _NEVER))
        alpha[t] = np.where((t < steps)[:, None], ways + log_p[t], last)
    return alpha


def _ref(x: Any, label: Any, steps: Any, lengths: Any, blank: int) -> tuple[np.ndarray, np.ndarray]:
    """The losses and their derivatives with respect to x.

    x: (steps, batch, classes).
    label: (batch, length).
    """
    x = np.asarray(x)
    count, batch, classes = x.shape
    wide = x.astype(np.float64)
    wide = wide - wide.max(axis=2, keepdims=True)
    log_y = wide - np.log(np.exp(wide).sum(axis=2, keepdims=True))
    steps, lengths, label = (np.asarray(a).astype(np.int64) for a in (steps, lengths, label))
    states = np.full((batch, 2 * label.shape[1] + 1), blank)  # blanks between the letters and around them
    states[:, 1::2] = np.where(np.arange(label.shape[1]) < lengths[:, None], label, blank)
    skips = np.zeros(states.shape, bool)
    skips[:, 2:] = (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])
    rows, size = np.arange(batch), 2 * lengths + 1
    log_p = log_y[:, rows[:, None], states]
    alpha = _reaching(log_p, skips, steps)
    last = alpha[-1, rows, size - 1]
    total = np.where(lengths > 0, np.logaddexp(last, alpha[-1, rows, np.maximum(size - 2, 0)]), last)
    # The paths from each state to the end are the paths to it in the reversed sequence.
    there = (size[:, None] - 1 - np.arange(states.shape[1])) % states.shape[1]
    then = (steps[:, None] - 1 - np.arange(count)) % count
    turned_skips = np.zeros(states.shape, bool)
    turned_skips[:, 2:] = np.take_along_axis(skips, there, 1)[:, :-2]
    turned = log_p[then.T[:, :, None], rows[:, None], there[:, None].transpose(1, 0, 2)]
    back = _reaching(turned, turned_skips, steps)
    beta = back[then.T[:, :, None], rows[:, None], there[:, None].transpose(1, 0, 2)]
    occupied = np.exp(alpha + beta - log_p - total[:, None])
    occupied *= np.arange(states.shape[1]) < size[:, None]
    expected = np.zeros_like(log_y)
    np.add.at(expected, (np.arange(count)[:, None, None], rows[:, None], states), occupied)
    possible = total > _NEVER / 2
    counted = (np.arange(count)[:, None] < steps) & possible
    slope = np.where(counted[:, :, None], np.exp(log_y) - expected, 0)
    return np.where(possible, -total, 0).astype(x.dtype), slope.astype(x.dtype)


def _vjp(g: Sequence[Node | None], node: Node) -> tuple[Node | None, None, None, None]:
    loss, slope = g
    if slope is not None:
        raise NotImplementedError("the gradient of the gradient of CTCLoss")
    if loss is None:
        return None, None, None, None
    data = node.inputs[0]
    return mul(broadcast_to(reshape(loss, (1, loss.size, 1)), data.shape), items(node)[1]), None, None, None


def _samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    x = np.random.RandomState(35).randn(6, 3, 4)
    label = np.array([[1.0, 2, 3], [3, 3, 1], [2, 1, 1]])
    yield [x, label, np.array([6.0, 5, 5]), np.array([2.0, 3, 1])], (0,)
    yield [x, label - 1, np.array([6.0, 6, 6]), np.array([3.0, 0, 3])], (3,)


_ctc = call("ctc", _infer, np.errstate(all="ignore")(_ref), _vjp, samples=_samples, smooth=False, dtypes=FLOATS)


@public("npx.ctc_loss")
def ctc_loss(data: Node, label: Node, data_lengths: Optional = None, label_lengths: Optional = None,
             use_data_lengths=False, use_label_lengths=False, blank_label="first") -> Node:
    """The CTC loss: -log of each label's probability under softmax(data), over all alignments; of shape (batch,).

    data: (steps, batch, classes).
    label: (batch, length), padded with 0 if the blank is the "first" class, with -1 if it is the "last".

    The loss is 0 for a label that does not fit into its sequence, as in MXNet.
    """
    data = floating(data)
    if data.ndim != 3 or label.ndim != 2 or data.shape[1] != label.shape[0]:
        raise MXNetError(f"CTCLoss: labels {label.shape} for data {data.shape}")
    check_choice(blank_label, ("first", "last"))
    steps, batch, classes = data.shape
    first = blank_label == "first"
    chars = cast(label, "int64")
    if use_label_lengths and label_lengths is not None:
        lengths = cast(label_lengths, "int64")
    else:
        lengths = _lengths(chars, attrs=(0 if first else -1,))
    if use_data_lengths and data_lengths is not None:
        counted = cast(data_lengths, "int64")
    else:
        counted = full((batch,), steps, "int64")
    return items(_ctc(data, chars, counted, lengths, attrs=(0 if first else classes - 1,)))[0]


def _lengths_ref(label: Any, padding: int) -> Any:
    """The number of letters before the first padding."""
    return np.cumprod(np.asarray(label) != padding, axis=1).sum(axis=1, dtype=np.int64)


def _lengths_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    yield [np.array([[1, 2, 0], [0, 1, 1], [3, 3, 3]])], (0,)


_lengths = call("ctc_lengths", lambda label, padding: aval(label.shape[:1], np.dtype("int64")), _lengths_ref,
                samples=_lengths_samples, smooth=False, dtypes=INTEGERS)

public("nd.CTCLoss", "nd.ctc_loss", "nd.contrib.CTCLoss", "nd.contrib.ctc_loss")(ctc_loss)

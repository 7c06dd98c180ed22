"""Metrics of MXNet 2.0 that average the outputs themselves, such as losses that a net computes."""
from __future__ import annotations

from typing import Any

from ...metric import losses as first
from .evaluation import EvalMetric, register


@register
class Loss(first.Loss, EvalMetric):
    """The mean of all elements of the predictions; labels do not count. The sum stays pending until it is read.

    >>> from tracer import np
    >>> loss = Loss()
    >>> loss.update(None, [np.array([1, 2, 6])])
    >>> loss.get()
    ('loss', 3.0)
    """


@register
class Torch(Loss):
    """The mean of all elements of the predictions, under the name "torch".

    >>> Torch().get()
    ('torch', nan)
    """

    def __init__(self, name: str = "torch", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)

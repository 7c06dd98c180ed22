"""Metrics that average the outputs themselves, such as losses that a net computes."""
from __future__ import annotations

from typing import Any

from ..autograd import pause
from .evaluation import as_array, listed, register
from .running import RunningMetric, addend, as_np, settle, sum_of


@register
class Loss(RunningMetric):
    """The mean of all elements of the predictions; labels do not count. The sum stays pending until it is read.

    >>> from tracer import nd
    >>> loss = Loss()
    >>> loss.update(None, [nd.array([1, 2, 6])])
    >>> loss.get()
    ('loss', 3.0)
    """

    def __init__(self, name: str = "loss", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def update(self, _: Any, preds: Any) -> None:
        """Add a batch.

        preds: an array or a list of arrays.
        """
        settle(vars(self).get("sum_metric"))
        with pause():
            for pred in listed(preds):
                pred = as_array(pred)
                self._count(addend(sum_of(as_np(pred))), pred.size)


@register
class Torch(Loss):
    """The mean of all elements of the predictions, under the name "torch".

    >>> Torch().get()
    ('torch', nan)
    """

    def __init__(self, name: str = "torch", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)


@register
class Caffe(Loss):
    """The mean of all elements of the predictions, under the name "caffe".

    >>> Caffe().get()
    ('caffe', nan)
    """

    def __init__(self, name: str = "caffe", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)

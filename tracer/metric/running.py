"""Running sums of metrics that stay pending: a batch is added by recorded operations, and `get` reads the sum."""
from __future__ import annotations

from typing import Any

import numpy

from .. import numpy as np
from ..autograd import pause
from ..context import cpu
from ..core.invoke import constant, wrap
from .evaluation import EvalMetric, as_array, check_label_shapes


class RunningSum:
    """A metric's attribute that may hold a pending sum; reading the attribute computes it.

    The metric's dictionary has the sum under the attribute's own name, so that copies and pickles have it, too.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, metric: Any, owner: type | None = None) -> Any:
        if metric is None:
            return self
        try:
            total = vars(metric)[self.name]
        except KeyError:
            raise AttributeError(f"{type(metric).__name__!r} object has no attribute {self.name!r}") from None
        if isinstance(total, np.ndarray) and total.shape == ():
            total = vars(metric)[self.name] = total.item()
        return total

    def __set__(self, metric: Any, total: Any) -> None:
        vars(metric)[self.name] = total


def settle(total: Any) -> None:
    """Compute a sum that is still pending from an earlier batch.

    A training step computes what is pending when the next one begins. In a loop that only predicts, nothing else does:
    without this its trace would grow to the limit, and be cut there at another place each time, each a new program.
    """
    if isinstance(total, np.ndarray) and total._value.buffer is None:
        total.wait_to_read()


class RunningMetric(EvalMetric):
    """A metric that measures each output of a batch by itself, and whose sums are pending between reads.

    Subclasses define `_measure`. The sums are of float64, as real MXNet's are, which adds each batch's number to a
    Python float. Nothing is recorded for a backward.
    """

    sum_metric = RunningSum()
    num_inst = RunningSum()
    global_sum_metric = RunningSum()
    global_num_inst = RunningSum()

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch.

        labels, preds: lists of arrays, one for each output; an array alone counts as a list of one. ValueError when
        their numbers differ, or their shapes do not fit.
        """
        labels, preds = check_label_shapes(labels, preds, True)
        settle(vars(self).get("sum_metric"))
        with pause():
            for label, pred in zip(labels, preds):
                self._count(*self._measure(as_array(label), as_array(pred)))

    def _measure(self, label: Any, pred: Any) -> tuple[Any, Any]:
        """The sum over one output's instances, and their number."""
        raise NotImplementedError(f"{type(self).__name__} defines no update")

    def _count(self, total: Any, instances: Any) -> None:
        sums = vars(self)
        for name, more in (("sum_metric", total), ("global_sum_metric", total), ("num_inst", instances),
                           ("global_num_inst", instances)):
            if name in sums:  # MXNet 2's metrics have no global sums
                before = sums[name]
                if isinstance(more, np.ndarray) and not isinstance(before, np.ndarray):
                    # a sum that was read or reset is a number: as an operand it would make another program
                    before = wrap(np.ndarray, constant(numpy.float64(before)))
                sums[name] = before + more


def as_np(array: Any) -> Any:
    """An array's value as an array of `np`."""
    return array if isinstance(array, np.ndarray) else wrap(np.ndarray, array._value)


def sum_of(array: Any) -> Any:
    """The sum of an array's elements, rounded once: float32 elements are added in float64.

    Sums of float32 depend on the order of their terms, which is another one in the runs of a program before it is
    compiled; local and global sums of a metric, which belong to different programs, would differ.
    """
    if array.dtype == numpy.float32:
        return array.astype("float64").sum().astype("float32")
    return array.sum()


def addend(number: Any) -> Any:
    """An array without axes as what is added to a running sum: float64, on the first CPU device."""
    return as_np(number).astype("float64").to_device(cpu())

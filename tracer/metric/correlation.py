"""Metrics of correlation: of numbers, and of classes by their confusion matrix."""
from __future__ import annotations

from typing import Any

import numpy

from .evaluation import EvalMetric, alias, as_array, check_label_shapes, register


@register
@alias("pearsonr")
class PearsonCorrelation(EvalMetric):
    """The Pearson correlation coefficient of labels and predictions.

    average: "macro": the mean of the batches' coefficients; "micro": that of all batches' elements.

    ValueError when shapes differ. Each update reads the arrays.

    >>> from tracer import nd
    >>> correlation = PearsonCorrelation()
    >>> correlation.update([nd.array([[1, 0], [0, 1], [0, 1]])], [nd.array([[.25, .75], [0, 1], [.5, .5]])])
    >>> name, value = correlation.get()
    >>> name, round(value, 4)
    ('pearsonr', 0.2582)
    """

    def __init__(self, name: str = "pearsonr", output_names: Any = None, label_names: Any = None,
                 average: str = "macro") -> None:
        self.average = average
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def reset(self) -> None:
        """Forget all batches."""
        super().reset()
        if self.average == "micro":
            self.reset_micro()

    def reset_micro(self) -> None:
        """Forget the means and moments of all batches."""
        self._sse_p: Any = 0
        self._mean_p: Any = 0
        self._sse_l: Any = 0
        self._mean_l: Any = 0
        self._pred_nums = 0
        self._label_nums = 0
        self._conv: Any = 0

    def update_variance(self, new_values: Any, count: int, mean: Any, m_2: Any) -> tuple[int, Any, Any]:
        """Count, mean and sum of squared deviations, with those of more values added by Welford's method."""
        count += len(new_values)
        delta = new_values - mean
        mean = mean + (delta / count).sum()
        return count, mean, m_2 + (delta * (new_values - mean)).sum()

    def update_cov(self, label: Any, pred: Any) -> None:
        """Add a batch to the sum of products of deviations."""
        self._conv = self._conv + ((label - self._mean_l) * (pred - self._mean_p)).sum()

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: lists of arrays, each pair of one shape (ValueError otherwise)."""
        labels, preds = check_label_shapes(labels, preds, True)
        for label, pred in zip(labels, preds):
            label, pred = as_array(label), as_array(pred)
            check_label_shapes(label, pred, False, True)
            self._add(label.asnumpy().ravel().astype(numpy.float64), pred.asnumpy().ravel().astype(numpy.float64))

    def _add(self, label: Any, pred: Any) -> None:
        """Add an output's labels and predictions, of one axis and float64."""
        if self.average == "macro":
            self._count(float(numpy.corrcoef(pred, label)[0, 1]), 1)
            return
        self._count(0.0, 1)
        self._label_nums, self._mean_l, self._sse_l = self.update_variance(label, self._label_nums, self._mean_l,
                                                                           self._sse_l)
        self.update_cov(label, pred)
        self._pred_nums, self._mean_p, self._sse_p = self.update_variance(pred, self._pred_nums, self._mean_p,
                                                                          self._sse_p)

    def get(self) -> tuple[str, Any]:
        """The name and the coefficient, NaN before the first batch."""
        if self.num_inst == 0 or self.average == "macro":
            return super().get()
        n = self._label_nums - 1
        return self.name, float(self._conv / (n * (self._sse_p / n) ** 0.5 * (self._sse_l / n) ** 0.5))


@register
class PCC(EvalMetric):
    """The Matthews correlation coefficient of any number of classes.

    Predictions of another shape than the labels have the classes on their second axis. Each update reads the arrays.

    J. Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient, 2004.

    >>> from tracer import nd
    >>> score = PCC()
    >>> score.update([nd.array([0, 1, 2])], [nd.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])])
    >>> score.get()
    ('pcc', 1.0)
    """

    def __init__(self, name: str = "pcc", output_names: Any = None, label_names: Any = None,
                 has_global_stats: bool = True) -> None:
        self.k = 2
        self.lcm: numpy.ndarray
        self.gcm: numpy.ndarray
        super().__init__(name=name, output_names=output_names, label_names=label_names,
                         has_global_stats=has_global_stats)

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch to the confusion matrices: lists of arrays of one length (ValueError otherwise)."""
        labels, preds = check_label_shapes(labels, preds, True)
        for label, pred in zip(labels, preds):
            classes, pred = as_array(label).asnumpy().astype("int32"), as_array(pred)
            found = pred.asnumpy().astype("int32") if pred.shape == classes.shape else self._likeliest(pred)
            more = int(max(found.max(), classes.max())) + 1 - self.k
            if more > 0:
                self._grow(more)
            counts = numpy.zeros((self.k, self.k))
            for i, j in zip(found, classes):
                counts[i, j] += 1
            self.lcm += counts
            self.gcm += counts
        self.num_inst += 1
        self.global_num_inst += 1

    def _likeliest(self, pred: Any) -> numpy.ndarray:
        """The classes of the greatest predictions."""
        return pred.asnumpy().argmax(axis=1)

    def _grow(self, inc: int) -> None:
        """Add classes to the confusion matrices."""
        self.lcm = numpy.pad(self.lcm, ((0, inc), (0, inc)))
        self.gcm = numpy.pad(self.gcm, ((0, inc), (0, inc)))
        self.k += inc

    def _calc_mcc(self, cmat: numpy.ndarray) -> float:
        """The coefficient of a confusion matrix."""
        n, rows, columns = cmat.sum(), cmat.sum(axis=1), cmat.sum(axis=0)
        cov_xx, cov_yy = (rows * (n - rows)).sum(), (columns * (n - columns)).sum()
        if cov_xx == 0 or cov_yy == 0:
            return float("nan")
        return float((cmat.diagonal() * n - rows * columns).sum() / (cov_xx * cov_yy) ** 0.5)

    @property
    def sum_metric(self) -> float:
        """The coefficient times the number of batches."""
        return self._calc_mcc(self.lcm) * self.num_inst

    @property
    def global_sum_metric(self) -> float:
        """The coefficient over all batches since `reset` times their number."""
        return self._calc_mcc(self.gcm) * self.global_num_inst

    def reset(self) -> None:
        """Forget all batches."""
        self.global_num_inst = 0.0
        self.gcm = numpy.zeros((self.k, self.k))
        self.reset_local()

    def reset_local(self) -> None:
        """Forget the batches that `get` covers, but not those of `get_global`."""
        self.num_inst = 0.0
        self.lcm = numpy.zeros((self.k, self.k))

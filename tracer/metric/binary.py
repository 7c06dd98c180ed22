"""Metrics of two classes, computed from the counts of true and false predictions."""
from __future__ import annotations

import math
from typing import Any

import numpy

from .evaluation import EvalMetric, as_array, check_label_shapes, register


class Counts:
    """The numbers of true and false predictions of the two classes."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Set all to 0."""
        self.true_positives = self.false_positives = self.true_negatives = self.false_negatives = 0

    def add(self, predicted: numpy.ndarray, labelled: numpy.ndarray) -> None:
        """Count samples, given where the second class is predicted and where it is the label; the two broadcast."""
        self.true_positives += int((predicted & labelled).sum())
        self.false_positives += int((predicted & ~labelled).sum())
        self.false_negatives += int((~predicted & labelled).sum())
        self.true_negatives += int((~predicted & ~labelled).sum())

    @property
    def total_examples(self) -> int:
        """The number of samples."""
        return self.true_positives + self.false_positives + self.true_negatives + self.false_negatives

    @property
    def precision(self) -> float:
        """The share of positives that are true."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """The share of the second class's samples that are predicted."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def fscore(self) -> float:
        """The harmonic mean of precision and recall."""
        return _ratio(2 * self.precision * self.recall, self.precision + self.recall)

    def matthewscc(self) -> float:
        """Matthews' correlation coefficient, with the denominator's factors of 0 left out."""
        if not self.total_examples:
            return 0.0
        return matthews(float(self.true_positives), float(self.false_positives), float(self.true_negatives),
                        float(self.false_negatives))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def matthews(tp: float, fp: float, tn: float, fn: float) -> float:
    """Matthews' correlation coefficient of true and false positives and negatives; factors of 0 are left out."""
    factors = [tp + fp, tp + fn, tn + fp, tn + fn]
    return (tp * tn - fp * fn) / math.sqrt(math.prod(factor for factor in factors if factor))


class _BinaryClassificationMetrics(Counts):
    """The counts since the last reset, and in `overall` those of all batches."""

    def __init__(self) -> None:
        self.overall = Counts()
        super().__init__()

    def update_binary_stats(self, label: Any, pred: Any) -> None:
        """Count a batch.

        label: classes, of which there are at most two (ValueError otherwise).
        pred: for each sample the probabilities of the classes, on the second axis.
        """
        predictions, labels = pred.asnumpy(), label.asnumpy().astype("int32")
        classes = numpy.argmax(predictions, axis=1)
        check_label_shapes(labels, predictions)
        if len(numpy.unique(labels)) > 2:
            raise ValueError(f"{type(self).__name__} currently only supports binary classification: labels are "
                             f"{numpy.unique(labels).tolist()}")
        for counts in (self, self.overall):
            counts.add(classes == 1, labels == 1)

    def local_reset_stats(self) -> None:
        """Forget the batches since the last reset."""
        self.clear()

    def reset_stats(self) -> None:
        """Forget all batches."""
        self.clear()
        self.overall.clear()


class BinaryScore(EvalMetric):
    """A score of binary predictions, of each batch by itself or of all.

    average: "macro": the mean of the batches' scores; anything else: the score of all batches' samples.
    """

    def __init__(self, name: str, output_names: Any, label_names: Any, average: str) -> None:
        self._stats = _BinaryClassificationMetrics()
        self._by_batch = average == "macro"
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def _score(self, counts: Counts) -> float:
        """The score of the samples that were counted."""
        raise NotImplementedError(f"{type(self).__name__} defines no update")

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: lists of arrays of one length (ValueError otherwise); it reads them."""
        labels, preds = check_label_shapes(labels, preds, True)
        stats = self._stats
        for label, pred in zip(labels, preds):
            stats.update_binary_stats(as_array(label), as_array(pred))
        if self._by_batch:
            self.sum_metric += self._score(stats)
            self.global_sum_metric += self._score(stats.overall)
            self.num_inst += 1
            self.global_num_inst += 1
            stats.reset_stats()
        else:
            self.num_inst, self.global_num_inst = stats.total_examples, stats.overall.total_examples
            self.sum_metric = self._score(stats) * self.num_inst
            self.global_sum_metric = self._score(stats.overall) * self.global_num_inst

    def reset(self) -> None:
        """Forget all batches."""
        super().reset()
        self._stats.reset_stats()

    def reset_local(self) -> None:
        """Forget the batches that `get` covers, but not those of `get_global`."""
        super().reset_local()
        self._stats.local_reset_stats()


@register
class F1(BinaryScore):
    """The F1 score of binary predictions: the harmonic mean of precision and recall.

    average: "macro": the mean of the batches' scores; "micro": the score of all batches' samples.

    >>> from tracer import nd
    >>> score = F1()
    >>> score.update([nd.array([0, 1, 1])], [nd.array([[.3, .7], [0, 1], [.4, .6]])])
    >>> score.get()
    ('f1', 0.8)
    """

    def __init__(self, name: str = "f1", output_names: Any = None, label_names: Any = None,
                 average: str = "macro") -> None:
        self.average = average
        super().__init__(name, output_names, label_names, average)
        self.metrics = self._stats

    def _score(self, counts: Counts) -> float:
        return counts.fscore


@register
class MCC(BinaryScore):
    """The Matthews correlation coefficient of binary predictions.

    average: "macro": the mean of the batches' coefficients; "micro": that of all batches' samples.

    >>> from tracer import nd
    >>> score = MCC()
    >>> score.update([nd.array([0, 1, 1])], [nd.array([[.6, .4], [0, 1], [.4, .6]])])
    >>> score.get()
    ('mcc', 1.0)
    """

    def __init__(self, name: str = "mcc", output_names: Any = None, label_names: Any = None,
                 average: str = "macro") -> None:
        self._average = average
        super().__init__(name, output_names, label_names, average)
        self._metrics = self._stats

    def _score(self, counts: Counts) -> float:
        return counts.matthewscc()

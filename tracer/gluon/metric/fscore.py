"""Metrics of MXNet 2.0 computed from the counts of true and false predictions of each class."""
from __future__ import annotations

from typing import Any

from ... import numpy as np
from ...autograd import pause
from ...metric.binary import matthews
from ...metric.evaluation import as_array
from ...metric.running import as_np
from .classification import one_hot, predict_with_threshold
from .evaluation import EvalMetric, check_label_shapes, register

_LEAST = 1e-12  # the least denominator of a ratio of counts


class _ClassificationMetrics:
    """The numbers of true and false predictions, arrays with one element for each class.

    class_type: "binary": labels are 0 or 1, and there is one class to count for; "multiclass": labels are classes;
    "multilabel": labels have a 0 or 1 for each class on their last axis.
    threshold: the least probability of a prediction, where it is not the greatest that counts.
    beta: how much more recall counts than precision.
    """

    def __init__(self, class_type: str = "binary", threshold: Any = 0.5, beta: float = 1) -> None:
        self.class_type = class_type
        self.threshold = threshold
        self.beta = beta
        self.reset_stats()

    def reset_stats(self) -> None:
        """Forget all batches."""
        self.num_classes: int | None = None
        self.true_positives: Any = None
        self.false_negatives: Any = None
        self.false_positives: Any = None
        self.true_negatives: Any = None

    def _set(self, num: int, device: Any) -> None:
        """Begin to count for `num` classes; AssertionError if it was another number before."""
        if self.num_classes is None:
            self.num_classes = num
            zeros = np.zeros(num, dtype="float64").to_device(device)
            self.true_positives = self.false_negatives = self.false_positives = self.true_negatives = zeros
        assert self.num_classes == num, f"Input number of classes has changed from {self.num_classes} to {num}"

    def update_stats(self, label: Any, pred: Any) -> None:
        """Count a batch. It reads the labels, to check them: ValueError for one that is not a class."""
        pred = as_np(pred).to_device(label.device)
        label = as_np(label).astype("int32")
        if self.class_type not in ("binary", "multiclass", "multilabel"):
            raise ValueError(f"Wrong class_type {self.class_type}! Only supports ['binary', 'multiclass', "
                             "'multilabel']")
        label, pred = getattr(self, f"_{self.class_type}")(label, pred)
        check_label_shapes(label, pred)
        positive, negative, labelled, other = pred == 1, pred == 0, label == 1, label == 0
        self.true_positives = self.true_positives + (positive * labelled).sum(0)
        self.false_positives = self.false_positives + (positive * other).sum(0)
        self.false_negatives = self.false_negatives + (negative * labelled).sum(0)
        self.true_negatives = self.true_negatives + (negative * other).sum(0)

    def _binary(self, label: Any, pred: Any) -> tuple[Any, Any]:
        self._set(1, label.device)
        if label.max() > 1:
            raise ValueError("Wrong label for binary classification.")
        if pred.shape != label.shape:
            if pred.shape[-1] > 2:
                raise ValueError(f"The shape of prediction {pred.shape} is wrong for binary classification.")
            if pred.shape[-1] == 2:
                pred = pred.reshape(-1, 2)[:, 1]
        return label.reshape(-1), predict_with_threshold(pred, self.threshold).reshape(-1)

    def _multiclass(self, label: Any, pred: Any) -> tuple[Any, Any]:
        num = pred.shape[-1]
        self._set(num, label.device)
        assert label.max() < num, "pred contains fewer classes than label!"
        return one_hot(label.reshape(-1), num), one_hot(pred.argmax(axis=-1).reshape(-1), num)

    def _multilabel(self, label: Any, pred: Any) -> tuple[Any, Any]:
        num = pred.shape[-1]
        self._set(num, label.device)
        assert pred.shape == label.shape, \
            "The shape of label should be same as that of prediction for multilabel classification."
        return label.reshape(-1, num), predict_with_threshold(pred, self.threshold).reshape(-1, num)

    @property
    def precision(self) -> Any:
        """The share of each class's positives that are true."""
        return self._share(self.true_positives, self.false_positives)

    @property
    def recall(self) -> Any:
        """The share of each class's samples that are predicted."""
        return self._share(self.true_positives, self.false_negatives)

    @property
    def micro_precision(self) -> Any:
        """The share of all classes' positives that are true."""
        return 0.0 if self.num_classes is None else self._share(self.true_positives.sum(), self.false_positives.sum())

    @property
    def micro_recall(self) -> Any:
        """The share of all samples that are predicted."""
        return 0.0 if self.num_classes is None else self._share(self.true_positives.sum(), self.false_negatives.sum())

    def _share(self, true: Any, false: Any) -> Any:
        return 0.0 if self.num_classes is None else true / np.maximum(true + false, _LEAST)

    @property
    def fscore(self) -> Any:
        """The F-beta score of each class."""
        weight = self.beta ** 2
        return (1 + weight) * self.precision * self.recall / np.maximum(weight * self.precision + self.recall, _LEAST)

    @property
    def micro_fscore(self) -> Any:
        """The F-beta score of all classes."""
        precision, recall, weight = self.micro_precision, self.micro_recall, self.beta ** 2
        if precision + recall > 0:
            return (1 + weight) * precision * recall / (weight * precision + recall)
        return 0.0

    def binary_matthewscc(self) -> float:
        """Matthews' correlation coefficient, with the denominator's factors of 0 left out."""
        if not self.total_examples:
            return 0.0
        return matthews(float(self.true_positives), float(self.false_positives), float(self.true_negatives),
                        float(self.false_negatives))

    @property
    def total_examples(self) -> int:
        """The number of samples."""
        if self.num_classes is None:
            return 0
        return int(self.false_negatives[0] + self.false_positives[0] + self.true_negatives[0] + self.true_positives[0])


class CountedMetric(EvalMetric):
    """A metric of the counts of all batches; each update reads them, and the labels."""

    _stats: _ClassificationMetrics

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: lists of arrays of one length (ValueError otherwise)."""
        labels, preds = check_label_shapes(labels, preds, True)
        with pause():
            for label, pred in zip(labels, preds):
                self._stats.update_stats(as_array(label), as_array(pred))
            self.num_inst = self._stats.total_examples
            self.sum_metric = self._score() * self.num_inst

    def _score(self) -> Any:
        """The metric of the counts."""
        raise NotImplementedError(f"{type(self).__name__} defines no update")

    def reset(self) -> None:
        """Forget all batches."""
        super().reset()
        self._stats.reset_stats()


@register
class F1(CountedMetric):
    """The F1 score: the harmonic mean of precision and recall.

    class_type: "binary": labels are 0 or 1; "multiclass": labels are classes, predictions have an axis of classes;
    "multilabel": both have an axis of classes.
    threshold: the least probability of a prediction, a float or an array with one for each class.
    average: "micro": the score of all classes' counts; "macro": the mean of the classes' scores; None: an array of
    the scores.

    >>> from tracer import np
    >>> score = F1()
    >>> score.update([np.array([0, 1, 1])], [np.array([[.3, .7], [0, 1], [.4, .6]])])
    >>> score.get()
    ('f1', 0.8000000000000002)
    """

    def __init__(self, name: str = "f1", output_names: Any = None, label_names: Any = None,
                 class_type: str = "binary", threshold: Any = 0.5, average: str | None = "micro") -> None:
        self.average = average
        self.metrics = self._stats = _ClassificationMetrics(class_type=class_type, threshold=threshold)
        super().__init__(name=name, output_names=output_names, label_names=label_names)

    def _score(self) -> Any:
        if self.average == "micro":
            return self.metrics.micro_fscore
        return self.metrics.fscore.mean() if self.average == "macro" else self.metrics.fscore


@register
class Fbeta(F1):
    """The F-beta score: the mean of precision and recall in which recall counts beta times as much.

    beta: how much more recall counts. The other parameters are those of `F1`.

    >>> from tracer import np
    >>> score = Fbeta(beta=2)
    >>> score.update([np.array([0, 1, 1])], [np.array([[.3, .7], [0, 1], [.4, .6]])])
    >>> score.get()
    ('fbeta', 0.9090909090909091)
    """

    def __init__(self, name: str = "fbeta", output_names: Any = None, label_names: Any = None,
                 class_type: str = "binary", beta: float = 1, threshold: Any = 0.5,
                 average: str | None = "micro") -> None:
        super().__init__(name=name, output_names=output_names, label_names=label_names, class_type=class_type,
                         threshold=threshold, average=average)
        self.metrics.beta = beta


@register
class MCC(CountedMetric):
    """The Matthews correlation coefficient of binary predictions.

    >>> from tracer import np
    >>> score = MCC()
    >>> score.update([np.array([0, 1, 1])], [np.array([[.6, .4], [0, 1], [.4, .6]])])
    >>> score.get()
    ('mcc', 1.0)
    """

    def __init__(self, name: str = "mcc", output_names: Any = None, label_names: Any = None) -> None:
        self._metrics = self._stats = _ClassificationMetrics()
        super().__init__(name=name, output_names=output_names, label_names=label_names)

    def _score(self) -> float:
        return self._metrics.binary_matthewscc()

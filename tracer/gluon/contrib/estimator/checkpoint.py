"""`CheckpointHandler`: it saves an estimator's parameters and optimizer states, and resumes from them."""
from __future__ import annotations

import math
import os
import warnings
from typing import Any

from .... import metric as first
from ....generation import is_2
from ...hybrid_block import HybridBlock
from ...recorded_graph import defines_forward
from .events import BatchEnd, EpochEnd, TrainBegin
from .utils import improvement, worst


class CheckpointHandler(TrainBegin, BatchEnd, EpochEnd):
    """A handler that saves the parameters and the trainer's states: PREFIX-epochEbatchB.params and .states.

    model_dir: the folder; it is made.
    model_prefix: PREFIX.
    monitor: the metric by which `save_best` judges.
    verbose: whether each saving is logged.
    save_best: whether the best checkpoint is kept too, as PREFIX-best. ValueError without a metric `monitor`.
    mode: "max", "min" or "auto" ("max"): which values of the metric are better.
    epoch_period, batch_period: the numbers of epochs and of batches between two checkpoints; None: none.
    max_checkpoints: the number of checkpoints kept, beside the best.
    resume_from_checkpoint: whether training starts at the latest checkpoint in the folder.
    """

    def __init__(self, model_dir: str, model_prefix: str = "model", monitor: Any = None, verbose: int = 0,
                 save_best: bool = False, mode: str = "auto", epoch_period: int | None = 1,
                 batch_period: int | None = None, max_checkpoints: int = 5,
                 resume_from_checkpoint: bool = False) -> None:
        self.monitor = monitor
        self.verbose = verbose
        os.makedirs(model_dir, exist_ok=True)
        self.model_dir = model_dir
        self.model_prefix = model_prefix
        self.save_best = save_best
        if save_best and not isinstance(monitor, first.EvalMetric):
            raise ValueError("CheckpointHandler(save_best=True): monitor must be a metric, one of "
                             f"estimator.train_metrics and estimator.val_metrics; got {monitor!r}")
        self.epoch_period = epoch_period
        self.batch_period = batch_period
        self.current_batch = self.current_epoch = 0
        self.trained_epoch = self.trained_batch = -1
        self.max_checkpoints = max_checkpoints
        self.resume_from_checkpoint = resume_from_checkpoint
        self.saved_checkpoints: list[str] = []
        if save_best:
            self.monitor_op = improvement(monitor, mode, "CheckpointHandler")
            self.best = worst(self.monitor_op)

    def train_begin(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Begin to count, or resume. AssertionError if the periods do not fit the kind of training resumed."""
        self.current_epoch = self.current_batch = 0
        if self.save_best:
            self.best = worst(self.monitor_op)
        if self.resume_from_checkpoint:
            same = ("To resume from a checkpoint, save by the same unit as you train: for a training by epochs give "
                    "epoch_period and batch_period=None, for one by batches batch_period and epoch_period=None")
            if estimator.max_batch:
                assert self.batch_period and not self.epoch_period, same
            if estimator.max_epoch:
                assert self.epoch_period and not self.batch_period, same
            self._resume_from_checkpoint(estimator)

    def batch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Save, once in `batch_period` batches."""
        if self.current_batch == 0:
            self._save_symbol(estimator)
        if self.batch_period and (self.current_batch + 1) % self.batch_period == 0:
            self._save_checkpoint(estimator)
        self.current_batch += 1

    def epoch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Save, once in `epoch_period` epochs."""
        if self.epoch_period and (self.current_epoch + 1) % self.epoch_period == 0:
            self._save_checkpoint(estimator)
        self.current_epoch += 1

    # ---- saving ----------------------------------------------------------------------------------

    def _save_checkpoint(self, estimator: Any) -> None:
        epoch, batch = self.current_epoch, self.current_batch
        if self.resume_from_checkpoint:
            epoch += self.trained_epoch + 1
            # at an epoch's end the batches are counted already
            batch += self.trained_batch + (0 if estimator.max_epoch else 1)
        prefix = f"{self.model_prefix}-epoch{epoch}batch{batch}"
        self._save_params_and_trainer(estimator, prefix)
        if self.verbose > 0:
            estimator.logger.info("[Epoch %d] CheckpointHandler: trained total %d batches, saving model at %s with "
                                  "prefix: %s", self.current_epoch, self.current_batch + 1, self.model_dir, prefix)
        if self.save_best:
            self._save_best(estimator)

    def _save_best(self, estimator: Any) -> None:
        name, value = self.monitor.get()
        if math.isnan(value):
            warnings.warn(f"CheckpointHandler: {name} has no value, so the best model is not saved. The monitor must "
                          "be one of estimator.train_metrics and estimator.val_metrics", RuntimeWarning, stacklevel=2)
        elif self.monitor_op(value, self.best):
            prefix = self.model_prefix + "-best"
            self._save_params_and_trainer(estimator, prefix)
            if self.verbose > 0:
                before = self.best if is_2() else value  # as in MXNet 1.9.1
                estimator.logger.info("[Epoch %d] CheckpointHandler: %s improved from %0.5f to %0.5f, updating best "
                                      "model at %s with prefix: %s", self.current_epoch, name, before, value,
                                      self.model_dir, prefix)
            self.best = value
        elif self.verbose > 0:
            estimator.logger.info("[Epoch %d] CheckpointHandler: %s did not improve from %0.5f, skipping updating best "
                                  "model", self.current_batch, name, self.best)

    def _save_symbol(self, estimator: Any) -> None:
        """Write the graph of a hybridized network, PREFIX-symbol.json; log that another has none."""
        path = os.path.join(self.model_dir, self.model_prefix + "-symbol.json")
        net = estimator.net
        hybridized = isinstance(net, HybridBlock) and net._active and net._in_format is not None
        if hybridized and (is_2() or not defines_forward(net)):
            net._get_graph()[1].save(path)
        else:
            estimator.logger.info("Model architecture(symbol file) is not saved as %s: only a HybridBlock has one, "
                                  "after net.hybridize()", path)

    def _save_params_and_trainer(self, estimator: Any, file_prefix: str) -> None:
        start = os.path.join(self.model_dir, file_prefix)
        estimator.net.save_parameters(start + ".params")
        estimator.trainer.save_states(start + ".states")
        if "best" not in file_prefix:
            self.saved_checkpoints.append(file_prefix)
        if len(self.saved_checkpoints) > self.max_checkpoints:
            oldest = self.saved_checkpoints.pop(0)
            for name in os.listdir(self.model_dir):
                if name.startswith(oldest):
                    os.remove(os.path.join(self.model_dir, name))

    # ---- resuming --------------------------------------------------------------------------------

    def _resume_from_checkpoint(self, estimator: Any) -> None:
        """Load the latest checkpoint, and train what remains. ValueError if nothing does."""
        prefix = self.model_prefix + "-epoch"
        self.trained_epoch = self._find_max_iteration(self.model_dir, prefix, "epoch", "batch", self.saved_checkpoints)
        prefix += str(self.trained_epoch)
        self.trained_batch = self._find_max_iteration(self.model_dir, prefix, "batch", ".params")
        if self.trained_epoch == -1:
            length = f"{estimator.max_batch} batches" if estimator.max_batch else f"{estimator.max_epoch} epochs"
            estimator.logger.info(f"CheckpointHandler: No checkpoint found, training from scratch for {length}")
            return
        text = (f"CheckpointHandler: Checkpoint resumed from epoch {self.trained_epoch} batch {self.trained_batch}, "
                "continue to train for ")
        for unit, trained in (("epoch", self.trained_epoch), ("batch", self.trained_batch)):
            limit = getattr(estimator, f"max_{unit}")
            if limit:
                if trained >= limit - 1:
                    raise ValueError(f"CheckpointHandler: the checkpoints in {self.model_dir} reach {unit} {trained} "
                                     f"of {limit} already. Train longer, or give resume_from_checkpoint=False to "
                                     "begin anew")
                setattr(estimator, f"max_{unit}", limit - trained - 1)
                text += f"{limit - trained - 1} {'epochs' if unit == 'epoch' else 'batches'} "
        start = os.path.join(self.model_dir, f"{prefix}batch{self.trained_batch}")
        for path in (start + ".params", start + ".states"):
            assert os.path.exists(path), f"Failed to load checkpoint, {path} does not exist"
        estimator.net.load_parameters(start + ".params", ctx=estimator.context)
        estimator.trainer.load_states(start + ".states")
        estimator.logger.warning(text)

    def _find_max_iteration(self, dir: str, prefix: str, start: str, end: str,
                            saved_checkpoints: list[str] | None = None) -> int:
        """The largest number between `start` and `end` in the names of parameter files; -1 without files.

        saved_checkpoints: if it is not empty, the names found are added to it.

        ValueError if a name has no number there.
        """
        largest = -1
        for name in os.listdir(dir):
            if name.startswith(prefix) and ".params" in name:
                if saved_checkpoints:
                    saved_checkpoints.append(name[:name.find(".params")])
                number = name[name.find(start) + len(start):name.find(end)]
                try:
                    largest = max(largest, int(number))
                except ValueError:
                    raise ValueError(f"{name} in {dir} is no checkpoint: wanted the form NAME-epochNUMBERbatchNUMBER"
                                     ".params, with a .states file for each") from None
        return largest

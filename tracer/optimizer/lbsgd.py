"""SGD that emulates large batches: LBSGD."""
from __future__ import annotations

import logging
import math
from typing import Any

import numpy

from ..array.nd_array import NDArray
from .base import Optimizer, register
from .rule_optimizer import nd, zeros_like


@register
class LBSGD(Optimizer):
    """SGD with momentum on the mean of `batch_scale` gradients, with a rate that grows in a warm-up.

    momentum: the share of the last step that the next one keeps.
    warmup_strategy: 'linear', 'power2' or 'sqrt' growth of the rate's factor from 1 to batch_scale, or 'lars', by the
    norms of weight and gradient, which reads them at each update.
    warmup_epochs, updates_per_epoch: the length of the warm-up.
    batch_scale: the number of gradients to an update.
    begin_epoch: the first epoch, which the warm-up counts from.
    num_epochs: accepted, without effect, as in MXNet.
    kwargs: `Optimizer`'s parameters.

    >>> from tracer import nd
    >>> sgd, weight = LBSGD(learning_rate=1, batch_scale=2, warmup_epochs=0), nd.array([8])
    >>> for gradient in (1, 3):
    ...     sgd.update(0, weight, nd.array([gradient]), None)
    >>> weight.asnumpy()  # the rate 1 times batch_scale times the mean gradient 2
    array([4.], dtype=float32)
    """

    def __init__(self, momentum: float = 0.0, multi_precision: bool = False, warmup_strategy: str = "linear",
                 warmup_epochs: int = 5, batch_scale: int = 1, updates_per_epoch: int = 32, begin_epoch: int = 0,
                 num_epochs: int = 60, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        logging.info("Running Large-Batch SGD Algorithm")
        logging.info("(Batch_scale=%f, warmup_epochs=%d, warmup_strategy=%s, updates_per_epoch=%d)",
                     batch_scale, warmup_epochs, warmup_strategy, updates_per_epoch)
        self.momentum = momentum
        self.multi_precision = multi_precision
        self.warmup_strategy = warmup_strategy
        self.warmup_epochs = warmup_epochs
        self.batch_scale = batch_scale
        self.updates_per_epoch = updates_per_epoch
        self.init_updates = begin_epoch * updates_per_epoch
        self.num_epochs = num_epochs
        self.lbmult = 1
        self.cumgrads: dict[Any, dict[str, Any]] = {}
        self.adaptive = False
        self.admult = 1

    def create_state(self, index: Any, weight: Any) -> Any:
        """The momentum, zeros, or None; of a float16 weight, under multi_precision: that and its float32 copy."""
        if self._is_copied(weight):
            copy = weight.astype(numpy.float32)
            return zeros_like(copy) if self.momentum != 0.0 else None, copy
        return zeros_like(weight) if self.momentum != 0.0 else None

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Add a gradient to the sum; after `batch_scale` of them, write the weight and its state."""
        for array in (weight, grad):
            assert isinstance(array, NDArray), f"weights and gradients are NDArrays, got {type(array).__name__}"
        lr, wd = self._get_lr(index), self._get_wd(index)
        self._update_count(index)
        total, count = self._cumulate(index, grad)
        if count % self.batch_scale:
            return
        grad = total / self.batch_scale
        if self.warmup_strategy == "lars":
            lr *= self._get_lars(weight, grad, wd)
        else:
            lr *= self._get_lbmult(count)
        settings = {"lr": lr, "wd": wd, "rescale_grad": self.rescale_grad,
                    "clip_gradient": self.clip_gradient or -1.0, "out": weight}
        mom, copy = state if isinstance(state, (list, tuple)) else (state, None)
        copies = () if copy is None else (copy,)
        if mom is None:
            (nd.mp_sgd_update if copies else nd.sgd_update)(weight, grad, *copies, **settings)
        else:
            step = nd.mp_sgd_mom_update if copies else nd.sgd_mom_update
            step(weight, grad, mom, *copies, momentum=max(self.momentum, 0.0), **settings)
        self.cumgrads[index]["cum_grad"] = 0

    def _cumulate(self, index: Any, grad: Any) -> tuple[Any, int]:
        """The sum of a weight's gradients since its last update, and the number of all its gradients."""
        old = self.cumgrads.get(index)
        if old is not None and old["num_cums"] > 0:
            total, count = old["cum_grad"] + grad, old["num_cums"] + 1
        else:
            total, count = grad.copy(), self.init_updates + 1  # a copy: the caller overwrites its gradient
        self.cumgrads[index] = {"cum_grad": total, "num_cums": count}
        return total, count

    def _get_lbmult(self, nup: int) -> float:
        """The rate's factor after `nup` gradients."""
        length, greatest = self.warmup_epochs * self.updates_per_epoch, float(self.batch_scale)
        if nup >= length:
            return greatest
        if length <= 1:
            return 1.0
        if self.warmup_strategy == "linear":
            return 1.0 + (greatest - 1) * nup / length
        if self.warmup_strategy == "power2":
            return 1.0 + (greatest - 1) * (nup * nup) / (length * length)
        return 1.0 + (greatest - 1) * math.sqrt(nup / length) if self.warmup_strategy == "sqrt" else 1.0

    def _get_lars(self, weight: Any, g: Any, wd: float) -> float:
        """The rate's factor by the sums of squares of weight and gradient, from 0.01 to 100."""
        squares, grad_squares = (float((x * x).asnumpy().sum()) for x in (weight, g))
        return min(max(math.sqrt(squares / (grad_squares + wd * squares + 1e-18)), 0.01), 100.0)

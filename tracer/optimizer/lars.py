"""Rates for large batches: LARS and LBSGD."""
from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy

from ..array.nd_array import NDArray
from .base import Optimizer, register
from .rule_optimizer import PrecisionLast, aggregation_size, nd, zeros_like


@register
class LARS(PrecisionLast):
    """SGD with momentum, whose rate for each weight is scaled by the weight's norm over the gradient's.

    momentum: the share of the last step that the next one keeps.
    lazy_update: accepted, without effect.
    eta: the factor of the ratio of norms.
    eps: a number added to the divisor; MXNet 2.0's name of it is epsilon.
    momentum_correction: whether the momentum follows a change of the learning rate.
    kwargs: `Optimizer`'s parameters. You, Gitman, Ginsburg, "Large Batch Training of Convolutional Networks", 2017.
    Weights named ...gamma, ...beta or ...bias have SGD's rate.

    >>> from tracer import nd
    >>> lars, weight = LARS(learning_rate=1, eta=0.5), nd.array([3, 4])
    >>> lars.update(0, weight, nd.array([6, 8]), None)
    >>> weight.asnumpy()
    array([1.5, 2. ], dtype=float32)
    """

    def __init__(self, momentum: float = 0.0, lazy_update: bool = True, eta: float = 0.001, eps: float = 0,
                 momentum_correction: bool = True, **kwargs: Any) -> None:
        eps = kwargs.pop("epsilon", eps)
        kwargs.setdefault("aggregate_num", aggregation_size(4))
        super().__init__(**kwargs)
        self.momentum = momentum
        self.momentum_correction = momentum_correction
        self.lazy_update = lazy_update
        self.eta = eta
        self.eps = eps
        self.skip = 0
        self.last_lr: float | None = None
        self.cur_lr: float | None = None

    def _get_lrs(self, indices: Sequence[Any]) -> list[float]:
        """The learning rates of the weights with these indices; remembers the rate of the last call and of this."""
        lr = self.learning_rate
        self.last_lr = lr if self.cur_lr is None else self.cur_lr
        self.cur_lr = lr
        return super()._get_lrs(indices)

    def set_wd_mult(self, args_wd_mult: dict[Any, float]) -> None:
        """Set the parameters' factors of the weight decay, as `Optimizer.set_wd_mult`; ..._gamma has 0 too."""
        self.wd_mult = {**self._undecayed(("_weight",)), **self._attributes("__wd_mult__"), **args_wd_mult}

    def _numbers(self, index: Any) -> tuple[float, ...]:
        return self._numbers_of([index])[0]

    def _numbers_of(self, indices: Sequence[Any]) -> list[tuple[float, ...]]:
        """Rate, decay, the gradient's factor, the momentum, and 1 where the rate is scaled, else 0, of each weight."""
        lrs, wds = self._get_lrs(indices), self._get_wds(indices)
        momentum = self.momentum
        if momentum > 0 and self.momentum_correction and self.last_lr:
            assert self.cur_lr is not None
            momentum = momentum * (self.cur_lr / self.last_lr)
        scaled = [0.0 if self.idx2name.get(index, str(index)).endswith(("gamma", "beta", "bias")) else 1.0
                  for index in indices]
        return [(lr, wd, self.rescale_grad, momentum, s) for lr, wd, s in zip(lrs, wds, scaled)]

    def _rates(self, weight: Any, grad: Any, *numbers: float) -> tuple[Any, Any]:
        """The weight's rate and decay, arrays of one number."""
        lr, wd, rescale_grad, scaled = numbers
        zero = nd.zeros((1,), ctx=weight.context)
        rate, decay = zero + lr, zero + wd
        # A norm of 0 leaves the rate as it is.
        weight_square = nd.multi_sum_sq(weight, num_arrays=1) * scaled
        grad_square = nd.multi_sum_sq(grad, num_arrays=1)
        return nd.multi_lars(rate, weight_square, grad_square, decay, eta=self.eta, eps=self.eps,
                             rescale_grad=rescale_grad), decay

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad, momentum, scaled = numbers
        rates = self._rates(weight, grad, lr, wd, rescale_grad, scaled)
        settings = {"rescale_grad": rescale_grad, "clip_gradient": self._bound(), "num_weights": 1, "out": [weight]}
        if state is None:
            nd.preloaded_multi_sgd_update(weight, grad, *rates, **settings)
        else:
            nd.preloaded_multi_sgd_mom_update(weight, grad, state, *rates, momentum=momentum, **settings)

    def _rule_multi_precision(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad, momentum, scaled = numbers
        mom, copy = state
        rates = self._rates(weight, grad, lr, wd, rescale_grad, scaled)
        settings = {"rescale_grad": rescale_grad, "clip_gradient": self._bound(), "num_weights": 1, "out": [weight]}
        if mom is None:
            nd.preloaded_multi_mp_sgd_update(weight, grad, copy, *rates, **settings)
        else:
            nd.preloaded_multi_mp_sgd_mom_update(weight, grad, mom, copy, *rates, momentum=momentum, **settings)


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

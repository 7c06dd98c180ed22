"""Layer-wise adaptive rates for large batches: LARS."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import register
from .rule_optimizer import PrecisionLast, aggregation_size, nd


@register
class LARS(PrecisionLast):
    """SGD with momentum, whose rate for each weight is scaled by the weight's norm over the gradient's.

    momentum: the share of the last step that the next one keeps.
    lazy_update: accepted; it concerns sparse gradients, which tracer lacks.
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

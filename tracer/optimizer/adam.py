"""Adam and its variants: running means of the gradient and of its square."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy

from .base import register
from .rule_optimizer import RuleOptimizer, aggregation_size, namespace_of, nd, zeros_like


class _TwoMeans(RuleOptimizer):
    """The base of optimizers whose state is two arrays of zeros at first, running means with factors beta1, beta2."""

    beta1: float
    beta2: float

    def create_state(self, index: Any, weight: Any) -> Any:
        """The running means of the gradient and of its square, zeros."""
        return zeros_like(weight), zeros_like(weight)

    def _corrected(self, lr: float, index: Any) -> float:
        """The learning rate with the correction for the means' start at 0."""
        count = self._index_update_count[index]
        return lr * (math.sqrt(1.0 - self.beta2 ** count) / (1.0 - self.beta1 ** count))


@register
class Adam(_TwoMeans):
    """Adam (`nd.adam_update`).

    beta1, beta2: the factors of the running means of the gradient and of its square.
    epsilon: a number added to the divisor.
    lazy_update: whether a row_sparse gradient updates only the rows that it stores.
    kwargs: `Optimizer`'s parameters. Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014.

    >>> from tracer import nd
    >>> adam, weight = Adam(learning_rate=0.5), nd.array([1])
    >>> adam.update(0, weight, nd.array([3]), adam.create_state(0, weight))
    >>> round(float(weight.asscalar()), 3)
    0.5
    """

    def __init__(self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8,
                 lazy_update: bool = True, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lazy_update = lazy_update

    def _numbers(self, index: Any) -> tuple[float, ...]:
        lr, wd, rescale_grad = super()._numbers(index)
        return self._corrected(lr, index), wd, rescale_grad

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad = numbers
        mean, var = state
        nd.adam_update(weight, grad, mean, var, lr=lr, wd=wd, rescale_grad=rescale_grad, beta1=self.beta1,
                       beta2=self.beta2, epsilon=self.epsilon, clip_gradient=self._bound(),
                       lazy_update=self.lazy_update, out=weight)


class _Decoupled(_TwoMeans):
    """The base of MXNet 2.0's variants of Adam, with a correction that can be left out.

    A step with a rescale_grad of 0, infinity or NaN changes nothing: mixed-precision training skips steps by it.
    """

    def __init__(self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-6,
                 correct_bias: bool = True, use_fused_step: bool = True, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, use_fused_step=use_fused_step, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.correct_bias = correct_bias
        self.aggregate_num = max(1, min(50, aggregation_size(4)))

    def _numbers(self, index: Any) -> tuple[float, ...]:
        lr, wd, rescale_grad = super()._numbers(index)
        return self._corrected(lr, index) if self.correct_bias else lr, wd, rescale_grad


@register
class AdamW(_Decoupled):
    """Adam with weight decay apart from the running means (`nd.contrib.adamw_update`).

    beta1, beta2, epsilon: as in `Adam`.
    correct_bias: whether the rate is corrected for the means' start at 0.
    kwargs: `Optimizer`'s parameters. Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.

    >>> from tracer import nd
    >>> adam, weight = AdamW(learning_rate=0.5, wd=1), nd.array([1])
    >>> adam.update(0, weight, nd.array([0]), adam.create_state(0, weight))
    >>> float(weight.asscalar()) < 1
    True
    """

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad = numbers
        nd.contrib.adamw_update(weight, grad, *state, rescale_grad, lr=1, eta=lr, wd=wd, beta1=self.beta1,
                                beta2=self.beta2, epsilon=self.epsilon, clip_gradient=self._bound(), out=weight)


@register
class AdaBelief(_Decoupled):
    """Adam with the variance of the gradient about its running mean in place of its square's mean.

    beta1, beta2, epsilon, correct_bias: as in `AdamW`.
    kwargs: `Optimizer`'s parameters. Zhuang et al., "AdaBelief Optimizer", 2020.

    >>> from tracer import nd
    >>> belief, weight = AdaBelief(learning_rate=0.5), nd.array([1])
    >>> belief.update(0, weight, nd.array([3]), belief.create_state(0, weight))
    >>> float(weight.asscalar()) < 1
    True
    """

    def _numbers(self, index: Any) -> tuple[float, ...]:
        usable = 1.0 if self.rescale_grad and math.isfinite(self.rescale_grad) else 0.0
        return *super()._numbers(index), usable

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad, usable = numbers
        mean, var = state
        xp = namespace_of(weight)
        rest1, rest2 = (float(1 - numpy.float32(beta)) for beta in (self.beta1, self.beta2))  # as MXNet rounds them
        g = self._clipped(grad * rescale_grad + weight * wd)
        new_mean = mean * self.beta1 + g * rest1
        new_var = var * self.beta2 + xp.square(g - new_mean) * rest2 + self.epsilon
        new = weight - new_mean / (xp.sqrt(new_var) + self.epsilon) * lr
        wanted = xp.zeros_like(weight) + usable
        for old, changed in ((weight, new), (mean, new_mean), (var, new_var)):
            old[:] = xp.where(wanted, changed, old)


@register
class Adamax(_TwoMeans):
    """Adam with the maximum norm in place of the second mean.

    beta1, beta2: the factors of the running mean of the gradient and of the running maximum.
    kwargs: `Optimizer`'s parameters, and MXNet 2.0's epsilon, a number added to the divisor. Without that a weight
    whose gradients have all been 0 becomes NaN, as in MXNet 1.9.1. Kingma and Ba, 2014, section 7.1.

    >>> from tracer import nd
    >>> adamax, weight = Adamax(learning_rate=0.5), nd.array([1])
    >>> adamax.update(0, weight, nd.array([3]), adamax.create_state(0, weight))
    >>> round(float(weight.asscalar()), 3)
    0.5
    """

    def __init__(self, learning_rate: float = 0.002, beta1: float = 0.9, beta2: float = 0.999, **kwargs: Any) -> None:
        epsilon = kwargs.pop("epsilon", 0.0)
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def _numbers(self, index: Any) -> tuple[float, ...]:
        lr, wd, rescale_grad = super()._numbers(index)
        return lr / (1.0 - self.beta1 ** self._index_update_count[index]), wd, rescale_grad

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad = numbers
        mean, norm = state
        xp = namespace_of(weight)
        g = self._clipped(grad * rescale_grad + weight * wd)
        new_mean = mean * self.beta1 + g * (1.0 - self.beta1)
        new_norm = xp.maximum(norm * self.beta2, xp.abs(g))
        weight[:] = weight - new_mean * lr / (new_norm + self.epsilon if self.epsilon else new_norm)
        mean[:] = new_mean
        norm[:] = new_norm

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({"epsilon": 0.0, **state})  # MXNet 1.9.1's has none


@register
class Nadam(_TwoMeans):
    """Adam with Nesterov's momentum.

    beta1, beta2, epsilon: as in `Adam`.
    schedule_decay: how fast the momentum approaches beta1.
    kwargs: `Optimizer`'s parameters. Dozat, "Incorporating Nesterov Momentum into Adam", 2016. As in MXNet, the
    product of all momenta so far (`m_schedule`) grows with each weight's update.

    >>> from tracer import nd
    >>> nadam, weight = Nadam(learning_rate=0.5), nd.array([1])
    >>> nadam.update(0, weight, nd.array([3]), nadam.create_state(0, weight))
    >>> float(weight.asscalar()) < 1
    True
    """

    def __init__(self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8,
                 schedule_decay: float = 0.004, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.schedule_decay = schedule_decay
        self.m_schedule = 1.0

    def _numbers(self, index: Any) -> tuple[float, ...]:
        count = self._index_update_count[index]
        now, later = (self.beta1 * (1.0 - 0.5 * pow(0.96, t * self.schedule_decay)) for t in (count, count + 1))
        self.m_schedule = self.m_schedule * now
        return (*super()._numbers(index), 1.0 - self.m_schedule, 1.0 - self.m_schedule * later,
                1.0 - pow(self.beta2, count), 1.0 - now, later)

    def _numbers_of(self, indices: Sequence[Any]) -> list[tuple[float, ...]]:
        return [self._numbers(index) for index in indices]  # each moves m_schedule on

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad, all_so_far, all_later, correction, rest, later = numbers
        mean, var = state
        g = self._clipped(grad * rescale_grad + weight * wd)
        new_mean = mean * self.beta1 + g * (1.0 - self.beta1)
        new_var = var * self.beta2 + g * (1.0 - self.beta2) * g
        ahead = g / all_so_far * rest + new_mean / all_later * later
        weight[:] = weight - ahead * lr / (namespace_of(weight).sqrt(new_var / correction) + self.epsilon)
        mean[:] = new_mean
        var[:] = new_var

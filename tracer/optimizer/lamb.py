"""Layer-wise adaptive rates for Adam: LAMB and LANS."""
from __future__ import annotations

from typing import Any

import numpy

from .base import register
from .rule_optimizer import RuleOptimizer, aggregation_size, namespace_of, nd, zeros_like


class _LayerWise(RuleOptimizer):
    """The base of LAMB and LANS: their settings, and two running means as state."""

    def __init__(self, learning_rate: float, beta1: float, beta2: float, epsilon: float, lower_bound: float | None,
                 upper_bound: float | None, **kwargs: Any) -> None:
        assert kwargs["aggregate_num"] <= 45, \
            f"{type(self).__name__} supports aggregate_num <= 45, got {kwargs['aggregate_num']}"
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound

    def create_state(self, index: Any, weight: Any) -> Any:
        """The running means of the gradient and of its square, zeros."""
        return zeros_like(weight), zeros_like(weight)


@register
class LAMB(_LayerWise):
    """Adam whose rate for each weight is scaled by the weight's norm over the step's (`nd.lamb_update_phase1`).

    beta1, beta2, epsilon: as in `Adam`.
    lower_bound, upper_bound: bounds of the weight's norm; None: no bound.
    bias_correction: whether the running means are corrected for their start at 0.
    kwargs: `Optimizer`'s parameters. You et al., "Large Batch Optimization for Deep Learning", 2019.

    >>> from tracer import nd
    >>> lamb, weight = LAMB(learning_rate=0.5), nd.array([2])
    >>> lamb.update(0, weight, nd.array([3]), lamb.create_state(0, weight))
    >>> round(float(weight.asscalar()), 3)
    1.0
    """

    def __init__(self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-6,
                 lower_bound: float | None = None, upper_bound: float | None = None, bias_correction: bool = True,
                 **kwargs: Any) -> None:
        kwargs.setdefault("aggregate_num", max(1, min(45, aggregation_size(45))))
        super().__init__(learning_rate, beta1, beta2, epsilon, lower_bound, upper_bound, **kwargs)
        self.bias_correction = bias_correction

    def _numbers(self, index: Any) -> tuple[float, ...]:
        return (*super()._numbers(index), self._index_update_count[index])

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad, count = numbers
        mean, var = state
        step = nd.lamb_update_phase1(weight, grad, mean, var, wd=wd, rescale_grad=rescale_grad, t=count,
                                     beta1=self.beta1, beta2=self.beta2, epsilon=self.epsilon,
                                     bias_correction=self.bias_correction, clip_gradient=self._bound())
        nd.lamb_update_phase2(weight, step, nd.norm(weight), nd.norm(step), lr=lr, out=weight,
                              lower_bound=self.lower_bound or -1.0, upper_bound=self.upper_bound or -1.0)


@register
class LANS(_LayerWise):
    """LAMB with a normalized gradient and a second step along that, as Nesterov's momentum has one.

    The parameters are `LAMB`'s. Zheng et al., "Accelerated Large Batch Optimization of BERT Pretraining", 2020.

    >>> from tracer import nd
    >>> lans, weight = LANS(learning_rate=0.5), nd.array([2])
    >>> lans.update(0, weight, nd.array([3]), lans.create_state(0, weight))
    >>> round(float(weight.asscalar()), 3)
    1.0
    """

    def __init__(self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-6,
                 lower_bound: float | None = None, upper_bound: float | None = None, aggregate_num: int = 4,
                 use_fused_step: bool = True, **kwargs: Any) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, lower_bound, upper_bound, aggregate_num=aggregate_num,
                         use_fused_step=use_fused_step, **kwargs)

    def _numbers(self, index: Any) -> tuple[float, ...]:
        count = numpy.float32(self._index_update_count[index])
        corrections = (float(1 - numpy.float32(beta) ** count) for beta in (self.beta1, self.beta2))
        return (*super()._numbers(index), *corrections)

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad, mean_correction, var_correction = numbers
        mean, var = state
        mean_rest, var_rest = (float(1 - numpy.float32(beta)) for beta in (self.beta1, self.beta2))  # as MXNet rounds
        xp = namespace_of(weight)
        g = grad * rescale_grad
        g = self._clipped(g / _norm(g))
        new_mean = mean * self.beta1 + g * mean_rest
        new_var = var * self.beta2 + g * var_rest * g
        root = xp.sqrt(new_var / var_correction) + self.epsilon
        decay = weight * wd
        size = _norm(weight)
        if self.lower_bound:
            size = xp.maximum(size, self.lower_bound)
        if self.upper_bound:
            size = xp.minimum(size, self.upper_bound)
        first, second = new_mean / mean_correction / root + decay, g / root + decay
        weight[:] = weight - (_ratio(size, first) * self.beta1 * lr * first
                              + _ratio(size, second) * mean_rest * lr * second)
        mean[:] = new_mean
        var[:] = new_var


def _norm(array: Any) -> Any:
    """The root of the sum of squares, an array of one element that broadcasts with the array."""
    xp = namespace_of(array)
    return xp.sqrt(xp.sum(xp.square(array))).reshape((1,) * array.ndim)


def _ratio(size: Any, step: Any) -> Any:
    """The weight's norm over the step's; 1 where one of them is 0."""
    xp, norm = namespace_of(step), _norm(step)
    return xp.where(size * norm == 0, xp.ones_like(norm), size / norm)

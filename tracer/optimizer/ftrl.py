"""Optimizers that follow a leader: Ftrl and FTML."""
from __future__ import annotations

from typing import Any

from .base import register
from .rule_optimizer import RuleOptimizer, nd, zeros_like


@register
class Ftrl(RuleOptimizer):
    """Follow the regularized leader (`nd.ftrl_update`): weights near 0 become 0.

    lamda1: the factor of the sum of absolute values.
    beta: a number added to the root of the sum of squared gradients.
    kwargs: `Optimizer`'s parameters. McMahan et al., "Ad Click Prediction: a View from the Trenches", 2013.

    >>> from tracer import nd
    >>> ftrl, weight = Ftrl(lamda1=10), nd.array([1])
    >>> ftrl.update(0, weight, nd.array([1]), ftrl.create_state(0, weight))
    >>> weight.asnumpy()
    array([-0.], dtype=float32)
    """

    def __init__(self, lamda1: float = 0.01, learning_rate: float = 0.1, beta: float = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lamda1 = lamda1
        self.beta = beta
        self.lr = learning_rate  # it leaves a scheduler's base_lr alone, as in MXNet 1.9.1

    def create_state(self, index: Any, weight: Any) -> Any:
        """The sums of gradients and of their squares, zeros."""
        return zeros_like(weight), zeros_like(weight)

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad = numbers
        z, n = state
        nd.ftrl_update(weight, grad, z, n, lr=lr, wd=wd, rescale_grad=rescale_grad, lamda1=self.lamda1,
                       beta=self.beta, clip_gradient=self._bound(), out=weight)


@register
class FTML(RuleOptimizer):
    """Follow the moving leader (`nd.ftml_update`).

    beta1, beta2, epsilon: as in `Adam`.
    kwargs: `Optimizer`'s parameters. Zheng and Kwok, "Follow the Moving Leader in Deep Learning", 2017.

    >>> from tracer import nd
    >>> ftml, weight = FTML(learning_rate=0.5), nd.array([1])
    >>> ftml.update(0, weight, nd.array([3]), ftml.create_state(0, weight))
    >>> round(float(weight.asscalar()), 3)
    0.5
    """

    def __init__(self, beta1: float = 0.6, beta2: float = 0.999, epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def create_state(self, index: Any, weight: Any) -> Any:
        """The arrays d, v and z of the paper, zeros."""
        return zeros_like(weight), zeros_like(weight), zeros_like(weight)

    def _numbers(self, index: Any) -> tuple[float, ...]:
        return (*super()._numbers(index), self._index_update_count[index])

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad, count = numbers
        d, v, z = state
        nd.ftml_update(weight, grad, d, v, z, lr=lr, wd=wd, rescale_grad=rescale_grad, t=count, beta1=self.beta1,
                       beta2=self.beta2, epsilon=self.epsilon, clip_grad=self._bound(), out=weight)

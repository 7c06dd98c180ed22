"""Optimizers that divide by a norm of past gradients: AdaGrad, AdaDelta, RMSProp."""
from __future__ import annotations

from typing import Any

from ..sparse.updates import adagrad_update
from .base import register
from .rule_optimizer import RuleOptimizer, namespace_of, nd, zeros_like


@register
class AdaGrad(RuleOptimizer):
    """AdaGrad: steps divided by the root of the sum of all squared gradients.

    eps: a number added under the root; MXNet 2.0's name of it is epsilon.
    kwargs: `Optimizer`'s parameters. Duchi, Hazan, Singer, "Adaptive Subgradient Methods", 2011.

    >>> from tracer import nd
    >>> adagrad, weight = AdaGrad(learning_rate=0.5), nd.array([1])
    >>> adagrad.update(0, weight, nd.array([3]), adagrad.create_state(0, weight))
    >>> round(float(weight.asscalar()), 3)
    0.5
    """

    def __init__(self, eps: float = 1e-7, **kwargs: Any) -> None:
        eps = kwargs.pop("epsilon", eps)
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index: Any, weight: Any) -> Any:
        """The sum of squared gradients, zeros."""
        return zeros_like(weight)

    def _numbers(self, index: Any) -> tuple[float, ...]:
        lr, wd, rescale_grad = super()._numbers(index)
        return -lr, wd, rescale_grad

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        descent, wd, rescale_grad = numbers
        if grad.stype == "row_sparse":
            adagrad_update(weight, grad, state, -descent, self.float_stable_eps, wd, rescale_grad, self._bound())
            return
        xp = namespace_of(weight)
        g = self._scaled(grad, rescale_grad)
        history = state + xp.square(g)
        weight[:] = weight + (g / xp.sqrt(history + self.float_stable_eps) + weight * wd) * descent
        state[:] = history


@register
class AdaDelta(RuleOptimizer):
    """AdaDelta: steps scaled by the ratio of past steps to past gradients. It has no learning rate.

    rho: the factor of both running means.
    epsilon: a number added under both roots.
    kwargs: `Optimizer`'s parameters. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012.

    >>> from tracer import nd
    >>> adadelta, weight = AdaDelta(), nd.array([1])
    >>> adadelta.update(0, weight, nd.array([3]), adadelta.create_state(0, weight))
    >>> 0.98 < float(weight.asscalar()) < 1
    True
    """

    def __init__(self, rho: float = 0.90, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def create_state(self, index: Any, weight: Any) -> Any:
        """The running means of the squared gradients and of the squared steps, zeros."""
        return zeros_like(weight), zeros_like(weight)

    def _numbers(self, index: Any) -> tuple[float, ...]:
        return self._get_wd(index), self.rescale_grad

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        wd, rescale_grad = numbers
        grads, steps = state
        xp = namespace_of(weight)
        g = self._scaled(grad, rescale_grad)
        new_grads = grads * self.rho + g * (1.0 - self.rho) * g
        step = xp.sqrt(steps + self.epsilon) / xp.sqrt(new_grads + self.epsilon) * g
        steps[:] = steps * self.rho + step * (1.0 - self.rho) * step
        grads[:] = new_grads
        weight[:] = weight - (step + weight * wd)


@register
class RMSProp(RuleOptimizer):
    """RMSProp (`nd.rmsprop_update`), or centered, with a momentum (`nd.rmspropalex_update`).

    gamma1: the factor of the running means; MXNet 2.0's name of it is rho.
    gamma2: the momentum of the centered form; MXNet 2.0's name of it is momentum.
    epsilon: a number added under the root.
    centered: whether the mean gradient's square is subtracted under the root.
    clip_weights: the bound of the weights' absolute values; None: no bound.
    kwargs: `Optimizer`'s parameters. Tieleman and Hinton, 2012; Graves, 2013.

    >>> from tracer import nd
    >>> rmsprop, weight = RMSProp(learning_rate=0.1, gamma1=0.75), nd.array([1])
    >>> rmsprop.update(0, weight, nd.array([3]), rmsprop.create_state(0, weight))
    >>> round(float(weight.asscalar()), 3)
    0.8
    """

    def __init__(self, learning_rate: float = 0.001, gamma1: float = 0.9, gamma2: float = 0.9, epsilon: float = 1e-8,
                 centered: bool = False, clip_weights: float | None = None, **kwargs: Any) -> None:
        gamma1, gamma2 = kwargs.pop("rho", gamma1), kwargs.pop("momentum", gamma2)
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.gamma1 = gamma1
        self.gamma2 = gamma2
        self.centered = centered
        self.epsilon = epsilon
        self.clip_weights = clip_weights

    def create_state(self, index: Any, weight: Any) -> Any:
        """The running mean of the squared gradients; centered: of the gradients too, and the momentum. Zeros."""
        return tuple(zeros_like(weight) for _ in range(3 if self.centered else 1))

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad = numbers
        states = state if isinstance(state, (tuple, list)) else (state,)  # MXNet 2.0 stores the array alone
        settings = {"lr": lr, "wd": wd, "rescale_grad": rescale_grad, "gamma1": self.gamma1, "epsilon": self.epsilon,
                    "clip_gradient": self._bound(), "clip_weights": self.clip_weights or -1.0, "out": weight}
        if self.centered:
            nd.rmspropalex_update(weight, grad, *states, gamma2=self.gamma2, **settings)
        else:
            nd.rmsprop_update(weight, grad, *states, **settings)

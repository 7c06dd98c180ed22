"""`mx.optimizer.contrib`: AdaGrad with one rate for each row."""
from __future__ import annotations

from typing import Any

from ..sparse.updates import group_adagrad_update
from .base import register
from .rule_optimizer import RuleOptimizer, namespace_of, nd

__all__ = ["GroupAdaGrad"]


@register
class GroupAdaGrad(RuleOptimizer):
    """AdaGrad with one sum of squares for each row of a matrix. AssertionError for a weight decay.

    eps: a number added under the root; MXNet 2.0's name of it is epsilon.
    kwargs: `Optimizer`'s parameters.

    >>> from tracer import nd
    >>> adagrad, weight = GroupAdaGrad(learning_rate=0.5), nd.ones((1, 2))
    >>> adagrad.update(0, weight, nd.array([[1, 0]]), adagrad.create_state(0, weight))
    >>> weight.asnumpy().round(3)
    array([[0.293, 1.   ]], dtype=float32)
    """

    def __init__(self, eps: float = 1e-5, **kwargs: Any) -> None:
        eps = kwargs.pop("epsilon", eps)
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index: Any, weight: Any) -> Any:
        """The sums of each row's mean squared gradients, zeros. AssertionError for another rank than 2."""
        assert len(weight.shape) == 2, f"GroupAdaGrad: a matrix wanted, weight {index} has shape {weight.shape}"
        shape = weight.shape[0], 1
        if weight.stype != "default":
            return nd.zeros(shape, ctx=weight.context, dtype=weight.dtype, stype=weight.stype)
        return namespace_of(weight).zeros(shape, ctx=weight.context, dtype=weight.dtype)

    def _numbers(self, index: Any) -> tuple[float, ...]:
        lr, wd, rescale_grad = super()._numbers(index)
        assert wd == 0, f"Weight decay is not supported for GroupAdaGrad, weight {index} has {wd}"
        return lr, rescale_grad

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, rescale_grad = numbers
        if grad.stype == "row_sparse":
            group_adagrad_update(weight, grad, state, lr, rescale_grad, self._bound(), self.float_stable_eps)
            return
        xp = namespace_of(weight)
        g = self._scaled(grad, rescale_grad)
        history = state + xp.mean(xp.square(g), axis=1, keepdims=True)
        weight[:] = weight - g * lr / xp.sqrt(history + self.float_stable_eps)
        state[:] = history

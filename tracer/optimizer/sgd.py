"""Stochastic gradient descent and its variants."""
from __future__ import annotations

import math
from typing import Any

from .base import Optimizer, register
from .rule_optimizer import PrecisionLast, RuleOptimizer, aggregation_size, namespace_of, nd, zeros_like


class _Momentum(PrecisionLast):
    """The base of optimizers that without a momentum are plain descent.

    _function, _function_mp: the names of `mx.nd`'s functions for a step with momentum, of float16 weights the second.
    """

    _function: str
    _function_mp: str

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        settings = self._settings(weight, numbers)
        if state is None:
            nd.sgd_update(weight, grad, **settings)
        else:
            getattr(nd, self._function)(weight, grad, state, momentum=max(self.momentum, 0.0), **settings)

    def _rule_multi_precision(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        settings = self._settings(weight, numbers)
        mom, copy = state
        if mom is None:
            nd.mp_sgd_update(weight, grad, copy, **settings)
        else:
            getattr(nd, self._function_mp)(weight, grad, mom, copy, momentum=max(self.momentum, 0.0), **settings)

    def _settings(self, weight: Any, numbers: tuple[float, ...]) -> dict[str, Any]:
        lr, wd, rescale_grad = numbers
        return {"lr": lr, "wd": wd, "rescale_grad": rescale_grad, "clip_gradient": self._bound(), "out": weight}


@register
class SGD(_Momentum):
    """Stochastic gradient descent with momentum (`nd.sgd_update`, `nd.sgd_mom_update`).

    momentum: the share of the last step that the next one keeps; 0: there is no state.
    lazy_update: whether a row_sparse gradient updates only the rows that it stores.
    kwargs: `Optimizer`'s parameters.

    >>> from tracer import nd
    >>> weight = nd.array([1, 2])
    >>> SGD(learning_rate=0.5, wd=1).update(0, weight, nd.array([1, 1]), None)
    >>> weight.asnumpy()
    array([0. , 0.5], dtype=float32)
    """

    _function, _function_mp = "sgd_mom_update", "mp_sgd_mom_update"

    def __init__(self, momentum: float = 0.0, lazy_update: bool = True, **kwargs: Any) -> None:
        kwargs.setdefault("aggregate_num", aggregation_size(4))
        super().__init__(**kwargs)
        self.momentum = momentum
        self.lazy_update = lazy_update

    def _settings(self, weight: Any, numbers: tuple[float, ...]) -> dict[str, Any]:
        settings = super()._settings(weight, numbers)
        return settings if self.lazy_update else {**settings, "lazy_update": False}


@register
class ccSGD(SGD):
    """SGD under its name in the oldest scripts.

    >>> ccSGD(learning_rate=0.5).learning_rate
    0.5
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


@register
class NAG(_Momentum):
    """Nesterov's accelerated gradient (`nd.nag_mom_update`); without momentum it is SGD.

    momentum: the share of the last step that the next one keeps.
    kwargs: `Optimizer`'s parameters.

    >>> from tracer import nd
    >>> nag, weight = NAG(learning_rate=0.5, momentum=0.5), nd.array([1])
    >>> nag.update(0, weight, nd.array([1]), nag.create_state(0, weight))
    >>> weight.asnumpy()
    array([0.25], dtype=float32)
    """

    _function, _function_mp = "nag_mom_update", "mp_nag_mom_update"

    def __init__(self, momentum: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = momentum


@register
class Signum(RuleOptimizer):
    """Descent by the sign of the momentum (`nd.signum_update`), or of the gradient (`nd.signsgd_update`).

    momentum: the share of the last momentum that the next one keeps; 0: the gradient's sign counts.
    wd_lh: a weight decay apart from the momentum.
    kwargs: `Optimizer`'s parameters. Bernstein et al., "signSGD", 2018.

    >>> from tracer import nd
    >>> weight = nd.array([1, 2])
    >>> Signum(learning_rate=0.5, momentum=0).update(0, weight, nd.array([-3, 4]), None)
    >>> weight.asnumpy()
    array([1.5, 1.5], dtype=float32)
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9, wd_lh: float = 0.0, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum
        self.wd_lh = wd_lh

    def create_state(self, index: Any, weight: Any) -> Any:
        """The momentum, zeros, or None."""
        return zeros_like(weight) if self.momentum != 0.0 else None

    def _numbers(self, index: Any) -> tuple[float, ...]:
        lr, wd, rescale_grad = super()._numbers(index)
        return lr, wd if self.momentum != 0.0 else wd + self.wd_lh, rescale_grad

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        lr, wd, rescale_grad = numbers
        settings = {"lr": lr, "wd": wd, "rescale_grad": rescale_grad, "clip_gradient": self._bound(), "out": weight}
        if state is None:
            nd.signsgd_update(weight, grad, **settings)
        else:
            nd.signum_update(weight, grad, state, momentum=max(self.momentum, 0.0), wd_lh=self.wd_lh, **settings)


@register
class SGLD(RuleOptimizer):
    """Stochastic gradient Langevin dynamics: half a step of descent, and noise of variance lr.

    kwargs: `Optimizer`'s parameters. Welling and Teh, "Bayesian Learning via Stochastic Gradient Langevin Dynamics",
    2011.

    >>> from tracer import nd
    >>> weight = nd.zeros((2,))
    >>> SGLD(learning_rate=0.01).update(0, weight, nd.ones((2,)), None)
    >>> bool((weight.asnumpy() != 0).all())
    True
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def _numbers(self, index: Any) -> tuple[float, ...]:
        lr, wd, rescale_grad = super()._numbers(index)
        return -lr / 2, wd, rescale_grad, math.sqrt(lr)

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        half_step, wd, rescale_grad, deviation = numbers
        moved = weight + (self._scaled(grad, rescale_grad) + weight * wd) * half_step
        noise = nd.random.normal(0, 1, shape=weight.shape, dtype=weight.dtype, ctx=weight.context)
        weight[:] = moved + _as_flavour(noise, weight) * deviation


def _as_flavour(array: Any, model: Any) -> Any:
    return array.as_np_ndarray() if namespace_of(model) is not nd else array


@register
class DCASGD(RuleOptimizer):
    """Delay-compensated asynchronous stochastic gradient descent.

    momentum: the share of the last step that the next one keeps.
    lamda: the factor of the compensation of the delay.
    kwargs: `Optimizer`'s parameters. Zheng et al., "Asynchronous Stochastic Gradient Descent with Delay
    Compensation", 2017. With momentum MXNet 1.9.1 fails; then this is 1.9.1's formula, corrected as in 2.0.

    >>> from tracer import nd
    >>> sgd, weight = DCASGD(learning_rate=0.5), nd.array([1])
    >>> sgd.update(0, weight, nd.array([1]), sgd.create_state(0, weight))
    >>> weight.asnumpy()
    array([0.5], dtype=float32)
    """

    def __init__(self, momentum: float = 0.0, lamda: float = 0.04, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = momentum
        self.weight_previous: dict[Any, Any] = {}
        self.lamda = lamda

    def create_state(self, index: Any, weight: Any) -> Any:
        """The momentum (None where that is 0) and the previous weight."""
        return zeros_like(weight) if self.momentum != 0.0 else None, weight.copy()

    def _numbers(self, index: Any) -> tuple[float, ...]:
        lr, wd, rescale_grad = super()._numbers(index)
        return -lr, wd, rescale_grad

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        descent, wd, rescale_grad = numbers
        mom, previous = state
        g = self._scaled(grad, rescale_grad)
        step = (g + weight * wd + g * self.lamda * g * (weight - previous)) * descent
        if mom is not None:
            step = mom[:] = mom * self.momentum + step
        previous[:] = weight
        weight[:] = weight + step


@register
class Test(Optimizer):
    """An optimizer for tests of MXNet's own: it adds the gradient to the weight, and copies that to the state.

    >>> from tracer import nd
    >>> test, weight = Test(), nd.array([1])
    >>> test.update(0, weight, nd.array([2]), test.create_state(0, weight))
    >>> weight.asnumpy()
    array([3.], dtype=float32)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def create_state(self, index: Any, weight: Any) -> Any:
        """A copy of the weight to be: zeros at first."""
        return zeros_like(weight)

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Add the scaled gradient to a weight."""
        weight[:] = weight + grad * self.rescale_grad
        state[:] = weight

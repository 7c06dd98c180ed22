"""`nd`'s optimizer steps: the new weight goes into `out`, the states are written in place."""
from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np

from .np_elementwise import FUNCTIONS as F
from .values import NoAnswer


def _clipped(g: Any, bound: float) -> Any:
    return g if bound is None or bound < 0 else F["clip"](g, -bound, bound)


def _put(out: Any, new: Any) -> Any:
    if out is None:
        return new
    out[:] = new
    return out


def _rest(share: float, w: Any) -> float:
    """1 - share as MXNet computes it: for 0.001 it is off in the fifth digit, for float16 weights in the second."""
    kind = np.float16 if w.dtype == np.float16 else np.float32
    return float(kind(1) - kind(share))


def _update(rule: Callable[..., tuple[Any, ...]]) -> Callable[..., Any]:
    """Make an optimizer step of a rule: a function of `weight`, `grad` and states that returns their new values.

    Its numbers are float32, whatever the dtype of the arrays.
    """
    defaults = {name: p.default for name, p in signature(rule).parameters.items() if p.default is not p.empty}

    def function(weight: Any, grad: Any, *states: Any, out: Any = None, **numbers: Any) -> Any:
        if any(x.shape != weight.shape for x in (grad, *states)):
            raise NoAnswer("arrays of several shapes")
        single = {name: float(np.float32(x)) for name, x in (defaults | numbers).items()}
        new, *others = rule(weight, grad, *states, **single)
        for state, value in zip(states, others, strict=True):
            state[:] = value
        return _put(out, new)

    return function


def _sgd(w: Any, g: Any, lr: float, wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0) -> Any:
    return (w - (_clipped(g * rescale_grad, clip_gradient) + w * wd) * lr,)


def _sgd_mom(w: Any, g: Any, mom: Any, lr: float, momentum: float = 0.0, wd: float = 0.0, rescale_grad: float = 1.0,
             clip_gradient: float = -1.0) -> Any:
    new = mom * momentum - (_clipped(g * rescale_grad, clip_gradient) + w * wd) * lr
    return w + new, new


def _nag(w: Any, g: Any, mom: Any, lr: float, momentum: float = 0.0, wd: float = 0.0, rescale_grad: float = 1.0,
         clip_gradient: float = -1.0) -> Any:
    step = (_clipped(g * rescale_grad, clip_gradient) + w * wd) * lr
    new = mom * momentum - step
    return w + (new * momentum - step), new


def _adam(w: Any, g: Any, mean: Any, var: Any, lr: float, beta1: float = 0.9, beta2: float = 0.999,
          epsilon: float = 1e-8, wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0) -> Any:
    g = _clipped(g * rescale_grad + w * wd, clip_gradient)
    mean, var = mean * beta1 + g * _rest(beta1, w), var * beta2 + g * g * _rest(beta2, w)
    return w - mean * lr / (F["sqrt"](var) + epsilon), mean, var


def _rmsprop(w: Any, g: Any, n: Any, lr: float, gamma1: float = 0.95, epsilon: float = 1e-8, wd: float = 0.0,
             rescale_grad: float = 1.0, clip_gradient: float = -1.0) -> Any:
    g = _clipped(g * rescale_grad + w * wd, clip_gradient)
    n = n * gamma1 + g * g * _rest(gamma1, w)
    return w - g * lr / F["sqrt"](n + epsilon), n


def _sign(x: Any) -> Any:
    return type(x).of(F["sign"](x).value)


def _signsgd(w: Any, g: Any, lr: float, wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0) -> Any:
    return (w * (1 - lr * wd) - _sign(g) * lr,)


def _ftrl(w: Any, g: Any, z: Any, n: Any, lr: float, lamda1: float = 0.01, beta: float = 1.0, wd: float = 0.0,
          rescale_grad: float = 1.0, clip_gradient: float = -1.0) -> Any:
    g = _clipped(g * rescale_grad, clip_gradient)
    total = n + g * g
    z = z + (g - (F["sqrt"](total) - F["sqrt"](n)) * w / lr)  # in this order MXNet rounds
    scale = (F["sqrt"](total) + beta) / lr + wd
    shrunk = _sign(z) * lamda1 - z
    return F["where"](F["abs"](z) > lamda1, shrunk / scale, F["zeros_like"](w)), z, total


ND: dict[str, Any] = {
    "sgd_update": _update(_sgd), "sgd_mom_update": _update(_sgd_mom), "nag_mom_update": _update(_nag),
    "adam_update": _update(_adam), "rmsprop_update": _update(_rmsprop), "signsgd_update": _update(_signsgd),
    "ftrl_update": _update(_ftrl)}

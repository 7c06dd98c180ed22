"""`mx.nd`'s optimizer steps: they give the new weight (into `out`) and write the states back."""
from __future__ import annotations

from typing import Any

from tracer.array.nd_array import NDArray
from tracer.array.views import internal
from tracer.core.invoke import Handle, invoke
from tracer.core.surface import no_array, write
from tracer.ops.declare.public import Function

__all__ = ["adam_update", "ftrl_update", "nag_mom_update", "rmsprop_update", "rmspropalex_update",
           "sgd_mom_update", "sgd_update", "signsgd_update", "signum_update"]


_FUNCTIONS = {name: internal(f"nd._{name}") for name in __all__}


def step(function: Function, operands: tuple, statics: tuple, states: tuple[NDArray, ...], out: NDArray | None) -> Any:
    """Record an update: the new weight, into `out` if there is one; the new states go into `states`."""
    if out is not None and not isinstance(out, Handle):
        raise no_array(out)
    made = invoke(function, NDArray, operands, statics)
    for state, new in zip((out, *states), made):
        if state is not None:
            write(state, new)
    return made[0] if out is None else out


def _step(name: str, weight: NDArray, grad: NDArray, states: tuple[NDArray, ...], numbers: tuple[float, ...],
          statics: tuple, out: NDArray | None) -> NDArray:
    return step(_FUNCTIONS[name], (weight, grad, *states, *numbers), statics, states, out)


def sgd_update(weight: NDArray, grad: NDArray, lr: float, wd: float = 0.0, rescale_grad: float = 1.0,
               clip_gradient: float = -1.0, lazy_update: bool = True,
               out: NDArray | None = None, name: str | None = None) -> NDArray:
    """weight - lr * (gradient + wd * weight)."""
    return _step("sgd_update", weight, grad, (), (lr, wd, rescale_grad), (clip_gradient,), out)


def sgd_mom_update(weight: NDArray, grad: NDArray, mom: NDArray, lr: float, momentum: float = 0.0,
                   wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
                   lazy_update: bool = True, out: NDArray | None = None, name: str | None = None) -> NDArray:
    """mom = momentum * mom - lr * (gradient + wd * weight); weight + mom."""
    return _step("sgd_mom_update", weight, grad, (mom,), (lr, momentum, wd, rescale_grad), (clip_gradient,),
                 out)


def nag_mom_update(weight: NDArray, grad: NDArray, mom: NDArray, lr: float, momentum: float = 0.0,
                   wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
                   out: NDArray | None = None, name: str | None = None) -> NDArray:
    """Nesterov's accelerated gradient."""
    return _step("nag_mom_update", weight, grad, (mom,), (lr, momentum, wd, rescale_grad), (clip_gradient,),
                 out)


def adam_update(weight: NDArray, grad: NDArray, mean: NDArray, var: NDArray, lr: float, beta1: float = 0.9,
                beta2: float = 0.999, epsilon: float = 1e-8, wd: float = 0.0, rescale_grad: float = 1.0,
                clip_gradient: float = -1.0, lazy_update: bool = True,
                out: NDArray | None = None, name: str | None = None) -> NDArray:
    """weight - lr * mean / (sqrt(var) + epsilon); the caller corrects `lr` for the bias of the first
    steps."""
    return _step("adam_update", weight, grad, (mean, var), (lr, beta1, beta2, epsilon, wd, rescale_grad),
                 (clip_gradient,), out)


def rmsprop_update(weight: NDArray, grad: NDArray, n: NDArray, lr: float, gamma1: float = 0.95,
                   epsilon: float = 1e-8, wd: float = 0.0, rescale_grad: float = 1.0,
                   clip_gradient: float = -1.0, clip_weights: float = -1.0,
                   out: NDArray | None = None, name: str | None = None) -> NDArray:
    """weight - lr * gradient / sqrt(n + epsilon)."""
    return _step("rmsprop_update", weight, grad, (n,), (lr, gamma1, epsilon, wd, rescale_grad),
                 (clip_gradient, clip_weights), out)


def rmspropalex_update(weight: NDArray, grad: NDArray, n: NDArray, g: NDArray, delta: NDArray, lr: float,
                       gamma1: float = 0.95, gamma2: float = 0.9, epsilon: float = 1e-8, wd: float = 0.0,
                       rescale_grad: float = 1.0, clip_gradient: float = -1.0, clip_weights: float = -1.0,
                       out: NDArray | None = None, name: str | None = None) -> NDArray:
    """rmsprop, centred and with momentum."""
    return _step("rmspropalex_update", weight, grad, (n, g, delta),
                 (lr, gamma1, gamma2, epsilon, wd, rescale_grad), (clip_gradient, clip_weights), out)


def ftrl_update(weight: NDArray, grad: NDArray, z: NDArray, n: NDArray, lr: float, lamda1: float = 0.01,
                beta: float = 1.0, wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
                out: NDArray | None = None, name: str | None = None) -> NDArray:
    """Follow the regularized leader."""
    return _step("ftrl_update", weight, grad, (z, n), (lr, lamda1, beta, wd, rescale_grad), (clip_gradient,),
                 out)


def signsgd_update(weight: NDArray, grad: NDArray, lr: float, wd: float = 0.0, rescale_grad: float = 1.0,
                   clip_gradient: float = -1.0, out: NDArray | None = None, name: str | None = None) -> NDArray:
    """(1 - lr * wd) * weight - lr * sign(gradient)."""
    return _step("signsgd_update", weight, grad, (), (lr, wd, rescale_grad), (clip_gradient,), out)


def signum_update(weight: NDArray, grad: NDArray, mom: NDArray, lr: float, momentum: float = 0.0,
                  wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0, wd_lh: float = 0.0,
                  out: NDArray | None = None, name: str | None = None) -> NDArray:
    """The sign of a momentum as the step."""
    return _step("signum_update", weight, grad, (mom,), (lr, momentum, wd, rescale_grad, wd_lh),
                 (clip_gradient,),
                 out)

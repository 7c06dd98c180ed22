"""More of `mx.nd`'s optimizer steps, with MXNet's signatures: of many arrays in one call, `mp_`, LAMB, FTML, AdamW.

A call on many arrays records one function; learning rates that are all equal are one number of the program.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer.array.nd_array import NDArray
from tracer.array.views import internal
from tracer.core.invoke import invoke
from tracer.core.surface import assign
from tracer.ops.ir.errors import MXNetError

from .updates import step

__all__ = ["all_finite", "ftml_update", "lamb_update_phase1", "lamb_update_phase2", "mp_lamb_update_phase1",
           "mp_lamb_update_phase2", "mp_nag_mom_update", "mp_sgd_mom_update", "mp_sgd_update", "multi_all_finite",
           "multi_mp_sgd_mom_update", "multi_mp_sgd_update", "multi_sgd_mom_update", "multi_sgd_update",
           "preloaded_multi_mp_sgd_mom_update", "preloaded_multi_mp_sgd_update", "preloaded_multi_sgd_mom_update",
           "preloaded_multi_sgd_update", "reset_arrays"]

Out = NDArray | Sequence[NDArray] | None


def _numbers(name: str, what: str, values: Sequence[float] | float | None, count: int) -> list[float]:
    """One number if all are equal, else all."""
    if values is None:
        raise MXNetError(f"Required parameter {what} of tuple of <float> is not presented, in operator {name}")
    found = [float(v) for v in (values if isinstance(values, (list, tuple)) else (values,))]
    if len(found) != count:
        raise MXNetError(f"{name}: {count} {what} wanted, got {len(found)}")
    return found[:1] if found.count(found[0]) == count else found


def _multi(name: str, data: Sequence[NDArray], factors: Sequence[Any], rates: int, momentum: float | None,
           copies: bool, rescale_grad: float, clip_gradient: float, count: int, out: Out) -> Any:
    """Record a step of `count` arrays; `factors`: `rates` learning rates, then the weight decays."""
    moments = momentum is not None
    width = 2 + moments + copies
    if len(data) != count * width:
        raise MXNetError(f"Operator {name} expects {count * width} inputs, but got {len(data)} instead.")
    single = isinstance(out, NDArray)
    outs: Sequence[NDArray] | None = [out] if single else out  # type: ignore[assignment, list-item]
    if outs is not None and len(outs) != count:
        raise MXNetError(f"Operator {name} expects {count} outputs, but got {len(outs)} instead.")
    for i, given in enumerate(outs or ()):
        if given._value.aval is not data[i * width]._value.aval:
            raise MXNetError(f"{name}: out[{i}] is {given._value.aval!r}, the weight {data[i * width]._value.aval!r}")
    operands = (*data, float(rescale_grad), float(momentum or 0), *factors)
    made = invoke(internal("nd._multi_sgd"), NDArray, operands,
                  (count, int(moments), int(copies), rates, float(clip_gradient)))
    for k in range(2, width):
        kind = 1 if moments and k == 2 else 1 + moments
        for i in range(count):
            assign(data[i * width + k], made[kind * count + i])
    if outs is None:
        return made[:count]
    for given, new in zip(outs, made):
        assign(given, new)
    return out


def _family(name: str, moments: bool, copies: bool, preloaded: bool) -> Callable[..., Any]:
    def steps(data: tuple[NDArray, ...], lrs: Any, wds: Any, momentum: float, rescale_grad: float,
              clip_gradient: float, num_weights: int, out: Out) -> Any:
        rates: Sequence[Any]
        decays: Sequence[Any]
        if preloaded:
            if len(data) < 2:
                raise MXNetError(f"Operator {name} expects arrays of learning rates and of weight decays")
            arrays, rates, decays = data[:-2], data[-2:-1], data[-1:]
        else:
            arrays, rates = data, _numbers(name, "lrs", lrs, num_weights)
            decays = _numbers(name, "wds", wds, num_weights)
        return _multi(name, arrays, [*rates, *decays], len(rates), momentum if moments else None, copies,
                      rescale_grad, clip_gradient, num_weights, out)

    def plain(*data: NDArray, lrs: Any = None, wds: Any = None, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
              num_weights: int = 1, out: Out = None) -> Any:
        return steps(data, lrs, wds, 0.0, rescale_grad, clip_gradient, num_weights, out)

    def moving(*data: NDArray, lrs: Any = None, wds: Any = None, momentum: float = 0.0, rescale_grad: float = 1.0,
               clip_gradient: float = -1.0, num_weights: int = 1, out: Out = None) -> Any:
        return steps(data, lrs, wds, momentum, rescale_grad, clip_gradient, num_weights, out)

    function: Callable[..., Any] = moving if moments else plain
    function.__name__ = function.__qualname__ = name
    layout = "weight, gradient" + ", momentum" * moments + ", float32 copy" * copies
    rates_from = "the last two arrays hold the learning rates and weight decays" if preloaded \
        else "lrs and wds: a number for each"
    function.__doc__ = f"SGD's step for `num_weights` arrays. data: {layout} of each; {rates_from}."
    return function


multi_sgd_update = _family("multi_sgd_update", False, False, False)
multi_sgd_mom_update = _family("multi_sgd_mom_update", True, False, False)
multi_mp_sgd_update = _family("multi_mp_sgd_update", False, True, False)
multi_mp_sgd_mom_update = _family("multi_mp_sgd_mom_update", True, True, False)
preloaded_multi_sgd_update = _family("preloaded_multi_sgd_update", False, False, True)
preloaded_multi_sgd_mom_update = _family("preloaded_multi_sgd_mom_update", True, False, True)
preloaded_multi_mp_sgd_update = _family("preloaded_multi_mp_sgd_update", False, True, True)
preloaded_multi_mp_sgd_mom_update = _family("preloaded_multi_mp_sgd_mom_update", True, True, True)


def mp_sgd_update(weight: NDArray, grad: NDArray, weight32: NDArray, lr: float, wd: float = 0.0,
                  rescale_grad: float = 1.0, clip_gradient: float = -1.0, lazy_update: bool = True,
                  out: NDArray | None = None, name: str | None = None) -> NDArray:
    """sgd_update on a float32 copy of the weight."""
    made = _multi("mp_sgd_update", (weight, grad, weight32), (float(lr), float(wd)), 1, None, True, rescale_grad,
                  clip_gradient, 1, out)
    return made if out is not None else made[0]


def mp_sgd_mom_update(weight: NDArray, grad: NDArray, mom: NDArray, weight32: NDArray, lr: float,
                      momentum: float = 0.0, wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
                      lazy_update: bool = True, out: NDArray | None = None, name: str | None = None) -> NDArray:
    """sgd_mom_update on a float32 copy of the weight."""
    made = _multi("mp_sgd_mom_update", (weight, grad, mom, weight32), (float(lr), float(wd)), 1, momentum, True,
                  rescale_grad, clip_gradient, 1, out)
    return made if out is not None else made[0]


def _step(name: str, arrays: tuple[NDArray, ...], states: tuple[NDArray, ...], numbers: tuple[Any, ...],
          statics: tuple, out: NDArray | None) -> NDArray:
    given = tuple([float(n) if type(n) is int else n for n in numbers])
    return step(internal(f"nd._{name}"), (*arrays, *given), statics, states, out)


def mp_nag_mom_update(weight: NDArray, grad: NDArray, mom: NDArray, weight32: NDArray, lr: float,
                      momentum: float = 0.0, wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
                      out: NDArray | None = None, name: str | None = None) -> NDArray:
    """nag_mom_update on a float32 copy of the weight."""
    return _step("mp_nag_mom_update", (weight, grad, mom, weight32), (mom, weight32),
                 (lr, momentum, wd, rescale_grad), (float(clip_gradient),), out)


def _corrections(beta1: float, beta2: float, t: int, wanted: bool = True) -> tuple[float, float]:
    """What running means over t steps are divided by: of the factors in float32, as MXNet has them."""
    beta1, beta2 = float(np.float32(beta1)), float(np.float32(beta2))
    return (1 - beta1 ** t, 1 - beta2 ** t) if wanted else (1.0, 1.0)


def lamb_update_phase1(weight: NDArray, grad: NDArray, mean: NDArray, var: NDArray, beta1: float = 0.9,
                       beta2: float = 0.999, epsilon: float = 1e-6, *, t: int, bias_correction: bool = True, wd: float,
                       rescale_grad: float = 1.0, clip_gradient: float = -1.0,
                       out: NDArray | None = None, name: str | None = None) -> NDArray:
    """LAMB's step before it is scaled by the norms: mean / (sqrt(var) + epsilon) + wd * weight."""
    numbers = (beta1, beta2, epsilon, *_corrections(beta1, beta2, t, bias_correction), wd, rescale_grad)
    return _step("lamb_update_phase1", (weight, grad, mean, var), (mean, var), numbers, (float(clip_gradient),), out)


def mp_lamb_update_phase1(weight: NDArray, grad: NDArray, mean: NDArray, var: NDArray, weight32: NDArray,
                          beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-6, *, t: int,
                          bias_correction: bool = True, wd: float, rescale_grad: float = 1.0,
                          clip_gradient: float = -1.0, out: NDArray | None = None, name: str | None = None) -> NDArray:
    """lamb_update_phase1 from a float32 copy of the weight."""
    numbers = (beta1, beta2, epsilon, *_corrections(beta1, beta2, t, bias_correction), wd, rescale_grad)
    return _step("mp_lamb_update_phase1", (weight, grad, mean, var, weight32), (mean, var), numbers,
                 (float(clip_gradient),), out)


def lamb_update_phase2(weight: NDArray, g: NDArray, r1: NDArray, r2: NDArray, lr: float, lower_bound: float = -1.0,
                       upper_bound: float = -1.0, out: NDArray | None = None, name: str | None = None) -> NDArray:
    """weight - lr * r1 / r2 * g, with the weight's norm r1 kept in its bounds."""
    return _step("lamb_update_phase2", (weight, g, r1, r2), (), (lr,), (float(lower_bound), float(upper_bound)), out)


def mp_lamb_update_phase2(weight: NDArray, g: NDArray, r1: NDArray, r2: NDArray, weight32: NDArray, lr: float,
                          lower_bound: float = -1.0, upper_bound: float = -1.0,
                          out: NDArray | None = None, name: str | None = None) -> NDArray:
    """lamb_update_phase2 from a float32 copy of the weight, which stays as it is, as in MXNet 1.9.1."""
    return _step("mp_lamb_update_phase2", (weight, g, r1, r2, weight32), (), (lr,),
                 (float(lower_bound), float(upper_bound)), out)


def ftml_update(weight: NDArray, grad: NDArray, d: NDArray, v: NDArray, z: NDArray, lr: float, beta1: float = 0.6,
                beta2: float = 0.999, epsilon: float = 1e-8, *, t: int, wd: float = 0.0, rescale_grad: float = 1.0,
                clip_grad: float = -1.0, out: NDArray | None = None, name: str | None = None) -> NDArray:
    """Follow the moving leader."""
    numbers = (lr, beta1, beta2, epsilon, *_corrections(beta1, beta2, t), wd, rescale_grad)
    return _step("ftml_update", (weight, grad, d, v, z), (d, v, z), numbers, (float(clip_grad),), out)


def adamw_update(weight: NDArray, grad: NDArray, mean: NDArray, var: NDArray, rescale_grad: NDArray | float, lr: float,
                 eta: float, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, wd: float = 0.0,
                 clip_gradient: float = -1.0, out: NDArray | None = None, name: str | None = None) -> NDArray:
    """Adam with the weight decay apart; nothing moves when rescale_grad is 0 or not finite."""
    return _step("adamw_update", (weight, grad, mean, var), (mean, var),
                 (rescale_grad, lr, eta, beta1, beta2, epsilon, wd), (float(clip_gradient),), out)


def mp_adamw_update(weight: NDArray, grad: NDArray, mean: NDArray, var: NDArray, weight32: NDArray,
                    rescale_grad: NDArray | float, lr: float, eta: float, beta1: float = 0.9, beta2: float = 0.999,
                    epsilon: float = 1e-8, wd: float = 0.0, clip_gradient: float = -1.0,
                    out: NDArray | None = None, name: str | None = None) -> NDArray:
    """adamw_update on a float32 copy of the weight."""
    return _step("mp_adamw_update", (weight, grad, mean, var, weight32), (mean, var, weight32),
                 (rescale_grad, lr, eta, beta1, beta2, epsilon, wd), (float(clip_gradient),), out)


def all_finite(data: NDArray, init_output: bool = True, out: NDArray | None = None) -> NDArray:
    """Whether all elements are finite, as 1.0 or 0.0; without init_output, `out` stays 0 where it is."""
    return multi_all_finite(data, num_arrays=1, init_output=init_output, out=out)


def multi_all_finite(*data: NDArray, num_arrays: int = 1, init_output: bool = True,
                     out: NDArray | None = None) -> NDArray:
    """all_finite of several arrays together."""
    if len(data) != num_arrays:
        raise MXNetError(f"Operator multi_all_finite expects {num_arrays} inputs, but got {len(data)} instead.")
    onto = not init_output and out is not None
    made = invoke(internal("nd._all_finite"), NDArray, (*data, out) if onto else data, (onto,))
    return made if out is None else assign(out, made)


def reset_arrays(*data: NDArray, num_arrays: int) -> None:
    """Fill the arrays with zeros."""
    if len(data) != num_arrays:
        raise MXNetError(f"Operator reset_arrays expects {num_arrays} inputs, but got {len(data)} instead.")
    for array in data:
        array[:] = 0

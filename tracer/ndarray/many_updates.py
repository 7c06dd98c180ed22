"""`mx.nd.contrib`'s steps of AdamW and LAMB on many arrays: each array's step is a function of one array, recorded."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracer.array.nd_array import NDArray
from tracer.array.views import internal
from tracer.core.surface import wrapper
from tracer.ops.ir.errors import MXNetError

__all__ = ["multi_adamw_update", "multi_lamb_update", "multi_mp_adamw_update", "multi_mp_lamb_update"]

_adamw, _mp_adamw, _phase1, _phase2, _norm, _cast = [
    wrapper(internal(f"nd.{name}"), name, NDArray, False)
    for name in ("contrib.adamw_update", "contrib.mp_adamw_update", "lamb_update_phase1",
                 "lamb_update_phase2", "norm", "cast")]


def _of_each(name: str, step: Callable[..., NDArray], numbers: Sequence[Sequence[Any]], lists: Sequence[Any],
             out: Any, size: int) -> Any:
    """The results of `step` for each array: of one array from each list, a number from each of `numbers`, and `out`.

    MXNetError for lists of different lengths.
    """
    count = size or len(lists[0])
    outs = [None] * count if out is None else list(out) if isinstance(out, (list, tuple)) else [out]
    lengths = [len(given) for given in (*lists, *numbers, outs)]
    if lengths.count(count) < len(lengths):
        raise MXNetError(f"{name}: {count} arrays, but lists of {', '.join(map(str, lengths))} elements")
    made = [step(arrays, given, one) for arrays, given, one in zip(zip(*lists), zip(*numbers), outs)]
    if out is not None:
        return out
    return made[0] if count == 1 else made


def multi_adamw_update(weights: Sequence[NDArray], grads: Sequence[NDArray], mean: Sequence[NDArray],
                       var: Sequence[NDArray], rescale_grad: Any, lrs: Sequence[float], wds: Sequence[float],
                       etas: Sequence[float], out: Any = None, name: str | None = None, size: int = 0,
                       **kwargs: Any) -> Any:
    """AdamW's step for each weight, as `adamw_update` has it. Returns the new weights; `mean` and `var` are updated.

    lrs, wds, etas: a number for each weight.
    out: the arrays that are written, one for each weight.
    size: the number of weights; 0 for all.
    kwargs: beta1, beta2, epsilon, clip_gradient.

    MXNetError for lists of different lengths.

    >>> from tracer import nd
    >>> w, g, mean, var = [nd.ones(2)], [nd.ones(2)], [nd.zeros(2)], [nd.zeros(2)]
    >>> nd.contrib.multi_adamw_update(w, g, mean, var, 1.0, [0.1], [0.0], [1.0], out=w)[0].asnumpy().round(3)
    array([0.684, 0.684], dtype=float32)
    """
    def step(arrays: Sequence[NDArray], numbers: Sequence[float], out: Any) -> NDArray:
        lr, wd, eta = numbers
        return _adamw(*arrays, rescale_grad, lr=lr, wd=wd, eta=eta, out=out, **kwargs)

    return _of_each("multi_adamw_update", step, (lrs, wds, etas), (weights, grads, mean, var), out, size)


def multi_mp_adamw_update(weights: Sequence[NDArray], grads: Sequence[NDArray], mean: Sequence[NDArray],
                          var: Sequence[NDArray], weights32: Sequence[NDArray], rescale_grad: Any,
                          lrs: Sequence[float], wds: Sequence[float], etas: Sequence[float], out: Any = None,
                          name: str | None = None, size: int = 0, **kwargs: Any) -> Any:
    """multi_adamw_update on `weights32`, the float32 copies of the weights, which are updated too."""
    def step(arrays: Sequence[NDArray], numbers: Sequence[float], out: Any) -> NDArray:
        lr, wd, eta = numbers
        return _mp_adamw(*arrays, rescale_grad, lr=lr, wd=wd, eta=eta, out=out, **kwargs)

    return _of_each("multi_mp_adamw_update", step, (lrs, wds, etas), (weights, grads, mean, var, weights32), out, size)


def _lamb(weight: NDArray, grad: NDArray, states: Sequence[NDArray], measured: NDArray, numbers: Sequence[float],
          lower_bound: float, upper_bound: float, out: Any, first: dict[str, Any]) -> NDArray:
    """LAMB's two phases on a weight of the states' dtype. The trust ratio has the norm of `measured`."""
    t, lr, wd = numbers
    step = _phase1(weight, grad, *states, t=t, wd=wd, **first)
    return _phase2(weight, step, _norm(measured), _norm(step), lr=lr, lower_bound=lower_bound,
                   upper_bound=upper_bound, out=out)


def multi_lamb_update(weights: Sequence[NDArray], grads: Sequence[NDArray], mean: Sequence[NDArray],
                      var: Sequence[NDArray], step_count: Sequence[int], lrs: Sequence[float], wds: Sequence[float],
                      out: Any = None, num_tensors: int = 0, lower_bound: float = -1.0, upper_bound: float = -1.0,
                      **kwargs: Any) -> Any:
    """LAMB's step for each weight. Returns the new weights; `mean` and `var` are updated.

    step_count, lrs, wds: a number for each weight.
    out: the arrays that are written, one for each weight.
    num_tensors: the number of weights; 0 for all.
    lower_bound, upper_bound: of the weight's norm in the trust ratio; negative: none.
    kwargs: beta1, beta2, epsilon, bias_correction, rescale_grad, clip_gradient.

    MXNetError for lists of different lengths.

    >>> from tracer import nd
    >>> w, g, mean, var = [nd.ones(2)], [nd.ones(2)], [nd.zeros(2)], [nd.zeros(2)]
    >>> nd.contrib.multi_lamb_update(w, g, mean, var, [1], [0.5], [0.0], out=w)[0].asnumpy()
    array([0.5, 0.5], dtype=float32)
    """
    def step(arrays: Sequence[NDArray], numbers: Sequence[float], out: Any) -> NDArray:
        weight, grad, *states = arrays
        return _lamb(weight, grad, states, weight, numbers, lower_bound, upper_bound, out, kwargs)

    return _of_each("multi_lamb_update", step, (step_count, lrs, wds), (weights, grads, mean, var), out, num_tensors)


def multi_mp_lamb_update(weights: Sequence[NDArray], grads: Sequence[NDArray], mean: Sequence[NDArray],
                         var: Sequence[NDArray], weights32: Sequence[NDArray], step_count: Sequence[int],
                         lrs: Sequence[float], wds: Sequence[float], out: Any = None, num_tensors: int = 0,
                         lower_bound: float = -1.0, upper_bound: float = -1.0, **kwargs: Any) -> Any:
    """multi_lamb_update on `weights32`, the float32 copies of the weights, which are updated too."""
    def step(arrays: Sequence[NDArray], numbers: Sequence[float], out: Any) -> NDArray:
        weight, grad, *states, copy = arrays
        single = [_cast(x, dtype=copy.dtype) for x in (weight, grad)]  # MXNet measures the weight, not its copy
        _lamb(copy, single[1], states, single[0], numbers, lower_bound, upper_bound, copy, kwargs)
        return _cast(copy, dtype=weight.dtype, out=out)

    return _of_each("multi_mp_lamb_update", step, (step_count, lrs, wds), (weights, grads, mean, var, weights32), out,
                    num_tensors)

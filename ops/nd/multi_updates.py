"""Further optimizer steps of `mx.nd`: on many arrays, on float32 copies of float16 weights, LAMB, FTML, AdamW."""
from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..declare.public import Nodes, Number, Numbers, public
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..primitive.arithmetic import (
    add,
    cast,
    div,
    equal,
    greater,
    less,
    like,
    logical_and,
    maximum,
    minimum,
    mul,
    neg,
    sub,
    where,
)
from ..primitive.elementary import absolute, power, sqrt, square
from ..primitive.linear import concatenate, part, reduce_sum, reshape
from ..primitive.reductions import reduce_min
from .updates import PLAIN, clipped, decayed, mixed, nag_mom, number, scaled, sgd, sgd_mom, update

FLOAT32, FLOAT64 = np.dtype("float32"), np.dtype("float64")


def _element(x: Node, i: int) -> Node:
    return reshape(part(x, 0, i, 1), ())


def _each(given: Node, count: int) -> list[Node]:
    """A factor for each of `count` arrays, from an array or one number for all. MXNetError for another length."""
    if given.ndim == 1 and given.size != count:
        raise MXNetError(f"{given.size} learning rates or weight decays for {count} arrays")
    return [_element(given, i) for i in range(count)] if given.ndim == 1 else [given] * count


@update("nd.mp_sgd_update", "weight32", literals=PLAIN)
def mp_sgd(weight: Node, grad: Node, weight32: Node, lr: Number, wd: Number = 0.0, rescale_grad: Number = 1.0,
           clip_gradient=-1.0, lazy_update=True) -> list[Node]:
    """sgd_update on `weight32`, the float32 copy of the weight."""
    new, = sgd(weight32, cast(grad, FLOAT32), lr, wd, rescale_grad, clip_gradient)
    return [cast(new, weight.dtype), new]


@update("nd.mp_sgd_mom_update", "mom", "weight32")
def mp_sgd_mom(weight: Node, grad: Node, mom: Node, weight32: Node, lr: Number, momentum: Number = 0.0,
               wd: Number = 0.0, rescale_grad: Number = 1.0, clip_gradient=-1.0, lazy_update=True) -> list[Node]:
    """sgd_mom_update on `weight32`, the float32 copy of the weight."""
    new, mom = sgd_mom(weight32, cast(grad, FLOAT32), mom, lr, momentum, wd, rescale_grad, clip_gradient)
    return [cast(new, weight.dtype), mom, new]


def _of_many(name: str, step: Callable[..., list[Node]], states: int) -> None:
    """Declare the step on many arrays, with rates and decays as numbers, and (preloaded_) as the last two arrays."""
    width, moments = 2 + states, "mom" in name

    def steps(data: Nodes, lrs: Numbers = None, wds: Numbers = None, momentum: Number = 0.0,
              rescale_grad: Number = 1.0, clip_gradient=-1.0, num_weights=1) -> list[Node]:
        if num_weights < 1 or len(data) != num_weights * width:
            raise MXNetError(f"Operator {name} expects {num_weights * width} inputs, but got {len(data)} instead.")
        numbers = ([lr, *([momentum] if moments else ()), wd, rescale_grad, clip_gradient]
                   for lr, wd in zip(_each(lrs, num_weights), _each(wds, num_weights)))
        made = [step(*data[i * width:(i + 1) * width], *given) for i, given in enumerate(numbers)]
        return [new for kind in zip(*made) for new in kind]

    def plain(data: Nodes, lrs: Numbers = None, wds: Numbers = None, rescale_grad: Number = 1.0, clip_gradient=-1.0,
              num_weights=1) -> list[Node]:
        return steps(data, lrs, wds, None, rescale_grad, clip_gradient, num_weights)

    def preloaded(data: Nodes, momentum: Number = 0.0, rescale_grad: Number = 1.0, clip_gradient=-1.0,
                  num_weights=1) -> list[Node]:
        if len(data) < 2:
            raise MXNetError(f"Operator preloaded_{name} expects arrays of learning rates and of weight decays")
        *arrays, lrs, wds = data
        return steps(arrays, lrs, wds, momentum, rescale_grad, clip_gradient, num_weights)

    def preloaded_plain(data: Nodes, rescale_grad: Number = 1.0, clip_gradient=-1.0, num_weights=1) -> list[Node]:
        return preloaded(data, None, rescale_grad, clip_gradient, num_weights)

    layout = "weight, gradient" + ", momentum" * moments + ", float32 copy" * ("mp" in name)
    for kind, build, rates in (("", steps if moments else plain, "lrs and wds: a number for each"),
                               ("preloaded_", preloaded if moments else preloaded_plain,
                                "the last two arrays hold the learning rates and weight decays")):
        build.__doc__ = f"SGD's step for `num_weights` arrays. data: {layout} of each; {rates}."
        public(f"nd.{kind}{name}", star=True, writes=range(2, width))(build)


_of_many("multi_sgd_update", sgd, 0)
_of_many("multi_sgd_mom_update", sgd_mom, 1)
_of_many("multi_mp_sgd_update", mp_sgd, 1)
_of_many("multi_mp_sgd_mom_update", mp_sgd_mom, 2)


@update("nd.mp_nag_mom_update", "mom", "weight32")
def mp_nag_mom(weight: Node, grad: Node, mom: Node, weight32: Node, lr: Number, momentum: Number = 0.0,
               wd: Number = 0.0, rescale_grad: Number = 1.0, clip_gradient=-1.0) -> list[Node]:
    """nag_mom_update on the float32 copy. As in MXNet 1.9.1, the new momentum has its decay from the new weight."""
    grad = cast(grad, FLOAT32)
    new, _ = nag_mom(weight32, grad, mom, lr, momentum, wd, rescale_grad, clip_gradient)
    _, kept = nag_mom(new, grad, mom, lr, momentum, wd, rescale_grad, clip_gradient)
    return [cast(new, weight.dtype), kept, new]


def _correction(beta: Node, t: Node, wanted: bool = True) -> Node:
    """The bias correction 1 - beta ** t of a running mean over t steps; as in MXNet, in float64 of a float32 beta."""
    base = cast(cast(beta, FLOAT32), FLOAT64)
    one = like(base, 1)
    return sub(one, power(base, cast(t, FLOAT64))) if wanted else one


@update("nd.lamb_update_phase1", "mean", "var")
def lamb_phase1(weight: Node, grad: Node, mean: Node, var: Node, beta1: Number = 0.9, beta2: Number = 0.999,
                epsilon: Number = 1e-6, t: Number = None, bias_correction=True, wd: Number = None,
                rescale_grad: Number = 1.0, clip_gradient=-1.0) -> list[Node]:
    """LAMB, first phase: mean / (sqrt(var) + epsilon) + wd * weight, with bias-corrected running means."""
    g = scaled(weight, grad, rescale_grad, clip_gradient)
    mean = mixed(mean, g, number(beta1, weight))
    var = mixed(var, square(g), number(beta2, weight))
    step = div(div(mean, number(_correction(beta1, t, bias_correction), weight)),
               add(sqrt(div(var, number(_correction(beta2, t, bias_correction), weight))), number(epsilon, weight)))
    return [add(step, mul(weight, number(wd, weight))), mean, var]


@update("nd.mp_lamb_update_phase1", "mean", "var")
def mp_lamb_phase1(weight: Node, grad: Node, mean: Node, var: Node, weight32: Node, beta1: Number = 0.9,
                   beta2: Number = 0.999, epsilon: Number = 1e-6, t: Number = None, bias_correction=True,
                   wd: Number = None, rescale_grad: Number = 1.0, clip_gradient=-1.0) -> list[Node]:
    """lamb_update_phase1 on the float32 copy."""
    return lamb_phase1(weight32, cast(grad, FLOAT32), mean, var, beta1, beta2, epsilon, t, bias_correction, wd,
                       rescale_grad, clip_gradient)


@update("nd.lamb_update_phase2")
def lamb_phase2(weight: Node, g: Node, r1: Number, r2: Number, lr: Number, lower_bound=-1.0,
                upper_bound=-1.0) -> list[Node]:
    """LAMB, second phase: weight - lr * r1 / r2 * g, with r1 kept in its bounds; r1 / r2 is 1 if one of them is 0."""
    r1, r2 = (reshape(cast(r, weight.dtype), ()) for r in (r1, r2))
    if lower_bound >= 0:
        r1 = maximum(r1, like(r1, lower_bound))
    if upper_bound >= 0:
        r1 = minimum(r1, like(r1, upper_bound))
    none = equal(mul(r1, r2), like(r1, 0))
    ratio = where(none, like(r1, 1), div(r1, r2))
    return [sub(weight, mul(g, mul(number(lr, weight), ratio)))]


@update("nd.mp_lamb_update_phase2")
def mp_lamb_phase2(weight: Node, g: Node, r1: Number, r2: Number, weight32: Node, lr: Number, lower_bound=-1.0,
                   upper_bound=-1.0) -> list[Node]:
    """lamb_update_phase2 on the float32 copy, which MXNet does not update."""
    new, = lamb_phase2(weight32, g, r1, r2, lr, lower_bound, upper_bound)
    return [cast(new, weight.dtype)]


def _rest_of_power(beta: Node, t: Node) -> Node:
    """1 - beta ** t in the dtype of beta, as MXNet's ftml_update corrects."""
    return sub(like(beta, 1), power(beta, t))


@update("nd.ftml_update", "d", "v", "z")
def ftml(weight: Node, grad: Node, d: Node, v: Node, z: Node, lr: Number, beta1: Number = 0.6, beta2: Number = 0.999,
         epsilon: Number = 1e-8, t: Number = None, wd: Number = 0.0, rescale_grad: Number = 1.0,
         clip_grad=-1.0) -> list[Node]:
    """FTML: the step of "follow the moving leader"."""
    g = decayed(weight, grad, wd, rescale_grad, clip_grad)
    keep, keep_square, t = number(beta1, weight), number(beta2, weight), number(t, weight)
    v = mixed(v, square(g), keep_square)
    root = add(sqrt(div(v, _rest_of_power(keep_square, t))), number(epsilon, weight))
    new = mul(root, div(_rest_of_power(keep, t), number(lr, weight)))
    z = sub(mixed(z, g, keep), mul(sub(new, mul(d, keep)), weight))
    return [neg(div(z, new)), new, v, z]


@update("nd.contrib.adamw_update", "mean", "var")
def adamw(weight: Node, grad: Node, mean: Node, var: Node, rescale_grad: Number, lr: Number, eta: Number,
          beta1: Number = 0.9, beta2: Number = 0.999, epsilon: Number = 1e-8, wd: Number = 0.0,
          clip_gradient=-1.0) -> list[Node]:
    """AdamW: weight - eta * (lr * mean / (sqrt(var) + epsilon) + wd * weight).

    Nothing changes if rescale_grad, the gradient's factor, is 0 or not finite.
    """
    factor = reshape(cast(rescale_grad, weight.dtype), ())
    size = absolute(factor)
    usable = logical_and(greater(size, like(size, 0)), less(size, like(size, math.inf)))
    g = clipped(mul(grad, factor), clip_gradient)
    new_mean = mixed(mean, g, number(beta1, weight))
    new_var = mixed(var, square(g), number(beta2, weight))
    step = div(mul(new_mean, number(lr, weight)), add(sqrt(new_var), number(epsilon, weight)))
    new = sub(weight, mul(add(step, mul(weight, number(wd, weight))), number(eta, weight)))
    return [where(usable, a, b) for a, b in ((new, weight), (new_mean, mean), (new_var, var))]


@update("nd.contrib.mp_adamw_update", "mean", "var", "weight32")
def mp_adamw(weight: Node, grad: Node, mean: Node, var: Node, weight32: Node, rescale_grad: Number, lr: Number,
             eta: Number, beta1: Number = 0.9, beta2: Number = 0.999, epsilon: Number = 1e-8, wd: Number = 0.0,
             clip_gradient=-1.0) -> list[Node]:
    """contrib.adamw_update on the float32 copy."""
    new, mean, var = adamw(weight32, cast(grad, FLOAT32), mean, var, rescale_grad, lr, eta, beta1, beta2, epsilon, wd,
                           clip_gradient)
    return [cast(new, weight.dtype), mean, var, new]


# ---- functions of many arrays, for optimizers ----------------------------------------------------

def _counted(data: Nodes, num_arrays: int | None, name: str) -> None:
    if num_arrays is None:
        raise MXNetError(f"Required parameter num_arrays of int is not presented, in operator {name}")
    if len(data) != num_arrays:
        raise MXNetError(f"Operator {name} expects {num_arrays} inputs, but got {len(data)} instead.")


@public("nd.multi_sum_sq", star=True)
def multi_sum_sq(data: Nodes, num_arrays=None) -> Node:
    """The sum of squares of each array, in one float32 array.

    >>> from tracer import nd
    >>> nd.multi_sum_sq(nd.array([1, 2]), nd.array([3]), num_arrays=2).asnumpy()
    array([5., 9.], dtype=float32)
    """
    _counted(data, num_arrays, "multi_sum_sq")
    if any(x.dtype != data[0].dtype for x in data):
        raise MXNetError("multi_sum_sq: arrays of one dtype, got " + ", ".join(repr(x.aval) for x in data))
    sums = [reduce_sum(square(cast(x, FLOAT32)), tuple(range(x.ndim))) for x in data]
    return concatenate([reshape(s, (1,)) for s in sums], 0)


@public("nd.multi_lars")
def multi_lars(lrs: Node, weights_sum_sq: Node, grads_sum_sq: Node, wds: Node, eta: Number, eps: Number,
               rescale_grad: Number = 1.0) -> Node:
    """LARS's rates: lr * eta * |w| / (rescale_grad * |g| + wd * |w| + eps); lr where |w| or |g| is 0."""
    w, g = sqrt(weights_sum_sq), sqrt(grads_sum_sq)
    below = add(add(mul(g, number(rescale_grad, g)), mul(wds, w)), number(eps, g))
    scaled_rate = div(mul(mul(lrs, number(eta, g)), w), below)
    return where(logical_and(greater(w, like(w, 0)), greater(g, like(g, 0))), scaled_rate, lrs)


def _finite(data: Nodes) -> Node:
    found = None
    for x in data:
        one = cast(less(absolute(x), like(x, math.inf)), FLOAT32)
        least = reduce_min(one, tuple(range(x.ndim))) if x.size else cast(like(one, 1), FLOAT32)
        found = least if found is None else mul(found, least)
    assert found is not None
    return reshape(found, (1,))


@public("nd._all_finite")
def all_finite(operands: Nodes, onto) -> Node:
    """Whether all elements of all arrays are finite, as float32[1]; onto: multiplied by the last operand."""
    return mul(_finite(operands[:-1]), operands[-1]) if onto else _finite(operands)

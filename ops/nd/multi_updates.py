"""More of `mx.nd`'s optimizer steps: of many arrays at once, on float32 copies of float16 weights, LAMB, FTML, AdamW.

tracer/ndarray/multi_updates.py gives them their signatures and writes the states back.
"""
from __future__ import annotations

import math

import numpy as np

from ..declare.public import Nodes, Operand, public
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
from ..primitive.elementary import absolute, sqrt, square
from ..primitive.linear import concatenate, part, reduce_sum, reshape
from ..primitive.reductions import reduce_min
from .updates import clipped, decayed, mixed, nag_mom, number, scaled, sgd, sgd_mom

FLOAT32 = np.dtype("float32")


def _element(x: Node, i: int) -> Node:
    return reshape(part(x, 0, i, 1), ())


def _each(given: tuple[Node, ...] | list[Node], count: int) -> list[Node]:
    """A factor for each of `count` arrays, from an array of them, from one number for all, or from one each."""
    if len(given) == 1 and given[0].ndim == 1:
        return [_element(given[0], i) for i in range(count)]
    return [given[0]] * count if len(given) == 1 else list(given)


@public("nd._multi_sgd")
def multi_sgd(operands: Nodes, count, moments, copies, rates, clip_gradient) -> list[Node]:
    """The new weights, momenta, and float32 copies of `count` arrays.

    operands: weight, gradient, (momentum), (float32 copy) of each; the gradients' factor and the momentum's; then the
    learning rates, of which there are `rates`, and the weight decays. One serves for all; a 1-d array holds one each.
    """
    width = 2 + moments + copies
    arrays, (rescale, momentum, *factors) = operands[:count * width], operands[count * width:]
    lrs, wds = _each(factors[:rates], count), _each(factors[rates:], count)
    found: list[list[Node]] = [[], [], []]
    for i, (lr, wd) in enumerate(zip(lrs, wds)):
        weight, grad, *states = arrays[i * width:(i + 1) * width]
        if grad.shape != weight.shape or any(s.shape != weight.shape for s in states):
            raise MXNetError(f"array {i}: a gradient {grad.aval!r}, states {states!r} for a weight {weight.aval!r}")
        if copies:
            grad, source = cast(grad, FLOAT32), states[-1]
        else:
            source = weight
        if moments:
            new, mom = sgd_mom(source, grad, states[0], lr, momentum, wd, rescale, clip_gradient)
            found[1].append(mom)
        else:
            new, = sgd(source, grad, lr, wd, rescale, clip_gradient)
        if copies:
            found[2].append(new)
        found[0].append(cast(new, weight.dtype))
    return [x for part_ in found for x in part_]


@public("nd._mp_nag_mom_update")
def mp_nag_mom(weight: Node, grad: Node, mom: Node, weight32: Node, lr: Operand, momentum: Operand, wd: Operand,
               rescale_grad: Operand, clip_gradient) -> list[Node]:
    """nag_mom on the float32 copy. As in MXNet 1.9.1, the momentum that is kept has decay from the new weight."""
    grad = cast(grad, FLOAT32)
    new, _ = nag_mom(weight32, grad, mom, lr, momentum, wd, rescale_grad, clip_gradient)
    _, kept = nag_mom(new, grad, mom, lr, momentum, wd, rescale_grad, clip_gradient)
    return [cast(new, weight.dtype), kept, new]


@public("nd._lamb_update_phase1")
def lamb_phase1(weight: Node, grad: Node, mean: Node, var: Node, beta1: Operand, beta2: Operand, epsilon: Operand,
                correction1: Operand, correction2: Operand, wd: Operand, rescale_grad: Operand,
                clip_gradient) -> list[Node]:
    """mean / (sqrt(var) + epsilon) + wd * weight, with running means that are divided by their corrections."""
    g = scaled(weight, grad, rescale_grad, clip_gradient)
    mean = mixed(mean, g, number(beta1, weight))
    var = mixed(var, square(g), number(beta2, weight))
    step = div(div(mean, number(correction1, weight)),
               add(sqrt(div(var, number(correction2, weight))), number(epsilon, weight)))
    return [add(step, mul(weight, number(wd, weight))), mean, var]


@public("nd._mp_lamb_update_phase1")
def mp_lamb_phase1(weight: Node, grad: Node, mean: Node, var: Node, weight32: Node, beta1: Operand, beta2: Operand,
                   epsilon: Operand, correction1: Operand, correction2: Operand, wd: Operand, rescale_grad: Operand,
                   clip_gradient) -> list[Node]:
    """The same from the float32 copy."""
    return lamb_phase1(weight32, cast(grad, FLOAT32), mean, var, beta1, beta2, epsilon, correction1, correction2, wd,
                       rescale_grad, clip_gradient)


@public("nd._lamb_update_phase2")
def lamb_phase2(weight: Node, g: Node, r1: Node, r2: Node, lr: Operand, lower_bound, upper_bound) -> list[Node]:
    """weight - lr * r1 / r2 * g, with r1 kept in its bounds; the quotient counts as 1 where one of the two is 0."""
    r1, r2 = (reshape(cast(r, weight.dtype), ()) for r in (r1, r2))
    if lower_bound >= 0:
        r1 = maximum(r1, like(r1, lower_bound))
    if upper_bound >= 0:
        r1 = minimum(r1, like(r1, upper_bound))
    none = equal(mul(r1, r2), like(r1, 0))
    ratio = where(none, like(r1, 1), div(r1, r2))
    return [sub(weight, mul(g, mul(number(lr, weight), ratio)))]


@public("nd._mp_lamb_update_phase2")
def mp_lamb_phase2(weight: Node, g: Node, r1: Node, r2: Node, weight32: Node, lr: Operand, lower_bound,
                   upper_bound) -> list[Node]:
    """The same from the float32 copy, which MXNet leaves as it is."""
    new, = lamb_phase2(weight32, g, r1, r2, lr, lower_bound, upper_bound)
    return [cast(new, weight.dtype)]


@public("nd._ftml_update")
def ftml(weight: Node, grad: Node, d: Node, v: Node, z: Node, lr: Operand, beta1: Operand, beta2: Operand,
         epsilon: Operand, correction1: Operand, correction2: Operand, wd: Operand, rescale_grad: Operand,
         clip_grad) -> list[Node]:
    """Follow the moving leader."""
    g = decayed(weight, grad, wd, rescale_grad, clip_grad)
    keep = number(beta1, weight)
    v = mixed(v, square(g), number(beta2, weight))
    root = add(sqrt(div(v, number(correction2, weight))), number(epsilon, weight))
    new = mul(root, div(number(correction1, weight), number(lr, weight)))
    z = sub(mixed(z, g, keep), mul(sub(new, mul(d, keep)), weight))
    return [neg(div(z, new)), new, v, z]


@public("nd._adamw_update")
def adamw(weight: Node, grad: Node, mean: Node, var: Node, rescale_grad: Operand, lr: Operand, eta: Operand,
          beta1: Operand, beta2: Operand, epsilon: Operand, wd: Operand, clip_gradient) -> list[Node]:
    """weight - eta * (lr * mean / (sqrt(var) + epsilon) + wd * weight); nothing moves when the factor of the gradient
    is 0 or not finite."""
    factor = reshape(cast(rescale_grad, weight.dtype), ())
    size = absolute(factor)
    usable = logical_and(greater(size, like(size, 0)), less(size, like(size, math.inf)))
    g = clipped(mul(grad, factor), clip_gradient)
    new_mean = mixed(mean, g, number(beta1, weight))
    new_var = mixed(var, square(g), number(beta2, weight))
    step = div(mul(new_mean, number(lr, weight)), add(sqrt(new_var), number(epsilon, weight)))
    new = sub(weight, mul(add(step, mul(weight, number(wd, weight))), number(eta, weight)))
    return [where(usable, a, b) for a, b in ((new, weight), (new_mean, mean), (new_var, var))]


@public("nd._mp_adamw_update")
def mp_adamw(weight: Node, grad: Node, mean: Node, var: Node, weight32: Node, rescale_grad: Operand, lr: Operand,
             eta: Operand, beta1: Operand, beta2: Operand, epsilon: Operand, wd: Operand, clip_gradient) -> list[Node]:
    """The same on the float32 copy."""
    new, mean, var = adamw(weight32, cast(grad, FLOAT32), mean, var, rescale_grad, lr, eta, beta1, beta2, epsilon, wd,
                           clip_gradient)
    return [cast(new, weight.dtype), mean, var, new]


# ---- what optimizers ask of many arrays ----------------------------------------------------------

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
def multi_lars(lrs: Node, weights_sum_sq: Node, grads_sum_sq: Node, wds: Node, eta: Operand, eps: Operand,
               rescale_grad: Operand = 1.0) -> Node:  # type: ignore[assignment]
    """The rates of layer-wise scaling: lr * eta * |w| / (rescale_grad * |g| + wd * |w| + eps), lr where a norm is 0."""
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
    """Whether all elements of all arrays are finite, as float32[1]; onto: and the last operand is not 0."""
    return mul(_finite(operands[:-1]), operands[-1]) if onto else _finite(operands)

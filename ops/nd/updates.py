"""The optimizers' steps as functions of `mx.nd`: each gives the new weight, then the new states.

tracer/ndarray/updates.py writes the states back, as MXNet does. All numbers but the clipping bound are run-time
inputs: a schedule of learning rates makes no new program.
"""
from __future__ import annotations

import numpy as np

from ..declare.public import Operand, public
from ..ir.node import Node
from ..primitive.arithmetic import add, cast, div, greater, like, maximum, minimum, mul, neg, sub, where
from ..primitive.elementary import absolute, sqrt, square
from ..primitive.rounding import sign_of

_SINGLE = np.dtype("float32")


def number(x: Node, weight: Node) -> Node:
    """A number that a step is given, which MXNet holds in float32, in the dtype of the weight."""
    return cast(cast(x, _SINGLE), weight.dtype)


def clipped(g: Node, bound: float | None) -> Node:
    if bound is None or bound < 0:
        return g
    return minimum(maximum(g, like(g, -bound)), like(g, bound))


def scaled(weight: Node, grad: Node, rescale_grad: Node, clip_gradient: float | None) -> Node:
    return clipped(mul(grad, number(rescale_grad, weight)), clip_gradient)


def decayed(weight: Node, grad: Node, wd: Node, rescale_grad: Node, clip_gradient: float | None) -> Node:
    """The gradient scaled, with weight decay, then clipped: the order of adam and rmsprop."""
    return clipped(add(mul(grad, number(rescale_grad, weight)), mul(weight, number(wd, weight))),
                    clip_gradient)


def _rest(x: Node) -> Node:
    return sub(like(x, 1), x)


def mixed(old: Node, new: Node, keep: Node) -> Node:
    """keep * old + (1 - keep) * new."""
    return add(mul(old, keep), mul(new, _rest(keep)))


@public("nd._sgd_update")
def sgd(weight: Node, grad: Node, lr: Operand, wd: Operand, rescale_grad: Operand,
        clip_gradient) -> list[Node]:
    """weight - lr * (gradient + wd * weight)."""
    g = add(scaled(weight, grad, rescale_grad, clip_gradient), mul(weight, number(wd, weight)))
    return [sub(weight, mul(g, number(lr, weight)))]


@public("nd._sgd_mom_update")
def sgd_mom(weight: Node, grad: Node, mom: Node, lr: Operand, momentum: Operand, wd: Operand,
            rescale_grad: Operand, clip_gradient) -> list[Node]:
    """mom = momentum * mom - lr * (gradient + wd * weight); weight + mom."""
    g = add(scaled(weight, grad, rescale_grad, clip_gradient), mul(weight, number(wd, weight)))
    mom = sub(mul(mom, number(momentum, weight)), mul(g, number(lr, weight)))
    return [add(weight, mom), mom]


@public("nd._nag_mom_update")
def nag_mom(weight: Node, grad: Node, mom: Node, lr: Operand, momentum: Operand, wd: Operand,
            rescale_grad: Operand, clip_gradient) -> list[Node]:
    """Nesterov's momentum: as sgd_mom, with one more step of the momentum ahead."""
    g = add(scaled(weight, grad, rescale_grad, clip_gradient), mul(weight, number(wd, weight)))
    step, momentum = mul(g, number(lr, weight)), number(momentum, weight)
    mom = sub(mul(mom, momentum), step)
    return [add(weight, sub(mul(mom, momentum), step)), mom]


@public("nd._adam_update")
def adam(weight: Node, grad: Node, mean: Node, var: Node, lr: Operand, beta1: Operand, beta2: Operand,
         epsilon: Operand, wd: Operand, rescale_grad: Operand, clip_gradient) -> list[Node]:
    """weight - lr * mean / (sqrt(var) + epsilon), with running means of the gradient and of its square."""
    g = decayed(weight, grad, wd, rescale_grad, clip_gradient)
    mean = mixed(mean, g, number(beta1, weight))
    var = mixed(var, square(g), number(beta2, weight))
    step = div(mul(mean, number(lr, weight)), add(sqrt(var), number(epsilon, weight)))
    return [sub(weight, step), mean, var]


@public("nd._rmsprop_update")
def rmsprop(weight: Node, grad: Node, n: Node, lr: Operand, gamma1: Operand, epsilon: Operand, wd: Operand,
            rescale_grad: Operand, clip_gradient, clip_weights) -> list[Node]:
    """weight - lr * gradient / sqrt(n + epsilon), with n a running mean of its square."""
    g = decayed(weight, grad, wd, rescale_grad, clip_gradient)
    n = mixed(n, square(g), number(gamma1, weight))
    step = div(mul(g, number(lr, weight)), sqrt(add(n, number(epsilon, weight))))
    return [clipped(sub(weight, step), clip_weights), n]


@public("nd._rmspropalex_update")
def rmspropalex(weight: Node, grad: Node, n: Node, g: Node, delta: Node, lr: Operand, gamma1: Operand,
                gamma2: Operand, epsilon: Operand, wd: Operand, rescale_grad: Operand, clip_gradient,
                clip_weights) -> list[Node]:
    """rmsprop with a running mean g of the gradient, centred, and a momentum delta."""
    gradient = decayed(weight, grad, wd, rescale_grad, clip_gradient)
    keep = number(gamma1, weight)
    n, g = mixed(n, square(gradient), keep), mixed(g, gradient, keep)
    root = sqrt(add(sub(n, square(g)), number(epsilon, weight)))
    delta = sub(mul(delta, number(gamma2, weight)), div(mul(gradient, number(lr, weight)), root))
    return [clipped(add(weight, delta), clip_weights), n, g, delta]


@public("nd._ftrl_update")
def ftrl(weight: Node, grad: Node, z: Node, n: Node, lr: Operand, lamda1: Operand, beta: Operand, wd: Operand,
         rescale_grad: Operand, clip_gradient) -> list[Node]:
    """Follow the regularized leader."""
    g = scaled(weight, grad, rescale_grad, clip_gradient)
    lr, lamda1 = number(lr, weight), number(lamda1, weight)
    total = add(n, square(g))
    z = add(z, sub(g, div(mul(sub(sqrt(total), sqrt(n)), weight), lr)))
    scale = add(div(add(sqrt(total), number(beta, weight)), lr), number(wd, weight))
    moved = div(sub(mul(sign_of(z), lamda1), z), scale)
    return [where(greater(absolute(z), lamda1), moved, like(weight, 0)), z, total]


@public("nd._signsgd_update")
def signsgd(weight: Node, grad: Node, lr: Operand, wd: Operand, rescale_grad: Operand,
            clip_gradient) -> list[Node]:
    """(1 - lr * wd) * weight - lr * sign(gradient)."""
    lr = number(lr, weight)
    kept = mul(weight, _rest(mul(lr, number(wd, weight))))
    return [sub(kept, mul(sign_of(grad), lr))]


@public("nd._signum_update")
def signum(weight: Node, grad: Node, mom: Node, lr: Operand, momentum: Operand, wd: Operand,
           rescale_grad: Operand,
           wd_lh: Operand, clip_gradient) -> list[Node]:
    """(1 - lr * wd_lh) * weight + lr * sign(mom), with mom a running mean of the gradient's opposite."""
    g = add(scaled(weight, grad, rescale_grad, clip_gradient), mul(weight, number(wd, weight)))
    mom = mixed(mom, neg(g), number(momentum, weight))
    lr = number(lr, weight)
    return [add(mul(weight, _rest(mul(lr, number(wd_lh, weight)))), mul(sign_of(mom), lr)), mom]

"""The optimizers' steps as functions of `mx.nd`: each returns the new weight and writes the new states to its operands.

All numbers but the clipping bound are run-time inputs: a changing learning rate makes no new program.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..declare.public import Number, public
from ..ir.errors import MXNetError
from ..ir.node import Node, const_op, const_value
from ..primitive.arithmetic import add, cast, div, greater, like, maximum, minimum, mul, neg, sub
from ..primitive.elementary import absolute, sqrt, square
from ..primitive.gather_scatter import gather, put
from ..primitive.linear import reshape
from ..primitive.reductions import reduce_sum
from ..primitive.rounding import sign_of
from .indexing import rows_of

_SINGLE = np.dtype("float32")


def number(x: Node, weight: Node) -> Node:
    """A step's number, rounded to float32 as in MXNet, in the dtype of the weight."""
    return cast(cast(x, _SINGLE), weight.dtype)


def clipped(g: Node, bound: float | None) -> Node:
    if bound is None or bound < 0:
        return g
    return minimum(maximum(g, like(g, -bound)), like(g, bound))


def scaled(weight: Node, grad: Node, rescale_grad: Node, clip_gradient: float | None) -> Node:
    return clipped(mul(grad, number(rescale_grad, weight)), clip_gradient)


def decayed(weight: Node, grad: Node, wd: Node, rescale_grad: Node, clip_gradient: float | None) -> Node:
    """The gradient, scaled, with weight decay added, then clipped: the order of adam and rmsprop."""
    return clipped(add(mul(grad, number(rescale_grad, weight)), mul(weight, number(wd, weight))),
                    clip_gradient)


def _rest(x: Node) -> Node:
    return sub(like(x, 1), x)


def mixed(old: Node, new: Node, keep: Node) -> Node:
    """keep * old + (1 - keep) * new."""
    return add(mul(old, keep), mul(new, _rest(keep)))


def update(name: str, *writes: str, literals: frozenset = frozenset(),
           of_rows: bool = False) -> Callable[[Callable], Callable]:
    """Declare an optimizer's step, which returns the new weight and the new values of the operands `writes`.

    literals: as in `public`.
    of_rows: whether it is also declared as a step of some rows, under the name "lazy.…".

    The declared function raises MXNetError unless its arrays (parameters annotated `Node`) have one shape.
    """
    def enter(build: Callable) -> Callable:
        arrays = [i for i, p in enumerate(inspect.signature(build).parameters.values()) if p.annotation == "Node"]

        @public(name, writes=writes, literals=literals)
        @wraps(build)
        def checked(*given: Node | bool | float | None) -> list[Node]:
            shapes = [given[i].shape for i in arrays]  # type: ignore[union-attr]
            if shapes.count(shapes[0]) < len(shapes):
                raise MXNetError(f"arrays of one shape wanted, got {', '.join(map(str, shapes))}")
            return build(*given)

        if of_rows:
            public(f"lazy.{name[3:]}")(lazy(build, len(arrays)))
        return checked

    return enter


def lazy(build: Callable, count: int) -> Callable[..., list[Node]]:
    """The step of some rows only: those at `ids`, of which the gradient is given.

    build: the step of whole arrays; its first `count` parameters are weight, gradient and states.

    The result is a function of ids and the parameters of `build`. Of equal ids the last one's rows count. The other
    rows of weight and states stay as they are, and no pass over the whole arrays is made.
    """
    signature = inspect.signature(build)

    def step(ids: Node, weight: Node, grad: Node, *given: Any) -> list[Node]:
        whole, numbers = [weight, *given[:count - 2]], given[count - 2:]
        old = [gather(x, (ids,), rows_of(x.shape)) for x in whole]
        made = build(old[0], grad, *old[1:], *numbers)
        return [put(x, new, (ids,), rows_of(x.shape)) for x, new in zip(whole, made, strict=True)]

    extra = [inspect.Parameter("ids", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="Node")]
    step.__doc__ = f"{inspect.getdoc(build)} Only for the rows at `ids`."
    step.__signature__ = signature.replace(parameters=[*extra, *signature.parameters.values()])  # type: ignore
    return step


#: The numbers without which a step of plain descent is only `weight - lr * gradient`: no decay, no scale.
PLAIN = frozenset((0.0, 1.0))


@update("nd.sgd_update", literals=PLAIN, of_rows=True)
def sgd(weight: Node, grad: Node, lr: Number, wd: Number = 0.0, rescale_grad: Number = 1.0, clip_gradient=-1.0,
        lazy_update=True) -> list[Node]:
    """SGD: (1 - lr * wd) * weight - lr * gradient."""
    lr = number(lr, weight)
    decays = wd.op is not const_op or const_value(wd) != 0
    kept = mul(weight, _rest(mul(lr, number(wd, weight)))) if decays else weight
    return [sub(kept, mul(scaled(weight, grad, rescale_grad, clip_gradient), lr))]


@update("nd.sgd_mom_update", "mom", of_rows=True)
def sgd_mom(weight: Node, grad: Node, mom: Node, lr: Number, momentum: Number = 0.0, wd: Number = 0.0,
            rescale_grad: Number = 1.0, clip_gradient=-1.0, lazy_update=True) -> list[Node]:
    """SGD with momentum: weight + mom, with the new mom = momentum * mom - lr * (gradient + wd * weight)."""
    g = add(scaled(weight, grad, rescale_grad, clip_gradient), mul(weight, number(wd, weight)))
    mom = sub(mul(mom, number(momentum, weight)), mul(g, number(lr, weight)))
    return [add(weight, mom), mom]


@update("nd.nag_mom_update", "mom")
def nag_mom(weight: Node, grad: Node, mom: Node, lr: Number, momentum: Number = 0.0, wd: Number = 0.0,
            rescale_grad: Number = 1.0, clip_gradient=-1.0) -> list[Node]:
    """Nesterov's momentum: as sgd_mom_update, but adds a further step of the momentum."""
    g = add(scaled(weight, grad, rescale_grad, clip_gradient), mul(weight, number(wd, weight)))
    step, momentum = mul(g, number(lr, weight)), number(momentum, weight)
    mom = sub(mul(mom, momentum), step)
    return [add(weight, sub(mul(mom, momentum), step)), mom]


@update("nd.adam_update", "mean", "var", of_rows=True)
def adam(weight: Node, grad: Node, mean: Node, var: Node, lr: Number, beta1: Number = 0.9, beta2: Number = 0.999,
         epsilon: Number = 1e-8, wd: Number = 0.0, rescale_grad: Number = 1.0, clip_gradient=-1.0,
         lazy_update=True) -> list[Node]:
    """Adam: weight - lr * mean / (sqrt(var) + epsilon), with running means of the gradient and of its square."""
    g = decayed(weight, grad, wd, rescale_grad, clip_gradient)
    mean = mixed(mean, g, number(beta1, weight))
    var = mixed(var, square(g), number(beta2, weight))
    step = div(mul(mean, number(lr, weight)), add(sqrt(var), number(epsilon, weight)))
    return [sub(weight, step), mean, var]


@update("nd.rmsprop_update", "n")
def rmsprop(weight: Node, grad: Node, n: Node, lr: Number, gamma1: Number = 0.95, epsilon: Number = 1e-8,
            wd: Number = 0.0, rescale_grad: Number = 1.0, clip_gradient=-1.0, clip_weights=-1.0) -> list[Node]:
    """RMSProp: weight - lr * gradient / sqrt(n + epsilon), with n a running mean of the gradient's square."""
    g = decayed(weight, grad, wd, rescale_grad, clip_gradient)
    n = mixed(n, square(g), number(gamma1, weight))
    step = div(mul(g, number(lr, weight)), sqrt(add(n, number(epsilon, weight))))
    return [clipped(sub(weight, step), clip_weights), n]


@update("nd.rmspropalex_update", "n", "g", "delta")
def rmspropalex(weight: Node, grad: Node, n: Node, g: Node, delta: Node, lr: Number, gamma1: Number = 0.95,
                gamma2: Number = 0.9, epsilon: Number = 1e-8, wd: Number = 0.0, rescale_grad: Number = 1.0,
                clip_gradient=-1.0, clip_weights=-1.0) -> list[Node]:
    """Centered RMSProp, by a running mean g of the gradient, with a momentum delta."""
    gradient = decayed(weight, grad, wd, rescale_grad, clip_gradient)
    keep = number(gamma1, weight)
    n, g = mixed(n, square(gradient), keep), mixed(g, gradient, keep)
    root = sqrt(add(sub(n, square(g)), number(epsilon, weight)))
    delta = sub(mul(delta, number(gamma2, weight)), div(mul(gradient, number(lr, weight)), root))
    return [clipped(add(weight, delta), clip_weights), n, g, delta]


@update("nd.ftrl_update", "z", "n", of_rows=True)
def ftrl(weight: Node, grad: Node, z: Node, n: Node, lr: Number, lamda1: Number = 0.01, beta: Number = 1.0,
         wd: Number = 0.0, rescale_grad: Number = 1.0, clip_gradient=-1.0) -> list[Node]:
    """FTRL: the step of "follow the regularized leader"."""
    g = scaled(weight, grad, rescale_grad, clip_gradient)
    lr, lamda1 = number(lr, weight), number(lamda1, weight)
    total = add(n, square(g))
    z = add(z, sub(g, div(mul(sub(sqrt(total), sqrt(n)), weight), lr)))
    scale = add(div(add(sqrt(total), number(beta, weight)), lr), number(wd, weight))
    moved = div(sub(mul(sign_of(z), lamda1), z), scale)
    return [mul(moved, cast(greater(absolute(z), lamda1), moved.dtype)), z, total]  # NaN stays NaN


@update("nd.signsgd_update")
def signsgd(weight: Node, grad: Node, lr: Number, wd: Number = 0.0, rescale_grad: Number = 1.0,
            clip_gradient=-1.0) -> list[Node]:
    """SignSGD: (1 - lr * wd) * weight - lr * sign(gradient)."""
    lr = number(lr, weight)
    kept = mul(weight, _rest(mul(lr, number(wd, weight))))
    return [sub(kept, mul(sign_of(grad), lr))]


@update("nd.signum_update", "mom")
def signum(weight: Node, grad: Node, mom: Node, lr: Number, momentum: Number = 0.0, wd: Number = 0.0,
           rescale_grad: Number = 1.0, clip_gradient=-1.0, wd_lh: Number = 0.0) -> list[Node]:
    """Signum: (1 - lr * wd_lh) * weight + lr * sign(mom), with mom a running mean of the negated gradient."""
    g = add(scaled(weight, grad, rescale_grad, clip_gradient), mul(weight, number(wd, weight)))
    mom = mixed(mom, neg(g), number(momentum, weight))
    lr = number(lr, weight)
    return [add(mul(weight, _rest(mul(lr, number(wd_lh, weight)))), mul(sign_of(mom), lr)), mom]


# ---- steps of rows only --------------------------------------------------------------------------

def _adagrad(weight: Node, grad: Node, history: Node, lr: Number, epsilon: Number, rescale_grad: Number,
             clip_gradient=-1.0) -> list[Node]:
    """AdaGrad: weight - lr * gradient / sqrt(history + epsilon), with history the sum of all squared gradients."""
    g = scaled(weight, grad, rescale_grad, clip_gradient)
    history = add(history, square(g))
    return [sub(weight, mul(div(g, sqrt(add(history, number(epsilon, weight)))), number(lr, weight))), history]


def _group_adagrad(weight: Node, grad: Node, history: Node, lr: Number, epsilon: Number, rescale_grad: Number,
                   clip_gradient=-1.0) -> list[Node]:
    """AdaGrad with one sum of mean squared gradients for each row of a matrix."""
    g = scaled(weight, grad, rescale_grad, clip_gradient)
    squares = reshape(reduce_sum(square(g), (1,)), (weight.shape[0], 1))
    history = add(history, div(squares, like(squares, weight.shape[1])))
    return [sub(weight, div(mul(g, number(lr, weight)), sqrt(add(history, number(epsilon, weight))))), history]


public("lazy.adagrad_update")(lazy(_adagrad, 3))
public("lazy.group_adagrad_update")(lazy(_group_adagrad, 3))

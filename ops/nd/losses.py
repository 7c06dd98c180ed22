"""The loss layers of `mx.nd`: each defines the gradient of its data itself; most ignore the head gradient."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..declare.families import operands
from ..declare.public import public
from ..ir.aval import Aval, Shape
from ..ir.errors import MXNetError
from ..ir.node import Node, make, once, stop
from ..ir.op import ELEMENTWISE, Op, declare
from ..ir.shapes import check_choice
from ..npx.normalization import log_softmax_of, softmax_of
from ..npx.picking import one_hot
from ..primitive.arithmetic import (
    add,
    cast,
    div,
    equal,
    greater,
    in_single,
    like,
    maximum,
    minimum,
    mul,
    neg,
    not_equal,
    sub,
    trunc,
    where,
)
from ..primitive.elementary import sigmoid
from ..primitive.linear import broadcast_to, part, reduce_sum, reshape, spread, transpose
from ..primitive.promotion import floating
from .reductions import axes_of

NORMALIZATIONS = ("batch", "null", "valid")


def _own_infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    # A gradient with equal elements may be given as a scalar.
    if any(other.dtype != avals[0].dtype or other.shape not in (avals[0].shape, ()) for other in avals):
        raise MXNetError("a value and its own gradient differ: "
                         + ", ".join(f"{a.dtype.name} of shape {a.shape}" for a in avals))
    return avals[0]


def _own_vjp(node: Node, g: Node) -> tuple[Node | None, ...]:
    own = broadcast_to(node.inputs[2], node.shape)
    return None, mul(g, own) if node.attrs[0] else own, None


def _own_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(0)
    for shape in ((3, 4), (), (0, 2)):
        for scaled in (False, True):
            yield [rng.uniform(-2, 2, shape) for _ in range(3)], (scaled,)


#: The first input, with a gradient of its own. Inputs: the value, the data, and the data's gradient, all of one shape
#: and dtype. attrs: whether the head gradient multiplies that gradient; otherwise it is ignored.
own_gradient_op = declare(Op("own_gradient", ELEMENTWISE, _own_infer, lambda arrays, attrs: arrays[0], _own_vjp,
                             seeds=lambda node: not node.attrs[0], expr="{0}", cost=0, smooth=False,
                             samples=_own_samples, errors=[(operands((3,), (3,), (4,)), (False,), MXNetError)]))


def own_gradient(value: Node, data: Node, gradient: Node, scaled: bool = False) -> Node:
    """`value`, with the gradient `gradient` for `data`; scaled: times the head gradient, which is ignored otherwise."""
    return make(own_gradient_op, (stop(value), data, gradient), (scaled,))


@public("nd.contrib.gradientmultiplier")
def gradient_multiplier(data: Node, scalar=1.0, is_int=True) -> Node:
    """`data`, with the head gradient times `scalar` as its gradient; `is_int` has no effect.

    >>> from tracer import nd
    >>> nd.contrib.gradientmultiplier(nd.array([1, 2]), scalar=-1).asnumpy().tolist()
    [1.0, 2.0]
    """
    return own_gradient(data, data, like(data, scalar), scaled=True)


# ---- softmax with the gradient of the cross entropy ----------------------------------------------

def _rows(data: Node, multi_output: bool, preserve_shape: bool) -> Shape:
    """The shape to which `data` is brought for its softmax: classes along axis 1."""
    n = data.shape[0] if data.ndim > 1 else 1
    if multi_output:
        return (n, data.shape[1], math.prod(data.shape[2:]))
    if preserve_shape:
        return (math.prod(data.shape[:-1]), data.shape[-1])
    return (n, math.prod(data.shape[data.ndim > 1:]))


def _labels(label: Node, data: Node, rows: Shape, multi_output: bool) -> Node:
    """The class numbers, one for each line of the shape `rows`."""
    if label.dtype != data.dtype:
        raise MXNetError(f"SoftmaxOutput: data is {data.dtype.name}, label {label.dtype.name}; they must agree")
    wanted = (rows[0], *rows[2:])
    fits = label.shape[:1] == rows[:1] and label.size == math.prod(wanted) if multi_output \
        else label.shape == data.shape[:-1]
    if not fits:
        raise MXNetError(f"SoftmaxOutput: Shape inconsistent: labels {label.shape} for data {data.shape}")
    flat = reshape(label, (label.size,))
    return reshape(part(flat, 0, 0, math.prod(wanted)), wanted)  # surplus labels are ignored


def _cross_entropy_slope(out: Node, label: Node, smooth_alpha: float) -> Node:
    """The derivative of the cross entropy by the softmax's input; `out`: the softmax, classes along axis 1."""
    classes = out.shape[1]
    others = smooth_alpha / (classes - 1) if classes > 1 else 0.0
    target = one_hot(label, classes, 1 - smooth_alpha, others, out.dtype)
    return sub(out, target if target.ndim < 3 else transpose(target, (0, 2, 1)))


def _not_ignored(label: Node, ignore_label: float) -> Node:
    label = trunc(label)
    return not_equal(label, like(label, math.trunc(ignore_label)))


def _count(found: Node, dtype: np.dtype) -> Node:
    """The number of true elements, at least 1."""
    count = reduce_sum(cast(found, dtype), axes_of(None, found.ndim))
    return maximum(count, like(count, 1))


@public("nd.SoftmaxOutput", "nd.Softmax")
def softmax_output(data: Node, label: Node, grad_scale=1.0, ignore_label=-1.0, multi_output=False,
                   use_ignore=False, preserve_shape=False, normalization="null", out_grad=False,
                   smooth_alpha=0.0) -> Node:
    """`softmax` whose gradient is that of the cross entropy with `label`: softmax - one_hot(label).

    label: class numbers; or probabilities in the shape of `data`, to which only `grad_scale` and `out_grad` apply.
    out_grad: whether the head gradient multiplies this gradient; otherwise it is ignored.
    use_ignore: whether elements labelled `ignore_label` have the gradient 0.
    normalization: the gradient's divisor: the size of the "batch", the number of "valid" labels, or 1 ("null"). With
        multi_output, "batch" and "null" divide by the number of positions, too.
    smooth_alpha: the share of the target probability given to the other classes.
    """
    check_choice(normalization, NORMALIZATIONS)
    rows = _rows(data, multi_output, preserve_shape)
    lines = reshape(data, rows)
    out = softmax_of(lines, 1)
    if label.shape == data.shape:
        gradient = sub(out, reshape(label, rows))
    else:
        every = label
        label = _labels(label, data, rows, multi_output)
        gradient = _cross_entropy_slope(out, label, 0.0 if multi_output else smooth_alpha)
        if use_ignore:
            kept = broadcast_to(reshape(_not_ignored(label, ignore_label), (rows[0], 1, *rows[2:])), rows)
            gradient = where(kept, gradient, like(gradient, 0))
        if normalization == "valid":
            gradient = div(gradient, _count(_not_ignored(every, ignore_label), data.dtype))
        else:
            size = math.prod(rows[2:]) * (rows[0] if normalization == "batch" else 1)
            gradient = div(gradient, like(gradient, size))
    gradient = mul(gradient, like(gradient, grad_scale))
    if not out_grad:
        gradient = once(gradient, "SoftmaxOutput")
    return reshape(own_gradient(out, lines, gradient, bool(out_grad)), data.shape)


@public("nd.softmax_cross_entropy")
def softmax_cross_entropy(data: Node, label: Node) -> Node:
    """The sum over the rows of -log(softmax) at the label; of shape (1,).

    A row adds at most -log(1e-8), and exactly that if its label is out of range. The gradient is softmax - one_hot.
    """
    if data.ndim != 2 or label.shape != data.shape[:1]:
        raise MXNetError(f"softmax_cross_entropy: labels {label.shape} for data {data.shape}")
    if label.dtype != data.dtype:
        raise MXNetError(f"softmax_cross_entropy: data is {data.dtype.name}, label {label.dtype.name}; they must agree")
    least = float(data.dtype.type(1e-8))  # 0 in float16
    return _cross_entropy(data, label, -math.log(least) if least else math.inf)


@in_single
def _cross_entropy(data: Node, label: Node, most: float) -> Node:
    hit = one_hot(label, data.shape[1], dtype=data.dtype)
    found = not_equal(hit, like(hit, 0))
    missed = equal(spread(reduce_sum(hit, (1,)), (1,), data), like(hit, 0))
    share = like(data, most / max(data.shape[1], 1))
    loss = where(found, minimum(neg(log_softmax_of(data, 1)), like(data, most)), where(missed, share, like(data, 0)))
    each = own_gradient(loss, data, sub(softmax_of(data, 1), hit), scaled=True)
    return reshape(reduce_sum(each, (0, 1)), (1,))


@public("nd.SVMOutput")
def svm_output(data: Node, label: Node, margin=1.0, regularization_coefficient=1.0, use_linear=False) -> Node:
    """`data`, whose gradient is that of the hinge loss of each class against the others; the head gradient is ignored.

    data: scores, with the classes along the last axis.
    label: class numbers, of the shape of the data without its last axis.
    margin: the score above which the labelled class, and below minus which another, adds nothing.
    regularization_coefficient: multiplies the gradient.
    use_linear: whether the loss is the hinge itself (L1); otherwise it is squared (L2).

    MXNetError for shapes that don't fit, and for dtypes other than floats.
    """
    if floating(data).ndim < 2 or label.shape != data.shape[:-1]:
        raise MXNetError(f"SVMOutput: Shape inconsistent, Provided = {label.shape}, inferred shape={data.shape[:-1]}")
    if label.dtype != data.dtype:
        raise MXNetError(f"SVMOutput: This layer requires uniform type. Expected {data.dtype.name!r} v.s. given "
                         f"{label.dtype.name!r} at 'label'")
    sign = neg(one_hot(label, data.shape[-1], 1, -1, data.dtype))
    short = add(like(data, margin), mul(sign, data))
    slope = sign if use_linear else mul(sign, mul(short, like(short, 2)))
    gradient = where(greater(short, like(short, 0)), slope, like(slope, 0))
    return own_gradient(data, data, once(mul(gradient, like(gradient, regularization_coefficient)), "SVMOutput"))


# ---- regressions, and any array as a loss --------------------------------------------------------

def _regression(name: str, value: Callable[[Node], Node], slope: Callable[[Node], Node], doc: str) -> None:
    def build(data: Node, label: Node, grad_scale=1.0) -> Node:
        if label.size != data.size or label.shape[:1] != data.shape[:1]:
            raise MXNetError(f"{name}: Shape inconsistent: labels {label.shape} for data {data.shape}")
        out = value(data)
        each = data.size // data.shape[0] if data.ndim and data.shape[0] else 1
        gradient = slope(sub(out, reshape(label, data.shape)))
        return own_gradient(out, data, once(mul(gradient, like(gradient, grad_scale / each)), name))

    build.__doc__ = doc
    public(f"nd.{name}", keywords="ignoring")(build)


def _same(x: Node) -> Node:
    return x


def _direction(x: Node) -> Node:
    """1 where x > 0, else -1: MXNet's derivative of the absolute value, also at 0."""
    return where(greater(x, like(x, 0)), like(x, 1), like(x, -1))


_regression("LinearRegressionOutput", _same, _same, "`data`, whose gradient is that of half its squared distance.")
_regression("MAERegressionOutput", _same, _direction, "`data`, whose gradient is that of its absolute distance.")
_regression("LogisticRegressionOutput", sigmoid, _same, "sigmoid(data), whose gradient is the cross entropy's.")


@public("nd.MakeLoss")
def make_loss_scaled(data: Node, grad_scale=1.0, valid_thresh=0.0, normalization="null") -> Node:
    """`data`, with the gradient `grad_scale`; the head gradient is ignored.

    normalization: "batch" divides the gradient by the length of the first axis, "valid" by the number of elements above
        `valid_thresh` (at least 1).
    """
    check_choice(normalization, NORMALIZATIONS)
    gradient = like(data, grad_scale / (data.shape[0] if normalization == "batch" else 1))
    if normalization == "valid":
        gradient = div(gradient, _count(greater(data, like(data, valid_thresh)), data.dtype))
    return own_gradient(data, data, stop(gradient))


@public("nd.make_loss")
def make_loss(data: Node) -> Node:
    """`data`, with the gradient 1; the head gradient is ignored."""
    return own_gradient(data, data, like(data, 1))

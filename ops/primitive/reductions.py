"""Reductions over axes. The results of the primitives lack the reduced axes; keepdims is a reshape."""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..declare.families import operands, reduction
from ..ir.aval import Aval, Shape
from ..ir.errors import MXNetError
from ..ir.node import Node, make, stop
from ..ir.op import ELEMENTWISE, FLOATS, Op, declare
from ..ir.shapes import reduced
from .arithmetic import (
    add,
    cast,
    div,
    equal,
    floor_divide,
    in_single,
    less,
    like,
    logical_and,
    logical_not,
    logical_or,
    mul,
    sub,
    where,
)
from .elementary import absolute, sign, sqrt, square
from .linear import broadcast_to, concatenate, part, reduce_sum, reshape, spread, totalled, transpose


def _extreme_vjp(g: Node, x: Node, axes: tuple, y: Node) -> Node:
    # As in MXNet, every element equal to the extreme gets the whole cotangent.
    return where(equal(x, spread(y, axes, x)), spread(g, axes, x), like(g, 0))


def _lowest(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def _highest(dtype: np.dtype) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


def _ref(f: Any, start: Any) -> Any:
    def ref(x: Any, axes: tuple) -> Any:
        x = np.asarray(x)
        return f(x, axis=axes, initial=start(x.dtype))

    return ref


reduce_max = reduction("reduce_max", _ref(np.max, _lowest), _extreme_vjp, _lowest, combine="max")
reduce_min = reduction("reduce_min", _ref(np.min, _highest), _extreme_vjp, _highest, combine="min")


def kept(x: Node, shape: Shape, axes: tuple, keepdims: bool) -> Node:
    return reshape(x, reduced(shape, axes, keepdims=True)) if keepdims else x


@in_single
def euclidean(x: Node, axes: tuple[int, ...]) -> Node:
    """The 2-norm over `axes`, scaled by the largest element as MXNet's: no square overflows or underflows."""
    if not all(x.shape[a] for a in axes):
        return reduce_sum(x, axes)  # 0: there are no elements
    if x.dtype.kind != "f":
        return cast(euclidean(cast(x, np.dtype("float64")), axes), x.dtype)
    largest = stop(reduce_max(absolute(x), axes))
    odd = logical_or(equal(largest, like(largest, 0)), equal(largest, like(largest, np.inf)))
    scale = where(odd, like(largest, 1), largest)
    return mul(scale, sqrt(reduce_sum(square(div(x, spread(scale, axes, x))), axes)))


# ---- products: their derivative divides by no zero, so that it stays finite ------------------------

def _prod_vjp(g: Node, x: Node, axes: tuple, y: Node) -> Node:
    return mul(spread(g, axes, x), product_of_others(x, axes)) if axes else g


reduce_prod = reduction("reduce_prod", totalled(np.prod, {"float16": "float32"}), _prod_vjp, lambda dtype: 1,
                        combine="*", low=0.5, high=1.5)


@in_single
def product_of_others(x: Node, axes: tuple[int, ...]) -> Node:
    """For each element of `x`, the product of all others over `axes`."""
    if x.dtype.kind != "f":
        return _by_quotients(x, axes)
    return make(_others_op, (stop(_by_quotients(x, axes)), x), (axes,))


def _by_quotients(x: Node, axes: tuple[int, ...]) -> Node:
    """`product_of_others` in two passes over `x`: products of the regular and of the odd elements, then quotients.

    Odd elements are zeros, infinities and NaN, by which one cannot divide. For a single odd element the product of the
    others is that of the regular elements. Where several are odd, the product of the odd ones enters, in which leaving
    out one of them changes only the sign.
    """
    if x.dtype == np.float32:  # the product of all may overflow where the product of the others does not
        return cast(_by_quotients(cast(x, "float64"), axes), x.dtype)
    one, zero = like(x, 1), like(x, 0)
    regular = logical_not(equal(x, zero))
    if x.dtype.kind == "f":
        regular = logical_and(regular, less(absolute(x), like(x, math.inf)))
    divisor = where(regular, x, broadcast_to(one, x.shape))
    product = spread(reduce_prod(divisor, axes), axes, x)
    odd = spread(reduce_prod(where(regular, broadcast_to(one, x.shape), x), axes), axes, x)
    count = spread(reduce_sum(where(regular, zero, broadcast_to(one, x.shape)), axes), axes, x)
    alone = where(equal(count, one), broadcast_to(one, x.shape), mul(odd, sign(x)))
    quotient = div if x.dtype.kind == "f" else floor_divide
    return mul(quotient(product, divisor), where(regular, odd, alone))


# ---- the derivative of product_of_others ---------------------------------------------------------

def _others_vjp(node: Node, g: Node) -> Sequence[Node | None]:
    return None, _slope(node.inputs[1], g, node.attrs[0])


def _others_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(2)
    for shape, axes in [((3, 4), (0, 1)), ((3, 4), (0,)), ((2, 3, 4), (0, 2)), ((5,), (0,)), ((2, 1, 3), (1,))]:
        x = rng.uniform(0.5, 1.5, shape)
        yield [np.prod(x, axis=axes, keepdims=True) / x, x], (axes,)


def _others_infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    value, x = avals
    if value is not x:
        raise MXNetError(f"{value.dtype.name} products {value.shape} of {x.dtype.name} factors {x.shape}")
    return value


#: Inputs: the products of the others, which are the result, and their factors, for the derivative. attrs: the axes.
_others_op = declare(Op("product_of_others", ELEMENTWISE, _others_infer, lambda arrays, attrs: arrays[0], _others_vjp,
                        expr="{0}", cost=0, samples=_others_samples, smooth=False, dtypes=FLOATS,
                        errors=[(operands((3,), (4,)), ((0,),), MXNetError)]))


def _slope(x: Node, g: Node, axes: tuple[int, ...]) -> Node:
    """The derivative with respect to `x` of sum(g * product_of_others(x)), the product's derivative in direction g.

    It consists of products only, computed pairwise, so that all further derivatives are right where `x` is zero.
    """
    rest = tuple([a for a in range(x.ndim) if a not in axes])
    order = rest + axes
    shape = tuple([x.shape[a] for a in order])
    line = (*shape[:len(rest)], math.prod(shape[len(rest):]))
    found, _ = _pull(*[reshape(transpose(n, order), line) for n in (x, g)])
    return transpose(reshape(found, shape), tuple([order.index(a) for a in range(x.ndim)]))


def _pull(x: Node, dx: Node) -> tuple[Node, Node]:
    """The derivatives, by `x` and by `dx`, of the product's derivative over the last axis in direction `dx`.

    Recursive: the products of pairs, and their derivatives, are a line of half the length with the same product.
    """
    axis = x.ndim - 1
    n = x.shape[axis]
    if n <= 1:
        return broadcast_to(like(x, 0), x.shape), broadcast_to(like(x, 1), x.shape)
    half, odd = n // 2, n % 2
    (a, b, last), (da, db, dlast) = [
        [part(v, axis, start, size) for start, size in ((0, half), (half, half), (2 * half, odd))] for v in (x, dx)]
    by_product, by_change = _pull(concatenate([mul(a, b), last], axis),
                                  concatenate([add(mul(a, db), mul(da, b)), dlast], axis))
    p, d = part(by_product, axis, 0, half), part(by_change, axis, 0, half)
    tails = [part(v, axis, half, odd) for v in (by_product, by_change)]
    return (concatenate([add(mul(p, b), mul(d, db)), add(mul(p, a), mul(d, da)), tails[0]], axis),
            concatenate([mul(d, b), mul(d, a), tails[1]], axis))


# ---- squares about the mean ----------------------------------------------------------------------

@in_single
def squares_about_mean(x: Node, axes: tuple[int, ...]) -> Node:
    """The squares of the distances of `x`, of floats, from its mean over `axes`, to be summed over these axes.

    The derivative is that of the sum: the part of it that goes through the mean is left out, as it is the sum of all
    distances, which is 0, times a factor.
    """
    return make(_squares_op, (stop(square(_centered(x, axes))), x), (axes,))


def _centered(x: Node, axes: tuple[int, ...]) -> Node:
    total = reduce_sum(x, axes)
    return sub(x, spread(div(total, like(x, math.prod([x.shape[a] for a in axes]))), axes, x))


def _squares_vjp(node: Node, g: Node) -> Sequence[Node | None]:
    x, axes = node.inputs[1], node.attrs[0]
    return None, mul(g, mul(like(x, 2), _centered(x, axes)))


def _squares_infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    value, x = avals
    if value is not x:
        raise MXNetError(f"{value.dtype.name} squares {value.shape} of {x.dtype.name} elements {x.shape}")
    return value


def _squares_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(3)
    for shape, axes in [((3, 4), (0, 1)), ((3, 4), (0,)), ((2, 3, 4), (0, 2)), ((5,), (0,)), ((2, 1, 3), (1,))]:
        x = rng.uniform(-2, 2, shape)
        yield [(x - x.mean(axis=axes, keepdims=True)) ** 2, x], (axes,)


#: Inputs: the squares, which are the result, and the elements, for the derivative. attrs: the axes.
_squares_op = declare(Op("squares_about_mean", ELEMENTWISE, _squares_infer, lambda arrays, attrs: arrays[0],
                         _squares_vjp, expr="{0}", cost=0, samples=_squares_samples, smooth=False, dtypes=FLOATS,
                         errors=[(operands((3,), (4,)), ((0,),), MXNetError)]))

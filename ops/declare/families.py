"""Families of primitives: each has the rules of shape and dtype, so that a primitive is declared in a line."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..ir.aval import Aval, aval
from ..ir.errors import MXNetError
from ..ir.node import Node, make
from ..ir.op import ALL, CALL, ELEMENTWISE, FLOATS, NUMBERS, REDUCTION, VIEW, Op, declare
from ..ir.shapes import broadcast, reduced
from .public import named

BOOL = np.dtype(bool)

Samples = Callable[[], Iterable[tuple[list[np.ndarray], tuple]]]
Dtypes = frozenset[np.dtype]
Errors = Sequence[tuple[Sequence[Aval], tuple, type[Exception]]]


def operands(*shapes: tuple[int, ...], dtype: str = "float32") -> list[Aval]:
    """The avals of operands of these shapes, for samples of errors."""
    return [aval(shape, np.dtype(dtype)) for shape in shapes]


#: Samples of errors: shapes that do not broadcast, and two dtypes.
APART: Errors = [(operands((2, 3), (4, 5)), (), MXNetError)]
MIXED: Errors = [(operands((2,)) + operands((2,), dtype="float64"), (), MXNetError)]


def interval(low: float, high: float, arity: int = 1, attrs: tuple = (), seed: int = 0) -> Samples:
    """Sample inputs in [low, high): a matrix, 0-d, an empty one, and for several inputs a broadcast."""

    def samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
        rng = np.random.RandomState(seed)
        shapes: list[list[tuple[int, ...]]] = [[(3, 4)] * arity, [()] * arity, [(0, 2)] * arity]
        if arity > 1:
            shapes += [[(3, 1), (4,)] + [(1,)] * (arity - 2), [(2, 3, 4)] + [(3, 1)] * (arity - 1)]
        for group in shapes:
            yield [rng.uniform(low, high, s) for s in group], attrs

    return samples


# ---- float16 -------------------------------------------------------------------------------------

_HALF, _SINGLE = np.dtype("float16"), np.dtype("float32")


def _half_in_single(ref: Callable) -> Callable[[Sequence[Any], tuple], Any]:
    """`ref` for operands of one dtype: float16 is computed in float32 and rounded once, as in kernels."""
    def run(arrays: Sequence[Any], attrs: tuple) -> Any:
        if arrays[0].dtype.char != "e":
            return ref(*arrays)
        found = np.asarray(ref(*[a.astype(_SINGLE) for a in arrays]))
        with np.errstate(over="ignore"):
            return found.astype(_HALF) if found.dtype == _SINGLE else found

    return run


# ---- elementwise ---------------------------------------------------------------------------------

def _elementwise_rule(name: str, result: Callable[[Sequence[np.dtype]], np.dtype]) -> Callable:
    def infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
        first = avals[0]
        for other in avals[1:]:
            if other.shape != first.shape:
                return aval(broadcast(*(a.shape for a in avals)), result([a.dtype for a in avals]), first.device)
        return aval(first.shape, result([a.dtype for a in avals]), first.device)

    return infer


def _all_equal(name: str) -> Callable[[Sequence[np.dtype]], np.dtype]:
    def rule(dtypes: Sequence[np.dtype]) -> np.dtype:
        if any(d != dtypes[0] for d in dtypes):
            raise MXNetError(f"{name} requires operands of one dtype, got {', '.join(d.name for d in dtypes)}")
        return dtypes[0]

    return rule


def elementwise(name: str, expr: str, ref: Callable, vjp: Callable | None = None, *, arity: int,
                dtypes: Dtypes, samples: Samples | None = None, cost: int = 1, boolean: bool = False,
                smooth: bool = True, backward_dtypes: Dtypes = NUMBERS) -> Op:
    """Declare an elementwise primitive of equal-dtype operands; its result has their dtype, or bool.

    vjp(g, *inputs, out) -> cotangents, one per input.
    """
    rule = (lambda dtypes: BOOL) if boolean else _all_equal(name)
    back = None if vjp is None else lambda node, g: vjp(g, *node.inputs, node)
    errors = [] if arity < 2 else APART if boolean else [*APART, *MIXED]
    return declare(Op(name, ELEMENTWISE, _elementwise_rule(name, rule), _half_in_single(ref), back, expr,
                      samples, cost, not boolean, smooth=smooth, dtypes=dtypes, backward_dtypes=backward_dtypes,
                      errors=errors))


def unary(name: str, expr: str, ref: Callable, vjp: Callable | None = None, *, dtypes: Dtypes | None = None,
          samples: Samples | None = None, cost: int = 1, boolean: bool = False, smooth: bool = True,
          names: Iterable[Callable[[Callable], object]] = ()) -> Callable[[Node], Node]:
    """Declare a one-operand elementwise primitive: vjp(g, x, y) -> cotangent. Returns its node maker.

    dtypes: None is floats, or all if the result is bool.
    names: its public names, made by `in_np`, `in_npx` and `in_nd` of ops/primitive/promotion.py.
    """
    back = None if vjp is None else lambda g, x, y: (vjp(g, x, y),)
    dtypes = dtypes or (ALL if boolean else FLOATS)
    op = elementwise(name, expr, ref, back, arity=1, dtypes=dtypes, samples=samples, cost=cost, boolean=boolean,
                     smooth=smooth)
    return named(lambda x: make(op, (x,)), names)


def binary(name: str, expr: str, ref: Callable, vjp: Callable | None = None, *, dtypes: Dtypes | None = None,
           backward_dtypes: Dtypes = NUMBERS, samples: Samples | None = None, cost: int = 1, boolean: bool = False,
           smooth: bool = True) -> Callable[[Node, Node], Node]:
    """Declare a two-operand elementwise primitive: vjp(g, x, y, out) -> two cotangents. Returns its node maker.

    dtypes: None is numbers, or all if the result is bool.
    """
    dtypes = dtypes or (ALL if boolean else NUMBERS)
    op = elementwise(name, expr, ref, vjp, arity=2, dtypes=dtypes, samples=samples, cost=cost, boolean=boolean,
                     smooth=smooth, backward_dtypes=backward_dtypes)
    return lambda x, y: make(op, (x, y))


# ---- reductions (attrs: the sorted axes, which the result lacks) ---------------------------------

def _reduce_rule(avals: Sequence[Aval], attrs: tuple) -> Aval:
    return aval(reduced(avals[0].shape, attrs[0]), avals[0].dtype)


def _axis_samples(low: float, high: float) -> Samples:
    def samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
        rng = np.random.RandomState(1)
        for shape, axes in [((3, 4), (0, 1)), ((3, 4), (0,)), ((3, 4), (1,)), ((2, 3, 4), (0, 2)),
                            ((2, 3, 4), (1,)), ((5,), (0,)), ((), ()), ((2, 1, 3), (1,)), ((70, 33), (0,)),
                            ((33, 70), (1,))]:
            yield [rng.uniform(low, high, shape)], (axes,)

    return samples


def reduction(name: str, ref: Callable, vjp: Callable | None, identity: Callable[[np.dtype], Any], *,
              combine: str, low: float = -2.0, high: float = 2.0, smooth: bool = True) -> Callable[[Node, tuple], Node]:
    """Declare an associative reduction: vjp(g, x, axes, y) -> cotangent, g and y being of the reduced shape."""
    back = None if vjp is None else lambda node, g: (vjp(g, node.inputs[0], node.attrs[0], node),)
    op = declare(Op(name, REDUCTION, _reduce_rule, lambda a, attrs: ref(a[0], attrs[0]), back,
                    samples=_axis_samples(low, high), identity=identity, combine=combine,
                    smooth=smooth))
    return lambda x, axes: make(op, (x,), (tuple(axes),))


# ---- views and calls -----------------------------------------------------------------------------

def view(name: str, infer: Callable, ref: Callable, vjp: Callable, samples: Samples, errors: Errors, *,
         shaped: bool = False, axes: bool = False) -> Callable[..., Node]:
    """Declare a re-indexing of one input with static attributes: ref(array, *attrs), vjp(g, x, *attrs)."""
    op = declare(Op(name, VIEW, infer, lambda a, attrs: ref(a[0], *attrs),
                    lambda node, g: (vjp(g, node.inputs[0], *node.attrs),), samples=samples, cost=0,
                    shaped=shaped, axes=axes, errors=errors))
    return lambda x, *attrs: make(op, (x,), attrs)


def call(name: str, infer: Callable, ref: Callable, vjp: Callable | None = None, *, dtypes: Dtypes = ALL,
         backward_dtypes: Dtypes = NUMBERS, samples: Samples | None = None, smooth: bool = True,
         step: str | None = None, may_fail: bool = True,
         gathers: Callable[[Node], tuple[int | None, ...] | None] | None = None, shaped: bool = False,
         axes: bool = False, errors: Errors = ()) -> Callable[..., Node]:
    """Declare an op on whole arrays: ref(*arrays, *attrs); infer(*avals, *attrs); vjp(g, node) -> cotangents."""
    back = None if vjp is None else lambda node, g: vjp(g, node)
    op = declare(Op(name, CALL, lambda avals, attrs: infer(*avals, *attrs), lambda a, attrs: ref(*a, *attrs),
                    back, samples=samples, cost=50, smooth=smooth, may_fail=may_fail, step=step, gathers=gathers,
                    shaped=shaped, axes=axes, dtypes=dtypes, backward_dtypes=backward_dtypes, errors=errors))
    return lambda *inputs, attrs=(): make(op, tuple(inputs), attrs)

"""Arithmetic, comparison and logic primitives: two operands of one dtype, broadcast; and selection."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from ..declare.families import Samples, binary, interval, unary
from ..declare.numpy_call import binary_call
from ..ir.aval import Aval, aval
from ..ir.errors import MXNetError
from ..ir.node import Node, const, const_op, const_value, is_large_integer, make, stop
from ..ir.op import ALL, ELEMENTWISE, FLOATS, INTEGERS, NUMBERS, Op, declare
from ..ir.shapes import broadcast


def like(x: Node, value: float) -> Node:
    """The constant `value` in the dtype of `x`, part of the program's structure."""
    return const(value, x.dtype)


# ---- conversion ----------------------------------------------------------------------------------

def _cast_ref(arrays: Sequence[Any], attrs: tuple) -> Any:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(arrays[0]).astype(attrs[0])


cast_op = declare(Op(
    "cast", ELEMENTWISE, lambda avals, attrs: aval(avals[0].shape, np.dtype(attrs[0])), _cast_ref,
    lambda node, g: (cast(g, node.inputs[0].dtype),), expr="{T}({0})", same=False,
    samples=interval(-5, 5, attrs=("float64",)), converts=True))


def cast(x: Node, dtype: np.dtype | str) -> Node:
    """`x` converted to `dtype`, floats to integers by truncation. OverflowError for a `large_integer` to integers."""
    dtype = np.dtype(dtype)
    if x.dtype == dtype:
        return x
    if dtype.kind != "f" and is_large_integer(x):
        raise OverflowError("Integer out of bounds")  # MXNet's words
    if x.op is const_op:
        return const(_cast_ref([np.array(const_value(x))], (dtype,)).item(), dtype)
    return make(cast_op, (x,), (dtype.name,))


_HALF, _SINGLE = np.dtype("float16"), np.dtype("float32")


def in_single(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a composition of nodes round once, as the single op of MXNet does: float16 operands are cast to float32.

    function: takes nodes and sequences of nodes, beside other arguments, and returns one node or several; float32
        results are cast back to float16. If some float operands are wider than float16, nothing is cast.
    """
    @wraps(function)
    def build(*args: Any, **more: Any) -> Any:
        nodes = [x for a in args for x in (a if isinstance(a, (list, tuple)) else (a,)) if isinstance(x, Node)]
        if {x.dtype for x in nodes if x.dtype.kind == "f"} != {_HALF}:
            return function(*args, **more)
        found = function(*[_recast(a, _HALF, _SINGLE) for a in args], **more)
        return _recast(found, _SINGLE, _HALF)

    return build


def _recast(x: Any, dtype: np.dtype, to: np.dtype) -> Any:
    """The node `x`, or the nodes of a list or tuple, cast to `to` where they are of `dtype`."""
    if isinstance(x, (list, tuple)):
        return type(x)([_recast(i, dtype, to) for i in x])
    return cast(x, to) if isinstance(x, Node) and x.dtype == dtype else x


# ---- arithmetic ----------------------------------------------------------------------------------

add = binary("add", "{0} + {1}", np.add, lambda g, x, y, out: (g, g), samples=interval(-2, 2, 2), dtypes=ALL)
_subtract = binary("subtract", "{0} - {1}", np.subtract, lambda g, x, y, out: (g, neg(g)),
                   samples=interval(-2, 2, 2))
mul: Callable[[Node, Node], Node] = binary(
    "multiply", "{0} * {1}", np.multiply, lambda g, x, y, out: (mul(g, y), mul(g, x)), samples=interval(-2, 2, 2),
    dtypes=ALL)
div: Callable[[Node, Node], Node] = binary(
    "divide", "{0} / {1}", np.divide, lambda g, x, y, out: (div(g, y), neg(div(mul(g, out), y))),
    samples=interval(0.5, 2, 2), cost=4, dtypes=FLOATS)
neg: Callable[[Node], Node] = unary("negative", "-{0}", np.negative, lambda g, x, y: neg(g), samples=interval(-2, 2),
                                    dtypes=NUMBERS)


def sub(x: Node, y: Node) -> Node:
    """`x` minus `y`. MXNetError for two bools: NumPy refuses to subtract them, kernels would not."""
    if x.dtype.kind == y.dtype.kind == "b":
        raise MXNetError("this operation does not support bool; use astype")
    return _subtract(x, y)


def _int_floor_divide(a: Any, b: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.floor_divide(a, b)


def _remainder(of: Any, a: Any, b: Any) -> Any:
    """NumPy's remainder function `of`, with 0 where the divisor is 0, as in MXNet."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = of(a, b)
    return np.where(np.equal(b, 0), found.dtype.type(0), found)


floor_divide = binary("floor_divide", "floor_divide({0}, {1})", _int_floor_divide, samples=interval(0.5, 5, 2),
                      cost=8, smooth=False, dtypes=ALL)
mod = binary("mod", "floor_mod({0}, {1})", lambda a, b: _remainder(np.mod, a, b),
             lambda g, x, y, out: (g, neg(mul(g, stop(quotient_below(x, y))))), samples=interval(0.5, 5, 2), cost=8,
             smooth=False, backward_dtypes=FLOATS)
fmod = binary("fmod", "trunc_mod({0}, {1})", lambda a, b: _remainder(np.fmod, a, b),
              lambda g, x, y, out: (g, neg(mul(g, stop(trunc(div(x, y)))))), samples=interval(0.5, 5, 2), cost=8,
              smooth=False, backward_dtypes=FLOATS)


def rounding(name: str, f: Any) -> Callable[[Node], Node]:
    """Declare the op that rounds floats as NumPy's `f` and the intrinsic `name` do; its gradient is always 0."""
    return unary(name, f"{name}({{0}})", f, samples=interval(-5, 5), smooth=False)


trunc: Callable[[Node], Node] = rounding("trunc", np.trunc)
floor: Callable[[Node], Node] = rounding("floor", np.floor)


def quotient_below(x: Node, y: Node) -> Node:
    """MXNet's floor division: the floor of the rounded quotient of floats, so that 1 // 0.1 is 10.

    `floor_divide` is NumPy's, whose remainder is `mod`: there 1 // 0.1 is 9.
    """
    return floor(div(x, y)) if x.dtype.kind == "f" else floor_divide(x, y)


maximum = binary("maximum", "maximum({0}, {1})", np.maximum,
                 lambda g, x, y, out: (where(greater_equal(x, y), g, like(g, 0)),
                                       where(less(x, y), g, like(g, 0))), samples=interval(-2, 2, 2))
minimum = binary("minimum", "minimum({0}, {1})", np.minimum,
                 lambda g, x, y, out: (where(less_equal(x, y), g, like(g, 0)),
                                       where(greater(x, y), g, like(g, 0))), samples=interval(-2, 2, 2))

# ---- comparison and logic: bool results ----------------------------------------------------------

equal = binary("equal", "{0} == {1}", np.equal, boolean=True, samples=interval(-2, 2, 2))
not_equal = binary("not_equal", "{0} != {1}", np.not_equal, boolean=True, samples=interval(-2, 2, 2))
less: Callable[[Node, Node], Node] = binary(
    "less", "{0} < {1}", np.less, boolean=True, samples=interval(-2, 2, 2))
less_equal: Callable[[Node, Node], Node] = binary(
    "less_equal", "{0} <= {1}", np.less_equal, boolean=True, samples=interval(-2, 2, 2))
greater: Callable[[Node, Node], Node] = binary(
    "greater", "{0} > {1}", np.greater, boolean=True, samples=interval(-2, 2, 2))
greater_equal: Callable[[Node, Node], Node] = binary(
    "greater_equal", "{0} >= {1}", np.greater_equal, boolean=True, samples=interval(-2, 2, 2))

logical_and = binary("logical_and", "({0} != 0) & ({1} != 0)", np.logical_and, boolean=True,
                     samples=interval(-2, 2, 2))
logical_or = binary("logical_or", "({0} != 0) | ({1} != 0)", np.logical_or, boolean=True,
                    samples=interval(-2, 2, 2))
logical_xor = binary("logical_xor", "({0} != 0) ^ ({1} != 0)", np.logical_xor, boolean=True,
                     samples=interval(-2, 2, 2))
logical_not = unary("logical_not", "{0} == 0", np.logical_not, boolean=True, samples=interval(-2, 2))
isnan = unary("isnan", "{0} != {0}", np.isnan, boolean=True, samples=interval(-2, 2))


def _bits(arity: int) -> Samples:
    def samples() -> Any:
        rng = np.random.RandomState(5)
        for shapes in [((3, 4), (3, 4)), ((), ()), ((3, 1), (4,))]:
            yield [rng.randint(-100, 100, s) for s in shapes[:arity]], ()

    return samples


bitwise_and = binary("bitwise_and", "{0} & {1}", np.bitwise_and, samples=_bits(2), dtypes=ALL - FLOATS)
bitwise_or = binary("bitwise_or", "{0} | {1}", np.bitwise_or, samples=_bits(2), dtypes=ALL - FLOATS)
bitwise_xor = binary("bitwise_xor", "{0} ^ {1}", np.bitwise_xor, samples=_bits(2), dtypes=ALL - FLOATS)
bitwise_not = unary("bitwise_not", "~{0}", np.bitwise_not, samples=_bits(1), dtypes=INTEGERS)

# ---- selection -----------------------------------------------------------------------------------

def _where_samples() -> Any:
    rng = np.random.RandomState(3)
    for shapes in [((3, 4), (3, 4), (3, 4)), ((3, 1), (4,), ()), ((), (), ())]:
        yield [rng.rand(*shapes[0]) > 0.5, rng.randn(*shapes[1]), rng.randn(*shapes[2])], ()


def _where_infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    return aval(broadcast(*(a.shape for a in avals)), avals[1].dtype)


where_op = declare(Op(
    "where", ELEMENTWISE, _where_infer, lambda a, attrs: np.where(*a),
    lambda node, g: (None, where(node.inputs[0], g, like(g, 0)), where(node.inputs[0], like(g, 0), g)),
    expr="select({0}, {1}, {2})", samples=_where_samples, same=False))


def where(condition: Node, x: Node, y: Node) -> Node:
    """`x` where the bool `condition` is true, else `y`; both of one dtype."""
    return make(where_op, (condition, x, y))


def clip(x: Node, low: Node | None, high: Node | None) -> Node:
    """`x` with elements above `high` replaced by it, and of the others those below `low` by that; NaN stays.

    low, high: number nodes, or None for no bound. Integers are compared with them as float64, so that an infinite
        bound is none.
    """
    wide = x if x.dtype.kind == "f" else cast(x, np.dtype(np.float64))
    out = x
    if low is not None:
        out = where(less(wide, cast(low, wide.dtype)), cast(low, x.dtype), out)
    if high is not None:
        out = where(greater(wide, cast(high, wide.dtype)), cast(high, x.dtype), out)
    return out


# ---- integers: shifts, common divisors and multiples ------------------------------------------------

def _integers() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(9)
    for shapes in [((3, 4), (3, 4)), ((), ()), ((3, 1), (4,))]:
        yield [rng.randint(low, high, shape).astype("int32")
               for (low, high), shape in zip([(0, 50), (1, 7)], shapes, strict=True)], ()


left_shift = binary("left_shift", "left_shift({0}, {1})", np.left_shift, samples=_integers, dtypes=INTEGERS)
right_shift = binary("right_shift", "right_shift({0}, {1})", np.right_shift, samples=_integers, dtypes=INTEGERS)
gcd = binary_call("gcd", np.gcd, samples=_integers, dtypes=INTEGERS)
lcm = binary_call("lcm", np.lcm, samples=_integers, dtypes=INTEGERS)

"""The operators of `mx.np` arrays, and the functions that do the same."""
from __future__ import annotations

from collections.abc import Callable

from ..declare.public import Operand, public
from ..ir.errors import MXNetError
from ..ir.node import Node, const, is_number, stop
from ..primitive import arithmetic as a
from ..primitive import elementary as e
from ..primitive.arithmetic import cast, left_shift, like, maximum, minimum, right_shift, where
from ..primitive.arithmetic import clip as limited
from ..primitive.elementary import without_gradient
from ..primitive.matmul import matmul
from ..primitive.promotion import (
    BOOL,
    FLOAT64,
    beside,
    default_float,
    inexact,
    integral,
    np_compared,
    np_pair,
    np_same,
    numeric,
)

Pair = Callable[[Node, Node], tuple[Node, Node]]


def _operator(names: str, primitive: Callable[[Node, Node], Node], method: str = "", *, pair: Pair = np_pair,
              reflected: bool = True, literals: frozenset = frozenset(), keywords: str | None = None) -> None:
    """Declare a two-operand function under its `names`, and as the operator `method` with its reflection."""
    def build(x1: Operand, x2: Operand) -> Node:
        return primitive(*pair(x1, x2))

    def swapped(x1: Operand, x2: Operand) -> Node:
        return primitive(*pair(x2, x1))

    first, *_ = names.split()
    build.__doc__ = f"Elementwise {first.replace('_', ' ')}, broadcast, in the promoted dtype."
    methods = [f"np.ndarray.__{method}__"] if method else []
    public(*(f"np.{name}" for name in names.split()), *methods, literals=literals, keywords=keywords)(build)
    swapped.__doc__ = f"`{first}` with the operands exchanged."
    if method and reflected:
        public(f"np.ndarray.__r{method}__")(swapped)


def _as_floats(x: Node, y: Node) -> tuple[Node, Node]:
    """Both operands of true division, cast: numbers to the arrays' dtype, integers to floats."""
    if is_number(x) and not is_number(y):
        y = inexact(y)
        return cast(x, y.dtype), y
    if is_number(y):
        x = inexact(x)
        return x, cast(y, x.dtype)
    x, y = np_pair(x, y)
    return inexact(x), inexact(y)


def _bits(x: Node, y: Node) -> tuple[Node, Node]:
    x, y = np_pair(integral(x), integral(y))
    return x, y


def _logical_bits(x: Node, y: Node) -> tuple[Node, Node]:
    """Both operands of a bitwise operator: two bools, of which one may be a Python bool, stay bools."""
    if x.dtype == BOOL and y.dtype == BOOL:
        return x, y
    return _bits(x, y)


_operator("add", a.add, "add")
_operator("subtract", a.sub, "sub")
_operator("multiply", a.mul, "mul")
_operator("divide", a.div, "truediv", pair=_as_floats)
_operator("true_divide", a.div, pair=_as_floats, keywords="declared")
_operator("floor_divide", lambda x, y: without_gradient(a.quotient_below(x, y)), "floordiv")
_operator("mod remainder", a.mod, "mod")
_operator("power pow", e.power, "pow", literals=e.LITERAL_EXPONENTS)
for _name, _primitive, _method in [("less", a.less, "lt"), ("greater", a.greater, "gt"), ("equal", a.equal,
                                                                                          "eq"),
                                   ("less_equal", a.less_equal, "le"), ("not_equal", a.not_equal, "ne"),
                                   ("greater_equal", a.greater_equal, "ge")]:
    _operator(_name, _primitive, _method, pair=np_compared, reflected=False, keywords="declared")
_operator("bitwise_and", a.bitwise_and, "and", pair=_logical_bits)
_operator("bitwise_or", a.bitwise_or, "or", pair=_logical_bits)
_operator("bitwise_xor", a.bitwise_xor, "xor", pair=_logical_bits)
_operator("bitwise_left_shift left_shift", left_shift, "lshift", pair=_bits, keywords="declared")
_operator("bitwise_right_shift right_shift", right_shift, "rshift", pair=_bits, keywords="declared")
_operator("logical_and", a.logical_and)
_operator("logical_or", a.logical_or)
_operator("logical_xor", a.logical_xor)
_operator("fmod", a.fmod)
_operator("maximum", maximum, pair=np_same)
_operator("minimum", minimum, pair=np_same)


def _fmax(x: Node, y: Node) -> Node:
    return where(a.isnan(y), stop(x), where(a.isnan(x), stop(y), maximum(x, y)))  # no gradient beside NaN, as in MXNet


def _fmin(x: Node, y: Node) -> Node:
    return where(a.isnan(y), stop(x), where(a.isnan(x), stop(y), minimum(x, y)))


_operator("fmax", _fmax, pair=np_same)
_operator("fmin", _fmin, pair=np_same)


@public("np.divmod", "np.ndarray.__divmod__")
def divmod_(x1: Operand, x2: Operand) -> tuple[Node, Node]:
    """The quotient rounded down, and the remainder, elementwise and broadcast."""
    x, y = np_pair(x1, x2)
    return a.floor_divide(x, y), a.mod(x, y)


@public("np.float_power")
def float_power(x1: Operand, x2: Operand) -> Node:
    """x1 ** x2, elementwise and broadcast, in float64."""
    return e.power(cast(x1, FLOAT64), cast(x2, FLOAT64))


@public("np.negative", "np.ndarray.__neg__")
def negative(x: Operand) -> Node:
    """-x, elementwise; MXNetError for bools."""
    return a.neg(numeric(x))


@public("np.positive", "np.ndarray.__pos__")
def positive(x: Operand) -> Node:
    """+x, elementwise: the same elements."""
    return x


@public("np.logical_not")
def logical_not(x: Operand) -> Node:
    """Whether each element is zero; bool."""
    return a.logical_not(x)


@public("np.invert", "np.bitwise_not", "np.bitwise_invert", "np.ndarray.__invert__")
def invert(x: Operand) -> Node:
    """The bitwise complement of integers, the negation of bools; MXNetError for floats."""
    return a.logical_not(x) if integral(x).dtype == BOOL else a.bitwise_not(x)


@public("np.matmul", "np.ndarray.__matmul__", keywords="ufunc")
def np_matmul(a: Node, b: Node) -> Node:
    """The matrix product of matrices or stacks of them, (…, m, k) @ (…, k, n) -> (…, m, n); 1-d operands are vectors.

    MXNetError if the inner sizes or the dtypes differ, and for 0-d operands.
    """
    return matmul(*_factors(a, b))


@public("np.ndarray.__rmatmul__")
def np_rmatmul(b: Node, a: Node) -> Node:
    """The matrix product with the operands exchanged."""
    return matmul(*_factors(a, b))


def _factors(x: Node, y: Node) -> tuple[Node, Node]:
    if is_number(x) or is_number(y):
        raise MXNetError("expected NDArray, got a number: matmul requires arrays")
    return np_same(x, y)


@public("np.where")
def np_where(condition: Operand, x: Operand, y: Operand) -> Node:
    """`x` where `condition` is nonzero, else `y`, broadcast. MXNetError for `x` and `y` of two dtypes.

    >>> from tracer import np
    >>> np.where(np.array([1, 0]), np.array([1, 2]), 7)
    array([1., 7.])
    """
    condition = condition if condition.dtype == BOOL else a.not_equal(condition, like(condition, 0))
    if is_number(x) and is_number(y):
        return where(condition, cast(x, default_float()), cast(y, default_float()))
    if is_number(x):
        return where(condition, beside(x, y), y)
    return where(condition, x, beside(y, x))


@public("np.clip")
def clip(a: Node, a_min, a_max) -> Node:
    """The elements limited to [a_min, a_max]; None is no bound. ValueError if both are None.

    If a_min > a_max, elements above a_max become a_max, all others a_min.

    >>> from tracer import np
    >>> np.clip(np.array([1, 5]), 2, None)
    array([2., 5.])
    """
    if a_min is None and a_max is None:
        raise ValueError("array_clip: must set either max or min")
    low, high = (None if bound is None else const(bound, a.dtype if a.dtype.kind == "f" else FLOAT64)
                 for bound in (a_min, a_max))
    return limited(a, low, high)


@public("np.ndarray.clip")
def clipped(a: Node, min=None, max=None, out=None) -> Node:
    """The elements limited to [min, max], as by `np.clip`."""
    return clip(a, min, max)


@public("np._astype")
def astype(x: Operand, dtype) -> Node:
    """The elements converted to `dtype`: floats to integers by truncation, integers by wrapping around."""
    return a.make(a.cast_op, (x,), (dtype.name,))


@public("np._copy")
def copy(x: Node) -> Node:
    """A new array with the same elements."""
    return x

"""`np`'s elementwise functions: NumPy's by name, with MXNet's dtypes and slopes where they differ from NumPy's."""
from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import Array
from .elementwise import ADD, DIVIDE, MULTIPLY, NEGATIVE, SCALED, SQUARE, SUBTRACT, Choice, Elementwise, cast, zero
from .movement import spread
from .noise import Noise, met, rounded
from .values import WORLD, NoAnswer, Step, Value, apply, stored

F16, F32, F64 = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")
I64, BOOL = np.dtype("int64"), np.dtype(bool)

Operands = tuple[Value, Value]


# ---- operands and their dtypes -------------------------------------------------------------------

def weak(x: Any) -> bool:
    """Whether an operand is a Python number: its dtype gives way to an array's."""
    return isinstance(x, (bool, int, float))


def value(x: Any, dtype: np.dtype) -> Value:
    """An operand as a value of a dtype."""
    if isinstance(x, Array):
        return cast(x.value, dtype)
    data = stored(np.asarray(x) if dtype.kind == "f" else np.asarray(x).astype(dtype), dtype)
    return Value(rounded(data, dtype, WORLD.noise) if dtype.kind == "f" else data, dtype)


def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """The common dtype: a float wins over any integer, else NumPy's rule."""
    if (a.kind == "f") != (b.kind == "f"):
        return a if a.kind == "f" else b
    return np.promote_types(a, b)


def pair_dtype(x: Any, y: Any) -> np.dtype:
    """The dtype in which two operands are computed: a float number beside integers gives float64."""
    if weak(x) or weak(y):
        number, array = (x, y) if weak(x) else (y, x)
        if array.dtype.kind != "f" and isinstance(number, float):
            return F64
        return I64 if array.dtype == BOOL else array.dtype
    return promote(x.dtype, y.dtype)


def comparison_dtype(x: Any, y: Any) -> np.dtype:
    """The dtype in which two operands are compared: beside bools, a number becomes a bool."""
    pair = [v.dtype for v in (x, y) if not weak(v)]
    return BOOL if pair == [BOOL] else pair_dtype(x, y)


def inexact(dtype: np.dtype) -> np.dtype:
    """The float dtype to which integers are converted: float16 for one-byte ones and bools."""
    return dtype if dtype.kind == "f" else F16 if dtype.itemsize == 1 else F32


def default_inexact(dtype: np.dtype) -> np.dtype:
    """The float dtype to which integers are converted in functions where it is always float32."""
    return dtype if dtype.kind == "f" else F32


def division_dtype(x: Any, y: Any) -> np.dtype:
    """The dtype of a true division: numbers give way to arrays, integers become float32."""
    if weak(x) or weak(y):
        return default_inexact((y if weak(x) else x).dtype)
    return default_inexact(promote(x.dtype, y.dtype))


def same_dtype(x: Any, y: Any) -> np.dtype:
    """The dtype in functions whose operands must have the same one."""
    if not weak(x) and not weak(y) and x.dtype != y.dtype:
        raise NoAnswer("two dtypes")
    return pair_dtype(x, y)


# ---- the functions -------------------------------------------------------------------------------

COMPARISONS_OF_NUMBERS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)


def unary(op: Elementwise, rule: Callable[[np.dtype], np.dtype], result: np.dtype | None = None) -> Callable:
    def function(x: Any) -> Any:
        dtype = rule(x.dtype)
        return type(x).of(apply(op, [value(x, dtype)], result or dtype))

    return function


def binary(op: Elementwise, rule: Callable[[Any, Any], np.dtype], result: np.dtype | None = None) -> Callable:
    def function(x1: Any, x2: Any) -> Any:
        dtype = rule(x1, x2)
        x, y = value(x1, dtype), value(x2, dtype)
        if op.fn in COMPARISONS_OF_NUMBERS and WORLD.noise is not None and dtype.kind == "f":
            wide = spread(y, np.broadcast_shapes(x.shape, y.shape))
            y = Value(met(x.data, wide.data, dtype, WORLD.noise), dtype, wide.source)
        return (type(x2) if weak(x1) else type(x1)).of(apply(op, [x, y], result or dtype))

    return function


FUNCTIONS: dict[str, Callable[..., Any]] = {}

#: Smooth functions, with an error of some roundings.
SMOOTH = ("exp expm1 log log1p log2 log10 sin cos tanh tan sinh cosh arcsin arccos arctan arcsinh arccosh arctanh "
          "degrees radians").split()
_BLUNT = {"tanh"}
for _name in SMOOTH:
    FUNCTIONS[_name] = unary(Elementwise(_name, getattr(np, _name), blunt=_name in _BLUNT), inexact)
FUNCTIONS["cbrt"] = unary(Elementwise("cbrt", np.cbrt, slopes=[lambda x: 1 / (3 * np.cbrt(x)**2)]), inexact)
FUNCTIONS["sqrt"] = unary(Elementwise("sqrt", np.sqrt, ulps=2, slopes=[lambda x: 0.5 / np.sqrt(x)]), inexact)


_STEPS = "floor ceil trunc".split()
for _name in _STEPS:
    FUNCTIONS[_name] = unary(Elementwise(_name, getattr(np, _name), exact=True, slopes=[zero]),
                             lambda d: d if d.kind in "iu" else inexact(d))
FUNCTIONS["fix"] = FUNCTIONS["trunc"]


def _half_down(x: np.ndarray) -> np.ndarray:
    """MXNet's rint: of two equally near integers it returns the lower."""
    low = np.floor(x)
    return np.where(x - low <= 0.5, low, np.ceil(x)) if np.asarray(x).dtype.kind == "f" else x


FUNCTIONS["rint"] = unary(Elementwise("rint", _half_down, exact=True, slopes=[zero]),
                          lambda d: d if d.kind in "iu" else inexact(d))


def _no_bool(dtype: np.dtype) -> np.dtype:
    if dtype.kind == "b":
        raise NoAnswer("bool")
    return dtype


def through_float(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn` of floats, applied to integers as MXNet does: converted to floats, and the result cast back."""
    def function(*arrays: Any) -> Any:
        dtype = np.result_type(*arrays)
        if dtype.kind not in "iu":
            return fn(*arrays)
        found = np.asarray(fn(*(np.asarray(a, np.float64) for a in arrays)))
        return cast(Value(found, F64), dtype).data

    return function


@through_float
def power(x: Any, y: Any) -> np.ndarray:
    """C's pow, element by element: for the exponent 0.5 alone NumPy takes the square root, which is NaN for -inf."""
    return np.power(x, y + np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y)), np.asarray(y).dtype))


#: The slopes of a power; the one by the base is MXNet's formula, NaN for 0 ** 0.
POWER = lambda x, y: y * power(x, y - 1), None


def away_from_zero(x: np.ndarray) -> np.ndarray:
    """C's round: of two equally near integers it returns the one farther from zero."""
    whole = np.trunc(x)
    return np.where(abs(x - whole) >= 0.5, whole + np.sign(x), whole)


def sign(x: np.ndarray) -> np.ndarray:
    """-1, 0 or 1; 0 for NaN."""
    return np.where(x == x, np.sign(x), 0)


FUNCTIONS["abs"] = unary(Elementwise("abs", np.abs, exact=True, slopes=[sign]), _no_bool)
FUNCTIONS["sign"] = unary(Elementwise("sign", sign, exact=True, slopes=[zero]), _no_bool)
FUNCTIONS["square"] = unary(SQUARE, _no_bool)
FUNCTIONS["negative"] = unary(NEGATIVE, _no_bool)
FUNCTIONS["positive"] = unary(Elementwise("positive", lambda x: x, exact=True, slopes=[np.ones_like]), lambda d: d)
FUNCTIONS["reciprocal"] = unary(Elementwise("reciprocal", through_float(lambda x: 1 / x), exact=True), _no_bool)
for _name in "isnan isinf isfinite isposinf isneginf logical_not".split():
    _fn = getattr(np, _name)
    if _name in ("isposinf", "isneginf"):
        _fn = lambda x, fn=_fn: fn(x.astype(np.float64))
    FUNCTIONS[_name] = unary(Elementwise(_name, _fn), lambda d: d, BOOL)
FUNCTIONS["invert"] = unary(Elementwise("invert", np.invert), lambda d: d)

# two operands: name, function, dtype rule, and the slopes where these are not finite differences
_ZERO2 = (zero, zero)


def remainder(fn: Callable) -> Callable:
    """MXNet's remainder from NumPy's: it is 0 for the divisor 0."""
    return lambda x, y: np.where(y == 0, 0, fn(x, np.where(y == 0, 1, y)))


def _one(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return zero(x, y) + 1.0


def _wins(first: Callable, second: Callable) -> tuple[Callable, Callable]:
    """The slopes of max or min of two operands: 1 for the one taken, the first of equals; 0 beside NaN."""
    return lambda x, y: np.where(first(x, y), 1.0, 0.0), lambda x, y: np.where(second(x, y), 1.0, 0.0)


MAX, MIN = _wins(operator.ge, operator.lt), _wins(operator.le, operator.gt)


class Quotient(Elementwise):
    """A quotient rounded down; MXNet rounds to the dtype first, which may give the next integer."""

    def __init__(self, name: str, whole: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__(name, whole, slopes=(zero, zero))

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        x, y = arrays
        return np.asarray(self.fn(x / y) if x.dtype.kind == "f" else np.floor_divide(x, y))

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        return np.asarray(self.fn(rounded(np.asarray(arrays[0] / arrays[1]), dtype, noise, 2.0)))


#: The slopes of the remainders by the divisor. MXNet gives fmod the slope of mod, which is wrong where the signs
#: differ: there mathematics decides.
MOD = _one, Quotient("mod_slope", lambda q: -np.floor(q))
FMOD = _one, Quotient("fmod_slope", lambda q: -np.trunc(q))


class Angle(Elementwise):
    """arctan2. Its derivative is MXNet's formula, whose squares may overflow or underflow float16."""

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        y, x = step.inputs
        squares = [apply(SQUARE, [v], g.dtype) for v in (x, y)]
        slope = apply(DIVIDE, [step.inputs[1 - i], apply(ADD, squares, g.dtype)], g.dtype)
        pulled = apply(SCALED, [slope, g], g.dtype)
        return self.summed(step, i, apply(NEGATIVE, [pulled], g.dtype) if i else pulled)


_BINARY: dict[str, tuple[Callable, Callable, Any]] = {
    "mod": (remainder(np.mod), pair_dtype, MOD),
    "fmod": (remainder(np.fmod), pair_dtype, FMOD),
    "maximum": (np.maximum, same_dtype, MAX), "minimum": (np.minimum, same_dtype, MIN),
    "fmax": (np.fmax, same_dtype, MAX), "fmin": (np.fmin, same_dtype, MIN),
    "bitwise_and": (np.bitwise_and, pair_dtype, None), "bitwise_or": (np.bitwise_or, pair_dtype, None),
    "bitwise_xor": (np.bitwise_xor, pair_dtype, None),
    "left_shift": (np.left_shift, pair_dtype, None), "right_shift": (np.right_shift, pair_dtype, None),
}
for _name, (_fn, _rule, _slopes) in _BINARY.items():
    FUNCTIONS[_name] = binary(Elementwise(_name, _fn, exact=True, slopes=_slopes), _rule)
for _op in (ADD, SUBTRACT, MULTIPLY):
    FUNCTIONS[_op.name] = binary(_op, pair_dtype)
FUNCTIONS["true_divide"] = binary(DIVIDE, division_dtype)
FUNCTIONS["floor_divide"] = binary(Quotient("floor_divide", np.floor), pair_dtype)
_WHOLE = binary(Elementwise("whole", np.floor_divide, exact=True, slopes=_ZERO2), pair_dtype)
for _name in "less greater equal less_equal not_equal greater_equal logical_and logical_or logical_xor".split():
    FUNCTIONS[_name] = binary(Elementwise(_name, getattr(np, _name)), comparison_dtype, BOOL)
FUNCTIONS["power"] = binary(Elementwise("power", power, slopes=POWER), pair_dtype)
FUNCTIONS["float_power"] = binary(Elementwise("float_power", power, slopes=POWER), lambda x, y: F64)
FUNCTIONS["arctan2"] = binary(Angle("arctan2", np.arctan2), same_dtype)
FUNCTIONS["hypot"] = binary(Elementwise("hypot", np.hypot, slopes=(
    lambda x, y: x / np.hypot(x, y), lambda x, y: y / np.hypot(x, y))), same_dtype)
FUNCTIONS["copysign"] = binary(Elementwise("copysign", lambda x, y: _signed(x, y) * x, exact=True, slopes=(
    lambda x, y: _signed(x, y), zero)), same_dtype)
FUNCTIONS["logaddexp"] = binary(Elementwise("logaddexp", np.logaddexp, blunt=True), same_dtype)
FUNCTIONS["ldexp"] = binary(Elementwise("ldexp", lambda x, n: x * np.exp2(n)), same_dtype)
FUNCTIONS["lcm"] = binary(Elementwise("lcm", np.lcm), same_dtype)
FUNCTIONS["gcd"] = binary(Elementwise("gcd", np.gcd), same_dtype)
FUNCTIONS["heaviside"] = binary(Elementwise("heaviside", np.heaviside, exact=True, slopes=(
    zero, lambda x, y: np.where(x == 0, 1.0, 0.0) + zero(x, y))), pair_dtype)


def _signed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 if both are at least 0 or both below, else -1: MXNet's copysign treats -0 as 0, and NaN as the other sign."""
    return np.where((x >= 0) & (y >= 0) | (x < 0) & (y < 0), 1.0, -1.0)


def divmod_(x1: Any, x2: Any) -> tuple[Any, Any]:
    return _WHOLE(x1, x2), FUNCTIONS["mod"](x1, x2)  # NumPy's quotient, so that the remainder matches it


def around(x: Any, decimals: int = 0) -> Any:
    scale = 10.0 ** decimals

    def fn(a: np.ndarray) -> np.ndarray:
        if np.asarray(a).dtype.kind != "f":  # towards 0
            return a if decimals >= 0 else a - np.fmod(a, 10 ** -decimals)
        return np.where(a * scale == -0.5, 0, np.around(a, decimals))

    op = Elementwise("around", fn, exact=not decimals, ulps=3, slopes=[zero])
    return type(x).of(apply(op, [x.value], x.dtype))


def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    limits = np.finfo(x.dtype) if x.dtype.kind == "f" else None
    high = float(limits.max) if posinf is None and limits else posinf
    low = float(limits.min) if neginf is None and limits else neginf
    op = Elementwise("nan_to_num", lambda a: np.nan_to_num(a, True, nan, high, low), exact=True,
                     slopes=[lambda a: np.isfinite(a) * 1.0])
    return type(x).of(apply(op, [x.value], x.dtype))


def clip(a: Any, a_min: Any, a_max: Any) -> Any:
    """Replace what is above `a_max`, then, among the rest, what is below `a_min`: as MXNet, for bounds in any order."""
    low, high = -np.inf if a_min is None else a_min, np.inf if a_max is None else a_max
    op = Choice("clip", lambda x: np.where(x > high, high, np.where(x < low, low, x)).astype(x.dtype),
                [lambda x: ~(x > high) & ~(x < low)])
    return type(a).of(apply(op, [a.value], a.dtype))


def where(condition: Any, x: Any, y: Any) -> Any:
    chosen = condition.memory != 0 if isinstance(condition, Array) else bool(condition)
    if weak(x) and weak(y):
        dtype = F32
    elif weak(x) or weak(y):
        dtype = (y if weak(x) else x).dtype
    else:
        dtype = same_dtype(x, y)
    op = Choice("where", lambda a, b: np.where(chosen, a, b),
                [lambda a, b: chosen, lambda a, b: np.logical_not(chosen)])
    cls = next(type(v) for v in (condition, x, y) if isinstance(v, Array))
    return cls.of(apply(op, [value(x, dtype), value(y, dtype)], dtype))


def astype(x: Any, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True) -> Any:
    return type(x).of(cast(x.value, np.dtype(dtype)))


def copy(x: Any) -> Any:
    return type(x).of(FUNCTIONS["positive"](x).value)


FUNCTIONS.update(divmod=divmod_, around=around, nan_to_num=nan_to_num, clip=clip, where=where, astype=astype, copy=copy)

ALIASES = {
    "divide": "true_divide", "remainder": "mod", "pow": "power", "bitwise_not": "invert", "bitwise_invert": "invert",
    "rad2deg": "degrees", "deg2rad": "radians", "absolute": "abs", "fabs": "abs", "round": "around", "round_": "around",
    "atan2": "arctan2", "bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift",
    **{n.replace("arc", "a"): n for n in SMOOTH if n.startswith("arc")}}
FUNCTIONS.update({alias: FUNCTIONS[name] for alias, name in ALIASES.items()})

#: Operators: the function, and whether it has a reflected form.
OPERATORS = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
             "mod": "mod", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
             "lshift": "left_shift", "rshift": "right_shift", "matmul": "matmul"}
COMPARISONS = {"lt": "less", "gt": "greater", "eq": "equal", "le": "less_equal", "ne": "not_equal",
               "ge": "greater_equal"}
UNARY = {"neg": "negative", "pos": "positive", "invert": "invert", "abs": "abs"}

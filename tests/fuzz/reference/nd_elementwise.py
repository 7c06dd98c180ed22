"""`nd`'s elementwise functions and operators: results, of comparisons too, have the dtype of the operands."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import layers, losses
from .elementwise import ADD, DIVIDE, MULTIPLY, SUBTRACT, Elementwise, zero
from .np_elementwise import (
    F32,
    I64,
    MAX,
    MIN,
    MOD,
    POWER,
    SMOOTH,
    away_from_zero,
    binary,
    power,
    remainder,
    unary,
    weak,
)
from .np_elementwise import FUNCTIONS as NP
from .values import NoAnswer

FUNCTIONS: dict[str, Callable[..., Any]] = {}


def at_least_one(made: Any) -> Any:
    """The array; of shape (1,) if it would be 0-d."""
    return made if made.ndim else made.reshape((1,))


# ---- elementwise ---------------------------------------------------------------------------------

def pair_dtype(x: Any, y: Any) -> np.dtype:
    """The common dtype of two operands; a number is converted to the array's dtype, beside bools to int64."""
    if weak(x) or weak(y):
        dtype = (y if weak(x) else x).dtype
        return I64 if dtype.kind == "b" else dtype
    if x.dtype != y.dtype:
        raise NoAnswer("two dtypes")
    return x.dtype


def _divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if np.asarray(x).dtype.kind == "f":
        return np.asarray(x / y)
    return np.where(y == 0, 0, np.trunc(x / np.where(y == 0, 1, y)))


def floats(dtype: np.dtype) -> np.dtype:
    if dtype.kind != "f":
        raise NoAnswer("integers")
    return dtype


for _name in SMOOTH:
    FUNCTIONS[_name] = unary(Elementwise(_name, getattr(np, _name), blunt=_name == "tanh"), floats)
FUNCTIONS.update(sqrt=NP["sqrt"], cbrt=NP["cbrt"])
FUNCTIONS["rsqrt"] = unary(Elementwise("rsqrt", lambda x: 1 / np.sqrt(x)), floats)
FUNCTIONS["rcbrt"] = unary(Elementwise("rcbrt", lambda x: 1 / np.cbrt(x), slopes=[
    lambda x: -1 / (3 * np.cbrt(x)**4)]), floats)
FUNCTIONS["reciprocal"] = unary(Elementwise("reciprocal", lambda x: 1 / x, exact=True), floats)
for _name in "floor ceil trunc fix rint square sign abs negative".split():
    FUNCTIONS[_name] = NP[_name]
FUNCTIONS["round"] = unary(Elementwise("round", away_from_zero, exact=True, slopes=[zero]), floats)
FUNCTIONS["logical_not"] = unary(Elementwise("logical_not", lambda x: x == 0, exact=True, slopes=[zero]), lambda d: d)
for _name in "relu sigmoid softsign erf erfinv gamma gammaln digamma smooth_l1 hard_sigmoid".split():
    FUNCTIONS[_name] = getattr(layers, _name)


_ZEROS = (zero, zero)
BINARY: dict[str, tuple[Callable, Any, bool]] = {
    "add": (np.add, ADD.slopes, True), "sub": (np.subtract, SUBTRACT.slopes, True),
    "mul": (np.multiply, MULTIPLY.slopes, True), "div": (_divide, DIVIDE.slopes, True),
    "mod": (remainder(np.mod), MOD, True),
    "power": (power, POWER, False), "hypot": (np.hypot, (
        lambda x, y: x / np.hypot(x, y), lambda x, y: y / np.hypot(x, y)), False),
    "maximum": (np.maximum, MAX, True), "minimum": (np.minimum, MIN, True),
    "equal": (np.equal, _ZEROS, True), "not_equal": (np.not_equal, _ZEROS, True), "lesser": (np.less, _ZEROS, True),
    "lesser_equal": (np.less_equal, _ZEROS, True), "greater": (np.greater, _ZEROS, True),
    "greater_equal": (np.greater_equal, _ZEROS, True), "logical_and": (np.logical_and, _ZEROS, True),
    "logical_or": (np.logical_or, _ZEROS, True), "logical_xor": (np.logical_xor, _ZEROS, True)}
_SHORT = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "mod": "modulo", "hypot": ""}


def _elemwise(function: Callable) -> Callable:
    def strict(lhs: Any, rhs: Any) -> Any:
        if lhs.shape != rhs.shape:
            raise NoAnswer("shape")
        return function(lhs, rhs)

    return strict


for _name, (_fn, _slopes, _exact) in BINARY.items():
    _function = binary(Elementwise(_name, _fn, exact=_exact, slopes=_slopes), pair_dtype)
    FUNCTIONS[f"broadcast_{_name}"] = _function
    if _SHORT.get(_name, _name):
        FUNCTIONS[_SHORT.get(_name, _name)] = _function
    if _name in ("add", "sub", "mul", "div"):
        FUNCTIONS[f"elemwise_{_name}"] = _elemwise(_function)
FUNCTIONS.update(broadcast_plus=FUNCTIONS["add"], broadcast_minus=FUNCTIONS["subtract"], pow=FUNCTIONS["power"],
                 true_divide=FUNCTIONS["divide"])


def where(condition: Any, x: Any, y: Any) -> Any:
    if x.shape != y.shape or x.dtype != y.dtype:
        raise NoAnswer("shape")
    if condition.shape != x.shape:
        if condition.ndim != 1 or condition.shape[0] != x.shape[0]:
            raise NoAnswer("shape")
        condition = condition.reshape((-1,) + (1,) * (x.ndim - 1))
    return NP["where"](condition, x, y)


def clip(data: Any, a_min: Any, a_max: Any) -> Any:
    return NP["clip"](data, a_min, a_max)


FUNCTIONS.update(
    where=where, clip=clip, cast=layers.cast_, Cast=layers.cast_, identity=NP["copy"], make_loss=losses.make_loss,
    BlockGrad=layers.stop_gradient, stop_gradient=layers.stop_gradient, add_n=layers.add_n,
    ElementWiseSum=layers.add_n, elemwise_sum=layers.add_n, zeros_like=NP["zeros_like"], ones_like=NP["ones_like"],
    copy=NP["copy"])


def _telling(fn: Callable[..., Any]) -> Callable[..., Any]:
    return unary(Elementwise(fn.__name__, lambda x: fn(x) * 1.0, exact=True, slopes=[zero]), lambda dtype: dtype, F32)


CONTRIB: dict[str, Callable[..., Any]] = {fn.__name__: _telling(fn) for fn in (np.isnan, np.isinf, np.isfinite)}

#: Operators: the function.
OPERATORS = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "mod": "modulo", "pow": "power"}
COMPARISONS = {"lt": "lesser", "gt": "greater", "eq": "equal", "le": "lesser_equal", "ne": "not_equal",
               "ge": "greater_equal"}
UNARY = {"neg": "negative", "abs": "abs"}

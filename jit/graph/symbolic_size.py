"""Symbolic sizes: integers that record their expression and every comparison made with them.

A `SymbolicSize` stands for a number in computations and comparisons. Each comparison is noted as a guard in the shape
environment that sizes share. For other first sizes that fulfil all guards, evaluating the environment's expressions
again gives the results that the computation would give. The first sizes are called s[0], s[1], …, the values computed
from them t0, t1, …. Products of sizes are recognized, so that many comparisons need no guard.

>>> env = ShapeEnv([6, 8])
>>> a, b = env.first
>>> area = a * b + 2
>>> area == 50, area // 10 < a, area, (a * b) // a
(True, True, <t1 = 50>, <s[1] = 8>)
>>> env.holds()([8, 6]), env.holds()([5, 9]), env.holds()([4, 12])
(True, None, None)
"""
from __future__ import annotations

import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

_LOCAL = re.compile(r"\bt\d+\b")

#: A product: a factor above 0, and the indices of the first sizes in it.
Product = tuple[int, tuple[int, ...]]


class NotSymbolic(TypeError):
    """The error for a symbolic size where a concrete integer is required."""


class ShapeEnv:
    """A shape environment: the first sizes, counts and numbers, the expressions of derived ones, and the guards.

    Sizes and counts are at least 2; no two sizes are equal.
    guards: the text of each comparison -> its outcome.
    """

    def __init__(self, sizes: Sequence[int], counts: Sequence[int] = (), numbers: Sequence[float | int] = ()) -> None:
        known = [SymbolicSize(v, f"s[{i}]", self, (1, (i,))) for i, v in enumerate([*sizes, *counts])]
        self.first, self.counts = known[:len(sizes)], known[len(sizes):]
        self.numbers = [SymbolicSize(v, f"s[{i}]", self) for i, v in enumerate(numbers, len(known))]
        self.guards: dict[str, bool] = {}
        self.space: dict[str, Any] = {"inf": math.inf, "nan": math.nan, "__name__": __name__}  # named in texts
        self._names: dict[int, str] = {}
        self._defined: dict[str, str] = {}  # an expression -> its local variable
        self._expressions: dict[str, str] = {}  # a local variable -> its expression

    def name(self, what: Any) -> str:
        """The name of an object in texts; the environment keeps the object alive."""
        name = self._names.get(id(what))
        if name is None:
            name = self._names[id(what)] = f"k{len(self._names)}"
            self.space[name] = what
        return name

    def define(self, text: str) -> str:
        """The local variable with the value of an expression."""
        name = self._defined.get(text)
        if name is None:
            name = self._defined[text] = f"t{len(self._defined)}"
            self._expressions[name] = text
        return name

    def lines(self, text: str, known: set[str]) -> list[str]:
        """The assignments of the variables that `text` needs and that are not in `known`, to which they are added."""
        missing: set[str] = set()
        stack = [text]
        while stack:
            for name in _LOCAL.findall(stack.pop()):
                if name not in known:
                    known.add(name)
                    missing.add(name)
                    stack.append(self._expressions[name])
        return [f"{name} = {self._expressions[name]}" for name in sorted(missing, key=lambda name: int(name[1:]))]

    def guard_lines(self, known: set[str]) -> list[str]:
        """The lines that return None where other values do not fulfil the guards."""
        body: list[str] = []
        for text, outcome in self.guards.items():
            body += self.lines(text, known)
            body.append(f"if {'not ' if outcome else ''}{text}: return None")
        return body

    def holds(self) -> Callable[[Sequence[float | int]], bool | None]:
        """The function that returns True for other values that fulfil the guards, else None."""
        return self.function("s", [*self.guard_lines(set()), "return True"])

    def function(self, parameters: str, body: Iterable[str]) -> Callable[..., Any]:
        """The function with these lines."""
        exec("\n    ".join([f"def made({parameters}):", *body]), self.space)
        return self.space.pop("made")


def text_of(value: Any) -> str:
    """The expression of a number or a symbolic size."""
    return value.text if isinstance(value, SymbolicSize) else repr(value)


def value_of(x: Any) -> Any:
    """The concrete number of a number or a symbolic size."""
    return x.value if isinstance(x, SymbolicSize) else x


# ---- products ------------------------------------------------------------------------------------

def _product(x: Any) -> Product | None:
    if isinstance(x, SymbolicSize):
        return x.product
    return (x, ()) if type(x) is int and x > 0 else None


def _lower_bound(product: Product) -> int:
    """The least possible value of a product."""
    return product[0] << len(product[1])


def _quotient(a: Product, b: Product) -> Product | None:
    """The quotient of `a` by `b`, if it is a product for all sizes."""
    rest = Counter(a[1])
    rest.subtract(b[1])
    if a[0] % b[0] or min(rest.values(), default=0) < 0:
        return None
    return a[0] // b[0], tuple(sorted(rest.elements()))


def _of_product(value: int, product: Product, env: ShapeEnv) -> Any:
    factor, numbers = product
    if not numbers:
        return factor
    text = "*".join([*[f"s[{i}]" for i in numbers], *([repr(factor)] if factor > 1 else [])])
    return SymbolicSize(value, env.define(text) if "*" in text else text, env, product)


def _always(a: Any, b: Any) -> bool:
    """Whether comparisons of the two numbers have the same outcome for all sizes."""
    if isinstance(a, SymbolicSize) and isinstance(b, SymbolicSize) and a.text == b.text:
        return True
    x, y = _product(a), _product(b)
    if x is not None and type(b) in (int, float) and not x[1] == ():
        return b < _lower_bound(x)
    if y is not None and type(a) in (int, float) and not y[1] == ():
        return a < _lower_bound(y)
    if x is None or y is None:
        return False
    return _quotient(x, y) is not None or _quotient(y, x) is not None


# ---- arithmetic ----------------------------------------------------------------------------------

def _arithmetic(symbol: str, compute: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    def forward(self: SymbolicSize, other: Any) -> Any:
        if not isinstance(other, (int, float, SymbolicSize)):
            return NotImplemented
        return _result(self, symbol, other, compute, self.env)

    def backward(self: SymbolicSize, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        return _result(other, symbol, self, compute, self.env)

    return forward, backward


def _result(a: Any, symbol: str, b: Any, compute: Callable[[Any, Any], Any], env: ShapeEnv) -> Any:
    value = compute(value_of(a), value_of(b))
    if symbol in ("*", "//", "%"):
        x, y = _product(a), _product(b)
        if symbol == "*":
            if type(a) is int and a == 0 or type(b) is int and b == 0:
                return 0
            if x is not None and y is not None:
                return _of_product(value, (x[0] * y[0], tuple(sorted(x[1] + y[1]))), env)
            if x == (1, ()) or y == (1, ()):
                return b if x == (1, ()) else a
        elif y is not None:
            if type(a) is int and 0 <= a < _lower_bound(y):
                return value
            found = None if x is None else _quotient(x, y)
            if found is not None:
                return _of_product(value, found, env) if symbol == "//" else 0
            if y == (1, ()):
                return a if symbol == "//" else 0
    elif symbol in "+-" and type(b) is int and b == 0:
        return a
    elif symbol == "+" and type(a) is int and a == 0:
        return b
    return SymbolicSize(value, env.define(f"{text_of(a)}{symbol}{text_of(b)}"), env)


def applied(function: Callable[..., Any], *values: Any) -> Any:
    """function(*values), symbolic if one of them is: for pure functions that operators do not express.

    >>> applied(math.sqrt, *ShapeEnv([9]).first)
    <t0 = 3.0>
    """
    for v in values:
        if isinstance(v, SymbolicSize):
            text = f"{v.env.name(function)}({','.join([text_of(x) for x in values])})"
            return SymbolicSize(function(*[value_of(x) for x in values]), v.env.define(text), v.env)
    return function(*values)


def gcd(a: Any, b: Any) -> Any:
    """math.gcd of two numbers above 0."""
    x, y = _product(a), _product(b)
    if x is None or y is None:
        return applied(math.gcd, a, b)
    return a if _quotient(y, x) is not None else b if _quotient(x, y) is not None else applied(math.gcd, a, b)


def lcm(a: Any, b: Any) -> Any:
    """math.lcm of two numbers above 0."""
    return a // gcd(a, b) * b


def _comparison(symbol: str, compute: Callable[[Any, Any], bool]) -> Any:
    exact = symbol in ("==", "!=")  # of two first sizes these are settled: they differ

    def compare(self: SymbolicSize, other: Any) -> Any:
        if not isinstance(other, (int, float, SymbolicSize)):
            return NotImplemented
        outcome = compute(self.value, value_of(other))
        if not (exact and self.first and isinstance(other, SymbolicSize) and other.first or _always(self, other)):
            self.env.guards[f"({self.text}{symbol}{text_of(other)})"] = outcome
        return outcome

    return compare


class SymbolicSize:
    """A number with its expression. Its use as a text or an index raises NotSymbolic.

    text: its name in the environment's functions.
    product: the factors, where it is a product of first sizes.
    """

    __slots__ = ("value", "text", "env", "product")

    def __init__(self, value: Any, text: str, env: ShapeEnv, product: Product | None = None) -> None:
        self.value = value
        self.text = text
        self.env = env
        self.product = product

    @property
    def first(self) -> bool:
        """Whether it is one of the first sizes."""
        return self.product is not None and self.product[0] == len(self.product[1]) == 1 \
            and self.product[1][0] < len(self.env.first)

    __add__, __radd__ = _arithmetic("+", operator.add)
    __sub__, __rsub__ = _arithmetic("-", operator.sub)
    __mul__, __rmul__ = _arithmetic("*", operator.mul)
    __floordiv__, __rfloordiv__ = _arithmetic("//", operator.floordiv)
    __mod__, __rmod__ = _arithmetic("%", operator.mod)
    __truediv__, __rtruediv__ = _arithmetic("/", operator.truediv)
    __eq__ = _comparison("==", operator.eq)
    __ne__ = _comparison("!=", operator.ne)
    __lt__ = _comparison("<", operator.lt)
    __le__ = _comparison("<=", operator.le)
    __gt__ = _comparison(">", operator.gt)
    __ge__ = _comparison(">=", operator.ge)

    def __neg__(self) -> SymbolicSize:
        return SymbolicSize(-self.value, self.env.define(f"-{self.text}"), self.env)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __abs__(self) -> Any:
        return applied(abs, self)

    def __float__(self) -> float:
        """The concrete number, with a guard that other sizes give the same."""
        return float(self._concrete())

    def __int__(self) -> int:
        return int(self._concrete())

    def _concrete(self) -> Any:
        if self.value != self.value:
            raise NotSymbolic("not a number, which equals nothing")
        self.env.guards[f"({self.text}=={self.value!r})"] = True
        return self.value

    def __index__(self) -> int:
        raise NotSymbolic(f"the size {self!r} as an index")

    def __bool__(self) -> bool:
        return self != 0

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"<{self.text} = {self.value}>"

    def __format__(self, how: str) -> str:
        raise NotSymbolic(f"the size {self!r} in a text: kernels take sizes as arguments")

    __str__ = __repr__

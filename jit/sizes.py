"""Sizes that remember how they came about, to see what a plan's decisions and numbers depend on.

A `Size` stands for a number in computations and comparisons. Its text is the expression over the first sizes, called
s[0], s[1], …; each outcome of a comparison that was decided is noted in the trail that they share. For other first
sizes by which all outcomes are the same, evaluating the texts gives what the computation would have given.

>>> trail = Trail([6, 8])
>>> a, b = trail.first
>>> area = a * b + 2
>>> area == 50, area.text
(True, '((s[0]*s[1])+2)')
>>> trail.holds()([5, 9]), trail.holds()([8, 6])
(False, True)
"""
from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any


class Trail:
    """The first sizes, each at least 2 and no two alike, and what was decided by them."""

    def __init__(self, values: Sequence[int]) -> None:
        self.first = [Size(v, f"s[{i}]", self, True) for i, v in enumerate(values)]
        self.decided: dict[str, bool] = {}

    def holds(self) -> Callable[[Sequence[int]], bool]:
        """Tells of other values whether they would have decided all alike."""
        tests = [text if outcome else f"not {text}" for text, outcome in self.decided.items()]
        return eval(f"lambda s: {' and '.join(tests) or 'True'}")


def text_of(value: Any) -> str:
    """The expression of a number or a Size."""
    return value.text if isinstance(value, Size) else repr(value)


def _arithmetic(symbol: str, compute: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    def forward(self: Size, other: Any) -> Any:
        if not isinstance(other, (int, float, Size)):
            return NotImplemented
        return _made(self, symbol, other, compute, self.trail)

    def backward(self: Size, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        return _made(other, symbol, self, compute, self.trail)

    return forward, backward


def _made(a: Any, symbol: str, b: Any, compute: Callable[[Any, Any], Any], trail: Trail) -> Any:
    if symbol == "*":
        if type(a) is int and a in (0, 1):
            return b if a else 0
        if type(b) is int and b in (0, 1):
            return a if b else 0
    elif symbol in "+-" and type(b) is int and b == 0:
        return a
    elif symbol == "+" and type(a) is int and a == 0:
        return b
    elif symbol == "//" and type(b) is int and b == 1:
        return a
    return Size(compute(value_of(a), value_of(b)), f"({text_of(a)}{symbol}{text_of(b)})", trail)


def value_of(x: Any) -> Any:
    """The plain number."""
    return x.value if isinstance(x, Size) else x


def _comparison(symbol: str, compute: Callable[[Any, Any], bool]) -> Any:
    exact = symbol in ("==", "!=")  # of first sizes that is settled

    def compare(self: Size, other: Any) -> Any:
        if not isinstance(other, (int, float, Size)):
            return NotImplemented
        outcome = compute(self.value, value_of(other))
        if not (exact and self.first and (other.first if isinstance(other, Size) else other in (0, 1))):
            self.trail.decided[f"({self.text}{symbol}{text_of(other)})"] = outcome
        return outcome

    return compare


class Size:
    """A number with its origin. It has no form as text and is no index: code that needs one is told so."""

    __slots__ = ("value", "text", "trail", "first")

    def __init__(self, value: Any, text: str, trail: Trail, first: bool = False) -> None:
        self.value = value
        self.text = text
        self.trail = trail
        self.first = first

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

    def __neg__(self) -> Size:
        return Size(-self.value, f"(-{self.text})", self.trail)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __bool__(self) -> bool:
        return self != 0

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"<{self.text} = {self.value}>"

    def __format__(self, how: str) -> str:
        raise TypeError(f"the size {self!r} in a text: kernels take sizes as arguments")

    __str__ = __repr__

"""A machine in plain Python that runs the sources of kernels, with functions as intrinsics, and checks each access.

A number carries its origins: the elements of memory that it has been computed from, as the bits of an integer. Floats
are computed in float64, whatever their dtype, and integers wrap around at casts, as everywhere in generated code. An
access must lie in one buffer, at an element, and be of the buffer's dtype; a read element must have been written.
"""
from __future__ import annotations

import math
import operator
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..native import elementary

#: The addresses of a buffer's range; its elements begin in the middle, so that negative offsets lie in the range too.
SPAN = 1 << 40

_MEMORY = re.compile(r"\b(?:ld|st)_([a-z]+\d+)_(\d+)\b")
_CALLED = re.compile(r"\b([A-Za-z_]\w*)\(")


class KernelError(AssertionError):
    """A kernel does not compute the meaning of its graph."""


def bits(number: float) -> int:
    """A float64 as the int64 of the same bits."""
    return struct.unpack("q", struct.pack("d", number))[0]


# ---- numbers -------------------------------------------------------------------------------------

class Number:
    """A number `x`, and its origins `of`: the elements of memory that it is computed from."""

    __slots__ = ("x", "of")

    def __init__(self, x: Any, of: int = 0) -> None:
        self.x = x
        self.of = of

    def __bool__(self) -> bool:
        return bool(self.x)

    def __neg__(self) -> Number:
        return Number(-self.x, self.of)

    def __invert__(self) -> Number:
        return Number(not self.x if type(self.x) is bool else ~self.x, self.of)


def _binary(compute: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    def forward(self: Number, other: Any) -> Number:
        if type(other) is Number:
            return Number(compute(self.x, other.x), self.of | other.of)
        return Number(compute(self.x, other), self.of)

    def backward(self: Number, other: Any) -> Number:
        return Number(compute(other, self.x), self.of)

    return forward, backward


def _left(x: Any, y: Any) -> Any:
    return x << y if 0 <= y < 64 else 0


def _right(x: Any, y: Any) -> Any:
    return x >> (y if 0 <= y < 64 else 63)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "and", "or", "xor", "lshift", "rshift"):
    _apply = getattr(operator, f"{_name}_" if _name in ("and", "or") else _name)
    _forward, _backward = _binary({"lshift": _left, "rshift": _right}.get(_name, _apply))
    setattr(Number, f"__{_name}__", _forward)
    setattr(Number, f"__r{_name}__", _backward)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Number, f"__{_name}__", _binary(getattr(operator, _name))[0])


def wrapped(x: Any, kind: str) -> int:
    """A number as an integer of a short dtype name: the whole part, modulo its range; 0 for one beyond int64."""
    if not isinstance(x, int):
        x = int(x) if math.isfinite(x) and abs(x) < 2.0**63 else 0
    size = int(kind[1:])
    x &= (1 << size) - 1
    return x - (1 << size) if kind[0] == "i" and x >> (size - 1) else x


def _cast(kind: str) -> Callable[[Any], Any]:
    return np.float64 if kind[0] == "f" else (lambda x: bool(x != 0)) if kind == "b1" else lambda x: wrapped(x, kind)


def _of_floats(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: x if isinstance(x, int) else function(x)


def _without(zero: Callable[[Any, Any], Any], divide: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda x, y: zero(x, y) if not y else divide(x, y)


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _quotient(x: Any, y: Any) -> Any:
    return 0 if isinstance(x, int) else np.floor_divide(x, y)


def _bounded(x: int, count: int) -> int:
    if not 0 <= x < count:
        raise KernelError(f"{x} is not from 0 to {count - 1}")
    return x


_GREATER: Any = lambda x, y: max(x, y) if isinstance(x, int) else np.maximum(x, y)
_SMALLER: Any = lambda x, y: min(x, y) if isinstance(x, int) else np.minimum(x, y)

#: The functions that kernels call: NumPy's of that name, if no other one is given.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in elementary.FUNCTIONS if hasattr(np, name)},
    **{name: _of_floats(getattr(np, name)) for name in ("floor", "ceil", "rint", "trunc")},
    "exp_below_zero": np.exp, "pow": np.power, "rsqrt": lambda x: 1 / np.sqrt(x), "fabs": abs,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "softplus": _softplus, "log_sigmoid": lambda x: -_softplus(-x),
    "erf": lambda x: np.float64(math.erf(x)), "one_plus_erf": lambda x: np.float64(math.erfc(-x)),
    "one_plus_erf_by": lambda x, bell: np.float64(math.erfc(-x)),
    "sign": lambda x: (x > 0) - (x < 0) if isinstance(x, int) else np.sign(x),
    "maximum": _GREATER, "minimum": _SMALLER, "max_acc": _GREATER, "min_acc": _SMALLER,
    "fadd_reassoc": operator.add, "fmul_reassoc": operator.mul, "select": lambda condition, x, y: x if condition else y,
    "floor_divide": _without(_quotient, operator.floordiv),
    "floor_mod": _without(lambda x, y: x * 0, operator.mod),
    "trunc_mod": _without(lambda x, y: x * 0, lambda x, y: np.fmod(x, y) if not isinstance(x, int) else
                          abs(x) % abs(y) * (1 if x >= 0 else -1)),
    "left_shift": lambda x, count: x << count if 0 <= count < 64 else 0,
    "right_shift": lambda x, count: x >> count if 0 <= count < 64 else -(x < 0),
    "bounded": _bounded, "widened": np.float64,
    "word_as_f64": lambda word: np.float64(struct.unpack("d", struct.pack("q", word))[0]),
    **{kind: _cast(kind) for kind in ("f16", "f32", "f64", "b1", *(f"{s}{n}" for s in "iu" for n in (8, 16, 32, 64)))},
}


def _on_numbers(compute: Callable[..., Any]) -> Callable[..., Number]:
    def call(*operands: Any) -> Number:
        of = 0
        plain = []
        for n in operands:
            if type(n) is Number:
                of |= n.of
                n = n.x
            plain.append(n)
        return Number(compute(*plain), of)

    return call


_CALLS = {name: _on_numbers(function) for name, function in FUNCTIONS.items()}


# ---- memory --------------------------------------------------------------------------------------

class Buffer:
    """An array in memory.

    kind: the short name of its dtype.
    cells: its elements, None where nothing has been written.
    stores: by element, how often it has been written.
    owner: by element, the chunk of the running row that has written it.
    scopes: by element, the alias scope under which the running row has first accessed it.
    shared: whether a result lies over an operand.
    loads: the elements read since the last store.
    """

    def __init__(self, name: Any, kind: str, cells: Sequence[Number | None]) -> None:
        self.name = name
        self.kind = kind
        self.itemsize = 1 if kind == "b1" else int(kind[1:]) // 8
        self.cells = list(cells)
        self.stores = [0] * len(cells)
        self.owner: dict[int, int] = {}
        self.scopes: dict[int, int] = {}
        self.shared = False
        self.loads: set[int] = set()

    def forget(self) -> None:
        """Forget the accesses of the row that has run."""
        self.owner.clear()
        self.scopes.clear()
        self.loads.clear()

    def enter(self, element: int, chunk: int, scope: int, writes: bool) -> None:
        """Note an access. KernelError if it may race with another one, or if its alias scope or order is wrong."""
        if self.owner.get(element, chunk) != chunk:
            raise KernelError(f"the element {element} of {self.name} is touched by a chunk, and another one writes it")
        if self.shared:
            if writes and self.loads - {element}:
                raise KernelError(f"{self.name} is read at another point than where its memory is written over")
            if not writes:
                self.loads.add(element)
        elif self.scopes.setdefault(element, scope) != scope and (writes or element in self.owner):
            raise KernelError(f"the element {element} of {self.name} is written, and accessed under two scopes")
        if writes:
            self.loads.clear()
            self.owner[element] = chunk


class Machine:
    """The machine that runs kernels on buffers.

    words: by slot of bind, the buffer whose address it holds, or a number.
    """

    def __init__(self, words: Mapping[int, Buffer | Number | int]) -> None:
        self.buffers: list[Buffer] = []
        starts: dict[int, int] = {}
        self.bind: dict[int, Any] = {}
        for word, held in words.items():
            if isinstance(held, Buffer):
                if id(held) not in starts:
                    starts[id(held)] = SPAN * len(self.buffers) + SPAN // 2
                    self.buffers.append(held)
                self.bind[word] = starts[id(held)]
            else:
                self.bind[word] = held
        self.chunk = 0

    def run(self, source: str, args: Sequence[int], extent: int, chunk: int) -> None:
        """Run a row of a plan's table: all chunks, the last one first. Raises KernelError."""
        space: dict[str, Any] = {name: _CALLS[name] for name in _CALLED.findall(source) if name in _CALLS}
        space |= {"INF": math.inf, "NAN": math.nan}
        for match in _MEMORY.finditer(source):
            make = self._load if match.group(0).startswith("ld") else self._store
            space[match.group(0)] = make(match.group(1), int(match.group(2)))
        exec(_compiled(source), space)
        for buffer in self.buffers:
            buffer.forget()
        size = chunk or extent or 1
        for lo in reversed(range(0, max(extent, 1), size)):
            self.chunk = lo
            try:
                space["kernel"](self.bind, args, lo, min(lo + size, extent))
            except (ArithmeticError, AttributeError, LookupError, NameError, TypeError, ValueError) as why:
                raise KernelError(f"the kernel cannot run: {why!r}") from why

    def _cell(self, kind: str, base: Any, index: Any) -> tuple[Buffer, int, int]:
        """The buffer and the number of the element at base + index, and the origins of that address."""
        at = base + index * (1 if kind == "b1" else int(kind[1:]) // 8)
        of = 0
        if type(at) is Number:
            at, of = at.x, at.of
        number, offset = divmod(at, SPAN)
        if not 0 <= number < len(self.buffers):
            raise KernelError(f"an access at {at}, where no buffer is")
        buffer = self.buffers[number]
        element, rest = divmod(offset - SPAN // 2, buffer.itemsize)
        if buffer.kind != kind:
            raise KernelError(f"{buffer.name}, of {buffer.kind}, is accessed as {kind}")
        if rest or not 0 <= element < len(buffer.cells):
            raise KernelError(f"an access to the element {element} of {buffer.name}, which has {len(buffer.cells)}")
        return buffer, element, of

    def _load(self, kind: str, scope: int) -> Callable[[Any, Any], Number]:
        def load(base: Any, index: Any) -> Number:
            buffer, element, of = self._cell(kind, base, index)
            cell = buffer.cells[element]
            if cell is None:
                raise KernelError(f"the element {element} of {buffer.name} is read before it is written")
            buffer.enter(element, self.chunk, scope, False)
            return Number(cell.x, cell.of | of)

        return load

    def _store(self, kind: str, scope: int) -> Callable[[Any, Any, Any], None]:
        def store(base: Any, index: Any, value: Any) -> None:
            buffer, element, of = self._cell(kind, base, index)
            buffer.enter(element, self.chunk, scope, True)
            if type(value) is not Number:
                value = Number(value)
            buffer.cells[element] = Number(value.x, value.of | of)
            buffer.stores[element] += 1

        return store


@lru_cache(maxsize=1024)
def _compiled(source: str) -> Any:
    return compile(source, "<kernel>", "exec")

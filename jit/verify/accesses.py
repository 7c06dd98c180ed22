"""Access analysis: the memory that a row of a plan's table reads and writes, from the kernel's source and arguments.

An abstract interpreter runs the source with linear forms in place of loop variables: `bind[args[k]]` is an address,
loads and stores are noted, loaded values are unknown. So the analysis takes nothing from the planner or the generator
of kernels but the text that was compiled.
"""
from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from .forms import Form, Var

_SIZES = {"b1": 1, **{f"{kind}{bits}": bits // 8 for kind in "iuf" for bits in (8, 16, 32, 64)}}

#: Functions that occur in addresses and indices.
_WHOLE = {"min", "i64", "select", "bounded"}


class Access(NamedTuple):
    """A load or a store of elements.

    role: the place among the row's arguments of the slot with the address.
    write: whether it is a store.
    place: the byte offsets from the address in all iterations; None where they are unknown.
    itemsize: the bytes of an element.
    """

    role: int
    write: bool
    place: Form | None
    itemsize: int


class Effects(NamedTuple):
    """The effects of a row, or of a chunk.

    accesses: in the order of the text.
    flags: the roles of slots of bind that it sets itself.
    """

    accesses: list[Access]
    flags: list[int]


class Unreadable(Exception):
    """A kernel's text has a form that is not known here."""


class _Address(NamedTuple):
    role: int
    offset: Form | None


class _Tail(NamedTuple):
    """The value min(block, total - rows * block)."""

    block: int
    total: int
    rows: Var


def chunks_of(extent: int, chunk: int) -> int:
    """The number of calls that the driver makes of a row."""
    return -(-extent // chunk) if chunk and extent else 1


def of_kernel(source: str, args: Sequence[int], extent: int, chunk: int, at: int = -1) -> Effects:
    """The effects of a kernel: of all of its range, or of the chunk number `at`."""
    lo, hi = _range(extent, chunk, at)
    run = _Run(_parsed(source), args, lo, hi)
    run.body(run.text.body, {})
    return run.found


def _range(extent: int, chunk: int, at: int) -> tuple[Form, int]:
    if at >= 0:
        lo = at * chunk
        return Form(lo), min(lo + (chunk or extent), extent)
    count = chunks_of(extent, chunk)
    return (Form(0, ((Var(0, count - 1), chunk),)) if count > 1 else Form(0)), extent


class _Text(NamedTuple):
    """A kernel's text.

    body: its statements, without those that only compute values.
    assigned: the names that each loop assigns.
    """

    body: list[ast.stmt]
    assigned: dict[ast.For, set[str]]


@lru_cache(maxsize=4096)
def _parsed(source: str) -> _Text:
    function, = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assigned: dict[ast.For, set[str]] = {}
    return _Text(_kept(function.body, assigned, set()), assigned)


def _kept(statements: Sequence[ast.stmt], assigned: dict[ast.For, set[str]], names: set[str]) -> list[ast.stmt]:
    """The statements that affect accesses; `names` collects the names that they assign."""
    found = []
    for s in statements:
        if isinstance(s, ast.For):
            inside: set[str] = set()
            s.body = _kept(s.body, assigned, inside)
            assigned[s] = inside
            names |= inside
        elif isinstance(s, ast.If):
            s.body, s.orelse = _kept(s.body, assigned, names), _kept(s.orelse, assigned, names)
        elif isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name):
            called = {n.func.id for n in ast.walk(s.value) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
            if not called <= _WHOLE and not any([name.startswith("ld_") for name in called]):
                continue
            names.add(s.targets[0].id)
        found.append(s)
    return found


class _Run:
    """The abstract run of a kernel's text on linear forms."""

    def __init__(self, text: _Text, args: Sequence[int], lo: Form, hi: int) -> None:
        self.text, self.args, self.lo, self.hi = text, args, lo, hi
        self.found = Effects([], [])
        self.digits: dict[tuple, Var] = {}

    def body(self, statements: Sequence[ast.stmt], env: dict[str, Any]) -> None:
        for s in statements:
            if isinstance(s, ast.Assign):
                self.assign(s, env)
            elif isinstance(s, ast.Expr):
                self.value(s.value, env)
            elif isinstance(s, ast.For):
                self.loop(s, env)
            elif isinstance(s, ast.If):
                self.value(s.test, env)
                ways = [dict(env), dict(env)]
                self.body(s.body, ways[0])
                self.body(s.orelse, ways[1])
                for name in ways[0].keys() & ways[1].keys():
                    same = ways[0][name] == ways[1][name]
                    env[name] = ways[0][name] if same else Form(0, ((Var.any(), 1),))
            else:
                raise Unreadable(ast.unparse(s))

    def assign(self, s: ast.Assign, env: dict[str, Any]) -> None:
        target, = s.targets
        value = self.value(s.value, env)
        if isinstance(target, ast.Name):
            env[target.id] = value
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id == "bind":
            address = self.value(target, env)
            self.found.flags.append(address.role)
        else:
            raise Unreadable(ast.unparse(s))

    def loop(self, s: ast.For, env: dict[str, Any]) -> None:
        assert isinstance(s.iter, ast.Call) and isinstance(s.target, ast.Name) and not s.orelse
        first, end = ([Form(0)] + [self.value(a, env) for a in s.iter.args])[-2:]
        if isinstance(end, _Tail):
            if end.total <= 0 or end.block <= 0:
                return
            var = Var(0, min(end.block, end.total) - 1, ("tail", *end))
        elif isinstance(first, Form) and isinstance(end, Form):
            low, high = first.span()[0], end.span()[1] - 1
            if high < low:
                return
            var = Var(low, high)
        else:
            raise Unreadable(ast.unparse(s.iter))
        for name in self.text.assigned[s].intersection(env):
            env[name] = None  # values that one iteration leaves to the next are unknown
        env[s.target.id] = Form(0, ((var, 1),))
        self.body(s.body, env)

    # ---- expressions: a Form, an _Address, a _Tail, or None for an unknown value -----------------

    def value(self, e: ast.expr, env: dict[str, Any]) -> Any:
        if isinstance(e, ast.Constant):
            return Form(e.value) if type(e.value) is int else None
        if isinstance(e, ast.Name):
            return self.lo if e.id == "lo" else Form(self.hi) if e.id == "hi" else env.get(e.id)
        if isinstance(e, ast.Subscript) and isinstance(e.value, ast.Name):
            return self.element(e.value.id, e.slice, env)
        if isinstance(e, ast.Call) and isinstance(e.func, ast.Name):
            return self.call(e.func.id, e.args, [self.value(a, env) for a in e.args])
        if isinstance(e, ast.BinOp):
            return self.binary(e.op, self.value(e.left, env), self.value(e.right, env))
        for part in ast.iter_child_nodes(e):
            if isinstance(part, ast.expr):
                self.value(part, env)
        return None

    def element(self, name: str, index: ast.expr, env: dict[str, Any]) -> Any:
        if name == "args":
            at = self.value(index, env)
            return Form(self.args[at.start]) if at is not None and not at.terms else None
        if name == "bind" and isinstance(index, ast.Subscript):
            role = index.slice.value if isinstance(index.slice, ast.Constant) else None
            if isinstance(role, int):
                return _Address(role, Form(0))
        raise Unreadable(f"{name}[{ast.unparse(index)}]")

    def call(self, name: str, nodes: Sequence[ast.expr], values: list[Any]) -> Any:
        kind, _, rest = name.partition("_")
        if kind in ("ld", "st"):
            size = _SIZES[rest.partition("_")[0]]
            address, index = values[:2]
            if not isinstance(address, _Address):
                raise Unreadable(f"{name} of no address")
            at = None
            if address.offset is not None and isinstance(index, Form):
                at = address.offset.plus(index, size).fused()
            self.found.accesses.append(Access(address.role, kind == "st", at, size))
            return None
        if name == "min" and all([isinstance(v, Form) for v in values]):
            return self.least(*values)
        if name == "bounded" and isinstance(values[1], Form):
            return Form(0, ((Var(0, values[1].span()[1] - 1), 1),))
        return Form(0, ((Var.any(), 1),)) if name in ("i64", "select") else None

    def least(self, block: Form, rest: Form) -> Any:
        if not rest.terms and not block.terms:
            return Form(min(block.start, rest.start))
        if not block.terms and len(rest.terms) == 1 and rest.terms[0][1] == -block.start:
            return _Tail(block.start, rest.start, rest.terms[0][0])
        return None

    def binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        if isinstance(b, _Address) and isinstance(op, ast.Add):
            a, b = b, a
        if isinstance(a, _Address):
            if not isinstance(op, ast.Add) or isinstance(b, _Address):
                return None
            return _Address(a.role, a.offset.plus(b) if a.offset is not None and isinstance(b, Form) else None)
        if not isinstance(a, Form) or not isinstance(b, Form):
            return None
        if isinstance(op, (ast.Add, ast.Sub)):
            return a.plus(b, 1 if isinstance(op, ast.Add) else -1)
        if isinstance(op, ast.Mult):
            return a.times(b.start) if not b.terms else b.times(a.start) if not a.terms else None
        if isinstance(op, (ast.FloorDiv, ast.Mod)) and not b.terms and b.start > 0:
            return self.digit("//" if isinstance(op, ast.FloorDiv) else "%", a, b.start)
        return None

    def digit(self, sign: str, a: Form, by: int) -> Form:
        low, high = a.span()
        if a.is_open():
            return Form(0, ((Var.any(), 1),))
        if a.start % by == 0 and not any([c % by for _, c in a.terms]):
            return Form(a.start // by, tuple([(v, c // by) for v, c in a.terms])) if sign == "//" else Form(0)
        if low // by == high // by:
            return Form(low // by) if sign == "//" else a.plus(Form(-(low // by) * by))
        key = sign, a, by
        if key not in self.digits:
            self.digits[key] = Var(low // by, high // by, key) if sign == "//" else Var(0, by - 1, key)
        return Form(0, ((self.digits[key], 1),))

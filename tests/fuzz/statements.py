"""The kinds of statements in programs: values, writes, reads, branches, loops, and recorded blocks."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .draws import Program, Refused, Var
from .forms.common import bare, drawn, partner
from .forms.indexing import advanced_key, basic_key
from .forms.table import KINDS, STEPS, WHEELS
from .reference.values import WORLD

DTYPES = ("float32", "float32", "float32", "float64", "float32", "float16", "int32", "int64", "int8", "uint8", "bool")

Statement = Callable[[Program], Any]


def attempt(p: Program, make: Statement, tries: int = 4) -> bool:
    """Try to make a statement a few times; returns whether one try succeeded."""
    for _ in range(tries):
        try:
            make(p)
            return True
        except Refused:
            continue
    return False


# ---- values --------------------------------------------------------------------------------------

def leaf(p: Program, dtype: str | None = None) -> Var:
    """A new array of numbers on a grid, so that sums and products of them are exact."""
    d = p.d
    dtype = dtype or d.pick(DTYPES if p.flavour == "np" else DTYPES[:-1])
    shape = [d.pick(p.dims) if d.flag(80) else 1
             for _ in range(d.pick([2, 1, 2, 3, 0, 2, 1, 4] if p.flavour == "np" else [2, 1, 2, 3, 2, 4]))]
    return p.assign(drawn(p, shape, dtype), "leaf")


def expression(p: Program) -> tuple[str, str]:
    """An expression, and the public name that it tests."""
    _, form, names = KINDS[p.flavour][p.d.pick(WHEELS[p.flavour])]
    name = p.d.pick(names)
    return form(p, name), name


def computed(p: Program) -> None:
    """Assign to a new variable, or to an old one again."""
    text, name = expression(p)
    old = None
    if p.d.flag(12):
        var = p.d.pick(p.vars)
        old = None if var in p.popular or var.made_by == "leaf" else var.name
    made = p.assign(text, name, old)
    p.functions.add(name)
    if made.is_float and len(p.popular) < 2 and p.d.flag(30):
        p.popular.append(made)


def branched(p: Program) -> None:
    """A value that depends on a number read from an array."""
    v = p.operand("output", lambda v: v.is_float and v.array.size > 0)
    w = p.operand("elementwise", lambda w: w.is_float)
    p.assign(f"{w.name} * 2 if float({v.name}.sum()) > {p.d.pick([0, 1, -1])}.5 else {w.name} + 1", "branch")


def looped(p: Program) -> None:
    """A loop that recomputes a variable in each turn from itself and another."""
    v = p.operand("elementwise", lambda v: v.is_float and v.made_by != "leaf" and v not in p.popular)
    w = p.operand("elementwise", lambda w: w.is_float and w.dtype == v.dtype and w.shape in (v.shape, ()))
    step = p.d.pick([f"{v.name} * 0.5 + {w.name}", f"{v.name} - {w.name} * 0.25",
                     f"{p.flavour}.tanh({v.name}) + {w.name}", f"{p.flavour}.maximum({v.name}, {w.name}) * 0.5"])
    p.execute(f"for _ in range({p.d.integer(2, 4)}):\n    {v.name} = {step}")
    p.refresh(v, "loop")


def detached(p: Program) -> None:
    """A detached array: a constant to derivatives, in the same memory."""
    v = p.operand("view", lambda v: v.is_float)
    p.assign(f"{v.name}.detach()", "detach")


def paused(p: Program) -> None:
    """A statement in `autograd.pause()` inside a recorded block."""
    if not p.recording:
        raise Refused("not recording")
    text, name = expression(p)
    p.line("with autograd.pause():")
    p.indent += 1
    WORLD.recording = False
    try:
        p.assign(text, name)
    except Refused:
        p.lines.pop()
        raise
    finally:
        p.indent -= 1
        WORLD.recording = True


# ---- writes --------------------------------------------------------------------------------------

def _writable(p: Program, rank: int = 0) -> Var:
    """A writable array: while recording, none computed from variables, and none sharing memory with one of these."""
    if not p.recording:
        return p.operand("write", lambda v: v.is_float and v.ndim >= rank)
    needed = [v for v in p.vars if v.tracked or v.recorded and bare(v.made_by) not in CREATED]
    return p.operand("write", lambda v: v.is_float and v.ndim >= rank and v not in needed and not any(
        np.shares_memory(v.array.memory, w.array.memory) for w in needed))


#: Functions and statements that make constants.
CREATED = frozenset("leaf state zeros ones full arange linspace eye identity tri".split())


def updated(p: Program) -> None:
    """An in-place operator."""
    v = _writable(p)
    other = p.d.pick(["0.5", "2"]) if p.d.flag(40) else partner(p, v, "write", True).name
    p.execute(f"{v.name} {p.d.pick(['+', '-', '*'])}= {other}")


def assigned(p: Program) -> None:
    """A write to part of an array: a number, an array, or an update of the part."""
    v = _writable(p, 1)
    key, choice = basic_key(p, v), p.d.integer(0, 4)
    if choice == 0:
        p.execute(f"{v.name}[{key}] = {p.d.pick(['0.5', '0', '-1.25'])}")
    elif choice == 1:
        w = p.operand("write", lambda w: w.dtype == v.dtype and not w.tracked)
        p.execute(f"{v.name}[{key}] = {w.name}")
    elif choice == 2:
        p.execute(f"{v.name}[{advanced_key(p, v)}] {p.d.pick(['', '+', '*'])}= {p.d.pick(['0.5', '2', '-0.25'])}")
    elif choice == 3 and p.flavour == "np":
        m = p.operand("index", lambda m: m.dtype.kind == "b" and m.ndim > 0 and m.shape == v.shape[:m.ndim])
        p.execute(f"{v.name}[{m.name}] = {p.d.pick(['0.5', '0', '-1.25'])}")
    else:
        p.execute(f"{v.name}[{key}] {p.d.pick(['+', '*'])}= {p.d.pick(['0.5', '2'])}")


def viewed(p: Program) -> None:
    """A view, and a write through it or to its base."""
    v = _writable(p, 1)
    n = v.shape[0]
    if p.recording or not n:
        raise Refused("nothing to view")
    keys = [str(p.d.integer(0, n - 1)), f"{p.d.integer(0, n - 1)}:"]
    text = f"{v.name}.reshape((-1,))" if p.flavour == "nd" and p.d.flag(30) else f"{v.name}[{p.d.pick(keys)}]"
    w = p.assign(text, "getitem")
    target = p.d.pick([w, v])
    p.execute(f"{target.name} {p.d.pick(['+', '*'])}= {p.d.pick(['0.5', '2', '-1'])}" if p.d.flag(50) or not target.ndim
              else f"{target.name}[:] = {p.d.pick(['0.5', '-2'])}")


#: Functions of MXNet's that take no `out=`.
NO_OUT = frozenset((
    "nd.concatenate np.atleast_1d np.atleast_2d np.atleast_3d np.broadcast_arrays np.count_nonzero np.indices "
    "np.meshgrid np.msort np.nan_to_num np.pad np.permute_dims np.reshape np.transpose np.where nd.arange nd.eye "
    "nd.ones nd.zeros "
    "np.arange np.eye np.identity np.linspace np.ones np.tri np.zeros nd.BatchNorm npx.batch_norm").split())


def given_out(p: Program) -> None:
    """A call with `out=`: the result goes into an existing array's memory."""
    text, name = expression(p)
    if p.recording or not text.startswith(f"{name}(") or name.count(".") > 1 or name in NO_OUT:
        raise Refused("no out")
    made = p.evaluate(text)
    fits = [v for v in p.vars if not isinstance(made, (list, tuple, int)) and v.shape == made.shape
            and v.dtype == made.dtype]
    if not fits:
        raise Refused("no array of this shape")
    p.execute(f"{text[:-1]}, out={p.operand('write', lambda v: v in fits).name})")
    p.functions.add(name)


def stepped(p: Program) -> None:
    """An optimizer step of `nd`: it writes the weight and its states."""
    w = _writable(p)
    if p.flavour != "nd" or p.recording:
        raise Refused("np")
    name = p.d.pick(STEPS)
    g = p.operand("elementwise", lambda g: g.shape == w.shape and g.dtype == w.dtype and g is not w)
    count = {"sgd_update": 0, "signsgd_update": 0, "adam_update": 2, "ftrl_update": 2}.get(name, 1)
    states = [p.assign(f"{g.name} * {g.name}", "state") for _ in range(count)]
    arguments = ", ".join([w.name, g.name, *(s.name for s in states)])
    extra = ", momentum=0.5" if "mom" in name else ", epsilon=0.5" if name[0] in "ar" else ""
    p.execute(f"nd.{name}({arguments}, lr=0.25, wd={p.d.pick(['0', '0.5'])}{extra}, out={w.name})")
    p.functions.add(f"nd.{name}")


# ---- reads ---------------------------------------------------------------------------------------

def read(p: Program) -> None:
    """A read of a value: everything pending runs."""
    v = p.operand("output", lambda v: v.array.size > 0)
    if p.d.flag(50) or not v.is_float:
        p.answer(f"{v.name}.asnumpy()", v.name)
    else:
        p.answer(f"float({v.name}.sum())", v.name)


def dropped(p: Program) -> None:
    """Delete a variable."""
    p.drop(p.operand("del", lambda v: v.made_by != "leaf" and v not in p.popular))


# ---- recorded blocks -----------------------------------------------------------------------------

def differentiated(p: Program) -> None:
    """A recorded block, and uses of its gradients."""
    d = p.d
    floats = [v for v in p.vars if v.is_float and v.array.size]
    variables = [v for v in floats if v.made_by == "leaf"] or floats
    for v in variables[:3]:
        if v.array.grad is None and not v.tracked:
            p.execute(f"{v.name}.attach_grad({d.pick(['', '', '', repr('add'), repr('write'), repr('null')])})")
    variables = [v for v in variables if v.array.grad is not None]
    if not variables:
        return
    p.line("with autograd.record():")
    start = len(p.lines)
    p.indent, WORLD.recording = 1, True
    try:
        p.popular = (variables + p.popular)[:3]
        for _ in range(d.integer(1, 8)):
            attempt(p, d.pick(INSIDE))
        for _ in range(d.integer(0, 2)):
            attempt(p, head)
    finally:
        p.indent, WORLD.recording = 0, False
    if len(p.lines) == start:
        p.line("    pass")
    attempt(p, lambda p: backward(p, variables), 2)


def _heads(p: Program) -> list[Var]:
    return [v for v in p.vars if v.tracked and v.is_float and not (v.made_by == "leaf" and v.array.grad is not None)
            and v.array.size]


def head(p: Program) -> None:
    """A scalar computed from a recorded value."""
    found = _heads(p)
    if not found:
        raise Refused("nothing recorded")
    v = p.d.pick(found)
    p.assign(f"({v.name} * {v.name}).sum()" if p.d.flag(40) else f"{v.name}.sum()", "sum")


def _newest(p: Program, among: list[Var]) -> Var:
    if not among:
        raise Refused("nothing")
    return among[len(among) - 1 - p.d.integer(0, len(among) - 1)]


def backward(p: Program, variables: list[Var]) -> None:
    """A backward from one or two heads, once or twice; then its gradients are read or used."""
    d = p.d
    first = _newest(p, _heads(p))
    heads = [first] if d.flag(60) else list({v.name: v for v in (first, _newest(p, _heads(p)))}.values())
    retain = d.flag(25) or p.twice
    words = ", retain_graph=True" if retain else ""
    if len(heads) > 1:
        p.execute(f"autograd.backward([{', '.join(h.name for h in heads)}]{words})")
    else:
        p.execute(f"{first.name}.backward({head_gradient(p, first)}{words})".replace("(, ", "("))
    if retain:
        again, last = d.pick(heads), words if p.twice else ""
        attempt(p, lambda p: p.execute(f"{again.name}.backward({head_gradient(p, again)}{last})".replace("(, ", "(")),
                1)
    for v in variables:
        if d.flag(70):
            p.answer(f"{v.name}.grad.asnumpy()", f"{v.name}.grad")
    v = d.pick(variables)
    if d.flag(40):
        attempt(p, lambda p: p.execute(d.pick([f"{v.name} -= 0.25 * {v.name}.grad",
                                               f"{v.name}[:] = {v.name} - 0.5 * {v.name}.grad",
                                               f"{v.name}.grad[:] = 0"])), 1)
    if d.flag(30):
        attempt(p, lambda p: p.assign(f"{v.name}.grad * 1", "grad"), 1)


def head_gradient(p: Program, v: Var) -> str:
    """Nothing, or a cotangent for a head."""
    if p.d.flag(70):
        return ""
    fits = [w for w in p.vars if w.shape == v.shape and w.dtype == v.dtype and not w.tracked]
    return p.d.pick(fits).name if fits else drawn(p, list(v.shape), v.dtype.name)


def taken(p: Program) -> None:
    """`autograd.grad`, which may be recorded itself, so that it can be differentiated again."""
    variables = [v for v in p.vars if v.array.grad is not None]
    h = _newest(p, _heads(p))
    v = _newest(p, variables)
    if h.array.size * v.array.size > 600:
        raise Refused("large")
    create = p.recording and p.d.flag(80)
    keyword = "create_graph=True" if create else "retain_graph=True"
    p.assign(f"autograd.grad({h.name}, [{v.name}], {keyword})[0]", "autograd.grad")
    p.twice = p.twice or create


def cut(p: Program) -> None:
    """Make a recorded value a variable: it loses its history."""
    if not p.recording:
        raise Refused("not recording")
    v = _newest(p, [v for v in _heads(p) if v.array.grad is None])
    p.execute(f"{v.name}.attach_grad()")


OUTSIDE: list[Statement] = [computed] * 14 + [updated] * 2 + [assigned] * 3 + [viewed] * 2 + [
    given_out, stepped, read, dropped, branched, looped, detached]
INSIDE: list[Statement] = [computed] * 24 + [
    read, paused, looped, branched, detached, taken, taken, cut, assigned, dropped]

"""Helpers of all forms: operands in a function's domain, matching partners, calls as functions or methods, indices."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..draws import BOUND, Program, Refused, Var

#: A form: draws operands and arguments for a public name such as "np.sum"; returns the expression.
Form = Callable[[Program, str], str]

#: Domains where functions are defined and do not grow too fast: operands outside are clipped.
DOMAINS = {
    "exp": (-4, 4), "expm1": (-4, 4), "log": (0.25, 64), "log1p": (-0.75, 64), "log2": (0.25, 64), "log10": (0.25, 64),
    "sqrt": (0.25, 64), "rsqrt": (0.25, 64), "cbrt": (0.25, 64), "rcbrt": (0.25, 64), "sin": (-8, 8), "cos": (-8, 8),
    "tan": (-1.25, 1.25), "tanh": (-3, 3), "sinh": (-4, 4), "cosh": (-4, 4), "arcsin": (-0.875, 0.875),
    "arccos": (-0.875, 0.875), "arctanh": (-0.875, 0.875), "arccosh": (1.25, 64), "reciprocal": (0.25, 64),
    "erfinv": (-0.75, 0.75), "gamma": (0.5, 5), "gammaln": (0.5, 16), "digamma": (2, 16), "sigmoid": (-6, 6)}
#: Names of the array API: those of NumPy 1 without "arc".
SHORT = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
         "atanh": "arctanh", "atan2": "arctan2"}


def bare(name: str) -> str:
    """The name without its namespace."""
    return name.rpartition(".")[2]


def clipped(p: Program, v: Var, low: float, high: float) -> str:
    """A variable's name, clipped if its elements lie outside."""
    if v.dtype.kind != "f":
        low, high = int(np.ceil(low)), int(high)
        if v.dtype.kind == "u":
            low = max(low, 0)
    inside = (v.array.memory >= low).all() and (v.array.memory <= high).all()
    return v.name if inside or not v.array.size else f"{p.flavour}.clip({v.name}, {low}, {high})"


def in_domain(p: Program, v: Var, function: str) -> str:
    """A variable's name, clipped to the domain of a function."""
    domain = DOMAINS.get(SHORT.get(function, function))
    return v.name if domain is None else clipped(p, v, *domain)


def full(namespace: str, names: str) -> list[str]:
    """Names with their namespace."""
    return [f"{namespace}.{n}" for n in names.split()]


def words(*rest: Any, **keywords: Any) -> str:
    """Arguments as text; positional strings are expressions."""
    return ", ".join([*map(str, rest), *(f"{k}={v!r}" for k, v in keywords.items())])


def call(p: Program, name: str, first: str, *rest: Any, **keywords: Any) -> str:
    """`np.name(first, …)`, or `first.name(…)` where arrays have such a method."""
    arguments = words(*rest, **keywords)
    if bare(name) in METHODS[name.partition(".")[0]] and name.count(".") == 1 and "(" not in first and p.d.flag(40):
        return f"{first}.{bare(name)}({arguments})"
    return f"{name}({first}{', ' if arguments else ''}{arguments})"


def broadcasts(v: Var, w: Var) -> bool:
    """Whether two arrays broadcast to a result of a useful size."""
    try:
        return int(np.prod(np.broadcast_shapes(v.shape, w.shape))) <= BOUND
    except ValueError:
        return False


def partner(p: Program, v: Var, kind: str, same: bool) -> Var:
    """A second operand that broadcasts against `v`, of its dtype if `same`."""
    return p.operand(kind, lambda w: (w.dtype == v.dtype or not same) and broadcasts(v, w))


def scalar(p: Program, v: Var) -> str:
    """A Python number beside an array."""
    if v.is_float:
        return p.d.pick(["2", "0.5", "-1.5", "0.25", "3", "-1", "0.75", "1"])
    return p.d.pick(["2", "1", "3", "5"])


def is_place(n: int) -> Callable[[Var], bool]:
    """A predicate: whether a variable holds indices into an axis of size `n`."""
    return lambda v: (v.dtype.kind == "i" and v.dtype.itemsize >= 4 and v.ndim == 1 and 0 < v.array.size < 64
                      and v.array.memory.min() >= 0 and v.array.memory.max() < n)


def indices(p: Program, n: int, length: int | None = None) -> str:
    """An array of indices into an axis of size `n`: an existing variable, or a new one."""
    if not n:
        raise Refused("empty")
    old = [v for v in p.vars if is_place(n)(v) and length in (None, v.array.size)]
    if old and p.d.flag(60):
        return p.operand("index", lambda v: v in old).name
    places = [p.d.integer(0, n - 1) for _ in range(p.d.integer(1, 4) if length is None else length)]
    return f"{p.flavour}.array({places}, dtype={p.d.pick(['int32', 'int64'])!r})"


def floats(p: Program, kind: str, ndim: int = 0, most: int = 9) -> Var:
    """A non-empty float operand with at least `ndim` and at most `most` axes."""
    return p.operand(kind, lambda v: v.is_float and ndim <= v.ndim <= most and v.array.size > 0)


#: The ranges of random elements, by the kind of dtype.
RANGES = {"f": (-8, 9), "i": (-4, 5), "u": (0, 6), "b": (0, 2)}


def drawn(p: Program, shape: Sequence[Any], dtype: str) -> str:
    """The expression of an array of random numbers on a grid; a size may be the name of the batch size."""
    low, high = RANGES[dtype[0]]
    scale = p.d.pick([" / 4", " / 2", " / 8", ""]) if dtype[0] == "f" else ""
    written = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    return (f"{p.flavour}.array(onp.random.RandomState({p.d.integer(0, 99)}).randint({low}, {high}, {written}){scale}, "
            f"dtype={dtype!r})")


def wanted(p: Program, kind: str, fits: Callable[[Var], bool], shape: Sequence[Any], dtype: str = "float32") -> Var:
    """An operand that fits, or else a new array of a fitting shape: a leaf, so that gradients flow to it."""
    if any(fits(v) for v in p.vars) and p.d.flag(75):
        return p.operand(kind, fits)
    return p.assign(drawn(p, shape, dtype), "leaf")


def new(p: Program, shape: tuple[int, ...], dtype: Any) -> str:
    """A new array of small numbers, written in place: a weight, a bias."""
    if int(np.prod(shape)) > BOUND:
        raise Refused("too large")
    old = [v for v in p.vars if v.shape == shape and v.dtype == dtype]
    if old and p.d.flag(70):
        return p.operand("layer", lambda v: v in old).name
    return (f"{p.flavour}.array(onp.random.RandomState({p.d.integer(0, 9)}).randint(-4, 5, {shape}) / 4, "
            f"dtype={str(dtype)!r})")


#: By namespace: the functions that its arrays also have as methods.
METHODS: dict[str, frozenset[str]] = {space: frozenset(names.split()) for space, names in {
    "npx": "softmax log_softmax relu sigmoid pick one_hot topk reshape_like broadcast_like slice",
    "np": "exp expm1 log log1p log2 log10 sqrt cbrt sin cos tanh tan sinh cosh arcsin asin arccos acos arctan atan "
          "arcsinh asinh arccosh acosh arctanh atanh degrees radians floor ceil rint trunc fix abs sign square "
          "reciprocal round sum prod mean var std max min any all argmax argmin cumsum argsort sort swapaxes "
          "expand_dims squeeze flatten ravel broadcast_to repeat tile flip diagonal diag trace dot take tril triu clip "
          "transpose zeros_like ones_like split",
    "nd": "exp expm1 log log1p log2 log10 sqrt cbrt rsqrt rcbrt sin cos tanh tan sinh cosh arcsin arccos arctan "
          "arcsinh arccosh arctanh degrees radians floor ceil rint trunc fix round abs sign square reciprocal relu "
          "sigmoid softsign sum mean prod max min nansum nanprod norm argmax argmin argmax_channel sort argsort topk "
          "take pick one_hot dot swapaxes expand_dims squeeze flatten slice slice_axis split tile repeat flip clip "
          "zeros_like ones_like softmax log_softmax softmin broadcast_axes diag slice_like broadcast_like reshape_like "
          "split_v2 pad depth_to_space space_to_depth"}.items()}

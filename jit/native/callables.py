"""The names that generated kernels may call, for the code generator; `intrinsics.py` has their code."""
from __future__ import annotations

from .elementary import FUNCTIONS

#: Alias scopes of loads and stores: one for all arrays that a kernel only reads, and one for each that it writes.
SCOPES = 32

_ROUNDING = ("floor", "ceil", "rint", "trunc")
_REMAINDERS = ("floor_divide", "floor_mod", "trunc_mod")
_SHIFTS = ("left_shift", "right_shift")
_CASTS = ("f16", "f32", "f64", "b1", *(f"{sign}{bits}" for sign in "iu" for bits in (8, 16, 32, 64)))

#: Functions that are defined for integers and bools too.
_GENERAL = frozenset(("select", "sign", "fabs", "maximum", "minimum", *_ROUNDING, *_REMAINDERS, *_SHIFTS, *_CASTS))
_ALL = _GENERAL | {*FUNCTIONS, "widened", "word_as_f64", "INF", "NAN"}


def known(name: str, integers: bool = False) -> bool:
    """Whether a scalar expression may call `name`, on integers if `integers`."""
    return name in (_GENERAL if integers else _ALL)

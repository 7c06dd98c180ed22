"""Forms of the reductions and scans of `np` and `nd`."""
from __future__ import annotations

from typing import Any

from ..draws import Program, Refused, Var
from .common import Form, bare, call, clipped, full

REDUCTIONS = ("sum prod product mean var std max amax min amin ptp any all sometrue alltrue count_nonzero argmax "
              "argmin median average nansum nanprod")
ND_REDUCTIONS = "sum sum_axis mean prod max max_axis min min_axis nansum nanprod norm argmax argmin moments"
_NEVER_EMPTY = frozenset("var std mean median average max amax min amin ptp argmax argmin".split())


def reduction(p: Program, name: str) -> str:
    function = bare(name)
    v = p.operand("reduction", lambda v: v.dtype.kind != "b" or function in ("any", "all", "sum", "count_nonzero"))
    positions = function in ("argmax", "argmin")
    axis = p.axis(v.ndim) if positions and v.ndim and p.d.flag(80) else p.axes(v.ndim)
    if positions and isinstance(axis, tuple):
        axis = None
    if function in _NEVER_EMPTY and not v.array.size:
        raise Refused("nothing")
    keywords: dict[str, Any] = {} if axis is None and p.d.flag(50) else {"axis": axis}
    if p.d.flag(30) and function not in ("average", "nansum", "nanprod"):
        keywords["keepdims"] = True
    if function in ("sum", "mean", "prod") and p.d.flag(15):
        keywords["dtype"] = p.d.pick(["float32", "float64"])
    return call(p, name, _factors(p, v) if "prod" in function else v.name, **keywords)


def _factors(p: Program, v: Var) -> str:
    """An operand whose product stays in range."""
    return clipped(p, v, -2, 2) if v.array.size < 65 else clipped(p, v, -1, 1)


def nd_reduction(p: Program, name: str) -> str:
    function = bare(name)
    v = p.operand("reduction", lambda v: v.is_float or function in ("sum", "max", "min", "prod", "sum_axis"))
    if function == "moments":
        return f"{name}({v.name}, axes={p.axes(v.ndim)})"
    positions = function in ("argmax", "argmin")
    axis = p.axis(v.ndim) if positions else p.axes(v.ndim)
    if function == "norm" and isinstance(axis, tuple) and len(axis) > 2:
        axis = axis[:2]
    keywords: dict[str, Any] = {} if axis is None and p.d.flag(50) else {"axis": axis}
    if p.d.flag(30):
        keywords["keepdims"] = True
    if function == "norm":
        keywords["ord"] = p.d.pick([2, 1])
    elif p.d.flag(15) and axis is not None and not positions:
        keywords["exclude"] = True
    return call(p, name, _factors(p, v) if "prod" in function else v.name, **keywords)


def channel(p: Program, name: str) -> str:
    return call(p, name, p.operand("reduction", lambda v: v.is_float and v.ndim == 2).name)


def quantile(p: Program, name: str) -> str:
    v = p.operand("reduction", lambda v: v.is_float and v.array.size > 0)
    q = p.d.pick([0.5, 0.25, 0.75, 1.0, 0.0]) * (100 if name.endswith("percentile") else 1)
    return f"{name}({v.name}, {q}, axis={p.axis(v.ndim) if v.ndim else None})"


def scan(p: Program, name: str) -> str:
    v = p.operand("reduction", lambda v: v.ndim > 0 and v.dtype.kind != "b" and (v.is_float or p.flavour == "np"))
    if name == "np.diff":
        return f"np.diff({v.name}, {p.d.pick([1, 2])}, axis={p.axis(v.ndim)})"
    if name == "np.msort":
        return f"np.msort({v.name})"
    if name in ("nd.sort", "nd.argsort"):
        return call(p, name, v.name, axis=p.axis(v.ndim), is_ascend=p.d.flag(50))
    return call(p, name, v.name, axis=p.axis(v.ndim))


def squares(p: Program, name: str) -> str:
    v, w = (p.operand("reduction", lambda v: v.is_float and v.dtype == "float32") for _ in range(2))
    return f"{name}({v.name}, {w.name}, num_arrays=2)"


KINDS: dict[str, list[tuple[int, Form, list[str]]]] = {
    "np": [(14, reduction, full("np", REDUCTIONS)), (1, quantile, ["np.quantile", "np.percentile"]),
           (3, scan, full("np", "cumsum diff sort argsort msort"))],
    "nd": [(14, nd_reduction, full("nd", ND_REDUCTIONS)), (1, channel, ["nd.argmax_channel"]),
           (3, scan, full("nd", "cumsum sort argsort")), (1, squares, ["nd.multi_sum_sq"])]}

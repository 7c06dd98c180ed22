"""Native steps of pooling: windows that slide over the planes of (batch, channels, depth, height, width).

A plane is done at a time, in it a row of windows. First the rows under the windows are combined, number by number,
into one row of scratch memory, which has the padding of the width on both sides; then the windows of that row. So an
element takes part in as many operations as a window is high plus wide, not in as many as it has elements. Spreading,
the adjoint of a sum, goes the other way. The place of a window's largest element is its row, which is kept in scratch
beside the number, and its column: of equal numbers the one whose row comes first counts, and in a row the first one.

In the source of the maximum of windows 3 wide, with stride 2, the inner loops are, in short:

    for j in range(m):                           # a row under the windows, one of up to three
        v = ld_f32_0(row, j)
        u = ld_f32_2(t, pw + j)
        st_f32_2(t, pw + j, select(v > u, v, u))
    …
    for j in range(ow):
        v = ld_f32_2(t, j * 2)
        u = ld_f32_2(t, j * 2 + 1)
        v = select(u > v, u, v)
        …
        st_f32_1(y, at + j, v)

The source depends on the width of the windows and its stride, and on their height where it is small. All other sizes
are arguments.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from tracer.ops.ir.node import Node
from tracer.ops.npx.window_reductions import Windows, lowest

from ..codegen.scalar_text import register
from ..fusion import native_step
from ..fusion.native_step import NativeStep, Uses, in_memory
from ..graph.index_map import without_reshapes
from ..graph.symbolic_size import applied
from ..native.kernel_cache import find_kernel
from ..runtime import driver
from ..runtime.costs import CHUNK_COST, MAX_CHUNKS
from .window_source import SIZES, WindowSource

#: The estimated cost of an element.
COST = 4

#: The most elements of windows that do not overlap, by which numbers are put to maxima a row at a time.
_MOST_APART = 16

def _margins(s: WindowSource, value: str, name: str = "t", kind: str = "") -> None:
    """Fill a row of scratch, once: what lies beside the array keeps the value."""
    s.loop("for j in range(n):", s.st(2 if not kind else 3, name, "j", value, kind))


def _reduced(node: Node, biggest: bool) -> WindowSource:
    """The source of maxima, or of sums and means. Arrays: x, y; scratch: a row."""
    s = WindowSource(node.inputs[0].shape, node.attrs, node.dtype)
    start = s.zero(lowest(node.dtype)) if biggest else s.zero()
    join = "select(v > u, v, u)" if biggest else "u + v"
    s.head("xy", [("t", "n", register(node.dtype).itemsize)])
    _margins(s, start)
    s.rows()
    s.combine(join, start)
    s.add("at = ((r * od + a) * oh + b) * ow")
    s.count_rows()
    last = (s.count() if s.varying else []) + ["u = u / share"] if s.counted is not None else []
    if s.unrolled:
        body = [f"u = {start}"]
        for place in s.columns():
            body += [f"v = {s.ld(2, 't', place)}", f"u = {join}"]
        s.loop("for j in range(ow):", *body, *last, s.st(1, "y", "at + j", "u"))
        return s
    s.enter("for j in range(ow):")
    s.add(f"u = {start}")
    s.loop("for k in range(kw):", f"v = {s.ld(2, 't', 'j * sw + k')}", f"u = {join}")
    s.add(*last, s.st(1, "y", "at + j", "u"))
    return s


def _spread(node: Node) -> WindowSource:
    """The source of spreading. Arrays: g, y; scratch: a row, and one of cotangents, which has zeros on both sides."""
    s = WindowSource(node.shape, node.attrs[1:], node.dtype)
    itemsize = register(node.dtype).itemsize
    s.head("gy", [("t", "n", itemsize)])
    apart = s.unrolled and s.windows.kernel[-1] <= s.windows.stride[-1]
    if apart:
        _margins(s, s.zero())
    s.enter("for r in range(lo, hi):")
    s.loop("for j in range(d * h * w):", s.st(1, "y", "r * (d * h * w) + j", s.zero()))
    s.leave()
    s.rows()
    s.add("at = ((r * od + a) * oh + b) * ow")
    s.count_rows()
    share = s.count() if s.varying else []
    value = f"v = {s.ld(0, 'g', 'at + j')}" + (" / share" if s.counted is not None else "")
    if apart:
        s.loop("for j in range(ow):", *share, value, *[s.st(2, "t", place, "v") for place in s.columns()])
    else:
        _margins(s, s.zero())
        places = list(s.columns()) if s.unrolled else ["j * sw + k"]
        if not s.unrolled:
            s.enter("for k in range(kw):")
        for place in places:
            s.loop("for j in range(ow):", *share, value, s.st(2, "t", place, f"{s.ld(2, 't', place)} + v"))
        if not s.unrolled:
            s.leave()
    s.under()
    s.add(s.row_of("row", "y"))
    s.loop("for j in range(m):", s.st(1, "row", "j", f"{s.ld(1, 'row', 'j')} + {s.ld(2, 't', 'pw + j')}"))
    return s


def _placed(node: Node, put: bool) -> WindowSource:
    """The source of putting numbers to the places of maxima, or of picking them there.

    Arrays: the numbers, the array of maxima, y; scratch: a row, its rows' numbers, places.
    """
    s = WindowSource(node.inputs[1].shape, node.attrs, node.dtype)
    low = s.zero(lowest(node.dtype))
    s.head("gxy", [("t", "n", register(node.dtype).itemsize), ("q", "n", 4), ("o", "ow", 4)])
    _margins(s, low)
    _margins(s, "i32(0)", "q", "i32")
    if put:
        s.enter("for r in range(lo, hi):")
        s.loop("for j in range(d * h * w):", s.st(1, "y", "r * (d * h * w) + j", s.zero()))
        s.leave()
    s.rows()
    s.loop("for j in range(m):", s.st(2, "t", "pw + j", low), s.st(3, "q", "pw + j", "i32(0)", "i32"))
    s.under()
    s.add(s.row_of("row", "x"), "line = i32(z * h + i)")
    s.loop("for j in range(m):", f"v = {s.ld(0, 'row', 'j')}", f"u = {s.ld(2, 't', 'pw + j')}",
           f"p = {s.ld(3, 'q', 'pw + j', 'i32')}", s.st(2, "t", "pw + j", "select(v > u, v, u)"),
           s.st(3, "q", "pw + j", "select(v > u, line, p)", "i32"))
    s.leave(2)
    none = "i32(-1)"
    s.add("at = ((r * od + a) * oh + b) * ow")
    first = none
    if node.dtype == np.float32:  # the window's first place, if it is inside
        s.add("first_row = (first_d * h + first_h) * w - pw",
              "within = (first_d >= 0) & (first_d < d) & (first_h >= 0) & (first_h < h)")
        at = f"j * {s.sw}"
        first = f"select(within & ({at} >= pw) & ({at} < w + pw), i32(first_row + {at}), {none})"
    begin = [f"u = {low}", f"p = {none}", f"f = {first}"]
    step = ["col = i32({} - pw)", "v = " + s.ld(2, "t", "{}"), "l = " + s.ld(3, "q", "{}", "i32"),
            "better = (v > u) | ((v == u) & (l < p))", "f = select(better, i32(l * i32(w) + col), f)",
            "p = select(better, l, p)", "u = select(better, v, u)"]
    end = s.st(4, "o", "j", "f", "i32")
    if s.unrolled:
        s.loop("for j in range(ow):", *begin,
               *[line.replace("{}", place) for place in s.columns() for line in step], end)
    else:
        s.enter("for j in range(ow):")
        s.add(*begin)
        s.loop("for k in range(kw):", *[line.replace("{}", "j * sw + k") for line in step])
        s.add(end)
        s.leave()
    certain = node.dtype == np.float32 and not any(s.windows.pad) and s.windows.convention == "valid"
    s.enter("for j in range(ow):")
    s.add(f"place = i64({s.ld(4, 'o', 'j', 'i32')})")
    if put:
        if not certain:
            s.enter("if place >= 0:")
        s.add("place = bounded(place, d * h * w)", "place = r * (d * h * w) + place",
              s.st(1, "y", "place", f"{s.ld(1, 'y', 'place')} + {s.ld(0, 'g', 'at + j')}"))
    else:
        s.add("found = select(place < 0, 0, place)", "found = bounded(found, d * h * w)",
              f"v = {s.ld(0, 'g', 'r * (d * h * w) + found')}",
              s.st(1, "y", "at + j", f"select(place < 0, {s.zero()}, v)"))
    return s


def _put(node: Node) -> WindowSource:
    """The source of putting numbers to the places of maxima: each row at once where windows do not overlap."""
    windows = Windows(*node.attrs[:4])
    apart = all([k <= s for k, s in zip(windows.kernel, windows.stride, strict=True)])
    plain = len(windows.kernel) == 2 and not any(windows.pad) and windows.convention == "valid"
    if not (apart and plain and math.prod(windows.kernel) <= _MOST_APART):
        return _placed(node, put=True)
    return _put_apart(node)


def _put_apart(node: Node) -> WindowSource:
    """The source of it for whole windows that do not overlap: an element gets its window's number, or 0."""
    s = WindowSource(node.inputs[1].shape, node.attrs, node.dtype)
    (kh, kw), places = s.windows.kernel, math.prod(s.windows.kernel)
    s.head("gxy", [])
    s.enter("for r in range(lo, hi):")
    clear = ["for j in range(h * w):", "    " + s.st(1, "y", "r * (h * w) + j", s.zero())]
    if s.windows.kernel == s.windows.stride:
        clear = [f"if (oh * {kh} != h) | (ow * {kw} != w):", *["    " + line for line in clear]]
    s.add(*clear)
    s.enter("for b in range(oh):")
    s.add("at = (r * oh + b) * ow")
    for k in range(kh):
        s.add(f"i = bounded(b * sh + {k}, h)")
        s.add(*[f"{name}{k} = {name} + {node.dtype.itemsize} * ((r * h + i) * w)" for name in "xy"])
    none = 0 if node.dtype == np.float32 else -1
    body = [f"u = {s.zero(lowest(node.dtype))}", f"p = i32({none})"]
    columns = list(s.columns())
    for i in range(places):
        body += [f"v = {s.ld(0, f'x{i // kw}', columns[i % kw])}", "better = v > u", f"p = select(better, i32({i}), p)",
                 "u = select(better, v, u)"]
    body.append(f"v = {s.ld(0, 'g', 'at + j')}")
    body += [s.st(1, f"y{i // kw}", columns[i % kw], f"select(p == i32({i}), v, {s.zero()})") for i in range(places)]
    s.loop("for j in range(ow):", *body)
    return s


# ---- the record ----------------------------------------------------------------------------------

def _fits(node: Node, materialized: set[Node]) -> bool:
    """Whether its operands are in memory."""
    read = [without_reshapes(x, materialized) for x in node.inputs]
    return all([in_memory(x, materialized) for x in read])


def _lower(write: Callable[[Node], WindowSource], node: Node, uses: Uses) -> list[driver.Step]:
    s = write(node)
    planes = s.planes
    wanted = min(applied(int, _cost(node) // CHUNK_COST), MAX_CHUNKS, planes)
    chunk = -(-planes // wanted) if wanted > 1 else 0
    chunks = -(-planes // chunk) if chunk else 1
    args = [uses.read(without_reshapes(x, uses.materialized)) for x in node.inputs]
    args.append(uses.write(node, node.aval.nbytes))
    length = dict(zip(SIZES, s.sizes, strict=True))
    parts = [uses.write((node, i), chunks * length[name] * itemsize) for i, (name, itemsize) in enumerate(s.scratch)]
    return [driver.Step(find_kernel(s.text), [*args, chunk or max(planes, 1), *parts, *s.sizes], planes, chunk)]


def _cost(node: Node) -> float:
    return COST * max(node.size, node.inputs[0].size)


for _name, _write in (("pool_max", partial(_reduced, biggest=True)), ("pool_sum", partial(_reduced, biggest=False)),
                      ("pool_spread", _spread), ("pool_put", _put),
                      ("pool_pick", partial(_placed, put=False))):
    native_step.register(_name, NativeStep(_fits, partial(_lower, _write), cost=_cost))

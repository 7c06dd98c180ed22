"""Diagrams as SVG text: boxes, steps with their operations, edges, headings and a legend. It has no dependencies."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from .layout import Edge, Layout, arrange
from .model import FONT, LINE, PAD, Diagram, Group, Item, text_width

#: The margin of the picture, and the distance between two programs.
MARGIN, BETWEEN = 20.0, 36.0
#: The width limit of a layer, and the number of layers over which an edge is still drawn.
WIDEST, FAR = 2200.0, 24
#: Size of a heading's first line.
HEADING = 14.0

_LIGHT = """
.tv-page { fill: #fbfbfa } .tv text { fill: #24292f }
.tv-kernel .tv-frame { fill: #eef3fa; stroke: #7a9cc6 } .tv-library .tv-frame { fill: #f1edf8; stroke: #9a86c2 }
.tv-numpy .tv-frame { fill: #fbefe3; stroke: #d0924f } .tv-array rect { fill: #e6f1e8; stroke: #7fae88 }
.tv-number rect { fill: #f4f4ee; stroke: #a9a98c } .tv-value rect { fill: #ffffff; stroke: #8a929c }
.tv-op rect, .tv-many rect { fill: #ffffff; stroke: #c3cbd5 } .tv-root rect { fill: #ffffff; stroke: #3d6aa8 }
.tv-port rect { fill: #ffffff; stroke: #a7b1bd } .tv-output rect { fill: #fdf7e0; stroke: #bfa650 }
.tv-exit circle { fill: #3d6aa8 }
.tv-edge { stroke: #8a929c } .tv text.tv-soft { fill: #66707b } .tv-rule { stroke: #d5d9de }
"""
_DARK = """
.tv-page { fill: #16191d } .tv text { fill: #dfe3e8 }
.tv-kernel .tv-frame { fill: #1d2735; stroke: #55779f } .tv-library .tv-frame { fill: #272136; stroke: #7c69a6 }
.tv-numpy .tv-frame { fill: #35281a; stroke: #a87840 } .tv-array rect { fill: #1d2e22; stroke: #5b8765 }
.tv-number rect { fill: #2a2a22; stroke: #7d7d63 } .tv-value rect { fill: #20252b; stroke: #717b87 }
.tv-op rect, .tv-many rect { fill: #20252b; stroke: #4a535e } .tv-root rect { fill: #20252b; stroke: #7aa5e0 }
.tv-port rect { fill: #20252b; stroke: #59636f } .tv-output rect { fill: #322d1b; stroke: #94803c }
.tv-exit circle { fill: #7aa5e0 }
.tv-edge { stroke: #717b87 } .tv text.tv-soft { fill: #98a2ae } .tv-rule { stroke: #373e46 }
"""
_STYLE = f"""
.tv text {{ font: {FONT:g}px "DejaVu Sans Mono", Menlo, Consolas, monospace }}
.tv text.tv-heading {{ font-size: {HEADING:g}px; font-weight: bold }}
.tv-root rect {{ stroke-width: 1.8 }} .tv-edge {{ fill: none; stroke-width: 1.1 }}
{_LIGHT}@media (prefers-color-scheme: dark) {{{_DARK}}}
"""
_LEGEND = [("array", "array, an input"), ("number", "number, an input"),
           ("value", "value between steps"), ("output", "output"),
           ("kernel", "kernel: one compiled loop nest"), ("library", "library call"), ("numpy", "NumPy"),
           ("op", "operation"), ("root", "operation whose result is stored")]


@dataclass
class _Inside:
    """The layout of a step; its ports lie on the edge of its frame.

    layout: that of its boxes, at (x, y) from its corner.
    width, height: its size.
    top: the top of its frame.
    extra: the distance by which its exits are moved down from their places in `layout`.
    """

    layout: Layout
    width: float
    height: float
    x: float
    y: float
    top: float
    extra: float


def render(diagrams: Sequence[Diagram]) -> str:
    """The SVG document of several programs, one below the other."""
    body: list[str] = []
    y, width = MARGIN, 0.0
    y, width = _legend(body, y)
    for i, diagram in enumerate(diagrams, 1):
        y += BETWEEN
        if i > 1:
            body.append(f'<path class="tv-rule" d="M{MARGIN:g} {y - BETWEEN / 2:.1f}h{width:.1f}"/>')
        head = [f"{i}. {diagram.head[0]}", *diagram.head[1:]]
        body.append(_text(MARGIN, y, head[0], "tv-heading"))
        body += [_text(MARGIN, y + HEADING + 4 + LINE * k, line, "tv-soft") for k, line in enumerate(head[1:])]
        width = max(width, text_width(head[0], HEADING), *(text_width(line) for line in head[1:]))
        y += HEADING + LINE * len(head) + PAD
        drawn, wide, high = draw_program(diagram)
        body.append(f'<g class="tv-program" transform="translate({MARGIN:g} {y:.1f})">{drawn}</g>')
        y, width = y + high, max(width, wide)
    width, height = width + 2 * MARGIN, y + MARGIN
    return (f'<svg xmlns="http://www.w3.org/2000/svg" class="tv" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}"><style>{escape(_STYLE)}</style>'
            f'<rect class="tv-page" width="100%" height="100%"/>\n' + "\n".join(body) + "\n</svg>\n")


def draw_program(diagram: Diagram) -> tuple[str, float, float]:
    """The SVG elements of a program, and its width and height."""
    insides = {g.key: inside(g) for g in diagram.groups}
    layout = outside(diagram, insides)
    items = {i.key: i for i in diagram.items}
    parts = [_path(route, title=f"{a} {b}") for route, (a, _, b, _) in zip(layout.routes, diagram.edges, strict=True)
             if route]
    for key, (x, y) in layout.places.items():
        if key in items:
            parts.append(_box(items[key], x, y))
    for group in diagram.groups:
        x, y = layout.places[group.key]
        parts.append(_group(group, insides[group.key], x, y))
    return "\n".join(parts), layout.width, layout.height


def outside(diagram: Diagram, insides: dict[str, _Inside]) -> Layout:
    """The layout of a program's inputs, steps and values, with edges that end at the ports of steps."""
    sizes = {i.key: i.size for i in diagram.items} | {k: (s.width, s.height) for k, s in insides.items()}

    def port(step: str, key: str) -> float | None:
        if not key:
            return None
        inner = insides[step]
        return inner.x + inner.layout.places[key][0] + ports[key].size[0] / 2

    ports = {p.key: p for g in diagram.groups for p in [*g.ports, *g.exits]}
    return arrange(sizes, [Edge(a, b, port(a, out), port(b, into), FAR) for a, out, b, into in diagram.edges],
                   limit=WIDEST)


def inside(group: Group) -> _Inside:
    """The layout of a step's operations between its ports, with space for its heading on the left."""
    items = [*group.ports, *group.items, *group.exits]
    layout = arrange({i.key: i.size for i in items}, [Edge(a, b) for a, b in group.edges], gap=10.0, space=20.0,
                     top={p.key for p in group.ports}, bottom={e.key for e in group.exits})
    head = max(map(text_width, group.head)) + 2 * PAD
    top = LINE / 2 + 1.5
    y = 0.0 if group.ports else top + PAD
    wanted = 2 * top + PAD + LINE * len(group.head)
    height = max(layout.height + y, wanted)
    return _Inside(layout, head + layout.width + PAD, height, head, y, top, height - layout.height - y)


# ---- elements ------------------------------------------------------------------------------------

_MIDDLE = ' text-anchor="middle"'


def _text(x: float, y: float, text: str, kind: str = "", middle: bool = False) -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{style}{_MIDDLE if middle else ""}>{escape(text)}</text>'


def _box(item: Item, x: float, y: float) -> str:
    """A box with its lines of text, the first one in the dark colour."""
    width, height = item.size
    title = f"<title>{escape(item.title)}</title>" if item.title else ""
    start = f'<g class="tv-{item.kind}" data-key={quoteattr(item.key)}>{title}'
    if item.kind == "exit":
        return f'{start}<circle cx="{x + width / 2:.1f}" cy="{y + height / 2:.1f}" r="{width / 2:g}"/></g>'
    round_ = {"value": 0, "output": 0, "array": 0, "number": height / 2, "port": height / 2}.get(item.kind, 4)
    lines = [_text(x + width / 2, y + height / 2 + LINE * (k - (len(item.lines) - 1) / 2) + FONT * 0.36, line,
                   "tv-soft" if k else "", middle=True) for k, line in enumerate(item.lines)]
    return (f'{start}<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{round_:g}"/>'
            + "".join(lines) + "</g>")


def _group(group: Group, inner: _Inside, x: float, y: float) -> str:
    """A step: frame, heading, edges, operations, and ports on the frame."""
    end = inner.height - 3
    parts = [f'<g class="tv-step tv-{group.kind}" data-key={quoteattr(group.key)}><title>{escape(group.title)}</title>'
             f'<rect class="tv-frame" x="{x:.1f}" y="{y + inner.top:.1f}" width="{inner.width:.1f}" '
             f'height="{end - inner.top:.1f}" rx="8"/>']
    for k, line in enumerate(group.head):
        parts.append(_text(x + PAD, y + 2 * inner.top + LINE * k + FONT, line, "tv-soft" if k else ""))
    exits = {e.key for e in group.exits}
    for (_, target), route in zip(group.edges, inner.layout.routes, strict=True):
        moved = [(a + x + inner.x, b + y + inner.y) for a, b in route]
        if target in exits:
            moved[-1] = moved[-1][0], moved[-1][1] + inner.extra
        parts.append(_path(moved))
    for item in [*group.ports, *group.items, *group.exits]:
        a, b = inner.layout.places[item.key]
        parts.append(_box(item, x + inner.x + a, y + inner.y + b + (inner.extra if item.key in exits else 0.0)))
    return "".join(parts) + "</g>"


def _path(points: list[tuple[float, float]], title: str = "") -> str:
    """An edge: vertical lines where x does not change, else curves that begin and end vertically."""
    (x, y), d = points[0], ""
    for a, b in points[1:]:
        if abs(a - x) < 0.5:
            d += f"V{b:.1f}" if b != y else ""
        else:
            half = (y + b) / 2
            d += f"C{x:.1f} {half:.1f} {a:.1f} {half:.1f} {a:.1f} {b:.1f}"
        x, y = a, b
    data = f" data-edge={quoteattr(title)}" if title else ""
    return f'<path class="tv-edge"{data} d="M{points[0][0]:.1f} {points[0][1]:.1f}{d}"/>'


def _legend(body: list[str], y: float) -> tuple[float, float]:
    """Add the legend, in one line or two; returns the y at which it ends, and its width."""
    x, widest = MARGIN, 0.0
    for kind, meaning in _LEGEND:
        wide = 26 + text_width(meaning) + 14
        if x + wide > 760:
            x, y = MARGIN, y + 20
        frame = ' class="tv-frame"' if kind in ("kernel", "library", "numpy") else ""
        body.append(f'<g class="tv-{kind}"><rect{frame} x="{x:.1f}" y="{y - 10:.1f}" width="20" height="13" rx="3"/>'
                    f'{_text(x + 26, y + 1, meaning)}</g>')
        x += wide
        widest = max(widest, x - MARGIN)
    return y, widest

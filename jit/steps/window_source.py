"""The source of a pooling step, written part by part: its loops over planes and rows, and what each row does."""
from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tracer.ops.ir.aval import Shape
from tracer.ops.npx.window_reductions import PADDED, Windows, is_counted

from ..codegen.scalar_text import literal, register, short

#: The widest windows, and the longest stride, whose columns are combined in one loop.
UNROLLED = 8
#: The most rows of windows that are combined in one loop.
ROWS = 3

#: The names of a source's sizes, in the order of the arguments after the slots and the chunk's length: of the array,
#: the windows' number, length, stride and padding, each for depth, height and width; then of a row of scratch, and of
#: the part of the array's row that windows reach.
SIZES = ("d", "h", "w", "od", "oh", "ow", "kd", "kh", "kw", "sd", "sh", "sw", "pd", "ph", "pw", "n", "m")


class WindowSource:
    """The source of one kind of pooling, being written.

    shape: that of the array under the windows.
    attrs: the windows, and for sums what a mean counts.
    dtype: that of the array.
    """

    def __init__(self, shape: Shape, attrs: tuple, dtype: np.dtype) -> None:
        self.windows = Windows(*attrs[:4])
        self.counted = attrs[4] if len(attrs) > 4 else None
        size = shape[2:]
        self.planes = shape[0] * shape[1]
        self.varying = self.counted is not None and is_counted(self.windows, size, self.counted)
        self.dtype = dtype
        self.kind, self.reg = short(dtype), short(register(dtype))
        self.sizes = self._sizes(size)
        kernel, stride = self.windows.kernel[-1], self.windows.stride[-1]
        self.unrolled = kernel <= UNROLLED and stride <= UNROLLED
        self.kw: int | str = kernel if self.unrolled else "kw"
        self.sw: int | str = stride if self.unrolled else "sw"
        self.kh = self.windows.kernel[-2] if len(size) == 2 and self.windows.kernel[0] <= ROWS else 0
        self.scratch: list[tuple[str, int]] = []
        self.lines: list[str] = []
        self.pad = ""

    def _sizes(self, size: Shape) -> Sequence[int]:
        def three(values: Sequence[int], default: int) -> tuple[int, ...]:
            return (*(default,) * (3 - len(values)), *values)

        windows = self.windows
        ow, kw, sw, pw = windows.counts(size)[-1], windows.kernel[-1], windows.stride[-1], windows.pad[-1]
        n = (ow - 1) * sw + kw
        reached = max(min(size[-1], n - pw), 0)
        return (*three(size, 1), *three(windows.counts(size), 1), *three(windows.kernel, 1), *three(windows.stride, 1),
                *three(windows.pad, 0), n, reached)

    def add(self, *lines: str) -> None:
        """Add lines at the present depth."""
        self.lines += [self.pad + line for line in lines]

    def loop(self, head: str, *lines: str) -> None:
        """Add a loop of these lines."""
        self.add(head, *["    " + line for line in lines])

    @property
    def text(self) -> str:
        """The source."""
        return "\n".join(self.lines) + "\n"

    def enter(self, *heads: str) -> None:
        """Add the heads of loops around all that follows, until `leave`."""
        for head in heads:
            self.add(head)
            self.pad += "    "

    def leave(self, count: int = 1) -> None:
        """End so many loops."""
        self.pad = self.pad[:len(self.pad) - 4 * count]

    def ld(self, scope: int, at: str, index: str, kind: str = "") -> str:
        return f"ld_{kind or (self.kind if scope < 2 else self.reg)}_{scope}({at}, {index})"

    def st(self, scope: int, at: str, index: str, value: str, kind: str = "") -> str:
        return f"st_{kind or (self.kind if scope < 2 else self.reg)}_{scope}({at}, {index}, {value})"

    def zero(self, value: float = 0.0) -> str:
        return literal(value, register(self.dtype))

    # ---- the parts of a source -------------------------------------------------------------------

    def head(self, arrays: str, scratch: Sequence[tuple[str, str, int]]) -> None:
        """The beginning: arrays by slot, then scratch: (name, length, bytes of an element) for each row."""
        self.add("def kernel(bind, args, lo, hi):")
        self.pad = "    "
        for i, name in enumerate(arrays):
            self.add(f"{name} = bind[args[{i}]]")
        at = len(arrays)
        first = at + len(scratch) + 1
        for i, name in enumerate(SIZES):
            self.add(f"{name} = args[{first + i}]")
        for i, (name, length, itemsize) in enumerate(scratch):
            self.add(f"{name} = bind[args[{at + 1 + i}]] + {itemsize} * (lo // args[{at}]) * {length}")
            self.scratch.append((length, itemsize))

    def rows(self) -> None:
        """Open the loops over planes and rows of windows, with the range of the rows of the array under them."""
        self.enter("for r in range(lo, hi):", "for a in range(od):", "for b in range(oh):")
        for axis, at, row in (("d", "a", "c"), ("h", "b", "e")):
            self.add(f"first_{axis} = {at} * s{axis} - p{axis}",
                     f"low_{axis} = maximum(0, -first_{axis})", f"{row}0 = bounded(low_{axis}, k{axis})",
                     f"high_{axis} = maximum({row}0, minimum(k{axis}, {axis} - first_{axis}))",
                     f"{row}1 = bounded(high_{axis}, k{axis} + 1)")

    def under(self) -> None:
        """Open the loops over the rows of the array under the windows; `row` is the number of each in its plane."""
        self.enter("for c in range(c0, c1):", "for e in range(e0, e1):")
        self.add("z = first_d + c", "i = first_h + e", "z = bounded(z, d)", "i = bounded(i, h)")

    def row_of(self, name: str, array: str) -> str:
        """The line that computes the address of row `i` of depth `z`."""
        return f"{name} = {array} + {self.dtype.itemsize} * (((r * d + z) * h + i) * w)"

    def columns(self) -> Iterator[str]:
        """The places in scratch of a window's columns, for windows that are unrolled."""
        for k in range(self.windows.kernel[-1]):
            yield f"j * {self.sw} + {k}" if k else f"j * {self.sw}"

    def combine(self, join: str, start: str) -> None:
        """Combine the rows under the windows into `t`; join: the combination of v, which is next, and u."""
        scratch = "pw + j"
        if self.kh:
            self.enter(f"if e1 - e0 == {self.kh}:")
            self.add("z = 0")
            body = [f"u = {start}"]
            for k in range(self.kh):
                self.add(f"i = first_h + {k}", "i = bounded(i, h)", self.row_of(f"row{k}", "x"))
                body += [f"v = {self.ld(0, f'row{k}', 'j')}", f"u = {join}"]
            self.loop("for j in range(m):", *body, self.st(2, "t", scratch, "u"))
            self.leave()
            self.enter("else:")
        self.loop("for j in range(m):", self.st(2, "t", scratch, start))
        self.under()
        self.add(self.row_of("row", "x"))
        self.loop("for j in range(m):", f"v = {self.ld(0, 'row', 'j')}", f"u = {self.ld(2, 't', scratch)}",
                  self.st(2, "t", scratch, join))
        self.leave(2)
        if self.kh:
            self.leave()

    def count(self, index: str = "j") -> list[str]:
        """The lines that compute `share`, the number of elements of the window `index` of a row."""
        edge = "pw" if self.counted == PADDED else "0"
        return [f"low = maximum({index} * {self.sw} - pw, -{edge})",
                f"high = minimum({index} * {self.sw} - pw + {self.kw}, w + {edge})",
                f"share = {self.reg}(i32(maximum(high - low, 1) * rows))"]

    def count_rows(self) -> None:
        """Add the lines that compute `rows`, the number of the rows of the windows of a row."""
        if not self.varying:
            if self.counted is not None:
                self.add(f"share = {self.reg}(kd * kh * {self.kw})")
            return
        self.add("rows = 1")
        for axis in "dh":
            edge = f"p{axis}" if self.counted == PADDED else "0"
            self.add(f"rows = rows * maximum(1, minimum(first_{axis} + k{axis}, {axis} + {edge})"
                     f" - maximum(first_{axis}, -{edge}))")

"""The lowering of fused kernels to rows: the kernel, and the steps that fill and combine its partial results."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..codegen.generated import Generated
from ..codegen.scalar_text import combining, filling
from ..fusion.kernel import Kernel
from ..fusion.native_step import Uses
from ..graph.scalars import bits_of, number_of
from ..graph.symbolic_size import SymbolicSize, applied
from ..native.kernel_cache import find_kernel
from ..runtime import driver
from ..runtime.costs import cut

#: Elements of a long row of partial results that are combined at a time.
COMBINED = 2048


def lower(kernel: Kernel, made: Generated, uses: Uses) -> tuple[list[driver.Step], int]:
    """The rows of a kernel with this source, and the number of its main row. Raises CannotCompile."""
    address = find_kernel(made.source)
    slots = {root.node: uses.write(root.node, root.node.aval.nbytes) for root in kernel.roots}
    chunk, chunks = cut(made)
    if uses.chunk:
        chunk, chunks = uses.chunk, -(-made.extent // uses.chunk)
    parts = [uses.write((kernel, i), (1 if part.shared else chunks) * part.count * part.dtype.itemsize)
             for i, part in enumerate(made.parts)]
    args = [_argument(a, chunk, parts, uses) for a in made.args]
    before, after = [], []
    for slot, part in zip(parts, made.parts, strict=True):
        if part.root is None:
            continue
        node = part.root.node
        if part.shared:
            before.append(driver.Step(find_kernel(filling(node, part.dtype)), [slot], part.count))
        count = 1 if part.shared else chunks
        after.append(driver.Step(find_kernel(combining(node, part.dtype, part.count)),
                                 [slot, slots[node], count, part.count], part.count,
                                 COMBINED if part.count > COMBINED else 0))
    return [*before, driver.Step(address, args, made.extent, chunk), *after], len(before)


def _argument(what: Any, chunk: int, parts: Sequence[int], uses: Uses) -> Any:
    if isinstance(what, (int, SymbolicSize)):
        return what
    if what == "chunk":
        return max(chunk, 1)
    kind, value = what
    if kind == "number":
        number = number_of(value)
        return applied(bits_of if value.dtype.kind == "f" else int, number)
    return parts[value] if kind == "part" else uses.read(value)

"""Costs of steps, and the cut of a single step into chunks for the threads, by sizes alone.

Which thread runs which chunk is decided while a step runs (thread_pool.py).
"""
from __future__ import annotations

from ..codegen.generated import Generated
from ..graph.symbolic_size import applied

#: Estimated cost (flops and memory accesses) of a chunk: below it a thread's wake-up is not repaid.
CHUNK_COST = 1 << 17
#: The most chunks: more would only make more partial results.
MAX_CHUNKS = 64
#: The most chunks of a kernel with rows of partial results.
MAX_ROW_CHUNKS = 16


def cut(made: Generated) -> tuple[int, int]:
    """(chunk, chunks) of a kernel's range of rows: by cost alone, never by the number of threads."""
    wanted = min(applied(int, made.cost // CHUNK_COST), MAX_CHUNKS, made.extent // made.align)
    if any(p.count > 1 and not p.shared for p in made.parts):
        wanted = min(wanted, MAX_ROW_CHUNKS)
    if wanted <= 1:
        return 0, 1
    rows = -(-made.extent // wanted)
    rows = -(-rows // made.align) * made.align
    return rows, -(-made.extent // rows)

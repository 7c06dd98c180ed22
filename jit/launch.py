"""Launches of small programs: allocate, fill `bind` and run, as one flat function.

Where the arithmetic takes a fraction of a microsecond, Python's loops over leaves and outputs are what a run costs.
"""
from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from .buffers import Buffer, Pool

Launch = Callable[[Sequence[Buffer], Sequence[float | int]], list[Buffer]]

#: Leaves, numbers and outputs up to which a launch is written out.
LIMIT = 16


def launcher(leaves: Sequence[int], numbers: Sequence[int], kinds: str, pools: Sequence[Pool], bind: Any,
             run: Callable[[], None]) -> Launch | None:
    """The function of a run's leaves and numbers that gives its outputs; None for a program with many of them.

    leaves, numbers: which of the run's the program uses; kinds: their struct codes, "q" or "d"; pools: of the
    outputs' memory; run: runs the program on `bind`.
    """
    if len(leaves) + len(numbers) + len(pools) > LIMIT:
        return None
    return _maker(tuple(leaves), tuple(numbers), kinds, len(pools))(bind, run, *[pool.take for pool in pools])


@lru_cache(maxsize=256)
def _maker(leaves: tuple[int, ...], numbers: tuple[int, ...], kinds: str, outputs: int) -> Callable[..., Launch]:
    takes = [f"take{i}" for i in range(outputs)]
    words = [f"leaves[{i}].addr" for i in leaves] + [f"scalars[{i}]" for i in numbers]
    words += [f"buffer{i}.addr" for i in range(outputs)]
    lines = [f"def make({', '.join(['bind', 'run', *takes])}):", "    def launch(leaves, scalars):"]
    lines += [f"        buffer{i} = take{i}()" for i in range(outputs)]
    lines += [f"        pack({', '.join(['bind', '0', *words])})", "        run()",
              f"        return [{', '.join(f'buffer{i}' for i in range(outputs))}]", "    return launch"]
    space: dict[str, Any] = {"pack": struct.Struct("=" + "q" * len(leaves) + kinds + "q" * outputs).pack_into}
    exec("\n".join(lines), space)
    return space["make"]

"""Launches of small programs: allocate, fill `bind` and run, as one flat function.

Where the arithmetic takes a fraction of a microsecond, Python's loops over leaves and outputs would dominate a run.
"""
from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from tracer.ops.ir.node import Node

from ..process.interrupts import Paused
from .buffers import Buffer, FreeList

Launch = Callable[[Sequence[Buffer], Sequence[float | int]], list[Buffer]]

#: The most leaves, numbers and outputs together of a program with a launch function.
LIMIT = 16


class ArgumentLayout(NamedTuple):
    """The slots of `bind` that a run fills, in order: leaves' addresses, numbers, outputs' addresses.

    leaves: by slot, the number of the leaf among the run's.
    numbers: by slot, that of the run-time scalar.
    kinds: the numbers' struct codes, "q" or "d".
    outputs: the number of outputs.
    """

    leaves: tuple[int, ...]
    numbers: tuple[int, ...]
    kinds: str
    outputs: int

    def pack(self) -> Callable[..., None]:
        """The function that writes these slots."""
        return struct.Struct("=" + "q" * len(self.leaves) + self.kinds + "q" * self.outputs).pack_into

    def call(self, output: str) -> str:
        """The text of a call of that function; output: the text of an output's buffer, a format of its number."""
        slots = [f"leaves[{i}].addr" for i in self.leaves] + [f"scalars[{i}]" for i in self.numbers]
        slots += [f"{output.format(i)}.addr" for i in range(self.outputs)]
        return f"pack({', '.join(['bind', '0', *slots])})"


def argument_layout(leaves: Sequence[Node], numbers: Sequence[Node], outputs: int) -> ArgumentLayout:
    """The argument layout of a program with these leaves and run-time scalars."""
    return ArgumentLayout(tuple([n.attrs[1] for n in leaves]), tuple([n.attrs[1] for n in numbers]),
                 "".join(["q" if n.dtype.kind == "i" else "d" for n in numbers]), outputs)


@lru_cache(maxsize=256)
def filler(layout: ArgumentLayout) -> Callable[..., None]:
    """The function that writes a run's arguments into `bind`."""
    pack = layout.pack()

    def fill(bind: Any, leaves: Sequence[Buffer], scalars: Sequence[float | int], buffers: Sequence[Buffer]) -> None:
        pack(bind, 0, *arguments(layout.leaves, leaves, layout.numbers, scalars, buffers))

    return fill


def arguments(at_leaves: tuple[int, ...], leaves: Sequence[Buffer], at_scalars: tuple[int, ...],
              scalars: Sequence[float | int], outputs: Sequence[Buffer]) -> list[float | int]:
    """A run's arguments, in the order of their slots; the numbers of leaves and scalars are as in `ArgumentLayout`."""
    found: list[float | int] = [leaves[i].addr for i in at_leaves]
    found += [scalars[i] for i in at_scalars]
    found += [buffer.addr for buffer in outputs]
    return found


def launcher(layout: ArgumentLayout, pools: Sequence[FreeList], bind: Any, run: Callable[[], None]) -> Launch | None:
    """The launch function of a program, from leaves and numbers to outputs; None for a program with many of them.

    pools: those of the outputs' memory.
    run: runs the program on `bind`.
    """
    if len(layout.leaves) + len(layout.numbers) + layout.outputs > LIMIT:
        return None
    return _maker(layout)(bind, run, *[pool.take for pool in pools])


@lru_cache(maxsize=256)
def _maker(layout: ArgumentLayout) -> Callable[..., Launch]:
    every = range(layout.outputs)
    outputs = f"[{', '.join([f'buffer{i}' for i in every])}]"
    lines = [f"def make({', '.join(['bind', 'run', *[f'take{i}' for i in every]])}):",
             "    def launch(leaves, scalars):",
             *[f"        buffer{i} = take{i}()" for i in every],
             f"        {layout.call('buffer{}')}",
             "        try:",
             "            run()",
             "        except Paused as left:",
             f"            left.outputs = {outputs}",
             "            raise",
             f"        return {outputs}",
             "    return launch"]
    space: dict[str, Any] = {"pack": layout.pack(), "Paused": Paused, "__name__": __name__}
    exec("\n".join(lines), space)
    return space["make"]

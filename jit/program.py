"""Programs: a set of output nodes with the means to run it, found by one look-up of those nodes."""
from __future__ import annotations

from collections.abc import Sequence

from tracer.ops.node import Node

from .buffers import Buffer
from .interpreter import ExecutionError, Interpreter
from .stats import COUNTERS

__all__ = ["ExecutionError", "Program", "find_program"]


class Program:
    """What runs for a set of output nodes."""

    def __init__(self, outputs: tuple[Node, ...]) -> None:
        self.outputs = outputs
        self.donations: list[tuple[int, int]] = []
        self.interpreter = Interpreter(outputs)

    def run(self, leaves: Sequence[Buffer], scalars: Sequence[float | int],
            donated: dict[int, Buffer] | None) -> list[Buffer]:
        COUNTERS.interpreted += 1
        return self.interpreter.run(leaves, scalars)


_PROGRAMS: dict[tuple[Node, ...], Program] = {}


def find_program(outputs: tuple[Node, ...]) -> Program:
    """The program that computes `outputs`, planned at the first request."""
    program = _PROGRAMS.get(outputs)
    if program is None:
        COUNTERS.programs += 1
        program = _PROGRAMS.setdefault(outputs, Program(outputs))
    else:
        COUNTERS.program_hits += 1
    return program

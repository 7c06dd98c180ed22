"""The comparison of the two tiers: programs run on both, and their outputs are compared (TRACER_JIT=compare).

The interpreter does each run, and then the plan, which the verifier has checked. Outputs must agree to some units in
the last place. Where they do not, the program may magnify rounding, as by a difference of nearly equal numbers or a
comparison: then the interpreter repeats the run a few times, with each op's rounding drawn at random, and results may
differ as much as these do. A larger difference is an error of the first node that differs when all nodes are outputs.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np

from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node
from tracer.ops.ir.op import ELEMENTWISE, LEAF

from ..plan.plan import CHECKS, Plan
from ..runtime.buffers import Buffer, from_array
from ..runtime.interpreter import ExecutionError, Interpreter
from .plan import check

#: Units in the last place by which results may differ at once.
ULPS = 8
#: SAMPLES, MOST: the runs with random rounding, at first and before a difference is an error: a run that meets a number
#: to the last bit, as a comparison may need, is rare. MARGIN: the multiple of the largest difference among these runs
#: that counts as rounding.
SAMPLES, MOST, MARGIN = 5, 300, 32

if check not in CHECKS:
    CHECKS.append(check)


class Difference(AssertionError):
    """A difference between the tiers."""


class Compared(Plan):
    """A plan whose results are compared with the interpreter's."""

    def __init__(self, outputs: Sequence[Node]) -> None:
        super().__init__(outputs)
        self._interpreter = Interpreter(self._outputs)

    def run(self, leaves: Sequence[Buffer], scalars: Sequence[float | int],
            donated: dict[int, Buffer] | None) -> list[Buffer]:
        """Compute the outputs natively. ExecutionError with a Difference where NumPy gives other ones."""
        given = {id(b) for b in donated.values()} if donated else ()
        kept = [from_array(b.block[0]) if id(b) in given else b for b in leaves]  # they are read again afterwards
        failure = None
        try:
            right = self._interpreter.run(kept, scalars)
        except ExecutionError as error:
            failure = error
        made = super().run(leaves, scalars, donated)
        if failure is not None:
            raise ExecutionError(failure.node, Difference(f"NumPy raises {failure.cause!r}, machine code nothing"))
        found = _first_difference(self._interpreter, self._outputs, made, right, (kept, scalars))
        if found is not None:
            nodes = [n for n in toposort(self._outputs) if n.op.kind != LEAF and not isinstance(n.aval, tuple)]
            every, run = Interpreter(nodes), Plan(nodes).run(kept, scalars, None)
            first = _first_difference(every, nodes, run, every.run(kept, scalars), (kept, scalars))
            node, text = first or (found[0], f"{found[1]}, though not where all nodes are outputs")
            raise ExecutionError(node, Difference(text))
        return made


def _first_difference(interpreter: Interpreter, nodes: Sequence[Node], made: Sequence[Buffer], right: Sequence[Buffer],
                      inputs: tuple) -> tuple[Node, str] | None:
    """The first of the nodes with other values in `made` than in `right`, and a text of the difference.

    inputs: the run's leaves and scalars.
    """
    samples: list[list[Buffer]] = []
    for i, node in enumerate(nodes):
        a, b = made[i].view(node.aval), right[i].view(node.aval)
        wrong = apart(a, b)
        for most in (SAMPLES, MOST):
            if wrong.any():
                samples += [rounded_at_random(interpreter, seed).run(*inputs) for seed in range(len(samples), most)]
                wrong &= apart(a, b, [s[i].view(node.aval) for s in samples])
        if wrong.any():
            at = tuple([int(k) for k in np.argwhere(wrong)[0]])
            return node, (f"machine code gives {a[at]!r}, NumPy {b[at]!r} at {at}; "
                          f"{int(wrong.sum())} of {wrong.size} elements differ")
    return None


def apart(a: np.ndarray, b: np.ndarray, samples: Sequence[np.ndarray] = ()) -> np.ndarray:
    """A mask of the elements that differ by more than rounding; `samples` are `b` computed with other rounding.

    >>> apart(np.array([1.0, np.nan, 3.0]), np.array([1 + 1e-15, np.nan, 3.1]))
    array([False, False,  True])
    """
    if b.dtype.kind != "f":
        unsure = np.zeros(b.shape, bool)
        for s in samples:
            unsure |= s != b
        return (a != b) & ~unsure
    with np.errstate(all="ignore"):
        x, y = a.astype(np.float64), b.astype(np.float64)
        allowed = np.where(np.isfinite(y), ULPS * float(np.finfo(b.dtype).eps) * np.abs(y), 0)
        for s in samples:
            z = s.astype(np.float64)
            moved = np.where((z == y) | (np.isnan(z) & np.isnan(y)), 0, np.abs(z - y))
            allowed = np.maximum(allowed, np.where(np.isnan(moved), np.inf, MARGIN * moved))
        return ~((x == y) | (np.isnan(x) & np.isnan(y)) | (np.abs(x - y) <= allowed) | np.isinf(allowed))


def rounded_at_random(interpreter: Interpreter, seed: int) -> Interpreter:
    """The interpreter with each inexact op off by some units in the last place, drawn at random."""
    shaken = copy(interpreter)
    draw = np.random.default_rng(seed)
    shaken.steps = [(i, node, _shaken(node, ref, draw), sources) for i, node, ref, sources in interpreter.steps]
    return shaken


def _shaken(node: Node, ref: Callable, draw: np.random.Generator) -> Callable:
    """An op's reference with random rounding of its result, and for a sum, of its operands."""
    sums = node.op.name in ("reduce_sum", "reduce_prod") or node.op.step in ("gemm", "scatter")
    if isinstance(node.aval, tuple) or node.dtype.kind != "f" or not (sums or node.op.kind == ELEMENTWISE):
        return ref

    def compute(arrays: Sequence[Any], attrs: tuple) -> Any:
        if sums:
            count = np.shape(arrays[0])[-1] if node.op.step == "gemm" else np.size(arrays[0]) / max(node.size, 1)
            root = max(count, 1) ** 0.5
            return _moved(ref([_moved(a, root, draw) for a in arrays], attrs), root / 2, draw)
        result = np.asarray(ref(arrays, attrs))
        exact = result == np.trunc(result)
        for a in arrays:
            exact |= np.abs(result) == np.abs(a)
        return np.where(exact, result, _moved(result, ULPS / 2, draw))

    return compute


def _moved(a: Any, ulps: float, draw: np.random.Generator) -> Any:
    a = np.asarray(a)
    if a.dtype.kind != "f":
        return a
    return (a * (1 + ulps * float(np.finfo(a.dtype).eps) * draw.uniform(-1, 1, a.shape))).astype(a.dtype)

"""Graphs of nodes in tests: built on arrays, verified, run in a mode, and differentiated numerically."""
from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tracer.jit import settings
from tracer.jit.plan.plan import Plan
from tracer.jit.program import WATCHERS, Program
from tracer.jit.report import timing
from tracer.jit.runtime import driver
from tracer.jit.runtime.buffers import from_array
from tracer.ops.control.gradient import gradient
from tracer.ops.ir.aval import aval
from tracer.ops.ir.errors import CannotCompile
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, items, leaf, make
from tracer.ops.ir.op import LEAF


@contextlib.contextmanager
def jit_mode(mode: str) -> Iterator[None]:
    """Run programs in one tier: "always" compiled, "never" (interpreted), or "auto"."""
    before, settings.mode = settings.mode, mode
    try:
        yield
    finally:
        settings.mode = before


def leaves(arrays: Sequence[np.ndarray], first: int = 0) -> list[Node]:
    """A leaf for each array, numbered from `first`."""
    return [leaf(aval(a.shape, a.dtype), first + i) for i, a in enumerate(arrays)]


def run(outputs: Sequence[Node], arrays: Sequence[np.ndarray], mode: str = "never") -> list[np.ndarray]:
    """The values of `outputs`, whose leaves are `arrays`; asserts that the run leaves the inputs unchanged."""
    buffers = [from_array(a) for a in arrays]
    with jit_mode(mode):
        program = Program(tuple(outputs))
        results = program.run(buffers, [], None)
        if mode == "always" and program.plan is None:
            raise CannotCompile("the program was interpreted")
    for buffer, a in zip(buffers, arrays, strict=True):
        np.testing.assert_array_equal(buffer.view(aval(a.shape, a.dtype)), a)
    return [b.view(o.aval).copy() for b, o in zip(results, outputs, strict=True)]


def check_threads(program: Plan, arrays: Sequence[np.ndarray], outputs: Sequence[Node], threads: Sequence[int],
                  timed: Sequence[bool]) -> None:
    """Assert equal results of a plan for each of these numbers of threads, run and timed in this order."""
    before, results = driver.get_threads(), []
    try:
        for count in threads:
            driver.set_threads(count)
            for measured in timed:
                timing.switch("test", measured)
                buffers = program.run([from_array(a) for a in arrays], [], None)
                results.append([b.view(n.aval).copy() for b, n in zip(buffers, outputs)])
    finally:
        timing.switch("test", False)
        driver.set_threads(before)
    for made in results:
        for a, first in zip(made, results[0]):
            np.testing.assert_array_equal(a, first)


def fallbacks(outputs: Sequence[Node]) -> list[str]:
    """The ops that NumPy would compute in the native form of a graph, with the reasons."""
    return [f"{node.op.name}: {reason}" for node, reason in Plan(tuple(outputs)).planning.fallbacks]


def verify(outputs: Sequence[Node], planned: bool = False) -> None:
    """Assert the invariants of every graph: inputs come first, nodes are interned, avals are those that the ops infer.

    planned: the nodes come from a plan: equal ones are one node, but not the one that `make` returns.
    """
    seen: set[Node] = set()
    keys: set[tuple] = set()
    for node in toposort(outputs):
        assert node not in seen, f"{node!r} is bound twice"
        assert seen.issuperset(node.inputs), f"{node!r} comes before an input"
        seen.add(node)
        key = (node.op, node.attrs, *node.inputs)
        interned = key not in keys if planned else make(node.op, node.inputs, node.attrs) is node
        assert interned, f"{node!r} is not interned"
        keys.add(key)
        inferred = node.op.infer([n.aval for n in node.inputs], node.attrs)
        assert inferred == node.aval, f"{node!r} is inferred as {inferred!r}"
        assert (node.op.kind == LEAF) <= (not node.inputs), f"the leaf {node!r} has inputs"
        hash(node.attrs)


def parts(node: Node) -> tuple[Node, ...]:
    """The outputs of a node: itself, or the items of one that has several."""
    return items(node) if isinstance(node.aval, tuple) else (node,)


def projected_gradient(outputs: Sequence[Node], weights: Sequence[Node],
                       by: Sequence[Node]) -> tuple[Node, ...]:
    """The cotangents of `by` for cotangents `weights` of the outputs."""
    return gradient(tuple(outputs), tuple(weights), tuple(by))


def slope(outputs: Sequence[Node], arrays: Sequence[np.ndarray], weights: Sequence[np.ndarray],
          directions: dict[int, np.ndarray], step: float) -> float:
    """d/dt of sum(outputs * weights) as arrays move by t * directions: a central difference of order 4."""
    total = 0.0
    for shift, factor in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
        moved = [a + shift * step * directions[i] if i in directions else a for i, a in enumerate(arrays)]
        values = run(outputs, moved)
        total += factor * sum(float(np.sum(v * w)) for v, w in zip(values, weights, strict=True))
    return total / (12 * step)


def recorded(build: Callable[[], object]) -> tuple[tuple[Node, ...], list, list]:
    """The output nodes of the largest program that `build` runs, and its leaves' buffers and numbers."""
    return max(_seen(build), key=lambda one: len(toposort(one[0])))


def plain(what: object) -> object:
    """A layout with its nodes written out, as nodes differ between plans."""
    if isinstance(what, Node):
        return what.op.name, what.attrs, what.aval, [plain(x) for x in what.inputs]
    return [plain(x) for x in what] if isinstance(what, (tuple, list)) else what


def programs(build: Callable[[], object]) -> list[tuple[Node, ...]]:
    """The output nodes of all programs that `build` runs."""
    return [outputs for outputs, _, _ in _seen(build)]


def _seen(build: Callable[[], object]) -> list[tuple[tuple[Node, ...], list, list]]:
    seen: list[tuple[tuple[Node, ...], list, list]] = []

    def watch(program, leaves, scalars, donated):
        seen.append((program.outputs, list(leaves), list(scalars)))

    WATCHERS.append(watch)
    try:
        with jit_mode("never"):
            build()
    finally:
        WATCHERS.remove(watch)
    return seen

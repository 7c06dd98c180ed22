"""Scans: a body of ops repeated along the first axis of arrays, with states carried from step to step.

A scan's derivative is a scan in the other direction. It reads what the body's derivative needs: operands, states before
each step, and results of products and reductions, which a copy of the scan gives besides its own results. The
derivative by an operand of all steps is a sum over them; where it is a sum of products, or over rows, one product or
sum after the loop makes it. Source: Bradbury et al., JAX (2018), `lax.scan`.

A scan may have a guard, a sequence or a state of whole numbers: a step before which it is 0 is left out. Such a step
gives zeros and changes no state, so that where the guard is a state the loop has ended. A step that is left out in one
direction is left out in the other, so that no derivative depends on what it might have computed.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..declare.families import call, operands
from ..ir.aval import Aval, aval
from ..ir.errors import MXNetError
from ..ir.graph import toposort
from ..ir.node import Node, items
from ..ir.op import FLOATS
from ..primitive.arithmetic import add, greater, like, not_equal, where
from ..primitive.elementary import tanh
from ..primitive.linear import broadcast_to, concatenate, part, reduce_sum, reshape
from ..primitive.matmul import product
from .adjoint import About, Last, Stack, adjoint_of, adjoint_step, with_kept
from .body import Body, graph_of, step_avals

#: The type of a guard.
GUARD = aval((), np.dtype(np.int64))

# ---- scan(*sequences, *states, *constants; body, number of sequences, of states, whether backwards, guard) ---------

def _infer(*args: Any) -> tuple[Aval, ...]:
    *avals, body, sequences, states, _, guard = args
    count = avals[0].shape[0]
    if not sequences or any([of.shape[:1] != (count,) for of in avals[:sequences]]):
        raise MXNetError(f"scan: sequences of different lengths: {[of.shape for of in avals[:sequences]]}")
    own = step_avals(avals, sequences)
    if guard >= 0 and own[guard] is not GUARD:
        raise MXNetError(f"scan: the guard is {own[guard]!r}, not {GUARD!r}")
    results = graph_of(body, own).results
    for before, after in zip(own[sequences:sequences + states], results, strict=False):
        if after.aval is not before:
            raise MXNetError(f"scan: a step turns the state {before!r} into {after.aval!r}")
    return (*[n.aval for n in results[:states]],
            *[aval((count, *n.shape), n.dtype) for n in results[states:]])


def _ref(*args: Any) -> tuple[np.ndarray, ...]:
    *arrays, body, sequences, states, backwards, guard = args
    arrays = [np.asarray(a) for a in arrays]
    avals = step_avals([aval(a.shape, a.dtype) for a in arrays], sequences)
    graph, count = graph_of(body, avals), arrays[0].shape[0]
    order = [n for n in toposort(graph.results) if n not in graph.leaves]
    results = [np.zeros((count, *n.shape), n.dtype) for n in graph.results[states:]]
    held, constants = arrays[sequences:sequences + states], arrays[sequences + states:]
    for t in reversed(range(count)) if backwards else range(count):
        values: dict[Node, Any] = dict(zip(graph.leaves, [*[a[t] for a in arrays[:sequences]], *held, *constants],
                                           strict=True))
        if guard >= 0 and not values[graph.leaves[guard]]:
            continue
        for n in order:
            made = n.op.ref([values[x] for x in n.inputs], n.attrs)
            values[n] = made if isinstance(n.aval, tuple) else np.asarray(made, n.dtype)
        held = [np.broadcast_to(values[n], n.shape) for n in graph.results[:states]]
        for whole, n in zip(results, graph.results[states:], strict=True):
            whole[t] = values[n]
    return (*[np.array(a) for a in held], *results)


def _vjp(cotangents: Sequence[Node | None], node: Node) -> list[Node | None]:
    body, sequences, states, backwards, guard = node.attrs
    given = tuple([k for k, g in enumerate(cotangents) if k >= states and g is not None])
    avals = step_avals([x.aval for x in node.inputs], sequences)
    about = About(body, avals, sequences, states, given, guard)
    adjoint = adjoint_of(about)
    whole = items(scan(node.inputs, Body(with_kept, (about,)), sequences, states, backwards, guard))
    outer = dict(zip(adjoint.leaves, node.inputs[:sequences], strict=False))
    outer.update(zip(adjoint.cotangents, [g for g in cotangents[states:] if g is not None], strict=True))
    stacks = {**outer, **dict(zip((*adjoint.results[states:], *adjoint.kept), whole[states:], strict=True))}
    starts = dict(zip(adjoint.leaves[sequences:sequences + states], node.inputs[sequences:], strict=False))
    for before, kept in adjoint.befores.items():
        stacks[before] = _before(starts[before], stacks[kept], backwards) if guard < 0 else stacks[kept]
    constants = dict(zip(adjoint.leaves[sequences + states:], node.inputs[sequences + states:], strict=True))
    zeros = [broadcast_to(like(x, 0), x.shape) for x in adjoint.carried]
    for i, k in enumerate(adjoint.floats):
        g = cotangents[k]
        if g is not None:
            zeros[i] = g
    found: tuple[Node, ...] = ()
    if adjoint.results_of_step:
        count = len(adjoint.read)
        read = [stacks[n] for n in adjoint.read] or [broadcast_to(like(zeros[0], 0), (node.inputs[0].shape[0],))]
        found = items(scan([*read, *zeros, *[constants[n] for n in adjoint.fixed]], Body(adjoint_step, (about,)),
                           max(count, 1), len(adjoint.carried), not backwards, -1 if guard < 0 else 0))
    if guard >= 0:
        flags = stacks[adjoint.leaves[guard]]
        stacks.update({n: _without_left_out(x, flags) for n, x in outer.items()})
    stacks.update(zip(adjoint.stacked, found[len(adjoint.carried):], strict=True))
    return [_gradient_of(source, stacks, found) for source in adjoint.sources]


_STEPS = operands((2, 3), (3,), (3,))


def _decay(leaves: Sequence[Node], *names: Any) -> list[Node]:
    """A body for samples: floats go through a product; of others the state keeps the largest."""
    x, h, w = leaves
    if x.dtype.kind != "f":
        return [where(greater(x, h), x, h), where(greater(x, h), h, x)]
    after = tanh(add(x, product(h, w)))
    return [after, add(after, x)]


def _samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(40)
    for count, batch, size, backwards in ((3, 2, 4, False), (2, 1, 3, True), (1, 3, 1, False)):
        yield ([rng.randn(count, batch, size), rng.randn(batch, size), rng.randn(size, size)],
               (Body(_decay), 1, 1, backwards, -1))


_scan = call("scan", _infer, _ref, _vjp, samples=_samples, step="loop", may_fail=False, axes=True,
             backward_dtypes=FLOATS, errors=[
    (operands((2, 3, 3), (2, 3), (3, 3)), (Body(_decay), 1, 1, False, -1), MXNetError),
    (operands((2, 3, 3), (3, 3), (3, 3)), (Body(_decay), 0, 2, False, -1), MXNetError),
    (operands((2, 3, 3), (2, 3), (3, 3)), (Body(_decay), 1, 1, False, 1), MXNetError)])


def scan(inputs: Sequence[Node], body: Body, sequences: int, states: int, backwards: bool = False,
         guard: int = -1) -> Node:
    """The node of a scan, whose outputs are the last states, then the results of all steps along a new first axis.

    inputs: the sequences, of one length along their first axes; the states before the first step; the constants.
    backwards: whether the last elements of the sequences come first; results stay with their elements.
    guard: the number of the sequence, or of the state after all sequences, that is 0 before steps that are left out.
    """
    return _scan(*inputs, attrs=(body, sequences, states, backwards, guard))


# ---- cotangents from an adjoint scan -------------------------------------------------------------

def _before(start: Node, after: Node, backwards: bool) -> Node:
    """A state before each step, from the one before the first and those after each."""
    start = reshape(start, (1, *start.shape))
    count = after.shape[0]
    if count == 1:
        return start
    return concatenate([part(after, 0, 1, count - 1), start] if backwards else
                       [start, part(after, 0, 0, count - 1)], 0)


def _without_left_out(x: Node, flags: Node) -> Node:
    """The values of all steps, with zeros for the steps that are left out."""
    run = not_equal(reshape(flags, (x.shape[0], *[1] * (x.ndim - 1))), like(flags, 0))
    return where(run, x, like(x, 0))


def _gradient_of(source: Any, stacks: dict[Node, Node], found: Sequence[Node]) -> Node | None:
    if source is None:
        return None
    if isinstance(source, Stack):
        return stacks[source.value]
    if isinstance(source, Last):
        return found[source.state]
    terms = [product(_tall(stacks[a]), _tall(stacks[b]), True, False) for a, b in source.products]
    for value, axes in source.rows:
        terms.append(reshape(reduce_sum(stacks[value], (0, *[a + 1 for a in axes])), source.of.shape))
    if source.state >= 0:
        terms.append(found[source.state])
    total = terms[0]
    for term in terms[1:]:
        total = add(total, term)
    return total


def _tall(x: Node) -> Node:
    """The rows of all steps in one matrix."""
    return reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))

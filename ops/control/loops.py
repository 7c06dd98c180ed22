"""Scans: a body of ops repeated along the first axis of arrays, with states carried from step to step.

A scan's derivative is a scan in the other direction. It reads what the body's derivative needs: operands, states before
each step, and results of products and reductions, which a copy of the scan gives besides its own results. The
derivative by an operand of all steps is a sum over them; where it is a sum of products, or over rows, one product or
sum after the loop makes it. Source: Bradbury et al., JAX (2018), `lax.scan`.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..declare.families import call, operands
from ..ir.aval import Aval, aval
from ..ir.errors import MXNetError
from ..ir.graph import substitute, toposort
from ..ir.node import FORGETTERS, Node, items, leaf, leaf_op, scalar_op
from ..ir.op import CALL, FLOATS, REDUCTION
from ..primitive.arithmetic import add, greater, like, where
from ..primitive.elementary import tanh
from ..primitive.linear import broadcast_to, concatenate, part, reduce_sum, reshape
from ..primitive.matmul import product
from .gradient import gradient


class Body(NamedTuple):
    """The body of a scan, built anew for operands of any shapes and dtypes.

    build: (leaves, *static) -> the states after the step, then the results of the step. The leaves are the step's
        elements of the sequences, the states before it, and the constants.
    static: the numbers and names on which the body depends, hashable.
    """

    build: Callable[..., Sequence[Node]]
    static: tuple = ()


class Graph(NamedTuple):
    """The graph of a body for operands of certain avals."""

    leaves: tuple[Node, ...]
    results: tuple[Node, ...]


_GRAPHS: dict[tuple, Graph] = {}
FORGETTERS.append(_GRAPHS.clear)


def graph_of(body: Body, avals: tuple[Aval, ...]) -> Graph:
    """The graph of a body for leaves of these avals. Memoized."""
    key = body, avals
    found = _GRAPHS.get(key)
    if found is None:
        leaves = tuple([leaf(of, i) for i, of in enumerate(avals)])
        found = _GRAPHS[key] = Graph(leaves, tuple(body.build(leaves, *body.static)))
    return found


def step_avals(avals: Sequence[Aval], sequences: int) -> tuple[Aval, ...]:
    """The avals of a body's leaves: of the sequences one element each."""
    return tuple([aval(of.shape[1:], of.dtype) if i < sequences else aval(of.shape, of.dtype)
                  for i, of in enumerate(avals)])


# ---- scan(*sequences, *states, *constants; body, number of sequences, of states, whether backwards) ----------------

def _infer(*args: Any) -> tuple[Aval, ...]:
    *avals, body, sequences, states, _ = args
    count = avals[0].shape[0]
    if not sequences or any([of.shape[:1] != (count,) for of in avals[:sequences]]):
        raise MXNetError(f"scan: sequences of different lengths: {[of.shape for of in avals[:sequences]]}")
    own = step_avals(avals, sequences)
    results = graph_of(body, own).results
    for before, after in zip(own[sequences:sequences + states], results, strict=False):
        if after.aval is not before:
            raise MXNetError(f"scan: a step turns the state {before!r} into {after.aval!r}")
    return (*[n.aval for n in results[:states]],
            *[aval((count, *n.shape), n.dtype) for n in results[states:]])


def _ref(*args: Any) -> tuple[np.ndarray, ...]:
    *arrays, body, sequences, states, backwards = args
    arrays = [np.asarray(a) for a in arrays]
    avals = step_avals([aval(a.shape, a.dtype) for a in arrays], sequences)
    graph, count = graph_of(body, avals), arrays[0].shape[0]
    order = [n for n in toposort(graph.results) if n not in graph.leaves]
    results = [np.empty((count, *n.shape), n.dtype) for n in graph.results[states:]]
    held, constants = arrays[sequences:sequences + states], arrays[sequences + states:]
    for t in reversed(range(count)) if backwards else range(count):
        values: dict[Node, Any] = dict(zip(graph.leaves, [*[a[t] for a in arrays[:sequences]], *held, *constants],
                                           strict=True))
        for n in order:
            made = n.op.ref([values[x] for x in n.inputs], n.attrs)
            values[n] = made if isinstance(n.aval, tuple) else np.asarray(made, n.dtype)
        held = [np.broadcast_to(values[n], n.shape) for n in graph.results[:states]]
        for whole, n in zip(results, graph.results[states:], strict=True):
            whole[t] = values[n]
    return (*[np.array(a) for a in held], *results)


def _vjp(cotangents: Sequence[Node | None], node: Node) -> list[Node | None]:
    body, sequences, states, backwards = node.attrs
    given = tuple([k for k, g in enumerate(cotangents) if k >= states and g is not None])
    avals = step_avals([x.aval for x in node.inputs], sequences)
    about = _About(body, avals, sequences, states, given)
    adjoint = _adjoint(about)
    whole = items(scan(node.inputs, Body(_with_kept, (about,)), sequences, states, backwards))
    stacks: dict[Node, Node] = dict(zip(adjoint.leaves, node.inputs[:sequences], strict=False))
    stacks.update(zip((*adjoint.results[states:], *adjoint.kept), whole[states:], strict=True))
    stacks.update(zip(adjoint.cotangents, [g for g in cotangents[states:] if g is not None], strict=True))
    starts = node.inputs[sequences:sequences + states]
    for before, after, start in zip(adjoint.leaves[sequences:], adjoint.results[:states], starts, strict=False):
        if before in adjoint.needed:
            stacks[before] = _before(start, stacks[after], backwards)
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
        found = items(scan([*read, *zeros, *[constants[n] for n in adjoint.fixed]], Body(_adjoint_step, (about,)),
                           max(count, 1), len(adjoint.carried), not backwards))
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
               (Body(_decay), 1, 1, backwards))


_scan = call("scan", _infer, _ref, _vjp, samples=_samples, step="loop", may_fail=False, axes=True,
             backward_dtypes=FLOATS, errors=[
    (operands((2, 3, 3), (2, 3), (3, 3)), (Body(_decay), 1, 1, False), MXNetError),
    (operands((2, 3, 3), (3, 3), (3, 3)), (Body(_decay), 0, 2, False), MXNetError)])


def scan(inputs: Sequence[Node], body: Body, sequences: int, states: int, backwards: bool = False) -> Node:
    """The node of a scan, whose outputs are the last states, then the results of all steps along a new first axis.

    inputs: the sequences, of one length along their first axes; the states before the first step; the constants.
    backwards: whether the last elements of the sequences come first; results stay with their elements.
    """
    return _scan(*inputs, attrs=(body, sequences, states, backwards))


# ---- the derivative of a step --------------------------------------------------------------------

class _About(NamedTuple):
    """A body and the facts from which its derivative follows.

    avals: those of its leaves.
    sequences, states: the numbers of these among the leaves.
    given: the numbers of the results, other than states, that have a cotangent.
    """

    body: Body
    avals: tuple[Aval, ...]
    sequences: int
    states: int
    given: tuple[int, ...]


class _Adjoint(NamedTuple):
    """The derivative of a body's step, as a graph of the body's own nodes.

    leaves, results: the body's.
    cotangents: the leaves of cotangents of results.
    floats: the numbers of the states that have cotangents.
    carried: the leaves of the adjoint scan's states: cotangents of states, then sums for constants.
    results_of_step: the adjoint states after a step, then the results of the adjoint step.
    stacked: these results.
    kept: the values of the body that the scan must also give as results.
    read: the values of a step that the adjoint step reads; fixed: the constants that it reads.
    needed: all values of which the derivative needs every step's.
    sources: for each leaf of the body, the way in which its cotangent is made.
    """

    leaves: tuple[Node, ...]
    results: tuple[Node, ...]
    cotangents: tuple[Node, ...]
    floats: tuple[int, ...]
    carried: tuple[Node, ...]
    results_of_step: tuple[Node, ...]
    stacked: tuple[Node, ...]
    kept: tuple[Node, ...]
    read: tuple[Node, ...]
    fixed: tuple[Node, ...]
    needed: frozenset[Node]
    sources: tuple[Any, ...]


class _Stack(NamedTuple):
    """A cotangent that is the stack of a value of all steps."""

    value: Node


class _Last(NamedTuple):
    """A cotangent that is a state after the last step, by its number."""

    state: int


class _Sum(NamedTuple):
    """A cotangent that is a sum: of products a.T @ b and of sums over rows, of all steps; and a state, unless -1."""

    products: tuple[tuple[Node, Node], ...]
    rows: tuple[tuple[Node, tuple[int, ...]], ...]
    state: int
    of: Aval


_ADJOINTS: dict[_About, _Adjoint] = {}
FORGETTERS.append(_ADJOINTS.clear)


def _adjoint(about: _About) -> _Adjoint:
    found = _ADJOINTS.get(about)
    if found is None:
        found = _ADJOINTS[about] = _differentiate(about)
    return found


def _differentiate(about: _About) -> _Adjoint:
    body, avals, sequences, states, given = about
    leaves, results = graph_of(body, avals)
    index = iter(range(len(avals), 1 << 30))
    cotangents = tuple([leaf(results[k].aval, next(index)) for k in given])
    floats = tuple([k for k in range(states) if results[k].dtype.kind == "f"])
    carried = [leaf(results[k].aval, next(index)) for k in floats]
    heads = [(results[k], g) for k, g in zip((*given, *floats), (*cotangents, *carried), strict=True)]
    targets = tuple([x for x in leaves if x.dtype.kind == "f"])
    found = dict(zip(targets, gradient(tuple([h for h, _ in heads]), tuple([g for _, g in heads]), targets),
                     strict=True))
    first, middle = leaves[:sequences], leaves[sequences:sequences + states]
    after = [found[middle[k]] for k in floats]
    steps = set(first) | set(middle) | set(cotangents)
    sources: list[Any] = [_Stack(found[x]) if x in found else None for x in first]
    sources += [_Last(floats.index(k)) if k in floats else None for k in range(states)]
    for x in leaves[sequences + states:]:
        if x not in found:
            sources.append(None)
            continue
        products, rows, rest = _taken_out(found[x], set(leaves[sequences + states:]))
        if rest is not None:
            carried.append(leaf(x.aval, next(index)))
            after.append(add(carried[-1], rest))
        sources.append(_Sum(products, rows, -1 if rest is None else len(carried) - 1, x.aval))
    wanted = [n for source in sources for n in _values(source)]
    kept = _kept([*after, *wanted], set(toposort(results)))
    direct = steps | set(kept)
    stacked = tuple(dict.fromkeys([n for n in wanted if n not in direct]))
    used = _frontier([*after, *stacked], set(kept))
    needed = {*used, *wanted}
    befores = [results[k] for k, x in enumerate(middle) if x in needed]
    kept += [n for n in dict.fromkeys(befores) if n not in kept]
    kept = [n for n in kept if n not in results[states:]]
    return _Adjoint(leaves, results, cotangents, floats, tuple(carried), (*after, *stacked), stacked, tuple(kept),
                    tuple([n for n in used if n in direct]), tuple([n for n in used if n in leaves and n not in steps]),
                    frozenset(needed), tuple(sources))


def _values(source: Any) -> Iterator[Node]:
    """The values of which a cotangent needs every step's."""
    if isinstance(source, _Stack):
        yield source.value
    elif isinstance(source, _Sum):
        for pair in source.products:
            yield from pair
        for value, _ in source.rows:
            yield value


def _taken_out(total: Node, constants: set[Node]) -> tuple[tuple, tuple, Node | None]:
    """The terms of a sum that one product, or one sum over rows, can make for all steps; and the sum of the others."""
    products: list[tuple[Node, Node]] = []
    rows: list[tuple[Node, tuple[int, ...]]] = []
    rest = None
    terms = [total]
    while terms:
        n = terms.pop()
        plain = n.inputs[0] if n.op.name == "reshape" else n
        if n.op.name == "add" and all([x.shape == n.shape for x in n.inputs]):
            terms += n.inputs
        elif n.op.name == "matmul" and n.attrs == (True, False) and n.ndim == 2 \
                and not constants.intersection(n.inputs):
            products.append((n.inputs[0], n.inputs[1]))
        elif plain.op.name == "reduce_sum" and 0 in plain.attrs[0] and plain.inputs[0] not in constants:
            rows.append((plain.inputs[0], plain.attrs[0]))
        else:
            rest = n if rest is None else add(rest, n)
    return tuple(products), tuple(rows), rest


#: Calls that only move elements: an adjoint step does them again.
_MOVES = {"cut", "item", "concatenate", "place"}


def _kept(outputs: Sequence[Node], body: set[Node]) -> list[Node]:
    """The results of the body's products, reductions and calls that `outputs` read."""
    found: dict[Node, None] = {}
    seen, stack = set(), [*outputs]
    while stack:
        n = stack.pop()
        if n in seen:
            continue
        seen.add(n)
        called = n.inputs[0].op.name not in _MOVES if n.op.name == "item" else \
            n.op.kind in (CALL, REDUCTION) and n.op.name not in _MOVES and not isinstance(n.aval, tuple)
        if n in body and called:
            found[n] = None
        else:
            stack += n.inputs
    return list(found)


def _frontier(outputs: Sequence[Node], ends: set[Node]) -> list[Node]:
    """The leaves, and the values among `ends`, from which the outputs are computed."""
    return [n for n in toposort(outputs, ends) if n in ends or n.op is leaf_op or n.op is scalar_op]


def _with_kept(leaves: Sequence[Node], about: _About) -> list[Node]:
    """The body of a scan that also gives what its derivative reads."""
    graph, adjoint = graph_of(about.body, about.avals), _adjoint(about)
    return substitute([*graph.results, *adjoint.kept], dict(zip(graph.leaves, leaves, strict=True)))


def repeated(body: Body) -> Body | None:
    """The body of which this one gives the results, and then values that a derivative reads; None for any other."""
    return body.static[0].body if body.build is _with_kept else None


def _adjoint_step(leaves: Sequence[Node], about: _About) -> list[Node]:
    """The body of the adjoint scan."""
    adjoint = _adjoint(about)
    start = max(len(adjoint.read), 1)
    mapping = dict(zip(adjoint.read, leaves, strict=False))
    mapping.update(zip((*adjoint.carried, *adjoint.fixed), leaves[start:], strict=True))
    return substitute(adjoint.results_of_step, mapping)


# ---- cotangents from an adjoint scan -------------------------------------------------------------

def _before(start: Node, after: Node, backwards: bool) -> Node:
    """A state before each step, from the one before the first and those after each."""
    start = reshape(start, (1, *start.shape))
    count = after.shape[0]
    if count == 1:
        return start
    return concatenate([part(after, 0, 1, count - 1), start] if backwards else
                       [start, part(after, 0, 0, count - 1)], 0)


def _gradient_of(source: Any, stacks: dict[Node, Node], found: Sequence[Node]) -> Node | None:
    if source is None:
        return None
    if isinstance(source, _Stack):
        return stacks[source.value]
    if isinstance(source, _Last):
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

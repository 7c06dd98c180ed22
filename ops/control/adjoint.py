"""Adjoint steps: the derivative of a scan's body, as the body of a scan in the other direction."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..ir.aval import Aval
from ..ir.graph import substitute, toposort
from ..ir.node import FORGETTERS, Node, leaf, leaf_op, scalar_op
from ..ir.op import CALL, REDUCTION
from ..primitive.arithmetic import add
from .body import Body, graph_of
from .gradient import gradient


class About(NamedTuple):
    """A body and the facts from which its derivative follows.

    avals: those of its leaves.
    sequences, states: the numbers of these among the leaves.
    given: the numbers of the results, other than states, that have a cotangent.
    guard: the number of the leaf that is 0 before steps that are left out, or -1.
    """

    body: Body
    avals: tuple[Aval, ...]
    sequences: int
    states: int
    given: tuple[int, ...]
    guard: int


class Adjoint(NamedTuple):
    """The derivative of a body's step, as a graph of the body's own nodes.

    leaves, results: the body's.
    cotangents: the leaves of cotangents of results.
    floats: the numbers of the states that have cotangents.
    carried: the leaves of the adjoint scan's states: cotangents of states, then sums for constants.
    results_of_step: the adjoint states after a step, then the results of the adjoint step.
    stacked: these results.
    kept: the values of the body that the scan must also give as results.
    read: the values of a step that the adjoint step reads, the guard first; fixed: the constants that it reads.
    befores: the states of which the derivative needs every step's, each with the kept value that gives it: the state
        after the step before, or where steps may be left out the state itself.
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
    befores: Mapping[Node, Node]
    sources: tuple[Any, ...]


class Stack(NamedTuple):
    """A cotangent that is the stack of a value of all steps."""

    value: Node


class Last(NamedTuple):
    """A cotangent that is a state after the last step, by its number."""

    state: int


class Sum(NamedTuple):
    """A cotangent that is a sum: of products a.T @ b and of sums over rows, of all steps; and a state, unless -1."""

    products: tuple[tuple[Node, Node], ...]
    rows: tuple[tuple[Node, tuple[int, ...]], ...]
    state: int
    of: Aval


_ADJOINTS: dict[About, Adjoint] = {}
FORGETTERS.append(_ADJOINTS.clear)


def adjoint_of(about: About) -> Adjoint:
    """The derivative of a body's step. Memoized."""
    found = _ADJOINTS.get(about)
    if found is None:
        found = _ADJOINTS[about] = _differentiate(about)
    return found


def _differentiate(about: About) -> Adjoint:
    body, avals, sequences, states, given, guard = about
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
    sources: list[Any] = [Stack(found[x]) if x in found else None for x in first]
    sources += [Last(floats.index(k)) if k in floats else None for k in range(states)]
    for x in leaves[sequences + states:]:
        if x not in found:
            sources.append(None)
            continue
        products, rows, rest = _taken_out(found[x], set(leaves[sequences + states:]))
        if rest is not None:
            carried.append(leaf(x.aval, next(index)))
            after.append(add(carried[-1], rest))
        sources.append(Sum(products, rows, -1 if rest is None else len(carried) - 1, x.aval))
    wanted = [n for source in sources for n in _values(source)]
    kept = _kept([*after, *wanted], set(toposort(results)))
    direct = steps | set(kept)
    stacked = tuple(dict.fromkeys([n for n in wanted if n not in direct]))
    used = _frontier([*after, *stacked], set(kept))
    guards = [] if guard < 0 else [leaves[guard]]
    needed = {*used, *wanted, *guards}
    befores = {x: results[k] if guard < 0 else x for k, x in enumerate(middle) if x in needed}
    kept += [n for n in dict.fromkeys(befores.values()) if n not in kept]
    kept = [n for n in kept if n not in results[states:]]
    return Adjoint(leaves, results, cotangents, floats, tuple(carried), (*after, *stacked), stacked, tuple(kept),
                   tuple(dict.fromkeys([*guards, *[n for n in used if n in direct]])),
                   tuple([n for n in used if n in leaves and n not in steps]), befores, tuple(sources))


def _values(source: Any) -> Iterator[Node]:
    """The values of which a cotangent needs every step's."""
    if isinstance(source, Stack):
        yield source.value
    elif isinstance(source, Sum):
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


def with_kept(leaves: Sequence[Node], about: About) -> list[Node]:
    """The body of a scan that also gives what its derivative reads."""
    graph, adjoint = graph_of(about.body, about.avals), adjoint_of(about)
    return substitute([*graph.results, *adjoint.kept], dict(zip(graph.leaves, leaves, strict=True)))


def repeated(body: Body) -> Body | None:
    """The body of which this one gives the results, and then values that a derivative reads; None for any other."""
    return body.static[0].body if body.build is with_kept else None


def adjoint_step(leaves: Sequence[Node], about: About) -> list[Node]:
    """The body of the adjoint scan."""
    adjoint = adjoint_of(about)
    start = max(len(adjoint.read), 1)
    mapping = dict(zip(adjoint.read, leaves, strict=False))
    mapping.update(zip((*adjoint.carried, *adjoint.fixed), leaves[start:], strict=True))
    return substitute(adjoint.results_of_step, mapping)

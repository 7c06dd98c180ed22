"""Meanings: the values that a row of a table must read and write, by its step's node and its kernel's arguments.

A value in memory has a tag: its node before reshapes, which only relabel memory; ("leaf", i) for the i-th leaf, and
likewise ("scalar", i) for run-time scalars; ("part", step, i) for partial results of a step; ("start", node) for the
zeros, or the copy, that a scatter adds its rows to; ("turned", node) for the weights and ("sums", node) for the parts
of a sum that rows of a convolution leave to others.
"""
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracer.ops.ir.node import Node, const_op, leaf_op, scalar_op
from tracer.ops.ir.op import VIEW
from tracer.ops.primitive.gather_scatter import index_arrays

from ..codegen.generated import Generated
from ..fusion.kernel import Kernel, Library
from ..plan.planner import PlanState
from ..steps.conv.arguments import AT
from ..steps.gemm.openblas import GemmArgs
from ..steps.gemm.sizes import WIDTH
from .accesses import chunks_of

Tag = Node | tuple

#: The places of a product's operands among its node's inputs: A, B, the array it is added to, the run-time factors.
_A, _B, _ONTO, _FACTORS = range(4)


@dataclass
class Meaning:
    """The meaning of a row. A role is the place of a slot of bind among the row's arguments.

    step: the number of its step.
    node: the node that it computes, or a part of.
    reads: by role, the values of which one must be there.
    writes: by role, the value that it writes there.
    numbers: by role, a run-time scalar.
    settled: by place, the number that another argument must be.
    extent: the length of the row's range, None where its accesses imply it.
    scatters: whether the several values that it may read stand for the rows of a scatter.
    holes: whether it writes every n-th piece of a value, of which other rows write the rest.
    checked: the sizes of axes and the indices whose check makes the row note a failure.
    done: the place of a slot that makes the row leave what it writes, where that is kept from another run.
    """

    step: int
    node: Node
    reads: dict[int, tuple[Tag, ...]] = field(default_factory=dict)
    writes: dict[int, Tag] = field(default_factory=dict)
    numbers: dict[int, Node] = field(default_factory=dict)
    settled: dict[int, int] = field(default_factory=dict)
    extent: int | None = None
    scatters: bool = False
    holes: bool = False
    checked: tuple | None = None
    done: int | None = None


class Meaningless(Exception):
    """A step's kernel cannot compute the results of the step."""

    def __init__(self, node: Node, reason: str) -> None:
        super().__init__(reason)
        self.node, self.reason = node, reason


def tag_of(node: Node) -> Tag:
    """The tag of a node's value."""
    while node.op.name == "reshape":
        node = node.inputs[0]
    return (node.op.name, node.attrs[1]) if node.op is leaf_op or node.op is scalar_op else node


def views(node: Node) -> Iterator[Node]:
    """A node, the node that it is a view of, and so on."""
    yield node
    while node.op.kind == VIEW:
        node = node.inputs[0]
        yield node


#: The native steps with index arrays.
INDEXED = ("gather", "scatter", "put")


def meanings_of(planning: PlanState) -> dict[int, Meaning]:
    """The meaning of each native row, by the identity of its driver.Step."""
    found: dict[int, Meaning] = {}
    for i, (step, (rows, *_)) in enumerate(zip(planning.steps, planning.rows, strict=True)):
        if not isinstance(rows, list):
            continue
        if isinstance(step, Kernel):
            made = planning.by_step[i]
            _check_kernel(step, made)
            meanings = _kernel(i, step, made, rows, planning.main_rows[i])
        elif step.node.op.step == "gemm":
            meanings = _products(i, step.node, rows)
        elif step.node.op.step in INDEXED:
            meanings = _indexed(i, step.node)
        elif step.node.op.step == "loop":
            meanings = _loop(i, step, rows)
        elif step.node.op.step == "concatenate":
            meanings = _concatenated(i, step.node)
        elif step.node.op.step in ("convolve", "convolve_spread", "convolve_correlate"):
            meanings = _convolved(i, step.node, rows)
        else:
            meanings = [_other(i, step.node, row) for row in rows]
        found.update(zip(map(id, rows), meanings, strict=True))
    return found


def _kernel(i: int, kernel: Kernel, made: Generated, rows: Sequence[Any], main: int) -> list[Meaning]:
    """The meanings of a kernel's rows: those that fill partial results, its main row, those that combine them."""
    own = Meaning(i, kernel.roots[0].node)
    roots = {r.node for r in kernel.roots}
    parts: dict[int, int] = {}  # by slot
    for role, what in enumerate(made.args):
        if not isinstance(what, tuple) or what[0] == "number":
            continue
        kind, value = what
        if kind == "part":
            tag: Tag = ("part", i, value)
            parts[rows[main].args[role]] = value
            own.reads[role], own.writes[role] = (tag,), tag
        elif value.op is scalar_op:
            own.numbers[role] = value
        elif value in roots:
            own.writes[role] = tag_of(value)
        else:
            own.reads[role] = (tag_of(value),)
    found = [own]
    for row in rows[:main]:
        found.insert(-1, Meaning(i, own.node, writes={0: ("part", i, parts.get(row.args[0]))}))
    for row in rows[main + 1:]:
        part = parts.get(row.args[0])
        root = None if part is None else made.parts[part].root
        if part is None or root is None:
            raise Meaningless(own.node, "what no kernel has left is combined")
        tag = "part", i, part
        count = 1 if made.parts[part].shared else chunks_of(rows[main].extent, rows[main].chunk)
        found.append(Meaning(i, root.node, {0: (tag,)}, {0: tag, 1: tag_of(root.node)}, settled={2: count}))
    return found


def _check_kernel(kernel: Kernel, made: Generated) -> None:
    """Raise Meaningless where a kernel has no argument for a value from which one of its results is computed."""
    given = {tag_of(what[1]) for what in made.args if isinstance(what, tuple) and what[0] == "slot"}
    if not math.prod(kernel.domain):
        return
    seen: set[Node] = set()
    stack = [x for root in kernel.roots for x in root.node.inputs]
    while stack:
        n = stack.pop()
        if n in seen or tag_of(n) in given or n.op is const_op:
            continue
        seen.add(n)
        if n.op is leaf_op or n.op is scalar_op:
            raise Meaningless(n, f"the kernel of {kernel.roots[0].node!r} is computed from it and does not read it")
        stack += n.inputs


def _products(i: int, node: Node, rows: Sequence[Any]) -> list[Meaning]:
    """The meanings of a matrix product's rows: one, or several, which sum over parts of the inner dimension in turn.

    Before them, a row may pack the right operand.
    """
    role = {name: k for k, name in enumerate(GemmArgs._fields)}
    meanings, start, total = [], 0, node.inputs[0].shape[-2 if node.attrs[0] else -1]
    m, n = node.shape[-2:]
    packs = len(rows[0].args) != len(GemmArgs._fields)
    if packs:
        meanings.append(Meaning(i, node, {0: (tag_of(node.inputs[1]),)}, {1: ("panels", node)}, extent=-(-n // WIDTH),
                                settled={2: n, 3: total, 4: int(node.attrs[1])}, done=5))
        rows = rows[1:]
    for row in rows:
        meaning, part = _product(i, node), GemmArgs._make(row.args)
        whole = meaning.settled
        columns = WIDTH if packs else 1 if part.tb else whole[role["ldb"]]
        changed = {"k": part.k, "a_offset": part.itemsize * start * (whole[role["lda"]] if part.ta else 1),
                   "b_offset": part.itemsize * start * columns}
        if packs:
            meaning.reads[role["b"]] = (("panels", node),)
            meaning.extent = m
            changed |= {"tb": 0, "ldb": total, "columns": 0}
        if start:
            changed |= {"beta": _bits(1.0), "beta_index": -1, "beta_at": -1, "source": -1}
            meaning.reads.pop(role["beta_at"], None)
            meaning.reads[role["c"]] = (tag_of(node),)
            meaning.numbers.pop(role["beta_index"], None)
        whole |= {role[name]: number for name, number in changed.items()}
        meanings.append(meaning)
        start += part.k
    if start != total:
        raise Meaningless(node, f"of the sums over {total} products {start} are made")
    return meanings


def _product(i: int, node: Node) -> Meaning:
    """The meaning of a matrix product, added to an array if the node has one."""
    role = {name: k for k, name in enumerate(GemmArgs._fields)}
    transposed_a, transposed_b, *factors = node.attrs
    a, b = node.inputs[:2]
    m, n = node.shape[-2:]
    found = Meaning(i, node, {role["a"]: (tag_of(a),), role["b"]: (tag_of(b),)}, {role["c"]: tag_of(node)})
    k, batch = a.shape[-2 if transposed_a else -1], math.prod(node.shape[:-2])
    numbers = {"m": m, "n": n, "k": k, "ta": int(transposed_a), "tb": int(transposed_b),
               "lda": m if transposed_a else k, "ldb": k if transposed_b else n, "ldc": n, "a_stride": m * k,
               "b_stride": k * n, "c_stride": m * n, "a_offset": 0, "b_offset": 0, "columns": int(n > m),
               "alpha": _bits(1.0), "beta": _bits(0.0), "alpha_index": -1, "beta_index": -1, "alpha_at": -1,
               "beta_at": -1}
    found.extent = batch * max(m, n)
    if factors:
        onto = (tag_of(node.inputs[_ONTO]),)
        found.reads[role["source"]] = found.reads[role["c"]] = onto
        numbers |= {"alpha": _bits(factors[0]), "beta": _bits(factors[1])}
        for name, at in zip(("alpha", "beta"), factors[2:], strict=True):
            factor = node.inputs[_FACTORS + at] if at >= 0 else None
            if factor is None:
                continue
            if factor.op is scalar_op:
                del numbers[f"{name}_index"]
                found.numbers[role[f"{name}_index"]] = factor
            else:
                del numbers[f"{name}_at"]
                found.reads[role[f"{name}_at"]] = (tag_of(factor),)
    found.settled = {role[name]: number for name, number in numbers.items()}
    return found


def _bits(number: float) -> int:
    return int(np.float64(number).view(np.int64))


def _indexed(i: int, node: Node) -> list[Meaning]:
    """The meanings of the rows of a gather, or of a scatter or put: the zeros or the copy, and the writes to it."""
    source, indices = node.inputs[0], index_arrays(node)
    onto = node.inputs[1 + len(indices):]
    scatter = node.op.step != "gather"
    shape = node.attrs[1] if scatter else source.shape
    count = len(indices)
    found = Meaning(i, node, {0: (tag_of(source),)}, {1: tag_of(node)})
    found.settled = {2: math.prod(shape[count:]), 4: indices[0].size}
    for k, index in enumerate(indices):
        found.reads[5 + 2 * k] = (tag_of(index),)
        found.settled[6 + 2 * k] = shape[k]
    found.extent = found.settled[2 if scatter else 4]
    if not node.attrs[-1]:
        found.checked = shape[:count], tuple([tag_of(x) for x in indices])
    if not scatter:
        return [found]
    found.reads[0] = tuple(dict.fromkeys([tag_of(x) for x in views(source)]))
    found.reads[1] = (("start", node),)
    found.scatters = True
    start = ("start", node) if indices[0].size else tag_of(node)
    if onto:
        return [Meaning(i, node, {0: (tag_of(onto[0]),)}, {1: start}), found]
    return [Meaning(i, node, writes={0: start}), found]


def _loop(i: int, step: Library, rows: Sequence[Any]) -> list[Meaning]:
    """The meanings of a scan's rows: the loop, which loops.py reads, and the copies of the last states."""
    node, found = step.node, [Meaning(i, step.node)]
    body, sequences, states, *_ = node.attrs
    results = [tag_of(n) for n in step.parts if n.attrs[0] >= states]
    for n in sorted(step.parts, key=lambda n: n.attrs[0]):
        if n.attrs[0] < states:
            found.append(Meaning(i, n, {0: (tag_of(node), *results)}, {1: tag_of(n)}, extent=n.size))
    return found


def _concatenated(i: int, node: Node) -> list[Meaning]:
    """The meanings of a concatenation's rows: for each part that has elements the place of its rows in the result's."""
    axis, = node.attrs
    rows, inner = math.prod(node.shape[:axis]), math.prod(node.shape[axis + 1:])
    found, start = [], 0
    for x in node.inputs:
        width = x.shape[axis] * inner
        if x.size:
            settled = {2: start} if rows == 1 else {2: start, 3: width, 4: node.shape[axis] * inner}
            found.append(Meaning(i, node, {0: (tag_of(x),)}, {1: tag_of(node)}, settled=settled, holes=rows > 1,
                                 extent=width if rows == 1 else rows))
        start += width
    return found


def _convolved(i: int, node: Node, rows: Sequence[Any]) -> list[Meaning]:
    """The meanings of the rows of a convolution, or of an adjoint: with weights turned before, or sums added after."""
    first, second = node.inputs
    *rest, stride, dilate, pad, groups = node.attrs
    ones = (1,) * len(pad)
    if node.op.step == "convolve":
        x, w, axes = first, second, (first.shape[2:], node.shape[2:], second.shape[2:], stride, ones, dilate, pad)
        filters, channels = second.shape[0] // groups, second.shape[1]
    elif node.op.step == "convolve_spread":
        x, w, axes = first, second, (first.shape[2:], *rest, second.shape[2:], ones, stride, [-d for d in dilate],
                                     [-p for p in pad])
        filters, channels = second.shape[1], second.shape[0] // groups
    else:
        x, w, axes = second, first, (second.shape[2:], first.shape[2:], *rest, stride, ones, dilate, pad)
        filters, channels = node.shape[0] // groups, node.shape[1]
    found = Meaning(i, node, {AT.x: (tag_of(x),), AT.w: (tag_of(w),)}, {AT.y: tag_of(node)}, settled={
        AT.itemsize: node.dtype.itemsize, AT.batch: x.shape[0], AT.groups: groups, AT.channels: channels,
        AT.filters: filters, AT.volume: math.prod(axes[0]), AT.positions: math.prod(axes[1]),
        AT.places: math.prod(axes[2]),
        **{AT.size0 + 3 * k + a: n for k, of in enumerate(axes) for a, n in enumerate(of, 3 - len(pad))}})
    if node.op.step != "convolve_correlate" and rows[-1].args[AT.lines]:
        found.reads[AT.turned] = (("transformed", node),)
        back = node.op.step == "convolve_spread"
        strides = {3: 9, 4: 9 * filters} if back else {3: 9 * channels, 4: 9}
        found.settled.update({AT.row: 4 * strides[3], AT.channel: 4 * strides[4]})
        return [Meaning(i, node, {0: (tag_of(w),)}, {1: ("transformed", node)}, extent=filters,
                        settled={2: channels, 5: int(back), **strides}, done=6), found]
    if node.op.step == "convolve" and len(rows) == 2:
        found.reads[AT.turned] = (("packed", node),)
        return [Meaning(i, node, {0: (tag_of(w),)}, {1: ("packed", node)}, extent=groups * -(-filters // WIDTH),
                        settled={2: filters, 3: channels * math.prod(axes[2])}, done=4), found]
    if node.op.step == "convolve_spread" and len(rows) == 2:
        turned = Meaning(i, node, {0: (tag_of(w),)}, {1: ("turned", node)}, extent=rows[0].extent,
                         settled={2: channels, 3: filters, 4: math.prod(axes[2])})
        found.reads[AT.w] = (("turned", node),)
        return [turned, found]
    if len(rows) == 1:
        return [found]
    parts, found.writes[AT.y] = rows[0].args[AT.panels], ("sums", node)
    return [found, Meaning(i, node, {0: (("sums", node),)}, {1: tag_of(node)}, extent=node.size,
                           settled={2: parts, 3: node.size})]


def _other(i: int, node: Node, row: Any) -> Meaning:
    """The meaning of a row of another kind of step: it may read the node's operands and value, and writes the value."""
    made, roles = tag_of(node), range(len(row.args))
    read = tuple(dict.fromkeys([made, *[tag_of(x) for operand in node.inputs for x in views(operand)]]))
    return Meaning(i, node, dict.fromkeys(roles, read), dict.fromkeys(roles, made))


def check_rows(node: Node, args: Sequence[int], tag: Tag) -> None:
    """Raise Meaningless where a scatter does not read its rows from where its operand, a view of `tag`, has them."""
    chain = []
    for base in views(node.inputs[0]):
        chain.append(base)
        if tag_of(base) == tag:
            break
    positions = np.arange(base.size).reshape(base.shape)
    for view in reversed(chain[:-1]):
        positions = view.op.ref([positions], view.attrs)
    width, count, at = args[2], args[4], 5 + 2 * len(index_arrays(node))
    start, step, *loops = args[at:]
    rows = np.full(count, start)
    rest = np.arange(count)
    for number, stride in reversed(list(zip(loops[::2], loops[1::2], strict=True))):
        rows += rest % number * stride
        rest //= number
    wanted = np.add.outer(rows, np.arange(width) * step)
    if (loops and rest.any()) or not np.array_equal(np.ravel(positions), np.ravel(wanted)):
        raise Meaningless(node.inputs[0], f"its rows do not lie in {tag!r} where the scatter reads them")

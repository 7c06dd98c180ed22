"""The verifier of kernels: right kernels pass for any chunks, and each kind of wrong one is refused."""
from __future__ import annotations

import dataclasses
import itertools
import math
import re

import graphs
import numpy as np
import pytest

from tracer.jit.fusion import roots
from tracer.jit.plan.pipeline import plan_graph
from tracer.jit.verify.kernels import Case, cases, chunkings, verify
from tracer.jit.verify.machine import FUNCTIONS, Buffer, KernelError, Machine, Number, bits
from tracer.ops.ir.node import Node
from tracer.ops.primitive.arithmetic import add, cast, div, mul, sub
from tracer.ops.primitive.elementary import exp, log
from tracer.ops.primitive.gather_scatter import gather, scatter_add
from tracer.ops.primitive.iota import counts
from tracer.ops.primitive.linear import broadcast_to, reduce_sum, reshape, slice_, spread, transpose
from tracer.ops.primitive.reductions import reduce_max, reduce_prod

pytestmark = pytest.mark.tierless

_RNG = np.random.default_rng(12)
A, B, INDEX = np.zeros((4, 6), "float32"), np.zeros((6,), "float32"), np.array([2, 0, 3])
ROWS = (("i", 0), ("s", 0, 6, 1))


@pytest.fixture(autouse=True)
def _everything_is_new(monkeypatch):
    monkeypatch.setattr("tracer.jit.verify.kernels._PROVED", set())


def only(*outputs: Node, most: int = 4000) -> Case:
    """The one step that computes these."""
    case, = cases(plan_graph(outputs), most)
    return case


def softmax(x: Node) -> Node:
    e = exp(sub(x, spread(reduce_max(x, (1,)), (1,), x)))
    return div(e, spread(reduce_sum(e, (1,)), (1,), x))


x, y, i = graphs.leaves([A, B, INDEX])
half, = graphs.leaves([np.zeros((4, 6), "float16")])
KERNELS = {
    "map": (mul(x, y),),
    "transpose": (add(transpose(x, (1, 0)), reshape(x, (6, 4))),),
    "slice": (slice_(x, ((3, 2, -2), (1, 3, 2))),),
    "numbers": (add(cast(counts(6, 2, 1), x.dtype), mul(x, x)),),
    "rows": (softmax(x),),
    "row and map": (reduce_sum(x, (1,)), log(reduce_sum(mul(x, x), (1,)))),
    "columns": (reduce_sum(x, (0,)), reduce_max(x, (0,))),
    "columns behind rows": (reduce_sum(reshape(x, (2, 3, 4)), (1,)),),
    "all": (reduce_sum(x, (0, 1)), reduce_prod(x, (0, 1)), mul(x, x)),
    "halves": (reduce_sum(mul(half, half), (0,)),),
    "gather": (gather(x, (i,), ROWS),),
    "gather in a kernel": (reduce_sum(gather(x, (i,), ROWS, True), (0,)),),
    "scatter": (scatter_add(broadcast_to(y, (3, 6)), (i,), ROWS, (4, 6)),),
}


@pytest.mark.parametrize("name", KERNELS)
def test_right_kernels(name):
    case = only(*KERNELS[name])
    assert len(chunkings(case)) > 1 or case.rows[case.main].extent < 2
    verify(case)


#: By kernel, (row, argument) whose value has no effect in a kernel so small: the length of a block longer than the
#: array, a stride between rows, the number of partial results, or the stride between these.
FREE = {"columns": {(1, 2), (1, 3), (2, 2), (2, 3)}, "columns behind rows": {(2, 2), (2, 3)},
        "all": {(0, 1), (0, 5), (0, 7), (0, 8), (1, 2), (2, 2)}, "halves": {(1, 2), (1, 3)},
        "gather in a kernel": {(1, 2), (1, 3)}, "scatter": {(1, 9)}}


@pytest.mark.parametrize("name", KERNELS)
def test_any_other_argument_is_refused(name):
    """Sizes, strides, offsets, counts and slots: each one more, and one less."""
    case = only(*KERNELS[name])
    for at, row in enumerate(case.rows):
        for k, change in itertools.product(range(len(row.args)), (1, -1)):
            failure = at == case.main and k == 3 and name in ("gather", "scatter")  # the slot where a failure is noted
            if at == case.main and k in case.chunk_args or f"args[{k}]" not in row.source or failure:
                continue
            args = [a + change * (j == k) for j, a in enumerate(row.args)]
            assert refused(case, at, args=args) or (at, k) in FREE.get(name, ()), \
                f"args[{k}] of row {at} is {args[k]} in place of {row.args[k]}"


def refused(case: Case, at: int, **changes) -> bool:
    rows = list(case.rows)
    rows[at] = rows[at]._replace(**changes)
    try:
        verify(dataclasses.replace(case, rows=rows))
    except KernelError:
        return True
    return False


@pytest.mark.parametrize("name", KERNELS)
def test_a_range_of_another_length_is_refused(name):
    case = only(*KERNELS[name])
    for at, row in enumerate(case.rows):
        if "range(lo, hi)" not in row.source:
            continue
        assert refused(case, at, extent=row.extent - 1)
        assert refused(case, at, extent=row.extent + 1) or "min(" in row.source  # a block without elements


#: name -> (kernel, text of its source, the replacement, part of the message of the refusal).
FAULTS = {
    "an element is missing": ("map", "range(d9)", "range(d9 - 1)", "written 0 times"),
    "a row is missing": ("map", "range(lo, hi)", "range(lo + 1, hi)", "written 0 times"),
    "two in one place": ("map", "st_f32_1(a8, j1,", "st_f32_1(a8, 0,", "written 6 times"),
    "behind the end": ("map", "(a3, j1)", "(a3, j1 + 1)", "an access to the element 24"),
    "another element": ("transpose", "ld_f32_0(a6, j1)", "ld_f32_0(a6, 3 - j1)", "other elements of memory"),
    "another operation": ("map", "v1 * v4", "v1 + v4", "and not"),
    "the wrong way round": ("rows", "v9 - v5", "v5 - v9", "and not"),
    "another dtype": ("map", "ld_f32_0(a3", "ld_i32_0(a3", "is accessed as i32"),
    "the scope of another": ("columns", "ld_f32_1", "ld_f32_2", "two scopes"),
    "a part that is not set": ("columns", "st_f32_1(q5, j6, f32(0.0))", "pass", "before it is written"),
    "parts of one chunk": ("columns", "(lo // args[0])", "0", "another one writes it"),
    "added twice": ("all", "c4 = fadd_reassoc(c4, v1)", "c4 = fadd_reassoc(fadd_reassoc(c4, v1), v1)", "and not"),
    "a total that is not begun": ("all", "t5 = f64(0.0)", "t5 = f64(1.0)", "and not"),
    "a row that is not begun": ("row and map", "c4 = f32(0.0)", "c4 = f32(0.0) if r == lo else c4", "other elements"),
    "an index without its step": ("gather in a kernel", ") * args[", ") * 0 * args[", "other elements"),
    "an index that is not checked": ("gather", "k0 + n0, k0)", "k0, k0)", "other elements"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_wrong_code_is_refused(name):
    kernel, right, wrong, reason = FAULTS[name]
    case = only(*KERNELS[kernel])
    source = case.rows[case.main].source
    changed = source.replace(right, wrong)
    assert changed != source, source
    rows = list(case.rows)
    rows[case.main] = rows[case.main]._replace(source=changed)
    with pytest.raises(KernelError, match=re.escape(reason)):
        verify(dataclasses.replace(case, rows=rows))


def test_parts_combined_twice_or_not_at_all_are_refused():
    for name in ("all", "columns", "columns behind rows"):
        case = only(*KERNELS[name])
        for at in range(case.main + 1, len(case.rows)):
            for rows in ([*case.rows, case.rows[at]], [row for k, row in enumerate(case.rows) if k != at]):
                with pytest.raises(KernelError, match="times"):
                    verify(dataclasses.replace(case, rows=rows))


def test_a_part_added_twice_is_refused():
    case = only(*KERNELS["all"])
    twice = case.rows[case.main + 1].source.replace("range(m)", "list(range(m)) * 2")
    assert refused(case, case.main + 1, source=twice)


def test_results_over_operands():
    case = only(mul(x, y))
    assert case.in_place == [(case.results[0], x)]
    square, = graphs.leaves([np.zeros((5, 5), "float32")])
    turned = only(add(square, transpose(square, (1, 0))))
    assert turned.in_place == []
    with pytest.raises(KernelError):
        verify(dataclasses.replace(turned, in_place=[(turned.results[0], square)]))
    shifted = only(add(slice_(x, ((0, 4, 1), (5, 6, -1))), x))
    with pytest.raises(KernelError):
        verify(dataclasses.replace(shifted, in_place=[(shifted.results[0], x)]))


def test_blocks_of_a_flat_loop():
    """An array longer than a block, and not a multiple of it."""
    a, = graphs.leaves([np.zeros(9000, "float32")])
    for outputs in ((mul(a, a),), (reduce_sum(a, (0,)),)):
        case = only(*outputs, most=10**6)
        assert case.rows[case.main].extent == 3
        verify(case)
        step = next(k for k, n in enumerate(case.rows[case.main].args) if n == 4096 and k)
        args = [4095 if k == step else n for k, n in enumerate(case.rows[case.main].args)]
        assert refused(case, case.main, args=args)


def test_a_small_part_of_a_large_array_is_left_out():
    """The reference would compute all of the array: for 2**18 elements 8 GiB of bits."""
    large, = graphs.leaves([np.zeros(1 << 18, "float32")])
    assert list(cases(plan_graph([slice_(mul(large, large), ((0, 2, 1),))]))) == []


def test_the_faults_that_it_was_made_for(monkeypatch):
    """A dimension of size 1 in a domain: the index map of a reduction's result has another coefficient for it."""
    thin, = graphs.leaves([np.zeros((2, 1, 2), "float32")])
    verify(only(reduce_sum(thin, (2,))))
    monkeypatch.setattr(roots, "long_axes", lambda shape: list(range(len(shape))))
    with pytest.raises(KernelError, match="written"):
        verify(only(reduce_sum(thin, (2,))))


def test_the_machine_against_the_mathematics():
    assert FUNCTIONS["i8"](200) == -56 and FUNCTIONS["u8"](-1) == 255 and FUNCTIONS["i32"](math.nan) == 0
    assert FUNCTIONS["erf"](0.5) + 1 == pytest.approx(FUNCTIONS["one_plus_erf"](0.5), rel=1e-15)
    assert FUNCTIONS["softplus"](-800.0) == 0 and FUNCTIONS["log_sigmoid"](np.float64(3)) == pytest.approx(
        math.log(1 / (1 + math.exp(-3))))
    assert FUNCTIONS["trunc_mod"](-7, 3) == -1 and FUNCTIONS["floor_mod"](-7, 3) == 2
    assert FUNCTIONS["word_as_f64"](bits(0.1)) == 0.1
    assert FUNCTIONS["bounded"](2, 3) == 2
    for outside in (-1, 3):
        with pytest.raises(KernelError, match="is not from 0 to 2"):
            FUNCTIONS["bounded"](outside, 3)
    source = "def kernel(bind, args, lo, hi):\n    st_i8_1(bind[0], 0, i8(ld_i8_0(bind[1], args[0]) << 1))\n"
    result, operand = Buffer("result", "i8", [None]), Buffer("operand", "i8", [Number(3, 1), Number(100, 2)])
    Machine({0: result, 1: operand}).run(source, [1], 1, 0)
    cell, = result.cells
    assert (cell.x, cell.of) == (-56, 2)


def test_the_machine_knows_all_names():
    from tracer.jit.native.intrinsics import NAMES

    assert NAMES.keys() - FUNCTIONS.keys() == {"INF", "NAN", "min"}  # built into Python or the machine

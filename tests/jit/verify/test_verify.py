"""The verifier of plans refuses plans with one fault each, and names the fault; it accepts sound plans.

That it accepts all sound plans is shown by every test of the suite: conftest.py has it check every plan.
"""
from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import graphs
import numpy as np
import pytest

from tracer.jit import settings
from tracer.jit.native.kernel_cache import source_at
from tracer.jit.plan import plan as plans
from tracer.jit.plan.layout import ByNumPy, Check
from tracer.jit.plan.memory import ALIGN, arrange
from tracer.jit.plan.pipeline import plan_graph
from tracer.jit.plan.plan import CHECKS, Plan
from tracer.jit.plan.planner import PlanState
from tracer.jit.runtime import driver
from tracer.jit.runtime.buffers import from_array
from tracer.jit.verify.accesses import of_kernel
from tracer.jit.verify.forms import Form, Var, apart
from tracer.jit.verify.memory import Memory
from tracer.jit.verify.native_effects import of_product
from tracer.jit.verify.plan import PlanError, check, verify
from tracer.ops.ir.aval import aval
from tracer.ops.ir.node import Node, leaf
from tracer.ops.primitive.arithmetic import add, mul, sub
from tracer.ops.primitive.elementary import tanh
from tracer.ops.primitive.gather_scatter import gather, scatter_add
from tracer.ops.primitive.linear import broadcast_to, reduce_sum, reshape, transpose
from tracer.ops.primitive.matmul import product

pytestmark = pytest.mark.tierless

_RNG = np.random.default_rng(7)


def floats(*shapes: tuple[int, ...], dtype: str = "float32") -> list[Node]:
    """A leaf of each shape."""
    return [leaf(aval(shape, np.dtype(dtype)), i) for i, shape in enumerate(shapes)]


def indices(count: int, at: int) -> Node:
    """A leaf of integers."""
    return leaf(aval((count,), np.dtype("int64")), at)


def rows_of(n: int) -> tuple:
    """The attribute of a gather or scatter that picks rows of `n` elements."""
    return ("i", 0), ("s", 0, n, 1)


def places_of(planning: PlanState) -> tuple[dict[int, int], int]:
    return arrange(planning.layout.touched, dict(planning.layout.between))


def accepted(planning: PlanState, **changes) -> None:
    verify(planning.layout._replace(**changes), *places_of(planning), planning)


def refused(planning: PlanState, places: dict[int, int] | None = None, **changes) -> PlanError:
    """The error for a planning's layout with some fields replaced, or with other offsets in the arena."""
    found, total = places_of(planning)
    with pytest.raises(PlanError) as error:
        verify(planning.layout._replace(**changes), found if places is None else places, total, planning)
    return error.value


def native(planning: PlanState) -> list[driver.Step]:
    """The rows of a layout, taken out of groups and chains."""
    return [row for run in planning.layout.runs if not isinstance(run, (ByNumPy, Check)) for row in run]


def replaced(planning: PlanState, row: driver.Step, **changes) -> tuple:
    """The runs of a layout with some fields of one row replaced."""
    return tuple([run if isinstance(run, (ByNumPy, Check)) else
                  tuple([one._replace(**changes) if one is row else one for one in run])
                  for run in planning.layout.runs])


def with_argument(row: driver.Step, place: int, value: int) -> list[int]:
    return [*row.args[:place], value, *row.args[place + 1:]]


# ---- memory between steps ------------------------------------------------------------------------

def test_a_place_given_away_one_step_early():
    x, w = floats((4, 4), (4, 4))
    for _ in range(5):
        x = product(x, w)
    planning = plan_graph([x])
    accepted(planning)
    places, _ = places_of(planning)
    for i, (reads, writes) in enumerate(planning.layout.touched[:-1]):
        if reads:  # the result at the offset of the step's own operand
            error = refused(planning, places | {writes[0]: places[reads[0]]})
            assert error.step.startswith(f"step {i}, matmul") and "written over what step" in error.reason


def test_what_is_accepted_computes_right(monkeypatch):
    """Random offsets: a layout that the verifier accepts gives NumPy's numbers; it refuses layouts that do not."""
    monkeypatch.setattr(settings, "poison", False)  # poison would write to this memory
    arrays = [_RNG.uniform(-1, 1, (20, 20)) for _ in range(2)]
    x, w = graphs.leaves(arrays)
    outputs = [product(tanh(product(tanh(product(tanh(product(x, w)), w)), w)), w)]
    planning, made, size = plan_graph(outputs), Plan(outputs), outputs[0].aval.nbytes
    slots = [slot for slot, _ in planning.layout.between]
    right, = graphs.run(outputs, arrays)
    taken = wrong = 0
    for _ in range(300):
        places = {slot: size * int(_RNG.integers(0, 3)) for slot in slots}
        try:
            verify(planning.layout, places, 3 * size, planning)
        except PlanError:
            accepts = False
        else:
            accepts = True
        made.places, made.starts = np.array(slots), np.array([places[w] for w in slots])
        made.arena_bytes, made.arena, made.arena_at, made.launch = 3 * size, None, -1, None
        found, = made.run([from_array(a) for a in arrays], [], None)
        same = np.allclose(found.view(outputs[0].aval), right)
        assert same or not accepts
        taken += accepts
        wrong += not same
    assert taken > 5 and wrong > 50


def test_a_gather_reads_below_a_reshape_that_is_stored():
    """Issue 10, fault 2: the step declared a read of the reshape, and its operand's memory was reused by the result."""
    x, index = *floats((2, 3)), indices(3, 1)
    base = product(x, reshape(tanh(x), (3, 2)))
    picked = gather(reshape(base, (2, 2)), (index,), rows_of(2), False)
    _refused_over_what_it_reads([product(picked, mul(base, base))], "gather")


def test_a_scatter_reads_below_a_broadcast_that_is_stored():
    """Issue 10, fault 3."""
    x, index = *floats((3, 5)), indices(3, 1)
    wide = broadcast_to(reduce_sum(mul(x, x), (0,)), (3, 5))
    added = scatter_add(wide, (index,), rows_of(5), (4, 5))
    _refused_over_what_it_reads([product(added, tanh(wide), False, True)], "scatter_add")


def _refused_over_what_it_reads(outputs: list[Node], name: str) -> None:
    planning = plan_graph(outputs)
    accepted(planning)
    at = next(i for i, (_, _, writes) in enumerate(planning.rows) if isinstance(writes[0], Node)
              and writes[0].op.name == name)
    reads, writes = planning.layout.touched[[at in group for group in planning.groups].index(True)]
    places, _ = places_of(planning)
    for slot in reads:
        error = refused(planning, places | {writes[0]: places[slot]})
        assert name in error.step


def test_a_place_outside_the_arena():
    planning = plan_graph([product(product(*floats((4, 4), (4, 4))), floats((4, 4))[0])])
    (slot, _), = planning.layout.between
    assert "bytes 64 to 128 of 64" in refused(planning, {slot: 64}).reason
    assert refused(planning, {0: 0}).reason.endswith("has no slot of its own")


# ---- donations -----------------------------------------------------------------------------------

def test_a_donation_that_is_legal():
    planning = plan_graph([sub(floats((8, 3))[0], mul(*[floats((8, 3), (8, 3))[1]] * 2))])
    assert planning.layout.donations == ((0, (0, 1)),)
    accepted(planning)


def test_a_donation_of_a_leaf_that_is_read_later():
    w, g = floats((3, 3), (3, 3))
    first = product(w, g)
    planning = plan_graph([tanh(first), product(first, w)])
    error = refused(planning, donations=((0, (0,)),))
    assert error.step == "donation of leaf 0" and "reads through slot 0" in error.reason


@pytest.mark.parametrize("build", [
    lambda w: [add(w, transpose(w, (1, 0)))],  # read at another index in the same loop
    lambda w: [product(w, w)],
    lambda w: [mul(w, w), w],  # the leaf is a result itself
    lambda w: [reduce_sum(w, (0,))],  # of another size
])
def test_a_donation_that_is_not(build):
    planning = plan_graph(build(*floats((4, 4))))
    assert not planning.layout.donations
    assert refused(planning, donations=((0, (0,)),)).step == "donation of leaf 0"


def test_a_donation_before_a_step_that_may_raise():
    w, index = *floats((4, 4)), indices(3, 1)
    planning = plan_graph([mul(w, w), gather(tanh(floats((4, 4), (4, 4))[1]), (index,), rows_of(4), False)])
    planning = plan_graph([mul(w, w), gather(product(w, w), (index,), rows_of(4), False)])
    assert not planning.layout.donations
    assert "donation" in refused(planning, donations=((0, (0,)),)).step


# ---- rows that run in parallel -------------------------------------------------------------------

def regrouped(planning: PlanState, regroup) -> PlanState:
    """The planning with the rows of its only table regrouped."""
    rows, = planning.layout.runs
    planning.layout = planning.layout._replace(runs=(tuple(regroup(rows)),))
    return planning


def test_members_of_a_group_that_need_one_another():
    x, w = floats((4, 4), (4, 4))
    planning = regrouped(plan_graph([product(product(x, w), w)]), lambda rows: [driver.Group(rows)])
    error = refused(planning)
    assert "step 0" in error.step and "while step 1" in error.reason and "at the same time" in error.reason


def test_members_of_a_group_over_the_same_place():
    x, w = floats((4, 4), (4, 4))
    planning = plan_graph([product(product(x, w), product(w, x))])
    regrouped(planning, lambda rows: [driver.Group(rows[:2]), rows[2]])
    first, second = [slot for slot, _ in planning.layout.between]
    assert "at the same time" in refused(planning, {first: 0, second: 0}).reason
    verify(planning.layout, {first: 0, second: ALIGN}, 2 * ALIGN, planning)


@pytest.mark.parametrize("build, fits", [
    (lambda x, w: mul(product(x, w), x), True),
    (lambda x, w: product(w, product(x, w)), False),  # needs all rows of the first product
])
def test_bands_of_a_chain(build, fits):
    x, w = floats((256, 256), (256, 256), dtype="float64")  # no row packs w
    planning = regrouped(plan_graph([build(x, w)]), lambda rows: [driver.Chain(rows)])
    (chain,), = planning.layout.runs
    runs = ((driver.Chain([row._replace(chunk=row.extent // 4) for row in chain.steps]),),)
    if fits:
        accepted(planning, runs=runs)
    else:
        error = refused(planning, runs=runs)
        assert "step 1" in error.step and "is read where nothing lies" in error.reason


def test_chunks_that_share_a_partial_result():
    x, = floats((1 << 19,))
    planning = plan_graph([reduce_sum(mul(x, x), (0,))])
    accepted(planning)
    main = next(row for row in native(planning) if row.chunk)
    error = refused(planning, runs=replaced(planning, main, args=with_argument(main, 0, 2 * main.chunk)))
    assert "another chunk writes" in error.reason


def of_many_digits() -> tuple[PlanState, driver.Step]:
    """A map whose operands have no common strides: the rows of its loop are numbers of six digits. Also its row."""
    def wide(x: Node, axes: Sequence[int]) -> Node:
        return broadcast_to(reshape(x, tuple([6 if axis in axes else 1 for axis in range(7)])), (6,) * 7)

    x, y = floats((6, 6, 6, 6), (6, 6, 6, 6))
    planning = plan_graph([mul(wide(x, (0, 2, 4, 6)), wide(y, (1, 3, 5, 6)))])
    row, = native(planning)
    assert row.extent == 6 ** 6 and (source_at(row.fn) or "").count(" % ") == 5
    return planning, row


@pytest.mark.parametrize("chunk", [1, 7, 4666, 5832, 7776, 23328, 46655])
def test_chunks_of_rows_of_many_digits(chunk):
    """They begin in the middle of each digit, and rows of different chunks are still found disjoint."""
    planning, row = of_many_digits()
    accepted(planning, runs=replaced(planning, row, chunk=chunk))


def test_chunks_of_rows_with_a_wrong_digit():
    """Each digit's weight in the result, and each digit's base, off by one or taken from its neighbour."""
    planning, row = of_many_digits()
    weights, bases = range(9, 15), range(17, 22)
    assert [row.args[i] for i in weights] == [6 ** k for k in range(6, 0, -1)] and {row.args[i] for i in bases} == {6}
    for place in (*weights, *bases):
        neighbour = [row.args[place + 1]] if place in weights[:-1] else []
        for value in (row.args[place] - 1, row.args[place] + 1, *neighbour):
            runs = replaced(planning, row, chunk=4666, args=with_argument(row, place, value))
            assert any(why in refused(planning, runs=runs).reason for why in ("are reached", "with holes", "chunk"))
    args = with_argument(row, 9, row.args[10])
    args[10] = row.args[9]
    assert "another chunk writes" in refused(planning, runs=replaced(planning, row, chunk=4666, args=args)).reason


# ---- slots and arguments -------------------------------------------------------------------------

def indexed() -> PlanState:
    """A product, a scatter of a broadcast, and a gather: values of equal sizes, with slots of every kind."""
    x, w, index = *floats((4, 4), (4, 4)), indices(4, 2)
    first = product(x, w)
    wide = broadcast_to(reshape(reduce_sum(first, (0,)), (1, 4)), (4, 4))
    return plan_graph([scatter_add(wide, (index,), rows_of(4), (4, 4)), tanh(sub(first, w)),
                     gather(first, (index,), rows_of(4), False)])


def roles_of(row: driver.Step) -> set[int]:
    """The arguments of a row that are slots of addresses from which it loads or to which it stores."""
    source = source_at(row.fn)
    found = of_product(row.args, row.extent, row.chunk) if source is None else \
        of_kernel(source, row.args, row.extent, row.chunk)
    return {a.role for a in found.accesses}


def test_a_wrong_word():
    """Each address argument is replaced by another slot of the same size, and so by another value."""
    planning = indexed()
    accepted(planning)
    layout = planning.layout
    sizes = {0: 64, 1: 64, 2: 32, **{3 + i: n for i, n in enumerate(layout.nbytes)}, **dict(layout.between)}
    count = 0
    for row in native(planning):
        for role in sorted(roles_of(row)):
            for other in [w for w, size in sizes.items() if w != row.args[role] and size == sizes[row.args[role]]]:
                refused(planning, runs=replaced(planning, row, args=with_argument(row, role, other)))
                count += 1
    assert count > 30


def test_an_access_past_the_end():
    x, = floats((6, 5))
    for planning in (indexed(), plan_graph([sub(transpose(x, (1, 0)), reduce_sum(x, (1,)))])):
        for row in native(planning):
            reason = refused(planning, runs=replaced(planning, row, extent=row.extent + 1)).reason
            assert "are reached" in reason or reason.startswith("its range is")


def test_chunks_across_the_products_of_a_batch():
    planning = plan_graph([product(*floats((3, 64, 128), (3, 128, 160)))])
    row, = native(planning)
    assert 0 < row.chunk < 160 and row.chunk % 160
    accepted(planning)
    for chunk in (1, 3 * 160 - 1, 170):
        accepted(planning, runs=replaced(planning, row, chunk=chunk))


def test_a_place_that_is_too_small():
    planning = plan_graph([product(product(*floats((4, 4), (4, 4))), floats((4, 4))[0])])
    (slot, nbytes), = planning.layout.between
    error = refused(planning, between=((slot, nbytes - 4),))
    assert error.slot == slot and f"bytes 0 to {nbytes} of {nbytes - 4} are reached" in error.reason


def test_rows_of_a_scatter_elsewhere():
    planning = indexed()
    row = next(row for row in native(planning) if len(row.args) > 7 and "range(args[4])" in (source_at(row.fn) or ""))
    assert row.args[9:] == [4, 0]  # four rows, stride 0: the same row
    error = refused(planning, runs=replaced(planning, row, args=with_argument(row, 9, 3)))
    assert "rows do not lie" in error.reason


def test_a_failure_that_nobody_asks_for():
    planning = indexed()
    checks = [run for run in planning.layout.runs if isinstance(run, Check)]
    assert len(checks) == 1  # both steps have the same indices and sizes
    planning.layout = planning.layout._replace(runs=tuple([r for r in planning.layout.runs if r not in checks]))
    assert "no check follows" in refused(planning).reason


def test_a_result_that_is_missing():
    x, w = floats((4, 4), (4, 4))
    planning = plan_graph([product(x, w), tanh(x)])
    rows, = planning.layout.runs
    for row in rows:
        planning.layout = planning.layout._replace(runs=((row,),))
        assert "nothing lies there" in refused(planning).reason


def test_a_layout_of_a_template_is_compared_with_planning():
    outputs = [product(*floats((4, 4), (4, 4)))]
    plan = Plan(outputs)
    plan._planning = None
    check(plan)
    plan.layout = plan.layout._replace(slots=plan.layout.slots + 1)
    with pytest.raises(PlanError, match="another layout"):
        check(plan)


def test_the_suite_verifies_every_plan(monkeypatch):
    assert check in CHECKS
    seen = []
    monkeypatch.setattr(plans, "CHECKS", [seen.append])
    plan = Plan([tanh(floats((2,))[0])])
    assert seen == [plan]


# ---- forms and memory ----------------------------------------------------------------------------

def values(form: Form) -> set[int]:
    """All values of a form, enumerated over its variables."""
    found = {form.start}
    for v, c in form.terms:
        found = {at + c * i for at in found for i in range(v.low, v.high + 1)}
    return found


@pytest.mark.parametrize("seed", range(20))
def test_what_is_told_of_forms(seed):
    rng = np.random.RandomState(seed)
    for _ in range(50):
        forms = []
        for _ in range(2):
            bounds = [sorted(rng.randint(0, 4, 2).tolist()) for _ in range(rng.randint(0, 4))]
            forms.append(Form(int(rng.randint(0, 30)), tuple(
                [(Var(*b), int(rng.choice([-8, -2, -1, 1, 2, 4, 8, 16]))) for b in bounds])))
        a, b = forms
        size = int(rng.choice([1, 2, 4]))
        taken = [{at + i for at in values(f) for i in range(size)} for f in forms]
        low, high = a.span()
        assert (low, high) == (min(values(a)), max(values(a)))
        assert values(a.fused()) == values(a)
        if apart(a, b, size, size):
            assert taken[0].isdisjoint(taken[1])
        count = np.prod([v.high - v.low + 1 for v, _ in a.fused().terms], dtype=int)
        if a.fused().is_dense(size):
            assert len(taken[0]) == count * size == max(taken[0]) - min(taken[0]) + 1


@pytest.mark.parametrize("bases", [(4, 5), (3, 2, 4), (2, 2, 2, 3), (5, 2, 3, 2)])
def test_digits_are_joined_to_their_number(bases):
    """The digits may be added in any order, and the range of their number may begin anywhere."""
    digits = range(len(bases))
    lines, rest = [], "r"
    for k in reversed(digits[1:]):
        lines += [f"i{k} = {rest} % args[{k}]", f"s{k} = {rest} // args[{k}]"]
        rest = f"s{k}"
    lines.append(f"i0 = {rest}")
    weights = [4 * math.prod(bases[k + 1:]) for k in digits]
    for order in itertools.permutations(digits):
        index = " + ".join([f"i{k} * args[{len(bases) + 1 + k}]" for k in order])
        store = f"st_f32_0(bind[args[{len(bases)}]], {index})"
        body = "".join([f"        {line}\n" for line in [*lines, store]])
        source = f"def kernel(bind, args, lo, hi):\n    for r in range(lo, hi):\n{body}"
        extent = math.prod(bases)
        for at in range(-1, 4):
            right, wrong = ([*bases, 0, *[w // 4 + (k == spoilt) for k, w in enumerate(weights)]] for spoilt in (-1, 0))
            access, = of_kernel(source, right, extent, extent // 4, at).accesses
            assert access.place.span() == (_rows(extent, at)[0] * 4, 4 * _rows(extent, at)[1])
            assert [c for _, c in access.place.terms] == [4]
            access, = of_kernel(source, wrong, extent, extent // 4, -1).accesses
            assert len(access.place.terms) > 1


def _rows(extent: int, chunk: int) -> tuple[int, int]:
    """The first and the last row of a quarter, or of all rows."""
    length = extent // 4
    return (0, extent - 1) if chunk < 0 else (chunk * length, (chunk + 1) * length - 1)


def test_columns_that_interleave_lie_apart():
    row = Var(0, 9)
    left, right = (Form(0, ((row, 64), (Var(*bounds), 4))) for bounds in ((0, 7), (8, 15)))
    assert apart(left, right, 4, 4) and not apart(left, right, 8, 4)


@pytest.mark.parametrize("seed", range(5))
def test_memory_holds_what_was_written_last(seed):
    rng, memory, plain = np.random.RandomState(seed), Memory(), [None] * 64
    for tag in range(200):
        low, high = sorted(rng.randint(0, 65, 2).tolist())
        memory.write(("arena",), low, high, (tag,))
        plain[low:high] = [(tag,)] * (high - low)
        low, high = sorted(rng.randint(0, 65, 2).tolist())
        found = list(memory.read(("arena",), low, high))
        expected = plain[low:high]
        if None in expected:
            expected = expected[:expected.index(None) + 1]
        assert [tag for i, tag in enumerate(found) if not i or found[i - 1] != tag] == \
            [tag for i, tag in enumerate(expected) if not i or expected[i - 1] != tag]

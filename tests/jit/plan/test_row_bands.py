"""Row bands: which steps form a chain with a product, and that results are unchanged."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.jit.codegen.kernel_source import try_generate
from tracer.jit.fusion.fuse import fuse
from tracer.jit.fusion.kernel import Kernel
from tracer.jit.graph import symbolic_size
from tracer.jit.plan import band_links
from tracer.jit.plan.cache import shape_templates
from tracer.jit.plan.plan import Plan
from tracer.jit.plan.row_bands import BAND_BYTES, BandChain, BandLink, ChainTotal, Steps, rows_of_band, tile_and_fuse
from tracer.jit.runtime import driver
from tracer.jit.runtime.buffers import from_array
from tracer.jit.steps.gemm import openblas
from tracer.ops.control.gradient import gradient
from tracer.ops.ir.aval import aval
from tracer.ops.ir.node import leaf
from tracer.ops.npx.normalization import softmax_of
from tracer.ops.primitive.arithmetic import add, mul, sub
from tracer.ops.primitive.elementary import relu, tanh
from tracer.ops.primitive.linear import broadcast_to, reduce_sum, reshape, slice_, transpose
from tracer.ops.primitive.matmul import product

ROWS = 40


def gemm(reads=(), chunk=10, made="p", extent=ROWS, **more):
    """A product of 3 columns, cut into chunks of rows."""
    return BandLink(100.0, extent, 1, chunk, 1000, dict(reads), {made: 3}, product=True, **more)


def kernel(reads, made="r", extent=ROWS, align=1, most=1000, writes=3, **more):
    return BandLink(100.0, extent, align, 0, most, dict(reads), {made: writes}, **more)


def found(*steps, part=1e9):
    made = banded(*steps, part=part)
    assert made.order == list(range(len(steps)))
    return made.chains


def banded(*steps, part=1e9):
    starts = [i for i, step in enumerate(steps) if step and step.product]
    return tile_and_fuse(Steps(starts, [step.reads if step else () for step in steps],
                               [step.writes if step else () for step in steps], steps.__getitem__), part)


def test_rows_that_go_along():
    assert found(gemm(), kernel({"p": (3, 1), "b": None})) == [BandChain(0, [10, 10])]


def test_several_steps_and_what_comes_after():
    steps = [gemm(), kernel({"p": (3, 1)}), gemm({"r": (3, 1)}, made="q"), None, kernel({"q": (3, 1)})]
    assert found(None, *steps) == [BandChain(1, [10] * 3)]


@pytest.mark.parametrize("second", [
    kernel({"b": (3, 1)}),  # does not read the product
    kernel({"p": None}),  # reads it across rows
    kernel({"p": (3, 1), "q": (3, 1)}, extent=ROWS + 10),  # has another extent
    kernel({"p": (120, 40)}),  # needs all rows for any result
    kernel({"p": (3, 1)}, most=1),
    kernel({"p": (3, 1), "w": (3, 1)}, replaces=["w"]),  # writes over an operand of the product
    gemm({"p": (3, 1)}, chunk=4),  # has its own, finer bands
    None,
])
def test_steps_that_stay_apart(second):
    assert found(gemm({"w": None}), second) == []


def test_what_is_ready_at_the_end_is_not_read_in_the_chain():
    assert found(gemm(), kernel({"p": (3, 1)}, writes=0), kernel({"r": (3, 1)})) == [BandChain(0, [10] * 2)]


def test_a_value_read_along_two_ways_is_not_chained():
    steps = [gemm(), kernel({"p": (3, 1)}), kernel({"p": (3, 1), "r": (3, 2)}, made="s")]
    assert found(*steps) == [BandChain(0, [10] * 2)]


def test_results_may_be_written_over_what_the_chain_has_made():
    assert len(found(gemm(), kernel({"p": (3, 1)}, replaces=["p"]))) == 1


def test_bands_hold_whole_stretches():
    # 4 rows of the product for one row of the kernel, whose chunks are multiples of 2
    second = kernel({"p": (12, 1)}, extent=10, align=2)
    assert found(gemm(chunk=16), second) == [BandChain(0, [16, 4])]
    assert found(gemm(chunk=14), second) == []  # one thread would get more work
    assert found(gemm(chunk=0), second, part=50.0) == []  # a band has 10 rows
    assert found(gemm(chunk=0), second, part=100.0) == [BandChain(0, [24, 6])]


def test_chunks_are_no_more_than_partial_results_allow():
    assert found(gemm(), kernel({"p": (3, 1)}, most=4)) == [BandChain(0, [10] * 2)]
    assert found(gemm(), kernel({"p": (3, 1)}, most=3)) == []


@pytest.mark.parametrize("whole", [False, True], ids=["rows that go along, in bands too fine", "all rows"])
def test_a_long_chain_is_planned_in_a_time_that_grows_with_its_square_at_most(whole, monkeypatch):
    """Planned by a template, whose operations are counted: at 35d83be they grew cubically, 50 s for 225 products."""
    computed = []
    made = symbolic_size._result
    monkeypatch.setattr(symbolic_size, "_result", lambda *args: computed.append(0) or made(*args))

    def operations(count):
        rows, columns = symbolic_size.ShapeEnv([ROWS, 64]).first
        stretch = (rows * columns, rows) if whole else (columns, 1)
        steps = [BandLink(100.0, rows, 1, 4 if i else 10, 1000, {f"p{i - 1}": stretch}, {f"p{i}": columns},
                      rows * columns * 4, product=True) for i in range(count)]
        computed.clear()
        assert found(*steps) == ([] if whole else [BandChain(1, [4] * (count - 1))])
        return len(computed)

    assert operations(80) < 4.5 * operations(40)


def rows_of(steps, part):
    total = ChainTotal()
    for step in steps:
        total = total.with_link(step)
    return rows_of_band(steps[0], total, part)


def test_a_step_that_needs_nothing_of_the_chain_runs_before_it():
    between = kernel({"x": (3, 1)}, made="s")
    steps = [gemm(), between, kernel({"p": (3, 1), "s": (3, 1)}), kernel({"s": (3, 1)}, made="t")]
    assert banded(*steps) == ([1, 0, 2, 3], [BandChain(1, [10, 10])])
    steps[1] = gemm(made="s")  # which begins a chain of its own
    assert banded(*steps[:2], kernel({"s": (3, 1)}, made="t"), kernel({"p": (3, 1), "t": (3, 1)})) == (
        [1, 2, 0, 3], [BandChain(0, [10, 10]), BandChain(2, [10, 10])])


def test_a_step_that_needs_the_chain_and_does_not_fit_runs_after_it():
    across, more = kernel({"p": None}, made="s"), kernel({"s": (3, 1)}, made="t")
    assert banded(gemm(), across, more, kernel({"p": (3, 1)})) == ([0, 3, 1, 2], [BandChain(0, [10, 10])])
    both = kernel({"p": (3, 1), "t": (3, 1)})
    assert banded(gemm(), across, more, both) == ([0, 1, 2, 3], [])


@pytest.mark.parametrize("between", [
    None,  # cannot be moved
    kernel({"x": (3, 1)}, made="s", replaces=["b"]),  # writes over an operand of the product
])
def test_a_step_that_stays_where_it_is(between):
    assert banded(gemm({"b": None}), between, kernel({"p": (3, 1)})) == ([0, 1, 2], [])


def test_nothing_is_written_over_earlier_than_a_step_that_reads_it():
    later = [kernel({"p": None, "w": None}, made="s"), kernel({"p": (3, 1), "w": (3, 1)}, replaces=["w"])]
    assert banded(gemm(), *later) == ([0, 1, 2], [])
    earlier = [kernel({"w": (3, 1)}, made="s", replaces=["w"]), kernel({"p": (3, 1), "w": (3, 1)})]
    assert banded(gemm(), *earlier) == ([0, 1, 2], [])


def test_products_that_meet_in_a_step_are_one_chain():
    steps = [gemm(), kernel({"p": (3, 1)}, made="s"), gemm({"x": (3, 1)}, made="q"),
             kernel({"q": (3, 1), "s": (3, 1)}, made="t")]
    assert banded(*steps) == ([0, 1, 2, 3], [BandChain(0, [10] * 4)])
    steps[2:2] = [kernel({"x": (3, 1)}, made="o")]
    assert banded(*steps) == ([2, 0, 1, 3, 4], [BandChain(1, [10] * 4)])
    steps[3] = gemm({"o": (3, 1)}, made="q", extent=ROWS + 1)  # of which no band belongs to the others'
    assert banded(*steps) == ([2, 3, 0, 1, 4], [BandChain(2, [10] * 3)])
    steps[3:] = [gemm({"o": (3, 1)}, made="q"), kernel({"q": None}, made="r"), kernel({"q": (3, 1), "s": (3, 1)}),
                 kernel({"r": (3, 1), "t": (3, 1)})]
    order, chains = banded(*steps)  # one between needs the second product
    assert sorted(order) == list(range(7)) and order.index(3) < order.index(4) < order.index(6)


def test_bands_are_no_longer_than_the_product_s_own():
    steps = [gemm(chunk=10), kernel({"p": (60, 20)}, made="s"), kernel({"p": (3, 1)}, made="t")]
    assert banded(*steps) == ([0, 2, 1], [BandChain(0, [10, 10])])


def test_rows_of_bands():
    alone = gemm(chunk=0)
    assert rows_of([alone], 51.0) == ROWS
    assert rows_of([alone, kernel({})], 100.0) == ROWS // 2
    assert rows_of([alone, kernel({})], 1.0) == ROWS // 4
    large = gemm(chunk=1024, extent=4096, nbytes=8 * BAND_BYTES)
    assert rows_of([large], 1e9) == 512
    assert rows_of([large._replace(nbytes=1 << 40)], 1e9) == 128
    assert rows_of([large._replace(nbytes=0), kernel({})], 10.0) == 1024
    assert rows_of([large._replace(nbytes=0), kernel({})], 5.0) == 512


def f32(*shape, at):
    return leaf(aval(shape, np.dtype("float32")), at)


@pytest.mark.parametrize("build, expected", [
    (lambda p: tanh(add(p, f32(200, at=5))), (200, 1)),
    (lambda p: tanh(p), (4096 * 25, 4096 * 25 // 4096)),
    (lambda p: softmax_of(p, 1), (200, 1)),
    (lambda p: tanh(reduce_sum(p, (1,))), (200, 1)),
    (lambda p: tanh(slice_(p, ((0, 300, 1), (20, 60, 1)))), (200, 1)),
    (lambda p: tanh(transpose(p, (1, 0))), None),
    (lambda p: tanh(slice_(p, ((299, 300, -1), (0, 200, 1)))), None),
    (lambda p: add(p, broadcast_to(slice_(p, ((0, 1, 1), (0, 200, 1))), (300, 200))), None),
    (lambda p: tanh(transpose(reshape(p, (3, 100, 20, 10)), (0, 2, 1, 3))), (100 * 200, 20 * 100)),
])
def test_how_kernels_read_a_product(build, expected):
    p = product(f32(300, 64, at=0), f32(64, 200, at=1), False, False)
    steps = fuse([build(p)])
    materialized = {n for s in steps for n in band_links.made_by(s)}
    made = [try_generate(s, materialized) if isinstance(s, Kernel) else None for s in steps]
    reads = {}
    for step, code in zip(steps[1:], made[1:]):
        link = band_links.kernel_link(step, code, materialized)
        if p in link.reads:
            reads = dict(link.reads)
    stretch = reads[p]
    if expected is None:
        assert stretch is None
    else:
        assert stretch[0] * expected[1] == stretch[1] * expected[0]


@pytest.mark.parametrize("offset, expected", [(0, (8, 1)), (2, (8, 1)), (3, None), (-1, None)])
def test_a_stretch_ends_before_the_next_one(offset, expected):
    """Rows of 6 elements read at a stride of 8: from offset 3 on, the last element is in the next row's range."""
    assert band_links.tile_ratio_of((offset, (8, 1)), (4, 6), 6) == expected


def network(rows, width=96):
    """A step of a small network: all gradients, updates in place, a loss."""
    x, w, b, v, y = (f32(rows, 64, at=0), f32(64, width, at=1), f32(width, at=2), f32(width, 40, at=3),
                     f32(rows, 40, at=4))
    h = relu(add(product(x, w, False, False), broadcast_to(b, (rows, width))))
    d = sub(softmax_of(product(h, v, False, False), 1), y)
    loss = reduce_sum(mul(d, d), (0, 1))
    gs = gradient((loss,), (None,), (w, b, v))
    rng = np.random.default_rng(rows)
    arrays = [rng.standard_normal(n.shape).astype("float32") for n in (x, w, b, v, y)]
    return [loss, *[sub(n, mul(g, tanh(g))) for n, g in zip((w, b, v), gs)], *gs], arrays


def long(rows):
    """Two products in a row, with elementwise steps between."""
    x, w, b, v = f32(rows, 48, at=0), f32(48, 130, at=1), f32(130, at=2), f32(130, 50, at=3)
    h = tanh(add(product(x, w, False, False), broadcast_to(b, (rows, 130))))
    rng = np.random.default_rng(rows)
    outputs = [mul(tanh(product(h, v, False, False)), f32(rows, 50, at=4)), reduce_sum(h, (0,))]
    return outputs, [rng.standard_normal(s).astype("float32") for s in ((rows, 48), (48, 130), (130,), (130, 50),
                                                                        (rows, 50))]


def heads(batch):
    """Attention: batched products, softmax, and products of these; transposed and joined."""
    q, k, v, w = (f32(batch, 40, 32, at=i) for i in range(3)), None, None, f32(32, 32, at=3)
    q, k, v = q
    a = product(softmax_of(product(q, k, False, True), 2), v, False, False)
    out = tanh(product(reshape(transpose(a, (1, 0, 2)), (batch * 40, 32)), w, False, False))
    rng = np.random.default_rng(batch)
    return [out], [rng.standard_normal(n.shape).astype("float32") for n in (q, k, v, w)]


def turned(rows):
    """A product, and one that reads it by columns: a sum over all of its rows."""
    x, w, y = f32(rows, 48, at=0), f32(48, 130, at=1), f32(rows, 50, at=2)
    rng = np.random.default_rng(rows)
    arrays = [rng.standard_normal(n.shape).astype("float32") for n in (x, w, y)]
    h = product(x, w, False, False)
    return [product(h, y, True, False), product(tanh(h), y, True, False), tanh(h)], arrays


CASES = [(f, n) for f, sizes in ((network, (1, 2, 127, 333, 600)), (long, (1, 3, 129, 500, 1111)), (heads, (1, 9, 33)),
                                (turned, (1, 200, 1111)))
         for n in sizes]


@pytest.mark.parametrize("build, size", CASES)
def test_results_are_the_interpreters(build, size):
    outputs, arrays = build(size)
    for a, b in zip(graphs.run(outputs, arrays, "always"), graphs.run(outputs, arrays)):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("rows", [0, 1])
def test_nothing_to_do(rows):
    outputs, arrays = long(rows)
    assert not [c for c in Plan(outputs).planning.chains if len(c) > 1]
    for a, b in zip(graphs.run(outputs, arrays, "always"), graphs.run(outputs, arrays)):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def lengths(outputs):
    return sorted(len(c) for c in Plan(outputs).planning.chains if len(c) > 1)


def test_what_is_chained():
    assert lengths(network(333)[0])[-1] >= 3
    assert lengths(long(500)[0]) == [3]
    assert lengths(heads(33)[0]) == [3]
    assert lengths(long(20)[0]) == []  # too little for two threads


@pytest.mark.parametrize("build, size", [(network, 333), (long, 1111), (heads, 33)])
def test_results_are_equal_for_any_number_of_threads_and_when_timed(build, size):
    outputs, arrays = build(size)
    program = Plan(outputs)
    assert any(len(c) > 1 for c in program.planning.chains)
    graphs.check_threads(program, arrays, outputs, (1, 2, 3, 17), (False, False, True))


@pytest.mark.parametrize("donate", [False, True])
def test_updates_in_place(donate):
    outputs, arrays = network(333)
    program = Plan(outputs)
    expected = graphs.run(outputs, arrays)
    buffers = [from_array(a) for a in arrays]
    places = dict(program.donations)
    assert all(at in places for at in (1, 2, 3))
    given = {at: buffers[places[at][-1]] for at in (1, 2, 3)} if donate else None
    made = program.run(buffers, [], given)
    for i, (b, right) in enumerate(zip(made, expected)):
        np.testing.assert_allclose(b.view(outputs[i].aval), right, rtol=1e-3, atol=1e-3)
        assert not donate or i not in (1, 2, 3) or b is buffers[places[i][-1]]


def test_a_product_of_no_other_use_gives_its_memory_to_the_result():
    x, w, b = f32(512, 64, at=0), f32(64, 200, at=1), f32(200, at=2)
    p = product(x, w, False, False)
    h = tanh(add(p, broadcast_to(b, (512, 200))))
    assert Plan([h]).arena_bytes == 0
    assert Plan([h, tanh(transpose(p, (1, 0)))]).arena_bytes >= p.aval.nbytes
    onto = add(p, f32(512, 200, at=3))  # may be written over the user's array; the product may not
    program = Plan([mul(onto, onto)])
    assert program.donations and p not in program.planning.aliases


def test_other_sizes_are_chained_anew():
    shape_templates.forget()
    used = []
    for rows in (400, 410, 777, 20, 1500):
        outputs, arrays = long(rows)
        for a, b in zip(graphs.run(outputs, arrays, "always"), graphs.run(outputs, arrays)):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
        used.append([tuple([step.chunk for step in item.steps]) for run in Plan(outputs).layout.runs for item in run
                     if isinstance(item, driver.Chain)])
    assert [bool(u) for u in used] == [True, True, True, False, True]
    assert len({u[0] for u in used if u}) > 1


def test_a_chain_in_a_table_and_in_a_group():
    rng = np.random.default_rng(0)
    a, b, c = (rng.standard_normal(s) for s in ((25, 8), (8, 6), (6, 4)))
    p, q, s = np.zeros((25, 6)), np.zeros((25, 4)), np.zeros((25, 6))
    bind = np.array([x.ctypes.data for x in (a, b, c, p, q, s)], np.int64)
    first = openblas.gemm("float64", 0, 1, 3, 25, 6, 8)._replace(chunk=7)
    second = openblas.gemm("float64", 3, 2, 4, 25, 4, 6)._replace(chunk=7)
    beside = openblas.gemm("float64", 0, 1, 5, 25, 6, 8)
    chain = driver.Chain([first, second])
    for rows in ([chain], [driver.Group([beside, chain])]):
        q[:] = 0
        driver.Table(rows).run(bind.ctypes.data)
        np.testing.assert_allclose(q, a @ b @ c)
    np.testing.assert_allclose(s, a @ b)
    with pytest.raises(ValueError):
        driver.Table([driver.Chain([first, second._replace(chunk=8), beside])])

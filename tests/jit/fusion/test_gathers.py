"""Gathers and scatters as native steps: the operands that they read in place, and equality with NumPy."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

import tracer
from tracer.jit import settings
from tracer.jit.fusion.kernel import Kernel, Library
from tracer.jit.graph.simplify import simplify
from tracer.jit.plan.plan import Plan
from tracer.jit.runtime import driver
from tracer.jit.runtime.buffers import allocate
from tracer.ops.ir.node import Node, const
from tracer.ops.primitive.arithmetic import cast, equal, mul, where
from tracer.ops.primitive.elementary import exp
from tracer.ops.primitive.gather_scatter import gather, scatter_add
from tracer.ops.primitive.linear import broadcast_to, reduce_sum, reshape, slice_, transpose
from tracer.ops.primitive.matmul import product
from tracer.ops.primitive.reductions import reduce_max

_RNG = np.random.default_rng(4)
ROWS = (("i", 0), ("s", 0, 5, 1))


def steps_of(outputs: list[Node]) -> list[str]:
    """The results of each step of the program."""
    plan = Plan(tuple(outputs))
    assert plan.planning.fallbacks == []
    return [str([n for n in writes if isinstance(n, Node)]) for _, _, writes in plan.planning.rows]


def agree(outputs: list[Node], arrays: list[np.ndarray], rtol: float = 1e-6) -> None:
    for got, want in zip(graphs.run(outputs, arrays, "always"), graphs.run(outputs, arrays), strict=True):
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)


def draw(*shape: int, dtype: str = "float32") -> np.ndarray:
    return (_RNG.normal(size=shape) * 9).astype(dtype)


def test_a_scatter_reads_a_broadcast_where_it_is():
    g, index = draw(4, 5), _RNG.integers(0, 30, (4, 6))
    x, at = graphs.leaves([g, index])
    wide = broadcast_to(reshape(mul(x, x), (4, 1, 5)), (4, 6, 5))
    made = scatter_add(wide, (at,), ROWS, (30, 5))
    assert steps_of([made]) == ["[<multiply f32[4,5]>]", f"[{made!r}]"]
    agree([made], [g, index])


SOURCES = {
    "as it is": ((4, 6, 5), lambda x: x),
    "rows alike": ((4, 5), lambda x: broadcast_to(reshape(x, (4, 1, 5)), (4, 6, 5))),
    "all alike": ((5,), lambda x: broadcast_to(x, (4, 6, 5))),
    "columns alike": ((4, 6, 1), lambda x: broadcast_to(x, (4, 6, 5))),
    "one number": ((), lambda x: broadcast_to(x, (4, 6, 5))),
    "rows exchanged": ((6, 4, 5), lambda x: transpose(x, (1, 0, 2))),
    "columns first": ((5, 6, 4), lambda x: transpose(x, (2, 1, 0))),
    "part, backwards": ((9, 6, 10), lambda x: slice_(x, ((8, 4, -2), (0, 6, 1), (9, 5, -1)))),
    "another shape": ((6, 20), lambda x: reshape(x, (4, 6, 5))),
    "another order": ((6, 20), lambda x: reshape(transpose(x, (1, 0)), (4, 6, 5))),
    "a cast": ((4, 5), lambda x: broadcast_to(reshape(cast(cast(x, "int32"), x.dtype), (4, 1, 5)), (4, 6, 5))),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
def test_scatters_of_views(name, dtype):
    shape, view = SOURCES[name]
    g, index = draw(*shape, dtype=dtype), _RNG.integers(-7, 7, (4, 6)).astype("int32")
    x, at = graphs.leaves([g, index])
    made = scatter_add(view(x), (at,), ROWS, (7, 5))
    assert graphs.fallbacks([made]) == []
    agree([made], [g, index], 2e-2 if dtype == "float16" else 1e-5)
    flat = reshape(view(x), (24, 5))
    agree([scatter_add(flat, (reshape(at, (24,)),), ROWS, (7, 5))], [g, index], 2e-2 if dtype == "float16" else 1e-5)


def test_scatters_of_numbers_into_two_axes():
    g, rows, columns = draw(6), _RNG.integers(0, 3, (4, 6)), _RNG.integers(0, 2, (4, 6))
    x, i, j = graphs.leaves([g, rows, columns])
    made = scatter_add(broadcast_to(x, (4, 6)), (i, j), (("i", 0), ("i", 1)), (3, 2))
    assert graphs.fallbacks([made]) == []
    agree([made], [g, rows, columns], 1e-5)


@pytest.mark.parametrize("sizes", [(0, 5), (3, 0), (0, 0)])
def test_scatters_of_nothing(sizes):
    count, width = sizes
    g, index = draw(width), np.zeros((count, 2), "int64")
    x, at = graphs.leaves([g, index])
    agree([scatter_add(broadcast_to(x, (count, 2, width)), (at,), (("i", 0), ("s", 0, width, 1)), (4, width))],
          [g, index])


def test_a_position_out_of_range_is_an_error():
    g, index = draw(5), np.array([0, 7, 1])
    x, at = graphs.leaves([g, index])
    made = scatter_add(broadcast_to(x, (3, 5)), (at,), ROWS, (7, 5))
    for mode in ("always", "never"):
        with pytest.raises(Exception, match="index 7 is out of bounds"):
            graphs.run([made], [g, index], mode)


@pytest.mark.parametrize("mode", ["always", "never"])
def test_positions_are_out_of_range_of_one_table_and_not_of_another(mode):
    large, small, index = draw(30, 5), draw(10, 5), np.array([0, 12, 1])
    x, y, at = graphs.leaves([large, small, index])
    one, other = gather(x, (at,), ROWS), gather(y, (at,), ROWS)
    np.testing.assert_array_equal(graphs.run([one], [large, small, index], mode)[0], large[index])
    for outputs in ([one, other], [other, one]):
        with pytest.raises(Exception, match="index 12 is out of bounds for axis 0 with size 10"):
            graphs.run(outputs, [large, small, index], mode)


def test_tables_and_rows_that_one_index_array_chooses_from():
    """Only the first step with an index array may report a failure; the others' operands must live as long."""
    a, b, index = draw(7, 5) / 9, draw(7, 5) / 9, _RNG.integers(-7, 7, 12)
    x, y, at = graphs.leaves([a, b, index])
    first, second = gather(mul(x, x), (at,), ROWS), gather(exp(y), (at,), ROWS)
    added = scatter_add(mul(second, second), (at,), ROWS, (7, 5))
    outputs = [reduce_max(first, (0,)), reduce_max(second, (0,)), reduce_sum(mul(added, added), (0,))]
    rows, sums = np.exp(b.astype("float64"))[index], np.zeros((7, 5))
    np.add.at(sums, index, rows * rows)
    wanted = [(a * a)[index].max(axis=0), rows.max(axis=0), (sums * sums).sum(axis=0)]
    for got, want in zip(graphs.run(outputs, [a, b, index], "always"), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_large_scatter_is_cut_by_columns_and_gives_the_same_on_any_number_of_threads():
    g, index = draw(300, 200), _RNG.integers(0, 50, (300, 20))
    x, at = graphs.leaves([g, index])
    made = scatter_add(broadcast_to(reshape(x, (300, 1, 200)), (300, 20, 200)), (at,), (("i", 0), ("s", 0, 200, 1)),
                       (50, 200))
    (rows, _, _), = Plan((made,)).planning.rows
    assert 0 < rows[-1].chunk < 200
    threads, found = driver.get_threads(), []
    try:
        for n in (1, 2):
            driver.set_threads(n)
            found.append(graphs.run([made], [g, index], "always")[0])
    finally:
        driver.set_threads(threads)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0], graphs.run([made], [g, index])[0], rtol=1e-4, atol=1e-2)


def test_reshapes_do_not_send_a_gather_to_numpy():
    table, index = draw(3, 20), _RNG.integers(0, 12, 6)
    x, at = graphs.leaves([table, index])
    made = gather(reshape(x, (12, 5)), (reshape(at, (2, 3)),), ROWS)
    assert graphs.fallbacks([made]) == []
    agree([made, *simplify([made])], [table, index])


# ---- gathers with indices known to be in range: read in the kernels that use them -----------------------

S = ("s", 0)
INSIDE = {
    "rows": ((6, 5), [(4,)], (("i", 0), (*S, 5, 1))),
    "rows by a matrix": ((6, 5), [(3, 4)], (("i", 0), (*S, 5, 1))),
    "columns": ((6, 5), [(4,)], ((*S, 6, 1), ("i", 0))),
    "the middle": ((3, 6, 5), [(2, 4)], ((*S, 3, 1), ("i", 0), (*S, 5, 1))),
    "pairs": ((6, 5), [(4,), (4,)], (("i", 0), ("i", 1))),
    "pairs, crossed": ((6, 5), [(4, 1), (3,)], (("i", 0), ("i", 1))),
    "pairs, exchanged": ((6, 5), [(4, 1), (3,)], (("i", 1), ("i", 0))),
    "pairs apart": ((4, 6, 5), [(7,), (7,)], (("i", 0), (*S, 6, 1), ("i", 1))),
    "pairs apart, not in front": ((3, 4, 6, 5), [(7,), (7,)], ((*S, 3, 1), ("i", 0), (*S, 6, 1), ("i", 1))),
    "pairs inside": ((3, 4, 5, 2), [(7,), (1,)], ((*S, 3, 1), ("i", 0), ("i", 1), (*S, 2, 1))),
    "one": ((6, 5), [()], (("i", 0), (*S, 5, 1))),
    "nothing": ((6, 5), [(0,)], (("i", 0), (*S, 5, 1))),
    "rows of nothing": ((6, 0), [(4,)], (("i", 0), (*S, 0, 1))),
}


@pytest.mark.parametrize("name", INSIDE)
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "bool"])
def test_gathers_in_kernels(name, dtype):
    shape, sizes, template = INSIDE[name]
    table = draw(*shape, dtype=dtype)
    indices = [_RNG.integers(0, 2, size).astype("int32") for size in sizes]
    x, *at = graphs.leaves([table, *indices])
    plain = gather(x, tuple(at), template, True)
    twice = gather(x, tuple(mul(i, i) for i in at), template, True)
    last = plain.ndim - 1
    outputs = [plain, where(equal(plain, twice), twice, plain), reduce_max(plain, tuple(range(plain.ndim)))]
    if plain.ndim > 1:
        outputs += [reduce_max(plain, (0,)), reduce_max(plain, (last,)),
                    transpose(twice, tuple(range(plain.ndim))[::-1])]
    plan = Plan(tuple(outputs))
    assert plan.planning.fallbacks == [] and all(isinstance(step, Kernel) for step in plan.planning.steps)
    held = [allocate(64) for _ in range(16)]  # memory behind an empty index array must not be read as indices
    for block in held:
        block.block[0][:] = 0x7f
    del held, block
    agree(outputs, [table, *indices])


SEEN = {
    "a part, backwards": lambda x: slice_(x, ((8, 4, -2), (0, 6, 1))),
    "transposed": lambda x: transpose(x, (1, 0)),
    "rows alike": lambda x: broadcast_to(slice_(x, ((3, 1, 1), (0, 6, 1))), (9, 6)),
    "another shape": lambda x: reshape(x, (6, 9)),
    "another order": lambda x: reshape(transpose(x, (1, 0)), (9, 6)),
    "computed": lambda x: mul(x, x),
    "a number": lambda x: broadcast_to(cast(const(3, "int32"), "float32"), (9, 6)),
}


@pytest.mark.parametrize("name", SEEN)
def test_gathers_from_views(name):
    table, index = draw(9, 6), _RNG.integers(0, 4, (5, 2))
    x, at = graphs.leaves([table, index])
    source = SEEN[name](x)
    made = gather(source, (at,), (("i", 0), ("s", 0, source.shape[1], 1)), True)
    assert graphs.fallbacks([made]) == []
    agree([made, reduce_max(made, (2,)), mul(made, made)], [table, index])


def test_a_mean_over_gathered_rows_stores_no_rows():
    table, index = draw(30, 8), _RNG.integers(0, 30, (4, 6))
    x, at = graphs.leaves([table, index])
    total = reduce_sum(gather(x, (at,), (("i", 0), ("s", 0, 8, 1)), True), (1,))
    assert steps_of([total]) == [f"[{total!r}]"]
    agree([total], [table, index], 1e-5)


def test_gathered_rows_that_two_kernels_need_are_stored():
    table, index = draw(30, 8), _RNG.integers(0, 30, (4, 6))
    x, at = graphs.leaves([table, index])
    rows = gather(x, (at,), (("i", 0), ("s", 0, 8, 1)), True)
    outputs = [reduce_sum(rows, (1,)), reduce_sum(rows, (2,))]
    assert any(repr(rows) in made for made in steps_of(outputs))
    agree(outputs, [table, index], 1e-5)


def test_a_result_is_not_written_over_what_is_gathered_from():
    table, index = draw(6, 5), np.array([5, 4, 3, 2, 1, 0])
    x, at = graphs.leaves([table, index])
    made = mul(gather(x, (at,), ROWS, True), x)
    plan = Plan((made,))
    assert [pairs for i in range(len(plan.planning.steps)) for pairs in plan.planning.in_place.get(i, ())] == []
    agree([made], [table, index])


def test_a_band_of_a_product_does_not_gather_from_the_others():
    a, b, index = draw(4096, 64) / 50, draw(64, 32) / 50, _RNG.permutation(4096)
    x, y, at = graphs.leaves([a, b, index])
    h = product(x, y)
    outputs = [mul(gather(h, (at,), (("i", 0), ("s", 0, 32, 1)), True), h)]
    assert [type(step) for step in Plan(tuple(outputs)).planning.steps] == [Library, Kernel]
    for _ in range(5):
        agree(outputs, [a, b, index], 1e-3)


def test_other_sizes_share_a_gather_s_kernel_but_not_its_form():
    for count, width, axis in [(6, 5, 0), (9, 4, 0), (7, 8, 0), (6, 5, 1), (9, 4, 1)]:
        table, index = draw(count, width), _RNG.integers(0, 4, 11)
        x, at = graphs.leaves([table, index])
        whole = ("s", 0, width if axis == 0 else count, 1)
        made = mul(gather(x, (at,), (("i", 0), whole) if axis == 0 else (whole, ("i", 0)), True), const(3, "float32"))
        agree([made], [table, index])


def test_clipped_and_wrapped_positions_are_inside(monkeypatch):
    monkeypatch.setattr(settings, "mode", "always")
    table, index = draw(5, 3), np.array([-7, -1, 0, 4, 5, 99])
    a, i = tracer.np.array(table), tracer.np.array(index, dtype="int64")
    for axis, n in ((0, 5), (1, 3)):
        for mode, at in (("clip", index.clip(0, n - 1)), ("wrap", index % n)):
            found = (tracer.np.take(a, i, axis=axis, mode=mode) * 2).asnumpy()
            np.testing.assert_array_equal(found, np.take(table, at, axis=axis) * 2)
    with pytest.raises(Exception, match="out of bounds"):
        tracer.np.take(tracer.np.zeros((0, 3)), i, axis=0, mode="clip").asnumpy()


def test_the_gradient_of_an_embedding_fuses(monkeypatch):
    monkeypatch.setattr(settings, "mode", "always")
    table, index = draw(30, 8), _RNG.integers(0, 30, (4, 6))
    w, i = tracer.np.array(table), tracer.np.array(index, dtype="int64")
    w.attach_grad()
    with tracer.autograd.record():
        mean = tracer.npx.embedding(i, w, input_dim=30, output_dim=8).mean(axis=1)
        loss = (mean * mean).sum()
    loss.backward()
    want = np.zeros_like(table)
    np.add.at(want, index, (2 * table[index].mean(axis=1) / 6)[:, None])
    np.testing.assert_allclose(w.grad.asnumpy(), want, rtol=1e-5, atol=1e-5)

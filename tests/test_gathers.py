"""Gathers and scatters as native steps: what they read in place, and that they give what NumPy gives."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.jit import driver
from tracer.jit.plan import Plan
from tracer.jit.simplify import simplify
from tracer.ops.arithmetic import cast, mul
from tracer.ops.indexing import gather, scatter_add
from tracer.ops.movement import broadcast_to, reshape, slice_, transpose
from tracer.ops.node import Node

_RNG = np.random.default_rng(4)
ROWS = (("i", 0), ("s", 0, 5, 1))


def steps_of(outputs: list[Node]) -> list[str]:
    """What each step of the program makes."""
    plan = Plan(tuple(outputs))
    assert plan.fallbacks == []
    return [str([n for n in writes if isinstance(n, Node)]) for _, _, writes in plan.rows]


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


def test_a_large_scatter_is_cut_by_columns_and_gives_the_same_on_any_number_of_threads():
    g, index = draw(300, 200), _RNG.integers(0, 50, (300, 20))
    x, at = graphs.leaves([g, index])
    made = scatter_add(broadcast_to(reshape(x, (300, 1, 200)), (300, 20, 200)), (at,), (("i", 0), ("s", 0, 200, 1)),
                       (50, 200))
    (rows, _, _), = Plan((made,)).rows
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

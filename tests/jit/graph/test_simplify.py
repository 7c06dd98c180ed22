"""Algebraic simplification of graphs: the resulting graph, and equality of all values, special ones included."""
from __future__ import annotations

import itertools

import graphs
import numpy as np
import pytest

from tracer.jit.graph.simplify import simplify
from tracer.ops.control.gradient import gradient
from tracer.ops.ir.graph import format_graph, toposort
from tracer.ops.ir.node import Node, const
from tracer.ops.nd.losses import own_gradient
from tracer.ops.primitive.arithmetic import add, cast, div, mul, neg, sub, where
from tracer.ops.primitive.constants import full
from tracer.ops.primitive.elementary import exp
from tracer.ops.primitive.linear import broadcast_to, cut, reduce_sum, reshape, transpose
from tracer.ops.primitive.reductions import reduce_max, reduce_min, reduce_prod

pytestmark = pytest.mark.slow_sample(2)

SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, 1e30, np.nan, np.inf, -np.inf])


def printed(*outputs: Node) -> str:
    """The simplified graph as text, without its leaves."""
    lines = format_graph(simplify(outputs)).splitlines()
    return "\n".join(line.partition("= ")[2] or line for line in lines if "= leaf" not in line)


def leaf_of(array: np.ndarray) -> Node:
    return graphs.leaves([array])[0]


def check(outputs: list[Node], arrays: list[np.ndarray], signs: bool = True) -> None:
    """Assert that the simplified graph, interpreted and native, equals the original; `signs`: of zeros, too."""
    want = graphs.run(outputs, arrays)
    slim = simplify(outputs)
    graphs.verify(slim, planned=True)
    assert [n.aval for n in slim] == [n.aval for n in outputs]
    for found in (graphs.run(slim, arrays), graphs.run(outputs, arrays, "always")):
        for w, f in zip(want, found, strict=True):
            if w.dtype.kind != "f":
                np.testing.assert_array_equal(f, w)
                continue
            np.testing.assert_allclose(f, w, rtol={2: 2e-3, 4: 1e-6, 8: 1e-14}[w.dtype.itemsize], atol=0)
            if signs:
                np.testing.assert_array_equal(np.signbit(f[w == 0]), np.signbit(w[w == 0]))


# ---- reductions of broadcast values ----------------------------------------------------------------------

def test_a_sum_of_copies_is_a_product():
    x = leaf_of(np.ones((3, 1), "float32"))
    assert printed(reduce_sum(broadcast_to(x, (3, 7)), (1,))) == """\
reshape %0 (3,)
const 7.0 float32 folded
multiply %1 %2
return %3"""


def test_a_sum_over_copies_and_others_sums_once():
    x = leaf_of(np.ones((4, 1), "float32"))
    assert printed(reduce_sum(broadcast_to(x, (5, 4, 7)), (0, 1))) == """\
reduce_sum %0 (0,)
const 5.0 float32 folded
multiply %1 %2
broadcast_to %3 (7,)
return %4"""


def test_the_gradient_by_a_bias_of_a_plain_sum_is_a_number():
    x, b = graphs.leaves([np.ones((8, 4), "float32"), np.ones(4, "float32")])
    by_bias, = gradient((reduce_sum(add(x, b), (0, 1)),), (None,), (b,))
    assert printed(by_bias) == "const 8.0 float32 folded\nbroadcast_to %0 (4,)\nreturn %1"
    by_bias, = gradient((div(reduce_sum(add(x, b), (0, 1)), const(32, "float32")),), (None,), (b,))
    assert printed(by_bias) == "const 0.25 float32 folded\nbroadcast_to %0 (4,)\nreturn %1"


def test_an_extreme_of_copies_is_one_of_them():
    x = leaf_of(np.ones((3, 1), "float32"))
    for extreme in (reduce_max, reduce_min):
        assert printed(extreme(broadcast_to(x, (3, 7)), (1,))) == "reshape %0 (3,)\nreturn %1"


def test_a_product_of_copies_stays():
    x = leaf_of(np.ones((3, 1), "float32"))
    assert "reduce_prod" in printed(reduce_prod(broadcast_to(x, (3, 7)), (1,)))


REDUCED = [((3, 1), (3, 7), (1,)), ((3, 1), (3, 7), (0,)), ((3, 1), (3, 7), (0, 1)), ((), (4, 5), (0,)),
           ((1,), (9,), (0,)), ((4, 1, 3), (2, 4, 5, 3), (0, 1, 2)), ((4, 1, 3), (2, 4, 5, 3), (2,)),
           ((1, 1), (1, 6), (0, 1)), ((3, 1), (3, 0), (1,)), ((0, 1), (0, 3), (1,)), ((2, 3), (4, 2, 3), (1,))]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool"])
def test_reductions_of_copies(dtype):
    outputs, arrays = [], []
    for source, whole, axes in REDUCED:
        size = int(np.prod(source))
        values = np.resize(np.array([3, 0, 77, 120, 1, 2]) if np.dtype(dtype).kind != "f" else SPECIAL, size)
        with np.errstate(over="ignore"):
            arrays.append(values.reshape(source).astype(dtype))
        x, = graphs.leaves(arrays[-1:], len(arrays) - 1)
        for reduce in (reduce_sum, reduce_max, reduce_min, reduce_prod):
            outputs.append(reduce(broadcast_to(x, whole), axes))
    check(outputs, arrays, signs=False)


def test_a_sum_of_more_copies_than_float16_counts_stays():
    x = np.full((1, 2), 0.01, "float16")
    for count, stays in ((2048, False), (2049, True), (70_000, True)):
        total = reduce_sum(broadcast_to(leaf_of(x), (count, 2)), (0,))
        assert ("reduce_sum" in printed(total)) == stays
        check([total], [x])


# ---- numbers, and broadcast values -----------------------------------------------------------------------

def test_numbers_are_computed_beforehand():
    one = const(1, "float32")
    x = div(broadcast_to(neg(one), (3,)), const(64, "float32"))
    assert printed(reshape(x, (3, 1))) == "const -0.015625 float32 folded\nbroadcast_to %0 (3,1)\nreturn %1"
    assert printed(div(one, const(0, "float32"))) == "const inf float32\nreturn %0"
    check([x, exp(x), div(one, const(0, "float32")), cast(x, "int32"), where(full((), True, "bool"), x, neg(x))], [])


def test_copies_are_made_last():
    x = leaf_of(np.ones((3, 1), "float32"))
    wide = broadcast_to(x, (3, 7))
    assert printed(exp(mul(neg(wide), const(3, "float32")))) == """\
negative %0
const 3.0 float32
multiply %1 %2
exp %3
broadcast_to %4 (3,7)
return %5"""
    values = np.array([[1.0], [-0.0], [np.nan]], "float32")
    check([exp(mul(neg(wide), const(3, "float32"))), neg(broadcast_to(x, (0, 3, 7)))], [values])


def test_leading_axes_come_by_themselves():
    x = leaf_of(np.ones((), "float32"))
    assert printed(broadcast_to(reshape(x, (1, 1)), (3, 4))) == "broadcast_to %0 (3,4)\nreturn %1"
    assert printed(transpose(broadcast_to(reshape(x, (1, 1)), (3, 4)), (1, 0))) == "broadcast_to %0 (4,3)\nreturn %1"


# ---- identities ------------------------------------------------------------------------------------------

def number(value: float, dtype: str = "float32") -> Node:
    return broadcast_to(const(value, dtype), (2, 4))


NOTHING = {
    "x * 1": lambda x: mul(x, number(1)),
    "1 * x": lambda x: mul(number(1), x),
    "x / 1": lambda x: div(x, number(1)),
    "x - 0": lambda x: sub(x, number(0)),
    "x + -0": lambda x: add(x, number(-0.0)),
    "--x": lambda x: neg(neg(x)),
    "-x * -1": lambda x: mul(neg(x), number(-1)),
    "-x / -1": lambda x: div(neg(x), number(-1)),
    "where true": lambda x: where(number(True, "bool"), x, neg(x)),
    "where false": lambda x: where(number(False, "bool"), neg(x), x),
    "where alike": lambda x: where(cast(x, "bool"), x, x),
    "transposed twice": lambda x: transpose(transpose(x, (1, 0)), (1, 0)),
    "reshaped twice": lambda x: reshape(reshape(x, (8,)), (2, 4)),
    "widened and back": lambda x: cast(cast(x, "float64"), "float32"),
    "a value with its own gradient": lambda x: own_gradient(x, neg(x), exp(x)),
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_changes_nothing_goes(name):
    values = SPECIAL.reshape(2, 4).astype("float32")
    x = leaf_of(values)
    made = NOTHING[name](x)
    assert simplify([made]) == [x]
    check([made], [values])


NO_INTEGER = {
    "i + 0": lambda i: add(i, number(0, "int32")),
    "i - 0": lambda i: sub(i, number(0, "int32")),
    "i * 1": lambda i: mul(i, number(1, "int32")),
    "-(i * -1)": lambda i: neg(mul(i, number(-1, "int32"))),
    "widened and back": lambda i: cast(cast(i, "int64"), "int32"),
    "as float64 and back": lambda i: cast(cast(i, "float64"), "int32"),
}


@pytest.mark.parametrize("name", NO_INTEGER)
def test_what_changes_no_integer_goes(name):
    values = np.array([[0, 1, -5, 2**31 - 1], [-2**31, 7, 8, 9]], "int32")
    i = leaf_of(values)
    made = NO_INTEGER[name](i)
    assert simplify([made]) == [i]
    check([made], [values])


STAYS = {
    "x + 0": lambda x, i: add(x, number(0)),
    "x - -0": lambda x, i: sub(x, number(-0.0)),
    "x * 0": lambda x, i: mul(x, number(0)),
    "x - x": lambda x, i: sub(x, x),
    "x / x": lambda x, i: div(x, x),
    "-(0 - x)": lambda x, i: neg(sub(number(0), x)),
    "narrowed and back": lambda x, i: cast(cast(x, "float16"), "float32"),
    "truncated and back": lambda x, i: cast(cast(x, "int32"), "float32"),
    "as float32 and back": lambda x, i: cast(cast(i, "float32"), "int32"),
    "as int8 and back": lambda x, i: cast(cast(i, "int8"), "int32"),
}


@pytest.mark.parametrize("name", STAYS)
def test_what_changes_a_value_stays(name):
    made = STAYS[name](*graphs.leaves([np.ones((2, 4), "float32"), np.ones((2, 4), "int32")]))
    slim, first = simplify([made, made.inputs[0]])
    assert (slim.op, slim.inputs[0]) == (made.op, first)


def test_integers_times_zero_are_zero():
    i = leaf_of(np.ones((2, 4), "int32"))
    assert printed(mul(i, number(0, "int32"))) == "const 0 int32\nbroadcast_to %0 (2,4)\nreturn %1"


def test_signs_go_into_sums_and_products():
    x, y = graphs.leaves([SPECIAL.reshape(8, 1).astype("float32"), SPECIAL.astype("float32")])
    pairs = [(add(x, neg(y)), sub(x, y)), (add(neg(x), y), sub(y, x)), (sub(x, neg(y)), add(x, y)),
             (mul(neg(x), neg(y)), mul(x, y)), (div(neg(x), neg(y)), div(x, y)),
             (mul(x, const(-1, "float32")), neg(x)), (div(y, const(-1, "float32")), neg(y))]
    for made, slim in pairs:
        assert format_graph(simplify([made])) == format_graph([slim])
    check([made for made, _ in pairs], [SPECIAL.reshape(8, 1).astype("float32"), SPECIAL.astype("float32")])


def test_transposes_in_a_row_are_one():
    values = np.arange(24, dtype="float32").reshape(2, 3, 4)
    x = leaf_of(values)
    for first, second in itertools.product(itertools.permutations(range(3)), repeat=2):
        (made,) = simplify([transpose(transpose(x, first), second)])
        assert made is x or made.op.name == "transpose" and made.inputs == (x,)
        np.testing.assert_array_equal(graphs.run([made], [values])[0], values.transpose(first).transpose(second))


def test_an_axis_of_size_one_is_moved_by_a_reshape():
    x = leaf_of(np.ones((3, 1, 4), "float32"))
    assert printed(transpose(x, (1, 0, 2))) == "reshape %0 (1,3,4)\nreturn %1"
    assert "transpose" in printed(transpose(x, (2, 1, 0)))
    check([transpose(x, (1, 0, 2)), transpose(x, (2, 1, 0))], [np.arange(12, dtype="float32").reshape(3, 1, 4)])


def test_casts_in_a_row():
    for dtype, wide, then, slim in [("int8", "int32", "float32", True), ("float16", "float64", "float32", True),
                                    ("bool", "int64", "float32", True), ("int64", "float64", "int64", False),
                                    ("float32", "float64", "int64", False), ("float32", "int64", "float32", False)]:
        x = leaf_of(np.ones(3, dtype))
        made = cast(cast(x, wide), then)
        assert format_graph(simplify([made])) == format_graph([cast(x, then) if slim else made])
        check([made], [np.array([0, 1, 2]).astype(dtype)])


# ---- parts -----------------------------------------------------------------------------------------------

def test_parts_are_slices_and_their_gradient_is_one_concatenation():
    arrays = [np.arange(12.0).reshape(2, 6)]
    x = leaf_of(arrays[0])
    parts = cut(x, 1, [3, 1, 2])
    assert printed(*parts) == """\
slice %0 ((0,2,1),(0,3,1))
slice %0 ((0,2,1),(3,1,1))
slice %0 ((0,2,1),(4,2,1))
return %1, %2, %3"""
    check(list(parts), arrays)
    (slope,) = gradient((parts[0], parts[2]), (None, None), (x,))
    assert [n.op.name for n in toposort([slope])].count("concatenate") == 1
    np.testing.assert_array_equal(graphs.run([slope], arrays)[0], [[1, 1, 1, 0, 1, 1]] * 2)
    assert cut(x, 1, [6]) == (x,)

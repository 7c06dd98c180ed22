"""Algebra on graphs: which graph becomes which, and that both have the same values, special ones included."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.jit.gradient import gradient
from tracer.jit.simplify import simplify
from tracer.ops.arithmetic import add, cast, div, mul, neg, sub, where
from tracer.ops.creation import full
from tracer.ops.movement import broadcast_to, reshape, transpose
from tracer.ops.nd_nn import own_gradient
from tracer.ops.node import Node, const, format_graph
from tracer.ops.reductions import reduce_max, reduce_min, reduce_prod, reduce_sum
from tracer.ops.unary import exp

SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, 1e30, np.nan, np.inf, -np.inf])


def printed(*outputs: Node) -> str:
    """The simplified graph as text, without its leaves."""
    lines = format_graph(simplify(outputs)).splitlines()
    return "\n".join(line.partition("= ")[2] or line for line in lines if "= leaf" not in line)


def leaf_of(array: np.ndarray) -> Node:
    return graphs.leaves([array])[0]


def check(outputs: list[Node], arrays: list[np.ndarray], signs: bool = True) -> None:
    """The simplified graph, interpreted and native, gives what the graph itself gives; `signs`: of zeros, too."""
    want = graphs.run(outputs, arrays)
    slim = simplify(outputs)
    graphs.verify(slim)
    assert [n.aval for n in slim] == [n.aval for n in outputs]
    for found in (graphs.run(slim, arrays), graphs.run(outputs, arrays, "always")):
        for w, f in zip(want, found, strict=True):
            if w.dtype.kind != "f":
                np.testing.assert_array_equal(f, w)
                continue
            np.testing.assert_allclose(f, w, rtol={2: 2e-3, 4: 1e-6, 8: 1e-14}[w.dtype.itemsize], atol=0)
            if signs:
                np.testing.assert_array_equal(np.signbit(f[w == 0]), np.signbit(w[w == 0]))


# ---- reductions of what was broadcast --------------------------------------------------------------------

def test_a_sum_of_copies_is_a_product():
    x = leaf_of(np.ones((3, 1), "float32"))
    assert printed(reduce_sum(broadcast_to(x, (3, 7)), (1,))) == """\
reshape %0 (3,)
const 7.0 float32
multiply %1 %2
return %3"""


def test_a_sum_over_copies_and_others_sums_once():
    x = leaf_of(np.ones((4, 1), "float32"))
    assert printed(reduce_sum(broadcast_to(x, (5, 4, 7)), (0, 1))) == """\
reduce_sum %0 (0,)
const 5.0 float32
multiply %1 %2
broadcast_to %3 (7,)
return %4"""


def test_the_gradient_by_a_bias_of_a_plain_sum_is_a_number():
    x, b = graphs.leaves([np.ones((8, 4), "float32"), np.ones(4, "float32")])
    by_bias, = gradient((reduce_sum(add(x, b), (0, 1)),), (None,), (b,))
    assert printed(by_bias) == "const 8.0 float32\nbroadcast_to %0 (4,)\nreturn %1"
    by_bias, = gradient((div(reduce_sum(add(x, b), (0, 1)), const(32, "float32")),), (None,), (b,))
    assert printed(by_bias) == "const 0.25 float32\nbroadcast_to %0 (4,)\nreturn %1"


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


# ---- numbers, and what is broadcast ----------------------------------------------------------------------

def test_numbers_are_computed_beforehand():
    one = const(1, "float32")
    x = div(broadcast_to(neg(one), (3,)), const(64, "float32"))
    assert printed(reshape(x, (3, 1))) == "const -0.015625 float32\nbroadcast_to %0 (3,1)\nreturn %1"
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


# ---- what changes nothing --------------------------------------------------------------------------------

X = leaf_of(np.ones((2, 4), "float32"))
J = leaf_of(np.ones((2, 4), "int32"))
B = leaf_of(np.ones((2, 4), "bool"))


def number(value: float, dtype: str = "float32") -> Node:
    return broadcast_to(const(value, dtype), (2, 4))


@pytest.mark.parametrize("made", [
    mul(X, number(1)), mul(number(1), X), div(X, number(1)), sub(X, number(0)), add(X, number(-0.0)),
    neg(neg(X)), mul(neg(X), number(-1)), div(neg(X), number(-1)), where(number(True, "bool"), X, neg(X)),
    where(number(False, "bool"), neg(X), X), where(B, X, X), transpose(transpose(X, (1, 0)), (1, 0)),
    reshape(reshape(X, (8,)), (2, 4)), cast(cast(X, "float64"), "float32"), broadcast_to(add(X, number(-0.0)), (2, 4)),
    own_gradient(X, neg(X), exp(X))], ids=str)
def test_what_changes_nothing_goes(made):
    assert simplify([made]) == [X]
    x = SPECIAL.reshape(2, 4).astype("float32")
    check([made], [x] if made.op.name != "where" or made.inputs[0] is not B else [x > 0])


@pytest.mark.parametrize("made", [
    add(J, number(0, "int32")), sub(J, number(0, "int32")), mul(J, number(1, "int32")),
    neg(mul(J, number(-1, "int32"))), mul(neg(J), number(-1, "int32")), cast(cast(J, "int64"), "int32"),
    cast(cast(J, "float64"), "int32")], ids=str)
def test_what_changes_no_integer_goes(made):
    assert simplify([made]) == [J]
    check([made], [np.array([[0, 1, -5, 2**31 - 1], [-2**31, 7, 8, 9]], "int32")])


@pytest.mark.parametrize("made", [
    add(X, number(0)), sub(X, number(-0.0)), mul(X, number(0)), sub(X, X), div(X, X), neg(sub(number(0), X)),
    cast(cast(X, "float16"), "float32"), cast(cast(X, "int32"), "float32"), cast(cast(J, "float32"), "int32"),
    cast(cast(J, "int8"), "int32")], ids=str)
def test_what_changes_a_value_stays(made):
    slim, = simplify([made])
    assert (slim.op, slim.inputs[0]) == (made.op, simplify(made.inputs[:1])[0])


def test_integers_times_zero_are_zero():
    assert printed(mul(J, number(0, "int32"))) == "const 0 int32\nbroadcast_to %0 (2,4)\nreturn %1"


def test_signs_go_into_sums_and_products():
    x, y = graphs.leaves([SPECIAL.reshape(8, 1).astype("float32"), SPECIAL.astype("float32")])
    pairs = [(add(x, neg(y)), sub(x, y)), (add(neg(x), y), sub(y, x)), (sub(x, neg(y)), add(x, y)),
             (mul(neg(x), neg(y)), mul(x, y)), (div(neg(x), neg(y)), div(x, y)),
             (mul(x, const(-1, "float32")), neg(x)), (div(y, const(-1, "float32")), neg(y))]
    for made, slim in pairs:
        assert simplify([made]) == [slim]
    check([made for made, _ in pairs], [SPECIAL.reshape(8, 1).astype("float32"), SPECIAL.astype("float32")])


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
        assert simplify([made]) == [cast(x, then) if slim else made]
        check([made], [np.array([0, 1, 2]).astype(dtype)])

"""The lowering of kernels: loops, branches, and each operator against NumPy's on scalars of the same types."""
from __future__ import annotations

import numpy
import pytest
from kernel_text import run

from tracer.ops.ir.errors import CannotCompile

pytestmark = pytest.mark.tierless


@pytest.mark.parametrize("kind, dtype", [("f32", "float32"), ("f64", "float64"), ("i64", "int64"), ("u64", "uint64"),
                                         ("i32", "int32"), ("u8", "uint8")])
@pytest.mark.parametrize("sign", ["+", "-", "*", "&", "|", "^", "<", "<=", ">", ">=", "==", "!="])
def test_operators_give_numpy_s_numbers(sign, kind, dtype):
    rng = numpy.random.default_rng(3)
    x, y = [rng.integers(0, 200, 40).astype(dtype) for _ in range(2)]
    y[::5] = x[::5]
    if sign in "&|^" and kind[0] == "f":
        with pytest.raises(CannotCompile):
            run(f"x = {kind}(lo) {sign} {kind}(hi)")
        return
    wanted = eval(f"x {sign} y", {"x": x, "y": y})
    result = "b1" if wanted.dtype == bool else kind
    given = f"ld_{kind}_0(p, i) {sign} ld_{kind}_0(q, i)"
    found = numpy.zeros(40, wanted.dtype)
    run(f"p = bind[args[0]]\nq = bind[args[1]]\nr = bind[args[2]]\nfor i in range(lo, hi):\n"
        f"    st_{result}_1(r, i, {given if result == 'b1' else f'{result}({given})'})", x, y, found, hi=40)
    numpy.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("sign", ["//", "%"])
def test_quotients_and_remainders_of_words_are_python_s(sign):
    x = numpy.array([7, -7, 7, -7, 0, 12, -12, 2**40])
    y = numpy.array([3, 3, -3, -3, 5, 4, 4, 2**20 + 1])
    found = numpy.zeros(8, numpy.int64)
    run(f"p = bind[args[0]]\nq = bind[args[1]]\nr = bind[args[2]]\nfor i in range(lo, hi):\n"
        f"    st_i64_1(r, i, ld_i64_0(p, i) {sign} ld_i64_0(q, i))", x, y, found, hi=8)
    pairs = zip(x.tolist(), y.tolist(), strict=True)
    assert found.tolist() == [eval(f"a {sign} b", {"a": a, "b": b}) for a, b in pairs]


@pytest.mark.parametrize("kind, dtype", [("f32", "float32"), ("i64", "int64"), ("i8", "int8"), ("u8", "uint8")])
@pytest.mark.parametrize("sign", ["-", "~"])
def test_operators_of_one_number(sign, kind, dtype):
    if sign == "~" and kind == "f32":
        with pytest.raises(CannotCompile):
            run("x = ~f32(lo)")
        return
    x, found = numpy.array([1, 0, 7, 100]).astype(dtype), numpy.zeros(4, dtype)
    run(f"p = bind[args[0]]\nr = bind[args[1]]\nfor i in range(lo, hi):\n"
        f"    st_{kind}_1(r, i, {kind}({sign}ld_{kind}_0(p, i)))", x, found, hi=4)
    numpy.testing.assert_array_equal(found, eval(f"{sign}x", {"x": x}))


def test_a_division_by_zero_is_infinite():
    x, found = numpy.array([1, -1, 0], "float32"), numpy.zeros(3, "float32")
    run("p = bind[args[0]]\nr = bind[args[1]]\nz = f32(0.0)\nfor i in range(lo, hi):\n"
        "    st_f32_1(r, i, ld_f32_0(p, i) / z)", x, found, hi=3)
    numpy.testing.assert_array_equal(found, [numpy.inf, -numpy.inf, numpy.nan])


def test_loops_and_branches():
    found, words = numpy.zeros(6, numpy.int64), numpy.zeros(1, numpy.int64)
    run("r = bind[args[0]]\n"
        "for i in range(hi):\n"
        "    c = 0\n"
        "    for j in range(i, 10, 3):\n"
        "        bad = (j < 2) | (j == 7)\n"
        "        if bad:\n"
        "            c = c + 100\n"
        "        if not bad:\n"
        "            c = c + j\n"
        "    st_i64_1(r, i, -c)\n"
        "bind[args[1]] = hi + 1", found, words, hi=6)
    assert found.tolist() == [-sum([100 if j < 2 or j == 7 else j for j in range(i, 10, 3)]) for i in range(6)]


@pytest.mark.parametrize("body", [
    "while lo < hi:\n    lo = lo + 1", "x = lo.real", "x = unknown(lo)", "x = unknown", "x = 0 < lo < hi",
    "x = lo @ hi", "x, y = lo, hi", "x = f32(lo) + bind", "x = exp(lo)", "x = select(lo, f32(1.0), f64(1.0))",
    "x = lo ** hi", "x = args", "for x in bind:\n    y = x", "x = 'text'", "x = 2 ** 64",
    "for x in range(9, 0, -1):\n    y = x", "for x in range(0, 9, hi):\n    y = x", "for x in min(lo, hi):\n    y = x",
    "for x in range(9):\n    y = x\nelse:\n    y = 1", "x = 0\nx = f32(1.0)"])
def test_what_no_kernel_contains_is_refused(body):
    with pytest.raises(CannotCompile):
        run(body)

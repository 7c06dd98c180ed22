"""The inlined elementary functions: their stated errors on both machines, and that loops over them vectorize."""
from __future__ import annotations

import itertools
import re

import llvmlite.binding
import mpmath
import numpy as np
import pytest
import scipy.special
from elementary_loops import compiled, loop
from kernel_text import assembly, run
from numpy_lanes import NUMPY

from tracer.jit.native.elementary import FUNCTIONS

pytestmark = pytest.mark.tierless


def _sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


# References of float32 results: the functions in float64.
WIDE = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "sigmoid": _sigmoid, "erf": scipy.special.erf, "log": np.log, "log1p": np.log1p, "log2": np.log2,
    "log10": np.log10, "softplus": _softplus, "log_sigmoid": lambda x: -_softplus(-x),
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "rsqrt": lambda x: 1 / np.sqrt(x), "cbrt": np.cbrt,
}
# References of float64 results.
EXACT = {
    "exp": mpmath.exp, "exp2": lambda x: mpmath.power(2, x), "expm1": mpmath.expm1, "sinh": mpmath.sinh,
    "cosh": mpmath.cosh, "tanh": mpmath.tanh, "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "erf": mpmath.erf, "log": mpmath.log, "log1p": mpmath.log1p, "log2": lambda x: mpmath.log(x, 2),
    "log10": mpmath.log10, "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "cbrt": lambda x: mpmath.cbrt(x) if x >= 0 else -mpmath.cbrt(-x),
}
NAMES = sorted(WIDE)
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0]


def stated_error(name: str, dtype: type) -> float:
    """The largest error that the docstring states, in ulp."""
    pattern = r"Error: ([\d.]+) ulp \(float32\), ([\d.]+) ulp \(float64\)"
    found = re.search(pattern, FUNCTIONS[name].__doc__ or "")
    assert found, f"{name} states no error"
    return float(found[1 if dtype == np.float32 else 2])


MACHINES = {"numpy": NUMPY.__getitem__, "llvm": compiled}


def errors32(name, x, y):
    """|y - f(x)| in ulp, infinite where a NaN, an infinity or the sign of a zero is wrong."""
    with np.errstate(all="ignore"):
        exact = WIDE[name](x.astype(np.float64))
        rounded = exact.astype(np.float32)
        regular = np.isfinite(exact) & np.isfinite(rounded)
        unit = np.spacing(np.abs(np.where(regular, rounded, 1)))
        error = np.abs(y.astype(np.float64) - exact) / unit
        same = (np.isnan(y) & np.isnan(rounded)) | (y == rounded)
        same &= np.isnan(y) | (np.signbit(y) == np.signbit(rounded))
        regular &= np.isfinite(y) & (np.signbit(y) == np.signbit(rounded))
        return np.where(regular, error, np.where(same, 0, np.inf))


def assert_accurate(name, x, machine):
    y = MACHINES[machine](name)(x)
    error = errors32(name, x, y)
    worst = int(np.argmax(error))
    message = f"{name}({x[worst]!r}) = {y[worst]!r}: {error[worst]:.3f} ulp"
    assert error[worst] <= stated_error(name, np.float32), message


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", NAMES)
def test_float32_is_as_accurate_as_stated(name, machine):
    every = np.arange(0, 2**32, 40009, dtype=np.uint64).astype(np.uint32).view(np.float32)
    usual = np.random.default_rng(3).uniform(-20, 20, 50_000).astype(np.float32)
    assert_accurate(name, np.concatenate([every, usual, np.float32(SPECIAL)]), machine)


@pytest.mark.sweep(sample=1)
@pytest.mark.parametrize("part", range(256))
@pytest.mark.parametrize("name", NAMES)
def test_every_float32(name, part):
    x = np.arange(part << 24, (part + 1) << 24, dtype=np.uint64).astype(np.uint32).view(np.float32)
    assert_accurate(name, x, "llvm")


def float64_sample():
    rng = np.random.default_rng(4)
    return np.concatenate([
        rng.integers(0, 2**64, 300, dtype=np.uint64).view(np.float64),
        rng.standard_normal(500) * 10.0 ** rng.uniform(-4, 3, 500),
        1 + rng.standard_normal(200) * 10.0 ** rng.uniform(-9, 0, 200),
        [5e-324, -5e-324, 1e-310, -1e-310, -740.5, -745.1, -745.2, 709.7, 709.8, 710.4, 710.5, 1e-17],
    ])


def error64(y, exact):
    """|y - exact| in ulp, for an mpmath number whose float64 is not a NaN."""
    rounded = float(exact) if abs(exact) < mpmath.mpf(2) ** 1024 else float(mpmath.sign(exact)) * np.inf
    if not (np.isfinite(rounded) and np.isfinite(y)):
        return 0.0 if y == rounded else np.inf
    return float(abs(mpmath.mpf(float(y)) - exact) / mpmath.mpf(float(np.spacing(abs(rounded)))))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", NAMES)
def test_float64_is_as_accurate_as_stated(name, machine):
    x = float64_sample()
    if name in ("log", "log2", "log10", "rsqrt"):
        x = np.abs(x)
    if name == "log1p":
        x = x[x > -1]
    if name in ("exp", "exp2", "expm1", "sinh", "cosh", "sigmoid", "softplus", "log_sigmoid"):
        x = np.clip(x, -1500, 1500)
    x = x[np.isfinite(x)]
    y = MACHINES[machine](name)(x)
    with mpmath.workprec(1300 if name in ("sin", "cos", "tan", "tanh", "softplus", "log_sigmoid") else 140):
        worst = max((error64(b, EXACT[name](mpmath.mpf(float(a)))), a, b) for a, b in zip(x, y))
    assert worst[0] <= stated_error(name, np.float64), worst


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", NAMES)
def test_float64_special_values(name, machine):
    x = np.array(SPECIAL)
    with np.errstate(all="ignore"):
        expected = WIDE[name](x)
    y = MACHINES[machine](name)(x)
    np.testing.assert_allclose(y, expected, rtol=1e-15)
    number = ~np.isnan(expected)
    assert (np.signbit(y) == np.signbit(expected))[number].all()


def hard_for_trigonometry() -> list[float]:
    """Per binade, the float64 nearest to a multiple of pi/2: numerators of convergents of 2**-e pi/2."""
    worst = []
    with mpmath.workprec(2400):
        for exponent in range(0, 970, 3):
            rest = mpmath.pi / 2 / mpmath.mpf(2) ** exponent
            p, p_before = 1, 0
            while True:
                whole = int(mpmath.floor(rest))
                p, p_before = whole * p + p_before, p
                if p >= 2**53:
                    break
                rest = 1 / (rest - whole)
            worst.append(float(mpmath.mpf(p_before) * mpmath.mpf(2) ** exponent))
    return worst


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_trigonometry_next_to_multiples_of_half_pi(name, machine):
    x = np.array([*hard_for_trigonometry(), 6381956970095103.0 * 2.0**797])
    y = MACHINES[machine](name)(x)
    with mpmath.workprec(1300):
        exact = [EXACT[name](mpmath.mpf(float(a))) for a in x]
    assert min(abs(e) for e in exact) < 1e-18
    for a, b, e in zip(x, y, exact):
        few = a > 2.0**70 and abs(e) < 2.0**-50  # see the head of trigonometric.py
        assert error64(b, e) <= (6.0 if few else stated_error(name, np.float64)), (a, b)


POW_SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, np.inf, -np.inf, np.nan, 1e10, -1e10,
               2.0**53, 1e30, -1e30, 1e-30, 1.0000001, 0.9999999, -0.9999999]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pow_special_values(dtype, machine):
    x, y = np.array(list(itertools.product(POW_SPECIAL, POW_SPECIAL)), dtype).T.copy()
    with np.errstate(all="ignore"):
        expected = np.power(x.astype(np.float64), y.astype(np.float64)).astype(dtype)
    got = MACHINES[machine]("pow")(x, y)
    np.testing.assert_allclose(got, expected, rtol=3e-7 if dtype == np.float32 else 1e-15)
    number = ~np.isnan(expected)
    assert (np.signbit(got) == np.signbit(expected))[number].all()


def pow_sample(n: int):
    rng = np.random.default_rng(5)
    x = np.concatenate([np.exp2(rng.uniform(-1074, 1024, n)), 1 + np.exp2(-rng.uniform(1, 30, n))])
    return x, rng.uniform(-1080, 1025, 2 * n) / np.log2(x)


@pytest.mark.parametrize("machine", MACHINES)
def test_pow_float64_is_as_accurate_as_stated(machine):
    x, y = pow_sample(700)
    got = MACHINES[machine]("pow")(x, y)
    with mpmath.workprec(200):
        exact = [mpmath.mpf(float(a)) ** mpmath.mpf(float(b)) for a, b in zip(x, y)]
        worst = max((error64(c, e), a, b) for a, b, c, e in zip(x, y, got, exact))
    assert worst[0] <= stated_error("pow", np.float64), worst


@pytest.mark.parametrize("machine", MACHINES)
def test_pow_float32_is_as_accurate_as_stated(machine, monkeypatch):
    rng = np.random.default_rng(6)
    logarithms = np.concatenate([rng.uniform(-149, 128, 100_000), rng.normal(0, 0.1, 100_000)])
    x = np.exp2(logarithms).astype(np.float32)
    y = (rng.uniform(-151, 129, x.size) / np.log2(x.astype(np.float64))).astype(np.float32)
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    monkeypatch.setitem(WIDE, "pow", lambda x: np.power(x, y.astype(np.float64)))
    error = errors32("pow", x, MACHINES[machine]("pow")(x, y))
    worst = int(np.argmax(error))
    assert error[worst] <= stated_error("pow", np.float32), (x[worst], y[worst])


@pytest.mark.parametrize("name", NAMES)
def test_fastmath_flags_of_kernels_cannot_reach_inside(name):
    x = np.random.default_rng(7).standard_normal(4096) * 8
    for values in (x.astype(np.float32), x):
        np.testing.assert_array_equal(compiled(name, fastmath=True)(values), compiled(name)(values))


def test_float16_is_computed_in_float32():
    x = np.arange(0, 2**16, dtype=np.uint32).astype(np.uint16).view(np.float16)
    with np.errstate(all="ignore"):
        expected = np.tanh(x.astype(np.float64)).astype(np.float16)
    np.testing.assert_array_equal(NUMPY["tanh"](x), expected)


LOOPED = sorted(name for name in FUNCTIONS if FUNCTIONS[name].__code__.co_argcount < 4)


@pytest.mark.skipif("x86" not in llvmlite.binding.get_process_triple(), reason="looks for x86 registers")
@pytest.mark.parametrize("name", LOOPED)
def test_loops_are_vectorized(name):
    features = llvmlite.binding.get_host_cpu_features()
    if not features.get("avx2"):
        pytest.skip("no AVX2 on this host")
    # Some processors with zmm registers prefer ymm.
    wide = "[yz]mm" if features.get("avx512f") else "ymm"
    for dtype in (np.float32, np.float64):
        code = assembly(loop(name, dtype))
        assert "call" not in code, f"{name} calls a function"
        arithmetic = re.findall(rf"\tv(?!mov|broadcast|pbroadcast|extract|insert)\w+\t.*%{wide}", code)
        assert arithmetic, f"{name} stays scalar"


REDUCTIONS = [("fadd_reassoc", np.sum), ("max_acc", np.max), ("min_acc", np.min)]


@pytest.mark.parametrize("name, reference", REDUCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_accumulators(name, reference, dtype):
    kind = "f32" if dtype == np.float32 else "f64"
    body = (f"p = bind[args[0]]\nq = bind[args[1]]\nc = ld_{kind}_0(p, 0)\nfor i in range(1, hi):\n"
            f"    c = {name}(c, ld_{kind}_0(p, i))\nst_{kind}_1(q, 0, c)")

    def reduce(x):
        found = np.empty(1, dtype)
        run(body, x, found, hi=x.size)
        return found[0]

    x = np.random.default_rng(8).standard_normal(10_000).astype(dtype)
    assert reduce(x) == pytest.approx(reference(x), rel=1e-3 if name == "fadd_reassoc" else 0)
    for position in (0, 17, 5000, 9999):
        poisoned = x.copy()
        poisoned[position] = np.nan
        assert np.isnan(reduce(poisoned)), f"a NaN at {position} is lost"
    code = assembly(body)
    operation = {"fadd_reassoc": "add", "max_acc": "max", "min_acc": "min"}[name]
    if llvmlite.binding.get_host_cpu_features().get("avx2"):
        assert re.search(rf"\tv{operation}p[sd]\t.*%[yz]mm", code), f"{name} stays scalar"


@pytest.mark.parametrize("name, reference", [("maximum", np.maximum), ("minimum", np.minimum)])
@pytest.mark.parametrize("machine", MACHINES)
def test_maximum_and_minimum_keep_nan(name, reference, machine):
    values = [1.0, -2.0, np.inf, -np.inf, np.nan, 3.5]
    a, b = np.array(list(itertools.product(values, values)), np.float32).T.copy()
    np.testing.assert_array_equal(MACHINES[machine](name)(a, b), reference(a, b))


@pytest.mark.parametrize("name", ["sqrt", "rint", "floor", "ceil", "trunc", "fabs"])
@pytest.mark.parametrize("machine", MACHINES)
def test_rounding_functions_are_numpy_s(name, machine):
    x = np.array([*SPECIAL, 0.5, 1.5, -0.5, -1.5, 2.5, 2.25, 1e20, -7.75], np.float32)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(MACHINES[machine](name)(x), getattr(np, name)(x))


def test_select_takes_numbers_of_one_type():
    def pick(kind, x, y):
        numbers, found = np.array([x, y]), np.empty(1, np.result_type(x, y))
        run(f"p = bind[args[0]]\nq = bind[args[1]]\nx = ld_{kind}_0(p, 0)\ny = ld_{kind}_0(p, 1)\n"
            f"st_{kind}_1(q, 0, select(x < y, x, y))", numbers, found)
        return found[0]

    assert pick("i64", 2, 3) == 2
    assert pick("f32", np.float32(5), np.float32(4)) == 4
    assert np.isnan(pick("f64", 1.0, np.nan))
    np.testing.assert_array_equal(NUMPY["select"](np.array([True, False]), np.ones(2), np.zeros(2)), [1, 0])

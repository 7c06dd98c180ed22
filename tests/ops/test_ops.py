"""All ops pass the same tests, generated from their records: value, dtypes, gradients, both tiers, bad input.

A new op is tested by being declared. Its `samples` are the operands, its `dtypes` and `errors` what it accepts and
refuses; an op without samples fails here, unless it is a leaf, a barrier or an output of another op. Results are
compared with tests/helpers/references.py, which is independent of ops/.
"""
from __future__ import annotations

import inspect
import zlib
from collections.abc import Sequence

import graphs
import numpy as np
import pytest
from references import FACTORS, REFERENCES, reference

from tracer import ops
from tracer.ops.declare.families import Op
from tracer.ops.declare.public import FUNCTIONS
from tracer.ops.ir.aval import aval
from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.node import Node, leaf, make
from tracer.ops.ir.op import ALL, ELEMENTWISE, FLOATS, INTEGERS, LEAF, OPS, REDUCTION, VIEW

ops.load()

#: Ops that stand for no computation, and so have no samples.
STRUCTURAL = {"const", "item", "mark", "once", "overwrite", "stop", *[n for n, op in OPS.items() if op.kind == LEAF]}
#: The ops of the product. Other tests declare ops too, under names that start with test_.
COMPUTING = [op for name, op in OPS.items() if name not in STRUCTURAL and not name.startswith("test_")]
SAMPLES = [(op, i) for op in COMPUTING for i in range(len(list(op.samples() if op.samples else ())))]
WITH_SAMPLES = [op for op in COMPUTING if any(op is o for o, _ in SAMPLES)]
IDS = [f"{op.name}-{i}" for op, i in SAMPLES]
#: Ops that NumPy computes within a compiled program: the gradient of a slice is a call.
BY_NUMPY = {"slice"}
#: The allowed error of each element by dtype: relative, and absolute.
TOLERANCE = {d: (8 * float(np.finfo(d).eps), 8 * float(np.finfo(d).eps)) for d in ("float16", "float32", "float64")}


def sample(op: Op, index: int) -> tuple[list[np.ndarray], tuple]:
    arrays, attrs = list(op.samples())[index]  # type: ignore[misc]
    return [np.array(a) for a in arrays], attrs


def rng_for(op: Op, index: int) -> np.random.RandomState:
    return np.random.RandomState(zlib.crc32(f"{op.name} {index}".encode()) % 2**32)


def node_on(op: Op, arrays: list[np.ndarray], attrs: tuple) -> Node:
    return make(op, tuple(graphs.leaves(arrays)), attrs)


def assert_close(got: np.ndarray, want: np.ndarray, scale: float = 1.0, places: str = "") -> None:
    """Assert equal arrays; floats within the dtype's tolerance, with NaN and infinity in the same places."""
    assert got.shape == want.shape and got.dtype == want.dtype, places
    if got.dtype.kind != "f":
        np.testing.assert_array_equal(got, want, places)
        return
    near, beside_zero = TOLERANCE[got.dtype.name]
    np.testing.assert_allclose(got.astype("float64"), want.astype("float64"), rtol=scale * near,
                               atol=scale * beside_zero, err_msg=places)


def as_dtype(arrays: list[np.ndarray], dtype: np.dtype | str) -> list[np.ndarray]:
    """The samples in another dtype; integers and bools beside floats (indices, masks) are kept.

    Floats are rounded up to integers, so that divisors stay non-zero; without sign if the dtype is unsigned.
    """
    floats = any(a.dtype.kind == "f" for a in arrays)
    return [_converted(a, np.dtype(dtype)) if a.dtype.kind == "f" or not floats else a for a in arrays]


def _converted(a: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "f" or a.dtype.kind != "f":
        return a.astype(dtype)
    whole = np.ceil(a)
    return (np.abs(whole) if dtype.kind in "ub" else whole).astype(dtype)


def meaning(op: Op, arrays: list[np.ndarray], attrs: tuple, of: Sequence[Node]) -> list[np.ndarray]:
    """The reference's results on `arrays`, in the dtypes of the nodes `of`: integers wrap around."""
    found = reference(op.name, [a.astype("float64") if a.dtype.kind == "f" else a for a in arrays], attrs)
    whole = [a.astype("int64") if a.dtype.kind == "f" and n.dtype.kind in "iu" else a for a, n in zip(found, of)]
    with np.errstate(all="ignore"):
        return [a.astype(n.dtype) for a, n in zip(whole, of, strict=True)]


# ---- the table -------------------------------------------------------------------------------------------

def test_the_table_is_filled():
    assert len(OPS) > 100 and len(FUNCTIONS) > 100
    assert all(OPS[op.name] is op for op in OPS.values())


@pytest.mark.tierless
@pytest.mark.parametrize("op", COMPUTING, ids=repr)
def test_has_samples(op):
    assert op.samples is not None and len(list(op.samples())) > 0


@pytest.mark.tierless
def test_every_public_function_says_what_it_does():
    silent = [f.name for f in FUNCTIONS if not inspect.getdoc(f.build)]
    assert silent == []


@pytest.mark.tierless
def test_public_names_are_declared_once():
    names = [name for f in FUNCTIONS for name in f.names]
    assert sorted({n for n in names if names.count(n) > 1}) == []


# ---- values ----------------------------------------------------------------------------------------------

def test_every_op_has_a_reference():
    assert {op.name for op in COMPUTING} == REFERENCES.keys() | FACTORS.keys()


@pytest.mark.sweep(sample=1000, native=40)
@pytest.mark.parametrize(("op", "index"), SAMPLES, ids=IDS)
def test_values_are_those_of_the_reference(op, index, jit_mode):
    arrays, attrs = sample(op, index)
    outputs = graphs.parts(node_on(op, arrays, attrs))
    graphs.verify(outputs)
    values = graphs.run(outputs, arrays, jit_mode)
    assert [(v.shape, v.dtype) for v in values] == [(n.shape, n.dtype) for n in outputs]
    if op.name in FACTORS:
        of_results, of_operands = FACTORS[op.name]
        for got, want in zip(of_results(*values), of_operands(*arrays), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)
        return
    for got, want in zip(values, meaning(op, arrays, attrs, outputs), strict=True):
        assert_close(got, want, 1.0 if op.kind == ELEMENTWISE else 4.0)  # sums lose more digits


@pytest.mark.tierless
@pytest.mark.parametrize("op", [op for op in WITH_SAMPLES if op.name not in FACTORS], ids=repr)
def test_each_declared_dtype_is_taken(op):
    for dtype in sorted(op.dtypes, key=str):
        arrays, attrs = sample(op, 0)
        arrays = as_dtype(arrays, dtype)
        outputs = graphs.parts(node_on(op, arrays, attrs))
        values = graphs.run(outputs, arrays)
        for got, want in zip(values, meaning(op, arrays, attrs, outputs), strict=True):
            assert_close(got, want, places=dtype.name)


@pytest.mark.tierless
@pytest.mark.parametrize("op", COMPUTING, ids=repr)
def test_floats_and_integers_are_taken_all_or_none(op):
    for kind in (FLOATS, INTEGERS):
        for declared in (op.dtypes, op.backward_dtypes):
            assert declared & kind in (kind, frozenset()), op


@pytest.mark.tierless
@pytest.mark.parametrize("op", [op for op in WITH_SAMPLES if op.dtypes != ALL], ids=repr)
def test_no_other_dtype_is_taken(op):
    for dtype in sorted(ALL - op.dtypes, key=str):
        arrays, attrs = sample(op, 0)
        with pytest.raises(MXNetError, match=dtype.name):
            node_on(op, as_dtype(arrays, dtype), attrs)


@pytest.mark.tierless
@pytest.mark.parametrize(("op", "index"), SAMPLES, ids=IDS)
def test_strided_input_gives_the_same(op, index):
    """The NumPy meaning must accept views, and arrays that are read-only."""
    arrays, attrs = sample(op, index)
    strided = []
    for a in arrays:
        wide = np.zeros((*a.shape, 2), a.dtype)
        wide[..., 0] = a
        view = wide[..., 0]
        view.flags.writeable = False
        strided.append(view)
    with np.errstate(all="ignore"):
        found, plain = op.ref(strided, attrs), op.ref(arrays, attrs)
    for got, want in zip(*[o if isinstance(o, (tuple, list)) else [o] for o in (found, plain)], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


# ---- both tiers ------------------------------------------------------------------------------------------

def compare_tiers(outputs: list[Node], arrays: list[np.ndarray], scale: float) -> None:
    """Assert that a program gives the same results compiled and interpreted."""
    native, interpreted = graphs.run(outputs, arrays, "always"), graphs.run(outputs, arrays)
    for node, got, want in zip(outputs, native, interpreted, strict=True):
        assert_close(got, want, scale, repr(node))


def on_samples(op: Op, indices: list[int]) -> tuple[list[Node], list[np.ndarray]]:
    """One graph of the op on several samples, in float32, with the gradient by the first operand."""
    outputs: list[Node] = []
    arrays: list[np.ndarray] = []
    for i in indices:
        mine, attrs = sample(op, i)
        mine = as_dtype(mine, "float32") if np.dtype("float32") in op.dtypes else mine
        inputs = graphs.leaves(mine, len(arrays))
        parts = graphs.parts(make(op, tuple(inputs), attrs))
        outputs += parts
        arrays += mine
        if i == indices[0] and op.vjp is not None:
            weights = [np.asarray(rng_for(op, i).randn(*p.shape), p.dtype) for p in parts]
            cots = graphs.leaves(weights, len(arrays))
            arrays += weights
            by = [n for n in inputs if n.dtype.kind == "f"]
            outputs += gradients_or_none(list(parts), cots, by) or []
    outputs = list(dict.fromkeys(outputs))
    graphs.verify(outputs)
    return outputs, arrays


@pytest.mark.parametrize("op", WITH_SAMPLES, ids=repr)
def test_native_is_interpreted(op):
    last = len(list(op.samples())) - 1
    compare_tiers(*on_samples(op, [0, last] if last else [0]), 10.0)


@pytest.mark.sweep(sample=10)
@pytest.mark.parametrize("op", WITH_SAMPLES, ids=repr)
def test_native_is_interpreted_on_every_sample(op):
    compare_tiers(*on_samples(op, list(range(len(list(op.samples()))))), 10.0)


@pytest.mark.tierless
@pytest.mark.parametrize("op", [o for o in WITH_SAMPLES if o.kind in (ELEMENTWISE, REDUCTION, VIEW)], ids=repr)
def test_no_part_of_it_falls_back_to_numpy(op):
    """Ops with a scalar expression, and their gradients, are fused and compiled; but for the known exceptions."""
    outputs, arrays = on_samples(op, [0])
    assert bool(graphs.fallbacks(outputs)) == (op.name in BY_NUMPY), graphs.fallbacks(outputs)


@pytest.mark.sweep(sample=12)
@pytest.mark.parametrize("op", WITH_SAMPLES, ids=repr)
def test_native_is_interpreted_in_every_dtype(op):
    outputs: list[Node] = []
    arrays: list[np.ndarray] = []
    for dtype in sorted(op.dtypes - {np.dtype("float32")}, key=str):
        mine, attrs = sample(op, 0)
        mine = as_dtype(mine, dtype)
        outputs += graphs.parts(make(op, tuple(graphs.leaves(mine, len(arrays))), attrs))
        arrays += mine
    compare_tiers(list(dict.fromkeys(outputs)), arrays, 4.0)


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, np.nan, np.inf, -np.inf, 1e-30, -1e30, 88.0, -88.0,
                    1e3])


def special(op: Op) -> tuple[list[np.ndarray], tuple] | None:
    """Pairs of special values; None for an op whose operands are restricted (indices, masks)."""
    arrays, attrs = sample(op, 0)
    if op.kind == REDUCTION:
        rows = np.stack([np.resize(SPECIAL[i:], 4) for i in range(len(SPECIAL))])
        return [rows.astype("float32")], ((1,),)
    if any(a.dtype.kind != "f" for a in arrays) or len(arrays) > 2:
        return None
    grid = np.meshgrid(*[SPECIAL] * len(arrays), indexing="ij")
    return [g.astype("float32") for g in grid], attrs


@pytest.mark.sweep(sample=30)
@pytest.mark.parametrize("op", [o for o in WITH_SAMPLES if o.kind in (ELEMENTWISE, REDUCTION)], ids=repr)
def test_native_is_interpreted_on_nan_and_infinity(op):
    given = special(op)
    if given is None or np.dtype("float32") not in op.dtypes:
        pytest.skip("takes no such values")
    arrays, attrs = given
    compare_tiers(list(graphs.parts(node_on(op, arrays, attrs))), arrays, 1.0)


# ---- gradients -------------------------------------------------------------------------------------------

def direction_for(a: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """A random direction; symmetric for symmetric matrices, of which an op may read one half only."""
    d = rng.randn(*a.shape)
    if a.ndim >= 2 and a.shape[-1] == a.shape[-2] > 1 and np.array_equal(a, np.swapaxes(a, -1, -2)):
        d = d + np.swapaxes(d, -1, -2)
    return np.asarray(d)


def gradients_or_none(outputs: list[Node], cotangents: list[Node], by: list[Node]) -> list[Node] | None:
    """The cotangents of `by`; None if the op raises an error that it has no such gradient."""
    try:
        return list(graphs.projected_gradient(outputs, cotangents, by))
    except NotImplementedError as says:
        assert "gradient of" in str(says)
        return None


def check_gradient(outputs: list[Node], arrays: list[np.ndarray], rng: np.random.RandomState, order: int,
                   tolerance: float) -> None:
    """Compare cotangents with the slope along random directions; then the cotangents' own gradients likewise."""
    floats = [o for o in outputs if o.dtype.kind == "f"]
    by = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
    if not floats or not by:
        return
    weights = [np.asarray(rng.randn(*o.shape)) for o in floats]
    cotangents = graphs.leaves(weights, len(arrays))
    inputs = graphs.leaves(arrays)
    grads = gradients_or_none(floats, cotangents, [inputs[i] for i in by])
    if grads is None:
        return
    graphs.verify(grads)
    given = [*arrays, *weights]
    found = graphs.run(grads, given)
    directions = {i: direction_for(arrays[i], rng) for i in by}
    got = sum(float(np.sum(g * directions[i])) for g, i in zip(found, by, strict=True))
    for g, i in zip(found, by, strict=True):
        assert g.shape == arrays[i].shape and g.dtype == arrays[i].dtype
    scale = max(1.0, sum(float(np.sum(np.abs(g * directions[i]))) for g, i in zip(found, by, strict=True)))
    for step in (1e-4, 1e-7):  # the short one for samples near a kink, such as a maximum of two near elements
        want = graphs.slope(floats, arrays, weights, directions, step)
        if abs(got - want) <= tolerance * scale * (1e-4 / step):
            break
    else:
        pytest.fail(f"order {order}: got {got}, the slope is {want}")
    if order == 1:
        check_gradient(grads, given, rng, 2, tolerance * 100)


DIFFERENTIABLE = [(op, i) for op, i in SAMPLES if op.vjp is not None]


@pytest.mark.tierless
@pytest.mark.parametrize(("op", "index"), DIFFERENTIABLE, ids=[f"{op.name}-{i}" for op, i in DIFFERENTIABLE])
def test_gradient_is_the_slope(op, index):
    arrays, attrs = sample(op, index)
    arrays = as_dtype(arrays, "float64")
    outputs = list(graphs.parts(node_on(op, arrays, attrs)))
    if any(o.dtype != np.float64 and o.dtype.kind == "f" for o in outputs):
        pytest.skip("does not compute in float64")
    if op.smooth:
        check_gradient(outputs, arrays, rng_for(op, index), 1, 1e-7)
        return
    floats = [o for o in outputs if o.dtype.kind == "f"]
    inputs = graphs.leaves(arrays)
    cots = [np.asarray(rng_for(op, index).randn(*o.shape)) for o in floats]
    by = [n for n in inputs if n.dtype.kind == "f"]
    grads = gradients_or_none(floats, graphs.leaves(cots, len(arrays)), by)
    if grads is None:
        return
    for node, value in zip(by, graphs.run(grads, [*arrays, *cots]), strict=True):
        assert value.shape == node.shape and value.dtype == node.dtype and not np.isnan(value).any()


@pytest.mark.tierless
@pytest.mark.parametrize("op", [op for op in WITH_SAMPLES if op.vjp is not None], ids=repr)
def test_gradients_in_each_dtype_are_those_in_float64(op):
    """Rounded, or truncated; gradients by a dtype without derivatives are zeros."""
    arrays, attrs = sample(op, 0)
    by = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
    for dtype in sorted(op.dtypes, key=str):
        given = as_dtype(arrays, dtype)
        got = gradients_of_sum(op, given, attrs, by)
        wide = [a.astype("float64") if i in by else a for i, a in enumerate(given)]
        for g, w in zip(got, gradients_of_sum(op, wide, attrs, by), strict=True):
            w = w if dtype in op.backward_dtypes else np.zeros_like(w)
            assert_close(g, (w.astype("int64") if dtype.kind in "iu" else w).astype(dtype), 2.0, dtype.name)


def gradients_of_sum(op: Op, arrays: list[np.ndarray], attrs: tuple, by: list[int]) -> list[np.ndarray]:
    """The gradients by some operands of the sum of the op's first result."""
    inputs = graphs.leaves(arrays)
    first = graphs.parts(make(op, tuple(inputs), attrs))[0]
    ones = np.ones(first.shape, first.dtype)
    wanted = [inputs[i] for i in by]
    grads = graphs.projected_gradient([first], graphs.leaves([ones], len(arrays)), wanted)
    assert [g.aval for g in grads] == [n.aval for n in wanted]
    return graphs.run(grads, [*arrays, ones])


SEVERAL = [(op, i) for op, i in DIFFERENTIABLE if op.smooth and len(graphs.parts(node_on(op, *sample(op, i)))) > 1]


@pytest.mark.tierless
@pytest.mark.parametrize(("op", "index"), SEVERAL, ids=[f"{op.name}-{i}" for op, i in SEVERAL])
def test_gradient_of_one_of_several_results(op, index):
    arrays, attrs = sample(op, index)
    for one in graphs.parts(node_on(op, as_dtype(arrays, "float64"), attrs)):
        check_gradient([one], as_dtype(arrays, "float64"), rng_for(op, index), 1, 1e-7)


# ---- bad input -------------------------------------------------------------------------------------------

ERRORS = [(op, *case) for op in COMPUTING for case in op.errors]


@pytest.mark.tierless
@pytest.mark.parametrize(("op", "given", "attrs", "error"), ERRORS, ids=[f"{o.name}-{g}" for o, g, *_ in ERRORS])
def test_bad_input_is_refused(op, given, attrs, error):
    with pytest.raises(error):
        make(op, tuple(leaf(a, i) for i, a in enumerate(given)), attrs)


@pytest.mark.tierless
@pytest.mark.parametrize("op", [o for o in WITH_SAMPLES if o.kind == ELEMENTWISE and o.same], ids=repr)
def test_mixed_dtypes_are_refused_by_name(op):
    """Primitives compute in one dtype; public functions promote by inserting casts."""
    arrays, attrs = sample(op, 0)
    if len(arrays) < 2:
        pytest.skip("has one operand")
    mixed = [aval((2,), np.dtype("int32")), *(aval((2,), np.dtype("int64")) for _ in arrays[1:])]
    with pytest.raises(MXNetError, match="int32.*int64"):
        op.infer(mixed, attrs)

"""mx.np against NumPy on unusual shapes: 0-d, empty, size 1, broadcast; and behaviour of the namespaces beyond
NumPy's."""
from __future__ import annotations

import numpy as onp
import pytest

import tracer
from tracer import autograd, np, npx

pytestmark = pytest.mark.native_sample(8)

SHAPES = [(), (1,), (0,), (3,), (2, 3), (1, 3), (3, 0), (2, 1, 3), (0, 2)]
RNG = onp.random.RandomState(0)


def both(shape, dtype="float32"):
    """A NumPy array and the equal mx.np array."""
    values = onp.asarray(RNG.uniform(-2, 2, shape)).astype(dtype)
    return values, np.array(values, dtype=dtype)


def same(got, want, tolerance=2e-6):
    """Assert equal shapes, and values within the accuracy of float32."""
    assert isinstance(got, np.ndarray)
    want = onp.asarray(want)
    assert got.shape == want.shape
    onp.testing.assert_allclose(got.asnumpy(), want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["exp", "abs", "sign", "floor", "ceil", "trunc", "sin", "tanh", "arctan",
"square",
                                  "negative", "cbrt", "sinh", "degrees", "isnan", "isfinite", "logical_not"])
def test_elementwise(name, shape):
    values, x = both(shape)
    same(getattr(np, name)(x), getattr(onp, name)(values))


@pytest.mark.parametrize("pair", [((), (2, 3)), ((2, 1), (3,)), ((1,), (0,)), ((2, 1, 3), (4, 1)), ((0, 2),
(1, 2))], ids=str)
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "maximum", "minimum", "fmax",
"hypot",
                                  "arctan2", "less", "equal", "logical_xor", "mod", "floor_divide",
                                  "copysign"])
def test_two_operands(name, pair):
    (a, x), (b, y) = both(pair[0]), both(pair[1])
    same(getattr(np, name)(x, y), getattr(onp, name)(a, b))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1), (2, 0), ()], ids=str)
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "var", "std", "any", "all"])
def test_reductions(name, axis, keepdims):
    values, x = both((2, 3, 4))
    same(getattr(np, name)(x, axis=axis, keepdims=keepdims), getattr(onp, name)(values, axis=axis,
    keepdims=keepdims), 1e-5)
    same(getattr(x, name)(axis=axis, keepdims=keepdims), getattr(values, name)(axis=axis, keepdims=keepdims),
    1e-5)


MOVES = {
    "transpose": lambda m, x: m.transpose(x, (1, 2, 0)),
    "reshape": lambda m, x: m.reshape(x, (4, -1)),
    "column by column": lambda m, x: m.reshape(x, (4, 6), order="F"),
    "swapaxes": lambda m, x: m.swapaxes(x, 0, -1),
    "moveaxis": lambda m, x: m.moveaxis(x, (0, 1), (-1, 0)),
    "rollaxis": lambda m, x: m.rollaxis(x, 2, 1),
    "expand_dims": lambda m, x: m.expand_dims(x, -2),
    "flip": lambda m, x: m.flip(x, (0, 2)),
    "roll": lambda m, x: m.roll(x, -3, axis=1),
    "rot90": lambda m, x: m.rot90(x, 3, (1, 2)),
    "repeat": lambda m, x: m.repeat(x, (1, 0, 2), axis=1),
    "tile": lambda m, x: m.tile(x, (2, 1, 1, 2)),
    "pad edge": lambda m, x: m.pad(x, ((1, 0), (0, 2), (1, 1)), mode="edge"),
    "pad reflect": lambda m, x: m.pad(x, ((3, 2), (5, 4), (1, 7)), mode="reflect"),
    "pad symmetric": lambda m, x: m.pad(x, ((3, 2), (5, 4), (1, 7)), mode="symmetric"),
    "pad wrap": lambda m, x: m.pad(x, ((3, 2), (5, 4), (1, 9)), mode="wrap"),
    "pad constants": lambda m, x: m.pad(x, ((1, 2), (0, 0), (3, 0)), constant_values=((1, 2), (3, 4), (5,
    6))),
    "diagonal": lambda m, x: m.diagonal(x, -1, 2, 0),
    "trace": lambda m, x: m.trace(x, 1, 0, 2),
    "tril": lambda m, x: m.tril(x, 1),
    "concatenate": lambda m, x: m.concatenate([x, x[:, :1], x], axis=1),
    "concatenate flat": lambda m, x: m.concatenate([x, x[:, :1]], axis=None),
    "stack": lambda m, x: m.stack([x, -x], axis=2),
    "dstack": lambda m, x: m.dstack([x[0], x[1]]),
    "split": lambda m, x: m.split(x, [1, 3], axis=2)[1],
    "array_split": lambda m, x: m.array_split(x, 3, axis=2)[2],
    "split beyond": lambda m, x: m.split(x, [2, 9], axis=2)[2],
    "take": lambda m, x: m.take(x, m.array([[0, 2], [1, 1]], dtype="int64"), axis=1),
    "cumsum": lambda m, x: m.cumsum(x, axis=1),
    "sort": lambda m, x: m.sort(x, axis=0),
    "argsort": lambda m, x: m.argsort(x, axis=2),
    "diff": lambda m, x: m.diff(x, 2, axis=2),
    "median": lambda m, x: m.median(x, axis=(0, 2)),
    "where": lambda m, x: m.where(x > 0, x, -x),
    "clip": lambda m, x: m.clip(x, -0.5, None),
    "argmax": lambda m, x: m.argmax(x, axis=1),
    "norm": lambda m, x: m.linalg.norm(x, axis=(0, 2), ord=1),
    "3-norm": lambda m, x: m.linalg.norm(x, axis=1, ord=3),
    "nuclear norm": lambda m, x: m.linalg.norm(x, axis=(1, 2), ord="nuc"),
    "dot": lambda m, x: m.dot(x, m.moveaxis(x, 1, 2)),
    "matmul": lambda m, x: m.matmul(x, m.swapaxes(x[:1], 1, 2)),
    "tensordot": lambda m, x: m.tensordot(x, x, axes=([0, 2], [0, 2])),
    "inner": lambda m, x: m.inner(x, x[0]),
    "kron": lambda m, x: m.kron(x[0], x[:, 0]),
    "cross": lambda m, x: m.cross(x[..., :3], x[0, :, -3:]),
    "einsum": lambda m, x: m.einsum("bij,bkj,b->ik", x, x, x[:, 0, 0]),
    "einsum dots": lambda m, x: m.einsum("...ij,...jk", x, m.swapaxes(x, 1, 2)),
    "einsum diagonal": lambda m, x: m.einsum("iij->j", x[:, :2]),
    "average": lambda m, x: m.average(x, axis=1, weights=m.array([1.0, 2.0, 3.0], dtype="float32")),
}


@pytest.mark.parametrize("name", MOVES)
def test_as_numpy(name):
    values, x = both((2, 3, 4))
    same(MOVES[name](np, x), MOVES[name](onp, values), 2e-5)


@pytest.mark.parametrize("make", [
    lambda m: m.arange(2, 11, 3, dtype="float32"), lambda m: m.linspace(-1, 2, 7, dtype="float32"),
    lambda m: m.eye(3, 4, k=-1), lambda m: m.tri(3, 4, 1), lambda m: m.full((2, 0), 3.0), lambda m:
    m.logspace(0, 2, 5),
    lambda m: m.zeros(()), lambda m: m.ones((2, 1), dtype="int8"), lambda m: m.indices((2, 3)),
    lambda m: m.meshgrid(m.arange(3.0), m.arange(2.0), indexing="ij")[1], lambda m: m.diag(m.arange(3.0), -2),
])
def test_creation(make):
    same(make(np), make(onp), 1e-5)


def test_npx_reshape_codes():
    x = np.zeros((2, 3, 4, 1))
    for codes, shape in [((-2, -5, -3), (2, 12)), ((-4,), (2, 3, 4, 1)), ((-1, 4), (6, 4)), ((-6, 1, -1, -4),
    (1, 2, 3, 4, 1)),
                         ((-2, -2, -6, 2, 2, -3), (2, 3, 2, 2))]:
        assert npx.reshape(x, codes).shape == shape
    assert npx.reshape(np.zeros((8, 3)), (-6, 2, -1, -2)).shape == (2, 4, 3)
    assert npx.reshape(np.zeros((2, 3, 8)), (-4, -6, 2, -1), reverse=True).shape == (2, 3, 2, 4)


def test_softmax_is_stable_and_sums_to_one():
    x = np.array([[1e4, 0, -1e4], [1, 2, 3]])
    assert onp.allclose(npx.softmax(x).asnumpy().sum(axis=1), 1)
    want = x.asnumpy().astype("float64")
    want = want - want.max(axis=1, keepdims=True)
    want -= onp.log(onp.exp(want).sum(axis=1, keepdims=True))
    same(npx.log_softmax(x), want)


def test_gradients_flow_through_the_surface():
    x = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
    x.attach_grad()

    def loss(m, v):
        parts = m.concatenate([m.tanh(v[:, :2]), m.roll(v, 1, axis=1)], axis=1)
        return m.sum(m.einsum("ij,kj->ik", parts, parts) * 0.5) + m.max(v) + m.linalg.norm(v)

    with autograd.record():
        value = loss(np, x)
    value.backward()
    plain, step = x.asnumpy().astype("float64"), 1e-6
    slope = onp.zeros_like(plain)
    for place in onp.ndindex(plain.shape):
        nudge = onp.zeros_like(plain)
        nudge[place] = step
        slope[place] = (loss(onp, plain + nudge) - loss(onp, plain - nudge)) / (2 * step)
    same(x.grad, slope, 1e-4)


def test_numpy_functions_give_mx_arrays():
    x = np.array([1.0, 4.0])
    assert type(onp.sqrt(x)) is np.ndarray
    assert type(onp.concatenate([x, x])) is np.ndarray
    assert type(onp.array([1.0, 2.0]) + x) is np.ndarray
    same(onp.linalg.norm(x), 17 ** 0.5)


def test_numpy_serves_what_is_missing_and_is_counted():
    from tracer.jit.report.counters import LOG

    before = sum(LOG.fallbacks.values())
    same(np.polyfit(np.array([1.0, 2.0]), np.array([1.0, 2.0]), 1), [1, 0])
    assert sum(LOG.fallbacks.values()) == before + 1
    assert any(name == "polyfit" and file == __file__ for name, (file, _) in LOG.fallbacks)
    with pytest.raises(AttributeError, match="no_such"):
        print(np.no_such)
    x = np.array([1.0, 2.0])
    x.attach_grad()
    with autograd.record(), pytest.raises(ValueError, match="Falling back"):
        np.polyfit(x, x, 1)


def test_random_streams_follow_the_seed():
    npx.random.seed(3)
    first = [np.random.uniform(size=5), np.random.normal(size=(2, 2)), np.random.randint(0, 9, 4)]
    npx.random.seed(3)
    again = [np.random.uniform(size=5), np.random.normal(size=(2, 2)), np.random.randint(0, 9, 4)]
    for a, b in zip(first, again, strict=True):
        assert (a.asnumpy() == b.asnumpy()).all()
    x = np.arange(10)
    np.random.shuffle(x)
    assert sorted(x.tolist()) == list(range(10))
    with pytest.raises(tracer.MXNetError):
        np.random.uniform(size=-1)


def test_dropout_only_in_training():
    x = np.ones((100,))
    assert (npx.dropout(x, 0.5).asnumpy() == 1).all()
    with autograd.train_mode():
        assert set(npx.dropout(x, 0.5).tolist()) == {0.0, 2.0}


def test_default_dtypes_of_numpy():
    npx.set_np(dtype=True)
    try:
        assert np.zeros(2).dtype == np.arange(2.0).dtype == np.array([1.5]).dtype == onp.float64
        assert np.arange(2).dtype == np.array([1]).dtype == onp.int64
        assert np.exp(np.array([1])).dtype == onp.float64
    finally:
        npx.reset_np()
    assert np.zeros(2).dtype == np.exp(np.array([1], dtype="int32")).dtype == onp.float32


def test_files(tmp_path):
    path = str(tmp_path / "arrays")
    npx.save(path, np.arange(3))
    same(npx.load(path), [0, 1, 2])
    npx.savez(path, np.ones(2), b=np.zeros(()))
    assert {k: v.shape for k, v in npx.load(path).items()} == {"arr_0": (2,), "b": ()}
    npx.save(path, {"w": np.ones((2, 3))})
    same(npx.load(path)["w"], onp.ones((2, 3)))


def test_control_flow():
    sums, last = npx.foreach(lambda x, s: (x + s, x + s), np.arange(4), np.zeros(()))
    same(sums, [0, 1, 3, 6])
    same(last, 6)
    outputs, values = npx.while_loop(lambda i, s: i < 3, lambda i, s: (s, (i + 1, s * 2)), (np.array(0),
                                                                                            np.array(1)), 5)
    same(outputs, [1, 2, 4, 0, 0])
    same(values[1], 8)
    same(npx.cond(np.array(0), lambda x: x, lambda x: -x, np.array(2)), -2)


@pytest.mark.parametrize("mode", ["always", "never"])
def test_positions_far_outside_are_not_taken_for_near_ones(monkeypatch, mode):
    """Positions are compared in 32 bits."""
    from tracer.jit import settings

    monkeypatch.setattr(settings, "mode", mode)
    far = np.array([2**32 + 1, 2**31, -2**31 - 1, 1, -1], dtype="int64")
    assert npx.one_hot(far, 3).asnumpy().argmax(1).tolist() == [0, 0, 0, 1, 0]
    assert npx.one_hot(far, 3).asnumpy().sum() == 1
    rows = np.array([[1, 2, 3.0]] * 5)
    assert npx.pick(rows, far).asnumpy().tolist() == [3, 3, 1, 2, 1]
    assert npx.pick(rows, far, mode="wrap").asnumpy().tolist() == [3, 3, 1, 2, 3]
    lengths = np.array([2**32 + 1, 2], dtype="int64")
    masked = npx.sequence_mask(np.ones((3, 2)), lengths, use_sequence_length=True)
    assert masked.asnumpy().tolist() == [[1, 1], [1, 1], [1, 0]]


def test_the_diagonals_of_a_stack_of_matrices():
    """NumPy's meaning: real MXNet 2.0.0b1 refuses more than two axes."""
    a = onp.arange(24.0).reshape(2, 3, 4)
    for offset in (-1, 0, 2):
        same(np.linalg.diagonal(np.array(a), offset), onp.diagonal(a, offset, -2, -1))
    same(np.diagonal(np.array(a)), onp.diagonal(a))


def test_broadcast_arrays_gives_its_arguments_only_if_none_is_broadcast():
    """As real MXNet 2.0.0b1: then it returns its arguments, so that writes are shared; otherwise all are copies."""
    x, y, row = np.array([[1, 2.0]]), np.array([[3, 4.0]]), np.array([5, 6.0])
    assert [a is b for a, b in zip(np.broadcast_arrays(x, y), (x, y))] == [True, True]
    made = np.broadcast_arrays(x, row)
    x *= -1
    row *= -1
    same(made[0], [[1, 2]])
    same(made[1], [[5, 6]])
    assert np.broadcast_arrays() == []

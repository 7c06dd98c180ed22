"""The random streams against the answers of real MXNet 1.9.1 and 2.0 (stored by tests/oracle/streams.py)."""
import importlib.util
import json
import math
import threading
from itertools import groupby

import numpy as np
import pytest
from places import TESTS

from tracer.ops.ir.errors import MXNetError
from tracer.rng import distributions, libm, mt19937
from tracer.rng.streams import Streams, size_of

pytestmark = pytest.mark.tierless

spec = importlib.util.spec_from_file_location("oracle_streams", TESTS / "oracle" / "streams.py")
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)

PROGRAMS = list(zip(oracle.every(), json.loads((TESTS / "data" / "streams.json").read_text()), strict=True))
GROUPS = [(f"{name}-{seed}", list(group))
          for (name, seed), group in groupby(PROGRAMS, key=lambda p: (p[0][0], p[0][1]))]


def uniform_np(s, low=0.0, high=1.0, size=None, dtype="float32"):
    return s.single_uniform(low, high, broadcast(size, low, high), dtype)


def normal_np(s, loc=0.0, scale=1.0, size=None, dtype="float32"):
    return s.single_normal(loc, scale, broadcast(size, loc, scale), dtype)


def broadcast(size, *params):
    return np.broadcast_shapes(*[np.shape(p) for p in params]) if size is None else size


def randint_np(s, low, size, high=None, dtype="int64"):
    return s.par_randint(0 if high is None else low, low if high is None else high, size, dtype)


def transformed(name, *labels):
    def draw(s, size=None, scale=1.0, **given):
        first, second = [{"scale": scale, **given}[label] for label in labels] + [None] * (2 - len(labels))
        shape = broadcast(size, first, 0 if second is None else second)
        return s.single_transformed(name, first, second, shape)
    return draw


def sample(name, **defaults):
    def draw(s, shape=(), dtype="float32", **given):
        return s.par_sample(name, tuple({**defaults, **given}.values()), shape, dtype)
    return draw


def dropout(s, p, shape, dtype="float32", axes=()):
    if p == 0:
        return np.ones(shape, dtype)
    mask_shape = [1 if i in axes else n for i, n in enumerate(shape)]
    return np.broadcast_to(s.dropout_mask(p, mask_shape, dtype, strict=bool(axes)), shape).copy()


def shuffled(s, shape):
    return s.single_shuffle(np.arange(size_of(shape), dtype=np.float32).reshape(shape))


def batch(draw):
    return lambda s, batch_shape, **given: draw(s, size=(batch_shape, 2), **given)


FUNCTIONS = {
    "np.random.uniform": uniform_np, "np.random.rand": uniform_np, "npx.random.uniform_n": batch(uniform_np),
    "np.random.normal": normal_np, "np.random.randn": normal_np, "npx.random.normal_n": batch(normal_np),
    "np.random.lognormal": lambda s, mean, sigma, size: s.single_lognormal(mean, sigma, size),
    "np.random.randint": randint_np,
    "np.random.shuffle": shuffled, "nd.random.shuffle": shuffled,
    "np.random.exponential": transformed("exponential", "scale"),
    "np.random.rayleigh": transformed("rayleigh", "scale"),
    **{f"np.random.{n}": transformed(n, "a") for n in ("weibull", "pareto", "power")},
    **{f"np.random.{n}": transformed(n, "loc", "scale") for n in ("logistic", "gumbel", "laplace")},
    "np.random.gamma": lambda s, shape, scale=1.0, size=None, dtype="float32":
        s.single_gamma(shape, scale, broadcast(size, shape, scale), dtype),
    "np.random.beta": lambda s, a, b, size: s.single_beta(a, b, size),
    "np.random.chisquare": lambda s, df, size: s.single_chisquare(df, size),
    "np.random.f": lambda s, dfnum, dfden, size: s.single_f(dfnum, dfden, size),
    "np.random.multinomial": lambda s, n, pvals, size: s.single_multinomial(n, pvals, size),
    "np.random.choice": lambda s, a, size, replace=True, p=None: s.single_choice(a, size, replace, p),
    "npx.random.bernoulli": lambda s, size, prob=None, logit=None: s.single_bernoulli(prob, logit, size),
    "nd.random.uniform": lambda s, low=0, high=1, shape=(), dtype="float32":
        s.par_uniform(low, high, shape, dtype),
    "nd.random.normal": lambda s, loc=0, scale=1, shape=(), dtype="float32":
        s.par_normal(loc, scale, shape, dtype),
    "nd.random.randn": lambda s, shape: s.par_normal(0, 1, shape),
    "nd.random.randint": lambda s, low, high, shape, dtype="int32": s.par_randint(low, high, shape, dtype),
    "nd.random.exponential": lambda s, scale=1, **given: sample("exponential")(s, lam=1.0 / scale, **given),
    "nd.random.gamma": sample("gamma", alpha=1, beta=1), "nd.random.poisson": sample("poisson"),
    "nd.random.negative_binomial": sample("negative_binomial"), "nd.random.binomial": sample("binomial"),
    "nd.random.generalized_negative_binomial": sample("generalized_negative_binomial"),
    "nd.random.categorical": lambda s, data, shape: s.single_categorical(data, shape),
    "nd.random.multinomial": lambda s, n, p, shape: s.par_multinomial(n, p, shape),
    "nd.Dropout": dropout,
}


def value(v):
    return np.array(v["array"], v["dtype"]) if isinstance(v, dict) else tuple(v) if isinstance(v, list) else v


@pytest.mark.parametrize("group", [g for _, g in GROUPS], ids=[name for name, _ in GROUPS])
def test_real_answers(group):
    streams = Streams()
    for (_, seed, calls), (version, answers) in group:
        if seed is not None:
            streams.seed(seed)
        for i, ((function, arguments), answer) in enumerate(zip(calls, answers, strict=True)):
            given = {k: v if k == "pvals" and isinstance(v, list) else value(v) for k, v in arguments.items()}
            assert oracle.digest(FUNCTIONS[function](streams, **given)) == answer, (version, seed, calls, i)


def test_seeding_a_context_multiplies_only_the_parallel_seed():
    streams = Streams()
    streams.seed(7, device_only=True)  # the values are real MXNet's after mx.random.seed(7, mx.cpu())
    assert streams.par_uniform(0, 1, 2).tolist() == np.float32([0.42855945, 0.91751623]).tolist()
    assert streams.single_uniform(0, 1, 2).tolist() == np.float32([0.07630829, 0.22733907]).tolist()


def test_seed_modulo_32_bits():
    a, b = Streams(5), Streams(2**32 + 5)
    assert (a.par_uniform(0, 1, 100) == b.par_uniform(0, 1, 100)).all()


def test_reseeding_forgets_words_looked_at():
    streams = Streams(3)
    first = streams.single_normal(0, 1, 5), streams.par_normal(0, 1, 500)
    streams.seed(3)
    again = streams.single_normal(0, 1, 5), streams.par_normal(0, 1, 500)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))


def test_remainder_is_cs():
    values = np.array([-7, -6, 0, 5, 6, 7, 2**63 - 1, -(2**63), -(2**63) + 1])
    assert distributions.remainder(values, 3).tolist() == [int(math.fmod(v, 3)) if abs(v) < 9 else
                                                           (abs(v) % 3) * (1 if v > 0 else -1)
                                                           for v in values.tolist()]


def test_large_shuffle():
    """As 1.9.1 with seed 5. Rejection drops some of a million words; the uniforms afterwards reveal how many."""
    streams = Streams(5)
    order = streams.single_shuffle(np.arange(1000000, dtype=np.float32))
    assert order[:4].tolist() == [445896, 228673, 389704, 126344]
    assert streams.single_uniform(0, 1, 2).tolist() == np.float32([0.85621464, 0.278482]).tolist()


def test_only_the_engines_used_are_made():
    streams = Streams()
    streams.par_uniform(0, 1, 130)
    assert len(streams._par._engines) == 3


@pytest.mark.parametrize("draw", [
    lambda s, n: s.single_uniform(0, 1, n), lambda s, n: s.single_normal(0, 1, n),
    lambda s, n: s.par_uniform(0, 1, n), lambda s, n: s.par_normal(0, 1, n, "float64"),
    lambda s, n: s.par_randint(0, 9, n), lambda s, n: s.dropout_mask(0.5, n),
    lambda s, n: s.single_gamma(2.0, 1.0, n), lambda s, n: s.par_sample("gamma", (2.0, 1.0), n),
    lambda s, n: s.single_choice(5, n), lambda s, n: s.single_multinomial(3, [0.5, 0.5], n),
])
def test_empty_and_scalar_shapes(draw):
    streams = Streams()
    assert draw(streams, (0, 3)).shape[:2] == (0, 3)
    assert draw(streams, 0).shape[0] == 0
    assert draw(streams, ()).size in (1, 2)


def test_zero_uniform():
    """A word of zeros is a uniform of 0: no exception, and infinity where the logarithm gives that."""
    streams = Streams()
    streams._single.give_back(np.zeros(4, np.uint64))
    with np.errstate(all="raise"):
        assert streams.single_transformed("exponential", 1.0, None, 1)[0] == np.inf
    assert streams.single_uniform(0, 1, 1)[0] == 0


@pytest.mark.parametrize(("error", "draw"), [
    (ValueError, lambda s: s.single_normal(0, -1, 1)),
    (ValueError, lambda s: s.single_normal(0, np.float32([1, -1]), 2)),
    (ValueError, lambda s: s.single_transformed("exponential", -1, None, 1)),
    (ValueError, lambda s: s.single_transformed("pareto", 0, None, 1)),
    (ValueError, lambda s: s.single_transformed("gumbel", 0, -1, 1)),
    (ValueError, lambda s: s.single_gamma(0, 1, 1)),
    (ValueError, lambda s: s.single_gamma(1, 0, 1)),
    (ValueError, lambda s: s.single_bernoulli(1.5, None, 1)),
    (MXNetError, lambda s: s.single_multinomial(1, [0.5, 0.6], 1)),
    (MXNetError, lambda s: s.single_choice(3, 4, replace=False)),
    (MXNetError, lambda s: s.single_choice(0, 4)),
    (MXNetError, lambda s: s.single_uniform(np.zeros(2), np.ones(2, np.float32), 2)),
    (MXNetError, lambda s: s.par_uniform(1, 0, 1)),
    (MXNetError, lambda s: s.par_uniform(float("nan"), 0, 1)),
    (MXNetError, lambda s: s.par_normal(0, 0, 1)),
    (MXNetError, lambda s: s.par_randint(3, 3, 1)),
    (MXNetError, lambda s: s.par_sample("exponential", (-1,), 1)),
    (MXNetError, lambda s: s.par_sample("gamma", (0, 1), 1)),
    (MXNetError, lambda s: s.par_sample("poisson", (-1,), 1)),
    (MXNetError, lambda s: s.par_uniform(np.zeros(2), np.ones((2, 1)), 1)),
    (AssertionError, lambda s: s.par_uniform(np.zeros(2), 1, 1)),
    (MXNetError, lambda s: s.dropout_mask(1.5, 1)),
])
def test_invalid_parameters_draw_nothing(error, draw):
    streams = Streams()
    with pytest.raises(error):
        draw(streams)
    assert streams.single_uniform(0, 1, 1)[0] == np.float32(0.54881352)
    assert streams.par_uniform(0, 1, 1)[0] == np.float32(0.54881352)


def test_threads_share_the_stream():
    """Draws of four threads together are the draws of one thread, in some order."""
    shared, alone = Streams(1), Streams(1)
    got: list[float] = []

    def work():
        for _ in range(200):
            got.extend(shared.single_normal(0, 1, 2).tolist())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    wanted = [v for _ in range(800) for v in alone.single_normal(0, 1, 2).tolist()]
    assert sorted(got) == sorted(wanted)


def test_multivariate_normal_has_the_covariance_asked_for():
    cov = np.array([[1, 2], [2, 9]], np.float32)
    x = Streams(3).single_multivariate_normal(np.float32([5, -5]), cov, 40000)
    assert x.dtype == np.float32
    assert np.allclose(np.cov(x.T), cov, rtol=0.04)
    assert np.allclose(x.mean(axis=0), [5, -5], atol=0.06)


def test_logf_is_the_c_librarys():
    """On every 4001st float32 between 2**-40 and 2**20."""
    if libm._LIBRARY is None:
        pytest.skip("this system's C library has no separate mathematical part")
    x = np.arange(0x2B800000, 0x49800000, 4001, dtype=np.uint32).view(np.float32)
    logf = libm._each(libm._one("logf", lambda _: 0.0), np.float32)
    assert (libm.logf(x) == logf(x)).all()
    assert list(map(libm.logf_one, x[::50].tolist())) == libm.logf(x)[::50].tolist()


def test_logf_of_odd_values():
    with np.errstate(all="raise"):
        out = libm.logf(np.float32([0, -1, np.inf, np.nan, 1e-40]))
    assert np.isnan(out[[1, 3]]).all()
    assert out[[0, 2, 4]].tolist() == [-np.inf, np.inf, np.float32(np.log(np.float64(np.float32(1e-40))))]


def _draws(streams):
    """A few numbers of both generators, of one and of many parallel engines."""
    return [x.tolist() for x in (streams.par_uniform(0, 1, 3), streams.single_uniform(0, 1, 2),
                                 streams.par_normal(0, 1, 1000))]


@pytest.mark.parametrize("between", [
    lambda streams: None, lambda streams: streams.par_uniform(0, 1, 70), lambda streams: streams.par_normal(0, 1, 9000),
    lambda streams: streams.seed(3), lambda streams: (streams.seed(3), streams.par_uniform(0, 1, 2000)),
    lambda streams: (streams.par_uniform(0, 1, 200), streams.seed(3), streams.par_uniform(0, 1, 900))])
def test_restored_streams_go_on_as_if_nothing_had_been_drawn(between):
    """Within another state that is restored later, too; and states of two threads end in any order."""
    wanted, streams, other = Streams(7), Streams(7), Streams(7)
    for one in (wanted, streams, other):
        _draws(one)
    later = _draws(wanted)
    outer = streams.state()
    between(streams)
    inside, seen = streams.state(), None
    between(streams)
    streams.restore(inside)
    seen = _draws(streams)
    streams.restore(outer)
    between(other)
    assert seen == _draws(other)
    first, second = streams.state(), streams.state()
    streams.restore(first)
    between(streams)
    streams.restore(second)
    assert _draws(streams) == later and not streams._par._saved


@pytest.mark.parametrize("count", [0, 1, 1000, mt19937._BLOCK, mt19937._BLOCK + 1, 3 * mt19937._BLOCK + 7])
@pytest.mark.parametrize("ahead", [0, 5, 3000])
def test_large_uniforms_are_drawn_word_by_word(count, ahead):
    """Large draws are made block by block; the words come from those given back first."""
    one, other = mt19937.Engine(11), mt19937.Engine(11)
    for engine in (one, other):
        engine.give_back(engine.take(ahead))
    found, wanted = mt19937.uniform([one], [count], False), mt19937.canonical(other.take(count), False)
    assert found.dtype == wanted.dtype and found.tobytes() == wanted.tobytes()
    assert one.take(3).tolist() == other.take(3).tolist()


def test_large_uniforms_of_many_engines_are_those_of_each():
    counts = [mt19937._BLOCK + 3, 2, mt19937._BLOCK * 2]
    found = mt19937.uniform([mt19937.Engine(i) for i in range(3)], counts, False)
    parts = [mt19937.canonical(mt19937.Engine(i).take(n), False) for i, n in enumerate(counts)]
    assert found.tobytes() == np.concatenate(parts).tobytes()

"""Statistical checks: the p-values are those of MXNet 1.9.1 with SciPy."""
from __future__ import annotations

import numpy
import pytest

from tracer import test_utils as tu

pytestmark = pytest.mark.tierless


@pytest.mark.parametrize("modulus, scale, buckets, probs, n, p, observed", [
    (2, 1, [0, 1], [0.5, 0.5], 10, 1.0, [5, 5]),
    (5, 1, [0, 1, 2, 3, 4], [0.1, 0.2, 0.3, 0.2, 0.2], 1000, 7.540659368052935e-28, [200] * 5),
    (100, 100, [(0, 0.3), (0.3, 0.5), (0.5, 0.75), (0.75, 1)], [0.25] * 4, 100, 0.41049923817461154, [31, 19, 25, 25]),
    (2, 1, [0, 1], [0.9, 0.1], 100, 1.481282554381437e-40, [50, 50]),
])
def test_chi_square(modulus, scale, buckets, probs, n, p, observed):
    found = tu.chi_square_check(lambda k: numpy.arange(k) % modulus / scale, buckets, probs, n)
    assert found[0] == pytest.approx(p, rel=1e-9) and found[1].tolist() == observed
    assert found[2].tolist() == [int(n * numpy.float32(q)) for q in probs]


@pytest.mark.parametrize("n, p", [(2, 0.0455002638963585), (3, 0.1353352832366127), (4, 0.2614641299491105),
                                  (5, 0.4060058497098381), (10, 0.9114125268316792)])
def test_tails(n, p):
    """Two buckets are wrong by 100 of 5,000: the statistic is 4. The p-values are SciPy's."""
    counts = numpy.full(n, 5000)
    counts[:2] += (100, -100)
    found = tu.chi_square_check(lambda k: numpy.repeat(numpy.arange(n), counts), list(range(n)), [1 / n] * n, 5000 * n)
    assert found[2].tolist() == [5000] * n and found[0] == pytest.approx(p, rel=1e-9)


def test_verify_generator():
    buckets, probs = tu.gen_buckets_probs_with_ppf(lambda q: 2 * q - 1, 4)
    assert buckets == [(-1, -0.5), (-0.5, 0), (0, 0.5), (0.5, 1)] and probs == [0.25] * 4
    rng = numpy.random.RandomState(3)
    found = tu.verify_generator(lambda n: rng.uniform(-1, 1, n), buckets, probs, 4000, nrepeat=5)
    assert len(found) == 5
    with pytest.raises(AssertionError, match="Generator test fails, Chi-square p="):
        tu.verify_generator(lambda n: rng.uniform(-1, 0.9, n), buckets, probs, 4000)
    with pytest.raises(AssertionError, match="ascending"):
        tu.chi_square_check(lambda n: rng.uniform(0, 1, n), [(0, 0.5), (0.4, 1)], [0.5, 0.5], 10)


def test_moments():
    rng = numpy.random.RandomState(2)
    assert tu.mean_check(lambda n: rng.normal(1, 2, n), 1, 2, 4000)
    assert not tu.mean_check(lambda n: rng.normal(1.2, 2, n), 1, 2, 4000)
    assert tu.var_check(lambda n: rng.normal(1, 2, n), 2, 4000)
    assert not tu.var_check(lambda n: rng.normal(1, 2.2, n), 2, 4000)

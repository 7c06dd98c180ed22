"""Statistical checks of random number generators for `mx.test_utils`: mean, variance, and Pearson's chi-square."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["chi_square_check", "gen_buckets_probs_with_ppf", "mean_check", "var_check", "verify_generator"]


def gen_buckets_probs_with_ppf(ppf: Callable[[float], float], nbuckets: int) -> tuple[list, list]:
    """The bounds of `nbuckets` intervals that are equally probable, and their probabilities.

    ppf: the distribution's quantile function.

    >>> gen_buckets_probs_with_ppf(lambda p: 10 * p, 2)
    ([(0.0, 5.0), (5.0, 10.0)], [0.5, 0.5])
    """
    assert nbuckets > 0, "the number of buckets is positive"
    ends = [ppf(i / float(nbuckets)) for i in range(nbuckets + 1)]
    return list(zip(ends[:-1], ends[1:])), [1.0 / nbuckets] * nbuckets


def mean_check(generator: Callable[[int], Any], mu: float, sigma: float, nsamples: int = 1000000) -> Any:
    """Whether the mean of `nsamples` numbers is within three standard errors of `mu`.

    generator: a function of the number of samples.
    sigma: the distribution's standard deviation.

    >>> bool(mean_check(lambda n: np.arange(n) % 2, 0.5, 0.5, 100))
    True
    """
    return bool(abs(np.array(generator(nsamples)).mean() - mu) < 3 * sigma / np.sqrt(nsamples))


def var_check(generator: Callable[[int], Any], sigma: float, nsamples: int = 1000000) -> Any:
    """Whether the variance of `nsamples` numbers is within three standard errors, those of a normal one, of sigma**2.

    generator: a function of the number of samples.

    >>> bool(var_check(lambda n: np.arange(n) % 2, 0.5, 100))
    True
    """
    error = np.sqrt(2 * sigma ** 4 / (nsamples - 1))
    return bool(abs(np.array(generator(nsamples)).var(ddof=1) - sigma ** 2) < 3 * error)


def _chi_square_tail(x: float, degrees: int) -> float:
    """The probability that a chi-square variable of an integer number of degrees of freedom exceeds x."""
    if not 0 < x < math.inf:
        return 0.0 if x > 0 else 1.0 if x == 0 else math.nan
    half, odd = x / 2, degrees % 2
    tail = math.erfc(math.sqrt(half)) if odd else 0.0
    powers = [k + odd / 2 for k in range(degrees // 2)]
    return tail + math.fsum([math.exp(p * math.log(half) - half - math.lgamma(p + 1)) for p in powers])


def chi_square_check(generator: Callable[[int], Any], buckets: Sequence[Any], probs: Sequence[float],
                     nsamples: int = 1000000) -> tuple[Any, np.ndarray, np.ndarray]:
    """Pearson's test of random numbers: the p-value, and the observed and the expected number in each bucket.

    generator: a function of the number of samples.
    buckets: a list of the values of a discrete distribution, or of ascending intervals (low, high) of another one.
    probs: their probabilities.

    AssertionError for intervals that are not in order.

    >>> chi_square_check(lambda n: np.arange(n) % 2, [0, 1], [0.5, 0.5], 10)
    (1.0, array([5, 5]), array([5, 5], dtype=int32))
    """
    assert isinstance(buckets, list), "buckets is a list"
    assert len(probs) == len(buckets), f"{len(probs)} probabilities for {len(buckets)} buckets"
    samples = np.asarray(generator(nsamples))
    values: Sequence[Any] = buckets
    if isinstance(buckets[0], (list, tuple)):
        bounds = [end for bucket in buckets for end in bucket]
        assert all([a <= b for a, b in zip(bounds, bounds[1:])]), "the intervals are in ascending order"
        samples = np.searchsorted(np.array(bounds, np.float32), samples, side="right") // 2
        values = range(len(buckets))
    observed = np.array([(samples == value).sum() for value in values])
    expected = (nsamples * np.array(probs, np.float32)).astype(np.int32)
    with np.errstate(all="ignore"):
        statistic = float(((observed - expected) ** 2 / expected.astype(np.float64)).sum())
    return _chi_square_tail(statistic, len(buckets) - 1), observed, expected


def verify_generator(generator: Callable[[int], Any], buckets: Sequence[Any], probs: Sequence[float],
                     nsamples: int = 1000000, nrepeat: int = 5, success_rate: float = 0.2,
                     alpha: float = 0.05) -> list[Any]:
    """The p-values of `nrepeat` chi-square tests; AssertionError if too few of them exceed `alpha`.

    success_rate: the share that must exceed it.

    The others are those of `chi_square_check`.

    >>> verify_generator(lambda n: np.arange(n) % 2, [0, 1], [0.5, 0.5], 10, nrepeat=2)
    [1.0, 1.0]
    """
    found = [chi_square_check(generator, buckets, probs, nsamples) for _ in range(nrepeat)]
    p, observed, expected = map(list, zip(*found))
    if sum([value > alpha for value in p]) < nrepeat * success_rate:
        raise AssertionError(f"Generator test fails, Chi-square p={p}, obs_freq={observed}, expected_freq={expected}."
                             f"\nbuckets={buckets}, probs={probs}")
    return p

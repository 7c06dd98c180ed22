"""MXNet's random number streams, bit for bit: `Streams` draws what MXNet draws from the same seed.

Every method returns a NumPy array. `single_*` methods draw from MXNet's one sequential generator (`np.random.*`,
shuffles, choices), `par_*` methods and `dropout_mask` from its 1024 parallel ones (`nd.random.*`, `np.random.randint`,
Dropout). Where MXNet 1.9.1 and 2.0 differ in the last bit, `single_*` follow 2.0 and `par_*` follow 1.9.1, except for
distributions that only 2.0 has (binomial, multinomial). Invalid parameters raise MXNet's errors: `single_*` mostly
ValueError, `par_*` MXNetError.

`shape` is the result's shape, and parameters of `single_*` methods broadcast to it. For array parameters of `par_*`
methods it is the shape of the draws for each of their elements: the result's shape is theirs followed by `shape`.
"""
from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tracer.jit.process.forks import guarded
from tracer.ops.ir.errors import MXNetError
from tracer.rng import distributions, libm, mt19937, samplers

Shape = int | tuple[int, ...] | list[int]
Param = float | np.ndarray
Draw = Callable[[Sequence[mt19937.Engine], Sequence[int], bool], np.ndarray]

_MAGIC = 127
_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)


def size_of(shape: Shape) -> int:
    """The number of elements of `shape`."""
    return int(shape) if isinstance(shape, int | np.integer) else math.prod(shape)


class Streams:
    """The random state of one process, which threads can share. A new process has `Streams()`: seed 0.

    >>> streams = Streams(42)
    >>> streams.single_uniform(0, 1, 2)
    array([0.82909364, 0.7478349 ], dtype=float32)
    >>> streams.par_randint(0, 10, (2,))
    array([8, 5], dtype=int32)
    """

    def __init__(self, seed: int = 0) -> None:
        self._lock = guarded(threading.RLock())
        self._single = mt19937.Engine(seed * _MAGIC)
        self._par = mt19937.ParEngines(seed * _MAGIC)

    def seed(self, seed: int, device_only: bool = False) -> None:
        """`mx.random.seed(seed)`; with `device_only`, `mx.random.seed(seed, ctx=mx.cpu())`.

        The seed is taken modulo 2**32. With any context, the sequential generator is seeded with the seed itself, not
        with 127 times it.
        """
        with self._lock:
            self._single.seed(seed if device_only else seed * _MAGIC)
            self._par.seed(seed * _MAGIC)

    def state(self) -> tuple[Any, Any]:
        """The state of all generators, for one `restore`."""
        with self._lock:
            return self._single.state(), self._par.state()

    def restore(self, state: tuple[Any, Any]) -> None:
        """Go back to a state."""
        with self._lock:
            self._single.restore(state[0])
            self._par.restore(state[1])

    def rewinder(self) -> Callable[[], None]:
        """A function that goes back to the present state."""
        return partial(self.restore, self.state())

    def from_single(self, draw: Callable[[mt19937.Engine], np.ndarray]) -> np.ndarray:
        """The numbers that `draw` makes of the sequential generator."""
        with self._lock:
            return draw(self._single)

    def _noise(self, n: int) -> np.ndarray:
        """`n` float32 uniforms in [0, 1)."""
        with self._lock:
            return mt19937.uniform((self._single,), (n,), False)

    def single_uniform(self, low: Param, high: Param, shape: Shape, dtype: Any = _F32) -> np.ndarray:
        """`np.random.uniform`: [low, high), drawn in float32 for every `dtype`; low > high is allowed.

        Array parameters of two dtypes raise MXNetError.
        """
        distributions.kind_of(low, high)
        u = self._noise(size_of(shape))
        if isinstance(low, np.ndarray) or isinstance(high, np.ndarray):
            return distributions.affine(low, high, u.reshape(shape), dtype, width=True)
        if low == 0 and high == 1:
            return _shaped(u, shape, dtype)
        first = np.float32(low)
        u *= np.float32(high) - first
        u += first
        return _shaped(u, shape, dtype)

    def single_normal(self, loc: Param, scale: Param, shape: Shape, dtype: Any = _F32) -> np.ndarray:
        """`np.random.normal`, `randn`: drawn in float32 for every `dtype`. scale < 0 raises ValueError."""
        _check(scale, "scale < 0", strict=False)
        distributions.kind_of(loc, scale)
        with self._lock:
            z = mt19937.normal_single(self._single, size_of(shape))
        if isinstance(loc, np.ndarray) or isinstance(scale, np.ndarray):
            return distributions.affine(loc, scale, z.reshape(shape), dtype)
        if loc != 0 or scale != 1:
            z *= np.float32(scale)
            z += np.float32(loc)
        return _shaped(z, shape, dtype)

    def single_lognormal(self, mean: Param, sigma: Param, shape: Shape, dtype: Any = _F32) -> np.ndarray:
        """`np.random.lognormal`: the C library's exponential function of a normal."""
        z = self.single_normal(mean, sigma, shape, dtype)
        return libm.exp(z) if z.dtype == _F64 else libm.expf(z).astype(z.dtype)

    def single_transformed(self, name: str, first: Param, second: Param | None, shape: Shape,
                           dtype: Any = _F32) -> np.ndarray:
        """`np.random.NAME` for distributions that are functions of one uniform u, as MXNet 2.0 computes them:

        exponential(scale), rayleigh(scale), weibull(a), pareto(a), power(a), logistic(loc, scale),
        gumbel(loc, scale), laplace(loc, scale). u may be 0: exponential and rayleigh then give infinity.
        ValueError for scale < 0 or a <= 0, except for laplace, which does not check.
        """
        distributions.check_transformed(name, first, second)
        n = size_of(shape)
        u = self._noise(n + (name == "power"))[:n].reshape(shape)  # MXNet's power draws one number more than it uses
        made = distributions.TRANSFORMS[name](u, first, second)
        return made.astype(dtype, copy=False).reshape(shape)  # the routines of libm make arrays of one axis of numbers

    def single_gamma(self, a: Param, scale: Param, shape: Shape, dtype: Any = _F32) -> np.ndarray:
        """`np.random.gamma`: computed in float64. Raises ValueError unless a > 0 and scale > 0.

        MXNet reads an uninitialized flag after its first round, and so may draw one round too many, which shifts all
        later numbers; this method never does.
        """
        _check(a, "expect shape > 0")
        _check(scale, "expect scale > 0")
        with self._lock:
            return distributions.gamma_single(self._single, a, scale, shape).astype(dtype)

    def single_beta(self, a: Param, b: Param, shape: Shape, dtype: Any = _F32) -> np.ndarray:
        """`np.random.beta`: x / (x + y) of two float64 gamma draws."""
        with self._lock:
            x, y = self.single_gamma(a, 1, shape, _F64), self.single_gamma(b, 1, shape, _F64)
        return (x / (x + y)).astype(dtype)

    def single_chisquare(self, df: Param, shape: Shape, dtype: Any = _F32) -> np.ndarray:
        """`np.random.chisquare` of 2.0: gamma(df / 2, scale 2). (1.9.1 gives a quarter of it, an error.)"""
        return self.single_gamma(df / 2, 2, shape, dtype)

    def single_f(self, dfnum: Param, dfden: Param, shape: Shape) -> np.ndarray:
        """`np.random.f`, in float32."""
        with self._lock:
            x, y = self.single_chisquare(dfnum, shape), self.single_chisquare(dfden, shape)
        return x * np.float32(dfden) / (y * np.float32(dfnum))

    def single_multivariate_normal(self, mean: np.ndarray, cov: np.ndarray, shape: Shape) -> np.ndarray:
        """`np.random.multivariate_normal`: mean + chol(cov) @ noise, in an array of `shape` + mean.shape.

        The noise is MXNet's, the result is not: both versions multiply by the transposed factor, which gives another
        covariance than `cov`; this method gives `cov`.
        """
        tail = (shape,) if isinstance(shape, int) else tuple(shape)
        noise = self.single_normal(0, 1, tail + mean.shape, mean.dtype)
        out = mean + np.einsum("...jk,...k->...j", np.linalg.cholesky(cov), noise)
        return out.astype(mean.dtype, copy=False)

    def single_bernoulli(self, prob: Param | None, logit: Param | None, shape: Shape,
                         dtype: Any = _F32) -> np.ndarray:
        """`npx.random.bernoulli`: 1 where prob > u, or logit > log(u) - log(1 - u).

        Exactly one of `prob` and `logit` is None. prob outside [0, 1] raises ValueError.
        """
        if prob is not None and not bool(np.all((np.asarray(prob) >= 0) & (np.asarray(prob) <= 1))):
            raise ValueError("expect probs >= 0 && probs <= 1")
        u = self._noise(size_of(shape)).reshape(shape)
        if prob is None:
            u = libm.logf(u) - libm.logf(1 - u)
        bound = logit if prob is None else prob
        return ((bound if isinstance(bound, np.ndarray) else np.float32(bound)) > u).astype(dtype)

    def single_multinomial(self, n: int, pvals: np.ndarray | list[float] | tuple[float, ...],
                           shape: Shape) -> np.ndarray:
        """`np.random.multinomial`: the counts of each of len(pvals) outcomes in `n` trials, int64.

        A list is summed in float64, an array in its own dtype. A running sum above 1 + 1e-12 raises MXNetError, as a
        float32 array of [0.1] * 10 does. (MXNet raises ValueError for a NumPy array.)
        """
        given = isinstance(pvals, np.ndarray)
        p = np.asarray(pvals, None if given else _F64)
        with self._lock:  # MXNet stores a list after its uniforms, and draws numbers for that space too
            return distributions.multinomial_single(self._single, n, p, shape, 0 if given else len(p))

    def single_categorical(self, data: np.ndarray, shape: Shape, dtype: Any = np.int32) -> np.ndarray:
        """`nd.random.multinomial` of 1.9.1, `nd.random.categorical` of 2.0: weighted indices.

        The last axis of `data` has probabilities; the result has shape data.shape[:-1] + `shape`. They are not
        normalized, and where they sum to less than 1 the index past the last is possible, as in MXNet.
        """
        rows = data.reshape(-1, data.shape[-1])
        u = self._noise(len(rows) * size_of(shape)).reshape(len(rows), -1)
        tail = (shape,) if isinstance(shape, int) else tuple(shape)
        return distributions.categorical(rows, u).astype(dtype).reshape(data.shape[:-1] + tail)

    def single_choice(self, n: int, shape: Shape, replace: bool = True,
                      p: np.ndarray | None = None) -> np.ndarray:
        """`np.random.choice`: int64 indices below `n`, drawn with the weights `p`.

        `p` works as in 1.9.1 (2.0 ignores it unless it chooses from an array). MXNetError for n < 1, which kills
        MXNet's process, and for too many draws without replacement, for which MXNet fails to allocate memory.
        """
        if n < 1 or (not replace and size_of(shape) > n):
            raise MXNetError(f"cannot choose {size_of(shape)} of {n} with replace={replace}")
        with self._lock:
            return distributions.choice(self._single, n, size_of(shape), replace, p).reshape(shape)

    def single_permutation(self, n: int, rows: bool = False) -> np.ndarray:
        """The order of `n` elements after a shuffle, or with `rows` that of rows of an array with several axes.

        For an axis of 2**19 bytes or more this follows 1.9.1; 2.0 then shuffles in bins.
        """
        with self._lock:
            return (distributions.shuffle_rows if rows else distributions.shuffle_flat)(self._single, n)

    def single_shuffle(self, array: np.ndarray) -> np.ndarray:
        """`nd.random.shuffle(array)`, along the first axis; `np.random.shuffle(array)` writes the result back."""
        return array[self.single_permutation(len(array), array.ndim > 1)]

    def par_uniform(self, low: Param, high: Param, shape: Shape, dtype: Any = _F32) -> np.ndarray:
        """`nd.random.uniform`: [low, high); float64 draws have 64 random bits. low > high raises MXNetError.

        Array parameters are not checked; arrays of two shapes raise MXNetError.
        """
        double = np.dtype(dtype) != _F32  # float16 too is computed in float64
        if isinstance(low, np.ndarray) or isinstance(high, np.ndarray):
            return self._per_element(mt19937.uniform, double, (low, high), shape, dtype, True)
        first, last = np.float32(low), np.float32(high)
        if not first <= last:
            raise MXNetError("low must be less or equal to high in uniform distribution")
        with self._lock:
            u = mt19937.uniform(*self._par.split(size_of(shape)), double)
        if first != 0 or last != 1:
            u *= last - first
            u += first
        return _shaped(u, shape, dtype)

    def par_normal(self, loc: Param, scale: Param, shape: Shape, dtype: Any = _F32) -> np.ndarray:
        """`nd.random.normal`, `randn`: scale <= 0 raises MXNetError (array parameters are not checked)."""
        double = np.dtype(dtype) != _F32
        if isinstance(loc, np.ndarray) or isinstance(scale, np.ndarray):
            return self._per_element(mt19937.normal_par, double, (loc, scale), shape, dtype)
        if not scale > 0:
            raise MXNetError("scale parameter in gaussian has to be positive")
        with self._lock:
            z = mt19937.normal_par(*self._par.split(size_of(shape)), double)
        if loc != 0 or scale != 1:
            z *= np.float32(scale)
            z += np.float32(loc)
        return _shaped(z, shape, dtype)

    def _per_element(self, draw: Draw, double: bool, params: tuple[Param, Param], shape: Shape, dtype: Any,
                     width: bool = False) -> np.ndarray:
        """`shape` draws for each element of the parameter arrays, scaled and shifted by them."""
        first, second = params
        if not (isinstance(first, np.ndarray) and isinstance(second, np.ndarray)):
            raise AssertionError("Distribution parameters must all have the same type")
        if first.shape != second.shape:
            raise MXNetError(f"Distribution parameters differ in shape: {first.shape} and {second.shape}")
        with self._lock:
            raw = draw(*self._par.split(first.size * size_of(shape)), double)
        column = (first.size, 1)
        out = distributions.affine(first.reshape(column), second.reshape(column),
                                   raw.reshape(first.size, size_of(shape)), dtype, width)
        return out.reshape(first.shape + ((shape,) if isinstance(shape, int) else tuple(shape)))

    def par_randint(self, low: int, high: int, shape: Shape, dtype: Any = np.int32) -> np.ndarray:
        """`nd.random.randint`, `np.random.randint`: [low, high), int32 or int64.

        low > high raises MXNetError; so does low == high, which kills MXNet's process.
        """
        if low >= high:
            raise MXNetError("low must be less or equal to high in uniform distribution")
        with self._lock:
            raw = mt19937.words(*self._par.split(size_of(shape)), 2)
        wide = raw[0::2] << np.uint64(31)
        wide += raw[1::2]
        return _shaped(distributions.remainder(wide.view(np.int64), high - low) + low, shape, dtype)

    def par_sample(self, name: str, params: tuple[Param, ...], shape: Shape, dtype: Any = _F32) -> np.ndarray:
        """`nd.random.NAME`, drawn one value at a time (some microseconds each):

        exponential(lam), gamma(alpha, beta), poisson(lam), negative_binomial(k, p),
        generalized_negative_binomial(mu, alpha), binomial(n, p).
        Negative parameters raise MXNetError, and for exponential and gamma zero too; array parameters are not checked.
        gamma computes in float64 for that dtype only, exponential always, the others never.
        """
        arrays = isinstance(params[0], np.ndarray)
        if not arrays:
            samplers.check(name, params)
        flat = [np.asarray(p).ravel() if arrays else np.array([p], np.float32) for p in params]
        n = size_of(shape)
        with self._lock:
            values = samplers.sample(name, self._par.split(len(flat[0]) * n), flat, n, np.dtype(dtype))
        head = np.shape(params[0]) if arrays else ()
        return values.reshape(head + ((shape,) if isinstance(shape, int) else tuple(shape))).astype(dtype)

    def par_multinomial(self, n: np.ndarray, p: np.ndarray, shape: Shape, dtype: Any = _F32) -> np.ndarray:
        """`nd.random.multinomial` of 2.0: counts, in an array of n.shape + `shape` + (outcomes,).

        `p` has shape n.shape + (outcomes,).
        """
        each = size_of(shape)
        with self._lock:
            split = self._par.split(n.size * each)
            counts = samplers.multinomial(split, n.ravel(), p.reshape(n.size, -1), each)
        tail = (shape,) if isinstance(shape, int) else tuple(shape)
        return counts.reshape((*n.shape, *tail, p.shape[-1])).astype(dtype)

    def dropout_mask(self, p: float, shape: Shape, dtype: Any = _F32, strict: bool = False) -> np.ndarray:
        """The factors by which Dropout multiplies its input: 0 or 1 / (1 - p), in `dtype`.

        `strict` is MXNet's comparison for `axes`: the mask then has size 1 along those axes. With p = 0 MXNet draws no
        numbers, so this method must not be called; with p = 1 the mask is NaN where MXNet's is. p outside [0, 1] raises
        MXNetError.
        """
        if not 0 <= p <= 1:
            raise MXNetError(f"value {p} for Parameter p exceed bound [0,1]")
        keep = np.float32(1) - np.float32(p)
        with self._lock:
            u = mt19937.uniform(*self._par.split(size_of(shape)), np.dtype(dtype) != _F32)
        u = u.astype(_F32, copy=False)
        with np.errstate(divide="ignore", invalid="ignore"):
            mask = (u < keep if strict else u <= keep) * (np.float32(1) / keep)
        return _shaped(mask, shape, dtype)


def _shaped(flat: np.ndarray, shape: Shape, dtype: Any) -> np.ndarray:
    out = flat if flat.dtype == dtype else distributions.rounded(flat, dtype)
    return out if isinstance(shape, int) else out.reshape(shape)


def _check(value: Param, message: str, strict: bool = True) -> None:
    """Raise ValueError unless every element of `value` is positive (or, if not `strict`, not negative)."""
    low = value.min(initial=math.inf) if isinstance(value, np.ndarray) else value
    if low < 0 or (strict and low == 0):
        raise ValueError(message)

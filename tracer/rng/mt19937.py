"""std::mt19937 engines, and libstdc++'s distributions over their words: uniforms, normals, bounded integers.

Every function takes the engines that it draws from and the number of values from each, and returns the values in one
flat array, engine after engine. Words are uint64 arrays of 32-bit numbers.
"""
from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random import MT19937
from numpy.random.bit_generator import ISeedSequence

from tracer.rng import libm

_BELOW_ONE_32 = np.float32(1 - 2.0**-24)
_BELOW_ONE_64 = 1 - 2.0**-53
# Large draws take about this many words at a time, so that they stay in the CPU's cache.
_BLOCK = 1 << 17
# The number of values up to which a Python loop is faster than array operations.
_FEW = 8
_FLOAT = struct.Struct("<f")
_FLOATS = struct.Struct("<ff")
_TOP = float(_BELOW_ONE_32) * 2.0**32
_NO_WORDS = np.empty(0, np.uint64)


class _NoSeed(ISeedSequence):
    """A seed sequence of zeros: a real one would collect entropy, and its state is overwritten anyway."""

    _words = (0,) * 624  # a tuple, as MT19937 reads it element by element, which is slower with an array

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        return self._words


_NO_SEED = _NoSeed()


class Engine:
    """One std::mt19937 engine. Words that were taken but not used can be given back.

    >>> engine = Engine(5489)
    >>> [int(w) for w in engine.take(2)]
    [3499211612, 581869302]
    """

    __slots__ = ("_bits", "_raw", "_ahead")

    def __init__(self, seed: int) -> None:
        self._bits = MT19937(_NO_SEED)  # type: ignore[arg-type]
        self._raw = self._bits.random_raw
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Reset the engine to `seed` modulo 2**32."""
        self._bits._legacy_seeding(seed & 0xFFFFFFFF)
        self._ahead: np.ndarray | None = None

    def state(self) -> tuple[Any, np.ndarray | None]:
        """The engine's state, for `restore`."""
        return self._bits.state, self._ahead

    def restore(self, state: tuple[Any, np.ndarray | None]) -> None:
        """Go back to a state."""
        self._bits.state, self._ahead = state

    def take(self, n: int) -> np.ndarray:
        """The next `n` 32-bit words, as uint64."""
        ahead = self._ahead
        if ahead is None:
            return self._raw(n)
        if len(ahead) > n:
            self._ahead = ahead[n:]
            return ahead[:n]
        self._ahead = None
        return np.concatenate((ahead, self._raw(n - len(ahead))))

    def give_back(self, words: np.ndarray) -> None:
        """Return `words`, the last ones taken, to the front of the stream."""
        if len(words):
            ahead = self._ahead
            self._ahead = words.copy() if ahead is None else np.concatenate((words, ahead))


class SavedEngines:
    """The state that parallel engines had at a time.

    seed, fresh: their seed, and the number of those that had been used.
    states: the states of the first engines, of those that have been used since.
    """

    def __init__(self, seed: int, fresh: int) -> None:
        self.seed = seed
        self.fresh = fresh
        self.states: list[Any] = []


class ParEngines:
    """MXNet's "parallel" generator: 1024 engines, each made when first used.

    `n` values are split over min(ceil(n / 64), 1024) engines; each makes consecutive values.
    """

    COUNT = 1024
    LEAST = 64

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._engines: list[Engine] = []
        self._fresh = 0
        self._saved: list[SavedEngines] = []

    def seed(self, seed: int) -> None:
        """Reset each engine i to `seed` + i."""
        self._keep(self._fresh)
        self._seed = seed
        self._fresh = 0

    def state(self) -> SavedEngines:
        """The state of the engines, for one `restore`. Each engine's is stored when it is next used, if ever."""
        self._saved.append(SavedEngines(self._seed, self._fresh))
        return self._saved[-1]

    def restore(self, saved: SavedEngines) -> None:
        """Go back to a state."""
        self._saved = [other for other in self._saved if other is not saved]
        self._seed, self._fresh = saved.seed, saved.fresh
        for engine, state in zip(self._engines, saved.states):
            engine.restore(state)

    def _keep(self, n: int) -> None:
        """Store the states of the first `n` engines where they are wanted."""
        for saved in self._saved:
            saved.states += [engine.state() for engine in self._engines[len(saved.states):min(n, saved.fresh)]]

    def first(self, n: int) -> list[Engine]:
        """The first `n` engines, seeded."""
        self._keep(n)
        engines = self._engines
        while self._fresh < n:
            i = self._fresh
            if i < len(engines):
                engines[i].seed(self._seed + i)
            else:
                engines.append(Engine(self._seed + i))
            self._fresh += 1
        return engines[:n]

    def split(self, n: int) -> tuple[list[Engine], list[int]]:
        """The engines that `n` values are drawn from, and the number from each."""
        if n <= self.LEAST:
            return self.first(min(n, 1)), [n] if n else []
        step = -(-n // min(-(-n // self.LEAST), self.COUNT))
        used = -(-n // step)
        return self.first(used), [step] * (used - 1) + [n - step * (used - 1)]


def words(engines: Sequence[Engine], counts: Sequence[int], per_value: int = 1) -> np.ndarray:
    """The next words of the engines, `per_value` for each value."""
    if len(engines) == 1:
        return engines[0].take(counts[0] * per_value)
    if not engines:
        return _NO_WORDS
    return np.concatenate([e.take(n * per_value) for e, n in zip(engines, counts, strict=True)])


def canonical(raw: np.ndarray, double: bool) -> np.ndarray:
    """libstdc++'s generate_canonical: a float32 in [0, 1) from each word, or a float64 from two words."""
    if not double:
        u = raw.astype(np.float32)
        u *= np.float32(2.0**-32)
        return np.minimum(u, _BELOW_ONE_32, out=u)
    pairs = raw.reshape(*raw.shape[:-1], -1, 2).astype(np.float64)
    d = pairs[..., 1] * 2.0**32
    d += pairs[..., 0]
    d *= 2.0**-64
    return np.minimum(d, _BELOW_ONE_64, out=d)


def uniform(engines: Sequence[Engine], counts: Sequence[int], double: bool) -> np.ndarray:
    """Uniforms in [0, 1): float32 from one word each, float64 (`double`) from two."""
    if double or len(engines) <= 1 and sum(counts) <= _BLOCK:
        return canonical(words(engines, counts, 1 + double), double)
    u = np.empty(sum(counts), np.float32)
    start = 0
    for engine, count in zip(engines, counts, strict=True):
        end = start + count
        while start < end:
            part = u[start:min(start + _BLOCK, end)]
            part[...] = engine.take(len(part))
            start += len(part)
    u *= np.float32(2.0**-32)
    return np.minimum(u, _BELOW_ONE_32, out=u)


def polar(engines: Sequence[Engine], counts: Sequence[int], double: bool) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of normals by the polar method, in the order std::normal_distribution returns them.

    From uniforms u and v: x = 2u - 1, y = 2v - 1, rejected unless 0 < x*x + y*y <= 1; the first normal is y
    times a factor, the second x times it. Returns (first, second), `counts[i]` of each from engine i.
    """
    if sum(counts) <= (0 if double else _FEW):
        return _polar_few(engines, counts)
    parts = []
    width = max(counts, default=0)
    rows = max(1, _BLOCK // (2 * (1 + double) * (width + 1)))
    for start in range(0, len(engines), rows):
        parts.append(_polar_rows(engines[start:start + rows], np.array(counts[start:start + rows]), double))
    if len(parts) == 1:
        return parts[0]
    first, second = zip(*parts)
    return np.concatenate(first), np.concatenate(second)


def _polar_few(engines: Sequence[Engine], counts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """`polar` for few values, where the overhead of array operations would dominate.

    It computes in double precision and rounds every result to float32, which gives float32 arithmetic exactly.
    """
    one, two = _FLOAT, _FLOATS
    first, second = [], []
    for engine, count in zip(engines, counts, strict=True):
        while count:
            raw = iter(engine.take(2 * count).tolist())
            for pair in zip(raw, raw, strict=True):
                u, v = two.unpack(two.pack(*pair))
                x, y = two.unpack(two.pack(min(u, _TOP) * 2.0**-31 - 1, min(v, _TOP) * 2.0**-31 - 1))
                xx, yy = two.unpack(two.pack(x * x, y * y))
                r2, = one.unpack(one.pack(xx + yy))
                if 0 < r2 <= 1:
                    square, = one.unpack(one.pack(-2 * libm.logf_one(r2) / r2))
                    factor, = one.unpack(one.pack(math.sqrt(square)))
                    first.append(y * factor)
                    second.append(x * factor)
                    count -= 1
    return np.array(first, np.float32), np.array(second, np.float32)


def _polar_rows(engines: Sequence[Engine], counts: np.ndarray, double: bool) -> tuple[np.ndarray, np.ndarray]:
    per_pair = 2 * (1 + double)
    width = int(counts.max())
    # pi/4 of the pairs are accepted; with four standard deviations more, a second pass is rare.
    need = int(width * 1.2733 + 2.4 * width**0.5) + 4
    raw = np.stack([e.take(need * per_pair) for e in engines])
    while True:
        u = canonical(raw, double)
        u *= 2
        u -= 1
        x, y = u[:, 0::2], u[:, 1::2]
        r2 = x * x + y * y
        good = (r2 <= 1) & (r2 != 0)
        upto = good.cumsum(axis=1)
        if (upto[:, -1] >= counts).all():
            break
        raw = np.concatenate((raw, np.stack([e.take(need * per_pair) for e in engines])), axis=1)
    good &= upto <= counts[:, None]
    used = (upto < counts[:, None]).sum(axis=1) + (counts > 0)
    for engine, row, n in zip(engines, raw, used.tolist(), strict=True):
        engine.give_back(row[n * per_pair:])
    r2 = r2[good]
    factor = np.sqrt(-2 * (libm.log(r2) if double else libm.logf(r2)) / r2)
    return y[good] * factor, x[good] * factor


def normal_single(engine: Engine, n: int, double: bool = False) -> np.ndarray:
    """`n` normals from one std::normal_distribution, which keeps the second of each pair for the next value."""
    out = np.empty(n + n % 2, np.float64 if double else np.float32)
    out[0::2], out[1::2] = polar([engine], [(n + 1) // 2], double)
    return out[:n]


def normal_par(engines: Sequence[Engine], counts: Sequence[int], double: bool) -> np.ndarray:
    """Normals, each from a new std::normal_distribution: the second of each pair is discarded."""
    return polar(engines, counts, double)[0]


def below(engine: Engine, bounds: np.ndarray) -> np.ndarray:
    """An integer in [0, k] for each bound k, as libstdc++ drew it before GCC 11."""
    out = np.empty(len(bounds), np.int64)
    start = 0
    while start < len(bounds):
        k = bounds[start:start + 4096].astype(np.uint64) + np.uint64(1)
        scale = np.uint64(0xFFFFFFFF) // k
        raw = engine.take(len(k))
        refused = np.flatnonzero(raw >= scale * k)
        n = int(refused[0]) if len(refused) else len(k)
        out[start:start + n] = raw[:n] // scale[:n]
        engine.give_back(raw[n + 1:])  # the rejected word itself is consumed
        start += n
    return out

"""Limits of this machine: copy bandwidth by working set, and the rate of a matrix product.

`python -m bench.limits THREADS` measures both and prints them as JSON. A workload's *limit* is the larger of two
times: that of moving its inputs and results once at the copy bandwidth of a working set of that size, and that of its
matrix products at the matrix-product rate. It is the same for every engine. If an engine of the run was faster than
these probes, its rate replaces theirs, so that no engine is faster than the limit.
"""
from __future__ import annotations

import json
import math
import os
import sys
import threading
import time
from typing import Any

SIZES = [2 ** power for power in (14, 16, 18, 20, 22, 24, 26, 28)]
_SECONDS = 0.15  # for each size


def limit(limits: dict[str, Any], nbytes: float, flops: float) -> float:
    """The least seconds of a workload that moves `nbytes` and has matrix products of `flops`.

    >>> limit({"copy": [[1024, 1e9], [4096, 4e9]], "matmul": 1e9}, 2048, 0) == 2048 / 2e9
    True
    """
    points = limits["copy"]
    at = min(max(nbytes, points[0][0]), points[-1][0])
    rate = points[-1][1]
    for (low, slow), (high, fast) in zip(points, points[1:]):
        if low <= at <= high:
            share = math.log(at / low) / math.log(high / low)
            rate = slow * (fast / slow) ** share
            break
    return max(nbytes / rate, flops / limits["matmul"])


def mark(run: dict[str, Any]) -> None:
    """Set the limits of a run's rows, by the best rates that the probes or an engine reached."""
    def reached(row: dict[str, Any]) -> list[tuple[float, str]]:
        """The least seconds of each engine, and a text that names the engine and the row."""
        return [(1e-6 * facts["least_us"], f"{engine}, {row['name']}") for engine, facts in row["results"].items()
                if facts["status"] == "ok"]

    limits, rows = run["limits"], run["cases"]
    rate, whose = max([(limits["matmul"], "product probe"),
                       *((row["flops"] / seconds, who) for row in rows for seconds, who in reached(row))])
    limits["best_matmul"] = {"rate": rate, "of": whose}
    for row in rows:
        moving = min([(limit(limits, row["bytes"], 0), "copy probe"), *reached(row)])
        seconds, row["limit_of"] = max(moving, (row["flops"] / rate, whose))
        row["limit_us"] = 1e6 * seconds


def _copy(threads: int) -> list[list[float]]:
    """[working set in bytes, bytes read and written per second] for each size, with all threads copying."""
    import numba
    import numpy as np

    @numba.njit(nogil=True)
    def there_and_back(a, b, rounds):
        for _ in range(rounds):
            for i in range(a.size):
                b[i] = a[i]
            for i in range(a.size):
                a[i] = b[i]

    def seconds(size: int, rounds: int) -> float:
        pairs = [(np.ones(size // 8 // threads, "float32"), np.ones(size // 8 // threads, "float32"))
                 for _ in range(threads)]
        barrier = threading.Barrier(threads + 1)

        def run(a, b):
            there_and_back(a, b, 1)
            barrier.wait()
            there_and_back(a, b, rounds)

        workers = [threading.Thread(target=run, args=pair) for pair in pairs]
        for worker in workers:
            worker.start()
        barrier.wait()
        start = time.perf_counter()
        for worker in workers:
            worker.join()
        return time.perf_counter() - start

    seconds(SIZES[0], 1)
    points = []
    for size in SIZES:
        rounds = 1
        while (spent := seconds(size, rounds)) < _SECONDS / 3:
            rounds = max(rounds * 2, int(rounds * _SECONDS / 3 / max(spent, 1e-6)))
        spent = min(spent, seconds(size, rounds), seconds(size, rounds))
        points.append([size, 2.0 * size * rounds / spent])
    return points


def _matmul(threads: int) -> float:
    """Floating-point operations per second of a float32 product of 1536x1536 matrices, the best of tracer and NumPy."""
    import numpy as np

    from bench.engines import ENGINES
    size = 1536
    x = np.random.RandomState(0).rand(size, size).astype("float32")

    def best(product: Any) -> float:
        times = []
        for _ in range(8):
            start = time.perf_counter()
            product()
            times.append(time.perf_counter() - start)
        return 2.0 * size ** 3 / min(times)

    tracer: Any = ENGINES["tracer"]
    tracer.load(threads)
    from tracer import np as mx
    a = mx.array(x)
    return max(best(lambda: x @ x), best(lambda: mx.dot(a, a).wait_to_read()))


def main() -> None:
    """Measure both limits and print them."""
    threads = int(sys.argv[1])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    print(json.dumps({"copy": _copy(threads), "matmul": _matmul(threads)}))


if __name__ == "__main__":
    main()

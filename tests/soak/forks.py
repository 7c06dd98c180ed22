"""Forks while other threads compute, compile and draw: each child computes independently, and none hangs.

python tests/soak/forks.py --forks 1000 [--seed 1]

At each fork other threads are busy: short programs and long ones on several threads, in-place updates, new kernels,
random numbers. A child trains a little, compiles a kernel of its own, draws numbers and reads the values that the other
threads are computing; its alarm kills it after a minute. Every tenth child forks one itself.
"""
from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from typing import Any

import numpy as onp

PATIENCE = 60

#: The meaning of a child's exit status.
VERDICTS = {0: "right", 1: "failed", 2: "wrong"}


def one_of_many(x: Any, number: int) -> Any:
    """A program unlike all others: its kernel is new."""
    y = x
    for bit in bin(number)[2:]:
        y = y * x if bit == "1" else y + x
    return y


def value_of(x: float, number: int) -> float:
    y = x
    for bit in bin(number)[2:]:
        y = y * x if bit == "1" else y + x
    return y


class Others:
    """The busy threads; `shared` is the array that one of them updates, all of whose elements are equal."""

    def __init__(self, seed: int) -> None:
        from tracer import np

        self.np, self.seed, self.stop, self.rounds = np, seed, threading.Event(), Counter[str]()
        self.shared = np.zeros((600, 600))
        self.threads = [threading.Thread(target=self._repeat, args=(work,), daemon=True)
                        for work in (self.update, self.multiply, self.compile, self.draw)]

    def _repeat(self, work: Any) -> None:
        rng = random.Random(f"{self.seed} {work.__name__}")
        while not self.stop.is_set():
            work(rng)
            self.rounds[work.__name__] += 1

    def update(self, rng: random.Random) -> None:
        """Update `shared` in place by a program long enough to be interrupted midway."""
        eye = self.np.eye(600)
        for _ in range(rng.choice([1, 30])):
            self.shared[:] = self.np.dot(eye, self.shared)
        self.shared += 1
        self.shared.wait_to_read()

    def multiply(self, rng: random.Random) -> None:
        a = self.np.ones((rng.choice([30, 900]),) * 2)
        assert float(self.np.dot(a, a).mean()) == a.shape[0]

    def compile(self, rng: random.Random) -> None:
        x, number = self.np.array([1.0, 0.5]), rng.randrange(1 << 16)
        onp.testing.assert_allclose(one_of_many(x, number).asnumpy()[1], value_of(0.5, number), rtol=1e-4)

    def draw(self, rng: random.Random) -> None:
        self.np.random.uniform(size=(rng.choice([3, 1 << 17]),)).wait_to_read()


def child(seed: int, others: Others) -> int:
    """A child's work; 2 for a wrong number."""
    from tracer import autograd, np

    rng = onp.random.RandomState(seed)
    x, y, w = rng.randn(64, 32), rng.randn(64, 8), rng.randn(32, 8) * 0.1
    w_, want = np.array(w), w
    w_.attach_grad()
    for _ in range(3):
        with autograd.record():
            error = np.dot(np.array(x), w_) - np.array(y)
            loss = (error * error).mean()
        loss.backward()
        w_ -= 0.1 * w_.grad
        want = want - 0.1 * 2 * x.T @ (x @ want - y) / y.size
    number = rng.randint(1 << 16)
    drawn = np.random.uniform(size=(1000,)).asnumpy()
    shared = others.shared.asnumpy()
    fine = (onp.allclose(w_.asnumpy(), want, rtol=1e-3, atol=1e-5)
            and onp.allclose(one_of_many(np.array([0.5]), number).asnumpy(), value_of(0.5, number), rtol=1e-4)
            and len(set(drawn.tolist())) > 900 and 0 <= drawn.min() and drawn.max() < 1
            and (shared == shared[0, 0]).all() and shared[0, 0] == int(shared[0, 0]))
    return 0 if fine else 2


def fork(seed: int, others: Others, again: bool) -> str:
    """A child's verdict."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(PATIENCE)
        status = 1
        try:
            status = child(seed, others)
            if again and not status:
                status = 0 if fork(seed + 1, others, False) == "right" else 2
        except BaseException as error:
            print(f"child {seed}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return "hangs" if os.WTERMSIG(status) == signal.SIGALRM else f"signal {os.WTERMSIG(status)}"
    return VERDICTS.get(os.WEXITSTATUS(status), "failed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--forks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = int.from_bytes(os.urandom(3), "big") if arguments.seed is None else arguments.seed
    print(f"forks: {arguments.forks}, seed {seed}", flush=True)
    warnings.simplefilter("ignore", DeprecationWarning)
    with tempfile.TemporaryDirectory(prefix="tracer-soak-") as folder:
        os.environ |= {"TRACER_CACHE": folder, "TRACER_JIT": "always"}
        others, rng = Others(seed), random.Random(seed)
        for thread in others.threads:
            thread.start()
        verdicts: Counter[str] = Counter()
        start, slowest = time.monotonic(), 0.0
        for i in range(arguments.forks):
            time.sleep(rng.random() * 0.05)
            began = time.monotonic()
            verdicts[fork(seed + 2 * i, others, i % 10 == 9)] += 1
            slowest = max(slowest, time.monotonic() - began)
            if i % 100 == 99:
                print(f"{i + 1:>6} forks, {time.monotonic() - start:7.1f} s: {dict(verdicts)}", flush=True)
        others.stop.set()
        for thread in others.threads:
            thread.join(PATIENCE)
        alive = sum(thread.is_alive() for thread in others.threads)
    print(f"forks: {dict(verdicts)} in {time.monotonic() - start:.0f} s, the slowest {slowest:.1f} s; meanwhile "
          f"{dict(others.rounds)}; {alive} threads hang")
    return 0 if verdicts == {"right": arguments.forks} and not alive else 1


if __name__ == "__main__":
    sys.exit(main())

"""Trains for a long time in one process, in all the ways that keep state for the next step: memory stays flat.

python tests/soak/memory.py --steps 1000000 [--seed 1]

Each step is one of several small kinds, chosen at random: training with and without reads, a learning rate that is
never the same, cuts in the middle of recording, accumulated gradients, writes to views, random numbers, batches of
other sizes. Resident memory and Python's blocks are measured after each tenth of the steps; the first three tenths are
a warm-up.
"""
from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import time

import numpy as onp
import psutil

from tracer import autograd, nd, np
from tracer.ops.ir.node import forget_all

#: The allowed growth over all steps after the warm-up: bytes, and Python's blocks.
BYTES, BLOCKS = 8 << 20, 4000


class Work:
    """The network that is trained."""

    def __init__(self, rng: onp.random.RandomState) -> None:
        self.batches = [tuple(np.array(rng.randn(n, k)) for k in (5, 1)) for n in (8, 8, 8, 3, 13)]
        self.w, self.b, self.v = np.array(rng.randn(5, 1)), np.zeros((1,)), np.array(rng.randn(12))
        for p in (self.w, self.b):
            p.attach_grad()
        self.v.attach_grad("add")
        self.weight, self.momentum = nd.array(rng.randn(6)), nd.zeros(6)
        self.weight.attach_grad()

    def train(self, step: int, rng: random.Random) -> None:
        x, y = rng.choice(self.batches)
        with autograd.record():
            error = np.dot(x, self.w) + self.b - y
            loss = (error * error).mean()
        loss.backward()
        for p in (self.w, self.b):
            p -= 0.01 * p.grad
        if not step % 10:
            assert onp.isfinite(loss.asnumpy())

    def schedule(self, step: int, rng: random.Random) -> None:
        with autograd.record():
            loss = (self.weight * self.weight).sum()
        loss.backward()
        nd.sgd_mom_update(self.weight, self.weight.grad, self.momentum, 0.1 / (1 + step), 0.5, out=self.weight)

    def cut(self, step: int, rng: random.Random) -> None:
        with autograd.record():
            y = np.tanh(self.w * 2)
            if float(y.sum()) < 10:
                y = y * 2
            loss = (y * y).sum()
        loss.backward()

    def add_up(self, step: int, rng: random.Random) -> None:
        with autograd.record():
            loss = (np.tanh(self.v) * self.v).sum()
        loss.backward()
        if not step % 7:
            self.v.grad[:] = 0

    def write(self, step: int, rng: random.Random) -> None:
        x = np.zeros((4, 6))
        view = x[1:3]
        view += step
        x[0, rng.randrange(6)] = 2.0
        x[3] = view[0] * 2
        assert float(x.sum()) == 24 * step + 2

    def draw(self, step: int, rng: random.Random) -> None:
        assert 0 <= float((np.random.uniform(size=(3,)) * np.ones((3,))).mean()) <= 1

    def forget(self, step: int, rng: random.Random) -> None:
        for _ in range(3):
            np.exp(self.v) * step


def measure() -> tuple[int, int]:
    """Resident bytes and blocks allocated by Python, both without the cached graphs, whose number is bounded."""
    forget_all()
    gc.collect()
    return psutil.Process().memory_info().rss, sys.getallocatedblocks()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = int.from_bytes(os.urandom(3), "big") if arguments.seed is None else arguments.seed
    print(f"memory: {arguments.steps} steps, seed {seed}", flush=True)
    rng, work = random.Random(seed), Work(onp.random.RandomState(seed))
    kinds = [work.train, work.train, work.schedule, work.cut, work.add_up, work.write, work.draw, work.forget]
    start, found, tenth = time.monotonic(), [], max(arguments.steps // 10, 1)
    for step in range(10 * tenth):
        rng.choice(kinds)(step, rng)
        if step % tenth == tenth - 1:
            found.append(measure())
            print(f"{step + 1:>9} steps, {time.monotonic() - start:7.1f} s: {found[-1][0] / 2**20:.1f} MiB, "
                  f"{found[-1][1]} blocks", flush=True)
    more = [last - max(warm) for last, warm in zip(found[-1], zip(*found[:3]))]
    flat = more[0] < BYTES and more[1] < BLOCKS
    print(f"memory: {'flat' if flat else 'GROWS'}: {more[0] / 2**20:+.1f} MiB, {more[1]:+} blocks since the warm-up")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())

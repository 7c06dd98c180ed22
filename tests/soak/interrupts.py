"""SIGINT at random moments: after each, the process continues with the right numbers.

python tests/soak/interrupts.py --interrupts 10000 [--seed 1]

Processes with a cold and with a warm cache, with recording in Python and in machine code, on both tiers, repeat several
kinds of work while another thread sends SIGINT: one at a time, or a handful within milliseconds. Each KeyboardInterrupt
is caught; then the interrupted call must have happened as a whole or not at all.
"""
from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as onp

#: For each variant: TRACER_JIT, whether recording is compiled, whether each process starts with an empty cache, and
#: its share of the interrupts.
VARIANTS = {
    "interpreted": ("never", False, False, 0.25),
    "native": ("always", False, False, 0.25),
    "native, compiled recording": ("always", True, False, 0.44),
    "cold": ("always", True, True, 0.06),
}

#: Interrupts in one process of the cold variant: it is cold once.
COLD = 20
HANGS = 900


class Sender:
    """A thread that sends SIGINT on request: `count` times within so many seconds."""

    def __init__(self, rng: random.Random) -> None:
        self._rng, self._armed, self.idle = rng, threading.Event(), threading.Event()
        self._count, self._within, self.sent = 0, 0.0, 0
        threading.Thread(target=self._send, daemon=True).start()

    def _send(self) -> None:
        while True:
            self._armed.wait()
            self._armed.clear()
            for _ in range(self._count):
                time.sleep(self._rng.random() * self._within)
                os.kill(os.getpid(), signal.SIGINT)
                self.sent += 1
            self.idle.set()

    def arm(self, count: int, within: float) -> None:
        self._count, self._within = count, within
        self.idle.clear()
        self._armed.set()


class Training:
    """Training with momentum, which updates two arrays together; they always hold one of the states in order."""

    rate, moment = 0.05, 0.5

    def __init__(self, seed: int) -> None:
        from tracer import autograd, nd

        self.autograd, self.nd = autograd, nd
        rng = onp.random.RandomState(seed)
        self.x, self.y = rng.randn(20, 4), rng.randn(20, 2)
        self.w, self.m = nd.zeros((4, 2)), nd.zeros((4, 2))
        self.w.attach_grad()
        self.known = onp.zeros((4, 2)), onp.zeros((4, 2))

    def step(self) -> None:
        with self.autograd.record():
            error = self.nd.dot(self.nd.array(self.x), self.w) - self.nd.array(self.y)
            loss = (error * error).sum() / 40
        loss.backward()
        self.nd.sgd_mom_update(self.w, self.w.grad, self.m, self.rate, self.moment, out=self.w)

    def check(self) -> None:
        assert not self.autograd.is_recording() and not self.autograd.is_training()
        found = self.w.asnumpy(), self.m.asnumpy()
        for _ in range(20_000):
            if all(onp.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(found, self.known)):
                self.known = tuple(a.astype(float) for a in found)  # so that roundings do not accumulate
                return
            w, m = self.known
            m = self.moment * m - self.rate * self.x.T @ (self.x @ w - self.y) / 20
            self.known = w + m, m
        raise AssertionError("no state of the training")


class Views:
    """An array and its views, which are written to in place."""

    def __init__(self, seed: int) -> None:
        from tracer import np

        self.x = np.zeros((6, 4))
        self.views = [self.x[i] for i in range(6)] + [self.x[2:5], self.x.detach()]

    def step(self) -> None:
        self.x += 1
        self.views[6] += 0

    def check(self) -> None:
        want = self.x.asnumpy()
        assert (want == want[0, 0]).all() and all((v.asnumpy() == want[0, 0]).all() for v in self.views)


class Cuts:
    """Reads under `record()`, a custom function, and accumulated gradients: all of them or none."""

    def __init__(self, seed: int) -> None:
        from tracer import autograd, np

        class Double(autograd.Function):
            def forward(self, x: Any) -> Any:
                return x * 2

            def backward(self, g: Any) -> Any:
                return g * 2

        self.autograd, self.double = autograd, Double
        self.parameters = [np.ones((3,)) for _ in range(4)]
        for p in self.parameters:
            p.attach_grad("add")

    def step(self) -> None:
        with self.autograd.record():
            total = sum(p * p for p in self.parameters)
            if float(total.sum()) == 12:
                total = self.double()(total)
            loss = total.sum()
        loss.backward()

    def check(self) -> None:
        assert not self.autograd.is_recording()
        found = [p.grad.asnumpy() for p in self.parameters]
        assert all((g == found[0]).all() for g in found) and not found[0][0] % 4


class Draws:
    """Random numbers: each call takes its numbers from the stream, or none."""

    def __init__(self, seed: int) -> None:
        from tracer import np
        from tracer.rng.streams import Streams

        self.np = np
        np.random.seed(seed)
        streams = Streams(seed)
        self.stream = onp.concatenate([streams.single_uniform(0, 1, 1000) for _ in range(2000)])
        self.at = 0

    def step(self) -> None:
        self.np.random.uniform(size=(1000,)).asnumpy()

    def check(self) -> None:
        found = self.np.random.uniform(size=(1000,)).asnumpy()
        while self.at < len(self.stream):
            part = self.stream[self.at:self.at + 1000]
            self.at += 1000
            if (part == found).all():
                return
        if self.at >= len(self.stream):
            self.__init__(1)  # type: ignore[misc]


class Long:
    """An in-place update between products that take some tenths of a second: left and resumed."""

    n = 512

    def __init__(self, seed: int) -> None:
        from tracer import np

        self.np = np
        turned = onp.linalg.qr(onp.random.RandomState(seed).randn(self.n, self.n))[0]
        self.a, self.back, self.w = np.array(turned), np.array(turned.T), np.ones((self.n, self.n))
        self.other = self.w
        self.w.wait_to_read()

    def step(self) -> None:
        made = self.w + 1
        for _ in range(8):
            made = self.np.dot(self.back, self.np.dot(self.a, made))
        self.w += 1
        self.other = made
        self.w.wait_to_read()

    def check(self) -> None:
        found, other = self.w.asnumpy(), self.other.asnumpy()
        assert (found == found[0, 0]).all() and found[0, 0] == int(found[0, 0])
        assert onp.allclose(other, other[0, 0], rtol=1e-3)


class Fresh:
    """Programs that are always new, with kernels to compile."""

    def __init__(self, seed: int) -> None:
        from tracer import np

        self.np, self.rng = np, random.Random(seed)
        self.x = np.array([0.5, 1.0, -1.0])

    def step(self) -> None:
        y, want = self.x, onp.array([0.5, 1, -1])
        for _ in range(self.rng.randrange(3, 9)):
            if self.rng.random() < 0.5:
                y, want = y * self.x, want * [0.5, 1, -1]
            else:
                y, want = self.np.tanh(y) + self.x, onp.tanh(want) + [0.5, 1, -1]
        assert onp.allclose(y.asnumpy(), want, rtol=1e-4)

    def check(self) -> None:
        self.step()


WORKS: dict[str, Callable[[int], Any]] = {w.__name__: w for w in (Training, Views, Cuts, Draws, Long, Fresh)}


def interrupted(work: Any, sender: Sender, count: int, within: float) -> int:
    """Repeat `work` while `count` interrupts are sent; returns the number of KeyboardInterrupts, at least one."""
    raised, end = 0, None
    try:
        sender.arm(count, within)
        while True:
            work.step()
            if sender.idle.is_set():
                end = end or time.monotonic() + 20
                if time.monotonic() > end:
                    raise AssertionError("an interrupt is lost")
    except KeyboardInterrupt:
        raised += 1
    while True:  # more may come until all have been sent; one may be raised even after that
        try:
            while not sender.idle.is_set():
                work.step()
            time.sleep(0.001)
            return raised
        except KeyboardInterrupt:
            raised += 1


def worker(mode: str, compiled: bool, interrupts: int, seed: int) -> None:
    """One process: prints the numbers of interrupts sent and raised, by kind of work."""
    rng = random.Random(seed)
    sender, sent, raised = Sender(rng), Counter[str](), Counter[str]()
    if not compiled:
        from tracer.core import flush

        flush.find_living = flush.living
    works: dict[str, Any] = {}
    while sent.total() < interrupts:
        name = rng.choice([*WORKS])
        if name not in works:
            while name not in works:
                works[name] = WORKS[name](seed)
            if rng.random() < 0.5:
                works[name].step()
        before, count = sender.sent, rng.choice([1, 1, 1, 3, 5])
        raised[name] += interrupted(works[name], sender, count, rng.choice([0.0005, 0.003, 0.02, 0.2]))
        sent[name] += sender.sent - before
        works[name].check()
    print(sent.total(), raised.total(), dict(raised))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interrupts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    if arguments.worker:
        mode, compiled, count, seed = arguments.worker
        worker(mode, compiled == "True", int(count), int(seed))
        return 0
    seed = int.from_bytes(os.urandom(3), "big") if arguments.seed is None else arguments.seed
    print(f"interrupts: {arguments.interrupts}, seed {seed}", flush=True)
    start, failures, sent, raised = time.monotonic(), 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="tracer-soak-") as folder:
        for name, (mode, compiled, cold, share) in VARIANTS.items():
            left, one = round(arguments.interrupts * share), COLD if cold else 500
            while left > 0:
                seed += 1
                cache = tempfile.mkdtemp(dir=folder) if cold else folder
                environment = {**os.environ, "TRACER_CACHE": cache, "TRACER_JIT": mode}
                command = [sys.executable, __file__, "--worker", mode, str(compiled), str(min(left, one)), str(seed)]
                try:
                    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=HANGS,
                                          check=False)
                    error = done.stderr if done.returncode or done.stderr else ""
                except subprocess.TimeoutExpired:
                    done, error = None, "hangs"
                left -= min(left, one)
                if error or done is None:
                    failures += 1
                    print(f"{name}, seed {seed}: {error[-2000:]}", flush=True)
                    continue
                total, caught, *kinds = done.stdout.split(" ", 2)
                sent, raised = sent + int(total), raised + int(caught)
                print(f"{time.monotonic() - start:7.1f} s {name}, seed {seed}: {total} sent, {caught} raised, "
                      f"{kinds[0].strip()}", flush=True)
    print(f"interrupts: {sent} sent, {raised} raised, {failures} processes failed, {time.monotonic() - start:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

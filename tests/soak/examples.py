"""The examples' networks trained for many steps: memory stays flat, and Ctrl-C in a step loses nothing.

python tests/soak/examples.py [--steps 10000] [--only NAME] [--seed 1]

Each network trains in a process of its own, again and again from the start of its example. First every loss is read
while SIGINT arrives at a random moment of the read: after each KeyboardInterrupt it is read once more, and all must be
those of an undisturbed run, bit for bit. Then resident memory is measured after each tenth of the steps; the first
three tenths are a warm-up.
"""
from __future__ import annotations

import argparse
import gc
import importlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from interrupts import Sender

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
#: For each network: its example, and the function that trains it.
NETWORKS = {"perceptron": ("digits_gluon", "train_perceptron"), "lenet": ("digits_gluon", "train_lenet"),
            "char_lm": ("char_lm", "train"), "name_transformer": ("name_transformer", "train"),
            "recommender": ("recommender", "train"), "gan": ("gan", "train"), "vae": ("vae", "train")}
#: Steps in which losses are compared, the share of reads that are interrupted, and the allowed growth in bytes.
COMPARED, SHARE, BYTES = 200, 0.3, 12 << 20


class Enough(Exception):
    """The wanted number of steps has been done."""


class Watch:
    """A network in training: it counts steps, keeps the numbers that are read, and may interrupt reads."""

    def __init__(self, name: str, seed: int) -> None:
        import tracer

        tracer.install_as_mxnet(shims=True)
        sys.path.insert(0, str(EXAMPLES))
        example, function = NETWORKS[name]
        self.train = getattr(importlib.import_module(example), function)
        self.rng = random.Random(seed)
        self.sender: Sender | None = None
        self.interrupted = self.steps = 0
        self.read: list[Any] = []
        self.reading = False
        self.after_each: Callable[[], None] = lambda: None
        terminal = importlib.import_module("terminal")
        terminal.Progress.step = lambda bar, text: self.count()
        terminal.Progress.end = lambda bar, text: None
        for flavour in (tracer.np.ndarray, tracer.nd.NDArray):  # the second is the first one's base
            for method in ("__float__", "asnumpy", "item", "asscalar"):
                if method in vars(flavour):
                    self.watch(flavour, method)

    def watch(self, flavour: Any, method: str) -> None:
        """Have each read by a method noted, and interrupted."""
        original = getattr(flavour, method)

        def read(array: Any) -> Any:
            if self.reading:
                return original(array)  # a read that is part of another one
            self.reading = True
            try:
                value = self.interrupt(original, array)
            finally:
                self.reading = False
            self.read.append(value.tolist() if method == "asnumpy" else value)
            return value

        setattr(flavour, method, read)

    def interrupt(self, original: Callable[[Any], Any], array: Any) -> Any:
        """The result of a read, which SIGINT may interrupt: then it is repeated."""
        if self.sender is None or self.rng.random() > SHARE:
            return original(array)
        self.sender.arm(1, 0.002)
        while True:
            try:
                value = original(array)
                self.sender.idle.wait()
                time.sleep(0)  # Python raises what a signal has asked for
                return value
            except KeyboardInterrupt:
                self.interrupted += 1

    def count(self) -> None:
        """Count a step."""
        self.steps += 1
        self.after_each()

    def run(self, steps: int, after_each: Callable[[], None] = lambda: None) -> list[Any]:
        """Train for so many steps; returns the numbers that were read."""
        self.steps, self.read = 0, []

        def check() -> None:
            after_each()
            if self.steps >= steps:
                raise Enough

        self.after_each = check
        try:
            while True:
                self.train()
        except Enough:
            return self.read


def one(name: str, steps: int, seed: int) -> bool:
    """Whether a network passes."""
    network = Watch(name, seed)
    expected = network.run(COMPARED)
    network.sender = Sender(network.rng)
    same = network.run(COMPARED) == expected
    network.sender = None
    process, sizes = psutil.Process(), []

    def measure() -> None:
        network.read.clear()
        if network.steps % max(steps // 10, 1) == 0:
            gc.collect()
            sizes.append(process.memory_info().rss)

    start = time.time()
    network.run(steps, measure)
    grown = sizes[-1] - sizes[2]
    print(f"{name:17} {steps:,} steps, {1e3 * (time.time() - start) / steps:.2f} ms each; {sizes[-1] >> 20} MiB, grown "
          f"by {grown / 2**20:.1f}; {len(expected)} numbers, {network.interrupted} interrupts, "
          f"{'equal' if same else 'DIFFERENT'}", flush=True)
    return same and network.interrupted > 0 and grown <= BYTES


def main() -> int:
    """Run all networks, or the one that `--only` names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--only", choices=[*NETWORKS])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has background processes ignore it
        return not one(options.only, options.steps, options.seed)
    failed = []
    for name in [options.only] if options.only else NETWORKS:
        command = [sys.executable, __file__, "--here", "--only", name, "--steps", str(options.steps), "--seed",
                   str(options.seed)]
        # under "auto" the first runs of a program are NumPy's, which rounds in other ways
        if subprocess.run(command, env={**os.environ, "TRACER_JIT": "always"}, check=False).returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all passed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())

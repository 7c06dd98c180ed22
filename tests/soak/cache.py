"""Damages the cache of compiled kernels: programs that use it must still give the right numbers.

python tests/soak/cache.py --kills 100 --entries 500 [--together 16] [--seed 1]

kills: processes are killed (-9) at random moments while they compile; after each, a fresh process runs the same
program on the cache that is left.
entries: files of a full cache are truncated, flipped, emptied, replaced by another file's content, by links, folders
and pipes, or given to another owner; a process runs on that cache.
together: this many processes start at once on an empty cache; each kernel is compiled once.

The program trains a small network with random activations; each number gives other kernels. Its losses are compared
with NumPy's in float64. A process that takes over five minutes counts as hanging.
"""
from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

HANGS = 300
SIZES, STEPS, RATE = (12, 9, 7, 3), 4, 0.1

#: name -> (the function, its derivative): no network of these diverges.
ACTIVATIONS = {
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sin": (np.sin, np.cos),
    "absolute": (np.abs, np.sign),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
    "cos": (np.cos, lambda x: -np.sin(x)),
    "arcsinh": (np.arcsinh, lambda x: 1 / np.sqrt(1 + x * x)),
}


def chosen(number: int) -> list[str]:
    """The activations of the network with this number."""
    return random.Random(number).choices([*ACTIVATIONS], k=len(SIZES) - 1)


def data(number: int) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng(number)
    weights = [rng.normal(0, 0.3, shape).astype("float32") for shape in zip(SIZES, SIZES[1:])]
    x, y = (rng.normal(size=(20, size)).astype("float32") for size in (SIZES[0], SIZES[-1]))
    return x, y, weights


def expected(number: int) -> list[float]:
    """The losses, computed by NumPy in float64."""
    values, targets, singles = data(number)
    x, y, weights = values.astype(float), targets.astype(float), [w.astype(float) for w in singles]
    losses = []
    for _ in range(STEPS):
        inner, outer = [], [x]
        for w, name in zip(weights, chosen(number)):
            inner.append(outer[-1] @ w)
            outer.append(ACTIVATIONS[name][0](inner[-1]))
        losses.append(float(((outer[-1] - y) ** 2).mean()))
        g = 2 * (outer[-1] - y) / y.size
        for i in reversed(range(len(weights))):
            g = g * ACTIVATIONS[chosen(number)[i]][1](inner[i])
            weights[i], g = weights[i] - RATE * outer[i].T @ g, g @ weights[i].T
    return losses


def work(number: int) -> None:
    """Train with tracer, and print the losses and the counts of compiled and loaded kernels."""
    from tracer import autograd
    from tracer import np as mx
    from tracer.jit.report.counters import COUNTERS

    values, targets, weights = data(number)
    x, y, ws = mx.array(values), mx.array(targets), [mx.array(w) for w in weights]
    for w in ws:
        w.attach_grad()
    print("begins", flush=True)
    for _ in range(STEPS):
        with autograd.record():
            h = x
            for w, name in zip(ws, chosen(number)):
                h = getattr(mx, name)(mx.dot(h, w))
            loss = mx.square(h - y).mean()
        loss.backward()
        for w in ws:
            w -= RATE * w.grad
        print(float(loss))
    print(COUNTERS.kernels_compiled, COUNTERS.kernels_loaded)


def start(number: int, folder: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, __file__, "--worker", str(number)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "TRACER_CACHE": str(folder), "TRACER_JIT": "always"})


def verdict(number: int, process: subprocess.Popen) -> tuple[str, int]:
    """Whether a process gave the right numbers, and how many kernels it compiled."""
    try:
        out, err = process.communicate(timeout=HANGS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "hangs", 0
    if process.returncode or err:
        return f"exit {process.returncode}: {err[-300:]}", 0
    lines = out.split()
    losses = [float(line) for line in lines[1:1 + STEPS]]
    return "right" if np.allclose(losses, expected(number), rtol=1e-4) else f"wrong: {losses}", int(lines[-2])


def kill(rng: random.Random, folder: Path, count: int, results: Counter[str]) -> None:
    """Kill processes that compile, and run fresh ones on their cache. A cache has four kills: then it is too full."""
    longest = 1.0
    for i in range(count):
        number, cache = rng.randrange(10**6), folder / str(i // 4)
        process = start(number, cache)
        assert process.stdout is not None
        process.stdout.readline()
        begun = time.monotonic()
        try:
            process.wait(rng.uniform(0, longest))
            longest = max(time.monotonic() - begun, 0.3)
            results["kills that came too late"] += 1
        except subprocess.TimeoutExpired:
            process.kill()
            longest *= 1.05
            results["kills"] += 1
        process.communicate()
        result, _ = verdict(number, start(number, cache))
        results[f"after a kill: {result}"] += 1
        if result != "right":
            print(f"kill {i}, program {number}: {result}", file=sys.stderr)
        if i % 4 == 3:
            shutil.rmtree(cache)


def mistreat(rng: random.Random, folder: Path) -> str:
    """Damage some files of a cache in one way."""
    files = sorted(file for file in folder.iterdir() if file.suffix in (".bin", ".obj", ".plan"))
    some = files if rng.random() < 0.2 else rng.sample(files, rng.choice([1, 1, 2, 5]))
    kinds = ["cut", "flip", "zero", "stretch", "exchange", "empty", "noise", "link", "folder", "pipe", "mode", "lock"]
    kind = rng.choice([*kinds, *["owner"] * (os.geteuid() == 0)])
    if kind == "lock":
        (folder / ".lock").unlink(missing_ok=True)
        (folder / ".lock").mkdir()
        return kind
    for file in some:
        stored = bytearray(file.read_bytes())
        at = rng.randrange(len(stored))
        if kind == "cut":
            del stored[at:]
        elif kind == "flip":
            for _ in range(rng.choice([1, 1, 8])):
                stored[rng.randrange(len(stored))] ^= 1 << rng.randrange(8)
        elif kind == "zero":
            stored[at:at + 64] = bytes(64)
        elif kind == "stretch":
            stored[at:at] = rng.randbytes(rng.choice([1, 1000]))
        elif kind == "exchange":
            stored = bytearray(rng.choice(files).read_bytes())
        elif kind == "empty":
            stored.clear()
        elif kind == "noise":
            stored = bytearray(rng.randbytes(len(stored)))
        if kind in ("link", "folder", "pipe"):
            file.rename(folder / f"away_{file.name}")
        if kind == "link":
            file.symlink_to(rng.choice([folder / f"away_{file.name}", "/dev/zero", file, folder / "nothing"]))
        elif kind == "folder":
            file.mkdir()
        elif kind == "pipe":
            os.mkfifo(file)
        elif kind == "mode":
            file.chmod(rng.choice([0o666, 0o000, 0o622]))
        elif kind == "owner":
            os.chown(file, 12345, -1)
        else:
            file.write_bytes(stored)
    return kind


def spoil(rng: random.Random, folder: Path, count: int, results: Counter[str]) -> None:
    """Damage files of a full cache, and run processes on it."""
    number = rng.randrange(10**6)
    full = folder / "full"
    assert verdict(number, start(number, full))[0] == "right"
    for i in range(count):
        spoilt = folder / "spoilt"
        shutil.copytree(full, spoilt)
        spoilt.chmod(0o700)
        kind = mistreat(rng, spoilt)
        result, _ = verdict(number, start(number, spoilt))
        results[f"spoilt ({kind}): {result}"] += 1
        if result != "right":
            print(f"entries {i} ({kind}), program {number}: {result}", file=sys.stderr)
        shutil.rmtree(spoilt)


def together(rng: random.Random, folder: Path, count: int, results: Counter[str]) -> None:
    """Start processes at once on an empty cache, then on the full one."""
    number = rng.randrange(10**6)

    def run(where: Path, how_many: int) -> int:
        begun, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        found = [verdict(number, process) for process in [start(number, where) for _ in range(how_many)]]
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        compiled = sum(compiled for _, compiled in found)
        print(f"{how_many} processes: {time.monotonic() - begun:.1f} s, {taken:.1f} s of the processors, "
              f"{compiled} kernels compiled", flush=True)
        for result, _ in found:
            results[f"together: {result}"] += 1
        return compiled

    alone = run(folder / "alone", 1)
    run(folder / "alone", count)
    if run(folder / "together", count) != alone:
        results["together: kernels compiled more than once"] += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--entries", type=int, default=500)
    parser.add_argument("--together", type=int, default=16)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--worker", type=int, metavar="NUMBER", help="run this program in this process")
    options = parser.parse_args()
    if options.worker is not None:
        work(options.worker)
        return 0
    print(f"seed {options.seed}", flush=True)
    results: Counter[str] = Counter()
    for task, count in ((together, options.together), (kill, options.kills), (spoil, options.entries)):
        with tempfile.TemporaryDirectory() as folder:
            if count:
                task(random.Random(f"{options.seed} {task.__name__}"), Path(folder), count, results)
    wrong = 0
    for name, number in sorted(results.items()):
        print(f"{number:>6}  {name}")
        wrong += number * (not name.endswith(("right", "kills", "too late")))
    print(f"{wrong} failures")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

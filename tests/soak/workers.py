"""A hundred epochs of DataLoader's worker processes after kernels have run: no hang, no process or memory left.

python tests/soak/workers.py [EPOCHS]

For 2 and 4 processes, started by fork and by spawn: each epoch of some hundred batches is checked against its dataset;
every tenth epoch is left midway, and every twentieth loses a process to SIGKILL.
"""
from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import numpy as onp
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tracer import nd
from tracer.gluon.data import DataLoader, Dataset


class Images(Dataset):
    """Pictures of one number each, and the number."""

    def __len__(self) -> int:
        return 1500

    def __getitem__(self, idx: int) -> tuple:
        return (nd.full((8, 8), float(idx)) * 2 + 1).reshape((1, 8, 8)), onp.full(300, idx), idx


def epoch(loader: DataLoader, leave: bool, kill: bool) -> None:
    """One pass over the dataset, or a part of it."""
    start = 0
    for number, (x, wide, labels) in enumerate(loader):
        expected = onp.arange(start, start + len(labels))
        assert (labels.asnumpy() == expected).all() and (wide.asnumpy() == expected[:, None]).all()
        assert (x.asnumpy()[:, 0, 3, 3] == expected * 2 + 1).all()
        start += len(labels)
        if leave and number == 30:
            return
        if kill and number == 30:
            os.kill(loader._worker_pool._workers[0].process.pid, signal.SIGKILL)
    assert start == 1500 and not kill


def run(method: str, count: int, epochs: int) -> None:
    """Many epochs with so many processes."""
    multiprocessing.set_start_method(method, force=True)
    loader = DataLoader(Images(), 8, num_workers=count, timeout=60)
    sizes = []
    begin = time.monotonic()
    for number in range(epochs):
        nd.dot(nd.ones((200, 200)), nd.ones((200, 200))).asnumpy()
        try:
            epoch(loader, number % 10 == 9, number % 20 == 14)
        except RuntimeError as error:
            assert number % 20 == 14 and "SIGKILL" in str(error), error
        process = psutil.Process()
        sizes.append((process.memory_info().rss >> 20, process.num_fds()))
    del loader
    assert not psutil.Process().children(recursive=False) or method == "spawn"
    half = sizes[len(sizes) // 2:]
    assert max(n for _, n in half) <= min(n for _, n in half) + 8, "descriptors are left"
    assert half[-1][0] <= half[0][0] + 64, f"memory grows: {half[0][0]} to {half[-1][0]} MB"
    print(f"{method}, {count} processes, {epochs} epochs: {time.monotonic() - begin:.0f} s, {sizes[-1][0]} MB, "
          f"{sizes[-1][1]} descriptors", flush=True)


if __name__ == "__main__":
    for start in ("fork", "spawn"):
        for workers in (2, 4):
            run(start, workers, int(sys.argv[1]) if len(sys.argv) > 1 else 100)

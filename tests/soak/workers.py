"""DataLoader's worker processes after kernels have run, for many epochs: no hang, and no process or memory left.

python tests/soak/workers.py [EPOCHS] [ENDS] [SEED]

For 2 and 4 processes, started by fork and by spawn:

- EPOCHS (100) epochs of 188 batches, each checked against its dataset. Every tenth is left midway; in every twentieth a
  process is killed at a random batch.
- ENDS (20) scripts that load such epochs and end early: by one Ctrl-C or two (the first of which they survive, and then
  load a whole epoch), or by SIGKILL, at a random time.
"""
from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as onp
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tracer import nd
from tracer.gluon.data import DataLoader, Dataset

LENGTH, BATCH = 1500, 8
#: Seconds in which processes must end.
SOON = 30


class Images(Dataset):
    """Pictures of one number each, and the number."""

    def __len__(self) -> int:
        return LENGTH

    def __getitem__(self, idx: int) -> tuple:
        return (nd.full((8, 8), float(idx)) * 2 + 1).reshape((1, 8, 8)), onp.full(300, idx), idx


def epoch(loader: DataLoader, leave: int = -1, kill: int = -1) -> None:
    """One pass over the dataset, or a part of it.

    leave, kill: the number of the batch after which the pass ends, or a worker is killed.
    """
    start = 0
    for number, (x, wide, labels) in enumerate(loader):
        expected = onp.arange(start, start + len(labels))
        assert (labels.asnumpy() == expected).all() and (wide.asnumpy() == expected[:, None]).all()
        assert (x.asnumpy()[:, 0, 3, 3] == expected * 2 + 1).all()
        start += len(labels)
        if number == leave:
            return
        if number == kill:
            os.kill(loader._worker_pool._workers[0].process.pid, signal.SIGKILL)
    assert start == LENGTH and kill < 0


def compute() -> None:
    """Run a kernel."""
    nd.dot(nd.ones((200, 200)), nd.ones((200, 200))).asnumpy()


def shared_memory() -> list[str]:
    """The names in /dev/shm, and the mappings of shared memory in this process."""
    return sorted(os.listdir("/dev/shm")) + [line for line in Path("/proc/self/maps").read_text().splitlines()
                                             if "memfd:tracer" in line]


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """The processes that it started, except those of multiprocessing itself."""
    return [p for p in process.children(recursive=True) if "resource_tracker" not in " ".join(p.cmdline())]


def run(method: str, count: int, epochs: int, draw: random.Random) -> None:
    """Many epochs with so many processes."""
    multiprocessing.set_start_method(method, force=True)
    me = psutil.Process()
    compute()
    loader = DataLoader(Images(), BATCH, num_workers=count, timeout=SOON)
    epoch(loader, 0)
    loader._worker_pool.terminate()
    before = me.num_fds(), shared_memory()
    sizes: list[tuple[int, int]] = []
    begin = time.monotonic()
    for number in range(epochs):
        compute()
        kill = draw.randrange(100) if number % 20 == 14 else -1
        try:
            epoch(loader, draw.randrange(100) if number % 10 == 9 else -1, kill)
        except RuntimeError as error:
            assert kill >= 0 and "SIGKILL" in str(error), error
        sizes.append((me.memory_info().rss >> 20, me.num_fds()))
    half = len(sizes) // 2
    early, late = sizes[:half], sizes[half:]
    assert max(n for _, n in late) <= max(n for _, n in early) + 4 * count, f"more and more descriptors: {sizes}"
    assert late[-1][0] <= early[-1][0] + 64, f"more and more memory: {sizes}"
    del loader
    assert not workers_of(me), workers_of(me)
    assert (me.num_fds(), shared_memory()) == before, (me.num_fds(), shared_memory(), before)
    print(f"{method}, {count} processes, {epochs} epochs: {time.monotonic() - begin:.0f} s, {sizes[-1][0]} MB, at most "
          f"{max(n for _, n in sizes)} descriptors, {before[0]} after it", flush=True)


# ---- scripts that end early ----------------------------------------------------------------------

def script(method: str, count: int, survive: bool) -> None:
    """Load epochs until a signal comes."""
    multiprocessing.set_start_method(method, force=True)
    compute()
    loader = DataLoader(Images(), BATCH, num_workers=count, timeout=SOON)
    print("ready", flush=True)
    try:
        while True:
            epoch(loader)
    except KeyboardInterrupt:
        if not survive:
            raise
    epoch(loader)
    print("whole", flush=True)
    while True:
        epoch(loader)


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a process in the background ignores them


def end_early(method: str, count: int, draw: random.Random) -> str:
    """Start such a script and end it; returns how."""
    how = draw.choice(["interrupt", "interrupt twice", "kill"])
    before = sorted(os.listdir("/dev/shm"))
    command = [sys.executable, __file__, "--script", method, str(count), *(["survive"] if how[-1] == "e" else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          start_new_session=True, preexec_fn=_heed_interrupts) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n", process.communicate()[1]
        time.sleep(draw.random() * draw.choice([0.02, 0.5, 3]))
        begun = workers_of(psutil.Process(process.pid))
        if how == "kill":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGINT)  # a terminal's Ctrl-C
            if how[-1] == "e":
                line = process.stdout.readline()
                assert line == "whole\n", process.communicate()[1]
                begun += workers_of(psutil.Process(process.pid))
                time.sleep(draw.random())
                os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=2 * SOON)
    wanted = -signal.SIGKILL if how == "kill" else -signal.SIGINT
    assert process.returncode == wanted and (how == "kill" or "KeyboardInterrupt" in errors), errors
    _, left = psutil.wait_procs(begun, SOON)
    assert not left, f"{method}, {count} processes, {how}: {left} are left"
    assert sorted(os.listdir("/dev/shm")) == before, f"{method}, {count} processes, {how}: shared memory is left"
    return how


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("epochs", type=int, nargs="?", default=100)
    parser.add_argument("ends", type=int, nargs="?", default=20)
    parser.add_argument("seed", type=int, nargs="?", default=random.SystemRandom().randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    draw = random.Random(given.seed)
    for method in ("fork", "spawn"):
        for count in (2, 4):
            run(method, count, given.epochs, draw)
            begin = time.monotonic()
            how = Counter(end_early(method, count, draw) for _ in range(given.ends))
            print(f"{method}, {count} processes, ended early: {dict(how)}, {time.monotonic() - begin:.0f} s",
                  flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--script"]:
        script(sys.argv[2], int(sys.argv[3]), sys.argv[4:] == ["survive"])
    else:
        main()

"""`python -m fuzz --minutes M`: runs random programs in several processes for M minutes and prints a summary.

Each process has its own executor, so that two cores have two processes busy. A process saves its state after each
batch: if it dies, it is started again and continues after the batch in which it died.
"""
from __future__ import annotations

import argparse
import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from .campaign import Campaign
from .executor import Executor
from .forms.table import CALLED
from .seeds import commit_seed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=None, help="default: the commit's")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--worker", type=int, default=None, help="the number of a process that was started by this one")
    given = parser.parse_args()
    if given.seed is None:
        given.seed = commit_seed()
    return supervise(given) if given.worker is None else work(given)


# ---- a worker ------------------------------------------------------------------------------------

def work(given: argparse.Namespace) -> int:
    """Run batches until the time is over."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
    end = time.monotonic() + 60 * given.minutes
    state = _state(given.folder, given.worker)
    executor = Executor("compiled" if given.worker % 2 else "python")
    campaign = Campaign(given.seed, given.folder, executor, programs=state["programs"], skipped=state["skipped"],
                        refused=state["refused"], decided=state["decided"], functions=Counter(state["functions"]),
                        known=Counter(dict(state["kinds"])), label=f"{given.worker}-")
    number = state["batch"]
    while time.monotonic() < end:
        _save(given.folder, given.worker, campaign, number + 1)  # a batch that ends the process is not tried again
        campaign.batch(number * given.processes + given.worker)
        number += 1
        _save(given.folder, given.worker, campaign, number)
    executor.close()
    return 0


def _file(folder: Path, worker: int) -> Path:
    return folder / f"process-{worker}.json"


def _state(folder: Path, worker: int) -> dict[str, Any]:
    file = _file(folder, worker)
    if file.exists():
        return json.loads(file.read_text())
    return {"programs": 0, "skipped": 0, "refused": 0, "decided": 0.0, "batch": 0, "functions": {}, "kinds": []}


def _save(folder: Path, worker: int, campaign: Campaign, batch: int) -> None:
    state = {"programs": campaign.programs, "skipped": campaign.skipped, "refused": campaign.refused,
             "decided": campaign.decided, "batch": batch, "functions": dict(campaign.functions),
             "kinds": [*campaign.known.items()]}
    file = _file(folder, worker)
    file.with_suffix(".new").write_text(json.dumps(state))
    file.with_suffix(".new").replace(file)


# ---- the supervisor ------------------------------------------------------------------------------

def supervise(given: argparse.Namespace) -> int:
    """Start the workers, restart those that die, and sum up; 1 if there is a difference."""
    shutil.rmtree(given.folder, ignore_errors=True)
    given.folder.mkdir(parents=True)
    start, deaths = time.monotonic(), 0
    running: dict[int, subprocess.Popen] = {}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        deaths = _watch(given, running, start)
    finally:
        for process in running.values():
            process.kill()
    line, kinds, missing = _summary(given, time.monotonic() - start, deaths)
    print(f"{line}\nseed {given.seed}")
    for kind, count in kinds.most_common():
        print(f"{count:6d}  {kind}")
    print("names not called:", " ".join(missing[:40]) + (" ..." if len(missing) > 40 else "") or "none")
    print(f"scripts in {given.folder}" if kinds else "no differences")
    return bool(kinds) or bool(deaths)


def _watch(given: argparse.Namespace, running: dict[int, subprocess.Popen], start: float) -> int:
    """Keep the workers running until the time is over; returns the number of deaths."""
    end, deaths, said = start + 60 * given.minutes, 0, start
    while True:
        left = end - time.monotonic()
        for worker in range(given.processes):
            status = running[worker].poll() if worker in running else -1
            if status is not None and left > 0:
                deaths += worker in running and status != 0
                running[worker] = subprocess.Popen([
                    sys.executable, "-m", "fuzz", "--worker", str(worker), "--seed", str(given.seed), "--processes",
                    str(given.processes), "--folder", str(given.folder), "--minutes", str(left / 60)])
        if all(process.poll() is not None for process in running.values()):
            return deaths
        if time.monotonic() - said > 60:
            said = time.monotonic()
            print(_summary(given, said - start, deaths)[0], flush=True)
        time.sleep(1)


def _summary(given: argparse.Namespace, seconds: float, deaths: int) -> tuple[str, Counter[str], list[str]]:
    """A line on what was run, the count of each kind of difference, and the names that no program called."""
    states = [_state(given.folder, worker) for worker in range(given.processes)]
    programs = sum(s["programs"] for s in states)
    kinds, functions = Counter[str](), Counter[str]()
    for state in states:
        kinds.update(dict(state["kinds"]))
        functions.update(state["functions"])
    skipped, refused = (sum(s[key] for s in states) for key in ("skipped", "refused"))
    decided = 100 * sum(s["decided"] for s in states) / max(programs, 1)
    called = CALLED & functions.keys()
    ends = sum(count for kind, count in kinds.items() if kind.startswith(("crash", "hang")))
    return (f"{programs} programs ({skipped} without an answer of the reference, {refused} refused by tracer), "
            f"{programs / max(seconds, 1):.2f}/s, {sum(kinds.values())} differences of "
            f"{len(kinds)} kinds, {ends} crashes or hangs, {deaths} deaths of a process; {decided:.2f} % of the "
            f"elements decided, {len(called)} of {len(CALLED)} public names called"), kinds, sorted(CALLED - called)


if __name__ == "__main__":
    sys.exit(main())

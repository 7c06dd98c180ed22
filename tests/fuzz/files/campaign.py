"""The run over many mutations: children of this process load them, with limited memory and time.

Each mutation has a number, from which it is drawn. A child that ends in another way than by itself, or in which a load
takes too long, breaks the rule too.
"""
from __future__ import annotations

import os
import random
import resource
import signal
import tempfile
import traceback
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from . import originals
from .formats import FORMATS, LOADED, REFUSED, RIGHT, TURNS
from .mutations import mutated

#: Bytes that a load may take: these, and so many for each byte of the file. A symbol's nodes take more than their text.
SLACK, EACH = 1 << 21, 400
#: Bytes of address space that a child may take in all.
SPACE = 1 << 28
#: Seconds of a load.
LONGEST = 20
#: One in so many loads is measured, and one file in so many is whole.
MEASURED, WHOLE = 20, 50
_BATCH = 5000


def drawn(seed: int, number: int) -> tuple[str, bytes, bool]:
    """A format, a file of it, and whether the file is whole."""
    rng = random.Random(f"{seed} {number}")
    kind = TURNS[number % len(TURNS)]
    original = rng.choice(FORMATS[kind][1])(rng)
    data = original if rng.randrange(WHOLE) == 0 else mutated(rng, original)
    return kind, data, data == original


def verdict(kind: str, data: bytes, whole: bool, path: Path, measured: bool) -> str:
    """The verdict on the load of a file: right, loaded, refused, or how it breaks the rule."""
    path.write_bytes(data)
    if measured:
        tracemalloc.start()
    try:
        found = FORMATS[kind][2](path, data)
        peak = tracemalloc.get_traced_memory()[1] if measured else 0
    except Exception as error:
        return f"{type(error).__name__}: {error} at {traceback.extract_tb(error.__traceback__)[-1]}"
    finally:
        tracemalloc.stop()
    if peak > SLACK + EACH * len(data):
        return f"{peak} bytes are taken"
    return f"whole, but {found}" if whole and found == REFUSED else found


def _child(seed: int, numbers: range, folder: str, to: int) -> None:
    """Load the files of these numbers, and write a line with each verdict to a pipe."""
    warnings.simplefilter("ignore")  # NumPy's, about headers with damaged numbers
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPACE, resource.RLIM_INFINITY))
    for number in numbers:
        signal.alarm(LONGEST)
        kind, data, whole = drawn(seed, number)
        found = verdict(kind, data, whole, Path(folder, f"file.{kind}"), number // len(TURNS) % MEASURED == 0)
        os.write(to, f"{number} {kind} {found}".replace("\n", " ").encode(errors="replace")[:4000] + b"\n")


def _in_child(seed: int, numbers: range, folder: str) -> tuple[list[str], int]:
    """The lines that a child writes about these numbers, and its exit status."""
    source, to = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.close(source)
            _child(seed, numbers, folder, to)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(to)
    with os.fdopen(source, errors="replace") as pipe:
        lines = pipe.read().splitlines()
    return lines, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(count: int, seed: int, start: int = 0, tell: Callable[[str], object] = lambda line: None
        ) -> tuple[Counter[str], list[str]]:
    """The counts of verdicts on so many mutations, and the faults among them.

    start: the first one's number.
    tell: is called with each fault at once.
    """
    counts: Counter[str] = Counter()
    faults: list[str] = []
    for make in (originals.sparse_files, originals.symbol_files, originals.state_files):
        make()  # once, before the fork
    numbers = range(start, start + count)
    with tempfile.TemporaryDirectory() as folder:
        while numbers:
            lines, status = _in_child(seed, numbers[:_BATCH], folder)
            if len(lines) < len(numbers[:_BATCH]):
                broken = numbers[len(lines)]
                lines.append(f"{broken} {TURNS[broken % len(TURNS)]} the process ended with status {status}")
            for line in lines:
                number, kind, found = line.split(" ", 2)
                right = found in (RIGHT, LOADED, REFUSED)
                counts[f"{kind} {found if right else 'wrong'}"] += 1
                if not right:
                    faults.append(f"number {number}, {kind}: {found}")
                    tell(faults[-1])
            numbers = numbers[len(lines):]
    return counts, faults

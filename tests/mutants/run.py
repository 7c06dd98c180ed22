"""Mutation testing: puts each small fault into a copy of the tree and runs CI's tests there up to a failure.

`make mutants` runs all, `make mutants ARGS="NAME ..."` those whose names or files begin so. For each mutant the tests
known to catch it run first, then all that `make test` runs; `--known` leaves the latter out.
A mutant that makes tests hang counts as caught only if the tests' own time limits end them.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mutants.listed import MUTANTS
from mutants.record import Mutant, mutated

ROOT = Path(__file__).resolve().parents[2]
#: The virtual environment that runs the tests: this one.
VENV = Path(sys.prefix)
#: The record of tests that have passed on the unmodified tree.
PASSED = ROOT / "build" / "mutants.json"
#: Files left out of a copy.
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info")
#: Seconds after which a run of tests is ended: it hangs, and no test's own limit has ended it.
PATIENCE = 3600
#: Further seeds with which a detector must also fail if it samples its parameters by seed.
SEEDS = (1, 2, 3)

_PASSED_LOCK = threading.Lock()


class Outcome(NamedTuple):
    """The outcome of one mutant.

    by: the test that caught it, empty for a survivor.
    trouble: the reason why it could not be tried, if so.
    """

    mutant: Mutant
    by: str
    seconds: float
    trouble: str = ""


@contextmanager
def copy_of_tree() -> Iterator[Path]:
    """A copy of the tree, deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        yield copy


def environment_of(copy: Path) -> dict[str, str]:
    """The environment variables of processes that work on a copy."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("TRACER_", "PYTEST_"))}
    return plain | {"PYTHONPATH": os.pathsep.join([str(copy), str(copy / "tests")]), "TMPDIR": str(copy.parent)}


def commands(copy: Path, arguments: str) -> list[str]:
    """The pytest calls of `make test`, with more arguments, each in one process."""
    made = subprocess.run(["make", "-n", "test", f"VENV={VENV}", "JOBS=0", f"ARGS={arguments}"],
                          cwd=copy, capture_output=True, text=True, check=True)
    return [line for line in made.stdout.splitlines() if "/pytest " in line]


def command_of(copy: Path, detector: str, more: str = "") -> str:
    """The pytest call of `make test` that runs a mutant's known detector: the tier, then pytest's arguments."""
    tier, _, arguments = detector.partition(" ")
    found = [c for c in commands(copy, f"{arguments} {more}") if f"TRACER_JIT={tier} " in c]
    if len(found) != 1:
        raise LookupError(f"make test has {len(found)} runs with TRACER_JIT={tier}")
    return found[0]


def run_tests(copy: Path, command: str) -> tuple[int, str]:
    """The exit status and output of a pytest call on the copy; status 0 for a hang that no test has ended."""
    with open(copy.parent / "output", "w+") as output:
        started = subprocess.Popen(
            ["bash", "-c", f"exec env {command} -p no:cacheprovider"], cwd=copy, env=environment_of(copy),
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = started.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            status = 0
        finally:
            _end(started)
        output.seek(0)
        return status, output.read()


def _end(started: subprocess.Popen) -> None:
    """Kill a run of tests and all processes that it has started."""
    try:
        os.killpg(started.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    started.wait()


def catcher(status: int, output: str) -> str:
    """The test that caught the mutant, from pytest's output; empty if all passed.

    RuntimeError if pytest was called wrongly or ran no test: that says nothing about the mutant.
    """
    if status == 0:
        return ""
    found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)
    if found:
        return found[1]
    if status in (4, 5):
        raise RuntimeError(f"pytest ran no test:\n{output[-2000:]}")
    crashed = re.search(r'File "\S*/(tests/\S+\.py)", line \d+ in (test_\w+)', output)
    if crashed:
        return f"{crashed[1]}::{crashed[2]} (crash)"
    last = output.strip().splitlines()
    return f"status {status}: {last[-1] if last else ''}"


def check_imports(copy: Path) -> None:
    """Raise RuntimeError if tests on the copy would import the packages from elsewhere."""
    found = subprocess.run([sys.executable, "-c",
                            "import tracer, tracer.jit.plan.plan, tracer.ops.ir.node, tracer.viz;"
                            "print(tracer.__file__, tracer.jit.plan.plan.__file__, tracer.ops.ir.node.__file__)"],
                           cwd=copy / "tests", env=environment_of(copy), capture_output=True, text=True, check=True)
    if not all(path.startswith(str(copy)) for path in found.stdout.split()):
        raise RuntimeError(f"tests would run on {found.stdout}, not on {copy}")


# ---- the unmodified tree -------------------------------------------------------------------------

def digest() -> str:
    """A digest of all sources of the tree."""
    found = hashlib.sha256()
    for folder in ("tracer", "jit", "ops", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return found.hexdigest()


def check_passes(detector: str) -> None:
    """Run a detector on the unmodified tree, once for each state of it; RuntimeError if it fails there."""
    with _PASSED_LOCK:
        state = digest()
        passed = json.loads(PASSED.read_text()).get(state, []) if PASSED.exists() else []
        if detector in passed:
            return
        with copy_of_tree() as copy:
            check_imports(copy)
            status, output = run_tests(copy, command_of(copy, detector))
        if status:
            raise RuntimeError(f"{detector!r} fails on the true tree:\n{output[-3000:]}")
        PASSED.parent.mkdir(exist_ok=True)
        PASSED.write_text(json.dumps({state: [*passed, detector]}))


# ---- mutants -------------------------------------------------------------------------------------

def caught(mutant: Mutant, whole: bool = True, checked: bool = True) -> Outcome:
    """Run the tests on a copy with the mutant in it: its detector, then everything if `whole`, up to a failure.

    checked: run the detector on the unmodified tree first (RuntimeError if it fails). A caller whose tests run there
        anyway need not.
    """
    if checked:
        check_passes(mutant.detector)
    start = time.perf_counter()
    with copy_of_tree() as copy:
        if not checked:
            check_imports(copy)
        text = mutated(mutant, copy)
        (copy / mutant.file).write_text(text)
        by = catcher(*run_tests(copy, command_of(copy, mutant.detector, "-x")))
        if by and is_drawn(copy, by):
            again = [catcher(*run_tests(copy, command_of(copy, mutant.detector, f"-x --sweep-seed {seed}")))
                     for seed in SEEDS]
            if not all(again):
                print(f"{mutant.name}: {by} catches it with {sum(map(bool, again))} of {len(SEEDS)} seeds", flush=True)
                by = ""
        if not by and whole:
            for command in commands(copy, "-x --ignore=tests/system/test_mutants.py"):  # it fails, as texts differ
                by = catcher(*run_tests(copy, command))
                if by:
                    break
    return Outcome(mutant, by, time.perf_counter() - start)


def is_drawn(copy: Path, test: str) -> bool:
    """Whether a test's parameters are sampled by a seed."""
    file, _, name = test.partition("::")
    source = (copy / file).read_text() if name else ""  # without a name, `test` is the last line of a crash
    found = re.search(rf"((?:^@.*\n(?:^[ )\]].*\n)*)*)^def {re.escape(name.partition('[')[0])}\(", source, re.MULTILINE)
    return found is not None and "mark.sweep" in found[1]


def tried(mutant: Mutant, whole: bool) -> Outcome:
    """Run one mutant as `caught` does, but return errors as outcomes, so that the other mutants are still tried."""
    try:
        return caught(mutant, whole)
    except (LookupError, RuntimeError, OSError) as error:
        return Outcome(mutant, "", 0.0, str(error))


def chosen(names: Sequence[str]) -> list[Mutant]:
    """The mutants whose names or files begin with one of `names`; all for none. LookupError for a name without one."""
    for name in names:
        if not any(m.name.startswith(name) or m.file.startswith(name) for m in MUTANTS):
            raise LookupError(f"no mutant's name or file begins with {name!r}")
    return [m for m in MUTANTS if not names or m.name.startswith(tuple(names)) or m.file.startswith(tuple(names))]


def main(arguments: Sequence[str]) -> int:
    """Run mutants; the exit status is 1 if one survives."""
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("names", nargs="*", help="beginnings of mutants' names or files; all without one")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time")
    parser.add_argument("--known", action="store_true", help="only the tests known to catch each")
    given = parser.parse_args(arguments)
    mutants = chosen(given.names)
    for mutant in MUTANTS:
        mutated(mutant, ROOT)
    outcomes = []
    with ThreadPoolExecutor(given.jobs) as pool:
        for done in pool.map(lambda m: tried(m, not given.known), mutants):
            outcomes.append(done)
            print(f"{done.mutant.name:<36} {done.seconds:6.1f} s  {done.by or done.trouble or 'SURVIVES'}", flush=True)
    survivors = [done.mutant for done in outcomes if not done.by]
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants caught")
    for mutant in survivors:
        print(f"SURVIVES: {mutant.name} ({mutant.file}): {mutant.wrong}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

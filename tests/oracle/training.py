"""Store real MXNet 1.9.1's answers to the cases of stores, trainers, blocks, callbacks and operators.

python tests/oracle/training.py MX191/bin/python

The cases are in the tables tests/data/training_cases*.txt (see semantics_cases.py), the answers in training.json.
"""
from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import semantics
from semantics_cases import DATA, Case, read


def cases() -> list[Case]:
    """All cases, in the order of the files."""
    return [case for table in sorted(DATA.glob("training_cases*.txt")) for case in read(table)]


def title(case: Case) -> str:
    """The group and the last line of a case: the answers are found by their order, and these say what they are of."""
    return f"{case.group}: {case.source.splitlines()[-1]}"


def evaluate(mx, case: Case) -> dict:
    """The answer to a case, as plain data."""
    mx.random.seed(3)
    return semantics.evaluate(case.source, semantics.namespace(mx, "nd"))


def ask(first: int) -> None:
    """Print the answers of this process's MXNet from case `first` on, one line of JSON each."""
    import mxnet as mx

    for case in cases()[first:]:
        print("\n" + json.dumps(evaluate(mx, case)), flush=True)
        with contextlib.suppress(Exception):
            mx.nd.waitall()


def main(interpreter: str) -> None:
    """Write the file of pairs of title and answer; {"crash": status} for a case in which the process died."""
    asked = cases()
    found: list[dict] = []
    while len(found) < len(asked):
        done = subprocess.run([interpreter, __file__, "--ask", str(len(found))], check=False, capture_output=True,
                              text=True, timeout=600)
        found += [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if len(found) < len(asked):
            print(f"crash ({done.returncode}) in {asked[len(found)].source!r}")
            found.append({"crash": done.returncode})
    pairs = [json.dumps([title(case), answer]) for case, answer in zip(asked, found)]
    (DATA / "training.json").write_text("[\n" + ",\n".join(pairs) + "\n]\n")


if __name__ == "__main__":
    ask(int(sys.argv[2])) if sys.argv[1] == "--ask" else main(sys.argv[1])

"""Store real MXNet's answers to the cases of gluon.data and gluon.utils in tests/data/gluon_data.json.

python tests/oracle/gluon_data.py MX191/bin/python MX20/bin/python

The cases are in tests/data/gluon_data_cases.txt. tests/tracer/gluon/test_gluon_data.py runs tracer through `evaluate`.
"""
from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy

sys.path.insert(0, str(Path(__file__).parent))

import semantics

DATA = Path(__file__).resolve().parents[1] / "data"


class Case(NamedTuple):
    """A case: the np mode ("nd" or "np"), the version of MXNet that answers, and the source."""

    flavour: str
    version: str
    source: str


def cases() -> list[Case]:
    """All cases, in the order of the file."""
    found = []
    text = re.sub(r"^#.*\n", "", (DATA / "gluon_data_cases.txt").read_text(), flags=re.MULTILINE)
    for section in re.split(r"^@ ", text, flags=re.MULTILINE)[1:]:
        head, _, body = section.partition("\n")
        found += [Case(*head.split(), source.strip()) for source in body.split("\n\n") if source.strip()]
    return found


def namespace(mx, flavour: str) -> dict:
    """The names available to a case."""
    names = semantics.namespace(mx, flavour)
    xp = names["xp"]
    rows = numpy.arange(15, dtype="float32").reshape(5, 3)
    return {**names, "D": mx.gluon.data, "U": mx.gluon.utils, "x": xp.array(rows), "y": xp.array([5, 6, 7, 8, 9])}


def evaluate(mx, case: Case) -> dict:
    """The answer to a case, as plain data. Some read a file of three letters."""
    Path("/tmp/tracer_gluon_data_sha").write_bytes(b"abc")
    return semantics.evaluate(case.source, namespace(mx, case.flavour))


def ask(version: str, first: int) -> None:
    """Print the answers of this process's MXNet to its cases from `first` on, one line of JSON each."""
    import mxnet as mx

    for case in [c for c in cases() if c.version == version][first:]:
        print("\n" + json.dumps([case, evaluate(mx, case)]), flush=True)
        with contextlib.suppress(Exception):
            mx.nd.waitall()  # raises errors of unread values here, not in a later case


def answers(interpreter: str, version: str) -> list[list]:
    """Pairs of case and answer; {"crash": status} for a case in which the process died."""
    asked = [c for c in cases() if c.version == version]
    found: list[list] = []
    while len(found) < len(asked):
        command = [interpreter, __file__, "--ask", version, str(len(found))]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
        found += [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[[")]
        if len(found) < len(asked):
            found.append([asked[len(found)], {"crash": done.returncode}])
    return found


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask(sys.argv[2], int(sys.argv[3]))
    else:
        pairs = answers(sys.argv[1], "1.9.1") + answers(sys.argv[2], "2.0.0b1")
        (DATA / "gluon_data.json").write_text("[\n" + ",\n".join(json.dumps(pair) for pair in pairs) + "\n]\n")

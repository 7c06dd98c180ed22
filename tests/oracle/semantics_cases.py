"""The tables of expressions that are evaluated under real MXNet and under tracer.

A table (tests/data/semantics_cases_*.txt) has groups, `@group name`, of cases, one a line. Lines that follow
belong to the case:

.. statement      the case goes on (the value of its last line, if that is an expression, is the answer)
@phrase text      the message of the error must contain this text
@why reason       why the answer is what it is
@ours {"…": …}    what tracer must answer instead (keys as in `semantics.describe`), with a @why

`@setup statement` after a group's name is run before each of its cases.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).resolve().parents[1] / "data"
DTYPES = ("float32", "float64", "float16", "int8", "int32", "int64", "uint8", "bool")
OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "==", "<")
SCALARS = ("2", "2.5", "True")
FLAVOURS = ("np", "nd")


class Case(NamedTuple):
    """One case; `answer_only` ones are left out of the answers if real MXNet raises."""

    group: str
    source: str
    phrase: str = ""
    why: str = ""
    ours: dict | None = None
    answer_only: bool = False


def read(path: Path) -> list[Case]:
    """The cases of one table."""
    cases: list[Case] = []
    group = setup = ""
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        key, _, text = line.partition(" ")
        if key == "@group":
            group, setup = text, ""
        elif key == "@setup":
            setup += text + "\n"
        elif key == "..":
            cases[-1] = cases[-1]._replace(source=cases[-1].source + "\n" + text)
        elif key == "@ours":
            cases[-1] = cases[-1]._replace(ours=json.loads(text))
        elif key in ("@phrase", "@why"):
            cases[-1] = cases[-1]._replace(**{key[1:]: text})
        else:
            cases.append(Case(group, setup + line))
    return cases


def promotion(flavour: str) -> list[Case]:
    """Each operator on each pair of dtypes (np), on equal dtypes (nd), and with a scalar on either side."""
    cases = []
    for op in OPERATORS:
        for left in DTYPES:
            a = f"{flavour}.array([3, 0, 1], dtype='{left}')"
            for right in DTYPES if flavour == "np" else (left,):
                b = f"{flavour}.array([2, 1, 1], dtype='{right}')"
                cases.append(Case("promotion", f"{a} {op} {b}", answer_only=True))
            for scalar in SCALARS:
                cases.append(Case("scalars", f"{a} {op} {scalar}", answer_only=True))
                b = f"{flavour}.array([2, 1, 1], dtype='{left}')"
                cases.append(Case("scalars", f"{scalar} {op} {b}", answer_only=True))
            if op in "+-*":
                source = f"x = {a}; x {op}= {flavour}.array([2, 1, 1], dtype='{left}'); x"
                cases.append(Case("updating", source, answer_only=True))
    return cases


def cases_of(flavour: str) -> list[Case]:
    """All cases of one flavour, "np" or "nd", in a fixed order.

    The autograd table and the tables named both_* serve both: in them `xp` is the flavour's own namespace.
    """
    tables = [DATA / f"semantics_cases_{name}.txt" for name in (flavour, "autograd")]
    for kind in (flavour, "both"):
        tables += sorted(DATA.glob(f"semantics_cases_{kind}_*.txt"))
    return [case for table in tables for case in read(table)] + promotion(flavour)

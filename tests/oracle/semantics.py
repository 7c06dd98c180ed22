"""Evaluate all cases of the tables under real MXNet and store the answers in tests/data/semantics_{nd,np}.json.

python tests/oracle/semantics.py MX191/bin/python MX20/bin/python

The two interpreters have MXNet 1.9.1, which answers for nd, and 2.0.0b1, which answers for np. `evaluate`
gives a case's answer as plain data; tests/tracer/mxnet/test_semantics.py runs tracer through it.
"""
from __future__ import annotations

import ast
import contextlib
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).parent))

from semantics_cases import DATA, Case, cases_of

ORACLES = {"nd": "1.9.1", "np": "2.0.0b1"}


def plain(values):
    """Nested lists with NaN and the infinities as text, so that the JSON is standard."""
    if isinstance(values, list):
        return [plain(value) for value in values]
    if isinstance(values, float) and not math.isfinite(values):
        return str(values)
    return values


def describe(value) -> dict:
    """An answer as plain data: class and text, for an array dtype, shape and values too.

    NumPy's scalars and dtypes are described so that the answer is the same under NumPy 1 and 2.
    """
    if isinstance(value, (list, tuple)):
        return {"class": type(value).__name__, "items": [describe(item) for item in value]}
    if isinstance(value, numpy.dtype) or (isinstance(value, type) and issubclass(value, numpy.generic)):
        return {"class": "dtype", "repr": numpy.dtype(value).name}
    if isinstance(value, numpy.generic):
        return {"class": type(value).__name__, "repr": repr(value.item())}
    if isinstance(value, numpy.ndarray):
        return {"class": "numpy.ndarray", **contents(value)}
    answer = {"class": type(value).__name__, "repr": repr(value)}
    if hasattr(value, "asnumpy"):
        answer.update(contents(value.asnumpy()), shape=list(value.shape))
    return answer


def contents(array: numpy.ndarray) -> dict:
    """dtype, shape and at most 100 values of a NumPy array."""
    found = {"dtype": array.dtype.name, "shape": list(array.shape)}
    if array.size > 100 or array.dtype == object:
        return found
    return {**found, "values": plain(array.tolist())}


def namespace(mx, flavour: str) -> dict:
    """The names available to a case: those that a script imports, `onp` (NumPy) and `xp` (the flavour's namespace)."""
    mx.npx.set_np() if flavour == "np" else mx.npx.reset_np()
    names = {"mx": mx, "np": mx.np, "npx": mx.npx, "nd": mx.nd, "autograd": mx.autograd,
             "gluon": mx.gluon, "onp": numpy}
    return {**names, "xp": names[flavour]}


def evaluate(source: str, names: dict) -> dict:
    """The answer to one case, run in `names`; an exception is an answer too, with the names of its base classes."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    try:
        exec(compile(tree, "case", "exec"), names)
        return describe(eval(compile(ast.Expression(last.value), "case", "eval"), names) if last else None)
    except Exception as error:
        bases = [base.__name__ for base in type(error).__mro__[1:-1]]
        return {"error": type(error).__name__, "bases": bases, "message": message(error)}


def message(error: Exception) -> str:
    """The line of an error's text with the message: MXNet puts a C++ trace before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not re.match(r"(Traceback|\[bt\]|File |\(\d+\) )", line)]
    named = [line for line in lines if line.startswith("MXNetError: ")]
    text = " ".join(named[:1] or lines[:3])
    text = re.sub(r"^(MXNetError: )?(\[[\d:]+\] )?", "", text)
    return re.sub(r"0x[0-9a-f]+", "0x", text)[:300]


def ask(flavour: str, first: int) -> None:
    """Print the answers from case `first` on, one line of JSON each."""
    import mxnet as mx

    for case in cases_of(flavour)[first:]:
        print(json.dumps(evaluate(case.source, namespace(mx, flavour))), flush=True)
        with contextlib.suppress(Exception):
            mx.nd.waitall()  # raises errors of unread values here, not in a later case


def answers(interpreter: str, flavour: str, cases: list[Case]) -> list[dict]:
    """Real MXNet's answers; if its process dies the answer is {"crash": status} and a new process continues."""
    found: list[dict] = []
    while len(found) < len(cases):
        command = [interpreter, __file__, "--ask", flavour, str(len(found))]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
        found += [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if len(found) < len(cases):
            print(f"{flavour}: crash ({done.returncode}) in {cases[len(found)].source!r}")
            found.append({"crash": done.returncode})
    return found


def main(mx191: str, mx20: str) -> None:
    """Write both files: the version, then one [source, answer] for each case, in the tables' order."""
    for flavour, interpreter in (("nd", mx191), ("np", mx20)):
        cases = cases_of(flavour)
        found = answers(interpreter, flavour, cases)
        pairs = zip(cases, found)
        kept = [[c.source, a] for c, a in pairs if not (c.answer_only and ("error" in a or "crash" in a))]
        lines = ",\n".join(json.dumps(pair) for pair in kept)
        text = f'{{"mxnet": "{ORACLES[flavour]}", "answers": [\n{lines}\n]}}\n'
        (DATA / f"semantics_{flavour}.json").write_text(text)
        print(f"{flavour}: {len(kept)} answers of {ORACLES[flavour]}, {len(cases) - len(kept)} left out")


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask(sys.argv[2], int(sys.argv[3]))
    else:
        main(*sys.argv[1:])

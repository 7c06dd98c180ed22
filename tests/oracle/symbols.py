"""Evaluate the cases of tests/data/symbol_cases.txt under real MXNet 1.9.1 and store the answers in symbols.json.

MX191/bin/python tests/oracle/symbols.py

A case is a line, an expression. A symbol's answer is its JSON and the names of its variables and outputs; a printed
text, values and errors are answers too. Lines that begin with "np " run under NumPy's semantics; "@file NAME" begins a
text of a file that cases load as FILES[NAME], until "@end".
"""
from __future__ import annotations

import contextlib
import io
import json
import sys
import warnings
from pathlib import Path

DATA = Path(__file__).parent.parent / "data"
SOURCE, STORED = DATA / "symbol_cases.txt", DATA / "symbols.json"


def read() -> tuple[list[str], dict[str, str]]:
    """The cases, and the texts of files by name."""
    cases: list[str] = []
    files: dict[str, str] = {}
    name = None
    for line in SOURCE.read_text().splitlines():
        if name is not None:
            if line == "@end":
                name = None
            else:
                files[name] += line + "\n"
        elif line.startswith("@file "):
            name = line[6:]
            files[name] = ""
        elif line and not line.startswith("#"):
            cases.append(line)
    return cases, files


def described(x) -> object:
    """An answer as plain data."""
    if isinstance(x, (list, tuple)):
        return [described(i) for i in x]
    if isinstance(x, dict):
        return {str(k): described(v) for k, v in x.items()}
    if hasattr(x, "tojson"):
        return {"json": x.tojson(), "outputs": x.list_outputs(), "arguments": x.list_arguments(),
                "states": x.list_auxiliary_states(), "repr": repr(x)}
    if hasattr(x, "asnumpy"):
        return [x.dtype.__name__ if isinstance(x.dtype, type) else str(x.dtype), x.asnumpy().tolist()]
    if isinstance(x, type):
        return x.__name__
    return x if isinstance(x, (int, float, str, bool, type(None))) else str(x)


def evaluate(mx, case: str, files: dict[str, str]) -> object:
    """The answer to a case; names begin anew."""
    numpy_semantics = case.startswith("np ")
    source = case[3:] if numpy_semantics else case
    sym = mx.sym
    a, b, c = (sym.var(n) for n in "abc")
    names = {"mx": mx, "S": sym, "a": a, "b": b, "c": c, "nd": mx.nd, "FILES": files, "N": sym.np, "X": sym.npx,
             "x": sym.var("x").as_np_ndarray(), "y": sym.var("y").as_np_ndarray(), "summary": printed}
    for state in (mx.AttrScope._subgraph_names,):
        state.clear()
    scope = mx.util.np_shape(True) if numpy_semantics else contextlib.nullcontext()
    with mx.name.NameManager(), warnings.catch_warnings(), scope:
        warnings.simplefilter("ignore")
        try:
            return described(eval(source, names))
        except Exception as error:
            return {"error": type(error).__name__}


def printed(function, *args, **kwargs) -> str:
    """The text that a function prints."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        function(*args, **kwargs)
    return text.getvalue()


if __name__ == "__main__":
    import mxnet

    cases, files = read()
    answers = {case: evaluate(mxnet, case, files) for case in cases}
    STORED.write_text(json.dumps(answers, indent=0, sort_keys=True) + "\n")
    print(len(answers), "answers of", mxnet.__version__, file=sys.stderr)

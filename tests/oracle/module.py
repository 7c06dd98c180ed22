"""Store real MXNet 1.9.1's answers to the cases of four rooms in tests/data/module_{io,rnn,module,contrib}.json.

python tests/oracle/module.py MX191/bin/python [io|rnn|module|contrib ...]

The cases are in tests/data/module_cases_{io,rnn,module,contrib}.txt: blank lines separate them. The tests
run tracer through `evaluate`.
"""
from __future__ import annotations

import contextlib
import json
import logging
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).parent))

import semantics

DATA = Path(__file__).resolve().parents[1] / "data"
ROOMS = ("io", "rnn", "module", "contrib")


def cases(room: str) -> list[str]:
    """The sources of a room's cases, in the order of the file."""
    text = re.sub(r"^#.*\n", "", (DATA / f"module_cases_{room}.txt").read_text(), flags=re.MULTILINE)
    return [source.strip() for source in text.split("\n\n") if source.strip()]


class _Lines(logging.Handler):
    """A handler that keeps the text of records, without durations."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(re.sub(r"(cost=|Speed: )[\d.]+", r"\1?", record.getMessage()))


def logged(function, *args, **kwargs) -> list[str]:
    """The lines that a call logs and warns."""
    handler, root = _Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            function(*args, **kwargs)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    return handler.lines + [f"{w.category.__name__}: {w.message}" for w in caught]


def symbols(mx) -> dict:
    """Helpers for cases of modules: `mlp()`, a classifier, and `data(n)`, an iterator over its input."""
    def mlp(hidden: int = 8, classes: int = 3):
        found = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=hidden, name="fc1")
        found = mx.sym.FullyConnected(mx.sym.Activation(found, act_type="tanh"), num_hidden=classes, name="fc2")
        return mx.sym.SoftmaxOutput(found, name="softmax")

    def data(n: int = 20, batch_size: int = 5, **kwargs):
        rng = numpy.random.RandomState(0)
        x = rng.rand(n, 4).astype("float32")
        return mx.io.NDArrayIter(x, (x.sum(axis=1) * 1.5 % 3 // 1).astype("float32"), batch_size, **kwargs)

    def module(**kwargs):
        made = mx.mod.Module(mlp(), **kwargs)
        made.bind([("data", (5, 4))], [("softmax_label", (5,))])
        mx.random.seed(0)
        made.init_params(mx.init.Uniform(0.5))
        return made

    return {"mlp": mlp, "data": data, "module": module}


def evaluate(mx, room: str, source: str) -> dict:
    """The answer to a case, as plain data."""
    names = {**semantics.namespace(mx, "nd"), "logged": logged}
    if room == "module":
        names.update(symbols(mx))
    numpy.random.seed(0)
    mx.random.seed(0)
    with mx.name.NameManager():
        return semantics.evaluate(source, names)


def ask(room: str, first: int) -> None:
    """Print the answers of this process's MXNet from case `first` on, one line of JSON each."""
    import mxnet as mx

    for source in cases(room)[first:]:
        print("\n" + json.dumps([source, evaluate(mx, room, source)]), flush=True)
        with contextlib.suppress(Exception):
            mx.nd.waitall()  # raises errors of unread values here, not in a later case


def main(interpreter: str, rooms: list[str]) -> None:
    """Write the answers; {"crash": status} for a case in which the process died."""
    for room in rooms:
        asked, found = cases(room), []
        while len(found) < len(asked):
            command = [interpreter, __file__, "--ask", room, str(len(found))]
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
            found += [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[\"")]
            if len(found) < len(asked):
                print(done.stderr[-2000:])
                found.append([asked[len(found)], {"crash": done.returncode}])
        (DATA / f"module_{room}.json").write_text("[\n" + ",\n".join(json.dumps(pair) for pair in found) + "\n]\n")


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask(sys.argv[2], int(sys.argv[3]))
    else:
        main(sys.argv[1], sys.argv[2:] or list(ROOMS))

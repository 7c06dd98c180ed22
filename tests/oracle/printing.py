"""Store how real MXNet prints arrays, in tests/data/printing.json.

python tests/oracle/printing.py MX191/bin/python MX20/bin/python

1.9.1 answers for nd, 2.0.0b1 for np. `cases` makes the arrays, for both and for tests/tracer/array/test_printing.py.
"""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy

DATA = Path(__file__).resolve().parents[1] / "data" / "printing.json"


def cases(flavour: str) -> list[tuple[str, numpy.ndarray]]:
    """Names and NumPy arrays; none empty or 0-d for nd, which does not support these."""
    rng = numpy.random.RandomState(0)
    found: list[tuple[str, numpy.ndarray]] = []
    for dtype in ("float32", "float64", "float16", "int8", "int32", "int64", "uint8", "bool"):
        for shape in [(3,), (2, 3), (1,), (2, 2, 2), (30,), (40, 3), (1001,), (3, 500), (501, 2), (10, 10,
                                                                                                   20)]:
            found.append((f"{dtype} {shape}", (rng.randn(*shape) * 3).astype(dtype)))
        if flavour == "np":
            for shape in [(), (0,), (0, 3), (2, 0, 3)]:
                found.append((f"{dtype} {shape}", numpy.asarray(rng.randn(*shape) * 3).astype(dtype)))
    for power in range(-12, 13):
        found.append((f"1.5e{power}", numpy.array([1.5 * 10.0 ** power, 1], "float32")))
        found.append((f"[1.5e{power}]", numpy.array([1.5 * 10.0 ** power], "float32")))
        found.append((f"wide {power}", (rng.randn(2, 7) * 10.0 ** power).astype("float32")))
        found.append((f"mixed {power}", (10.0 ** (rng.rand(9) * power)).astype("float64")))
    for values in ([numpy.nan, 1], [numpy.inf, -numpy.inf, 2.5], [-0.0, 0], [1e38, -1e-38], [16777216, 0.5],
                   [1 / 3, 2 / 3], [0.1, 0.2, 0.30000001], [123456.789], [1e5, 1e-5], [99999999, 1]):
        for dtype in ("float32", "float64"):
            found.append((f"{dtype} {values}", numpy.array(values, dtype)))
    found.append(("big integers", numpy.array([2**40, -1], "int64")))
    found.append(("ones column", numpy.ones((5, 1), "float32")))
    for n in range(8, 26):
        found.append((f"row of {n} float32", numpy.arange(n, dtype="float32")))
        found.append((f"row of {n} int32", numpy.arange(n, dtype="int32") * 7))
    return found


def texts(module, flavour: str) -> list[list[str]]:
    """[name, repr, str] of each case, made with `module.array`."""
    found = []
    for name, array in cases(flavour):
        made = module.array(array, dtype=array.dtype.name)
        found.append([name, repr(made), str(made)])
    return found


def ask(flavour: str) -> None:
    """Print the answers of this interpreter's MXNet as JSON."""
    import mxnet as mx

    if flavour == "np":
        mx.npx.set_np()
    print(json.dumps(texts(getattr(mx, flavour), flavour)))


def main(mx191: str, mx20: str) -> None:
    """Run both versions and write the file."""
    answers = {}
    for flavour, interpreter in (("nd", mx191), ("np", mx20)):
        done = subprocess.run([interpreter, __file__, "--ask", flavour], check=True, capture_output=True,
                              text=True)
        answers[flavour] = json.loads(done.stdout.splitlines()[-1])
    DATA.write_text(json.dumps(answers, indent=0) + "\n")
    print({flavour: len(found) for flavour, found in answers.items()})


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask(sys.argv[2])
    else:
        main(*sys.argv[1:])

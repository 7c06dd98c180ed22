"""Store MXNet's answers for images, boxes and attention, values and gradients, in tests/data/vision.json.

python tests/oracle/vision.py MX191/bin/python MX20/bin/python

1.9.1 answers for expressions of nd, 2.0.0b1 for those of npx. `answer` evaluates a case;
tests/tracer/mxnet/test_vision.py runs tracer through it. The cases are in vision_cases.py.
"""
from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import zlib
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).parent))

from vision_cases import CASES

DATA = Path(__file__).resolve().parents[1] / "data" / "vision.json"


def arrays_of(case: tuple[str, str]) -> list[numpy.ndarray]:
    """The arrays of a case: float32, if its text gives floats of 64 bits or integers without a dtype."""
    draw = numpy.random.RandomState(zlib.crc32("; ".join(case).encode()))

    def boxes(*lead: int) -> numpy.ndarray:
        corner = draw.rand(*lead, 2)
        return numpy.concatenate([corner, corner + 0.05 + 0.7 * draw.rand(*lead, 2)], -1)

    names = {"randn": draw.randn, "rand": draw.rand, "randint": draw.randint, "boxes": boxes, "array": numpy.array,
             "ones": numpy.ones, "concatenate": numpy.concatenate, "where": numpy.where}
    found = []
    for text in case[1].split("; "):
        made = eval(text, names)
        found.append(made if "'" in text else made.astype("float32"))
    return found


def contents(array) -> dict:
    """An array as plain data; NaN and the infinities as text."""
    found = array.asnumpy()
    values = [v if not isinstance(v, float) or abs(v) < numpy.inf else str(v) for v in found.ravel().tolist()]
    rounded = [float(f"{v:.6g}") if isinstance(v, float) and found.dtype != numpy.float64 else v for v in values]
    return {"dtype": found.dtype.name, "shape": list(found.shape), "values": rounded}


def answer(mx, case: tuple[str, str]) -> dict:
    """The results of a case, and the gradients of its arrays for a random cotangent of the first result."""
    expression = case[0]
    space = mx.nd if "nd." in expression else mx.np
    mx.npx.set_np() if space is mx.np else mx.npx.reset_np()
    valued, expression = expression.startswith("value "), expression.replace("value ", "")
    try:
        given = [space.array(a, dtype=a.dtype) for a in arrays_of(case)]
        names = {"mx": mx, "nd": mx.nd, "np": mx.np, "npx": mx.npx, **dict(zip("abcdef", given))}
        floats = [] if valued else [x for x in given if numpy.dtype(x.dtype).kind == "f"]
        for x in floats:
            x.attach_grad()
        with mx.autograd.record():
            made = eval(expression, names)
        results = made if isinstance(made, (list, tuple)) else [made]
        found = {"results": [contents(r) for r in results]}
        if floats and numpy.dtype(results[0].dtype).kind == "f":
            head = numpy.random.RandomState(0).randn(*results[0].shape)
            results[0].backward(space.array(head, dtype=results[0].dtype))
            found["gradients"] = [contents(x.grad) for x in floats]
        return found
    except Exception as error:
        return {"error": type(error).__name__}


def ask(spaces: tuple[str, ...], first: int) -> None:
    """Print the answers of the cases of some spaces, from number `first` on, one line of JSON each."""
    import mxnet as mx

    for case in [c for c in CASES if asked(c) in spaces][first:]:
        print(json.dumps(answer(mx, case)), flush=True)
        with contextlib.suppress(Exception):
            mx.nd.waitall()


def asked(case: tuple[str, str]) -> str:
    """The version that answers: "nd" is 1.9.1, "np" 2.0.0b1."""
    return "nd" if "nd." in case[0] else "np"


def main(mx191: str, mx20: str) -> None:
    """Write the file: one [expression, arrays, answer] a line."""
    found: dict[tuple[str, str], dict] = {}
    for space, interpreter in (("nd", mx191), ("np", mx20)):
        cases = [c for c in CASES if asked(c) == space]
        answers: list[dict] = []
        while len(answers) < len(cases):
            done = subprocess.run([interpreter, __file__, "--ask", space, str(len(answers))], check=False,
                                  capture_output=True, text=True, timeout=600)
            answers += [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            if len(answers) < len(cases):
                print(f"crash ({done.returncode}) in {cases[len(answers)]}")
                answers.append({"crash": done.returncode})
        found.update(zip(cases, answers))
    lines = ",\n".join(json.dumps([*case, found[case]]) for case in CASES)
    DATA.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask((sys.argv[2],), int(sys.argv[3]))
    else:
        main(*sys.argv[1:])

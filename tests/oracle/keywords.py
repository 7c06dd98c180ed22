"""Store which keywords real MXNet's public functions take, ignore or refuse, in tests/data/keywords.json.

python tests/oracle/keywords.py MX191/bin/python MX20/bin/python

1.9.1 answers for nd, 2.0.0b1 for np and npx. Each function is called with the first of `ARGUMENTS` that it takes, then
once more with one keyword: each of its own at its default, and those of `COMMON`, which some functions only pass on.
tests/tracer/mxnet/test_keywords.py tests tracer with `outcome`.
"""
from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
SPACES = {"nd": ("nd", "nd.linalg", "nd.contrib", "nd.random", "nd.NDArray"),
          "np": ("np", "np.linalg", "np.random", "np.ndarray", "npx", "npx.random")}
#: Keywords tried on every function, with their values. No function has one called `nonsense`.
COMMON = {"name": "'a'", "out": "None", "ctx": "mx.cpu()", "device": "mx.cpu()", "dtype": "'float32'", "nonsense": "1",
          "where": "True"}
#: Positional arguments, in `NAMES`; a method is called on the first.
ARGUMENTS = (
    "x", "x, x", "x, i", "x, x, x", "[x, x]", "x, 2", "x, (3, 2)", "x, 0, 1", "(2, 3)", "3", "2, 3", "x, v", "s",
    "s, s",
    "v", "v, v", "v, i", "b", "b, b", "x, 'float32'", "x, 0", "x, 2, 0", "x, w, None", "x, (0, 0), (1, 2)",
    "im, k, None, (1, 1)", "im", "v, v, v, v, 0.1", "x, x, x, x, 0.1", "x, x, x, 0.1", "x, x, 0.1", "'i->i', v", "i, x",
    "x, -1, 1", "")
NAMES = """
x = xp.array([[0.5, 1, 1.5], [2, 0.25, 0.75]]); v = xp.array([0.25, 0.5, 0.75]); s = xp.array([[4., 1], [1, 3]])
i = xp.array([0, 1], dtype='int32'); b = xp.array([1, 2], dtype='int32'); w = xp.ones((4, 3))
im = xp.ones((1, 1, 4, 4)); k = xp.ones((1, 1, 1, 1))
"""
#: Functions left out: they read files, change state, or take functions.
SKIPPED = re.compile(
    r"as_in_|[Cc]ast$|[Rr]eshape$|astype|unravel_index|load|save|seed|set_|reset|dlpack|from_|waitall|is_|foreach|while_loop|cond$|_printoptions|custom|Custom|wait"
    r"|attach_grad|backward|__|tostype|asscalar|item|asnumpy|grad|tolist|genfromtxt|fromfile|frombuffer|getbuffer|invoke"
    r"|_array$|use_|np_|getenv|setenv|cudnn|current_|num_gpus|cpu|gpu|device")


def public_functions(mx, flavour: str) -> list[str]:
    """The names of all functions and methods, such as "nd.exp" and "np.ndarray.sum"."""
    found = []
    for space in SPACES[flavour]:
        owner = reach(mx, space)
        for name in sorted(dir(owner)):
            full = f"{space}.{name}"
            if name.startswith("_") or SKIPPED.search(full):
                continue
            try:
                value = getattr(owner, name)
            except AttributeError:
                continue
            if callable(value) and not inspect.isclass(value) and not inspect.ismodule(value):
                found.append(full)
    return found


def reach(mx, name: str):
    """The object of a dotted name."""
    for part in name.split("."):
        mx = getattr(mx, part)
    return mx


def keywords_of(function) -> dict[str, str]:
    """The keywords that a function declares, with their defaults as source text; those without a value are left out."""
    found = {}
    for p in inspect.signature(function).parameters.values():
        value = p.default
        if isinstance(value, (bool, int, float, str, tuple, type(None))) and p.name not in COMMON:
            found[p.name] = repr(value)
    return found


def documented(function) -> dict[str, str]:
    """The parameters with a default in the docstring of a generated function."""
    found = {}
    text = function.__doc__ or ""
    for name, kind, default in re.findall(r"^(\w+) : (.*?), optional, default=(.*)$", text, re.MULTILINE):
        default = default.strip().strip("'")
        if re.match(r"boolean", kind):
            found[name] = str(default in ("1", "True"))
        elif re.match(r"(int|long|float|double)\b(?!.*None)", kind):
            found[name] = default
        elif default == "None":
            found[name] = "None"
        elif re.match(r"\{", kind):
            found[name] = repr(default)
    return {k: v for k, v in found.items() if k not in COMMON}


def call(mx, name: str, flavour: str, arguments: str, keyword: str = "") -> None:
    """Call a function, or a method on the first of the arguments, and compute its result."""
    xp = getattr(mx, flavour)
    space = {"mx": mx, "xp": xp}
    exec(NAMES, space)
    method = name.rpartition(".")[0] in ("nd.NDArray", "np.ndarray")
    if method:
        owner, _, arguments = arguments.partition(",")
        source = f"{owner}.{name.rpartition('.')[2]}"
    else:
        source = f"mx.{name}"
    given = ", ".join(part for part in (arguments.strip(), keyword) if part)
    result = eval(f"{source}({given})", space)
    for part in result if isinstance(result, (list, tuple)) else [result]:
        if hasattr(part, "asnumpy"):
            part.asnumpy()


def outcome(mx, name: str, flavour: str, arguments: str, keyword: str = "") -> str:
    """"ok", or the name of the exception."""
    try:
        call(mx, name, flavour, arguments, keyword)
    except Exception as error:
        return type(error).__name__
    return "ok"


def describe(mx, name: str, flavour: str) -> dict | None:
    """The arguments passed to a function and the outcome with each keyword; None if it accepts none of `ARGUMENTS`."""
    arguments = next((a for a in ARGUMENTS if outcome(mx, name, flavour, a) == "ok"), None)
    if arguments is None:
        return None
    function = reach(mx, name)
    generated = function
    if name.startswith("nd.NDArray."):  # a method passes everything on to the function of its name
        generated = getattr(mx.nd, name.rpartition(".")[2], function)
    own = {**keywords_of(function), **documented(generated)}
    taken = [p.name for p in inspect.signature(function).parameters.values()]
    count = len(arguments.split(",")) if arguments else 0
    own = {k: v for k, v in own.items() if k not in taken[:count]}
    return {"function": name, "arguments": arguments,
            "outcomes": {f"{k}={v}": outcome(mx, name, flavour, arguments, f"{k}={v}")
                         for k, v in {**own, **COMMON}.items()}}


def ask(flavour: str, first: int) -> None:
    """Print the results from function `first` on, one line of JSON each."""
    import mxnet as mx

    mx.npx.set_np() if flavour == "np" else mx.npx.reset_np()
    for name in public_functions(mx, flavour)[first:]:
        try:
            print(json.dumps(describe(mx, name, flavour)), flush=True)
        except ValueError:  # no signature
            print("null", flush=True)


def answers(interpreter: str, flavour: str) -> list[dict]:
    """All answers of real MXNet; a function at which its process dies is left out."""
    found: list[dict | None] = []
    while True:
        command = [interpreter, __file__, "--ask", flavour, str(len(found))]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=3600)
        found += [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "null"))]
        if done.returncode == 0:
            return [f for f in found if f]
        print(f"{flavour}: crash ({done.returncode}) in function {len(found)}", done.stderr[-300:])
        found.append(None)


def main(mx191: str, mx20: str) -> None:
    """Write the file: for each flavour a list of functions with their keywords."""
    found = {flavour: answers(interpreter, flavour) for flavour, interpreter in (("nd", mx191), ("np", mx20))}
    parts = [f'"{flavour}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for flavour, rows in found.items()]
    body = ",\n".join(parts)
    (DATA / "keywords.json").write_text("{" + body + "}\n")
    print({flavour: len(rows) for flavour, rows in found.items()})


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask(sys.argv[2], int(sys.argv[3]))
    else:
        main(*sys.argv[1:])

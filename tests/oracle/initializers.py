"""Store what real MXNet's initializers write and answer, in tests/data/initializers.json.

python tests/oracle/initializers.py MX191/bin/python MX20/bin/python

1.9.1 answers for nd arrays and for most behaviour, 2.0.0b1 for np arrays and for RNNFused. `fill` and `answer` run
under tracer too, in tests/tracer/initializer/test_initializer.py.
"""
from __future__ import annotations

import ast
import hashlib
import io
import json
import logging
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy

DATA = Path(__file__).resolve().parents[1] / "data" / "initializers.json"
CASES = DATA.with_name("initializer_cases.txt")

SHAPES = [(5,), (1, 1), (3, 4), (64, 3, 3, 3), (7, 11, 2), (100, 129)]
MATRICES = [shape for shape in SHAPES if len(shape) > 1]
DTYPES = ["float32", "float64", "float16"]

#: Initializers whose draws do not depend on LAPACK, with the shapes of the arrays they are asked for.
DRAWN = {
    "Uniform()": SHAPES, "Uniform(50)": SHAPES, "Uniform(3.3e-05)": SHAPES,
    "Uniform(scale=1.2345678912345678e-05)": SHAPES,
    "Normal()": SHAPES, "Normal(1)": SHAPES, "Normal(sigma=0.3)": SHAPES, "Normal(1.9876543219e-06)": SHAPES,
    "MSRAPrelu()": MATRICES, "MSRAPrelu('in', 0)": MATRICES, "MSRAPrelu('out', slope=0.1)": MATRICES,
    "Bilinear()": [(1, 1, 4, 4), (2, 3, 3, 5), (1, 2, 1, 1), (2, 1, 2, 7)], "LSTMBias()": [(8,), (20,), (9,), (3,)],
    "LSTMBias(2.5)": [(8,)], "Zero()": SHAPES, "One()": SHAPES, "Constant(0.1)": SHAPES, "Constant(-3)": SHAPES,
    **{f"Xavier({rnd!r}, {factor!r}, {magnitude})": MATRICES for rnd in ("uniform", "gaussian")
       for factor in ("avg", "in", "out") for magnitude in (3, 2.34, 1e-9)},
    "Xavier(rnd_type='gaussian', factor_type='in', magnitude=2)": MATRICES, "Xavier(magnitude=2.24)": MATRICES,
}

#: Orthogonal initializers: whole small results, as the last bits are LAPACK's, as are the vectors' signs.
ORTHOGONAL = {f"Orthogonal({arguments})": [(3, 4), (4, 3), (2, 2, 2), (1, 5)]
              for arguments in ("", "rand_type='normal'", "2, 'uniform'")}


#: Initializers of recurrent layers, with the sizes of their vectors.
RECURRENT = {
    "nd": {**{f"FusedRNN({init}, {hidden}, 1, {mode!r})": size
              for init in ("Xavier()", "Uniform(0.3)", "Normal(2)", "One()")
              for mode, hidden, size in (("rnn_tanh", 2, 18), ("lstm", 3, 108), ("gru", 2, 42))},
           "FusedRNN(Xavier(), 3, 2, 'lstm', True, 0.5)": 504,
           "FusedRNN(init=Normal(1), num_hidden=2, num_layers=3, mode='rnn_relu')": 38},
    "np": {**{f"RNNFused({mode!r}, 2, 3, {two}, None, 'uniform', Normal(0.5), One(), 'zeros')": size
              for mode, two, size in (("rnn_relu", False, 54), ("rnn_relu", True, 126), ("lstm", False, 216),
                                      ("lstm", True, 504), ("gru", False, 162), ("gru", True, 378))},
           "RNNFused('lstm', 2, 3, False, 2, 'uniform', Normal(0.5), One(), 'zeros', 'normal')": 192,
           "RNNFused('lstm', 2, 3, True, 2, 'uniform', Normal(0.5), One(), 'zeros', 'normal')": 432}}


def draws(flavour):
    """(seed, initializer, shape, dtype) of the arrays of a flavour."""
    for text, shapes in {**DRAWN, **ORTHOGONAL}.items():
        for shape in shapes:
            for dtype in DTYPES if shape in ((5,), (3, 4), (100, 129)) else DTYPES[:1]:
                yield 0, text, shape, dtype
        yield 42, text, shapes[-1], "float32"
    for text, size in RECURRENT[flavour].items():
        yield 0, text, (size,), "float32"
    if flavour == "np":
        for dtype in ("int32", "int8", "int64"):
            for text in ("Uniform(50)", "Normal(60)", "Zero()", "Constant(2.7)"):
                yield 0, text, (3, 4), dtype
        for shape in ((), (0, 3)):
            yield 0, "Uniform()", shape, "float32"


def fill(mx, flavour, seed, text, shape, dtype):
    """The digest of two arrays that an initializer wrote one after the other; for ORTHOGONAL, the first's values."""
    mx.npx.set_np() if flavour == "np" else mx.npx.reset_np()
    initializer = eval(text, {name: getattr(mx.init, name) for name in dir(mx.init)})
    mx.random.seed(seed)
    answers = []
    for _ in range(2):
        array = getattr(mx, flavour).zeros(shape, dtype=dtype)
        initializer(mx.init.InitDesc("x_weight", {"__init__": initializer.dumps()} if "Bias" in text else None), array)
        answers.append(array.asnumpy())
    return signless(answers[0]) if text in ORTHOGONAL else digest(answers)


def signless(a):
    """The values of orthonormal rows or columns, each with the sign that makes its largest element positive."""
    rows = a.astype("float64").reshape(len(a), -1)
    vectors = rows.T if rows.shape[0] >= rows.shape[1] else rows
    largest = numpy.take_along_axis(vectors, numpy.abs(vectors).argmax(1)[:, None], 1)
    return (vectors * numpy.sign(largest)).round(7).tolist()


def digest(arrays):
    """A hash of dtype, shape and bytes of arrays, and the last value."""
    data = b"".join(f"{a.dtype} {a.shape} ".encode() + a.tobytes() for a in arrays)
    return [hashlib.sha256(data).hexdigest()[:8]] + [float(f"{float(v):.7g}") for v in arrays[-1].ravel()[-1:]]


#: What the lines of tests/data/initializer_cases.txt can use; `I` is mx.init, `R` mx.registry, `F` the flavour.
SETUP = """
class Logged(I.Initializer):
    def __init__(self, a=1):
        super().__init__(a=a)
    def _init_weight(self, name, arr): arr[:] = 3
    def _init_bias(self, name, arr): arr[:] = 4
class Base: pass
class Thing(Base):
    def __init__(self, *a, **k): self.got = a, k
reg, al, cr = R.get_register_func(Base, 'kind'), R.get_alias_func(Base, 'kind'), R.get_create_func(Base, 'kind')
def filled(init, name, shape=(6, 2, 2, 2), attrs=None, plain=False):
    arr = F.ones(shape) * 9
    init(name if plain else I.InitDesc(name, attrs), arr)
    return arr.asnumpy().ravel()[:3].tolist()
def shown(init):
    return [type(init).__name__, init._kwargs]
def chosen(rnn):
    rnn.set_initializer('normal')
    return [getattr(rnn, f'_{name}_initializer')
            for name in ('i2h_weight', 'h2h_weight', 'i2h_bias', 'h2h_bias', 'h2r_weight')]
"""


def cases(flavour):
    """The cases of 1.9.1 (nd) or of 2.0 (np)."""
    older, _, newer = CASES.read_text().partition("@2.0")
    return [line for line in {"nd": older, "np": newer}[flavour].splitlines() if line and line[0] != "#"]


def answer(mx, source, flavour):
    """The result of a case, as JSON data; an error is the names of its class and bases."""
    mx.npx.set_np() if flavour == "np" else mx.npx.reset_np()
    mx.random.seed(0)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {"mx": mx, "I": mx.init, "R": mx.registry, "onp": numpy, "F": getattr(mx, flavour), "logs": logs,
                 "warned": warned, "PATH": folder + "/file"}
        exec(SETUP, names)
        tree = ast.parse(source)
        last = ast.Expression(tree.body.pop().value)
        try:
            exec(compile(tree, "case", "exec"), names)
            return json.loads(json.dumps(eval(compile(last, "case", "eval"), names)))
        except Exception as error:
            return {"error": [c.__name__ for c in type(error).__mro__[:-1]]}
        finally:
            for registered in ("logged", "lg", "lh", "fresh"):
                mx.registry._REGISTRY[mx.init.Initializer].pop(registered, None)


def logs(call):
    """The lines that a call logs."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        call()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    return stream.getvalue().splitlines()


def warned(call):
    """The classes of the warnings that a call gives."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return [w.category.__name__ for w in found]


def ask(flavour):
    """Print the answers of this process's MXNet as JSON."""
    import mxnet as mx

    found = {"draws": [fill(mx, flavour, *case) for case in draws(flavour)],
             "behaviour": [answer(mx, source, flavour) for source in cases(flavour)]}
    print(json.dumps(found))


def main(old, new):
    lines = []
    for flavour, python in (("nd", old), ("np", new)):
        out = subprocess.run([python, __file__, flavour], stdout=subprocess.PIPE, check=True, text=True)
        found = json.loads(out.stdout.splitlines()[-1])
        parts = [f'"{name}": [\n' + ",\n".join(json.dumps(a, separators=(",", ":")) for a in answers) + "\n]"
                 for name, answers in found.items()]
        lines.append(f'"{flavour}": {{\n' + ",\n".join(parts) + "\n}")
    DATA.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    ask(sys.argv[1]) if len(sys.argv) == 2 else main(*sys.argv[1:])

"""Store the answers of both real MXNets to recurrent layers in tests/data/rnn.json.

python tests/oracle/rnn.py MX191/bin/python MX20/bin/python

A case is the keywords of `CASES`; `run` gives outputs and gradients of `nd.RNN` on arrays of a fixed seed, as nested
lists. Dropout is that of MXNet's own kernels: its oneDNN kernels, switched off for these cases, leave it out.
tests/tracer/stateful/test_rnn.py runs tracer through `run`, and through `failure` for `ERRORS`.
"""
from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy

DATA = Path(__file__).resolve().parents[1] / "data" / "rnn.json"
MODES = ("rnn_relu", "rnn_tanh", "lstm", "gru")
GATES = {"lstm": 4, "gru": 3}
#: Names of cases -> their keywords. Those without "record" only predict: MXNet cannot train a projection on a CPU.
CASES = {
    **{f"{mode}-{layers}-{'both' if both else 'one'}": {
        "mode": mode, "num_layers": layers, "bidirectional": both, "state_outputs": True, "record": True}
       for mode, layers, both in itertools.product(MODES, (1, 2), (False, True))},
    **{f"{mode}-output-only": {"mode": mode, "num_layers": 2, "bidirectional": True, "record": True} for mode in MODES},
    "lstm-double": {"mode": "lstm", "num_layers": 2, "state_outputs": True, "record": True, "dtype": "float64"},
    "gru-double": {"mode": "gru", "num_layers": 2, "bidirectional": True, "record": True, "dtype": "float64"},
    "lstm-projected": {"mode": "lstm", "num_layers": 1, "projection_size": 2, "state_outputs": True},
    "lstm-projected-both": {"mode": "lstm", "num_layers": 2, "projection_size": 2, "bidirectional": True,
                            "state_outputs": True},
    "lstm-dropout": {"mode": "lstm", "num_layers": 3, "p": 0.3, "state_outputs": True, "record": True},
    "gru-dropout": {"mode": "gru", "num_layers": 2, "bidirectional": True, "p": 0.5, "record": True,
                    "dtype": "float64"},
    "tanh-dropout": {"mode": "rnn_tanh", "num_layers": 2, "p": 0.5, "record": True},
}
#: Calls that are refused, on the arrays of a call of `nd.RNN` with one layer of an LSTM.
ERRORS = (
    "RNN(x, w, h, state_size=3, num_layers=1, mode='lstm')",
    "RNN(x, g, h, c, state_size=3, num_layers=1, mode='gru')",
    "RNN(x, w, h, c, state_size=3, num_layers=1)",
    "RNN(x, w, h, c, state_size=3, num_layers=1, mode='foo')",
    "RNN(x, w, h, c, num_layers=1, mode='lstm')",
    "RNN(x, w, h, c, state_size=3, mode='lstm')",
    "RNN(x, w, None, None, state_size=3, num_layers=1, mode='lstm')",
    "RNN(x[0], w, h, c, state_size=3, num_layers=1, mode='lstm')",
    "RNN(x, w[:-1], h, c, state_size=3, num_layers=1, mode='lstm')",
    "RNN(x, w, h[:, :1], c, state_size=3, num_layers=1, mode='lstm')",
    "RNN(x, w, h, c[:, :, :2], state_size=3, num_layers=1, mode='lstm')",
    "RNN(x, w.astype('float64'), h, c, state_size=3, num_layers=1, mode='lstm')",
    "RNN(*[a.astype('int32') for a in (x, w, h, c)], state_size=3, num_layers=1, mode='lstm')",
    "RNN(x, w, h, c, l, state_size=3, num_layers=1, mode='lstm')",
    "RNN(x, w, h, c, use_sequence_length=True, state_size=3, num_layers=1, mode='lstm')",
    "RNN(x, w, h, c, h[0, 0], use_sequence_length=True, state_size=3, num_layers=1, mode='lstm')",
    "RNN(x, w, h, c, state_size=0, num_layers=1, mode='lstm')",
    "RNN(x, w, h, c, state_size=3, num_layers=0, mode='lstm')",
    "RNN(x, w, h, c, state_size=3, num_layers=1, mode='lstm', foo=1)",
    "RNN(x, w, h, c, state_size=3, num_layers=1, mode='lstm', p=1.5)",
    "RNN(x, w, h, c, state_size=3, num_layers=1, mode='lstm', p=-0.5)",
)


def size(mode: str, inputs: int, hidden: int, layers: int, directions: int, projected: int | None) -> int:
    """The length of the vector of parameters."""
    rows, out = GATES.get(mode, 1) * hidden, hidden if projected is None else projected
    count = 0
    for layer in range(layers):
        width = directions * out if layer else inputs
        count += directions * (rows * (width + out + 2) + (0 if projected is None else projected * hidden))
    return count


def arrays(mx, mode: str, num_layers: int, bidirectional: bool = False, projection_size: int | None = None,
           dtype: str = "float32", steps: int = 4, batch: int = 2, inputs: int = 2, hidden: int = 3) -> list:
    """The operands of a case: data, parameters, state, and the LSTM's cell state."""
    draw, directions = numpy.random.RandomState(7), 2 if bidirectional else 1
    out = hidden if projection_size is None else projection_size
    shapes = [(steps, batch, inputs), (size(mode, inputs, hidden, num_layers, directions, projection_size),),
              (num_layers * directions, batch, out)]
    if mode == "lstm":
        shapes.append((num_layers * directions, batch, hidden))
    return [mx.nd.array(draw.uniform(-1, 1, shape), dtype=dtype) for shape in shapes]


def run(mx, case: dict) -> list:
    """The outputs of a case, the gradients of their sum weighted by random numbers, and a draw that follows."""
    keywords = dict(case)
    record, dtype = keywords.pop("record", False), keywords.pop("dtype", "float32")
    given = arrays(mx, keywords["mode"], keywords["num_layers"], keywords.get("bidirectional", False),
                   keywords.get("projection_size"), dtype)
    for x in given:
        x.attach_grad()
    mx.random.seed(3)
    with mx.autograd.record() if record else mx.autograd.pause():
        made = mx.nd.RNN(*given, state_size=3, **keywords)
        made = made if isinstance(made, list) else [made]
    found = [x.asnumpy() for x in made]
    if record and "p" not in keywords:  # its gradients with Dropout are of overwritten states
        draw = numpy.random.RandomState(8)
        mx.autograd.backward(made, [mx.nd.array(draw.uniform(-1, 1, x.shape), dtype=dtype) for x in made])
        found += [x.grad.asnumpy() for x in given]
    found.append(mx.np.random.uniform(size=(2,)).asnumpy())
    return [rounded(x) for x in found]


def rounded(x: numpy.ndarray) -> list:
    """Nested lists of the elements, with as many digits as their dtype holds."""
    digits = 9 if x.dtype == numpy.float32 else 16
    return numpy.vectorize(lambda v: float(f"{v:.{digits}g}"), otypes=[float])(x).tolist()


def failure(mx, source: str) -> str | None:
    """The class of the error that a call raises."""
    x, w, h, c = arrays(mx, "lstm", 1)
    names = {"RNN": mx.nd.RNN, "x": x, "w": w, "h": h, "c": c, "g": arrays(mx, "gru", 1)[1], "l": mx.nd.array([1, 2])}
    try:
        made = eval(source, names)
        for y in made if isinstance(made, list) else [made]:
            y.asnumpy()
    except Exception as error:
        return type(error).__name__
    return None


def main(mx191: str, mx20: str) -> None:
    """Write the answers of 1.9.1; those of 2.0 must be the same, to the accuracy of the case's dtype."""
    environ = {**os.environ, "MXNET_USE_MKLDNN_RNN": "0", "MXNET_USE_ONEDNN_RNN": "0"}
    found = []
    for python in (mx191, mx20):
        done = subprocess.run([python, __file__, "--ask"], check=True, capture_output=True, text=True, env=environ)
        found.append(json.loads([line for line in done.stdout.splitlines() if line.startswith("{")][-1]))
    for name, case in CASES.items():
        near = 1e-12 if case.get("dtype") == "float64" else 2e-6
        for one, other in zip(*[answers["cases"][name] for answers in found], strict=True):
            numpy.testing.assert_allclose(one, other, rtol=near, atol=near, err_msg=name)
    assert found[0]["errors"] == found[1]["errors"]
    DATA.write_text(json.dumps(found[0]) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        import mxnet

        print(json.dumps({"cases": {name: run(mxnet, case) for name, case in CASES.items()},
                          "errors": {source: failure(mxnet, source) for source in ERRORS}}))
    else:
        main(*sys.argv[1:])

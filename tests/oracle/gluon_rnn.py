"""Store real MXNet's answers to recurrent layers and cells of Gluon in tests/data/gluon_rnn.json.

python tests/oracle/gluon_rnn.py MX191/bin/python MX20/bin/python

`run` gives the outputs, the states and all gradients of a network of `NETS` for a call, for parameters and data of a
fixed seed; MXNet 1.9.1 answers, and 2.0.0b1 for the layers in its own form. `losses` are those of a language model in
training. The cases of tests/data/gluon_rnn_cases.txt (see semantics_cases.py) are about names, texts and errors.
tests/tracer/gluon/rnn/test_rnn_answers.py runs tracer through all of them.
"""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).parent))

import semantics
import semantics_cases

DATA = Path(__file__).resolve().parents[1] / "data"
STATE = "net(x, [s + 0.25 for s in net.begin_state(2)])"
UNROLL = "net.unroll(3, x, merge_outputs=True)"
LENGTHS = "net.unroll(3, x, merge_outputs=True, valid_length=lengths)"
LISTS = "net.unroll(3, [x[:, 0], x[:, 1], x[:, 2]], merge_outputs=False)"
TIME = ("net.unroll(3, x.swapaxes(0, 1), layout='TNC', "
        "begin_state=[s + 0.25 for s in net.begin_state(batch_size=2, func=zeros)])")
DYNAMIC = ("dynamic_unroll(net, x.swapaxes(0, 1), [s + 0.25 for s in net.begin_state(batch_size=2, func=zeros)], "
           "valid_length=lengths)")
STEP = "net(x[:, 0], net.begin_state(batch_size=2, func=zeros))"
#: Layers -> calls on data (2, 3, 5).
LAYERS = {
    "rnn.RNN(3)": ("net(x.swapaxes(0, 1))",),
    "rnn.RNN(3, 2, 'tanh', 'NTC', input_size=5)": ("net(x)", STATE),
    "rnn.RNN(3, activation='tanh', layout='NTC', bidirectional=True)": ("net(x)", "net(x, net.begin_state(2)[0])"),
    "rnn.LSTM(3)": ("net(x.swapaxes(0, 1))",),
    "rnn.LSTM(3, 2, 'NTC', bidirectional=True)": ("net(x)", STATE),
    "rnn.GRU(3, 2, 'NTC')": ("net(x)", STATE),
    "rnn.GRU(3, layout='NTC', bidirectional=True)": ("net(x)",),
}
#: Cells -> calls on the same data.
CELLS = {
    "rnn.RNNCell(3)": (STEP, UNROLL, LISTS),
    "rnn.RNNCell(3, activation='relu', input_size=5)": (TIME,),
    "rnn.LSTMCell(3)": (STEP, UNROLL, LENGTHS, TIME, LISTS, DYNAMIC),
    "rnn.LSTMCell(3, activation='relu', recurrent_activation='tanh')": (UNROLL,),
    "rnn.GRUCell(3)": (STEP, UNROLL, LENGTHS),
    "LSTMPCell(4, 3)": (STEP, LENGTHS),
    "rnn.ResidualCell(rnn.GRUCell(5))": (STEP, UNROLL, LENGTHS, LISTS),
    "rnn.BidirectionalCell(rnn.LSTMCell(3), rnn.GRUCell(2))": (UNROLL, LENGTHS, TIME, LISTS),
    "stack(rnn.SequentialRNNCell(), rnn.LSTMCell(3), rnn.GRUCell(2))": (STEP, UNROLL, LENGTHS),
    "stack(rnn.HybridSequentialRNNCell(), rnn.LSTMCell(3), rnn.ResidualCell(rnn.RNNCell(3)))": (STEP, UNROLL, TIME),
    "stack(rnn.HybridSequentialRNNCell(), rnn.BidirectionalCell(rnn.GRUCell(3), rnn.GRUCell(3)), rnn.RNNCell(2))":
        (UNROLL, LISTS),
    "Conv1DRNNCell((5, 6), 3, 3, 3, i2h_pad=1)": ("net(grid, net.begin_state(2))",),
    "Conv1DLSTMCell((5, 6), 3, 3, 3)": ("net(grid, net.begin_state(2))",),
    "Conv1DGRUCell((5, 6), 3, 3, 5, i2h_dilate=2)": ("net(grid, net.begin_state(2))",),
    "Conv2DLSTMCell((2, 3, 5), 2, 3, 3, 1)": ("net.unroll(2, maps, merge_outputs=True)",),
    "Conv2DGRUCell((2, 3, 5), 2, (1, 3), (3, 1), h2h_dilate=(2, 1))": ("net(maps[:, 0], net.begin_state(2))",),
}
#: Cells that draw random numbers in training.
RANDOM = {
    "rnn.ZoneoutCell(rnn.LSTMCell(3), 0.4, 0.3)": (UNROLL, LISTS),
    "stack(rnn.HybridSequentialRNNCell(), rnn.RNNCell(3), rnn.DropoutCell(0.4), rnn.GRUCell(2))": (UNROLL, LISTS),
    "VariationalDropoutCell(rnn.LSTMCell(3), 0.3, 0.2, 0.4)": (UNROLL, LENGTHS),
    "VariationalDropoutCell(rnn.GRUCell(3), 0.3, 0, 0.4)": (UNROLL, LENGTHS, TIME),
}
NETS = {**LAYERS, **CELLS, **RANDOM}
STEPS = 6


def pairs(nets: dict = NETS) -> list[tuple[str, str]]:
    """All pairs of network and call."""
    return [(net, call) for net, calls in nets.items() for call in calls]


def _stack(stack, *cells):
    for cell in cells:
        stack.add(cell)
    return stack


def build(mx, net: str):
    """The network of an expression."""
    rnn, contrib = mx.gluon.rnn, _contrib(mx)
    names = {name: getattr(contrib, name) for name in dir(contrib) if name.endswith("Cell")}
    return eval(net, {**names, "rnn": rnn, "stack": _stack})


def _contrib(mx):
    """The namespace of the cells that only MXNet 1 calls contributed."""
    return mx.gluon.rnn if hasattr(mx.gluon.rnn, "LSTMPCell") else mx.gluon.contrib.rnn


def flat(result) -> list:
    """The arrays of nested lists and tuples."""
    if isinstance(result, (list, tuple)):
        return [x for part in result for x in flat(part)]
    return [result]


def run(mx, net: str, call: str, flavour: str = "nd", hybrid: bool = False) -> dict:
    """Names and values of all results, and of all gradients."""
    xp = mx.nd if flavour == "nd" else mx.np
    random = numpy.random.RandomState(5)
    block = build(mx, net)
    block.initialize()
    names = {"net": block, "zeros": xp.zeros, "dynamic_unroll": _contrib(mx).rnn_cell.dynamic_unroll,
             "x": xp.array(random.uniform(-1, 1, (2, 3, 5)), dtype="float32"),
             "grid": xp.array(random.uniform(-1, 1, (2, 5, 6)), dtype="float32"),
             "maps": xp.array(random.uniform(-1, 1, (2, 2, 2, 3, 5)), dtype="float32"),
             "lengths": xp.array([3, 2], dtype="float32")}
    eval(call, names)
    parameters = block._collect_params_with_prefix()
    for parameter in parameters.values():
        parameter.set_data(xp.array(random.uniform(-1, 1, parameter.shape), dtype="float32"))
    if hybrid:
        block.hybridize()
    mx.random.seed(3)
    inputs = [names[name] for name in ("x", "grid", "maps") if name in call]
    for x in inputs:
        x.attach_grad()
    with mx.autograd.record():
        result = eval(call, names)
        loss = sum([(x * x * (i + 1)).sum() for i, x in enumerate(flat(result))])
    loss.backward()
    return {"results": [rounded(x) for x in flat(result)], "nesting": nesting(result),
            "parameters": {name: rounded(p.grad()) for name, p in parameters.items()},
            "inputs": [rounded(x.grad) for x in inputs]}


def nesting(result) -> list | str:
    """Lists in the places of lists and tuples, and "array" in those of arrays."""
    return [nesting(x) for x in result] if isinstance(result, (list, tuple)) else "array"


def rounded(x) -> list:
    """An array as nested lists of numbers with 8 digits."""
    def digits(values):
        return [digits(v) for v in values] if isinstance(values, list) else float(f"{values:.8g}")

    return digits(x.asnumpy().tolist())


def losses(mx, steps: int = STEPS, hybrid: bool = True, after=lambda: None) -> list[float]:
    """The losses of a language model with an LSTM that learns to predict a text of random words.

    after: what is called after each step.
    """
    gluon, nd = mx.gluon, mx.nd
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Embedding(2000, 64), gluon.rnn.LSTM(64, 2, layout="NTC"), gluon.nn.Dense(2000, flatten=False))
    net.initialize()
    random = numpy.random.RandomState(7)
    text = random.randint(0, 2000, (4, 16, 21))
    net(nd.array(text[0, :, :-1]))
    for parameter in net.collect_params().values():
        parameter.set_data(nd.array(random.uniform(-0.1, 0.1, parameter.shape)))
    if hybrid:
        net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 10.0})
    found = []
    for step in range(steps):
        words = nd.array(text[step % 4])
        with mx.autograd.record():
            scores = net(words[:, :-1])
            loss = -nd.pick(nd.log_softmax(scores, axis=-1), words[:, 1:], axis=-1).mean()
        loss.backward()
        gluon.utils.clip_global_norm([p.grad() for p in net.collect_params().values()], 0.25)
        trainer.step(1)
        found.append(float(loss.asscalar()))
        after()
    return found


def texts(mx) -> list[dict]:
    """The answers to the cases about names, texts and errors."""
    names = {"rnn": mx.gluon.rnn, "contrib": mx.gluon.contrib.rnn, "stack": _stack}
    return [semantics.evaluate(case.source, {**semantics.namespace(mx, "nd"), **names}) for case in cases()]


def cases() -> list[semantics_cases.Case]:
    """The cases about names, texts and errors."""
    return semantics_cases.read(DATA / "gluon_rnn_cases.txt")


def in_2(mx) -> list:
    """The answers of MXNet 2 for its own form of the layers: one vector of parameters."""
    mx.npx.set_np()
    calls = [(net, call) for net, call in pairs(LAYERS) if "swapaxes" not in call]
    return [[net, call, run(mx, net, call, "np"), repr(build(mx, net))] for net, call in calls]


def ask(what: str) -> None:
    """Print the answers of this process's MXNet as JSON: of 1.9.1, or ("2") of 2.0."""
    import mxnet as mx

    found = in_2(mx) if what == "2" else {"runs": [[*pair, run(mx, *pair)] for pair in pairs()],
                                          "losses": losses(mx), "texts": texts(mx)}
    print("\n" + json.dumps(found))


def answers(interpreter: str, what: str) -> dict | list:
    """The answers of an interpreter's MXNet."""
    done = subprocess.run([interpreter, __file__, "--ask", what], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask(sys.argv[2])
    else:
        stored = {**answers(sys.argv[1], "1"), "in 2": answers(sys.argv[2], "2")}
        (DATA / "gluon_rnn.json").write_text(json.dumps(stored).replace(', ["rnn', ',\n["rnn') + "\n")

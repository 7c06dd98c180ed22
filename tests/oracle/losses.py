"""Ask real MXNet's losses for values and gradients; the answers are tests/data/losses.json.

python tests/oracle/losses.py MX191/bin/python MX20/bin/python

1.9.1 answers for nd, 2.0.0b1 for np. A case is a loss and the arguments of its call, as text, and a dtype. Arguments
made by `x` (and `at`, of given values) get gradients; those of `signs`, `bits`, `classes`, `chances` and `given` are
labels. tests/tracer/gluon/test_losses.py runs tracer through the cases, hybridized and not.
"""
from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).parent))

from semantics import evaluate, namespace, plain

DATA = Path(__file__).resolve().parents[1] / "data" / "losses.json"
VERSIONS = {"nd": "1.9.1", "np": "2.0.0b1"}

#: Arguments of losses of predictions, labels and weights; the makers of labels are named L in them.
PAIRS = ("x(4, 3), L(4, 3)", "x(5), L(5)", "x(4, 1), L(4)", "x(1, 1), L(1, 1)", "x(2, 3, 2), L(2, 6)",
         "x(4, 3), L(4, 3), x(4, 1)", "x(4, 3), L(4, 3), x(4, 3)", "x(4, 3), L(4, 3), x(1, 3)", "x(3), L(3), x(3)",
         "x(2, 3, 2), L(2, 3, 2), x(2, 1, 1)", "x(4, 3), L(4, 4)")
#: Predictions at which exp and log overflow or vanish; infinities too.
LARGE = "at([[100, -100, 0], [1e30, -1e30, 1e-30]])"
EXTREMES = "at([[100, -100, 0], [1e30, -1e30, 1e-30], [float('inf'), 1, -float('inf')], [float('nan'), 0, 1]])"
LOSSES = {
    "given": ("L2Loss()", "L2Loss(weight=3)", "L2Loss(batch_axis=1)", "L1Loss()", "L1Loss(weight=0.5, batch_axis=1)",
              "HuberLoss()", "HuberLoss(rho=0.5, weight=2)", "HuberLoss(2, None, 1)"),
    "bits": ("SigmoidBinaryCrossEntropyLoss()", "SigmoidBCELoss(weight=2)", "SigmoidBCELoss(False, None, 1)",
             "LogisticLoss(label_format='binary')"),
    "signs": ("HingeLoss()", "HingeLoss(margin=2, weight=3)", "SquaredHingeLoss()", "SquaredHingeLoss(0.5, 2, 1)",
              "LogisticLoss()", "LogisticLoss(weight=2, batch_axis=1)"),
    "chances": ("KLDivLoss()", "KLDivLoss(from_logits=False)", "KLDivLoss(False, 0, 2, 1)",
                "SoftmaxCELoss(sparse_label=False)", "SoftmaxCrossEntropyLoss(sparse_label=False, from_logits=True)",
                "SoftmaxCELoss(axis=0, sparse_label=False, batch_axis=1)"),
}
CALLS = {
    "SoftmaxCELoss()": ("x(4, 3), classes(4)", "x(4, 3), classes(4, 1)", "x(1, 1), bits(1)",
                        "x(2, 3, 4), classes(2, 3)",
                        "x(4, 3), classes(4), x(4, 1)", "x(4, 3), classes(4), x(1)", "x(4, 3), given([0, -1, 7, 1.9])",
                        f"{LARGE}, given([0, 1])", "x(4, 3), classes(3)", "x(4, 3), classes(4, 3)",
                        "x(4), given([1])"),
    "SoftmaxCELoss(axis=1)": ("x(2, 3, 4), classes(2, 4)", "x(2, 3, 4), classes(2, 4), x(2, 1, 4)",
                              "x(2, 3, 4), classes(2, 4), x(2, 1, 1)"),
    "SoftmaxCELoss(axis=1, weight=2, batch_axis=2, from_logits=True)": ("x(2, 3, 4), classes(2, 4)",),
    "SoftmaxCELoss(sparse_label=False)": (f"{LARGE}, chances(2, 3)",),
    "SigmoidBCELoss()": ("x(4, 3), bits(4, 3), None, x(1, 3)", f"{EXTREMES}, bits(4, 3)",
                         "x(4, 3), bits(4, 3), x(4, 1), x(3)",
                         f"{EXTREMES}, bits(4, 3), None, x(1, 3)"),
    "SigmoidBCELoss(from_sigmoid=True)": ("at([[0.2, 0.9], [0.5, 0.4]]), given([[0, 1], [0.5, 1]])",
                                          "at([[0, 1, 0.5], [0.25, 1, 0]]), given([[0, 1, 1], [0.5, 0, 1]])",
                                          "at([[0, 1, 0.5], [0.25, 1, 0]]), bits(2, 3), None, x(1, 3)",
                                          "at([0.5, 0.25]), bits(2), x(2)"),
    "LogisticLoss()": ("at([50, -50, 0]), signs(3)", f"{EXTREMES}, signs(4, 3)"),
    "L2Loss()": ("at([[1, 2]]), given([[3], [5]])",
                 f"{EXTREMES}, given([[1, 2, 3], [4, 5, 6], [7, 8, 9], [0, 1, 1]])",),
    "HuberLoss()": ("at([0, 1, 2, -1, -2]), given([1, 1, 1, 1, 1])", f"{EXTREMES}, signs(4, 3)"),
    "KLDivLoss()": ("at([[-1, -2], [-3, 0]]), given([[0, 1], [0.5, 0.5]])", "x(4, 3), chances(1, 3)"),
    "CTCLoss()": ("x(2, 20, 4), given([[1, 0, -1, -1], [2, 1, 1, -1]])",
                  "x(2, 5, 4), given([[1, 0, 2], [2, -1, -1]])",
                  "x(2, 20, 4), given([[2, 1, 2, 2], [0, 2, 2, 2]]), given([18, 20]), given([2, 3])",
                  "x(2, 20, 4), given([[1, 0, -1, -1], [2, 1, 1, -1]]), given([18, 20])",
                  "x(2, 20, 4), given([[2, 1, 2, 2], [1, 2, 2, 2]]), None, given([2, 3])",
                  "x(2, 20, 4), given([[1, 0, -1, -1], [2, 1, 1, -1]]), None, None, x(2)",
                  "x(2, 6, 3), given([[0], [1]]), None, None, x(2)"),
    "CTCLoss(layout='TNC')": ("x(20, 2, 4), given([[1, 0, -1, -1], [2, 1, 1, -1]])",),
    "CTCLoss(layout='TNC', label_layout='TN', weight=2)": ("x(20, 2, 4), given([[1, 2], [0, 1], [-1, 1], [-1, -1]])",),
    "CTCLoss(label_layout='TN')": ("x(2, 20, 4), given([[1, 2], [0, 1], [-1, 1], [-1, -1]])",),
    "TripletLoss()": ("x(4, 3), x(4, 3), x(4, 3)", "x(5), x(5), x(5)", "x(2, 3, 2), x(2, 6), x(2, 3, 2)",
                      "x(1, 1), x(1), x(1, 1)"),
    "TripletLoss(margin=3, weight=2, batch_axis=1)": ("x(4, 3), x(4, 3), x(4, 3)",),
    "PoissonNLLLoss()": ("x(4, 3), counts(4, 3)", "x(4), counts(4)", "x(4, 3), counts(4, 3), x(4, 1)"),
    "PoissonNLLLoss(weight=2, compute_full=True)": ("x(4, 3), given([[1, 2, 3], [4, 5, 6], [1, 1, 2], [9, 1, 3]])",),
    "PoissonNLLLoss(compute_full=True)": ("x(4, 3), counts(4, 3)",),
    "PoissonNLLLoss(from_logits=False, batch_axis=1)": ("at([[1, 2], [0, 3]]), given([[0, 1], [0, 4]])",
                                                        "at([[1, 2], [0, 3]]), given([[0, 1], [1, 4]]), None, 0.5"),
    "CosineEmbeddingLoss()": ("x(4, 3), x(4, 3), signs(4)", "x(4, 3), x(4, 3), signs(4), x(4, 1)",
                              "x(2, 2, 3), x(2, 2, 3), signs(4)", "x(4, 1), x(4, 1), signs(4, 1)",
                              "x(2, 3), x(2, 3), given([0, 2])",
                              "at([[0, 0], [1, 0]]), at([[0, 1], [0, 1]]), signs(2)"),
    "CosineEmbeddingLoss(weight=2, margin=0.25)": ("x(4, 3), x(4, 3), signs(4)",),
    "SDMLLoss()": ("x(4, 3), x(4, 3)", "x(1, 3), x(1, 3)", "x(2, 1), x(2, 1)", "x(2, 3), x(1, 3)"),
    "SDMLLoss(smoothing_parameter=0.1, weight=2)": ("x(4, 3), x(4, 3)",),
}
#: The dtypes; each loss is asked once in float64 and float16.
DTYPES = ("float32", "float64", "float16")
SOURCES = (
    *(f"repr(gluon.loss.{loss})" for losses in LOSSES.values() for loss in losses), "repr(gluon.loss.Loss(2, 1))",
    *(f"repr(gluon.loss.{loss})" for loss in CALLS),
    "gluon.loss.__all__", "gluon.loss.SoftmaxCELoss is gluon.loss.SoftmaxCrossEntropyLoss",
    "gluon.loss.L2Loss(weight=None)(xp.ones((2, 2)), xp.ones((2, 2)))",
    "gluon.loss.L1Loss(weight='a')(xp.ones((2, 2)), xp.ones((2, 2)))",
    "gluon.loss.L1Loss(weight=onp.float32(2))(xp.ones((2, 2)), xp.zeros((2, 2)))",
    "gluon.loss.L1Loss(weight=xp.ones((1,)))(xp.ones((2, 2)), xp.ones((2, 2)))",
    "gluon.loss.L1Loss(batch_axis=2)(xp.ones((2, 2)), xp.ones((2, 2)))",
    "gluon.loss.L1Loss(batch_axis=-1)(xp.ones((2, 2)), xp.ones((2, 2)))",
    "gluon.loss.L1Loss()(xp.ones((4, 3)), xp.ones((4, 4)))", "gluon.loss.L1Loss()(xp.ones((4, 3)), xp.ones((4, 2)))",
    "gluon.loss.L1Loss()(xp.array(1.0), xp.array(2.0))",
    "gluon.loss.SoftmaxCELoss()(xp.zeros((0, 3)), xp.zeros(0))",
    "gluon.loss._reshape_like(nd, nd.ones((2, 3)), nd.ones((3, 2))).shape",
    "gluon.loss._apply_weighting(nd, nd.ones((2, 3)), 2, nd.array([[1], [2]]))",
    "gluon.loss._apply_weighting(np.ones((2, 3)), 2, np.array([[1], [2]]))",
    "gluon.loss._apply_weighting(np.ones((2, 3)))",
    "gluon.loss.L1Loss()(xp.ones((2, 2)))", "gluon.loss.L1Loss()(xp.ones((2, 2)), 3)", "gluon.loss.L1Loss(wrong=1)",
    "gluon.loss.Loss(1, 0)(xp.ones((2, 2)))", "gluon.loss.Loss()",
    "gluon.loss.LogisticLoss(label_format='x')", "gluon.loss.CTCLoss(layout='CTN')",
    "gluon.loss.CTCLoss(label_layout='x')", "gluon.loss.CTCLoss()(xp.ones((2, 3)), xp.ones((2, 3)))",
    "gluon.loss.CTCLoss()(xp.ones((2, 3, 4)), xp.ones((3, 3)))",
)


class Arguments:
    """The makers of a case's arguments, from one stream of random numbers; those with gradients are in `variables`."""

    def __init__(self, xp, dtype: str) -> None:
        self.random = numpy.random.RandomState(5)
        self.dtype, self.xp = dtype, xp
        self.variables: list = []

    def array(self, values):
        with numpy.errstate(over="ignore"):
            return self.xp.array(numpy.asarray(values, self.dtype), dtype=self.dtype)

    def given(self, values):
        return self.array(values)

    def at(self, values):
        self.variables.append(self.array(values))
        self.variables[-1].attach_grad()
        return self.variables[-1]

    def x(self, *shape):
        return self.at(self.random.uniform(-2, 2, shape))

    def L(self, *shape):
        return self.array(self.random.uniform(-2, 2, shape))

    def counts(self, *shape):
        return self.array(self.random.randint(0, 5, shape))

    def classes(self, *shape):
        return self.array(self.random.randint(0, 3, shape))

    def bits(self, *shape):
        return self.array(self.random.randint(0, 2, shape))

    def signs(self, *shape):
        return self.array(self.random.randint(0, 2, shape) * 2 - 1)

    def chances(self, *shape):
        return self.array(self.random.uniform(0.05, 0.5, shape))


def cases(flavour: str) -> list[tuple[str, str, str]]:
    """The cases: a loss, the arguments of its call, a dtype. Empty batches are np's: 1.9.1 has no empty arrays."""
    found = []
    for maker, losses in LOSSES.items():
        for loss in losses:
            pairs = PAIRS if loss.endswith("()") else (PAIRS[0], PAIRS[1], PAIRS[5])
            for arguments in (*pairs, "L(4, 3), x(4, 3)", *(("x(0, 3), L(0, 3)",) if flavour == "np" else ())):
                found.append((loss, arguments.replace("L", "L" if maker == "given" else maker), "float32"))
    for loss, calls in CALLS.items():
        found += [(loss, arguments, "float32") for arguments in calls]
    for dtype in DTYPES[1:]:
        first = [(loss, PAIRS[5].replace("L", "L" if maker == "given" else maker))
                 for maker, losses in LOSSES.items() for loss in losses]
        first += [(loss, calls[0]) for loss, calls in CALLS.items()]
        found += [(loss, arguments, dtype) for loss, arguments in first]
    return found


def answer(mx, flavour: str, case: tuple[str, str, str], hybridized: bool = False) -> dict:
    """The loss's dtype, shape and values, and the gradients of its variables; the name of an error.

    "unrecorded" are the values where only recording fails.
    """
    loss, arguments, dtype = case
    makers = Arguments(getattr(mx, flavour), dtype)
    names = {name: getattr(makers, name) for name in dir(makers) if not name.startswith("_")}
    try:
        block = eval(f"loss.{loss}", {"loss": mx.gluon.loss})
        if hybridized:
            block.hybridize()
        operands = eval(f"[{arguments}]", names)
        with mx.autograd.record():
            out = block(*operands)
        heads = numpy.arange(1, out.size + 1).reshape(out.shape) / 2
        out.backward(makers.array(heads).reshape(out.shape).astype(out.dtype))
        values = out.asnumpy()
        return {"dtype": values.dtype.name, "shape": list(values.shape), "values": rounded(values),
                "gradients": [rounded(variable.grad.asnumpy()) for variable in makers.variables]}
    except Exception as error:
        with contextlib.suppress(Exception):
            return {"error": type(error).__name__, "unrecorded": rounded(block(*operands).asnumpy())}
        return {"error": type(error).__name__}
    finally:
        with contextlib.suppress(Exception):
            mx.nd.waitall()  # raises errors of unread values here, not in a later case


def rounded(values: numpy.ndarray) -> list:
    """The values of an array, flat, with as many digits as its dtype has."""
    digits = {"float16": 5, "float32": 9}.get(values.dtype.name, 17)
    return plain([float(f"{value:.{digits}g}") for value in values.ravel().tolist()])


def main(*interpreters: str) -> None:
    """Write the file: for each flavour the cases with their answers, and the answers to `SOURCES`, one a line."""
    text = []
    for flavour, interpreter in zip(VERSIONS, interpreters):
        done = subprocess.run([interpreter, __file__, "--ask", flavour], check=True, capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
        half = [",\n".join(line for line in lines if (len(json.loads(line)) == 4) == whole) for whole in (True, False)]
        text.append(f'"{flavour}": {{"cases": [\n{half[0]}\n], "sources": [\n{half[1]}\n]}}')
    DATA.write_text("{" + ",\n".join(text) + "}\n")


def ask(flavour: str) -> None:
    """Print this MXNet's answers, one line of JSON each."""
    import mxnet as mx

    warnings.simplefilter("ignore")
    names = namespace(mx, flavour)
    for case in cases(flavour):
        print(json.dumps([*case, answer(mx, flavour, case)], separators=(",", ":")), flush=True)
    for source in SOURCES:
        print(json.dumps([source, evaluate(source, dict(names))], separators=(",", ":")), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask(sys.argv[2])
    else:
        main(*sys.argv[1:])

"""Store the losses of Gluon's examples under real MXNet in tests/data/examples.json.

    MX19/bin/python tests/oracle/examples.py [digits.csv.gz]

Run it with the Python of a venv that has MXNet 1.9.1. If scikit-learn is not in it, name the file of its digits
(sklearn/datasets/data/digits.csv.gz), which is then read in its place.
"""
import json
import sys
import types
from pathlib import Path

import mxnet
import numpy

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("recommender", "vae", "gan", "digits_gluon", "char_lm", "name_transformer")
FIRST_STEPS = 60
EPOCHS = 3  # of the networks that are not hybridized


def supply_digits(path):
    """Put modules with `load_digits` in the place of scikit-learn's."""
    table = numpy.loadtxt(path, delimiter=",")

    def load_digits(return_X_y=False):
        data, target = table[:, :-1], table[:, -1].astype(int)
        return (data, target) if return_X_y else types.SimpleNamespace(data=data, target=target)

    sys.modules["sklearn"] = types.ModuleType("sklearn")
    sys.modules["sklearn.datasets"] = types.ModuleType("sklearn.datasets")
    sys.modules["sklearn.datasets"].load_digits = load_digits


def trainers(name, example):
    """The functions of an example that train a network, by the network's name."""
    if name == "digits_gluon":
        return {"perceptron": example.train_perceptron, "LeNet": example.train_lenet}
    return {name: example.train}


def results(name, example):
    """The losses of all steps and the final score of each network of an example, by its name."""
    found = example.main()
    return found if name == "digits_gluon" else {name: found}


def rounded(losses):
    """The first losses with seven digits; of a network with two losses, in pairs."""
    return [[float(f"{x:.7g}") for x in row] if numpy.ndim(row) else float(f"{row:.7g}")
            for row in numpy.asarray(losses[:FIRST_STEPS], "float64").tolist()]


def main():
    """Train all networks, hybridized and not, and write their losses and scores."""
    if len(sys.argv) > 1:
        supply_digits(sys.argv[1])
    sys.path.insert(0, str(ROOT / "examples"))
    import terminal

    ended = []
    terminal.Progress.end = lambda self, text: ended.append(text)
    stored = {"mxnet": mxnet.__version__}
    for name in NAMES:
        mxnet.npx.reset_np()  # an example may set it
        example = __import__(name)
        for net, (losses, score) in results(name, example).items():
            stored[net] = {"score": float(score), "steps": len(losses), "hybridized": rounded(losses)}
        for net, train in trainers(name, example).items():
            stored[net]["imperative"] = rounded(train(False, EPOCHS)[-1])
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in stored.items()]
    (ROOT / "tests" / "data" / "examples.json").write_text("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main()

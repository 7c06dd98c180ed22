"""Store the losses of examples/digits_from_scratch.py under real MXNet in tests/data/digits_losses.json.

    MX20/bin/python tests/oracle/digits.py

Run it with the Python of a venv that has MXNet 2.0.0b1 and scikit-learn (1.9.1 gives the same numbers).
"""
import json
import sys
from pathlib import Path

import mxnet

ROOT = Path(__file__).resolve().parents[2]
FIRST_STEPS = 50
STEPS_AN_EPOCH = 23


def main():
    """Train both models and write the first losses, the mean loss of each epoch and the test accuracy."""
    sys.path.insert(0, str(ROOT / "examples"))
    import digits_from_scratch as digits

    _, _, pixels, labels = digits.load_data()
    stored = {"mxnet": mxnet.__version__}
    for train_net in digits.softmax_regression, digits.perceptron:
        net, losses = train_net()
        epochs = [losses[i:i + STEPS_AN_EPOCH] for i in range(0, len(losses), STEPS_AN_EPOCH)]
        stored[type(net).__name__] = {
            "first_steps": losses[:FIRST_STEPS],
            "epoch_means": [sum(epoch) / len(epoch) for epoch in epochs],
            "accuracy": digits.accuracy(net, pixels, labels),
        }
    (ROOT / "tests" / "data" / "digits_losses.json").write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()

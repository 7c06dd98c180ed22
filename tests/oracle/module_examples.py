"""Store what Module's examples give under real MXNet 1.9.1 in tests/data/module_examples.json.

    MX19/bin/python tests/oracle/module_examples.py [digits.csv.gz]

If scikit-learn is not in that venv, name the file of its digits (sklearn/datasets/data/digits.csv.gz).
"""
import json
import sys
from pathlib import Path

import mxnet

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("module_digits", "bucketing_lm")

sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests" / "oracle")]

from examples import supply_digits  # noqa: E402


def main():
    """Run the examples, and write what they return: a number for each epoch, and the final score."""
    if len(sys.argv) > 1:
        supply_digits(sys.argv[1])
    stored = {"mxnet": mxnet.__version__}
    for name in NAMES:
        epochs, score = __import__(name).main()
        stored[name] = {"epochs": [float(f"{x:.7g}") for x in epochs], "score": score}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in stored.items()]
    (ROOT / "tests" / "data" / "module_examples.json").write_text("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main()

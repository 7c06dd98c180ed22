"""Store the names and signatures of real MXNet's layers in tests/data/layers.json.

python tests/oracle/layers.py MX191/bin/python MX20/bin/python

For each version and module, the classes that are defined there (those that MXNet exports) with their parameters and
defaults. tests/tracer/gluon/test_layers.py compares tracer's.
"""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data" / "layers.json"
MODULES = ("gluon.nn.activations", "gluon.nn.basic_layers", "gluon.nn.conv_layers", "gluon.nn",
           "gluon.contrib.nn.basic_layers", "gluon.contrib.nn", "gluon.contrib.cnn.conv_layers", "gluon.contrib.cnn")
ASK = """
import importlib, inspect, json, sys
import mxnet
def default(value):
    if value is inspect.Parameter.empty:
        return "required"
    return repr(value) if isinstance(value, (int, float, str, tuple, type(None))) else type(value).__name__
def signature(found):
    parameters = list(inspect.signature(found.__init__).parameters.values())[1:]
    return [[p.name, default(p.default)] for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]
classes = {}
for name in sys.argv[1:]:
    try:
        module = importlib.import_module("mxnet." + name)
    except ImportError:
        continue
    exported = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    classes[name] = {n: signature(getattr(module, n)) for n in exported if inspect.isclass(getattr(module, n))}
print(json.dumps({"version": mxnet.__version__, "classes": classes}))
"""


def main(*interpreters: str) -> None:
    """Write the answers of each interpreter, by its MXNet's version."""
    stored = {}
    for interpreter in interpreters:
        done = subprocess.run([interpreter, "-c", ASK, *MODULES], capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout.splitlines()[-1])
        stored[answer["version"]] = answer["classes"]
    rows = [f'"{version}": {{\n' + ",\n".join(f'"{module}": {json.dumps(classes)}' for module, classes in all_.items())
            + "}" for version, all_ in stored.items()]
    DATA.write_text("{" + ",\n".join(rows) + "}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Store the names of real MXNet's modules, and the public names of some of them, in tests/data/modules.json.

python tests/oracle/modules.py MX191/bin/python MX20/bin/python

Of a module's names those count that it defines itself: neither modules nor what it imports from others.
tests/tracer/mxnet/test_modules.py compares tracer's.
"""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data" / "modules.json"
#: The modules whose names are stored.
COMPARED = ("attribute", "base", "context", "engine", "error", "executor_manager", "libinfo", "library", "log", "misc",
            "name", "random", "runtime", "util")
ASK = """
import importlib, json, sys, types, warnings
warnings.simplefilter("ignore")
import mxnet
loaded = sorted(name[6:] for name in sys.modules if name.startswith("mxnet."))
def own(module, name):
    found = getattr(module, name)
    inside = getattr(found, "__module__", None) or module.__name__
    return not isinstance(found, types.ModuleType) and inside in (module.__name__, "builtins", "ctypes", "_ctypes")
names = {}
for name in sys.argv[1:]:
    try:
        module = importlib.import_module("mxnet." + name)
    except ImportError:
        continue
    names[name] = [n for n in dir(module) if not n.startswith("_") and own(module, n)]
print(json.dumps({"version": mxnet.__version__, "loaded": loaded, "names": names}))
"""


def main(*interpreters: str) -> None:
    """Write the answers of each interpreter, by its MXNet's version."""
    stored = {}
    for interpreter in interpreters:
        answer = json.loads(subprocess.run([interpreter, "-c", ASK, *COMPARED], capture_output=True, text=True,
                                           check=True).stdout)
        stored[answer.pop("version")] = answer
    DATA.write_text(json.dumps(stored, indent=0) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Let real MXNet 1.9.1 write files of arrays, and store their bytes in tests/data/nd_files.json.

python tests/oracle/nd_files.py MX191/bin/python
MX191/bin/python tests/oracle/nd_files.py --read FILE     prints what real MXNet reads from a file, as JSON

`contents` gives the arrays; tests/tracer/mxnet/test_nd_surface.py reads the stored files.
"""
from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy

DATA = Path(__file__).resolve().parents[1] / "data" / "nd_files.json"


def contents() -> dict[str, numpy.ndarray]:
    """An array of each dtype, of several ranks."""
    rng = numpy.random.RandomState(3)
    shapes = [(3,), (2, 3), (1,), (2, 1, 2), (4,), (1, 1, 1, 2), (5,), (2, 2)]
    dtypes = ["float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool"]
    return {f"arg:{t}": (rng.randn(*s) * 9).astype(t) for t, s in zip(dtypes, shapes)}


def write() -> None:
    """Print the bytes of a file with names and of one without, as JSON."""
    import mxnet as mx

    arrays = {k: mx.nd.array(v, dtype=v.dtype.name) for k, v in contents().items()}
    answers = {}
    for kind, data in (("named", arrays), ("list", list(arrays.values()))):
        with tempfile.NamedTemporaryFile() as file:
            mx.nd.save(file.name, data)
            answers[kind] = base64.b64encode(Path(file.name).read_bytes()).decode()
    print(json.dumps(answers))


def read(path: str) -> None:
    """Print what real MXNet loads from a file: names, dtypes and values."""
    import mxnet as mx

    data = mx.nd.load(path)
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    print(json.dumps([[str(k), v.asnumpy().dtype.name, v.asnumpy().tolist()] for k, v in pairs]))


if __name__ == "__main__":
    if sys.argv[1] == "--write":
        write()
    elif sys.argv[1] == "--read":
        read(sys.argv[2])
    else:
        done = subprocess.run([sys.argv[1], __file__, "--write"], check=True, capture_output=True, text=True)
        DATA.write_text(done.stdout.splitlines()[-1] + "\n")

"""Store MXNet's pooling of ties, NaN, infinities and odd sizes, values and gradients, in tests/data/pooling.json.

python tests/oracle/pooling.py MX191/bin/python

`answer` evaluates a case; tests/tracer/mxnet/test_pooling.py runs tracer through it.
"""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy

DATA = Path(__file__).resolve().parents[1] / "data" / "pooling.json"

nan, inf = numpy.nan, numpy.inf
TIES, LINE = [[1, 1], [1, 1]], [[-3, -1, -3, -3, -2]]
PLANE = (numpy.arange(42).reshape(6, 7) * 5 % 17 - 8).tolist()

#: (dtypes, a plane, the keywords of Pooling)
CASES = [
    ("fdh", TIES, {"kernel": (2, 2)}),
    ("fdh", [[nan, 1], [2, nan]], {"kernel": (2, 2)}),
    ("fdh", [[nan, nan], [nan, nan]], {"kernel": (2, 2)}),
    ("fdh", [[-inf, -inf], [-inf, -inf]], {"kernel": (2, 2)}),
    ("fdh", [[1, inf], [inf, -inf]], {"kernel": (2, 2)}),
    ("fd", [[nan, nan, nan]], {"kernel": (1, 3), "pad": (0, 1)}),
    ("fd", [[nan, 1, nan]], {"kernel": (1, 2), "pad": (0, 1)}),
    ("fd", [[-0.0, 0.0], [0.0, -0.0]], {"kernel": (1, 2)}),
    ("fd", [[3, 1, 3, 3, 0]], {"kernel": (1, 3)}),
    ("fd", LINE, {"kernel": (1, 3), "pad": (0, 2)}),
    ("fd", LINE, {"kernel": (1, 2), "stride": (1, 3), "pooling_convention": "full"}),
    ("fd", LINE, {"kernel": (1, 1), "stride": (1, 3), "pooling_convention": "full"}),
    ("d", [[-3, -1, -3]], {"kernel": (1, 2), "pad": (0, 2)}),
    *[("fd", PLANE, {"kernel": (k, k), "stride": (s, s), "pad": (p, p), "pooling_convention": way})
      for k, s, p in ((2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 1), (5, 1, 2)) for way in ("valid", "full")],
    ("fd", PLANE, {"kernel": (6, 7)}),
    ("fd", PLANE, {"kernel": (1, 1), "global_pool": True}),
    *[("fd", plane, {"pool_type": "avg", "kernel": kernel, "stride": (1, 2), "pad": pad, "pooling_convention": way,
                     "count_include_pad": counted})
      for plane, kernel, pad in ((LINE, (1, 2), (0, 0)), (PLANE, (3, 3), (1, 1))) for way in ("valid", "full")
      for counted in (True, False)],
    ("fd", [[nan, 1, 2, inf]], {"pool_type": "avg", "kernel": (1, 2)}),
    ("fd", LINE, {"pool_type": "avg", "kernel": (1, 1), "stride": (1, 3), "pooling_convention": "full"}),
    ("fd", LINE, {"pool_type": "sum", "kernel": (1, 1), "stride": (1, 3), "pooling_convention": "full"}),
    ("fd", PLANE, {"pool_type": "sum", "kernel": (2, 3), "stride": (2, 1)}),
    ("fd", PLANE, {"pool_type": "avg", "kernel": (1, 1), "global_pool": True}),
]


def cases() -> list[tuple[str, list, dict]]:
    """The cases, one for each dtype."""
    return [({"f": "float32", "d": "float64", "h": "float16"}[kind], plane, keywords)
            for kinds, plane, keywords in CASES for kind in kinds]


def plain(array) -> list:
    """An array as nested lists; NaN and the infinities as text, and zeros with their sign."""
    found = array.asnumpy()
    return [found.shape, [v if abs(v) < inf else str(v) for v in found.ravel().tolist()]]


def answer(mx, case: tuple[str, list, dict]) -> list:
    """The result of a case, and the gradient for the cotangents 1, 2, …"""
    dtype, plane, keywords = case
    x = mx.nd.array(numpy.array([[plane]]), dtype=dtype)
    x.attach_grad()
    with mx.autograd.record():
        y = mx.nd.Pooling(x, **{"pool_type": "max", **keywords})
    y.backward(mx.nd.array(numpy.arange(1, y.size + 1).reshape(y.shape), dtype=dtype))
    return [plain(y), plain(x.grad)]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        text = subprocess.run([sys.argv[1], __file__], check=True, capture_output=True, text=True).stdout
        rows = json.loads(text.splitlines()[-1])
        DATA.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    else:
        import mxnet

        print(json.dumps([answer(mxnet, case) for case in cases()]))

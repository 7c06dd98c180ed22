"""Products and convolutions of the processors that this one is not: code for vector registers of the other size."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from tracer.jit.steps.gemm import sizes

_SCRIPT = """
import sys
from tracer.jit.steps.gemm import sizes
nbytes, registers = map(int, sys.argv[1:])
vars(sizes).update(REGISTER_BYTES=nbytes, REGISTERS=registers, LANES=nbytes // 4, WIDTH=nbytes // 2)
import numpy as np
import products
import test_convolution
from tracer.jit.steps.conv.lanes import Lanes
from llvmlite import ir
assert Lanes(None, ir.FloatType()).lanes == nbytes // 4
for m, n, k, ta, tb in ((53, 250, 33, 0, 0), (17, 47, 65, 1, 0), (36, 63, 31, 0, 1),
                       (40, 48, 513, 1, 1)):
    products.check(np.float32, m, n, k, bool(ta), bool(tb), -0.5, 2.0)
for ta in (False, True):
    a, b = products.draw("f4", 400, 205), products.draw("f4", 70, 400)
    a, b = (a, b) if ta else (a.T.copy(), b.T.copy())
    expected = (a.T if ta else a).astype("f8") @ (b.T if ta else b).astype("f8")
    products.close(products.packed(a, b, ta, ta), expected, 400)
for case in test_convolution.GEOMETRIES[::3]:
    for dtype in ("float32", "float64"):
        test_convolution.check(*case, dtype)
print("checked")
"""


@pytest.mark.tierless
@pytest.mark.parametrize("nbytes, registers", [(32, 16), (64, 32)])
def test_code_for_other_registers_gives_the_same(nbytes, registers, tmp_path):
    if nbytes == sizes.REGISTER_BYTES:
        pytest.skip("the registers of this processor, which all tests use")
    paths = [ROOT, *[ROOT / "tests" / name for name in ("", "helpers", "jit/steps")]]
    environment = {**os.environ, "TRACER_CACHE": str(tmp_path), "TRACER_JIT": "always",
                   "PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run([sys.executable, "-c", _SCRIPT, str(nbytes), str(registers)], env=environment, check=False,
                          capture_output=True, text=True, timeout=600, cwd=Path(tmp_path))
    assert done.stdout.strip() == "checked", done.stderr[-3000:]

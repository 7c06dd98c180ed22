"""Mutants in native steps: convolutions by their several methods."""
from __future__ import annotations

from .record import Mutant

_GEOMETRIES = "never tests/jit/steps/test_convolution.py::test_geometries"
_NAN = "never tests/jit/steps/test_convolution.py::test_nan_and_infinity_reach_their_windows_only"

MUTANTS = [
    Mutant("turned-within-a-block", "jit/steps/convolution.py",
           "b = ((r // n * f + i) * c + r % n * d + k) * t", "b = ((r // n * f + i) * c + r % n + k) * t",
           "Weights are turned as if each block of channels began one after the one before.", _GEOMETRIES),
    Mutant("packed-for-the-images-before", "jit/steps/conv/native.py",
           "if held != n * groups + g:", "if held == -1:",
           "Several small images are multiplied by the cotangents of the first ones.", _GEOMETRIES),
    Mutant("garbage-behind-the-row", "jit/steps/conv/planes.py",
           "total = b.select(flags[v], more, total)", "total = more",
           "What lies behind the rows of a depthwise image is added to its weights' cotangents.", _GEOMETRIES),
    Mutant("phases-of-one-axis", "jit/steps/conv/planes.py",
           "e0 % t0 == f0 and e1 % t1 == f1 and e2 % t2 == f2", "e0 % t0 == f0 and e2 % t2 == f2",
           "Places of the kernel serve phases along an axis that they do not reach.", _GEOMETRIES),
    Mutant("band-without-its-start", "jit/steps/conv/planes.py",
           "b0 - at0 * s0, b1 - at1 * s1, b2 - at2 * s2", "b0, b1, b2",
           "Each band of a depthwise image reads the rows of the first.", _GEOMETRIES),
    Mutant("neighbours-over-the-edge", "jit/steps/conv/winograd.py",
           "left[g] | (0 if t == 0 else 1) << lane", "left[g] | 1 << lane",
           "A tile at the left edge reads the end of the row of tiles before it.", _GEOMETRIES),
    Mutant("infinity-in-all-of-a-tile", "jit/steps/conv/winograd.py",
           "                if wrong != 0:\n", "                if wrong < 0:\n",
           "An infinite element makes NaN of all results of its tiles.", _NAN),
    Mutant("infinity-in-all-weights", "jit/steps/conv/winograd.py",
           "4 * some * CHANNELS, depth) != 0:", "4 * some * CHANNELS, depth) < 0:",
           "An infinite element makes NaN of weights' cotangents that do not read it.", _NAN),
    Mutant("sums-of-the-part-before", "jit/steps/conv/winograd.py",
           "        fresh = as_word(0.0)\n        while first <", "        fresh = one\n        while first <",
           "The cotangents of weights begin with what the last part left.", _GEOMETRIES),
]

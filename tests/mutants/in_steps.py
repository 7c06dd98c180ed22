"""Mutants in native steps: convolutions by their several methods."""
from __future__ import annotations

from .record import Mutant

_GEOMETRIES = "never tests/jit/steps/test_convolution.py::test_geometries"
_LAID = "never tests/jit/steps/test_convolution.py::test_images_of_few_filters_are_laid"
_PANELS = "never tests/jit/steps/test_panels.py::test_sizes"
_NAN = "never tests/jit/steps/test_convolution.py::test_nan_and_infinity_reach_their_windows_only"

MUTANTS = [
    Mutant("turned-within-a-block", "jit/steps/convolution.py",
           "b = ((r // n * f + i) * c + r % n * d + k) * t", "b = ((r // n * f + i) * c + r % n + k) * t",
           "Weights are turned as if each block of channels began one after the one before.", _GEOMETRIES),
    Mutant("packed-for-the-images-before", "jit/steps/conv/native.py",
           "if held != n * groups + g:", "if held == -1:",
           "Several small images are multiplied by the cotangents of the first ones.", _GEOMETRIES),
    Mutant("elements-of-the-next-row", "jit/steps/conv/depthwise/bands.py",
           "positions + span - max(-low, 0))", "positions)",
           "Positions at the end of a depthwise image's row read the row behind it.", _GEOMETRIES),
    Mutant("weights-of-another-channel", "jit/steps/conv/depthwise/planes.py",
           "_relate(size, totals + REGISTER_BYTES * places * i,", "_relate(size, totals,",
           "The cotangents of several depthwise channels' weights are summed up in one.", _GEOMETRIES),
    Mutant("infinity-beside-a-depthwise-row", "jit/steps/conv/depthwise/planes.py",
           "REGISTER_BYTES, places) != 0:", "REGISTER_BYTES, places) < 0:",
           "An infinite element that meets a zero between laid rows makes NaN of a weight's cotangent.", _NAN),
    Mutant("phases-of-one-axis", "jit/steps/conv/depthwise/planes.py",
           "m0 % t0 == 0 and m1 % t1 == 0 and m2 % t2 == 0", "m0 % t0 == 0 and m2 % t2 == 0",
           "Places of the kernel serve phases along an axis that they do not reach.", _GEOMETRIES),
    Mutant("band-without-its-start", "jit/steps/conv/depthwise/planes.py",
           "at[_AT.start + 1] + at[_AT.low + 1]", "at[_AT.low + 1]",
           "Each band of a depthwise image that is laid reads the rows of the first.", _GEOMETRIES),
    Mutant("neighbours-over-the-edge", "jit/steps/conv/winograd/steps.py",
           "left[g] | (0 if t == 0 else 1) << lane", "left[g] | 1 << lane",
           "A tile at the left edge reads the end of the row of tiles before it.", _GEOMETRIES),
    Mutant("infinity-in-all-of-a-tile", "jit/steps/conv/winograd/steps.py",
           "                    if found != 0:\n", "                    if found < 0:\n",
           "An infinite element makes NaN of all results of its tiles.", _NAN),
    Mutant("infinity-in-all-weights", "jit/steps/conv/winograd/steps.py",
           "4 * some * CHANNELS, depth) != 0:", "4 * some * CHANNELS, depth) < 0:",
           "An infinite element makes NaN of weights' cotangents that do not read it.", _NAN),
    Mutant("sums-of-the-part-before", "jit/steps/conv/winograd/steps.py",
           "        fresh = as_word(0.0)\n        while first <", "        fresh = one\n        while first <",
           "The cotangents of weights begin with what the last part left.", _GEOMETRIES),
    Mutant("rows-of-the-band-before", "jit/steps/conv/laid_images/steps.py",
           "        if args[AT.bands] > 1:\n            for r in range(skipped + inside, rows):",
           "        if args[AT.bands] < 0:\n            for r in range(skipped + inside, rows):",
           "The last band of a laid image reads rows of the band before in place of zeros.", _LAID),
    Mutant("infinity-at-other-places", "jit/steps/conv/laid_images/steps.py",
           "REGISTER_BYTES * filters, places) != 0:", "REGISTER_BYTES * filters, places) < 0:",
           "An infinite element that meets a zero between laid rows makes NaN of a weight's cotangent.", _NAN),
    Mutant("as-much-room-before-rows", "jit/steps/conv/laid_images/cut.py",
           "size + max(-low, out - 1 + high - (size - 1), 0)", "size + max(-low, 0)",
           "Rows are laid so near to each other that the end of one reads the next.", _LAID),
    Mutant("blocks-that-forget-the-sums", "jit/steps/gemm/panels.py",
           "keep = beta if at == 0 else one", "keep = beta",
           "Each part of the inner dimension writes over the sums of the part before.", _PANELS),
    Mutant("every-second-row", "jit/steps/gemm/panels.py",
           "_loop(b, k, 1, row)\n\n\n@emits\ndef _wide", "_loop(b, k, 2, row)\n\n\n@emits\ndef _wide",
           "Every second row of B is not packed.", _PANELS),
]

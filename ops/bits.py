"""Integer primitives: shifts, and common divisors and multiples."""
from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .families import binary
from .libcall import binary_call


def _samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(9)
    for shapes in [((3, 4), (3, 4)), ((), ()), ((3, 1), (4,))]:
        yield [rng.randint(0, 50, s).astype("int32") for s in shapes[:1]] + [rng.randint(1, 7, shapes[1])
                                                                            .astype("int32")], ()



left_shift = binary("left_shift", "left_shift({0}, {1})", np.left_shift, samples=_samples)
right_shift = binary("right_shift", "right_shift({0}, {1})", np.right_shift, samples=_samples)
gcd = binary_call("gcd", np.gcd, samples=_samples)
lcm = binary_call("lcm", np.lcm, samples=_samples)

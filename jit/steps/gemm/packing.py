"""Rows of matrix products whose right operand is packed once for all parts: `panels.py` has their native code."""
from __future__ import annotations

from typing import Any

import numpy as np

from tracer.jit.native.runtime_functions import find_native
from tracer.jit.runtime.driver import Step

from . import openblas, sizes

#: The least rows, columns and inner length of a product whose operands are packed: A is read once more for all
#: columns, B for all rows. The time of tiles that read A in place over that of packed panels, on a Zen 3 core:
#: 4096x64x64 0.85 to 0.93, 256x512x512 0.99, 512x512x512 1.03 to 1.07, 1000x1000x1000 1.06 to 1.18.
LEAST_ROWS, LEAST_COLUMNS, LEAST_DEPTH = 256, 384, 128

#: The parts of a product, and the rows of a part, a multiple of all heights of tiles.
_PARTS, _ROWS = 8, 48

#: The numbers that are packed in the time of a product's smallest part.
_PACKED = 1 << 15


def pays(dtype: Any, m: int, n: int, k: int, batch: int) -> bool:
    """Whether the operands of a product of these sizes are packed: not with 32 registers, where tiles were measured to
    reach nine tenths of the peak, and panels have not been measured.
    """
    return (dtype == np.float32 and batch == 1 and m >= LEAST_ROWS and n >= LEAST_COLUMNS and k >= LEAST_DEPTH
            and sizes.REGISTERS < 32 and openblas.has_registers())


def nbytes(n: int, k: int) -> int:
    """The size of the packed form of an operand of k rows and n columns."""
    return 4 * sizes.WIDTH * k * -(-n // sizes.WIDTH)


def lay(b: int, panels: int, n: int, k: int, tb: bool, done: int) -> Step:
    """The row that packs the operand in slot b; done: a slot that is not 0 where it is packed already."""
    count = -(-n // sizes.WIDTH)
    each = max(_PACKED // (sizes.WIDTH * k), 1)
    return Step(find_native(f"{__package__}.panels", "lay_panels"), [b, panels, n, k, int(tb), done], count,
                each if count >= 2 * each else 0)


def rows_of(m: int, n: int, k: int) -> tuple[int, int]:
    """(extent, chunk) of the row that multiplies, whose range counts rows of C.

    >>> rows_of(1024, 512, 512), rows_of(100, 64, 64)
    ((1024, 144), (100, 48))
    """
    chunk = -(-m // (_PARTS * _ROWS)) * _ROWS
    return m, chunk if chunk < m else 0


def multiply(a: int, panels: int, c: int, m: int, n: int, k: int, **options: Any) -> Step:
    """The row of a product with a packed operand; the other parameters are those of `openblas.gemm_args`."""
    args = openblas.GemmArgs._make(openblas.gemm_args(np.float32, a, panels, c, m, n, k, **options))
    args = args._replace(panels=find_native(f"{__package__}.panels", "multiply_panels"), ldb=k, columns=0)
    return Step(openblas.gemm_step(np.float32), list(args), *rows_of(m, n, k))

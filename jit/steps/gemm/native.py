"""The native step of a matrix product, a Python function that `word_compiler.py` compiles; see `openblas.GemmArgs`."""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ...native.word_compiler import I64, emits
from ...native.word_intrinsics import as_float, as_word, copy_bytes, smaller
from .openblas import GemmArgs
from .sizes import DEPTH, LANES, WIDTH
from .tiles import LONGEST, MOST_TURNED, REUSED

#: The place of each argument among a step's: `args[AT.m]` is the word that `gemm_args` calls m.
AT = GemmArgs(*range(len(GemmArgs._fields)))
_LEAST = 2.0**-126  # the least normal float32
ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112  # values of the CBLAS enumerations


def _call(b: Any, kinds: str, fn: Any, size: Any, values: Sequence[Any]) -> None:
    """Call the function at `fn`; `kinds`: i int32, f scalar (float if `size` is 4), p pointer."""

    def emit(real: ir.Type) -> None:
        of = {"i": ir.IntType(32), "f": real, "p": I64.as_pointer()}
        convert = {"i": b.trunc, "f": b.fptrunc, "p": b.inttoptr}
        args = [v if v.type == of[kind] else convert[kind](v, of[kind]) for kind, v in zip(kinds, values, strict=True)]
        function = ir.FunctionType(ir.VoidType(), [of[kind] for kind in kinds])
        b.call(b.inttoptr(fn, function.as_pointer()), args)

    with b.if_else(b.icmp_signed("==", size, I64(4))) as (single, double):
        with single:
            emit(ir.FloatType())
        with double:
            emit(ir.DoubleType())


@emits
def call_gemm(b: Any, fn: Any, size: Any, *values: Any) -> None:
    """Call gemm with order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc."""
    _call(b, "iiiiiifpipifpi", fn, size, values)


@emits
def _call_gemv(b: Any, fn: Any, size: Any, *values: Any) -> None:
    """Call gemv with order, ta, m, n, alpha, a, lda, x, incx, beta, y, incy."""
    _call(b, "iiiifpipifpi", fn, size, values)


@emits
def call_tiles(b: Any, fn: Any, *values: Any) -> None:
    """Call `tiles.columns`, or `panels.multiply_panels`, at address `fn`."""
    b.call(b.inttoptr(fn, ir.FunctionType(ir.VoidType(), [I64] * len(values)).as_pointer()), values)


def run_product(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Compute rows (or columns) lo...hi of a product, counted through the whole batch."""
    m, n, k = args[AT.m], args[AT.n], args[AT.k]
    if m == 0 or n == 0:
        return
    ta, tb, size = args[AT.ta], args[AT.tb], args[AT.itemsize]
    lda, ldb, ldc = args[AT.lda], args[AT.ldb], args[AT.ldc]
    alpha = as_float(args[AT.alpha])
    beta = as_float(args[AT.beta])
    if args[AT.alpha_index] >= 0:
        alpha *= as_float(bind[args[AT.alpha_index]])
    if args[AT.alpha_at] >= 0:
        alpha *= as_float(bind[args[AT.alpha_at]][0])
    if args[AT.beta_index] >= 0:
        beta *= as_float(bind[args[AT.beta_index]])
    if args[AT.beta_at] >= 0:
        beta *= as_float(bind[args[AT.beta_at]][0])
    # BLAS does not read operands with a factor of 0. Run-time factors may happen to be 0, and NaNs must still show: so
    # the least number stands in for 0, and the product is then added once more with the opposite factor.
    turns = 1
    zero = _LEAST if size == 4 else 0.0
    if (args[AT.alpha_index] >= 0 or args[AT.alpha_at] >= 0) and -zero <= alpha and alpha <= zero:
        alpha = _LEAST
        turns = 2
    if (args[AT.beta_index] >= 0 or args[AT.beta_at] >= 0) and -zero <= beta and beta <= zero:
        beta = _LEAST
    elsewhere = 0
    if args[AT.source] >= 0:
        elsewhere = bind[args[AT.source]] - bind[args[AT.c]]
    side = n if args[AT.columns] else m
    while lo < hi:
        i = lo // side
        first = lo - i * side
        count = smaller(side - first, hi - lo)
        a = bind[args[AT.a]] + args[AT.a_offset] + size * i * args[AT.a_stride]
        b = bind[args[AT.b]] + args[AT.b_offset] + size * i * args[AT.b_stride]
        c = bind[args[AT.c]] + size * i * args[AT.c_stride]
        if args[AT.columns]:
            n = count
            b += size * first * (ldb if tb else 1)
            c += size * first
        else:
            m = count
            a += size * first * (1 if ta else lda)
            c += size * first * ldc
        if elsewhere != 0:
            for row in range(m):
                copy_bytes(c + size * row * ldc, c + size * row * ldc + elsewhere, size * n)
        for turn in range(turns):
            factor = alpha if turn == 0 else -alpha
            keep = beta if turn == 0 else 1.0
            if args[AT.panels] != 0:
                call_tiles(args[AT.panels], a, 4 if ta else 4 * lda, 4 * lda if ta else 4, b, 4 * WIDTH * ldb, c,
                           4 * ldc, m, n, k, as_word(factor), as_word(keep), as_word(1.0))
            elif n == 1 and k > 0:
                rows = k if ta else m
                cols = m if ta else k
                trans = TRANSPOSED if ta else PLAIN
                step = 1 if tb else ldb
                _call_gemv(args[AT.gemv], size, ROW_MAJOR, trans, rows, cols, factor, a, lda, b, step, keep, c, ldc)
            elif m == 1 and k > 0:
                rows = n if tb else k
                cols = k if tb else n
                trans = PLAIN if tb else TRANSPOSED
                step = lda if ta else 1
                _call_gemv(args[AT.gemv], size, ROW_MAJOR, trans, rows, cols, factor, b, ldb, a, step, keep, c, 1)
            else:
                done = 0
                whole = n - n % WIDTH
                lanes = (n + LANES - 1) // LANES * LANES
                if n <= LANES or 16 * n >= 15 * lanes:
                    whole = n  # few of the lanes of a narrow tile would be idle
                few = lda if ta else 0
                if args[AT.tiles] != 0 and 0 < k and k <= LONGEST and few <= MOST_TURNED and 16 * whole >= 15 * n:
                    row = 4 if ta else 4 * lda
                    step = 4 * lda if ta else 4
                    down = 4 if tb else 4 * ldb
                    across = 4 * ldb if tb else 4
                    way = 2 if tb else 0 if m < REUSED else 1
                    while done < whole:
                        width = WIDTH if done + WIDTH <= whole else smaller(whole - done, LANES)
                        at = 0
                        while at < k:
                            depth = smaller(k - at, DEPTH)
                            kept = keep if at == 0 else 1.0
                            call_tiles(args[AT.tiles], a + at * step, row, step, b + done * across + at * down, down,
                                        across, c + 4 * done, 4 * ldc, m, depth, way, width, as_word(factor),
                                        as_word(kept))
                            at += depth
                        done += width
                if done < n:
                    trans_a = TRANSPOSED if ta else PLAIN
                    trans_b = TRANSPOSED if tb else PLAIN
                    call_gemm(args[AT.gemm], size, ROW_MAJOR, trans_a, trans_b, m, n - done, k, factor, a, lda,
                               b + size * done * (ldb if tb else 1), ldb, keep, c + size * done, ldc)
        lo += count

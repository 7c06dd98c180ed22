"""The native step of a matrix product, as a Python function for `words.py` to compile: see `blas.GemmArgs`."""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from .native import as_float, as_word, copy_bytes, smaller
from .tiles import DEPTH, LANES, LONGEST, REUSED, WIDTH
from .words import I64, emits

(_GEMM, _GEMV, _TILES, _SIZE, _A, _B, _C, _A_OFF, _B_OFF, _C_OFF, _M, _N, _K, _TA, _TB, _LDA, _LDB, _LDC) = range(18)
(_INNER, _AO, _AI, _BO, _BI, _CO, _CI, _COLUMNS, _ALPHA, _ALPHA_INDEX, _BETA, _BETA_INDEX, _SOURCE) = range(18, 31)
_LEAST = 2.0**-126  # of float32's normal numbers
_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112  # values of the CBLAS enumerations


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
def _call_gemm(b: Any, fn: Any, size: Any, *values: Any) -> None:
    """order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc."""
    _call(b, "iiiiiifpipifpi", fn, size, values)


@emits
def _call_gemv(b: Any, fn: Any, size: Any, *values: Any) -> None:
    """order, ta, m, n, alpha, a, lda, x, incx, beta, y, incy."""
    _call(b, "iiiifpipifpi", fn, size, values)


@emits
def _call_tiles(b: Any, fn: Any, *values: Any) -> None:
    """`tiles.columns`, at an address."""
    b.call(b.inttoptr(fn, ir.FunctionType(ir.VoidType(), [I64] * len(values)).as_pointer()), values)


def multiply(bind: Any, args: Any, lo: int, hi: int) -> None:
    """The step: rows (or columns) lo...hi, counted through all products of the batch."""
    m, n, k = args[_M], args[_N], args[_K]
    if m == 0 or n == 0:
        return
    ta, tb, size = args[_TA], args[_TB], args[_SIZE]
    lda, ldb, ldc = args[_LDA], args[_LDB], args[_LDC]
    inner = args[_INNER]
    alpha = as_float(args[_ALPHA])
    beta = as_float(args[_BETA])
    if args[_ALPHA_INDEX] >= 0:
        alpha *= as_float(bind[args[_ALPHA_INDEX]])
    if args[_BETA_INDEX] >= 0:
        beta *= as_float(bind[args[_BETA_INDEX]])
    # BLAS does not look at what has a factor of 0. These factors may happen to be 0, and NaNs still count: so take
    # the least instead, and for the product its opposite afterwards.
    turns = 1
    zero = _LEAST if size == 4 else 0.0
    if args[_ALPHA_INDEX] >= 0 and -zero <= alpha and alpha <= zero:
        alpha = _LEAST
        turns = 2
    if args[_BETA_INDEX] >= 0 and -zero <= beta and beta <= zero:
        beta = _LEAST
    elsewhere = 0
    if args[_SOURCE] >= 0:
        elsewhere = bind[args[_SOURCE]] - bind[args[_C]]
    side = n if args[_COLUMNS] else m
    while lo < hi:
        i = lo // side
        first = lo - i * side
        count = smaller(side - first, hi - lo)
        a = bind[args[_A]] + args[_A_OFF] + size * (i // inner * args[_AO] + i % inner * args[_AI])
        b = bind[args[_B]] + args[_B_OFF] + size * (i // inner * args[_BO] + i % inner * args[_BI])
        c = bind[args[_C]] + args[_C_OFF] + size * (i // inner * args[_CO] + i % inner * args[_CI])
        if args[_COLUMNS]:
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
            if n == 1 and k > 0:
                rows = k if ta else m
                cols = m if ta else k
                trans = _TRANSPOSED if ta else _PLAIN
                step = 1 if tb else ldb
                _call_gemv(args[_GEMV], size, _ROW_MAJOR, trans, rows, cols, factor, a, lda, b, step, keep, c, ldc)
            elif m == 1 and k > 0:
                rows = n if tb else k
                cols = k if tb else n
                trans = _PLAIN if tb else _TRANSPOSED
                step = lda if ta else 1
                _call_gemv(args[_GEMV], size, _ROW_MAJOR, trans, rows, cols, factor, b, ldb, a, step, keep, c, 1)
            else:
                done = 0
                whole = n - n % WIDTH
                lanes = (n + LANES - 1) // LANES * LANES
                if n <= LANES or 16 * n >= 15 * lanes:
                    whole = n  # few of the lanes of a narrow tile would be idle
                if args[_TILES] != 0 and 0 < k and k <= LONGEST and 16 * whole >= 15 * n:
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
                            _call_tiles(args[_TILES], a + at * step, row, step, b + done * across + at * down, down,
                                        across, c + 4 * done, 4 * ldc, m, depth, way, width, as_word(factor),
                                        as_word(kept))
                            at += depth
                        done += width
                if done < n:
                    trans_a = _TRANSPOSED if ta else _PLAIN
                    trans_b = _TRANSPOSED if tb else _PLAIN
                    _call_gemm(args[_GEMM], size, _ROW_MAJOR, trans_a, trans_b, m, n - done, k, factor, a, lda,
                               b + size * done * (ldb if tb else 1), ldb, keep, c + size * done, ldc)
        lo += count

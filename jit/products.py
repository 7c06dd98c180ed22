"""The native step of a matrix product, as a Python function for `natives.py` to compile: see `blas.GemmArgs`."""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types

from .compiler import intrinsic
from .compiler import minimum_of_words as min
from .intrinsics import word_as_f64
from .tiles import AVAILABLE, DEPTH, LONGEST, LONGEST_TURNED, REUSED, WIDTH, columns

(_GEMM, _GEMV, _SIZE, _A, _B, _C, _A_OFF, _B_OFF, _C_OFF, _M, _N, _K, _TA, _TB, _LDA, _LDB, _LDC) = range(17)
(_INNER, _AO, _AI, _BO, _BI, _CO, _CI, _COLUMNS, _ALPHA, _ALPHA_INDEX, _BETA, _BETA_INDEX, _SOURCE) = range(17, 30)
_LEAST = 2.0**-126  # of float32's normal numbers
_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112  # values of the CBLAS enumerations

_I32, _I64 = ir.IntType(32), ir.IntType(64)


def _call(builder: ir.IRBuilder, kinds: str, values: Sequence[ir.Value]) -> None:
    """Call the function at values[0]; `kinds`: i int32, f scalar (float if values[1] is 4), p pointer."""

    def emit(real: ir.Type) -> None:
        of = {"i": _I32, "f": real, "p": _I64.as_pointer()}
        convert = {"i": builder.trunc, "f": builder.fptrunc, "p": builder.inttoptr}
        args = [
            v if v.type == of[kind] else convert[kind](v, of[kind])
            for kind, v in zip(kinds, values[2:], strict=True)
        ]
        function = ir.FunctionType(ir.VoidType(), [of[kind] for kind in kinds])
        builder.call(builder.inttoptr(values[0], function.as_pointer()), args)

    single = builder.icmp_signed("==", values[1], ir.Constant(_I64, 4))
    with builder.if_else(single) as (then, otherwise):
        with then:
            emit(ir.FloatType())
        with otherwise:
            emit(ir.DoubleType())


def _caller(kinds: str) -> Any:
    """(types, code) of an intrinsic (address, itemsize, arguments...)."""
    signature = types.void(
        *[types.int64] * 2, *[types.float64 if kind == "f" else types.int64 for kind in kinds]
    )

    def codegen(context, builder, signature, values):
        _call(builder, kinds, values)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _call_gemm(typingctx, fn, size, order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
    return _caller("iiiiiifpipifpi")


@intrinsic
def _call_gemv(typingctx, fn, size, order, ta, m, n, alpha, a, lda, x, incx, beta, y, incy):
    return _caller("iiiifpipifpi")


@intrinsic
def _copy(typingctx, to, source, count):
    """Copy `count` bytes between addresses."""

    def codegen(context, builder, signature, values):
        pointer, flag = ir.IntType(8).as_pointer(), ir.IntType(1)
        kind = ir.FunctionType(ir.VoidType(), [pointer, pointer, _I64, flag])
        copy = builder.module.declare_intrinsic("llvm.memcpy", [pointer, pointer, _I64], kind)
        ends = [builder.inttoptr(v, pointer) for v in values[:2]]
        builder.call(copy, [*ends, values[2], flag(0)])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), codegen


def multiply(bind, args, lo, hi):
    """The step: rows (or columns) lo...hi, counted through all products of the batch."""
    # One name in an assignment: Numba makes tuples of more, which this compiler does not know.
    m = args[_M]
    n = args[_N]
    if m == 0 or n == 0:
        return
    k = args[_K]
    ta = args[_TA]
    tb = args[_TB]
    size = args[_SIZE]
    lda = args[_LDA]
    ldb = args[_LDB]
    ldc = args[_LDC]
    inner = args[_INNER]
    alpha = word_as_f64(args[_ALPHA])
    beta = word_as_f64(args[_BETA])
    if args[_ALPHA_INDEX] >= 0:
        alpha *= word_as_f64(bind[args[_ALPHA_INDEX]])
    if args[_BETA_INDEX] >= 0:
        beta *= word_as_f64(bind[args[_BETA_INDEX]])
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
        count = min(side - first, hi - lo)
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
                _copy(c + size * row * ldc, c + size * row * ldc + elsewhere, size * n)
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
                fits = k <= (LONGEST_TURNED if tb else LONGEST) and (tb == 0 or m >= REUSED)
                if AVAILABLE and size == 4 and 0 < k and fits and 16 * whole >= 15 * n:
                    row = 4 if ta else 4 * lda
                    step = 4 * lda if ta else 4
                    down = 4 if tb else 4 * ldb
                    across = 4 * ldb if tb else 4
                    way = 0 if m < REUSED else 2 if tb else 1
                    while done < whole:
                        at = 0
                        while at < k:
                            depth = min(k - at, DEPTH)
                            kept = keep if at == 0 else 1.0
                            columns(a + at * step, row, step, b + done * across + at * down, down, across,
                                    c + 4 * done, 4 * ldc, m, depth, way, factor, kept)
                            at += depth
                        done += WIDTH
                if done < n:
                    trans_a = _TRANSPOSED if ta else _PLAIN
                    trans_b = _TRANSPOSED if tb else _PLAIN
                    _call_gemm(args[_GEMM], size, _ROW_MAJOR, trans_a, trans_b, m, n - done, k, factor, a, lda,
                               b + size * done * (ldb if tb else 1), ldb, keep, c + size * done, ldc)
        lo += count

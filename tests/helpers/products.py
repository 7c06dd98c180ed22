"""Matrix products by one native step on padded matrices."""
from __future__ import annotations

import math

import numpy as np

from tracer.jit.runtime import driver
from tracer.jit.steps.gemm import openblas, packing

_RNG = np.random.default_rng(5)


def draw(dtype, *shape):
    return _RNG.normal(size=shape).astype(dtype)


def close(got, expected, k):
    """Whether arrays are equal up to the rounding of a sum of `k` products."""
    eps = np.finfo(got.dtype).eps
    np.testing.assert_allclose(got, expected, rtol=0, atol=eps * 8 * (k + 1))


def run(step, *arrays, scalars=()):
    bind = np.array([x.ctypes.data for x in arrays], np.int64)
    bind = np.concatenate([bind, np.array(scalars, np.float64).view(np.int64)])
    driver.Table(openblas.parts_of(step)).run(bind.ctypes.data)


def changed(step, **arguments):
    """The step with other arguments than a program gives it, such as leading dimensions of padded matrices."""
    return step._replace(args=list(openblas.GemmArgs._make(step.args)._replace(**arguments)))


def multiplied(a, b):
    """a @ b of two matrices, or of two stacks of so many, by one native step."""
    out = np.full((*a.shape[:-1], b.shape[-1]), np.nan, a.dtype)
    run(openblas.gemm(a.dtype, 0, 1, 2, *out.shape[-2:], a.shape[-1], math.prod(a.shape[:-2])), a, b, out)
    return out


def packed(a, b, ta, tb, out=None, laid=None, chunk=None, **factors):
    """The product of two float32 matrices, whose operands are packed; `laid`: memory for the panels."""
    m, k = a.shape[::-1] if ta else a.shape
    n = b.shape[0 if tb else 1]
    out = np.full((m, n), np.nan, np.float32) if out is None else out
    laid = np.full(packing.nbytes(n, k) // 4, np.nan, np.float32) if laid is None else laid
    step = packing.multiply(0, 2, 3, m, n, k, ta=ta, **factors)
    step = step if chunk is None else step._replace(chunk=chunk)
    bind = np.array([*[x.ctypes.data for x in (a, b, laid, out)], 0], np.int64)
    driver.Table([packing.lay(1, 2, n, k, tb, 4), *openblas.parts_of(step)]).run(bind.ctypes.data)
    return out


def check(dtype, m, n, k, ta, tb, alpha, beta, chunk=None):
    """Compute one product on padded matrices; assert the result, and that nothing is written outside it."""
    a, b = (
        draw(dtype, k if ta else m, (m if ta else k) + 3),
        draw(dtype, n if tb else k, (k if tb else n) + 2),
    )
    c = draw(dtype, m, n + 1)
    before = c.copy()
    if beta == 0:
        c[:, :n] = np.nan
    step = changed(openblas.gemm(dtype, 0, 1, 2, m, n, k, ta=ta, tb=tb, alpha=alpha, beta=beta),
                   lda=a.shape[1], ldb=b.shape[1], ldc=n + 1)
    run(step if chunk is None else step._replace(chunk=chunk), a, b, c)
    left, right = a[:, :-3].astype(np.float64), b[:, :-2].astype(np.float64)
    expected = alpha * (left.T if ta else left) @ (right.T if tb else right) + beta * before[:, :n]
    close(c[:, :n], expected, k)
    assert (c[:, n] == before[:, n]).all()

"""Matrix products through a private OpenBLAS (`scipy-openblas32`), as steps of a compiled program.

``gemm(...)`` gives the step ``C[i] = alpha * op(A[i]) @ op(B[i]) + beta * C[i]`` for the table of
`tracer.jit.runtime.driver`; ``gemm_step``, ``gemm_args`` and ``gemm_range`` are its parts.

OpenBLAS itself runs on one thread: the driver calls it for parts of a product from several threads, which the lock of
its buffers makes safe. Products are cut by rows or, where C is wider than high, by columns: each part packs all of the
operand that is not cut, so the longer side is cut, and into few parts.
"""

import ctypes
import importlib.util
import os
import struct
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tracer.jit.native.disk_cache import Address
from tracer.jit.native.runtime_functions import find_native
from tracer.jit.process import forks
from tracer.jit.runtime.driver import Step

from . import sizes

_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
_loading = forks.guarded(threading.Lock())


class Blas(NamedTuple):
    """The private library.

    functions: (name, itemsize) -> address.
    core: the processor type of its kernels.
    """

    library: ctypes.CDLL
    functions: dict[tuple[str, int], Address]
    core: str


def core_type(features: dict[str, bool]) -> str | None:
    """The OPENBLAS_CORETYPE for a processor with these features (llvmlite's names); None: OpenBLAS's choice.

    AVX-512 kernels where the processor is wide enough for them. AMD's Zen 4 (sse4a, no vp2intersect) splits
    each 512-bit instruction in two: there AVX2's kernels measured up to 13 % faster in float32, and equal in
    float64.

    >>> core_type({"avx2": True}) is None
    True
    """
    if not all(features.get(name) for name in ("avx512f", "avx512bw", "avx512dq", "avx512vl")):
        return None
    return "HASWELL" if features.get("sse4a") and not features.get("avx512vp2intersect") else "SKYLAKEX"


def _library_path() -> Path:
    """The shared library, found without importing its package: that would load it with other settings."""
    spec = importlib.util.find_spec("scipy_openblas32")
    for folder in spec.submodule_search_locations or [] if spec else []:
        for path in sorted(Path(folder, "lib").glob(f"*scipy_openblas*{_SUFFIX}")):
            return path
    raise ImportError(
        "matrix products need OpenBLAS from the package scipy-openblas32: pip install scipy-openblas32"
    )


def _open(path: Path) -> ctypes.CDLL:
    """Load the library with its settings in the environment, which is put back even on failure."""
    import llvmlite.binding as llvm

    wanted = {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": core_type(dict(llvm.get_host_cpu_features()))}
    if os.environ.get("OPENBLAS_CORETYPE"):
        del wanted["OPENBLAS_CORETYPE"]  # the user's setting takes precedence
    before = {name: os.environ.get(name) for name in wanted}
    try:
        os.environ.update({name: value for name, value in wanted.items() if value is not None})
        return ctypes.CDLL(str(path), mode=getattr(os, "RTLD_LOCAL", 0))
    except OSError as error:
        raise ImportError(
            f"{path} cannot be loaded ({error}); reinstall the package scipy-openblas32"
        ) from error
    finally:
        for name, value in before.items():
            if value is not None:
                os.environ[name] = value
            else:
                os.environ.pop(name, None)


@lru_cache(maxsize=1)
def _load() -> Blas:
    library = _open(_library_path())
    functions = {}
    try:
        for letter, itemsize in (("s", 4), ("d", 8)):
            for name in ("gemm", "gemv"):
                symbol = getattr(library, f"scipy_cblas_{letter}{name}")
                at = ctypes.cast(symbol, ctypes.c_void_p).value or 0
                functions[name, itemsize] = Address(at, find_function, name, itemsize)
        library.scipy_openblas_set_num_threads(1)
        library.scipy_openblas_get_corename.restype = ctypes.c_char_p
        core = library.scipy_openblas_get_corename().decode()
    except AttributeError as error:
        raise ImportError(f"{error}; tracer needs another version of the package scipy-openblas32") from error
    return Blas(library, functions, core)


def load() -> Blas:
    """The private OpenBLAS, loaded on first use. ImportError, naming the package to install, if it is missing."""
    with _loading:
        return _load()


def find_function(name: str, itemsize: int) -> int:
    """The address of a function of the private OpenBLAS: "gemm" or "gemv" of floats of 4 or 8 bytes."""
    return load().functions[name, itemsize]


class GemmArgs(NamedTuple):
    """The static arguments of a product's step.

    Matrices are row-major; sizes, leading dimensions and strides count elements, offsets count bytes; `ta`: A
    is stored as k x m, `tb`: B is stored as n x k.
    """

    gemm: int  # addresses of the two library functions
    gemv: int
    tiles: int  # address of `tiles.columns`, or 0 where it must not be used
    panels: int  # address of `multiply_panels` where b has the panels of `lay_panels`, whose depth is ldb; or 0
    itemsize: int  # 4 or 8
    a: int  # slots of bind that hold the addresses of A, B, C
    b: int
    c: int
    a_offset: int
    b_offset: int
    m: int
    n: int
    k: int
    ta: int
    tb: int
    lda: int
    ldb: int
    ldc: int
    a_stride: int  # from one product of a batch to the next
    b_stride: int
    c_stride: int
    columns: int  # 1: the range counts columns of C, 0: rows
    alpha: int  # bits of a float64
    alpha_index: int  # slot of bind with a float64 that multiplies alpha, or -1
    alpha_at: int  # slot of bind with the address of one, or -1
    beta: int
    beta_index: int
    beta_at: int
    source: int  # slot of bind with the address of an array to copy to C first, or -1


def gemm_step(dtype: Any) -> int:
    """The address of the native step for float32 or float64 (one function for both); TypeError for others."""
    _itemsize(dtype)
    return find_native(f"{__package__}.native", "run_product")


@lru_cache(maxsize=1)
def has_registers() -> bool:
    """Whether the processor has registers for tiles: AVX2's, or AVX-512's."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    return bool(features.get("fma") and (features.get("avx2") or features.get("avx512f")))


@lru_cache(maxsize=1)
def tiles() -> int:
    """The address of `tiles.columns`; 0 where the processor has no registers for tiles."""
    return find_native(f"{__package__}.tiles", "columns") if has_registers() else 0


def _itemsize(dtype: Any) -> int:
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"matrix products are for float32 and float64, not {dtype}")
    return dtype.itemsize


# Measured on 2 cores: from 2 million operations on, two threads beat one; beyond 4 parts, those of less than
# 32 million or of fewer than 128 rows lose more to packing the other operand again than they gain.
_PART, _BIG_PART, _PART_SIDE = 1 << 20, 1 << 25, 128

#: The most operations of a chunk, which take some tenths of a second: a run can halt between two chunks (halting.py).
LONGEST = 1 << 34


def gemm_range(m: int, n: int, k: int, batch: int = 1) -> tuple[int, int]:
    """(extent, chunk) of a product's step: chunk 0 means that one thread does better alone.

    The extent counts rows of C, or columns if n > m, through the whole batch. The cut depends on the sizes
    alone, so that results do not depend on the number of threads.

    >>> gemm_range(32, 10, 256), gemm_range(32, 784, 256), gemm_range(128, 128, 64, batch=64)
    ((32, 0), (784, 196), (8192, 128))
    >>> gemm_range(1024, 1024, 1024)
    (1024, 128)
    """
    side = max(m, n)
    product = 2 * m * max(n, 16) * k  # no tile is narrower than a vector
    if batch * product < 2 * _PART:
        return batch * side, 0
    if batch >= 8:
        chunk = side * min(-(-_PART // product), -(-batch // 2))
        while 2 * m * n * k * chunk > LONGEST * side and chunk >= 2 * _PART_SIDE:
            chunk = -(-chunk // 2)
        return batch * side, chunk
    parts = 4 if batch * product >= 4 * _PART else 2
    while batch * product >= 2 * parts * _BIG_PART and batch * side >= 2 * parts * _PART_SIDE:
        parts *= 2
    return batch * side, -(-batch * side // parts)


def gemm_args(dtype: Any, a: int, b: int, c: int, m: int, n: int, k: int, *, ta: bool = False, tb: bool = False,
              alpha: float = 1.0, alpha_index: int = -1, alpha_at: int = -1, beta: float = 0.0,
              beta_index: int = -1, beta_at: int = -1, source: int = -1) -> list[int]:
    """The `args` of a product's step.

    `a`, `b`, `c` are slots of bind; op(A) is m x k, op(B) k x n, C m x n, all row-major; with `ta` (`tb`) the stored A
    is k x m (B is n x k). The products of a batch follow each other. The factor of the product is `alpha`, times the
    float64 bits in ``bind[alpha_index]`` and the float64 at ``bind[alpha_at]``, unless these are -1; `beta` likewise.
    With beta 0, C is never read; with alpha 0, A and B are not, so that their NaNs do not show; but with a run-time
    factor of 0 they do. If `source` is given, the C that is read is the one at ``bind[source]``. ValueError for a
    product that BLAS cannot express.
    """
    if max(m, n, k) >= 2**31:
        raise ValueError(f"a matrix product of sizes {(m, n, k)} exceeds OpenBLAS's 32-bit integers")
    itemsize, functions = _itemsize(dtype), load().functions
    alpha_bits, beta_bits = struct.unpack("2q", struct.pack("2d", alpha, beta))
    return list(GemmArgs(
        gemm=functions["gemm", itemsize], gemv=functions["gemv", itemsize], tiles=tiles() if itemsize == 4 else 0,
        panels=0, itemsize=itemsize, a=a, b=b, c=c, a_offset=0, b_offset=0, m=m, n=n, k=k, ta=int(ta), tb=int(tb),
        lda=max(1, m if ta else k), ldb=max(1, k if tb else n), ldc=max(1, n), a_stride=m * k, b_stride=k * n,
        c_stride=m * n, columns=int(n > m), alpha=alpha_bits, alpha_index=alpha_index, alpha_at=alpha_at,
        beta=beta_bits, beta_index=beta_index, beta_at=beta_at, source=source))


def gemm(dtype: Any, a: int, b: int, c: int, m: int, n: int, k: int, batch: int = 1, **options: Any) -> Step:
    """The whole step of `batch` products, for a `driver.Table`; the other parameters are those of `gemm_args`."""
    return Step(gemm_step(dtype), gemm_args(dtype, a, b, c, m, n, k, **options), *gemm_range(m, n, k, batch))


def parts_of(step: Step) -> list[Step]:
    """The step of a product, split into sums over parts of the inner dimension if a chunk takes too long.

    The parts after the first one add to its result.
    """
    of = GemmArgs._make(step.args)
    row = 2 * step.chunk * (of.m if of.columns else of.n)
    if row * of.k <= LONGEST:
        return [step]
    width, one = max(LONGEST // row, 1), struct.unpack("q", struct.pack("d", 1.0))[0]
    parts = []
    for first in range(0, of.k, width):
        at = of.itemsize * first
        part = of._replace(k=min(width, of.k - first), a_offset=of.a_offset + at * (of.lda if of.ta else 1),
                           b_offset=of.b_offset + at * (sizes.WIDTH if of.panels else 1 if of.tb else of.ldb))
        if first:
            part = part._replace(beta=one, beta_index=-1, beta_at=-1, source=-1)
        parts.append(step._replace(args=list(part)))
    return parts

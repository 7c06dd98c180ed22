"""Matrix products by the private OpenBLAS, against NumPy in float64."""

import itertools
import os
import subprocess
import sys
import threading

import graphs
import numpy as np
import pytest
from products import changed, check, close, draw, multiplied, run

from tracer.jit.plan.plan import Plan
from tracer.jit.runtime import driver
from tracer.jit.steps.gemm import openblas
from tracer.ops.primitive.arithmetic import sub
from tracer.ops.primitive.matmul import product

_DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
def test_all_odd_sizes(dtype, ta, tb):
    for m, n, k in itertools.product([0, 1, 2, 7, 31], [0, 1, 5, 17], [0, 1, 3, 29]):
        for alpha, beta in [(1.0, 0.0), (-0.5, 1.0), (2.0, -0.25)]:
            check(dtype, m, n, k, ta, tb, alpha, beta)


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("m, n", [(13, 11), (11, 13), (13, 1), (1, 13)])
@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_any_cut_of_rows_or_columns(dtype, m, n, chunk):
    for ta, tb in itertools.product([False, True], repeat=2):
        check(dtype, m, n, 19, ta, tb, 1.5, 0.5, chunk)
        check(dtype, m, n, 19, ta, tb, 1.0, 0.0, chunk)


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize(
    "m, n, k", [(300, 200, 170), (32, 784, 256), (784, 256, 32), (1500, 1, 900), (1, 1500, 900)]
)
def test_sizes_that_are_cut(dtype, m, n, k):
    assert openblas.gemm_range(m, n, k)[1] > 0
    for ta, tb in itertools.product([False, True], repeat=2):
        check(dtype, m, n, k, ta, tb, 1.0, 0.0)


@pytest.mark.parametrize("dtype", _DTYPES)
def test_factors_from_bind(dtype):
    """The update W -= lr * x.T @ d, folded into one accumulating product."""
    x, d, w = draw(dtype, 8, 5), draw(dtype, 8, 3), draw(dtype, 5, 3)
    expected = 0.5 * w - 0.1 * x.T.astype(np.float64) @ d
    step = openblas.gemm(dtype, 0, 1, 2, 5, 3, 8, ta=True, alpha=-1.0, alpha_index=3, beta=1.0, beta_index=4)
    run(step, x, d, w, scalars=[0.1, 0.5])
    close(w, expected, 8)


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("m, n", [(5, 3), (5, 1), (1, 3), (64, 64)])
def test_a_factor_that_happens_to_be_zero(dtype, m, n):
    """The product does not count, but its NaNs remain; the other factor is applied once."""
    x, d, w = draw(dtype, m, 8), draw(dtype, 8, n), draw(dtype, m, n)
    step = openblas.gemm(dtype, 0, 1, 2, m, n, 8, alpha_index=3, beta=1.0, beta_index=4)
    product = x.astype(np.float64) @ d
    for alpha, beta in [(0.0, 0.5), (-0.0, -3.0), (0.5, 0.0), (0.0, 0.0)]:
        c = w.copy()
        run(step, x, d, c, scalars=[alpha, beta])
        close(c, alpha * product + beta * w, 8)
    x[0] = np.nan
    c = w.copy()
    run(step, x, d, c, scalars=[0.0, 0.5])
    assert np.isnan(c[0]).all()
    close(c[1:], 0.5 * w[1:], 8)


@pytest.mark.parametrize("dtype", _DTYPES)
def test_nan_and_infinity_pass_through(dtype):
    a, b, c = np.ones((4, 3), dtype), np.ones((3, 4), dtype), np.zeros((4, 4), dtype)
    a[1, 2], b[0, 3] = np.nan, np.inf
    run(openblas.gemm(dtype, 0, 1, 2, 4, 4, 3), a, b, c)
    np.testing.assert_array_equal(c, a @ b)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
@pytest.mark.parametrize("ta, tb", [*itertools.product([False, True], repeat=2)])
@pytest.mark.parametrize("m, n", [(5, 6), (6, 5), (5, 1)])
def test_batches(chunk, ta, tb, m, n):
    """The matrices of a batch follow each other, or one matrix is the same for all products."""
    batch, k = 12, 7
    a, b = draw("f4", batch, *((k, m) if ta else (m, k))), draw("f4", batch, *((n, k) if tb else (k, n)))
    left, right = (np.swapaxes(x, 1, 2) if turned else x for x, turned in ((a, ta), (b, tb)))
    step = openblas.gemm("f4", 0, 1, 2, m, n, k, batch, ta=ta, tb=tb)._replace(chunk=chunk)
    for stride, others in ((k * n, right), (0, right[:1])):
        c = np.full((batch, m, n), np.nan, "f4")
        run(changed(step, b_stride=stride), a, b, c)
        close(c, left.astype("f8") @ others, k)


@pytest.mark.parametrize("sizes", list(itertools.product([1, 3, 40, 700], repeat=3)))
@pytest.mark.parametrize("batch", [1, 2, 9, 64])
def test_range_covers_all_rows_in_few_parts(sizes, batch):
    extent, chunk = openblas.gemm_range(*sizes, batch)
    assert extent == batch * max(sizes[:2])
    assert chunk == 0 or 2 <= -(-extent // chunk) <= max(batch, 32)
    assert chunk == 0 or batch < 8 or chunk % max(sizes[:2]) == 0


def test_what_blas_cannot_express_is_refused():
    with pytest.raises(ValueError, match="32-bit"):
        openblas.gemm_args("f4", 0, 1, 2, 3, 2**31, 3)
    for dtype in ("f2", "i4", "c8"):
        with pytest.raises(TypeError, match="float32 and float64"):
            openblas.gemm_step(dtype)


def test_four_threads_at_once():
    """OpenBLAS's buffers are safe under concurrent calls."""
    shapes = [(64, 64, 64), (33, 129, 65), (200, 30, 100), (5, 300, 77), (300, 1, 40), (128, 128, 256)]
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for m, n, k in shapes:
            a, b = rng.normal(size=(m, k)).astype("f4"), rng.normal(size=(k, n)).astype("f4")
            c, expected = np.empty((m, n), "f4"), a.astype("f8") @ b
            bind = np.array([x.ctypes.data for x in (a, b, c)], np.int64)
            table = driver.Table([openblas.gemm("f4", 0, 1, 2, m, n, k)._replace(chunk=0)])
            for _ in range(150):
                c.fill(np.nan)
                table.run(bind.ctypes.data)
                if not np.abs(c - expected).max() < 1e-3:
                    wrong.append((m, n, k))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    assert not any(t.is_alive() for t in threads)
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_works_after_a_fork():
    a = draw("f4", 300, 300)
    expected = multiplied(a, a)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(multiplied(a, a), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(multiplied(a, a), expected)


def test_core_type_follows_the_features():
    wide = dict.fromkeys(["avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl"], True)
    assert openblas.core_type(wide) == "SKYLAKEX"
    assert openblas.core_type({**wide, "sse4a": True}) == "HASWELL"
    assert openblas.core_type({**wide, "sse4a": True, "avx512vp2intersect": True}) == "SKYLAKEX"
    assert openblas.core_type({**wide, "avx512vl": False}) is None
    assert openblas.core_type({"neon": True}) is None


def test_environment_is_restored(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    before = dict(os.environ)
    openblas._open(openblas._library_path())
    assert dict(os.environ) == before
    with pytest.raises(ImportError, match="reinstall the package scipy-openblas32"):
        openblas._open(openblas._library_path().with_name("missing.so"))
    assert dict(os.environ) == before


def test_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(openblas.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install scipy-openblas32"):
        openblas._library_path()


def test_import_loads_nothing_and_a_fresh_load_has_the_wanted_kernels():
    script = """
from tracer.jit.steps.gemm import openblas as blas
import sys, llvmlite.binding as llvm
loaded = lambda: "libscipy_openblas.so" in open("/proc/self/maps").read()
assert not loaded() and "scipy_openblas32" not in sys.modules
library = blas.load()
wanted = blas.core_type(dict(llvm.get_host_cpu_features()))
assert loaded() and wanted in (None, library.core.upper()), library.core
assert library.library.scipy_openblas_get_num_threads() == 1
print("good")
"""
    if not os.path.exists("/proc/self/maps"):
        pytest.skip("needs /proc/self/maps to see which libraries are loaded")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("good\n", "")


FIELDS = """
from collections import namedtuple
import numpy as np
from tracer.jit.steps.gemm import openblas as blas
fields = [*blas.GemmArgs._fields]
fields.insert({place}, "new")
defaults = dict.fromkeys(fields, 0)
class GemmArgs(namedtuple("GemmArgs", fields)):
    def __new__(cls, *values, **named):
        return super().__new__(cls, *values, **({{}} if values else defaults | named))
blas.GemmArgs = GemmArgs
from products import multiplied
rng = np.random.default_rng(0)
for m, n, k in ((3, 4, 5), (1, 70, 40), (200, 50, 30)):
    for dtype in "f4", "f8":
        a, b = rng.standard_normal((2, m, k)).astype(dtype), rng.standard_normal((2, k, n)).astype(dtype)
        np.testing.assert_allclose(multiplied(a, b), a.astype("f8") @ b.astype("f8"), rtol=1e-4, atol=1e-4)
print("done")
"""


@pytest.mark.sweep(sample=2)
@pytest.mark.parametrize("place", [0, 3, 16, 17, 26])
def test_the_native_loop_reads_arguments_by_name(place):
    """A new field shifts no slot. Without a cache, as the replaced fields are not part of its key."""
    done = subprocess.run([sys.executable, "-c", FIELDS.format(place=place)], capture_output=True, text=True,
                          env={**os.environ, "TRACER_CACHE": ""}, timeout=120, check=False)
    assert done.stdout == "done\n", done.stderr


# ---- long products -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("ta, tb", [*itertools.product([False, True], repeat=2)])
@pytest.mark.parametrize("m, n, k, parts", [
    (40, 33, 7, 3), (33, 40, 7, 3), (40, 1, 100, 2), (1, 40, 100, 2), (9, 9, 1, 1)])
def test_long_products_are_made_in_parts(monkeypatch, dtype, m, n, k, parts, ta, tb):
    """The inner dimension is split; the last part may be shorter."""
    monkeypatch.setattr(openblas, "LONGEST", 990)
    step = openblas.gemm(dtype, 0, 1, 2, m, n, k)._replace(chunk=5)
    assert len(openblas.parts_of(step)) == parts
    for alpha, beta in [(1.0, 0.0), (0.5, 2.0)]:
        check(dtype, m, n, k, ta, tb, alpha, beta, chunk=5)


def test_a_chunk_of_a_batch_of_long_products_is_a_part_of_one(monkeypatch):
    assert openblas.gemm_range(4096, 512, 512, 8) == (8 * 4096, 4096)
    monkeypatch.setattr(openblas, "LONGEST", 1 << 29)
    assert openblas.gemm_range(4096, 512, 512, 8) == (8 * 4096, 1024)


@pytest.mark.parametrize("m, n", [(200, 150), (150, 200)])
def test_long_products_in_a_program(monkeypatch, m, n):
    monkeypatch.setattr(openblas, "LONGEST", 400_000)
    w, x, d = draw(np.float32, m, n), draw(np.float32, 100, m), draw(np.float32, 100, n)
    a, b, c = graphs.leaves([w, x, d])
    outputs = [sub(a, product(b, c, True)), product(b, c, True)]
    assert sum(len(run) for run in Plan(outputs).layout.runs if isinstance(run, tuple)) > 4
    want = x.astype(np.float64).T @ d
    for got, expected in zip(graphs.run(outputs, [w, x, d], "always"), [w - want, want]):
        close(got, expected, 100)


@pytest.mark.parametrize("flavour", ["np", "nd"])
def test_operands_that_are_one_element_of_a_number_written_over_an_array(flavour):
    """`v[2]` is the number itself, which has no address: at 35d83be native products with it crashed."""
    import tracer

    F = getattr(tracer, flavour)
    with graphs.jit_mode("always"):
        t = F.array([2.0, -1.0], dtype="float64") * 1
        for number in (0.5, 3.0):
            v = F.array([1, 2, 3, 4], dtype="float64")
            v[:] = number
            one = v[2:3].reshape((1, 1))
            for left, right, want in [(t.reshape((2, 1)), one, [[2 * number], [-number]]),
                                      (one, t.reshape((1, 2)), [[2 * number, -number]]), (one, one, [[number ** 2]])]:
                assert F.dot(left, right).asnumpy().tolist() == want

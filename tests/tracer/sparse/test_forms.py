"""Forms of sparse arrays: what is read, and when; files; pickles; devices."""
from __future__ import annotations

import copy
import pickle

import numpy
import pytest
from places import TESTS

import tracer as mx
from tracer import autograd, nd
from tracer.jit.report.counters import COUNTERS
from tracer.sparse.forms import Cells, Dense, Rows, Sums

DATA = TESTS / "data"


def csr(dtype="float32"):
    return nd.sparse.csr_matrix(([1, -2, 0, 4], [0, 2, 1, 2], [0, 2, 2, 4]), shape=(3, 3), dtype=dtype)


def rows(dtype="float32"):
    return nd.sparse.row_sparse_array(([[1, -2], [0, 0]], [0, 2]), shape=(4, 2), dtype=dtype)


def test_a_conversion_reads_nothing_before_the_indices_are_asked_for():
    x = nd.array([[0, 1], [0, 0]])
    nd.waitall()
    before = COUNTERS.program_hits, COUNTERS.programs
    y = (x * 2).tostype("csr")
    assert isinstance(y._form, Dense) and y._form.array._value.buffer is None
    assert (COUNTERS.program_hits, COUNTERS.programs) == before
    assert y.indices.asnumpy().tolist() == [1] and isinstance(y._form, Cells)


@pytest.mark.parametrize("make", [csr, rows])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int32", "int64", "uint8"])
def test_copies_keep_the_components(make, dtype):
    x = make(dtype)
    for y in (x.copy(), pickle.loads(pickle.dumps(x)), copy.deepcopy(x), copy.copy(x), x.copyto(mx.cpu(1)), x.detach()):
        assert type(y) is type(x) and y.dtype == x.dtype == numpy.dtype(dtype) and y.shape == x.shape
        assert (y.data.asnumpy() == x.data.asnumpy()).all() and (y.indices.asnumpy() == x.indices.asnumpy()).all()
        assert (y.asnumpy() == x.asnumpy()).all()
    assert x.copyto(mx.cpu(1)).context == x.copyto(mx.cpu(1)).data.context == mx.cpu(1)


def test_writing_to_a_copy_leaves_the_array_as_it_is():
    x, y = rows(), rows()
    z = x.copy()
    z[:] = y * 3
    assert x.asnumpy()[0].tolist() == [1, -2] and z.asnumpy()[0].tolist() == [3, -6]
    x.data[:] = 7
    assert x.asnumpy()[0].tolist() == [1, -2]


@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1, 4), (3, 2, 2)])
def test_empty_arrays_and_odd_shapes(shape):
    for stype in ("row_sparse", "csr")[:1 if len(shape) > 2 else 2]:
        x = nd.zeros(shape, stype=stype)
        assert not x.asnumpy().any() and x.data.shape[0] == 0 and (x + x).asnumpy().shape == shape
        assert nd.ones(shape).tostype(stype).asnumpy().all()
        x.check_format()


def test_sums_of_equal_rows_are_added_up_in_order():
    x = rows()._like(Sums(nd.array([[1, 1], [2, 2], [3, 3]]), nd.array([3, 0, 3], dtype="int64")))
    assert x.asnumpy().tolist() == [[2, 2], [0, 0], [0, 0], [4, 4]]
    ids, sums, valid = x._form.distinct()
    assert ids.asnumpy().tolist() == [0, 0, 3] and valid.asnumpy().tolist() == [False, True, True]
    assert sums.asnumpy().tolist() == [[0, 0], [2, 2], [4, 4]]
    assert x.indices.asnumpy().tolist() == [0, 3] and isinstance(x._form, Rows)
    nothing = rows()._like(Sums(nd.zeros((3, 2))[:0], nd.zeros((3,), dtype="int64")[:0]))
    assert nothing.indices.shape == (0,) and not nothing.asnumpy().any()


def test_files_are_those_of_mxnet(tmp_path):
    for name in ("sparse_191.params", "sparse_list_191.params"):
        found = nd.load(str(DATA / name))
        nd.save(str(tmp_path / name), found)
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()
    found = nd.load(str(DATA / "sparse_191.params"))
    assert [found[k].stype for k in found] == ["csr", "row_sparse", "row_sparse", "csr", "row_sparse", "csr", "default"]
    assert found["csr"].asnumpy().tolist() == [[1, 0, -2], [0, 0, 0], [0, 0, 0.5]]
    assert found["rows"].indices.asnumpy().tolist() == [1, 4] and found["half"].dtype == numpy.float16
    assert found["ints"].asnumpy().tolist() == [[0, 7]] and not found["no_cells"].asnumpy().any()


def test_a_damaged_file_of_a_sparse_array_is_refused():
    whole = (DATA / "sparse_list_191.params").read_bytes()
    for end in range(32, len(whole), 7):
        with pytest.raises(mx.MXNetError):
            nd.load_frombuffer(whole[:end])
    wrong = bytearray(whole)
    wrong[0x2C] = 3  # a stored shape that is not the indices'
    with pytest.raises(mx.MXNetError):
        nd.load_frombuffer(bytes(wrong))


def test_derivatives_by_a_sparse_array_itself():
    x = csr()
    x.attach_grad()
    with autograd.record():
        y = (nd.square(x) * 3).sum()
    y.backward()
    assert x.grad.stype == "csr" and (x.grad.asnumpy() == 6 * x.asnumpy()).all()
    x.attach_grad(stype="default")
    with autograd.record():
        y = nd.dot(x, nd.ones((3, 2)))
    y.backward()
    assert type(x.grad) is nd.NDArray and (x.grad.asnumpy() == 2).all()
    with autograd.record(), pytest.raises(mx.MXNetError, match="Inplace"):
        x[:] = csr()


def test_what_sparse_arrays_lack_is_named():
    with pytest.raises(NotImplementedError, match="views"):
        csr()._view(None)
    with pytest.raises(NotImplementedError, match="csr_matrix"):
        nd.sparse.CSRNDArray(None)
    with pytest.raises(AttributeError, match="CSRNDArray has no single value"):
        nd.sparse.CSRNDArray._value.fget(csr())


def test_stored_rows_of_zeros_stay_stored():
    """As in MXNet: in what is computed of a variable under `record()`, in what is written to it, and in copies."""
    x = rows()
    x.attach_grad()
    with autograd.record():
        y = x * 2
    assert y.indices.asnumpy().tolist() == [0, 2]
    x[:] = x * 3
    for made in (x, x.copy(), x.astype("float64"), x.as_in_context(mx.cpu(1))):
        assert made.indices.asnumpy().tolist() == [0, 2]


@pytest.mark.parametrize("dtype, wanted", [
    ("int32", [[1, 1], [1, 0], [0, 0]]), ("float64", [[1, 1], [1.5, 0], [0, 0]])])
def test_sums_are_added_up_before_they_become_integers(dtype, wanted):
    weight = nd.ones((6, 2))
    weight.attach_grad(stype="row_sparse")
    with autograd.record():
        loss = (nd.Embedding(nd.array([1, 1, 4, 5]), weight, 6, 2, sparse_grad=True)
                * nd.array([[0.5, 0.5], [0.5, 0.5], [1.5, 0], [0, 0]])).sum()
    loss.backward()
    made = weight.grad.astype(dtype)
    assert made.indices.asnumpy().tolist() == [1, 4, 5] and made.data.asnumpy().tolist() == wanted

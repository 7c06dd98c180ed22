"""Iterators of mx.io beyond MXNet's answers: errors of threads, freed threads, programs of batches, absent ones."""
from __future__ import annotations

import gc
import sys
import types

import numpy as onp
import pytest

import tracer
from tracer import io, nd

pytestmark = pytest.mark.tierless


def test_batches_are_no_programs_of_their_own():
    """All full batches of an epoch are one program, and a batch is not computed by itself."""
    data = nd.array(onp.random.RandomState(0).rand(40, 3))
    held = nd.zeros((4, 3))
    nd.waitall()  # what tests before have recorded and not read is no part of the first program
    before = tracer.counters().programs
    for batch in io.NDArrayIter(data, batch_size=4):
        held[:] = batch.data[0]
        float((held * 2).sum().asscalar())
    assert tracer.counters().programs - before <= 1


def test_a_batch_is_a_copy():
    data = nd.arange(6).reshape((3, 2))
    batches = io.NDArrayIter(data, batch_size=1)
    first, second = batches.next().data[0], batches.next().data[0]
    first[:] = 9
    data[1] = 8
    assert data.asnumpy().tolist() == [[0, 1], [8, 8], [4, 5]]
    assert (first.asnumpy().tolist(), second.asnumpy().tolist()) == ([[9, 9]], [[2, 3]])


def test_an_error_in_a_thread_is_raised():
    class Broken(io.DataIter):
        provide_data = [io.DataDesc("data", (1, 1))]

        def next(self):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        io.PrefetchingIter(Broken()).next()


def test_threads_end_with_their_iterator():
    batches = io.PrefetchingIter(io.NDArrayIter(nd.arange(4), batch_size=2))
    batches.next()
    threads = batches.prefetch_threads
    del batches
    gc.collect()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_data_sets_of_files(monkeypatch):
    """A module in h5py's place: its data sets are read in ascending order only."""
    class Dataset:
        def __init__(self, values):
            self.values, self.shape, self.dtype = values, values.shape, values.dtype

        def __getitem__(self, at):
            assert (onp.diff(at) > 0).all()
            return self.values[at]

    monkeypatch.setitem(sys.modules, "h5py", types.SimpleNamespace(Dataset=Dataset))
    batches = io.NDArrayIter(Dataset(onp.arange(10.0).reshape(5, 2)), onp.arange(5), 2)
    assert [batch.data[0].asnumpy()[:, 0].tolist() for batch in batches] == [[0, 2], [4, 6], [8, 0]]
    assert [tuple(one) for one in batches.provide_data] == [("data", (2, 2))]


def test_batches_of_sparse_data_are_dense_and_never_padded():
    data = nd.array(onp.arange(20).reshape(5, 4)).tostype("csr")
    batches = io.NDArrayIter({"data": data}, onp.arange(5), 2, shuffle=True, last_batch_handle="discard")
    for batch in batches:
        assert batch.data[0].stype == "default"
        assert batch.data[0].asnumpy()[:, 0].tolist() == (batch.label[0].asnumpy() * 4).tolist()
    with pytest.raises(NotImplementedError, match="discard"):
        io.NDArrayIter(data, batch_size=2)


def test_iterators_over_files_are_of_one_class():
    with pytest.raises(NotImplementedError, match="mx.io.MXDataIter "):
        io.MXDataIter("handle")
    for kind in (io.CSVIter, io.LibSVMIter, io.MNISTIter, io.ImageRecordIter, io.ImageDetRecordIter):
        assert issubclass(kind, io.MXDataIter)

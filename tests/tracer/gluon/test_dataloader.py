"""DataLoader: rows taken at once equal samples stacked one by one; nothing is recorded or compiled for a batch."""
from __future__ import annotations

import multiprocessing
import pickle
import threading

import numpy as onp
import pytest

import tracer as mx
from tracer import autograd, nd, np
from tracer.core.trace import current
from tracer.gluon import data
from tracer.gluon.data import ArrayDataset, DataLoader, Dataset, SimpleDataset
from tracer.gluon.data.batchify import Stack
from tracer.gluon.data.dataloader import _MultiWorkerIter, _thread_worker_fn, default_batchify_fn
from tracer.gluon.data.rows import take_rows
from tracer.jit.report.counters import COUNTERS

pytestmark = pytest.mark.native_sample(4)

ROWS = onp.arange(24, dtype="float32").reshape(8, 3)


class Slowly(Dataset):
    """The samples of another dataset, read one by one."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, idx):
        return self.dataset[idx]


@pytest.fixture(params=["nd", "np"])
def space(request):
    """The array namespace that Gluon uses now."""
    if request.param == "np":
        mx.npx.set_np()
    yield getattr(mx, request.param)
    mx.npx.reset_np()


def described(batch):
    """A batch as plain data: classes, dtypes, contexts and values."""
    if isinstance(batch, (list, tuple)):
        return type(batch), [described(x) for x in batch]
    return type(batch), batch.dtype, batch.shape, str(batch.context), batch.asnumpy().tolist()


def datasets(space):
    """Datasets whose batches are taken by rows, by name."""
    x, labels = space.array(ROWS), onp.arange(8)
    return {
        "one array": x, "one vector": space.array(labels), "NumPy": ROWS, "NumPy vector": labels,
        "one column": ArrayDataset(x), "a vector": ArrayDataset(space.array(labels)),
        "pair": ArrayDataset(x, labels), "vectors": ArrayDataset(space.array(labels), labels.astype("int32")),
        "NumPy pair": ArrayDataset(ROWS.astype("float64"), labels > 3),
        "halves": ArrayDataset(ROWS.astype("float16"), labels.astype("uint8"), labels.astype("int8")),
        "transposed": ArrayDataset(onp.asfortranarray(ROWS), ROWS[:, 1], ROWS[::-1]),
        "empty rows": ArrayDataset(onp.zeros((8, 0), "float32"), space.zeros((8, 2, 1))),
        "lists": ArrayDataset([0.5, *range(7)], list(range(8)), [[i, i] for i in range(8)], tuple(range(8))),
        "tuples": [(i, i / 2) for i in range(8)], "lists of lists": [[i, i / 2] for i in range(8)],
        "simple": SimpleDataset(x), "simple list": SimpleDataset(list(range(8))),
        "nested": ArrayDataset(SimpleDataset(x), ArrayDataset(labels, ROWS)),
        "shard": ArrayDataset(x, labels).shard(2, 1), "take": ArrayDataset(x, labels).take(5),
        "filtered": ArrayDataset(x, labels).filter(lambda sample: sample[1] % 2).take(3),
        "on another context": ArrayDataset(x.as_in_context(mx.cpu(1)), labels),
        "in pinned memory": ArrayDataset(x.as_in_context(mx.cpu_pinned()), labels),
        "pending": ArrayDataset(x * 2, x + 1),
        "memory map": ArrayDataset(ROWS.view(onp.memmap)),
    }


NAMES = list(datasets(nd))


@pytest.mark.parametrize("name", NAMES)
def test_rows_equal_samples(space, name, tmp_path):
    dataset = datasets(space)[name]
    if name == "memory map":
        dataset = ArrayDataset(onp.memmap(tmp_path / "rows", "float32", "w+", shape=(8, 3)))
        dataset._data[0][:] = ROWS
    indices = [0, 2, 1, -1, 2][:len(dataset)]
    for shared, nested in ((False, tuple), (True, tuple), (False, (tuple, list))):
        assert take_rows(dataset, indices, nested, shared) is not None
    for settings in ({}, {"num_workers": 1}, {"batchify_fn": Stack()}, {"batchify_fn": Stack(True)},
                     {"pin_memory": True}):
        fast, slow = ([described(b) for b in DataLoader(d, 3, **settings)] for d in (dataset, Slowly(dataset)))
        assert fast == slow and len(fast) == -(-len(dataset) // 3)
    with mx.cpu(2):
        assert described(next(iter(DataLoader(dataset, 3)))) == described(next(iter(DataLoader(Slowly(dataset), 3))))


def test_what_is_not_taken_by_rows(space):
    class Reversed(ArrayDataset):
        def __getitem__(self, idx):
            return super().__getitem__(-1 - idx)

    x = space.array(ROWS)
    for dataset, indices in ((Reversed(x), [0]), (Slowly(x), [0]), (ArrayDataset(x).transform(lambda a: a), [0]),
                             (x, [8]), (x, [-9]), (x, [0.5]), (x, []), (x, [[0]]), (ROWS, [True]),
                             ([1, 2], [2]), ([1, 2], ["a"]), ([], []), (ArrayDataset(x, Slowly(x)), [0]),
                             (onp.array(["a"]), [0]), (onp.array([object()]), [0]), (onp.array([1j]), [0]),
                             (ArrayDataset(x, [1] * 8).take(2), [2]), ({0: 1}, [0]), (onp.array(1), [0])):
        assert take_rows(dataset, indices, tuple, False) is None
    assert next(iter(DataLoader(Reversed(x), 2))).asnumpy().tolist() == ROWS[[-1, -2]].tolist()
    swapped = next(iter(DataLoader(ROWS.astype(">f4"), 2)))
    assert swapped.dtype == onp.float32 and swapped.asnumpy().tolist() == ROWS[:2].tolist()


def test_batches_have_the_flavour_of_their_samples(space):
    """MXNet 2 gives np arrays for np samples outside of np mode, and for nd samples in it; 1.9.1 refuses both."""
    for other in (nd, np):
        expected = type(np.ones(1)) if np in (space, other) else type(nd.ones(1))
        x = other.array(ROWS)
        for dataset in (x, ArrayDataset(x), Slowly(x), Slowly(x).transform(lambda a: a * 1)):
            batches = [described(b) for b in DataLoader(dataset, 5)]
            assert batches == [(expected, onp.float32, (len(part), 3), "cpu(0)", part.tolist())
                               for part in (ROWS[:5], ROWS[5:])]
        parts = mx.gluon.utils.split_data(x, 3, batch_axis=1)
        assert [type(p) for p in parts] == [expected] * 3


def test_batches_of_indices_may_be_iterators():
    loader = DataLoader(ArrayDataset([5, 6, 7], Slowly([1, 2, 3])), batch_sampler=[iter([0, 1]), range(2, 3)])
    assert [[x.asnumpy().tolist() for x in batch] for batch in loader] == [[[5, 6], [1, 2]], [[7], [3]]]


def test_batches_are_copies(space):
    x, labels = space.array(ROWS), onp.arange(8)
    batch, numbers = next(iter(DataLoader(ArrayDataset(x, labels), 8)))
    stacked = default_batchify_fn([x[0], x[1]])
    x[:] = 0
    labels[:] = 0
    assert batch.asnumpy().tolist() == ROWS.tolist() and numbers.asnumpy().tolist() == list(range(8))
    assert stacked.asnumpy().tolist() == ROWS[:2].tolist()
    batch[:] = 5
    assert (x.asnumpy() == 0).all()
    assert (next(iter(DataLoader(x, 2))).asnumpy() == 0).all()  # a loader reads what the array is now


def test_a_derivative_is_taken_through_a_batch(space):
    """Under record() rows of a variable are stacked as operations; outside they are constants."""
    x = space.array(ROWS)
    x.attach_grad()
    loaders = DataLoader(x, 2, sampler=[1, 3]), DataLoader(Slowly(x), 2, sampler=[1, 3])
    for loader in loaders:
        with autograd.record():
            (batch,) = loader
            loss = (batch * batch).sum()
        loss.backward()
        expected = onp.zeros_like(ROWS)
        expected[[1, 3]] = 2 * ROWS[[1, 3]]
        assert x.grad.asnumpy().tolist() == expected.tolist()
    (batch,) = loaders[0]
    assert not batch._value.history


@pytest.mark.parametrize("name", ["rows", "views", "NumPy", "numbers"])
def test_no_operation_is_recorded_for_a_batch(space, name):
    x = space.array(ROWS)
    x.wait_to_read()
    found = {"rows": ArrayDataset(x, ROWS), "views": Slowly(x), "NumPy": Slowly(ROWS), "numbers": list(range(8))}
    loader = DataLoader(found[name], 3, shuffle=True)
    nd.waitall()  # what other tests have left pending
    before = COUNTERS.as_dict()
    for _ in range(3):
        assert sum(1 for _ in loader) == 3 and not current().trace.pending
    assert COUNTERS.as_dict() == before


def test_transforms_make_no_program_after_the_first_epoch(space):
    """The samples of a batch are computed in one program; a pending step of the script is none of its parts."""
    x, weight = space.array(ROWS), space.ones((1,))
    loader = DataLoader(ArrayDataset(x, onp.arange(8)).transform_first(lambda row: (row - 3) / 2), 3, shuffle=True)
    programs = []
    for _ in range(6):
        seen = []
        for batch, labels in loader:
            weight = weight * 0.5 + batch.sum()
            seen += [(row.tolist(), label) for row, label in zip(batch.asnumpy(), labels.asnumpy().tolist())]
            assert batch.shape[0] == labels.shape[0] and weight._value.buffer is None
        assert sorted(seen, key=lambda pair: pair[1]) == [(((row - 3) / 2).tolist(), i) for i, row in enumerate(ROWS)]
        programs.append(COUNTERS.programs + COUNTERS.kernels_compiled)
    assert programs[-1] == programs[2]


def test_threads_load_the_same_batches(space):
    dataset = ArrayDataset(space.array(ROWS), onp.arange(8))
    transformed = dataset.transform_first(lambda row: row * 2 + 1)
    for chosen in (dataset, transformed):
        for settings in ({}, {"prefetch": 0}, {"prefetch": 1, "pin_memory": True}, {"last_batch": "discard"}):
            loaders = [DataLoader(chosen, 3, num_workers=workers, thread_pool=True, batchify_fn=default_batchify_fn,
                                  **settings) for workers in (0, 2)]
            for _ in range(2):
                alone, threads = ([described(b) for b in loader] for loader in loaders)
                assert alone == threads and len(alone) == len(loaders[0])


def test_threads_are_elsewhere_and_end_with_the_loader():
    names = []

    def noting(x):
        names.append(threading.current_thread().name)
        return x

    loader = DataLoader(SimpleDataset(list(range(6))).transform(noting), 2, num_workers=2, thread_pool=True)
    assert [b.asnumpy().tolist() for b in loader] == [[0, 1], [2, 3], [4, 5]]
    assert threading.current_thread().name not in names and len(names) == 6
    pool = loader._worker_pool
    del loader
    with pytest.raises(ValueError):
        pool.apply_async(len)


def test_errors_of_samples_arrive(space):
    def failing(x):
        if x == 3:
            raise ZeroDivisionError("three")
        return x

    for settings in ({}, {"num_workers": 2}, {"num_workers": 2, "thread_pool": True}):
        batches = iter(DataLoader(SimpleDataset(list(range(6))).transform(failing), 2, **settings))
        assert next(batches).asnumpy().tolist() == [0, 1]
        with pytest.raises(ZeroDivisionError, match="three"):
            next(batches)


def test_a_slow_thread_is_named():
    stop = threading.Event()
    loader = DataLoader(SimpleDataset([1]).transform(lambda x: stop.wait(20)), 1, num_workers=1, thread_pool=True,
                        timeout=0.05)
    with pytest.raises(multiprocessing.TimeoutError, match="timeout=0.05 seconds"):
        next(iter(loader))
    stop.set()


def test_iterations_are_independent():
    loader = DataLoader(list(range(4)), 2)
    for one, other in zip(loader, loader):
        assert one.asnumpy().tolist() == other.asnumpy().tolist()
    first = iter(loader)
    next(first)
    assert [b.asnumpy().tolist() for b in loader] == [[0, 1], [2, 3]]
    assert next(first).asnumpy().tolist() == [2, 3]


@pytest.mark.parametrize("thread_pool", [False, True])
def test_auto_reload_loads_ahead(thread_pool):
    """As in MXNet, threads load the next iteration's batches before it begins; this process loads when asked."""
    seen = []

    def noting(x):
        seen.append(x)
        return x

    loader = DataLoader(SimpleDataset([0, 1]).transform(noting), 1, num_workers=int(thread_pool), prefetch=2,
                        thread_pool=thread_pool, auto_reload=True)
    assert loader._iter is not None and loader.auto_reload
    assert [int(b.asscalar()) for b in loader] == [0, 1]
    ahead = loader._iter
    assert ahead is not None
    assert [int(b.asscalar()) for b in ahead] == [0, 1] and seen == [0, 1, 0, 1]
    loader.clean()
    assert loader._iter is None
    loader.refresh()
    assert loader._iter is not None


def test_a_loader_of_ones_own():
    """Libraries subclass the loader and use its private members, as GluonCV's RandomTransformDataLoader."""
    class Doubled(DataLoader):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.factor = 2

        def __iter__(self):
            for batch in self._batch_sampler:
                yield self._batchify_fn([self._dataset[i] * self.factor for i in batch])

    loader = Doubled([1, 2, 3], 2, num_workers=2)
    assert isinstance(loader, DataLoader) and len(loader) == 2 and loader._num_workers == 2 and loader._prefetch == 4
    assert [b.asnumpy().tolist() for b in loader] == [[2, 4], [6]]

    class Pool:
        def apply_async(self, fn, args):
            self.result = fn(*args)
            return self

        def get(self, timeout):
            return self.result

    batches = _MultiWorkerIter(Pool(), default_batchify_fn, [[0], [1, 2]], worker_fn=_thread_worker_fn,
                               dataset=[5, 6, 7])
    assert len(batches) == 2 and batches.next().asnumpy().tolist() == [5] and next(batches).asnumpy().tolist() == [6, 7]
    assert next(batches, None) is None


def test_shuffling_draws_from_numpy_alone():
    mx.random.seed(1)
    onp.random.seed(5)
    order = onp.arange(8)
    onp.random.shuffle(order)
    onp.random.seed(5)
    expected = mx.nd.random.uniform(shape=2).asnumpy()
    mx.random.seed(1)
    loader = DataLoader(onp.arange(8), 3, shuffle=True)
    assert onp.concatenate([b.asnumpy() for b in loader]).tolist() == order.tolist()
    assert (mx.nd.random.uniform(shape=2).asnumpy() == expected).all()


def test_datasets_are_pickled():
    dataset = ArrayDataset(nd.array(ROWS), list(range(8))).transform_first(abs).take(3)
    again = pickle.loads(pickle.dumps(dataset))
    assert len(again) == 3 and again[1][0].asnumpy().tolist() == ROWS[1].tolist() and again[1][1] == 1


def test_a_dataset_in_files(tmp_path):
    class Files(data.dataset._DownloadedDataset):
        def _get_data(self):
            self._data, self._label = nd.array(ROWS), onp.arange(8)

    files = Files(str(tmp_path / "new" / "folder"), None)
    assert (tmp_path / "new/folder").is_dir() and len(files) == 8 and files[2][1] == 2
    assert Files(str(tmp_path), lambda x, label: label * 2)[3] == 6
    with pytest.raises(NotImplementedError, match="defines no _get_data"):
        data.dataset._DownloadedDataset(str(tmp_path), None)


def test_missing_parts_say_so():
    with pytest.raises(AttributeError, match="gluon.data.nonsense is not part of this version"):
        data.nonsense  # noqa: B018
    assert not hasattr(data, "__nonsense__")
    assert mx.gluon.contrib.data.IntervalSampler is data.IntervalSampler
    assert mx.gluon.contrib.data.sampler is data.sampler


def test_padding_warns_once():
    pad = data.batchify.Pad()
    with pytest.warns(UserWarning, match="Pad reads"):
        pad([nd.ones(2), nd.ones(3)])
    assert pad([nd.ones(2), nd.ones(3)]).asnumpy().tolist() == [[1, 1, 0], [1, 1, 1]]


def _pickled(samples, batchify_fn, dataset):
    assert dataset is None  # as in MXNet, whose processes have it
    return pickle.dumps(batchify_fn([nd.array(ROWS[i]) for i in samples]))


@pytest.mark.parametrize("pin", [False, True])
def test_batches_that_a_library_s_processes_pickled(pin):
    with multiprocessing.pool.ThreadPool(2) as pool:
        batches = list(_MultiWorkerIter(pool, default_batchify_fn, [[0], [1, 2]], pin_memory=pin, worker_fn=_pickled,
                                        prefetch=1))
    assert [type(b) for b in batches] == [nd.NDArray] * 2
    onp.testing.assert_array_equal(batches[1].asnumpy(), ROWS[1:3])
    assert batches[0].ctx == (mx.cpu_pinned(0) if pin else mx.cpu())

"""Transforms run once for a batch: the batches are those of the same transforms, run for each sample."""
from __future__ import annotations

import numpy as onp
import pytest

import tracer as mx
from tracer import gluon, nd
from tracer.gluon.data import ArrayDataset, DataLoader, SimpleDataset
from tracer.gluon.data.batchify import Stack
from tracer.gluon.data.dataloader import default_batchify_fn, default_mp_batchify_fn
from tracer.gluon.data.vision import transforms as T

DRAW = onp.random.RandomState(0)
GRAY = DRAW.randint(0, 256, (11, 6, 5, 1)).astype("uint8")
COLOURS = DRAW.randint(0, 256, (11, 6, 5, 3)).astype("uint8")
LABELS = onp.arange(11, dtype="int32")
MEAN, STD = (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)


class Halved(gluon.HybridBlock):
    """A user's block."""

    def hybrid_forward(self, F, x):
        return F.cast(x, "float32") / 2


class Digits(gluon.data.dataset._DownloadedDataset):
    """A data set of pictures and labels, as MNIST."""

    def __init__(self):
        super().__init__("/tmp", None)

    def _get_data(self):
        self._data, self._label = nd.array(GRAY, dtype="uint8"), LABELS


CHAINS = {
    "tensor": T.ToTensor, "normalize": lambda: T.Compose([T.ToTensor(), T.Normalize(0.13, 0.31)]),
    "cast": lambda: T.Compose([T.Cast("float32"), T.ToTensor()]), "own": lambda: T.Compose([Halved(), T.ToTensor()]),
    "hybrid": lambda: T.HybridCompose([T.ToTensor(), T.Normalize(0.5, 2)]),
    "nested": lambda: T.Compose([T.Resize(4), T.Compose([T.RandomFlipLeftRight(), T.ToTensor()]), T.Normalize(0.5)]),
    "draws": lambda: T.Compose([T.RandomFlipTopBottom(), T.RandomBrightness(0.5), T.CenterCrop(3), T.ToTensor()]),
    "only own": Halved,
}
DATASETS = {
    "rows": lambda: ArrayDataset(nd.array(COLOURS, dtype="uint8"), LABELS), "digits": Digits,
    "np": lambda: ArrayDataset(mx.np.array(COLOURS, dtype="uint8"), mx.np.array(LABELS)),
    "list": lambda: ArrayDataset([nd.array(x, dtype="uint8") for x in GRAY], list(LABELS)),
    "sampled": lambda: ArrayDataset(nd.array(GRAY, dtype="float32"), LABELS).take(9).shard(2, 1),
}


def batches(dataset, batchify_fn, **settings):
    onp.random.seed(1), mx.random.seed(1)
    return list(DataLoader(dataset, 4, batchify_fn=batchify_fn, **settings))


def check(ours, theirs):
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs):
        if isinstance(mine, list):
            assert type(other) is list
            check(mine, other)
        else:
            assert type(mine) is type(other) and mine.context == other.context
            onp.testing.assert_array_equal(mine.asnumpy(), other.asnumpy(), strict=True)


@pytest.mark.parametrize("data", ["rows", *[pytest.param(x, marks=pytest.mark.tierless) for x in [*DATASETS][1:]]])
@pytest.mark.parametrize("chain", CHAINS)
def test_batches_are_those_of_samples(chain, data):
    first = DATASETS[data]().transform_first(CHAINS[chain]())
    alone = SimpleDataset([pair[0] for pair in DATASETS[data]()]).transform(CHAINS[chain]())
    for dataset in (first, alone):
        for function in (default_batchify_fn, default_mp_batchify_fn, Stack()):
            wanted = batches(dataset, lambda samples: function(samples), shuffle=True)  # noqa: B023
            check(batches(dataset, function, shuffle=True), wanted)


@pytest.mark.parametrize("data", ["rows", "list"])
def test_a_batch_is_one_call(monkeypatch, data):
    seen = []
    forward = T.ToTensor.hybrid_forward
    monkeypatch.setattr(T.ToTensor, "hybrid_forward", lambda self, F, x, *args: seen.append(x.ndim) or
                        forward(self, F, x, *args))
    alone, both = T.Compose([T.ToTensor()]), T.Compose([Halved(), T.ToTensor()])
    for chain, calls in ((alone, 3), (both, 2)):  # the second is hybridized: a call for each shape
        seen.clear()
        batches(DATASETS[data]().transform_first(chain), None)
        assert seen == [4] * calls


class Printed(T.ToTensor):
    """A user's transform that changes ToTensor."""

    def hybrid_forward(self, F, x, *args):
        return super().hybrid_forward(F, x + x.ndim, *args)


def test_changed_transforms_run_for_samples():
    hooked, patched = T.ToTensor(), T.ToTensor()
    shapes = []
    hooked.register_forward_hook(lambda block, args, out: shapes.append(out.shape))
    patched.hybrid_forward = lambda F, x: shapes.append(x.shape) or x
    for transform in (Printed(), hooked, patched):
        dataset = DATASETS["rows"]().transform_first(T.Compose([transform]))
        check(batches(dataset, None), batches(dataset, lambda samples: default_batchify_fn(samples)))
    assert set(shapes) == {(3, 6, 5), (6, 5, 3)}


@pytest.mark.parametrize("pictures, chain", [
    ([nd.ones((2, 3, 1)), nd.ones((3, 3, 1))], [T.ToTensor()]), ([nd.ones((2, 3, 2))] * 2, [T.Normalize(MEAN, STD)]),
    ([nd.ones((2, 3))] * 2, [T.ToTensor()]),
    ([GRAY[0], GRAY[1]], [T.ToTensor()]), (GRAY, [T.ToTensor()])])
def test_errors_are_those_of_samples(pictures, chain):
    dataset = SimpleDataset(pictures).transform(T.Compose(chain))
    errors = []
    for function in (default_batchify_fn, lambda samples: default_batchify_fn(samples)):
        with pytest.raises(Exception) as caught:
            batches(dataset, function)[0].asnumpy()
        errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]


def test_a_transform_of_several_arguments():
    dataset = DATASETS["rows"]().transform(lambda picture, label: (T.ToTensor()(picture), label))
    arrays = ArrayDataset(nd.array(COLOURS, dtype="uint8"), nd.array(LABELS.reshape(11, 1)))
    both = arrays.transform(T.Compose([T.ToTensor(), T.Normalize(0.5)]))
    for one in (dataset, both):
        check(batches(one, None), batches(one, lambda samples: default_batchify_fn(samples)))


def test_worker_processes_give_the_same():
    dataset = DATASETS["rows"]().transform_first(T.Compose([T.ToTensor(), T.Normalize(MEAN, STD)]))
    check(batches(dataset, None, num_workers=1), batches(dataset, default_mp_batchify_fn))

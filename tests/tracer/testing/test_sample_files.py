"""Files that examples download: they are found where MXNet looks for them; without them the error says where."""
from __future__ import annotations

import bz2
import gzip
import struct
import zipfile

import numpy
import pytest

from tracer import gluon, test_utils
from tracer.testing import sample_files

pytestmark = pytest.mark.tierless

IMAGES = numpy.arange(2 * 28 * 28, dtype=numpy.uint8).reshape(2, 28, 28)


@pytest.fixture(autouse=True)
def away(tmp_path, monkeypatch):
    """The current folder is empty, and there is no network."""
    def refuse(url, *rest):
        raise ConnectionError("no network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(gluon.utils, "_fetch", refuse)


def write_mnist(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">II", 2049, 2) + bytes([7, 3]))
        with gzip.open(folder / f"{part}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">IIII", 2051, 2, 28, 28) + IMAGES.tobytes())


@pytest.mark.parametrize("folder", [".", "home/datasets/mnist"])
def test_mnist(tmp_path, folder):
    write_mnist(tmp_path / folder)
    found = test_utils.get_mnist()
    assert set(found) == {"train_data", "train_label", "test_data", "test_label"}
    assert found["test_label"].tolist() == [7, 3] and found["test_label"].dtype == numpy.int8
    assert found["train_data"].dtype == numpy.float32 and found["train_data"].shape == (2, 1, 28, 28)
    numpy.testing.assert_array_equal(found["train_data"][:, 0], IMAGES.astype(numpy.float32) / 255)


def test_files_of_mxnet_2(tmp_path, monkeypatch):
    monkeypatch.setattr(sample_files, "is_2", lambda: True)
    write_mnist(tmp_path / "data")
    assert test_utils.get_mnist()["train_label"].tolist() == [7, 3]
    test_utils.get_mnist_ubyte()
    assert (tmp_path / "data" / "t10k-images-idx3-ubyte").read_bytes()[16:] == IMAGES.tobytes()
    (tmp_path / "data" / "t10k-images-idx3-ubyte").write_bytes(b"mine")
    test_utils.get_mnist_ubyte("data")
    assert (tmp_path / "data" / "t10k-images-idx3-ubyte").read_bytes() == b"mine"
    with pytest.raises(ConnectionError, match=f"put it at {tmp_path}/other/cifar10-b9ac2870.zip$"):
        test_utils.get_cifar10("other")


def test_mnist_in_a_folder(tmp_path):
    write_mnist(tmp_path / "mine")
    assert test_utils.get_mnist("mine")["test_label"].tolist() == [7, 3]


@pytest.mark.parametrize("act, path", [
    (test_utils.get_mnist, "train-labels-idx1-ubyte.gz"),
    (test_utils.get_mnist_pkl, "data/mnist.pkl.gz"),
    (test_utils.get_mnist_ubyte, "data/mnist.zip"),
    (test_utils.get_cifar10, "data/cifar10.zip"),
    (lambda: test_utils.download("http://site.org/x/file.txt"), "file.txt"),
    (lambda: test_utils.download("http://site.org/x/file.txt", "other.txt", "folder"), "folder/other.txt"),
    (lambda: test_utils.get_zip_data("folder", "http://site.org/x.zip", "x.zip"), "folder/x.zip"),
    (lambda: test_utils.get_bz2_data("folder", "x", "http://site.org/x.bz2", "x.bz2"), "folder/x.bz2"),
    (lambda: test_utils.download_model("imagenet1k-resnet-18", "models"), "models/imagenet1k-resnet-18-symbol.json"),
])
def test_without_the_file_the_error_says_where_to_put_it(tmp_path, act, path):
    with pytest.raises(ConnectionError, match=f"put it at {tmp_path}/{path}$"):
        act()


def test_what_is_there_is_not_downloaded(tmp_path):
    (tmp_path / "file.txt").write_text("mine")
    assert test_utils.download("http://site.org/x/file.txt") == "file.txt"
    with pytest.raises(ConnectionError):
        test_utils.download("http://site.org/x/file.txt", overwrite=True)
    assert (tmp_path / "file.txt").read_text() == "mine"
    with pytest.raises(AssertionError, match="retries"):
        test_utils.download("http://site.org/x/file.txt", retries=-1)
    cifar = tmp_path / "data" / "cifar"
    cifar.mkdir(parents=True)
    for name in ("train.rec", "test.rec", "train.lst", "test.lst"):
        (cifar / name).write_text("")
    test_utils.get_cifar10()


def test_archives_are_unpacked(tmp_path, monkeypatch):
    def give(url, target, *rest):
        if url.endswith("zip"):
            with zipfile.ZipFile(target, "w") as archive:
                archive.writestr("inner/a.txt", "text")
        else:
            with bz2.open(target, "wb") as file:
                file.write(b"text")

    monkeypatch.setattr(gluon.utils, "_fetch", give)
    test_utils.get_zip_data("one", "http://site.org/x.zip", "x.zip")
    assert (tmp_path / "one" / "inner" / "a.txt").read_text() == "text"
    test_utils.get_bz2_data("two", "b", "http://site.org/b.bz2", "b.bz2")
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["b"]
    assert (tmp_path / "two" / "b").read_text() == "text"


def test_models(tmp_path):
    assert test_utils.download_model("unknown") == (None, 0)
    for end in ("symbol.json", "0000.params"):
        (tmp_path / f"net-{end}").write_text("")
    info = {"net": {"symbol": "http://site.org/s", "params": "http://site.org/p"}}
    assert test_utils.download_model("net", meta_info=info) == ("./net", 0)
    with pytest.raises(AssertionError, match="missing params"):
        test_utils.download_model("net", meta_info={"net": {"symbol": "http://site.org/s"}})


def test_the_first_batch_again_and_again():
    class Real:
        provide_data, provide_label, batch_size = ["data"], ["label"], 4

        def __init__(self):
            self.batches = iter([1, 2])

        def __next__(self):
            return next(self.batches)

    dummy = test_utils.DummyIter(Real())
    dummy.reset()
    assert [next(dummy), dummy.next(), next(iter(dummy))] == [1, 1, 1]
    assert (dummy.provide_data, dummy.provide_label, dummy.batch_size) == (["data"], ["label"], 4)

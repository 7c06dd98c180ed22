"""gluon.data.vision: datasets in their authors' files, in folders, lists and records; transforms."""
from __future__ import annotations

import gzip
import io
import random
import tarfile

import numpy as onp
import pytest
from oracle import pictures

import tracer as mx
from tracer import generation, gluon, nd, np, recordio
from tracer.base import MXNetError
from tracer.gluon.data import DataLoader
from tracer.gluon.data.vision import transforms
from tracer.image import image
from tracer.picture_files import encode

pytestmark = pytest.mark.native_sample(5)

vision = gluon.data.vision
PICTURE = pictures.picture()
IMAGES = onp.random.RandomState(0).randint(0, 256, (6, 28, 28)).astype("u1")
LABELS = onp.array([3, 1, 4, 1, 5, 9], "u1")
CIFAR = onp.random.RandomState(1).randint(0, 256, (5, 3, 32, 32)).astype("u1")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setenv("MXNET_GLUON_REPO", "http://127.0.0.1:9/")


def write_mnist(folder, part):
    for name, values in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
        head = onp.array([0x800 + values.ndim, *values.shape], ">u4").tobytes()
        with gzip.open(folder / f"{part}-{name}-ubyte.gz", "wb") as file:
            file.write(head + values.tobytes())


@pytest.mark.parametrize("cls", [vision.MNIST, vision.FashionMNIST])
@pytest.mark.parametrize("train", [True, False])
def test_mnist_is_read_from_its_files(tmp_path, cls, train):
    write_mnist(tmp_path, "train" if train else "t10k")
    found = cls(str(tmp_path), train)
    assert len(found) == 6
    for (picture, label), image_, number in zip(found, IMAGES, LABELS):
        assert type(picture) is nd.NDArray and picture.shape == (28, 28, 1) and picture.dtype == onp.uint8
        assert (picture.asnumpy()[..., 0] == image_).all() and label == number and label.dtype == onp.int32
    assert cls(str(tmp_path), train, transform=lambda x, y: y * 2)[2] == 8
    backend = found.__mx_handle__()
    assert len(backend) == 6 and backend[2][1] == 4 and (backend[2][0].asnumpy()[..., 0] == IMAGES[2]).all()
    mx.npx.set_np()
    try:
        picture, label = cls(str(tmp_path), train)[0]
        assert type(picture) is type(label) is np.ndarray
    finally:
        mx.npx.reset_np()


def test_missing_files_say_where_they_go(tmp_path):
    for cls, name in ((vision.MNIST, "train-images-idx3-ubyte.gz"), (vision.FashionMNIST, "train-images-idx3-ubyte.gz"),
                      (vision.CIFAR10, "cifar-10-binary.tar.gz"), (vision.CIFAR100, "cifar-100-binary.tar.gz")):
        with pytest.raises(FileNotFoundError, match=f"put it at {tmp_path}/{name}"):
            cls(str(tmp_path))


def test_malformed_files_are_named(tmp_path):
    write_mnist(tmp_path, "train")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    for text, why in ((whole[:100], "no complete gzip"), (b"text", "no complete gzip"),
                      (gzip.compress(b"x"), "no file of"),
                      (gzip.compress(gzip.decompress(whole)[:-1]), "bytes of them"),
                      (gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12), "bytes of them")):
        path.write_bytes(text)
        with pytest.raises(MXNetError, match=why) as caught:
            vision.MNIST(str(tmp_path))
        assert path.name in str(caught.value)
    (tmp_path / "test_batch.bin").write_bytes(b"short")
    with pytest.raises(MXNetError, match="test_batch.bin has 5 bytes"):
        vision.CIFAR10(str(tmp_path), train=False)
    (tmp_path / "cifar-100-binary.tar.gz").write_bytes(b"no archive")
    with pytest.raises(MXNetError, match="no complete archive"):
        vision.CIFAR100(str(tmp_path))


def test_cifar_is_read_from_files_and_archives(tmp_path):
    rows = onp.concatenate([onp.arange(5, dtype="u1")[:, None], CIFAR.reshape(5, -1)], 1)
    for i in range(1, 6):
        (tmp_path / f"data_batch_{i}.bin").write_bytes(rows[:i].tobytes())
    found = vision.CIFAR10(str(tmp_path))
    assert len(found) == 15 and found[14][1] == 4 and (found[14][0].asnumpy() == CIFAR[4].transpose(1, 2, 0)).all()
    wide = onp.concatenate([onp.full((5, 1), 7, "u1"), rows], 1).tobytes()
    with tarfile.open(tmp_path / "cifar-100-binary.tar.gz", "w:gz") as archive:
        for name in ("cifar-100-binary/train.bin", "cifar-100-binary/test.bin", "../evil.bin"):
            entry = tarfile.TarInfo(name)
            entry.size = len(wide)
            archive.addfile(entry, io.BytesIO(wide))
    assert [label for _, label in vision.CIFAR100(str(tmp_path))] == [7] * 5
    assert [label for _, label in vision.CIFAR100(str(tmp_path), fine_label=True, train=False)] == list(range(5))
    assert not (tmp_path.parent / "evil.bin").exists() and not (tmp_path / "evil.bin").exists()


@pytest.fixture
def folder(tmp_path):
    """A folder of classes with PNG files, and other things."""
    for label, name in enumerate(("cats", "dogs")):
        (tmp_path / name).mkdir()
        for i in range(3):
            (tmp_path / name / f"{i}.png").write_bytes(encode(PICTURE + onp.uint8(10 * label + i), ".png"))
    (tmp_path / "notes.txt").write_text("no folder")
    (tmp_path / "cats" / "list.txt").write_text("no picture")
    return tmp_path


def test_folders_of_pictures(folder):
    with pytest.warns(UserWarning, match="notes.txt, which is not a directory"):
        found = vision.ImageFolderDataset(str(folder))
    assert found.synsets == ["cats", "dogs"] and [label for _, label in found.items] == [0] * 3 + [1] * 3
    picture, label = found[4]
    assert label == 1 and (picture.asnumpy() == (PICTURE + onp.uint8(11))[..., ::-1]).all()
    with pytest.warns(UserWarning, match="list.txt of type .txt"):
        gray = vision.ImageFolderDataset(str(folder), flag=0, transform=lambda x, y: (x, y + 10))
    assert gray[0][0].shape == (20, 27, 1) and gray[0][1] == 10
    both = found.transform_first(transforms.Compose([transforms.Resize(8), transforms.ToTensor()]))
    for workers in (0, 2):
        batches = list(DataLoader(both, 4, num_workers=workers))
        assert [x.shape for x, _ in batches] == [(4, 3, 8, 8), (2, 3, 8, 8)]


def test_lists_of_pictures(folder):
    (folder / "all.lst").write_text("5\t1.5\t2\tcats/1.png\n7\t0\t1\tdogs/0.png\n")
    found = vision.ImageListDataset(str(folder), "all.lst")
    assert len(found) == 2 and found[0][1].asnumpy().tolist() == [1.5, 2]
    found = vision.ImageListDataset(str(folder), [[0, "cats/1.png"], [1, 2, "dogs/0.png"], [[3, 4], "dogs/0.png"]])
    assert [label.asnumpy().tolist() for _, label in found] == [[0], [1, 2], [3, 4]]
    assert found[0][0].shape == (20, 27, 3)
    with pytest.raises(ValueError, match="imglist must be filename or list"):
        vision.ImageListDataset(str(folder), None)
    with pytest.raises(AssertionError, match="entry 1"):
        vision.ImageListDataset(str(folder), [[0, 1]])


def test_records_of_pictures(tmp_path):
    paths = [str(tmp_path / name) for name in ("data.idx", "data.rec")]
    record = recordio.MXIndexedRecordIO(*paths, "w")
    for i in range(4):
        record.write_idx(i, recordio.pack_img((0, float(i), i, 0), PICTURE + onp.uint8(i), 9, ".png"))
    record.close()
    found = vision.ImageRecordDataset(paths[1])
    assert len(found) == 4 and found[3][1] == 3 and (found[3][0].asnumpy() == (PICTURE + onp.uint8(3))[..., ::-1]).all()
    assert vision.ImageRecordDataset(paths[1], 0, lambda x, y: (x.shape, y))[1] == ((20, 27, 1), 1)
    assert type(gluon.data.RecordFileDataset(paths[1])[0]) is bytes
    for settings in ({"num_workers": 2}, {"num_workers": 3, "thread_pool": True}):
        assert [y.asnumpy().tolist() for _, y in DataLoader(found, 2, **settings)] == [[0, 1], [2, 3]]


SINGLE = [("Resize", (9,), (9, 9, 3)), ("Resize", ((9, 8),), (8, 9, 3)), ("Resize", (10, True), (10, 13, 3)),
          ("CenterCrop", (12,), (12, 12, 3)), ("CenterCrop", ((40, 30),), (30, 40, 3)),
          ("RandomResizedCrop", (9,), (9, 9, 3)), ("RandomCrop", (8,), (8, 8, 3)),
          ("RandomCrop", ((24, 22), 2), (22, 24, 3)),
          ("CropResize", (1, 2, 9, 8), (8, 9, 3)), ("CropResize", (1, 2, 9, 8, (4, 5)), (5, 4, 3)),
          ("RandomFlipLeftRight", (), (20, 27, 3)), ("RandomFlipTopBottom", (1.0,), (20, 27, 3)),
          ("RandomBrightness", (0.2,), (20, 27, 3)), ("RandomContrast", (0.2,), (20, 27, 3)),
          ("RandomSaturation", (0.2,), (20, 27, 3)), ("RandomHue", (0.2,), (20, 27, 3)),
          ("RandomColorJitter", (0.1, 0.2, 0.3, 0.4), (20, 27, 3)), ("RandomLighting", (0.1,), (20, 27, 3)),
          ("RandomGray", (1.0,), (20, 27, 3)), ("ToTensor", (), (3, 20, 27))]


@pytest.mark.parametrize("is_2", [False, True])
@pytest.mark.parametrize(("name", "arguments", "shape"), SINGLE)
def test_transforms_of_both_flavours(monkeypatch, name, arguments, shape, is_2):
    monkeypatch.setattr(generation, "is_2", lambda: is_2)
    for space in (nd, np):
        x = space.array(PICTURE, dtype="uint8")
        for hybrid in (False, True):
            transform, other = (getattr(transforms, name)(*arguments) for _ in range(2))
            given = 5
            if hybrid and not getattr(transform, "_draws_in_python", False):
                transform.hybridize()
                other.hybridize()
                given = space.array([5])  # a hybridized block takes no numbers
            made, label = transform(x, given)
            assert label == 5 and made.shape == shape == other(x).shape and type(made) is type(x)
            assert onp.dtype(made.dtype) == ("float32" if name in ("ToTensor", "RandomGray") else "uint8")


def test_values_of_transforms():
    x = nd.array(PICTURE, dtype="uint8")
    same = transforms.RandomFlipLeftRight(0)(x)
    assert (same.asnumpy() == PICTURE).all()
    assert (transforms.RandomFlipLeftRight(1)(x).asnumpy() == PICTURE[:, ::-1]).all()
    assert (transforms.RandomFlipTopBottom(1)(x).asnumpy() == PICTURE[::-1]).all()
    assert (transforms.CropResize(1, 2, 9, 8)(x).asnumpy() == PICTURE[2:10, 1:10]).all()
    assert (transforms.CenterCrop((7, 6))(x).asnumpy() == PICTURE[7:13, 10:17]).all()
    flip, seen = transforms.RandomFlipLeftRight(), set()
    flip.hybridize()
    for _ in range(20):
        made = flip(x).asnumpy()
        seen.add("turned" if (made == PICTURE[:, ::-1]).all() else "same" if (made == PICTURE).all() else "other")
    assert seen == {"turned", "same"}
    kept, rate = transforms.RandomApply(transforms.RandomFlipLeftRight(1), 0.3), 0
    random.seed(1)
    for block in (kept, transforms.HybridRandomApply(transforms.RandomFlipLeftRight(1), 0.3)):
        rate = sum([not (block(x).asnumpy() == PICTURE).all() for _ in range(100)])
        assert 15 < rate < 45
    tensor = transforms.ToTensor()(x)
    assert abs(transforms.Normalize((0.5, 0.4, 0.3), 0.25)(tensor).asnumpy()
               - (PICTURE.transpose(2, 0, 1) / 255 - onp.array([0.5, 0.4, 0.3])[:, None, None]) * 4).max() < 1e-5
    turned = transforms.Rotate(90)(tensor[:, :, :20]).asnumpy()
    assert abs(turned - onp.rot90(tensor.asnumpy()[:, :, :20], -1, (1, 2))).max() < 1e-4 or \
        abs(turned - onp.rot90(tensor.asnumpy()[:, :, :20], 1, (1, 2))).max() < 1e-4
    assert transforms.RandomRotation((-10, 10))(tensor).shape == tensor.shape
    assert transforms.RandomRotation((-10, 10), rotate_with_proba=0)(tensor) is tensor


def test_compose_hybridizes_neighbours():
    parts = [transforms.Resize(8), transforms.ToTensor(), transforms.CenterCrop(4), transforms.Cast("float64")]
    made = transforms.Compose(parts[:2])
    assert [type(child).__name__ for child in made._children.values()] == ["HybridSequential"]
    for one, expected in (([parts[0], parts[2]], ["Resize", "CenterCrop"]), (parts[3:], ["Cast"])):
        assert [type(c).__name__ for c in transforms.Compose(list(one))._children.values()] == expected
    assert transforms.HybridCompose(parts[:2])(nd.array(PICTURE, dtype="uint8")).shape == (3, 8, 8)
    with pytest.raises(ValueError, match="is not a HybridBlock"):
        transforms.HybridCompose([transforms.Rotate(3)])


def test_wrong_arguments():
    x = nd.array(PICTURE, dtype="uint8")
    for wrong in (lambda: transforms.Rotate(10)(x), lambda: transforms.RandomRotation((1, 2))(x)):
        with pytest.raises(TypeError, match="only supports float32"):
            wrong()
    with pytest.raises(ValueError, match="ordered tuple"):
        transforms.RandomRotation((2, 1))
    with pytest.raises(ValueError, match="Probability"):
        transforms.RandomRotation((1, 2), rotate_with_proba=2)
    with pytest.raises(MXNetError, match=r"with 1 or 3 channels, but got \(4, 4, 2\)"):
        transforms.RandomHue(0.1)(nd.ones((4, 4, 2)))
    with pytest.raises(MXNetError, match="size is one positive number"):
        transforms.Resize(0)(x)
    with pytest.raises(ValueError, match="cannot be both True"):
        image.imrotate(nd.ones((1, 4, 4)), 3, True, True)
    with pytest.raises(MXNetError, match="leaves|of a picture"):
        transforms.CropResize(20, 2, 9, 8)(x)

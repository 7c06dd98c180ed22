"""Files of arrays that are damaged, or have another dtype or byte order."""
from __future__ import annotations

import io
import struct
import sys
import zipfile

import numpy
import pytest

from tracer import MXNetError, nd, np, npx, util

pytestmark = pytest.mark.native_sample(8)

HEAD = struct.pack("<QQQ", 0x112, 0, 1)
NAMES = struct.pack("<QQ", 1, 1) + b"a"


def nd_file(version: int = 0xF993FAC9, storage: int = 0, rank: int = 1, shape: tuple[int, ...] = (2,), kind: int = 0,
            elements: bytes = struct.pack("<ff", 1, 2), names: bytes = NAMES) -> bytes:
    return (HEAD + struct.pack("<Iii", version, storage, rank) + struct.pack(f"<{len(shape)}q", *shape)
            + struct.pack("<iii", 1, 0, kind) + elements + names)


def npy(values: numpy.ndarray) -> bytes:
    file = io.BytesIO()
    numpy.lib.format.write_array(file, values, allow_pickle=True)
    return file.getvalue()


def npy_file(header: str, elements: bytes = bytes(8)) -> bytes:
    text = header.encode("latin1")
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + elements


def npz_file(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


ONE = npy(numpy.ones(3, "float32"))
ZIPPED = npz_file(("a.npy", npy(numpy.arange(1000.0))))
DAMAGED_ND = {
    "a whole file that is none": b"not a file of arrays",
    "more arrays than there is room for": struct.pack("<QQQ", 0x112, 0, 2**63) + nd_file()[24:],
    "a negative rank": nd_file(rank=-1),
    "a negative rank of the first version with 64 bits": HEAD + struct.pack("<Ii", 0xF993FAC8, -1) + bytes(100),
    "a huge rank": nd_file(rank=2**31 - 1),
    "a rank that NumPy has not": nd_file(rank=70, shape=(1,) * 70),
    "a rank that is a version": HEAD + struct.pack("<I", 2**31) + bytes(100),
    "a negative dimension": nd_file(shape=(-2,)),
    "two negative dimensions": nd_file(rank=2, shape=(-2, -1)),
    "dimensions whose product is 0 modulo 2**64": nd_file(rank=2, shape=(2**32, 2**32)),
    "dimensions whose product is 2 modulo 2**64": nd_file(rank=2, shape=(2**33 + 2**31, 2**33 + 2**31)),
    "a huge empty array": nd_file(rank=2, shape=(0, 2**62)),
    "a huge dimension": nd_file(shape=(2**50,)),
    "an unknown dtype": nd_file(kind=12),
    "a negative dtype": nd_file(kind=-1),
    "an unknown storage": nd_file(storage=7),
    "an undefined storage": nd_file(storage=-1),
    "more names than arrays": nd_file(names=struct.pack("<QQ", 2, 1) + b"a" + struct.pack("<Q", 1) + b"b"),
    "a huge name": nd_file(names=struct.pack("<QQ", 1, 2**64 - 1) + b"a"),
    "a name that is no text": nd_file(names=struct.pack("<QQ", 1, 1) + b"\xff"),
    "no names": nd_file(names=b""),
}
FLOATS = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
DAMAGED_NUMPY = {
    "a magic and nothing else": b"\x93NUMPY",
    "an unknown version": b"\x93NUMPY\4\0" + npy_file(FLOATS)[8:],
    "an unknown minor version": b"\x93NUMPY\1\1" + npy_file(FLOATS)[8:],
    "a header that ends too early": npy_file(FLOATS)[:40],
    "a long header that ends too early": b"\x93NUMPY\2\0\xff\xff\xff\xff" + npy_file(FLOATS)[10:],
    "a version 2 without a size": b"\x93NUMPY\2\0\1\0",
    "elements that end too early": npy_file(FLOATS)[:-1],
    "a header that is no dictionary": npy_file("[1, 2]"),
    "an unfinished header": npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,"),
    "a header of brackets": npy_file("(" * 9000),
    "a header of signs": npy_file("-" * 60000 + "1"),
    "a header with code": npy_file("{'descr': print(1), 'fortran_order': False, 'shape': (2,), }"),
    "a header with a key too many": npy_file(FLOATS[:-1] + "'more': True}"),
    "a header with a key twice": npy_file(FLOATS[:-1] + "'shape': (1,)}"),
    "no dtype": npy_file(FLOATS.replace("<f4", "")),
    "an unknown dtype": npy_file(FLOATS.replace("<f4", "<f3")),
    "complex numbers": npy(numpy.ones(2, "complex64")),
    "long floats": npy(numpy.ones(2, "longdouble")),
    "text": npy(numpy.array(["a", "b"])),
    "dates": npy(numpy.zeros(2, "M8[s]")),
    "records": npy(numpy.zeros(2, "f4,i4")),
    "objects": npy(numpy.array([None, {}])),
    "a number for a shape": npy_file(FLOATS.replace("(2,)", "2")),
    "a number in brackets for a shape": npy_file(FLOATS.replace("(2,)", "(2)")),
    "a bool for a shape": npy_file(FLOATS.replace("(2,)", "True")),
    "a string for a shape": npy_file(FLOATS.replace("(2,)", "'2'")),
    "a dimension that begins with 0": npy_file(FLOATS.replace("(2,)", "(02,)")),
    "a negative dimension": npy_file(FLOATS.replace("(2,)", "(-1,)")),
    "a huge dimension": npy_file(FLOATS.replace("(2,)", "(1099511627776,)")),
    "a dimension of many digits": npy_file(FLOATS.replace("(2,)", f"({'9' * 5000},)")),
    "dimensions whose product is 0 modulo 2**64": npy_file(FLOATS.replace("(2,)", "(4294967296, 4294967296)")),
    "a rank that NumPy has not": npy_file(FLOATS.replace("(2,)", f"({'1, ' * 70})")),
    "a zip that ends too early": ZIPPED[:-9],
    "a zip without its middle": ZIPPED[:200] + ZIPPED[300:],
    "a zip with another member": ZIPPED.replace(b"a.npy", b"b.npy", 1),
    "a zip with flipped bits": ZIPPED[:100] + bytes([ZIPPED[100] ^ 255]) + ZIPPED[101:],
    "a zip by an unknown method": ZIPPED.replace(struct.pack("<HHH", 20, 0, 8), struct.pack("<HHH", 20, 0, 77)),
    "a zip with a password": ZIPPED.replace(struct.pack("<HHH", 20, 0, 8), struct.pack("<HHH", 20, 1, 8)),
    "a zip of no array": npz_file(("a.npy", b"hello")),
    "a zip of two arrays of one name": npz_file(("a.npy", ONE), ("b.npy", ONE)).replace(b"b.npy", b"a.npy"),
    "an array in a zip that ends too early": npz_file(("a.npy", ONE[:-1])),
    "a zip with a huge size": ZIPPED.replace(struct.pack("<I", 8128), struct.pack("<I", 2**32 - 2)),
}


@pytest.mark.parametrize("name", DAMAGED_ND)
def test_a_damaged_file_of_nd_s_format_is_an_error_of_mxnet_s(tmp_path, name):
    with pytest.raises(MXNetError, match="Invalid"):
        nd.load_frombuffer(DAMAGED_ND[name])
    (tmp_path / "file").write_bytes(DAMAGED_ND[name])
    for load in (nd.load, npx.load):
        with pytest.raises(MXNetError, match="Invalid"):
            load(str(tmp_path / "file"))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", DAMAGED_NUMPY)
def test_a_damaged_file_of_numpy_s_formats_is_an_error_of_mxnet_s(tmp_path, name):
    (tmp_path / "file").write_bytes(DAMAGED_NUMPY[name])
    with pytest.raises(MXNetError, match="Invalid"):
        npx.load(str(tmp_path / "file"))


@pytest.mark.parametrize("whole", [nd_file(), ONE, npz_file(("a.npy", ONE), method=zipfile.ZIP_STORED), ZIPPED])
def test_a_file_may_end_anywhere(tmp_path, whole):
    for end in [*range(min(len(whole), 300)), len(whole) - 1]:
        (tmp_path / "file").write_bytes(whole[:end])
        with pytest.raises(MXNetError):
            npx.load(str(tmp_path / "file"))


def test_sparse_arrays_in_npz_files_are_refused(tmp_path):
    members = [(f"x/{name}.npy", ONE) for name in ("format", "data", "indices", "shape")]
    (tmp_path / "file").write_bytes(npz_file(*members))
    with pytest.raises(NotImplementedError, match="sparse"):
        npx.load(str(tmp_path / "file"))


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<f2", ">f2", "|i1", "|u1", "<i2", ">i4", "<i8", "<u2",
                                   "<u4", ">u8", "|b1"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 3), (1, 1, 4)])
@pytest.mark.parametrize("order", "CF")
def test_npx_loads_what_numpy_saves(tmp_path, dtype, shape, order):
    values = numpy.asarray(numpy.arange(numpy.prod(shape)).reshape(shape).astype(dtype), order=order)
    for version in (1, 0), (2, 0), (3, 0):
        with open(tmp_path / "file", "wb") as file:
            numpy.lib.format.write_array(file, values, version)
        loaded = npx.load(str(tmp_path / "file"))
        assert loaded.dtype == values.dtype.newbyteorder("=") and loaded.shape == shape
        numpy.testing.assert_array_equal(loaded.asnumpy(), values)
        numpy.testing.assert_array_equal((loaded + loaded).asnumpy(), values + values)


def test_an_npz_file_may_have_folders_and_other_files(tmp_path):
    """As MXNet 2.0.0b1: other members are skipped, and names keep their folders."""
    (tmp_path / "file").write_bytes(npz_file(("a/b/c.npy", ONE), (".npy", ONE), ("note.text", b"hi"), ("x.NPY", ONE)))
    loaded = npx.load(str(tmp_path / "file"))
    assert {name: x.asnumpy().tolist() for name, x in loaded.items()} == {"a/b/c": [1, 1, 1], "": [1, 1, 1]}


def test_bools_of_other_bytes_are_true(tmp_path):
    (loaded,) = nd.load_frombuffer(nd_file(shape=(4,), kind=7, elements=b"\0\1\2\xff", names=bytes(8)))
    assert loaded.asnumpy().view("uint8").tolist() == [0, 1, 1, 1]
    (tmp_path / "file").write_bytes(npy(numpy.frombuffer(b"\0\1\2\xff", bool)))
    assert npx.load(str(tmp_path / "file")).asnumpy().view("uint8").tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("kind", ["f4", "f8", "i4", "i8"])
def test_a_foreign_byte_order_is_the_machine_s_inside(kind):
    foreign = numpy.dtype(kind).newbyteorder(">" if sys.byteorder == "little" else "<")
    values = numpy.array([1, 2, 300], foreign)
    made = [np.array(values, dtype=foreign), np.array(values, dtype=kind), nd.array(values, dtype=foreign),
            nd.array(values, dtype=kind), np.ones(3).astype(foreign) * values.astype(kind),
            nd.zeros(3, dtype=foreign) + nd.array(values, dtype=kind)]
    for x in made:
        for _ in range(4):
            assert x.dtype == numpy.dtype(kind) and (x * x + 1).asnumpy().tolist() == [2, 5, 90001]


def test_a_shape_beyond_the_address_space_is_refused():
    """An array of no elements whose other sizes no array can have, as a damaged file may claim."""
    head = struct.pack("<QQQIii3qiii", 0x112, 0, 1, 0xF993FACA, 0, 3, 0, 2**40, 2**40, 1, 0, 0)
    with pytest.raises(MXNetError, match="the shape"):
        nd.load_frombuffer(head + struct.pack("<Q", 0))


@pytest.mark.parametrize("active, version", [(False, 0xF993FAC9), (True, 0xF993FACA)])
def test_the_version_of_arrays_is_that_of_the_shapes_meaning(tmp_path, active, version):
    """As 1.9.1 and 2.0.0b1 write: under np_shape version 3, which each reads only there."""
    path = str(tmp_path / "file")
    with util.np_shape(active):
        nd.save(path, [nd.ones((2, 3))])
    with open(path, "rb") as file:
        assert struct.unpack("<I", file.read()[24:28])[0] == version
    assert nd.load(path)[0].shape == (2, 3)


def test_what_is_no_path_and_no_bytes():
    with pytest.raises(TypeError, match="fname required to be a string"):
        nd.load(3)
    with pytest.raises(MXNetError, match="give the file's bytes"):
        nd.load_frombuffer("abc")

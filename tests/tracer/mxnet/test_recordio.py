"""mx.recordio: files of real MXNet byte for byte, broken files, pickling, processes and threads."""
from __future__ import annotations

import base64
import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as onp
import pytest
from oracle import pictures

import tracer
from tracer import recordio
from tracer.base import MXNetError

STORED = json.loads(pictures.DATA.read_text())
RECORDS, INDEX = (base64.b64decode(text) for text in STORED["records"])


@pytest.fixture
def files(tmp_path):
    """The index and the records that real MXNet has written."""
    for name, data in (("data.rec", RECORDS), ("data.idx", INDEX)):
        (tmp_path / name).write_bytes(data)
    return [str(tmp_path / name) for name in ("data.idx", "data.rec")]


def test_written_files_are_real_mxnets(tmp_path):
    assert pictures.write_records(tracer, tmp_path) == (RECORDS, INDEX)


def test_files_of_real_mxnet_are_read(files):
    record = recordio.MXIndexedRecordIO(*files, "r")
    assert record.keys == list(range(len(pictures.RECORDS) + 2))
    for i in reversed(range(len(pictures.RECORDS))):
        assert record.read_idx(i) == pictures.RECORDS[i]
    assert record.read() == pictures.RECORDS[1]  # the one after the last that was read
    header, data = recordio.unpack(record.read_idx(len(pictures.RECORDS) + 1))
    assert (header.flag, header.label.tolist(), header.id, header.id2, data) == (3, [1, 2, 3], 7, 9, b"image")
    every = recordio.MXRecordIO(files[1], "r")
    for _ in range(2):
        assert [every.read() for _ in pictures.RECORDS] == pictures.RECORDS
        every.reset()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_truncated_file_names_the_place(tmp_path, cut):
    path = tmp_path / "short.rec"
    path.write_bytes(RECORDS[:-cut])
    record = recordio.MXRecordIO(str(path), "r")
    with pytest.raises(MXNetError, match=r"short.rec, at byte \d+"):
        while record.read() is not None:
            pass


def test_hostile_length_allocates_nothing(tmp_path):
    path = tmp_path / "large.rec"
    path.write_bytes(pictures.MAGIC + (2 ** 29 - 1).to_bytes(4, "little") + b"....")
    with pytest.raises(MXNetError, match="at byte 0: a record of 536870911 bytes in a file of 12"):
        recordio.MXRecordIO(str(path), "r").read()
    for number in (1, 2, 3):  # a record that is never ended, and parts without a beginning
        path.write_bytes(pictures.MAGIC + (number << 29).to_bytes(4, "little"))
        with pytest.raises(MXNetError, match="at byte"):
            recordio.MXRecordIO(str(path), "r").read()


@pytest.mark.parametrize("line", ["x\t0", "1", "1\ty", ""])
def test_malformed_index_names_the_line(files, line):
    with open(files[0], "a") as file:
        file.write(line + "\n")
    with pytest.raises(MXNetError, match=f"line {len(pictures.RECORDS) + 3}"):
        recordio.MXIndexedRecordIO(*files, "r")


def test_index_beyond_the_file(files):
    Path(files[0]).write_text("0\t100000\n")
    with pytest.raises(MXNetError, match="key 0 at byte 100000"):
        recordio.MXIndexedRecordIO(*files, "r").read_idx(0)


def test_short_records_with_headers():
    with pytest.raises(MXNetError, match="at least 24 bytes"):
        recordio.unpack(b"short")
    with pytest.raises(MXNetError, match="3 labels"):
        recordio.unpack(recordio.pack((0, [1, 2, 3], 0, 0), b"")[:-1])


def test_wrong_uses(files):
    record = recordio.MXIndexedRecordIO(*files, "r")
    with pytest.raises(KeyError):
        record.read_idx(99)
    for use in (lambda: record.write(b""), record.tell):
        with pytest.raises(AssertionError):
            use()
    with pytest.raises(ValueError, match="Invalid flag a"):
        recordio.MXRecordIO(files[1], "a")
    with pytest.raises(FileNotFoundError) as caught:
        recordio.MXRecordIO(files[1] + "x", "r")
    assert isinstance(caught.value, MXNetError)
    record.close()
    with pytest.raises(MXNetError, match="closed"):
        record.read()


def test_pickled_reader_and_writer(files, tmp_path):
    record = recordio.MXIndexedRecordIO(*files, "r")
    again = pickle.loads(pickle.dumps(record))
    assert again.read_idx(8) == record.read_idx(8) == pictures.RECORDS[8]
    writer = recordio.MXRecordIO(str(tmp_path / "new.rec"), "w")
    writer.write(b"lost")  # as in MXNet, a writer begins again
    pickle.loads(pickle.dumps(writer)).close()
    assert recordio.MXRecordIO(str(tmp_path / "new.rec"), "r").read() is None


def test_forked_process_reads_by_index_only(files):
    record = recordio.MXIndexedRecordIO(*files, "r")
    child = os.fork()
    if not child:
        try:
            record.read()
        except RuntimeError:
            os._exit(0 if record.read_idx(8) == pictures.RECORDS[8] else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert record.read_idx(2) == pictures.RECORDS[2]


def test_threads_read_together(files):
    record = recordio.MXIndexedRecordIO(*files, "r")
    with ThreadPoolExecutor(4) as pool:
        wanted = [i % len(pictures.RECORDS) for i in range(400)]
        assert list(pool.map(record.read_idx, wanted)) == [pictures.RECORDS[i] for i in wanted]


@pytest.mark.parametrize(("suffix", "quality"), [(".png", 95), (".PNG", 3), (".bmp", 95), (".jpg", 100), (".JPEG", 95)])
@pytest.mark.parametrize("channels", [1, 3])
def test_packed_pictures(suffix, quality, channels):
    image = pictures.picture()[:, :24] if channels == 3 else pictures.picture()[:, :24, 0]
    header, found = recordio.unpack_img(recordio.pack_img((0, 2.0, 5, 0), image, quality, suffix))
    assert (header.label, header.id, found.shape) == (2.0, 5, image.shape)
    distance = abs(found.astype(int) - image)
    assert distance.max() == 0 if suffix.lower() in (".png", ".bmp") else distance.mean() < 12
    assert recordio.unpack_img(recordio.pack_img((0, 0.0, 0, 0), image, 9, ".png"), 0)[1].ndim == 2
    assert recordio.unpack_img(recordio.pack_img((0, 0.0, 0, 0), image, 9, ".png"), 1)[1].shape == (20, 24, 3)


def test_pictures_that_cannot_be_packed():
    with pytest.raises(MXNetError, match=r"'\.xyz'"):
        recordio.pack_img((0, 0.0, 0, 0), pictures.picture(), 95, ".xyz")
    with pytest.raises(MXNetError, match="float64"):
        recordio.pack_img((0, 0.0, 0, 0), onp.ones((3, 3)))

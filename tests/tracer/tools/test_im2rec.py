"""python -m tracer.tools.im2rec: lists and record files of folders of pictures."""
from __future__ import annotations

import pytest
from oracle import pictures

from tracer import io, recordio
from tracer.picture_files import encode
from tracer.tools import im2rec


@pytest.fixture
def folder(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / "root" / name).mkdir(parents=True)
        for i in range(5):
            (tmp_path / "root" / name / f"{i}.png").write_bytes(encode(pictures.picture() + 3 * i, ".png"))
    (tmp_path / "root" / "cats" / "notes.txt").write_text("no picture")
    return tmp_path


def test_lists(folder, capsys):
    prefix, root = str(folder / "all"), str(folder / "root")
    im2rec.main([prefix, root, "--list", "--recursive", "--no-shuffle"])
    lines = (folder / "all.lst").read_text().splitlines()
    assert lines[0] == "0\t0.000000\tcats/0.png" and lines[9] == "9\t1.000000\tdogs/4.png" and len(lines) == 10
    assert capsys.readouterr().out.splitlines() == ["cats 0", "dogs 1"]
    im2rec.main([prefix, root + "/cats", "--list", "--chunks", "2", "--train-ratio", "0.4", "--test-ratio", "0.4"])
    parts = {path.name: len(path.read_text().splitlines()) for path in folder.glob("all_*.lst")}
    assert parts == {f"all_{i}_{kind}.lst": n for i in range(2) for kind, n in
                     (("train", 1), ("test", 1), ("val", 1 - i))}


def test_records_are_those_of_the_pictures(folder, capsys):
    prefix, root = str(folder / "all"), str(folder / "root")
    im2rec.main([prefix, root, "--list", "--recursive"])
    with open(folder / "all.lst", "a") as file:
        file.write("77\t1\tcats/none.png\nbad line\nx\t1\tcats/0.png\n")
    im2rec.main([prefix, root, "--encoding", ".png", "--quality", "3", "--num-thread", "3"])
    printed = capsys.readouterr()
    assert "10 pictures" in printed.out and "only has 1 parts" in printed.out and "detail" in printed.out
    assert "cats/none.png" in printed.err
    found = recordio.MXIndexedRecordIO(prefix + ".idx", prefix + ".rec", "r")
    lines = [line.split("\t") for line in (folder / "all.lst").read_text().splitlines()[:10]]
    assert found.keys == [int(line[0]) for line in lines]
    for number, label, name in lines:
        header, picture = recordio.unpack_img(found.read_idx(int(number)))
        assert header.label == float(label) and (picture == pictures.picture() + 3 * int(name[5])).all()
    batches = io.ImageRecordIter(path_imgrec=prefix + ".rec", data_shape=(3, 16, 16), batch_size=5)
    assert sum(1 for _ in batches) == 2


@pytest.mark.parametrize(("options", "shape"), [
    (["--resize", "10"], (10, 13, 3)), (["--center-crop"], (20, 20, 3)), (["--color", "0", "--resize", "8"], (8, 10)),
    (["--center-crop", "--resize", "40"], (40, 40, 3)), (["--pass-through"], (20, 27, 3))])
def test_changed_pictures(folder, options, shape):
    (folder / "one.lst").write_text("3\t1\t2\tcats/0.png\n")
    im2rec.main([str(folder / "one"), str(folder / "root"), *options, "--pack-label"])
    header, picture = recordio.unpack_img(recordio.MXRecordIO(str(folder / "one.rec"), "r").read())
    assert picture.shape == shape and header.label.tolist() == [1, 2] and header.id == 3


def test_no_list_says_so(folder, capsys):
    im2rec.main([str(folder / "none"), str(folder / "root")])
    assert "Did not find" in capsys.readouterr().out

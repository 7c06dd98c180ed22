"""Store real MXNet's answers about pictures and record files in tests/data/pictures.json.

python tests/oracle/pictures.py MX191/bin/python        (this Python has Pillow, which makes the pictures)

tests/tracer/image/test_picture_answers.py runs tracer through `answers`; arrays are stored by `packed`.
"""
from __future__ import annotations

import base64
import io
import json
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy

DATA = Path(__file__).resolve().parents[1] / "data" / "pictures.json"
MAGIC = struct.pack("<I", 0xCED7230A)
#: Records, some with the mark of a record's beginning in them.
RECORDS = [b"", b"a", b"abcd", MAGIC, MAGIC * 2, b"x" + MAGIC, b"abcd" + MAGIC + b"ef",
           MAGIC + b"q" * 7 + b"\0" + MAGIC, bytes(range(256))]
LABELS = [3.5, [1.0, 2.0, 3.0]]
RANDOM = [("flip_left_right", ()), ("brightness", (0.5, 1.5)), ("contrast", (0.5, 1.5)), ("saturation", (0.5, 1.5)),
          ("hue", (0.2, 0.9)), ("lighting", (0.3,)), ("color_jitter", (0.3, 0.3, 0.3, 0.2)),
          ("color_jitter", (0.3, 0, 0, 0))]
SIZES = ((13, 10), (27, 20), (31, 23), (9, 20), (7, 25), (93, 52))


def picture() -> numpy.ndarray:
    """A picture of waves and noise, (20, 27, 3)."""
    y, x = numpy.mgrid[:20, :27]
    waves = numpy.stack([127 + 100 * numpy.sin(x / 7 + y / 5), 127 + 100 * numpy.cos(x / 5 - y / 9), x * 7 + y * 3], -1)
    noise = numpy.random.RandomState(3).randint(-12, 12, waves.shape)
    return numpy.clip(waves + noise, 0, 255).astype("uint8")


def files() -> dict[str, bytes]:
    """Files with the picture, in formats and modes."""
    from PIL import Image

    plain = Image.fromarray(picture())
    turned = Image.Exif()
    turned[274] = 6
    kinds = {"a.jpg": (plain, {"quality": 90}), "full.jpg": (plain, {"subsampling": 0}),
             "gray.jpg": (plain.convert("L"), {}),
             "turned.jpg": (plain, {"exif": turned}), "late.jpg": (plain, {"progressive": True}), "a.png": (plain, {}),
             "gray.png": (plain.convert("L"), {}), "palette.png": (plain.convert("P"), {}),
             "clear.png": (plain.convert("RGBA"), {}), "bit.png": (plain.convert("1"), {}),
             "long.png": (Image.fromarray(picture()[..., 0].astype("uint16") * 257 + 13), {}), "a.bmp": (plain, {}),
             "a.tif": (plain, {})}
    made = {}
    for name, (image, settings) in kinds.items():
        file = io.BytesIO()
        image.save(file, {"jpg": "JPEG", "png": "PNG", "bmp": "BMP", "tif": "TIFF"}[name.split(".")[1]], **settings)
        made[name] = file.getvalue()
    return made


#: Settings of iterators over record files: the class, the parameters, and by how much pixels may differ.
ITERATORS = {
    "plain": ("ImageRecordIter", {}, 0), "short": ("ImageRecordIter", {"resize": 14, "inter_method": 9}, 0),
    "normal": ("ImageRecordIter", {"mean_r": 100, "mean_g": 110, "mean_b": 120, "std_r": 2, "std_g": 3, "std_b": 4,
                                   "scale": 0.5}, 0),
    "mirror": ("ImageRecordIter", {"mirror": True, "pad": 2, "fill_value": 7}, 0),
    "turned": ("ImageRecordIter", {"rotate": 30, "fill_value": 9}, 1),
    "scaled": ("ImageRecordIter", {"max_random_scale": 0.9, "min_random_scale": 0.9}, 1),
    "part": ("ImageRecordIter", {"max_crop_size": 11, "min_crop_size": 11}, 0),
    "bytes": ("ImageRecordUInt8Iter", {}, 0),
    "signed": ("ImageRecordInt8Iter", {"mean_r": 100, "mean_g": 110, "mean_b": 120}, 0),
    "boxes": ("ImageDetRecordIter", {}, 0),
    "short boxes": ("ImageDetRecordIter", {"resize": 10, "inter_method": 2, "std_r": 2}, 1),
    "fitting boxes": ("ImageDetRecordIter", {"resize_mode": "fit", "inter_method": 9}, 0),
    "small boxes": ("ImageDetRecordIter", {"resize_mode": "shrink", "data_shape": (3, 30, 36)}, 0),
    "uncut boxes": ("ImageDetRecordIter", {"rand_crop_prob": 1.0, "min_crop_overlaps": 0.999, "scale": 0.5}, 0),
    "mirrored boxes": ("ImageDetRecordIter", {"label_pad_width": 30, "rand_mirror_prob": 1.0, "mean_r": 10}, 0),
}


def write_pictures(mx, folder: Path, given: dict[str, bytes]) -> None:
    """Write two record files with five of the pictures: one with labels, one with boxes."""
    names = [name for name in sorted(given) if name.startswith(("a.", "full", "gray.png", "late"))][:5]
    for kind in ("labels", "boxes"):
        record = mx.recordio.MXIndexedRecordIO(str(folder / f"{kind}.idx"), str(folder / f"{kind}.rec"), "w")
        for i, name in enumerate(names):
            boxes = [[k, 0.1, 0.2, 0.5 + 0.1 * k, 0.9] for k in range(1 + i % 3)]
            label = float(i) if kind == "labels" else [4, 5, 20, 27, *sum(boxes, [])]
            record.write_idx(i, mx.recordio.pack(mx.recordio.IRHeader(0, label, i, 0), given[name]))
        record.close()


def iterated(mx, folder: Path, name: str) -> list[tuple]:
    """The batches of two epochs: pad, data and labels."""
    kind, settings, _ = ITERATORS[name]
    path = folder / ("boxes.rec" if "Det" in kind else "labels.rec")
    given = {"path_imgrec": str(path), "data_shape": (3, 12, 16), "batch_size": 3, "preprocess_threads": 1, **settings}
    batches = getattr(mx.io, kind)(**given)
    found = []
    for _ in range(2):
        found += [(batch.pad, batch.data[0].asnumpy(), batch.label[0].asnumpy()) for batch in batches]
        batches.reset()
    return found


def packed(array: numpy.ndarray) -> list:
    """An array as text: its dtype, its shape, and its bytes."""
    return [array.dtype.name, list(array.shape), base64.b64encode(zlib.compress(array.tobytes(), 9)).decode()]


def unpacked(stored: list) -> numpy.ndarray:
    """The array of such a text."""
    dtype, shape, text = stored
    return numpy.frombuffer(zlib.decompress(base64.b64decode(text)), dtype).reshape(shape)


def answers(mx, given: dict[str, bytes]) -> dict[str, numpy.ndarray]:
    """The pictures that MXNet makes of the files, and of the picture itself."""
    found = {}
    for name, data in given.items():
        for flag in (0, 1):
            found[f"{name} {flag}"] = mx.image.imdecode(data, flag=flag).asnumpy()
    found["a.jpg blue"] = mx.image.imdecode(given["a.jpg"], to_rgb=0).asnumpy()
    for dtype in ("uint8", "float32"):
        x = mx.nd.array(picture(), dtype=dtype)
        for w, h in SIZES:
            for interp in range(5):
                found[f"resize {dtype} {w} {h} {interp}"] = mx.image.imresize(x, w, h, interp=interp).asnumpy()
        found[f"short {dtype}"] = mx.image.resize_short(x, 9).asnumpy()
        for size in (11, (11, 7)):
            for keep in (False, True):
                found[f"op {dtype} {size} {keep}"] = mx.nd.image.resize(x, size, keep, 1).asnumpy()
        for kind in (0, 1, 2, 3, 4, 16):
            found[f"border {dtype} {kind}"] = mx.image.copyMakeBorder(x, 1, 2, 3, 4, kind, values=(1, 2, 3)).asnumpy()
        x = x[:8, :10]  # MXNet's flips leave the middle column of an odd number unwritten
        for seed in range(3):
            for i, (name, arguments) in enumerate(RANDOM):
                mx.random.seed(seed)
                made = getattr(mx.nd.image, f"random_{name}")(x, *arguments)
                found[f"random {dtype} {name} {i} {seed}"] = made.asnumpy()
        found[f"lighting {dtype}"] = mx.nd.image.adjust_lighting(x, (0.1, -0.2, 0.3)).asnumpy()
    for dtype in ("uint8", "int32", "float16"):
        x = mx.nd.array(picture().transpose(2, 0, 1), dtype=dtype)
        found[f"normalize {dtype}"] = mx.nd.image.normalize(x, (1, 50, 5.5), (2, -3, 0.75)).asnumpy()
    x = mx.nd.array(picture().transpose(2, 0, 1)[:, :12, :15], dtype="float32")
    for settings in ({}, {"zoom_in": True}, {"zoom_out": True}):
        found[f"rotate {settings}"] = mx.image.imrotate(x, 30, **settings).asnumpy()
    return found


def write_records(mx, folder: Path) -> tuple[bytes, bytes]:
    """Write the records with MXNet; returns the bytes of the file and of its index."""
    paths = [str(folder / name) for name in ("data.idx", "data.rec")]
    record = mx.recordio.MXIndexedRecordIO(*paths, "w")
    every = RECORDS + [mx.recordio.pack(mx.recordio.IRHeader(0, label, 7, 9), b"image") for label in LABELS]
    for i, data in enumerate(every):
        record.write_idx(i, data)
    record.close()
    return Path(paths[1]).read_bytes(), Path(paths[0]).read_bytes()


def ask() -> None:
    """Print this process's MXNet's answers to the files on standard input, as JSON."""
    import mxnet as mx

    given = {name: base64.b64decode(text) for name, text in json.load(sys.stdin).items()}
    with tempfile.TemporaryDirectory() as folder:
        records = [base64.b64encode(data).decode() for data in write_records(mx, Path(folder))]
        write_pictures(mx, Path(folder), given)
        batches = {name: [(pad, packed(data), packed(label)) for pad, data, label in iterated(mx, Path(folder), name)]
                   for name in ITERATORS}
    print(json.dumps({"records": records, "pictures": {k: packed(v) for k, v in answers(mx, given).items()},
                      "batches": batches}))


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask()
    else:
        stored = {name: base64.b64encode(data).decode() for name, data in files().items()}
        run = subprocess.run([sys.argv[1], __file__, "--ask"], input=json.dumps(stored), capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        DATA.write_text(json.dumps({"files": stored, **json.loads(run.stdout.splitlines()[-1])}, indent=0) + "\n")

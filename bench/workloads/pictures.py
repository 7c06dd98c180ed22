"""An epoch over a record file of 128 JPEG pictures of 256x256: decoded, cut to 224x224, normalized, batches of 32.

tracer and MXNet read it by ImageRecordIter with two threads, PyTorch by a loader with two worker processes, which have
the records in memory and decode them by Pillow.
"""
from __future__ import annotations

import io
import struct

import numpy as np

from bench import files

COUNT, BATCH, SIDE, PART = 128, 32, 256, 224
MEAN, STD = (123.68, 116.28, 103.53), (58.395, 57.12, 57.375)
CASES: dict = {"jpeg-224": {}}
TOLERANCE = 1e-6
HYBRID = COMPILED = False
BY_HAND = list(CASES)


def inputs(random):
    # smooth pictures with some noise: their files have the size of photographs
    waves = random.rand(COUNT, 3, 3)
    noise = random.randint(0, 24, (COUNT, SIDE, SIDE, 3))
    path = files.made("pictures.rec", lambda path: _write(path, waves, noise))
    return {"path": path, "file": np.memmap(path, np.uint8, "r")}


def _write(path, waves, noise):
    from PIL import Image
    y, x = np.mgrid[:SIDE, :SIDE][..., None] / SIDE
    with open(str(path), "wb") as file:
        for i in range(COUNT):
            a, b, c = waves[i][:, None, None]
            picture = 115 + 110 * np.sin(20 * a * x + 9 * b * y + 6 * c) + noise[i]
            jpeg = io.BytesIO()
            Image.fromarray(picture.clip(0, 255).astype("uint8")).save(jpeg, "jpeg", quality=90)
            record = struct.pack("<IfQQ", 0, i % 10, i, 0) + jpeg.getvalue()
            file.write(struct.pack("<II", 0xCED7230A, len(record)) + record + bytes(-len(record) % 4))


def _records(data):
    """The labels and JPEG files of the records."""
    raw, at, found = data.file.tobytes(), 0, []
    while at < len(raw):
        length = struct.unpack_from("<I", raw, at + 4)[0]
        found.append((struct.unpack_from("<f", raw, at + 12)[0], raw[at + 32:at + 8 + length]))
        at += 8 + -(-length // 4) * 4
    return found


def _pixels(jpeg):
    """The middle of a picture, as Pillow decodes it."""
    from PIL import Image
    edge = (SIDE - PART) // 2
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB").crop((edge, edge, edge + PART, edge + PART)))


def in_numpy(data):
    records = _records(data)

    def step():
        made = []
        for start in range(0, COUNT, BATCH):
            batch = records[start:start + BATCH]
            pixels = np.stack([_pixels(jpeg) for _, jpeg in batch]).astype("float64")
            made += [((pixels - MEAN) / STD).transpose(0, 3, 1, 2), np.array([label for label, _ in batch])]
        return made

    return step


def in_mxnet(data, block):
    import mxnet as mx
    settings = {f"{kind}_{colour}": value for kind, values in (("mean", MEAN), ("std", STD))
                for colour, value in zip("rgb", values)}
    with mx.util.np_array(False), mx.util.np_shape(False):
        batches = mx.io.ImageRecordIter(path_imgrec=data.path, data_shape=(3, PART, PART), batch_size=BATCH,
                                        preprocess_threads=2, **settings)

    def step():
        with mx.util.np_array(False), mx.util.np_shape(False):
            batches.reset()
            return [array.copy() for batch in batches for array in (batch.data[0], batch.label[0])]

    return step


def in_torch(data, engine):
    import torch
    records = _records(data)
    mean, std = torch.tensor(MEAN).view(-1, 1, 1), torch.tensor(STD).view(-1, 1, 1)

    class Pictures(torch.utils.data.Dataset):
        """The pictures, decoded by Pillow, with the arithmetic of torchvision, and the labels."""

        def __len__(self):
            return COUNT

        def __getitem__(self, index):
            label, jpeg = records[index]
            picture = torch.from_numpy(_pixels(jpeg).copy()).permute(2, 0, 1).contiguous().to(torch.float32)
            return picture.sub_(mean).div_(std), label

    loader = torch.utils.data.DataLoader(Pictures(), BATCH, num_workers=2, persistent_workers=True)
    return lambda: [tensor for batch in loader for tensor in batch]

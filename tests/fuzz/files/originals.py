"""Files that are mutated: drawn ones of arrays and records, written without tracer, and some that it or MXNet wrote."""
from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from functools import cache

import numpy as np
from places import TESTS

import tracer as mx
from tracer import nd, sym
from tracer.ndarray.files import dumps

from .references import MAGIC, TYPES


def draw_array(rng: random.Random) -> np.ndarray:
    shape = [rng.choice([0, 1, 2, 3, 5]) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
    size = int(np.prod(shape))
    kind = np.dtype(rng.choice(TYPES))
    values = np.frombuffer(rng.randbytes(size * kind.itemsize), kind).reshape(shape)
    return values.view(np.uint8) % 2 == 1 if kind.kind == "b" else values


def nd_array(rng: random.Random, x: np.ndarray) -> bytes:
    """An array in one of the formats that MXNet has had."""
    version = rng.choice("0123") if x.ndim and x.size else "3"
    tail = struct.pack("<iii", 1, 0, TYPES.index(x.dtype.name)) + x.tobytes()
    if version == "0":
        return struct.pack(f"<I{x.ndim}I", x.ndim, *x.shape) + tail
    if version == "1":
        return struct.pack(f"<Ii{x.ndim}q", 0xF993FAC8, x.ndim, *x.shape) + tail
    return struct.pack(f"<Iii{x.ndim}q", 0xF993FAC9 if version == "2" else 0xF993FACA, 0, x.ndim, *x.shape) + tail


def nd_file(rng: random.Random) -> bytes:
    arrays = [draw_array(rng) for _ in range(rng.randrange(4))]
    names = [rng.choice(["w", "fc1_weight", "arg:a/b/c", "ü", ""]) + str(i) for i in range(len(arrays))]
    data = struct.pack("<QQQ", 0x112, 0, len(arrays)) + b"".join(nd_array(rng, x) for x in arrays)
    if rng.random() < 0.3:
        return data + struct.pack("<Q", 0)
    texts = [name.encode() for name in names]
    return data + struct.pack("<Q", len(texts)) + b"".join(struct.pack("<Q", len(t)) + t for t in texts)


def npy_file(rng: random.Random) -> bytes:
    x = draw_array(rng)
    if rng.random() < 0.2:
        x = x.astype(x.dtype.newbyteorder(">"))
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asfortranarray(x) if rng.random() < 0.3 else x, rng.choice([(1, 0), (2, 0)]))
    return file.getvalue()


def npz_file(rng: random.Random) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for name in rng.sample(["arr_0.npy", "a/b/c.npy", "w.npy", "notes.txt", ".npy"], rng.randrange(4)):
            archive.writestr(name, npy_file(rng))
    return file.getvalue()


def record_file(rng: random.Random) -> bytes:
    """Records with and without headers, some of them in parts."""
    made = b""
    for _ in range(rng.randrange(5)):
        record = rng.randbytes(rng.choice([0, 1, 4, 30, 64]))
        if rng.random() < 0.6:
            labels = rng.choice([0, 0, 1, 3])
            head = struct.pack("<IfQQ", labels, rng.random(), rng.randrange(99), 0)
            record = head + rng.randbytes(4 * labels) + record
        parts = [record] if rng.random() < 0.7 else [record[:8], record[8:20], record[20:]][:rng.choice([2, 3])]
        for i, part in enumerate(parts):
            kind = 0 if len(parts) == 1 else 1 if i == 0 else 3 if i == len(parts) - 1 else 2
            made += struct.pack("<II", MAGIC, kind << 29 | len(part)) + part + bytes(-len(part) % 4)
    return made


@cache
def sparse_files() -> list[bytes]:
    """Files of sparse arrays, that 1.9.1 wrote, and of mixed ones."""
    made = {"rows": nd.sparse.row_sparse_array(([[1, 2], [3, 4]], [0, 2]), shape=(4, 2)),
            "cells": nd.sparse.csr_matrix(([1, 2, 3], [0, 2, 1], [0, 2, 2, 3]), shape=(3, 3)), "dense": nd.ones((2, 3))}
    return [path.read_bytes() for path in sorted((TESTS / "data").glob("sparse*.params"))] + [dumps(made)]



@cache
def symbol_files() -> list[bytes]:
    """Graphs that 1.9.1 and 2.0 wrote, one with control flow, and one in the form of 0.8."""
    data = sym.Variable("data", shape=(2, 3), init=mx.init.One(), lr_mult=2)
    made = sym.FullyConnected(sym.Activation(data, act_type="relu", name="act"), num_hidden=4, name="fc")
    total, _ = sym.contrib.foreach(lambda x, s: (x + s[0], [x + s[0]]), data, [sym.Variable("start")])
    none = {"inputs": [], "backward_source_id": -1}
    old = {"nodes": [{"op": "null", "param": {}, "name": "data", **none},
                     {"op": "null", "param": {}, "name": "w", "attr": {"lr_mult": "0.2"}, **none},
                     {"op": "FullyConnected", "param": {"no_bias": "True", "num_hidden": "4"}, "name": "fc", **none,
                      "inputs": [[0, 0], [1, 0]]}], "arg_nodes": [0, 1], "heads": [[2, 0]]}
    names = ("mlp", "lenet", "mixed", "two_mlp", "two_norms", "cell")
    return [(TESTS / "data" / "exported" / f"{name}-symbol.json").read_bytes() for name in names] + [
        sym.SoftmaxOutput(made, name="softmax").tojson().encode(), total.tojson().encode(), json.dumps(old).encode()]


@cache
def state_files() -> list[bytes]:
    """States of several optimizers, some with the optimizer, of both kinds of arrays."""
    made = []
    for name, settings in (("sgd", {"momentum": 0.9}), ("adam", {}), ("ftrl", {}),
                           ("sgd", {"multi_precision": True, "momentum": 0.9,
                                    "lr_scheduler": mx.lr_scheduler.FactorScheduler(10)})):
        for is_np in (False, True):
            with mx.util.np_array(is_np):
                dtype = "float16" if "lr_scheduler" in settings else "float32"
                weight = (mx.np if is_np else nd).ones((2, 3), dtype=dtype)
                updater = mx.optimizer.get_updater(mx.optimizer.create(name, **settings))
                for index in range(2):
                    updater(index, weight, weight)
                made += [updater.get_states(dump_optimizer=False), updater.get_states(dump_optimizer=True)]
    return made

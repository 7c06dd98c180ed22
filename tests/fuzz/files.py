"""Mutations of files: each gives MXNetError or loads, and takes no more memory than the file can justify.

`python -m fuzz.files --count 1000000 --seed 1` (with PYTHONPATH=tests) runs many, and prints those that break the rule;
tests/system/test_file_mutations.py runs some.
"""
from __future__ import annotations

import argparse
import random
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

import tracer as mx
from tracer import nd, recordio, sym
from tracer.base import MXNetError

#: Bytes that a load may take: these, and so many for each byte of the file. A symbol's nodes take more than their text.
SLACK, EACH = 1 << 21, 400


def _params(path: Path) -> None:
    kinds = ("float32", "float16", "uint8", "int64", "bool", "float64")
    nd.save(str(path), {f"arg:{kind}": nd.array(np.arange(6).reshape(shape) % 2, dtype=kind)
                        for kind, shape in zip(kinds, ((6,), (2, 3), (1, 6), (3, 2), (6, 1, 1), (2, 3)))})


def _records(path: Path) -> None:
    record = recordio.MXRecordIO(str(path), "w")
    for data in (b"", b"record", bytes(range(64)), b"\x0a\x23\xd7\xce" * 3, recordio.pack((0, [1, 2], 3, 4), b"x")):
        record.write(data)
    record.close()


def _symbol(path: Path) -> None:
    data = sym.Variable("data", shape=(2, 3))
    made = sym.FullyConnected(sym.Activation(data, act_type="relu", name="act"), num_hidden=4, name="fc")
    sym.SoftmaxOutput(made, name="softmax").save(str(path))


def _states(path: Path) -> None:
    updater = mx.optimizer.get_updater(mx.optimizer.create("adam"))
    for index in range(2):
        updater(index, nd.ones((2, 3)), nd.ones((2, 3)))
    path.write_bytes(updater.get_states(dump_optimizer=False))


def _read_records(path: Path) -> None:
    record = recordio.MXRecordIO(str(path), "r")
    try:
        while (data := record.read()) is not None:
            recordio.unpack(data)
    finally:
        record.close()


def _read_states(path: Path) -> None:
    mx.optimizer.get_updater(mx.optimizer.create("adam")).set_states(path.read_bytes())


_LENGTHS = (0, 1, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 40, 2 ** 63, 2 ** 64 - 1)

#: The formats: a function that writes a file, and one that reads it.
FORMATS: dict[str, tuple[Callable[[Path], None], Callable[[Path], object]]] = {
    "params": (_params, lambda path: nd.load(str(path))), "rec": (_records, _read_records),
    "json": (_symbol, lambda path: sym.load(str(path))), "states": (_states, _read_states)}


def mutated(data: bytes, draw: random.Random) -> bytes:
    """The bytes with a few changes: of bytes, of lengths, cut off, repeated, put elsewhere."""
    made = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        at = draw.randrange(len(made) + 1)
        kind = draw.randrange(7)
        if kind == 0 and made:
            made[at % len(made)] = draw.randrange(256)
        elif kind == 1 and made:
            made[at % len(made)] ^= 1 << draw.randrange(8)
        elif kind == 2:
            del made[at:]
        elif kind == 3:
            del made[at:at + draw.randrange(1, 9)]
        elif kind == 4:
            made[at:at] = draw.randbytes(draw.randrange(1, 9))
        elif kind == 5:
            made[at:at + 8] = draw.choice(_LENGTHS).to_bytes(8, "little")
        else:
            start = draw.randrange(len(made) + 1)
            made[at:at] = made[start:start + draw.randrange(1, 40)]
    return bytes(made)


def broken(kind: str, original: bytes, path: Path, draw: random.Random, measured: bool) -> str | None:
    """The fault in the reading of one mutation; None if there is none.

    measured: whether the memory is watched, which takes time.
    """
    data = mutated(original, draw)
    path.write_bytes(data)
    if measured:
        tracemalloc.start()
    try:
        FORMATS[kind][1](path)
    except (MXNetError, NotImplementedError):
        pass
    except Exception as error:
        return f"{kind}: {type(error).__name__}: {error} for {data!r}"
    finally:
        peak = tracemalloc.get_traced_memory()[1] if measured else 0
        tracemalloc.stop()
    allowed = SLACK + EACH * len(data)
    return f"{kind}: {peak} bytes for a file of {len(data)}: {data!r}" if peak > allowed else None


def run(count: int, seed: int, measure_each: int = 20) -> list[str]:
    """The faults among so many mutations spread over the formats."""
    draw, found = random.Random(seed), []
    with tempfile.TemporaryDirectory() as folder:
        originals = {}
        for kind, (write, _) in FORMATS.items():
            write(Path(folder) / kind)
            originals[kind] = (Path(folder) / kind).read_bytes()
        for i in range(count):
            kind = list(FORMATS)[i % len(FORMATS)]
            wrong = broken(kind, originals[kind], Path(folder) / "mutated", draw, i // len(FORMATS) % measure_each == 0)
            if wrong is not None:
                found.append(wrong)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser("fuzz.files", description="Load mutated files.")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    failures = run(args.count, args.seed)
    print(*failures[:20], f"{len(failures)} of {args.count} mutations break the rule", sep="\n")
    raise SystemExit(bool(failures))

"""Damages files of arrays at random and loads them: each load gives the right arrays or raises MXNetError.

python tests/soak/files.py --count 20000 [--seed 1]

A file is in one of nd's four formats, a .npy or an .npz; it is truncated, flipped, overwritten, stretched or spliced.
The expected content is read by this script's own reader (nd), or by NumPy where tracer reads something (npy, npz).
A child process checks a few hundred files at a time, with limited memory and under an alarm: any other end of it than a
normal one is a failure too.
"""
from __future__ import annotations

import argparse
import io
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

TYPES = "float32 float64 float16 uint8 int32 int8 int64 bool int16 uint16 uint32 uint64".split()
NUMBERS = [0, 1, 2, 3, 5, 31, 32, 33, 64, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 0x112,
           0xF993FAC8, 0xF993FAC9, 0xF993FACA]
BATCH = 500


# ---- whole files ---------------------------------------------------------------------------------

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


# ---- damage --------------------------------------------------------------------------------------

def damage(rng: random.Random, data: bytes) -> bytes:
    """`data` with one to three kinds of damage."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(len(changed) + 1)
        kind = rng.randrange(8)
        if kind == 0:
            del changed[at:]
        elif kind == 1:
            for _ in range(rng.choice([1, 1, 2, 8])):
                if changed:
                    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        elif kind in (2, 3):  # a count, a size, a kind
            at, width = at // 4 * 4, rng.choice([4, 8])
            changed[at:at + width] = (rng.choice(NUMBERS) % 256**width).to_bytes(width, "little")
        elif kind == 4:
            changed[at:at] = rng.randbytes(rng.choice([1, 4, 8, 100]))
        elif kind == 5:
            del changed[at:at + rng.choice([1, 4, 8, 20])]
        elif kind == 6:
            start = rng.randrange(len(changed) + 1)
            changed[at:at] = changed[start:start + rng.choice([8, 24, 200])]
        else:  # other digits and letters in a header
            text = rng.choice([b"9" * 25, b"-1", b"'<c8'", b"'O'", b"((((", b"[[[[", b"1,", b"True", b"{", b"\\"])
            changed[at:at + len(text)] = text
    return bytes(changed)


# ---- the content of a damaged file ---------------------------------------------------------------

class Wrong(Exception):
    """The error of a damaged file."""


class Sparse(Exception):
    """The error of a file with sparse arrays."""


def read_nd(data: bytes) -> Any:
    """The arrays of a file in nd's format, read as MXNet does (src/ndarray/ndarray.cc)."""
    at = 0

    def integer(width: int, signed: bool = False) -> int:
        nonlocal at
        if at + width > len(data):
            raise Wrong
        at += width
        return int.from_bytes(data[at - width:at], "little", signed=signed)

    if integer(8) != 0x112:
        raise Wrong
    integer(8)
    arrays = []
    for _ in range(integer(8)):
        version = integer(4)
        if version in (0xF993FAC9, 0xF993FACA):
            storage = integer(4)
            if storage in (1, 2):
                raise Sparse
            if storage != 0:
                raise Wrong
        if version in (0xF993FAC8, 0xF993FAC9, 0xF993FACA):
            rank, width = integer(4, signed=True), 8
        else:
            rank, width = version, 4
        if version == 0xF993FAC9 and rank == 0:
            arrays.append(np.zeros(0, "float32"))
            continue
        if not 0 <= rank <= (len(data) - at) // width or version < 2**31 and rank > 32:
            raise Wrong
        shape = [integer(width, signed=width == 8) for _ in range(rank)]
        integer(8)
        kind, count = integer(4, signed=True), 1
        for n in shape:
            count *= n
        if min(shape, default=0) < 0 or not 0 <= kind < len(TYPES):
            raise Wrong
        dtype = np.dtype(TYPES[kind])
        if count * dtype.itemsize > len(data) - at:
            raise Wrong
        try:
            made = np.empty(shape, dtype)  # raises for shapes that NumPy refuses
        except ValueError:
            raise Wrong from None
        flat = made.reshape(-1)
        for i in range(count):
            cell = data[at + i * dtype.itemsize:at + (i + 1) * dtype.itemsize]
            flat[i] = cell != b"\0" if dtype.kind == "b" else np.frombuffer(cell, dtype)[0]
        at += count * dtype.itemsize
        arrays.append(made)
    names = []
    for _ in range(integer(8)):
        size = integer(8)
        if at + size > len(data):
            raise Wrong
        try:
            names.append(data[at:at + size].decode())
        except UnicodeDecodeError:
            raise Wrong from None
        at += size
    if names and len(names) != len(arrays):
        raise Wrong
    return dict(zip(names, arrays, strict=True)) if names else arrays


def same(x: np.ndarray, y: np.ndarray) -> bool:
    y = y.astype(y.dtype.newbyteorder("="))
    if y.dtype.kind == "b":
        y = (np.frombuffer(y.tobytes(), np.uint8) != 0).reshape(y.shape)
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


def equal(found: Any, wanted: Any) -> bool:
    """Whether tracer's arrays equal NumPy's, bit for bit."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and [*found] == [*wanted] and all(equal(found[k], wanted[k]) for k in found)
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(equal, found, wanted))
    return same(found.asnumpy(), wanted)


def by_numpy(data: bytes) -> Any:
    if data[:2] != b"PK":
        return np.load(io.BytesIO(data))
    with np.lib.npyio.NpzFile(io.BytesIO(data)) as archive:  # np.load checks two more of the first bytes
        return {name[:-4]: archive[name] for name in archive.zip.namelist() if name.endswith(".npy")}


# ---- the run -------------------------------------------------------------------------------------

def check(data: bytes, path: Path) -> str:
    """The verdict on a file: right, refused, or a description of the error."""
    from tracer import MXNetError, nd, npx

    path.write_bytes(data)
    numpys = data[:2] == b"PK" or data[:6] == b"\x93NUMPY"
    wanted: Any
    try:
        found = npx.load(str(path)) if numpys else nd.load(str(path))
    except MXNetError:
        outcome: Any = Wrong
    except NotImplementedError as error:
        outcome = Sparse if "sparse" in str(error) else error
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    else:
        outcome = found
    if numpys:  # where tracer refuses, NumPy may accept, or may allocate as much as the header claims
        if outcome in (Wrong, Sparse) if isinstance(outcome, type) else False:
            return "refused"
        try:
            wanted = by_numpy(data)
        except Exception as error:
            return f"NumPy refuses it: {error}"
        return "right" if equal(outcome, wanted) else "another value than NumPy's"
    try:
        wanted = read_nd(data)
    except Sparse:  # whose components are not read here
        return "refused" if outcome is Wrong else "right" if not isinstance(outcome, type) else f"not {outcome}"
    except Wrong as why:
        return "refused" if outcome is type(why) else f"{type(why).__name__} expected, not {outcome}"
    return "right" if not isinstance(outcome, type) and equal(outcome, wanted) else f"another value: {outcome}"


def batch(seed: int, start: int, count: int) -> None:
    """Check the files start...start+count, and print their verdicts."""
    import tracer  # noqa: F401  (before memory is short)

    warnings.simplefilter("ignore")  # NumPy's, about headers with damaged numbers
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, resource.RLIM_INFINITY))
    results: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for i in range(start, start + count):
            rng = random.Random(f"{seed} {i}")
            make = rng.choice([nd_file, npy_file, npz_file])
            whole = make(rng)
            data = whole if rng.random() < 0.02 else damage(rng, whole)
            signal.alarm(20)
            result = check(data, Path(folder, "file"))
            signal.alarm(0)
            if data == whole and result != "right":
                result = f"whole, and {result}"
            results[f"{make.__name__} {result}"] += 1
            if result not in ("right", "refused"):
                print(f"seed {seed}, file {i}: {result}", file=sys.stderr)
    for name, number in results.items():
        print(number, name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--batch", type=int, nargs=2, metavar=("START", "COUNT"), help="these files, in this process")
    options = parser.parse_args()
    if options.batch:
        batch(options.seed, *options.batch)
        return 0
    print(f"seed {options.seed}", flush=True)
    results: Counter[str] = Counter()
    failed = 0
    for start in range(0, options.count, BATCH):
        part = [str(start), str(min(BATCH, options.count - start))]
        done = subprocess.run([sys.executable, __file__, "--seed", str(options.seed), "--batch", *part], text=True,
                              capture_output=True, check=False)
        if done.returncode:
            failed += 1
            print(f"batch {part}: exit {done.returncode}\n{done.stderr}", file=sys.stderr)
        else:
            sys.stderr.write(done.stderr)
        for line in done.stdout.splitlines():
            number, _, name = line.partition(" ")
            results[name] += int(number)
    for name, number in sorted(results.items()):
        print(f"{number:>8}  {name}")
    wrong = sum(number for name, number in results.items() if not name.endswith((" right", " refused"))) + failed
    print(f"{sum(results.values())} files, {wrong} failures")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

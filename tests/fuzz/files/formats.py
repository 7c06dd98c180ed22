"""The formats of files: how originals are drawn, and the verdict on the load of a changed one."""
from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tracer import MXNetError, nd, npx, optimizer, recordio, sym

from . import originals, references
from .references import Sparse, Wrong

#: The verdicts that keep the rule. `loaded`: where no second reader tells the contents.
RIGHT, LOADED, REFUSED = "right", "loaded", "refused"


def of_arrays(path: Path, data: bytes) -> str:
    """The verdict on a file of arrays."""
    try:
        found: Any = nd.load(str(path))
    except MXNetError:
        found = Wrong
    try:
        wanted = references.read_nd(data)
    except Sparse:
        return REFUSED if found is Wrong else LOADED
    except Wrong:
        return REFUSED if found is Wrong else "loaded, but wrong"
    return "refused, but right" if found is Wrong else RIGHT if references.equal(found, wanted) else "other values"


def of_numpys(path: Path, data: bytes) -> str:
    """The verdict on a .npy or .npz file. Where tracer refuses, NumPy may accept, or allocate what a header claims."""
    if data[:2] != b"PK" and data[:6] != b"\x93NUMPY":
        return of_arrays(path, data)
    try:
        found = npx.load(str(path))
    except MXNetError:
        return REFUSED
    try:
        wanted = references.by_numpy(data)
    except Exception as error:
        return f"loaded, but NumPy refuses it: {error}"
    return RIGHT if references.equal(found, wanted) else "other values"


def of_records(path: Path, data: bytes) -> str:
    """The verdict on a file of records, each with or without a header."""
    record, found = recordio.MXRecordIO(str(path), "r"), []
    verdict = RIGHT
    try:
        while (one := record.read()) is not None:
            found.append(one)
    except MXNetError:
        verdict = REFUSED
    finally:
        record.close()
    try:
        wanted = references.read_records(data)
    except Wrong:
        return verdict if verdict == REFUSED else "loaded, but wrong"
    if verdict == REFUSED or found != wanted:
        return f"{verdict}, but {len(wanted)} records are there"
    for one in found:
        try:
            header, rest = recordio.unpack(one)
            labels = header.label.tobytes() if header.flag else struct.pack("<f", header.label)
            parts: Any = labels, header.id, header.id2, rest
        except MXNetError:
            parts = Wrong
        try:
            header = references.read_header(one)
        except Wrong:
            header = Wrong
        if parts != header:
            return "another header"
    return RIGHT


def of_symbols(path: Path, data: bytes) -> str:
    """The verdict on a graph: one that loads is written as JSON, from which the same one is read."""
    try:
        found = sym.load(str(path))
        text = found.tojson(), found.list_arguments(), found.list_outputs(), found.attr_dict()
    except MXNetError:
        return REFUSED
    again = sym.load_json(text[0])
    same = text == (again.tojson(), again.list_arguments(), again.list_outputs(), again.attr_dict())
    return LOADED if same else "another graph when it is written and read"


def of_states(path: Path, data: bytes) -> str:
    """The verdict on an optimizer's states: those that load are written and read again."""
    updater = optimizer.get_updater(optimizer.create("adam"))
    try:
        updater.set_states(data)
    except MXNetError:
        return REFUSED
    return LOADED


def _one_of(make: Callable[[], list[bytes]]) -> Callable[[random.Random], bytes]:
    return lambda rng: rng.choice(make())


#: The formats by the end of the file's name: their share, functions that draw originals, the function of the verdict.
FORMATS: dict[str, tuple[int, list[Callable[[random.Random], bytes]], Callable[[Path, bytes], str]]] = {
    "params": (6, [originals.nd_file, originals.nd_file, _one_of(originals.sparse_files)], of_arrays),
    "rec": (4, [originals.record_file], of_records),
    "json": (5, [_one_of(originals.symbol_files)], of_symbols),
    "states": (4, [_one_of(originals.state_files)], of_states),
    "npy": (1, [originals.npy_file, originals.npz_file], of_numpys),
}
TURNS = [name for name, (share, _, _) in FORMATS.items() for _ in range(share)]

"""Files that workloads read, made once in build/bench-data and the same for every engine. Runs on Python 3.8."""
from __future__ import annotations

import os
import zlib
from pathlib import Path
from types import FunctionType

from bench.machine import ROOT


def made(name: str, write: FunctionType) -> str:
    """The path of a file, which `write` is called with if this version of its workload has not written it."""
    version = zlib.crc32(Path(write.__code__.co_filename).read_bytes())
    path = ROOT / "build" / "bench-data" / f"{version:08x}-{name}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}")
        write(part)
        os.replace(part, path)
    return str(path)

"""The sizes of register tiles, for those who divide work into tiles without compiling any.

They follow from the processor's vector registers: 32 of 64 bytes with AVX-512, 16 of 32 bytes otherwise. They are found
when first read, as to ask for a processor's features takes the import of llvmlite.
"""
from __future__ import annotations

#: The bytes of a vector register, and the number of registers.
REGISTER_BYTES: int
REGISTERS: int

#: The float32 numbers in a vector, and the columns of a tile.
LANES: int
WIDTH: int

#: The part of the inner dimension that is done at once.
DEPTH = 512


def __getattr__(name: str) -> int:
    if name not in ("REGISTER_BYTES", "REGISTERS", "LANES", "WIDTH"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import llvmlite.binding as llvm

    nbytes, count = (64, 32) if llvm.get_host_cpu_features().get("avx512f") else (32, 16)
    globals().update(REGISTER_BYTES=nbytes, REGISTERS=count, LANES=nbytes // 4, WIDTH=nbytes // 2)
    return globals()[name]

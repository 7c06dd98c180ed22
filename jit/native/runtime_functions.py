"""The native functions that are the same for every program: the table's loop, the pool's, and matrix products.

They are Python functions of modules that are imported when one has to be compiled.
"""
from __future__ import annotations

from functools import cache
from importlib import import_module

from .disk_cache import Address, find, key


@cache
def find_native(module: str, name: str) -> Address:
    """The address of a module's function, for as long as the process lives."""
    symbol = f"{name}_{key(module + '.' + name)}"

    def compile_() -> bytes:
        from .word_compiler import compile_words

        return compile_words(getattr(import_module(module), name), symbol)

    return Address(find(symbol, ".obj", compile_)[0], find_native, module, name)

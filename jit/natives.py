"""The native functions that are the same for every program: the table's loop, the pool's, and matrix products.

They are Python functions in `loops.py`, `products.py` and `tiles.py`, which are imported when one has to be compiled.
"""
from __future__ import annotations

from functools import cache
from importlib import import_module

from .store import find, key

#: name -> module beside this one
_FUNCTIONS = {"run_table": "loops", "run_chunked": "loops", "take_chunks": "loops", "ask": "loops",
              "run_calls": "loops", "serve": "loops",
              "multiply": "products", "columns": "tiles"}


@cache
def find_native(name: str) -> int:
    """The address of one of them, for as long as the process lives."""
    symbol = f"{name}_{key(name)}"

    def compile_() -> bytes:
        from .words import compile_words

        return compile_words(getattr(import_module(f".{_FUNCTIONS[name]}", __package__), name), symbol)

    return find(symbol, ".obj", compile_)[0]

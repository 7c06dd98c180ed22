"""The native functions that are the same for every program: the table's loop, the pool's, and matrix products.

They are Python functions in `loops.py` and `products.py`, which are imported when one has to be compiled.
"""
from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from .store import find, key, texts

#: name -> (module beside this one, the letters of its parameters)
_FUNCTIONS = {
    "run_table": ("loops", "iii"),
    "take_chunks": ("loops", "ii"),
    "run_calls": ("loops", "iiii"),
    "serve": ("loops", "ii"),
    "multiply": ("products", "ppii"),
}

#: The files that hold their code, and the layouts that they share with Python.
_FILES = ("native.py", "loops.py", "products.py", "tiles.py", "pool.py", "driver.py", "blas.py")


@cache
def find_native(name: str) -> int:
    """The address of one of them, for as long as the process lives."""
    module, parameters = _FUNCTIONS[name]
    symbol = f"{name}_{key(f'{texts(_FILES)}|{name}')}"

    def compile_() -> Any:  # a `Compiled`, whose module is not to be imported here
        from .compiler import lower_function

        return lower_function(getattr(import_module(f".{module}", __package__), name), symbol, parameters).compile()

    return find(symbol, ".obj", compile_)[0]

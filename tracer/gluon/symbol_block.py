"""`SymbolBlock`, which makes a block of symbols; there are no symbols yet."""
from __future__ import annotations

from typing import Any

from .hybrid_block import HybridBlock

_ABSENT = "symbols are not part of this version of tracer yet; build the network of gluon.nn's layers, and read its " \
          "parameters by load_parameters"


class SymbolBlock(HybridBlock):
    """A block made of symbols: not supported. NotImplementedError when it is made."""

    def __init__(self, outputs: Any, inputs: Any, params: Any = None) -> None:
        raise NotImplementedError(f"SymbolBlock: {_ABSENT}")

    @staticmethod
    def imports(symbol_file: str, input_names: Any, param_file: str | None = None, ctx: Any = None,
                allow_missing: bool = False, ignore_extra: bool = False) -> Any:
        """Not supported: raises NotImplementedError."""
        raise NotImplementedError(f"SymbolBlock.imports({symbol_file!r}): {_ABSENT}")

"""`gluon.nn`: layers."""
from ..block import Block
from ..hybrid_block import HybridBlock
from ..symbol_block import SymbolBlock
from .activations import *  # noqa: F403
from .basic_layers import *  # noqa: F403
from .conv_layers import *  # noqa: F403

__all__ = ["Block", "HybridBlock", "SymbolBlock", *activations.__all__, *basic_layers.__all__,  # type: ignore[name-defined]  # noqa: F405
           *conv_layers.__all__]  # type: ignore[name-defined]  # noqa: F405

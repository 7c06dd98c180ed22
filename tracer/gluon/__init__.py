"""`mx.gluon`: networks of blocks with parameters, and what trains them."""
from . import parameter
from .block import Block
from .constant import Constant
from .hybrid_block import HybridBlock
from .parameter import DeferredInitializationError, Parameter, tensor_types
from .parameter_dict import ParameterDict
from .submodules import importing
from .symbol_block import SymbolBlock
from .trainer import Trainer

__all__ = ["Block", "Constant", "DeferredInitializationError", "HybridBlock", "Parameter", "ParameterDict",
           "SymbolBlock", "Trainer", "tensor_types"]

#: The classes that MXNet has in its module of parameters.
parameter.ParameterDict, parameter.Constant = ParameterDict, Constant  # type: ignore[attr-defined]

__getattr__ = importing(__name__)

"""`mx.gluon`: blocks as callable compositions, data and utilities. Parameters, layers, losses and trainers are not
implemented yet."""
from .block import Block, HybridBlock
from .submodules import importing

__all__ = ["Block", "HybridBlock"]

__getattr__ = importing(__name__)

"""`mx.gluon`: blocks as callable compositions. Parameters, layers, losses and trainers are not implemented yet."""
from typing import NoReturn

from ..mxnet_modules import absence
from .block import Block, HybridBlock

__all__ = ["Block", "HybridBlock"]


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(absence(f"gluon.{name}"))

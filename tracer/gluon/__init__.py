"""`mx.gluon`: blocks as callable compositions. Parameters, layers, losses and trainers are not implemented yet."""
from typing import NoReturn

from .block import Block, HybridBlock

__all__ = ["Block", "HybridBlock"]


def __getattr__(name: str) -> NoReturn:
    if name.startswith("__"):
        raise AttributeError(name)
    raise ImportError(f"gluon.{name} is not part of this version of tracer yet: of gluon it has Block and HybridBlock",
                      name=f"{__name__}.{name}")

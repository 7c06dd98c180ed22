"""`mx.gluon.model_zoo`: well-known networks, and the files of their parameters."""
from . import model_store, vision

__all__ = ["model_store", "vision"]

"""`mx.gluon.data.vision`: datasets of pictures, and transforms of pictures."""
from . import datasets, transforms
from .datasets import *  # noqa: F403

__all__ = ["datasets", "transforms", *datasets.__all__]

"""`mx.gluon.contrib.data`: MXNet 1's place of `IntervalSampler`, and WikiText."""
from ...data import sampler
from ...data.sampler import IntervalSampler
from ...submodules import importing

__all__ = ["IntervalSampler", "sampler"]

__getattr__ = importing(__name__)

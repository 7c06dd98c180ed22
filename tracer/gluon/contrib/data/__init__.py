"""`mx.gluon.contrib.data`: MXNet 1's place of `IntervalSampler`."""
from ...data import sampler
from ...data.sampler import IntervalSampler

__all__ = ["IntervalSampler", "sampler"]

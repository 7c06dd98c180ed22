"""`mx.random`: the seed of all random numbers, and `mx.nd`'s distributions."""
from .ndarray.random import (
    binomial,
    categorical,
    exponential,
    gamma,
    generalized_negative_binomial,
    multinomial,
    negative_binomial,
    normal,
    poisson,
    randint,
    randn,
    shuffle,
    uniform,
)
from .rng.state import seed

__all__ = ["binomial", "categorical", "exponential", "gamma", "generalized_negative_binomial", "multinomial",
           "negative_binomial", "normal", "poisson", "randint", "randn", "seed", "shuffle", "uniform"]

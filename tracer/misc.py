"""`mx.misc`: the learning-rate schedule of MXNet's first releases."""
from __future__ import annotations

import logging

__all__ = ["FactorScheduler", "LearningRateScheduler"]


class LearningRateScheduler:
    """The base class of schedules: a call with the iteration returns the learning rate."""

    def __init__(self) -> None:
        self.base_lr = 0.01

    def __call__(self, iteration: int) -> float:
        """The learning rate of an iteration."""
        raise NotImplementedError("must override this")


class FactorScheduler(LearningRateScheduler):
    """A schedule that multiplies the rate by a factor every so many iterations.

    step: the iterations between two changes, at least 1 (ValueError).
    factor: the factor, below 1 (ValueError).

    >>> schedule = FactorScheduler(10, 0.5)
    >>> schedule(9), schedule(25)
    (0.01, 0.0025)
    """

    def __init__(self, step: int, factor: float = 0.1) -> None:
        super().__init__()
        if step < 1:
            raise ValueError("Schedule step must be greater or equal than 1 round")
        if factor >= 1.0:
            raise ValueError("Factor must be less than 1 to make lr reduce")
        self.step = step
        self.factor = factor
        self.old_lr = self.base_lr
        self.init = False

    def __call__(self, iteration: int) -> float:
        """The learning rate of an iteration; a change is logged."""
        if not self.init:
            self.init, self.old_lr = True, self.base_lr
        rate = self.base_lr * self.factor ** (iteration // self.step)
        if rate != self.old_lr:
            self.old_lr = rate
            logging.info("At Iteration [%d]: Swith to new learning rate %.5f", iteration, rate)
        return rate

"""`mx.lr_scheduler`: schedules of the learning rate, functions of the number of updates."""
from __future__ import annotations

import logging
from math import cos, pi


class LRScheduler:
    """The base of schedules: a warm-up, then the rate that a subclass's `__call__` returns.

    base_lr: the rate after the warm-up, at first; an optimizer's own `learning_rate` overwrites it.
    warmup_steps: the number of updates of the warm-up.
    warmup_begin_lr: the rate at its beginning; ValueError when it is above base_lr.
    warmup_mode: 'linear' raises the rate evenly, 'constant' stays at warmup_begin_lr; ValueError for another.

    >>> class Halved(LRScheduler):
    ...     def __call__(self, num_update):
    ...         return self.base_lr / 2
    >>> Halved(base_lr=0.5)(3)
    0.25
    """

    def __init__(self, base_lr: float = 0.01, warmup_steps: int = 0, warmup_begin_lr: float = 0,
                 warmup_mode: str = "linear") -> None:
        self.base_lr = base_lr
        assert isinstance(warmup_steps, int), f"warmup_steps is a whole number, got {warmup_steps!r}"
        self.warmup_steps = warmup_steps
        self.warmup_final_lr = base_lr
        self.warmup_begin_lr = warmup_begin_lr
        if warmup_begin_lr > base_lr:
            raise ValueError(f"Base lr has to be higher than warmup_begin_lr: {base_lr} and {warmup_begin_lr}")
        if warmup_steps < 0:
            raise ValueError(f"Warmup steps has to be positive or 0, got {warmup_steps}")
        if warmup_mode not in ("linear", "constant"):
            raise ValueError(f"Supports only linear and constant modes of warmup, got {warmup_mode!r}")
        self.warmup_mode = warmup_mode

    def get_warmup_lr(self, num_update: int) -> float:
        """The rate at an update of the warm-up. AssertionError after it."""
        assert num_update < self.warmup_steps, f"update {num_update} is after the {self.warmup_steps} of the warm-up"
        if self.warmup_mode == "linear":
            rise = (self.warmup_final_lr - self.warmup_begin_lr) * float(num_update) / float(self.warmup_steps)
            return self.warmup_begin_lr + rise
        if self.warmup_mode == "constant":
            return self.warmup_begin_lr
        raise ValueError(f"Invalid warmup mode {self.warmup_mode}")

    def __call__(self, num_update: int) -> float:
        """The rate after `num_update` updates. Subclasses define it."""
        raise NotImplementedError(f"must override this: {type(self).__name__} defines no __call__")


def _check_factor(factor: float) -> None:
    if factor > 1.0:
        raise ValueError(f"Factor must be no more than 1 to make lr reduce, got {factor}")


class FactorScheduler(LRScheduler):
    """A rate that is multiplied by `factor` every `step` updates.

    stop_factor_lr: the rate below which it does not fall.
    The other parameters, and errors, are `LRScheduler`'s; ValueError for a step below 1 or a factor above 1.

    >>> schedule = FactorScheduler(step=10, factor=0.5, base_lr=1.0)
    >>> [schedule(update) for update in (1, 10, 11, 21)]
    [1.0, 1.0, 0.5, 0.25]
    """

    def __init__(self, step: int, factor: float = 1, stop_factor_lr: float = 1e-8, base_lr: float = 0.01,
                 warmup_steps: int = 0, warmup_begin_lr: float = 0, warmup_mode: str = "linear") -> None:
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        if step < 1:
            raise ValueError(f"Schedule step must be greater or equal than 1 round, got {step}")
        _check_factor(factor)
        self.step = step
        self.factor = factor
        self.stop_factor_lr = stop_factor_lr
        self.count = 0

    def __call__(self, num_update: int) -> float:
        """The rate after `num_update` updates, which do not decrease from call to call."""
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        while num_update > self.count + self.step:  # several at once where a training goes on from a later epoch
            self.count += self.step
            self.base_lr *= self.factor
            if self.base_lr < self.stop_factor_lr:
                self.base_lr = self.stop_factor_lr
                logging.info("Update[%d]: now learning rate arrived at %0.5e, will not change in the future",
                             num_update, self.base_lr)
            else:
                logging.info("Update[%d]: Change learning rate to %0.5e", num_update, self.base_lr)
        return self.base_lr


class MultiFactorScheduler(LRScheduler):
    """A rate that is multiplied by `factor` after each of the updates listed in `step`.

    step: a list of increasing whole numbers from 1 on; ValueError otherwise.
    The other parameters, and errors, are `LRScheduler`'s; ValueError for a factor above 1.

    >>> schedule = MultiFactorScheduler(step=[2, 5], factor=0.5, base_lr=1.0)
    >>> [schedule(update) for update in (2, 3, 6)]
    [1.0, 0.5, 0.25]
    """

    def __init__(self, step: list[int], factor: float = 1, base_lr: float = 0.01, warmup_steps: int = 0,
                 warmup_begin_lr: float = 0, warmup_mode: str = "linear") -> None:
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        assert isinstance(step, list) and len(step) >= 1, f"step is a list of updates, got {step!r}"
        for i, update in enumerate(step):
            if i and update <= step[i - 1]:
                raise ValueError(f"Schedule step must be an increasing integer list, got {step}")
            if update < 1:
                raise ValueError(f"Schedule step must be greater or equal than 1 round, got {step}")
        _check_factor(factor)
        self.step = step
        self.cur_step_ind = 0
        self.factor = factor
        self.count = 0

    def __call__(self, num_update: int) -> float:
        """The rate after `num_update` updates, which do not decrease from call to call."""
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        while self.cur_step_ind < len(self.step) and num_update > self.step[self.cur_step_ind]:
            self.count = self.step[self.cur_step_ind]
            self.cur_step_ind += 1
            self.base_lr *= self.factor
            logging.info("Update[%d]: Change learning rate to %0.5e", num_update, self.base_lr)
        return self.base_lr


class _Descent(LRScheduler):
    """The base of rates that fall from base_lr to final_lr until update max_update, after the warm-up."""

    def __init__(self, max_update: int, base_lr: float, final_lr: float, warmup_steps: int, warmup_begin_lr: float,
                 warmup_mode: str) -> None:
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        assert isinstance(max_update, int), f"max_update is a whole number, got {max_update!r}"
        if max_update < 1:
            raise ValueError(f"maximum number of updates must be strictly positive, got {max_update}")
        self.base_lr_orig = base_lr
        self.max_update = max_update
        self.final_lr = final_lr
        self.max_steps = max_update - warmup_steps

    def __call__(self, num_update: int) -> float:
        """The rate after `num_update` updates."""
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        if num_update <= self.max_update:
            self.base_lr = self._fallen(num_update, self.base_lr_orig - self.final_lr)
        return self.base_lr

    def _fallen(self, num_update: int, height: float) -> float:
        """The rate on its way down by `height`."""
        raise NotImplementedError


class PolyScheduler(_Descent):
    """A rate that falls to `final_lr` at update `max_update`, with the power `pwr` of the updates still to come.

    The other parameters, and errors, are `LRScheduler`'s; ValueError for a max_update below 1.

    >>> schedule = PolyScheduler(max_update=10, base_lr=1.0, pwr=2)
    >>> [schedule(update) for update in (0, 5, 10, 20)]
    [1.0, 0.25, 0.0, 0.0]
    """

    def __init__(self, max_update: int, base_lr: float = 0.01, pwr: float = 2, final_lr: float = 0,
                 warmup_steps: int = 0, warmup_begin_lr: float = 0, warmup_mode: str = "linear") -> None:
        super().__init__(max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        self.power = pwr

    def _fallen(self, num_update: int, height: float) -> float:
        passed = float(num_update - self.warmup_steps) / float(self.max_steps)
        return self.final_lr + height * pow(1 - passed, self.power)


class CosineScheduler(_Descent):
    """A rate that falls to `final_lr` at update `max_update` along half a period of the cosine.

    The other parameters, and errors, are `LRScheduler`'s; ValueError for a max_update below 1.

    >>> schedule = CosineScheduler(max_update=10, base_lr=1.0)
    >>> [schedule(update) for update in (0, 5, 10, 20)]
    [1.0, 0.5, 0.0, 0.0]
    """

    def __init__(self, max_update: int, base_lr: float = 0.01, final_lr: float = 0, warmup_steps: int = 0,
                 warmup_begin_lr: float = 0, warmup_mode: str = "linear") -> None:
        super().__init__(max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode)

    def _fallen(self, num_update: int, height: float) -> float:
        swing = 1 + cos(pi * (num_update - self.warmup_steps) / self.max_steps)
        return self.final_lr + height * swing / 2  # halved last, as in MXNet: another order changes the last bit

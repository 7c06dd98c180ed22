"""The base of tracer's own optimizers, whose update is split into numbers and a rule."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy

from .. import ndarray
from .. import numpy as np
from ..array.nd_array import NDArray
from ..core.invoke import wrap, zeros_when_read
from .base import Optimizer

nd: Any = ndarray  # its functions are made from the table of operations: type checkers do not see them


class RuleOptimizer(Optimizer):
    """The base of optimizers whose update is a rule on arrays with numbers that change from step to step.

    `_numbers(index)` computes the numbers of a weight's step (rate, decay, corrections by the count of updates) in
    Python. `_rule(weight, grad, state, *numbers)` only records operations on arrays and hands each number to one as it
    is, so that the recorded operations of a step serve for the next one with other numbers.
    """

    def _numbers(self, index: Any) -> tuple[float, ...]:
        """The numbers of a step of the weight with this index, after `_update_count`. Subclasses extend it."""
        return self._get_lr(index), self._get_wd(index), self.rescale_grad

    def _numbers_of(self, indices: Sequence[Any]) -> list[tuple[float, ...]]:
        """The numbers of a step of several weights, after `_update_count`.

        Weights of equal rate, decay and count have the same numbers, which are computed once.
        """
        counts, kind = self._index_update_count, type(self)
        by_parameters = kind._get_lrs is Optimizer._get_lrs and kind._get_wds is Optimizer._get_wds
        if indices and by_parameters and in_step(indices, self.param_dict, counts):
            return [self._numbers(indices[0])] * len(indices)
        of_each: tuple[list[Any], ...] = (
            self._get_lrs(indices), self._get_wds(indices), [counts[index] for index in indices])
        if indices and all([one.count(one[0]) == len(one) for one in of_each]):
            return [self._numbers(indices[0])] * len(indices)
        made: dict[tuple[float, float, int], tuple[float, ...]] = {}
        found = []
        for index, key in zip(indices, zip(*of_each)):
            numbers = made.get(key)
            if numbers is None:
                numbers = made[key] = self._numbers(index)
            found.append(numbers)
        return found

    def _rule(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        """Write the weight and its state after a step. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines no _rule")

    def _rule_multi_precision(self, weight: Any, grad: Any, state: Any, *numbers: float) -> None:
        """Write a float16 weight and its state after a step on its float32 copy, which the state begins with."""
        master, inner = state
        self._rule(master, grad.astype(numpy.float32), inner, *numbers)
        weight[:] = master.astype(weight.dtype)

    def _update_impl(self, index: Any, weight: Any, grad: Any, state: Any, multi_precision: bool = False) -> None:
        """Count an update of one weight or of several, and follow the rule for each."""
        if not isinstance(index, (list, tuple)):
            index, weight, grad, state = [index], [weight], [grad], [state]
        for array in (*weight, *grad):
            assert isinstance(array, NDArray), f"weights and gradients are NDArrays, got {type(array).__name__}"
        self._update_count(index)
        rule = self._rule_multi_precision if multi_precision else self._rule
        for numbers, *arrays in zip(self._numbers_of(index), weight, grad, state):
            rule(*arrays, *numbers)

    def step(self, indices: Any, weights: Any, grads: Any, states: Any) -> None:
        """Update several weights: MXNet 2.0's name of it."""
        self._update_impl(indices, weights, grads, states)

    fused_step = step  # both round alike here

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update a weight, or several given by lists: write the weight and its state."""
        step = type(self).fused_step if self.use_fused_step else type(self).step
        if step is RuleOptimizer.step:
            self._update_impl(index, weight, grad, state)
        else:
            super().update(index, weight, grad, state)

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update as `update` does; float16 weights, under multi_precision, by way of their float32 copies."""
        first = weight[0] if isinstance(index, (list, tuple)) else weight
        layout_of_its_own = type(self)._rule_multi_precision is not RuleOptimizer._rule_multi_precision
        if layout_of_its_own and self._is_copied(first):
            self._update_impl(index, weight, grad, state, multi_precision=True)
        else:
            super().update_multi_precision(index, weight, grad, state)

    def _bound(self) -> float:
        """The bound of the gradient's absolute value as MXNet's update functions take it: -1 for none."""
        return self.clip_gradient or -1.0

    def _scaled(self, grad: Any, rescale_grad: float) -> Any:
        """The gradient, scaled and clipped."""
        return self._clipped(grad * rescale_grad)

    def _clipped(self, grad: Any) -> Any:
        bound = self.clip_gradient
        return grad if bound is None else namespace_of(grad).clip(grad, -bound, bound)


def in_step(indices: Sequence[Any], params: dict[Any, Any], counts: dict[Any, int]) -> bool:
    """Whether the weights with these indices have equal counts, and parameters whose factors are all 1."""
    first = counts[indices[0]]
    for index in indices:
        param = params.get(index)
        if param is None or counts[index] != first or param.lr_mult != 1.0 or param.wd_mult != 1.0:
            return False
    return True


class PrecisionLast(RuleOptimizer):
    """The base of optimizers whose state of a float16 weight is (state, float32 copy), as MXNet's own functions want.

    The state of a weight is a momentum, or None where that is 0.
    """

    momentum: float

    def create_state(self, index: Any, weight: Any) -> Any:
        """The momentum, zeros of the weight's shape and dtype, or None."""
        return zeros_like(weight) if self.momentum != 0.0 else None

    def create_state_multi_precision(self, index: Any, weight: Any) -> Any:
        """The state of a new weight; of a float16 weight, under multi_precision: its copy's state and float32 copy."""
        if self._is_copied(weight):
            copy = weight.astype(numpy.float32)
            return self.create_state(index, copy), copy
        return super().create_state_multi_precision(index, weight)


def follows_rules(optimizer: Any) -> bool:
    """Whether an optimizer's updates are its `_numbers` and its rule: no subclass puts its own code in their place.

    >>> from tracer import optimizer
    >>> class Mine(optimizer.SGD):
    ...     def update(self, index, weight, grad, state):
    ...         pass
    >>> follows_rules(optimizer.SGD()), follows_rules(Mine())
    (True, False)
    """
    kind = type(optimizer)
    return isinstance(optimizer, RuleOptimizer) and all(
        getattr(kind, name) is getattr(RuleOptimizer, name)
        for name in ("update", "update_multi_precision", "_update_impl", "step", "fused_step"))


def namespace_of(array: Any) -> Any:
    """The functions for arrays of this flavour: `mx.np` or `mx.nd`."""
    return np if isinstance(array, np.ndarray) else nd


def zeros_like(weight: Any) -> Any:
    """Zeros of a weight's shape, dtype, context, flavour and storage type.

    They are no constants of the first step's program, so that it is the program of the later steps, too.
    """
    if weight.stype != "default":
        return nd.zeros(weight.shape, ctx=weight.context, dtype=weight.dtype, stype=weight.stype)
    return wrap(np.ndarray if isinstance(weight, np.ndarray) else NDArray, zeros_when_read(weight._aval))


def aggregation_size(default: int) -> int:
    """The greatest number of arrays in one call, which MXNET_OPTIMIZER_AGGREGATION_SIZE sets."""
    return int(os.getenv("MXNET_OPTIMIZER_AGGREGATION_SIZE", str(default)))

"""Recorded steps: the update of many weights by a rule is recorded once, and then repeated without its Python."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracer.jit.cpython.identity import identical

from .. import numpy as np
from ..core import cached_graph
from ..core.call_cache import Identity
from ..core.invoke import Handle
from .rule_optimizer import RuleOptimizer

#: Types of settings, which a recorded step is made for.
_SETTINGS = (bool, int, float, str, type(None))
#: Attributes that change from step to step; rules see them as numbers.
_CHANGING = frozenset(("lr", "wd", "rescale_grad", "num_update", "m_schedule"))


class RecordedStep:
    """The step of given weights: the arrays that it reads and writes.

    indices, weights, grads: as the updater was called with them.
    states: the updater's states of these weights.
    """

    __slots__ = ("indices", "weights", "grads", "states", "operands", "identity")

    def __init__(self, indices: Sequence[Any], weights: Sequence[Any], grads: Sequence[Any],
                 states: Sequence[Any]) -> None:
        self.indices = tuple(indices)
        self.weights = tuple(weights)
        self.grads = tuple(grads)
        self.states = list(states)
        self.identity = Identity()
        self.operands: list[Handle] = [*weights, *grads, *_arrays_in(self.states)]

    def serves(self, indices: Sequence[Any], weights: Sequence[Any], grads: Sequence[Any],
               states: dict[Any, Any]) -> bool:
        """Whether these are the weights and arrays that the step was made for.

        states: the updater's states by index.
        """
        same = self.indices is indices and self.weights is weights and self.grads is grads  # tuples do not change
        if not same and not (self.indices == tuple(indices) and identical(self.weights, weights)
                             and identical(self.grads, grads)):
            return False
        return kept(self.indices, self.states, states)

    def run(self, optimizer: RuleOptimizer) -> None:
        """Count an update of the weights, and follow the optimizer's rule for each."""
        indices = self.indices
        optimizer._update_count(indices)
        of_each = optimizer._numbers_of(indices)
        groups, kinds = {of_each[0]: 0}, [0] * len(of_each)  # weights of equal numbers share them
        if of_each.count(of_each[0]) < len(of_each):
            groups = {one: i for i, one in enumerate(dict.fromkeys(of_each))}
            kinds = [groups[one] for one in of_each]
        # new objects: by its identity a number is found among the operands of the recorded operations
        numbers = [[x + 0.0 for x in one] for one in groups]
        given = [x for one in numbers for x in one]

        def rule() -> None:
            # nd arrays with the memory of np ones are gone after this: while there are such views, each write is slower
            for weight, grad, state, kind in zip(as_classic(self.weights), as_classic(self.grads), self.states, kinds):
                follow = optimizer._rule_multi_precision if optimizer._is_copied(weight) else optimizer._rule
                follow(weight, grad, state, *numbers[kind])

        settings = tuple([(name, value) for name, value in vars(optimizer).items()
                          if type(value) in _SETTINGS and name not in _CHANGING])
        variant = settings, tuple(kinds) if len(groups) > 1 else None
        cached_graph.call(self.identity, variant, rule, (), self.operands, tuple(given))


def kept(indices: Sequence[Any], states: Sequence[Any], by_index: dict[Any, Any]) -> bool:
    """Whether the states of the weights with these indices are still the same objects."""
    for at in range(len(indices)):
        if by_index.get(indices[at]) is not states[at]:
            return False
    return True


def as_classic(arrays: Sequence[Any]) -> list[Any]:
    """The arrays as nd arrays, with the same memory."""
    return [a.as_nd_ndarray() if isinstance(a, np.ndarray) else a for a in arrays]


def _arrays_in(states: Sequence[Any]) -> list[Handle]:
    """The arrays of nested states."""
    found: list[Handle] = []
    for state in states:
        if isinstance(state, Handle):
            found.append(state)
        elif isinstance(state, (list, tuple)):
            found += _arrays_in(state)
    return found

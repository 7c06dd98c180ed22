"""`mx.optimizer.Updater`: an optimizer with the states of the weights that it updates."""
from __future__ import annotations

from typing import Any

from tracer.ops.ir.errors import MXNetError

from .. import numpy as np
from ..array.nd_array import NDArray
from ..context import Context
from ..core.invoke import Composite
from ..util import is_np_array
from .base import Optimizer
from .recorded_step import RecordedStep, as_classic
from .rule_optimizer import follows_rules
from .state_files import pickled, unpickled


class Updater:
    """A function of (index, gradient, weight), or of lists of them, that updates weights by an optimizer.

    It makes the states, in `states` by index.

    >>> from tracer import nd, optimizer
    >>> update = Updater(optimizer.SGD(learning_rate=0.5))
    >>> weight = nd.array([1, 2])
    >>> update(0, nd.array([1, 1]), weight)
    >>> weight.asnumpy()
    array([0.5, 1.5], dtype=float32)
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer: Any = optimizer
        self.states: dict[Any, Any] = {}
        self.states_synced: dict[Any, bool] = {}
        self.aggregate_updates = optimizer.aggregate_num > 0
        self._steps: dict[tuple, RecordedStep] = {}
        self._last: RecordedStep | None = None

    def __call__(self, index: Any, grad: Any, weight: Any) -> None:
        """Update the weights; np arrays are seen as nd arrays, of which the states are, too.

        ValueError for np arrays where the optimizer was made with np arrays off.
        """
        if not isinstance(index, (list, tuple)):
            index, grad, weight = [index], [grad], [weight]
        step = self._last
        if step is not None and step.serves(index, weight, grad, self.states) and follows_rules(self.optimizer):
            self._run(step)
            return
        indices = tuple([i.decode() if isinstance(i, bytes) else i for i in index])
        if indices == index:
            indices = index  # the very tuple, by which the step is known the next time
        step = self._steps.get(indices)
        if step is not None and step.serves(indices, weight, grad, self.states) and follows_rules(self.optimizer):
            self._run(step)
            return
        if not getattr(self.optimizer, "allow_np_array", is_np_array()):
            _refuse_np(weight, grad)
        weights, grads = as_classic(weight), as_classic(grad)
        if weights:
            self.optimizer._set_current_context(weights[0].context.device_id)
        for i, one in zip(indices, weights):
            if i not in self.states:
                self.states[i] = self.optimizer.create_state_multi_precision(i, one)
            elif not self.states_synced.get(i, True):
                self.states[i] = self.sync_state_context(self.states[i], one.context)
            self.states_synced[i] = True
        sparse = [at for at, pair in enumerate(zip(weights, grads)) if any([isinstance(x, Composite) for x in pair])]
        if sparse:
            for at in sparse:
                index_of = indices[at]
                self.optimizer.update_multi_precision(index_of, weights[at], grads[at], self.states[index_of])
            rest = [at for at in range(len(weights)) if at not in sparse]
            if rest:
                self(*[[one[at] for at in rest] for one in (indices, grad, weight)])
            return
        if follows_rules(self.optimizer) and weights:
            made = [self.states[i] for i in indices]
            step = self._steps[indices] = RecordedStep(indices, weight, grad, made)
            self._run(step)
            return
        if not self.aggregate_updates:
            for i, one, g in zip(indices, weights, grads):
                self.optimizer.update_multi_precision(i, one, g, self.states[i])
            return
        groups: dict[Any, list[int]] = {}
        for at, one in enumerate(weights):
            groups.setdefault(one.dtype, []).append(at)
        for group in groups.values():
            size = int(min(self.optimizer.aggregate_num, len(group)))
            for start in range(0, len(group), size):
                chosen = group[start:start + size]
                self.optimizer.update_multi_precision(
                    [indices[at] for at in chosen], [weights[at] for at in chosen], [grads[at] for at in chosen],
                    [self.states[indices[at]] for at in chosen])

    def _run(self, step: RecordedStep) -> None:
        self._last = step
        self.optimizer._set_current_context(step.weights[0].context.device_id)
        step.run(self.optimizer)

    def sync_state_context(self, state: Any, context: Context) -> Any:
        """The state with its arrays on a context."""
        if isinstance(state, NDArray):
            return state.as_in_context(context)
        if isinstance(state, (tuple, list)):
            return type(state)(self.sync_state_context(one, context) for one in state)
        return state

    def set_states(self, states: bytes) -> None:
        """Take the states, and the optimizer if it is there, from the bytes that `get_states` returned.

        MXNetError for others.
        """
        found = unpickled(states)
        optimizer = self.optimizer
        if isinstance(found, tuple) and len(found) == 2:
            found, optimizer = found
        if not isinstance(found, dict) or not isinstance(optimizer, Optimizer):
            raise MXNetError(f"optimizer states are a dict of states, or that and an optimizer; the bytes hold "
                             f"{type(found).__name__}" + ("" if optimizer is self.optimizer else
                                                          f" and {type(optimizer).__name__}"))
        self.states, self.optimizer = found, optimizer
        self.states_synced = dict.fromkeys(self.states, False)

    def get_states(self, dump_optimizer: bool = False) -> bytes:
        """The states as bytes that real MXNet reads too. This is a sync point.

        dump_optimizer: whether the optimizer is added.
        """
        return pickled((self.states, self.optimizer) if dump_optimizer else self.states)


def get_updater(optimizer: Optimizer) -> Updater:
    """A function that updates weights by an optimizer and keeps their states.

    >>> from tracer import optimizer
    >>> type(get_updater(optimizer.create("adam"))).__name__
    'Updater'
    """
    return Updater(optimizer)


def _refuse_np(weights: Any, grads: Any) -> None:
    """Raise ValueError if there is an np array among these arrays."""
    if any([isinstance(a, np.ndarray) for a in (*weights, *grads)]):
        raise ValueError("Converting np.ndarray to mx.nd.NDArray is not allowed: the optimizer was made outside "
                         "npx.set_np()")

"""Batch normalization, and its running statistics, which are updated in `backward()`, as in MXNet."""
from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from .. import autograd
from ..array.views import internal
from ..core.history import Hook, Hooked
from ..core.invoke import Handle, invoke, ones_value, pending, wrap
from ..core.trace import current, node_of


def batch_norm(cls: type, data: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any, eps: float,
               momentum: float, fix_gamma: bool, use_global_stats: bool, output_mean_var: bool, axis: int) -> Any:
    """`data` normalized over all axes but `axis`: by its own mean and variance in training, else by the running ones.

    output_mean_var: also return the mean and 1 / sqrt(variance + eps).

    A backward through a result of training updates the running statistics: momentum * old + (1 - momentum) * new.
    MXNetError for shapes and dtypes that do not fit.
    """
    training = current().trace.training and not use_global_stats
    function = internal("npx._batch_norm")
    out, mean, var, inverse = invoke(function, cls, (data, gamma, beta, running_mean, running_var),
                                     (eps, axis, bool(fix_gamma), training))
    if fix_gamma and gamma.__dict__.get("_fixed") is not gamma._value:
        gamma._rebind(ones_value(gamma._value.aval))
        gamma._fixed = gamma._value
    if training and out._value.history:
        hook = Hook(partial(_move, momentum), (running_mean, running_var), (_constant(mean), _constant(var)))
        history = Hooked(out._value.history, hook)
        current().trace.note_hook(history)
        for x in (out, mean, inverse):
            x._value.history = history
    return [out, mean, inverse] if output_mean_var else out


def _constant(x: Handle) -> Handle:
    return wrap(Handle, pending(node_of(x._value)))


def _move(momentum: float, running: Sequence[Any], found: Sequence[Handle]) -> None:
    """Update the running statistics with new ones."""
    with autograd.pause(train_mode=current().trace.training):
        for old, new in zip(running, found, strict=True):
            old._rebind(invoke(internal("npx._running"), Handle, (old, new), (momentum,))._value)
    current().trace.updated = True

"""Batch normalization, and its running statistics, which are updated in `backward()`, as in MXNet."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .. import autograd
from ..array.views import internal
from ..core.history import Hook, Hooked
from ..core.invoke import Handle, invoke, ones_value, pending, wrap
from ..core.surface import assign, engine
from ..core.trace import current, node_of


def batch_norm(cls: type, data: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any, eps: float,
               momentum: float, fix_gamma: bool, use_global_stats: bool, output_mean_var: bool, axis: int,
               inverted: bool = True) -> Any:
    """`data` normalized over all axes but `axis`: by its own mean and variance in training, else by the running ones.

    output_mean_var: also return the mean and 1 / sqrt(variance + eps).
    inverted: whether it is that, or the variance.

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
        for x in (out, mean, var, inverse):
            x._value.history = history
    return [out, mean, inverse if inverted else var] if output_mean_var else out


def with_relu(cls: type, name: str) -> Callable[..., Any]:
    """Make the function `name`, batch normalization followed by relu, for arrays of the class `cls`."""
    def function(data: Any, gamma: Any, beta: Any, moving_mean: Any, moving_var: Any, eps: float = 1e-3,
                 momentum: float = 0.9, fix_gamma: bool = True, use_global_stats: bool = False,
                 output_mean_var: bool = False, axis: int = 1, cudnn_off: bool = False, min_calib_range: Any = None,
                 max_calib_range: Any = None, out: Any = None) -> Any:
        """The relu of `data` normalized over all axes but `axis`; the arguments are those of `BatchNorm`."""
        made = batch_norm(cls, data, gamma, beta, moving_mean, moving_var, eps, momentum, fix_gamma, use_global_stats,
                          output_mean_var, axis)
        normal, *rest = made if output_mean_var else [made]
        positive = invoke(internal("npx.relu"), cls, (normal,), ())
        if out is not None:
            return assign(out, [positive, *rest] if rest else positive)
        return [positive, *rest] if rest else positive

    function.__name__ = function.__qualname__ = name
    return engine(function)


def synchronized(cls: type, name: str) -> Callable[..., Any]:
    """Make the function `name`, batch normalization over devices, for arrays of the class `cls`."""
    def function(data: Any, gamma: Any, beta: Any, moving_mean: Any, moving_var: Any, eps: float = 1e-3,
                 momentum: float = 0.9, fix_gamma: bool = True, use_global_stats: bool = False,
                 output_mean_var: bool = False, ndev: int = 1, key: Any = None, out: Any = None) -> Any:
        """`data` normalized over all axes but the second, by the statistics of one device's batch.

        output_mean_var: also return the mean and the variance.
        ndev, key: the number of devices, and the layer's name among them: no effect. Other arguments as `BatchNorm`.
        """
        made = batch_norm(cls, data, gamma, beta, moving_mean, moving_var, eps, momentum, fix_gamma, use_global_stats,
                          output_mean_var, 1, inverted=False)
        return made if out is None else assign(out, made)

    function.__name__ = function.__qualname__ = name
    return engine(function)


def _constant(x: Handle) -> Handle:
    return wrap(Handle, pending(node_of(x._value)))


def _move(momentum: float, running: Sequence[Any], found: Sequence[Handle]) -> None:
    """Update the running statistics with new ones."""
    with autograd.pause(train_mode=current().trace.training):
        for old, new in zip(running, found, strict=True):
            old._rebind(invoke(internal("npx._running"), Handle, (old, new), (momentum,))._value)
    current().trace.updated = True

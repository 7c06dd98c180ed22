"""The arguments of optimizers' constructors as MXNet 2.0 has them: in another order, with other defaults."""
from __future__ import annotations

from ast import literal_eval
from functools import wraps
from typing import Any

from ..generation import is_2
from .base import Optimizer

#: By class, the parameters in 2.0's order, with the defaults that 1.9.1 does not have.
_PARAMETERS = {
    "AdaDelta": "learning_rate=1.0 rho epsilon=1e-6",
    "AdaGrad": "learning_rate epsilon=1e-6",
    "Adam": "learning_rate beta1 beta2 epsilon lazy_update=False",
    "Adamax": "learning_rate beta1 beta2 epsilon=1e-8",
    "DCASGD": "learning_rate=0.1 momentum lamda",
    "FTML": "learning_rate=0.0025 beta1 beta2 epsilon",
    "Ftrl": "learning_rate lamda1 beta",
    "LARS": "learning_rate=0.1 momentum eta epsilon=1e-8 lazy_update=False",
    "NAG": "learning_rate=0.1 momentum=0.9 multi_precision",
    "RMSProp": "learning_rate rho momentum epsilon centered clip_weights",
    "SGD": "learning_rate=0.1 momentum lazy_update=False multi_precision",
    "SGLD": "learning_rate=0.1",
}


def in_both_generations(cls: type[Optimizer]) -> None:
    """Let an optimizer's constructor take 2.0's arguments where 2.0 applies."""
    words = [word.partition("=") for word in _PARAMETERS[cls.__name__].split()]
    names, defaults = [name for name, _, _ in words], {name: literal_eval(text) for name, _, text in words if text}
    plain: Any = cls.__init__

    @wraps(plain)
    def init(self: Optimizer, *args: Any, **kwargs: Any) -> None:
        if is_2():
            given = dict(zip(names, args))
            twice = [name for name in given if name in kwargs]
            if twice or len(args) > len(names):
                what = f"multiple values for {twice}" if twice else f"more than {len(names)} arguments"
                raise TypeError(f"{cls.__name__}() got {what}")
            args, kwargs = (), {**defaults, **given, **kwargs}
        plain(self, *args, **kwargs)

    cls.__init__ = init  # type: ignore[method-assign]


def adapt(classes: dict[str, Any]) -> None:
    """Let the constructors of these classes, by name, take 2.0's arguments where 2.0 applies."""
    for name in _PARAMETERS:
        in_both_generations(classes[name])

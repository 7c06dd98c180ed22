"""`mx.optimizer.optimizer`: all optimizers under the name of the one file in which MXNet 1.9.1 has them.

Their constructors take the arguments of 1.9.1 or, where 2.0 applies, of 2.0: in another order, with other defaults.
"""
from __future__ import annotations

from ast import literal_eval
from functools import wraps
from typing import Any

from ..generation import is_2
from .adagrad import AdaDelta, AdaGrad, RMSProp
from .adam import AdaBelief, Adam, Adamax, AdamW, Nadam
from .base import Optimizer, create, register
from .ftrl import FTML, Ftrl
from .lamb import LAMB, LANS
from .lars import LARS, LBSGD
from .rule_optimizer import nd
from .sgd import DCASGD, NAG, SGD, SGLD, Signum, Test, ccSGD
from .updater import Updater, get_updater

NDabs = nd.abs

__all__ = [
    "AdaBelief", "AdaDelta", "AdaGrad", "Adam", "Adamax", "AdamW", "ccSGD", "create", "DCASGD", "Ftrl", "FTML",
    "get_updater", "LAMB", "LANS", "LARS", "LBSGD", "Nadam", "NAG", "NDabs", "Optimizer", "register", "RMSProp", "SGD",
    "SGLD", "Signum", "Test", "Updater",
]

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


def _in_both_generations(cls: type[Optimizer]) -> None:
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


for _name in _PARAMETERS:
    _in_both_generations(globals()[_name])

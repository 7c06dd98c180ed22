"""The base class of initializers: it chooses a rule by a parameter's name; and the registry of initializers."""
from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from .. import random, registry
from ..array.nd_array import NDArray

#: The rules for a parameter with an `InitDesc`: an ending of its name, and the method. The first that fits is taken.
_RULES = (
    ("weight", "_init_weight"), ("bias", "_init_bias"), ("gamma", "_init_gamma"), ("beta", "_init_beta"),
    ("min", "_init_zero"), ("max", "_init_one"), ("weight_quantize", "_init_quantized_weight"),
    ("bias_quantize", "_init_quantized_bias"))

#: The same for a plain string, with the beginnings of names.
_PLAIN_RULES = (
    ("upsampling", "", "_init_bilinear"), ("stn_loc", "weight", "_init_zero"), ("stn_loc", "bias", "_init_loc_bias"),
    ("", "bias", "_init_bias"), ("", "gamma", "_init_gamma"), ("", "beta", "_init_beta"),
    ("", "weight", "_init_weight"), ("", "moving_mean", "_init_zero"), ("", "moving_var", "_init_one"),
    ("", "moving_inv_var", "_init_zero"), ("", "moving_avg", "_init_zero"), ("", "min", "_init_zero"),
    ("", "max", "_init_one"), ("", "", "_init_default"))


class InitDesc(str):
    """A parameter's name, with what an initializer needs to know besides.

    name: the name.
    attrs: attributes of the parameter; "__init__" holds an initializer of its own, as `create` takes it.
    global_init: the initializer for parameters without one of their own.

    >>> InitDesc("dense0_weight", {"__init__": "zeros"}).attrs
    {'__init__': 'zeros'}
    """

    attrs: dict[str, Any]
    global_init: Any

    def __new__(cls, name: str, attrs: dict[str, Any] | None = None, global_init: Any = None) -> InitDesc:
        desc = super().__new__(cls, name)
        desc.attrs = attrs or {}
        desc.global_init = global_init
        return desc


def root_mean_square(x: Any) -> str:
    """The root mean square of the elements of an array, as text."""
    return str((x.as_nd_ndarray().norm() / sqrt(x.size)).asscalar())


class Initializer:
    """The base class of initializers.

    kwargs: the arguments that `dumps` saves and `==` compares.

    Subclasses define `_init_weight(name, arr)`, which writes into `arr`, and may define the methods for other kinds of
    parameters: `_init_bias`, `_init_gamma`, `_init_beta`, `_init_default`.

    >>> from tracer import init, nd
    >>> class Halves(init.Initializer):
    ...     def _init_weight(self, name, arr):
    ...         arr[:] = 0.5
    >>> weight = nd.zeros((2,))
    >>> Halves()(init.InitDesc("dense0_weight"), weight)
    >>> weight.asnumpy().tolist()
    [0.5, 0.5]
    """

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = kwargs
        self._verbose = False
        self._print_func: Callable[[NDArray], str] | None = None

    def set_verbosity(self, verbose: bool = False, print_func: Callable[[NDArray], str] | None = None) -> Initializer:
        """Log each initialized array, with the level INFO; returns the initializer itself.

        verbose: whether to log.
        print_func: a function of the array that gives the text to log; None: its root mean square.
        """
        self._verbose = verbose
        self._print_func = print_func or root_mean_square
        return self

    def _verbose_print(self, desc: str, init: Any, arr: NDArray) -> None:
        if self._verbose and self._print_func:
            logging.info("Initialized %s as %s: %s", desc, init, self._print_func(arr))

    def dumps(self) -> str:
        """The initializer as JSON text, of which `create` makes an equal one.

        >>> from tracer import init
        >>> init.Normal(0.5).dumps()
        '["normal", {"sigma": 0.5}]'
        """
        return json.dumps([type(self).__name__.lower(), self._kwargs])

    def __call__(self, desc: str, arr: NDArray) -> None:
        """Write first values into `arr`, by the parameter's own initializer or the ending of its name.

        desc: an `InitDesc`. A plain string is deprecated, and has rules of its own.

        ValueError when no rule fits the name.
        """
        if not isinstance(desc, InitDesc):
            self._legacy_init(desc, arr)
            return
        if desc.global_init is None:
            desc.global_init = self
        own = desc.attrs.get("__init__", "")
        if own:
            create(own)._init_weight(desc, arr)
            self._verbose_print(desc, own, arr)
            return
        for ending, rule in _RULES:
            if desc.endswith(ending):
                getattr(self, rule)(desc, arr)
                self._verbose_print(desc, ending, arr)
                return
        self._init_default(desc, arr)

    def _legacy_init(self, name: str, arr: NDArray) -> None:
        warnings.warn("Calling an initializer with init(str, NDArray) is deprecated: use "
                      "init(mx.init.InitDesc(name), NDArray)", DeprecationWarning, stacklevel=3)
        if not isinstance(name, str):
            raise TypeError(f"name must be a string, not {type(name).__name__}")
        if not isinstance(arr, NDArray):
            raise TypeError(f"arr must be an NDArray, not {type(arr).__name__}")
        rule = next(rule for start, end, rule in _PLAIN_RULES if name.startswith(start) and name.endswith(end))
        getattr(self, rule)(name, arr)

    def _init_bilinear(self, _: str, arr: NDArray) -> None:
        """Fill `arr`, of shape (..., height, width) with 4 axes, with weights of bilinear upsampling."""
        shape = arr.shape
        if len(shape) < 4:
            raise IndexError(f"bilinear weights have 4 axes, this array has the shape {shape}")
        half = np.ceil(shape[3] / 2.0)
        centre = (2 * half - 1 - half % 2) / (2.0 * half)
        row, column = [1 - abs(np.arange(n) / half - centre) for n in shape[2:4]]
        index = np.arange(int(np.prod(shape)))
        weight = column[index % shape[3]] * row[index // shape[3] % shape[2]]
        arr[:] = weight.astype(np.float32).reshape(shape)

    def _init_loc_bias(self, _: str, arr: NDArray) -> None:
        assert arr.shape[0] == 6, f"the bias of a spatial transformer has 6 elements, not {arr.shape[0]}"
        arr[:] = np.array([1.0, 0, 0, 0, 1.0, 0])

    def _init_zero(self, _: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_one(self, _: str, arr: NDArray) -> None:
        arr[:] = 1.0

    def _init_bias(self, _: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_quantized_bias(self, _: str, arr: NDArray) -> None:
        arr[:] = 0

    def _init_gamma(self, _: str, arr: NDArray) -> None:
        arr[:] = 1.0

    def _init_beta(self, _: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_weight(self, name: str, arr: NDArray) -> None:
        raise NotImplementedError(f"{type(self).__name__} defines no _init_weight(name, arr)")

    def _init_quantized_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = random.randint(-127, 127, dtype="int32").asnumpy().astype(np.int8)

    def _init_default(self, name: str, _: NDArray) -> None:
        raise ValueError(
            f'Unknown initialization pattern for {name}: a name ends in "weight", "bias", "gamma" or "beta". Give a '
            "parameter with another name an initializer of its own (init=mx.init.Zero())")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Initializer):
            return NotImplemented
        return type(self) is type(other) and self._kwargs == other._kwargs


#: Register an initializer under further names: `@alias("name", ...)`.
alias = registry.get_alias_func(Initializer, "initializer")
#: An initializer from its name, a dict or JSON text; see `mx.registry.get_create_func`.
create = registry.get_create_func(Initializer, "initializer")

_register = registry.get_register_func(Initializer, "initializer")


def register(klass: Any) -> Any:
    """Register a subclass of `Initializer`, so that its name in lower case stands for it. Returns the class.

    >>> from tracer import init
    >>> @init.register
    ... class Halved(init.Initializer):
    ...     def _init_weight(self, name, arr):
    ...         arr[:] = 0.5
    >>> isinstance(init.create("halved"), Halved)
    True
    """
    return _register(klass)

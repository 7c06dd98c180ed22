"""Callables that choose values or initializers by a parameter's name: `Mixed` and `Load`."""
from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

from ..array.nd_array import NDArray
from ..ndarray.files import load


class Mixed:
    """Several initializers, the first one whose pattern matches the parameter's name from its beginning.

    patterns: regular expressions.
    initializers: the initializer for each.

    ValueError for a name that no pattern matches.

    >>> from tracer import init, nd
    >>> mixed = init.Mixed([".*bias", ".*"], [init.Zero(), init.One()])
    >>> weight = nd.zeros((2,))
    >>> mixed(init.InitDesc("dense0_weight"), weight)
    >>> weight.asnumpy().tolist()
    [1.0, 1.0]
    """

    def __init__(self, patterns: Sequence[str], initializers: Sequence[Callable[[str, NDArray], None]]) -> None:
        assert len(patterns) == len(initializers), \
            f"{len(patterns)} patterns do not go with {len(initializers)} initializers"
        self.map = list(zip([re.compile(p) for p in patterns], initializers))

    def __call__(self, name: str, arr: NDArray) -> None:
        for pattern, initializer in self.map:
            if pattern.match(name):
                initializer(name, arr)
                return
        raise ValueError(f'Parameter name {name} did not match any pattern. Consider adding a ".*" pattern at the end, '
                         "with a default initializer")


class Load:
    """Values from a file or a dict, by the parameters' names.

    param: a file of `mx.nd.save`, or a dict of arrays; the prefixes "arg:" and "aux:" of names are dropped.
    default_init: the initializer of other parameters.
    verbose: whether to log the source of each value, with the level INFO.

    AssertionError for an array of another shape, and for a name that is not there if there is no `default_init`.

    >>> from tracer import init, nd
    >>> weight = nd.zeros((2,))
    >>> init.Load({"arg:dense0_weight": nd.array([3, 4])})("dense0_weight", weight)
    >>> weight.asnumpy().tolist()
    [3.0, 4.0]
    """

    def __init__(self, param: Any, default_init: Callable[[str, NDArray], None] | None = None,
                 verbose: bool = False) -> None:
        given = load(param) if isinstance(param, str) else param
        assert isinstance(given, dict), f"Load takes a dict of arrays by name, not a {type(given).__name__}"
        self.param = {name[4:] if name.startswith(("arg:", "aux:")) else name: arr for name, arr in given.items()}
        self.default_init = default_init
        self.verbose = verbose

    def __call__(self, name: str, arr: NDArray) -> None:
        if name in self.param:
            loaded = self.param[name]
            assert arr.shape == loaded.shape, \
                f"Parameter {name} of shape {arr.shape} cannot be initialized from the loaded shape {loaded.shape}"
            arr[:] = loaded
        else:
            assert self.default_init is not None, \
                f"Cannot initialize {name}: it is not among the loaded parameters, and there is no default_init"
            self.default_init(name, arr)
        if self.verbose:
            logging.info("Initialized %s by %s", name, "loading" if name in self.param else "default")

"""`KVStoreBase`: the interface of stores, their registry, and a store without memory."""
from __future__ import annotations

import warnings
from typing import Any

from ..array.nd_array import NDArray

__all__ = ["KVStoreBase"]


class KVStoreBase:
    """The interface of a store of arrays by key. `register` makes a subclass known to `mx.kv.create`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/kvstore/index.html

    >>> @KVStoreBase.register
    ... class Mine(KVStoreBase):
    ...     pass
    >>> KVStoreBase.kv_registry["mine"] is Mine
    True
    """

    #: The capability of updating stored arrays by an optimizer.
    OPTIMIZER = "optimizer"
    kv_registry: dict[str, type] = {}

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """Write the value of the first worker into all arrays `out`. Subclasses define it."""
        raise self._missing("broadcast")

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """Add up the arrays `value` and write the result into the arrays `out`. Subclasses define it."""
        raise self._missing("pushpull")

    def set_optimizer(self, optimizer: Any) -> None:
        """Set the optimizer that updates stored arrays. Subclasses define it."""
        raise self._missing("set_optimizer")

    def is_capable(self, capability: str) -> bool:
        """Whether the store has a capability, such as `KVStoreBase.OPTIMIZER`. Subclasses define it."""
        raise self._missing("is_capable")

    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> None:
        """Write the optimizer's states to a file. Subclasses define it."""
        raise self._missing("save_optimizer_states")

    def load_optimizer_states(self, fname: str) -> None:
        """Read the optimizer's states from a file. Subclasses define it."""
        raise self._missing("load_optimizer_states")

    @property
    def type(self) -> str:
        """The kind of store. Subclasses define it."""
        raise self._missing("type")

    @property
    def rank(self) -> int:
        """The number of this worker. Subclasses define it."""
        raise self._missing("rank")

    @property
    def num_workers(self) -> int:
        """The number of workers. Subclasses define it."""
        raise self._missing("num_workers")

    def _missing(self, name: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} defines no {name}")

    @staticmethod
    def register(klass: Any) -> Any:
        """Register a class of stores under its name in lower case; a warning tells that it replaces another."""
        assert isinstance(klass, type), f"a class of stores is registered, got {klass!r}"
        name = klass.__name__.lower()
        old = KVStoreBase.kv_registry.get(name)
        if old is not None:
            warnings.warn(f"WARNING: New kvstore {klass.__module__}.{klass.__name__} is overriding existing kvstore "
                          f"{old.__module__}.{old.__name__}", stacklevel=2)
        KVStoreBase.kv_registry[name] = klass
        return klass


@KVStoreBase.register
class TestStore(KVStoreBase):
    """A store that keeps nothing: it adds up and copies. MXNet's tests use it."""

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """Write `value` into all arrays `out`."""
        _write(out, value)

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """Write the sum of the arrays `value` into the arrays `out`, or into themselves."""
        if isinstance(value, NDArray):
            _write([] if out is None else out, value)
            return
        context = value[0].context
        total = sum([one.as_in_context(context) for one in value])
        _write(value if out is None else out, total)

    @staticmethod
    def is_capable(capability: str) -> bool:
        """Whether the store has a capability. ValueError for an unknown one."""
        if capability.lower() == KVStoreBase.OPTIMIZER:
            return False
        raise ValueError(f"Unknown capability: {capability}")

    @property
    def type(self) -> str:
        """The kind of store."""
        return "teststore"

    @property
    def rank(self) -> int:
        """The number of this worker: 0."""
        return 0

    @property
    def num_workers(self) -> int:
        """The number of workers: 1."""
        return 1


def _write(out: Any, value: Any) -> None:
    for one in out if isinstance(out, list) else [out]:
        one[:] = value.as_in_context(one.context)

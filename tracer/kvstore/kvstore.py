"""`KVStore`: the store of one process, which adds up arrays and updates what it stores."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy import unique as np_unique

from tracer.ops.ir.errors import MXNetError

from .. import autograd
from .. import numpy as np
from ..array.nd_array import NDArray
from ..context import cpu_pinned
from ..optimizer import get_updater
from ..sparse.arrays import RowSparseNDArray
from ..sparse.base import BaseSparseNDArray
from ..sparse.parts import retain
from ..whole_files import replacing
from .base import KVStoreBase

__all__ = ["KVStore", "create"]


class KVStore(KVStoreBase):
    """A store of arrays by key, which adds up what several contexts push to it.

    kind: its kind, by which `create` made it.

    Without an updater a push replaces the stored array by the sum of the pushed ones. With one, the updater is called
    with the key, that sum and the stored array, which it updates. Nothing is computed before a value is needed.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/kvstore/index.html

    >>> from tracer import kv, nd
    >>> store = kv.create("local")
    >>> store.init("w", nd.zeros((2,)))
    >>> store.push("w", [nd.ones((2,)), nd.ones((2,))])
    >>> found = nd.empty((2,))
    >>> store.pull("w", out=found)
    >>> found.asnumpy()
    array([2., 2.], dtype=float32)
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._kinds_of_keys: type | None = None
        self._stored: dict[Any, Any] = {}
        self._sums: dict[Any, Any] = {}
        self._updater: Any = None

    # ---- capabilities ----------------------------------------------------------------------------

    def is_capable(self, capability: str) -> bool:
        """Whether the store has a capability. ValueError for an unknown one."""
        if capability.lower() == KVStoreBase.OPTIMIZER:
            return True
        raise ValueError(f"Unknown capability: {capability}")

    @property
    def type(self) -> str:
        """The kind of store, such as "local"."""
        return self._kind

    @property
    def rank(self) -> int:
        """The number of this worker: 0."""
        return 0

    @property
    def local_rank(self) -> int:
        """The number of this worker on its machine: 0."""
        return 0

    @property
    def num_workers(self) -> int:
        """The number of workers: 1."""
        return 1

    def barrier(self) -> None:
        """Wait for the other workers, of which there are none."""

    _barrier = barrier

    # ---- arrays ----------------------------------------------------------------------------------

    def init(self, key: Any, value: Any) -> None:
        """Store copies of arrays under new keys. MXNetError for a key that is there.

        key: an integer, a string, or a list of either.
        value: an array, or a list of as many.
        """
        for one, arrays in self._pairs(key, value):
            if one in self._stored:
                raise MXNetError(f"duplicate init of key {one}. Please double check if you called kv.init or "
                                 "kv.broadcast with this key multiple times")
            with autograd.pause():
                self._stored[one] = _classic(arrays[0]).copyto(cpu_pinned(0))

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """Store copies of arrays under new keys, and write them into the arrays `out`, as `init` and `pull` do."""
        self.init(key, value)
        self.pull(key, out, priority)

    def push(self, key: Any, value: Any, priority: int = 0) -> None:
        """Add up the arrays of each key, and replace the stored array by the sum, or call the updater.

        key: a key or a list of keys. Equal ones in a list count as one, with all their arrays.
        value: an array or a list of arrays; for a list of keys, a list of as many of either.
        priority: no effect: the order in which steps run is found from their operands.

        MXNetError for a key that was not initialized.
        """
        groups: dict[Any, list[Any]] = {}
        for one, arrays in self._pairs(key, value):
            groups.setdefault(one, []).extend(arrays)
        for one in sorted(groups):
            self._require(one)
            with autograd.pause():
                merged = self._merged(one, groups[one])
                if self._updater is None:
                    self._stored[one] = merged
                else:
                    self._updater(one.encode() if isinstance(one, str) else one, merged, self._stored[one])

    def pull(self, key: Any, out: Any = None, priority: int = 0, ignore_sparse: bool = True) -> None:
        """Write stored arrays into the arrays `out`.

        key, priority: as in `push`.
        out: an array or a list of arrays for each key, of the stored one's shape.
        ignore_sparse: whether row_sparse arrays are left as they are (see `row_sparse_pull`).

        MXNetError for a key that was not initialized.
        """
        assert out is not None, "pull needs the arrays to write into: out=..."
        for one, arrays in self._pairs(key, out):
            self._require(one)
            stored = self._stored[one]
            for array in arrays:
                if not ignore_sparse or array.stype == "default":
                    _write(array, stored, one)

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """Push arrays, and write what is then stored into the arrays `out`, or into those pushed."""
        self.push(key, value, priority)
        self.pull(key, value if out is None else out, priority)

    def row_sparse_pull(self, key: Any, out: Any = None, priority: int = 0, row_ids: Any = None) -> None:
        """Write rows of stored arrays into row_sparse arrays: those of the given numbers, each once, in order.

        key, priority: as in `pull`.
        out: a row_sparse array or a list of them for each key.
        row_ids: the rows' numbers: an array for all arrays, or one for each.

        MXNetError for a key that was not initialized, or whose stored array or `out` is dense.
        """
        assert out is not None, "row_sparse_pull needs the arrays to write into: out=..."
        assert row_ids is not None, "row_sparse_pull needs the numbers of rows: row_ids=..."
        single = isinstance(row_ids, NDArray)
        ids = None if single else iter([one for given in row_ids for one in ([given] if isinstance(given, NDArray)
                                                                             else given)])
        for one, arrays in self._pairs(key, out):
            self._require(one)
            for array in arrays:
                rows = row_ids if ids is None else next(ids)
                if not isinstance(self._stored[one], RowSparseNDArray) or not isinstance(array, RowSparseNDArray):
                    raise MXNetError(f"key {one}: row_sparse_pull is for arrays of storage type row_sparse; use pull")
                wanted = np_unique(rows.asnumpy().astype("int64").reshape(-1))
                with autograd.pause():
                    retain(self._stored[one], wanted).copyto(array)

    def _pairs(self, key: Any, value: Any) -> list[tuple[Any, list[Any]]]:
        """Keys with their lists of arrays. AssertionError for arguments that do not fit together."""
        if isinstance(key, (list, tuple)):
            assert isinstance(value, (list, tuple)) and len(key) == len(value), \
                f"{len(key)} keys need a list of as many arrays, or of lists of arrays"
            assert len({isinstance(one, str) for one in key}) < 2, "inconsistent types of keys detected."
            return [pair for one, arrays in zip(key, value) for pair in self._pairs(one, arrays)]
        assert isinstance(key, (int, str)), f"unexpected type for keys: {type(key)}"
        kind = str if isinstance(key, str) else int
        self._kinds_of_keys = self._kinds_of_keys or kind
        if kind is not self._kinds_of_keys:
            raise MXNetError(f"Mixed key types are not allowed: key {key!r} in a store whose keys are of type "
                             f"{self._kinds_of_keys.__name__}")
        arrays = [value] if isinstance(value, NDArray) else list(value)
        for one in arrays:
            assert isinstance(one, NDArray), f"key {key!r}: an array is expected, got {type(one).__name__}"
        assert arrays, f"key {key!r}: no arrays are given"
        return [(key, arrays)]

    def _require(self, key: Any) -> None:
        if key not in self._stored:
            raise MXNetError(f"key {key} doesn't exist. Did you init?" if isinstance(key, str)
                             else f"key {key} has not been inited")

    def _merged(self, key: Any, arrays: list[Any]) -> Any:
        """The sum of pushed arrays; a single one is not copied, as in MXNet.

        The sum of a key is always the same array, so that the updater's recorded step serves again.
        """
        if len(arrays) == 1:
            return _classic(arrays[0])
        for one in arrays[1:]:
            if one.shape != arrays[0].shape:
                raise MXNetError(f"key {key}: arrays of shapes {arrays[0].shape} and {one.shape} are pushed together")
        if isinstance(arrays[0], BaseSparseNDArray):
            return _added([one.as_in_context(cpu_pinned(0)) for one in arrays], True)
        place = cpu_pinned(0)
        total = _added([_classic(one).as_in_context(place) for one in arrays], "device" in self._kind)
        kept = self._sums.get(key)
        if kept is None or kept.shape != total.shape or kept.dtype != total.dtype:
            kept = self._sums[key] = total.as_in_context(place)
        else:
            kept[:] = total
        return kept

    # ---- updates ---------------------------------------------------------------------------------

    def set_optimizer(self, optimizer: Any) -> None:
        """Let an optimizer update the stored arrays, with what is pushed as their gradients."""
        self._set_updater(get_updater(optimizer))

    def _set_updater(self, updater: Callable[[Any, Any, Any], Any]) -> None:
        """Let a function of a key (a string as bytes), the sum of pushed arrays and the stored array update these."""
        self._updater = updater

    set_updater = _set_updater

    def set_gradient_compression(self, compression_params: Any) -> None:
        """Not supported: raises NotImplementedError; Exception for kinds that do not compress in MXNet either."""
        if "device" not in self._kind:
            raise Exception("Gradient compression is not supported for this type of kvstore")
        raise NotImplementedError(f"KVStore.set_gradient_compression({compression_params!r}): gradients are not "
                                  "compressed")

    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> None:
        """Write the optimizer's states to a file, which real MXNet reads too. AssertionError without an optimizer.

        dump_optimizer: whether the optimizer is written, too.
        """
        assert self._updater is not None, "Cannot save states for distributed training"
        with replacing(fname) as file:
            file.write(self._updater.get_states(dump_optimizer))

    def load_optimizer_states(self, fname: str) -> None:
        """Read the optimizer's states from a file. AssertionError without an optimizer."""
        assert self._updater is not None, "Cannot load states for distributed training"
        with open(fname, "rb") as file:
            self._updater.set_states(file.read())


def _classic(array: Any) -> Any:
    """An array as an nd array with the same memory: stored arrays are nd arrays, as in MXNet."""
    return array.as_nd_ndarray() if isinstance(array, np.ndarray) else array


def _added(arrays: list[Any], in_order: bool) -> Any:
    """The sum of arrays, one after the other, or as MXNet adds on a CPU: the first one, plus sums of four at a time."""
    total = arrays[0]
    size = 1 if in_order else 4
    for start in range(1, len(arrays), size):
        part = arrays[start]
        for one in arrays[start + 1:start + size]:
            part = part + one
        total = total + part
    return total


def _write(array: Any, stored: Any, key: Any) -> None:
    """Write a stored array into another of its shape, unless it is that."""
    if array is stored:
        return
    if array.shape != stored.shape:
        raise MXNetError(f"key {key}: the stored array has shape {stored.shape}, the array to write into {array.shape}")
    with autograd.pause():
        array[:] = stored.as_in_context(array.context)


def create(name: str = "local") -> Any:
    """A new store.

    name: "local" or "device", which differ in the order of sums, or the name of a registered class.

    NotImplementedError for the stores of several processes ("dist_sync", "horovod", "byteps"). MXNetError for "nccl".

    >>> create("device").type
    'device'
    """
    if not isinstance(name, str):
        raise TypeError("name must be a string")
    kind = name.lower()
    if kind in KVStoreBase.kv_registry:
        return KVStoreBase.kv_registry[kind]()
    if "dist" in kind or kind in ("horovod", "byteps"):
        raise NotImplementedError(f"kvstore {name!r}: tracer trains in one process; use 'local' or 'device'")
    if "nccl" in kind:
        raise MXNetError(f"compile with USE_NCCL=1 to use {kind}")
    return KVStore(kind)

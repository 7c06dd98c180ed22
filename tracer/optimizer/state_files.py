"""States of optimizers as bytes: pickles in which arrays and optimizers have MXNet's classes and layout."""
from __future__ import annotations

import importlib
import io
import pickle
import pickletools
import struct
import sys
from typing import Any

import numpy as onp

from tracer.ops.ir.errors import MXNetError

from .. import numpy as np
from ..array.nd_array import NDArray
from ..core.invoke import wrap
from ..lr_scheduler import LRScheduler
from ..ndarray.files import FILE_MAGIC, dumps, load_frombuffer
from ..sparse.base import BaseSparseNDArray
from .base import Optimizer

#: An array's bytes within those of a file with one array and no names.
_HEAD, _TAIL = struct.pack("<QQQ", FILE_MAGIC, 0, 1), struct.pack("<Q", 0)
_PACKAGE = __name__.partition(".")[0]


class _Stored:
    """An array of a pickle, made as MXNet's is: from None, then from its bytes."""

    def __init__(self, kind: type, handle: None = None) -> None:
        self.kind = kind
        self.array: Any = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        found = load_frombuffer(_HEAD + bytes(state["handle"]) + _TAIL)
        assert isinstance(found, list)
        array = found[0]
        self.array = array if self.kind is NDArray else wrap(self.kind, array._value)


def _nd_array(handle: None) -> _Stored:
    return _Stored(NDArray)


def _np_array(handle: None) -> _Stored:
    return _Stored(np.ndarray)


#: What states may hold beside arrays, optimizers and schedules; other names could be those of functions that do harm.
_HARMLESS = {
    "builtins": "bool complex dict float frozenset int list object set slice str tuple",
    "collections": "OrderedDict defaultdict deque", "copyreg": "_reconstructor", "_codecs": "encode",
    "tracer.array.nd_array": "NDArray _restore", "tracer.array.np_array": "ndarray",
    "numpy": "bool_ dtype float16 float32 float64 int16 int32 int64 int8 uint16 uint32 uint64 uint8",
    **dict.fromkeys(("numpy.core.multiarray", "numpy._core.multiarray"), "scalar"),
    **dict.fromkeys(("numpy.core.numeric", "numpy._core.numeric"), "_frombuffer"),
}


def _bytes(*given: Any) -> bytes:
    return bytes(*_no_size(given))


def _bytearray(*given: Any) -> bytearray:
    return bytearray(*_no_size(given))


def _no_size(given: tuple) -> tuple:
    """The arguments. ValueError for a number, of which `bytes` would make as many zeros."""
    if given and isinstance(given[0], int):
        raise ValueError(f"{given[0]} zeros instead of bytes")
    return given


class _Array:
    """numpy.ndarray in a pickle: not called, but named as an argument of `_reconstruct`."""


def _reconstruct(kind: Any, shape: tuple, letter: bytes) -> onp.ndarray:
    """An empty array, as NumPy pickles each. ValueError for another shape, of which memory would be taken."""
    if kind is not _EMPTY or shape != (0,):
        raise ValueError(f"an array of shape {shape} before its elements")
    return onp.ndarray(shape, onp.int8)


_EMPTY = _Array()
#: Functions that stand for those that would take as much memory as a number tells.
_BOUNDED: dict[tuple[str, str], Any] = {
    ("builtins", "bytes"): _bytes, ("builtins", "bytearray"): _bytearray, ("numpy", "ndarray"): _EMPTY,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")}}
_MODULES = ("context", "device", "initializer", "lr_scheduler", "optimizer")
#: Opcodes by whose argument the unpickler makes a table of that length.
_TABLES = ("PUT", "BINPUT", "LONG_BINPUT")
#: The bytes of the opcode FRAME with its argument.
_FRAME_HEAD = 9


class _Unpickler(pickle.Unpickler):
    """An unpickler to which MXNet's modules are tracer's, and which makes no other objects than states hold."""

    def find_class(self, module: str, name: str) -> Any:
        """The class of this name, tracer's where it is MXNet's. MXNetError for one that states do not hold."""
        package, _, rest = module.partition(".")
        if (module, name) in _BOUNDED:
            return _BOUNDED[module, name]
        if name in _HARMLESS.get(module, "").split():
            return super().find_class(module, name)
        if package != "mxnet":
            found = getattr(sys.modules.get(module), name, None)
            if isinstance(found, type) and issubclass(found, (Optimizer, LRScheduler)):
                return found
            raise MXNetError(f"optimizer states hold {module}.{name}, which may be anything: import a class of an "
                             "optimizer or a schedule before its states are loaded; others are refused")
        if name in ("NDArray", "CSRNDArray", "RowSparseNDArray") and rest.startswith("ndarray"):
            return _nd_array
        if name == "ndarray" and rest.startswith("numpy"):
            return _np_array
        if rest.startswith("optimizer"):  # one file in MXNet 1.9.1, one for each class in 2.0
            rest = "optimizer.contrib" if rest.endswith("contrib") else "optimizer.optimizer"
        if rest.partition(".")[0] in _MODULES:
            found = getattr(importlib.import_module(f"{_PACKAGE}.{rest}"), name, None)
            if isinstance(found, type):
                return found
        raise MXNetError(f"optimizer states hold {module}.{name}, which tracer does not know as a part of states")


#: Only the pickler that is written in Python can give a class another name.
_PythonPickler: Any = pickle._Pickler


class _Pickler(_PythonPickler):
    """A pickler that gives arrays, optimizers and schedules the names of MXNet's classes."""

    def reducer_override(self, obj: Any) -> Any:
        """An array as MXNet pickles it: made from None, then from its bytes."""
        if isinstance(obj, NDArray):
            data = bytearray(dumps(obj)[len(_HEAD):-len(_TAIL)])
            kind = type(obj) if isinstance(obj, (np.ndarray, BaseSparseNDArray)) else NDArray
            return kind, (None,), {"handle": data}
        return NotImplemented

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Write the name of a class or function, in MXNet's modules where it has one there."""
        module = getattr(obj, "__module__", None) or ""
        if obj is NDArray:
            named = "mxnet.ndarray.ndarray", "NDArray"
        elif obj is np.ndarray:
            named = "mxnet.numpy", "ndarray"
        elif module.startswith(f"{_PACKAGE}.sparse"):
            named = "mxnet.ndarray.sparse", obj.__name__
        elif module.startswith(f"{_PACKAGE}.optimizer"):
            # The package has each class in both versions, 2.0's file `optimizer` only the base.
            named = f"mxnet.optimizer{'.contrib' if module.endswith('.contrib') else ''}", obj.__name__
        elif module.startswith(f"{_PACKAGE}."):
            named = "mxnet" + module[len(_PACKAGE):], obj.__name__
        else:
            super().save_global(obj, name)
            return
        self.save(named[0])
        self.save(named[1])
        self.write(pickle.STACK_GLOBAL)
        self.memoize(obj)

    dispatch = {**_PythonPickler.dispatch, type: save_global}


def pickled(states: Any) -> bytes:
    """The bytes of states (and an optimizer), which MXNet's `Updater.set_states` reads too. This is a sync point."""
    file = io.BytesIO()
    _Pickler(file, protocol=4).dump(states)
    return file.getvalue()


def unpickled(data: bytes) -> Any:
    """The states (and the optimizer) from the bytes that `pickled` or MXNet's `Updater.get_states` returned.

    MXNetError for other bytes, and for objects that are no part of states.
    """
    try:
        _check(data)
        return _arrays(_Unpickler(io.BytesIO(data)).load())
    except (MXNetError, MemoryError):
        raise
    except Exception as error:  # unpicklers raise errors of any type for malformed bytes
        raise MXNetError(f"Invalid optimizer states, of {len(data)} bytes: {error}") from error


def _check(data: bytes) -> None:
    """Raise ValueError for a pickle with a table of more objects than bytes, or a frame that ends within an object.

    The unpickler would take the table's memory, and raise MemoryError for the frame.
    """
    argument: Any
    end = len(data)
    for opcode, argument, at in pickletools.genops(data):
        if opcode.name in _TABLES and int(argument) > len(data):
            raise ValueError(f"a table of {argument} objects in {len(data)} bytes")
        if opcode.name == "FRAME":
            end = (at or 0) + _FRAME_HEAD + argument
        elif (at or 0) > end:
            raise ValueError(f"a frame that ends at byte {end}, within an object")
        elif at == end:
            end = len(data)


def _arrays(found: Any) -> Any:
    """The same containers with arrays in the place of stored ones."""
    if isinstance(found, _Stored):
        return found.array
    if isinstance(found, dict):
        return {key: _arrays(value) for key, value in found.items()}
    if type(found) in (list, tuple):
        return type(found)(_arrays(value) for value in found)
    return found

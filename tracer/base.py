"""`mx.base`: the error types, tuples of types for isinstance(), and the helpers of MXNet's C interface.

There is no C library: calling a function of `_LIB` raises NotImplementedError with its name.
"""
from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as _np

from tracer.ops.ir.errors import MXNetError

__all__ = ["MXNetError"]

# The public module name; install_as_mxnet() changes it to mxnet.base.
MXNetError.__module__ = __name__

integer_types = (int, _np.int32, _np.int64)
numeric_types = (float, int, _np.generic)
string_types = (str,)
basestring, long = str, int
mx_real_t = _np.float32

#: The error types that MXNet's engine raises by name.
error_types: dict[str, type[BaseException]] = {}


def register_error(func_name: Any = None, cls: type[BaseException] | None = None) -> Any:
    """Register an error type under a name; without the class it is a decorator.

    func_name: the name, or the class, which is then registered under its own.
    cls: the class.
    """
    if cls is None and isinstance(func_name, type):
        func_name, cls = func_name.__name__, func_name

    def register(found: type[BaseException]) -> type[BaseException]:
        error_types[func_name if isinstance(func_name, str) else found.__name__] = found
        return found

    return register if cls is None else register(cls)


class _Unavailable(MXNetError):
    """An error that names a function and the types of its arguments."""

    reason = ""

    def __init__(self, function: Callable[..., Any], alias: str | None, *args: Any) -> None:
        super().__init__()
        self.function = function.__name__
        self.alias = alias
        self.args = tuple(str(type(a)) for a in args)

    def __str__(self) -> str:
        alias = f' (namely operator "{self.alias}")' if self.alias else ""
        arguments = f" with arguments ({', '.join(self.args)})" if self.args else ""
        return f"Function {self.function}{alias}{arguments} is {self.reason} and only available in NDArray."


@register_error
class NotImplementedForSymbol(_Unavailable):
    """The error of a function that symbols lack."""

    reason = "not implemented for Symbol"


class NotSupportedForSparseNDArray(_Unavailable):
    """The error of a function that sparse arrays lack."""

    reason = "not supported for SparseNDArray"


def refusing(name: str, why: str) -> Callable[..., NoReturn]:
    """A function of the given name that raises NotImplementedError with it and a reason."""
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"{name}{why}")

    refuse.__name__ = refuse.__qualname__ = name.rpartition(".")[2]
    refuse.__doc__ = f"Not supported: `{name}` raises NotImplementedError."
    return refuse


def required(name: str, **given: Any) -> None:
    """Check that the parameters that a function must have are not None. MXNetError, with its name, for one that is."""
    for key, value in given.items():
        if value is None:
            raise MXNetError(f"{name}: Required parameter {key} is not presented")


class _NullType:
    """The type of `_Null`, MXNet's default of a parameter that is not given."""

    def __repr__(self) -> str:
        return "_Null"


_Null = _NullType()


def py_str(x: bytes) -> str:
    """Bytes decoded from UTF-8."""
    return x.decode("utf-8")


def as_list(x: Any) -> Any:
    """A list or tuple as it is; for any other object, a list with that one item."""
    return x if isinstance(x, (list, tuple)) else [x]


_as_list = as_list


def data_dir_default() -> str:
    """The user's folder of downloaded files, `~/.mxnet`."""
    if platform.system() == "Windows":
        return os.path.join(os.environ.get("APPDATA", ""), "mxnet")
    return os.path.join(os.path.expanduser("~"), ".mxnet")


def data_dir() -> str:
    """The folder of downloaded files: the environment's MXNET_HOME, or the default."""
    return os.environ.get("MXNET_HOME", data_dir_default())


# ---- the C interface -----------------------------------------------------------------------------

mx_int, mx_uint, mx_int64, mx_float = ctypes.c_int, ctypes.c_uint, ctypes.c_int64, ctypes.c_float
mx_float_p = ctypes.POINTER(mx_float)
NDArrayHandle = FunctionHandle = OpHandle = CachedOpHandle = SymbolHandle = ExecutorHandle = ctypes.c_void_p
DataIterCreatorHandle = DataIterHandle = DatasetHandle = BatchifyFunctionhandle = ctypes.c_void_p
KVStoreHandle = RecordIOHandle = RtcHandle = CudaModuleHandle = CudaKernelHandle = ctypes.c_void_p
ProfileHandle = DLPackHandle = ctypes.c_void_p


class _Library:
    """MXNet's C library, which tracer does not have: its functions exist, and raise NotImplementedError when called."""

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith("__"):
            raise AttributeError(name)

        def function(*args: Any) -> NoReturn:
            raise NotImplementedError(f"{name}(): tracer is pure Python and has no C library")

        function.__name__ = name
        return function


_LIB = _Library()


def check_call(ret: int) -> None:
    """Check the status that a C function returned: MXNetError unless it is 0."""
    if ret != 0:
        raise MXNetError(f"a call of the C interface returned {ret}")


def c_str(string: str) -> ctypes.c_char_p:
    """A C string.

    >>> c_str("a").value
    b'a'
    """
    return ctypes.c_char_p(string.encode("utf-8"))


def c_str_array(strings: Sequence[str]) -> Any:
    """A C array of strings."""
    return (ctypes.c_char_p * len(strings))(*[s.encode("utf-8") for s in strings])


def c_array(ctype: Any, values: Sequence[Any]) -> Any:
    """A C array of the values, of type `ctype`."""
    return (ctype * len(values))(*values)


def c_array_buf(ctype: Any, buf: Any) -> Any:
    """A C array in the memory of a buffer such as an `array.array`."""
    return (ctype * len(buf)).from_buffer(buf)


def c_handle_array(objs: Sequence[Any]) -> Any:
    """A C array of the `handle` of each object."""
    return (ctypes.c_void_p * len(objs))(*[o.handle for o in objs])

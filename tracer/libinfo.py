"""`mx.libinfo`: the version of MXNet whose API applies (generation.py), and tracer's own."""
from __future__ import annotations

from typing import Any, NoReturn

from . import generation

__all__ = ["find_conf_path", "find_include_path", "find_lib_path"]

#: tracer's own version.
tracer_version = "0.1.0"


def find_lib_path(prefix: str = "libmxnet") -> NoReturn:
    """Not supported: raises RuntimeError, as MXNet does without its library."""
    raise RuntimeError(f"Cannot find the MXNet library {prefix}: tracer is pure Python and has none")


def find_include_path() -> NoReturn:
    """Not supported: raises RuntimeError, as MXNet does without its headers."""
    raise RuntimeError("Cannot find the MXNet include path: tracer is pure Python and has no C headers")


def find_conf_path(prefix: str = "tvmop") -> NoReturn:
    """Not supported: raises RuntimeError, as MXNet does without its configuration."""
    raise RuntimeError(f"Cannot find the TVM op config {prefix}: tracer is pure Python and has none")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return generation.version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Names that Python's own modules lost, and modules that it lost, each with what does the same today."""
from __future__ import annotations

import base64
import collections
import collections.abc
import fractions
import importlib
import importlib.util
import inspect
import math
import string
import sys
import time
from types import ModuleType
from typing import Any

from .versions import LooseVersion, Release, StrictVersion, Version

ArgSpec = collections.namedtuple("ArgSpec", "args varargs keywords defaults")


def getargspec(func: Any) -> ArgSpec:
    """The parameters of a function. ValueError for one with keyword-only parameters or annotations."""
    found = inspect.getfullargspec(func)
    if found.kwonlyargs or found.annotations:
        raise ValueError("Function has keyword-only parameters or annotations, use inspect.signature()")
    return ArgSpec(found.args, found.varargs, found.varkw, found.defaults)


def gcd(a: int, b: int) -> int:
    """The greatest common divisor, with the sign of `b`."""
    return -math.gcd(a, b) if b < 0 else math.gcd(a, b)


def strtobool(val: str) -> int:
    """1 for a word that means yes, 0 for one that means no. ValueError for another."""
    word = val.lower()
    if word in ("y", "yes", "t", "true", "on", "1"):
        return 1
    if word in ("n", "no", "f", "false", "off", "0"):
        return 0
    raise ValueError(f"invalid truth value {val!r}")


def load_source(name: str, pathname: str) -> ModuleType:
    """A module loaded from a file of source, under a name."""
    spec = importlib.util.spec_from_file_location(name, pathname)
    if spec is None or spec.loader is None:
        raise ImportError(f"{pathname!r} is no file of Python source", name=name, path=pathname)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


#: The names that a module lost.
NAMES: dict[ModuleType, dict[str, Any]] = {
    collections: {name: getattr(collections.abc, name) for name in collections.abc.__all__},
    inspect: {"getargspec": getargspec, "ArgSpec": ArgSpec},
    time: {"clock": time.perf_counter},
    fractions: {"gcd": gcd},
    string: {"maketrans": str.maketrans},
    base64: {"encodestring": base64.encodebytes, "decodestring": base64.decodebytes},
}

#: The modules that Python, or its packaging tools, lost, and their contents.
MODULES: dict[str, dict[str, Any]] = {
    "distutils": {},
    "distutils.version": {"LooseVersion": LooseVersion, "StrictVersion": StrictVersion, "Version": Version},
    "distutils.util": {"strtobool": strtobool},
    "imp": {"load_source": load_source, "reload": importlib.reload},
    "pkg_resources": {"parse_version": Release},
}

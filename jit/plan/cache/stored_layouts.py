"""Layouts of plans on disk, so that a process need not plan what an earlier one has planned.

A file holds a digest, the sources of the layout's kernels, and the layout. Its name is a digest of the
structure and sizes of the graph and of everything that shapes code (native/disk_cache.py). A native function is stored
as the call that finds it (`Address`), an operation by its name, a node of the graph by its place. A layout
with anything else that another process might not have is not stored: another number that may be an address, a user's
function. A file that cannot be read is as good as none.
"""
from __future__ import annotations

import hashlib
import io
import pickle
import sys
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import Any

import numpy as np

import tracer.jit
import tracer.ops
from tracer.ops.ir.aval import Aval, aval
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node
from tracer.ops.ir.op import OPS, Op

from ...native import cache_folder, disk_cache, kernel_cache
from ...native.disk_cache import Address
from ..layout import PlanLayout

#: The fewest nodes of a graph whose layout is stored: a smaller one is planned in about the time of reading a file.
FEWEST = 24
#: Numbers in this range may be addresses. Those of a layout are sizes, which are smaller, or bits of floats.
_ADDRESSES = range(1 << 36, 1 << 52)
#: The packages with a digest (disk_cache.host).
_PACKAGES = (f"{tracer.ops.__name__}.", f"{tracer.jit.__name__}.")


class _Unstorable(Exception):
    """The exception for an object that another process might not have."""


def name_of(order: Sequence[Node], structure: Any, values: Sequence[Any]) -> str | None:
    """The name of the file for a graph's layout; None if it is small, or has attributes that no text stands for."""
    if len(order) < FEWEST:
        return None
    try:
        return f"p_{disk_cache.key(_text((structure, tuple(values))))}.plan"
    except _Unstorable:
        return None


def load(name: str, order: Sequence[Node]) -> PlanLayout | None:
    """The layout in the file `name`, for the graph with these nodes; None if there is none, or it is damaged."""
    data = cache_folder.read(name)
    if data is None or _digest(name, data[32:]) != data[:32]:
        return None
    file = io.BytesIO(data[32:])
    try:
        kernel_cache.prepare(pickle.load(file))
        return _Reader(file, order).load()
    except Exception:  # of the cache's version in spite of its name, or a library that is missing here
        return None


def store(name: str, layout: PlanLayout, order: Sequence[Node]) -> None:
    """Write a layout to the file `name`, unless it holds anything that another process might not have."""
    file = io.BytesIO()
    try:
        writer = _Writer(file, {n: i for i, n in enumerate(order)})
        writer.dump(layout)
    except (_Unstorable, pickle.PicklingError, TypeError, AttributeError, RecursionError):
        return  # a RecursionError: a layout with nodes that are not in the graph, in a long chain
    data = pickle.dumps(list(writer.sources)) + file.getvalue()
    cache_folder.write(name, _digest(name, data) + data)


def _digest(name: str, data: bytes) -> bytes:
    """The digest of a file's contents, which also tells files that have changed places."""
    return hashlib.sha256(name.encode() + data).digest()


class _Writer(pickle.Pickler):
    """The pickler of a layout. sources: those of its kernels."""

    def __init__(self, file: Any, places: Mapping[Node, int]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.places = places
        self.sources: dict[str, None] = {}

    def persistent_id(self, what: Any) -> Any:
        """The place of a node of the graph, or the name of an operation; None for what is stored itself."""
        if type(what) is int:
            if what in _ADDRESSES:
                raise _Unstorable
        elif isinstance(what, Address):
            if what.find is kernel_cache.find_kernel:
                self.sources[what.given[0]] = None
        elif isinstance(what, Node):
            return self.places.get(what)
        elif isinstance(what, Op):
            return _op_name(what)
        elif isinstance(what, np.generic):
            raise _Unstorable  # a number of NumPy's may be an address, too
        return None

    def reducer_override(self, what: Any) -> Any:
        """The call that makes a node which is not in the graph, or an aval."""
        if isinstance(what, Node):
            return Node, (what.op, what.inputs, what.attrs, what.aval)
        return (aval, (what.shape, what.dtype, what.device)) if isinstance(what, Aval) else NotImplemented


class _Reader(pickle.Unpickler):
    """The unpickler of a layout."""

    def __init__(self, file: Any, order: Sequence[Node]) -> None:
        super().__init__(file)
        self.order = order

    def persistent_load(self, which: Any) -> Node | Op:
        """The node at a place of the graph, or the operation of a name."""
        return self.order[which] if isinstance(which, int) else OPS[which]


def _op_name(op: Op) -> str:
    if OPS.get(op.name) is not op:
        raise _Unstorable
    return op.name


def _function_name(function: FunctionType) -> str:
    """The name of a function of a package whose files are part of each digest."""
    module, name = function.__module__, function.__qualname__
    if not module.startswith(_PACKAGES) or getattr(sys.modules[module], name, None) is not function:
        raise _Unstorable
    return f"{module}.{name}"


def _text(what: Any) -> str:
    """The text of an object: equal objects have equal texts in all processes, others have others."""
    parts: list[str] = []
    _describe(what, parts)
    return " ".join(parts)


def _describe(what: Any, parts: list[str]) -> None:
    """Append the parts of an object's text."""
    kind = type(what)
    if kind in (int, str, bool, float) or what is None:
        parts.append(repr(what))
    elif isinstance(what, (tuple, list)):
        parts.append(f"{kind.__name__}{len(what)}")
        for one in what:
            _describe(one, parts)
    elif kind is Op:
        parts.append(f"op {_op_name(what)}")
    elif kind is Aval:
        parts.append(f"aval {what.shape} {what.dtype.str} {what.device}")
    elif isinstance(what, np.dtype):
        parts.append(f"dtype {what.str}")
    elif kind is frozenset:
        parts += [f"frozenset{len(what)}", *sorted([_text(one) for one in what])]
    elif kind is Node:
        _describe_graph(what, parts)
    elif kind is FunctionType:
        parts.append(_function_name(what))
    else:
        raise _Unstorable


def _describe_graph(output: Node, parts: list[str]) -> None:
    places: dict[Node, int] = {}
    for at, n in enumerate(toposort([output])):
        _describe((n.op, tuple([places[x] for x in n.inputs]), n.attrs, n.aval), parts)
        places[n] = at
    parts.append("end")

"""Contexts (devices) of arrays. All arrays are in the CPU's memory, and computed there; a context other than cpu(0) is
a label, as each of several CPU contexts is in MXNet.

MXNet without a GPU refuses to make arrays on one. So does tracer, unless TRACER_GPU=cpu is set: then GPU contexts are
labels too, and num_gpus() is 1, for scripts with `mx.gpu()` written in them.
"""
from __future__ import annotations

import operator
import re
import threading
from typing import Any

from tracer.jit import settings
from tracer.jit.runtime.buffers import trim
from tracer.ops.ir.aval import Device as Key
from tracer.ops.ir.errors import MXNetError


class _Scopes(threading.local):
    """The contexts whose `with` blocks this thread has entered, the outermost first."""

    def __init__(self) -> None:
        self.entered: list[Context] = []
        self.default = False  # whether the first is that of set_default_context


SCOPES = _Scopes()


class _Default:
    """`Context.default_ctx`: the current context."""

    def __get__(self, instance: Any, owner: Any = None) -> Context:
        return current_context()


class Context:
    """A device, given by type and number. Inside `with context:`, new arrays are made on it.

    device_type: "cpu", "gpu", "cpu_pinned" or "cpu_shared" (KeyError for another), or a context to copy.
    device_id: the number of the device.

    >>> from tracer import nd
    >>> with cpu(1):
    ...     x = nd.ones(2)
    >>> x.context, (x + 1).context, nd.ones(2).context
    (cpu(1), cpu(1), cpu(0))
    """

    devtype2str = {1: "cpu", 2: "gpu", 3: "cpu_pinned", 5: "cpu_shared"}
    devstr2type = {name: number for number, name in devtype2str.items()}
    default_ctx = _Default()

    def __init__(self, device_type: Any, device_id: int = 0) -> None:
        if isinstance(device_type, Context):
            device_type, device_id = device_type.device_type, device_type.device_id
        self.device_typeid: int = self.devstr2type[device_type]
        self.device_id = device_id

    @property
    def device_type(self) -> str:
        """The type's name."""
        return self.devtype2str[self.device_typeid]

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Context) and other.device_typeid == self.device_typeid
                and other.device_id == self.device_id)

    def __hash__(self) -> int:
        return hash((self.device_typeid, self.device_id))

    def __str__(self) -> str:
        return f"{self.device_type}({operator.index(self.device_id)})"

    __repr__ = __str__

    def __enter__(self) -> Context:
        SCOPES.entered.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        SCOPES.entered.pop()

    def empty_cache(self) -> None:
        """Return the memory that is kept for reuse to the operating system."""
        trim()


Device = Context


def cpu(device_id: int = 0) -> Context:
    """A CPU context."""
    return Context("cpu", device_id)


def gpu(device_id: int = 0) -> Context:
    """A GPU context. Making an array on it raises MXNetError, unless TRACER_GPU=cpu is set."""
    return Context("gpu", device_id)


def cpu_pinned(device_id: int = 0) -> Context:
    """A context of pinned CPU memory, which is ordinary memory here."""
    return Context("cpu_pinned", device_id)


def num_gpus() -> int:
    """The number of GPUs: 0, or 1 with TRACER_GPU=cpu."""
    return int(settings.gpu_on_cpu())


def gpu_memory_info(device_id: int = 0) -> tuple[int, int]:
    """Not supported: raises MXNetError, as there is no GPU."""
    raise MXNetError(f"gpu_memory_info({device_id}): tracer computes on the CPU")


def current_context() -> Context:
    """The context of this thread's innermost `with` block; outside of all, the default one, cpu(0)."""
    entered = SCOPES.entered
    return entered[-1] if entered else cpu()


current_device = current_context


def set_default_context(context: Context) -> None:
    """Set this thread's context outside of all `with` blocks. MXNetError for a GPU, unless TRACER_GPU=cpu is set."""
    key_of(context)
    if SCOPES.default:
        SCOPES.entered.pop(0)
    SCOPES.entered.insert(0, Context(context))
    SCOPES.default = True


def key_of(context: Context | str | None) -> Key:
    """The device of a context, or of the current one for None. MXNetError for an invalid name, and for a GPU."""
    if context is None:
        if not SCOPES.entered:
            return None
        context = SCOPES.entered[-1]
    if isinstance(context, Context):
        kind, number = context.device_type, context.device_id
    else:
        match = re.fullmatch(r"(\w+)\((\d+)\)", str(context))
        if match is None or match[1] not in Context.devstr2type:
            raise MXNetError(f"Invalid context string {context}")
        kind, number = match[1], int(match[2])
    if kind == "gpu" and not settings.gpu_on_cpu():
        raise MXNetError(f"gpu({number}): GPU is not enabled. tracer computes on the CPU; with TRACER_GPU=cpu in the "
                         "environment, GPU contexts are labels there")
    return None if kind == "cpu" and number == 0 else (kind, number)


def context_of(key: Key) -> Context:
    """The context of a device."""
    return cpu() if key is None else Context(*key)

"""Contexts (devices). There is one: the CPU."""
from __future__ import annotations

from typing import Any


class Context:
    """A device by type and number, as `mx.cpu()`; usable in `with`.

    >>> cpu()
    cpu(0)
    """

    devtype2str = {1: "cpu", 2: "gpu", 3: "cpu_pinned", 5: "cpu_shared"}

    def __init__(self, device_type: Any, device_id: int = 0) -> None:
        if isinstance(device_type, Context):
            device_type, device_id = device_type.device_type, device_type.device_id
        if device_type not in ("cpu", "gpu", "cpu_pinned", "cpu_shared"):
            raise ValueError(f"unknown device type {device_type!r}")
        self.device_type: str = device_type
        self.device_id = device_id

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Context) and other.device_type == self.device_type
                and other.device_id == self.device_id)

    def __hash__(self) -> int:
        return hash((self.device_type, self.device_id))

    def __repr__(self) -> str:
        return f"{self.device_type}({self.device_id})"

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def empty_cache(self) -> None:
        """Give the memory kept for reuse back to the system."""
        from tracer.jit.buffers import trim

        trim()


Device = Context


def cpu(device_id: int = 0) -> Context:
    """The CPU."""
    return Context("cpu", device_id)


def gpu(device_id: int = 0) -> Context:
    """A GPU context: it can be named and compared, but no array can be made there."""
    return Context("gpu", device_id)


def cpu_pinned(device_id: int = 0) -> Context:
    """The CPU (pinned memory has no meaning here)."""
    return Context("cpu_pinned", device_id)


def num_gpus() -> int:
    """Always 0."""
    return 0


def gpu_memory_info(device_id: int = 0) -> tuple[int, int]:
    """RuntimeError: there is no GPU."""
    raise RuntimeError(f"gpu_memory_info({device_id}): tracer computes on the CPU")


def current_context() -> Context:
    """The CPU."""
    return cpu()


current_device = current_context

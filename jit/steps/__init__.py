"""Native steps other than fused kernels: each file registers its `NativeStep` record (fusion/native_step.py)."""
import importlib
import pkgutil
from functools import cache


@cache
def load() -> None:
    """Import every file, so that the table of native steps is full."""
    for info in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{info.name}")

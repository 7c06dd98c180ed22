"""`mx.executor`: symbols bound to arrays."""
from .symbol.binding.executor import Executor

__all__ = ["Executor"]

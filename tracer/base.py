"""`mx.base`: the error type."""
from tracer.ops.errors import MXNetError

__all__ = ["MXNetError"]

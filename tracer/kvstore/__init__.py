"""`mx.kvstore`: stores that add up arrays of several contexts."""
from .base import KVStoreBase
from .kvstore import KVStore, create

__all__ = ["KVStore", "KVStoreBase", "create"]

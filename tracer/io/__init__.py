"""`mx.io`: iterators over batches of data, for `mx.mod` and others."""
from . import io, utils
from .io import *  # noqa: F403
from .utils import _getdata_by_idx, _has_instance, _init_data

__all__ = [*io.__all__, "io", "utils", "_getdata_by_idx", "_has_instance", "_init_data"]

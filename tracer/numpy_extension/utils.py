"""`mx.npx.utils`: MXNet 2's place of the functions of files, and of arrays that other libraries share."""
from .files import load, save, savez
from .functions import from_dlpack, from_numpy, to_dlpack_for_read, to_dlpack_for_write

__all__ = ["from_dlpack", "from_numpy", "load", "save", "savez", "to_dlpack_for_read", "to_dlpack_for_write"]

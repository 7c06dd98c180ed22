"""`mx.sym.npx`: the functions of `mx.npx` for symbols."""
from ..numpy.functions import extension

globals().update(extension())

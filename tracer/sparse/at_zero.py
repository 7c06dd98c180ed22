"""The functions of one array by which 0 becomes 0, found from their declarations."""
from __future__ import annotations

from functools import cache

import numpy as np

from tracer.jit.runtime.buffers import from_array
from tracer.jit.runtime.interpreter import Interpreter
from tracer.ops.declare.public import Function
from tracer.ops.ir.aval import aval
from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.node import leaf

#: Functions by which 0 becomes 0 that have no sparse form in MXNet.
DENSE = frozenset(("nd.erf", "nd.erfinv", "nd.softsign", "nd.contrib.isnan", "nd.contrib.isinf",
                   "nd.contrib.div_sqrt_dim"))


@cache
def keeps_zero(function: Function) -> bool:
    """Whether a function of one array works on each element alone, makes 0 of 0, and has a sparse form in MXNet.

    >>> from tracer.sparse.rules import named
    >>> keeps_zero(named("nd.square")), keeps_zero(named("nd.exp"))
    (True, False)
    """
    x = leaf(aval((2,), np.dtype("float32")), 0)
    try:
        made = function.build(x)
    except MXNetError:
        return False  # another shape wanted
    if made.aval != x.aval or function.name in DENSE:
        return False
    program = Interpreter([made])
    found = [program.run([from_array(np.array(given, np.float32))], [])[0] for given in ([0, 0.5], [0.5, 0])]
    first, last = [buffer.view(made.aval) for buffer in found]
    return not first[0] and not last[1]

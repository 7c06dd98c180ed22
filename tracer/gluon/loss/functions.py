"""The functions of losses under MXNet 1's names: of `mx.nd`, or for arrays of `mx.np` those of `mx.np` and `mx.npx`."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ... import numpy as np
from ... import numpy_extension as npx

#: For each name the function of `mx.np` or `mx.npx`.
_NAMES = {
    np: {"abs": "abs", "broadcast_mul": "multiply", "exp": "exp", "eye": "eye", "log": "log", "maximum": "maximum",
         "square": "square", "sum": "sum", "swapaxes": "swapaxes", "where": "where"},
    npx: {"Activation": "activation", "CTCLoss": "ctc_loss", "log_softmax": "log_softmax", "norm": "norm",
          "pick": "pick", "relu": "relu", "reshape_like": "reshape_like"},
}
NUMPY = SimpleNamespace(**{old: getattr(module, new) for module, names in _NAMES.items() for old, new in names.items()})


def of(F: Any, x: Any) -> Any:
    """The namespace F, or `NUMPY` if `x` is an array of `mx.np`."""
    return NUMPY if isinstance(x, np.ndarray) else F

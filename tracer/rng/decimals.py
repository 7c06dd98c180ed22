"""Numbers as MXNet's parser of decimals reads them: operators of `mx.nd` get their parameters as text."""
from __future__ import annotations

import re
from typing import Any

import numpy as np

_DECIMAL = re.compile(r"([+-]?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?")

#: The parser reads so many digits after the point.
_DIGITS = 19

#: The parser's largest exponent of 10, beyond which MXNet raises an error.
_EXPONENT = 38


def as_read(number: Any) -> np.float32:
    """The float32 that MXNet reads from the text of a number.

    The part after the point and the power of ten are rounded one by one, so that the last bit can differ from that of
    the nearest float32.

    >>> [bool(as_read(x) == np.float32(x)) for x in (0.1, 1.2345678912345678e-05)]
    [True, False]
    """
    found = _DECIMAL.fullmatch(str(number))
    if found is None or len(found[2]) > _DIGITS or abs(int(found[4] or 0)) > _EXPONENT:
        return np.float32(number)
    sign, whole, digits, exponent = found[1], found[2], (found[3] or "0")[:_DIGITS], int(found[4] or 0)
    value = np.float32(np.uint64(int(whole))) + np.float32(float(int(digits)) / float(10 ** len(digits)))
    scale = np.float32(1)
    for factor in [1e8] * (abs(exponent) // 8) + [10] * (abs(exponent) % 8):
        scale *= np.float32(factor)
    value = value / scale if exponent < 0 else value * scale
    return -value if sign == "-" else value

"""Attributes of nodes as strings: how MXNet writes Python values, and the values that its strings stand for."""
from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import Any

_LONG = re.compile(r"(?<=\d)L\b")
_WORDS = {"true": True, "false": False, "None": None, "none": None}
_NUMBER = re.compile(r"[-+]?(\d|\.\d|inf\b|nan\b)", re.IGNORECASE)


@lru_cache(maxsize=4096)
def value_of(text: str) -> Any:
    """The value that an attribute's text stands for: a number, bool, None, tuple of these, or the text itself.

    >>> value_of("(3, 3)"), value_of("[2L]"), value_of("True"), value_of("1e-3"), value_of("relu")
    ((3, 3), (2,), True, 0.001, 'relu')
    """
    text = text.strip()
    if text in _WORDS:
        return _WORDS[text]
    if text[:1] in "([" or text in ("True", "False"):
        try:
            return _frozen(ast.literal_eval(_LONG.sub("", text)))
        except (ValueError, SyntaxError):
            return text
    if not _NUMBER.match(text):
        return text
    plain = _LONG.sub("", text)
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return text


def _frozen(x: Any) -> Any:
    return tuple([_frozen(i) for i in x]) if isinstance(x, (list, tuple)) else x

"""Attributes of nodes as strings: how MXNet writes Python values, and the values that its strings stand for."""
from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import Any

import numpy as np

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


def text_of(value: Any) -> str:
    """The text of an attribute's value, as MXNet writes it: Python's own; NumPy's numbers as Python's.

    >>> text_of((3, 3)), text_of(True), text_of([1, 2]), text_of("relu")
    ('(3, 3)', 'True', '[1, 2]', 'relu')
    """
    return str(_plain(value))


def _plain(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return type(x)([_plain(i) for i in x]) if type(x) in (list, tuple) else tuple([_plain(i) for i in x])
    return x.item() if isinstance(x, np.generic) and type(x) is not np.longdouble else x


def _frozen(x: Any) -> Any:
    return tuple([_frozen(i) for i in x]) if isinstance(x, (list, tuple)) else x

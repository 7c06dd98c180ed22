"""`mx.contrib.text.utils`: counts of tokens."""
from __future__ import annotations

import re
from collections import Counter

__all__ = ["count_tokens_from_str"]


def count_tokens_from_str(source_str: str, token_delim: str = " ", seq_delim: str = "\n", to_lower: bool = False,
                          counter_to_update: Counter | None = None) -> Counter:
    """The number of times that each token is in a text.

    token_delim, seq_delim: the regular expressions of what is between tokens, and between sequences of tokens.
    to_lower: whether tokens are counted in lower case.
    counter_to_update: a counter that gets the counts added, and is returned; None: a new one.

    >>> count_tokens_from_str("Life is\\nlife", to_lower=True)
    Counter({'life': 2, 'is': 1})
    """
    tokens = [token for token in re.split(f"{token_delim}|{seq_delim}", source_str) if token]
    if to_lower:
        tokens = [token.lower() for token in tokens]
    if counter_to_update is None:
        return Counter(tokens)
    counter_to_update.update(tokens)
    return counter_to_update

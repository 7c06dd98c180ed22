"""`mx.contrib.text.vocab`: the numbers of tokens."""
from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from numbers import Real
from typing import Any

from . import _constants as C

__all__ = ["Vocabulary"]


class Vocabulary:
    """The indices of tokens: first the unknown token, then the reserved ones, then those counted, the frequent first.

    counter: the number of times that each token was seen; tokens as frequent as each other are in order of themselves.
    most_freq_count: at most so many counted tokens are taken; None: all.
    min_freq: counted tokens that are rarer than this are left out.
    unknown_token: what stands for every token that has no index; its own index is 0.
    reserved_tokens: a list of tokens that are always indexed, such as one for padding.

    AssertionError for a `min_freq` that is not positive, reserved tokens that are not distinct or contain the unknown
    one, and a `counter` that is no Counter.

    >>> Vocabulary(Counter("banana"), reserved_tokens=["<pad>"]).idx_to_token
    ['<unk>', '<pad>', 'a', 'n', 'b']
    """

    def __init__(self, counter: Counter | None = None, most_freq_count: int | None = None, min_freq: int = 1,
                 unknown_token: Hashable = "<unk>", reserved_tokens: list | None = None) -> None:
        assert min_freq > 0, f"`min_freq` must be positive, got {min_freq}"
        reserved = [] if reserved_tokens is None else reserved_tokens
        assert unknown_token not in reserved, f"`reserved_tokens` contains the unknown token {unknown_token!r}"
        assert len(set(reserved)) == len(reserved), "`reserved_tokens` contains a token twice"
        self._unknown_token = unknown_token
        self._reserved_tokens = None if reserved_tokens is None else reserved_tokens[:]
        self._idx_to_token = [unknown_token, *reserved]
        if counter is not None:
            self._index(counter, most_freq_count, min_freq)
        self._token_to_idx = {token: index for index, token in enumerate(self._idx_to_token)}

    def _index(self, counter: Counter, most_freq_count: int | None, min_freq: int) -> None:
        assert isinstance(counter, Counter), f"`counter` must be a collections.Counter, got {type(counter).__name__}"
        known = set(self._idx_to_token)
        most = len(known) + (len(counter) if most_freq_count is None else most_freq_count)
        by_frequency = sorted(sorted(counter.items(), key=lambda item: item[0]), key=lambda item: item[1], reverse=True)
        for token, frequency in by_frequency:
            if frequency < min_freq or len(self._idx_to_token) == most:
                break
            if token not in known:
                self._idx_to_token.append(token)

    def __len__(self) -> int:
        return len(self.idx_to_token)

    @property
    def token_to_idx(self) -> dict:
        """The index of each token."""
        return self._token_to_idx

    @property
    def idx_to_token(self) -> list:
        """The tokens in the order of their indices."""
        return self._idx_to_token

    @property
    def unknown_token(self) -> Hashable:
        """The token that stands for every token without an index."""
        return self._unknown_token

    @property
    def reserved_tokens(self) -> list | None:
        """The tokens that are always indexed."""
        return self._reserved_tokens

    def to_indices(self, tokens: Any) -> Any:
        """The index of a token, or the list of those of a list of tokens; 0 for tokens that have none."""
        if isinstance(tokens, list):
            return [self.token_to_idx.get(token, C.UNKNOWN_IDX) for token in tokens]
        return self.token_to_idx.get(tokens, C.UNKNOWN_IDX)

    def to_tokens(self, indices: Any) -> Any:
        """The token of an index, or the list of those of a list of indices.

        ValueError for an index of no token; TypeError for what is no number.
        """
        wanted = indices if isinstance(indices, list) else [indices]
        for index in wanted:
            if not isinstance(index, Real):
                raise TypeError(f"Token indices are numbers, got {index!r}")
            if not isinstance(index, int) or index >= len(self.idx_to_token):
                raise ValueError(f"Token index {index} in the provided `indices` is invalid: there are "
                                 f"{len(self.idx_to_token)} tokens.")
        found = [self.idx_to_token[index] for index in wanted]
        return found if isinstance(indices, list) else found[0]

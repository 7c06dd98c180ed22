"""Names of blocks in MXNet 1: prefixes such as `dense0_`, given by name scopes."""
from __future__ import annotations

import threading
from typing import Any

from ..name import NameManager, Prefix
from .parameter_dict import ParameterDict


class _Entered(threading.local):
    """The innermost name scope that this thread has entered."""

    def __init__(self) -> None:
        self.scope: BlockScope | None = None


_ENTERED = _Entered()


class BlockScope:
    """A block's name scope: the names of blocks that are made inside it begin with the block's prefix.

    block: the block.
    """

    def __init__(self, block: Any) -> None:
        self._block = block
        self._counter: dict[str, int] = {}
        self._old_scope: BlockScope | None = None
        self._name_scope: Any = None

    @staticmethod
    def create(prefix: str | None, params: ParameterDict | None, hint: str) -> tuple[str, ParameterDict]:
        """The prefix and the parameters of a new block; by default the prefix is `hint` with a number."""
        scope = _ENTERED.scope
        if scope is None:
            if prefix is None:
                prefix = NameManager.current.get(None, hint) + "_"
            return prefix, ParameterDict(prefix) if params is None else ParameterDict(params.prefix, params)
        if prefix is None:
            count = scope._counter.get(hint, 0)
            scope._counter[hint] = count + 1
            prefix = f"{hint}{count}_"
        if params is None:
            parent = scope._block._params
            params = ParameterDict(parent.prefix + prefix, parent._shared)
        else:
            params = ParameterDict(params.prefix, params)
        return scope._block.prefix + prefix, params

    def __enter__(self) -> BlockScope:
        if not self._block._empty_prefix:
            self._old_scope, _ENTERED.scope = _ENTERED.scope, self
            self._name_scope = Prefix(self._block.prefix)
            self._name_scope.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        if not self._block._empty_prefix:
            self._name_scope.__exit__(*exc)
            self._name_scope = None
            _ENTERED.scope = self._old_scope

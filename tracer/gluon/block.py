"""Blocks: named compositions of functions of arrays."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Block:
    """A function of arrays with a `forward`; blocks assigned as attributes are its children.

    >>> from tracer import np
    >>> class Double(Block):
    ...     def forward(self, x):
    ...         return x * 2
    >>> Double()(np.array([1, 2]))
    array([2., 4.])
    """

    def __init__(self) -> None:
        self._children: dict[str, Block] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Block):
            self.register_child(value, name)
        super().__setattr__(name, value)

    def register_child(self, block: Block, name: str | None = None) -> None:
        """Make `block` a child, which `apply` and the like reach."""
        self._children[name or str(len(self._children))] = block

    def apply(self, fn: Callable[[Block], Any]) -> Block:
        """Call `fn` on all children, then on this block; returns the block."""
        for child in self._children.values():
            child.apply(fn)
        fn(self)
        return self

    def initialize(self, init: Any = None, ctx: Any = None, verbose: bool = False, force_reinit: bool = False,
                   device: Any = None) -> None:
        """Initialize the parameters of this block and its children: there are none, yet."""

    def hybridize(self, active: bool = True, **kwargs: Any) -> None:
        """Nothing to do: what a block computes is compiled in any case."""

    def forward(self, *args: Any) -> Any:
        """The block's value: to be defined by subclasses."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *args: Any) -> Any:
        return self.forward(*args)


class HybridBlock(Block):
    """A block that real MXNet could compile. Here there is no difference."""

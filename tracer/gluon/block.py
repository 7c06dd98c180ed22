"""Blocks: compositions of functions of arrays."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import ndarray
from ..core.invoke import Handle
from . import cached_graph


class Block:
    """A function of arrays, defined by `forward`. Blocks assigned as attributes are its children.

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
        """Add a child block, which `apply` and `hybridize` visit.

        name: the child's name; None: its number.
        """
        self._children[name or str(len(self._children))] = block

    def apply(self, fn: Callable[[Block], Any]) -> Block:
        """Call `fn` on all children, then on this block; returns the block."""
        for child in self._children.values():
            child.apply(fn)
        fn(self)
        return self

    def initialize(self, init: Any = None, ctx: Any = None, verbose: bool = False, force_reinit: bool = False,
                   device: Any = None) -> None:
        """Initialize the parameters of this block and its children. Does nothing: there are no parameters yet."""

    def hybridize(self, active: bool = True, **kwargs: Any) -> None:
        """Hybridize all hybrid blocks among the children; see `HybridBlock.hybridize`."""
        for child in self._children.values():
            child.hybridize(active, **kwargs)

    def forward(self, *args: Any) -> Any:
        """The block's output. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *args: Any) -> Any:
        return self.forward(*args)


class HybridBlock(Block):
    """A block whose recorded graph can be cached, so that its Python runs once: `hybridize()`.

    Subclasses define `forward(x, ...)`, or `hybrid_forward(F, x, ...)` in MXNet 1's style, where F is `mx.nd`.
    """

    _graph: Any = None
    #: The arrays that `forward` uses besides its arguments: parameters and auxiliary states.
    _parameters: Sequence[Handle] = ()

    def hybridize(self, active: bool = True, static_alloc: bool = False, static_shape: bool = False,
                  **kwargs: Any) -> None:
        """Cache the graph that `forward` records for given operands, and reuse it without running Python again.

        active: whether to cache; False: run `forward` at each call.
        static_alloc, static_shape: no effect; memory is managed in the same way in any case.

        As in MXNet, the first call fixes the effects of Python code (branches, attributes, printing). A forward pass
        that reads values, writes into arrays which are not its operands, or draws random numbers outside of a layer
        is not cached.

        >>> from tracer import np
        >>> class Scale(HybridBlock):
        ...     def forward(self, x):
        ...         print("forward")
        ...         return x * 3
        >>> scale = Scale()
        >>> scale.hybridize()
        >>> [scale(np.array([n])).item() for n in (1, 2)]
        forward
        [3.0, 6.0]
        """
        self._graph = object() if active else None
        super().hybridize(active, static_alloc=static_alloc, static_shape=static_shape, **kwargs)

    def hybrid_forward(self, F: Any, *args: Any) -> Any:
        """The block's output, computed by functions of the namespace F. Subclasses in MXNet 1's style define it."""
        raise NotImplementedError(f"{type(self).__name__} defines neither forward nor hybrid_forward")

    def forward(self, *args: Any) -> Any:
        """The block's output. Subclasses define it, unless they define `hybrid_forward`."""
        return self.hybrid_forward(ndarray, *args)

    def __call__(self, *args: Any) -> Any:
        if self._graph is None:
            return self.forward(*args)
        return cached_graph.call(self._graph, self.forward, args, self._parameters)

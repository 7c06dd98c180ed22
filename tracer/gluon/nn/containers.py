"""Containers: networks that call their blocks one after the other."""
from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from ... import ndarray, numpy
from ...symbol import Symbol
from ..block import Block
from ..hybrid_block import HybridBlock
from ..utils import _indent


class _Stack(Block):
    """Blocks in a row, each of which takes the result of the one before."""

    _is_container = True

    def add(self, *blocks: Block) -> None:
        """Append blocks."""
        for block in blocks:
            self.register_child(block)

    def _through(self, x: Any, args: tuple) -> Any:
        for block in self._children.values():
            x = block(x, *args)
            args = ()
            if isinstance(x, (tuple, list)):
                x, args = x[0], tuple(x[1:])
        return (x, *args) if args else x

    def __repr__(self) -> str:
        rows = "\n".join(f"  ({key}): {_indent(repr(block), 2)}" for key, block in self._children.items())
        return f"{type(self).__name__}(\n{rows}\n)"

    def __getitem__(self, key: Any) -> Any:
        found = list(self._children.values())[key]
        if not isinstance(found, list):
            return found
        net = type(self)(prefix=self._prefix)
        with net.name_scope():
            net.add(*found)
        return net

    def __len__(self) -> int:
        return len(self._children)

    def __iter__(self) -> Iterator[Block]:
        return iter(self._children.values())


class Sequential(_Stack):
    """Blocks in a row, each of which takes the result of the one before.

    >>> from tracer import gluon, nd
    >>> net = gluon.nn.Sequential()
    >>> net.add(gluon.nn.Flatten(), gluon.nn.Activation("relu"))
    >>> net(nd.ones((2, 3, 4))).shape, len(net), net[0]
    ((2, 12), 2, Flatten)
    """

    def forward(self, x: Any, *args: Any) -> Any:
        """The result of the last block; several results of a block are the arguments of the next."""
        return self._through(x, args)

    def hybridize(self, active: bool = True, **kwargs: Any) -> None:
        """Hybridize the blocks, each by itself; in a HybridSequential they become one graph."""
        if self._children and all([isinstance(child, HybridBlock) for child in self._children.values()]):
            warnings.warn(f"All children of this Sequential layer '{self.prefix}' are HybridBlocks. Consider using "
                          "HybridSequential for the best performance.", stacklevel=2)
        super().hybridize(active, **kwargs)


class HybridSequential(_Stack, HybridBlock):
    """Hybrid blocks in a row, each of which takes the result of the one before.

    >>> from tracer import gluon, nd
    >>> net = gluon.nn.HybridSequential()
    >>> net.add(gluon.nn.Dense(4, activation="relu"), gluon.nn.Dense(2))
    >>> net.initialize()
    >>> net.hybridize()
    >>> net(nd.ones((3, 5))).shape
    (3, 2)
    """

    def forward(self, x: Any, *args: Any) -> Any:
        """The result of the last block, or that of `hybrid_forward` in a subclass that defines one."""
        if isinstance(x, Symbol) or type(self).hybrid_forward is not HybridSequential.hybrid_forward:
            return super().forward(x, *args)  # which enters the scope of a symbol's names
        return self._through(x, args)

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The result of the last block; several results of a block are the arguments of the next."""
        return self._through(x, args)


def _joined(F: Any, arrays: list[Any], axis: int) -> Any:
    """Arrays concatenated along an axis."""
    if isinstance(arrays[0], numpy.ndarray):
        return numpy.concatenate(arrays, axis=axis)
    return F.concat(*arrays, dim=axis)


class Concatenate(Sequential):
    """Blocks side by side: each takes the data, and their results are concatenated (MXNet 2).

    axis: the axis along which they are concatenated.

    >>> from tracer import gluon, nd
    >>> net = Concatenate()
    >>> net.add(gluon.nn.Activation("relu"), gluon.nn.Identity())
    >>> net(nd.array([[-1, 1]])).asnumpy().tolist()
    [[0.0, 1.0, -1.0, 1.0]]
    """

    def __init__(self, axis: int = -1, prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """The results of all blocks, concatenated."""
        return _joined(ndarray, [block(x) for block in self._children.values()], self.axis)


class HybridConcatenate(HybridSequential):
    """Hybrid blocks side by side: each takes the data, and their results are concatenated (MXNet 2).

    axis: the axis along which they are concatenated.

    >>> from tracer import gluon, nd
    >>> net = HybridConcatenate(axis=1)
    >>> net.add(gluon.nn.Dense(3), gluon.nn.Identity())
    >>> net.initialize()
    >>> net(nd.ones((2, 4))).shape
    (2, 7)
    """

    def __init__(self, axis: int = -1, prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self.axis = axis

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The results of all blocks, concatenated."""
        return _joined(F, [block(x) for block in self._children.values()], self.axis)

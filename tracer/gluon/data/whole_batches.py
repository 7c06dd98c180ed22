"""Transforms that run once for a batch of pictures instead of once for each: those at the end that take batches.

The result is that of the samples: such a transform (`ToTensor`, `Normalize`, `Cast`) computes each element of a batch
as it does that of a picture. Where a batch cannot be made of the pictures before them, they run for each one.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracer.ops.ir.aval import aval
from tracer.ops.ir.errors import MXNetError

from ...array.nd_array import NDArray
from ...core.flush import sync
from ...core.invoke import wrap
from ...core.trace import computed
from ..block import Block
from ..nn import HybridSequential, Sequential
from .collate import SHARED, collate, flavour, stack, stacked_device
from .dataset import _LazyTransformDataset, _TransformFirstClosure
from .rows import take_rows

#: The axes of a picture.
_AXES = 3
#: The methods that a call of a block runs.
_CALLED = {"__call__", "_pass", "forward", "hybrid_forward"}


class Through:
    """Functions called one after the other, as a container calls its blocks.

    steps: the functions.
    """

    def __init__(self, steps: Sequence[Callable[..., Any]]) -> None:
        self.steps = steps

    def __call__(self, x: Any, *args: Any) -> Any:
        for step in self.steps:
            x = step(x, *args)
            args = ()
            if isinstance(x, (tuple, list)):
                x, args = x[0], tuple(x[1:])
        return (x, *args) if args else x


class Split:
    """A transform, cut into the part for samples and the part for batches.

    data: the dataset before all transforms.
    samples: the dataset with the transforms for samples.
    tail: the transforms for batches, at least one.
    first: whether these are for a sample's first element only.
    untouched: whether there is no transform for samples.
    """

    def __init__(self, data: Any, head: Through, tail: Through, first: bool) -> None:
        self.data = data
        self.samples = _LazyTransformDataset(data, _TransformFirstClosure(head) if first else head)
        self.tail = tail
        self.first = first
        self.untouched = not head.steps

    def of_rows(self, indices: Any, nested: Any, shared: bool) -> Any:
        """The batch of rows of the dataset, if no transform is for samples; None as in `take_rows` and `batch`."""
        try:
            rows = take_rows(self.data, indices, nested, shared) if self.untouched else None
        except (AssertionError, KeyError, MXNetError):  # those of the transformed samples tell their shapes
            return None
        if rows is None:
            return None
        sample = self.data[indices[0]]
        if not isinstance(sample[0] if isinstance(rows, list) else sample, NDArray):
            return None
        if not isinstance(rows, list):
            return self.batch(rows, shared)
        whole = self.batch(rows[0], shared) if self.first else None
        return None if whole is None else [whole, *rows[1:]]

    def batch(self, pictures: Any, shared: bool) -> Any:
        """The transforms of a batch, which are computed; None where it is no batch of pictures, or does not suit them.

        shared: whether the result is on `cpu_shared(0)`.
        """
        if not isinstance(pictures, NDArray) or pictures.ndim != _AXES + 1:
            return None
        try:
            made = self.tail(pictures)
            if not isinstance(made, NDArray):
                return None
            buffer = sync(made._value, "batch")
        except MXNetError:  # that of a picture tells its own shape
            return None
        of = made._value.aval
        device = SHARED if shared else stacked_device(made._value)
        return wrap(flavour(made), computed(aval(of.shape, of.dtype, device), buffer))

    def collated(self, samples: list[Any], nested: Any, shared: bool) -> Any:
        """The batch of samples to which the first part has been applied."""
        several = self.first and isinstance(samples[0], tuple)
        pictures = [sample[0] for sample in samples] if several else samples
        kinds = {(type(x), x._value.aval) if isinstance(x, NDArray) else None for x in pictures}
        whole = self.batch(stack(pictures, False), shared) if len(kinds) == 1 and None not in kinds else None
        if whole is None:
            finished = [self.tail(*x) if isinstance(x, tuple) else self.tail(x) for x in pictures]
            return collate([(x, *sample[1:]) for x, sample in zip(finished, samples)] if several else finished, nested,
                           shared)
        return [whole, *collate([sample[1:] for sample in samples], nested, shared)] if several else whole


def split(dataset: Any) -> Split | None:
    """The two parts of a dataset's transform; None for another dataset, or one whose transform takes no batches."""
    if getattr(type(dataset), "__getitem__", None) is not _LazyTransformDataset.__getitem__:
        return None
    function = dataset._fn
    first = type(function) is _TransformFirstClosure
    steps = _steps(function._fn if first else function)
    at = len(steps)
    while at and _takes_batches(steps[at - 1]):
        at -= 1
    return Split(dataset._data, Through(steps[:at]), Through(steps[at:]), first) if at < len(steps) else None


def _steps(function: Any) -> list[Any]:
    """The functions that a transform calls one after the other."""
    if isinstance(function, (Sequential, HybridSequential)) and _plain(function) and _calls_in_a_row(type(function)):
        return [step for child in function for step in _steps(child)]
    return [function]


def _calls_in_a_row(kind: Any) -> bool:
    """Whether containers of a class do nothing but call their blocks."""
    base: Any = Sequential if issubclass(kind, Sequential) else HybridSequential
    return all([getattr(kind, name, None) is getattr(base, name, None) for name in _CALLED])


def _takes_batches(step: Any) -> bool:
    return isinstance(step, Block) and _plain(step) and vars(type(step)).get("_takes_batches", False)


def _plain(block: Block) -> bool:
    """Whether a call of the block is that of its class."""
    return not block._forward_hooks and not block._forward_pre_hooks and not _CALLED & vars(block).keys()

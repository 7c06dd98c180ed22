"""Packed operands: what a plan makes of an operand before it reads it, kept while the operand does not change.

A convolution reads its weights in another layout. In prediction the weights are the same buffers, unchanged, in each
run, and packing them may take as long as the products. A buffer's packed forms are kept beside it (`Buffer.forms`), by
the key of the step that packs: all plans that pack alike share them, two networks of one structure do not, and they go
with the buffer. Whoever writes over a buffer drops them (`forget`). A form is kept once a second run asks for it, so
that training, which writes over its weights in each run, keeps none.

Memory that others may write to is never remembered: parts of buffers, and memory shared with other processes.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .buffers import Buffer, allocate

#: The most bytes of all forms that are kept; beyond it, operands are packed in each run.
KEEP_BYTES = 1 << 27

_held = 0


class Packing(NamedTuple):
    """The packing of a leaf by a step of a plan.

    leaf: the number of the leaf.
    slot: the slot of bind for the address of the packed form.
    done: the slot that is not 0 where that is up to date, so that the step has nothing to do.
    nbytes: the bytes of the packed form.
    key: what distinguishes it from other forms of the same buffer.
    """

    leaf: int
    slot: int
    done: int
    nbytes: int
    key: tuple[Any, ...]


class Form:
    """A packed form of a buffer that is kept; its memory is free again when the last reference goes."""

    __slots__ = ("memory", "nbytes", "whole")

    def __init__(self, nbytes: int) -> None:
        global _held
        self.memory = allocate(nbytes)
        self.nbytes = nbytes
        self.whole = False  # whether a run has filled it to the end
        _held += nbytes

    def __del__(self) -> None:
        global _held
        _held -= self.nbytes


def held_bytes() -> int:
    """The bytes of all forms that are kept.

    >>> held_bytes() >= 0
    True
    """
    return _held


def enter(packings: Sequence[Packing], bind: Any, leaves: Sequence[Buffer]) -> list[Form]:
    """Set the slots of packings that are kept, or are from now on, in `bind`, and return their forms.

    The others are to be made in the plan's own memory: their address is set already, and `done` becomes 0.
    """
    held = []
    for leaf, slot, done, nbytes, key in packings:
        bind[done] = 0
        buffer = leaves[leaf]
        try:
            forms = buffer.forms
        except AttributeError:
            if buffer.keeps_forms:
                buffer.forms = {key: None}
            continue
        if key not in forms:
            forms[key] = None
            continue
        form = forms[key]
        if form is None:
            if _held + nbytes > KEEP_BYTES:
                continue
            form = forms[key] = Form(nbytes)
        bind[slot] = form.memory.addr
        bind[done] = form.whole
        held.append(form)
    return held


def leave(held: Iterable[Form]) -> None:
    """Note that a run is over, which has filled these forms."""
    for form in held:
        form.whole = True


def forget(buffers: Iterable[Buffer]) -> None:
    """Drop the forms of buffers that are about to be written over, and of those that they are parts of."""
    for buffer in buffers:
        whole: Buffer | None = buffer
        while whole is not None:
            try:
                del whole.forms
            except AttributeError:  # it has none
                pass
            whole = whole.parent

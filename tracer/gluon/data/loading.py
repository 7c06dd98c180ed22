"""The batch of the samples at some indices: taken from arrays at once, or sample by sample."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.flush import flush
from .batchify import Stack
from .collate import default_batchify_fn, default_mp_batchify_fn
from .rows import take_rows
from .whole_batches import split

#: What `note` is told in place of a sample's place in the batch.
ROWS, BATCHIFY, IDLE, STARTING = -1, -2, -3, -4


def _stacking(batchify_fn: Callable[[list[Any]], Any]) -> tuple[Any, bool] | None:
    """The last two arguments of `collate`, where `batchify_fn` calls just that; None for others."""
    if batchify_fn is default_batchify_fn or batchify_fn is default_mp_batchify_fn:
        return tuple, batchify_fn is default_mp_batchify_fn
    return ((tuple, list), batchify_fn._use_shared_mem) if type(batchify_fn) is Stack else None


def taken_at_once(dataset: Any, indices: Any, batchify_fn: Callable[[list[Any]], Any]) -> Any:
    """The batch, where the samples are rows of arrays and `batchify_fn` stacks them; None for others."""
    stacking = _stacking(batchify_fn)
    return None if stacking is None else take_rows(dataset, indices, *stacking)


def load(indices: Any, batchify_fn: Callable[[list[Any]], Any], dataset: Any,
         note: Callable[[int], None] = lambda place: None) -> Any:
    """The batch of the samples at `indices`.

    note: is told the place in the batch of each sample before it is read, then `BATCHIFY`.
    """
    if not isinstance(indices, (list, tuple, np.ndarray)):
        indices = list(indices)  # an iterator
    stacking = _stacking(batchify_fn)
    parts = None if stacking is None else split(dataset)
    if stacking is not None:
        batch = take_rows(dataset, indices, *stacking)
        if batch is None and parts is not None:
            batch = parts.of_rows(indices, *stacking)
        if batch is not None:
            return batch
    flush("batch")  # a pending training step, for example: the samples' computations are a program of their own
    source = dataset if parts is None else parts.samples
    samples = []
    for place, i in enumerate(indices):
        note(place)
        samples.append(source[i])
    note(BATCHIFY)
    return batchify_fn(samples) if stacking is None or parts is None else parts.collated(samples, *stacking)

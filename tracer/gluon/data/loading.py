"""The batch of the samples at some indices: taken from arrays at once, or sample by sample."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.flush import flush
from .batchify import Stack
from .collate import default_batchify_fn, default_mp_batchify_fn
from .rows import take_rows

#: What `note` is told in place of a sample's place in the batch.
ROWS, BATCHIFY, IDLE, STARTING = -1, -2, -3, -4


def taken_at_once(dataset: Any, indices: Any, batchify_fn: Callable[[list[Any]], Any]) -> Any:
    """The batch, where the samples are rows of arrays and `batchify_fn` stacks them; None for others."""
    if batchify_fn is default_batchify_fn or batchify_fn is default_mp_batchify_fn:
        return take_rows(dataset, indices, tuple, batchify_fn is default_mp_batchify_fn)
    if type(batchify_fn) is Stack:
        return take_rows(dataset, indices, (tuple, list), batchify_fn._use_shared_mem)
    return None


def load(indices: Any, batchify_fn: Callable[[list[Any]], Any], dataset: Any,
         note: Callable[[int], None] | None = None) -> Any:
    """The batch of the samples at `indices`.

    note: is told the place in the batch of each sample before it is read, then `BATCHIFY`.
    """
    if not isinstance(indices, (list, tuple, np.ndarray)):
        indices = list(indices)  # an iterator
    batch = taken_at_once(dataset, indices, batchify_fn)
    if batch is not None:
        return batch
    flush("batch")  # a pending training step, for example: the samples' computations are a program of their own
    if note is None:
        return batchify_fn([dataset[i] for i in indices])
    samples = []
    for place, i in enumerate(indices):
        note(place)
        samples.append(dataset[i])
    note(BATCHIFY)
    return batchify_fn(samples)

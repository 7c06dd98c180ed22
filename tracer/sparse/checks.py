"""Checks of the indices of sparse arrays, by `check_format`."""
from __future__ import annotations

import numpy as np

from tracer.ops.ir.errors import MXNetError

from .forms import Cells, Rows, read


def check_rows(form: Rows, shape: tuple[int, ...], full: bool) -> None:
    """Raise MXNetError unless there is a number for each stored row, in range and (full) in ascending order."""
    places = read(form.indices)
    if places.ndim != 1 or form.data.shape[:1] != places.shape:
        raise MXNetError(f"RSPShapeErr: {form.data.shape[0]} rows and indices of shape {places.shape}")
    if full and ((places < 0) | (places >= shape[0])).any() or full and (np.diff(places) <= 0).any():
        raise MXNetError(f"RSPIdxErr: indices must be in ascending order, and in [0, {shape[0]})")


def check_cells(form: Cells, shape: tuple[int, ...], full: bool) -> None:
    """Raise MXNetError unless the rows' beginnings fit the stored elements; full: and their columns are in order."""
    starts, columns = read(form.indptr), read(form.indices)
    if starts.shape != (shape[0] + 1,) or columns.shape != form.data.shape:
        raise MXNetError(f"CSRShapeErr: indptr of shape {starts.shape}, indices of {columns.shape} and data of "
                         f"{form.data.shape} in a matrix of shape {shape}")
    if not full:
        return
    if starts[0] != 0 or starts[-1] != columns.size or (np.diff(starts) < 0).any():
        raise MXNetError("CSRIndPtrErr: indptr must begin with 0, not decrease, and end with the number of elements")
    if ((columns < 0) | (columns >= shape[1])).any():
        raise MXNetError(f"CSRIdxErr: indices must be in [0, {shape[1]})")
    rows = np.repeat(np.arange(shape[0]), np.diff(starts))
    if ((np.diff(columns) <= 0) & (np.diff(rows) == 0)).any():
        raise MXNetError("CSRIdxErr: indices must be in ascending order in each row")

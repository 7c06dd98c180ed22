"""Writes files of sparse arrays by real MXNet 1.9.1: `python tests/oracle/sparse_files.py` with its interpreter.

tests/data/sparse_191.params has a dictionary of sparse and dense arrays, tests/data/sparse_list_191.params a list.
"""
from pathlib import Path

import mxnet as mx
import numpy as np

DATA = Path(__file__).resolve().parents[1] / "data"


def arrays():
    """The arrays by name."""
    sparse = mx.nd.sparse
    return {
        "csr": sparse.csr_matrix(([1.0, -2.0, 0.0, 0.5], [0, 2, 1, 2], [0, 2, 2, 4]), shape=(3, 3)),
        "rows": sparse.row_sparse_array(([[1.0, 2.0], [3.0, 4.0]], [1, 4]), shape=(6, 2)),
        "half": sparse.row_sparse_array((np.ones((1, 2, 2), "float16"), [2]), shape=(3, 2, 2)),
        "ints": sparse.csr_matrix((np.array([7], "int32"), [1], [0, 1]), shape=(1, 2)),
        "no_rows": sparse.zeros("row_sparse", (3, 2)),
        "no_cells": sparse.zeros("csr", (2, 3)),
        "dense": mx.nd.array([[1, 2]]),
    }


if __name__ == "__main__":
    mx.nd.save(str(DATA / "sparse_191.params"), arrays())
    found = arrays()
    mx.nd.save(str(DATA / "sparse_list_191.params"), [found["csr"], found["rows"]])

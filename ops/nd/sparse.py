"""The arithmetic of sparse arrays on their components: rows and cells placed, taken and added up, and sparse products.

These functions have no names in `mx.nd`: tracer/sparse calls them. All indices are int64, of one axis.
"""
from __future__ import annotations

import math

import numpy as np

from ..declare.public import public
from ..ir.node import Node
from ..primitive.arithmetic import cast, greater, like, mul
from ..primitive.constants import full
from ..primitive.gather_scatter import Template, gather, put, scatter_add
from ..primitive.linear import part, reshape
from ..primitive.unique import unique

_INT64 = np.dtype("int64")


def rows_of(shape: tuple[int, ...]) -> Template:
    """The template of an index of the first axis of an array of `shape`."""
    return (("i", 0), *[("s", 0, n, 1) for n in shape[1:]])


@public("sparse.from_rows")
def from_rows(data: Node, indices: Node, shape) -> Node:
    """Zeros of `shape` with the rows `data` written at `indices`; of equal ones the last counts."""
    return put(full(shape, 0, data.dtype), data, (indices,), rows_of(shape))


@public("sparse.from_cells")
def from_cells(data: Node, rows: Node, columns: Node, shape) -> Node:
    """Zeros of `shape`, of two axes, with the elements `data` written at the given rows and columns."""
    return put(full(shape, 0, data.dtype), data, (rows, columns), (("i", 0), ("i", 1)))


@public("sparse.add_rows")
def add_rows(data: Node, indices: Node, shape) -> Node:
    """Zeros of `shape` with the rows `data` added at `indices`."""
    return scatter_add(data, (indices,), rows_of(shape), shape)


@public("sparse.take_rows")
def take_rows(data: Node, indices: Node) -> Node:
    """The rows of `data` at `indices`."""
    return gather(data, (indices,), rows_of(data.shape))


@public("sparse.take_cells")
def take_cells(data: Node, rows: Node, columns: Node) -> Node:
    """The elements of `data`, of two axes, at the given rows and columns."""
    return gather(data, (rows, columns), (("i", 0), ("i", 1)))


@public("sparse.distinct")
def distinct(ids: Node) -> list[Node]:
    """The distinct ones of the row numbers `ids`, the place of each of `ids` among them, and whether one is valid.

    All have the size of `ids`: the last distinct number is repeated, which is not valid.
    """
    found = unique(cast(reshape(ids, (ids.size,)), _INT64))
    first, places, valid = [reshape(part(found, 0, i, 1), (ids.size,)) for i in range(3)]
    return [first, places, greater(valid, like(valid, 0))]


@public("sparse.matrix_rows")
def matrix_rows(data: Node, taken: Node, dense: Node) -> Node:
    """The rows `data[k] * dense[taken[k]]`, which make the product of a sparse matrix when they are added up."""
    rows = gather(dense, (taken,), rows_of(dense.shape))
    return mul(rows, reshape(data, (data.size,) + (1,) * (rows.ndim - 1)))


@public("sparse.dot")
def dot(data: Node, taken: Node, added: Node, dense: Node, count) -> Node:
    """The product of a sparse matrix of `count` rows with a dense array, over the latter's first axis.

    data: the elements of the matrix; taken: their columns; added: their rows (exchanged for the transposed matrix).

    The gradient by `dense` is a sum of rows at `taken`.
    """
    rows = matrix_rows(data, taken, dense)
    shape = (count, *dense.shape[1:])
    return scatter_add(rows, (added,), rows_of(shape), shape) if math.prod(rows.shape) else full(shape, 0, rows.dtype)

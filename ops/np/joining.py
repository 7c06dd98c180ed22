"""The functions of `mx.np` that join and split arrays."""
from __future__ import annotations

from ..declare.public import Nodes, public
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..ir.shapes import normalize_axis
from ..primitive.linear import concatenate, cut, part, reshape


def _some(arrays: Nodes, name: str) -> None:
    if not arrays:
        raise MXNetError(f"{name}: need at least one array")


@public("np.concatenate", "np.concat")
def np_concatenate(seq: Nodes, axis=0, out=None) -> Node:
    """The concatenation of the arrays along `axis` (None: flattened). MXNetError unless shapes and dtypes agree.

    >>> from tracer import np
    >>> np.concatenate([np.array([1, 2]), np.array([3])])
    array([1., 2., 3.])
    """
    _some(seq, "concatenate")
    if axis is None:
        return concatenate([reshape(x, (x.size,)) for x in seq], 0)
    return concatenate(list(seq), normalize_axis(axis, seq[0].ndim))


@public("np.stack")
def stack(arrays: Nodes, axis=0, out=None) -> Node:
    """The arrays joined along a new axis. MXNetError unless they have one shape and dtype."""
    _some(arrays, "stack")
    index = normalize_axis(axis, arrays[0].ndim + 1)
    for x in arrays:
        if x.shape != arrays[0].shape:
            raise MXNetError(f"all input arrays must have the same shape: {arrays[0].shape} and {x.shape}")
    return concatenate([reshape(x, (*x.shape[:index], 1, *x.shape[index:])) for x in arrays], index)


def at_least(x: Node, rank: int) -> Node:
    """`x` with at least `rank` axes, by the rules of NumPy's atleast_1d, atleast_2d and atleast_3d."""
    if rank == 3 and x.ndim == 2:
        return reshape(x, (*x.shape, 1))
    if rank == 3 and x.ndim == 1:
        return reshape(x, (1, x.shape[0], 1))
    return reshape(x, (1,) * (rank - x.ndim) + x.shape) if x.ndim < rank else x


@public("np.vstack", "np.row_stack")
def vstack(arrays: Nodes, out=None) -> Node:
    """The arrays joined along the first axis; vectors become rows."""
    _some(arrays, "vstack")
    return concatenate([at_least(x, 2) for x in arrays], 0)


@public("np.hstack")
def hstack(arrays: Nodes) -> Node:
    """The arrays joined along the second axis, vectors along their only one."""
    _some(arrays, "hstack")
    flat = [at_least(x, 1) for x in arrays]
    return concatenate(flat, 0 if flat[0].ndim == 1 else 1)


@public("np.dstack")
def dstack(arrays: Nodes) -> Node:
    """The arrays joined along the third axis."""
    _some(arrays, "dstack")
    return concatenate([at_least(x, 3) for x in arrays], 2)


@public("np.column_stack")
def column_stack(tup: Nodes) -> Node:
    """Vectors as the columns of a matrix; matrices are joined along the second axis."""
    _some(tup, "column_stack")
    return concatenate([reshape(x, (x.size, 1)) if x.ndim < 2 else x for x in tup], 1)


@public("np.append")
def append(arr: Node, values: Node, axis=None) -> Node:
    """`arr` followed by `values` along `axis` (None: both flattened)."""
    return np_concatenate([arr, values], axis)


def _atleast(rank: int) -> None:
    def build(arys: Nodes) -> Node | list[Node]:
        found = [at_least(x, rank) for x in arys]
        return found[0] if len(found) == 1 else found

    build.__doc__ = f"The arrays with at least {rank} axes; of several arguments a list."
    public(f"np.atleast_{rank}d", star=True)(build)


for _rank in (1, 2, 3):
    _atleast(_rank)


# ---- splitting -----------------------------------------------------------------------------------

def _cut(x: Node, axis: int, borders: list[int]) -> list[Node]:
    n = x.shape[axis]
    ends = [slice(border, None).indices(n)[0] for border in [*borders, n]]  # a negative border counts from the end
    starts = [0, *ends[:-1]]
    if ends == sorted(ends):
        return list(cut(x, axis, [end - start for start, end in zip(starts, ends, strict=True)]))
    return [part(x, axis, start if end > start else 0, max(end - start, 0))
            for start, end in zip(starts, ends, strict=True)]


@public("np.split", "np.ndarray.split")
def split(ary: Node, indices_or_sections, axis=0) -> list[Node]:
    """The parts of the array along `axis`: a number of equal parts (else ValueError), or split at a list of indices."""
    index = normalize_axis(axis, ary.ndim)
    if isinstance(indices_or_sections, int):
        if indices_or_sections <= 0 or ary.shape[index] % indices_or_sections:
            raise ValueError("array split does not result in an equal division")
        return array_split(ary, indices_or_sections, axis)
    return _cut(ary, index, list(indices_or_sections))


@public("np.array_split")
def array_split(ary: Node, indices_or_sections, axis=0) -> list[Node]:
    """The parts of the array along `axis`: a number of nearly equal parts, or split at a list of indices."""
    index = normalize_axis(axis, ary.ndim)
    if isinstance(indices_or_sections, int):
        if indices_or_sections <= 0:
            raise ValueError("number sections must be larger than 0")
        size, more = divmod(ary.shape[index], indices_or_sections)
        borders = [i * size + min(i, more) for i in range(1, indices_or_sections)]
        return _cut(ary, index, borders)
    return _cut(ary, index, list(indices_or_sections))


@public("np.hsplit")
def hsplit(ary: Node, indices_or_sections) -> list[Node]:
    """`split` along the second axis, or along the only axis of a vector."""
    if ary.ndim < 1:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return split(ary, indices_or_sections, 0 if ary.ndim == 1 else 1)


@public("np.vsplit")
def vsplit(ary: Node, indices_or_sections) -> list[Node]:
    """`split` along the first axis. ValueError for less than two axes."""
    if ary.ndim < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return split(ary, indices_or_sections, 0)


@public("np.dsplit")
def dsplit(ary: Node, indices_or_sections) -> list[Node]:
    """`split` along the third axis. ValueError for less than three axes."""
    if ary.ndim < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return split(ary, indices_or_sections, 2)

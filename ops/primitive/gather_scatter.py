"""Reading and writing parts of arrays: slices placed and updated, gathers, and scatters."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..declare.families import call, operands
from ..ir.aval import Aval, Shape, aval
from ..ir.errors import MXNetError
from ..ir.graph import toposort
from ..ir.node import Node
from ..ir.op import FLOATS
from .arithmetic import in_single, like
from .linear import Spec, broadcast_to, slice_, slice_key, transpose, unbroadcast

# ---- slices --------------------------------------------------------------------------------------

def _update_ref(x: Any, value: Any, spec: Spec) -> Any:
    out = np.array(x)
    out[slice_key(spec)] = value
    return out


def _update_vjp(g: Node, node: Node) -> tuple[Node, Node]:
    x, value = node.inputs
    (spec,) = node.attrs
    region = slice_(g, spec)
    zero = broadcast_to(like(g, 0), region.shape)
    return update(g, zero, spec), unbroadcast(region, value.shape)


def _update_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(5)
    yield [rng.randn(5, 4), rng.randn(2, 4)], (((1, 2, 2), (0, 4, 1)),)
    yield [rng.randn(5, 4), rng.randn(4)], (((0, 5, 1), (0, 4, 1)),)


_update = call("update", lambda x, value, spec: x, _update_ref, _update_vjp, samples=_update_samples)


def update(x: Node, value: Node, spec: Spec) -> Node:
    """`x` with the slice `spec` replaced by `value` (of `x`'s dtype, broadcast)."""
    return _update(x, value, attrs=(spec,))


# ---- advanced indexing: a template of slices and placeholders for index arrays -------------------
# template: one entry per axis of the input, ("s", start, count, step) or ("i", k) for the k-th index array; and ("n",)
# for a new axis.

Template = tuple[tuple, ...]


def _key(indices: tuple[Any, ...], template: Template) -> tuple:
    out: list[Any] = []
    for entry in template:
        if entry[0] == "i":
            out.append(np.asarray(indices[entry[1]]).astype(np.intp, copy=False))
        elif entry[0] == "n":
            out.append(None)
        else:
            out.append(slice_key((entry[1:],))[0])
    return tuple(out)


def _gather_infer(x: Aval, *rest: Any) -> Aval:
    *indices, template, _ = rest
    probe = np.broadcast_to(np.zeros((), bool), x.shape)
    zeros = tuple(np.broadcast_to(np.zeros((), np.intp), i.shape) for i in indices)
    if 0 in x.shape:
        probe = np.broadcast_to(np.zeros((), bool), tuple(max(d, 1) for d in x.shape))
    return aval(probe[_key(zeros, template)].shape, x.dtype)


def _gather_ref(x: Any, *rest: Any) -> Any:
    *indices, template, _ = rest
    return x[_key(tuple(indices), template)]


def _scatter_ref(g: Any, *rest: Any) -> Any:
    *indices, template, shape, _ = rest
    out = np.zeros(shape, g.dtype)
    np.add.at(out, _key(tuple(indices), template), g)
    return out


def _onto_infer(g: Aval, *rest: Any) -> Aval:
    *_, onto, _, shape, _ = rest
    if (shape, g.dtype) != (onto.shape, onto.dtype):
        raise MXNetError(f"rows of {g!r} for an array of shape {shape} do not fit into {onto!r}")
    return onto


def _onto_ref(g: Any, *rest: Any) -> Any:
    *indices, onto, template, _, _ = rest
    out = onto.copy()
    np.add.at(out, _key(tuple(indices), template), g)
    return out


def _index_samples(scatter: bool, onto: bool = False) -> Any:
    def samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
        rng = np.random.RandomState(6)
        rows, cols = np.array([0, 2, 2]), np.array([1, 0, 3])
        for index, template in [([rows], (("i", 0), ("s", 0, 4, 1))), ([rows, cols], (("i", 0), ("i", 1)))]:
            x = rng.randn(3, 4)
            if onto:
                yield [_gather_ref(x, *index, template, False), *index, x], (template, (3, 4), False)
            elif scatter:
                yield [_gather_ref(x, *index, template, False), *index], (template, (3, 4), False)
            else:
                yield [x, *index], (template, False)
                yield [x, *index], (template, True)

    return samples


def _gather_vjp(g: Node, node: Node) -> tuple[Node | None, ...]:
    x, *indices = node.inputs
    template, inside = node.attrs
    return _added(g, tuple(indices), template, x.shape, inside), *(None for _ in indices)


def _added(g: Node, indices: tuple[Node, ...], template: Template, shape: Shape, inside: bool) -> Node:
    """`scatter_add` by rows: indexed axes behind whole ones are moved to the front, as the native step has them."""
    count, whole = len(indices), [entry == ("s", 0, n, 1) for entry, n in zip(template, shape)]
    before = whole.index(False) if False in whole else 0
    after = before + count
    if not before or len(template) != len(shape) or template[before:after] != tuple([("i", k) for k in range(count)]) \
            or not all(whole[after:]):
        return scatter_add(g, indices, template, shape, inside)
    order = (*range(before, after), *range(before), *range(after, len(shape)))
    end = before + g.ndim - len(shape) + count
    rows = transpose(g, (*range(before, end), *range(before), *range(end, g.ndim)))
    added = scatter_add(rows, indices, tuple([template[i] for i in order]), tuple([shape[i] for i in order]), inside)
    return transpose(added, tuple([order.index(i) for i in range(len(shape))]))


def _scatter_vjp(g: Node, node: Node) -> tuple[Node | None, ...]:
    _, *indices = node.inputs
    template, _, inside = node.attrs
    return gather(g, tuple(indices), template, inside), *(None for _ in indices)


def _axes_gathered(node: Node) -> tuple[int | None, ...] | None:
    """`Op.gathers` of a gather: its index arrays by axis, if all indices are in range and all other axes are whole.

    No index is in range of an axis of size 0.
    """
    template, inside = node.attrs
    x, *indices = node.inputs
    if not inside or not indices or len(template) != x.ndim or any(i.dtype.kind not in "iu" for i in indices):
        return None
    for entry, n in zip(template, x.shape, strict=True):
        if (not n) if entry[0] == "i" else entry != ("s", 0, n, 1):
            return None
    return tuple([entry[1] if entry[0] == "i" else None for entry in template])


_gather = call("gather", _gather_infer, _gather_ref, _gather_vjp, samples=_index_samples(False), step="gather",
               gathers=_axes_gathered)
_scatter_add = call("scatter_add", lambda g, *rest: aval(rest[-2], g.dtype), _scatter_ref, _scatter_vjp,
                    samples=_index_samples(True), step="scatter")


_ONTO_ERRORS = [(operands((3, 4), (2, 4)), ((("s", 0, 3, 1), ("s", 0, 4, 1)), (5, 4), False), MXNetError)]

# onto + scatter_add(g, ...). Inputs: (g, *indices, onto); attrs: as of scatter_add. There is no vjp: the pass
# jit/graph/fold_scatter.py makes these nodes after differentiation.
call("scatter_onto", _onto_infer, _onto_ref, samples=_index_samples(True, onto=True), step="scatter", dtypes=FLOATS,
     errors=_ONTO_ERRORS)


def index_arrays(node: Node) -> tuple[Node, ...]:
    """The index arrays of a gather or scatter."""
    return node.inputs[1:1 + sum([entry[0] == "i" for entry in node.attrs[0]])]


def surely_inside(s: Node) -> bool:
    """Whether a scatter cannot fail, which would leave an array half written.

    Its indices are in range, or a gather that its rows are computed from has checked them.
    """
    indices = index_arrays(s)
    return bool(indices) and (s.attrs[-1] or any([
        n.op.gathers is not None and n.attrs[:1] == s.attrs[:1] and n.inputs[0].shape == s.shape
        and index_arrays(n) == indices
        for n in toposort([s.inputs[0]])]))


def gather(x: Node, indices: tuple[Node, ...], template: Template, inside: bool = False) -> Node:
    """`x[key]`, NumPy's advanced indexing: the key is `template` with the integer arrays `indices` filled in.

    inside: whether the indices are known to be non-negative and in range, because they were clipped or wrapped.
    """
    return _gather(x, *indices, attrs=(template, inside))


def scatter_add(g: Node, indices: tuple[Node, ...], template: Template, shape: Shape, inside: bool = False) -> Node:
    """Zeros of `shape` with `g` added at the positions that `gather` reads: the adjoint of `gather`."""
    return in_single(lambda wide: _scatter_add(wide, *indices, attrs=(template, shape, inside)))(g)


def _put_ref(value: Any, *rest: Any) -> Any:
    *indices, onto, template, _, _ = rest
    out = np.array(onto)
    out[_key(tuple(indices), template)] = value
    return out


def _put_vjp(g: Node, node: Node) -> tuple[Node | None, ...]:
    indices, template = index_arrays(node), node.attrs[0]
    kept = put(g, like(g, 0), indices, template)
    return gather(g, indices, template), *(None for _ in indices), kept


def _put_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(7)
    rows, x = np.array([2, 0]), rng.randn(3, 4)
    yield [rng.randn(2, 4), rows, x], ((("i", 0), ("s", 0, 4, 1)), (3, 4), False)
    yield [rng.randn(2), rows, np.array([-1, 3]), x], ((("i", 0), ("i", 1)), (3, 4), False)


# onto, with the rows g written where scatter_add adds them; of those at one place the last counts.
# Inputs: (g, *indices, onto); attrs: as of scatter_add.
_put = call("put", _onto_infer, _put_ref, _put_vjp, samples=_put_samples, step="put",
            errors=_ONTO_ERRORS)


def put(x: Node, value: Node, indices: tuple[Node, ...], template: Template) -> Node:
    """`x` with `value` (of `x`'s dtype, broadcast) written at the positions that `gather` reads."""
    rows = broadcast_to(value, gather(x, indices, template).shape)
    return _put(rows, *indices, x, attrs=(template, x.shape, False))


def _mask_ref(x: Any, mask: Any, value: Any) -> Any:
    out = np.array(x)
    out[np.asarray(mask, bool)] = value
    return out


def _mask_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(8)
    for mask in (np.arange(12).reshape(3, 4) % 3 == 0, np.array([True, False, True]), np.zeros((3, 4), bool)):
        x = rng.randn(3, 4)
        yield [x, mask, rng.randn(*x[mask].shape)], ()


_put_mask = call("put_mask", lambda x, mask, value: x, _mask_ref, samples=_mask_samples)


def put_mask(x: Node, mask: Node, value: Node) -> Node:
    """`x` with consecutive elements of `value` written where the bool `mask` (of leading axes) is true."""
    return _put_mask(x, mask, value)

"""Sparse forms of operations on elements: the stored ones are computed, and the structure stays, where 0 gives 0."""
from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.ops.declare.public import FUNCTIONS, Function

from ..array.nd_array import NDArray
from ..array.views import internal
from ..core.invoke import invoke
from .arrays import RowSparseNDArray
from .at_zero import keeps_zero
from .base import BaseSparseNDArray, sparse_array
from .creation import zeros
from .forms import Cells, Dense, Rows, Sums, array_of, joined, read, take_rows
from .rules import SparseForm, named, rule

_TAKE_CELLS, _ADD_ROWS = internal("sparse.take_cells"), internal("sparse.add_rows")

#: Comparisons, by which 0 may become 0; and sums with a number, which must be 0.
_IF_ZERO: dict[str, Callable[[Any, Any], Any]] = {
    "equal": operator.eq, "not_equal": operator.ne, "greater": operator.gt, "greater_equal": operator.ge,
    "lesser": operator.lt, "lesser_equal": operator.le}


def _on_values(name: str, linear: bool = False) -> SparseForm:
    """The operation on the stored elements, with the other operands, which are numbers, as they are.

    linear: whether it may be done before rows are added up.
    """
    function = named(name)

    def form(operands: tuple, statics: dict[str, Any]) -> Any:
        x, given = operands[0], tuple(statics.values())
        if not linear and isinstance(x._form, Sums):
            x._components()
        return x._mapped(lambda data: invoke(function, NDArray, (data, *operands[1:]), given))

    return form


def _unless(form: SparseForm, makes: Callable[[Any, Any], Any]) -> SparseForm:
    """The sparse form where `makes(0, number)` is 0 too."""
    def checked(operands: tuple, statics: dict[str, Any]) -> Any:
        return None if makes(0, operands[1]) else form(operands, statics)

    return checked


def _if_zero_stays(function: Function) -> SparseForm:
    """The sparse form of a function of one array, if 0 becomes 0."""
    form = _on_values(function.name)
    return lambda operands, statics: form(operands, statics) if keeps_zero(function) else None


for _function in FUNCTIONS:
    if _function.name.startswith("nd.") and [*_function.signature.parameters] == [*_function.arrays] \
            and len(_function.arrays) == 1 and not _function.variadic:
        rule(_function.name, "[rc]")(_if_zero_stays(_function))
for _name in ("nd.negative", "nd.NDArray.__neg__", "nd.NDArray.copy", "nd.identity", "nd.stop_gradient",
              "nd.make_loss"):
    rule(_name, "[rc]", first=True)(_on_values(_name, linear=True))

for _letter in "rc":
    for _name in ("nd.broadcast_mul", "nd.broadcast_div"):
        rule(_name, f"{_letter}n")(_on_values(_name, linear=True))
    for _name in ("nd._internal._mul_scalar", "nd._internal._div_scalar"):
        rule(_name, f"{_letter}n")(_on_values(_name, linear=True))
    for _name in ("nd.broadcast_add", "nd.NDArray.__radd__", "nd.broadcast_sub", "nd._internal._plus_scalar",
                  "nd._internal._minus_scalar"):
        rule(_name, f"{_letter}n")(_unless(_on_values(_name), lambda zero, number: number != 0))
    rule("nd.NDArray.__rmul__", f"{_letter}n")(_on_values("nd.NDArray.__rmul__", linear=True))
    for _word, _compare in _IF_ZERO.items():
        for _name in (f"nd.broadcast_{_word}", f"nd._internal._{_word}_scalar"):
            rule(_name, f"{_letter}n")(_unless(_on_values(_name), _compare))


@rule("nd.clip", "[rc]nn")
def _clip(operands: tuple, statics: dict[str, Any]) -> Any:
    low, high = operands[1:]
    return _on_values("nd.clip")(operands, statics) if low <= 0 <= high else None


@rule("nd.zeros_like", "[rc]", first=True)
def _zeros_like(operands: tuple, statics: dict[str, Any]) -> Any:
    x, = operands
    return zeros(x.stype, x.shape, x.context, x.dtype)


# ---- two arrays ----------------------------------------------------------------------------------

@rule("nd.elemwise_add nd.add_n", "rr+")
def _add_rows(operands: tuple, statics: dict[str, Any]) -> Any:
    """The stored rows of all operands added up."""
    return _added(operands)


@rule("nd.elemwise_sub", "rr")
def _sub_rows(operands: tuple, statics: dict[str, Any]) -> Any:
    return _added((operands[0], -operands[1]))


def _added(arrays: tuple) -> Any:
    forms = [x._form for x in arrays]
    if any([isinstance(form, Dense) for form in forms]):
        forms = [x._components() for x in arrays]
    data, places = joined([f.data for f in forms]), joined([f.indices for f in forms])
    return sparse_array(RowSparseNDArray, Sums(data, places), arrays[0]._aval)


@rule("nd.elemwise_mul", "rr")
def _mul_rows(operands: tuple, statics: dict[str, Any]) -> Any:
    left, right = [x._components() for x in operands]
    _, at_left, at_right = np.intersect1d(read(left.indices), read(right.indices), return_indices=True)
    data = take_rows(left.data, array_of(at_left)) * take_rows(right.data, array_of(at_right))  # type: ignore[operator]
    return operands[0]._like(Rows(data, take_rows(left.indices, array_of(at_left))))


def _flat_places(x: BaseSparseNDArray, form: Cells) -> np.ndarray:
    return read(form.rows) * x.shape[1] + read(form.indices)


def _of_places(flat: np.ndarray, data: NDArray, x: BaseSparseNDArray) -> Any:
    """A csr array like `x` with the elements `data` at the given places, in order."""
    rows, columns = np.divmod(flat, max(x.shape[1], 1))
    starts = np.searchsorted(rows, np.arange(x.shape[0] + 1))
    parts = [array_of(part.astype(np.int64), x._aval.device) for part in (columns, starts, rows)]
    return x._like(Cells(data, *parts))


def _add_cells(left: Any, right: Any) -> Any:
    forms = [x._components() for x in (left, right)]
    flat = np.concatenate([_flat_places(left, forms[0]), _flat_places(right, forms[1])])
    found, places = np.unique(flat, return_inverse=True)
    data = invoke(_ADD_ROWS, NDArray, (joined([f.data for f in forms]), array_of(places.reshape(-1))),
                  ((found.size,),))
    return _of_places(found, data, left)


@rule("nd.elemwise_add", "cc")
def _sum_of_cells(operands: tuple, statics: dict[str, Any]) -> Any:
    """The union of the stored elements."""
    return _add_cells(*operands)


@rule("nd.elemwise_sub", "cc")
def _difference_of_cells(operands: tuple, statics: dict[str, Any]) -> Any:
    return _add_cells(operands[0], -operands[1])


@rule("nd.elemwise_mul", "cc")
def _mul_cells(operands: tuple, statics: dict[str, Any]) -> Any:
    left, right = [x._components() for x in operands]
    flat = _flat_places(operands[0], left)
    found, at_left, at_right = np.intersect1d(flat, _flat_places(operands[1], right), return_indices=True)
    data = take_rows(left.data, array_of(at_left)) * take_rows(right.data, array_of(at_right))  # type: ignore[operator]
    return _of_places(found, data, operands[0])


@rule("nd.elemwise_mul", "rd|dr")
def _mul_rows_dense(operands: tuple, statics: dict[str, Any]) -> Any:
    """The stored rows times those of the dense array."""
    sparse, dense = operands if isinstance(operands[0], BaseSparseNDArray) else operands[::-1]
    form = sparse._components()
    return sparse._like(Rows(form.data * take_rows(dense, form.indices), form.indices))


@rule("nd.elemwise_mul", "cd|dc")
def _mul_cells_dense(operands: tuple, statics: dict[str, Any]) -> Any:
    sparse, dense = operands if isinstance(operands[0], BaseSparseNDArray) else operands[::-1]
    return _with_dense(sparse, dense, operator.mul)


@rule("nd.broadcast_mul", "cd")
def _broadcast_mul(operands: tuple, statics: dict[str, Any]) -> Any:
    return _with_dense(operands[0], operands[1], operator.mul)


@rule("nd.broadcast_div", "cd")
def _broadcast_div(operands: tuple, statics: dict[str, Any]) -> Any:
    same = operands[0].shape == operands[1].shape
    return None if same else _with_dense(operands[0], operands[1], operator.truediv)


def _with_dense(sparse: Any, dense: NDArray, operate: Callable[[Any, Any], Any]) -> Any:
    """The stored elements combined with those of a dense array that is broadcast to the shape."""
    shape = (1,) * (2 - dense.ndim) + dense.shape
    if dense.ndim > 2 or any([n not in (1, m) for n, m in zip(shape, sparse.shape)]):
        return None
    form = sparse._components()
    rows, columns = [at if n > 1 else at * 0 for at, n in zip((form.rows, form.indices), shape)]
    chosen = invoke(_TAKE_CELLS, NDArray, (dense.reshape(shape), rows, columns), ())  # type: ignore[attr-defined]
    return sparse._like(Cells(operate(form.data, chosen), form.indices, form.indptr, form._rows))



"""Lazy updates: steps of optimizers that update only the rows which a row_sparse gradient stores."""
from __future__ import annotations

from typing import Any

from tracer.ops.declare.public import FUNCTIONS, Function
from tracer.ops.ir.errors import MXNetError

from ..array.nd_array import NDArray
from ..core.invoke import invoke
from .arrays import RowSparseNDArray
from .base import BaseSparseNDArray
from .forms import Dense, Sums
from .rules import rule

_LAZY = {f.name[5:]: f for f in FUNCTIONS if f.name.startswith("lazy.")}


def rows_to_update(grad: RowSparseNDArray) -> tuple[NDArray, NDArray]:
    """The numbers of a gradient's stored rows, and these rows; of equal numbers the last one's row counts.

    The sizes are those of what the gradient was computed from, so that they depend on no elements.
    """
    form = grad._form
    if isinstance(form, Dense):
        form = grad._components()
    return (form if isinstance(form, Sums) else Sums(form.data, form.indices)).distinct()[:2]


def update_rows(function: Function, operands: tuple, statics: dict[str, Any]) -> Any:
    """The new weight and states after a step of the gradient's rows.

    function: the step of some rows.
    operands: weight, gradient, states and numbers.
    """
    weight, grad, *rest = operands
    ids, rows = rows_to_update(grad)
    whole = [x.dense() if isinstance(x, BaseSparseNDArray) else x for x in rest]
    dense = weight.dense() if isinstance(weight, BaseSparseNDArray) else weight
    return invoke(function, NDArray, (ids, dense, rows, *whole), tuple(statics.values()))


def _enter(name: str, operands: str) -> None:
    function = _LAZY[name]

    @rule(f"nd.{name}", operands)
    def form(operands: tuple, statics: dict[str, Any]) -> Any:
        return update_rows(function, operands, statics) if statics.get("lazy_update", True) else None


for _name in ("sgd_update", "sgd_mom_update", "adam_update"):
    _enter(_name, "[dr]r[dr]*n*")
_enter("ftrl_update", "rrrrn*")  # with a dense weight MXNet computes the step of dense arrays


def _step(name: str, weight: Any, grad: Any, history: Any, numbers: tuple, clip_gradient: float, out: Any) -> Any:
    function = _LAZY[name]
    made = update_rows(function, (weight, grad, history, *numbers), {"clip_gradient": clip_gradient})
    target = weight if out is None else out
    target[:], history[:] = made
    return target


def adagrad_update(weight: Any, grad: Any, history: Any, lr: float, epsilon: float = 1e-7, wd: float = 0.0,
                   rescale_grad: float = 1.0, clip_gradient: float = -1.0, out: Any = None) -> Any:
    """A step of AdaGrad of the rows that a gradient stores; returns the weight.

    weight, history: the weight and the sums of squared gradients, which are written.

    MXNetError for a weight decay.
    """
    if wd:
        raise MXNetError("sparse adagrad_update does not support wd.")
    return _step("adagrad_update", weight, grad, history, (lr, epsilon, rescale_grad), clip_gradient, out)


def group_adagrad_update(weight: Any, grad: Any, history: Any, lr: float, rescale_grad: float = 1.0,
                         clip_gradient: float = -1.0, epsilon: float = 1e-5, out: Any = None) -> Any:
    """A step of AdaGrad with one sum for each row, of the rows that a gradient stores; returns the weight."""
    return _step("group_adagrad_update", weight, grad, history, (lr, epsilon, rescale_grad), clip_gradient, out)



"""The functions that cells are made of, chosen by the flavour of their operands: `mx.nd`'s, or those of np and npx."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...numpy import ndarray
from ...symbol import Symbol
from ..nn import flavour

#: What a step's nodes are called, such as "t0_": the beginning of their names; None for arrays, which have no names.
Step = str | None


def named(step: Step, name: str) -> dict[str, str]:
    """The keyword that gives a node of a symbol its name."""
    return {} if step is None or not name else {"name": step + name}


def add(F: Any, a: Any, b: Any, step: Step = None, name: str = "") -> Any:
    """The sum; MXNetError for arrays of nd whose shapes differ."""
    return a + b if isinstance(a, ndarray) else F.elemwise_add(a, b, **named(step, name))


def mul(F: Any, a: Any, b: Any, step: Step = None, name: str = "") -> Any:
    """The product, elementwise; MXNetError for arrays of nd whose shapes differ."""
    return a * b if isinstance(a, ndarray) else F.elemwise_mul(a, b, **named(step, name))


def complement(F: Any, x: Any, step: Step = None) -> Any:
    """1 - x, for a symbol as the two nodes that MXNet's GRU has."""
    if not isinstance(x, Symbol):
        return 1 - x
    ones = F.ones_like(x, **named(step, "ones_like0"))
    return F.elemwise_sub(ones, x, **named(step, "minus0"))


def affine(F: Any, x: Any, weight: Any, bias: Any, units: int, step: Step = None, name: str = "") -> Any:
    """The layer x @ weight.T + bias; None: no bias."""
    function = flavour.of(F, x, "FullyConnected", "fully_connected")
    return function(x, weight, bias, num_hidden=units, no_bias=bias is None, **named(step, name))


def activated(F: Any, x: Any, activation: str | Callable[[Any], Any], step: Step = None, name: str = "") -> Any:
    """An activation of `x`, given by its name, as a layer or as a function."""
    if isinstance(activation, str):
        return flavour.of(F, x, "Activation", "activation")(x, act_type=activation, **named(step, name))
    return activation(x)


def parts(F: Any, x: Any, count: int, axis: int = 1, step: Step = None, name: str = "") -> list[Any]:
    """The `count` equal parts of `x` along an axis, such as gates."""
    return F.np.split(x, count, axis) if isinstance(x, ndarray) else \
        as_list(F.SliceChannel(x, num_outputs=count, axis=axis, **named(step, name)))


def dropout(F: Any, x: Any, p: float, axes: Any = (), step: Step = None, name: str = "") -> Any:
    """`x` after Dropout of the rate `p`, which all elements along `axes` share."""
    return flavour.of(F, x, "Dropout", "dropout")(x, p=p, axes=axes, **named(step, name))


def ones_like(F: Any, x: Any) -> Any:
    """An array of ones of the shape of `x`."""
    return F.np.ones_like(x) if isinstance(x, ndarray) else F.ones_like(x)


def zeros_like(F: Any, x: Any) -> Any:
    """An array of zeros of the shape of `x`."""
    return F.np.zeros_like(x) if isinstance(x, ndarray) else F.zeros_like(x)


def where(F: Any, condition: Any, a: Any, b: Any) -> Any:
    """The elements of `a` where the condition is not 0, else those of `b`."""
    return (F.np if isinstance(condition, ndarray) else F).where(condition, a, b)


def joined(F: Any, arrays: Sequence[Any], axis: int, step: Step = None, name: str = "") -> Any:
    """The arrays one after the other along an axis."""
    if isinstance(arrays[0], ndarray):
        return F.np.concatenate(arrays, axis=axis)
    return F.concat(*arrays, dim=axis, **named(step, name))


def as_list(x: Any) -> list[Any]:
    """A list, or a symbol of several outputs, as a list; anything else as its only element."""
    return list(x) if isinstance(x, (list, tuple, Symbol)) else [x]

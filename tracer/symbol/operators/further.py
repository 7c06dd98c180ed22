"""Operators of symbols that `mx.nd` has no function of the same name and arguments for."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import ndarray
from ...ndarray import NDArray
from ...ndarray import random as _random

nd: Any = ndarray


def zeros(shape: Any = (), ctx: str = "", dtype: Any = "float32") -> NDArray:
    """An array of zeros."""
    return nd.zeros(shape, dtype=dtype)


def ones(shape: Any = (), ctx: str = "", dtype: Any = "float32") -> NDArray:
    """An array of ones."""
    return nd.ones(shape, dtype=dtype)


def full(shape: Any = (), ctx: str = "", dtype: Any = "float32", value: float = 0.0) -> NDArray:
    """An array filled with `value`."""
    return nd.full(shape, value, dtype=dtype)


def arange(start: float = 0.0, stop: Any = None, step: float = 1.0, repeat: int = 1, infer_range: bool = False,
           ctx: str = "", dtype: Any = "float32") -> NDArray:
    """Evenly spaced numbers."""
    return nd.arange(start, stop, step, repeat, dtype=dtype)


def linspace(start: float = 0.0, stop: Any = None, step: float = 1.0, repeat: int = 1, infer_range: bool = False,
             num: int = 50, endpoint: bool = True, ctx: str = "", dtype: Any = "float32") -> NDArray:
    """`num` evenly spaced numbers."""
    return nd.linspace(start, stop, num, endpoint, dtype=dtype)


def eye(N: int = 0, M: int = 0, k: int = 0, ctx: str = "", dtype: Any = "float32") -> NDArray:
    """A matrix with ones on a diagonal."""
    return nd.eye(N, M, k, dtype=dtype)


def split_v2(data: NDArray, indices: Any = (), axis: int = 0, squeeze_axis: bool = False, sections: int = 0) -> Any:
    """The parts of an array, at `indices` (the first is 0) or in `sections` equal ones."""
    places = sections if sections > 0 else tuple(indices)[1:]
    return nd.split_v2(data, places, axis, squeeze_axis)


def shuffle(data: NDArray) -> NDArray:
    """The array in a random order of its first axis."""
    return nd.random.shuffle(data)


def histogram(data: NDArray, bins: NDArray | None = None, bin_cnt: Any = None, range: Any = None) -> Any:
    """The counts and the edges of a histogram's bins."""
    return nd.histogram(data, bins if bin_cnt is None else bin_cnt, range)


def reshape(data: NDArray, shape: Any = (), reverse: bool = False, target_shape: Any = (),
            keep_highest: bool = False) -> NDArray:
    """An array in another shape.

    target_shape, keep_highest: the shape as MXNet 0.8 wrote it: a 0 is found from the number of elements, and with
        keep_highest the first dimension stays.
    """
    if shape or not target_shape:
        return nd.reshape(data, shape=shape, reverse=reverse)
    target: Sequence[int] = [-1 if d == 0 else d for d in target_shape]
    return nd.reshape(data, shape=(0, *target[1:]) if keep_highest else tuple(target))


def grad_add(lhs: NDArray, rhs: NDArray) -> NDArray:
    """The sum of two arrays."""
    return nd.elemwise_add(lhs, rhs)


def identity_like(lhs: NDArray, rhs: NDArray) -> NDArray:
    """The first array, of the shape of the second."""
    return nd.identity(lhs)


def concat_parameters(*data: NDArray, num_args: int = 1, dim: int = 1) -> NDArray:
    """The arrays, joined along an axis: the parameters of recurrent layers."""
    return nd.concat(*data, dim=dim)


def control_flow(*data: NDArray) -> NDArray:
    """Refused: nodes of control flow run by their graphs, not by a function."""
    raise NotImplementedError("a node of control flow without its graphs")


#: By their names in JSON.
OPERATORS: dict[str, Callable[..., Any]] = {
    "_zeros": zeros, "_ones": ones, "_full": full, "_arange": arange, "_linspace": linspace, "_eye": eye,
    "_split_v2": split_v2, "_shuffle": shuffle, "_histogram": histogram, "Reshape": reshape, "_grad_add": grad_add,
    "_identity_with_attr_like_rhs": identity_like, "_rnn_param_concat": concat_parameters,
    **{f"_random_{kind}_like": getattr(_random, f"{kind}_like")
       for kind in ("uniform", "normal", "gamma", "poisson", "exponential", "negative_binomial",
                    "generalized_negative_binomial")}}

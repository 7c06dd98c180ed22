"""`np`'s movement and joins: NumPy's own functions, on elements and on index numbers."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import Array
from .elementwise import Elementwise, zero
from .movement import move
from .np_elementwise import FUNCTIONS
from .values import NoAnswer, apply, bounded


def moves(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Lift NumPy's function `fn`, which moves elements of one array or of a sequence, to arrays of the reference."""
    def function(first: Any, *args: Any, **keywords: Any) -> Any:
        several = isinstance(first, (list, tuple))
        arrays: list[Array] = list(first) if several else [first]
        if any(a.dtype != arrays[0].dtype for a in arrays):
            raise NoAnswer("two dtypes")
        call = (lambda *data: fn(list(data), *args, **keywords)) if several else \
            (lambda data: fn(data, *args, **keywords))
        made = move(call, [a.value for a in arrays], arrays[0].dtype)
        cls = type(arrays[0])
        return [cls.of(m) for m in made] if isinstance(made, list) else cls.of(made)

    return function


ONE = ("transpose swapaxes moveaxis rollaxis expand_dims squeeze ravel reshape broadcast_to repeat tile flip flipud "
       "fliplr roll rot90 pad diagonal diag diagflat tril triu split array_split hsplit vsplit dsplit").split()
MANY = "concatenate stack vstack hstack dstack column_stack".split()
for _name in ONE + MANY:
    FUNCTIONS[_name] = moves(getattr(np, _name))
FUNCTIONS["concat"], FUNCTIONS["row_stack"] = FUNCTIONS["concatenate"], FUNCTIONS["vstack"]
FUNCTIONS["flatten"], FUNCTIONS["permute_dims"] = FUNCTIONS["ravel"], FUNCTIONS["transpose"]


def method_reshape(a: Any, *shape: Any, order: str = "C") -> Any:
    return FUNCTIONS["reshape"](a, shape[0] if len(shape) == 1 else shape, order=order)


def method_transpose(a: Any, *axes: Any) -> Any:
    return FUNCTIONS["transpose"](a, (axes[0] if isinstance(axes[0], tuple) else axes) if axes else None)


def npx_reshape(a: Any, newshape: tuple[int, ...]) -> Any:
    """`reshape` with npx's codes."""
    out: list[int] = []
    codes, at = list(newshape), 0
    while codes:
        code = codes.pop(0)
        if code == -4:
            out += a.shape[at:]
            at = a.ndim
        elif code == -5:
            out.append(a.shape[at] * a.shape[at + 1])
            at += 2
        elif code == -6:
            one, two = codes[:2]
            del codes[:2]
            out += [one, a.shape[at] // one if two == -1 else two]
            at += 1
        elif code == -3:
            if a.shape[at] != 1:
                raise NoAnswer("shape")
            at += 1
        else:
            out.append(a.shape[at] if code == -2 else code)
            at += 1
    return FUNCTIONS["reshape"](a, tuple(out))


def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return moves(lambda pair: np.append(*pair, axis=axis))([arr, values])


def broadcast_arrays(*arrays: Any) -> list[Any]:
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    if all(a.shape == shape for a in arrays):  # only then MXNet returns its arguments themselves
        return list(arrays)
    return [FUNCTIONS["broadcast_to"](a, shape) for a in arrays]


def _atleast(fn: Callable) -> Callable:
    return lambda *arrays: [moves(fn)(a) for a in arrays] if len(arrays) > 1 else moves(fn)(arrays[0])


def take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    places = indices.memory.astype(np.int64)
    return moves(lambda data: np.take(data, places, axis, mode=mode))(a)


def take_along_axis(arr: Any, indices: Any, axis: int | None) -> Any:
    return moves(lambda data: np.take_along_axis(data, indices.memory.astype(np.int64), axis))(arr)


def meshgrid(*arrays: Any, indexing: str = "xy", sparse: bool = False) -> list[Any]:
    bounded([a.size for a in arrays])
    return [moves(lambda data, i=i: np.meshgrid(*(data if i == j else x.memory for j, x in enumerate(arrays)),
                                                indexing=indexing, sparse=sparse)[i])(a)
            for i, a in enumerate(arrays)]


def full_like(a: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A constant that counts as computed from `a`: the gradient by `a` is 0."""
    op = Elementwise("full_like", lambda x: zero(x) + fill_value, exact=True, slopes=[zero])
    return type(a).of(apply(op, [a.value], np.dtype(dtype or a.dtype)))


FUNCTIONS.update(
    append=append, broadcast_arrays=broadcast_arrays, take=take, take_along_axis=take_along_axis, full_like=full_like,
    meshgrid=meshgrid, zeros_like=lambda a, dtype=None: full_like(a, 0, dtype),
    ones_like=lambda a, dtype=None: full_like(a, 1, dtype),
    **{f"atleast_{k}d": _atleast(getattr(np, f"atleast_{k}d")) for k in (1, 2, 3)})

"""Correlation of two feature maps: products, or absolute differences, of patches that are apart by displacements.

The product is linear in each map. Its derivatives are two more ops, and theirs are again these three.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ...declare.families import call
from ...declare.public import public
from ...ir.aval import Aval, aval
from ...ir.errors import MXNetError
from ...ir.node import Node, items, once
from ...ir.op import FLOATS
from ...primitive.arithmetic import in_single
from ...primitive.promotion import floating


class Geometry(NamedTuple):
    """The sizes of a correlation: of patches, of displacements, the two strides and the padding."""

    kernel: int
    most: int
    stride: int
    step: int
    pad: int

    @property
    def reach(self) -> int:
        """The number of displacements to each side."""
        return self.most // self.step

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the result for maps of `shape`: (batch, displacements, rows, columns)."""
        border = self.most + (self.kernel - 1) // 2
        sizes = [-(-(n + 2 * self.pad - 2 * border) // self.stride) for n in shape[2:]]
        return (shape[0], (2 * self.reach + 1) ** 2, *sizes)


def _windows(shape: tuple[int, ...], size: Geometry) -> Iterator[tuple[int, tuple, tuple]]:
    """For each displacement and place in a patch: the displacement's number, and the pixels of both padded maps."""
    rows, columns = size.out(shape)[2:]

    def key(y: int, x: int) -> tuple:
        return (slice(None), slice(None), slice(y, y + (rows - 1) * size.stride + 1, size.stride),
                slice(x, x + (columns - 1) * size.stride + 1, size.stride))

    steps = [i * size.step for i in range(-size.reach, size.reach + 1)]
    for number, (down, across) in enumerate([(y, x) for y in steps for x in steps]):
        for y in range(size.most, size.most + size.kernel):
            for x in range(size.most, size.most + size.kernel):
                yield number, key(y, x), key(y + down, x + across)


def _padded(x: Any, pad: int) -> Any:
    return np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))


def _inner(x: Any, pad: int) -> Any:
    """The map without its padding."""
    return x[:, :, pad:x.shape[2] - pad, pad:x.shape[3] - pad]


def _count(shape: tuple[int, ...], size: Geometry) -> int:
    """The number of products that a mean is of."""
    return size.kernel ** 2 * shape[1]


# ---- products ------------------------------------------------------------------------------------

def _products_ref(a: Any, b: Any, *sizes: int) -> Any:
    size = Geometry(*sizes)
    found = np.zeros(size.out(a.shape), a.dtype)
    a, b = _padded(a, size.pad), _padded(b, size.pad)
    for number, one, two in _windows(a.shape, size._replace(pad=0)):
        found[:, number] += np.einsum("nchw,nchw->nhw", a[one], b[two])
    return found / found.dtype.type(_count(a.shape, size))


def _spread_ref(g: Any, other: Any, size: Geometry, onto: int) -> Any:
    """The gradient of map number `onto`, of that of the products and the other map."""
    found, other = (_padded(x, size.pad) for x in (np.zeros_like(other), other))
    for number, *keys in _windows(other.shape, size._replace(pad=0)):
        found[keys[onto]] += g[:, number, None] * other[keys[1 - onto]]
    return _inner(found, size.pad) / g.dtype.type(_count(other.shape, size))


def _cases() -> Iterable[tuple[np.ndarray, np.ndarray, tuple[int, ...]]]:
    draw = np.random.RandomState(44)
    for shape, sizes in [((2, 3, 5, 6), (1, 1, 1, 1, 1)), ((1, 2, 7, 6), (3, 2, 2, 2, 3)),
                         ((1, 1, 4, 5), (1, 0, 3, 1, 0)), ((2, 1, 6, 6), (1, 3, 1, 2, 2))]:
        yield draw.randn(*shape), draw.randn(*shape), sizes


def _map_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    for a, b, sizes in _cases():
        yield [a, b], sizes


def _spread_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    draw = np.random.RandomState(45)
    for a, _, sizes in _cases():
        yield [draw.randn(*Geometry(*sizes).out(a.shape)), a], sizes


def _out(a: Aval, b: Aval, *sizes: int) -> Aval:
    return aval(Geometry(*sizes).out(a.shape), a.dtype)


def _as_other(g: Aval, other: Aval, *sizes: int) -> Aval:
    return other


_onto_first: Callable[..., Node]
_onto_second: Callable[..., Node]
_products = call("correlation", _out, _products_ref,
                 lambda g, node: (_onto_first(g, node.inputs[1], attrs=node.attrs),
                                  _onto_second(g, node.inputs[0], attrs=node.attrs)),
                 samples=_map_samples, dtypes=FLOATS)
_onto_first = call("correlation_first", _as_other, lambda g, b, *sizes: _spread_ref(g, b, Geometry(*sizes), 0),
                   lambda u, node: (_products(u, node.inputs[1], attrs=node.attrs),
                                    _onto_second(node.inputs[0], u, attrs=node.attrs)),
                   samples=_spread_samples, dtypes=FLOATS)
_onto_second = call("correlation_second", _as_other, lambda g, a, *sizes: _spread_ref(g, a, Geometry(*sizes), 1),
                    lambda u, node: (_products(node.inputs[1], u, attrs=node.attrs),
                                     _onto_first(node.inputs[0], u, attrs=node.attrs)),
                    samples=_spread_samples, dtypes=FLOATS)


# ---- absolute differences ------------------------------------------------------------------------

def _differences_ref(a: Any, b: Any, *sizes: int) -> Any:
    size = Geometry(*sizes)
    found = np.zeros(size.out(a.shape), a.dtype)
    a, b = _padded(a, size.pad), _padded(b, size.pad)
    for number, one, two in _windows(a.shape, size._replace(pad=0)):
        found[:, number] += np.abs(a[one] - b[two]).sum(1)
    return found / found.dtype.type(_count(a.shape, size))


def _signs_ref(g: Any, a: Any, b: Any, *sizes: int) -> tuple[Any, Any]:
    size = Geometry(*sizes)
    a, b = _padded(a, size.pad), _padded(b, size.pad)
    first, second = np.zeros_like(a), np.zeros_like(b)
    for number, one, two in _windows(a.shape, size._replace(pad=0)):
        part = np.where(a[one] >= b[two], g[:, number, None], -g[:, number, None])
        first[one] += part
        second[two] -= part
    count = g.dtype.type(_count(a.shape, size))
    return _inner(first, size.pad) / count, _inner(second, size.pad) / count


def _sign_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    draw = np.random.RandomState(46)
    for a, b, sizes in _cases():
        yield [draw.randn(*Geometry(*sizes).out(a.shape)), a, b], sizes


_signs = call("correlation_signs", lambda g, a, b, *sizes: (a, b), _signs_ref, samples=_sign_samples, smooth=False,
              dtypes=FLOATS)
_differences = call("correlation_differences", _out, _differences_ref,
                    lambda g, node: [once(x, "Correlation") for x in items(_signs(g, *node.inputs, attrs=node.attrs))],
                    samples=_map_samples, smooth=False, dtypes=FLOATS)


@public("nd.Correlation")
def correlation(data1: Node, data2: Node, kernel_size=1, max_displacement=1, stride1=1, stride2=1, pad_size=0,
                is_multiply=True) -> Node:
    """Means of products of patches of `data1` with those of `data2` that are displaced by up to `max_displacement`.

    data1, data2: (batch, channels, height, width); zeros are padded around them, `pad_size` wide.
    kernel_size: the odd height and width of patches.
    stride1: the distance of patches of `data1`.
    stride2: the distance of displacements.
    is_multiply: whether products are taken, or absolute differences.

    Returns (batch, displacements, rows, columns), displacements by row, then by column. MXNetError for shapes that
    don't fit, sizes without result, and dtypes other than floats.

    Dosovitskiy et al., FlowNet: Learning Optical Flow with Convolutional Networks, ICCV 2015.

    >>> from tracer import nd
    >>> x = nd.array([[[[1, 2, 3]]]])
    >>> nd.Correlation(x, x, max_displacement=0).asnumpy().tolist()
    [[[[1.0, 4.0, 9.0]]]]
    """
    if data1.ndim != 4 or data2.ndim != 4:
        raise MXNetError(f"Correlation: data should be a 4D tensor; got {data1.shape} and {data2.shape}")
    if data1.shape != data2.shape or data1.dtype != data2.dtype:
        raise MXNetError(f"Correlation: data1 is {data1.dtype.name} of shape {data1.shape}, data2 {data2.dtype.name} "
                         f"of shape {data2.shape}; they must agree")
    size = Geometry(*(int(n) for n in (kernel_size, max_displacement, stride1, stride2, pad_size)))
    if size.kernel % 2 == 0 or min(size) < 0 or min(size.kernel, size.stride, size.step) < 1:
        raise MXNetError(f"Correlation: {size}: kernel size should be odd number, strides positive")
    if min(size.out(data1.shape)[2:]) < 1:
        raise MXNetError("Correlation cannot be done with current settings. Neighborhood and kernel don't fit in blob: "
                         f"{size} for data of shape {data1.shape}")
    made = _products if is_multiply else _differences
    return in_single(lambda a, b: made(a, b, attrs=tuple(size)))(floating(data1), data2)

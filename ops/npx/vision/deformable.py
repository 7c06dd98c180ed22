"""Deformable convolution: each place of each window is moved by an offset, where the image is interpolated."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...declare.public import REQUIRED, Optional, public
from ...ir.errors import MXNetError
from ...ir.node import Node
from ...primitive.arithmetic import add, in_single, like, mul, sub
from ...primitive.iota import counts
from ...primitive.linear import part, reshape, transpose
from ...primitive.matmul import product
from ...primitive.promotion import floating
from .. import parameter_shapes
from ..windows import Sizes, per_axis, positions
from .resizing import check_image
from .sampling import Sides, edge_extended, sampled, zero_outside


def _bases(kernel: int, out: int, stride: int, dilate: int, pad: int, of: Node, axis: int) -> Node:
    """The places of windows before offsets, along one axis: (1, 1, kernel, 1, out, 1), for axis 1 one further on."""
    inside, window = counts(kernel, 6, 2 + axis, of.dtype), counts(out, 6, 4 + axis, of.dtype)
    return sub(add(mul(inside, like(inside, dilate)), mul(window, like(window, stride))), like(inside, pad))


def _columns(data: Node, offset: Node, mask: Node | None, groups: int, kernel: Sizes, out: Sizes,
             geometry: tuple[Sizes, Sizes, Sizes], sides: Callable[[Node, int], Sides]) -> Node:
    """The interpolated elements of all windows: (batch, groups, kernel places, windows, channels of a group)."""
    batch, channels, height, width = data.shape
    count, windows = math.prod(kernel), math.prod(out)
    moved = reshape(offset, (batch, groups, *kernel, 2, *out))
    lines = []
    for axis in (0, 1):
        stride, dilate, pad = (g[axis] for g in geometry)
        base = _bases(kernel[axis], out[axis], stride, dilate, pad, data, axis)
        step = reshape(part(moved, 4, axis, 1), (batch, groups, *kernel, *out))
        lines.append(reshape(add(base, step), (batch, groups, count * windows)))
    image = reshape(data, (batch, groups, channels // groups, height, width))
    cols = sampled(image, sides(lines[0], height), sides(lines[1], width))
    if mask is not None:
        cols = mul(cols, reshape(mask, (batch, groups, count * windows, 1)))
    return reshape(cols, (batch, groups, count, windows, channels // groups))


@in_single
def _deformed(data: Node, offset: Node, weight: Node, mask: Node | None, bias: Node | None, groups: int, moving: int,
              geometry: tuple[Sizes, Sizes, Sizes], sides: Callable[[Node, int], Sides]) -> Node:
    batch, channels = data.shape[:2]
    filters, kernel = weight.shape[0], weight.shape[2:]
    out = offset.shape[2:]
    count, windows = math.prod(kernel), math.prod(out)
    cols = _columns(data, offset, mask, moving, kernel, out, geometry, sides)
    cols = reshape(transpose(cols, (0, 3, 2, 1, 4)), (batch, windows, count, groups, channels // groups))
    rows = reshape(transpose(cols, (3, 0, 1, 2, 4)), (groups, batch * windows, count * (channels // groups)))
    taps = reshape(weight, (groups, filters // groups, channels // groups, count))
    taps = reshape(transpose(taps, (0, 1, 3, 2)), (groups, filters // groups, count * (channels // groups)))
    found = reshape(product(rows, taps, False, True), (groups, batch, windows, filters // groups))
    found = reshape(transpose(found, (1, 0, 3, 2)), (batch, filters, *out))
    return found if bias is None else add(found, reshape(bias, (filters, 1, 1)))


def _convolved(what: str, data: Node, offset: Node, mask: Node | None, weight: Node, bias: Node | None,
               sides: Callable[[Node, int], Sides], kernel: Any, stride: Any, dilate: Any, pad: Any,
               num_filter: Any, groups: int, moving: int, no_bias: bool, layout: Any) -> Node:
    """The checks of both functions, and the convolution."""
    if layout not in (None, "NCHW"):
        raise NotImplementedError(f"{what}(layout={layout!r}): channels come second here, as MXNet requires on the CPU")
    check_image(floating(data), what)
    kernel, stride = per_axis(kernel, 2, 1, "kernel"), per_axis(stride, 2, 1, "stride")
    dilate, pad = per_axis(dilate, 2, 1, "dilate"), per_axis(pad, 2, 0, "pad")
    channels, count = data.shape[1], math.prod(kernel)
    if channels % groups or num_filter % groups or channels % moving:
        raise MXNetError(f"{what}: {channels} channels and {num_filter} filters in {groups} groups, with {moving} "
                         "groups of offsets")
    if (bias is None) != bool(no_bias):
        raise MXNetError(f"Operator {what} expects {'no' if no_bias else 'a'} bias with no_bias={bool(no_bias)}")
    out = positions(data.shape[2:], kernel, stride, dilate, pad)
    wanted = {"offset": (data.shape[0], 2 * moving * count, *out), "mask": (data.shape[0], moving * count, *out),
              "weight": (num_filter, channels // groups, *kernel), "bias": (num_filter,)}
    for name, array in zip(wanted, (offset, mask, weight, bias), strict=True):
        if array is None:
            continue
        if array.shape != wanted[name]:
            raise MXNetError(f"{what}: Shape inconsistent, Provided = {array.shape}, inferred shape={wanted[name]} of "
                             f"{name}")
        if array.dtype != data.dtype:
            raise MXNetError(f"This layer requires uniform type. Expected {data.dtype.name!r} v.s. given "
                             f"{array.dtype.name!r} at {name!r}")
    return _deformed(data, offset, weight, mask, bias, groups, moving, (stride, dilate, pad), sides)


@public("nd.contrib.DeformableConvolution", shapes=parameter_shapes.convolution)
@public("npx.deformable_convolution", shapes=parameter_shapes.convolution)
def deformable_convolution(data: Node, offset: Node, weight: Node, bias: Optional = None, kernel=REQUIRED, stride=(),
                           dilate=(), pad=(), num_filter=REQUIRED, num_group=1, num_deformable_group=1, workspace=1024,
                           no_bias=False, layout=None) -> Node:
    """A convolution of (batch, channels, height, width) whose window places are moved by `offset`.

    offset: (batch, 2 * num_deformable_group * height * width of the kernel, rows, columns), for each place its shift
        along the rows, then along the columns. Places outside of the image give 0.
    weight: (num_filter, channels / num_group, *kernel).

    MXNetError for shapes that don't fit, and for dtypes other than floats.

    Dai et al., Deformable Convolutional Networks, ICCV 2017.

    >>> from tracer import np, npx
    >>> moved = np.zeros((1, 2, 1, 2)) + 0.5
    >>> npx.deformable_convolution(np.array([[[[1, 3], [5, 7]]]]), moved[:, :, :, :1], np.ones((1, 1, 1, 1)),
    ...                            kernel=(1, 1), stride=(2, 2), num_filter=1, no_bias=True)
    array([[[[4.]]]])
    """
    return _convolved("DeformableConvolution", data, offset, None, weight, bias, edge_extended, kernel, stride, dilate,
                      pad, num_filter, num_group, num_deformable_group, no_bias, layout)


@public("nd.contrib.ModulatedDeformableConvolution", shapes=parameter_shapes.convolution)
@public("npx.modulated_deformable_convolution", shapes=parameter_shapes.convolution)
def modulated_deformable_convolution(data: Node, offset: Node, mask: Node, weight: Node, bias: Optional = None,
                                     kernel=REQUIRED, stride=(), dilate=(), pad=(), num_filter=REQUIRED, num_group=1,
                                     num_deformable_group=1, workspace=1024, no_bias=False, im2col_step=64,
                                     layout=None) -> Node:
    """`deformable_convolution` whose window places are also multiplied by `mask`; the image is 0 beyond its pixels.

    mask: (batch, num_deformable_group * height * width of the kernel, rows, columns).

    MXNetError as there. MXNet has no gradient of it on the CPU; this is that of MXNet's GPUs.

    Zhu et al., Deformable ConvNets v2: More Deformable, Better Results, CVPR 2019.
    """
    return _convolved("ModulatedDeformableConvolution", data, offset, mask, weight, bias, zero_outside, kernel, stride,
                      dilate, pad, num_filter, num_group, num_deformable_group, no_bias, layout)

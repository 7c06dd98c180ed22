"""Devices: a part of a value's aval. All of them compute on the CPU, so that a device is a label, which operations
propagate and kernels do not see."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .aval import Aval, Device, aval
from .node import Node, make
from .op import ELEMENTWISE, Op, declare


def _infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    return aval(avals[0].shape, avals[0].dtype, attrs[0])


def _samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(0)
    for shape in ((3, 4), (), (0, 2)):
        yield [rng.uniform(-2, 2, shape)], (("cpu", 1),)


place_op = declare(Op("to_device", ELEMENTWISE, _infer, lambda arrays, attrs: arrays[0],
                      lambda node, g: (place(g, node.inputs[0].aval.device),), expr="{0}", cost=0, samples=_samples))


def place(x: Node, device: Device) -> Node:
    """`x` on `device`; `x` itself if it is there already."""
    while x.op is place_op:
        x = x.inputs[0]
    return x if x.aval.device == device else make(place_op, (x,), (device,))


def placed(made: Any, device: Device) -> Any:
    """A node, or a list or tuple of nodes, on `device`."""
    if isinstance(made, Node):
        return place(made, device)
    return type(made)([place(n, device) for n in made])

"""Hybridized blocks that read elements of a computed argument: each pass reads those of its own call."""
from __future__ import annotations

import numpy as onp
import pytest

from tracer import gluon, np

ARGUMENTS = [[1.0, 0.0], [2.0, 0.0], [0.0, 0.0], [33.0, 0.0], [1.0, 0.0]]
FUNCTIONS = {
    "asnumpy": lambda x: np.array(x.asnumpy() * 2) * 1,
    "NumPy's function": lambda x: np.array(onp.exp(x)) * 1,
    "item": lambda x: np.ones(3) * x.item(0),
    "tolist": lambda x: np.array(x.tolist()) * 1,
    "float": lambda x: x * float(x[0]),
    "bool": lambda x: x * 2 if x[0] > 1 else x * 3,
    "text": lambda x: np.ones(len(str(x))) * 2,
    "mask": lambda x: np.ones(2)[x.astype(bool)] * 2,
    "nonzero": lambda x: np.nonzero(x)[0] * 2,
    "unique": lambda x: np.unique(x) * 2,
    "histogram": lambda x: np.histogram(x, 3)[0] * 2,
    "insert": lambda x: np.insert(x, 1, x) * 2,
    "another array, argument unused": lambda x: np.array([float(v) for v in x]) * 2,
}


class _Reading(gluon.HybridBlock):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class _Outer(gluon.HybridBlock):
    def __init__(self, function) -> None:
        super().__init__()
        self.inner = _Reading(function)

    def forward(self, x):
        return self.inner(x) + 1


def _passes(block, hybridized):
    block.hybridize(hybridized)
    made = []
    for elements in ARGUMENTS:
        x = np.array(elements)
        x.wait_to_read()
        made.append(block(x).asnumpy())
    return made


@pytest.mark.parametrize("kind", [_Reading, _Outer])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_pass_reads_its_own_argument(name, kind):
    ordinary, hybridized = _passes(kind(FUNCTIONS[name]), False), _passes(kind(FUNCTIONS[name]), True)
    assert any(not onp.array_equal(ordinary[0], other) for other in ordinary[1:])
    for a, b in zip(ordinary, hybridized):
        onp.testing.assert_array_equal(a, b)


def test_parameters_that_are_read_are_read_again():
    class Scaled(gluon.HybridBlock):
        def __init__(self) -> None:
            super().__init__()
            self.scale = gluon.Parameter("scale", shape=(1,))

        def forward(self, x):
            return x * float(self.scale.data())

    net = Scaled()
    net.initialize()
    net.hybridize()
    for scale in (2.0, 3.0, 4.0):
        net.scale.set_data(np.array([scale]))
        assert net(np.array([1.0, 5.0])).tolist() == [scale, 5 * scale]

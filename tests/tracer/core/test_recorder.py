"""A recorder of its own: the declarations generate functions for another kind of operand, as symbols will be."""
from __future__ import annotations

import numpy as onp
import pytest

from tracer import nd
from tracer.core.surface import ARRAYS, Recorder, functions_of
from tracer.ndarray import NDArray
from tracer.ops.ir.errors import MXNetError

pytestmark = pytest.mark.tierless


class Symbol:
    """A call that is not made yet, or a variable."""

    def __init__(self, function, operands=(), statics=()):
        self.function, self.operands, self.statics = function, operands, statics

    def eval(self, **arrays):
        if isinstance(self.function, str):
            return arrays[self.function]
        operands = tuple(x.eval(**arrays) if isinstance(x, Symbol) else x for x in self.operands)
        return ARRAYS.invoke(self.function, NDArray, operands, self.statics)


def _compose(function, cls, operands, statics):
    return cls(function, operands, statics)


def _refuse_out(*_):
    raise NotImplementedError("a symbol cannot be written to")


SYM = functions_of("nd", Symbol, Recorder(_compose, _refuse_out, _refuse_out, _refuse_out))


def test_a_composed_network_computes_what_the_calls_do():
    x, w, b = Symbol("x"), Symbol("w"), Symbol("b")
    net = SYM["softmax"](SYM["Activation"](SYM["FullyConnected"](x, w, b, num_hidden=3), act_type="relu"), axis=1)
    draw = onp.random.RandomState(0)
    arrays = {name: nd.array(draw.randn(*shape)) for name, shape in (("x", (4, 5)), ("w", (3, 5)), ("b", (3,)))}
    hidden = nd.Activation(nd.FullyConnected(*arrays.values(), num_hidden=3), act_type="relu")
    onp.testing.assert_array_equal(net.eval(**arrays).asnumpy(), nd.softmax(hidden, axis=1).asnumpy())


def test_nothing_is_recorded_before_that():
    made = SYM["dot"](Symbol("a"), Symbol("b"), transpose_b=True)
    assert type(made) is Symbol and made.function.names[0] == "nd.dot" and True in made.statics
    assert [x.function for x in made.operands] == ["a", "b"]


def test_arguments_are_checked_as_those_of_arrays():
    with pytest.raises(MXNetError, match="Cannot find argument 'axes', in operator softmax"):
        SYM["softmax"](Symbol("x"), axes=1)


def test_updates_and_outputs_go_to_the_recorder():
    with pytest.raises(NotImplementedError, match="written to"):
        SYM["sgd_update"](Symbol("w"), Symbol("g"), lr=0.1)
    with pytest.raises(NotImplementedError, match="written to"):
        SYM["relu"](Symbol("x"), out=Symbol("y"))

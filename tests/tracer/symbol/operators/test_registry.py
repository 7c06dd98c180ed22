"""The table of operators fits the functions that it calls."""
from __future__ import annotations

import inspect

import pytest

import tracer as mx
from tracer.symbol.operators import facts
from tracer.symbol.operators.registry import OPERATORS, operator_of

pytestmark = pytest.mark.tierless


def test_each_function_takes_its_operators_inputs_and_parameters():
    for name, operator in OPERATORS.items():
        if name in ("_foreach", "_while_loop", "_cond"):
            continue
        given = dict.fromkeys(operator.parameters)
        signature = inspect.signature(operator.run)
        signature.bind(1, 2, **given) if operator.star else signature.bind(**given, **dict.fromkeys(operator.arrays))


@pytest.mark.parametrize("table", ["REQUIRED", "STATES", "INITIALIZERS", "OUTPUTS", "INPUTS", "COUNTS", "PREFIXES"])
def test_facts_are_about_operators_that_exist(table):
    unknown = [name for name in getattr(facts, table) if name not in OPERATORS]
    assert not unknown


def test_an_operator_goes_by_all_its_names():
    assert operator_of("_Plus") is operator_of("elemwise_add") is operator_of("_plus")
    assert mx.sym.concat is not mx.sym.Concat and operator_of("concat") is operator_of("Concat")
    with pytest.raises(mx.MXNetError, match="Op n of type nope: Operator nope is not registered"):
        operator_of("nope", "n")


def test_custom_operations():
    class Properties(mx.operator.CustomOpProp):
        def __init__(self, scale):
            super().__init__(need_top_grad=True)
            self.scale = float(scale)

        def list_arguments(self):
            return ["data", "weight"]

        def list_outputs(self):
            return ["sum", "other"]

        def list_auxiliary_states(self):
            return ["count"]

        def infer_shape(self, shapes):
            return [shapes[0], shapes[0]], [shapes[0], shapes[0]], [(1,)]

        def create_operator(self, ctx, shapes, types):
            scale = self.scale

            class Operation(mx.operator.CustomOp):
                def forward(self, is_train, req, in_data, out_data, aux):
                    self.assign(out_data[0], req[0], in_data[0] * scale + in_data[1])
                    self.assign(out_data[1], req[1], in_data[0])
                    aux[0][:] += 1

            return Operation()

    mx.operator.register("test_symbol_custom")(Properties)
    made = mx.sym.Custom(mx.sym.var("x"), op_type="test_symbol_custom", scale=3, name="op")
    assert (made.list_arguments(), made.list_auxiliary_states()) == (["x", "op_weight"], ["op_count"])
    assert made.list_outputs() == ["op_sum", "op_other"] and made.infer_type(x="float32")[2]
    assert made.infer_shape(x=(2, 2)) == ([(2, 2)] * 2, [(2, 2)] * 2, [(1,)])
    count = mx.nd.zeros(1)
    found = made.eval(x=mx.nd.ones((2, 2)), op_weight=mx.nd.ones((2, 2)), op_count=count)
    assert found[0].asnumpy().tolist() == [[4, 4], [4, 4]] and count.asscalar() == 1
    with pytest.raises(mx.MXNetError, match="Cannot find custom operator nope"):
        mx.sym.Custom(mx.sym.var("x"), op_type="nope")

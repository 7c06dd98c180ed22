"""Graphs from JSON: dialects of three generations, and texts that are no graphs."""
from __future__ import annotations

import json

import pytest

import tracer as mx

pytestmark = pytest.mark.tierless


OF_2_0 = {"mxnet_version": ["int", 20000]}


def record(**changes):
    """A small graph, x -> exp -> (heads), with some fields changed."""
    nodes = [{"op": "null", "name": "x", "inputs": []}, {"op": "exp", "name": "e", "inputs": [[0, 0, 0]]}]
    version = {"mxnet_version": ["int", 10901]}
    return {"nodes": nodes, "arg_nodes": [0], "heads": [[1, 0, 0]], "attrs": version, **changes}


def node(i, **changes):
    made = record()
    made["nodes"][i] = {**made["nodes"][i], **changes}
    return made


@pytest.mark.parametrize("broken, said", [
    (record(attrs={"mxnet_version": ["int", float("inf")]}), "no graph: OverflowError"),
    ({"nodes": []}, 'Missing field "arg_nodes"'), (node(1, op="nope"), "Op e of type nope"),
    (node(1, inputs=[[1, 0, 0]]), "e is in a cycle"), (node(1, inputs=[[7, 0, 0]]), "node e has an input"),
    (node(1, inputs=[]), "e of type exp: it has 0 inputs"), (record(heads=[[9, 0, 0]]), "heads"),
    (record(nodes=[{"op": "null"}]), "lacks op, name or inputs"), ([], "object, got list"),
    (record(heads=[]), "no heads"), (node(1, inputs=[[0, 3, 0]]), "output 3 of x"),
    (node(1, name={}), "lacks op, name or inputs"), (node(1, inputs={}), "lacks op, name or inputs"),
    (node(1, op="SliceChannel", attrs={"num_outputs": "4294967296"}), "at most 32768 inputs and outputs"),
    (node(1, op="Concat", attrs={"num_args": "4294967296"}), "at most 32768 inputs and outputs"),
    ({**node(1, op="clip", attrs={"a_min": "0", "a_max": "1", "a_mean": "2"}), "attrs": OF_2_0},
     "Cannot find argument 'a_mean'"),
])
def test_a_text_that_is_no_graph_is_refused(broken, said):
    with pytest.raises(mx.MXNetError, match=said):
        mx.sym.load_json(json.dumps(broken))


def test_a_text_that_is_nested_too_deeply_is_refused():
    with pytest.raises(mx.MXNetError, match="not JSON: maximum recursion depth"):
        mx.sym.load_json("[" * 100_000)


def test_a_longer_cycle_names_a_node():
    nodes = [{"op": "exp", "name": "a", "inputs": [[1, 0, 0]]}, {"op": "exp", "name": "b", "inputs": [[0, 0, 0]]}]
    with pytest.raises(mx.MXNetError, match="node [ab] is in a cycle"):
        mx.sym.load_json(json.dumps(record(nodes=nodes, arg_nodes=[])))


def test_an_operation_without_outputs_has_none_to_read():
    loop, _ = mx.sym.contrib.foreach(lambda x, state: (x + state, state + x), mx.sym.var("x"), mx.sym.var("s"))
    text = loop.tojson()
    assert '"num_outputs": "2"' in text
    with pytest.raises(mx.MXNetError, match="there is no output 0 of _foreach"):
        mx.sym.load_json(text.replace('"num_outputs": "2"', '"num_outputs": "0"'))


def test_nodes_may_come_in_any_order():
    made = record()
    made["nodes"] = [{"op": "exp", "name": "e", "inputs": [[1, 0, 0]]}, {"op": "null", "name": "x", "inputs": []}]
    made["heads"] = [[0, 0, 0]]
    assert mx.sym.load_json(json.dumps(made)).list_arguments() == ["x"]


def test_attributes_of_2_0_are_read():
    attrs = {"kernel": "[3,3]", "num_filter": "4", "no_bias": "1", "cudnn_off": "0", "layout": "NCHW",
             "stride": "[1,1]", "pad": "[0,0]", "dilate": "[1,1]", "num_group": "1",
             "workspace": "1024", "cudnn_tune": "None"}
    pool = {"kernel": "[2,2]", "output_size": "None", "p_value": "None", "global_pool": "0", "pool_type": "max",
            "stride": "[2,2]", "pad": "[0,0]", "pooling_convention": "valid", "count_include_pad": "None"}
    nodes = [{"op": "null", "name": "x", "attrs": {"__profiler_scope__": "<unk>:"}, "inputs": []},
             {"op": "null", "name": "w", "attrs": {"__init__": "zeros"}, "inputs": []},
             {"op": "Convolution", "name": "c", "attrs": attrs, "inputs": [[0, 0, 0], [1, 0, 0]]},
             {"op": "Pooling", "name": "p", "attrs": pool, "inputs": [[2, 0, 0]]},
             {"op": "_npx_relu", "name": "r", "inputs": [[3, 0, 0]]}]
    made = {"nodes": nodes, "arg_nodes": [0, 1], "heads": [[4, 0, 0]],
            "attrs": {"mxnet_version": ["int", 20000], "is_np_shape": ["int", 1]}}
    net = mx.sym.load_json(json.dumps(made))
    assert net.infer_shape(x=(1, 2, 8, 8)) == ([(1, 2, 8, 8), (4, 2, 3, 3)], [(1, 4, 3, 3)], [])


def test_parameters_that_2_0_writes_and_does_not_read_are_left_out():
    attrs = {"output_size": "2", "kernel": "[]", "pool_type": "max", "p_value": "None", "pooling_convention": "valid"}
    read = mx.sym.load_json(json.dumps({**node(1, op="_contrib_AdaptiveAvgPooling2D", attrs=attrs),
                                        "attrs": OF_2_0}))
    assert read.attr_dict() == {"e": {"output_size": "2"}}


def test_a_file(tmp_path):
    made = mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=3, name="fc")
    made.save(str(tmp_path / "net.json"))
    assert mx.sym.load(str(tmp_path / "net.json")).tojson() == made.tojson()

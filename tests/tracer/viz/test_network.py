"""Graphs of symbols for Graphviz: stored answers are in tests/tracer/symbol/test_answers.py."""
from __future__ import annotations

import pytest

import tracer as mx
from tracer.viz.network import Digraph

pytestmark = pytest.mark.tierless


def test_equal_names_are_warned_of():
    x = mx.sym.var("x")
    with pytest.warns(RuntimeWarning, match="Repeated names: x"):
        mx.viz.plot_network(x + mx.sym.var("x"))


def test_without_graphviz_there_is_text(tmp_path):
    graph = Digraph("my net", "pdf")
    graph.node("a", label='say "hi"')
    assert str(graph) == graph.source == 'digraph "my net" {\n\ta [label="say \\"hi\\""]\n}'
    assert open(graph.save("net.gv", str(tmp_path))).read() == graph.source
    with pytest.raises(ImportError, match="requires graphviz library"):
        graph.render()


def test_only_symbols_are_drawn():
    for function in (mx.viz.plot_network, mx.viz.print_summary):
        with pytest.raises(TypeError, match="symbol must be"):
            function(3)
        with pytest.raises(ValueError, match="Input shape is incomplete"), pytest.warns(UserWarning):
            function(mx.sym.var("x") + mx.sym.var("y"), shape={})

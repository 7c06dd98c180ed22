"""Convolutions and pooling of arrays whose channels come last, against those of transposed ones."""
from __future__ import annotations

import graphs
import numpy
import pytest

from tracer import autograd, nd
from tracer.base import MXNetError
from tracer.gluon import nn

LAYOUTS = {1: ("NCW", "NWC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}
SIZES = {1: (11,), 2: (7, 9), 3: (4, 5, 6)}


def last(x):
    return numpy.moveaxis(x, 1, -1)


def results(function, arrays, head, **keywords):
    """The result of a function of arrays, and their gradients."""
    given = [nd.array(a, dtype=a.dtype) for a in arrays]
    for a in given:
        a.attach_grad()
    with autograd.record():
        y = function(*given, **keywords)
    y.backward(nd.array(head, dtype=head.dtype))
    return [y.asnumpy(), *[a.grad.asnumpy() for a in given]]


@pytest.mark.parametrize("tier", ["never", "always"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("rank", LAYOUTS)
@pytest.mark.parametrize("function, groups", [(nd.Convolution, 1), (nd.Convolution, 2), (nd.Convolution, 4),
                                              (nd.Deconvolution, 1), (nd.Deconvolution, 2)])
def test_convolutions(function, groups, rank, dtype, tier):
    draw = numpy.random.RandomState(rank + groups)
    kernel, stride = (3, 2, 2)[:rank], (2, 1, 2)[:rank]
    rows = (8, 4 // groups) if function is nd.Convolution else (4, 8 // groups)
    x, w, b = [draw.randn(*shape).astype(dtype) for shape in ((2, 4, *SIZES[rank]), (*rows, *kernel), (8,))]
    keywords = {"kernel": kernel, "stride": stride, "pad": (1,) * rank, "num_filter": 8, "num_group": groups,
                "no_bias": False}
    second, behind = LAYOUTS[rank]
    with graphs.jit_mode(tier):
        shape = function(*[nd.array(a, dtype=dtype) for a in (x, w, b)], layout=second, **keywords).shape
        head = draw.randn(*shape).astype(dtype)
        y, dx, dw, db = results(function, [x, w, b], head, layout=second, **keywords)
        found = results(function, [last(x), last(w), b], last(head), layout=behind, **keywords)
    near = 1e-2 if dtype == "float16" else 1e-5
    for got, want in zip(found, [last(y), last(dx), last(dw), db], strict=True):
        numpy.testing.assert_allclose(got, want, near, near)


@pytest.mark.parametrize("tier", ["never", "always"])
def test_layers(tier):
    layers = [nn.Conv2D(5, 3, layout="NHWC"), nn.Conv2DTranspose(5, 3, layout="NHWC"), nn.Conv3D(5, 2, layout="NDHWC")]
    for layer in layers:
        layer.initialize()
        x = nd.random.uniform(shape=(2, *SIZES[3], 4)[-len(layer._layout):])
        with graphs.jit_mode(tier):
            y = layer(x)
        assert y.shape[-1] == 5 and layer.weight.shape[-1] == (4 if layer._op_name == "Convolution" else 5)


@pytest.mark.parametrize("function, parameters", [
    (nd.Convolution, lambda rank: [nd.ones((3, 3, *(2,) * rank))]),
    (nd.Deconvolution, lambda rank: [nd.ones((3, 3, *(2,) * rank))]), (nd.Pooling, lambda rank: [])])
def test_a_layout_of_another_number_of_axes_is_refused(function, parameters):
    for rank, size in SIZES.items():
        x, rest = nd.ones((2, 3, *size)), {} if function is nd.Pooling else {"num_filter": 3, "no_bias": True}
        for others in (*LAYOUTS.values(), ("abc", 3, "")):
            for layout in others:
                if layout not in LAYOUTS[rank]:
                    with pytest.raises(MXNetError, match="layout"):
                        function(x, *parameters(rank), kernel=(2,) * rank, layout=layout, **rest)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_weights_of_the_other_layout_are_refused(layout):
    x, w = nd.ones((2, 3, 5, 6)), nd.ones((4, 2, 2, 3) if layout == "NCHW" else (4, 3, 2, 2))
    with pytest.raises(MXNetError, match="Shape inconsistent"):
        nd.Convolution(x if layout == "NCHW" else nd.ones((2, 5, 6, 3)), w, kernel=(2, 2), num_filter=4, no_bias=True,
                       layout=layout)

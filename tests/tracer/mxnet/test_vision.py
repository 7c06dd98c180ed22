"""Images, boxes and attention against stored answers of real MXNet, and their gradients by finite differences.

The answers are in tests/data/vision.json, written by tests/oracle/vision.py.
"""
from __future__ import annotations

import json
import os
import sys

import numpy
import pytest
from places import TESTS

sys.path.insert(0, str(TESTS / "oracle"))

import vision
from vision_references import VISION

import tracer
from tracer import autograd, nd
from tracer.jit.report.counters import COUNTERS

pytestmark = pytest.mark.native_sample(24)

STORED = {(expression, arrays): answer for expression, arrays, answer in json.loads(vision.DATA.read_text())}
TOLERANCE = {"float16": 2e-3, "float32": 3e-5, "float64": 1e-9}


@pytest.fixture(autouse=True)
def _no_np():
    yield
    tracer.npx.reset_np()


def same(got: dict, want: dict) -> None:
    """Assert equal dtypes and shapes, and values within the dtype's accuracy."""
    assert (got["dtype"], got["shape"]) == (want["dtype"], want["shape"])
    near = TOLERANCE.get(want["dtype"], 0)
    values = [numpy.array(a["values"], "float64") for a in (got, want)]
    numpy.testing.assert_allclose(*values, rtol=near, atol=near)


def sampled_when_compiled(sample):
    """Mark a test as a sweep unless NumPy computes it: nearly each case has kernels of its own."""
    compiled = os.environ.get("TRACER_JIT", "auto") != "never"
    return pytest.mark.sweep(sample=sample) if compiled else lambda test: test


@sampled_when_compiled(30)
@pytest.mark.parametrize("case", vision.CASES, ids=["; ".join(c) for c in vision.CASES])
def test_answers_are_those_of_mxnet(case):
    got, want = vision.answer(tracer, case), STORED[case]
    assert got.get("error") == want.get("error"), got
    if "error" in want:
        return
    for key in ("results", "gradients"):
        assert (key in got) == (key in want)
        for one, other in zip(got.get(key, ()), want.get(key, ()), strict=True):
            same(one, other)


# ---- gradients -----------------------------------------------------------------------------------

_DEFORMED = "randn(1, 4, 4, 5); 0.3 + 0.5 * rand(1, 8, 3, 4); "
SMOOTH = [
    ("nd.contrib.AdaptiveAvgPooling2D(a, output_size=(2, 4))", "randn(1, 2, 5, 7)"),
    ("nd.contrib.BilinearResize2D(a, height=3, width=8)", "randn(1, 2, 5, 4)"),
    ("nd.contrib.BilinearResize2D(a, height=3, width=8, align_corners=False)", "randn(1, 2, 5, 4)"),
    ("nd.contrib.interleaved_matmul_selfatt_qk(a, heads=2)", "randn(3, 2, 12)"),
    ("nd.contrib.interleaved_matmul_selfatt_valatt(a, b, heads=2)", "randn(3, 2, 12); randn(4, 3, 3)"),
    ("nd.contrib.interleaved_matmul_encdec_qk(a, b, heads=2)", "randn(3, 2, 4); randn(4, 2, 8)"),
    ("nd.contrib.interleaved_matmul_encdec_valatt(a, b, heads=2)", "randn(4, 2, 8); randn(4, 3, 4)"),
    ("nd.contrib.DeformableConvolution(a, b, c, kernel=(2, 2), num_filter=2, num_group=2, no_bias=True)",
     f"{_DEFORMED}randn(2, 2, 2, 2)"),
    ("nd.contrib.ModulatedDeformableConvolution(a, b, c, d, e, kernel=(2, 2), num_filter=2)",
     f"{_DEFORMED}rand(1, 4, 3, 4); randn(2, 4, 2, 2); randn(2)"),
    ("nd.BilinearSampler(a, b)", "randn(1, 2, 3, 4); 0.3 + 0.2 * rand(1, 2, 3, 3)"),
    ("nd.contrib.ROIAlign(a, nd.array([[0, 1, 0.3, 3, 3], [0, -1, -1, 6, 5]], dtype='float64'), (2, 3), 0.9)",
     "randn(1, 2, 4, 5)"),
    ("nd.contrib.ROIAlign(a, nd.array([[0, 1, 0.3, 3, 3], [0, 0, 1, 4, 5]], dtype='float64'), (1, 2), 0.9, -1, True)",
     "randn(1, 2, 4, 5)"),
    ("nd.ROIPooling(a, nd.array([[0, 1, 0.3, 3, 3], [0, -1, -1, 6, 5]], dtype='float64'), (2, 3), 0.9)",
     "randn(1, 2, 4, 5)"),
    ("nd.Correlation(a, b, kernel_size=3, max_displacement=2, stride2=2, pad_size=2)",
     "randn(1, 2, 5, 4); randn(1, 2, 5, 4)"),
    ("nd.Correlation(a, b, max_displacement=1, is_multiply=False)", "randn(1, 2, 5, 4); randn(1, 2, 5, 4)"),
    ("nd.contrib.PSROIPooling(a, nd.array([[0, 1, 0.3, 3, 3], [0, -1, -1, 6, 5]], dtype='float64'), 0.9, 2, 2)",
     "randn(1, 8, 4, 5)"),
    ("nd.contrib.DeformablePSROIPooling(a, nd.array([[0, 1, 0.3, 3, 3], [0, 0, 1, 4, 2]], dtype='float64'), b, 0.9, 2, "
     "2, 2, 2, 2, 0.1)", "randn(1, 8, 4, 5); randn(2, 4, 2, 2)"),
    ("nd.contrib.RROIAlign(a, nd.array([[0, 2, 2, 3, 2, 30]], dtype='float64'), (2, 3), 0.9)", "randn(1, 2, 4, 5)"),
    ("nd.contrib.quadratic(a, a=0.5, b=1.5, c=0.7)", "randn(2, 3)"),
    ("nd.linalg.extracttrian(a, offset=-1)", "randn(2, 3, 3)"), ("nd.linalg.maketrian(a, lower=False)", "randn(2, 3)"),
    ("nd.linalg.makediag(a, offset=1)", "randn(2, 3)"),
    ("nd.linalg.gemm(a, b, c, axis=0, beta=2)", "randn(2, 3, 4); randn(4, 3, 5); randn(2, 3, 5)"),
    ("nd.GroupNorm(a, b, c, num_groups=2)", "randn(2, 6, 4); randn(2); randn(2)"),
    ("nd.Pooling(a, kernel=3, stride=2, pooling_convention='same', pool_type='avg')", "randn(2, 2, 6)"),
    ("nd.SpatialTransformer(a, b, 'affine', 'bilinear', (2, 3))",
     "randn(1, 2, 5, 5); array([[0.43, 0.11, 0.07, -0.05, 0.41, 0.08]])"),
]


@sampled_when_compiled(3)
@pytest.mark.parametrize("case", SMOOTH, ids=[c[0] for c in SMOOTH])
def test_gradients_are_slopes(case):
    """In float64, along a random direction of all arrays."""
    draw = numpy.random.RandomState(1)
    given = [a.astype("float64") for a in vision.arrays_of(case)]
    along = [draw.randn(*a.shape) for a in given]

    def value(t):
        names = dict(zip("abcdef", [nd.array(a + t * d, dtype="float64") for a, d in zip(given, along)]))
        return names, eval(case[0], {"nd": nd, **names})

    names = value(0.0)[0]
    for x in names.values():
        x.attach_grad()
    with autograd.record():
        made = eval(case[0], {"nd": nd, **names})
    weights = draw.randn(*made.shape)
    made.backward(nd.array(weights, dtype="float64"))
    got = sum(float((x.grad.asnumpy() * d).sum()) for x, d in zip(names.values(), along))
    h = 1e-5
    slope = sum(k * float((value(s * h)[1].asnumpy() * weights).sum()) for s, k in ((1, 1), (-1, -1))) / (2 * h)
    assert got == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_the_gradient_of_a_modulated_convolution_by_ones_is_that_of_a_convolution():
    """Where no place leaves the image; with the offsets 0, both are an ordinary convolution."""
    draw = numpy.random.RandomState(2)
    x, w = nd.array(draw.randn(2, 3, 5, 5)), nd.array(draw.randn(4, 3, 2, 2))
    zeros, ones = nd.zeros((2, 8, 4, 4)), nd.ones((2, 4, 4, 4))
    found = []
    for call in (lambda **k: nd.Convolution(x, w, **k), lambda **k: nd.contrib.DeformableConvolution(x, zeros, w, **k),
                 lambda **k: nd.contrib.ModulatedDeformableConvolution(x, zeros, ones, w, **k)):
        x.attach_grad()
        with autograd.record():
            y = call(kernel=(2, 2), num_filter=4, no_bias=True)
            loss = (y * y).sum()
        loss.backward()
        found.append((y.asnumpy(), x.grad.asnumpy()))
    for values, gradient in found[1:]:
        numpy.testing.assert_allclose(values, found[0][0], rtol=1e-5, atol=1e-5)
        numpy.testing.assert_allclose(gradient, found[0][1], rtol=1e-4, atol=1e-4)


# ---- odd inputs ----------------------------------------------------------------------------------

def test_nan_and_infinity_stay_in_their_windows():
    x = nd.array([[[[1, numpy.inf, 3], [4, 5, 6], [7, 8, numpy.nan]]]])
    means = nd.contrib.AdaptiveAvgPooling2D(x, output_size=(3, 2)).asnumpy()[0, 0]
    numpy.testing.assert_array_equal(means, [[numpy.inf, numpy.inf], [4.5, 5.5], [7.5, numpy.nan]])
    corner = nd.BilinearSampler(x, nd.array([[[[-3, -1.0]], [[-3, 0]]]])).asnumpy()
    assert corner.ravel()[0] == 0


def test_places_that_are_no_numbers_give_zero():
    nothing = nd.array([numpy.nan, numpy.inf, -numpy.inf, 1e30]).reshape((1, 1, 2, 2))
    offset = nd.concat(nothing, nothing, dim=1)
    x, w = nd.ones((1, 1, 2, 2)), nd.ones((1, 1, 1, 1))
    found = nd.contrib.DeformableConvolution(x, offset, w, kernel=(1, 1), num_filter=1, no_bias=True)
    assert found.asnumpy().tolist() == [[[[0, 0], [0, 0]]]]


def test_multicast_takes_the_wider_or_the_narrower_dtype():
    """As 1.9.1 answers outside record(); within, it refuses float64."""
    for given, wide, narrow in [("float32 float16 float64", "float32 float32 float64", "float16 float16 float64"),
                                ("float64 float16", "float64 float64", "float64 float16"),
                                ("float16 float64", "float16 float64", "float16 float64")]:
        arrays = [nd.ones(2, dtype=d) for d in given.split()]
        for wanted, cast_narrow in ((wide, False), (narrow, True)):
            made = nd.amp_multicast(*arrays, num_outputs=len(arrays), cast_narrow=cast_narrow)
            assert [numpy.dtype(x.dtype).name for x in made] == wanted.split()


@pytest.mark.parametrize("kinds", [1, 3])
def test_suppression_of_more_boxes_than_are_compared_at_a_time(kinds):
    draw = numpy.random.RandomState(4)
    corner = draw.rand(1, 700, 2)
    boxes = numpy.concatenate([draw.randint(0, kinds, (1, 700, 1)), draw.permutation(700).reshape(1, 700, 1) / 700,
                               corner, corner + 0.3 * draw.rand(1, 700, 2)], 2)
    found = nd.contrib.box_nms(nd.array(boxes, dtype="float64"), overlap_thresh=0.3, id_index=0).asnumpy()[0]
    (rows,) = VISION["nms_kept"](boxes, 0.3, 0.0, 700, 2, 1, 0, -1.0, False, "corner")
    kept = rows[rows >= 0]
    assert 100 < len(kept) < 600
    numpy.testing.assert_array_equal(found[:len(kept)], boxes[0, kept])
    assert (found[len(kept):] == -1).all()


def test_regions_of_images_that_are_not_there_are_zero():
    """MXNet reads outside of its memory if the number is too large."""
    x, rois = nd.ones((1, 1, 3, 3)), nd.array([[-1, 0, 0, 2, 2], [1, 0, 0, 2, 2], [0, 0, 0, 2, 2]])
    for pooled in (nd.contrib.ROIAlign(x, rois, (1, 1), 1.0), nd.ROIPooling(x, rois, (1, 1), 1.0)):
        assert pooled.asnumpy().ravel().tolist() == [0, 0, 1]


def test_a_region_without_area_is_refused_by_aligned_pooling():
    with pytest.raises(tracer.MXNetError, match="no area"):
        nd.contrib.ROIAlign(nd.ones((1, 1, 3, 3)), nd.array([[0, 2, 0, 1, 2]]), (1, 1), 1.0, aligned=True).asnumpy()


def test_too_few_background_anchors_are_refused():
    """As in 1.9.1: each anchor overlaps a box."""
    anchors, label = nd.array([[[0, 0, 1, 1], [0, 0, 0.9, 1]]]), nd.array([[[0, 0, 0, 1, 1]]])
    with pytest.raises(tracer.MXNetError, match="negative samples"):
        nd.contrib.MultiBoxTarget(anchors, label, nd.zeros((1, 2, 2)), overlap_threshold=0.95,
                                  negative_mining_ratio=1.0)[0].asnumpy()


def test_float16_is_computed_in_float32():
    x = numpy.random.RandomState(3).randn(1, 2, 9, 7).astype("float16")
    for function in (lambda a: nd.contrib.AdaptiveAvgPooling2D(a, output_size=(4, 3)),
                     lambda a: nd.contrib.BilinearResize2D(a, height=5, width=11)):
        half, single = function(nd.array(x, dtype="float16")), function(nd.array(x, dtype="float32"))
        assert half.dtype == numpy.float16
        numpy.testing.assert_array_equal(half.asnumpy(), single.asnumpy().astype("float16"))


def test_repeated_steps_compile_nothing():
    nd.waitall()
    made = []
    x, w = nd.ones((1, 2, 6, 6)), nd.ones((2, 2, 3, 3))
    w.attach_grad()
    for step in range(5):
        before = COUNTERS.programs
        offset = nd.ones((1, 18, 4, 4)) * (0.1 * step)
        with autograd.record():
            y = nd.contrib.DeformableConvolution(x, offset, w, kernel=(3, 3), num_filter=2, no_bias=True)
            loss = nd.contrib.AdaptiveAvgPooling2D(nd.contrib.BilinearResize2D(y, height=7, width=7)).sum()
        loss.backward()
        w -= 0.1 * w.grad
        w.wait_to_read()
        made.append(COUNTERS.programs - before)
    assert made[2:] == [0, 0, 0]

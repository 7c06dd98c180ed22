"""mx.nd beyond the stored answers of tests/data/semantics_nd.json: files, gradients, updates, refusals."""
from __future__ import annotations

import base64
import json
import os
import subprocess
import sys

import numpy
import pytest
from places import TESTS

sys.path.insert(0, str(TESTS / "oracle"))

import nd_files

from tracer import MXNetError, autograd, nd, np

pytestmark = pytest.mark.native_sample(8)

STORED = {k: base64.b64decode(v) for k, v in json.loads(nd_files.DATA.read_text()).items()}


# ---- files ------------------------------------------------------------------------------------------------------

def test_load_what_real_mxnet_wrote(tmp_path):
    expected = nd_files.contents()
    file = tmp_path / "arrays.params"
    file.write_bytes(STORED["named"])
    loaded = nd.load(str(file))
    assert list(loaded) == list(expected)
    for name, want in expected.items():
        got = loaded[name].asnumpy()
        assert got.dtype == want.dtype
        numpy.testing.assert_array_equal(got, want)
    listed = nd.load_frombuffer(STORED["list"])
    assert [x.shape for x in listed] == [x.shape for x in expected.values()]


def test_save_writes_the_bytes_of_real_mxnet(tmp_path):
    file = tmp_path / "arrays.params"
    arrays = {k: nd.array(v, dtype=v.dtype.name) for k, v in nd_files.contents().items()}
    nd.save(str(file), arrays)
    assert file.read_bytes() == STORED["named"]
    nd.save(str(file), list(arrays.values()))
    assert file.read_bytes() == STORED["list"]


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (3,)])
def test_save_and_load_any_shape(tmp_path, shape):
    file = str(tmp_path / "x")
    nd.save(file, np.ones(shape, dtype="float64"))
    (loaded,) = nd.load(file)
    assert loaded.shape == shape
    assert loaded.dtype == numpy.float64


def test_load_the_oldest_format():
    record = numpy.array([2, 1, 3], "<u4").tobytes() + numpy.array([1, 0, 0], "<i4").tobytes()
    record += numpy.array([1, 2, 3], "<f4").tobytes()
    head = numpy.array([0x112, 0, 1], "<u8").tobytes()
    (loaded,) = nd.load_frombuffer(head + record + bytes(8))
    assert loaded.asnumpy().tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("data", [b"", b"PK" + bytes(100), STORED["named"][:200], STORED["list"][:-9]])
def test_load_what_is_no_file_of_arrays(data):
    with pytest.raises(MXNetError, match="Invalid NDArray file format"):
        nd.load_frombuffer(data)


def test_save_what_is_no_array(tmp_path):
    for data in ([1, 2], {"a": 1}, {1: nd.ones(1)}):
        with pytest.raises(TypeError, match="save only accept"):
            nd.save(str(tmp_path / "x"), data)


@pytest.mark.skipif("MX191" not in os.environ, reason="MX191 names the Python of a real MXNet 1.9.1")
def test_real_mxnet_loads_what_save_wrote(tmp_path):
    file = str(tmp_path / "x.params")
    nd.save(file, {"w": nd.array([[1.5, 2]]), "b": nd.array([3], dtype="int64")})
    done = subprocess.run([os.environ["MX191"], nd_files.__file__, "--read", file], check=True,
                          capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [["w", "float32", [[1.5, 2]]], ["b", "int64", [3]]]


# ---- NumPy and DLPack -------------------------------------------------------------------------------------------

def test_dlpack_round_trip():
    x = nd.array([[1, 2], [3, 4]])
    back = nd.from_dlpack(nd.to_dlpack_for_read(x))
    assert back.asnumpy().tolist() == [[1, 2], [3, 4]]
    assert numpy.from_dlpack(x).tolist() == [[1, 2], [3, 4]]
    assert nd.from_dlpack(numpy.arange(3.0)).dtype == numpy.float64


def test_from_numpy_keeps_the_dtype():
    assert nd.from_numpy(numpy.arange(3, dtype="int32")).dtype == numpy.int32


# ---- functions with a gradient of their own -----------------------------------------------------------------------

def gradient(function, x):
    x = nd.array(x)
    x.attach_grad()
    with autograd.record():
        y = function(x)
    y.backward()
    return x.grad.asnumpy()


@pytest.mark.parametrize(("labels", "value", "hits"), [
    ([0, 0], 19.519293, [[1, 0, 0], [1, 0, 0]]), ([1.7, -0.5], 1.0986123, [[0, 1, 0], [1, 0, 0]]),
    ([0, 5], 36.841362, [[1, 0, 0], [0, 0, 0]]), ([-1, -2], 36.841362, [[0, 0, 0], [0, 0, 0]])])
def test_softmax_cross_entropy_is_bounded(labels, value, hits):
    """By -log(1e-8) in each row, which a label that is no column gives; the values are real MXNet 1.9.1's.

    The gradient is softmax minus one_hot even there.
    """
    x = numpy.float32([[0, 100, 50], [0, 0, 0]])
    head = []

    def loss(a):
        head.append(nd.softmax_cross_entropy(a, nd.array(labels)))
        return head[-1] * 3

    softmax = numpy.array([[0, 1, 0], [1 / 3] * 3])
    numpy.testing.assert_allclose(gradient(loss, x), 3 * (softmax - hits), rtol=1e-6, atol=1e-20)
    numpy.testing.assert_allclose(head[0].asnumpy(), [value], rtol=1e-6)


def test_softmax_cross_entropy_in_other_dtypes():
    """The values are real MXNet 1.9.1's: 1e-8 is 0 in float16. It lacks a second derivative; ours is mathematics'."""
    for dtype, value in (("float16", numpy.inf), ("float64", 18.42068074395237)):
        found = nd.softmax_cross_entropy(nd.zeros((1, 3), dtype=dtype), nd.array([3], dtype=dtype)).asnumpy()
        assert found.dtype == dtype and found == pytest.approx(value)
    with pytest.raises(MXNetError):
        nd.softmax_cross_entropy(nd.zeros((1, 3)), nd.array([0], dtype="int32"))
    x = nd.array([[0, 1, 2]])
    x.attach_grad()
    with autograd.record():
        slope = autograd.grad(nd.softmax_cross_entropy(x, nd.array([1])), [x], create_graph=True)[0]
        loss = (slope * slope).sum()
    loss.backward()
    p = numpy.exp([0, 1, 2]) / numpy.exp([0, 1, 2]).sum()
    numpy.testing.assert_allclose(x.grad.asnumpy()[0], (numpy.diag(p) - numpy.outer(p, p)) @ (2 * (p - [0, 1, 0])),
                                  rtol=1e-5)


def test_softmax_output_has_the_gradient_of_the_cross_entropy():
    x = numpy.random.RandomState(0).randn(3, 4).astype("float32")
    label = numpy.array([0, 3, 1])
    p = numpy.exp(x) / numpy.exp(x).sum(1, keepdims=True)
    expected = p - numpy.eye(4)[label]
    got = gradient(lambda a: nd.SoftmaxOutput(a, nd.array(label)) * 5, x)
    numpy.testing.assert_allclose(got, expected, atol=1e-6)
    ignoring = gradient(lambda a: nd.SoftmaxOutput(a, nd.array(label), use_ignore=True, ignore_label=3,
                                                   normalization="valid"), x)
    numpy.testing.assert_allclose(ignoring, expected * numpy.array([[1], [0], [1]]) / 2, atol=1e-6)


@pytest.mark.parametrize("name, slope", [
    ("LinearRegressionOutput", lambda x, t: x - t), ("MAERegressionOutput", lambda x, t: numpy.sign(x - t)),
    ("LogisticRegressionOutput", lambda x, t: 1 / (1 + numpy.exp(-x)) - t)])
def test_regression_outputs(name, slope):
    rng = numpy.random.RandomState(1)
    x, t = rng.randn(2, 3).astype("float32"), rng.randn(2, 3).astype("float32")
    got = gradient(lambda a: getattr(nd, name)(a, nd.array(t), grad_scale=2), x)
    numpy.testing.assert_allclose(got, 2 / 3 * slope(x, t), atol=1e-6)


def test_block_grad_and_make_loss():
    assert gradient(lambda x: nd.BlockGrad(x) * x, [2.0, 3.0]).tolist() == [2, 3]
    assert gradient(lambda x: nd.MakeLoss(x * 2, grad_scale=3) * 7, [2.0, 3.0]).tolist() == [6, 6]


def test_reshape_under_record_is_differentiated():
    assert gradient(lambda x: x.reshape((-1, 2)) * nd.array([[1, 2], [3, 4]]), [0, 0, 0, 0]).tolist() == [1, 2, 3, 4]


# ---- reshape's codes, against a table worked out by hand -------------------------------------------------------------

@pytest.mark.parametrize("codes, reverse, shape", [
    ((0, -1), False, (2, 12)), ((-1, 0), False, (8, 3)), ((-2,), False, (2, 3, 4)), ((-3, 0), False, (6, 4)),
    ((0, -3), False, (2, 12)), ((-3, -2), False, (6, 4)), ((-4, 1, 2, -2), False, (1, 2, 3, 4)),
    ((-4, -1, 2, 0, 0), False, (1, 2, 3, 4)), ((0, -4, -1, 3, -2), False, (2, 1, 3, 4)),
    ((-1, 0), True, (6, 4)), ((6, 0), True, (6, 4)), ((0, -3), True, (2, 12))])
def test_reshape_codes(codes, reverse, shape):
    assert nd.ones((2, 3, 4)).reshape(codes, reverse=reverse).shape == shape
    assert nd.reshape(nd.ones((2, 3, 4)), shape=codes, reverse=reverse).shape == shape


@pytest.mark.parametrize("codes, error", [
    ((-1, -1), MXNetError), ((0, 0, 0, 0), MXNetError), ((5, -1), ValueError), ((-3, -3), MXNetError),
    ((-7,), MXNetError), ((2, 3), ValueError)])
def test_reshape_codes_that_fail(codes, error):
    with pytest.raises(error) as found:
        nd.ones((2, 3, 4)).reshape(codes)
    assert found.type is error


# ---- optimizer steps -------------------------------------------------------------------------------------------------

def test_updates_write_the_states_and_out():
    weight, grad, mom = nd.array([1, 2]), nd.array([0.5, 0.5]), nd.zeros(2)
    alias = mom
    nd.sgd_mom_update(weight, grad, mom, lr=0.1, momentum=0.9, out=weight)
    nd.sgd_mom_update(weight, grad, mom, lr=0.1, momentum=0.9, out=weight)
    numpy.testing.assert_allclose(alias.asnumpy(), [-0.095, -0.095], rtol=1e-6)
    numpy.testing.assert_allclose(weight.asnumpy(), [0.855, 1.855], rtol=1e-6)


def test_a_schedule_of_learning_rates_makes_no_new_program():
    from tracer.jit.report.counters import COUNTERS

    nd.waitall()  # values of earlier tests that are still pending would be part of the first program
    weight, grad, made = nd.array([1, 2]), nd.array([0.5, 0.5]), []
    for lr in (0.1, 0.05, 0.025, 0.0125):
        before = COUNTERS.programs
        nd.sgd_update(weight, grad, lr=lr, out=weight)
        weight.wait_to_read()
        made.append(COUNTERS.programs - before)
    assert made[1:] == [0, 0, 0]


# ---- operands --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("other", [None, [1, 2], "a", numpy.ones(2), (1, 2)])
def test_operators_refuse_what_is_no_array(other):
    x = nd.array([1, 2])
    for operate in (lambda: x + other, lambda: x / other, lambda: x < other, lambda: x == other):
        with pytest.raises(TypeError):
            operate()
    with pytest.raises(TypeError):
        x -= other


def test_flavours_do_not_mix():
    for operate in (lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a < b):
        with pytest.raises(TypeError, match="as_np_ndarray"):
            operate(nd.array([1, 2]), np.array([1, 2]))


def test_out_of_another_shape():
    with pytest.raises(MXNetError):
        nd.exp(nd.ones(2), out=nd.zeros(3))


def test_name_is_taken_and_other_keywords_are_not():
    assert nd.relu(nd.array([-1, 1]), name="relu0").asnumpy().tolist() == [0, 1]
    with pytest.raises(MXNetError, match="Cannot find argument 'nope'"):
        nd.softmax(nd.array([1]), nope=1)
    assert nd.relu(nd.array([-1, 1]), nope=1).asnumpy().tolist() == [0, 1]  # an operator without parameters of its own


@pytest.mark.parametrize("call", [
    lambda: nd.zeros((2,), stype="csr"), lambda: nd.ones(2).tostype("csr"), lambda: nd.ones(2).tostype("coo"),
    lambda: nd.sparse.zeros("coo", (2,)), lambda: nd.LeakyReLU(nd.ones(2)).attach_grad(stype="coo")])
def test_storage_types_that_do_not_fit_are_refused(call):
    with pytest.raises((ValueError, MXNetError)):
        call()


def test_every_function_is_reached_by_nd_op_too():
    assert nd.op.exp(nd.zeros(1)).asnumpy().tolist() == [1]
    assert nd.op.FullyConnected.__doc__ == nd.FullyConnected.__doc__


# ---- control flow, dropout -------------------------------------------------------------------------------------------

def test_foreach_differentiates():
    def cumulate(x):
        out, last = nd.contrib.foreach(lambda d, s: (d + s, d + s), x, nd.zeros(1))
        assert last.shape == (1,)
        return out

    assert gradient(cumulate, [[1.0], [2.0], [3.0]]).tolist() == [[3], [2], [1]]


def test_while_loop_pads_its_outputs():
    out, last = nd.contrib.while_loop(lambda i: i < 3, lambda i: (i * 2, i + 1), nd.array([0]), max_iterations=5)
    assert out.asnumpy().tolist() == [[0], [2], [4], [0], [0]]
    assert last.asnumpy().tolist() == [3]


def test_dropout_only_in_training():
    x = nd.ones((50, 50))
    assert nd.Dropout(x, p=0.5).asnumpy().min() == 1
    with autograd.record():
        y = nd.Dropout(x, p=0.5)
    kept = y.asnumpy()
    assert set(kept.ravel().tolist()) == {0, 2}
    with autograd.record(train_mode=False):
        assert nd.Dropout(x, p=0.5).asnumpy().min() == 1
    rows = nd.Dropout(x, p=0.5, mode="always", axes=(1,)).asnumpy()
    assert (rows == rows[:, :1]).all()
    with pytest.raises(MXNetError, match="exceed bound"):
        nd.Dropout(x, p=1.5)


def test_boolean_mask_has_a_gradient():
    got = gradient(lambda x: nd.contrib.boolean_mask(x, nd.array([1, 0, 1])) * 2, [1.0, 2.0, 3.0])
    assert got.tolist() == [2, 0, 2]


@pytest.mark.parametrize("lengths", [None, [1], [[1, 2, 3]], [1, 2, 3, 4]], ids=str)
@pytest.mark.parametrize("call", [
    lambda x, n: nd.SequenceLast(x, sequence_length=n, use_sequence_length=True),
    lambda x, n: nd.SequenceMask(x, sequence_length=n, use_sequence_length=True),
    lambda x, n: nd.SequenceReverse(x, sequence_length=n, use_sequence_length=True),
    lambda x, n: nd.softmax(x.reshape((3, 4)), length=n, use_length=True, axis=1)])
def test_lengths_are_one_for_each_sequence(call, lengths):
    """As real MXNet 1.9.1; softmax also takes them in the shape of its lines."""
    x = nd.ones((4, 3, 1))
    if lengths == [[1, 2, 3]] and "softmax" in call.__code__.co_names:
        return
    with pytest.raises(MXNetError):
        call(x, None if lengths is None else nd.array(lengths, dtype="int32"))


@pytest.mark.parametrize("cut", [
    lambda x: nd.split(x, 3, axis=0), lambda x: nd.split_v2(x, 3, axis=0), lambda x: x.split(3, axis=-2),
    lambda x: nd.SliceChannel(x, num_outputs=3, axis=0)])
def test_an_axis_of_nothing_is_split_into_parts_of_nothing(cut):
    """As MXNet 2.0; 1.9.1 has no empty arrays."""
    x = nd.array(numpy.zeros((0, 6)))
    x.attach_grad()
    with autograd.record():
        parts = cut(x)
        total = sum(part.sum() for part in parts)
    total.backward()
    assert [part.shape for part in parts] == [(0, 6)] * 3 and x.grad.shape == (0, 6)

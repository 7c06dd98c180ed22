"""The small modules: `mx.base`, `log`, `error`, `executor_manager`, `misc`, `libinfo`, `runtime`, `util`."""
from __future__ import annotations

import ctypes
import logging

import numpy
import pytest

import tracer as mx
from tracer import base, executor_manager, misc
from tracer.log import get_logger

pytestmark = pytest.mark.tierless


def test_types_and_helpers_of_base():
    assert isinstance("a", base.string_types) and isinstance(numpy.int64(1), base.integer_types)
    assert isinstance(numpy.float32(1), base.numeric_types) and not isinstance("1", base.numeric_types)
    given = (1, 2)
    assert base._as_list(given) is given and base._as_list(1) == [1] and base.py_str(b"a") == "a"
    assert repr(base._Null) == "_Null" and base.mx_real_t is numpy.float32


def test_the_folder_of_downloads(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("MXNET_HOME", raising=False)
    assert base.data_dir() == base.data_dir_default() == "/home/me/.mxnet"
    monkeypatch.setenv("MXNET_HOME", "/data")
    assert base.data_dir() == "/data"


def test_arrays_of_the_c_interface():
    assert base.c_str("é").value == "é".encode() and list(base.c_str_array(["a", "b"])) == [b"a", b"b"]
    assert list(base.c_array(base.mx_uint, [1, 2])) == [1, 2]
    buffer = numpy.array([1, 2], numpy.uint32)
    shared = base.c_array_buf(base.mx_uint, buffer)
    shared[0] = 5
    assert buffer.tolist() == [5, 2]

    class Handled:
        handle = base.SymbolHandle(7)

    assert base.c_handle_array([Handled()])[0] == 7 and base.NDArrayHandle is ctypes.c_void_p


def test_the_c_library_says_which_function_is_missing():
    with pytest.raises(NotImplementedError, match=r"MXSymbolGetName\(\): tracer is pure Python"):
        base.check_call(base._LIB.MXSymbolGetName(base.c_str("a")))
    assert base.check_call(0) is None and not hasattr(base._LIB, "__wrapped__")
    with pytest.raises(mx.MXNetError, match="returned -1"):
        base.check_call(-1)


def test_registered_errors(monkeypatch):
    monkeypatch.setattr(base, "error_types", dict(base.error_types))

    @mx.error.register
    class MyError(RuntimeError):
        pass

    @base.register_error("Other")
    class Third(RuntimeError):
        pass

    assert base.error_types["MyError"] is MyError and base.error_types["Other"] is Third
    assert base.error_types["ValueError"] is ValueError
    assert isinstance(mx.error.InternalError("a"), mx.MXNetError)
    assert str(mx.error.InternalError("a")).startswith("a\nMXNet hint")


def test_errors_that_name_a_function():
    """As real MXNet 1.9.1 words them."""
    assert str(base.NotImplementedForSymbol(len, "+", 1)) == (
        "Function len (namely operator \"+\") with arguments (<class 'int'>) is not implemented for Symbol and only "
        "available in NDArray.")
    assert str(base.NotSupportedForSparseNDArray(len, None)) == (
        "Function len is not supported for SparseNDArray and only available in NDArray.")


@pytest.mark.parametrize("size, loads, ends", [(10, [1, 1, 2], [2, 4, 10]), (7, [1, 2], [2, 7]), (4, [1], [4]),
                                               (9, [1, 1], [4, 9]), (8, [0.5, 1.5], [2, 8])])
def test_batches_are_split_in_proportion(size, loads, ends):
    """The answers of real MXNet 1.9.1."""
    assert executor_manager._split_input_slice(size, loads) == [slice(a, b) for a, b in zip([0, *ends], ends)]


def test_a_device_without_examples_is_refused():
    with pytest.raises(ValueError, match="Too many slices. Some splits are empty"):
        executor_manager._split_input_slice(3, [1] * 5)


def test_the_old_schedule(caplog):
    schedule = misc.FactorScheduler(10, 0.5)
    with caplog.at_level(logging.INFO):
        assert [schedule(i) for i in (0, 9, 10, 25)] == [0.01, 0.01, 0.005, 0.0025]
    assert "At Iteration [10]" in caplog.text
    for arguments in ((0, 0.5), (1, 1.0)):
        with pytest.raises(ValueError):
            misc.FactorScheduler(*arguments)
    with pytest.raises(NotImplementedError):
        misc.LearningRateScheduler()(1)


def test_loggers(tmp_path, capfd):
    plain = get_logger("test_helpers_file", str(tmp_path / "log"), level=logging.INFO)
    plain.info("to the file")
    assert get_logger("test_helpers_file") is plain and len(plain.handlers) == 1 and plain.level == logging.INFO
    assert (tmp_path / "log").read_text() == "to the file\n"
    record = logging.LogRecord("a", logging.WARNING, "f.py", 3, "text", None, None)
    line = get_logger("test_helpers_console").handlers[0].format(record)
    assert line.startswith("\x1b[31mW") and line.endswith("f.py:None:3]\x1b[0m text")
    with pytest.warns(DeprecationWarning, match="get_logger"):
        assert mx.log.getLogger("test_helpers_file") is plain
    assert get_logger() is logging.getLogger()


def test_there_is_no_library():
    for find in (mx.libinfo.find_lib_path, mx.libinfo.find_include_path, mx.libinfo.find_conf_path):
        with pytest.raises(RuntimeError, match="Cannot find the .*tracer is pure Python"):
            find()


def test_features():
    features = mx.runtime.Features()
    assert features.is_enabled("blas_open") and not features.is_enabled("CUDA_RTC")
    assert repr(features).startswith("[✖ CUDA, ✖ CUDNN") and features["MKLDNN"].enabled is False
    with pytest.raises(RuntimeError, match="Feature 'ZZ' is unknown, known features are: .'CUDA', 'CUDNN'"):
        features.is_enabled("zz")


def test_modules_of_functions_and_cuda():
    @mx.util.set_module("mxnet.numpy")
    def function():
        pass

    assert function.__module__ == "mxnet.numpy"
    with pytest.raises(ValueError, match=r"received ctx cpu\(0\)"):
        mx.util.get_cuda_compute_capability(mx.cpu())
    with pytest.raises(OSError, match="libcuda"):
        mx.util.get_cuda_compute_capability(mx.gpu())


def test_namespaces_of_nd():
    x = mx.nd.array([1.0, 2.0])
    assert mx.nd._internal._plus(x, x).asnumpy().tolist() == [2, 4]
    assert mx.nd._internal._div(x, x).asnumpy().tolist() == [1, 1]
    assert mx.nd.utils.load is mx.nd.load and mx.nd.utils.array is mx.nd.array
    assert mx.nd.numpy is mx.nd.np is mx.np and mx.nd.numpy_extension is mx.npx


def test_the_operators_of_nd_are_in_op_too():
    for name in ("BatchNorm", "Dropout", "sample_multinomial", "random_uniform", "relu"):
        assert getattr(mx.nd.op, name) is getattr(mx.nd, name)


def test_sample_multinomial_is_the_operator_behind_random_multinomial():
    """The values are real MXNet 1.9.1's."""
    weights = mx.nd.array([[0.1, 0.9], [0.5, 0.5]])
    mx.random.seed(3)
    drawn, logarithms = mx.nd.sample_multinomial(weights, shape=4, get_prob=True)
    assert drawn.asnumpy().tolist() == [[1, 1, 1, 1], [0, 0, 1, 0]] and drawn.dtype == numpy.int32
    numpy.testing.assert_allclose(logarithms.asnumpy(), numpy.log([[0.9] * 4, [0.5] * 4]), rtol=1e-6)
    assert mx.nd.sample_multinomial(weights[0], dtype="float32").dtype == numpy.float32


def test_libraries_are_refused(tmp_path):
    (tmp_path / "op.so").touch()
    (tmp_path / "op.txt").touch()
    for path, said in ((tmp_path / "no.so", "does NOT exist"), (tmp_path / "op.txt", "is NOT a library file")):
        with pytest.raises(mx.MXNetError, match=f"load path {path} {said}"):
            mx.library.load(str(path))
    with pytest.raises(NotImplementedError, match="pure Python"):
        mx.library.load(str(tmp_path / "op.so"))


def test_shapes_as_arrays_are_methods_too():
    x = mx.nd.ones((2, 3))
    for made, values in ((x.shape_array(), [2, 3]), (x.size_array(), [6])):
        assert made.asnumpy().tolist() == values and made.dtype == numpy.int64

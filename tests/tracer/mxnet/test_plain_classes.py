"""Classes and modules are ordinary Python objects: dispatch, type hints, signatures, pickling and attributes work."""
from __future__ import annotations

import copy
import functools
import inspect
import pickle
import types
import typing

import numpy
import pytest

import tracer as mx
from tracer import context, nd, np

pytestmark = pytest.mark.tierless

CLASSES = (mx.Context, nd.NDArray, np.ndarray, mx.gluon.Block, mx.gluon.HybridBlock, mx.autograd.Function,
           mx.name.NameManager, mx.name.Prefix, mx.AttrScope, mx.runtime.Features)


def test_classes_have_no_metaclass():
    assert {type(cls) for cls in CLASSES} == {type}


def test_types_are_told_apart():
    x, y = nd.ones(2), np.ones(2)
    assert isinstance(x, nd.NDArray) and isinstance(y, nd.NDArray) and isinstance(y, np.ndarray)
    assert not isinstance(x, np.ndarray) and isinstance(mx.cpu(), (mx.Context, int))

    @functools.singledispatch
    def kind(value):
        return "other"

    kind.register(nd.NDArray, lambda value: "nd")
    kind.register(np.ndarray, lambda value: "np")
    kind.register(numpy.ndarray, lambda value: "numpy")
    kind.register(mx.Context, lambda value: "context")
    assert [kind(value) for value in (x, y, y.asnumpy(), mx.cpu(), 1)] == ["nd", "np", "numpy", "context", "other"]
    assert [kind(nd.ones(1).asnumpy()), kind(np.ones(1).asnumpy())] == ["numpy", "numpy"]


def test_type_hints():
    for cls in CLASSES:
        hint = typing.Union[cls, None]  # noqa: UP007
        assert typing.get_args(hint) == (cls, type(None)) and typing.get_args(cls | None) == (cls, type(None))

    def function(x: typing.Optional[nd.NDArray], ctx: typing.List[mx.Context]) -> np.ndarray:  # noqa: UP006, UP045
        return x

    assert typing.get_type_hints(function, dict(globals()))["return"] is np.ndarray


def test_signatures():
    assert list(inspect.signature(nd.array).parameters)[:3] == ["source_array", "ctx", "dtype"]
    assert "axis" in inspect.signature(nd.sum).parameters and "axis" in inspect.signature(np.sum).parameters
    assert list(inspect.signature(mx.Context).parameters) == ["device_type", "device_id"]
    assert inspect.signature(mx.cpu).parameters["device_id"].default == 0
    for space in (nd, np, mx.npx, mx.random, mx.util, mx.base, mx.autograd):
        for name, function in vars(space).items():
            if isinstance(function, types.FunctionType):
                assert inspect.signature(function) is not None, name


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickling(protocol):
    def again(value):
        return pickle.loads(pickle.dumps(value, protocol))

    assert again(mx.cpu(3)) == mx.cpu(3) and again(context.Context) is mx.Context
    for x in (nd.array([1.0, 2.0]), np.array([[1, 2]], dtype="int32"), nd.array([5.0]), np.array(5.0)):
        y = again(x)
        assert type(y) is type(x) and y.dtype == x.dtype and y.shape == x.shape
        assert y.asnumpy().tolist() == x.asnumpy().tolist()
    assert again({"a": [nd.ones(1), mx.cpu()]})["a"][1] == mx.cpu()
    assert str(again(mx.MXNetError("a"))) == "a" and again(mx.MXNetError) is mx.MXNetError
    for cls in CLASSES:
        assert again(cls) is cls


def test_copies():
    x = nd.array([1.0, 2.0])
    y = copy.deepcopy({"a": [x], "c": mx.cpu(1)})
    y["a"][0][:] = 5
    assert x.asnumpy().tolist() == [1, 2] and y["c"] == mx.cpu(1) and y["c"] is not None
    assert copy.copy(mx.cpu(2)) == mx.cpu(2) and copy.deepcopy(np.ones(2)).asnumpy().tolist() == [1, 1]


def test_attributes_of_classes_and_modules(monkeypatch):
    """Scripts add methods to NDArray and put their own functions into modules."""
    monkeypatch.setattr(nd.NDArray, "twice", lambda self: self * 2, raising=False)
    assert nd.ones(2).twice().asnumpy().tolist() == np.ones(2).twice().asnumpy().tolist() == [2, 2]
    monkeypatch.setattr(mx.Context, "note", "mine", raising=False)
    assert mx.cpu().note == "mine"
    monkeypatch.setattr(nd, "mine", lambda x: x + 1, raising=False)
    monkeypatch.setattr(mx, "nothing_here", 5, raising=False)
    assert nd.mine(nd.ones(1)).asscalar() == 2 and mx.nothing_here == 5
    monkeypatch.setattr(nd, "relu", lambda x: "replaced")
    assert mx.nd.relu(nd.ones(1)) == "replaced"


def test_subclasses_with_their_own_init():
    class MyContext(mx.Context):
        def __init__(self, note):
            super().__init__("cpu", 1)
            self.note = note

    class MyBlock(mx.gluon.Block):
        def __init__(self, width, **kwargs):
            super().__init__(**kwargs)
            self.width = width

        def forward(self, x):
            return x * self.width

    assert MyContext("a") == mx.cpu(1) and nd.ones(1, ctx=MyContext("a")).context == mx.cpu(1)
    assert MyBlock(3)(nd.ones(2)).asnumpy().tolist() == [3, 3]


def test_names_that_are_not_there():
    for space in (mx, mx.gluon, mx.libinfo, nd, np):
        assert not hasattr(space, "no_such_name") and getattr(space, "no_such_name", None) is None
        with pytest.raises(AttributeError):
            space.no_such_name  # noqa: B018

"""Custom operators: gradients, hybridized blocks, flavours and errors. Real MXNet's answers: test_training.py."""
from __future__ import annotations

import numpy
import pytest

import tracer
from tracer import autograd, cpu, gluon, nd, np, npx, operator, symbol
from tracer.base import MXNetError
from tracer.jit.report.counters import LOG


class Softplus(operator.CustomOp):
    """log(1 + exp(a)) * b, computed by NumPy."""

    calls = 0

    def forward(self, is_train, req, in_data, out_data, aux):
        Softplus.calls += 1
        a, b = (x.asnumpy() for x in in_data)
        self.assign(out_data[0], req[0], nd.array(numpy.log1p(numpy.exp(a)) * b, dtype=a.dtype))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        a, b = in_data
        self.assign(in_grad[0], req[0], out_grad[0] * b * nd.sigmoid(a))
        self.assign(in_grad[1], req[1], out_grad[0] * out_data[0] / b)


@operator.register("softplus_times")
class SoftplusProp(operator.CustomOpProp):
    def list_arguments(self):
        return ["a", "b"]

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Softplus()


class Strict(SoftplusProp):
    def infer_type(self, in_type):
        return [in_type[0]] * 2, [in_type[0]]


class Net(gluon.HybridBlock):
    """A layer whose shape is found by the first pass, and a custom operator on its output."""

    def __init__(self):
        super().__init__()
        self.dense = gluon.nn.Dense(3)

    def hybrid_forward(self, F, x):
        y = self.dense(x)
        return F.Custom(y, y * 0 + 2, op_type="softplus_times")


def test_the_gradient_is_that_of_finite_differences():
    rng = numpy.random.RandomState(0)
    values = [rng.randn(2, 3), rng.rand(2, 3) + 1]
    arrays = [nd.array(v, dtype="float64") for v in values]
    for x in arrays:
        x.attach_grad()
    with autograd.record():
        total = (nd.Custom(*arrays, op_type="softplus_times") ** 2).sum()
    total.backward()

    def of(a, b):
        return float(((numpy.log1p(numpy.exp(a)) * b) ** 2).sum())

    for which, x in enumerate(arrays):
        for at in numpy.ndindex(2, 3):
            ends = []
            for h in (1e-6, -1e-6):
                moved = [v.copy() for v in values]
                moved[which][at] += h
                ends.append(of(*moved))
            assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(x.grad.asnumpy()[at], rel=1e-5)


@pytest.mark.parametrize("shape", [(1,), (0,), (2, 0), (3, 1, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_shapes_and_dtypes(shape, dtype):
    x = nd.full(shape, 1, dtype=dtype)
    x.attach_grad()
    with autograd.record():
        y = nd.Custom(x, nd.full(shape, 1, dtype=dtype), op_type="softplus_times")
    y.backward()
    assert y.shape == x.grad.shape == shape and y.dtype == x.grad.dtype == numpy.dtype(dtype)
    numpy.testing.assert_allclose(x.grad.asnumpy(), numpy.full(shape, 0.731), rtol=1e-2)


def test_a_hybridized_block_runs_it_each_time_and_says_why():
    LOG.uncached.clear()  # explain() tells the most frequent reasons only
    net = Net()
    net.initialize()
    net.hybridize()
    x = nd.ones((2, 4))
    x.attach_grad()
    found = []
    for i in range(4):
        Softplus.calls = 0
        with autograd.record():
            y = net(x * (i + 1))
        y.backward()
        assert i == 0 or Softplus.calls == 1
        found.append((y.asnumpy(), x.grad.asnumpy(), net.dense.weight.grad().asnumpy()))
    net.hybridize(False)
    for i, kept in enumerate(found):
        with autograd.record():
            y = net(x * (i + 1))
        y.backward()
        for one, other in zip(kept, (y, x.grad, net.dense.weight.grad())):
            numpy.testing.assert_allclose(one, other.asnumpy(), rtol=1e-5, atol=1e-6)
    assert "it calls the custom operator softplus_times, which runs Python" in str(tracer.explain())


def test_a_function_with_its_own_gradient_is_not_cached():
    class Triple(autograd.Function):
        def forward(self, x):
            calls.append("forward")
            return x * 2

        def backward(self, grad):
            calls.append("backward")
            return grad * 5

    class Block(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return Triple()(x) + 1

    calls: list[str] = []
    block = Block()
    block.hybridize()
    x = nd.ones((2,))
    x.attach_grad()
    for _ in range(3):
        x.grad[:] = 0
        with autograd.record():
            y = block(x)
        y.backward()
        assert x.grad.asnumpy().tolist() == [5, 5] and y.asnumpy().tolist() == [3, 3]
    assert calls == ["forward", "backward"] * 3
    for _ in range(2):
        block(x)
    assert calls[6:] == ["forward", "forward"]


def test_the_flavour_is_that_of_the_time_of_registration():
    seen = []

    class Code(operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            seen.append(type(in_data[0]))
            self.assign(out_data[0], req[0], in_data[0] * 2)
            aux[0] += 1

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            self.assign(in_grad[0], req[0], out_grad[0] * 2)

    class Prop(operator.CustomOpProp):
        def list_auxiliary_states(self):
            return ["state"]

        def infer_shape(self, in_shape):
            return in_shape, in_shape, [[]]

        def create_operator(self, ctx, in_shapes, in_dtypes):
            return Code()

    npx.set_np()
    try:
        operator.register("of_np")(Prop)
        x, state = np.array(3.0), np.array(0.0)
        x.attach_grad()
        with autograd.record():
            y = nd.Custom(x, state, op_type="of_np")
        y.backward()
        assert type(y) is np.ndarray and seen == [np.ndarray]
        assert (y.item(), x.grad.item(), state.item()) == (6, 2, 1)
    finally:
        npx.reset_np()


def test_a_record_inside_the_code_does_not_reach_outside():
    class Code(operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            self.assign(out_data[0], req[0], in_data[0] ** 3)

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            x = in_data[0]
            x.attach_grad()
            with autograd.record():
                y = x ** 3
            y.backward(out_grad[0])
            self.assign(in_grad[0], req[0], x.grad)

    class Prop(operator.CustomOpProp):
        def create_operator(self, ctx, in_shapes, in_dtypes):
            return Code()

    operator.register("cube")(Prop)
    x = nd.array([1, 2])
    x.attach_grad()
    for read in (False, True):
        with autograd.record():
            h = x * 2
            if read:
                h.asnumpy()
            y = nd.Custom(h, op_type="cube")
        y.backward()
        assert x.grad.asnumpy().tolist() == [24, 96]


def test_errors_of_the_code_are_causes():
    class Code(operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            raise KeyError("lost")

    class Prop(operator.CustomOpProp):
        def create_operator(self, ctx, in_shapes, in_dtypes):
            return Code()

    operator.register("raises")(Prop)
    with pytest.raises(MXNetError, match="forward of custom operator raises: KeyError: 'lost'") as caught:
        nd.Custom(nd.ones((2,)), op_type="raises")
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(TypeError, match="inputs are arrays, got int"):
        nd.Custom(5, op_type="raises")
    with pytest.raises(MXNetError, match="expects 2 inputs"):
        nd.Custom(nd.ones((2,)), op_type="softplus_times")
    operator.register("strict")(Strict)
    with pytest.raises(MXNetError, match="type inconsistent"):
        nd.Custom(nd.ones((2,)), nd.ones((2,), dtype="int32"), op_type="strict")


def test_names_of_inputs_are_keywords():
    a, b = nd.array([1.0]), nd.array([2.0])
    numpy.testing.assert_array_equal(nd.Custom(b=b, a=a, op_type="softplus_times").asnumpy(),
                                     nd.Custom(a, b, op_type="softplus_times").asnumpy())


class Cube(operator.NumpyOp):
    def forward(self, in_data, out_data):
        out_data[0][:] = in_data[0] ** 3

    def backward(self, out_grad, in_data, out_data, in_grad):
        in_grad[0][:] = 3 * in_data[0] ** 2 * out_grad[0]


class Doubled(operator.NDArrayOp):
    def list_arguments(self):
        return ["left"]

    def forward(self, in_data, out_data):
        out_data[0][:] = in_data[0] * 2

    def backward(self, out_grad, in_data, out_data, in_grad):
        in_grad[0][:] = 2


@pytest.mark.parametrize("kind, name, outputs, gradient", [
    (Cube, "data", [1, 8], [3, 12]), (Doubled, "left", [2, 4], [2, 2])])
def test_operations_in_the_first_form_are_symbols(kind, name, outputs, gradient):
    with pytest.warns(UserWarning):
        operation = kind()
    made = operation(symbol.Variable("x"), name="own")
    assert made.list_arguments() == ["x"] and made.list_outputs() == ["own_output"]
    assert operation(name="own").list_arguments() == [f"own_{name}"]
    executor = made.bind(cpu(), [nd.array([1, 2])], [nd.zeros(2)])
    assert executor.forward(is_train=True)[0].asnumpy().tolist() == outputs
    executor.backward(nd.ones(2))
    assert executor.grad_arrays[0].asnumpy().tolist() == gradient
    with pytest.raises(AssertionError, match="must be Symbol"):
        operation.get_symbol(nd.ones(2))


def test_operators_are_listed_with_their_arguments():
    """As in 1.9.1, but for the texts that a parameter allows."""
    assert {"Activation", "_plus_scalar", "broadcast_add", "_Plus"} <= set(operator.get_all_registered_operators())
    found = operator.get_operator_arguments("Embedding")
    assert found.narg == len(found.names) == len(found.types) == 6
    assert found.types == ["NDArray-or-Symbol"] * 2 + ["int, required"] * 2 + [
        "string, optional, default='float32'", "boolean, optional, default=0"]
    assert operator.get_operator_arguments("Convolution").types[4] == "Shape(tuple), optional, default=[]"
    assert operator.get_operator_arguments("Concat").types[0] == "NDArray-or-Symbol[]"
    with pytest.raises(MXNetError, match="not registered"):
        operator.get_operator_arguments("Turn")

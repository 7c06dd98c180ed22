"""`autograd.grad` and derivatives up to the third, and `autograd.Function`, in both flavours."""
from __future__ import annotations

import numpy as onp
import pytest
from flavours import NOT_IN_GRAPH, flags, same, variable

from tracer import MXNetError, autograd, nd, np, npx

pytestmark = pytest.mark.native_sample(4)

# ---- autograd.grad ---------------------------------------------------------------------------------------

def test_grad_returns_a_list_and_leaves_grad_alone(F):
    x, w = variable(F, [1, 2]), variable(F, [3, 4])
    x.grad[:] = 9
    with autograd.record():
        y = x * w
    for variables in (x, [x], (x,)):
        found = autograd.grad(y, variables, retain_graph=True)
        assert type(found) is list and len(found) == 1
        same(found[0], [3, 4])
    both = autograd.grad(y, [w, x], head_grads=F.array([1, 10]))
    same(both[0], [1, 20])
    same(both[1], [3, 40])
    same(x.grad, [9, 9])
    with pytest.raises(MXNetError, match=NOT_IN_GRAPH):
        autograd.grad(y, [x])


@pytest.mark.parametrize(("variables", "error"), [
    (lambda F, x: [F.array([1, 2])], MXNetError),
    (lambda F, x: [variable(F, [1, 2])], MXNetError),
    (lambda F, x: [], AssertionError),
    (lambda F, x: 5, TypeError),
])
def test_bad_variables(F, variables, error):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * x
    with pytest.raises(error):
        autograd.grad(y, variables(F, x))
    y.backward()
    same(x.grad, [2, 4])


POINTS = onp.array([0.3, 0.7, 1.1])
#: f and its first three derivatives.
TOWERS = {
    "exp": (lambda F, x: F.exp(x), [onp.exp, onp.exp, onp.exp]),
    "log": (lambda F, x: F.log(x), [lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3]),
    "sin": (lambda F, x: F.sin(x), [onp.cos, lambda x: -onp.sin(x), lambda x: -onp.cos(x)]),
    "x**4": (lambda F, x: x**4, [lambda x: 4 * x**3, lambda x: 12 * x**2, lambda x: 24 * x]),
    "x*x*x": (lambda F, x: x * x * x, [lambda x: 3 * x**2, lambda x: 6 * x, lambda x: 6 + 0 * x]),
    "sqrt": (lambda F, x: F.sqrt(x), [lambda x: 0.5 * x**-0.5, lambda x: -0.25 * x**-1.5,
                                      lambda x: 0.375 * x**-2.5]),
    "1/x": (lambda F, x: 1 / x, [lambda x: -1 / x**2, lambda x: 2 / x**3, lambda x: -6 / x**4]),
    "tanh": (lambda F, x: F.tanh(x), [
        lambda x: 1 - onp.tanh(x)**2, lambda x: -2 * onp.tanh(x) * (1 - onp.tanh(x)**2),
        lambda x: (1 - onp.tanh(x)**2) * (6 * onp.tanh(x)**2 - 2)]),
    "x exp(x)": (lambda F, x: x * F.exp(x), [lambda x: (x + 1) * onp.exp(x), lambda x: (x + 2) * onp.exp(x),
                                             lambda x: (x + 3) * onp.exp(x)]),
}


@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize("name", TOWERS)
def test_higher_orders(F, name, read):
    function, derivatives = TOWERS[name]
    x = variable(F, POINTS)
    with autograd.record():
        y = function(F, x)
        for derivative in derivatives:
            if read:
                y.asnumpy()
            y = autograd.grad(y, [x], create_graph=True, retain_graph=True)[0]
            same(y, derivative(POINTS), 2e-4)
    for order in (1, 2):
        with autograd.record():
            y = function(F, x)
            for _ in range(order):
                y = autograd.grad(y, x, create_graph=True, retain_graph=True)[0]
                if read:
                    y.asnumpy()
        y.backward()
        same(x.grad, derivatives[order](POINTS), 2e-4)


def test_gradient_penalty(F):
    """A loss of the function and its gradient, by two variables."""
    x, w = variable(F, [0.5, 2]), variable(F, [3, 4])
    with autograd.record():
        y = F.sin(x) * w
        slope = autograd.grad(y, x, create_graph=True, retain_graph=True)[0]
        loss = (slope * slope).sum() + y.sum()
    loss.backward()
    a, b = onp.array([0.5, 2]), onp.array([3, 4])
    same(x.grad, -2 * b**2 * onp.cos(a) * onp.sin(a) + b * onp.cos(a), 1e-4)
    same(w.grad, 2 * b * onp.cos(a)**2 + onp.sin(a), 1e-4)


def test_create_graph_over_many_cuts(F):
    """A second derivative through thousands of segments (and no recursion)."""
    x = variable(F, [0.9])
    with autograd.record():
        y = x * x
        for _ in range(1200):
            y = y * 1.001
            y.asnumpy()
        slope = autograd.grad(y, x, create_graph=True, retain_graph=True)[0]
    same(slope, [1.8 * 1.001**1200], 1e-3)
    slope.backward()
    same(x.grad, [2 * 1.001**1200], 1e-3)


# ---- autograd.Function -----------------------------------------------------------------------------------

class Cube(autograd.Function):
    """Its gradient is ten times too large, to tell it from the built-in one."""

    def forward(self, x):
        self.save_for_backward(x)
        return x * x * x

    def backward(self, dy):
        x, = self.saved_tensors
        return 30 * x * x * dy


class Mix(autograd.Function):
    def forward(self, a, b):
        self.save_for_backward(a, b)
        return a + b, a * b

    def backward(self, ds, dp):
        a, b = self.saved_tensors
        return ds + dp * b, ds + dp * a


@pytest.mark.parametrize("read", [False, True])
def test_function(F, read):
    x = variable(F, [1, 2])
    with autograd.record():
        y = Cube()(x * 2)
        assert type(y) is type(x)
        if read:
            same(y, [8, 64])
        z = y * 5
        if read:
            z.asnumpy()
    z.backward()
    same(y, [8, 64])
    same(x.grad, [5 * 30 * 4 * 2, 5 * 30 * 16 * 2])


def test_function_outside_of_record(F):
    x = variable(F, [1, 2])
    y = Cube()(x)
    same(y, [1, 8])
    with pytest.raises(MXNetError, match=NOT_IN_GRAPH):
        y.backward()


@pytest.mark.parametrize("read", [False, True])
def test_function_of_several_inputs_and_outputs(F, read):
    x, w = variable(F, [1, 2]), variable(F, [3, 4])
    with autograd.record():
        s, p = Mix()(x, w)
        if read:
            same(p, [3, 8])
        z = s * 5 + p * 7
    z.backward()
    same(x.grad, [5 + 21, 5 + 28])
    same(w.grad, [5 + 7, 5 + 14])


def test_missing_output_gradients_are_zeros(F):
    x, w = variable(F, [1, 2]), variable(F, [3, 4])
    with autograd.record():
        s, p = Mix()(x, w)
    p.backward()
    same(x.grad, [3, 4])
    same(w.grad, [1, 2])


def test_outputs_of_a_function_are_consumed_together(F):
    x, w = variable(F, [1, 2]), variable(F, [3, 4])
    with autograd.record():
        s, p = Mix()(x, w)
    s.backward()
    with pytest.raises(MXNetError, match=NOT_IN_GRAPH):
        p.backward()


def test_function_returns_a_list_as_a_list(F):
    class Listed(Mix):
        def forward(self, a, b):
            return list(super().forward(a, b))

    x, w = variable(F, [1, 2]), variable(F, [3, 4])
    with autograd.record():
        out = Listed()(x, w)
    assert type(out) is list
    autograd.backward(out)
    same(x.grad, [4, 5])


def test_function_with_constant_inputs(F):
    class Scaled(autograd.Function):
        def forward(self, a, b):
            self.save_for_backward(b)
            return a * b

        def backward(self, dy):
            b, = self.saved_tensors
            return dy * b, None

    x, c = variable(F, [1, 2]), F.array([3, 4])
    with autograd.record():
        y = Scaled()(x, c)
    y.backward()
    same(x.grad, [3, 4])
    assert c.grad is None


def test_functions_in_a_chain_and_nested(F):
    class Outer(autograd.Function):
        def forward(self, x):
            self.save_for_backward(x)
            return Cube()(x) * 2

        def backward(self, dy):
            x, = self.saved_tensors
            inner = x.copy()
            inner.attach_grad()
            with autograd.record():
                y = Cube()(inner) * 2
            y.backward(dy)
            return inner.grad

    x = variable(F, [1, 2])
    with autograd.record():
        y = Outer()(x)
        z = Cube()(y)
    z.backward()
    same(y, [2, 16])
    same(x.grad, 30 * onp.array([4, 256]) * 60 * onp.array([1, 4]))


def test_function_is_used_once(F):
    x = variable(F, [1, 2])
    with autograd.record():
        function = Cube()
        function(x)
        with pytest.raises(AssertionError, match="only be called once"):
            function(x)


def test_function_may_use_numpy(F):
    class Sinh(autograd.Function):
        def forward(self, x):
            self.values = x.asnumpy()
            return F.array(onp.sinh(self.values))

        def backward(self, dy):
            return F.array(onp.cosh(self.values)) * dy

    x = variable(F, [0.5, 1])
    with autograd.record():
        y = Sinh()(x * 2) * 3
    y.backward()
    same(y, 3 * onp.sinh([1, 2]))
    same(x.grad, 6 * onp.cosh([1, 2]))


def test_scopes_within_a_function(F):
    seen = []

    class Seen(autograd.Function):
        def forward(self, x):
            seen.append(flags())
            return x * 1

        def backward(self, dy):
            seen.append(autograd.is_recording())
            return dy

    x = variable(F, [1, 2])
    with autograd.record(train_mode=False):
        Seen()(x).backward()
        assert flags() == (True, False)
    assert seen == [(False, False), False]


@pytest.mark.parametrize("read", [False, True])
def test_a_functions_backward_is_called_once_with_all_that_comes_back(F, read):
    """Also when part of the cotangent comes through values read in between. `backward` need not be linear."""
    given = []

    class Twice(autograd.Function):
        def forward(self, x):
            return x * 2

        def backward(self, dy):
            given.append(dy.asnumpy().tolist())
            return dy * dy

    x = variable(F, [1, -1])
    with autograd.record():
        y = Twice()(x)
        z = y * 5
        if read:
            z.wait_to_read()
        w = z * y + y
    w.backward()
    same(w, [22, 18])
    assert given == [[21, -19]]
    same(x.grad, [441, 361])


def test_backward_with_the_wrong_number_of_gradients(F):
    class Wrong(autograd.Function):
        def forward(self, x):
            return x * 2

        def backward(self, dy):
            return dy, dy

    x = variable(F, [1, 2])
    with autograd.record():
        y = Wrong()(x)
    with pytest.raises(MXNetError, match="number of arrays"):
        y.backward()
    assert flags() == (False, False)


def test_error_in_a_users_backward_leaves_the_scopes_alone(F):
    class Raises(autograd.Function):
        def forward(self, x):
            return x * 2

        def backward(self, dy):
            raise ZeroDivisionError("mine")

    x = variable(F, [1, 2])
    with autograd.record():
        y = Raises()(x)
        with pytest.raises(ZeroDivisionError, match="mine"):
            y.backward()
        assert flags() == (True, True)
    same(y, [2, 4])


def test_no_second_derivative_through_a_function(F):
    """As in MXNet: operations of a user's backward are not recorded. An error is better than a wrong number."""
    x = variable(F, [1, 2])
    with autograd.record():
        slope = autograd.grad(Cube()(x), x, create_graph=True, retain_graph=True)[0]
        loss = (slope * slope).sum()
    same(slope, [30, 120])
    with pytest.raises(MXNetError, match="non-differentiable"):
        loss.backward()


def test_a_second_derivative_leaves_running_statistics_alone(F):
    """As in real MXNet, which has no second derivative of BatchNorm, each backward through it updates them. A backward
    from a gradient to the heads it was derived from updates nothing, unless it also passes through the layer."""
    x = variable(F, [[1], [3]])
    mean, var = F.array([0.0]), F.array([1.0])
    normalize = npx.batch_norm if F is np else nd.BatchNorm
    with autograd.record():
        y = normalize(x, F.array([2.0]), F.array([0.5]), mean, var, eps=0.5, momentum=0.5, fix_gamma=False)
        slope = autograd.grad(y, [x], F.array([[1.0], [0]]), create_graph=True)[0]
        loss = (slope * slope).sum()
        both = loss + y.sum()
    same(mean, [1])
    loss.backward(retain_graph=True)
    same(mean, [1])
    same(var, [1])
    both.backward(retain_graph=True)
    same(mean, [1.5])
    y.backward()
    same(mean, [1.75])


SHAPES_ONLY = {
    "zeros_like": lambda F, x: F.zeros_like(x), "ones_like": lambda F, x: F.ones_like(x),
    "ones_like as a method": lambda F, x: x.ones_like(),
    "full_like": lambda F, x: np.full_like(x, 3) if F is np else nd.zeros_like(x) + 3,
    "arange_like": lambda F, x: npx.arange_like(x) if F is np else nd.contrib.arange_like(x),
    "shape_array": lambda F, x: nd.shape_array(x) if F is nd else np.zeros_like(x),
    "size_array": lambda F, x: nd.size_array(x) if F is nd else np.ones_like(x),
    "broadcast_like": lambda F, x: (npx if F is np else nd).broadcast_like(F.ones((1,)), x),
    "reshape_like": lambda F, x: (npx if F is np else nd).reshape_like(F.ones((2, 1)), x),
    "slice_like": lambda F, x: (npx if F is np else nd).slice_like(F.ones((4,)), x),
    "Crop": lambda F, x: nd.Crop(nd.ones((1, 1, 3, 3)), x.reshape((1, 1, 1, 2)), num_args=2) if F is nd else x * 0,
    "ravel_multi_index": lambda F, x: nd.ravel_multi_index(x.reshape((2, 1)), shape=(3, 3)) if F is nd else x * 0,
    "unravel_index": lambda F, x: nd.unravel_index(x, shape=(3, 3)) if F is nd else x * 0}


@pytest.mark.parametrize("name", SHAPES_ONLY)
def test_the_gradient_by_what_only_lent_its_shape_is_zero(F, name):
    """As real MXNet 1.9.1 and 2.0: a backward overwrites an earlier gradient with zeros."""
    x = variable(F, [1, 2])
    x.grad[:] = 7
    for _ in range(4):
        with autograd.record():
            y = SHAPES_ONLY[name](F, x)
        y.backward()
        same(x.grad, [0, 0])
        x.grad[:] = 7
    with autograd.record():
        slope = autograd.grad(SHAPES_ONLY[name](F, x), [x])[0]
    same(slope, [0, 0])


@pytest.mark.parametrize("read", [False, True])
def test_a_gradient_that_is_the_same_everywhere_is_in_the_graph(F, read):
    """With or without a read in between; the gradient of the constant gradient is zero."""
    x = variable(F, [1, 2])
    with autograd.record():
        y = x + 1
        slope = autograd.grad(y, [x], create_graph=True)[0]
        loss = (slope * slope).sum()
        if read:
            same(loss, 2)
    autograd.backward([y, loss], retain_graph=True)
    same(x.grad, [1, 1])
    loss.backward()
    same(x.grad, [0, 0])


def test_function_without_methods():
    x = variable(np, [1, 2])
    with pytest.raises(NotImplementedError):
        autograd.Function()(x)

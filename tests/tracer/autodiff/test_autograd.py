"""Autograd: variables and backward, repeated and higher derivatives, and in-place writes.

Expected values are mathematics, or the answers of real MXNet (1.9.1 for nd, 2.0.0b1 for np) for each case that is not
plain; tests/data/semantics_cases_autograd.txt has more of those.
"""
from __future__ import annotations

import numpy as onp
import pytest
from flavours import NOT_IN_GRAPH, flags, same, variable

from tracer import MXNetError, autograd

pytestmark = pytest.mark.native_sample(4)

# ---- backward --------------------------------------------------------------------------------------------

def test_gradient_of_many_elements_is_that_of_their_sum(F):
    x = variable(F, [1, 2, 3])
    with autograd.record():
        y = x * x
    assert y.backward() is None
    same(x.grad, [2, 4, 6])
    same(y, [1, 4, 9])


@pytest.mark.parametrize("function, by_x, by_y", [
    (lambda x, y: x * y, [3, 2], [2, 3]), (lambda x, y: x ** y, [12, 6], [5, 9]),
    (lambda x, y: x ** 3, [12, 27], [0, 0]),
    (lambda x, y: 2 ** x, [2, 5], [0, 0]), (lambda x, y: x % y, [0, 0], [0, 0]),
    (lambda x, y: x.prod(), [3, 2], [0, 0])])
def test_gradients_by_integers(F, function, by_x, by_y):
    """As both versions of real MXNet: a power's derivative is truncated, a remainder has none."""
    x, y = (F.array(values, dtype="int32") for values in ([2, 3], [3, 2]))
    x.attach_grad()
    y.attach_grad()
    with autograd.record():
        z = function(x, y)
    z.backward()
    assert (x.grad.asnumpy().tolist(), y.grad.asnumpy().tolist()) == (by_x, by_y)


@pytest.mark.parametrize("name, first", [("maximum", [1, 0, 1]), ("minimum", [1, 1, 0])])
def test_of_equal_operands_the_first_has_the_gradient(F, name, first):
    """As both versions of real MXNet; fmax and fmin as 2.0.0b1."""
    for one in [name] + [f"f{name[:3]}"] * hasattr(F, f"f{name[:3]}"):
        x, y = variable(F, [1, 2, 3]), variable(F, [1, 3, 2])
        with autograd.record():
            z = getattr(F, one)(x, y)
        z.backward()
        same(x.grad, first)
        same(y.grad, [1 - g for g in first])


def test_head_gradient(F):
    x = variable(F, [1, 2, 3])
    with autograd.record():
        y = x * x
    y.backward(F.array([1, 10, 100]), retain_graph=True)
    same(x.grad, [2, 40, 600])
    autograd.backward(y, F.array([0, 0, 1]))
    same(x.grad, [0, 0, 6])


def test_several_heads(F):
    x = variable(F, [1, 2, 3])
    with autograd.record():
        y, z = x * 2, x * 3
    autograd.backward([y, z], [None, F.array([1, 2, 3])])
    same(x.grad, [5, 8, 11])
    with autograd.record():
        y, z = x * 2, x * x
    autograd.backward((y, z))
    same(x.grad, [4, 6, 8])


def test_heads_that_are_equal_computations_both_count(F):
    x = variable(F, [0.5, 2])
    with autograd.record():
        y, z = F.exp(x), F.exp(x)
    autograd.backward([y, z])
    same(x.grad, 2 * onp.exp([0.5, 2]))


def test_of_a_head_given_twice_the_last_counts(F):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * 2
    autograd.backward([y, y], [F.array([100, 100]), F.array([1, 2])])
    same(x.grad, [2, 4])


def test_head_on_the_way_to_another(F):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * x
        z = y * 3
    autograd.backward([y, z, x])
    same(x.grad, [1 + 2 + 6, 1 + 4 + 12])


@pytest.mark.parametrize(("heads", "head_grads", "error"), [
    (lambda x, y: [y], lambda x, y: [y, y], AssertionError),
    (lambda x, y: 5, lambda x, y: None, TypeError),
    (lambda x, y: [], lambda x, y: None, MXNetError),
    (lambda x, y: [y], lambda x, y: [x[:2]], MXNetError),
])
def test_bad_heads(F, heads, head_grads, error):
    x = variable(F, [1, 2, 3])
    with autograd.record():
        y = x * 2
    with pytest.raises(error):
        autograd.backward(heads(x, y), head_grads(x, y))
    y.backward()
    same(x.grad, [2, 2, 2])


def test_head_is_the_variable(F):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x
    y.backward()
    same(x.grad, [1, 1])


@pytest.mark.parametrize("read", [False, True])
def test_head_is_a_variable_just_written(F, read):
    """Its new elements are not yet computed, unless they are read."""
    x = variable(F, [1, 2])
    x[:] = 3
    if read:
        same(x, [3, 3])
    x.backward()
    same(x.grad, [1, 1])


def test_backward_inside_record(F):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * x
        y.backward()
        assert flags() == (True, True)
        z = x * 3
    same(x.grad, [2, 4])
    z.backward()
    same(x.grad, [3, 3])


def test_unreached_variables_keep_their_gradient(F):
    x, w = variable(F, [1, 2]), variable(F, [3, 4])
    w.grad[:] = 5
    with autograd.record():
        y = x * 3
    y.backward()
    same(w.grad, [5, 5])


@pytest.mark.parametrize("function", ["floor", "sign", "argmax"])
def test_gradient_behind_an_op_without_one_is_written_as_zeros(F, function):
    x = variable(F, [1.5, 2])
    x.grad[:] = 7
    with autograd.record():
        y = F.argmax(x, axis=0) if function == "argmax" else getattr(F, function)(x)
    y.backward()
    same(x.grad, [0, 0])


def test_gradient_through_integers_is_straight(F):
    x = variable(F, [1.5, 2])
    with autograd.record():
        y = x.astype("int32").astype("float32") * 3
    y.backward()
    same(x.grad, [3, 3])
    w = F.array([1, 2], dtype="int32")
    w.attach_grad()
    with autograd.record():
        y = w * 2
    y.backward()
    same(w.grad, [2, 2])


def test_gradient_handle_is_updated(F):
    x = variable(F, [1, 2])
    gradient = x.grad
    for factor in (2, 3):
        with autograd.record():
            y = x * factor
        y.backward()
        same(gradient, [factor, factor])
    assert x.grad is gradient


# ---- repeated and higher derivatives ---------------------------------------------------------------------

def test_second_backward_is_refused(F):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * x
    y.backward()
    with pytest.raises(MXNetError, match=NOT_IN_GRAPH):
        y.backward()
    same(x.grad, [2, 4])


@pytest.mark.parametrize("read", [False, True])
def test_retain_graph(F, read):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * x
        if read:
            y.asnumpy()
    for _ in range(3):
        x.grad[:] = 0
        y.backward(retain_graph=True)
        same(x.grad, [2, 4])
    y.backward()
    with pytest.raises(MXNetError, match=NOT_IN_GRAPH):
        y.backward()


@pytest.mark.parametrize("make", [
    lambda F, x: x * x,
    lambda F, x: F.array([1, 2]),
    lambda F, x: x.detach(),
])
def test_what_was_not_recorded_is_refused(F, make):
    x = variable(F, [1, 2])
    y = make(F, x)
    with pytest.raises(MXNetError, match=NOT_IN_GRAPH):
        y.backward()


def test_recorded_without_variables_is_refused(F):
    w = F.array([1, 2])
    with autograd.record():
        y = w * 2
    with pytest.raises(MXNetError):
        y.backward()


def test_computed_under_pause_is_refused_and_constant(F):
    x = variable(F, [1, 2])
    with autograd.record():
        with autograd.pause():
            y = x * 3
        z = y * x
    z.backward()
    same(x.grad, [3, 6])
    with pytest.raises(MXNetError, match=NOT_IN_GRAPH):
        y.backward()


def test_summed_after_record_is_refused(F):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * x
    with pytest.raises(MXNetError, match=NOT_IN_GRAPH):
        y.sum().backward()


@pytest.mark.parametrize("read", [False, True])
def test_shared_part_is_consumed_by_the_first_backward(F, read):
    x = variable(F, [1, 2])
    with autograd.record():
        s = x * x
        if read:
            s.asnumpy()
        y, z = s * 2, s * 3
    y.backward()
    with pytest.raises(MXNetError):
        z.backward()
    same(x.grad, [4, 8])


@pytest.mark.parametrize("read", [False, True])
def test_shared_part_retained(F, read):
    x = variable(F, [1, 2])
    with autograd.record():
        s = x * x
        if read:
            s.asnumpy()
        y, z = s * 2, s * 3
    y.backward(retain_graph=True)
    same(x.grad, [4, 8])
    z.backward()
    same(x.grad, [6, 12])


@pytest.mark.parametrize("read", [False, True])
def test_two_heads_share_only_the_variable(F, read):
    x = variable(F, [1, 2])
    with autograd.record():
        y, z = x * x, x * 3
        if read:
            (y + z).asnumpy()
    y.backward()
    same(x.grad, [2, 4])
    z.backward()
    same(x.grad, [3, 3])


@pytest.mark.parametrize("read", [False, True])
def test_equal_computations_are_consumed_one_by_one(F, read):
    x = variable(F, [1, 2])
    with autograd.record():
        y, z = F.exp(x) * x, F.exp(x) * x
        if read:
            z.asnumpy()
    y.backward()
    first = x.grad.asnumpy()
    x.grad[:] = 0
    z.backward()
    same(x.grad, first)
    with autograd.record():
        again = F.exp(x) * x
    again.backward()
    same(x.grad, first)


@pytest.mark.parametrize("read", [False, True])
def test_consumed_value_is_a_constant_afterwards(F, read):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * x
        if read:
            y.asnumpy()
    y.backward()
    with autograd.record():
        z = y * 3 + x
    z.backward()
    same(x.grad, [1, 1])
    with autograd.record():
        z = y * 3
    with pytest.raises(MXNetError, match=NOT_IN_GRAPH):
        z.backward()


def test_state_carried_over_steps_is_detached_by_backward(F):
    """Truncated back-propagation through time, without a detach."""
    w = variable(F, [0.5])
    h = F.array([1])
    for _ in range(4):
        before = h.asnumpy()
        with autograd.record():
            h = h * w + 1
        h.backward()
        same(w.grad, before)
        same(h, before * 0.5 + 1)


# ---- variables -------------------------------------------------------------------------------------------

def test_grad_before_backward(F):
    x = F.array([1, 2])
    assert x.grad is None
    x.attach_grad()
    same(x.grad, [0, 0])
    assert x.grad.shape == x.shape and x.grad.dtype == x.dtype and type(x.grad) is type(x)


def test_add_accumulates_and_write_overwrites(F):
    a, w = variable(F, [1, 2], "add"), variable(F, [1, 2], "write")
    for i in range(1, 4):
        with autograd.record():
            y = a * a + w * w
        y.backward()
        same(a.grad, [2 * i, 4 * i])
        same(w.grad, [2, 4])
    a.zero_grad()
    same(a.grad, [0, 0])
    a.grad[:] = 5
    with autograd.record():
        y = a * 2 + a * 3
    y.backward(retain_graph=True)
    y.backward()
    same(a.grad, [15, 15])


def test_null_is_no_variable(F):
    x, w = variable(F, [1, 2], "null"), variable(F, [3, 4])
    with autograd.record():
        y = x * w
    y.backward()
    same(w.grad, [1, 2])
    with autograd.record():
        y = x * x
    with pytest.raises(MXNetError):
        y.backward()


def test_unknown_grad_req(F):
    with pytest.raises(KeyError, match="nope"):
        variable(F, [1], "nope")


def test_mark_variables(F):
    x, w = F.array([1, 2]), F.array([3, 4])
    gx, gw = F.zeros((2,)), F.ones((2,))
    autograd.mark_variables([x, w], [gx, gw], ["write", "add"])
    with autograd.record():
        y = x * w
    y.backward()
    same(gx, [3, 4])
    same(gw, [2, 3])
    assert x.grad is gx
    autograd.mark_variables(x, gw)
    with autograd.record():
        y = x * 7
    y.backward()
    same(gw, [7, 7])


def test_gradient_array_of_another_shape(F):
    with pytest.raises(MXNetError):
        autograd.mark_variables([F.array([1, 2])], [F.zeros((3,))])


def test_attach_grad_on_an_intermediate_cuts(F):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * 3
        assert y.grad is None
        y.attach_grad()
        z = 4 * y + 2 * x
    z.backward()
    same(x.grad, [2, 2])
    same(y.grad, [4, 4])


@pytest.mark.parametrize("read", [False, True])
def test_attach_grad_on_an_intermediate_that_is_read(F, read):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * 3
        y.attach_grad()
        if read:
            y.asnumpy()
        z = y * y
        if read:
            z.asnumpy()
        z = z * y
    z.backward()
    same(y.grad, 3 * onp.square([3, 6]))
    same(x.grad, [0, 0])


def test_attach_grad_again_forgets_the_past(F):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * x
    x.attach_grad()
    y.backward()
    same(x.grad, [0, 0])


def test_attach_grad_within_record(F):
    x = F.array([1, 2])
    with autograd.record():
        x.attach_grad()
        y = x * x
    y.backward()
    same(x.grad, [2, 4])


def test_detach(F):
    x = variable(F, [1, 2])
    with autograd.record():
        y = (x * 3).detach() * x + x.detach()
    y.backward()
    same(x.grad, [3, 6])
    assert x.detach().grad is None


# ---- in-place writes -------------------------------------------------------------------------------------

@pytest.mark.parametrize("write", [
    lambda x, y: x.__setitem__(slice(None), 5),
    lambda x, y: x.__iadd__(1),
    lambda x, y: x.__setitem__(0, 5),
    lambda x, y: y.__setitem__(slice(None), 5),
    lambda x, y: y.__isub__(1),
    lambda x, y: y.__setitem__(0, 5),
])
def test_in_place_under_record_is_refused(F, write):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * x
        with pytest.raises(MXNetError, match="Inplace operations.*already in a computational graph"):
            write(x, y)
        z = y * 3
    z.backward()
    same(x, [1, 2])
    same(y, [1, 4])
    same(x.grad, [6, 12])


def test_overwriting_after_record_changes_no_gradient(F):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * x * x
    x[:] = 100
    y.backward()
    same(x.grad, [3, 12])
    same(x, [100, 100])


def test_update_outside_of_record(F):
    x = variable(F, [4, 8])
    for _ in range(6):
        with autograd.record():
            loss = ((x - 1) * (x - 1)).sum()
        loss.backward()
        x -= 0.25 * x.grad
    same(x, [1 + 3 / 64, 1 + 7 / 64])
    for _ in range(3):
        with autograd.record():
            loss = ((x - 1) * (x - 1)).sum()
        loss.backward()
        x[:] = x - 0.5 * x.grad
    same(x, [1, 1])


def test_update_under_pause(F):
    x = variable(F, [1.5, 2])
    with autograd.record():
        y = x * x
        with autograd.pause():
            x[:] = x * 2
        z = y * x
    z.backward()
    same(x, [3, 4])
    same(x.grad, [2 * 1.5 * 3 + 2.25, 2 * 2 * 4 + 4])  # d(x0² x1): by x0 and by x1, both of them x

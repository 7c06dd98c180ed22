"""An array as one of the other flavour, and `x[:]`: the same array, with its history and gradient, as in real MXNet."""
import pytest

from tracer import autograd, cpu, nd, np
from tracer.base import MXNetError


def marked(F=np):
    x = F.array([1.0, 2.0])
    x.attach_grad()
    return x


def doubled(x):
    with autograd.record():
        return x * 2


@pytest.mark.parametrize("alias", [
    lambda y: y.as_nd_ndarray(), lambda y: y[:], lambda y: y[()], lambda y: y.as_in_context(cpu()),
    lambda y: y.as_in_ctx(cpu()), lambda y: y.as_nd_ndarray().as_np_ndarray()])
def test_a_recorded_array_has_its_history_under_another_name(alias):
    x = marked()
    alias(doubled(x)).backward()
    assert x.grad.tolist() == [2, 2]


def test_a_variable_is_one_under_both_names():
    x = marked()
    u = x.as_nd_ndarray()
    with autograd.record():
        y = u * 3
    y.backward()
    assert x.grad.tolist() == u.grad.asnumpy().tolist() == [3, 3]
    assert type(u.grad) is nd.NDArray and type(x.grad) is np.ndarray
    x.grad[:] = 7
    assert u.grad.asnumpy().tolist() == [7, 7]
    assert u._fresh_grad and x._fresh_grad
    u._fresh_grad = False
    assert not x._fresh_grad


def test_names_given_before_a_mark_share_elements_only():
    x = nd.array([1.0, 2.0])
    u = x.as_np_ndarray()
    x.attach_grad()
    assert u.grad is None
    with autograd.record():
        y = u * 2
    with pytest.raises(MXNetError):
        y.backward()
    x[:] = 5
    assert u.tolist() == [5, 5] and u.grad is None
    u[:] = 6
    assert x.asnumpy().tolist() == [6, 6] and x.grad is not None


def test_a_mark_on_one_name_is_not_one_on_the_other():
    x = marked()
    u = x.as_nd_ndarray()
    u.attach_grad()
    x[:] = 5
    with autograd.record():
        y = u * x.as_nd_ndarray()
    y.backward()
    assert u.grad.asnumpy().tolist() == x.grad.tolist() == [5, 5]


def test_a_write_to_one_name_is_seen_under_the_other():
    y = doubled(marked())
    z = y.as_nd_ndarray()
    y[:] = 9
    assert z.asnumpy().tolist() == [9, 9]
    z[1] = 3
    assert y.tolist() == [9, 3]


@pytest.mark.parametrize("F", [np, nd])
def test_which_slices_are_the_array_itself(F):
    x = F.ones((2, 2))
    assert x[:] is x and x[()] is x
    assert x[...] is not x and x[0:2] is not x and x[:, :] is not x


def test_a_write_forgets_the_views_that_are_gone():
    x = np.array([1.0, 2.0])
    kept = x.as_nd_ndarray()
    x.as_nd_ndarray()
    x[:] = 3
    assert kept.asnumpy().tolist() == [3, 3] and x._views is not None
    del kept
    x[:] = 4
    assert x._views is None and x.tolist() == [4, 4]
    again = x.as_nd_ndarray()
    again[:] = 5
    assert x.tolist() == again.asnumpy().tolist() == [5, 5]
